//! Nested adaptive quadrature of a pair: $u = \sqrt{q_a} x$, then $v$ given $u$.

use super::{Function, insert_break, insert_features, line_breaks};
use crate::numerics::normal::density;
use crate::numerics::quadrature::{Integral, POINTS, integrate_panels};

/// Standard deviations to either side.
const RANGE: f64 = 9.5;

/// What is integrated of $f(u)$ and $f(v)$.
#[derive(Debug, Clone, Copy)]
pub(super) enum Combination {
    /// $f(u) f(v)$.
    Product,
    /// $\tfrac12 (f(u)/r_a - f(v)/r_b)^2$ for the two numbers.
    HalfSquare(f64, f64),
}

impl Combination {
    #[inline]
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Product => a * b,
            Self::HalfSquare(root_a, root_b) => {
                let difference = a / root_a - b / root_b;
                0.5 * difference * difference
            }
        }
    }

    fn swapped(self) -> Self {
        match self {
            Self::Product => self,
            Self::HalfSquare(root_a, root_b) => Self::HalfSquare(root_b, root_a),
        }
    }
}

/// The expectation of a combination for variances $q_a$, $q_b$ and the complement $\varepsilon$, where $f$ or
/// a derivative jumps at `kinks`.
///
/// With $u = \sqrt{q_a} x$ and $v = \sqrt{q_b}(c x + s y)$, $s = \sqrt{1-c^2}$: the inner integral over $y$
/// is split where $v$ meets a kink, the outer over $x$ where $u$ or the mean of $v$ does.
pub(super) fn expectation(
    f: Function<'_>,
    combination: Combination,
    (qa, qb): (f64, f64),
    epsilon: f64,
    kinks: &[f64],
    tolerance: f64,
) -> Integral {
    // the wider variable outside, in either order of arguments
    let combination = if qa < qb {
        combination.swapped()
    } else {
        combination
    };
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
    let mut inner_breaks = Vec::new();
    let mut inner = |x: f64, a: f64| {
        let mean = correlation * x;
        if spread * root_b == 0.0 {
            let mut b = [0.0];
            f(&[root_b * mean], &mut b);
            return (combination.of(a, b[0]), 0.0);
        }
        inner_breaks.clear();
        inner_breaks.extend([-RANGE, -4.0, -1.5, 1.5, 4.0, RANGE]);
        insert_break(&mut inner_breaks, -mean / spread);
        let slope = root_b * spread;
        insert_features(&mut inner_breaks, kinks, slope, root_b * mean, 1.0 / slope);
        let integral = integrate_panels(
            &mut |points, values, _| {
                f(&points.map(|y| root_b * (mean + spread * y)), values);
                for (value, &y) in values.iter_mut().zip(points) {
                    *value = density(y) * combination.of(a, *value);
                }
            },
            &inner_breaks,
            0.05 * tolerance,
        );
        (integral.value, integral.error)
    };
    integrate_panels(
        &mut |points, values, errors| {
            let mut own = [0.0; POINTS];
            f(&points.map(|x| root_a * x), &mut own);
            for i in 0..POINTS {
                let weight = density(points[i]);
                let (value, error) = inner(points[i], own[i]);
                values[i] = weight * value;
                errors[i] = weight * error;
            }
        },
        &outer,
        0.3 * tolerance,
    )
}
