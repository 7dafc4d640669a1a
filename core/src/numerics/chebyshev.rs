//! Chebyshev polynomials $T_k$: interpolation through values at their nodes.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// $\cos(\pi (j + 1/2)/n)$: node $j$ of $n$.
pub fn node(j: usize, n: usize) -> f64 {
    (PI * (j as f64 + 0.5) / n as f64).cos()
}

/// All nodes, in the order in which [`fit`] takes their values.
pub fn nodes(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |j| node(j, n))
}

/// $T_0(x), \ldots, T_{n-1}(x)$.
pub fn basis(x: f64, n: usize) -> Vec<f64> {
    let mut all = vec![1.0; n];
    if n > 1 {
        all[1] = x;
    }
    for i in 2..n {
        all[i] = 2.0 * x * all[i - 1] - all[i - 2];
    }
    all
}

/// $\sum_k a_k T_k(x)$, by Clenshaw's recurrence.
#[inline]
pub fn sum(coefficients: &[f64], x: f64) -> f64 {
    let twice = 2.0 * x;
    let (mut b1, mut b2) = (0.0, 0.0);
    for &a in coefficients[1..].iter().rev() {
        (b1, b2) = (a + (twice * b1 - b2), b1);
    }
    coefficients[0] + (x * b1 - b2)
}

/// The matrix from values at the nodes to coefficients: $a_k = \sum_j M_{kj} f(x_j)$.
pub fn transform(n: usize) -> Vec<Vec<f64>> {
    // cos(π i/(2n)), with the angle reduced to the first quadrant in integers
    let quadrant: Vec<f64> = (0..=n)
        .map(|i| (FRAC_PI_2 * i as f64 / n as f64).cos())
        .collect();
    let cosine = |i: usize| {
        let i = i % (4 * n);
        let i = i.min(4 * n - i);
        if i > n {
            -quadrant[2 * n - i]
        } else {
            quadrant[i]
        }
    };
    (0..n)
        .map(|k| {
            let factor = if k == 0 { 1.0 } else { 2.0 } / n as f64;
            (0..n).map(|j| factor * cosine(k * (2 * j + 1))).collect()
        })
        .collect()
}

/// The coefficients of some functions, by function, from their values at the [`nodes`], by node.
pub fn fit<V: AsRef<[f64]>>(values: &[V]) -> Vec<Vec<f64>> {
    let transform = transform(values.len());
    let functions = values.first().map_or(0, |value| value.as_ref().len());
    let coefficient = |row: &[f64], f: usize| {
        let terms = row.iter().zip(values);
        terms.map(|(m, value)| m * value.as_ref()[f]).sum()
    };
    (0..functions)
        .map(|f| transform.iter().map(|row| coefficient(row, f)).collect())
        .collect()
}

/// Row $k$ holds the coefficients of $T_k$ in powers.
pub fn powers(n: usize) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n);
    for k in 0..n {
        let mut row = vec![0.0; n];
        if k < 2 {
            row[k] = 1.0;
        } else {
            for i in 0..n {
                let shifted = if i > 0 { rows[k - 1][i - 1] } else { 0.0 };
                row[i] = 2.0 * shifted - rows[k - 2][i];
            }
        }
        rows.push(row);
    }
    rows
}

/// The first $N$ terms in powers. Coefficients must fall faster than $(1 + \sqrt 2)^{-k}$, so that powers
/// lose no digits.
pub fn in_powers<const N: usize>(coefficients: &[f64]) -> [f64; N] {
    let mut sums = [0.0; N];
    for (a, powers) in coefficients.iter().zip(powers(N)).rev() {
        for (sum, power) in sums.iter_mut().zip(powers) {
            *sum += a * power;
        }
    }
    sums
}

/// How the coefficients of a function end.
#[derive(Debug, Clone, Copy)]
pub struct Tail {
    /// The largest of the last three: what is left out or, once they have settled, the size of the rounding.
    pub largest: f64,
    /// Whether coefficients have stopped to fall: they have settled into the rounding of the function itself,
    /// which is all that more of them, on shorter pieces, would resolve.
    pub is_rounding: bool,
}

