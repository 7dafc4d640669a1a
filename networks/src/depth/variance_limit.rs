//! Where the variance of one point ends: $\lim_l V^l(q_0)$ for the map $V$ of a layer.

use crate::numerics::root;
use crate::{Error, Result};

/// The end of a variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum VarianceLimit {
    /// It shrinks to 0, or is 0.
    Zero,
    /// $q^\* = V(q^\*)$.
    Point(f64),
    /// It grows without bound.
    Infinite,
}

/// Relative changes by a layer that are rounding, or errors of quadrature.
const NOISE: f64 = 1e-12;

/// Variances that count as 0 and as infinite once the map has led there.
const LOWEST: f64 = 1e-290;
const HIGHEST: f64 = 1e290;

/// Strides in the logarithm: near 1, where several fixed points may be, and far from it.
const NEAR: f64 = 0.7;
const FAR: f64 = 20.0;

/// Layers that are passed one by one where $V$ does not increase.
const LAYERS: usize = 400;

/// The limit of $q_0, V(q_0), V(V(q_0)), \ldots$
///
/// Where $V$ increases the limit is the first fixed point in the direction of the first step, however small
/// that step is: the orbit passes every other point. So it is looked for in strides and then bracketed,
/// instead of waiting for small steps, which are no sign of convergence near an unstable fixed point and come
/// too late near a marginal one. Where $V$ decreases, the orbit goes layer by layer, and $V \circ V$, which
/// increases, tells a limit from a cycle. (Of one activation, $\mathrm d \log V/\mathrm d \log q \ge -1/2$,
/// since $\mathbb E[\varphi(\sqrt q z)^2] = \int \varphi(x)^2 e^{-x^2/2q} \mathrm dx/\sqrt{2\pi q}$: only
/// blocks of several activations have cycles.)
///
/// # Errors
/// [`Error::Undefined`] if the variances do not settle, or alternate between two values; those of `map`,
/// overflow excepted.
pub(super) fn variance_limit(
    map: &dyn Fn(f64) -> Result<f64>,
    start: f64,
) -> Result<VarianceLimit> {
    let once = |q: f64| match map(q) {
        Err(Error::Overflow { .. }) => Ok(f64::INFINITY),
        other => other,
    };
    let start = if start == 0.0 { once(start)? } else { start };
    if start == 0.0 {
        return Ok(VarianceLimit::Zero);
    }
    let unsettled =
        |reason: String| Err(Error::undefined("the variance at infinite depth", reason));
    let mut q = start;
    if let Some(limit) = settle(&once, &mut q)? {
        let is_crossed = match limit {
            VarianceLimit::Zero => q < LOWEST && once(q)? > 1.0,
            VarianceLimit::Infinite => q > HIGHEST && once(q)? < 1.0,
            VarianceLimit::Point(_) => false,
        };
        if is_crossed {
            return unsettled(
                "it alternates from layer to layer between 0 and infinity".to_owned(),
            );
        }
        return Ok(limit);
    }
    let twice = |q: f64| {
        let middle = once(q)?;
        if middle < f64::INFINITY {
            once(middle)
        } else {
            Ok(middle)
        }
    };
    match settle(&twice, &mut q)? {
        Some(VarianceLimit::Point(first)) => {
            let second = once(first)?;
            if (second / first - 1.0).abs() <= 1e-9 {
                return Ok(VarianceLimit::Point(first));
            }
            unsettled(format!(
                "it alternates from layer to layer between {first} and {second}"
            ))
        }
        Some(limit) => Ok(limit),
        None => unsettled(format!(
            "after {LAYERS} layers it neither converges nor alternates between two values"
        )),
    }
}

/// $V(q)$ and the sign of $V(q) - q$, 0 within rounding.
fn step(map: &dyn Fn(f64) -> Result<f64>, q: f64) -> Result<(f64, f64)> {
    let next = map(q)?;
    let change = (next - q) / q;
    if change.is_nan() {
        return Err(Error::overflow("the variance at infinite depth"));
    }
    let sign = if change.abs() <= NOISE {
        0.0
    } else {
        change.signum()
    };
    Ok((next, sign))
}

/// The limit of the orbit of `q`, or `None` if it turns back and forth for too many layers; `q` is then where
/// it has come to.
fn settle(map: &dyn Fn(f64) -> Result<f64>, q: &mut f64) -> Result<Option<VarianceLimit>> {
    for _ in 0..LAYERS {
        if *q < LOWEST {
            return Ok(Some(VarianceLimit::Zero));
        }
        if *q > HIGHEST {
            return Ok(Some(VarianceLimit::Infinite));
        }
        let (next, sign) = step(map, *q)?;
        let limit = if sign == 0.0 {
            Some(at_rest(map, *q)?)
        } else {
            first_fixed_point(map, *q, next, sign)?
        };
        if limit.is_some() {
            return Ok(limit);
        }
        *q = next;
    }
    Ok(None)
}

