//! Fits of sums of powers $e = \sum_k C_k x_k^{-a_k}$ to errors that are themselves estimates.

use std::fmt;

use nalgebra::{DMatrix, DVector};
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::{Bootstrap, Estimate, Observation, Test};
use crate::error::{self, Error, Result};

/// The most terms.
const TERMS: usize = 3;
/// Exponents from which fits start, for each number of terms.
const LEAST_EXPONENT: f64 = -0.75;
const EXPONENT_STEP: f64 = 0.25;
const EXPONENTS: usize = 16;
/// Steps of Levenberg and Marquardt's method.
const STEPS: usize = 300;
/// The relative decrease of $\chi^2$ at which they end.
const TOLERANCE: f64 = 1e-13;

/// One term $C x^{-a}$.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Rate {
    /// $C > 0$.
    pub constant: Estimate,
    /// $a$.
    pub exponent: Estimate,
}

/// An error as a sum of powers of sizes, from [`fit_rates`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Rates {
    /// The terms, in the order of the sizes.
    pub terms: Vec<Rate>,
    /// Whether the model fits: $\chi^2$, and the probability of a larger one if it does. `None` where a
    /// standard error is 0.
    pub goodness: Option<Test>,
}

impl Rates {
    /// $\sum_k C_k x_k^{-a_k}$ at sizes as many as there are terms; without the terms of infinite sizes.
    pub fn at(&self, sizes: &[f64]) -> f64 {
        let terms = self.terms.iter().zip(sizes);
        terms
            .filter(|(_, x)| x.is_finite())
            .map(|(term, x)| term.constant.value * x.powf(-term.exponent.value))
            .sum()
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, Rate { constant, exponent }) in self.terms.iter().enumerate() {
            let plus = if k == 0 { "" } else { " + " };
            write!(f, "{plus}C x^-a, C = {constant}, a = {exponent}")?;
        }
        match self.goodness {
            Some(test) => write!(f, "; chi^2 = {test}"),
            None => Ok(()),
        }
    }
}

