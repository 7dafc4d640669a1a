//! Derivatives of kernel matrices in a parameter, from values at Chebyshev's points.

use std::f64::consts::PI;

use nalgebra::DMatrix;

use crate::Result;

/// Values on an interval: a polynomial of one degree less through them.
const POINTS: usize = 16;

/// The share of the scale that the interval reaches to either side, at first.
const REACH: f64 = 0.4;

/// How often it may be halved.
const HALVINGS: usize = 10;

/// Below this the terms of a polynomial fall until they are rounding.
const RESOLVED: f64 = 1e-6;

/// A derivative and what it may err by, relative to its largest entry.
#[derive(Debug, Clone)]
pub(crate) struct Derivative {
    pub(crate) value: DMatrix<f64>,
    pub(crate) error: f64,
}

/// $\partial K/\partial p$ of a matrix that is an analytic function of $p$ in $[low, high]$, on which it
/// varies by the order of itself over the length `scale`.
///
/// The polynomial of degree 15 through the values at Chebyshev's points of $p \pm 0.4$ scale (cut at the
/// ends), differentiated at $p$: exact for polynomials of that degree. The last two of its terms estimate
/// what it leaves out; the interval is halved as long as that falls by more than half and is above `goal`.
/// Rounding adds 1e-14 at the first interval where $p$ is in the middle of it, 1e-13 where it is an end, and
/// twice as much with every halving.
pub(crate) fn derivative(
    matrix: &dyn Fn(f64) -> Result<DMatrix<f64>>,
    p: f64,
    (low, high): (f64, f64),
    scale: f64,
    goal: f64,
) -> Result<Derivative> {
    let mut reach = REACH * scale;
    let mut best: Option<Derivative> = None;
    for _ in 0..=HALVINGS {
        let (left, right) = ((p - reach).max(low), (p + reach).min(high));
        let next = on_interval(matrix, p, (left, right))?;
        let before = best.as_ref().map_or(f64::INFINITY, |best| best.error);
        let (small, falls) = (next.error <= goal, next.error < 0.5 * before);
        if next.error < before {
            best = Some(next);
        }
        // an interval that is too long for any polynomial says nothing of the next
        if small || (!falls && before < RESOLVED) {
            break;
        }
        reach *= 0.5;
    }
    // the first is always better than none
    best.map_or_else(
        || on_interval(matrix, p, (low.max(p - reach), p + reach)),
        Ok,
    )
}

fn on_interval(
    matrix: &dyn Fn(f64) -> Result<DMatrix<f64>>,
    p: f64,
    (left, right): (f64, f64),
) -> Result<Derivative> {
    let (middle, half) = (0.5 * (left + right), 0.5 * (right - left));
    let x = ((p - middle) / half).clamp(-1.0, 1.0);
    // T_k' = k U_{k-1}
    let mut slopes = [0.0; POINTS];
    let (mut u, mut before) = (1.0, 0.0);
    for (k, slope) in slopes.iter_mut().enumerate().skip(1) {
        *slope = k as f64 * u;
        (u, before) = (2.0 * x * u - before, u);
    }
    let mut value: Option<DMatrix<f64>> = None;
    // the coefficients of the last two of Chebyshev's polynomials
    let mut last: [Option<DMatrix<f64>>; 2] = [None, None];
    for j in 0..POINTS {
        // T_k at the point, its angle reduced while it is an integer
        let chebyshev = |k: usize| {
            let turns = (k * (2 * j + 1)) % (4 * POINTS);
            (PI * turns as f64 / (2 * POINTS) as f64).cos()
        };
        let at = matrix(middle + half * chebyshev(1))?;
        let coefficient = |k: usize| 2.0 / POINTS as f64 * chebyshev(k);
        let weight: f64 = (1..POINTS).map(|k| coefficient(k) * slopes[k] / half).sum();
        let add = |sum: &mut Option<DMatrix<f64>>, weight: f64| match sum {
            Some(sum) => sum.zip_apply(&at, |sum, at| *sum += weight * at),
            None => *sum = Some(&at * weight),
        };
        add(&mut value, weight);
        for (k, last) in (POINTS - 2..).zip(&mut last) {
            add(last, coefficient(k));
        }
    }
    let amax = |matrix: &Option<DMatrix<f64>>| matrix.as_ref().map_or(0.0, DMatrix::amax);
    // |T_k'| is at most k² at the ends and k/√(1 − x²) between them: its zeros say nothing
    let steepness = |k: usize| (k as f64).min((1.0 - x * x).max(0.0).sqrt().recip());
    let left_out = (POINTS - 2..)
        .zip(&last)
        .map(|(k, last)| k as f64 * steepness(k) * amax(last) / half);
    let (size, error) = (amax(&value), left_out.sum::<f64>());
    Ok(Derivative {
        error: if size > 0.0 { error / size } else { error },
        value: value.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: impl Fn(f64) -> f64, p: f64, scale: f64) -> Derivative {
        let matrix = |p: f64| Ok(DMatrix::from_element(1, 1, f(p)));
        derivative(&matrix, p, (0.0, f64::MAX), scale, 1e-12).unwrap()
    }

    #[test]
    fn polynomials_powers_and_functions_with_a_near_singularity() {
        let close = |found: Derivative, exact: f64, tolerance: f64| {
            assert!(
                (found.value[0] / exact - 1.0).abs() < tolerance,
                "{found:?} {exact}"
            );
            assert!(found.error < 1e-10);
        };
        close(of(|p| p.powi(15), 1.3, 1.3), 15.0 * 1.3_f64.powi(14), 1e-13);
        close(
            of(|p| p.powi(100), 1.3, 1.3),
            100.0 * 1.3_f64.powi(99),
            1e-12,
        );
        close(
            of(|p| (0.1 + p).sqrt(), 1.0, 1.0),
            0.5 / 1.1_f64.sqrt(),
            1e-13,
        );
        close(of(|p| (1.0 + p).ln(), 0.0, 1.0), 1.0, 1e-12);
        close(of(|p| (0.02 + p).ln(), 0.0, 1.0), 50.0, 1e-10);
        // the value at the first interval is one where the last terms' slopes vanish
        for i in 0..40 {
            let p = 0.01 * f64::from(i);
            close(
                of(|p| (0.1 + p).powf(1.5), p, 1.6),
                1.5 * (0.1 + p).sqrt(),
                1e-11,
            );
        }
    }
}
