//! The edge of chaos, and the initialisation to take from it.

use super::variance_map::{NEAR_ZERO, second_moment_slope};
use super::{DepthScale, Propagation, pointwise};
use crate::activation::Dual;
use crate::numerics::root;
use crate::{Error, Initialization, PairCovariance, Result, error};

/// The fixed points of the variance at a critical initialisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CriticalVariance {
    /// The one for which $\chi_1 = 1$.
    At(f64),
    /// Every variance is fixed.
    Every,
}

/// A point $(\sigma_w^2, \sigma_b^2)$ where $V(q) = q$ and
/// $\chi_1 = \sigma_w^2 \mathbb E[\varphi^\prime(\sqrt q z)^2] = 1$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CriticalPoint {
    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub initialization: Initialization,
    /// $q^\*$.
    pub variance: CriticalVariance,
    /// $V^\prime(q^\*)$; above 1 the variance does not stay at $q^\*$.
    pub variance_slope: f64,
}

/// $\mathbb E[\varphi(\sqrt q z)^2]$ and $\mathbb E[\varphi^\prime(\sqrt q z)^2]$.
fn moments(phi: &dyn Dual, q: f64) -> Result<(f64, f64)> {
    let k = PairCovariance::with_complement(q, q, 0.0)?;
    let (dual, slope) = phi.duals(k)?;
    Ok((dual.variance_a(), slope))
}

/// Relative differences of $\sigma_b^2$ to 0 that are rounding.
const NOISE: f64 = 1e-11;

/// The critical point with $q^\* = q$: $\sigma_w^2 = 1/\mathbb E[\varphi^{\prime 2}]$,
/// $\sigma_b^2 = q - \mathbb E[\varphi^2]/\mathbb E[\varphi^{\prime 2}]$ (S. Hayou, A. Doucet and J. Rousseau
/// 2019, arXiv 1902.06853, section 3).
///
/// # Errors
/// [`Error::Invalid`] unless $q > 0$ is finite; [`Error::Undefined`] if $\sigma_b^2$ would be negative or
/// $\varphi^\prime$ is 0; [`Error::Unsupported`] for maps of kernels; those of [`Dual::dual`].
///
/// ```
/// use neural_limits::{prelude::*, propagation::edge_of_chaos_at};
/// let point = edge_of_chaos_at(&Tanh, 1.0)?;
/// assert!((point.initialization.weight_variance() - 2.153).abs() < 1e-3);
/// # Ok::<(), Error>(())
/// ```
pub fn edge_of_chaos_at(phi: &dyn Dual, q: f64) -> Result<CriticalPoint> {
    pointwise(phi)?;
    if error::finite("q", q)? <= 0.0 {
        return Err(Error::invalid("q", q, "a finite number > 0"));
    }
    let (square, slope) = moments(phi, q)?;
    if slope == 0.0 {
        return Err(Error::undefined(
            "the edge of chaos",
            format!("the derivative of {} is 0", phi.name()),
        ));
    }
    let weight = 1.0 / slope;
    let bias = q - square * weight;
    if bias < -NOISE * q {
        return Err(Error::undefined(
            "the edge of chaos",
            format!("at q = {q} it needs a bias variance of {bias}"),
        ));
    }
    let variance = if phi.slopes().is_some() {
        CriticalVariance::Every
    } else {
        CriticalVariance::At(q)
    };
    Ok(CriticalPoint {
        initialization: Initialization::new(weight, if bias > NOISE * q { bias } else { 0.0 })?,
        variance,
        variance_slope: weight * second_moment_slope(phi, q)?,
    })
}

/// All critical points with the given $\sigma_b^2$: the curve $\sigma_w^2(\sigma_b^2)$, ascending in $q^\*$,
/// which is looked for between 1e-8 and 1e8 (and at 0, where a limit is meant).
///
/// # Errors
/// [`Error::Invalid`] unless $\sigma_b^2 \ge 0$ is finite; [`Error::Unsupported`] for maps of kernels; those
/// of [`Dual::dual`], overflow excepted.
///
/// ```
/// use neural_limits::{prelude::*, propagation::edge_of_chaos};
/// let points = edge_of_chaos(&Tanh, 0.05)?;
/// assert!((points[0].initialization.weight_variance() - 1.76).abs() < 5e-3);
/// # Ok::<(), Error>(())
/// ```
pub fn edge_of_chaos(phi: &dyn Dual, bias_variance: f64) -> Result<Vec<CriticalPoint>> {
    pointwise(phi)?;
    error::non_negative("bias_variance", bias_variance)?;
    let excess = |q: f64| -> Result<f64> {
        match moments(phi, q) {
            Ok((square, slope)) if slope > 0.0 => Ok(1.0 - (square / slope + bias_variance) / q),
            Ok(_) => Ok(-1.0),
            // unknown: no sign
            Err(Error::Overflow { .. }) => Ok(0.0),
            Err(other) => Err(other),
        }
    };
    let grid = root::geometric(1e-8, 1e8, 147);
    let Some(roots) = root::on_grid(&grid, NOISE, excess)? else {
        return Ok(vec![edge_of_chaos_at(phi, 1.0)?]);
    };
    let mut points = Vec::new();
    if bias_variance == 0.0 {
        // the limit q → 0 of a function that is linear there
        let (square, slope) = moments(phi, NEAR_ZERO)?;
        if slope > 0.0 && (square / slope / NEAR_ZERO - 1.0).abs() < 1e-6 {
            points.push(CriticalPoint {
                initialization: Initialization::new(1.0 / slope, 0.0)?,
                variance: CriticalVariance::At(0.0),
                variance_slope: square / slope / NEAR_ZERO,
            });
        }
    }
    for q in roots {
        let (_, slope) = moments(phi, q)?;
        points.push(CriticalPoint {
            initialization: Initialization::new(1.0 / slope, bias_variance)?,
            variance: CriticalVariance::At(q),
            variance_slope: second_moment_slope(phi, q)? / slope,
        });
    }
    Ok(points)
}

