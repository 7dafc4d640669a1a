//! What parallel inputs of different norms lose.

use std::sync::LazyLock;

use super::closed_form::ClosedForm;
use crate::PairCorrelation;
use crate::numerics::chebyshev;
use crate::numerics::normal::density;

/// The step of the trapezoidal rule in $t$, $z = b \sinh t$: for functions that are analytic in a strip of
/// half-width $\pi/4$ the error is below 1e-16.
const STEP: f64 = 0.12;

/// Standard deviations to either side.
const END: f64 = 9.5;

/// Nodes $t = 0, h, 2h, \ldots$ that are computed once: those of variances up to 1e24.
const HELD: usize = 256;

/// $\sinh t$ and $\cosh t$.
static RULE: LazyLock<[(f64, f64); HELD]> = LazyLock::new(|| std::array::from_fn(node));

fn node(k: usize) -> (f64, f64) {
    let t = STEP * k as f64;
    (libm::sinh(t), libm::cosh(t))
}

/// $1 - \mathbb E[\varphi(\sqrt{q_a} z)\varphi(\sqrt{q_b} z)]/\sqrt{V_a V_b}$ of a smooth $\varphi$, as half
/// the mean square of $\varphi(\sqrt{q_a} z)/\sqrt{V_a} - \varphi(\sqrt{q_b} z)/\sqrt{V_b}$, by one rule for
/// all three expectations, from `values` $= (\varphi(x), \varphi(-x))$ at $x \ge 0$. A deficit of $D$ has the
/// relative error 1e-16 $/\sqrt D$.
pub(super) fn deficit(values: impl Fn(f64) -> (f64, f64), qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    // beyond, φ² may leave the range
    let (unit_a, unit_b) = (root_a.max(1.0).recip(), root_b.max(1.0).recip());
    let b = unit_a.min(unit_b);
    let last = (libm::asinh(END / b) / STEP).ceil() as usize;
    let mut all = Vec::with_capacity(2 * last + 2);
    let (mut square_a, mut square_b) = (0.0, 0.0);
    for k in 0..=last {
        let (sinh, cosh) = RULE.get(k).copied().unwrap_or_else(|| node(k));
        let z = b * sinh;
        // both sides have the node at 0
        let share = if k == 0 { 0.5 } else { 1.0 };
        let weight = share * (b * cosh) * density(z);
        let (at_a, at_b) = (values(root_a * z), values(root_b * z));
        for (u, v) in [(at_a.0, at_b.0), (at_a.1, at_b.1)] {
            let (u, v) = (unit_a * u, unit_b * v);
            square_a += weight * u * u;
            square_b += weight * v * v;
            all.push((weight, u, v));
        }
    }
    let (inverse_a, inverse_b) = (square_a.sqrt().recip(), square_b.sqrt().recip());
    let squares = all.iter().map(|(weight, u, v)| {
        let difference = inverse_a * u - inverse_b * v;
        weight * difference * difference
    });
    // the step cancels
    0.5 * squares.sum::<f64>()
}

/// Log-ratios of variances up to this are interpolated.
const CLOSE: f64 = 0.6;

/// Nodes in $\delta^2$: the deficit over $\delta^2$ is analytic for $|\operatorname{Im} \delta| < \pi$, and
/// the interpolation exact to 1e-12.
const NODES: usize = 6;

/// A deficit that is a difference of numbers near 1 has twelve digits from here on.
const SUBTRACTED: f64 = 1e-4;

/// [`deficit`] of a closed form. It is an even analytic function of $\delta = \log(q_a/q_b)$, of order
/// $\delta^2$: a subtraction from 1 for large $\delta$, and for small ones interpolated between larger ones.
/// Of functions that are nearly linear at the scale of $\sqrt q$ it is small for all $\delta$, and a sum.
pub(super) fn deficit_of(phi: &(impl ClosedForm + ?Sized), qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let direct = |qa: f64, qb: f64| {
        let scale = phi.variance(qa).sqrt() * phi.variance(qb).sqrt();
        1.0 - phi.moment(qa, qb, PairCorrelation::PARALLEL) / scale
    };
    let delta = ((qa - qb) / qb).ln_1p();
    let center = qa.sqrt() * qb.sqrt();
    let apart = |delta: f64| {
        let half = (0.5 * delta).exp();
        direct(center * half, center / half)
    };
    if delta.abs() >= CLOSE {
        let found = direct(qa, qb);
        if found >= SUBTRACTED {
            return found;
        }
    } else if apart(CLOSE) >= SUBTRACTED {
        let square = |x: f64| 0.5 * (1.0 + x) * CLOSE * CLOSE;
        let at = 2.0 * (delta * delta) / (CLOSE * CLOSE) - 1.0;
        let mut sum = 0.0;
        for i in 0..NODES {
            let here = chebyshev::node(i, NODES);
            let others = (0..NODES)
                .filter(|&j| j != i)
                .map(|j| chebyshev::node(j, NODES));
            let weight: f64 = others.map(|other| (at - other) / (here - other)).product();
            sum += weight * apart(square(here).sqrt()) / square(here);
        }
        return (sum * delta * delta).max(0.0);
    }
    deficit(|x| phi.values(x), qa, qb)
}
