//! Extrapolation to infinite width.

use nalgebra::{DMatrix, DVector};

/// A mean over random networks of one width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The width $n$.
    pub width: usize,
    /// The number of networks.
    pub samples: usize,
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A limit of infinite width with what it may be off by, from [`extrapolate`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Extrapolation {
    /// The value at $n = \infty$.
    pub value: f64,
    /// Its standard error, from those of the measurements.
    pub standard_error: f64,
    /// How far the value moves with one more term in $1/n$ (with two widths, from the wider one to it): what
    /// the series that was cut may be off by, noise included.
    pub truncation: f64,
}

/// The limit $a$ of $a + b/n$ or, where the data refutes it, of $a + b/n + c/n^2$, fitted by least squares.
///
/// Weights are $n$ times the number of networks, as the inverse variances of an average over neurons are:
/// weights from measured standard errors would prefer low values where tails are heavy. The quadratic term is
/// kept if it moves $a$ by more than two of its standard errors; either way the distance is the
/// [truncation](Extrapolation::truncation). `None` for less than two widths, a width or number of networks of
/// 0, or numbers that are not finite.
///
/// ```
/// use neural_limits::statistics::{Measurement, extrapolate};
/// let measured = |width: usize| {
///     let n = width as f64;
///     Measurement { width, samples: 1, value: 3.0 + 2.0 / n - 5.0 / (n * n), standard_error: 0.0 }
/// };
/// let limit = extrapolate(&[measured(8), measured(16), measured(32), measured(64)]).unwrap();
/// assert!((limit.value - 3.0).abs() < 1e-12);
/// ```
pub fn extrapolate(measurements: &[Measurement]) -> Option<Extrapolation> {
    let mut widths: Vec<usize> = measurements.iter().map(|m| m.width).collect();
    widths.sort_unstable();
    widths.dedup();
    let usable = |m: &Measurement| {
        let numbers = m.value.is_finite() && m.standard_error.is_finite();
        numbers && m.width > 0 && m.samples > 0 && m.standard_error >= 0.0
    };
    if widths.len() < 2 || !measurements.iter().all(usable) {
        return None;
    }
    let linear = fit(measurements, 2)?;
    if widths.len() == 2 {
        let widest = measurements.iter().max_by_key(|m| m.width)?.value;
        return Some(Extrapolation {
            value: linear.0,
            standard_error: linear.1,
            truncation: (linear.0 - widest).abs(),
        });
    }
    let quadratic = fit(measurements, 3)?;
    let truncation = (quadratic.0 - linear.0).abs();
    let (value, standard_error) = if truncation > 2.0 * quadratic.1 {
        quadratic
    } else {
        linear
    };
    Some(Extrapolation {
        value,
        standard_error,
        truncation,
    })
}

/// The constant of a polynomial in $1/n$, and its standard error.
fn fit(measurements: &[Measurement], terms: usize) -> Option<(f64, f64)> {
    let least = measurements.iter().map(|m| m.width).min()? as f64;
    let weight = |m: &Measurement| (m.width as f64 * m.samples as f64).sqrt();
    let largest = measurements.iter().map(weight).fold(0.0, f64::max);
    let weight = |i: usize| weight(&measurements[i]) / largest;
    let design = DMatrix::from_fn(measurements.len(), terms, |i, k| {
        let x = least / measurements[i].width as f64;
        weight(i) * x.powi(k as i32)
    });
    let inverse = design.pseudo_inverse(1e-12).ok()?;
    let shares = DVector::from_fn(measurements.len(), |i, _| inverse[(0, i)] * weight(i));
    let each = || measurements.iter().zip(shares.iter());
    let value = each().map(|(m, share)| share * m.value).sum();
    let variance: f64 = each()
        .map(|(m, share)| (share * m.standard_error).powi(2))
        .sum();
    Some((value, variance.sqrt())).filter(|fit: &(f64, f64)| fit.0.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(width: usize, value: f64, standard_error: f64) -> Measurement {
        Measurement {
            width,
            samples: 10,
            value,
            standard_error,
        }
    }

    #[test]
    fn noise_does_not_buy_a_quadratic_term() {
        // 1 + 1/n, off by less than the standard errors
        let noisy = [(8, 0.004), (16, -0.003), (32, 0.004), (64, -0.002)]
            .map(|(n, off)| measured(n, 1.0 + 1.0 / n as f64 + off, 0.005));
        let limit = extrapolate(&noisy).unwrap();
        assert!((limit.value - 1.0).abs() < 2.0 * limit.standard_error);
        let quadratic = fit(&noisy, 3).unwrap();
        assert!(limit.standard_error < quadratic.1);
        assert_eq!(limit.truncation, (limit.value - quadratic.0).abs());
    }

    #[test]
    fn one_width_has_no_limit_and_two_have_a_line() {
        assert!(extrapolate(&[measured(8, 1.0, 0.1)]).is_none());
        assert!(extrapolate(&[measured(8, 1.0, 0.1), measured(8, 2.0, 0.1)]).is_none());
        let line = extrapolate(&[measured(8, 3.0, 0.1), measured(16, 2.0, 0.1)]).unwrap();
        assert!((line.value - 1.0).abs() < 1e-12 && (line.truncation - 1.0).abs() < 1e-12);
        assert!((line.standard_error - 0.1 * 5.0_f64.sqrt()).abs() < 1e-12);
        assert!(extrapolate(&[measured(8, f64::NAN, 0.1), measured(16, 2.0, 0.1)]).is_none());
        assert!(extrapolate(&[measured(8, 3.0, f64::INFINITY), measured(16, 2.0, 0.1)]).is_none());
        let none = Measurement {
            samples: 0,
            ..measured(8, 3.0, 0.1)
        };
        let other = Measurement { width: 16, ..none };
        assert!(extrapolate(&[none, other]).is_none());
    }
}
