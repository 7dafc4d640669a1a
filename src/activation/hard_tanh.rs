//! Hard tanh.

use super::pair_form::{PairForm, PairMoments, dual_from_pair_form};
use super::price::{Line, PiecewiseLinear};
use super::{Activation, Parity};
use crate::PairCorrelation;

/// $\varphi(x) = \min(\max(x, -1), 1)$.
///
/// The dual is computed by quadrature split at the kinks, with an error below 1e-12 of $\sqrt{V_a V_b}$.
/// (Closed forms through the bivariate normal distribution exist, but cancel for small and overflow for large
/// variances.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardTanh;

impl Activation for HardTanh {
    fn name(&self) -> String {
        "hard tanh".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x.clamp(-1.0, 1.0)
    }

    fn derivative(&self, x: f64) -> f64 {
        if x.abs() < 1.0 { 1.0 } else { 0.0 }
    }

    fn parity(&self) -> Parity {
        Parity::Odd
    }

    fn kinks(&self) -> Vec<f64> {
        vec![-1.0, 1.0]
    }
}

const FORM: PiecewiseLinear<2> = PiecewiseLinear::clamp(
    Line {
        offset: 0.0,
        slope: 1.0,
    },
    -1.0,
    1.0,
);

impl PairForm for HardTanh {
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

dual_from_pair_form!(HardTanh, pair_cost::CLAMP);