/// A critical initialisation for a given depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CriticalInitialization {
    /// The point of the edge of chaos.
    pub point: CriticalPoint,
    /// How $1 - c_l$ of two inputs decays with the layer.
    pub decay: DepthScale,
    /// The layers after which the decay has brought $1 - c_l$ below the threshold.
    pub survival_depth: f64,
}

/// The critical initialisation to take for $\varphi$ at depth $L$: of the points of the edge of chaos where
/// the variance does not drift away ($L$ layers multiply deviations from $q^\*$ by $V^\prime(q^\*)^L \le e$)
/// the one with the largest $q^\* \le 1$ whose inputs are still told apart after $L$ layers, $1 - c_L \ge$
/// `threshold` by the law of [`DeepLimit::correlation_scale`](super::DeepLimit::correlation_scale). Without
/// one in reach of 1, larger $q^\*$ are tried, upwards.
///
/// Smooth activations survive to any depth for small enough $q^\*$, where they become linear (Hayou, Doucet
/// and Rousseau 2019, proposition 4 and section 3.2); those with kinks have their one law. If no point
/// survives, the one that survives longest is returned: compare
/// [`survival_depth`](CriticalInitialization::survival_depth) with $L$.
///
/// # Errors
/// [`Error::Invalid`] for depth 0 or a threshold outside of $(0, 1)$; [`Error::Undefined`] if $\varphi$ has
/// no such point up to $q^\* = 10^4$; those of [`edge_of_chaos_at`].
///
/// ```
/// use neural_limits::{prelude::*, propagation::critical_initialization};
/// let shallow = critical_initialization(&Tanh, 20, 0.01)?;
/// let deep = critical_initialization(&Tanh, 10_000, 0.01)?;
/// let bias = |c: neural_limits::propagation::CriticalInitialization| c.point.initialization.bias_variance();
/// assert!(bias(deep) < bias(shallow) && deep.survival_depth >= 10_000.0);
/// # Ok::<(), Error>(())
/// ```
pub fn critical_initialization(
    phi: &dyn Dual,
    depth: usize,
    threshold: f64,
) -> Result<CriticalInitialization> {
    error::size("depth", depth)?;
    if !(threshold > 0.0 && threshold < 1.0) {
        return Err(Error::invalid("threshold", threshold, "a number in (0, 1)"));
    }
    let candidate = |q: f64| -> Result<Option<CriticalInitialization>> {
        let point = match edge_of_chaos_at(phi, q) {
            Ok(point) if point.variance_slope.ln() * depth as f64 <= 1.0 => point,
            Ok(_) | Err(Error::Undefined { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let decay = Propagation::new(phi, point.initialization)?.critical_decay(q)?;
        Ok(Some(CriticalInitialization {
            point,
            decay,
            survival_depth: decay.survival(threshold),
        }))
    };
    let mut best: Option<CriticalInitialization> = None;
    let mut too_large = None;
    let downwards = root::geometric(1e-6, 1.0, 61).into_iter().rev();
    let upwards = root::geometric(1.0, 1e4, 41);
    for q in downwards.chain(upwards) {
        if q > 1.0 && best.is_some() {
            break;
        }
        let Some(found) = candidate(q)? else {
            continue;
        };
        if found.survival_depth >= depth as f64 {
            // the largest q lies between this one and the last that did not survive
            return Ok(match too_large {
                Some(above) => refined(candidate, depth, (q, above), found)?,
                None => found,
            });
        }
        too_large = Some(q);
        let longer = |best: CriticalInitialization| {
            found.survival_depth > best.survival_depth * (1.0 + 1e-9)
        };
        if best.is_none_or(longer) {
            best = Some(found);
        }
        if found.point.variance == CriticalVariance::Every {
            break;
        }
    }
    best.ok_or_else(|| {
        Error::undefined(
            format!("a critical initialisation of {}", phi.name()),
            "no variance up to 10⁴ is a fixed point with χ₁ = 1 that holds for the depth",
        )
    })
}

/// Bisects for the largest surviving variance between one that survives and one that does not.
fn refined(
    candidate: impl Fn(f64) -> Result<Option<CriticalInitialization>>,
    depth: usize,
    (mut low, mut high): (f64, f64),
    mut found: CriticalInitialization,
) -> Result<CriticalInitialization> {
    for _ in 0..30 {
        let middle = (low * high).sqrt();
        match candidate(middle)? {
            Some(next) if next.survival_depth >= depth as f64 => (low, found) = (middle, next),
            _ => high = middle,
        }
    }
    Ok(found)
}
