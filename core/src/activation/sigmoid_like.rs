//! A sigmoid made of the error function.

use std::f64::consts::SQRT_2;

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::elementwise::vectorized_slices;
use super::{Activation, Erf};
use crate::PairCorrelation;
use crate::numerics::error_function;

/// $\varphi(x) = \tfrac12 \operatorname{erf}(x/2.4020563531719796) + \tfrac12$, within 0.02 of the logistic
/// function and with closed duals (those of [`Erf`]); the constant is the one of neural-tangents'
/// `Sigmoid_like` (R. Novak et al. 2019, arXiv 1912.02803).
///
/// ```
/// use neural_limits::activation::{Activation, Sigmoid, SigmoidLike};
/// let x = 1.3;
/// assert!((SigmoidLike::default().value(x) - Sigmoid.value(x)).abs() < 0.02);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SigmoidLike {
    erf: Erf,
}

const SCALE: f64 = 2.402_056_353_171_979_6;

impl Default for SigmoidLike {
    fn default() -> Self {
        Self {
            erf: Erf::half(1.0 / SCALE),
        }
    }
}

/// Inlined into loops over slices.
impl SigmoidLike {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        error_function::distribution(x * (SQRT_2 / SCALE))
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        self.erf.slope(x)
    }
}

impl Activation for SigmoidLike {
    fn name(&self) -> String {
        "sigmoid-like".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

impl ClosedForm for SigmoidLike {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.erf.moment(qa, qb, c)
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.erf.derivative_moment(qa, qb, c)
    }

    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.erf.complement(qa, qb, c)
    }
}

dual_from_closed_form!(SigmoidLike);
