//! Infinite depth at finite width, sampled.

use std::ops::Range;

use super::sampled::{self, Sampled};
use crate::architecture::Architecture;
use crate::diffusion::{Diffusion, OfFiniteWidth};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{Need, NeuralFunction, distinct_points};
use crate::random::Seed;
use crate::{Result, parallel};

/// Steps from time 0 to 1: laws are off by some 0.2 %, below what an ensemble of a few hundred paths shows.
pub(super) const STEPS: usize = 64;

/// Independent paths of the [`Diffusion`] of one width: empirical laws.
#[derive(Debug)]
pub struct DiffusionPaths {
    diffusion: Diffusion,
    samples: usize,
    seed: Seed,
}

impl DiffusionPaths {
    /// `samples` paths of an architecture, with 64 steps each.
    ///
    /// # Errors
    /// As [`OfFiniteWidth::diffusion`]; [`Error::Invalid`](crate::Error::Invalid) for 0 samples.
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        width: usize,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        Ok(Self {
            diffusion: net.diffusion(width)?.with_steps(STEPS)?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
        })
    }

    /// Sets the number of steps from time 0 to 1.
    ///
    /// # Errors
    /// As [`Diffusion::with_steps`].
    pub fn with_steps(self, steps: usize) -> Result<Self> {
        Ok(Self {
            diffusion: self.diffusion.with_steps(steps)?,
            ..self
        })
    }

    /// The values of all functions on paths of these numbers.
    fn values(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
        paths: Range<usize>,
    ) -> Result<Vec<Vec<Result<f64>>>> {
        let (inputs, points) = distinct_points(functions)?;
        parallel::try_map(paths.len(), |i| {
            let mut stream = self.seed.stream((paths.start + i) as u64);
            let path = self.diffusion.records(&inputs, &[time], &mut stream)?;
            let all = functions.iter().zip(&points);
            Ok(all
                .map(|(function, points)| function.of_network(&path[0], points))
                .collect())
        })
    }
}

/// Refuses what a path does not have.
pub(super) fn refuse(function: &dyn NeuralFunction) -> Result<()> {
    sampled::refuse_needs(
        function,
        &[Need::TangentKernel, Need::Gradients, Need::Network],
        "diffusions provide covariances and neurons",
    )
}

impl Limit for DiffusionPaths {
    fn regime(&self) -> Regime {
        Regime::InfiniteDepth {
            width: self.diffusion.width(),
        }
    }

    fn route(&self) -> String {
        format!(
            "{} paths of a diffusion, {} steps",
            self.samples,
            self.diffusion.steps()
        )
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        let readings = self.readings(functions, time, 0..self.samples);
        let laws = readings
            .into_iter()
            .map(|values| sampled::law(values?.iter()));
        laws.collect()
    }

    fn work(&self) -> f64 {
        (self.diffusion.width() * self.diffusion.steps()) as f64 * self.samples as f64
    }
}

impl Sampled for DiffusionPaths {
    fn readings(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
        paths: Range<usize>,
    ) -> Vec<Result<Vec<Result<f64>>>> {
        sampled::readable(functions, refuse, |readable| {
            self.values(readable, time, paths)
        })
    }
}
