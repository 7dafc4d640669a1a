//! Architectures, written down once and read by every limit.
//!
//! | file | content |
//! |---|---|
//! | [`Branch`] | $W\varphi(Y) + b$ and its covariance maps $B(K)$, $\hat B(Y)$ |
//! | [`Mlp`] | $Y_l = W_l \varphi(Y_{l-1}) + b_l$ |
//! | [`ResNet`] | $Y_l = Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l)$ |
//! | [`DenseNet`] | $Y_l = (Y_{l-1}, W_l \varphi(Y_{l-1}) + b_l)$, lowered to a [`Network`] |
//! | [`scaling`] | rules for $\alpha_{l,L}$ |
//!
//! To add an architecture of this kind, implement the five methods of [`Architecture`].

mod branch;
mod dense_net;
mod mlp;
mod resnet;
pub mod scaling;

use std::fmt::Debug;
use std::sync::Arc;

pub use branch::Branch;
pub use dense_net::DenseNet;
pub use mlp::Mlp;
pub use resnet::ResNet;
pub use scaling::{
    BranchScaling, Constant, ConvergentSeries, CustomScaling, InverseSqrtDepth, PowerLaw,
    ScalingClass,
};

use crate::activation::{Activation, Dual, Slopes};
use crate::depth::InfiniteDepth;
use crate::error::{self, Error, Result};
use crate::kernel::InfiniteWidth;
use crate::limit::{Grid, Limit, routes};
use crate::network::{Activated, Dense, Layer, Network, Repeat, Residual};
use crate::sample::Finite;
use crate::{Initialization, PairCovariance};

/// A chain of random layers, width $n$ and depth $L$ left open:
///
/// $$Y_0 = W_{in} a + b_{in}, \qquad Y_l = s Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l), \quad l =
/// 1, \ldots, L.$$
///
/// The five required methods are its whole definition; recursion, flow and samplers read nothing else.
/// [`infinite_width`](Architecture::infinite_width), [`infinite_depth`](Architecture::infinite_depth) and
/// [`finite`](Architecture::finite) are the rooms it is read in.
pub trait Architecture: Debug + Send + Sync {
    /// The activation's type.
    type Activation: Activation;

    /// The architecture in words.
    fn name(&self) -> String;

    /// The law of the input layer $(W_{in}, b_{in})$.
    fn stem(&self) -> Initialization;

    /// The random branch $Y \mapsto W\varphi(Y) + b$.
    fn branch(&self) -> &Branch<Self::Activation>;

    /// The skip coefficient $s$: 0 for an MLP, 1 for a residual network.
    fn skip(&self) -> f64;

    /// The branch coefficients $\alpha_{l,L}$.
    fn scaling(&self) -> &dyn BranchScaling;

    /// The slopes of $\varphi$ if the whole chain after the stem is positively homogeneous (no biases).
    fn homogeneous(&self) -> Option<Slopes> {
        let branch = self.branch();
        branch
            .activation()
            .slopes()
            .filter(|_| branch.initialization().bias_variance() == 0.0)
    }

    /// One layer at infinite width: $s^2 K + \alpha^2 B(K)$.
    ///
    /// # Errors
    /// As [`Dual::dual`].
    fn layer_covariance(&self, alpha: f64, k: PairCovariance) -> Result<PairCovariance>
    where
        Self::Activation: Dual,
    {
        let branch = self.branch().covariance(k)?.times(alpha * alpha);
        Ok(join(self.skip(), k, branch))
    }

    /// The network of infinite width and depth `depth`: the kernel recursion.
    ///
    /// # Errors
    /// [`Error::Invalid`] for depth 0 or above 10⁹, or coefficients that are not finite.
    fn infinite_width(&self, depth: usize) -> Result<InfiniteWidth<'_, Self>>
    where
        Self: Sized,
        Self::Activation: Dual,
    {
        InfiniteWidth::new(self, depth)
    }

    /// The network of a given depth as a composition of layers, for its kernels at infinite width.
    ///
    /// # Errors
    /// As [`infinite_width`](Self::infinite_width).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let net = ResNet::new(Tanh);
    /// assert_eq!(net.network(4)?.ntk(&x)?, net.infinite_width(4)?.ntk(&x)?);
    /// # Ok::<(), Error>(())
    /// ```
    fn network(&self, depth: usize) -> Result<Network<'_>>
    where
        Self: Sized,
        Self::Activation: Dual,
    {
        lower(self, &coefficients(self, depth)?)
    }

    /// The limit of infinite width, then infinite depth: flows, infinite recursions and fixed points.
    fn infinite_depth(&self) -> InfiniteDepth<'_, Self>
    where
        Self: Sized,
        Self::Activation: Dual,
    {
        InfiniteDepth::new(self)
    }

