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
//! | `evaluator` | a network made ready: a function of the angle, of two norms and the angle, or layer by layer |
//! | `surface` | the function of two norms and the angle, tabulated |
//! | `tiles` | any tile of a kernel at any time ([`Tiles`]) |
//! | `matrices` | whole matrices, in parallel, into buffers of the caller |
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
//! Layer by layer, entries have the bits of the two points alone for homogeneous networks and closed forms.
//! (One exception in the last bit: products of inputs use fused multiply-add where the machine has it.)
//! Tables of Hermite coefficients and of whole networks span the norms and angles at hand: entries of
//! different sets of points differ by 1e-13, or by what the activations err by themselves, and agree to the
//! bit within one matrix, whatever the tile and the number of threads.

mod evaluator;
mod matrices;
mod product;
mod surface;
mod tangent;
mod tiles;

use nalgebra::{DMatrix, DVector};

pub use matrices::Kernels;
pub use tangent::TangentKernel;
pub use tiles::{Tile, Tiles, Which};

use crate::activation::Dual;
use crate::architecture::{self, Architecture};
use crate::covariance::ScaledCovariance;
use crate::gram;
use crate::network::Network;
use crate::{Inputs, PairCovariance, Result, Scalar};

/// A network of infinite width and finite depth, from [`Architecture::infinite_width`].
///
/// All results belong to the pre-activations $Y_l$ after [`layers`](InfiniteWidth::layers) layers, by default
/// all $L$: what is called the NNGP kernel of a network that ends in a dense layer.
///
/// # Errors of the values
/// The relative error of $1 - c$ grows by less than one ulp a layer (without biases;
/// `tests/deep_recursion_oracle.rs` finds at most 5.2e-14 after 1000 layers), so that two inputs whose
/// correlation rounds to 1 remain distinct. Chains that are homogeneous after the stem carry variances with
/// an exponent of their own: correlations never overflow, and a variance that does is an
/// [`Error::Overflow`](crate::Error::Overflow) with its logarithm.
#[derive(Debug, Clone)]
pub struct InfiniteWidth<'a, N> {
    net: &'a N,
    coefficients: Vec<f64>,
    layers: usize,
    network: Network<'a>,
}

impl<'a, N: Architecture<Activation: Dual>> InfiniteWidth<'a, N> {
    pub(crate) fn new(net: &'a N, depth: usize) -> Result<Self> {
        let coefficients = architecture::coefficients(net, depth)?;
        Ok(Self {
            network: architecture::lower(net, &coefficients)?,
            net,
            layers: coefficients.len(),
            coefficients,
        })
    }

    pub(crate) fn net(&self) -> &N {
        self.net
    }

    /// $\alpha_{l,L}$ of the layers that are applied.
    pub(crate) fn coefficients(&self) -> &[f64] {
        &self.coefficients[..self.layers]
    }

    /// $L$.
    pub fn depth(&self) -> usize {
        self.coefficients.len()
    }

    /// The number of layers that are applied, $\lfloor tL \rfloor$ after [`at_time`](Self::at_time).
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Stops after layer $\lfloor tL \rfloor$ of the same network of depth $L$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a time outside of $[0, 1]$.
    pub fn at_time(mut self, time: f64) -> Result<Self> {
        self.layers = architecture::layer_at(time, self.depth())?;
        self.network = architecture::lower(self.net, self.coefficients())?;
        Ok(self)
    }

    /// The recursion for one pair from its stem covariance $K_0$.
    ///
    /// # Errors
    /// As [`Dual::dual`], from any layer.
    pub fn propagate(&self, k: PairCovariance) -> Result<ScaledCovariance> {
        self.trajectory_from(k)
            .try_fold(ScaledCovariance::new(k), |_, k| k)
    }

    /// $K_0, K_1, \ldots, K_{\lfloor tL \rfloor}$ from a stem covariance, computed as they are asked for; it
    /// ends with the first error.
    pub fn trajectory_from(
        &self,
        k: PairCovariance,
    ) -> impl Iterator<Item = Result<ScaledCovariance>> + '_ {
        let homogeneous = self.net.homogeneous().is_some();
        let start = ScaledCovariance::new(k);
        std::iter::once(Ok(start)).chain(self.coefficients().iter().scan(
            Some(start),
            move |state, &alpha| {
                let k = (*state)?;
                let next = self
                    .net
                    .layer_covariance(alpha, k.unscaled())
                    .map(|pair| k.followed_by(pair, homogeneous));
                *state = next.as_ref().ok().copied();
                Some(next)
            },
        ))
    }

    /// The covariance of a pair of points.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`] for the two points.
    pub fn pair<T: Scalar>(&self, a: &[T], b: &[T]) -> Result<ScaledCovariance> {
        self.propagate(gram::checked_stem_covariance(self.net, a, b)?)
    }

    /// The layers that are applied, as a [`Network`]: kernels into buffers of the caller, linear-time
    /// diagonals.
    pub fn network(&self) -> &Network<'a> {
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
    /// let x = Inputs::from_rows(&[[1.0_f32, 0.0], [0.6, 0.8]])?;
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
        which: Which,
        side: usize,
    ) -> Result<Tiles<'b, T>> {
        self.network.tiles(x, which, side)
    }
}
