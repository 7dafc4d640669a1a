//! The logistic function.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::pair_form::dual_from_pair_form;
use crate::numerics::logistic::{logistic, sech_squared};

/// $\varphi(x) = 1/(1 + e^{-x})$.
///
/// The dual is a double sum over the components of a Gaussian mixture (`activation/mixture`), a few
/// microseconds at any variances and correlation, with an error below 1e-15 of $\sqrt{V_a V_b}$ and below
/// 1e-13 in $1 - c^\prime$ (`tests/it/dual_oracle.rs` prints what is found).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sigmoid;

/// Inlined into loops over slices.
impl Sigmoid {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        logistic(x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        0.25 * sech_squared(0.5 * x)
    }
}

impl Activation for Sigmoid {
    fn name(&self) -> String {
        "sigmoid".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

dual_from_pair_form!(Sigmoid, pair_cost::MIXTURE);
