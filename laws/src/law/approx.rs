//! Approximate equality of laws (feature `approx`).

use ::approx::{AbsDiffEq, RelativeEq, UlpsEq};
use neural_limits_core::approx::{Numbers, all};
use neural_limits_core::approximate;

use super::Law;

impl Numbers for Law {
    type Number = f64;

    fn agree(&self, other: &Self, equal: impl Fn(&f64, &f64) -> bool) -> bool {
        match (self, other) {
            (Self::Deterministic(a), Self::Deterministic(b)) => equal(a, b),
            (
                Self::Gaussian { mean, variance },
                Self::Gaussian {
                    mean: other_mean,
                    variance: other_variance,
                },
            ) => equal(mean, other_mean) && equal(variance, other_variance),
            (
                Self::LogNormal {
                    log_mean,
                    log_variance,
                },
                Self::LogNormal {
                    log_mean: other_mean,
                    log_variance: other_variance,
                },
            ) => equal(log_mean, other_mean) && equal(log_variance, other_variance),
            (
                Self::LogNormalScale {
                    log_mean,
                    log_variance,
                },
                Self::LogNormalScale {
                    log_mean: other_mean,
                    log_variance: other_variance,
                },
            ) => equal(log_mean, other_mean) && equal(log_variance, other_variance),
            (Self::Empirical(a), Self::Empirical(b)) => {
                a.undefined() == b.undefined() && all(a.values(), b.values(), equal)
            }
            (Self::Density(a), Self::Density(b)) => {
                a.same_form(b) && a.numbers().zip(b.numbers()).all(|(a, b)| equal(a, b))
            }
            _ => false,
        }
    }
}

approximate! {
    /// Compares the parameters of two laws of the same kind, of empirical laws the values in increasing order
    /// and, exactly, the number of networks without one, of densities the grids and the masses on them. Laws
    /// of different kinds, and grids of different sizes, are unequal.
    ///
    /// ```
    /// use approx::{assert_abs_diff_eq, assert_abs_diff_ne};
    /// use neural_limits::law::Law;
    /// let law = Law::gaussian(0.0, 1.0)?;
    /// assert_abs_diff_eq!(law, Law::gaussian(1e-10, 1.0)?, epsilon = 1e-9);
    /// assert_abs_diff_ne!(Law::gaussian(0.0, 1e-10)?, Law::Deterministic(0.0), epsilon = 1e-9);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    [] Law, f64
}

#[cfg(test)]
mod tests {
    use ::approx::{abs_diff_eq, abs_diff_ne, relative_eq, ulps_eq};

    use super::*;
    use crate::law::{Density, Empirical};

    #[test]
    fn laws_of_one_kind_are_compared_by_their_parameters() {
        let sample = |values: &[f64], undefined| {
            Law::Empirical(Empirical::new(values.to_vec(), undefined).unwrap())
        };
        let grid = |low, cells| Density::new(low, 1.0, vec![1.0; cells]).unwrap();
        let laws = [
            Law::Deterministic(1.0),
            Law::gaussian(1.0, 1.0).unwrap(),
            Law::log_normal(1.0, 1.0).unwrap(),
            Law::log_normal_scale(1.0, 1.0, 1.0).unwrap(),
            sample(&[1.0], 0),
            sample(&[1.0], 1),
            sample(&[1.0, 1.0], 0),
            Law::Density(grid(0.0, 4)),
            Law::Density(grid(0.0, 5)),
            Law::Density(grid(0.0, 4).hyperbolic_tangent()),
        ];
        for (i, a) in laws.iter().enumerate() {
            for (j, b) in laws.iter().enumerate() {
                assert_eq!(abs_diff_eq!(a, b, epsilon = 10.0), i == j, "{a:?} {b:?}");
                assert_eq!(relative_eq!(a, b, max_relative = 10.0), i == j);
                assert_eq!(ulps_eq!(a, b), i == j);
            }
        }
        let moved = [
            Law::Deterministic(1.0 + 1e-9),
            Law::gaussian(1.0, 1.0 + 1e-9).unwrap(),
            Law::log_normal(1.0 + 1e-9, 1.0).unwrap(),
            Law::log_normal_scale(1.0, 1.0 + 1e-9, 1.0).unwrap(),
            sample(&[1.0 + 1e-9], 0),
        ];
        let shifted = Law::Density(grid(1e-9, 4));
        let grids = (&laws[7], &shifted);
        for (a, b) in laws.iter().zip(&moved).chain([grids]) {
            assert!(abs_diff_ne!(a, b) && abs_diff_eq!(a, b, epsilon = 1e-8));
        }
        // in increasing order, whatever the order of the draws
        assert!(ulps_eq!(sample(&[1.0, 2.0], 0), sample(&[2.0, 1.0], 0)));
    }
}
