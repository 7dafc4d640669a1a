//! Constant coefficients: the fixed points $K = s^2 K + \alpha^2 B(K)$ that a deep chain settles on.

use super::variance_limit::{VarianceLimit, variance_limit};
use crate::covariance::{PairCorrelation, ScaledCovariance};
use crate::network::{Layer, Stack};
use crate::numerics::root;
use crate::{Error, PairCovariance, Result};

/// The largest estimated error that is returned as a result.
const TOLERANCE: f64 = 1e-12;

/// Slopes of the correlation map that differ by less from 1 count as 1: a correlation map of this slope has
/// its fixed point at a distance of the same order.
pub(super) const NOISE: f64 = 1e-12;

/// $1 - c$ at which the slope of the correlation map at $c = 1$ is measured.
const NEARLY_PARALLEL: f64 = 1e-10;

/// Steps of $1 - c$ that rounding makes, relative.
const ROUNDING: f64 = 1e-15;

/// Layers that a correlation is followed where its limit depends on the way, between unequal variances.
const LAYERS: usize = 1 << 14;

/// The limit of the iteration from $K_0$.
///
/// Homogeneous chains are exact: the variance is multiplied by
/// $g = s^2 + \alpha^2 \sigma_w^2 (s_-^2 + s_+^2)/2$ in every layer and the correlation tends to 1 (at the
/// edge of chaos of the ReLU MLP, $g = 1$, like $1 - c_l \sim 9\pi^2/(2 l^2)$; S. Hayou et al. 2019,
/// arXiv 1902.06853). Of other chains the variances have limits of their own ([`variance_limit`]); if one
/// diverges, that is an [`Error::Overflow`]. Where both end at the same $q^\* > 0$, stability decides: see
/// [`correlation_limit`].
pub(super) fn propagate(stack: &Stack, k: PairCovariance) -> Result<ScaledCovariance> {
    let block = stack.blocks(1, 1.0)?;
    let alpha = block.coefficients()[0];
    let chain = stack.chain();
    if let Some((chain, slopes)) = chain.and_then(|chain| {
        let slopes = chain.homogeneous()?;
        Some((chain, slopes))
    }) {
        let branch = alpha * alpha * chain.weight_variance();
        let growth = chain.variance_growth(slopes, alpha);
        let moves = branch * slopes.curvature_weight() > 0.0;
        let c = if moves {
            PairCorrelation::PARALLEL
        } else {
            k.pair_correlation()
        };
        let pair = PairCovariance::of(k.variance_a(), k.variance_b(), c);
        return Ok(if growth > 1.0 {
            ScaledCovariance::diverging(pair)
        } else if growth < 1.0 {
            ScaledCovariance::vanishing(pair)
        } else {
            ScaledCovariance::new(pair)
        });
    }
    let diverges = || {
        Err(Error::overflow(format!(
            "the variance of {} at infinite depth, which grows without bound,",
            stack.name()
        )))
    };
    // a branch is added to all that was there, also where it is less than its rounding
    if stack
        .residual_rule()
        .is_some_and(|(skip, _)| skip.abs() >= 1.0)
        && alpha != 0.0
    {
        let branch = stack.branch().pair(k)?;
        if branch.variance_a() > 0.0 || branch.variance_b() > 0.0 {
            return diverges();
        }
    }
    let map = |k: PairCovariance| block.pair(0, k);
    let variance = |q: f64| Ok(map(PairCovariance::diagonal(q))?.variance_a());
    let first = variance_limit(&variance, k.variance_a())?;
    let second = if k.variance_b() == k.variance_a() {
        first
    } else {
        variance_limit(&variance, k.variance_b())?
    };
    let pair = PairCovariance::of;
    Ok(match (first, second) {
        (VarianceLimit::Infinite, _) | (_, VarianceLimit::Infinite) => return diverges(),
        (VarianceLimit::Point(a), VarianceLimit::Point(b)) if (a / b - 1.0).abs() <= 1e-9 => {
            let c = match correlation_limit(&map, a, k)? {
                Some(c) => c,
                None => followed(&map, k, stack)?.pair_correlation(),
            };
            ScaledCovariance::new(pair(a, a, c))
        }
        (VarianceLimit::Point(a), VarianceLimit::Point(b)) => {
            let map = |k: PairCovariance| Ok(pair(a, b, map(k)?.pair_correlation()));
            let k = pair(a, b, k.pair_correlation());
            ScaledCovariance::new(followed(&map, k, stack)?)
        }
        (VarianceLimit::Zero, VarianceLimit::Zero) if k.geometric_mean() > 0.0 => {
            // a representative of the limit of small variances
            const SMALL: f64 = 1e-30;
            let c = match correlation_limit(&map, SMALL, k)? {
                Some(c) => c,
                None => vanishing(&map, k)?,
            };
            ScaledCovariance::vanishing(pair(1.0, 1.0, c))
        }
        (first, second) => {
            let value = |limit| match limit {
                VarianceLimit::Point(q) => q,
                _ => 0.0,
            };
            ScaledCovariance::new(pair(value(first), value(second), k.pair_correlation()))
        }
    })
}

