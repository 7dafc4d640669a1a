//! Approximate equality (feature `approx`), of what results are made of: for tests that write
//! `assert_relative_eq!` or `assert_ulps_eq!`.

use ::approx::{AbsDiffEq, RelativeEq, UlpsEq};

use crate::law::Law;
use crate::{Inputs, PairCovariance, Scalar, ScaledCovariance};

/// Values that are compared number by number.
trait Numbers {
    type Number;

    /// Whether two values have the same form, and all pairs of their numbers are `equal`.
    fn agree(&self, other: &Self, equal: impl Fn(&Self::Number, &Self::Number) -> bool) -> bool;
}

fn all<T>(a: &[T], b: &[T], equal: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
}

impl Numbers for PairCovariance {
    type Number = f64;

    fn agree(&self, other: &Self, equal: impl Fn(&f64, &f64) -> bool) -> bool {
        let numbers = |k: &Self| [k.variance_a(), k.variance_b(), k.one_minus_correlation()];
        all(&numbers(self), &numbers(other), equal)
    }
}

impl Numbers for ScaledCovariance {
    type Number = f64;

    fn agree(&self, other: &Self, equal: impl Fn(&f64, &f64) -> bool) -> bool {
        let unit = self.exponent().max(other.exponent());
        let in_units = |k: &Self| {
            let shift = k.exponent().saturating_sub(unit) as f64;
            k.unscaled().times(shift.exp2())
        };
        in_units(self).agree(&in_units(other), equal)
    }
}

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

impl<T: Scalar> Numbers for Inputs<'_, T> {
    type Number = T;

    fn agree(&self, other: &Self, equal: impl Fn(&T, &T) -> bool) -> bool {
        self.dimension() == other.dimension()
            && self.len() == other.len()
            && all(
                self.slice(0..self.len()),
                other.slice(0..other.len()),
                equal,
            )
    }
}

