//! The covariance of a pair of Gaussian variables.

use super::PairCorrelation;
use crate::error::{self, Error, Result};

/// The covariance matrix $\begin{pmatrix} q_a & k \cr k & q_b \end{pmatrix}$ of two centred variables, held
/// as $(q_a, q_b, c)$ with $k = \sqrt{q_a q_b}\, c$ and $c$ a [`PairCorrelation`].
///
/// This is the state that every kernel recursion and flow iterates. Two inputs that a deep network has made
/// nearly parallel are told apart by $\varepsilon = 1 - c$ long after $c$ has rounded to 1, and nearly
/// opposite ones by $1 + c$.
/// A variable of variance 0 has covariance 0 with the other, and its correlation is kept but means nothing.
///
/// ```
/// use neural_limits::PairCovariance;
/// let k = PairCovariance::new(4.0, 1.0, -1.0)?;
/// assert_eq!((k.correlation(), k.covariance()), (-0.5, -1.0));
/// assert!(PairCovariance::new(1.0, 1.0, 1.5).is_err());
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PairCovariance {
    variance_a: f64,
    variance_b: f64,
    correlation: PairCorrelation,
}

impl PairCovariance {
    /// From the three entries $q_a$, $q_b$, $k$. Where $1 - c$ is known better than $k$, use
    /// [`with_complement`](Self::with_complement).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the variances are finite and $\ge 0$ and $|k| \le \sqrt{q_a q_b}$ (up to 4
    /// units of rounding, which are clamped).
    #[inline]
    pub fn new(variance_a: f64, variance_b: f64, covariance: f64) -> Result<Self> {
        let scale = Self::with_complement(variance_a, variance_b, 0.0)?.geometric_mean();
        let excess = covariance.abs() - scale;
        if !covariance.is_finite() || excess > 4.0 * f64::EPSILON * scale {
            return Err(Error::invalid(
                "covariance",
                covariance,
                format!("at most sqrt(variance_a * variance_b) = {scale} in absolute value"),
            ));
        }
        Ok(Self::from_entries(variance_a, variance_b, covariance))
    }

    /// From $q_a$, $q_b$, $k$, with $k$ clamped to $\pm \sqrt{q_a q_b}$.
    pub(crate) fn from_entries(variance_a: f64, variance_b: f64, covariance: f64) -> Self {
        let mut pair = Self::from_parts(variance_a, variance_b, 0.0);
        let scale = pair.geometric_mean();
        if scale > 0.0 {
            pair.correlation = PairCorrelation::rounded(covariance / scale);
        }
        pair
    }

    /// From $q_a$, $q_b$ and $\varepsilon = 1 - c$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the variances are finite and $\ge 0$ and $\varepsilon \in [0, 2]$.
    #[inline]
    pub fn with_complement(
        variance_a: f64,
        variance_b: f64,
        one_minus_correlation: f64,
    ) -> Result<Self> {
        error::non_negative("variance_a", variance_a)?;
        error::non_negative("variance_b", variance_b)?;
        error::complement("one_minus_correlation", one_minus_correlation)?;
        Ok(Self::from_parts(
            variance_a,
            variance_b,
            one_minus_correlation,
        ))
    }

    /// From $q_a$, $q_b$ and $c$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the variances are finite and $\ge 0$.
    #[inline]
    pub fn with_correlation(
        variance_a: f64,
        variance_b: f64,
        correlation: PairCorrelation,
    ) -> Result<Self> {
        error::non_negative("variance_a", variance_a)?;
        error::non_negative("variance_b", variance_b)?;
        Ok(Self::of(variance_a, variance_b, correlation))
    }

    /// Of numbers that are known to be in their ranges.
    #[doc(hidden)]
    #[inline]
    pub fn from_parts(variance_a: f64, variance_b: f64, one_minus_correlation: f64) -> Self {
        let correlation = PairCorrelation::of_one_minus(one_minus_correlation);
        Self::of(variance_a, variance_b, correlation)
    }

    /// [`with_correlation`](Self::with_correlation), unchecked.
    #[inline]
    pub fn of(variance_a: f64, variance_b: f64, correlation: PairCorrelation) -> Self {
        Self {
            variance_a,
            variance_b,
            correlation,
        }
    }

    /// Two variables of the same variance whose correlation is 1.
    #[inline]
    pub fn diagonal(variance: f64) -> Self {
        Self::of(variance, variance, PairCorrelation::PARALLEL)
    }

    /// $q_a$.
    #[inline]
    pub fn variance_a(&self) -> f64 {
        self.variance_a
    }

    /// $q_b$.
    #[inline]
    pub fn variance_b(&self) -> f64 {
        self.variance_b
    }

    /// $c$, rounded.
    #[inline]
    pub fn correlation(&self) -> f64 {
        self.correlation.value()
    }

    /// $c$ with its distance from the nearer of $\pm 1$.
    #[inline]
    pub fn pair_correlation(&self) -> PairCorrelation {
        self.correlation
    }

    /// $\varepsilon = 1 - c$.
    #[inline]
    pub fn one_minus_correlation(&self) -> f64 {
        self.correlation.one_minus()
    }