/// The constants and exponents of $e = \sum_k C_k x_k^{-a_k}$, such as $C_1 n^{-a} + C_2 L^{-b}$ for the
/// error of a network of width $n$ and depth $L$ (the rate of S. Hayou 2023, arXiv 2310.01683, has $a = b =
/// 1/2$), by weighted least squares.
///
/// $\chi^2 = \sum_i (e_i - e(x_i))^2/s_i^2$ with the standard errors $s_i$ is minimised over $C_k \ge 0$,
/// which are linear (G. H. Golub and V. Pereyra 1973), on a grid of exponents from −0.75 to 3, and from its
/// best point by the method of Levenberg and Marquardt in $\log C_k$ and $a_k$. If any standard error is 0,
/// all errors have one relative standard error, estimated from the residuals.
///
/// Intervals are those of a parametric bootstrap: errors with fresh normal noise around the fit are fitted
/// again, and the percentiles of what that gives are taken; the noise is widened by
/// $\sqrt{\chi^2/\text{freedom}}$ where residuals exceed standard errors. Exponents are told apart if each
/// size varies while the others are large: see that the grid has such rows and columns. At a size of
/// $\infty$ (a limit that was computed) its term is 0, whatever its exponent.
///
/// # Errors
/// [`Error::Shape`] for no more observations than the $2k$ parameters, for unequal numbers of sizes, or not 1
/// to 3 of them; [`Error::Invalid`] for a size that is not positive, an error that is not finite (and
/// positive, if the standard errors are not known), a standard error that is negative or not finite;
/// [`Error::Undefined`] where the best fit has no term in one of the sizes; [`Error::Overflow`] of a
/// constant; [`Error::NotConverged`].
///
/// ```
/// use neural_limits::statistics::{Bootstrap, Observation, fit_rates};
/// let mut observations = Vec::new();
/// for n in [16.0_f64, 64.0, 256.0, 1024.0] {
///     for l in [4.0_f64, 16.0, 64.0] {
///         let error = 0.5 * n.powf(-0.5) + 2.0 / l;
///         observations.push(Observation { sizes: vec![n, l], error, standard_error: 0.01 * error });
///     }
/// }
/// let rates = fit_rates(&observations, &Bootstrap::new(1))?;
/// let exponent = rates.terms[0].exponent;
/// assert!((exponent.value - 0.5).abs() < 1e-6);
/// assert!(exponent.low < 0.5 && 0.5 < exponent.high && exponent.high - exponent.low < 0.1);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn fit_rates(observations: &[Observation], bootstrap: &Bootstrap) -> Result<Rates> {
    let data = Data::new(observations)?;
    let start = data.start()?;
    let (best, chi_squared, converged) = data.refined(&data.errors, start);
    if !converged {
        return Err(Error::NotConverged {
            what: "the fit of rates".to_owned(),
            reached: f64::INFINITY,
            tolerance: TOLERANCE,
        });
    }
    let freedom = (data.errors.len() - best.len()) as f64;
    let dispersion = (chi_squared / freedom).sqrt();
    let widened = if data.known {
        dispersion.max(1.0)
    } else {
        dispersion
    };
    let constant = |p: &DVector<f64>, k: usize| (p[2 * k] + p[2 * k + 1] * data.centres[k]).exp();
    if (0..data.terms()).any(|k| constant(&best, k).is_infinite()) {
        return Err(Error::overflow("the constant of a rate"));
    }
    let fitted = data.model(&best);
    let resampled = bootstrap.resample(|stream| {
        let noisy = fitted.iter().zip(&data.weights).map(|(fitted, weight)| {
            let noise: f64 = StandardNormal.sample(stream);
            fitted + widened * noise / weight
        });
        Ok(data.refined(&noisy.collect::<Vec<f64>>(), best.clone()).0)
    })?;
    let estimate = |read: &dyn Fn(&DVector<f64>) -> f64| {
        let (low, high) = bootstrap.percentiles(resampled.iter().map(read).collect());
        Estimate {
            value: read(&best),
            low,
            high,
        }
    };
    let terms = (0..data.terms()).map(|k| Rate {
        constant: estimate(&|p| constant(p, k).min(f64::MAX)),
        exponent: estimate(&|p| p[2 * k + 1]),
    });
    let goodness = ChiSquared::new(freedom).ok().filter(|_| data.known);
    Ok(Rates {
        terms: terms.collect(),
        goodness: goodness.map(|law| Test {
            statistic: chi_squared,
            p_value: law.sf(chi_squared),
        }),
    })
}

/// What is fitted: with $t_{ik} = \log x_{ik} - c_k$ around centres $c_k$, the terms are $\exp(p_{2k} -
/// p_{2k+1} t_{ik})$.
struct Data {
    /// $t_{ik}$, a row for each observation; infinite where the term is 0.
    logs: DMatrix<f64>,
    centres: Vec<f64>,
    errors: Vec<f64>,
    /// Inverse standard errors.
    weights: Vec<f64>,
    /// Whether standard errors are known.
    known: bool,
}

impl Data {
    fn new(observations: &[Observation]) -> Result<Self> {
        let terms = observations.first().map_or(0, |o| o.sizes.len());
        if !(1..=TERMS).contains(&terms) {
            let expected = format!("1 to {TERMS} sizes");
            return Err(Error::shape(
                "observations[0]",
                format!("{terms} sizes"),
                expected,
            ));
        }
        if observations.len() <= 2 * terms {
            return Err(Error::shape(
                "observations",
                format!("length {}", observations.len()),
                format!("more than {}, the number of parameters", 2 * terms),
            ));
        }
        let known = observations.iter().all(|o| o.standard_error > 0.0);
        for (i, observation) in observations.iter().enumerate() {
            let of = |name: &str| format!("observations[{i}].{name}");
            if observation.sizes.len() != terms {
                let found = format!("length {}", observation.sizes.len());
                return Err(Error::shape(of("sizes"), found, format!("length {terms}")));
            }
            let positive = |name: String, value: f64| {
                if value > 0.0 && value.is_finite() {
                    Ok(value)
                } else {
                    Err(Error::invalid(name, value, "a finite number > 0"))
                }
            };
            for (k, &size) in observation.sizes.iter().enumerate() {
                if size.is_nan() || size <= 0.0 {
                    let expected = "a number > 0, or infinity";
                    return Err(Error::invalid(of(&format!("sizes[{k}]")), size, expected));
                }
            }
            error::non_negative(&of("standard_error"), observation.standard_error)?;
            error::finite(&of("error"), observation.error)?;
            if !known {
                positive(of("error"), observation.error)?;
            }
        }
        let mut logs = DMatrix::from_fn(observations.len(), terms, |i, k| {
            observations[i].sizes[k].ln()
        });
        let centre = |of: usize| {
            let finite = logs.column(of);
            let finite: Vec<f64> = finite.iter().copied().filter(|t| t.is_finite()).collect();
            finite.iter().sum::<f64>() / finite.len().max(1) as f64
        };
        let centres: Vec<f64> = (0..terms).map(centre).collect();
        for (mut column, centre) in logs.column_iter_mut().zip(&centres) {
            column.add_scalar_mut(-centre);
        }
        let weight = |o: &Observation| {
            if known {
                1.0 / o.standard_error
            } else {
                1.0 / o.error
            }
        };
        Ok(Self {
            logs,
            centres,
            errors: observations.iter().map(|o| o.error).collect(),
            weights: observations.iter().map(weight).collect(),
            known,
        })
    }

