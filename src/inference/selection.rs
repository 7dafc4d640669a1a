//! Selection of parameters by the marginal likelihood (feature `selection`).

use std::cell::Cell;

use argmin::core::{CostFunction, Executor, State, TerminationReason, TerminationStatus};
use argmin::solver::neldermead::NelderMead;
use nalgebra::DMatrix;

use super::family::{Domain, KernelFamily};
use super::noise::Noise;
use super::regression::Regression;
use crate::{Error, Inputs, Result};

/// The side of the first simplex, in the logarithms of the parameters.
const SIDE: f64 = 0.5;

/// Steps of a simplex for each parameter before it gives up.
const STEPS: u64 = 400;

/// Simplexes, one around the best point of the other.
const RESTARTS: usize = 5;

/// The gain that is not worth another, in spreads over a simplex.
const ENOUGH: f64 = 100.0;

/// What a parameter set costs that is refused (a singular kernel, an overflow).
const REFUSED: f64 = 1e300;

/// Parameters at a maximum of the marginal likelihood.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Selection {
    /// Those of the family.
    pub parameters: Vec<f64>,
    /// The noise variance.
    pub noise_variance: f64,
    /// $\log p(Y)$ there, summed over the outputs.
    pub log_marginal_likelihood: f64,
    /// How many parameter sets were tried.
    pub evaluations: usize,
    /// How many of them were refused (a singular kernel, an overflow).
    pub refused: usize,
    /// Whether the last simplex shrank to a point within the steps that it was given.
    pub converged: bool,
}

impl KernelFamily {
    /// Parameters and noise variance of the largest marginal likelihood, from a start.
    ///
    /// The simplex method of J. Nelder and R. Mead (1965) by the crate `argmin`, in the logarithms of
    /// variances and the logits of times: some hundred kernels and factorisations. The maximum is a local
    /// one; [`select_among`](Self::select_among) compares depths.
    ///
    /// An [output variance](Self::with_output_variance) $s$ is not searched for: with $A = s(K + \rho I)$,
    /// $\rho = \sigma^2/s$, it is $\hat s = \operatorname{tr} Y^\top (K + \rho I)^{-1} Y/(nk)$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a start that has no logarithm, or at which the likelihood is refused (with that
    /// reason); [`Error::Shape`] as [`at`](Self::at).
    ///
    /// ```
    /// use nalgebra::DMatrix;
    /// use neural_limits::prelude::*;
    /// let rows: Vec<[f64; 2]> = (0..20).map(|i| [(0.3 * i as f64).cos(), (0.3 * i as f64).sin()]).collect();
    /// let x = Inputs::from_rows(&rows)?;
    /// let y = DMatrix::from_fn(20, 1, |i, _| (0.6 * i as f64).sin() + 0.1 * (7.0 * i as f64).cos());
    /// let family = |depth| KernelFamily::of_initializations(move |law| {
    ///     NetworkKernel::nngp(&Mlp::new(Erf::default()).initialized_by(law).infinite_width(depth)?)
    /// });
    /// let mut best: Option<(usize, f64)> = None;
    /// for depth in 1..=3 {
    ///     let found = family(depth).select(&[1.5, 0.1], 0.05, &x, &y)?;
    ///     assert!(found.converged);
    ///     if best.is_none_or(|(_, largest)| found.log_marginal_likelihood > largest) {
    ///         best = Some((depth, found.log_marginal_likelihood));
    ///     }
    /// }
    /// assert!(best.is_some());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn select(
        &self,
        start: &[f64],
        noise_variance: f64,
        x: &Inputs<'_>,
        y: &DMatrix<f64>,
    ) -> Result<Selection> {
        // refuses what is no start of this family
        self.at(start)?;
        let (start, noise_variance) = match start.split_last() {
            Some((scale, start)) if self.has_output_variance() => (start, noise_variance / scale),
            _ => (start, noise_variance),
        };
        let search = Search {
            family: self,
            parameters: &self.parameters()[..start.len()],
            x,
            y,
            evaluations: Cell::new(0),
            refused: Cell::new(0),
        };
        // says why, where it is refused
        let first = search.reach(start, noise_variance)?.log_marginal_likelihood;
        let noise = ("the noise variance".to_owned(), Domain::Positive);
        let names = search.parameters.iter().chain([&noise]);
        let all = names.zip(start.iter().chain([&noise_variance]));
        let center: Vec<f64> = all
            .map(|((name, domain), &value)| free(name, domain, value))
            .collect::<Result<_>>()?;
        let (steps, spread) = (STEPS * center.len() as u64, self.spread());
        let (mut best, mut largest, mut converged) = (center, first, false);
        // a simplex can collapse beside the maximum: a new one around the best point says whether it did
        for _ in 0..RESTARTS {
            let found = simplex(&search, &best, steps, spread)?;
            let gain = found.1 - largest;
            if gain > 0.0 {
                (best, largest) = (found.0, found.1);
            }
            converged = found.2;
            if !converged || gain < ENOUGH * spread {
                break;
            }
        }
        let (mut parameters, mut noise_variance) = search.bound(&best);
        let end = search.reach(&parameters, noise_variance)?;
        if let Some(scale) = end.output_variance {
            parameters.push(scale);
            noise_variance *= scale;
        }
        Ok(Selection {
            parameters,
            noise_variance,
            log_marginal_likelihood: end.log_marginal_likelihood,
            evaluations: search.evaluations.get(),
            refused: search.refused.get(),
            converged,
        })
    }

    /// The family with the largest marginal likelihood by its place in the list, each from a start of its
    /// own: depths, activations, architectures.
    ///
    /// # Errors
    /// [`Error::Shape`] for no families; as [`select`](Self::select) for each of them.
    ///
    /// ```
    /// use nalgebra::DMatrix;
    /// use neural_limits::prelude::*;
    /// let rows: Vec<[f64; 2]> = (0..12).map(|i| [(0.5 * i as f64).cos(), (0.5 * i as f64).sin()]).collect();
    /// let x = Inputs::from_rows(&rows)?;
    /// let y = DMatrix::from_fn(12, 1, |i, _| (1.5 * i as f64).sin());
    /// let of_depth = |depth| KernelFamily::of_initializations(move |law| {
    ///     NetworkKernel::nngp(&Mlp::new(Relu).initialized_by(law).infinite_width(depth)?)
    /// });
    /// let depths = [1, 4];
    /// let families = depths.map(|depth| (of_depth(depth), vec![2.0, 0.1]));
    /// let (best, found) = KernelFamily::select_among(&families, 0.05, &x, &y)?;
    /// assert!(best < 2 && found.log_marginal_likelihood.is_finite());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn select_among(
        families: &[(Self, Vec<f64>)],
        noise_variance: f64,
        x: &Inputs<'_>,
        y: &DMatrix<f64>,
    ) -> Result<(usize, Selection)> {
        let mut best: Option<(usize, Selection)> = None;
        for (i, (family, start)) in families.iter().enumerate() {
            let found = family.select(start, noise_variance, x, y)?;
            let largest = best.as_ref().map(|(_, best)| best.log_marginal_likelihood);
            if largest.is_none_or(|largest| found.log_marginal_likelihood > largest) {
                best = Some((i, found));
            }
        }
        best.ok_or_else(|| Error::shape("the families", "none", "at least one"))
    }
}

