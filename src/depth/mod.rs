//! Infinite width, then infinite depth.
//!
//! With $B$ the kernel map of the branch of a stack:
//!
//! | stack | limit | file |
//! |---|---|---|
//! | residual, normalised, homogeneous | $q_t = q_0 e^{g\tau}$ and [`CorrelationFlow`] | `correlation_flow` |
//! | residual, normalised, any branch | the flow $dK/d\tau = B(K)$, integrated | `covariance_flow` |
//! | residual, summable | the infinite recursion | `series` |
//! | constant (MLP, unscaled ResNet) | fixed points $K = s^2 K + \alpha^2 B(K)$ | `fixed_point` |
//!
//! [`InfiniteDepth`] chooses the row that each stack of a network belongs to; the layers around it map what
//! goes in and what comes out.

mod correlation_flow;
mod covariance_flow;
mod fixed_point;
mod gram;
mod series;
mod variance_limit;

use std::sync::{Arc, OnceLock};

use nalgebra::DMatrix;

pub use correlation_flow::CorrelationFlow;

use crate::activation::Slopes;
use crate::architecture::Architecture;
use crate::covariance::ScaledCovariance;
use crate::error;
use crate::inputs::{checked_covariance, input_covariance};
use crate::kernel::through;
use crate::network::scaling::ScalingClass;
use crate::network::{Blocks, Layer, Network, Stack, Structure, pair_of_layer};
use crate::{Error, Inputs, PairCorrelation, PairCovariance, Result, Scalar};

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
/// logarithm of their growth in variances. Other flows: below 100 times the
/// [tolerance](InfiniteDepth::with_tolerance) at which they are integrated (1e-13 by default), relative to
/// variances and to $1 - c$ (or $1 + c$, where $c$ stays negative; of points whose variances differ by the
/// factor $1 + \delta$, up to $10^{-15} \delta$). Summable scalings: below 1e-9, or [`Error::NotConverged`].
/// Fixed points: below 1e-12, or [`Error::NotConverged`]; stability tells which one it is, so that only
/// $c = 1$ itself stays at an unstable $c = 1$. Where variances fall to 0 like $1/l$, the limit of a
/// correlation that depends on the way is extrapolated, with an error of about 1e-7.
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

/// A layer from the first open stack on.
#[derive(Debug, Clone)]
struct Part {
    layer: Arc<dyn Layer>,
    /// $\sigma_w^2$ and slopes of a homogeneous stack.
    homogeneous: Option<(f64, Slopes)>,
    /// The head of an infinite recursion, set up for the first pair and shared by all.
    head: Arc<OnceLock<Blocks>>,
}

impl Part {
    fn new(layer: &Arc<dyn Layer>) -> Self {
        let chain = match layer.structure() {
            Structure::Stack(stack) => stack.chain(),
            _ => None,
        };
        Self {
            layer: Arc::clone(layer),
            homogeneous: chain.and_then(|chain| {
                let slopes = chain.homogeneous()?;
                Some((chain.weight_variance(), slopes))
            }),
            head: Arc::default(),
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
            state = match part.layer.structure() {
                Structure::Stack(stack) => self.stack(part, stack, pair, time)?,
                _ => ScaledCovariance::new(pair_of_layer(&*part.layer, pair)?),
            };
        }
        Ok(state)
    }

    /// $K_t$ at the end of a stack from $K_0$ at its start.
    fn stack(
        &self,
        part: &Part,
        stack: &Stack,
        k: PairCovariance,
        time: f64,
    ) -> Result<ScaledCovariance> {
        if time == 0.0 {
            return Ok(ScaledCovariance::new(k));
        }
        let unsupported = |reason: String| {
            Error::unsupported(
                format!("the infinite-depth limit of {}", stack.name()),
                reason,
            )
        };
        let Some((skip, scaling)) = stack.residual_rule() else {
            return Err(unsupported(
                "no limit is known for densely connected stacks".to_owned(),
            ));
        };
        match scaling.class() {
            ScalingClass::Normalised if skip == 1.0 => {
                let clock = scaling.clock(time);
                error::non_negative("the scaling's clock", clock)?;
                self.flow(part, stack, k, clock)
            }
            ScalingClass::Summable if skip == 1.0 => {
                let head = series_head(part, stack)?;
                series::propagate(stack, head, k, |k, clock| self.flow(part, stack, k, clock))
            }
            ScalingClass::Constant => fixed_point::propagate(stack, k),
            class => Err(unsupported(format!(
                "no limit is known for skip coefficient {skip} and {class:?} scaling"
            ))),
        }
    }

    /// The flow $dK/d\tau = B(K)$ for the duration `clock`.
    fn flow(
        &self,
        part: &Part,
        stack: &Stack,
        k: PairCovariance,
        clock: f64,
    ) -> Result<ScaledCovariance> {
        match part.homogeneous {
            Some((weight, slopes)) => {
                let growth = weight * slopes.second_moment() * clock;
                let correlation_time = 2.0 * weight * slopes.curvature_weight() * clock;
                let correlation = if correlation_time == 0.0 {
                    k.pair_correlation()
                } else {
                    PairCorrelation::of_one_minus(
                        CorrelationFlow::shared()
                            .complement_unchecked(k.one_minus_correlation(), correlation_time),
                    )
                };
                Ok(ScaledCovariance::exponential(
                    PairCovariance::of(k.variance_a(), k.variance_b(), correlation),
                    growth,
                ))
            }
            None => {
                let rate = |k: PairCovariance| stack.branch().pair(k);
                covariance_flow::integrate(&rate, k, clock, self.tolerance)
                    .map(ScaledCovariance::new)
            }
        }
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
        gram::rectangular(x, y, "the covariance", &|k| {
            self.of_inputs(k, time)?.covariance()
        })
    }

    /// The correlations $c_t(x_i, x_j)$.
    ///
    /// # Errors
    /// As [`propagate`](Self::propagate); [`Error::ZeroVector`] naming an input without a direction.
    pub fn correlation_at<T: Scalar>(&self, x: &Inputs<'_, T>, time: f64) -> Result<DMatrix<T>> {
        self.refuse_zero_vectors(x)?;
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

fn series_head<'a>(part: &'a Part, stack: &Stack) -> Result<&'a Blocks> {
    Ok(match part.head.get() {
        Some(head) => head,
        None => {
            let head = stack.blocks(series::LAYERS, 1.0)?;
            part.head.get_or_init(|| head)
        }
    })
}
