//! Finite networks: random draws of width $n$ and depth $L$.
//!
//! | file | content |
//! |---|---|
//! | [`Finite`] | a network of given width and depth, as often as wanted |
//! | [`Draw`] | what one of them shows at its inputs |
//! | [`Record`] | the same, with all neurons and, where they are wanted, gradients and weights |
//! | [`Gradients`] | of its first output |
//! | [`EmpiricalKernels`] | NNGP and tangent kernels of one network with weights, Jacobians |
//! | [`NormSampler`] | the norm of a homogeneous MLP at one input, $O(1)$ a layer |
//! | [`Seed`] | one seed, numbered independent streams |
//!
//! How a layer is drawn is the layer's own: from its [conditional law](crate::network::ConditionalLaw), $n
//! \times m$ normals and $O(n m^2)$ work, or with [weights](crate::network::Drawn), $O(n^2 m)$. So are
//! gradients: by [conditioning](crate::network::Layer::condition) Gaussian weights on what the forward pass
//! has seen of them, or from weights. The laws are the same.

mod draw;
mod gradients;
mod norm;
mod record;
mod tangent;

use nalgebra::DMatrix;

pub use draw::Draw;
pub use gradients::Gradients;
pub use norm::{Norm, NormSampler};
pub use record::Record;
pub use tangent::EmpiricalKernels;

use crate::architecture::Architecture;
use crate::error;
pub use crate::network::Sampler;
use crate::network::{Drawn, Layer, Network, Signal, Site, Structure};
use crate::numerics::keep_freed_memory;
pub use crate::random::{Seed, Stream};
use crate::{Error, Inputs, Result, Scalar, parallel};

/// Random networks of finite size, for every [`Architecture`].
pub trait OfFiniteSize: Architecture {
    /// The random network of given width and depth.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width or depth of 0 or above 10⁹, or coefficients that are not finite;
    /// [`Error::Unsupported`] if an activation is not
    /// [pointwise](crate::activation::Activation::is_pointwise).
    fn finite(&self, width: usize, depth: usize) -> Result<Finite> {
        Finite::new(self.network(), width, depth)
    }
}

impl<N: Architecture + ?Sized> OfFiniteSize for N {}

/// A random network of finite width $n$ and depth $L$, from [`OfFiniteSize::finite`].
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let q = net.finite(1024, 256)?.covariances(&x, 4, Seed::new(7))?;
/// let limit = net.infinite_depth().covariance_at(&x, 1.0)?;
/// assert!((&q[0] - limit).amax() < 0.3);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Finite {
    /// Its depth left open.
    open: Network,
    network: Network,
    width: usize,
    depth: usize,
    sampler: Sampler,
}

/// Refuses activations that are no functions.
fn check_pointwise(layer: &dyn Layer) -> Result<()> {
    match layer.structure() {
        Structure::Activation(phi) if !phi.is_pointwise() => Err(Error::unsupported(
            format!("a finite network of {}", phi.name()),
            "it is a map of kernels that no pointwise function realises",
        )),
        Structure::Row(network) => {
            let mut layers = network.layers().iter();
            layers.try_for_each(|layer| check_pointwise(&**layer))
        }
        Structure::Repeat(_, block) | Structure::Residual { branch: block, .. } => {
            check_pointwise(block)
        }
        Structure::Stack(stack) => check_pointwise(stack.branch()),
        Structure::Branches(branches) => {
            let mut branches = branches.iter();
            branches.try_for_each(|branch| check_pointwise(branch))
        }
        _ => Ok(()),
    }
}

