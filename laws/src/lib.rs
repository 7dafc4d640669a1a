//! The laws of [neural-limits](https://docs.rs/neural-limits): statistics of samples, the laws of neurons
//! from any initial law, diffusions of finite width, and what width and depth do together.
//!
//! Depend on `neural-limits`, which exports what is meant for users. This crate stands apart so that a
//! change of what compares, infers or trains does not compile the laws again; what is public here and
//! hidden there may change with any version.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![warn(unreachable_pub)]

pub mod diffusion;
pub mod law;
pub mod mean_field;
pub mod proportional;
pub mod statistics;

use neural_limits_core::{
    Error, Initialization, Inputs, PairCorrelation, PairCovariance, Result, Scalar,
    ScaledCovariance, activation, error, numerics, parallel, random, vectorized,
};
use neural_limits_networks::{architecture, depth, network, sample};
