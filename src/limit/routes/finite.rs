//! Finite networks, sampled.

use crate::architecture::Architecture;
use crate::error;
use crate::limit::{Empirical, Law, Limit, Regime};
use crate::neural_function::{Need, NeuralFunction};
use crate::sample::{Finite, OfFiniteSize, Sampler, Seed};
use crate::{Error, Inputs, Result, parallel};

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
    /// As [`OfFiniteSize::finite`]; [`Error::Invalid`] for 0 samples.
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

    /// The values of all functions on every network: one record at a time.
    fn values(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
    ) -> Result<Vec<Vec<Result<f64>>>> {
        let (inputs, points) = distinct_points(functions)?;
        let networks = self.networks.clone().at_time(time)?;
        let with_weights = functions
            .iter()
            .any(|function| function.needs().contains(&Need::Network));
        parallel::try_map(self.samples, |i| {
            let mut stream = self.seed.stream(i as u64);
            let record = networks.record(&inputs, with_weights, &mut stream)?;
            let all = functions.iter().zip(&points);
            Ok(all
                .map(|(function, points)| function.of_network(&record, points))
                .collect())
        })
    }
}

/// Refuses what no sampler provides.
fn refuse_needs(function: &dyn NeuralFunction) -> Result<()> {
    let missing = function
        .needs()
        .iter()
        .find(|need| matches!(need, Need::TangentKernel | Need::Gradients));
    match missing {
        Some(need) => Err(Error::unsupported(
            format!("the {} of a random network", function.name()),
            format!("samplers provide covariances, neurons and weights, not {need:?}"),
        )),
        None => Ok(()),
    }
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
        let refused = functions.iter().map(|function| refuse_needs(*function));
        let refused: Vec<Result<()>> = refused.collect();
        let all = functions.iter().zip(&refused);
        let readable: Vec<&dyn NeuralFunction> = all
            .filter_map(|(function, refused)| refused.is_ok().then_some(*function))
            .collect();
        // without a function to read there is nothing to sample
        let values = if readable.is_empty() {
            Ok(Vec::new())
        } else {
            self.values(&readable, time)
        };
        let mut next = 0..readable.len();
        let laws = refused.into_iter().map(|refused| {
            refused?;
            let values = values.as_ref().map_err(Clone::clone)?;
            let i = next.next().unwrap_or_default();
            law(values.iter().map(|record| &record[i]))
        });
        laws.collect()
    }

    fn work(&self) -> f64 {
        let size = self.networks.width() as f64 * self.networks.depth() as f64;
        size * self.samples as f64
    }
}

/// All inputs of the functions, each once, and the indices of every function's own.
fn distinct_points(
    functions: &[&dyn NeuralFunction],
) -> Result<(Inputs<'static>, Vec<Vec<usize>>)> {
    let mut rows: Vec<&[f64]> = Vec::new();
    let indices = functions
        .iter()
        .map(|function| {
            function
                .inputs()
                .points()
                .map(|point| {
                    rows.iter()
                        .position(|row| *row == point)
                        .unwrap_or_else(|| {
                            rows.push(point);
                            rows.len() - 1
                        })
                })
                .collect()
        })
        .collect();
    Ok((Inputs::from_rows(&rows)?, indices))
}

/// The empirical law of a function, with networks on which it has no value counted apart.
fn law<'a>(all: impl Iterator<Item = &'a Result<f64>>) -> Result<Law> {
    let mut values = Vec::new();
    let mut undefined = 0;
    for value in all {
        match value {
            Ok(value) => values.push(*value),
            Err(Error::Undefined { .. }) => undefined += 1,
            Err(error) => return Err(error.clone()),
        }
    }
    Empirical::new(values, undefined).map(Law::Empirical)
}