macro_rules! approximate {
    ($(#[$what:meta])* [$($generics:tt)*] $type:ty, $number:ty) => {
        $(#[$what])*
        impl<$($generics)*> AbsDiffEq for $type {
            type Epsilon = <$number as AbsDiffEq>::Epsilon;

            fn default_epsilon() -> Self::Epsilon {
                <$number>::default_epsilon()
            }

            fn abs_diff_eq(&self, other: &Self, epsilon: Self::Epsilon) -> bool {
                self.agree(other, |a, b| a.abs_diff_eq(b, epsilon))
            }
        }

        /// Of the numbers that [`AbsDiffEq`] compares.
        impl<$($generics)*> RelativeEq for $type {
            fn default_max_relative() -> Self::Epsilon {
                <$number>::default_max_relative()
            }

            fn relative_eq(
                &self,
                other: &Self,
                epsilon: Self::Epsilon,
                max_relative: Self::Epsilon,
            ) -> bool {
                self.agree(other, |a, b| a.relative_eq(b, epsilon, max_relative))
            }
        }

        /// Of the numbers that [`AbsDiffEq`] compares.
        impl<$($generics)*> UlpsEq for $type {
            fn default_max_ulps() -> u32 {
                <$number>::default_max_ulps()
            }

            fn ulps_eq(&self, other: &Self, epsilon: Self::Epsilon, max_ulps: u32) -> bool {
                self.agree(other, |a, b| a.ulps_eq(b, epsilon, max_ulps))
            }
        }
    };
}

approximate! {
    /// Compares $q_a$, $q_b$ and $\varepsilon = 1 - c$. A relative tolerance with `epsilon = 0.0` tells
    /// nearly parallel inputs apart whose correlations round to 1:
    ///
    /// ```
    /// use approx::{assert_relative_eq, assert_relative_ne};
    /// use neural_limits::PairCovariance;
    /// let k = |complement| PairCovariance::with_complement(1.0, 2.0, complement);
    /// assert_relative_eq!(k(1e-30)?, k(1e-30 + 1e-43)?, epsilon = 0.0, max_relative = 1e-12);
    /// assert_relative_ne!(k(1e-30)?, k(2e-30)?, epsilon = 0.0, max_relative = 1e-12);
    /// assert_relative_eq!(k(1e-30)?, k(2e-30)?); // the default epsilon is that of f64
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    [] PairCovariance, f64
}

approximate! {
    /// Compares $q_a$, $q_b$ and $\varepsilon = 1 - c$, the variances in units of $2^e$ with the larger of
    /// the two exponents $e$, so that those beyond the range of `f64` are compared as well.
    [] ScaledCovariance, f64
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

approximate! {
    /// Compares every entry, in the precision of the inputs. Inputs of different shape are unequal.
    ///
    /// ```
    /// use approx::{assert_ulps_eq, assert_ulps_ne};
    /// use neural_limits::Inputs;
    /// let x = Inputs::from_f32_rows(&[[0.1, 0.3]])?;
    /// assert_ulps_eq!(x, Inputs::from_f32_rows(&[[0.1, 0.1 + 0.2]])?);
    /// assert_ulps_ne!(x, Inputs::from_f32_rows(&[[0.1], [0.3]])?);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    [T: Scalar + RelativeEq<Epsilon: Copy> + UlpsEq] Inputs<'_, T>, T
}

#[cfg(test)]
mod tests {
    use ::approx::{abs_diff_eq, abs_diff_ne, relative_eq, relative_ne, ulps_eq, ulps_ne};

    use super::*;
    use crate::law::{Density, Empirical};

    fn pair(qa: f64, qb: f64, epsilon: f64) -> PairCovariance {
        PairCovariance::with_complement(qa, qb, epsilon).unwrap()
    }

    #[test]
    fn each_number_of_a_pair_counts() {
        let k = pair(1.0, 2.0, 0.5);
        assert!(abs_diff_eq!(k, k) && relative_eq!(k, k) && ulps_eq!(k, k));
        for moved in [
            pair(1.0 + 1e-9, 2.0, 0.5),
            pair(1.0, 2.0 + 1e-9, 0.5),
            pair(1.0, 2.0, 0.5 + 1e-9),
        ] {
            assert!(abs_diff_ne!(k, moved) && abs_diff_eq!(k, moved, epsilon = 1e-8));
            assert!(relative_ne!(k, moved) && relative_eq!(k, moved, max_relative = 1e-8));
            assert!(ulps_ne!(k, moved) && ulps_eq!(k, moved, max_ulps = 100_000_000));
        }
    }

    #[test]
    fn scaled_pairs_agree_whatever_their_exponents() {
        let k = pair(1.5, 1.25, 0.5);
        // 2^400 as exponent and as variance
        let large = ScaledCovariance::new(k).followed_by(k.times(2f64.powi(400)), true);
        assert_eq!(large.exponent(), 400);
        let plain = ScaledCovariance::new(k.times(2f64.powi(400)));
        assert!(relative_eq!(large, plain, epsilon = 0.0) && ulps_eq!(plain, large, epsilon = 0.0));
        let other = ScaledCovariance::new(k.times(2f64.powi(400) * 1.001));
        assert!(relative_ne!(large, other) && relative_eq!(large, other, max_relative = 0.01));
        // beyond the range of f64
        let huge = large.followed_by(large.unscaled().times(2f64.powi(400)), true);
        let huger = huge.followed_by(huge.unscaled().times(2f64.powi(900)), true);
        assert!(huger.variance_a().is_err());
        assert!(relative_eq!(huger, huger) && relative_ne!(huge, huger));
        let (infinite, zero) = (
            ScaledCovariance::diverging(k),
            ScaledCovariance::vanishing(k),
        );
        assert!(relative_eq!(infinite, infinite) && relative_eq!(zero, zero));
        assert!(relative_ne!(infinite, zero) && relative_ne!(infinite, ScaledCovariance::new(k)));
    }

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
            sample(&[1.0 + 1e-9], 0),
        ];
        let shifted = Law::Density(grid(1e-9, 4));
        let grids = (&laws[6], &shifted);
        for (a, b) in laws.iter().zip(&moved).chain([grids]) {
            assert!(abs_diff_ne!(a, b) && abs_diff_eq!(a, b, epsilon = 1e-8));
        }
        // in increasing order, whatever the order of the draws
        assert!(ulps_eq!(sample(&[1.0, 2.0], 0), sample(&[2.0, 1.0], 0)));
    }

    #[test]
    fn inputs_are_compared_in_their_own_precision() {
        let x = Inputs::from_rows(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
        let moved = Inputs::from_rows(&[[1.0, 2.0], [3.0, 4.0 + 1e-9]]).unwrap();
        assert!(relative_ne!(x, moved) && relative_eq!(x, moved, max_relative = 1e-8));
        let data = [1.0, 2.0, 3.0, 4.0];
        assert!(ulps_eq!(x, Inputs::from_slice(&data, 2).unwrap()));
        for dimension in [1, 4] {
            assert!(ulps_ne!(x, Inputs::from_slice(&data, dimension).unwrap()));
        }
        assert!(ulps_ne!(x, Inputs::from_slice(&data[..2], 2).unwrap()));
        let single = |entry: f32| Inputs::from_f32_rows(&[[entry]]).unwrap();
        let next = 1.0 + f32::EPSILON;
        assert!(ulps_eq!(single(1.0), single(next)));
        assert!(ulps_ne!(single(1.0), single(1.0 + 1e-3)));
    }
}
