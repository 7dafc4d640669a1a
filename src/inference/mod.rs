//! Gaussian-process inference with the kernels of networks.
//!
//! | file | what |
//! |---|---|
//! | [`CovarianceFunction`], [`NetworkKernel`] | $k(x, x^\prime)$: NNGP or NTK, finite or infinite depth |
//! | [`Scaled`] | a multiple of it |
//! | [`Noise`] | $\sigma^2$, absolute or relative to the mean of the diagonal |
//! | [`Regression`] | the posterior and the likelihood from matrices |
//! | [`GaussianProcess`] | the same with inputs and their covariance function |
//! | [`KernelFamily`] | covariance functions with parameters: gradient of the likelihood, selection by it |
//! | `Selection` (feature `selection`) | parameters of the largest marginal likelihood |
//! | [`TiledKernel`], [`ConjugateGradients`] | the same for tens of thousands of points, beyond memory |
//! | [`KernelOperator`] | what conjugate gradients ask of a kernel matrix that is computed elsewhere |
//! | `linear_algebra`, `conditioning` | the Cholesky factor, in tiles; eigenvectors; singular matrices |
//! | `checks`, `gaussian` | what matrices of users must be; draws with a covariance matrix |
//! | `sensitivity`, `derivative` | derivatives of kernel matrices: by the recursion, or by a polynomial |
//!
//! A network of infinite width at initialisation is a Gaussian process with the NNGP kernel as its
//! covariance; given targets, the posterior is what Bayesian inference in that network predicts.
//! [`training`](crate::training) has what gradient descent makes of it.

pub(crate) mod checks;
mod conditioning;
mod covariance_function;
mod derivative;
mod family;
pub(crate) mod gaussian;
mod gaussian_process;
mod iterative;
pub(crate) mod linear_algebra;
mod noise;
mod regression;
#[cfg(feature = "selection")]
mod selection;
mod sensitivity;

pub use covariance_function::{Blocks, CovarianceFunction, NetworkKernel, Scaled};
pub use family::{Domain, KernelFamily, LikelihoodGradient};
pub use gaussian_process::GaussianProcess;
pub use iterative::{
    ConjugateGradients, Iterate, KernelOperator, PivotedCholesky, Progress, Summand, TiledKernel,
};
pub use noise::Noise;
pub use regression::Regression;
#[cfg(feature = "selection")]
pub use selection::Selection;
