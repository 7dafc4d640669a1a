//! Gauss's rule for functions that have a scale of their own near 0.

use crate::numerics::exponential;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};

/// Calls `sum` with nodes and weights for $x$ in $[\text{from}, \text{to}]$, where $\text{from} \ge 0$:
/// Gauss's rule on panels of equal length, at most `panel`, in $y$ with $x = w \sinh y$, so that functions of
/// $x/w$ as well as of $x$ are smooth.
#[inline(always)]
pub(super) fn hyperbolic(
    width: f64,
    from: f64,
    to: f64,
    panel: f64,
    mut sum: impl FnMut(&[f64; SIZE], &[f64; SIZE]),
) {
    let (start, end) = (libm::asinh(from / width), libm::asinh(to / width));
    if end <= start {
        return;
    }
    let count = ((end - start) / panel).ceil();
    let length = (end - start) / count;
    // e^y and e^{-y}, which grow from one panel to the next
    let growth = exponential::exp(length);
    let decay = 1.0 / growth;
    let (mut up, mut down) = ([0.0; SIZE], [0.0; SIZE]);
    let (mut x, mut weight) = ([0.0; SIZE], [0.0; SIZE]);
    for k in 0..SIZE {
        let first = exponential::exp_m1(start + length * NODES[k]);
        up[k] = 1.0 + first;
        down[k] = 1.0 / up[k];
        x[k] = 0.5 * width * (first * (1.0 + down[k]));
        weight[k] = 0.5 * width * length * WEIGHTS[k] * (up[k] + down[k]);
    }
    let mut panels = 0.0;
    while panels < count {
        sum(&x, &weight);
        for k in 0..SIZE {
            up[k] *= growth;
            down[k] *= decay;
            x[k] = 0.5 * width * (up[k] - down[k]);
            weight[k] = 0.5 * width * length * WEIGHTS[k] * (up[k] + down[k]);
        }
        panels += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integral(f: impl Fn(f64) -> f64, width: f64, from: f64, to: f64) -> f64 {
        let mut sum = 0.0;
        hyperbolic(width, from, to, 2.8, |x, weight| {
            for (x, weight) in x.iter().zip(weight) {
                sum += weight * f(*x);
            }
        });
        sum
    }

    #[test]
    fn functions_of_two_scales_are_integrated() {
        for width in [1e-16, 1e-6, 0.1, 1.0, 30.0] {
            let end: f64 = 1.5;
            let fast = integral(|x| (1.0 + x / width).powi(-2), width, 0.0, end);
            assert!(
                (fast / (width * end / (width + end)) - 1.0).abs() < 1e-12,
                "{width}"
            );
            let slow = integral(f64::sin, width, 0.5, end);
            assert!(
                (slow / (0.5_f64.cos() - end.cos()) - 1.0).abs() < 1e-12,
                "{width}"
            );
        }
        let tiny = 1e-150;
        assert!((integral(|_| 1.0, 1.0, 0.0, tiny) / tiny - 1.0).abs() < 1e-15);
        assert_eq!(integral(|_| 1.0, 1.0, 2.0, 2.0), 0.0);
    }
}
