//! Infinite width at finite depth: the layer-by-layer kernel recursion.
//!
//! With $n \to \infty$ at fixed $L$, the neurons of a chain become independent Gaussian processes of the
//! inputs with covariance (R. Neal 1996; J. Lee et al. 2017, arXiv 1711.00165; A. Matthews et al. 2018,
//! arXiv 1804.11271)
//!
//! $$K_0 = \sigma_{in}^2 \frac{a \cdot b}{d} + \sigma_{b,in}^2, \qquad K_l = s^2 K_{l-1} + \alpha_{l,L}^2
//! B(K_{l-1}).$$
//!
//! [`InfiniteWidth`] iterates it for pairs ([`propagate`](InfiniteWidth::propagate), and with the neural
//! tangent kernel [`propagate_tangent`](InfiniteWidth::propagate_tangent)). Matrices, of chains and of every
//! other [`Network`], go through blocks:
//!
//! | file | what |
//! |---|---|
//! | `product` | products of inputs, and $1 - c$ of nearly parallel ones from their difference |
//! | `evaluator` | a network made ready: a function of the angle, of norms and angle, or layer by layer |
//! | `angle` | homogeneous networks without biases: the function of the angle, tabulated |
//! | `pairwise` | a network of which no two pairs share anything |
//! | `surface` | the function of two norms and the angle, tabulated |
//! | `tiles` | any tile of a kernel at any time ([`Tiles`]) |
//! | `matrices` | whole matrices, in parallel, into buffers of the caller |
//! | `transposed` | how a strip gets to its place in a matrix, which is column by column |
//! | `recursion` | the recursion of a pair, also where variances have become too small for `f64` |
//! | `tangent` | the tangent kernel of a pair |
//!
//! # What it costs
//! With $N$ points of dimension $d$ and depth $L$: $N^2 d$ multiplications and additions for the products
//! (half of $2 N^2 d$, by symmetry), and
//!
//! - positively homogeneous networks without biases: one evaluation of two polynomials for each pair,
//!   whatever the depth. Equal blocks are doubled, so a million of them cost milliseconds; unequal ones are
//!   passed one by one by a few hundred angles (5 s for a million);
//! - every other network, where there are many more pairs than it takes numbers to write down what becomes of
//!   a pair (from $N$ of some hundred on, unless norms are spread very widely or there are only one or two
//!   cheap layers): one polynomial in two norms and the angle for each pair, whatever the depth and the
//!   activations. The table is made of some thousand pairs that pass the layers;
//! - otherwise, and for pairs that no table holds, layer by layer: closed forms $N^2 L/2$ steps of a few
//!   nanoseconds; smooth activations without closed form the same number of Horner schemes in the
//!   correlation, from a table of Hermite coefficients; activations with kinks and no closed form from
//!   Hermite series that pairs of a block share where $|c| < 0.94$, and by quadrature, 0.1 ms to a few ms,
//!   where inputs are nearer to parallel.
//!
//! `cargo run --release --example kernel_cost` measures it. Memory is that of the matrices and a few
//! megabytes for each thread (`cargo run --release --example memory`).
//!
//! # What it is worth
//! Products of inputs, and what is computed layer by layer from closed forms, are functions of the two points
//! alone, to the bit. Tables of Hermite coefficients and of whole networks span the norms and angles at hand:
//! entries of different sets of points differ by 1e-13, or by what the activations err by themselves, and
//! agree to the bit within one matrix, whatever the tile and the number of threads. [`EntryScope::Pair`] does
//! without them, at its price.
//!
//! Layer by layer, a closed form takes $1 - c^\prime = D$ with a relative error of 1e-11 + 1e-15 $/\sqrt D$
//! between different norms, and of rounding between equal ones. Chaotic networks multiply $1 - c$ of nearly
//! parallel points by $\chi_1$ a layer and keep the relative error.

mod angle;
mod evaluator;
mod matrices;
mod pairwise;
mod product;
mod recursion;
mod surface;
mod tangent;
mod tiles;
mod transposed;

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

pub use matrices::Kernels;
use recursion::Recursion;
pub(crate) use surface::TabulatedBranch;
pub use tangent::TangentKernel;
pub use tiles::{EntryScope, KernelKind, Tile, Tiles};

use crate::activation::Slopes;
use crate::architecture::Architecture;
use crate::covariance::ScaledCovariance;
use crate::inputs::checked_covariance;
use crate::network::{Chain, Layer, Network};
use crate::{Error, Inputs, PairCovariance, Result, Scalar};