/// The first fixed point from `q` on in the direction of the sign of $V(q) - q$, as long as $V$ increases on
/// the way.
fn first_fixed_point(
    map: &dyn Fn(f64) -> Result<f64>,
    q: f64,
    value: f64,
    direction: f64,
) -> Result<Option<VarianceLimit>> {
    let (mut q, mut value) = (q, value);
    let mut stride = (value / q).ln().abs().clamp(1e-3, NEAR);
    loop {
        let next = q * (direction * stride).exp();
        if next < LOWEST {
            return Ok(Some(VarianceLimit::Zero));
        }
        if next > HIGHEST {
            return Ok(Some(VarianceLimit::Infinite));
        }
        let (next_value, sign) = step(map, next)?;
        if direction * (next_value - value) < -NOISE * value {
            return Ok(None);
        }
        if sign == -direction {
            return bracketed(map, q, next).map(Some);
        }
        (q, value) = (next, next_value);
        let far = !(1e-6..1e6).contains(&q);
        stride = (2.0 * stride).min(if far { FAR } else { NEAR });
    }
}

/// The fixed point between two variances that move towards each other.
fn bracketed(map: &dyn Fn(f64) -> Result<f64>, a: f64, b: f64) -> Result<VarianceLimit> {
    let mut excess = |q: f64| Ok((map(q)? - q) / q);
    let ends = ((a, excess(a)?), (b, excess(b)?));
    root::bracketed(&mut excess, ends.0, ends.1).map(VarianceLimit::Point)
}

/// The limit from a variance that a layer does not change within rounding: the nearest ones that do change
/// tell whether it is a fixed point, or part of a slow way to 0 or infinity (a slope of exactly 1 there, and
/// the sign of the curvature).
fn at_rest(map: &dyn Fn(f64) -> Result<f64>, q: f64) -> Result<VarianceLimit> {
    let moving = |direction: f64| -> Result<Option<(f64, f64, f64)>> {
        let mut distance = 1e-6;
        loop {
            let other = q * f64::exp(direction * distance);
            if !(LOWEST..HIGHEST).contains(&other) {
                return Ok(None);
            }
            let (value, sign) = step(map, other)?;
            if sign != 0.0 {
                return Ok(Some((other, value, sign)));
            }
            distance = if distance < FAR {
                4.0 * distance
            } else {
                distance + FAR
            };
        }
    };
    let away = |from: (f64, f64, f64)| -> Result<VarianceLimit> {
        let limit = first_fixed_point(map, from.0, from.1, from.2)?;
        Ok(limit.unwrap_or(VarianceLimit::Point(q)))
    };
    match (moving(-1.0)?, moving(1.0)?) {
        (Some(below), Some(above)) if below.2 > 0.0 && above.2 < 0.0 => {
            bracketed(map, below.0, above.0)
        }
        (None, Some(above)) if above.2 < 0.0 => Ok(VarianceLimit::Zero),
        (None, Some(above)) => away(above),
        (Some(below), None) if below.2 > 0.0 => Ok(VarianceLimit::Infinite),
        (Some(below), None) => away(below),
        _ => Ok(VarianceLimit::Point(q)),
    }
}

#[cfg(test)]
mod tests {
    use super::VarianceLimit::{Infinite, Point, Zero};
    use super::*;

    fn limit(map: impl Fn(f64) -> f64, start: f64) -> Result<VarianceLimit> {
        variance_limit(&|q| Ok(map(q)), start)
    }

    #[test]
    fn a_marginal_variance_goes_where_the_curvature_says() {
        for start in [1e-250, 1e-14, 1e-3, 0.4] {
            assert_eq!(limit(|q| q / (1.0 + q), start).unwrap(), Zero);
            assert_eq!(
                limit(|q| q + 1.0 / (1.0 + 1.0 / q), start).unwrap(),
                Infinite
            );
            assert_eq!(limit(|q| q, start).unwrap(), Point(start));
        }
        assert_eq!(limit(|q| q + 1.0, 1e20).unwrap(), Infinite);
    }

    #[test]
    fn slow_motion_near_an_unstable_variance_is_no_convergence() {
        let map = |q: f64| (1.0 + 1e-9) * q / (1.0 + 1e-9 * q);
        let Point(end) = limit(map, 1e-200).unwrap() else {
            panic!("a fixed point");
        };
        assert!((end - 1.0).abs() < 1e-6);
        assert_eq!(limit(map, 0.0).unwrap(), Zero);
    }

    #[test]
    fn of_two_stable_variances_the_own_basin_decides() {
        // fixed points 1/4 (stable), 1 (unstable), 4 (stable) in x = log₄ q
        let map = |q: f64| {
            let x = q.ln() / 4f64.ln();
            4f64.powf(x + 0.3 * x * (1.0 - x * x))
        };
        for (start, end) in [(0.9, 0.25), (0.15, 0.25), (1.001, 4.0), (5.0, 4.0)] {
            let Point(found) = limit(map, start).unwrap() else {
                panic!("a fixed point");
            };
            assert!((found - end).abs() < 1e-14, "{start}: {found}");
        }
    }

    #[test]
    fn a_decreasing_map_has_a_limit_or_a_cycle() {
        let Point(end) = limit(|q| 1.0 + (-2.0 * q).exp(), 0.3).unwrap() else {
            panic!("a fixed point");
        };
        assert!((end - 1.0 - (-2.0 * end).exp()).abs() < 1e-15);
        let error = limit(|q| 1.0 / q.powi(2), 2.0).unwrap_err().to_string();
        assert!(
            error.contains("settle") || error.contains("alternates") || error.contains("neither"),
            "{error}"
        );
        let error = limit(|q| 1.0 / (0.1 + q.powi(2)), 2.0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("alternates"), "{error}");
    }
}
