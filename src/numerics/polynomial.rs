//! Polynomials: evaluation, and Chebyshev interpolation of analytic functions on $[0, b]$.

/// $\sum_i a_i x^i$ as $E(x^2) + x O(x^2)$: two independent Horner schemes keep both multipliers of a core
/// busy.
#[inline(always)]
pub(crate) fn evaluate<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    evaluate_lanes(coefficients, &[x])[0]
}

/// [`evaluate`] at $W$ points at once, with the same operations: what the compiler vectorises whatever the
/// degree.
#[inline(always)]
pub(crate) fn evaluate_lanes<const N: usize, const W: usize>(
    coefficients: &[f64; N],
    x: &[f64; W],
) -> [f64; W] {
    let mut square = *x;
    for lane in &mut square {
        *lane *= *lane;
    }
    let (mut even, mut odd) = ([0.0; W], [0.0; W]);
    for pair in coefficients.chunks(2).rev() {
        for lane in 0..W {
            even[lane] = even[lane] * square[lane] + pair[0];
        }
        if let Some(a) = pair.get(1) {
            for lane in 0..W {
                odd[lane] = odd[lane] * square[lane] + a;
            }
        }
    }
    for lane in 0..W {
        even[lane] += x[lane] * odd[lane];
    }
    even
}

/// $\cos(\pi (j + 1/2)/n)$: Chebyshev's point $j$ of $n$.
pub(crate) fn chebyshev_node(j: usize, n: usize) -> f64 {
    (std::f64::consts::PI * (j as f64 + 0.5) / n as f64).cos()
}

/// $T_0(x), \ldots, T_{n-1}(x)$.
pub(crate) fn chebyshev_basis(x: f64, n: usize) -> Vec<f64> {
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
pub(crate) fn chebyshev_sum(coefficients: &[f64], x: f64) -> f64 {
    let twice = 2.0 * x;
    let (mut b1, mut b2) = (0.0, 0.0);
    for &a in coefficients[1..].iter().rev() {
        (b1, b2) = (a + (twice * b1 - b2), b1);
    }
    coefficients[0] + (x * b1 - b2)
}

/// The matrix from values at Chebyshev's points to coefficients: $a_k = \sum_j M_{kj} f(x_j)$.
pub(crate) fn chebyshev_transform(n: usize) -> Vec<Vec<f64>> {
    (0..n)
        .map(|k| {
            let factor = if k == 0 { 1.0 } else { 2.0 } / n as f64;
            (0..n)
                .map(|j| {
                    // the angle in units of π/(2n), reduced in integers
                    let angle = (k * (2 * j + 1)) % (4 * n);
                    factor * (std::f64::consts::PI * angle as f64 / (2 * n) as f64).cos()
                })
                .collect()
        })
        .collect()
}

/// Row $k$ holds the coefficients of $T_k$ in powers.
pub(crate) fn chebyshev_powers(n: usize) -> Vec<Vec<f64>> {
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

/// An interpolant with $N$ coefficients, in powers of $2x/b - 1$.
#[derive(Debug, Clone)]
pub(crate) struct Interpolant<const N: usize> {
    coefficients: [f64; N],
    /// $2/b$.
    scale: f64,
}

impl<const N: usize> Interpolant<N> {
    /// The values at points of $[0, b]$; outside, a finite number for finite $x$.
    #[inline(always)]
    pub(crate) fn at<const W: usize>(&self, mut x: [f64; W]) -> [f64; W] {
        for lane in &mut x {
            *lane = self.scale * *lane - 1.0;
        }
        evaluate_lanes(&self.coefficients, &x)
    }
}

/// The interpolant $\sum_k a_k T_k(2x/b - 1)$ through Chebyshev points.
#[derive(Debug, Clone)]
pub(crate) struct Chebyshev {
    coefficients: Vec<f64>,
    end: f64,
}

impl Chebyshev {
    /// Interpolates `f` on $[0, \text{end}]$ at `size` Chebyshev points of the first kind.
    pub(crate) fn interpolate(end: f64, size: usize, f: impl Fn(f64) -> f64) -> Self {
        // cos(π i / (2 size)), with the angle reduced to the first quadrant in integers
        let quadrant: Vec<f64> = (0..=size)
            .map(|i| (std::f64::consts::FRAC_PI_2 * i as f64 / size as f64).cos())
            .collect();
        let cosine = |i: usize| {
            let i = i % (4 * size);
            let i = i.min(4 * size - i);
            if i > size {
                -quadrant[2 * size - i]
            } else {
                quadrant[i]
            }
        };
        let values: Vec<f64> = (0..size)
            .map(|j| {
                // (1 + cos θ)/2 = cos²(θ/2): exact in relative terms at the left end
                let half_angle = std::f64::consts::FRAC_PI_2 * (size - j) as f64 / size as f64
                    - std::f64::consts::FRAC_PI_4 / size as f64;
                f(end * half_angle.sin().powi(2))
            })
            .collect();
        let coefficients = (0..size)
            .map(|k| {
                let sum: f64 = values
                    .iter()
                    .enumerate()
                    .map(|(j, value)| value * cosine(k * (2 * j + 1)))
                    .sum();
                sum * if k == 0 { 1.0 } else { 2.0 } / size as f64
            })
            .collect();
        Self { coefficients, end }
    }

    /// The value at $x \in [0, \text{end}]$.
    #[inline(always)]
    pub(crate) fn at(&self, x: f64) -> f64 {
        chebyshev_sum(&self.coefficients, 2.0 * (x / self.end) - 1.0)
    }

    /// The first $N$ terms in powers, for fast evaluation. Coefficients must fall faster than
    /// $(1 + \sqrt 2)^{-k}$, so that powers lose no digits.
    pub(crate) fn truncated<const N: usize>(&self) -> Interpolant<N> {
        let mut coefficients = [0.0; N];
        // powers of T_k and T_(k-1)
        let (mut this, mut last) = ([0.0; N], [0.0; N]);
        for (k, &a) in self.coefficients.iter().take(N).enumerate() {
            let mut next = [0.0; N];
            if k == 0 {
                next[0] = 1.0;
            } else {
                let factor = if k == 1 { 1.0 } else { 2.0 };
                for i in 1..N {
                    next[i] = factor * this[i - 1];
                }
                for i in 0..N {
                    next[i] -= last[i];
                }
            }
            for (sum, power) in coefficients.iter_mut().zip(next) {
                *sum += a * power;
            }
            last = if k == 0 { [0.0; N] } else { this };
            this = next;
        }
        Interpolant {
            coefficients,
            scale: 2.0 / self.end,
        }
    }

    /// The sum of the coefficients from number $N$ on, relative to the largest.
    #[cfg(test)]
    pub(crate) fn truncation_error(&self, n: usize) -> f64 {
        let largest = self
            .coefficients
            .iter()
            .fold(0.0, |m: f64, a| m.max(a.abs()));
        self.coefficients[n..].iter().map(|a| a.abs()).sum::<f64>() / largest
    }

    /// $\int_0^{\text{end}}$ of the interpolant.
    pub(crate) fn integral(&self) -> f64 {
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
            assert!((q.at([x])[0] - x.exp()).abs() < 8e-15);
        }
        assert!((p.integral() - (2f64.exp() - 1.0)).abs() < 4e-15);
    }
}
