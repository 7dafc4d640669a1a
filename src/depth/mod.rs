//! Infinite width, then infinite depth.
//!
//! | chain | limit | file |
//! |---|---|---|
//! | residual, normalised scaling, homogeneous | closed form: $q_t = q_0 e^{g\tau}$ and [`CorrelationFlow`] | `correlation_flow` |
//! | residual, normalised scaling, any $\varphi$, biases | the flow $dK/d\tau = B(K)$, integrated | `covariance_flow` |
//! | residual, summable scaling | the infinite recursion | `series` |
//! | constant coefficients (MLP, unscaled ResNet) | fixed points of $K = s^2 K + \alpha^2 B(K)$ | `fixed_point` |
//!
//! [`InfiniteDepth`] chooses the row that an architecture belongs to.

mod correlation_flow;
mod covariance_flow;
mod fixed_point;
mod series;

use std::sync::OnceLock;

use nalgebra::DMatrix;

pub use correlation_flow::CorrelationFlow;

use crate::activation::Dual;
use crate::architecture::{self, Architecture, ScalingClass};
use crate::covariance::ScaledCovariance;
use crate::error;
use crate::gram;
use crate::kernel::InfiniteWidth;
use crate::{Error, Inputs, PairCovariance, Result, Scalar};

/// The limit $n \to \infty$, then $L \to \infty$, from [`Architecture::infinite_depth`], at any time
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
/// logarithm of their growth in variances. Other flows: below 100 times the
/// [tolerance](InfiniteDepth::with_tolerance) at which they are integrated (1e-13 by default). Summable
/// scalings: below 1e-9, or [`Error::NotConverged`]. Fixed points: below 1e-12, or [`Error::NotConverged`].
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
pub struct InfiniteDepth<'a, N> {
    net: &'a N,
    tolerance: f64,
    /// The head of an infinite recursion, set up for the first pair and shared by all.
    head: OnceLock<InfiniteWidth<'a, N>>,
}

impl<'a, N: Architecture<Activation: Dual>> InfiniteDepth<'a, N> {
    pub(crate) fn new(net: &'a N) -> Self {
        Self {
            net,
            tolerance: 1e-13,
            head: OnceLock::new(),
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

    /// $K_t$ from the stem covariance $K_0$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$; [`Error::NotConverged`] where a tolerance is not
    /// reached; [`Error::Overflow`] from flows that leave the range; [`Error::Unsupported`] for a chain that
    /// is none of the table's rows. Where variances diverge or vanish with depth, the correlation still has
    /// its limit, and asking for the variance gives [`Error::Overflow`] or 0.
    pub fn propagate(&self, k: PairCovariance, time: f64) -> Result<ScaledCovariance> {
        error::unit_interval("time", time)?;
        let scaling = self.net.scaling();
        if time == 0.0 {
            return Ok(ScaledCovariance::new(k));
        }
        match scaling.class() {
            ScalingClass::Normalised if self.net.skip() == 1.0 => {
                let clock = scaling.clock(time);
                error::non_negative("the scaling's clock", clock)?;
                self.flow(k, clock)
            }
            ScalingClass::Summable if self.net.skip() == 1.0 => {
                series::propagate(self.net, self.series_head()?, k, |k, clock| {
                    self.flow(k, clock)
                })
            }
            ScalingClass::Constant => {
                let alpha = architecture::coefficients(self.net, 1)?[0];
                fixed_point::propagate(self.net, alpha, k)
            }
            class => Err(Error::unsupported(
                format!("the infinite-depth limit of {}", self.net.name()),
                format!(
                    "no limit is known for skip coefficient {} and {class:?} scaling",
                    self.net.skip()
                ),
            )),
        }
    }

    fn series_head(&self) -> Result<&InfiniteWidth<'a, N>> {
        Ok(match self.head.get() {
            Some(head) => head,
            None => {
                let head = self.net.infinite_width(series::LAYERS)?;
                self.head.get_or_init(|| head)
            }
        })
    }

    /// The flow $dK/d\tau = B(K)$ for the duration `clock`.
    fn flow(&self, k: PairCovariance, clock: f64) -> Result<ScaledCovariance> {
        match self.net.homogeneous() {
            Some(slopes) => {
                let weight = self.net.branch().initialization().weight_variance();
                let growth = weight * slopes.second_moment() * clock;
                let correlation_time = 2.0 * weight * slopes.curvature_weight() * clock;
                let epsilon = CorrelationFlow::shared()
                    .complement_unchecked(k.one_minus_correlation(), correlation_time);
                Ok(ScaledCovariance::exponential(
                    PairCovariance::from_parts(k.variance_a(), k.variance_b(), epsilon),
                    growth,
                ))
            }
            None => covariance_flow::integrate(self.net.branch(), k, clock, self.tolerance)
                .map(ScaledCovariance::new),
        }
    }

    /// $K_t$ of a pair of points.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`] for the points, and as [`propagate`](Self::propagate).
    pub fn pair_at<T: Scalar>(&self, a: &[T], b: &[T], time: f64) -> Result<ScaledCovariance> {
        self.propagate(gram::checked_stem_covariance(self.net, a, b)?, time)
    }

    /// The $m \times m$ matrix $q_t(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate).
    pub fn covariance_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<DMatrix<T>> {
        gram::symmetric(self.net, x, "the covariance", |k| {
            self.propagate(k, time)?.covariance()
        })
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
        gram::rectangular(self.net, x, y, "the covariance", |k| {
            self.propagate(k, time)?.covariance()
        })
    }

    /// The correlations $c_t(x_i, x_j)$.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate); [`Error::ZeroVector`] naming an input without a direction.
    pub fn correlation_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<DMatrix<T>> {
        gram::directions(self.net, x)?;
        gram::symmetric(self.net, x, "the correlation", |k| {
            self.propagate(k, time)?.correlation()
        })
    }
}