impl Tail {
    /// The polynomial of these coefficients.
    pub fn of(coefficients: &[f64]) -> Self {
        let mut last = coefficients.iter().rev().map(|a| a.abs());
        let largest = last.by_ref().take(3).fold(0.0, f64::max);
        let before = last.take(7).fold(0.0, f64::max);
        Self {
            largest,
            is_rounding: largest >= 0.1 * before,
        }
    }
}

/// An interpolant in powers of $2x/b - 1$.
#[derive(Debug, Clone)]
pub struct Interpolant {
    /// Of an even and of the next odd power, the highest first.
    coefficients: Vec<[f64; 2]>,
    /// $2/b$.
    scale: f64,
}

impl Interpolant {
    /// The value at a point of $[0, b]$, by two Horner schemes as `polynomial::evaluate`; outside, a finite
    /// number for finite $x$.
    #[inline(always)]
    pub fn at(&self, x: f64) -> f64 {
        let place = self.scale * x - 1.0;
        let square = place * place;
        let (mut even, mut odd) = (0.0, 0.0);
        for &[a, b] in &self.coefficients {
            even = even * square + a;
            odd = odd * square + b;
        }
        even + place * odd
    }
}

/// The interpolant $\sum_k a_k T_k(2x/b - 1)$ through Chebyshev points.
#[derive(Debug, Clone)]
pub struct Chebyshev {
    coefficients: Vec<f64>,
    end: f64,
}

impl Chebyshev {
    /// Interpolates `f` on $[0, \text{end}]$ at `size` Chebyshev points of the first kind.
    pub fn interpolate(end: f64, size: usize, f: impl Fn(f64) -> f64) -> Self {
        let values: Vec<[f64; 1]> = (0..size)
            .map(|j| {
                // (1 + cos θ)/2 = cos²(θ/2): exact in relative terms at the left end
                let half_angle =
                    FRAC_PI_2 * (size - j) as f64 / size as f64 - FRAC_PI_4 / size as f64;
                [f(end * half_angle.sin().powi(2))]
            })
            .collect();
        Self {
            coefficients: fit(&values).concat(),
            end,
        }
    }

    /// The value at $x \in [0, \text{end}]$.
    #[inline(always)]
    pub fn at(&self, x: f64) -> f64 {
        sum(&self.coefficients, 2.0 * (x / self.end) - 1.0)
    }

    /// The first $N$ terms, [`in_powers`], for fast evaluation.
    pub fn truncated<const N: usize>(&self) -> Interpolant {
        let powers: [f64; N] = in_powers(&self.coefficients);
        let pairs = powers.chunks(2);
        let pairs = pairs.map(|pair| [pair[0], pair.get(1).copied().unwrap_or(0.0)]);
        Interpolant {
            coefficients: pairs.rev().collect(),
            scale: 2.0 / self.end,
        }
    }

    /// The sum of the coefficients from number $N$ on, relative to the largest.
    pub fn truncation_error(&self, n: usize) -> f64 {
        let largest = self
            .coefficients
            .iter()
            .fold(0.0, |m: f64, a| m.max(a.abs()));
        self.coefficients[n..].iter().map(|a| a.abs()).sum::<f64>() / largest
    }

    /// $\int_0^{\text{end}}$ of the interpolant.
    pub fn integral(&self) -> f64 {
        let sum: f64 = self
            .coefficients
            .iter()
            .enumerate()
            .step_by(2)
            .map(|(k, a)| a / (1.0 - (k * k) as f64))
            .rev()
            .sum();
        self.end * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entire_function_is_interpolated_and_integrated_to_rounding() {
        let p = Chebyshev::interpolate(2.0, 24, f64::exp);
        assert!(p.truncation_error(16) < 1e-14);
        let q = p.truncated::<20>();
        for i in 0..=20 {
            let x = 0.1 * i as f64;
            assert!((p.at(x) - x.exp()).abs() < 8e-15);
            assert!((q.at(x) - x.exp()).abs() < 8e-15);
        }
        assert!((p.integral() - (2f64.exp() - 1.0)).abs() < 4e-15);
    }
}
