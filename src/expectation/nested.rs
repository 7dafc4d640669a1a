//! Nested adaptive quadrature of a pair: $u = \sqrt{q_a} x$, then $v$ given $u$.

use super::adaptive::{Integral, integrate, integrate_inexact};
use super::{density, insert_break, insert_features, line_breaks};

/// Standard deviations to either side.
const RANGE: f64 = 9.5;

/// $\mathbb E[g(f(u), f(v))]$ for variances $q_a$, $q_b$ and complement $\varepsilon$ of the correlation,
/// where $f$ or a derivative jumps at `kinks`.
///
/// With $u = \sqrt{q_a} x$ and $v = \sqrt{q_b}(c x + s y)$, $s = \sqrt{1-c^2}$: the inner integral over $y$
/// is split where $v$ meets a kink, the outer over $x$ where $u$ or the mean of $v$ does.
pub(super) fn expectation(
    f: &impl Fn(f64) -> f64,
    g: impl Fn(f64, f64) -> f64,
    qa: f64,
    qb: f64,
    epsilon: f64,
    kinks: &[f64],
    tolerance: f64,
) -> Integral {
    // the wider variable outside, in either order of arguments
    let swapped = qa < qb;
    let (root_a, root_b) = (qa.max(qb).sqrt(), qa.min(qb).sqrt());
    let correlation = 1.0 - epsilon;
    let spread = (epsilon * (2.0 - epsilon)).sqrt();
    let mut outer = line_breaks(RANGE, kinks, root_a);
    let slope = root_b * correlation;
    if slope != 0.0 {
        // the inner integral smooths over the spread of v given u
        let width = spread.min(1.0 / root_b) / correlation.abs();
        insert_features(&mut outer, kinks, slope, 0.0, width);
    }
    let combine = |a: f64, b: f64| if swapped { g(b, a) } else { g(a, b) };
    let mut inner_breaks = Vec::new();
    integrate_inexact(
        |x| {
            let weight = density(x);
            let a = f(root_a * x);
            let mean = correlation * x;
            if spread * root_b == 0.0 {
                return (weight * combine(a, f(root_b * mean)), 0.0);
            }
            inner_breaks.clear();
            inner_breaks.extend([-RANGE, -4.0, -1.5, 1.5, 4.0, RANGE]);
            insert_break(&mut inner_breaks, -mean / spread);
            let slope = root_b * spread;
            insert_features(&mut inner_breaks, kinks, slope, root_b * mean, 1.0 / slope);
            let inner = integrate(
                |y| density(y) * combine(a, f(root_b * (mean + spread * y))),
                &inner_breaks,
                0.05 * tolerance,
            );
            (weight * inner.value, weight * inner.error)
        },
        &outer,
        0.3 * tolerance,
    )
}
