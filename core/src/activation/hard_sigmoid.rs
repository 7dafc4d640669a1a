//! Hard sigmoid.

use super::Activation;
use super::price::{Line, PiecewiseLinear, dual_by_price};

/// $\varphi(x) = \min(\max(x/6 + 1/2, 0), 1)$.
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
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

const LINES: PiecewiseLinear<2> = PiecewiseLinear::clamp(
    Line {
        offset: 0.5,
        slope: 1.0 / 6.0,
    },
    -3.0,
    3.0,
);
dual_by_price!(HardSigmoid, pair_cost::CLAMP, |_| LINES, affine);