    fn terms(&self) -> usize {
        self.centres.len()
    }

    /// The best point of the grid of exponents, with the best constants $\ge 0$ there.
    fn start(&self) -> Result<DVector<f64>> {
        let terms = self.terms();
        let mut best: Option<(f64, DVector<f64>)> = None;
        let mut without = 0;
        for point in 0..EXPONENTS.pow(terms as u32) {
            let exponent = |k: usize| {
                let place = point / EXPONENTS.pow(k as u32) % EXPONENTS;
                LEAST_EXPONENT + EXPONENT_STEP * place as f64
            };
            let exponents: Vec<f64> = (0..terms).map(exponent).collect();
            let Some((chi_squared, constants)) = self.linear(&exponents) else {
                continue;
            };
            if best.as_ref().is_none_or(|(least, _)| chi_squared < *least) {
                without = constants
                    .iter()
                    .position(|c| *c == 0.0)
                    .map_or(0, |k| k + 1);
                let parameter = |i: usize, _| {
                    if i.is_multiple_of(2) {
                        constants[i / 2].ln()
                    } else {
                        exponents[i / 2]
                    }
                };
                best = Some((chi_squared, DVector::from_fn(2 * terms, parameter)));
            }
        }
        match best {
            Some((_, start)) if without == 0 => Ok(start),
            None => Err(Error::undefined(
                "the rates",
                "at no exponents do the sizes tell the terms apart",
            )),
            Some(_) => Err(Error::undefined(
                format!("the rate in sizes[{}]", without - 1),
                "the errors are fitted best without a term that falls with this size",
            )),
        }
    }

    /// $\chi^2$ and the constants $\ge 0$ of least squares at given exponents: those that would be negative
    /// are left out one by one.
    fn linear(&self, exponents: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut used: Vec<usize> = (0..exponents.len()).collect();
        let response = DVector::from_fn(self.errors.len(), |i, _| self.weights[i] * self.errors[i]);
        loop {
            let design = DMatrix::from_fn(self.errors.len(), used.len(), |i, j| {
                let k = used[j];
                self.weights[i] * self.power(exponents[k], i, k)
            });
            let solution = (design.transpose() * &design)
                .cholesky()?
                .solve(&(design.transpose() * &response));
            let least = solution.argmin();
            if least.1 > 0.0 {
                let chi_squared = (response - design * &solution).norm_squared();
                let mut constants = vec![0.0; exponents.len()];
                for (k, constant) in used.iter().zip(&solution) {
                    constants[*k] = *constant;
                }
                return chi_squared.is_finite().then_some((chi_squared, constants));
            }
            used.remove(least.0);
            if used.is_empty() {
                return None;
            }
        }
    }

    /// $e^{-a t_{ik}}$.
    fn power(&self, exponent: f64, i: usize, k: usize) -> f64 {
        let t = self.logs[(i, k)];
        if t.is_finite() {
            (-exponent * t).exp()
        } else {
            0.0
        }
    }