/// Infinite width at finite depth, for every [`Architecture`].
pub trait InInfiniteWidth: Architecture {
    /// The network of infinite width and depth `depth`: the kernel recursion.
    ///
    /// # Errors
    /// As [`Network::at_depth`].
    fn infinite_width(&self, depth: usize) -> Result<InfiniteWidth> {
        InfiniteWidth::new(self.network(), depth)
    }
}

impl<N: Architecture + ?Sized> InInfiniteWidth for N {}

/// A network of infinite width and finite depth, from [`InInfiniteWidth::infinite_width`].
///
/// All results belong to the outputs of the network; of an [`Mlp`](crate::architecture::Mlp) or
/// [`ResNet`](crate::architecture::ResNet), to the pre-activations $Y_l$ after
/// [`layers`](InfiniteWidth::layers) layers, by default all $L$: what is called the NNGP kernel of a network
/// that ends in a dense layer.
///
/// # Errors of the values
/// The relative error of $1 - c$ grows by less than one ulp a layer (without biases;
/// `tests/it/deep_recursion_oracle.rs` finds at most 5.2e-14 after 1000 layers), so that two inputs whose
/// correlation rounds to 1 remain distinct. Chains that are homogeneous after the stem carry variances with
/// an exponent of their own: correlations never overflow, and a variance that does is an
/// [`Error::Overflow`] with its logarithm. So do chains without biases whose variances shrink to 0: there
/// only the slopes of the activation at 0 are left.
#[derive(Debug, Clone)]
pub struct InfiniteWidth {
    /// Its depth left open.
    open: Network,
    depth: usize,
    time: f64,
    stack: Option<Recursion>,
    /// The stack, if the network is a dense layer and a chain.
    chain: Option<Chain>,
    network: Network,
}

impl InfiniteWidth {
    pub(crate) fn new(open: Network, depth: usize) -> Result<Self> {
        Self::of(open, depth, 1.0)
    }

    fn of(open: Network, depth: usize, time: f64) -> Result<Self> {
        Ok(Self {
            network: open.at_time(depth, time)?,
            stack: Recursion::new(&open, depth, time)?,
            chain: open.chain().map(|(_, chain)| chain),
            open,
            depth,
            time,
        })
    }

    /// The stack, for closed forms that hold for chains.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming `what`.
    pub(crate) fn chain(&self, what: &str) -> Result<&Chain> {
        self.chain.as_ref().ok_or_else(|| {
            Error::unsupported(
                what,
                "the network is not a dense layer and a stack around (activation, dense)",
            )
        })
    }

    /// $\alpha_{l,L}$ of the layers that are applied; none if there is no residual stack.
    #[doc(hidden)]
    pub fn coefficients(&self) -> &[f64] {
        let stack = self.stack.as_ref();
        stack.map_or(&[], |stack| stack.blocks.coefficients())
    }

    /// What is left of the activation of a chain without biases at variances so small that it is its slopes
    /// at 0; `None` where there is more. Where there are slopes, what they are applied to is the covariance
    /// without its power of two.
    pub(crate) fn slopes(&self, k: &ScaledCovariance) -> Option<Slopes> {
        self.stack.as_ref().and_then(|stack| stack.slopes(k))
    }

    /// $L$.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The number of blocks that are applied, $\lfloor tL \rfloor$ after [`at_time`](Self::at_time); of a
    /// network without an open stack, $L$.
    pub fn layers(&self) -> usize {
        let stack = self.stack.as_ref();
        stack.map_or(self.depth, |stack| stack.blocks.len())
    }

    /// Stops after layer $\lfloor tL \rfloor$ of the same network of depth $L$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$.
    pub fn at_time(self, time: f64) -> Result<Self> {
        if time == self.time {
            return Ok(self);
        }
        Self::of(self.open, self.depth, time)
    }

    /// The recursion for one pair from its stem covariance $K_0$, where the open stack begins; of a network
    /// without one (or with several), from the covariance of the inputs.
    ///
    /// # Errors
    /// As [`Dual::dual`](crate::activation::Dual::dual), from any layer.
    pub fn propagate(&self, k: PairCovariance) -> Result<ScaledCovariance> {
        let Some(stack) = &self.stack else {
            return Ok(ScaledCovariance::new(self.network.pair(k)?));
        };
        let end = stack.end(ScaledCovariance::new(k))?;
        match &stack.after[..] {
            [] => Ok(end),
            after => through(after, end.pair()?).map(ScaledCovariance::new),
        }
    }

