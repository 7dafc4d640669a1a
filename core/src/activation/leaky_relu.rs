//! Leaky ReLU.

use super::{Activation, Dual, Slopes};
use crate::{Result, error};

/// Leaky ReLU, $\varphi(x) = \max(x, 0) + \alpha \min(x, 0)$ (A. Maas, A. Hannun and A. Ng 2013).
///
/// The duals are those of its [`Slopes`] $(\alpha, 1)$: arc-cosine maps (R. Tsuchida et al. 2018,
/// arXiv 1711.09090), at most 4 ulp from exact in $1 - c$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, LeakyRelu}};
/// let opposite = PairCovariance::new(1.0, 1.0, -1.0)?;
/// assert_eq!(LeakyRelu::new(0.5)?.dual(opposite)?.covariance(), -0.5);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    slope: f64,
}

impl LeakyRelu {
    /// Of the slope $\alpha$ left of 0.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless it is finite.
    pub fn new(slope: f64) -> Result<Self> {
        error::finite("slope", slope).map(|slope| Self { slope })
    }
}

impl Activation for LeakyRelu {
    fn name(&self) -> String {
        format!("leaky ReLU({})", self.slope)
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.slope * x }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { self.slope }
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(Slopes {
            negative: self.slope,
            positive: 1.0,
        })
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl Dual for LeakyRelu {}
