//! The rectified linear unit.

use super::elementwise::vectorized_slices;
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

/// Inlined into loops over slices.
impl Relu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        if x > 0.0 { x } else { 0.0 }
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }
}

impl Activation for Relu {
    fn name(&self) -> String {
        "ReLU".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();

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
