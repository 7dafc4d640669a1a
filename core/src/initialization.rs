//! The law of a layer's weights and biases at initialisation.

use crate::PairCovariance;
use crate::error::{self, Result};

/// Independent Gaussian weights $W^{ij} \sim \mathcal N(0, \sigma_w^2/\text{fan in})$ and biases
/// $b^i \sim \mathcal N(0, \sigma_b^2)$.
///
/// ```
/// use neural_limits::Initialization;
/// let he = Initialization::he();
/// assert_eq!((he.weight_variance(), he.bias_variance()), (2.0, 0.0));
/// assert!(Initialization::new(f64::NAN, 0.0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Initialization {
    weight_variance: f64,
    bias_variance: f64,
}

impl Initialization {
    /// Variances $\sigma_w^2$ and $\sigma_b^2$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless both are finite and $\ge 0$.
    pub fn new(weight_variance: f64, bias_variance: f64) -> Result<Self> {
        Ok(Self {
            weight_variance: error::non_negative("weight_variance", weight_variance)?,
            bias_variance: error::non_negative("bias_variance", bias_variance)?,
        })
    }

    /// $\sigma_w^2 = 1$, $\sigma_b^2 = 0$: the initialisation of Hayou and Yang (2023, arXiv 2302.00453).
    pub fn lecun() -> Self {
        Self {
            weight_variance: 1.0,
            bias_variance: 0.0,
        }
    }

    /// $\sigma_w^2 = 2$, $\sigma_b^2 = 0$: the edge of chaos of a ReLU MLP
    /// (K. He et al. 2015, arXiv 1502.01852; S. Hayou et al. 2019, arXiv 1902.06853).
    pub fn he() -> Self {
        Self {
            weight_variance: 2.0,
            bias_variance: 0.0,
        }
    }

    /// $\sigma_w^2$, the variance of a weight times the fan-in.
    pub fn weight_variance(&self) -> f64 {
        self.weight_variance
    }

    /// $\sigma_b^2$.
    pub fn bias_variance(&self) -> f64 {
        self.bias_variance
    }

    /// $\sigma_w^2 K + \sigma_b^2$: what a dense layer makes of the covariance of its inputs.
    pub fn dense(&self, k: PairCovariance) -> PairCovariance {
        let weighted = k.times(self.weight_variance());
        let bias = self.bias_variance();
        if bias == 0.0 {
            weighted
        } else {
            weighted.plus(PairCovariance::from_parts(bias, bias, 0.0))
        }
    }
}

impl Default for Initialization {
    /// [`Initialization::lecun`].
    fn default() -> Self {
        Self::lecun()
    }
}
