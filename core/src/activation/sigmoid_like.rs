//! A sigmoid made of the error function.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::{Activation, Erf};
use crate::PairCorrelation;

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

impl Activation for SigmoidLike {
    fn name(&self) -> String {
        "sigmoid-like".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        0.5 * libm::erfc(-x / SCALE)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.erf.derivative(x)
    }
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
