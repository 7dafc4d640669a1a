//! Random networks on a grid, as data.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Progress, Shard, Sweep};
use crate::ensemble::Ensemble;
use crate::network::{Description, WeightLaw};
use crate::neural_function::{Correlation, Covariance, NeuralFunction, NeuralTangent, Neuron};
use crate::random::Seed;
use crate::sample::{OfFiniteSize, Sampler};
use crate::{Error, Result, error};

/// Statistics of neural functions on random networks: every network, law of the weights, width and depth is a
/// cell.
///
/// ```
/// use neural_limits::sweep::{Plan, Shard};
/// let json = r#"{
///   "networks": {"resnet": {"layers": [
///     {"dense": {"weight_variance": 1.0}},
///     {"stack": {"layers": [{"activation": "relu"}, {"dense": {"weight_variance": 1.0}}]}}]}},
///   "weights": [{"distribution": "gaussian"}, {"distribution": "rademacher", "keep": 0.5}],
///   "widths": [8, 16], "depths": [1, 4],
///   "functions": [{"correlation": {"a": [1.0, 0.0], "b": [0.6, 0.8]}}, {"neuron": {"a": [1.0, 0.0]}}],
///   "quantiles": [0.5], "samples": 64, "seed": 7}"#;
/// let plan: Plan = serde_json::from_str(json).unwrap();
/// assert_eq!(plan.sweep()?.cells().len(), 8);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Networks by name, their depth and width left open.
    pub networks: BTreeMap<String, Description>,
    /// The law of the weights of layers that name none of their own; by default the Gaussian one.
    #[serde(default = "gaussian")]
    pub weights: Vec<WeightLaw>,
    /// $n$.
    pub widths: Vec<usize>,
    /// $L$.
    pub depths: Vec<usize>,
    /// What is read off each network.
    pub functions: Vec<FunctionDescription>,
    /// Orders of quantiles, by default none.
    #[serde(default)]
    pub quantiles: Vec<f64>,
    /// Networks in each cell.
    pub samples: u64,
    /// The seed; cell $c$ has its child $c$.
    pub seed: u64,
}

fn gaussian() -> Vec<WeightLaw> {
    vec![WeightLaw::gaussian()]
}

/// A neural function in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FunctionDescription {
    /// [`Covariance`].
    Covariance {
        /// An input.
        a: Vec<f64>,
        /// The other.
        b: Vec<f64>,
    },
    /// [`Correlation`].
    Correlation {
        /// An input.
        a: Vec<f64>,
        /// The other.
        b: Vec<f64>,
    },
    /// [`NeuralTangent`].
    NeuralTangent {
        /// An input.
        a: Vec<f64>,
        /// The other.
        b: Vec<f64>,
    },
    /// [`Neuron`].
    Neuron {
        /// The input.
        a: Vec<f64>,
    },
}

impl FunctionDescription {
    /// The function.
    ///
    /// # Errors
    /// What its constructor refuses.
    pub fn build(&self) -> Result<Box<dyn NeuralFunction>> {
        Ok(match self {
            Self::Covariance { a, b } => Box::new(Covariance::between(a, b)?),
            Self::Correlation { a, b } => Box::new(Correlation::between(a, b)?),
            Self::NeuralTangent { a, b } => Box::new(NeuralTangent::between(a, b)?),
            Self::Neuron { a } => Box::new(Neuron::at(a)?),
        })
    }
}

/// One size of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its name in [`Plan::networks`].
    pub network: String,
    /// The law of its weights.
    pub weights: WeightLaw,
    /// $n$.
    pub width: usize,
    /// $L$.
    pub depth: usize,
}

/// Statistics of a cell: numbers in the order of [`Plan::functions`], `None` where too few networks have a
/// value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Networks on which all functions have a value.
    pub samples: u64,
    /// Networks on which one has none.
    pub undefined: u64,
    /// Means.
    pub mean: Vec<Option<f64>>,
    /// Their standard errors.
    pub standard_error: Vec<Option<f64>>,
    /// Quantiles, by function and by the order in [`Plan::quantiles`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<Vec<Option<f64>>>,
}

impl Plan {
    /// All cells, widths varying fastest: shards share the large ones if their number has no factor in common
    /// with that of the widths.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty list; [`Error::Invalid`] for a size of 0 or above 10⁹ or a quantile's
    /// order outside of $[0, 1]$; what the constructors of networks and functions refuse.
    pub fn sweep(&self) -> Result<Sweep<Cell>> {
        for (argument, empty) in [
            ("networks", self.networks.is_empty()),
            ("weights", self.weights.is_empty()),
            ("widths", self.widths.is_empty()),
            ("depths", self.depths.is_empty()),
            ("functions", self.functions.is_empty()),
        ] {
            if empty {
                return Err(Error::shape(argument, "length 0", "at least one"));
            }
        }
        let samples = usize::try_from(self.samples).unwrap_or(usize::MAX);
        error::size("samples", samples)?;
        for u in &self.quantiles {
            error::unit_interval("quantiles", *u)?;
        }
        for function in &self.functions {
            function.build()?;
        }
        let mut cells = Vec::new();
        for (name, network) in &self.networks {
            for law in &self.weights {
                let network = network.clone().with_weights(*law).build()?;
                for &depth in &self.depths {
                    for &width in &self.widths {
                        network.finite(width, depth)?;
                        cells.push(Cell {
                            network: name.clone(),
                            weights: *law,
                            width,
                            depth,
                        });
                    }
                }
            }
        }
        Sweep::new("random networks", self, self.seed, cells)
    }

    /// Computes a cell.
    ///
    /// # Errors
    /// As [`Ensemble::run`].
    pub fn compute(&self, cell: &Cell, seed: Seed) -> Result<Summary> {
        let description = self.networks.get(&cell.network);
        let missing = || Error::invalid("network", &cell.network, "a name of the plan");
        let description = description.ok_or_else(missing)?.clone();
        let description = description.with_weights(cell.weights);
        let sampler = if description.is_gaussian() {
            Sampler::Conditional
        } else {
            Sampler::Dense
        };
        let networks = description.build()?.finite(cell.width, cell.depth)?;
        let networks = networks.with_sampler(sampler);
        let functions: Vec<_> = self
            .functions
            .iter()
            .map(|f| f.build())
            .collect::<Result<_>>()?;
        let functions: Vec<&dyn NeuralFunction> = functions.iter().map(|f| &**f).collect();
        let statistics = Ensemble::of(&networks, &functions, seed)?.run(self.samples)?;
        let all = 0..functions.len();
        let quantiles = |i: usize| {
            let orders = self.quantiles.iter();
            orders.map(|u| statistics.quantile(i, *u).ok()).collect()
        };
        Ok(Summary {
            samples: statistics.count(),
            undefined: statistics.undefined(),
            mean: all.clone().map(|i| statistics.mean(i).ok()).collect(),
            standard_error: all
                .clone()
                .map(|i| statistics.standard_error(i).ok())
                .collect(),
            quantiles: if self.quantiles.is_empty() {
                Vec::new()
            } else {
                all.map(quantiles).collect()
            },
        })
    }

    /// [`Sweep::run`] of all cells of a shard.
    ///
    /// # Errors
    /// As [`sweep`](Self::sweep) and [`Sweep::run`].
    pub fn run(&self, shard: Shard, path: &Path, observer: impl Fn(Progress) + Sync) -> Result<()> {
        let compute = |cell: &Cell, seed: Seed| self.compute(cell, seed);
        self.sweep()?.run(shard, path, compute, observer)
    }
}
