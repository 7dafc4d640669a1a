//! What parallel inputs of different norms lose.

use crate::numerics::normal::density;

/// The step of the trapezoidal rule in $t$, $z = b \sinh t$: for functions that are analytic in a strip of
/// half-width $\pi/4$ the error is below 1e-16.
const STEP: f64 = 0.12;

/// Standard deviations to either side.
const END: f64 = 9.5;

/// $1 - \mathbb E[\varphi(\sqrt{q_a} z)\varphi(\sqrt{q_b} z)]/\sqrt{V_a V_b}$ of a smooth $\varphi$, as half
/// the mean square of $\varphi(\sqrt{q_a} z)/\sqrt{V_a} - \varphi(\sqrt{q_b} z)/\sqrt{V_b}$, by one rule for
/// all three expectations. A deficit of $D$ has the relative error 1e-16 $/\sqrt D$.
pub(super) fn deficit(phi: impl Fn(f64) -> f64, qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    // beyond, φ² may leave the range
    let (unit_a, unit_b) = (root_a.max(1.0).recip(), root_b.max(1.0).recip());
    let b = unit_a.min(unit_b);
    let last = ((END / b).asinh() / STEP).ceil() as i32;
    let mut values = Vec::with_capacity(2 * last as usize + 1);
    let (mut square_a, mut square_b) = (0.0, 0.0);
    for i in -last..=last {
        let t = STEP * f64::from(i);
        let (z, weight) = (b * t.sinh(), b * t.cosh());
        let weight = weight * density(z);
        let (u, v) = (unit_a * phi(root_a * z), unit_b * phi(root_b * z));
        square_a += weight * u * u;
        square_b += weight * v * v;
        values.push((weight, u, v));
    }
    let (inverse_a, inverse_b) = (square_a.sqrt().recip(), square_b.sqrt().recip());
    let squares = values.iter().map(|(weight, u, v)| {
        let difference = inverse_a * u - inverse_b * v;
        weight * difference * difference
    });
    // the step cancels
    0.5 * squares.sum::<f64>()
}
