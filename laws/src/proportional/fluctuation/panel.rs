//! Integrals over time by Gauss's rule on panels, up to any place.

use crate::numerics::gauss_legendre::{NODES, WEIGHTS};

/// Nodes of a panel.
pub(super) const SIZE: usize = NODES.len();

/// A piece of time, of polynomials in $\sqrt{\tau + \tau_0}$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    /// Of $\sqrt{\tau + \tau_0}$.
    start: f64,
    length: f64,
}

impl Panel {
    /// Panel `i` of `count` from 0 to `time`.
    pub(super) fn new(shift: f64, time: f64, i: usize, count: usize) -> Self {
        let step = time / count as f64;
        let place = |i: usize| (shift + step * i as f64).sqrt();
        let start = place(i);
        Self {
            start,
            length: step / (start + place(i + 1)),
        }
    }

    /// $d\tau/dx$ at a share $x$ of the panel.
    pub(super) fn rate(&self, x: f64) -> f64 {
        2.0 * self.length * (self.start + self.length * x)
    }

    /// What values at the nodes count for in the integral over $\tau$ up to a share $x$ of the panel.
    pub(super) fn weights(&self, x: f64) -> [f64; SIZE] {
        let at = legendre(x);
        std::array::from_fn(|k| {
            let own = legendre(NODES[k]);
            let terms = (1..SIZE).map(|m| 0.5 * own[m] * (at[m + 1] - at[m - 1]));
            WEIGHTS[k] * self.rate(NODES[k]) * (x + terms.sum::<f64>())
        })
    }
}

/// What values at the nodes count for in their polynomial at $x$.
pub(super) fn interpolation(x: f64) -> [f64; SIZE] {
    let at = legendre(x);
    std::array::from_fn(|k| {
        let own = legendre(NODES[k]);
        let terms = (0..SIZE).map(|m| (2 * m + 1) as f64 * own[m] * at[m]);
        WEIGHTS[k] * terms.sum::<f64>()
    })
}

/// Legendre's polynomials on $[0, 1]$.
fn legendre(x: f64) -> [f64; SIZE + 1] {
    let x = 2.0 * x - 1.0;
    let mut values = [1.0; SIZE + 1];
    values[1] = x;
    for m in 1..SIZE {
        let degree = m as f64;
        let next = (2.0 * degree + 1.0) * x * values[m] - degree * values[m - 1];
        values[m + 1] = next / (degree + 1.0);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_and_interpolated() {
        // τ = y² - τ₀ with y from √τ₀ to √(τ₀ + 2)
        let panel = Panel::new(0.3, 2.0, 0, 1);
        let (y0, y1) = (0.3_f64.sqrt(), 2.3_f64.sqrt());
        for x in [0.0, 0.2, 0.77, 1.0] {
            let y = |x: f64| y0 + (y1 - y0) * x;
            let sum = |weights: [f64; SIZE], f: &dyn Fn(f64) -> f64| {
                let terms = weights.iter().zip(&NODES).map(|(w, x)| w * f(y(*x)));
                terms.sum::<f64>()
            };
            // ∫ y³ dτ = 2/5 y⁵
            let exact = 0.4 * (y(x).powi(5) - y0.powi(5));
            assert!((sum(panel.weights(x), &|y| y.powi(3)) - exact).abs() < 1e-14);
            let value = sum(interpolation(x), &|y| y.powi(9));
            assert!((value - y(x).powi(9)).abs() < 1e-12);
        }
    }
}
