//! Infinite width, then infinite depth.
//!
//! With $B$ the kernel map of the branch of a stack:
//!
//! | stack | limit | file |
//! |---|---|---|
//! | residual, normalised, homogeneous | $q_t = q_0 e^{g\tau}$, [`CorrelationFlow`] | `correlation_flow` |
//! | the tangent kernel of the same | a closed form and one quadrature | `homogeneous` |
//! | residual, normalised, any branch | the flow $dK/d\tau = B(K)$ of a pair | `covariance_flow` |
//! | the same, with $d\Theta/d\tau = B_\Theta(K, \Theta)$ | of many pairs | `block_flow` |
//! | residual, summable | the infinite recursion | `series` |
//! | constant (MLP, unscaled ResNet) | fixed points $K = s^2 K + \alpha^2 B(K)$ | `fixed_point` |
//!
//! [`InfiniteDepth`] chooses the row that each stack of a network belongs to; the layers around it map what
//! goes in and what comes out. Flows are integrated by `extrapolation` (`midpoints`: all columns at once of a
//! pair whose activation is homogeneous); `variance_limit` finds where variances end. A stack of infinite
//! depth is itself a [`Layer`] (`infinite_stack`), so that matrices go the ways of the
//! [`kernel`](crate::kernel): as functions of the angle, or of two norms and the angle, tabulated from the
//! flow as they are from layers. [`Trajectory`] answers many times from one integration.

mod block_flow;
mod collocation;
mod correlation_flow;
mod covariance_flow;
mod extrapolation;
mod fixed_point;
mod gram;
mod homogeneous;
mod infinite_stack;
mod midpoints;
mod quotient;
mod series;
mod trajectory;
mod variance_limit;

use std::sync::{Arc, OnceLock};

use nalgebra::DMatrix;

pub use correlation_flow::CorrelationFlow;
use infinite_stack::InfiniteStack;
use series::Recursion;
pub use trajectory::Trajectory;

use crate::architecture::Architecture;
use crate::covariance::{PairCorrelation, ScaledCovariance};
use crate::error;
use crate::inputs::{checked_covariance, input_covariance};
use crate::kernel::{Kernels, TangentKernel, through};
use crate::network::scaling::ScalingClass;
use crate::network::{Blocks, KernelBlock, Layer, Network, Structure, pair_of_layer};
use crate::{Error, Inputs, PairCovariance, Result, Scalar};

/// Infinite width, then infinite depth, for every [`Architecture`].
pub trait InInfiniteDepth: Architecture {
    /// The limit of infinite width, then infinite depth: flows, infinite recursions and fixed points.
    fn infinite_depth(&self) -> InfiniteDepth {
        InfiniteDepth::new(&self.network())
    }
}

impl<N: Architecture + ?Sized> InInfiniteDepth for N {}