impl Finite {
    pub(crate) fn new(open: Network, width: usize, depth: usize) -> Result<Self> {
        let network = open.at_depth(depth)?;
        check_pointwise(&open)?;
        Ok(Self {
            open,
            network,
            width: error::size("width", width)?,
            depth,
            sampler: Sampler::default(),
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// $L$.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Chooses how layers are drawn; the law of the results is the same.
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Stops after layer $\lfloor tL \rfloor$ of the same network of depth $L$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$.
    pub fn at_time(mut self, time: f64) -> Result<Self> {
        self.network = self.open.at_time(self.depth, time)?;
        Ok(self)
    }

    /// One network, drawn from `rng`: all that can be read off it, its weights only if they are wanted.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn record<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        with_weights: bool,
        rng: &mut Stream,
    ) -> Result<Record> {
        if !with_weights {
            return Ok(Record::new(self.signal(x, rng)?, None));
        }
        let network = self.with_weights(x.dimension(), rng)?;
        let neurons = network.forward(&Signal::of_inputs(x))?;
        Ok(Record::new(neurons, Some(network)))
    }

    /// [`record`](Self::record) with the [gradients](Gradients) of the first output: by the conditional
    /// sampler at $O(n m^2)$ a layer, without any $n \times n$ matrix, where layers have Gaussian weights
    /// (others are drawn with theirs), or from dense weights.
    ///
    /// # Errors
    /// As [`draw`](Self::draw); [`Error::Unsupported`] from a layer without a
    /// [backward pass](Drawn::backward).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let net = Mlp::new(Relu).initialized_by(Initialization::he());
    /// let networks = net.finite(2000, 8)?; // 32 million weights, none of them drawn
    /// let record = networks.record_with_gradients(&x, false, &mut Seed::new(7).stream(0))?;
    /// let limit = net.infinite_width(8)?.ntk(&x)?;
    /// // its standard deviation is √(11 L/(3n)) = 12 %
    /// assert!((record.gradients()?.tangent_kernel() - &limit).amax() < 0.6 * limit[(0, 0)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn record_with_gradients<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        with_weights: bool,
        rng: &mut Stream,
    ) -> Result<Record> {
        keep_freed_memory();
        let inputs = Signal::of_inputs(x);
        if with_weights || self.sampler == Sampler::Dense {
            let network = self.with_weights(x.dimension(), rng)?;
            let neurons = network.forward(&inputs)?;
            let gradients = Gradients::of_weights(&*network, &inputs, neurons.width())?;
            let network = with_weights.then_some(network);
            return Ok(Record::new(neurons, network).with_gradients(gradients));
        }
        let mut site = Site::new(self.width, self.sampler, rng)?;
        let (neurons, network) = self.network.condition(inputs.clone(), &mut site)?;
        let gradients = Gradients::of_conditioned(network, &inputs, neurons.width(), rng)?;
        Ok(Record::new(neurons, None).with_gradients(gradients))
    }

    /// One network, drawn from `rng`: its [`Draw`] at the inputs.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a network that is not homogeneous leaves the range of `f64`; for homogeneous
    /// ones overflow is reported by the accessors of [`Draw`]; [`Error::OutOfMemory`]; [`Error::Unsupported`]
    /// from a layer without the reading that the sampler needs.
    pub fn draw<T: Scalar>(&self, x: &Inputs<'_, T>, rng: &mut Stream) -> Result<Draw> {
        Ok(Draw::new(&self.signal(x, rng)?))
    }

    /// `samples` independent networks, number $i$ drawn from [`Seed::stream`]$(i)$, in parallel:
    /// bit-identical for any number of threads.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 samples or more than 10⁹.
    pub fn draws<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<Draw>> {
        self.read(x, samples, seed, Ok)
    }

    /// What `read` makes of each of `samples` independent networks, in order: no more than one [`Draw`] a
    /// thread exists at a time.
    ///
    /// # Errors
    /// As [`draws`](Self::draws), and those of `read`.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let networks = ResNet::new(Relu).finite(64, 16)?;
    /// let correlations = networks.read(&x, 100, 7, |draw| draw.correlation(0, 1))?;
    /// assert_eq!(correlations.len(), 100);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn read<T: Scalar, R: Send>(
        &self,
        x: &Inputs<'_, T>,
        samples: usize,
        seed: impl Into<Seed>,
        read: impl Fn(Draw) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let seed = seed.into();
        error::size("samples", samples)?;
        parallel::try_map(samples, |i| read(self.draw(x, &mut seed.stream(i as u64))?))
    }

    /// The covariance matrices $\hat q(x_i, x_j) = \langle Y_l(x_i), Y_l(x_j) \rangle / n$ of `samples`
    /// independent networks.
    ///
    /// # Errors
    /// As [`draws`](Self::draws); [`Error::Overflow`] if an entry exceeds the range.
    pub fn covariances<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<DMatrix<f64>>> {
        self.read(x, samples, seed, |draw| draw.covariances())
    }

    /// The $n \times m$ outputs of one network drawn from `rng`: of an MLP or ResNet, the pre-activations
    /// $Y_l$.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn pre_activations<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        rng: &mut Stream,
    ) -> Result<DMatrix<f64>> {
        self.signal(x, rng)?.to_matrix()
    }

    /// One network with all of its weights, for inputs of a dimension: what it gives for any signal, by
    /// [`Drawn::forward`]. From the same `rng` as a [draw](Self::draw) by [`Sampler::Dense`], the same
    /// network.
    ///
    /// # Errors
    /// [`Error::Unsupported`] from a layer without [weights to draw](Layer::draw); [`Error::OutOfMemory`].
    ///
    /// ```
    /// use neural_limits::{network::Signal, prelude::*};
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let networks = ResNet::new(Relu).finite(16, 4)?.with_sampler(Sampler::Dense);
    /// let network = networks.with_weights(2, &mut Seed::new(7).stream(0))?;
    /// let y = network.forward(&Signal::of_inputs(&x))?.to_matrix()?;
    /// assert_eq!(y, networks.pre_activations(&x, &mut Seed::new(7).stream(0))?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_weights(&self, dimension: usize, rng: &mut Stream) -> Result<Box<dyn Drawn>> {
        error::size("dimension", dimension)?;
        let mut site = Site::new(self.width, Sampler::Dense, rng)?;
        self.network.draw(dimension, &mut site)
    }

    fn signal<T: Scalar>(&self, x: &Inputs<'_, T>, rng: &mut Stream) -> Result<Signal> {
        keep_freed_memory();
        let mut site = Site::new(self.width, self.sampler, rng)?;
        self.network.sample(Signal::of_inputs(x), &mut site)
    }
}
