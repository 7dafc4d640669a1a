//! The sigmoid linear unit.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::pair_form::dual_from_pair_form;
use crate::numerics::logistic::logistic;

/// SiLU, also called swish, $\varphi(x) = x/(1 + e^{-x})$ (S. Elfwing et al. 2017, arXiv 1702.03118; P.
/// Ramachandran et al. 2017, arXiv 1710.05941).
///
/// The dual is a double sum over the components of a Gaussian mixture (`activation/mixture`), a few
/// microseconds at any variances and correlation, with an error below 1e-15 of $\sqrt{V_a V_b}$ and below
/// 1e-13 in $1 - c^\prime$ (`tests/it/dual_oracle.rs` prints what is found).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silu;

/// Inlined into loops over slices.
impl Silu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        x * logistic(x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        let s = logistic(x);
        s * (1.0 + x * (1.0 - s))
    }
}

impl Activation for Silu {
    fn name(&self) -> String {
        "SiLU".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

dual_from_pair_form!(Silu, pair_cost::MIXTURE);