/// The limit $n \to \infty$, then $L \to \infty$, from [`InInfiniteDepth::infinite_depth`], at any time
/// $t = l/L \in [0, 1]$.
///
/// For the ReLU residual network with $\alpha = L^{-1/2}$ (S. Hayou and G. Yang 2023, arXiv 2302.00453,
/// theorems 1–3)
///
/// $$q_t(a,a) = \frac{\lVert a \rVert^2}{d} e^{t/2}, \qquad \frac{d q_t(a,b)}{dt} = \tfrac12 \sqrt{q_t(a,a)
/// q_t(b,b)} \kappa_1(c_t), \qquad
///   \frac{dc_t}{dt} = \tfrac12 (\kappa_1(c_t) - c_t).$$
///
/// In general $dK/d\tau = B(K)$ in the clock $\tau(t)$ of the scaling (S. Hayou 2023, arXiv 2310.01683).
///
/// # Errors of the values
/// Homogeneous residual networks: a relative error below 1e-14 in $1 - c$, and below 1e-15 times 1 plus the
/// logarithm of their growth in variances; below 3e-14 in $\Theta$, relative to the larger of $|\Theta|$ and
/// $\sqrt{q_a q_b}$. Other flows: below 100 times the [tolerance](InfiniteDepth::with_tolerance) at which
/// they are integrated (1e-13 by default), relative to variances and to $1 - c$ (or $1 + c$, where $c$ stays
/// negative; of points whose variances differ by the factor $1 + \delta$, up to $10^{-15} \delta$), and 300
/// times in $\Theta$. Matrices of many points are tabulated, with errors of up to 60 times the tolerance,
/// relative to $1 - c$ or, between points of different variances, to the larger of $1 - c$ and 0.02. Summable
/// scalings: below 1e-9, or [`Error::NotConverged`]; [`remainder_after`](InfiniteDepth::remainder_after)
/// bounds what a number of layers leaves. Fixed points: below 1e-12, or [`Error::NotConverged`]; stability
/// tells which one it is, so that only $c = 1$ itself stays at an unstable $c = 1$. Where variances fall to 0
/// like $1/l$, the limit of a correlation that depends on the way is extrapolated, with an error below 1e-6.
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.0, 1.0]])?;
/// let q = net.infinite_depth().covariance_at(&x, 1.0)?;
/// assert!((q[(0, 0)] - 0.5 * 0.5_f64.exp()).abs() < 1e-15);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct InfiniteDepth {
    /// The layers before the first open stack, or why there is no limit.
    stem: Result<Vec<Arc<dyn Layer>>>,
    /// From there on.
    parts: Vec<Part>,
    tolerance: f64,
}

/// Bounds of what the layers after some depth add, from [`InfiniteDepth::remainder_after`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Remainder {
    /// Of $q_a^\infty - q_a^L \ge 0$.
    pub variance_a: f64,
    /// Of $q_b^\infty - q_b^L \ge 0$.
    pub variance_b: f64,
    /// Of $|k^\infty - k^L|$.
    pub covariance: f64,
}

/// A layer from the first open stack on.
#[derive(Debug, Clone)]
struct Part {
    layer: Arc<dyn Layer>,
    /// The head of an infinite recursion, set up once.
    series: Arc<OnceLock<Arc<(Blocks, Recursion)>>>,
}

impl Part {
    fn new(layer: &Arc<dyn Layer>) -> Self {
        Self {
            layer: Arc::clone(layer),
            series: Arc::default(),
        }
    }

