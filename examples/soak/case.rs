//! A case: what is computed, and the Rust code that computes it.

use std::fmt;

use neural_limits::network::LayerDescription;
use neural_limits::sample::Sampler;

use crate::code;

/// A network at some points.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// From the inputs on; a stack among them has its depth left open.
    pub layers: Vec<LayerDescription>,
    /// The depth of open stacks.
    pub depth: usize,
    pub points: Vec<Vec<f64>>,
}

/// What the kernels of a whole matrix are compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reference {
    Pairs,
    Rectangle,
    HalfOfThePoints,
    LayerByLayer,
    EachAlone,
    Correlations,
    SinglePrecision,
}

/// A regime at its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Case {
    /// Infinite width, finite depth: both kernels.
    Kernels(Problem, Reference),
    /// Infinite width, then infinite depth, at a time.
    Depth(Problem, f64),
    /// Random networks of a width.
    Samples(Problem, usize, Sampler),
    /// Fixed points and depth scales of an activation with $\sigma_w^2$, $\sigma_b^2$.
    Propagation {
        activation: String,
        weight: f64,
        bias: f64,
    },
    /// The duals of an activation at $q_a$, $q_b$, $1 - c$.
    Dual {
        activation: String,
        variances: [f64; 2],
        complement: f64,
    },
}

impl Case {
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Kernels(problem, _) | Self::Depth(problem, _) | Self::Samples(problem, ..) => {
                Some(problem)
            }
            _ => None,
        }
    }

    pub fn problem_mut(&mut self) -> Option<&mut Problem> {
        match self {
            Self::Kernels(problem, _) | Self::Depth(problem, _) | Self::Samples(problem, ..) => {
                Some(problem)
            }
            _ => None,
        }
    }

    /// The activations in it, each once.
    pub fn activations(&self) -> Vec<String> {
        let mut all = Vec::new();
        match self {
            Self::Propagation { activation, .. } | Self::Dual { activation, .. } => {
                all.push(activation.clone());
            }
            _ => {
                if let Some(problem) = self.problem() {
                    activations_of(&problem.layers, &mut all);
                }
            }
        }
        all.sort();
        all.dedup();
        all
    }
}

/// All activations of layers, those of branches among them.
pub fn activations_of(layers: &[LayerDescription], found: &mut Vec<String>) {
    for layer in layers {
        match layer {
            LayerDescription::Activation(name) => found.push(name.clone()),
            other => {
                for branch in branches(other) {
                    activations_of(branch, found);
                }
            }
        }
    }
}

/// The rows of layers inside of a layer.
pub fn branches(layer: &LayerDescription) -> Vec<&Vec<LayerDescription>> {
    match layer {
        LayerDescription::Residual { layers, .. }
        | LayerDescription::Repeat { layers, .. }
        | LayerDescription::Stack { layers, .. }
        | LayerDescription::DenselyConnected { layers, .. } => vec![layers],
        LayerDescription::Sum(branches)
        | LayerDescription::Product(branches)
        | LayerDescription::Concatenation { branches, .. } => branches.iter().collect(),
        _ => Vec::new(),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&code::program(self))
    }
}
