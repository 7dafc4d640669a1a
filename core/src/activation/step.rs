//! The step.

use super::Activation;
use super::jump::dual_from_jump;

/// The Heaviside step, $\varphi(x) = 1_{x > 0}$.
///
/// $\mathbb E[\varphi(u)\varphi(v)] = \tfrac12 \kappa_0(c)$ (Y. Cho and L. K. Saul 2009, degree 0). The
/// pointwise derivative vanishes, and with it the derivative's dual.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Step}};
/// let k = PairCovariance::new(3.0, 0.1, 0.0)?;
/// assert_eq!(Step.dual(k)?.covariance(), 0.25);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step;

impl Activation for Step {
    fn name(&self) -> String {
        "step".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }

    fn derivative(&self, _: f64) -> f64 {
        0.0
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

dual_from_jump!(Step, 0.0, 1.0);