    /// The layer at infinite depth, if it is a stack.
    fn at(&self, time: f64, tolerance: f64) -> Result<Option<InfiniteStack>> {
        match self.layer.structure() {
            Structure::Stack(stack) => {
                InfiniteStack::new(stack, &self.series, time, tolerance).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl InfiniteDepth {
    pub(crate) fn new(network: &Network) -> Self {
        let layers = network.flat();
        let is_stack = |layer: &Arc<dyn Layer>| matches!(layer.structure(), Structure::Stack(_));
        let (stem, parts) = match (network.check(), layers.iter().position(is_stack)) {
            (Err(error), _) => (Err(error), Vec::new()),
            (Ok(()), None) => {
                let error = Error::unsupported(
                    format!("the infinite-depth limit of {}", network.name()),
                    "no stack in its row of layers has its depth left open",
                );
                (Err(error), Vec::new())
            }
            (Ok(()), Some(first)) => {
                let parts = layers[first..].iter().map(Part::new).collect();
                (Ok(layers[..first].to_vec()), parts)
            }
        };
        Self {
            stem,
            parts,
            tolerance: 1e-13,
        }
    }

    /// Sets the relative local tolerance of the adaptive integrator (flows without closed form).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $10^{-14} \le$ tolerance $\le 10^{-2}$.
    pub fn with_tolerance(mut self, tolerance: f64) -> Result<Self> {
        if (1e-14..=1e-2).contains(&tolerance) {
            self.tolerance = tolerance;
            Ok(self)
        } else {
            Err(Error::invalid(
                "tolerance",
                tolerance,
                "a number in [1e-14, 1e-2]",
            ))
        }
    }

    /// $K_t$ from the stem covariance $K_0$, where the first open stack begins: through it and what follows.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$; [`Error::NotConverged`] where a tolerance is not
    /// reached; [`Error::Overflow`] from flows that leave the range; [`Error::Unsupported`] for a stack that
    /// is none of the table's rows, and for a network without an open stack in its row of layers;
    /// [`Error::Undefined`] for variances that alternate or do not settle from layer to layer. Where
    /// variances diverge or vanish with depth, the correlation still has its limit, and asking for the
    /// variance gives [`Error::Overflow`] or 0.
    pub fn propagate(&self, k: PairCovariance, time: f64) -> Result<ScaledCovariance> {
        error::unit_interval("time", time)?;
        self.stem.as_ref().map_err(Clone::clone)?;
        let mut state = ScaledCovariance::new(k);
        for (place, part) in self.parts.iter().enumerate() {
            let pair = if place == 0 { k } else { state.pair()? };
            state = match part.at(time, self.tolerance)? {
                Some(stack) => stack.pair(pair)?,
                None => ScaledCovariance::new(pair_of_layer(&*part.layer, pair)?),
            };
        }
        Ok(state)
    }

    /// $K_t$ and $\Theta_t$ from the stem covariance $K_0 = \Theta_0$, where the first open stack begins.
    ///
    /// In the clock $\tau$ of a normalised scaling, with $B_\Theta$ what the branch does to tangent kernels
    /// (for $W \varphi(Y) + b$, $\sigma_w^2 \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] \Theta + B(K)$),
    ///
    /// $$\frac{d\Theta}{d\tau} = B_\Theta(K_\tau, \Theta_\tau),$$
    ///
    /// the limit of the recursion of A. Jacot, F. Gabriel and C. Hongler (2018, arXiv 1806.07572, theorem 1)
    /// at rate $1/L$. Summable scalings have the infinite recursion of both, constant ones the fixed point
    /// $\Theta^\ast = S/(1 - P)$ of $\Theta \mapsto P \Theta + S$, if the slope $P$ of a layer is below 1.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate); [`Error::Overflow`] where $P \ge 1$, so that $\Theta$ grows without
    /// bound (at the edge of chaos like $L$).
    pub fn propagate_tangent(&self, k: PairCovariance, time: f64) -> Result<TangentKernel> {
        let theta = k.covariance();
        self.tangent_of(k, theta, None, &self.tail(time)?)
    }

    /// $K_t$ and $\Theta_t$ of a pair of points.
    ///
    /// # Errors
    /// As [`propagate_tangent`](Self::propagate_tangent), and [`Inputs::from_rows`] for the points.
    pub fn tangent_pair_at<T: Scalar>(&self, a: &[T], b: &[T], time: f64) -> Result<TangentKernel> {
        let k = checked_covariance(a, b)?;
        self.tangent_of(k, 0.0, Some(a.len() as f64), &self.network_at(time)?)
    }

    /// One pair with its tangent kernel through a network.
    fn tangent_of(
        &self,
        k: PairCovariance,
        theta: f64,
        width: Option<f64>,
        network: &Network,
    ) -> Result<TangentKernel> {
        let mut block = pair_block(k, theta, width);
        network.apply(&mut block)?;
        let k = PairCovariance::with_correlation(
            block.variance_a()[0],
            block.variance_b()[0],
            block.correlation()[0],
        )?;
        let theta = block.tangent().map_or(0.0, |tangent| tangent[0]);
        Ok(TangentKernel::of(k, theta))
    }

    /// What an infinite recursion still adds after its first `depth` layers: bounds of $K^\infty - K^L$ from
    /// the stem covariance, for a summable scaling.
    ///
    /// The rest $\sum_{l>L} \zeta_l^2 B(K_{l-1})$ is positive semi-definite. Variances grow with $l$, and
    /// $V(q) = \sigma_w^2 \mathbb E[\varphi(\sqrt q z)^2] + \sigma_b^2$ has $V(q) \sqrt q$ increasing, since
    /// $\mathbb E[\varphi(\sqrt q z)^2] \sqrt{2 \pi q} = \int \varphi(x)^2 e^{-x^2/2q} dx$. So for each point
    ///
    /// $$0 \le q^\infty - q^L \le \sqrt{\frac{q^\infty}{q^L}} V(q^\infty) \sum_{l>L} \zeta_l^2,$$
    ///
    /// and $|k^\infty - k^L|$ is at most the geometric mean of these two (Cauchy–Schwarz). The order is that
    /// of S. Hayou (2023, arXiv 2310.01683, convergent series); what it holds for is exact arithmetic and the
    /// exact $q^\infty$, of which [`propagate`](Self::propagate) knows 9 digits.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the first open stack is a chain of summable scaling; as
    /// [`propagate`](Self::propagate).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let net = ResNet::new(Relu).scaled_by(ConvergentSeries::new(1.0, 1.0)?);
    /// let k = PairCovariance::new(1.0, 2.0, 0.5)?;
    /// let rest = net.infinite_depth().remainder_after(k, 100)?;
    /// let limit = net.infinite_depth().propagate(k, 1.0)?.variance_a()?;
    /// let deep = net.infinite_width(100)?.propagate(k)?.variance_a()?;
    /// assert!(limit - deep <= rest.variance_a && limit - deep > 0.9 * rest.variance_a);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn remainder_after(&self, k: PairCovariance, depth: usize) -> Result<Remainder> {
        let unsupported = || {
            Error::unsupported(
                "the remainder of a recursion",
                "the network has no open stack around (activation, dense) of summable scaling",
            )
        };
        let first = self.parts.first().ok_or_else(unsupported)?;
        let Structure::Stack(stack) = first.layer.structure() else {
            return Err(unsupported());
        };
        let chain = stack.chain().ok_or_else(unsupported)?;
        if chain.skip != 1.0 || chain.scaling.class() != ScalingClass::Summable {
            return Err(unsupported());
        }
        let blocks = stack.blocks(depth, 1.0)?;
        let reached = (0..depth).try_fold(k, |k, l| blocks.pair(l, k))?;
        let series = InfiniteStack::new(stack, &first.series, 1.0, self.tolerance)?;
        let end = series.pair(k)?.pair()?;
        let (rate, rest) = (stack.branch().pair(end)?, chain.scaling.tail(depth).0);
        let bound = |end: f64, reached: f64, rate: f64| {
            let growth = if reached > 0.0 {
                (end / reached).sqrt()
            } else {
                f64::INFINITY
            };
            if rate > 0.0 {
                growth * rate * rest
            } else {
                0.0
            }
        };
        let a = bound(end.variance_a(), reached.variance_a(), rate.variance_a());
        let b = bound(end.variance_b(), reached.variance_b(), rate.variance_b());
        Ok(Remainder {
            variance_a: a,
            variance_b: b,
            covariance: if a > 0.0 && b > 0.0 {
                a.sqrt() * b.sqrt()
            } else {
                0.0
            },
        })
    }

    /// $K_t$ and $\Theta_t$ at all times from the stem covariance $K_0 = \Theta_0$, by one integration.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the network has one open stack, of normalised scaling; as
    /// [`propagate_tangent`](Self::propagate_tangent); [`Error::Overflow`] where the flow leaves the range
    /// before $t = 1$.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let net = ResNet::new(Gelu).initialized_by(Initialization::new(1.5, 0.1)?);
    /// let limit = net.infinite_depth();
    /// let k = PairCovariance::new(1.0, 2.0, 0.5)?;
    /// let flow = limit.trajectory_from(k)?;
    /// for t in [0.0, 0.3, 1.0] {
    ///     let direct = limit.propagate(k, t)?.covariance()?;
    ///     assert!((flow.at(t)?.covariance() - direct).abs() < 1e-12);
    /// }
    /// assert!(flow.error_estimate() < 1e-9);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trajectory_from(&self, k: PairCovariance) -> Result<Trajectory> {
        let block = pair_block(k, k.covariance(), None);
        self.trajectory_of_block(block)
    }

    /// [`trajectory_from`](Self::trajectory_from) of a pair of points.
    ///
    /// # Errors
    /// As [`trajectory_from`](Self::trajectory_from), and [`Inputs::from_rows`] for the points.
    pub fn pair_trajectory<T: Scalar>(&self, a: &[T], b: &[T]) -> Result<Trajectory> {
        let k = checked_covariance(a, b)?;
        let mut block = pair_block(k, 0.0, Some(a.len() as f64));
        self.stem_network()?.apply(&mut block)?;
        self.trajectory_of_block(block)
    }

    /// [`trajectory_from`](Self::trajectory_from) of all pairs of some points, which share the integration of
    /// their variances. It holds some 16 numbers for every pair and kernel, or a few times as many.
    ///
    /// # Errors
    /// As [`trajectory_from`](Self::trajectory_from).
    pub fn trajectory_of<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<Trajectory> {
        let points: Vec<&[T]> = x.points().collect();
        let variances: Vec<f64> = points
            .iter()
            .map(|a| input_covariance(a, a).variance_a())
            .collect();
        let correlation = points.iter().enumerate().flat_map(|(i, a)| {
            let points = &points;
            (0..points.len()).map(move |j| {
                if i == j {
                    PairCorrelation::PARALLEL
                } else {
                    input_covariance(a, points[j]).pair_correlation()
                }
            })
        });
        let (b, correlation) = (variances.clone(), correlation.collect());
        let mut block = KernelBlock::new(variances, b, correlation, true)?.with_same_points(0);
        block.set_width(Some(x.dimension() as f64));
        self.stem_network()?.apply(&mut block)?;
        self.trajectory_of_block(block)
    }

    /// From pairs where the first open stack begins.
    fn trajectory_of_block(&self, block: KernelBlock) -> Result<Trajectory> {
        self.stem.as_ref().map_err(Clone::clone)?;
        let several = || {
            Error::unsupported(
                "a trajectory of this network",
                "it has several open stacks, or none: a later one starts from another covariance at every time",
            )
        };
        let (first, after) = self.parts.split_first().ok_or_else(several)?;
        let mut network = Network::new();
        for part in after {
            if let Structure::Stack(_) = part.layer.structure() {
                return Err(several());
            }
            network = network.then_shared(Arc::clone(&part.layer));
        }
        match first.layer.structure() {
            Structure::Stack(stack) => Trajectory::new(stack, network, block, self.tolerance),
            _ => Err(several()),
        }
    }

    /// The layers before the first open stack.
    fn stem_network(&self) -> Result<Network> {
        let stem = self.stem.as_ref().map_err(Clone::clone)?;
        let stem = stem.iter().map(Arc::clone);
        Ok(stem.fold(Network::new(), Network::then_shared))
    }

    /// The network with its open stacks at infinite depth and time $t$, each of them one layer: with it go
    /// all kernels of [`Network`], among them those of many points through tables, tiles, linear-time
    /// diagonals and buffers of the caller.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate), as far as they depend on the network alone.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let resnet = ResNet::new(Erf::default());
    /// let limit = resnet.infinite_depth().network_at(1.0)?;
    /// let kernels = limit.kernels(&x)?; // K and Θ at L = ∞
    /// let deep = resnet.infinite_width(2000)?.kernels(&x)?;
    /// assert!((kernels.ntk - deep.ntk).amax() < 1e-3);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn network_at(&self, time: f64) -> Result<Network> {
        Ok(self.stem_network()?.then(self.tail(time)?))
    }

    /// From the first open stack on.
    fn tail(&self, time: f64) -> Result<Network> {
        error::unit_interval("time", time)?;
        self.stem.as_ref().map_err(Clone::clone)?;
        self.parts.iter().try_fold(Network::new(), |network, part| {
            Ok(match part.at(time, self.tolerance)? {
                Some(stack) => network.then(stack),
                None => network.then_shared(Arc::clone(&part.layer)),
            })
        })
    }

    /// Whether a stack ends in a fixed point: variances may then be beyond numbers where correlations are
    /// not.
    fn has_fixed_point(&self) -> bool {
        let is_constant = |part: &Part| match part.layer.structure() {
            Structure::Stack(stack) => stack
                .residual_rule()
                .is_some_and(|(_, scaling)| scaling.class() == ScalingClass::Constant),
            _ => false,
        };
        self.parts.iter().any(is_constant)
    }

    /// $K_t$ from the covariance of the inputs.
    fn of_inputs(&self, k: PairCovariance, time: f64) -> Result<ScaledCovariance> {
        self.propagate(self.stem(k)?, time)
    }

    /// $K_0$ from the covariance of the inputs.
    fn stem(&self, k: PairCovariance) -> Result<PairCovariance> {
        through(self.stem.as_ref().map_err(Clone::clone)?, k)
    }

    /// $K_t$ of a pair of points.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`] for the points, and as [`propagate`](Self::propagate).
    pub fn pair_at<T: Scalar>(&self, a: &[T], b: &[T], time: f64) -> Result<ScaledCovariance> {
        self.of_inputs(checked_covariance(a, b)?, time)
    }

    /// The $m \times m$ matrix $q_t(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate).
    pub fn covariance_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<DMatrix<T>> {
        if !self.has_fixed_point() {
            return self.network_at(time)?.nngp(x);
        }
        // a point shares more with itself than with an equal one, behind dropout
        gram::symmetric(
            x,
            "the covariance",
            &|k| self.of_inputs(k, time)?.variance_a(),
            &|k| self.of_inputs(k, time)?.covariance(),
        )
    }

    /// The matrix $q_t(x_i, y_j)$ between two sets of inputs.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate); [`Error::Shape`] for unequal dimensions.
    pub fn covariance_between_at<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
        time: f64,
    ) -> Result<DMatrix<T>> {
        if !self.has_fixed_point() {
            return self.network_at(time)?.nngp_between(x, y);
        }
        gram::rectangular(x, y, "the covariance", &|k| {
            self.of_inputs(k, time)?.covariance()
        })
    }

