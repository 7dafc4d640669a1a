//! Networks as data: JSON in, kernel out (feature `serde`).

use serde::{Deserialize, Serialize};

use super::{
    Activated, Dense, Dropout, FanIn, LayerNorm, Network, Parametrization, Repeat, Residual,
};
use crate::activation::named;
use crate::{Initialization, Result};

/// A network in words and numbers, for configuration files.
///
/// ```
/// use neural_limits::network::Description;
/// use neural_limits::prelude::*;
/// let json = r#"{"layers": [
///   {"dense": {"weight_variance": 2.0, "bias_variance": 0.1}},
///   {"repeat": {"times": 10, "layers": [
///     {"residual": {"scale": 0.5, "layers": [
///       {"layer_norm": {}}, {"activation": "gelu"}, {"dense": {"weight_variance": 2.0}}]}}]}},
///   {"activation": "leaky_relu(0.2)"},
///   {"dense": {"weight_variance": 1.0, "train_biases": false}}]}"#;
/// let description: Description = serde_json::from_str(json).unwrap();
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let kernels = description.build()?.kernels(&x)?;
/// assert!(kernels.ntk[(0, 1)] < kernels.ntk[(0, 0)]);
/// let again: Description = serde_json::from_str(&serde_json::to_string(&description).unwrap()).unwrap();
/// assert_eq!(again, description);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// From the inputs on.
    pub layers: Vec<LayerDescription>,
}

/// A layer in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerDescription {
    /// [`Dense`].
    Dense {
        /// $\sigma_w^2$.
        weight_variance: f64,
        /// $\sigma_b^2$, by default 0.
        #[serde(default)]
        bias_variance: f64,
        /// By default `ntk`.
        #[serde(default)]
        parametrization: Parametrization,
        /// The number of neurons, where it matters.
        #[serde(default)]
        width: Option<usize>,
        /// By default `true`.
        #[serde(default = "yes")]
        train_weights: bool,
        /// By default `true`.
        #[serde(default = "yes")]
        train_biases: bool,
    },
    /// [`Activated`] by the activation of a [name](named).
    Activation(String),
    /// [`Residual`].
    Residual {
        /// $s$, by default 1.
        #[serde(default = "one")]
        skip: f64,
        /// $\alpha$, by default 1.
        #[serde(default = "one")]
        scale: f64,
        /// The branch.
        layers: Vec<LayerDescription>,
    },
    /// [`Repeat`].
    Repeat {
        /// How often.
        times: usize,
        /// What is repeated.
        layers: Vec<LayerDescription>,
    },
    /// [`FanIn::sum`] of branches.
    Sum(Vec<Vec<LayerDescription>>),
    /// [`FanIn::product`] of branches.
    Product(Vec<Vec<LayerDescription>>),
    /// [`FanIn::weighted_concatenation`] of branches.
    Concatenation {
        /// The branches.
        branches: Vec<Vec<LayerDescription>>,
        /// The share of each in the neurons, by default equal ones.
        #[serde(default)]
        shares: Option<Vec<f64>>,
    },
    /// [`LayerNorm`].
    LayerNorm {
        /// By default 1e-12.
        #[serde(default = "layer_norm_epsilon")]
        epsilon: f64,
    },
    /// [`Dropout`] that keeps a neuron with this probability.
    Dropout(f64),
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn layer_norm_epsilon() -> f64 {
    1e-12
}

impl Description {
    /// The network.
    ///
    /// # Errors
    /// What the constructors of the layers refuse.
    pub fn build(&self) -> Result<Network> {
        build(&self.layers)
    }
}

fn build(layers: &[LayerDescription]) -> Result<Network> {
    layers
        .iter()
        .try_fold(Network::new(), |network, layer| layer.follow(network))
}

fn build_all(branches: &[Vec<LayerDescription>]) -> Result<Vec<Network>> {
    branches.iter().map(|layers| build(layers)).collect()
}

impl LayerDescription {
    fn follow(&self, network: Network) -> Result<Network> {
        Ok(match self {
            Self::Dense {
                weight_variance,
                bias_variance,
                parametrization,
                width,
                train_weights,
                train_biases,
            } => {
                let law = Initialization::new(*weight_variance, *bias_variance)?;
                let dense = Dense::new(law)
                    .with_parametrization(*parametrization)
                    .trained(*train_weights, *train_biases);
                network.then(match width {
                    Some(width) => dense.with_width(*width)?,
                    None => dense,
                })
            }
            Self::Activation(name) => network.then(Activated::new(named(name)?)),
            Self::Residual {
                skip,
                scale,
                layers,
            } => network.then(Residual::new(*skip, *scale, build(layers)?)?),
            Self::Repeat { times, layers } => network.then(Repeat::new(*times, build(layers)?)?),
            Self::Sum(branches) => network.then(FanIn::sum(build_all(branches)?)?),
            Self::Product(branches) => network.then(FanIn::product(build_all(branches)?)?),
            Self::Concatenation { branches, shares } => {
                let branches = build_all(branches)?;
                network.then(match shares {
                    Some(shares) => FanIn::weighted_concatenation(branches, shares)?,
                    None => FanIn::concatenation(branches)?,
                })
            }
            Self::LayerNorm { epsilon } => network.then(LayerNorm::new(*epsilon)?),
            Self::Dropout(keep) => network.then(Dropout::new(*keep)?),
        })
    }
}