/// The best point of a simplex around a center, its log marginal likelihood, and whether it shrank to a
/// point.
fn simplex(
    search: &Search<'_>,
    center: &[f64],
    steps: u64,
    spread: f64,
) -> Result<(Vec<f64>, f64, bool)> {
    let corner = |i: usize| {
        let mut corner = center.to_vec();
        if let Some(moved) = i.checked_sub(1) {
            corner[moved] += SIDE;
        }
        corner
    };
    let corners: Vec<Vec<f64>> = (0..=center.len()).map(corner).collect();
    let failed = |error: argmin::core::Error| Error::unsupported("selection", error.to_string());
    let solver = NelderMead::new(corners)
        .with_sd_tolerance(spread)
        .map_err(failed)?;
    let found = Executor::new(search, solver)
        .configure(|state| state.max_iters(steps))
        .run()
        .map_err(failed)?;
    let state = found.state();
    let best = state
        .get_best_param()
        .map_or_else(|| center.to_vec(), Vec::clone);
    let converged = TerminationStatus::Terminated(TerminationReason::SolverConverged);
    Ok((
        best,
        -state.get_best_cost(),
        *state.get_termination_status() == converged,
    ))
}

/// The variable in which a parameter is selected, on the whole line.
fn free(name: &str, domain: &Domain, value: f64) -> Result<f64> {
    let free = match domain {
        Domain::Positive | Domain::NonNegative => value.ln(),
        Domain::UnitInterval => (value / (1.0 - value)).ln(),
    };
    if free.is_finite() {
        Ok(free)
    } else {
        let expected = "a start within its domain, not at its end";
        Err(Error::invalid(name, value, expected))
    }
}

/// The parameter of a [`free`] variable.
fn bound(domain: &Domain, free: f64) -> f64 {
    match domain {
        Domain::Positive | Domain::NonNegative => free.exp(),
        Domain::UnitInterval => 1.0 / (1.0 + (-free).exp()),
    }
}

struct Search<'a> {
    family: &'a KernelFamily,
    /// Those that are searched for.
    parameters: &'a [(String, Domain)],
    x: &'a Inputs<'a>,
    y: &'a DMatrix<f64>,
    evaluations: Cell<usize>,
    refused: Cell<usize>,
}

/// What is reached at some parameters.
struct Reached {
    log_marginal_likelihood: f64,
    /// The best, where it is a parameter.
    output_variance: Option<f64>,
}

