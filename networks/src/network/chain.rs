//! The form of a network for which limits have closed forms.

use std::sync::Arc;

use super::Branch;
use super::scaling::BranchScaling;
use crate::activation::{Slopes, slopes_at_zero};

/// A residual or plain stack around an activation and a dense layer,
/// $Y_l = s Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l)$: what closed forms read.
#[derive(Debug, Clone)]
pub struct Chain {
    /// $\varphi$, $\sigma_w^2$ and $\sigma_b^2$.
    pub branch: Branch,
    /// $s$.
    pub skip: f64,
    /// $\alpha_{l,L}$.
    pub scaling: Arc<dyn BranchScaling>,
}

impl Chain {
    /// The slopes of $\varphi$ if the chain is positively homogeneous (no biases).
    pub fn homogeneous(&self) -> Option<Slopes> {
        let slopes = self.branch.activation().slopes();
        slopes.filter(|_| self.branch.initialization().bias_variance() == 0.0)
    }

    /// The slopes of $\varphi$ at 0 if there are no biases and $\varphi(0) = 0$: all that is left of the
    /// chain at small variances.
    pub(crate) fn slopes_at_zero(&self) -> Option<Slopes> {
        if self.branch.initialization().bias_variance() > 0.0 {
            return None;
        }
        slopes_at_zero(&**self.branch.activation())
    }

    /// $\sigma_w^2$.
    pub fn weight_variance(&self) -> f64 {
        self.branch.initialization().weight_variance()
    }

    /// The factor $g = s^2 + \alpha^2 \sigma_w^2 \mathbb E[\varphi(z)^2]$ by which a layer of a homogeneous
    /// chain multiplies variances; 1 where it is 1 up to 4 units of rounding, so that a critical
    /// initialisation is one whatever the slopes.
    pub fn variance_growth(&self, slopes: Slopes, alpha: f64) -> f64 {
        let branch = alpha * alpha * self.weight_variance() * slopes.second_moment();
        let growth = self.skip * self.skip + branch;
        if (growth - 1.0).abs() <= 4.0 * f64::EPSILON {
            1.0
        } else {
            growth
        }
    }
}
