//! Shaped ReLU, whose slopes approach 1 with width.

use super::{Activation, Dual, Slopes};
use crate::{Result, error};

/// Shaped ReLU, $\varphi(x) = s_- \min(x, 0) + s_+ \max(x, 0)$ with $s_\pm = 1 + c_\pm/\sqrt n$ (M. Li, M.
/// Nica and D. Roy 2022, arXiv 2206.02768).
///
/// With weights of variance [`critical_weight_variance`](ShapedRelu::critical_weight_variance) the angle
/// between two inputs of an MLP of width $n$ and depth $L = Tn$ follows a stochastic differential equation,
/// where that of an unshaped network closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShapedRelu {
    slopes: Slopes,
}

impl ShapedRelu {
    /// Of the constants $c_-$, $c_+$ at width $n$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the constants are finite and the width is a size.
    ///
    /// ```
    /// use neural_limits::activation::{Activation, ShapedRelu};
    /// let phi = ShapedRelu::new(-1.0, 0.0, 100)?;
    /// assert_eq!((phi.value(-1.0), phi.value(1.0)), (-0.9, 1.0));
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn new(negative: f64, positive: f64, width: usize) -> Result<Self> {
        let root = (error::size("width", width)? as f64).sqrt();
        Ok(Self {
            slopes: Slopes {
                negative: 1.0 + error::finite("negative", negative)? / root,
                positive: 1.0 + error::finite("positive", positive)? / root,
            },
        })
    }

    /// $\sigma_w^2 = 1/\mathbb E[\varphi(z)^2] = 2/(s_-^2 + s_+^2)$, which keeps the variance of every layer.
    pub fn critical_weight_variance(&self) -> f64 {
        1.0 / self.slopes.second_moment()
    }
}

impl Activation for ShapedRelu {
    fn name(&self) -> String {
        format!(
            "shaped ReLU({}, {})",
            self.slopes.negative, self.slopes.positive
        )
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

impl Dual for ShapedRelu {}
