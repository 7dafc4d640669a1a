//! Limits of neural networks as width and depth go to infinity, and whether they agree.
//!
//! A network at initialisation, of width $n$ and depth $L$, is a random function. What its covariance kernel,
//! its correlation and the law of its neurons converge to can depend on how $n$ and $L$ go to infinity. This
//! crate writes an architecture down once and reads it in every regime:
//!
//! $$Y_0 = W_{in} a + b_{in}, \qquad Y_l = s Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l).$$
//!
//! | regime | call | module |
//! |---|---|---|
//! | $n = \infty$, finite $L$ | [`net.infinite_width(depth)`](architecture::Architecture::infinite_width) | [`kernel`] |
//! | $n = \infty$, then $L = \infty$ | [`net.infinite_depth()`](architecture::Architecture::infinite_depth) | [`depth`] |
//! | finite $n$, $L$ | [`net.finite(width, depth)`](architecture::Architecture::finite) | [`sample`] |
//! | all of them, compared | [`Commutativity::of(&net, &function)`](limit::Commutativity) | [`limit`] |
//!
//! ```
//! use neural_limits::prelude::*;
//!
//! let net = ResNet::new(Relu); // branches scaled by 1/sqrt(L); n and L left open
//! let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
//! let recursion = net.infinite_width(1000)?.nngp(&x)?;
//! let flow = net.infinite_depth().covariance_at(&x, 1.0)?;
//! let networks = net.finite(512, 100)?.covariances(&x, 8, Seed::new(7))?;
//! assert!((&recursion - &flow).amax() < 1e-3);
//! assert!((&networks[0] - &flow).amax() < 0.3);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Rooms
//! [`activation`] (activations and their Gaussian duals), [`architecture`] (MLPs, residual networks, branch
//! scalings, the branch covariance), [`expectation`](activation::expectation) (quadrature), [`network`] (compositions of layers),
//! [`kernel`], [`depth`], [`sample`], [`propagation`] (phases, depth scales, the edge of chaos),
//! [`neural_function`] (what is read off a network), [`limit`] (regimes, laws, comparison), [`statistics`].
//!
//! # Conventions
//! - Points are rows; $d$ is their dimension. A dense layer has weights of variance $\sigma_w^2$ over its
//!   fan-in, so that $K_0 = \sigma_{in}^2 a \cdot b/d + \sigma_{b,in}^2$.
//! - Depth counts layers after the input layer: an MLP of depth $L$ applies $\varphi$ $L$ times. Time is
//!   $t = l/L \in [0, 1]$.
//! - Bad input is an [`Error`] that names the argument; nothing panics and nothing returns NaN.
//! - A random result follows from one [`Seed`](sample::Seed) and is bit-identical for any number of threads.
//! - Arithmetic is `f64` inside; `f32` inputs and kernels are converted exactly and rounded once.
//!
//! # Features
//! `rayon` (default): Gram matrices and networks in parallel. `serde`: serialisable reports. `plot`: reports
//! as SVG. `proptest`: [strategies](https://docs.rs/proptest) for tests of your own limits.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![warn(unreachable_pub)]

pub mod activation;
pub mod architecture;
mod covariance;
pub mod depth;
mod error;
mod initialization;
mod inputs;
pub mod kernel;
pub mod law;
pub mod limit;
pub mod network;
pub mod neural_function;
mod numerics;
mod parallel;
pub mod propagation;
mod random;
pub mod sample;
mod scalar;
pub mod statistics;
#[cfg(feature = "proptest")]
pub mod strategies;
mod vectorized;

pub use covariance::{PairCovariance, ScaledCovariance};
pub use error::{Error, Result};
pub use initialization::Initialization;
pub use inputs::Inputs;
pub use scalar::Scalar;

/// The names that most programs need.
pub mod prelude {
    pub use crate::activation::{Activation, Custom, Dual, Erf, Gelu, LeakyRelu, Relu, Tanh};
    pub use crate::architecture::{
        Architecture, BranchScaling, Constant, ConvergentSeries, CustomScaling, DenseNet,
        InverseSqrtDepth, Mlp, PowerLaw, ResNet,
    };
    pub use crate::depth::InInfiniteDepth;
    pub use crate::kernel::InInfiniteWidth;
    pub use crate::law::Law;
    pub use crate::limit::{
        Commutativity, Grid, InEveryLimit, Limit, Regime, Report, Verdict, routes,
    };
    pub use crate::network::{Activated, Dense, Network};
    pub use crate::neural_function::{Correlation, Covariance, NeuralFunction, Neuron};
    pub use crate::sample::{OfFiniteSize, Sampler, Seed};
    pub use crate::{Error, Initialization, Inputs, PairCovariance};
}

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
