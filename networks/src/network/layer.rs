//! What a layer of a network is: three readings, and what is known of it without numbers.

use std::fmt::Debug;
use std::sync::Arc;

use super::{
    AngleState, ConditionalLaw, Conditioned, Dense, Drawn, KernelBlock, Network, Shaped, Signal,
    Site, Stack, conditioned,
};
use crate::activation::{Dual, Parity};
use crate::{Error, Result};

/// What is known of a layer's outputs without any number: which layers may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Neurons are a Gaussian process at infinite width, as activations need it: the outputs of a dense
    /// layer, or sums of them.
    pub gaussian: bool,
    /// Outputs are centred and uncorrelated with everything that does not pass through their last weights, as
    /// sums and products of branches need it.
    pub fresh: bool,
}

impl Outline {
    /// What the inputs are: given numbers.
    pub fn of_inputs() -> Self {
        Self {
            gaussian: false,
            fresh: false,
        }
    }
}

/// What a layer is made of, for those who recognise closed forms in it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Structure<'a> {
    /// Nothing that others should know.
    Leaf,
    /// A dense layer.
    Dense(&'a Dense),
    /// An activation.
    Activation(&'a Arc<dyn Dual>),
    /// An activation whose slopes depend on the width.
    Shaped(&'a Shaped),
    /// Layers in a row.
    Row(&'a Network),
    /// Blocks whose number is left open.
    Stack(&'a Stack),
    /// Layers in a row so many times, with weights of their own.
    Repeat(usize, &'a Network),
    /// Residual blocks $s Y + \alpha_l F(Y)$ in a row, one for each $\alpha_l$, with weights of their own.
    Residual {
        /// $s$.
        skip: f64,
        /// $\alpha_1, \ldots$
        scales: &'a [f64],
        /// $F$.
        branch: &'a Network,
    },
    /// Branches of one signal.
    Branches(&'a [Network]),
}

impl Structure<'_> {
    /// Whether outputs change their sign with the inputs, so that $K$ is an odd function of $c$; `false`
    /// where that is not known.
    pub(crate) fn is_odd(&self) -> bool {
        match self {
            Self::Dense(dense) => dense.initialization().bias_variance() == 0.0,
            Self::Activation(phi) => phi.parity() == Parity::Odd,
            Self::Row(network) => {
                let mut layers = network.layers().iter();
                layers.all(|layer| layer.structure().is_odd())
            }
            Self::Repeat(_, block) | Self::Residual { branch: block, .. } => {
                block.structure().is_odd()
            }
            Self::Shaped(_) | Self::Leaf | Self::Stack(_) | Self::Branches(_) => false,
        }
    }

    /// Whether no activation has kinks, so that covariances are analytic functions of those before, also
    /// where $\det K = 0$; `false` where that is not known.
    pub(crate) fn is_analytic(&self) -> bool {
        let are = |network: &Network| network.structure().is_analytic();
        match self {
            Self::Dense(_) | Self::Shaped(_) => true,
            Self::Activation(phi) => phi.kinks().is_empty(),
            Self::Row(network) => {
                let mut layers = network.layers().iter();
                layers.all(|layer| layer.structure().is_analytic())
            }
            Self::Repeat(_, block) | Self::Residual { branch: block, .. } => are(block),
            Self::Branches(branches) => branches.iter().all(are),
            Self::Leaf | Self::Stack(_) => false,
        }
    }

    /// Roughly how many nanoseconds a pair takes in the activation that takes longest, where it is known.
    pub(crate) fn activation_cost(&self) -> f64 {
        let of = |network: &Network| network.structure().activation_cost();
        match self {
            Self::Activation(phi) => phi.pair_cost(),
            Self::Row(network) => {
                let layers = network.layers().iter();
                let costs = layers.map(|layer| layer.structure().activation_cost());
                costs.fold(0.0, f64::max)
            }
            Self::Repeat(_, block) | Self::Residual { branch: block, .. } => of(block),
            Self::Branches(branches) => branches.iter().map(of).fold(0.0, f64::max),
            Self::Dense(_) | Self::Shaped(_) | Self::Leaf | Self::Stack(_) => 0.0,
        }
    }
}

/// A layer. It can be read in three ways:
///
/// 1. *at infinite width*, [`apply`](Layer::apply): the map of covariances $K$ and tangent kernels $\Theta$;
/// 2. *given the signal* of a network of finite width, [`conditional`](Layer::conditional): the law of its
///    outputs. It is what the conditional sampler draws from;
/// 3. *with weights*, [`draw`](Layer::draw): random numbers once and for all, a forward and a backward pass
///    through them.
///
/// # To write one
/// Implement [`name`](Layer::name), [`outline`](Layer::outline) and [`apply`](Layer::apply) — for which
/// [`KernelBlock::map`] applies a map of variances and one of rows — and the layer works in every network at
/// infinite width: kernels for one pair and for streams of tiles, recursions, flows. Where random networks
/// are asked for, the other two readings are an [`Error::Unsupported`] that names the layer until they are
/// written. [`prepare`](Layer::prepare) (tables that depend on the range of variances) and
/// [`map_angles`](Layer::map_angles) (positively homogeneous layers) are for speed.
///
/// All three readings of the layer $Y \mapsto Y/2$:
///
/// ```
/// use neural_limits::network::{
///     Activated, ConditionalLaw, Dense, Drawn, GradientSink, KernelBlock, Layer, Network, Outline, Signal,
///     Site,
/// };
/// use neural_limits::prelude::*;
///
/// #[derive(Debug, Clone)]
/// struct Halved;
///
/// fn halved(signal: &Signal) -> Signal {
///     let mut out = signal.clone();
///     for y in out.values_mut() { *y /= 2.0; }
///     out
/// }
///
/// impl Layer for Halved {
///     fn name(&self) -> String { "halved".into() }
///     fn outline(&self, input: Outline) -> Result<Outline, Error> { Ok(input) }
///
///     // 1: variances fall to a quarter, and so does the tangent kernel; correlations stay
///     fn apply(&self, block: &mut KernelBlock) -> Result<(), Error> {
///         block.map(
///             |q, out| { for (out, q) in out.iter_mut().zip(q) { *out = q / 4.0; } Ok(()) },
///             |row, _| { for t in row.tangent.into_iter().flatten() { *t /= 4.0; } Ok(()) },
///         )
///     }
///
///     // 2: without weights there is nothing random
///     fn conditional(&self, signal: &Signal, _: &mut Site<'_>) -> Result<ConditionalLaw, Error> {
///         Ok(ConditionalLaw::determined(halved(signal)))
///     }
///
///     // 3: and nothing to draw
///     fn draw(&self, _: usize, _: &mut Site<'_>) -> Result<Box<dyn Drawn>, Error> {
///         Ok(Box::new(self.clone()))
///     }
/// }
///
/// impl Drawn for Halved {
///     fn width(&self, fan_in: usize) -> usize { fan_in }
///     fn forward(&self, signal: &Signal) -> Result<Signal, Error> { Ok(halved(signal)) }
///     // gradients, where they are wanted
///     fn backward(&self, _: &Signal, deltas: Signal, _: &mut dyn GradientSink) -> Result<Signal, Error> {
///         Ok(halved(&deltas))
///     }
/// }
///
/// let dense = Dense::new(Initialization::he());
/// let net = Network::new().then(dense).then(Halved).then(Activated::new(Relu)).then(dense);
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// assert_eq!(net.nngp(&x)?[(0, 0)], 0.5);
/// let networks = net.finite(4000, 1)?;
/// for sampler in [Sampler::Conditional, Sampler::Dense] {
///     let q = networks.clone().with_sampler(sampler).covariances(&x, 1, 7)?;
///     assert!((q[0][(0, 0)] - 0.5).abs() < 0.1);
/// }
/// # Ok::<(), Error>(())
/// ```
pub trait Layer: Debug + Send + Sync {
    /// The layer in words.
    fn name(&self) -> String;

    /// What comes out, given what comes in.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layer's kernel map does not hold for such inputs.
    fn outline(&self, input: Outline) -> Result<Outline>;

    /// *Infinite width.* Maps the state of a block of pairs, each by itself: what becomes of a pair depends
    /// on its two variances, its $\varepsilon$ and $\Theta$, and on whether it is
    /// [a point with itself](KernelBlock::same_point), not on the rest of the block.
    ///
    /// # Errors
    /// [`Error::Overflow`], and whatever an activation's dual cannot reach.
    fn apply(&self, block: &mut KernelBlock) -> Result<()>;

    /// *Given the signal.* The law of the outputs given the signal at the inputs. Random numbers of the site
    /// are for what lies on the way: all but the last weights of a branch, masks.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default; [`Error::Overflow`]; [`Error::Shape`] where branches do not fit.
    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let _ = (signal, site);
        Err(Error::unsupported(
            format!("the conditional law of {}", self.name()),
            "the layer implements its kernel map only (Layer::conditional is missing)",
        ))
    }

    /// *With weights.* Draws the layer for signals of `fan_in` neurons.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default; [`Error::OutOfMemory`].
    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        let _ = (fan_in, site);
        Err(Error::unsupported(
            format!("random weights of {}", self.name()),
            "the layer implements its kernel map only (Layer::draw is missing)",
        ))
    }

    /// One draw of the outputs, from the reading that the site's [`Sampler`](super::Sampler) asks for. Layers
    /// made of others pass it on, so that no more than one layer's weights exist at a time.
    ///
    /// # Errors
    /// As [`conditional`](Layer::conditional) and [`draw`](Layer::draw).
    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional() {
            self.conditional(&signal, site)?.draw(site)
        } else {
            self.draw(signal.width(), site)?.forward(&signal)
        }
    }

    /// One draw of the outputs, with what a backward pass needs. By default all weights are
    /// [drawn](Layer::draw); a dense layer with Gaussian weights remembers what it did to the signal instead,
    /// where the site's [`Sampler`](super::Sampler) is conditional. Layers made of others pass it on.
    ///
    /// # Errors
    /// As [`draw`](Layer::draw).
    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        conditioned::on_weights(self, signal, site)
    }

    /// The layer with every number of blocks $L$ that was left open set to `depth`, and cut after
    /// $\lfloor tL \rfloor$ of them at `time` $t$; `None` (the default) if none was.
    ///
    /// # Errors
    /// [`Error::Invalid`] for depth 0 or above 10⁹, a time outside of $[0, 1]$, or coefficients that are not
    /// finite.
    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        let _ = (depth, time);
        Ok(None)
    }

    /// What the layer is made of.
    fn structure(&self) -> Structure<'_> {
        Structure::Leaf
    }

    /// A faster form of the layer for points of the given variances at its input, if there is one. The
    /// default has none.
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let _ = points;
        Ok(None)
    }

    /// Whether pairs go by tables whose set-up the rows of a block share. The default has none.
    fn has_tables(&self) -> bool {
        false
    }

    /// Whether [`prepare`](Layer::prepare) wants to see the variances. By default layers with tables do.
    fn wants_variances(&self) -> bool {
        self.has_tables()
    }

    /// Roughly how many nanoseconds a pair takes: kernels choose by it between going layer by layer and
    /// tabulating the whole network as a function of two norms and an angle.
    fn pair_cost(&self) -> f64 {
        5.0
    }

    /// What $1 - c$ of a pair errs by, relative, where that is more than activations err by themselves: what
    /// tables of whole networks are held to. The default is 0.
    fn relative_error(&self) -> f64 {
        0.0
    }

    /// [`apply`](Layer::apply) to a block of one pair that shares nothing with others: within the same
    /// errors, by what is cheaper for one. The default is [`apply`](Layer::apply).
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn apply_alone(&self, pair: &mut KernelBlock) -> Result<()> {
        self.apply(pair)
    }

    /// A form of the layer that maps all pairs between the given ones by one smooth function, if the layer
    /// itself adapts to each of them: tables are made from it. The default is `None`.
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn smooth(&self, pairs: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let _ = pairs;
        Ok(None)
    }

    /// Maps pairs of unit variance, if the layer is positively homogeneous: returns `false`, and leaves the
    /// state in any condition, if it is not (the default). Networks of such layers are tabulated as functions
    /// of the angle.
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        let _ = state;
        Ok(false)
    }
}
