//! The rectified linear unit.

use super::{Activation, Dual, Slopes};

/// ReLU, $\varphi(x) = \max(x, 0)$, with $\varphi^\prime(0) = 0$.
///
/// Its duals are the arc-cosine kernels of degree 1 and 0 (Y. Cho and L. K. Saul, NeurIPS 2009):
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \tfrac12 \sqrt{q_a q_b} \kappa_1(c), \qquad \mathbb
/// E[\varphi^\prime(u)\varphi^\prime(v)] = \tfrac12 \kappa_0(c),$$
///
/// with the maps of [`arc_cosine`](super::arc_cosine), at most 4 ulp from exact in $1-c$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Relu}};
/// let orthogonal = PairCovariance::new(1.0, 4.0, 0.0)?;
/// let dual = Relu.dual(orthogonal)?;
/// assert!((dual.covariance() - 1.0 / std::f64::consts::PI).abs() < 1e-15);
/// assert_eq!(Relu.derivative_dual(orthogonal)?, 0.25);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relu;

impl Activation for Relu {
    fn name(&self) -> String {
        "ReLU".to_owned()
    }

    #[inline]
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { 0.0 }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }

    // written out, so that they are compiled here, where a dependent's debug build has them optimised
    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = self.value(x);
        }
    }

    fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = self.derivative(x);
        }
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(Slopes {
            negative: 0.0,
            positive: 1.0,
        })
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl Dual for Relu {}
