//! The absolute value.

use super::{Activation, Dual, Parity, Slopes};

/// $\varphi(x) = |x|$, with $\varphi^\prime(0) = -1$; its duals are those of the [`Slopes`] $(-1, 1)$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abs;

impl Activation for Abs {
    fn name(&self) -> String {
        "abs".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x.abs()
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { -1.0 }
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(Slopes {
            negative: -1.0,
            positive: 1.0,
        })
    }

    fn parity(&self) -> Parity {
        Parity::Even
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl Dual for Abs {}
