//! The identity.

use super::{Activation, Dual, Parity, Slopes};

/// $\varphi(x) = x$: linear networks. Its dual is $K$ itself, its derivative's dual 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity;

impl Activation for Identity {
    fn name(&self) -> String {
        "identity".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x
    }

    fn derivative(&self, _: f64) -> f64 {
        1.0
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(Slopes {
            negative: 1.0,
            positive: 1.0,
        })
    }

    fn parity(&self) -> Parity {
        Parity::Odd
    }
}

impl Dual for Identity {}
