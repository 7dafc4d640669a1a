//! Covariance functions, and those of networks.

use std::fmt::Debug;

use nalgebra::{DMatrix, DVector};

use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::kernel::{InfiniteWidth, KernelKind};
use crate::network::{Layer, Network, Outline};
use crate::{Error, Inputs, Result};

/// A covariance function $k(x, x^\prime)$ of inputs: the prior of a
/// [`GaussianProcess`](super::GaussianProcess).
///
/// [`NetworkKernel`] is that of every network of the crate; one of your own takes three methods:
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use neural_limits::inference::{CovarianceFunction, GaussianProcess, Noise};
/// use neural_limits::prelude::*;
///
/// #[derive(Debug)]
/// struct SquaredExponential;
///
/// impl CovarianceFunction for SquaredExponential {
///     fn name(&self) -> String { "squared exponential".into() }
///     fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>, Error> {
///         x.same_dimension(y)?;
///         let (x, y): (Vec<_>, Vec<_>) = (x.points().collect(), y.points().collect());
///         Ok(DMatrix::from_fn(x.len(), y.len(), |i, j| {
///             let squares = x[i].iter().zip(y[j]).map(|(a, b)| (a - b).powi(2));
///             (-0.5 * squares.sum::<f64>()).exp()
///         }))
///     }
///     fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>, Error> {
///         Ok(DVector::repeat(x.len(), 1.0))
///     }
/// }
///
/// let x = Inputs::from_rows(&[[0.0], [1.0]])?;
/// let y = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
/// let process = GaussianProcess::fit(SquaredExponential, &x, &y, Noise::Variance(0.01))?;
/// assert!(process.mean(&Inputs::from_rows(&[[0.5]])?)?[0].abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
pub trait CovarianceFunction: Debug + Send + Sync {
    /// The covariance function in words.
    fn name(&self) -> String;

    /// $k(x_i, y_j)$.
    ///
    /// # Errors
    /// [`Error::Shape`] for unequal dimensions; what the kernel itself refuses.
    fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>>;

    /// $k(x_i, x_i)$.
    ///
    /// # Errors
    /// What the kernel itself refuses.
    fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>>;

    /// $k(x_i, x_j)$, symmetric: by default [`cross`](Self::cross) of the points with themselves.
    ///
    /// # Errors
    /// What the kernel itself refuses.
    fn gram(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        self.cross(x, x)
    }
}

impl<K: CovarianceFunction + ?Sized> CovarianceFunction for Box<K> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>> {
        (**self).cross(x, y)
    }

    fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>> {
        (**self).diagonal(x)
    }

    fn gram(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        (**self).gram(x)
    }
}

/// The covariance function of a network: its NNGP kernel or its tangent kernel, at finite depth, or its
/// covariance at infinite depth.
///
/// A network that does not end in a dense layer (or a sum of them) is refused: its outputs are not Gaussian,
/// nor is its tangent kernel a number rather than a random variable.
///
/// ```
/// use neural_limits::inference::{CovarianceFunction, NetworkKernel};
/// use neural_limits::network::{Activated, Dense, Network};
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let net = ResNet::new(Relu);
/// let deep = NetworkKernel::nngp(&net.infinite_width(1000)?)?.gram(&x)?;
/// let limit = NetworkKernel::infinite_depth(&net, 1.0)?.gram(&x)?;
/// assert!((deep - limit).amax() < 1e-3);
///
/// let net = Network::new().then(Dense::new(Initialization::he())).then(Activated::new(Relu));
/// let error = NetworkKernel::nngp(&net.infinite_width(1)?).unwrap_err();
/// assert!(error.to_string().contains("the outputs are not Gaussian"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NetworkKernel(Reading);

#[derive(Debug, Clone)]
enum Reading {
    FiniteDepth(Network, KernelKind),
    InfiniteDepth {
        name: String,
        limit: InfiniteDepth,
        time: f64,
    },
}

impl NetworkKernel {
    /// $K$, the covariance of the outputs at infinite width: a network whose last layer alone is trained.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network whose outputs are not Gaussian, or whose layers do not fit.
    pub fn nngp(network: &InfiniteWidth) -> Result<Self> {
        Self::finite(network.network(), KernelKind::Nngp)
    }

    /// $\Theta$, the tangent kernel at infinite width: a network all of whose layers are trained.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp).
    pub fn ntk(network: &InfiniteWidth) -> Result<Self> {
        Self::finite(network.network(), KernelKind::Ntk)
    }

    fn finite(network: &Network, kind: KernelKind) -> Result<Self> {
        gaussian(network)?;
        Ok(Self(Reading::FiniteDepth(network.clone(), kind)))
    }

    /// $K_t$ at infinite width, then infinite depth, at time $t = l/L$.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp); [`Error::Invalid`] for a time outside of $[0, 1]$.
    pub fn infinite_depth(architecture: &dyn Architecture, time: f64) -> Result<Self> {
        let network = architecture.network();
        crate::error::unit_interval("time", time)?;
        gaussian(&network)?;
        Ok(Self(Reading::InfiniteDepth {
            name: architecture.name(),
            limit: network.infinite_depth(),
            time,
        }))
    }
}

/// [`Error::Unsupported`] unless the outputs of the network are a Gaussian process.
fn gaussian(network: &Network) -> Result<()> {
    if network.outline(Outline::of_inputs())?.gaussian {
        return Ok(());
    }
    let what = format!("inference with {}", Layer::name(network));
    let reason = match network.layers().last() {
        Some(last) => format!(
            "it ends in {}, so that the outputs are not Gaussian: end it in a dense layer",
            last.name()
        ),
        None => "it has no layers, so that nothing is random".to_owned(),
    };
    Err(Error::unsupported(what, reason))
}

impl CovarianceFunction for NetworkKernel {
    fn name(&self) -> String {
        match &self.0 {
            Reading::FiniteDepth(network, KernelKind::Ntk) => {
                format!("NTK of {}", Layer::name(network))
            }
            Reading::FiniteDepth(network, _) => format!("NNGP of {}", Layer::name(network)),
            Reading::InfiniteDepth { name, time, .. } => {
                format!("infinite-depth NNGP of {name} at time {time}")
            }
        }
    }

    fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>> {
        match &self.0 {
            Reading::FiniteDepth(network, KernelKind::Ntk) => network.ntk_between(x, y),
            Reading::FiniteDepth(network, _) => network.nngp_between(x, y),
            Reading::InfiniteDepth { limit, time, .. } => limit.covariance_between_at(x, y, *time),
        }
    }

    fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>> {
        match &self.0 {
            Reading::FiniteDepth(network, KernelKind::Ntk) => network.tangent_diagonal(x),
            Reading::FiniteDepth(network, _) => network.variances(x),
            Reading::InfiniteDepth { limit, time, .. } => {
                let variance = |point: &[f64]| limit.pair_at(point, point, *time)?.variance_a();
                let variances: Result<Vec<f64>> = x.points().map(variance).collect();
                Ok(DVector::from_vec(variances?))
            }
        }
    }

    fn gram(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        match &self.0 {
            Reading::FiniteDepth(network, KernelKind::Ntk) => network.ntk(x),
            Reading::FiniteDepth(network, _) => network.nngp(x),
            Reading::InfiniteDepth { limit, time, .. } => limit.covariance_at(x, *time),
        }
    }
}
