//! Derivatives of duals in the covariance of the pair.

use std::f64::consts::PI;

use super::Slopes;
use crate::PairCovariance;

/// How the dual of an activation changes with $(q_a, q_b, c)$, the correlation held where a variance moves:
/// what gradients of kernels in the variances of weights and biases are made of.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Erf}};
/// let at = |c: f64| PairCovariance::new(0.5, 0.8, c * 0.4_f64.sqrt());
/// let found = Erf::default().sensitivity(at(0.3)?).expect("a closed form");
/// let step = 1e-6;
/// let ends = [at(0.3 + step)?, at(0.3 - step)?];
/// let [above, below] = ends.map(|k| Erf::default().derivative_dual(k).unwrap());
/// assert!((found.slope[2] - (above - below) / (2.0 * step)).abs() < 1e-9);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DualSensitivity {
    /// $V^\prime(q_a)$ and $V^\prime(q_b)$ of $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    pub moments: [f64; 2],
    /// Of the correlation of $\varphi(u)$ and $\varphi(v)$ (uncentred), $\mathbb
    /// E[\varphi(u)\varphi(v)]/\sqrt{V_a V_b}$, in $q_a$, $q_b$ and $c$.
    pub correlation: [f64; 3],
    /// Of $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ in $q_a$, $q_b$ and $c$; the last is infinite at
    /// $c = \pm 1$ where $\varphi$ has a kink at 0.
    pub slope: [f64; 3],
}

impl DualSensitivity {
    /// Of a positively homogeneous activation: with $m$ its second moment and $w$ the weight of $\kappa_1$,
    /// $c^\prime$ has the slope $\mathbb E[\varphi^\prime\varphi^\prime]/m$ in $c$ (Price's theorem), which
    /// has $w/(\pi\sqrt{1 - c^2})$. `None` for the zero function.
    pub(super) fn of_slopes(slopes: Slopes, k: PairCovariance) -> Option<Self> {
        let moment = slopes.second_moment();
        if moment == 0.0 {
            return None;
        }
        let weight = slopes.curvature_weight();
        let steep = if weight == 0.0 {
            0.0
        } else {
            weight / (PI * k.pair_correlation().sine_squared().sqrt())
        };
        Some(Self {
            moments: [moment; 2],
            correlation: [0.0, 0.0, slopes.derivative_dual(k) / moment],
            slope: [0.0, 0.0, steep],
        })
    }
}
