//! The hyperbolic tangent.

use super::elementwise::vectorized_slices;
use super::pair_form::dual_from_pair_form;
use super::{Activation, Parity};
use crate::numerics::logistic;

/// $\varphi(x) = \tanh x$.
///
/// The dual is a double sum over the components of a Gaussian mixture (`activation/mixture`), a few
/// microseconds at any variances and correlation, with an error below 1e-15 of $\sqrt{V_a V_b}$ and below
/// 1e-13 in $1 - c^\prime$ (`tests/it/dual_oracle.rs` prints what is found).
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Tanh}};
/// let k = PairCovariance::new(1.0, 1.0, 1.0)?;
/// assert!((Tanh.dual(k)?.covariance() - 0.394_294_490_397_841_2).abs() < 1e-13);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tanh;

/// Inlined into loops over slices.
impl Tanh {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        logistic::tanh(x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        logistic::sech_squared(x)
    }
}

impl Activation for Tanh {
    fn name(&self) -> String {
        "tanh".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();

    fn parity(&self) -> Parity {
        Parity::Odd
    }
}

dual_from_pair_form!(Tanh, pair_cost::MIXTURE);