impl Search<'_> {
    /// Parameters and noise variance (its ratio to the output variance, if that is one) of free variables.
    fn bound(&self, free: &[f64]) -> (Vec<f64>, f64) {
        let domains = self.parameters.iter().zip(free);
        let parameters = domains.map(|((_, domain), &free)| bound(domain, free));
        let noise = free.last().map_or(0.0, |free| free.exp());
        (parameters.collect(), noise)
    }

    fn reach(&self, parameters: &[f64], noise: f64) -> Result<Reached> {
        let mut all = parameters.to_vec();
        if self.family.has_output_variance() {
            all.push(1.0);
        }
        let kernel = self.family.at(&all)?.gram(self.x)?;
        let regression = Regression::new(&kernel, self.y, Noise::Variance(noise))?;
        let likelihood = regression.log_marginal_likelihood();
        if !self.family.has_output_variance() {
            return Ok(Reached {
                log_marginal_likelihood: likelihood,
                output_variance: None,
            });
        }
        let count = self.y.len() as f64;
        let squares = self.y.dot(regression.weights());
        let scale = squares / count;
        let likelihood = likelihood + 0.5 * (squares - count * (1.0 + scale.ln()));
        if likelihood.is_finite() {
            Ok(Reached {
                log_marginal_likelihood: likelihood,
                output_variance: Some(scale),
            })
        } else {
            Err(Error::undefined(
                "the output variance",
                "targets that are all 0 have none",
            ))
        }
    }
}

impl CostFunction for &Search<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, free: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        self.evaluations.set(self.evaluations.get() + 1);
        let (parameters, noise) = self.bound(free);
        let reached = self.reach(&parameters, noise);
        Ok(reached.map_or_else(
            |_| {
                self.refused.set(self.refused.get() + 1);
                REFUSED
            },
            |reached| -reached.log_marginal_likelihood,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Relu;
    use crate::architecture::{Mlp, ResNet};
    use crate::inference::NetworkKernel;
    use crate::kernel::InInfiniteWidth;

    fn data() -> (Inputs<'static>, DMatrix<f64>) {
        let angle = |i: usize| 0.4 * i as f64;
        let rows: Vec<[f64; 2]> = (0..14).map(|i| [angle(i).cos(), angle(i).sin()]).collect();
        let y = DMatrix::from_fn(14, 2, |i, c| {
            (2.0 * angle(i) + c as f64).sin() + 0.1 * (9.0 * angle(i)).cos()
        });
        (Inputs::from_rows(&rows).unwrap(), y)
    }

    fn likelihood(family: &KernelFamily, values: &[f64], noise: f64) -> f64 {
        let (x, y) = data();
        let kernel = family.at(values).unwrap().gram(&x).unwrap();
        let regression = Regression::new(&kernel, &y, Noise::Variance(noise)).unwrap();
        regression.log_marginal_likelihood()
    }

    #[test]
    fn the_variance_of_outputs_is_the_best_one() {
        let (x, y) = data();
        let family = KernelFamily::of_initializations(|law| {
            NetworkKernel::nngp(&Mlp::new(Relu).initialized_by(law).infinite_width(2)?)
        });
        let family = family.with_output_variance().with_spread(1e-5).unwrap();
        let found = family.select(&[2.0, 0.1, 3.0], 0.1, &x, &y).unwrap();
        let at = |values: &[f64], noise| likelihood(&family, values, noise);
        let best = at(&found.parameters, found.noise_variance);
        assert!((best - found.log_marginal_likelihood).abs() < 1e-8);
        for factor in [0.9, 1.1] {
            let mut values = found.parameters.clone();
            values[2] *= factor;
            assert!(at(&values, found.noise_variance) < best);
            assert!(at(&values, factor * found.noise_variance) < best);
        }
        // where every target is 0 no variance is the best
        assert!(
            family
                .select(&[2.0, 0.1, 3.0], 0.1, &x, &(y * 0.0))
                .is_err()
        );
    }

    #[test]
    fn depths_and_times_are_selected_together() {
        let (x, y) = data();
        let deep = |depth| {
            let family = KernelFamily::of_initializations(move |law| {
                NetworkKernel::ntk(&Mlp::new(Relu).initialized_by(law).infinite_width(depth)?)
            });
            (family.with_spread(0.01).unwrap(), vec![2.0, 0.1])
        };
        let limit = KernelFamily::of_times(|law, time| {
            let net = ResNet::new(Relu).initialized_by(law);
            NetworkKernel::infinite_depth_ntk(&net, time)
        });
        let families = [
            deep(1),
            deep(3),
            (limit.with_spread(0.01).unwrap(), vec![1.0, 0.1, 0.5]),
        ];
        let (place, found) = KernelFamily::select_among(&families, 0.1, &x, &y).unwrap();
        for (i, (family, start)) in families.iter().enumerate() {
            let alone = family.select(start, 0.1, &x, &y).unwrap();
            assert!(alone.log_marginal_likelihood <= found.log_marginal_likelihood);
            assert_eq!(alone == found, i == place);
        }
        assert!(KernelFamily::select_among(&[], 0.1, &x, &y).is_err());
    }
}
