//! Proptest strategies, to test claims about limits on arbitrary networks and inputs (feature `proptest`).
//!
//! | draws | strategies |
//! |---|---|
//! | inputs | [`input_pairs`] of prescribed correlations and norms, [`input_sets`], [`points`] |
//! | their correlations and norms | [`complements`], [`norms`], [`pair_covariances`] |
//! | networks | [`networks`], [`blocks`], [`stacks`], [`mlps`], [`res_nets`] |
//! | their parts | [`activations`], [`lipschitz_activations`], [`initializations`], [`scalings`] |
//! | sizes $(n, L)$ | [`sizes`] |
//! | bad input | [`any_number`] |
//!
//! Cases shrink to ReLU, to few and shallow blocks, small sizes, ordinary numbers. Statistical claims have
//! their own macros in [`claims`](crate::claims), which name the network and the size at which they fail.
//!
//! ```
//! use neural_limits::assert_commutes;
//! use neural_limits::prelude::*;
//! use neural_limits::strategies::{complements, initializations, input_pairs, pair_covariances};
//! use proptest::prelude::*;
//!
//! proptest!(|(k in pair_covariances(), init in initializations())| {
//!     // a branch never moves two inputs to opposite sides
//!     let branch = neural_limits::architecture::Branch::new(Relu, init);
//!     prop_assert!(branch.covariance(k).unwrap().correlation() >= 0.0);
//! });
//! # let config = ProptestConfig::with_cases(4);
//! # proptest!(config, |([a, b] in input_pairs(1..5, complements(), Just(1.0)))| {
//! // the claim of a theorem, on inputs at any angle
//! let covariance = Covariance::between(&a, &b)?;
//! assert_commutes!(ResNet::new(Relu), covariance, at = &[(128, 64), (64, 128)], within = 0.4);
//! # });
//! ```

mod inputs;
mod networks;
mod numbers;

pub use inputs::{input_pairs, input_sets, points};
pub use networks::{
    activations, blocks, initializations, lipschitz_activations, mlps, networks, res_nets,
    scalings, stacks,
};
pub use numbers::{any_number, complements, norms, pair_covariances, sizes};
