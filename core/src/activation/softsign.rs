//! Softsign.

use super::pair_form::dual_from_pair_form;
use super::{Activation, Parity};

/// $\varphi(x) = x/(1 + |x|)$, whose second derivative jumps at 0.
///
/// The dual is a double sum over the components of a Gaussian mixture (`activation/mixture`), summed as a
/// series in $c$: 2 to 14 microseconds (up to 60 for variances beyond 1e9), less beside others of the same
/// variances, with an error below 2e-14 of $\sqrt{V_a V_b}$ and below 1e-13 in $1 - c^\prime$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Softsign;

impl Activation for Softsign {
    fn name(&self) -> String {
        "softsign".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x / (1.0 + x.abs())
    }

    fn derivative(&self, x: f64) -> f64 {
        (1.0 + x.abs()).powi(-2)
    }

    fn parity(&self) -> Parity {
        Parity::Odd
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

dual_from_pair_form!(Softsign, pair_cost::LONG_MIXTURE);
