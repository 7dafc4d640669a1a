//! Gauss's rule for functions that have a scale of their own near 0.

use crate::numerics::exponential;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};

/// Calls `sum` with nodes and weights for $x$ in $[\text{from}, \text{to}]$, where $\text{from} \ge 0$: Gauss's
/// rule on panels of equal length, at most `panel`, in $y$ with $x = w \sinh y$, so that functions of $x/w$ as
/// well as of $x$ are smooth.
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
