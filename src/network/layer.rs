//! What a layer of a network is at infinite width.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Directions, KernelBlock};
use crate::Result;

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

/// A layer, as a map of the kernel state.
///
/// # To write one
/// Implement [`name`](Layer::name), [`outline`](Layer::outline) and [`apply`](Layer::apply):
/// [`KernelBlock::map`] applies a map of variances and one of rows. The layer then works in every network,
/// for one pair and for streams of tiles, with both kernels. Two methods are for speed:
/// [`prepare`](Layer::prepare) for tables that depend on the range of variances,
/// [`directions`](Layer::directions) for positively homogeneous layers.
///
/// ```
/// use neural_limits::network::{Activated, Dense, KernelBlock, Layer, Network, Outline};
/// use neural_limits::prelude::*;
///
/// /// Weight decay of the signal: Y ↦ Y/2.
/// #[derive(Debug)]
/// struct Halved;
///
/// impl Layer for Halved {
///     fn name(&self) -> String { "halved".into() }
///     fn outline(&self, input: Outline) -> Result<Outline, Error> { Ok(input) }
///     fn apply(&self, block: &mut KernelBlock) -> Result<(), Error> {
///         block.map(
///             |q, out| { for (out, q) in out.iter_mut().zip(q) { *out = q / 4.0; } Ok(()) },
///             |row, _| {
///                 if let Some(tangent) = row.tangent { for t in tangent { *t /= 4.0; } }
///                 Ok(()) // correlations stay
///             },
///         )
///     }
/// }
///
/// let dense = Dense::new(Initialization::he());
/// let net = Network::new().then(dense).then(Halved).then(Activated::new(Relu)).then(dense);
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// assert_eq!(net.nngp(&x)?[(0, 0)], 0.5);
/// # Ok::<(), Error>(())
/// ```
pub trait Layer: Debug + Send + Sync {
    /// The layer in words.
    fn name(&self) -> String;

    /// What comes out, given what comes in.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if the layer's kernel map does not hold for such
    /// inputs.
    fn outline(&self, input: Outline) -> Result<Outline>;

    /// Maps the state of a block of pairs, each by itself: what becomes of a pair depends on its two
    /// variances, its $\varepsilon$ and $\Theta$, and on whether it is
    /// [a point with itself](KernelBlock::same_point), not on the rest of the block.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow), and whatever an activation's dual cannot reach.
    fn apply(&self, block: &mut KernelBlock) -> Result<()>;

    /// A faster form of the layer for points of the given variances at its input, if there is one. The
    /// default has none.
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
        let _ = points;
        Ok(None)
    }

    /// Whether [`prepare`](Layer::prepare) wants to see the variances. The default does not.
    fn has_tables(&self) -> bool {
        false
    }

    /// Roughly how many nanoseconds a pair takes: kernels choose by it between going layer by layer and
    /// tabulating the whole network as a function of two norms and an angle.
    fn pair_cost(&self) -> f64 {
        5.0
    }

    /// Maps pairs of unit variance, if the layer is positively homogeneous: returns `false`, and leaves the
    /// state in any condition, if it is not (the default). Networks of such layers are tabulated as functions
    /// of the angle.
    ///
    /// # Errors
    /// As [`apply`](Layer::apply).
    fn directions(&self, state: &mut Directions) -> Result<bool> {
        let _ = state;
        Ok(false)
    }
}

macro_rules! delegate {
    ($type:ty) => {
        impl<L: Layer + ?Sized> Layer for $type {
            fn name(&self) -> String {
                (**self).name()
            }

            fn outline(&self, input: Outline) -> Result<Outline> {
                (**self).outline(input)
            }

            fn apply(&self, block: &mut KernelBlock) -> Result<()> {
                (**self).apply(block)
            }

            fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
                (**self).prepare(points)
            }

            fn has_tables(&self) -> bool {
                (**self).has_tables()
            }

            fn pair_cost(&self) -> f64 {
                (**self).pair_cost()
            }

            fn directions(&self, state: &mut Directions) -> Result<bool> {
                (**self).directions(state)
            }
        }
    };
}

delegate!(&L);
delegate!(Box<L>);
delegate!(Arc<L>);
