//! Chebyshev interpolation of analytic functions on $[0, b]$.

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
        let cosine = |i: usize| {
            let i = i % (4 * size);
            let i = i.min(4 * size - i);
            let (sign, i) = if i > size { (-1.0, 2 * size - i) } else { (1.0, i) };
            sign * (std::f64::consts::FRAC_PI_2 * i as f64 / size as f64).cos()
        };
        let values: Vec<f64> = (0..size)
            .map(|j| {
                // (1 + cos θ)/2 = cos²(θ/2): exact in relative terms at the left end
                let half_angle =
                    std::f64::consts::FRAC_PI_2 * (size - j) as f64 / size as f64 - std::f64::consts::FRAC_PI_4 / size as f64;
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

    /// The value at $x \in [0, \text{end}]$, by Clenshaw's recurrence.
    #[inline(always)]
    pub(crate) fn at(&self, x: f64) -> f64 {
        let u = 2.0 * (x / self.end) - 1.0;
        let twice = 2.0 * u;
        let (mut b1, mut b2) = (0.0, 0.0);
        for &a in self.coefficients[1..].iter().rev() {
            (b1, b2) = (a + (twice * b1 - b2), b1);
        }
        self.coefficients[0] + (u * b1 - b2)
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

    /// The size of the last coefficients relative to the largest: an estimate of the interpolation error.
    #[cfg(test)]
    pub(crate) fn relative_tail(&self) -> f64 {
        let largest = self.coefficients.iter().fold(0.0, |m: f64, a| m.max(a.abs()));
        let tail = self.coefficients[self.coefficients.len() - 2..]
            .iter()
            .fold(0.0, |m: f64, a| m.max(a.abs()));
        tail / largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entire_function_is_interpolated_and_integrated_to_rounding() {
        let p = Chebyshev::interpolate(2.0, 24, f64::exp);
        assert!(p.relative_tail() < 1e-15);
        for i in 0..=20 {
            let x = 0.1 * i as f64;
            assert!((p.at(x) - x.exp()).abs() < 8e-15);
        }
        assert!((p.integral() - (2f64.exp() - 1.0)).abs() < 4e-15);
    }
}
