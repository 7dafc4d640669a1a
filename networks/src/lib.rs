//! The networks of [neural-limits](https://docs.rs/neural-limits), with width and depth left open, and what
//! is read off them one regime at a time: kernels at infinite width, the limit of infinite depth,
//! propagation, random networks.
//!
//! Depend on `neural-limits`, which exports what is meant for users. This crate stands apart so that a
//! change of what compares, infers or trains does not compile the networks again; what is public here and
//! hidden there may change with any version.
#![warn(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![warn(unreachable_pub)]

pub mod architecture;
pub mod depth;
pub mod kernel;
pub mod network;
pub mod propagation;
pub mod sample;

use neural_limits_core::{
    Error, Initialization, Inputs, PairCorrelation, PairCovariance, Result, Scalar, activation,
    covariance, error, initialization, inputs, numerics, parallel, random, vectorized,
};