    /// $K_0, K_1, \ldots, K_{\lfloor tL \rfloor}$ from a stem covariance, computed as they are asked for; it
    /// ends with the first error. A network without an open stack has $K_0$ alone.
    pub fn trajectory_from(
        &self,
        k: PairCovariance,
    ) -> impl Iterator<Item = Result<ScaledCovariance>> + '_ {
        let start = ScaledCovariance::new(k);
        let blocks = self.stack.iter().flat_map(|stack| {
            let count = stack.blocks.len();
            (0..count).map(move |l| (stack, l))
        });
        std::iter::once(Ok(start)).chain(blocks.scan(Some(start), |state, (stack, l)| {
            let next = stack.next(l, (*state)?);
            *state = next.as_ref().ok().copied();
            Some(next)
        }))
    }

    /// The covariance of a pair of points.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`] for the two points.
    pub fn pair<T: Scalar>(&self, a: &[T], b: &[T]) -> Result<ScaledCovariance> {
        self.propagate(self.stem(checked_covariance(a, b)?)?)
    }

    /// $K_0$ from the covariance of the inputs.
    pub(crate) fn stem(&self, k: PairCovariance) -> Result<PairCovariance> {
        match &self.stack {
            Some(stack) => through(&stack.before, k),
            None => Ok(k),
        }
    }

    /// The layers that are applied, as a [`Network`]: kernels into buffers of the caller, linear-time
    /// diagonals.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The NNGP kernel: the $m \times m$ matrix $K_L(x_i, x_j)$, symmetric to the bit, with a diagonal that
    /// is exactly [`variances`](Self::variances).
    ///
    /// # Errors
    /// As [`Network::nngp`].
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_f32_rows(&[[1.0_f32, 0.0], [0.6, 0.8]])?;
    /// let net = Mlp::new(Relu);
    /// let k = net.infinite_width(1)?.nngp(&x)?; // single precision in and out
    /// assert_eq!(k[(0, 0)], 0.25); // |x|²/d times 1/2
    /// # Ok::<(), Error>(())
    /// ```
    pub fn nngp<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.network.nngp(x)
    }

    /// The NNGP kernel between two sets of inputs, $K_L(x_i, y_j)$.
    ///
    /// # Errors
    /// As [`Network::nngp_between`].
    pub fn nngp_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<DMatrix<T>> {
        self.network.nngp_between(x, y)
    }

    /// The neural tangent kernel $\Theta_L(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`Network::ntk`].
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
    /// let net = Mlp::new(Relu).initialized_by(Initialization::he());
    /// let ntk = net.infinite_width(3)?.ntk(&x)?;
    /// assert_eq!(ntk[(0, 0)], 8.0); // (L + 1) K: every layer adds the same
    /// # Ok::<(), Error>(())
    /// ```
    pub fn ntk<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.network.ntk(x)
    }

    /// The neural tangent kernel between two sets of inputs, $\Theta_L(x_i, y_j)$.
    ///
    /// # Errors
    /// As [`Network::ntk_between`].
    pub fn ntk_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<DMatrix<T>> {
        self.network.ntk_between(x, y)
    }

    /// Both kernels, for the price of the second.
    ///
    /// # Errors
    /// As [`Network::kernels`].
    pub fn kernels<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<Kernels<T>> {
        self.network.kernels(x)
    }

    /// Both kernels between two sets of inputs.
    ///
    /// # Errors
    /// As [`Network::kernels_between`].
    pub fn kernels_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<Kernels<T>> {
        self.network.kernels_between(x, y)
    }

    /// The variances $K_L(x_i, x_i)$, the diagonal of [`nngp`](Self::nngp) to the bit.
    ///
    /// # Errors
    /// As [`Network::variances`].
    pub fn variances<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DVector<T>> {
        self.network.variances(x)
    }

    /// The correlations $c_L(x_i, x_j)$; of homogeneous chains finite even where the covariances overflow.
    ///
    /// # Errors
    /// As [`Network::correlations`].
    pub fn correlations<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.network.correlations(x)
    }

    /// The complements $1 - c_L(x_i, x_j)$, to relative accuracy.
    ///
    /// # Errors
    /// As [`correlations`](Self::correlations).
    pub fn correlation_complements<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.network.correlation_complements(x)
    }

    /// A stream of the kernel's tiles, `side` points to a side, for matrices larger than memory.
    ///
    /// # Errors
    /// As [`Network::tiles`].
    pub fn tiles<'b, T: Scalar>(
        &'b self,
        x: &'b Inputs<'b, T>,
        which: KernelKind,
        side: usize,
    ) -> Result<Tiles<'b, T>> {
        self.network.tiles(x, which, side)
    }
}

/// A pair through layers in a row.
pub(crate) fn through(layers: &[Arc<dyn Layer>], k: PairCovariance) -> Result<PairCovariance> {
    let mut layers = layers.iter();
    layers.try_fold(k, |k, layer| crate::network::pair_of_layer(&**layer, k))
}
