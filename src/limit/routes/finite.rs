//! Finite networks, sampled.

use crate::architecture::Architecture;
use crate::error;
use crate::limit::{Empirical, Law, Limit, Regime};
use crate::neural_function::NeuralFunction;
use crate::sample::{Draw, Sampler, Seed};
use crate::{Error, Inputs, Result};

/// Independent networks of one size, drawn by [`Finite`](crate::sample::Finite).
#[derive(Debug)]
pub struct FiniteNetworks<'a, N> {
    net: &'a N,
    width: usize,
    depth: usize,
    samples: usize,
    seed: Seed,
    sampler: Sampler,
}

impl<'a, N: Architecture> FiniteNetworks<'a, N> {
    /// `samples` networks of an architecture, from the conditional sampler.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width, depth or number of samples of 0.
    pub fn new(
        net: &'a N,
        width: usize,
        depth: usize,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        Ok(Self {
            net,
            width: error::size("width", width)?,
            depth: error::size("depth", depth)?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
            sampler: Sampler::default(),
        })
    }

    /// Chooses the sampler.
    pub fn with_sampler(self, sampler: Sampler) -> Self {
        Self { sampler, ..self }
    }

    fn draws(&self, inputs: &Inputs<'_>, time: f64) -> Result<Vec<Draw>> {
        self.net
            .finite(self.width, self.depth)?
            .with_sampler(self.sampler)
            .at_time(time)?
            .draws(inputs, self.samples, self.seed)
    }
}

impl<N: Architecture> Limit for FiniteNetworks<'_, N> {
    fn regime(&self) -> Regime {
        Regime::Finite {
            width: self.width,
            depth: self.depth,
        }
    }

    fn route(&self) -> String {
        format!("{} sampled networks", self.samples)
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        let draws = distinct_points(functions)
            .and_then(|(inputs, points)| Ok((self.draws(&inputs, time)?, points)));
        match draws {
            Ok((draws, points)) => functions
                .iter()
                .zip(&points)
                .map(|(function, points)| law(*function, &draws, points))
                .collect(),
            Err(error) => functions.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn work(&self) -> f64 {
        self.width as f64 * self.depth as f64 * self.samples as f64
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
fn law(function: &dyn NeuralFunction, draws: &[Draw], points: &[usize]) -> Result<Law> {
    let mut values = Vec::with_capacity(draws.len());
    let mut undefined = 0;
    for draw in draws {
        match function.of_network(draw, points) {
            Ok(value) => values.push(value),
            Err(Error::Undefined { .. }) => undefined += 1,
            Err(error) => return Err(error),
        }
    }
    Empirical::new(values, undefined).map(Law::Empirical)
}
