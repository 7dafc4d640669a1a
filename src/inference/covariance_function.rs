//! Covariance functions, and those of networks.

use std::fmt::Debug;
use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use crate::architecture::Architecture;
use crate::depth::InInfiniteDepth;
use crate::kernel::{EntryScope, InfiniteWidth, KernelKind};
use crate::network::{Layer, Network, Outline};
use crate::{Error, Inputs, Result, error};

/// Some rows by some columns of a kernel matrix, from [`CovarianceFunction::blocks`].
pub type Blocks<'a> =
    Box<dyn Fn(Range<usize>, Range<usize>) -> Result<DMatrix<f64>> + Send + Sync + 'a>;

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

    /// Blocks of $k(x_i, y_j)$, or of $k(x_i, x_j)$ without `y`, as they are asked for: what is the same for
    /// all of them is computed once. By default [`cross`](Self::cross) of the points of the block, and
    /// [`gram`](Self::gram) where rows and columns are the same points of `x`.
    ///
    /// # Errors
    /// What the kernel itself refuses, here or for a block.
    fn blocks<'a>(&'a self, x: &'a Inputs<'a>, y: Option<&'a Inputs<'a>>) -> Result<Blocks<'a>> {
        let part = |of: &'a Inputs<'a>, range: &Range<usize>| {
            Inputs::from_slice(of.slice(range.clone()), of.dimension())
        };
        Ok(Box::new(move |rows, columns| {
            let own = part(x, &rows)?;
            if y.is_none() && rows == columns {
                self.gram(&own)
            } else {
                self.cross(&own, &part(y.unwrap_or(x), &columns)?)
            }
        }))
    }

    /// The network whose kernel it is, and which of its kernels, if it is one: then its derivatives may have
    /// recursions of their own. `None` by default.
    fn network(&self) -> Option<(&Network, KernelKind)> {
        None
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

    fn blocks<'a>(&'a self, x: &'a Inputs<'a>, y: Option<&'a Inputs<'a>>) -> Result<Blocks<'a>> {
        (**self).blocks(x, y)
    }

    fn network(&self) -> Option<(&Network, KernelKind)> {
        (**self).network()
    }
}

/// The covariance function of a network: its NNGP kernel or its tangent kernel, at finite or infinite depth.
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
/// let deep = NetworkKernel::ntk(&net.infinite_width(1000)?)?.gram(&x)?;
/// let limit = NetworkKernel::infinite_depth_ntk(&net, 1.0)?.gram(&x)?;
/// assert!((deep - limit).amax() < 1e-2);
///
/// let net = Network::new().then(Dense::new(Initialization::he())).then(Activated::new(Relu));
/// let error = NetworkKernel::nngp(&net.infinite_width(1)?).unwrap_err();
/// assert!(error.to_string().contains("the outputs are not Gaussian"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NetworkKernel {
    name: String,
    /// Stacks of infinite depth are layers of it.
    network: Network,
    kind: KernelKind,
}

impl NetworkKernel {
    /// $K$, the covariance of the outputs at infinite width: a network whose last layer alone is trained.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network whose outputs are not Gaussian, or whose layers do not fit.
    pub fn nngp(network: &InfiniteWidth) -> Result<Self> {
        let network = network.network();
        Self::new("NNGP", Layer::name(network), network, KernelKind::Nngp)
    }

    /// $\Theta$, the tangent kernel at infinite width: a network all of whose layers are trained.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp).
    pub fn ntk(network: &InfiniteWidth) -> Result<Self> {
        let network = network.network();
        Self::new("NTK", Layer::name(network), network, KernelKind::Ntk)
    }

    /// $K_t$ at infinite width, then infinite depth, at time $t = l/L$. An
    /// [`Mlp`](crate::architecture::Mlp) has a fixed point there, which tells inputs apart by nothing but
    /// whether they are equal.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp), and [`InfiniteDepth::network_at`](crate::depth::InfiniteDepth::network_at).
    pub fn infinite_depth(architecture: &dyn Architecture, time: f64) -> Result<Self> {
        Self::limit("NNGP", architecture, time, KernelKind::Nngp)
    }

