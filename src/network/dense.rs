//! The dense layer.

use super::{Directions, KernelBlock, Layer, Outline};
use crate::{Error, Initialization, Result, error};

/// Which numbers are trained, and with what share in the tangent kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Parametrization {
    /// Weights $\sigma_w \omega_{ij}/\sqrt{n}$ and biases $\sigma_b \beta_i$ with trained standard normal
    /// $\omega$, $\beta$ ($n$ the number of inputs of the layer):
    /// $\Theta^\prime = \sigma_w^2 K + \sigma_b^2 + \sigma_w^2 \Theta$ (A. Jacot, F. Gabriel and C. Hongler
    /// 2018, arXiv 1806.07572).
    #[default]
    Ntk,
    /// Trained weights $W_{ij} \sim \mathcal N(0, \sigma_w^2/n)$ and biases
    /// $b_i \sim \mathcal N(0, \sigma_b^2)$: $\Theta^\prime = n K + 1 + \sigma_w^2 \Theta$, which grows with
    /// the width (J. Sohl-Dickstein et al. 2020, arXiv 2001.07301). Without biases ($\sigma_b = 0$) there is
    /// no 1.
    Standard,
}

/// A dense layer $W x + b$, with the covariance map $K^\prime = \sigma_w^2 K + \sigma_b^2$.
///
/// By default in the [NTK parametrisation](Parametrization::Ntk), weights and biases trained.
///
/// ```
/// use neural_limits::network::{Activated, Dense, Network, Parametrization};
/// use neural_limits::prelude::*;
/// let he = Dense::new(Initialization::he());
/// let x = Inputs::from_rows(&[[1.0, 1.0]])?;
/// let net = |first: Dense, second: Dense| Network::new().then(first).then(Activated::new(Relu)).then(second);
/// assert_eq!(net(he, he).ntk(&x)?[(0, 0)], 4.0);
/// assert_eq!(net(he.frozen(), he).ntk(&x)?[(0, 0)], 2.0); // the last layer alone
/// let standard = he.with_parametrization(Parametrization::Standard).with_width(512)?;
/// assert_eq!(net(standard, standard).ntk(&x)?[(0, 0)], 512.0 * 1.0 + 2.0 * 1.0); // n K + d |x|²/d
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense {
    initialization: Initialization,
    parametrization: Parametrization,
    width: Option<f64>,
    trained_weights: bool,
    trained_biases: bool,
}

impl Dense {
    /// Of the variances $\sigma_w^2$, $\sigma_b^2$.
    pub fn new(initialization: Initialization) -> Self {
        Self {
            initialization,
            parametrization: Parametrization::Ntk,
            width: None,
            trained_weights: true,
            trained_biases: true,
        }
    }

    /// Sets the parametrisation.
    pub fn with_parametrization(self, parametrization: Parametrization) -> Self {
        Self {
            parametrization,
            ..self
        }
    }

    /// Declares the number of neurons, for the layers in standard parametrisation that follow.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 or more than 10⁹ neurons.
    pub fn with_width(self, width: usize) -> Result<Self> {
        let width = Some(error::size("width", width)? as f64);
        Ok(Self { width, ..self })
    }

    /// Trains weights or biases or both, or neither.
    pub fn trained(self, weights: bool, biases: bool) -> Self {
        Self {
            trained_weights: weights,
            trained_biases: biases,
            ..self
        }
    }

    /// Trains nothing: random features.
    pub fn frozen(self) -> Self {
        self.trained(false, false)
    }

    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub fn initialization(&self) -> Initialization {
        self.initialization
    }

    /// $f$ and $b$ of $\Theta^\prime = \sigma_w^2 \Theta + f K + b$ after a layer of `width` neurons.
    fn gains(&self, width: Option<f64>) -> Result<(f64, f64)> {
        let bias = self.initialization.bias_variance();
        let (weights, biases) = match self.parametrization {
            Parametrization::Ntk => (self.initialization.weight_variance(), bias),
            Parametrization::Standard if !self.trained_weights => {
                (0.0, f64::from(u8::from(bias > 0.0)))
            }
            Parametrization::Standard => {
                let width = width.ok_or_else(|| {
                    Error::unsupported(
                        "the tangent kernel in standard parametrisation",
                        "it needs the number of neurons of the layer before: declare it by Dense::with_width",
                    )
                })?;
                (width, f64::from(u8::from(bias > 0.0)))
            }
        };
        Ok((
            if self.trained_weights { weights } else { 0.0 },
            if self.trained_biases { biases } else { 0.0 },
        ))
    }
}

impl Layer for Dense {
    fn name(&self) -> String {
        format!(
            "dense(σ_w² = {}, σ_b² = {})",
            self.initialization.weight_variance(),
            self.initialization.bias_variance()
        )
    }

    fn outline(&self, _: Outline) -> Result<Outline> {
        Ok(Outline {
            gaussian: true,
            fresh: true,
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let (gain, shift) = if block.tangent().is_some() {
            self.gains(block.width())?
        } else {
            (0.0, 0.0)
        };
        block.set_width(self.width);
        block.dense(
            self.initialization.weight_variance(),
            self.initialization.bias_variance(),
            gain,
            shift,
        )
    }

    fn pair_cost(&self) -> f64 {
        1.5
    }

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        let weight = self.initialization.weight_variance();
        if self.initialization.bias_variance() > 0.0 || weight == 0.0 {
            return Ok(false);
        }
        let gain = if state.has_tangent() {
            self.gains(state.width())?.0
        } else {
            0.0
        };
        state.set_width(self.width);
        state.dense(weight, gain / weight);
        Ok(true)
    }
}