/// $c$ in the limit, for two points whose variances both end at $q$; `None` where the map of the
/// correlation at $q$ is the identity, so that the limit depends on the way to $q$.
///
/// At equal variances a kernel map is a power series $f(c)$ with non-negative coefficients and $f(1) = 1$
/// (I. Schoenberg 1942), hence convex and increasing on $[0, 1]$, with $|f(c)| \le f(|c|)$. So
///
/// - if the slope $\chi_1 = f^\prime(1)$ is at most 1 (order, or criticality, where
///   $1 - c_l \sim 2/(f^{\prime\prime}(1) l)$), every $c > -1$ tends to 1;
/// - if $\chi_1 > 1$ (chaos), there is one fixed point $c^\* \in [0, 1)$ below 1, and every
///   $c \in (-1, 1)$ tends to it, however near to 1 it starts;
/// - $c = 1$ stays, $c = -1$ stays if $f$ is odd, and becomes $1$ after a layer if $f$ is even.
fn correlation_limit(
    map: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    q: f64,
    start: PairCovariance,
) -> Result<Option<PairCorrelation>> {
    let next =
        |epsilon: f64| Ok(map(PairCovariance::from_parts(q, q, epsilon))?.one_minus_correlation());
    let at = |k: PairCovariance, c: PairCorrelation| k.pair_correlation() == c;
    // jumps make variances equal, and even functions make opposite points parallel
    let after = map(start)?;
    for end in [PairCorrelation::OPPOSITE, PairCorrelation::PARALLEL] {
        if at(after, end) && after.variance_a() == after.variance_b() {
            let next = map(PairCovariance::of(q, q, end))?;
            if at(next, end) {
                return Ok(Some(end));
            }
        }
    }
    let mut excess = |epsilon: f64| -> Result<f64> { Ok(next(epsilon)? / epsilon - 1.0) };
    let near = excess(NEARLY_PARALLEL)?;
    let orthogonal = excess(1.0)?;
    if near > NOISE {
        // f(0) = 0
        if orthogonal >= -NOISE {
            return Ok(Some(PairCorrelation::ORTHOGONAL));
        }
        let ends = ((NEARLY_PARALLEL, near), (1.0, orthogonal));
        let epsilon = root::bracketed(&mut excess, ends.0, ends.1)?;
        return Ok(Some(PairCorrelation::of_one_minus(epsilon)));
    }
    let is_identity = near >= -NOISE && orthogonal >= -NOISE && excess(2.0)?.abs() <= NOISE;
    Ok((!is_identity).then_some(PairCorrelation::PARALLEL))
}