    /// $\Theta_t$ at infinite width, then infinite depth, at time $t = l/L$.
    ///
    /// # Errors
    /// As [`infinite_depth`](Self::infinite_depth).
    pub fn infinite_depth_ntk(architecture: &dyn Architecture, time: f64) -> Result<Self> {
        Self::limit("NTK", architecture, time, KernelKind::Ntk)
    }

    fn limit(
        kernel: &str,
        architecture: &dyn Architecture,
        time: f64,
        kind: KernelKind,
    ) -> Result<Self> {
        let network = architecture.infinite_depth().network_at(time)?;
        let name = format!("{} at time {time}", architecture.name());
        Self::new(&format!("infinite-depth {kernel}"), name, &network, kind)
    }

    fn new(kernel: &str, name: String, network: &Network, kind: KernelKind) -> Result<Self> {
        gaussian(network)?;
        Ok(Self {
            name: format!("{kernel} of {name}"),
            network: network.clone(),
            kind,
        })
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
        self.name.clone()
    }

    fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>> {
        match self.kind {
            KernelKind::Ntk => self.network.ntk_between(x, y),
            _ => self.network.nngp_between(x, y),
        }
    }

    fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>> {
        match self.kind {
            KernelKind::Ntk => self.network.tangent_diagonal(x),
            _ => self.network.variances(x),
        }
    }

    fn gram(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        match self.kind {
            KernelKind::Ntk => self.network.ntk(x),
            _ => self.network.nngp(x),
        }
    }

    fn blocks<'a>(&'a self, x: &'a Inputs<'a>, y: Option<&'a Inputs<'a>>) -> Result<Blocks<'a>> {
        // blocks of any size come from it
        let side = x.len();
        let tiles = self
            .network
            .tiles_of(x, y, self.kind, side, EntryScope::Call)?;
        Ok(Box::new(move |rows, columns| {
            let tile = tiles.part(rows, columns)?;
            let entries = match self.kind {
                KernelKind::Ntk => tile.ntk,
                _ => tile.nngp,
            };
            Ok(DMatrix::from_row_slice(
                tile.rows.len(),
                tile.columns.len(),
                &entries,
            ))
        }))
    }

    fn network(&self) -> Option<(&Network, KernelKind)> {
        Some((&self.network, self.kind))
    }
}

/// $s k(x, x^\prime)$: of the outputs $\sqrt s f$, the NNGP kernel as well as the tangent kernel.
///
/// ```
/// use neural_limits::inference::{CovarianceFunction, Scaled};
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let kernel = NetworkKernel::infinite_depth(&ResNet::new(Relu), 1.0)?;
/// let twice = Scaled::new(2.0, kernel.clone())?;
/// assert_eq!(twice.gram(&x)?, kernel.gram(&x)? * 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scaled<K> {
    factor: f64,
    covariance: K,
}

impl<K: CovarianceFunction> Scaled<K> {
    /// Of $s$ and $k$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $s \ge 0$ is finite.
    pub fn new(factor: f64, covariance: K) -> Result<Self> {
        Ok(Self {
            factor: error::non_negative("the factor of the covariance", factor)?,
            covariance,
        })
    }
}

impl<K: CovarianceFunction> CovarianceFunction for Scaled<K> {
    fn name(&self) -> String {
        format!("{} times {}", self.factor, self.covariance.name())
    }

    fn cross(&self, x: &Inputs<'_>, y: &Inputs<'_>) -> Result<DMatrix<f64>> {
        Ok(self.covariance.cross(x, y)? * self.factor)
    }

    fn diagonal(&self, x: &Inputs<'_>) -> Result<DVector<f64>> {
        Ok(self.covariance.diagonal(x)? * self.factor)
    }

    fn gram(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        Ok(self.covariance.gram(x)? * self.factor)
    }

    fn blocks<'a>(&'a self, x: &'a Inputs<'a>, y: Option<&'a Inputs<'a>>) -> Result<Blocks<'a>> {
        let blocks = self.covariance.blocks(x, y)?;
        Ok(Box::new(move |rows, columns| {
            Ok(blocks(rows, columns)? * self.factor)
        }))
    }
}