    /// $1 + c$.
    #[inline]
    pub fn one_plus_correlation(&self) -> f64 {
        self.correlation.one_plus()
    }

    /// $k = \sqrt{q_a q_b} (1-\varepsilon)$; exactly $q_a$ for $q_a = q_b$, $\varepsilon = 0$.
    #[inline]
    pub fn covariance(&self) -> f64 {
        self.geometric_mean() * self.correlation()
    }

    /// $\sqrt{q_a q_b}$, without overflow.
    #[inline]
    pub fn geometric_mean(&self) -> f64 {
        if self.variance_a == self.variance_b {
            self.variance_a
        } else {
            self.variance_a.sqrt() * self.variance_b.sqrt()
        }
    }

    /// Of $(u, -v)$.
    #[inline]
    pub fn opposite(self) -> Self {
        Self::of(
            self.variance_a,
            self.variance_b,
            self.correlation.opposite(),
        )
    }

    /// The matrix times `factor`.
    #[inline]
    pub fn times(self, factor: f64) -> Self {
        Self {
            variance_a: self.variance_a * factor,
            variance_b: self.variance_b * factor,
            ..self
        }
    }

    /// The sum of two covariance matrices. With $p_i = \sqrt{a_i b_i}$ for the two terms' variances,
    ///
    /// $$\sqrt{a b} (1 \mp c) = (\sqrt{ab} - p_1 - p_2) + p_1 (1 \mp c_1) + p_2 (1 \mp c_2), \qquad
    ///   \sqrt{ab} - p_1 - p_2 = \frac{(\sqrt{a_1 b_2} - \sqrt{a_2 b_1})^2}{\sqrt{ab} + p_1 + p_2}$$
    ///
    /// (Lagrange's identity): all terms are positive, so the relative accuracy of $1 - c$ and $1 + c$
    /// survives the sum.
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let variance_a = self.variance_a + other.variance_a;
        let variance_b = self.variance_b + other.variance_b;
        let (p1, p2) = (self.geometric_mean(), other.geometric_mean());
        let mut sum = Self::of(variance_a, variance_b, self.correlation);
        let p = sum.geometric_mean();
        if p > 0.0 {
            let [(a, b), (c, d)] =
                [self, other].map(|k| (k.variance_a.sqrt(), k.variance_b.sqrt()));
            // where one matrix has equal variances (a bias), without the rounding of two products
            let difference = if c == d {
                c * (a - b)
            } else if a == b {
                a * (d - c)
            } else {
                a * d - c * b
            };
            let deficit = (difference / p) * (difference / (p + p1 + p2));
            let (first, second) = (p1 / p, p2 / p);
            let of = |mine: f64, others: f64| deficit + first * mine + second * others;
            sum.correlation = PairCorrelation::from_ends(
                of(self.correlation.one_minus(), other.correlation.one_minus()),
                of(self.correlation.one_plus(), other.correlation.one_plus()),
            );
        }
        sum
    }

    /// The velocity of the defect $\sqrt{q_a q_b} \varepsilon$ when the matrix moves with the velocity
    /// `rate` (itself a covariance matrix), with $x = \dot q_a / q_a$, $y = \dot q_b/q_b$ and
    /// $\varepsilon^\prime$ the complement of `rate`:
    /// $\sqrt{q_a q_b} (\frac12(\sqrt x - \sqrt y)^2 + \sqrt{xy} \varepsilon^\prime)$; 0 for a variance
    /// of 0.
    #[inline]
    pub fn defect_velocity(self, rate: Self) -> f64 {
        let mean = self.geometric_mean();
        if mean == 0.0 {
            return 0.0;
        }
        let (x, y) = (
            rate.variance_a / self.variance_a,
            rate.variance_b / self.variance_b,
        );
        let (x, y) = (x.sqrt(), y.sqrt());
        let deficit = if x == y { 0.0 } else { 0.5 * (x - y).powi(2) };
        mean * (deficit + x * y * rate.one_minus_correlation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_two_matrices_adds_entries() {
        let a = PairCovariance::new(2.0, 3.0, -1.0).unwrap();
        let b = PairCovariance::new(0.5, 7.0, 1.5).unwrap();
        let sum = a.plus(b);
        assert_eq!((sum.variance_a(), sum.variance_b()), (2.5, 10.0));
        assert!((sum.covariance() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_sum_keeps_tiny_distances_to_correlation_one() {
        let a = PairCovariance::from_parts(2.0, 2.0, 1e-40);
        let b = PairCovariance::from_parts(3.0, 3.0, 3e-40);
        assert!((a.plus(b).one_minus_correlation() / 2.2e-40 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_sum_keeps_tiny_distances_to_correlation_minus_one() {
        let opposite = |distance| PairCorrelation::of_one_plus(distance);
        let a = PairCovariance::of(2.0, 2.0, opposite(1e-40));
        let b = PairCovariance::of(3.0, 3.0, opposite(3e-40));
        assert!((a.plus(b).one_plus_correlation() / 2.2e-40 - 1.0).abs() < 1e-15);
        let bias = PairCovariance::diagonal(1e-30);
        let sum = a.plus(bias).one_plus_correlation();
        assert!((sum / 1e-30 - 1.0).abs() < 1e-9);
    }
}
