//! Limits of neural networks as width and depth go to infinity, and whether they agree.
//!
//! A network at initialisation, of width $n$ and depth $L$, is a random function. What its covariance kernel,
//! its correlation and the law of its neurons converge to can depend on how $n$ and $L$ go to infinity. In
//! this crate a network is written down once, as a composition of layers with $n$ and $L$ left open, and read
//! in every regime. The [residual network](architecture::ResNet) of the example is
//!
//! $$Y_0 = W_{in} a + b_{in}, \qquad Y_l = Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l).$$
//!
//! | regime | call | module |
//! |---|---|---|
//! | $n = \infty$, finite $L$ | [`net.infinite_width(depth)`][w] | [`kernel`] |
//! | $n = \infty$, then $L = \infty$ | [`net.infinite_depth()`][d] | [`depth`] |
//! | finite $n$, $L$ | [`net.finite(width, depth)`][f] | [`sample`] |
//! | finite $n$, $L = \infty$ | [`net.diffusion(width)`][s] | [`diffusion`] |
//! | all of them, compared | [`Commutativity::of(&net, &function)`](limit::Commutativity) | [`limit`] |
//! | routes to infinity, told apart | [`RouteComparison::of(&net, &f)`](limit::RouteComparison) | [`limit`] |
//!
//! [w]: kernel::InInfiniteWidth::infinite_width
//! [d]: depth::InInfiniteDepth::infinite_depth
//! [f]: sample::OfFiniteSize::finite
//! [s]: diffusion::OfFiniteWidth::diffusion
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
//! | module | what |
//! |---|---|
//! | [`activation`] | activations and their Gaussian duals, in closed form or by quadrature |
//! | [`network`] | layers, their three readings, compositions of them |
//! | [`architecture`] | builders of networks: MLP, residual, densely connected |
//! | [`kernel`], [`depth`], [`sample`], [`diffusion`] | the regimes |
//! | [`mean_field`] | the law of a neuron from any initial law: exact, and by Fokker–Planck equations |
//! | [`propagation`] | phases, depth scales, the edge of chaos |
//! | [`proportional`] | width and depth together: log-normal laws, fluctuations, angles |
//! | [`law`], [`neural_function`], [`limit`] | laws, what is read off a network, the comparison of regimes |
//! | [`inference`] | Gaussian-process regression, by factorisation or by conjugate gradients |
//! | [`training`] | dynamics in the kernel regime; finite networks, trained; particles and their mean field |
//! | [`statistics`] | tests of hypotheses on samples, fits of rates, intervals |
//! | [`claims`] | claims about limits in your own tests, with a stated probability of false alarm |
//! | `figure` (feature `plot`) | figures as SVG |
//! | [`ensemble`] | statistics of many random networks in constant memory, control variates |
//! | `ranks` (feature `mpi`) | sweeps, tiles of kernels and posteriors over the ranks of MPI |
//! | `sweep` (feature) | grids of sizes, laws and functions, appended to a file that can be gone on with |
//!
//! Every equation, with its source, its place in the code and what checks it, stands in
//! [`docs/theory.md`][theory]; why the crate is built as it is, in [`docs/architecture.md`][architecture].
//!
//! [theory]: https://docs.rs/crate/neural-limits/latest/source/docs/theory.md
//! [architecture]: https://docs.rs/crate/neural-limits/latest/source/docs/architecture.md
//!
//! # Words
//! - *covariance* $K$ of two inputs: the variances $q_a$, $q_b$ and the correlation $c$; *complement*:
//!   $\varepsilon = 1 - c$, which keeps the digits that $c$ loses near 1.
//! - *dual* of an activation: the map $K \mapsto \mathbb E[\varphi(u)\varphi(v)]$,
//!   $(u, v) \sim \mathcal N(0, K)$.
//! - *NNGP kernel*: the covariance of a network's outputs at infinite width; *NTK* $\Theta$: its tangent
//!   kernel.
//! - *branch*: layers beside a skip connection, $Y \mapsto F(Y)$, or any row of layers that is repeated;
//!   *branch covariance* $B$: its map of covariances.
//! - *stem*: the layers before a stack; *stack*: blocks whose number $L$ is left open; *chain*: a dense layer
//!   and a stack around (activation, dense).
//! - *fresh*: weights that nothing else depends on, so that what they put out is uncorrelated with it.
//! - *homogeneous*: commuting with positive factors, as ReLU without biases does.
//! - *scaling*: the rule for the branch coefficients $\alpha_{l,L}$; *clock* $\tau(t) = \lim \sum_{l \le tL}
//!   \alpha_{l,L}^2$: the time of the limiting flow.
//! - *regime*: a way of taking $n$ and $L$ to infinity, or not; *route*: the sizes along which they go there,
//!   and a computation of the limit.
//! - *neural function*: a number read off a random network; *law*: its distribution.
//! - *room*: a module; *oracle*: reference values from outside of the crate.
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
//! `rayon` (default): Gram matrices and networks in parallel. `serde`: serialisable reports, networks read
//! from JSON. `sweep`: grids of sizes, written to files of JSON lines. `plot`: figures and reports as SVG.
//! `proptest`: [strategies](https://docs.rs/proptest) of inputs and networks for tests of your own limits.
//! `approx`: [approximate equality](https://docs.rs/approx) of covariances, laws and inputs. `selection`:
//! parameters of kernels by the marginal likelihood, with [argmin](https://docs.rs/argmin). `mpi`: pieces of
//! long work over ranks, with the [mpi](https://docs.rs/mpi) crate, which is built only where an MPI and
//! libclang are installed; so all features together are not built everywhere.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![warn(unreachable_pub)]

