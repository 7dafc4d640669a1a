//! Infinite depth, then infinite width.

use super::infinite_depth::refuse;
use crate::architecture::Architecture;
use crate::covariance::ScaledCovariance;
use crate::diffusion::{Diffusion, Expectation, OfFiniteWidth};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{NeuralFunction, Process, distinct_points};
use crate::random::Seed;
use crate::statistics::{Extrapolation, Measurement, extrapolate};
use crate::{Error, PairCovariance, Result};

/// Steps from time 0 to 1, halved and quartered for the extrapolation in the step.
const STEPS: usize = 32;

/// [`Diffusion`]s of several widths, extrapolated to $n = \infty$ in $1/n$: a route to the limit that uses no
/// kernel map.
///
/// Means over coupled paths are extrapolated in the step
/// ([`Diffusion::expectation`]), then in the width ([`extrapolate`]). A neural function whose law at infinite
/// width is a number has the extrapolated mean of its own values. One with a law (a neuron) has what that law
/// is at the extrapolated mean covariances $\mathbb E \hat q$ of its inputs: neurons of wide networks are
/// independent Gaussian processes, which is assumed, not measured. [`estimate`](Self::estimate) says what
/// the numbers may be off by; a [`Law`] cannot.
#[derive(Debug)]
pub struct ExtrapolatedDiffusions {
    diffusions: Vec<Diffusion>,
    samples: usize,
    seed: Seed,
}

/// A limit of infinite width from diffusions, from [`ExtrapolatedDiffusions::estimate`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DepthFirstEstimate {
    /// The value, its standard error, and what is left of the series in $1/n$.
    pub extrapolation: Extrapolation,
    /// The largest error of the steps, over all widths.
    pub bias: f64,
}

impl ExtrapolatedDiffusions {
    /// Of an architecture at two or more widths, with `samples` paths each.
    ///
    /// # Errors
    /// As [`OfFiniteWidth::diffusion`]; [`Error::Shape`] for less than two different widths;
    /// [`Error::Invalid`] for less than two samples.
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        widths: &[usize],
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        let mut widths = widths.to_vec();
        widths.sort_unstable();
        widths.dedup();
        if widths.len() < 2 {
            let found = format!("{} of them", widths.len());
            return Err(Error::shape("widths", found, "at least two different ones"));
        }
        if samples < 2 {
            return Err(Error::invalid("samples", samples, "an integer >= 2"));
        }
        let diffusions = widths
            .into_iter()
            .map(|n| net.diffusion(n)?.with_steps(STEPS));
        Ok(Self {
            diffusions: diffusions.collect::<Result<_>>()?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
        })
    }

    /// The widths of a grid if there are three, otherwise the largest and halves of it.
    pub(super) fn widths(grid: &[usize]) -> Vec<usize> {
        match grid {
            [_, _, _, ..] => grid.to_vec(),
            _ => {
                let largest = grid.last().copied().unwrap_or(1);
                (0..3).map(|k| (largest >> k).max(1)).collect()
            }
        }
    }

    /// The mean of a neural function at infinite depth, then width, with its errors.
    ///
    /// # Errors
    /// As [`Diffusion::expectation`]; [`Error::Unsupported`] for a function that needs weights, gradients or
    /// tangent kernels.
    ///
    /// ```
    /// use neural_limits::limit::routes::ExtrapolatedDiffusions;
    /// use neural_limits::prelude::*;
    /// let net = ResNet::new(Relu);
    /// let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
    /// let correlation = Correlation::between(&a, &b)?;
    /// let route = ExtrapolatedDiffusions::new(&net, &[16, 32, 64], 400, 7)?;
    /// let limit = route.estimate(&correlation, 1.0)?;
    /// let flow = net.infinite_depth().pair_at(&a, &b, 1.0)?.correlation()?;
    /// let estimate = limit.extrapolation;
    /// let error = 4.0 * estimate.standard_error + limit.bias;
    /// assert!((estimate.value - flow).abs() < error && error < 0.1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn estimate(&self, function: &dyn NeuralFunction, time: f64) -> Result<DepthFirstEstimate> {
        refuse(function)?;
        let [mean, ..] = self.estimates(&[function], time)?.swap_remove(0);
        mean
    }

    /// For each function the estimates of its mean, and of $\mathbb E \hat q_{aa}$, $\mathbb E \hat q_{ab}$
    /// and $\mathbb E \hat q_{bb}$ at its first and last input, all from the same paths.
    fn estimates(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
    ) -> Result<Vec<[Result<DepthFirstEstimate>; 4]>> {
        let (inputs, points) = distinct_points(functions)?;
        let mut measured = vec![[const { Vec::new() }; 4]; functions.len()];
        for diffusion in &self.diffusions {
            let seed = self.seed.split(diffusion.width() as u64);
            // [path][level][function][number]
            let paths = diffusion.read_levels(&inputs, time, self.samples, seed, |records| {
                let levels = records.iter().map(|record| {
                    let functions = functions.iter().zip(&points);
                    let numbers = functions.map(|(function, points)| {
                        let (a, b) = (points[0], points[points.len() - 1]);
                        let q = |i, j| record.draw().covariance(i, j);
                        [
                            function.of_network(record, points),
                            q(a, a),
                            q(a, b),
                            q(b, b),
                        ]
                    });
                    numbers.collect::<Vec<_>>()
                });
                Ok(levels.collect::<Vec<_>>())
            })?;
            for (f, of_function) in measured.iter_mut().enumerate() {
                for (k, of_number) in of_function.iter_mut().enumerate() {
                    let mut defined = Vec::new();
                    let mut failure = None;
                    for path in &paths {
                        let levels = path.iter().map(|level| level[f][k].clone());
                        match levels.collect::<Result<Vec<f64>>>() {
                            Ok(levels) => defined.push(levels),
                            Err(Error::Undefined { .. }) => {}
                            Err(error) => failure = Some(error),
                        }
                    }
                    of_number.push(failure.map_or_else(
                        || Expectation::of_levels(&defined, self.samples - defined.len()),
                        Err,
                    ));
                }
            }
        }
        let estimates = measured.into_iter();
        Ok(estimates
            .map(|of_function| of_function.map(|of_number| self.limit(of_number)))
            .collect())
    }

    /// The limit of one number from its expectation at every width.
    fn limit(&self, expectations: Vec<Result<Expectation>>) -> Result<DepthFirstEstimate> {
        let expectations: Vec<Expectation> = expectations.into_iter().collect::<Result<_>>()?;
        let all = self.diffusions.iter().zip(&expectations);
        let measurements: Vec<Measurement> = all
            .map(|(diffusion, expectation)| Measurement {
                width: diffusion.width(),
                samples: self.samples - expectation.undefined,
                value: expectation.value,
                standard_error: expectation.standard_error,
            })
            .collect();
        let extrapolation = extrapolate(&measurements).ok_or_else(|| {
            Error::undefined(
                "a limit of infinite width",
                "its measurements are not finite",
            )
        })?;
        Ok(DepthFirstEstimate {
            extrapolation,
            bias: expectations.iter().map(|e| e.bias).fold(0.0, f64::max),
        })
    }
}

