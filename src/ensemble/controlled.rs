//! Means with control variates.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use super::Moments;

/// Directions of the controls whose share of the variance is less than this are left out.
const DEGENERATE: f64 = 1e-10;

/// The mean of a number $f$ with control variates $c$ of mean 0,
///
/// $$\bar f - \beta \cdot \bar c, \qquad \beta = \Sigma_{cc}^{-1} \Sigma_{cf},$$
///
/// by the regression of $f$ on them. Its variance is $1 - R^2$ times that of $\bar f$, and $\beta$, which is
/// estimated from the same $N$ samples, adds to it and to the bias terms of relative order $1/N$
/// (S. Lavenberg and P. Welch 1981, Management Science 27, 322–335).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Controlled {
    /// The mean.
    pub value: f64,
    /// Its standard error, $\sqrt{s^2 (1/N + \bar c^\top S_{cc}^{-1} \bar c)}$ with the variance $s^2$ of the
    /// residuals and the squares $S_{cc}$ of the controls.
    pub standard_error: f64,
    /// How many times the variance of the plain mean is larger; infinite where the controls tell all.
    pub reduction: f64,
    /// $\beta$.
    pub coefficients: Vec<f64>,
}

impl Controlled {
    /// Of at least two vectors more than there are controls.
    pub(super) fn new(moments: &Moments, i: usize, controls: Range<usize>) -> Self {
        let count = moments.count() as f64;
        let (mean, squares) = (moments.mean(), moments.squares());
        // in units of each number's spread; a control that is constant tells nothing
        let unit = |j: usize| {
            let spread = squares[(j, j)].sqrt();
            if spread > 0.0 { 1.0 / spread } else { 0.0 }
        };
        let (size, first) = (controls.len(), controls.start);
        let correlations = DMatrix::from_fn(size, size, |j, k| {
            squares[(first + j, first + k)] * unit(first + j) * unit(first + k)
        });
        let with_f = DVector::from_fn(size, |j, _| {
            squares[(first + j, i)] * unit(first + j) * unit(i)
        });
        let off = DVector::from_fn(size, |j, _| mean[first + j] * unit(first + j));
        if size == 0 {
            let variance = squares[(i, i)] / (count - 1.0) / count;
            return Self {
                value: mean[i],
                standard_error: variance.sqrt(),
                reduction: 1.0,
                coefficients: Vec::new(),
            };
        }
        let eigen = correlations.symmetric_eigen();
        let kept = eigen.eigenvalues.map(|value| value > DEGENERATE);
        let rank = kept.iter().filter(|kept| **kept).count();
        let solved = |x: &DVector<f64>| {
            let mut parts = eigen.eigenvectors.tr_mul(x);
            for ((part, value), kept) in parts.iter_mut().zip(&eigen.eigenvalues).zip(&kept) {
                *part = if *kept { *part / value } else { 0.0 };
            }
            &eigen.eigenvectors * parts
        };
        let beta = solved(&with_f);
        let spread = squares[(i, i)].sqrt();
        let unexplained = (1.0 - beta.dot(&with_f)).max(0.0);
        let residual = squares[(i, i)] * unexplained / (count - 1.0 - rank as f64);
        let variance = residual * (1.0 / count + off.dot(&solved(&off)));
        let plain = squares[(i, i)] / (count - 1.0) / count;
        Self {
            value: mean[i] - spread * beta.dot(&off),
            standard_error: variance.sqrt(),
            reduction: if plain > 0.0 { plain / variance } else { 1.0 },
            coefficients: (0..size)
                .map(|j| beta[j] * spread * unit(first + j))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f = 3 + 2c + e with uncorrelated c of mean 0 and e of mean 0.
    #[test]
    fn a_control_takes_its_share_of_the_variance() {
        let mut moments = Moments::new(3);
        for k in 0..4000_u32 {
            let c = f64::from(k % 5) - 2.0 + 0.01;
            let e = 0.3 * (f64::from(k % 7) - 3.0);
            // the third number is the second again
            moments
                .push(&[3.0 + 2.0 * (c - 0.01) + e, c, -2.0 * c])
                .unwrap();
        }
        let one = Controlled::new(&moments, 0, 1..2);
        let both = Controlled::new(&moments, 0, 1..3);
        // c is off by 0.01 in the mean, and the value with it
        assert!((one.value - (3.0 - 0.02)).abs() < 2e-3);
        assert!((both.value - one.value).abs() < 1e-12);
        assert!((one.coefficients[0] - 2.0).abs() < 1e-3);
        // variances 4·2 and 0.09·4
        assert!((one.reduction / (8.36 / 0.36) - 1.0).abs() < 0.01);
        let none = Controlled::new(&moments, 0, 1..1);
        assert_eq!(none.reduction, 1.0);
        assert!((none.value - moments.mean()[0]).abs() < 1e-15);
    }
}
