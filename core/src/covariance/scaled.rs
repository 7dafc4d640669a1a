//! Covariances with a power of two of their own.

use super::{PairCorrelation, PairCovariance};
use crate::error::{Error, Result};
use crate::numerics::scale_by_power_of_two;

/// A [`PairCovariance`] times a power of two, $2^e K$: what a deep chain yields whose variances may have left
/// the range of `f64` while the correlation is still exact.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ScaledCovariance {
    pair: PairCovariance,
    exponent: i64,
}

/// Variances are kept within $2^{\pm 300}$ by moving powers of two into the exponent.
const RESCALE: f64 = 300.0;

impl ScaledCovariance {
    /// With exponent 0.
    pub fn new(pair: PairCovariance) -> Self {
        Self { pair, exponent: 0 }
    }

    /// $e^{\text{growth}} K$.
    pub fn exponential(pair: PairCovariance, growth: f64) -> Self {
        const DIRECT: f64 = 200.0;
        if growth < DIRECT {
            Self::new(pair.times(growth.exp()))
        } else {
            let log2 = growth * std::f64::consts::LOG2_E;
            Self {
                pair: pair.times((log2 - log2.floor()).exp2()),
                exponent: log2.floor() as i64,
            }
        }
    }

    /// Infinite variances with the correlation of `pair`.
    pub fn diverging(pair: PairCovariance) -> Self {
        Self {
            pair,
            exponent: i64::MAX,
        }
    }

    /// Variances that have shrunk to 0, with the correlation of `pair` in the limit.
    pub fn vanishing(pair: PairCovariance) -> Self {
        Self {
            pair,
            exponent: i64::MIN,
        }
    }

    /// $K$ without its power of two.
    pub fn unscaled(&self) -> PairCovariance {
        self.pair
    }

    /// $e$.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// Whether both variances are below `bound`.
    pub fn is_below(&self, bound: f64) -> bool {
        let largest = self.pair.variance_a().max(self.pair.variance_b());
        largest.log2() + self.exponent as f64 <= bound.log2()
    }

    /// $2^e$ `pair`; `rescale` moves a power of two out of the way, for chains that commute with positive
    /// factors.
    pub fn followed_by(self, pair: PairCovariance, rescale: bool) -> Self {
        let log2 = pair.variance_a().max(pair.variance_b()).log2();
        if rescale && log2.is_finite() && log2.abs() > RESCALE {
            let shift = log2.floor();
            Self {
                pair: pair.times((-shift).exp2()),
                exponent: self.exponent + shift as i64,
            }
        } else {
            Self { pair, ..self }
        }
    }

    /// $2^e$ times `value`, or the overflow.
    fn scaled(&self, quantity: &str, value: f64) -> Result<f64> {
        if self.exponent == i64::MAX && value != 0.0 {
            let endless = format!("{quantity} at infinite depth, which grows without bound,");
            return Err(Error::overflow(endless));
        }
        scale_by_power_of_two(quantity, value, self.exponent)
    }

    /// $q_a$.
    ///
    /// # Errors
    /// [`Error::Overflow`] if it is larger than `f64::MAX`. (A value too small for `f64` is 0.)
    pub fn variance_a(&self) -> Result<f64> {
        self.scaled("the variance", self.pair.variance_a())
    }

    /// $q_b$.
    ///
    /// # Errors
    /// As [`variance_a`](Self::variance_a).
    pub fn variance_b(&self) -> Result<f64> {
        self.scaled("the variance", self.pair.variance_b())
    }

    /// $k$.
    ///
    /// # Errors
    /// As [`variance_a`](Self::variance_a).
    pub fn covariance(&self) -> Result<f64> {
        self.scaled("the covariance", self.pair.covariance())
    }

    /// $c$, rounded.
    ///
    /// # Errors
    /// As [`pair_correlation`](Self::pair_correlation).
    pub fn correlation(&self) -> Result<f64> {
        Ok(self.pair_correlation()?.value())
    }

    /// $\varepsilon = 1 - c$.
    ///
    /// # Errors
    /// As [`pair_correlation`](Self::pair_correlation).
    pub fn one_minus_correlation(&self) -> Result<f64> {
        Ok(self.pair_correlation()?.one_minus())
    }

    /// $c$ with its distance from the nearer of $\pm 1$.
    ///
    /// # Errors
    /// [`Error::Undefined`] if a variance is 0; [`Error::Overflow`] if the recursion left the range of `f64`.
    pub fn pair_correlation(&self) -> Result<PairCorrelation> {
        let pair = self.pair;
        for variance in [pair.variance_a(), pair.variance_b()] {
            if variance == 0.0 {
                return Err(Error::undefined("the correlation", "a variance is 0"));
            }
            self.finite_inside("the variance", variance)?;
        }
        Ok(pair.pair_correlation())
    }

    /// The matrix itself.
    ///
    /// # Errors
    /// As [`variance_a`](Self::variance_a).
    pub fn pair(&self) -> Result<PairCovariance> {
        let (variance_a, variance_b) = (self.variance_a()?, self.variance_b()?);
        let correlation = self.pair.pair_correlation();
        Ok(PairCovariance::of(variance_a, variance_b, correlation))
    }

    fn finite_inside(&self, quantity: &str, value: f64) -> Result<f64> {
        scale_by_power_of_two(quantity, value, 0)
    }
}