pub mod claims;
pub mod ensemble;
#[cfg(feature = "plot")]
pub mod figure;
pub mod inference;
pub mod limit;
pub mod neural_function;
#[cfg(feature = "mpi")]
pub mod ranks;
#[cfg(feature = "proptest")]
pub mod strategies;
#[cfg(feature = "sweep")]
pub mod sweep;
pub mod training;

#[doc(inline)]
pub use neural_limits_core::{
    Error, Initialization, Inputs, PairCorrelation, PairCovariance, Result, Scalar,
    ScaledCovariance, activation,
};
#[doc(inline)]
pub use neural_limits_laws::{diffusion, law, mean_field, proportional, statistics};
#[doc(inline)]
pub use neural_limits_networks::{architecture, depth, kernel, network, propagation, sample};
// the other rooms below the networks, under the names that they have there
use neural_limits_core::{covariance, error, inputs, numerics, parallel, random, vectorized};

/// The names that most programs need.
pub mod prelude {
    pub use crate::activation::{Activation, Custom, Dual, Erf, Gelu, LeakyRelu, Relu, Tanh};
    pub use crate::architecture::{
        Architecture, BranchScaling, Constant, ConvergentSeries, CustomScaling, DenseNet,
        InverseSqrtDepth, Mlp, PowerLaw, ResNet,
    };
    pub use crate::depth::InInfiniteDepth;
    pub use crate::diffusion::OfFiniteWidth;
    pub use crate::inference::{
        CovarianceFunction, GaussianProcess, KernelFamily, NetworkKernel, Noise, Regression,
    };
    pub use crate::kernel::InInfiniteWidth;
    pub use crate::law::Law;
    pub use crate::limit::{
        Budget, Commutativity, Grid, InEveryLimit, Limit, Regime, Report, Route, RouteComparison,
        Verdict, routes,
    };
    pub use crate::network::{Activated, Dense, Network};
    pub use crate::neural_function::{Correlation, Covariance, NeuralFunction, Neuron};
    pub use crate::sample::{OfFiniteSize, Sampler, Seed};
    pub use crate::training::{KernelDynamics, LearningRate, Ridge, Rule, SquaredLoss};
    pub use crate::{Error, Initialization, Inputs, PairCovariance};
}

/// The examples of the README and of the handbook, compiled and run.
#[cfg(doctest)]
pub mod documents {
    #[doc = include_str!("../README.md")]
    pub struct Readme;
    #[doc = include_str!("../docs/handbook/README.md")]
    pub struct Handbook;
    #[doc = include_str!("../docs/handbook/another-crate.md")]
    pub struct AnotherCrate;
    #[doc = include_str!("../docs/handbook/research.md")]
    pub struct Research;
    #[doc = include_str!("../docs/handbook/property-tests.md")]
    pub struct PropertyTests;
    #[doc = include_str!("../docs/handbook/limits-compared.md")]
    pub struct LimitsCompared;
    #[doc = include_str!("../docs/handbook/infinite-depth.md")]
    pub struct InfiniteDepth;
    #[doc = include_str!("../docs/handbook/finite-networks.md")]
    pub struct FiniteNetworks;
    #[doc = include_str!("../docs/handbook/inference.md")]
    pub struct Inference;
    #[doc = include_str!("../docs/handbook/training.md")]
    pub struct Training;
    #[doc = include_str!("../docs/handbook/activations.md")]
    pub struct Activations;
    #[doc = include_str!("../docs/handbook/kernels.md")]
    pub struct Kernels;
}
