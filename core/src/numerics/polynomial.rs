//! Polynomials in powers.

/// $\sum_i a_i x^i$ as $E(x^2) + x O(x^2)$: two independent Horner schemes keep both multipliers of a core
/// busy.
#[inline(always)]
pub(crate) fn evaluate<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let square = x * x;
    let at = |i: usize| coefficients.get(i).copied().unwrap_or(0.0);
    // the last of each scheme
    let last = N.saturating_sub(1) / 2 * 2;
    let (mut even, mut odd) = (at(last), at(last + 1));
    for pair in coefficients[..last].chunks_exact(2).rev() {
        even = even * square + pair[0];
        odd = odd * square + pair[1];
    }
    even + x * odd
}
