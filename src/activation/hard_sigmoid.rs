//! Hard sigmoid.

use super::Activation;
use super::pair_form::{PairForm, PairMoments, dual_from_pair_form};
use super::price::{Line, PiecewiseLinear};
use crate::PairCorrelation;

/// $\varphi(x) = \min(\max(x/6 + 1/2, 0), 1)$.
///
/// The dual is computed by quadrature split at the kinks, with an error below 1e-12 of $\sqrt{V_a V_b}$.
/// (Closed forms through the bivariate normal distribution exist, but cancel for small and overflow for large
/// variances.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardSigmoid;

impl Activation for HardSigmoid {
    fn name(&self) -> String {
        "hard sigmoid".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        (x / 6.0 + 0.5).clamp(0.0, 1.0)
    }

    fn derivative(&self, x: f64) -> f64 {
        if x.abs() < 3.0 { 1.0 / 6.0 } else { 0.0 }
    }

    fn kinks(&self) -> Vec<f64> {
        vec![-3.0, 3.0]
    }
}

const FORM: PiecewiseLinear<2> = PiecewiseLinear::clamp(
    Line {
        offset: 0.5,
        slope: 1.0 / 6.0,
    },
    -3.0,
    3.0,
);

impl PairForm for HardSigmoid {
    fn variance(&self, q: f64) -> f64 {
        FORM.variance(q)
    }

    fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        FORM.pair(qa, qb, c)
    }

    fn affine_pair(
        &self,
        parameters: [f64; 4],
        (qa, qb, c): (f64, f64, PairCorrelation),
    ) -> Option<PairMoments> {
        (parameters[0] != 0.0).then(|| FORM.affine(parameters).pair(qa, qb, c))
    }
}

dual_from_pair_form!(HardSigmoid, pair_cost::CLAMP);