    /// Both kernels, $q_t(x_i, x_j)$ and the tangent kernel $\Theta_t(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`propagate_tangent`](Self::propagate_tangent).
    pub fn kernels_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<Kernels<T>> {
        self.network_at(time)?.kernels(x)
    }

    /// Both kernels between two sets of inputs.
    ///
    /// # Errors
    /// As [`kernels_at`](Self::kernels_at); [`Error::Shape`] for unequal dimensions.
    pub fn kernels_between_at<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
        time: f64,
    ) -> Result<Kernels<T>> {
        self.network_at(time)?.kernels_between(x, y)
    }

    /// The correlations $c_t(x_i, x_j)$.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate); [`Error::ZeroVector`] naming an input without a direction.
    pub fn correlation_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<DMatrix<T>> {
        self.refuse_zero_vectors(x)?;
        if !self.has_fixed_point() {
            return self.network_at(time)?.correlations(x);
        }
        gram::symmetric(
            x,
            "the correlation",
            &|k| self.of_inputs(k, time)?.pair_correlation().map(|_| 1.0),
            &|k| self.of_inputs(k, time)?.correlation(),
        )
    }

    /// [`Error::ZeroVector`] if a point has variance 0 where the first stack begins, so that no correlation
    /// with it exists.
    fn refuse_zero_vectors<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<()> {
        for (i, point) in x.points().enumerate() {
            let stem = self.stem(input_covariance(point, point))?;
            if stem.variance_a() == 0.0 {
                return Err(Error::ZeroVector {
                    argument: format!("inputs[{i}]"),
                });
            }
        }
        Ok(())
    }
}

/// One pair as a block.
fn pair_block(k: PairCovariance, theta: f64, width: Option<f64>) -> KernelBlock {
    let mut block = KernelBlock::of_points(Vec::new());
    block.set_width(width);
    let (a, b) = (vec![k.variance_a()], vec![k.variance_b()]);
    block.with_state(a, b, vec![k.pair_correlation()], Some(vec![theta]))
}