    /// The random network of given width and depth.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width or depth of 0 or above 10⁹, or coefficients that are not finite;
    /// [`Error::Unsupported`] if the activation is not [pointwise](Activation::is_pointwise).
    fn finite(&self, width: usize, depth: usize) -> Result<Finite<'_, Self>>
    where
        Self: Sized,
    {
        Finite::new(self, width, depth)
    }

    /// Every regime that the crate has a route to, with finite networks over a grid of sizes; the first is
    /// the limit of infinite width, then depth.
    ///
    /// # Errors
    /// [`Error::Invalid`] for coefficients that are not finite.
    fn limits<'a>(&'a self, grid: &Grid) -> Result<Vec<Box<dyn Limit + 'a>>>
    where
        Self: Sized,
        Self::Activation: Dual,
    {
        routes::all(self, grid)
    }
}

/// The chain of layers with branch coefficients `alphas`.
pub(crate) fn lower<'n, N: Architecture<Activation: Dual>>(
    net: &'n N,
    alphas: &[f64],
) -> Result<Network<'n>> {
    let (branch, skip) = (net.branch(), net.skip());
    let layers = Network::new()
        .then(Activated::new(branch.activation()))
        .then(Dense::new(branch.initialization()));
    let layers = Arc::new(layers);
    let block = |alpha: f64| -> Result<Arc<dyn Layer + 'n>> {
        if skip == 0.0 && alpha == 1.0 {
            Ok(Arc::clone(&layers) as _)
        } else {
            Ok(Arc::new(Residual::sharing(
                skip,
                alpha,
                Arc::clone(&layers),
            )?))
        }
    };
    let stem = Network::new().then(Dense::new(net.stem()));
    match alphas {
        [] => Ok(stem),
        [first, rest @ ..] if rest.iter().all(|alpha| alpha == first) => {
            let block = Network::new().then_shared(block(*first)?);
            Ok(stem.then(Repeat::new(alphas.len(), block)?))
        }
        _ => alphas.iter().try_fold(stem, |network, &alpha| {
            Ok(network.then_shared(block(alpha)?))
        }),
    }
}

/// $s^2 K + B$: a skip connection and a branch that is independent of it.
pub(crate) fn join(skip: f64, k: PairCovariance, branch: PairCovariance) -> PairCovariance {
    if skip == 0.0 {
        branch
    } else {
        k.times(skip * skip).plus(branch)
    }
}

/// The coefficients at a given depth.
///
/// # Errors
/// [`Error::Invalid`] for depth 0 or above 10⁹, or a coefficient whose square is not finite; [`Error::Shape`]
/// for a scaling that returns a wrong number of them.
pub(crate) fn coefficients<N: Architecture>(net: &N, depth: usize) -> Result<Vec<f64>> {
    error::size("depth", depth)?;
    error::finite("the skip coefficient", net.skip())?;
    let coefficients = net.scaling().coefficients(depth);
    if coefficients.len() != depth {
        return Err(Error::shape(
            "the scaling's coefficients",
            format!("length {}", coefficients.len()),
            format!("the depth, {depth}"),
        ));
    }
    for (i, &alpha) in coefficients.iter().enumerate() {
        if !(alpha * alpha).is_finite() {
            return Err(Error::invalid(
                format!("the branch coefficient of layer {}", i + 1),
                alpha,
                "a number with a finite square",
            ));
        }
    }
    Ok(coefficients)
}

/// The factor $g = s^2 + \alpha^2 \sigma_w^2 \mathbb E[\varphi(z)^2]$ by which a layer of a homogeneous chain
/// multiplies variances; 1 where it is 1 up to 4 units of rounding, so that a critical initialisation is one
/// whatever the slopes.
pub(crate) fn variance_growth<N: Architecture>(net: &N, slopes: Slopes, alpha: f64) -> f64 {
    let weight = net.branch().initialization().weight_variance();
    let growth = net.skip() * net.skip() + alpha * alpha * weight * slopes.second_moment();
    if (growth - 1.0).abs() <= 4.0 * f64::EPSILON {
        1.0
    } else {
        growth
    }
}

/// The layer $\lfloor tL \rfloor$ reached at time $t \in [0, 1]$.
///
/// # Errors
/// [`Error::Invalid`] for a time outside of $[0, 1]$.
pub(crate) fn layer_at(time: f64, depth: usize) -> Result<usize> {
    error::unit_interval("time", time)?;
    // t = l/L computed in floating point may fall just short of the layer it means.
    let layer = time * depth as f64;
    let nearest = layer.round();
    let layer = if (layer - nearest).abs() <= 4.0 * f64::EPSILON * nearest {
        nearest
    } else {
        layer.floor()
    };
    Ok((layer as usize).min(depth))
}
