//! The law of a layer's weights and biases at initialisation.

mod weight_law;

pub use weight_law::{WeightDistribution, WeightLaw};

use crate::PairCovariance;
use crate::error::{self, Result};

/// Weights $W^{ij}$ of mean 0 and variance $\sigma_w^2/\text{fan in}$, and biases
/// $b^i \sim \mathcal N(0, \sigma_b^2)$. Weights are independent and Gaussian, unless
/// [`with_weights`](Self::with_weights) says otherwise.
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
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "WeightLaw::is_gaussian")
    )]
    weights: WeightLaw,
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
            weights: WeightLaw::gaussian(),
        })
    }

    /// $\sigma_w^2 = 1$, $\sigma_b^2 = 0$: the initialisation of Hayou and Yang (2023, arXiv 2302.00453).
    pub fn lecun() -> Self {
        Self {
            weight_variance: 1.0,
            bias_variance: 0.0,
            weights: WeightLaw::gaussian(),
        }
    }

    /// $\sigma_w^2 = 2$, $\sigma_b^2 = 0$: the edge of chaos of a ReLU MLP
    /// (K. He et al. 2015, arXiv 1502.01852; S. Hayou et al. 2019, arXiv 1902.06853).
    pub fn he() -> Self {
        Self {
            weight_variance: 2.0,
            bias_variance: 0.0,
            weights: WeightLaw::gaussian(),
        }
    }

    /// With weights of another law, of the same variance. What a network of finite width is then drawn from
    /// is dense weights; kernels at infinite width stay (universality), but for layers that read the inputs.
    ///
    /// ```
    /// use neural_limits::network::WeightLaw;
    /// use neural_limits::prelude::*;
    /// let init = Initialization::he().with_weights(WeightLaw::rademacher());
    /// let x = Inputs::from_rows(&[[1.0, 0.5]])?;
    /// let networks = ResNet::new(Relu).initialized_by(init).finite(20, 3)?;
    /// assert!(networks.covariances(&x, 2, 7).is_err()); // no Gaussian vectors to draw
    /// assert!(networks.with_sampler(Sampler::Dense).covariances(&x, 2, 7).is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_weights(self, weights: WeightLaw) -> Self {
        Self { weights, ..self }
    }

    /// The law of the weights.
    pub fn weights(&self) -> WeightLaw {
        self.weights
    }

    /// $\sigma_w^2$, the variance of a weight times the fan-in.
    pub fn weight_variance(&self) -> f64 {
        self.weight_variance
    }

    /// $\sigma_b^2$.
    pub fn bias_variance(&self) -> f64 {
        self.bias_variance
    }

    /// With $\sigma_w^2$ multiplied by a finite factor $\ge 0$.
    #[doc(hidden)]
    pub fn times_weights(self, factor: f64) -> Self {
        Self {
            weight_variance: factor * self.weight_variance,
            ..self
        }
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
