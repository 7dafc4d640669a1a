//! The rooms below the networks of [neural-limits](https://docs.rs/neural-limits): errors, numbers, inputs,
//! covariances of pairs, activations and their Gaussian duals.
//!
//! Depend on `neural-limits`, which exports what is meant for users. This crate stands apart so that a
//! change of a regime does not compile the activations again; what is public here and hidden there
//! (`numerics`, `parallel`, `vectorized`, rows and tables of duals) may change with any version.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![warn(unreachable_pub)]

pub mod activation;
#[cfg(feature = "approx")]
#[doc(hidden)]
pub mod approx;
pub mod covariance;
pub mod error;
pub mod initialization;
pub mod inputs;
pub mod numerics;
pub mod parallel;
pub mod random;
pub mod scalar;
pub mod vectorized;

pub use covariance::{PairCorrelation, PairCovariance, ScaledCovariance};
pub use error::{Error, Result};
pub use initialization::Initialization;
pub use inputs::Inputs;
pub use scalar::Scalar;