    /// The terms of an observation.
    fn term(&self, parameters: &DVector<f64>, i: usize, k: usize) -> f64 {
        parameters[2 * k].exp() * self.power(parameters[2 * k + 1], i, k)
    }

    fn model(&self, parameters: &DVector<f64>) -> Vec<f64> {
        let sum = |i| (0..self.terms()).map(|k| self.term(parameters, i, k)).sum();
        (0..self.errors.len()).map(sum).collect()
    }

    fn residuals(&self, errors: &[f64], parameters: &DVector<f64>) -> DVector<f64> {
        let model = self.model(parameters);
        DVector::from_fn(errors.len(), |i, _| {
            self.weights[i] * (errors[i] - model[i])
        })
    }

    /// The minimum near a point, $\chi^2$ there, and whether steps have become small.
    fn refined(&self, errors: &[f64], start: DVector<f64>) -> (DVector<f64>, f64, bool) {
        let mut parameters = start;
        let mut residuals = self.residuals(errors, &parameters);
        let mut chi_squared = residuals.norm_squared();
        let mut damping = 1e-3;
        for _ in 0..STEPS {
            // derivatives of the model
            let jacobian = DMatrix::from_fn(errors.len(), parameters.len(), |i, j| {
                let k = j / 2;
                match (self.logs[(i, k)], j % 2) {
                    (t, _) if t.is_infinite() => 0.0,
                    (_, 0) => self.weights[i] * self.term(&parameters, i, k),
                    (t, _) => -self.weights[i] * self.term(&parameters, i, k) * t,
                }
            });
            let mut normal = jacobian.tr_mul(&jacobian);
            let floor = 1e-12 * normal.diagonal().max();
            for j in 0..parameters.len() {
                normal[(j, j)] += damping * normal[(j, j)].max(floor);
            }
            let step = normal
                .cholesky()
                .map(|factor| factor.solve(&jacobian.tr_mul(&residuals)));
            let next = step.map(|step| &parameters + step);
            let found = next.map(|next| {
                let residuals = self.residuals(errors, &next);
                (residuals.norm_squared(), next, residuals)
            });
            match found {
                Some((less, next, new)) if less <= chi_squared => {
                    let small = chi_squared - less <= TOLERANCE * chi_squared;
                    (chi_squared, parameters, residuals) = (less, next, new);
                    damping *= 0.1;
                    if small {
                        return (parameters, chi_squared, true);
                    }
                }
                _ => damping *= 10.0,
            }
            if damping > 1e12 {
                return (parameters, chi_squared, true);
            }
        }
        (parameters, chi_squared, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn grid(noise: f64, seed: u64, error: impl Fn(f64, f64) -> f64) -> Vec<Observation> {
        let mut stream = Seed::new(seed).stream(0);
        let mut observations = Vec::new();
        for n in [16.0, 64.0, 256.0, 1024.0] {
            for l in [4.0, 16.0, 64.0, 256.0] {
                let exact = error(n, l);
                let normal: f64 = StandardNormal.sample(&mut stream);
                observations.push(Observation {
                    sizes: vec![n, l],
                    error: exact * (1.0 + noise * normal),
                    standard_error: exact * noise,
                });
            }
        }
        observations
    }

    #[test]
    fn exact_rates_are_found_from_any_start() {
        let bootstrap = Bootstrap::new(1).with_resamples(99).unwrap();
        for (c, a, d, b) in [
            (0.5, 0.5, 2.0, 1.0),
            (3.0, 1.3, 0.01, 0.33),
            (1.0, 0.5, 1.0, 0.5),
        ] {
            let observations = grid(0.0, 1, |n: f64, l: f64| c * n.powf(-a) + d * l.powf(-b));
            let rates = fit_rates(&observations, &bootstrap).unwrap();
            let [first, second] = rates.terms[..] else {
                panic!("two terms")
            };
            for (found, exact) in [
                (first.constant, c),
                (first.exponent, a),
                (second.constant, d),
                (second.exponent, b),
            ] {
                assert!((found.value / exact - 1.0).abs() < 1e-6, "{rates}");
            }
            assert!(rates.goodness.is_none());
            assert!(
                (rates.at(&[32.0, 32.0]) / (c * 32f64.powf(-a) + d * 32f64.powf(-b)) - 1.0).abs()
                    < 1e-6
            );
        }
    }

    #[test]
    fn intervals_cover() {
        let bootstrap = Bootstrap::new(1).with_resamples(199).unwrap();
        let mut covered = [0; 4];
        let mut poor = 0;
        for seed in 0..40 {
            let observations = grid(0.05, seed, |n, l| 0.5 * n.powf(-0.5) + 2.0 / l);
            let rates = fit_rates(&observations, &bootstrap).unwrap();
            let (first, second) = (rates.terms[0], rates.terms[1]);
            let exact = [
                (first.constant, 0.5),
                (first.exponent, 0.5),
                (second.constant, 2.0),
                (second.exponent, 1.0),
            ];
            for (count, (estimate, exact)) in covered.iter_mut().zip(exact) {
                *count += usize::from(estimate.low < exact && exact < estimate.high);
            }
            poor += usize::from(rates.goodness.unwrap().p_value < 0.05);
        }
        // 38 of 40 expected: P(at most 31) < 1e-4
        assert!(covered.iter().all(|count| *count >= 32), "{covered:?}");
        assert!(poor <= 8);
    }

    #[test]
    fn a_wrong_model_does_not_fit() {
        let observations = grid(0.02, 3, |n, l| 0.5 * n.powf(-0.5) + 2.0 / l + 0.1);
        let bootstrap = Bootstrap::new(1).with_resamples(9).unwrap();
        let rates = fit_rates(&observations, &bootstrap).unwrap();
        assert!(rates.goodness.unwrap().p_value < 1e-4, "{rates}");
    }

    #[test]
    fn a_term_of_an_infinite_size_is_zero() {
        let bootstrap = Bootstrap::new(1).with_resamples(9).unwrap();
        let mut observations = grid(0.0, 1, |n, l| 0.5 * n.powf(-0.5) + 2.0 / l);
        for size in [4.0, 16.0, 64.0] {
            for (sizes, error) in [
                (vec![f64::INFINITY, size], 2.0 / size),
                (vec![size, f64::INFINITY], 0.5 * size.powf(-0.5)),
            ] {
                observations.push(Observation {
                    sizes,
                    error,
                    standard_error: 0.0,
                });
            }
        }
        let rates = fit_rates(&observations, &bootstrap).unwrap();
        for (term, (c, a)) in rates.terms.iter().zip([(0.5, 0.5), (2.0, 1.0)]) {
            assert!((term.constant.value / c - 1.0).abs() < 1e-9, "{rates}");
            assert!((term.exponent.value / a - 1.0).abs() < 1e-9, "{rates}");
        }
        let at_infinite_width = rates.at(&[f64::INFINITY, 16.0]);
        assert!((at_infinite_width - 0.125).abs() < 1e-9);
        // nothing but infinite sizes has no rate
        let infinite = observations.iter().map(|o| Observation {
            sizes: vec![f64::INFINITY, o.sizes[1]],
            ..o.clone()
        });
        assert!(fit_rates(&infinite.collect::<Vec<_>>(), &bootstrap).is_err());
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let bootstrap = Bootstrap::new(1);
        let observation = |n: f64, l: f64, error: f64| Observation {
            sizes: vec![n, l],
            error,
            standard_error: 0.1,
        };
        assert!(fit_rates(&[], &bootstrap).is_err());
        let few = vec![observation(1.0, 2.0, 1.0); 4];
        assert!(fit_rates(&few, &bootstrap).is_err());
        let mut bad = grid(0.1, 1, |n, _| n);
        bad[3].sizes[1] = -1.0;
        let error = fit_rates(&bad, &bootstrap).unwrap_err().to_string();
        assert!(error.contains("observations[3].sizes[1]"), "{error}");
        // an error of the width alone has no rate in the depth
        let error = fit_rates(&grid(0.0, 1, |n, _| 1.0 / n), &bootstrap).unwrap_err();
        assert!(error.to_string().contains("sizes[1]"), "{error}");
        let constant = vec![observation(2.0, 2.0, 1.0); 9];
        assert!(fit_rates(&constant, &bootstrap).is_err());
    }
}