/// The law of a function from its estimates.
fn law(function: &dyn NeuralFunction, estimates: [Result<DepthFirstEstimate>; 4]) -> Result<Law> {
    let value = |estimate: Result<DepthFirstEstimate>| Ok(estimate?.extrapolation.value);
    let [mean, qa, k, qb] = estimates.map(value);
    let (qa, k, qb) = (qa?.max(0.0), k?, qb?.max(0.0));
    // noise may leave the set of covariances
    let largest = qa.sqrt() * qb.sqrt();
    let k = PairCovariance::new(qa, qb, k.clamp(-largest, largest))?;
    match function.at_infinite_width(&Process::new(ScaledCovariance::new(k)))? {
        Law::Deterministic(_) => Ok(Law::Deterministic(mean?)),
        law => Ok(law),
    }
}

impl Limit for ExtrapolatedDiffusions {
    fn regime(&self) -> Regime {
        Regime::DepthThenWidth
    }

    fn route(&self) -> String {
        let widths = self.diffusions.iter().map(|d| d.width().to_string());
        format!(
            "{} diffusions each at n = {}, extrapolated",
            self.samples,
            widths.collect::<Vec<_>>().join(", ")
        )
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        let readable = |function: &&&dyn NeuralFunction| refuse(**function).is_ok();
        let readable: Vec<&dyn NeuralFunction> =
            functions.iter().filter(readable).copied().collect();
        let estimates = if readable.is_empty() {
            Ok(Vec::new())
        } else {
            self.estimates(&readable, time)
        };
        let mut estimates = estimates.map(Vec::into_iter);
        let laws = functions.iter().map(|function| {
            refuse(*function)?;
            match &mut estimates {
                Ok(estimates) => estimates.next().map_or_else(
                    || Err(Error::unsupported(function.name(), "it was not estimated")),
                    |estimates| law(*function, estimates),
                ),
                Err(error) => Err(error.clone()),
            }
        });
        laws.collect()
    }

    fn work(&self) -> f64 {
        let widths: usize = self.diffusions.iter().map(Diffusion::width).sum();
        1.75 * (widths * STEPS) as f64 * self.samples as f64
    }
}
