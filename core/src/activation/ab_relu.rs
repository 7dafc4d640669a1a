//! ReLU with two slopes.

use super::{Activation, Dual, Slopes};
use crate::{Result, error};

/// ABReLU, $\varphi(x) = a \min(x, 0) + b \max(x, 0)$: every positively homogeneous function.
///
/// The duals are those of its [`Slopes`] $(a, b)$: arc-cosine maps (R. Tsuchida et al. 2018,
/// arXiv 1711.09090).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbRelu {
    slopes: Slopes,
}

impl AbRelu {
    /// Of the slopes $a$ left and $b$ right of 0.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless both are finite.
    pub fn new(negative: f64, positive: f64) -> Result<Self> {
        Ok(Self {
            slopes: Slopes {
                negative: error::finite("negative", negative)?,
                positive: error::finite("positive", positive)?,
            },
        })
    }
}

impl Activation for AbRelu {
    fn name(&self) -> String {
        format!("ABReLU({}, {})", self.slopes.negative, self.slopes.positive)
    }

    fn value(&self, x: f64) -> f64 {
        self.slopes.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slopes.derivative(x)
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(self.slopes)
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl Dual for AbRelu {}
