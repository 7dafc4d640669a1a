//! Networks as data: JSON in, kernel out (feature `serde`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::scaling::{BranchScaling, Constant, ConvergentSeries, InverseSqrtDepth, PowerLaw};
use super::{
    Activated, Dense, Dropout, FanIn, LayerNorm, Network, Parametrization, Repeat, Residual, Stack,
};
use crate::activation::named;
use crate::{Error, Initialization, Result};

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
/// // depth left open
/// let json = r#"{"layers": [
///   {"dense": {"weight_variance": 1.0}},
///   {"stack": {"scaling": {"power_law": 0.2}, "layers": [
///     {"activation": "tanh"}, {"dense": {"weight_variance": 1.5}}]}}]}"#;
/// let net = serde_json::from_str::<Description>(json).unwrap().build()?;
/// let flow = net.infinite_depth().covariance_at(&x, 1.0)?;
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
        /// The number of neurons as a multiple of the network's width.
        #[serde(default)]
        relative_width: Option<f64>,
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
    /// [`Stack`], residual with skip coefficient $s$ (0: plain), its depth left open.
    Stack {
        /// $s$, by default 1.
        #[serde(default = "one")]
        skip: f64,
        /// $\alpha_{l,L}$, by default $L^{-1/2}$.
        #[serde(default)]
        scaling: ScalingDescription,
        /// The branch.
        layers: Vec<LayerDescription>,
    },
    /// [`Stack::densely_connected`], its depth left open.
    DenselyConnected {
        /// New neurons in each block for one of the first.
        growth_ratio: f64,
        /// The branch.
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

/// A branch scaling in words and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScalingDescription {
    /// [`InverseSqrtDepth`].
    #[default]
    InverseSqrtDepth,
    /// [`PowerLaw`] of this exponent.
    PowerLaw(f64),
    /// [`ConvergentSeries`].
    ConvergentSeries {
        /// $a$.
        factor: f64,
        /// $\gamma$.
        exponent: f64,
    },
    /// [`Constant`].
    Constant(f64),
}

impl ScalingDescription {
    fn build(self) -> Result<Arc<dyn BranchScaling>> {
        Ok(match self {
            Self::InverseSqrtDepth => Arc::new(InverseSqrtDepth),
            Self::PowerLaw(exponent) => Arc::new(PowerLaw::new(exponent)?),
            Self::ConvergentSeries { factor, exponent } => {
                Arc::new(ConvergentSeries::new(factor, exponent)?)
            }
            Self::Constant(factor) => Arc::new(Constant::new(factor)?),
        })
    }
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
                relative_width,
                train_weights,
                train_biases,
            } => {
                let law = Initialization::new(*weight_variance, *bias_variance)?;
                let dense = Dense::new(law)
                    .with_parametrization(*parametrization)
                    .trained(*train_weights, *train_biases);
                network.then(match (width, relative_width) {
                    (Some(width), None) => dense.with_width(*width)?,
                    (None, Some(ratio)) => dense.with_relative_width(*ratio)?,
                    (None, None) => dense,
                    (Some(width), Some(_)) => {
                        let expected = "no relative_width beside it";
                        return Err(Error::invalid("width", width, expected));
                    }
                })
            }
            Self::Activation(name) => network.then(Activated::new(named(name)?)),
            Self::Residual {
                skip,
                scale,
                layers,
            } => network.then(Residual::new(*skip, *scale, build(layers)?)?),
            Self::Repeat { times, layers } => network.then(Repeat::new(*times, build(layers)?)?),
            Self::Stack {
                skip,
                scaling,
                layers,
            } => {
                let stack = Stack::residual(build(layers)?).with_skip(*skip)?;
                network.then(stack.scaled_by_shared(scaling.build()?))
            }
            Self::DenselyConnected {
                growth_ratio,
                layers,
            } => network.then(Stack::densely_connected(build(layers)?, *growth_ratio)?),
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
