//! ReLU cut at 6.

use super::Activation;
use super::price::{Line, PiecewiseLinear, dual_by_price};

/// ReLU6, $\varphi(x) = \min(\max(x, 0), 6)$.
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relu6;

impl Activation for Relu6 {
    fn name(&self) -> String {
        "ReLU6".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x.clamp(0.0, 6.0)
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 }
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0, 6.0]
    }
}

const LINES: PiecewiseLinear<2> = PiecewiseLinear::clamp(
    Line {
        offset: 0.0,
        slope: 1.0,
    },
    0.0,
    6.0,
);
dual_by_price!(Relu6, pair_cost::CLAMP, |_| LINES, affine);
