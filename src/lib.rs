//! Limits of neural networks as width and depth go to infinity.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]

pub mod activation;
pub mod architecture;
mod covariance;
pub mod depth;
mod error;
mod gram;
mod initialization;
mod inputs;
pub mod kernel;
pub mod limit;
pub mod neural_function;
mod parallel;
mod polynomial;
pub mod sample;
mod scalar;
pub mod statistics;
#[cfg(feature = "proptest")]
pub mod strategies;
mod summation;

pub use covariance::{PairCovariance, ScaledCovariance};
pub use error::{Error, Result};
pub use initialization::Initialization;
pub use inputs::Inputs;
pub use scalar::Scalar;

/// The names that most programs need.
pub mod prelude {
    pub use crate::activation::{Activation, Dual, Relu};
    pub use crate::architecture::{
        Architecture, BranchScaling, Constant, ConvergentSeries, CustomScaling, InverseSqrtDepth,
        Mlp, PowerLaw, ResNet,
    };
    pub use crate::limit::{Commutativity, Grid, Law, Limit, Regime, Report, Verdict, routes};
    pub use crate::neural_function::{Correlation, Covariance, NeuralFunction, Neuron};
    pub use crate::sample::{Sampler, Seed};
    pub use crate::{Error, Initialization, Inputs, PairCovariance};
}
