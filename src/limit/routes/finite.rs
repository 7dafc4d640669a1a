//! Finite networks, sampled.

use std::ops::Range;

use super::sampled::{self, Sampled};
use crate::architecture::Architecture;
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{Need, NeuralFunction, distinct_points};
use crate::sample::{Finite, OfFiniteSize, Sampler, Seed};
use crate::{Result, parallel};

/// Independent networks of one size, drawn by [`Finite`].
#[derive(Debug)]
pub struct FiniteNetworks {
    networks: Finite,
    samples: usize,
    seed: Seed,
}

impl FiniteNetworks {
    /// `samples` networks of an architecture, from the conditional sampler.
    ///
    /// # Errors
    /// As [`OfFiniteSize::finite`]; [`Error::Invalid`](crate::Error::Invalid) for 0 samples.
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        width: usize,
        depth: usize,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        Ok(Self {
            networks: net.finite(width, depth)?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
        })
    }

    /// Chooses the sampler.
    pub fn with_sampler(self, sampler: Sampler) -> Self {
        Self {
            networks: self.networks.with_sampler(sampler),
            ..self
        }
    }

    /// The values of all functions on networks of these numbers: one record at a time.
    fn values(
        &self,
        functions: &[&dyn NeuralFunction],
        with_gradients: bool,
        time: f64,
        networks: Range<usize>,
    ) -> Result<Vec<Vec<Result<f64>>>> {
        let (inputs, points) = distinct_points(functions)?;
        let size = self.networks.clone().at_time(time)?;
        let with_weights = functions
            .iter()
            .any(|function| function.needs().contains(&Need::Network));
        parallel::try_map(networks.len(), |i| {
            let mut stream = self.seed.stream((networks.start + i) as u64);
            let record = if with_gradients {
                size.record_with_gradients(&inputs, with_weights, &mut stream)?
            } else {
                size.record(&inputs, with_weights, &mut stream)?
            };
            let all = functions.iter().zip(&points);
            Ok(all
                .map(|(function, points)| function.of_network(&record, points))
                .collect())
        })
    }
}

fn needs_gradients(function: &dyn NeuralFunction) -> bool {
    let gradients = |need: &Need| matches!(need, Need::TangentKernel | Need::Gradients);
    function.needs().iter().any(gradients)
}

impl Limit for FiniteNetworks {
    fn regime(&self) -> Regime {
        Regime::Finite {
            width: self.networks.width(),
            depth: self.networks.depth(),
        }
    }

    fn route(&self) -> String {
        format!("{} sampled networks", self.samples)
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        let readings = self.readings(functions, time, 0..self.samples);
        let laws = readings
            .into_iter()
            .map(|values| sampled::law(values?.iter()));
        laws.collect()
    }

    fn work(&self) -> f64 {
        let size = self.networks.width() as f64 * self.networks.depth() as f64;
        size * self.samples as f64
    }
}

impl Sampled for FiniteNetworks {
    fn readings(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
        networks: Range<usize>,
    ) -> Vec<Result<Vec<Result<f64>>>> {
        // those that read gradients apart: a layer may have none, which is no reason to refuse the others
        let [mut plain, mut with_gradients] = [false, true].map(|gradients| {
            let all = functions.iter().copied();
            let own: Vec<_> = all.filter(|f| needs_gradients(*f) == gradients).collect();
            let values = if own.is_empty() {
                Ok(Vec::new())
            } else {
                self.values(&own, gradients, time, networks.clone())
            };
            sampled::by_function(own.len(), values).into_iter()
        });
        let in_turn = functions.iter().filter_map(|function| {
            if needs_gradients(*function) {
                with_gradients.next()
            } else {
                plain.next()
            }
        });
        in_turn.collect()
    }
}
