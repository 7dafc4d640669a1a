//! Hard tanh.

use super::price::{Line, PiecewiseLinear, dual_by_price};
use super::{Activation, Parity};

/// $\varphi(x) = \min(\max(x, -1), 1)$.
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
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

const LINES: PiecewiseLinear<2> = PiecewiseLinear::clamp(
    Line {
        offset: 0.0,
        slope: 1.0,
    },
    -1.0,
    1.0,
);
dual_by_price!(HardTanh, pair_cost::CLAMP, |_| LINES, affine);
