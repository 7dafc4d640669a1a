//! What parallel inputs of different norms lose.

use super::super::hyperbolic::hyperbolic;
use super::super::normal_piece::{REACH, density};
use super::super::total;
use super::{ExponentialLinear, LINE_PANEL, width};
use crate::numerics::exponential;
use crate::numerics::gauss_legendre::SIZE;

/// $1 - \mathbb E[\varphi_a \varphi_b]/\sqrt{V_a V_b}$ of $\varphi_a(z) = \varphi(\sqrt{q_a} z)$ and
/// $\varphi_b$, as $\tfrac12 \mathbb E(\varphi_a/\|\varphi_a\| - \varphi_b/\|\varphi_b\|)^2$ in terms of $D =
/// \varphi_a - \lambda \varphi_b$ with $\lambda = \sqrt{q_a/q_b}$, which is 0 for $z > 0$.
#[inline(always)]
pub(super) fn deficit(phi: &ExponentialLinear, qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    let difference = (qb - qa) / (root_a + root_b);
    // λ and 1 − λ
    let (ratio, relative) = (root_a / root_b, difference / root_b);
    let scale = phi.scale(root_b);
    let (length, step, height) = (root_a / scale, difference / scale, phi.left * scale);
    let mut nodes = Vec::with_capacity(16);
    let (mut square_a, mut square_b, mut longer) = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
    hyperbolic(
        width(root_b / scale),
        0.0,
        REACH,
        LINE_PANEL,
        #[inline(always)]
        |z, weight| {
            let mut here = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
            for k in 0..SIZE {
                let x = -length * z[k];
                let (first, second) = exponential::exp_remainders(x);
                let (step_first, step_second) = exponential::exp_remainders(-step * z[k]);
                // near 0 the linear parts are most of both, and their difference is 0
                let (own, other) = if x > -1.0 {
                    (second, step_second)
                } else {
                    (first, step_first)
                };
                let apart = height * (relative * own - ratio * (other + first * step_first));
                let (mass, value) = (weight[k] * density(z[k]), height * first);
                let scaled = value - apart;
                square_a[k] += mass * (value * value);
                square_b[k] += mass * (scaled * scaled);
                longer[k] += mass * (apart * (value + scaled));
                (here.0[k], here.1[k], here.2[k]) = (mass, value, apart);
            }
            nodes.push(here);
        },
    );
    let slope = phi.right * root_a;
    let positive = 0.5 * (slope * slope);
    let (norm_a, norm_b) = (positive + total(&square_a), positive + total(&square_b));
    if norm_a == 0.0 || norm_b == 0.0 {
        return 0.0;
    }
    // (‖φ_a‖ − λ‖φ_b‖)/‖φ_a‖ from the difference of the squares
    let shrink = total(&longer) / (norm_a + norm_a.sqrt() * norm_b.sqrt());
    let mut sum = [0.0; SIZE];
    for (mass, value, apart) in nodes {
        for k in 0..SIZE {
            let across = apart[k] - shrink * value[k];
            sum[k] += mass[k] * (across * across);
        }
    }
    0.5 * (shrink * shrink * positive + total(&sum)) / norm_b
}
