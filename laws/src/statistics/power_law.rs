//! Fits of power laws $e = C \prod_k x_k^{\beta_k}$ to errors that are themselves estimates.

use nalgebra::{DMatrix, DVector};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::numerics::normal;

/// An estimate with its confidence interval, of 95 % unless another level is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:+.3} [{:+.3}, {:+.3}]",
            self.value, self.low, self.high
        )
    }
}

/// One point of a fit: the error measured at given sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The sizes $x_k > 0$ (width, depth).
    pub sizes: Vec<f64>,
    /// The error $e > 0$.
    pub error: f64,
    /// Its standard error; 0 for a computed value.
    pub standard_error: f64,
}

/// The exponents $\beta_k$ of $e = C \prod_k x_k^{\beta_k}$, by weighted least squares on logarithms.
///
/// Weights are the inverse squares of the relative standard errors, and intervals are normal, widened by
/// $\sqrt{\chi^2/\text{freedom}}$ where the residuals exceed the standard errors. If any standard error is 0,
/// weights are equal and intervals are Student's, from the residuals alone. Relative standard errors are
/// taken to lie in `1e-9..=1e9`. `None` if there are not more observations than parameters, or the sizes do
/// not vary.
///
/// ```
/// use neural_limits::statistics::{Observation, fit_power_law};
/// let observations: Vec<Observation> = [10.0, 100.0, 1000.0, 10_000.0]
///     .iter()
///     .map(|n: &f64| Observation { sizes: vec![*n], error: 3.0 / n.sqrt(), standard_error: 0.0 })
///     .collect();
/// let exponents = fit_power_law(&observations).unwrap();
/// assert!((exponents[0].value + 0.5).abs() < 1e-12);
/// ```
pub fn fit_power_law(observations: &[Observation]) -> Option<Vec<Estimate>> {
    let fit = PowerLaw::fitted(observations)?;
    let quantile = fit.quantile(0.975)?;
    let interval = |(value, error): &(f64, f64)| Estimate {
        value: *value,
        low: value - quantile * error,
        high: value + quantile * error,
    };
    Some(fit.exponents.iter().map(interval).collect())
}

/// Exponents with their standard errors.
#[derive(Debug)]
pub struct PowerLaw {
    /// Each exponent with its standard error.
    pub exponents: Vec<(f64, f64)>,
    /// The degrees of freedom of the residuals, where the standard errors are from them alone.
    freedom: Option<f64>,
}

impl PowerLaw {
    /// The quantile of an exponent's error, in its standard error.
    fn quantile(&self, order: f64) -> Option<f64> {
        match self.freedom {
            None => Some(normal::quantile(order)),
            Some(freedom) => Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(order)),
        }
    }

    /// The probability of an error of at least as many standard errors, to either side.
    pub fn two_sided(&self, errors: f64) -> f64 {
        match self.freedom {
            None => 2.0 * normal::distribution(-errors),
            Some(freedom) => {
                let law = StudentsT::new(0.0, 1.0, freedom);
                law.map_or(1.0, |law| 2.0 * law.cdf(-errors))
            }
        }
    }

    /// The fit, unless there are too few observations of positive errors, or their sizes are collinear.
    pub fn fitted(observations: &[Observation]) -> Option<Self> {
        let usable: Vec<&Observation> = observations
            .iter()
            .filter(|o| {
                o.error > 0.0
                    && o.error.is_finite()
                    && o.standard_error.is_finite()
                    && o.standard_error >= 0.0
                    && o.sizes.iter().all(|x| *x > 0.0 && x.is_finite())
            })
            .collect();
        let parameters = usable.first()?.sizes.len() + 1;
        if usable.len() <= parameters || usable.iter().any(|o| o.sizes.len() + 1 != parameters) {
            return None;
        }
        let known_errors = usable.iter().all(|o| o.standard_error > 0.0);
        let weight = |i: usize| {
            if known_errors {
                (usable[i].error / usable[i].standard_error).clamp(1e-9, 1e9)
            } else {
                1.0
            }
        };
        let design = DMatrix::from_fn(usable.len(), parameters, |i, j| {
            weight(i)
                * if j == 0 {
                    1.0
                } else {
                    usable[i].sizes[j - 1].ln()
                }
        });
        let response = DVector::from_fn(usable.len(), |i, _| weight(i) * usable[i].error.ln());
        let svd = design.clone().svd(true, true);
        let threshold = 1e-10 * svd.singular_values.max();
        if svd.rank(threshold) < parameters {
            return None;
        }
        let solution = svd.solve(&response, threshold).ok()?;
        let residual = (&response - &design * &solution).norm_squared();
        let freedom = (usable.len() - parameters) as f64;
        let dispersion = residual / freedom;
        let dispersion = if known_errors {
            dispersion.max(1.0)
        } else {
            dispersion
        };
        // (XᵀX)⁻¹ = V Σ⁻² Vᵀ
        let right = svd.v_t.as_ref()?;
        let variance = |k: usize| -> f64 {
            let terms = right.column(k).into_iter().zip(&svd.singular_values);
            dispersion * terms.map(|(v, sigma)| (v / sigma).powi(2)).sum::<f64>()
        };
        let exponents = (1..parameters).map(|k| (solution[k], variance(k).sqrt()));
        Some(Self {
            exponents: exponents.collect(),
            freedom: (!known_errors).then_some(freedom),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_exponents_are_recovered() {
        let mut observations = Vec::new();
        for n in [8.0_f64, 64.0, 512.0] {
            for l in [2.0_f64, 20.0, 200.0] {
                observations.push(Observation {
                    sizes: vec![n, l],
                    error: 2.0 * n.powf(-0.5) * l.powf(0.25),
                    standard_error: 0.01,
                });
            }
        }
        let fit = fit_power_law(&observations).unwrap();
        assert_eq!(fit.len(), 2);
        for (estimate, exact) in fit.iter().zip([-0.5, 0.25]) {
            assert!((estimate.value - exact).abs() < 1e-10);
            assert!(estimate.low < exact && exact < estimate.high);
        }
    }

    #[test]
    fn too_few_or_constant_sizes_have_no_fit() {
        let observation = |x: f64| Observation {
            sizes: vec![x],
            error: 1.0,
            standard_error: 0.1,
        };
        assert!(fit_power_law(&[]).is_none());
        assert!(fit_power_law(&[observation(1.0), observation(2.0)]).is_none());
        assert!(fit_power_law(&[observation(2.0), observation(2.0), observation(2.0)]).is_none());
    }
}