/// The limit of an iteration, followed until what is left of the way is below the tolerance.
fn followed(
    map: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    start: PairCovariance,
    stack: &Stack,
) -> Result<PairCovariance> {
    let (mut k, mut before, mut reached) = (start, f64::INFINITY, 2.0);
    for _ in 0..LAYERS {
        let next = map(k)?;
        let step = (next.one_minus_correlation() - k.one_minus_correlation()).abs();
        let ratio = step / before;
        (k, before) = (next, step);
        reached = match step {
            0.0 => 0.0,
            // a ratio of two steps
            _ if ratio > 0.0 && ratio < 1.0 => step * ratio / (1.0 - ratio),
            // the map is the identity, but for rounding
            _ if step <= ROUNDING * next.one_minus_correlation() => 0.0,
            // as large as correlations may differ
            _ => 2.0,
        };
        if reached < 0.1 * TOLERANCE {
            return Ok(k);
        }
    }
    Err(Error::NotConverged {
        what: format!("the correlation of {} at infinite depth", stack.name()),
        reached,
        tolerance: TOLERANCE,
    })
}

/// The limit of $c$ while both variances shrink to 0, for activations that are smooth at 0: what a layer
/// still changes falls with the variances.
///
/// Where these fall like $1/l$, so does what is left after the last layer that is followed. It is a smooth
/// function of $\log(q_l/q_{l+1})$ less the limit of this, which is extrapolated to 0 from five depths.
fn vanishing(
    map: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    start: PairCovariance,
) -> Result<PairCorrelation> {
    /// Below, the activation is linear to rounding.
    const LINEAR: f64 = 1e-40;
    /// Layers, of which those at the halves, quarters, ... of the way are extrapolated from.
    const FOLLOWED: u32 = 1 << 12;
    const NODES: u32 = 5;
    let rate = |before: PairCovariance, after: PairCovariance| {
        let largest = |k: PairCovariance| k.variance_a().max(k.variance_b());
        (largest(before) / largest(after)).ln()
    };
    let small = PairCovariance::diagonal(1e-30);
    let last_rate = rate(small, map(small)?);
    let (mut k, mut seen) = (start, Vec::new());
    for l in 1..=FOLLOWED {
        if k.variance_a().max(k.variance_b()) < LINEAR {
            return Ok(k.pair_correlation());
        }
        let next = map(k)?;
        if (FOLLOWED >> (NODES - 1)..).contains(&l) && l.is_power_of_two() {
            seen.push((rate(k, next) - last_rate, k.pair_correlation()));
        }
        k = next;
    }
    let end = |distance: fn(PairCorrelation) -> f64| {
        let nodes = seen.iter().map(|&(x, c)| (x, distance(c)));
        at_zero(nodes.collect())
    };
    let (minus, plus) = (
        end(PairCorrelation::one_minus),
        end(PairCorrelation::one_plus),
    );
    Ok(PairCorrelation::from_ends(minus, plus))
}

/// The value at 0 of a function that is known at some places, the last of which are nearest: Neville's
/// polynomial of the last of them, of the number on which the value depends least.
fn at_zero(nodes: Vec<(f64, f64)>) -> f64 {
    let mut values: Vec<f64> = nodes.iter().map(|node| node.1).collect();
    let mut best = values.last().copied().unwrap_or(0.0);
    let (mut before, mut least) = (best, f64::INFINITY);
    for m in 1..nodes.len() {
        for i in 0..nodes.len() - m {
            let (near, far) = (nodes[i + m].0, nodes[i].0);
            values[i] = (near * values[i] - far * values[i + 1]) / (near - far);
        }
        let value = values[nodes.len() - m - 1];
        let change = (value - before).abs();
        // rounding alone tells places apart that hardly differ
        if change < least {
            (best, least) = (value, change);
        }
        before = value;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::at_zero;

    #[test]
    fn smooth_functions_are_continued_to_zero() {
        let nodes = |scale: f64| (0..5).map(move |i| scale * 0.5_f64.powi(i));
        let value = |x: f64| 0.3 + x / (1.0 + 0.2 * x);
        let all = nodes(0.1).map(|x| (x, value(x))).collect();
        assert!((at_zero(all) - 0.3).abs() < 1e-10);
        // equal places tell nothing more than the last value
        let all = vec![(1e-20, 0.3); 5];
        assert_eq!(at_zero(all), 0.3);
    }
}
