//! Polynomials in powers.

/// $\sum_i a_i x^i$ as $E(x^2) + x O(x^2)$: two independent Horner schemes keep both multipliers of a core
/// busy.
#[inline(always)]
pub(crate) fn evaluate<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    evaluate_lanes(coefficients, &[x])[0]
}

/// `evaluate` at $W$ points at once, with the same operations: what the compiler vectorises whatever the
/// degree.
#[inline(always)]
pub fn evaluate_lanes<const N: usize, const W: usize>(
    coefficients: &[f64; N],
    x: &[f64; W],
) -> [f64; W] {
    let mut square = *x;
    for lane in &mut square {
        *lane *= *lane;
    }
    let at = |i: usize| coefficients.get(i).copied().unwrap_or(0.0);
    // the last of each scheme
    let last = N.saturating_sub(1) / 2 * 2;
    let (mut even, mut odd) = ([at(last); W], [at(last + 1); W]);
    for pair in coefficients[..last].chunks_exact(2).rev() {
        for lane in 0..W {
            even[lane] = even[lane] * square[lane] + pair[0];
            odd[lane] = odd[lane] * square[lane] + pair[1];
        }
    }
    for lane in 0..W {
        even[lane] += x[lane] * odd[lane];
    }
    even
}
