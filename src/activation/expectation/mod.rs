//! Gaussian expectations of any activation, with an estimate of their error.
//!
//! Where a dual has no closed form, [`Quadrature`] computes it:
//!
//! | activation | route | file |
//! |---|---|---|
//! | smooth at the scale of its argument | Hermite coefficients and Mehler's formula | `hermite` |
//! | steep or with kinks, away from $c = \pm1$ | the same, by quadrature split at the kinks | `hermite` |
//! | smooth, all pairs of a Gram matrix | coefficients as functions of the variance | `table`, `mehler` |
//! | steep or with kinks, near $c = \pm1$ | nested adaptive quadrature, split at the kinks | `nested` |
//!
//! The coefficients as functions of the variance are a [`DualTable`].

mod hermite;
pub(crate) mod jumps;
mod mehler;
mod nested;
mod series_table;
mod table;

pub(crate) use hermite::HermiteSeries;
pub(crate) use series_table::{SeriesTable, distinct};
pub use table::DualTable;
pub(crate) use table::TablePoints;

use nested::Combination;

use super::Activation;
use crate::numerics::normal::density;
use crate::numerics::quadrature::{Integral, integrate};
use crate::{Error, PairCovariance, Result, error};

/// Standard deviations to either side that are integrated: the density outside is below 1e-37.
const HALF_RANGE: f64 = 13.0;

/// A function that is given many arguments at once: what is virtual costs one call a rule or panel.
pub(crate) type Function<'a> = &'a dyn Fn(&[f64], &mut [f64]);

/// A computed value and the estimate of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimated<T> {
    /// The value.
    pub value: T,
    /// The estimated error: of a covariance matrix in units of $\sqrt{V_a V_b}$, of a number absolute.
    pub error: f64,
}

/// Duals and moments of any [`Activation`] by quadrature.
///
/// The tolerance is relative: to $\sqrt{\mathbb E[\varphi(u)^2] \mathbb E[\varphi(v)^2]}$ for covariances, to
/// the same with $\varphi^\prime$ for derivative duals. An expectation that does not reach it is
/// [`Error::NotConverged`].
///
/// ```
/// use neural_limits::PairCovariance;
/// use neural_limits::activation::{Dual, Relu, expectation::Quadrature};
/// let k = PairCovariance::new(1.0, 4.0, 1.0)?;
/// let dual = Quadrature::new(1e-13)?.dual(&Relu, k)?;
/// assert!(dual.error < 1e-13);
/// assert!((dual.value.covariance() - Relu.dual(k)?.covariance()).abs() < 1e-13);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quadrature {
    tolerance: f64,
}

impl Default for Quadrature {
    /// A tolerance of 1e-12.
    fn default() -> Self {
        Self { tolerance: 1e-12 }
    }
}

/// Correlations this close to 1 are reached by integrating $\mathbb E[\varphi^\prime \varphi^\prime]$ from
/// $c = 1$ (Price's theorem): the squared difference of $\varphi(u)$ and $\varphi(v)$ would lose more digits.
const BY_PRICES_THEOREM: f64 = 1e-6;

/// The square of a difference of order $\sqrt\varepsilon$ has this relative rounding error times
/// $1/\sqrt\varepsilon$.
const DIFFERENCE_NOISE: f64 = 1e-14;

/// Gauss–Legendre with three nodes on $[0, 1]$: (node, weight).
const GAUSS_THREE: [(f64, f64); 3] = [
    (0.112_701_665_379_258_31, 5.0 / 18.0),
    (0.5, 8.0 / 18.0),
    (0.887_298_334_620_741_7, 5.0 / 18.0),
];

impl Quadrature {
    /// With a relative tolerance.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $10^{-15} \le$ tolerance $\le 10^{-1}$. (About 1e-14 is the least that
    /// rounding allows to reach.)
    pub fn new(tolerance: f64) -> Result<Self> {
        if (1e-15..=1e-1).contains(&tolerance) {
            Ok(Self { tolerance })
        } else {
            Err(Error::invalid(
                "tolerance",
                tolerance,
                "a number in [1e-15, 1e-1]",
            ))
        }
    }

    /// $\mathbb E[f(\sqrt q z)]$ for a standard normal $z$, where $f$ or a derivative jumps at `kinks` only.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $q \ge 0$ is finite; [`Error::NotConverged`]; [`Error::Overflow`] where $f$
    /// leaves the range of `f64` or grows too fast for its expectation to exist.
    pub fn expectation(
        &self,
        f: impl Fn(f64) -> f64,
        kinks: &[f64],
        q: f64,
    ) -> Result<Estimated<f64>> {
        error::non_negative("q", q)?;
        let deviation = q.sqrt();
        let integrand = |z: f64| density(z) * f(deviation * z);
        let breaks = line_breaks(HALF_RANGE, kinks, deviation);
        let integral = integrate(integrand, &breaks, 0.1 * self.tolerance);
        let ends = integrand(-HALF_RANGE)
            .abs()
            .max(integrand(HALF_RANGE).abs());
        if !integral.value.is_finite() || ends > self.tolerance * integral.magnitude {
            return Err(Error::overflow("the expectation over a Gaussian"));
        }
        self.checked(
            "the expectation over a Gaussian",
            integral.value,
            integral.error,
            integral.magnitude,
        )
    }

    /// $\mathbb E[\varphi(\sqrt q z)^2]$.
    ///
    /// # Errors
    /// As [`expectation`](Self::expectation).
    pub fn second_moment(&self, phi: &dyn Activation, q: f64) -> Result<Estimated<f64>> {
        self.expectation(|x| phi.value(x) * phi.value(x), &phi.kinks(), q)
    }

    /// The second-moment matrix of $(\varphi(u), \varphi(v))$ for $(u, v) \sim \mathcal N(0, K)$, with the
    /// relative accuracy of $1 - c$ kept near $c = 1$.
    ///
    /// # Errors
    /// As [`expectation`](Self::expectation).
    pub fn dual(
        &self,
        phi: &dyn Activation,
        k: PairCovariance,
    ) -> Result<Estimated<PairCovariance>> {
        let k = k.folded(phi.parity());
        let (qa, qb) = (k.variance_a(), k.variance_b());
        let value: Function<'_> = &|x, out| phi.value_slice(x, out);
        let kinks = phi.kinks();
        if kinks.is_empty() {
            let series = HermiteSeries::smooth_pair(value, (qa, qb), phi.parity(), self.tail());
            if let Some((a, b)) = series {
                return self.dual_of_series(&a, &b, k);
            }
        }
        let va = self.second_moment(phi, qa)?;
        let vb = if qa == qb {
            va
        } else {
            self.second_moment(phi, qb)?
        };
        let (variance_a, variance_b) = (va.value, vb.value);
        let matrix = |epsilon, error| Estimated {
            value: PairCovariance::from_parts(variance_a, variance_b, epsilon),
            error,
        };
        let scale = variance_a.sqrt() * variance_b.sqrt();
        if scale == 0.0 {
            return Ok(matrix(k.one_minus_correlation(), 0.0));
        }
        if !kinks.is_empty() && k.geometric_mean() > 0.0 {
            let piecewise =
                |q, norm| HermiteSeries::piecewise(value, q, &kinks, phi.parity(), norm);
            let terms = HermiteSeries::LONGEST;
            if k.correlation().abs().powi(terms as i32) < self.tolerance
                && qa.max(qb) < HermiteSeries::LARGEST_PIECEWISE
            {
                let a = piecewise(qa, variance_a);
                let b = if qa == qb {
                    a.clone()
                } else {
                    piecewise(qb, variance_b)
                };
                return self.dual_of_series(&a, &b, k);
            }
        }
        let (root_a, root_b) = (variance_a.sqrt(), variance_b.sqrt());
        let epsilon = k.one_minus_correlation();
        let near =
            epsilon * qa.max(qb).max(1.0) <= BY_PRICES_THEOREM && !jumps::is_discontinuous(phi);
        let start = if near { 0.0 } else { epsilon };
        // equal variances make the difference as small as √ε
        let tolerance = if qa == qb {
            self.tolerance.max(DIFFERENCE_NOISE / epsilon.sqrt())
        } else {
            self.tolerance
        };
        let parallel = if near && qa == qb {
            Integral::default()
        } else {
            let difference = Combination::HalfSquare(root_a, root_b);
            nested::expectation(value, difference, (qa, qb), start, &kinks, tolerance)
        };
        let (mut complement, mut error) = (parallel.value, parallel.error);
        if near && epsilon > 0.0 {
            // ∫_0^ε E[φ'φ'](s) ds with s = ε r²: smooth in r, kinks or not
            for (node, weight) in GAUSS_THREE {
                let pair = PairCovariance::from_parts(qa, qb, epsilon * node * node);
                let slope = self.derivative_dual(phi, pair)?;
                let factor = k.geometric_mean() / scale * epsilon * 2.0 * node * weight;
                complement += factor * slope.value;
                error += factor * slope.error;
            }
        }
        let checked = self.checked("the dual activation", complement, error, 1.0)?;
        Ok(matrix(
            checked.value.clamp(0.0, 2.0),
            checked.error + va.error / variance_a,
        ))
    }

    fn dual_of_series(
        &self,
        a: &HermiteSeries,
        b: &HermiteSeries,
        k: PairCovariance,
    ) -> Result<Estimated<PairCovariance>> {
        let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
        let epsilon = k.one_minus_correlation();
        if scale == 0.0 {
            let value = PairCovariance::from_parts(a.norm_squared, b.norm_squared, epsilon);
            return Ok(Estimated { value, error: 0.0 });
        }
        let error = a.truncation(b, k.correlation()) / scale + 4.0 * f64::EPSILON;
        let complement = if k.geometric_mean() > 0.0 {
            a.complement(b, epsilon)
        } else {
            (1.0 - a.covariance(b, 0.0) / scale).clamp(0.0, 2.0)
        };
        let checked = self.checked("the dual activation", complement, error, 1.0)?;
        Ok(Estimated {
            value: PairCovariance::from_parts(a.norm_squared, b.norm_squared, checked.value),
            error,
        })
    }

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    ///
    /// # Errors
    /// As [`expectation`](Self::expectation).
    pub fn derivative_dual(
        &self,
        phi: &dyn Activation,
        k: PairCovariance,
    ) -> Result<Estimated<f64>> {
        let (qa, qb) = (k.variance_a(), k.variance_b());
        let slope: Function<'_> = &|x, out| phi.derivative_slice(x, out);
        let kinks = phi.kinks();
        let what = "the derivative's dual";
        let correlation = if k.geometric_mean() > 0.0 {
            k.correlation()
        } else {
            0.0
        };
        if kinks.is_empty() {
            let parity = phi.parity().of_derivative();
            if let Some((a, b)) = HermiteSeries::smooth_pair(slope, (qa, qb), parity, self.tail()) {
                let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
                let error = a.truncation(&b, correlation) + 4.0 * f64::EPSILON * scale;
                return self.checked(what, a.covariance(&b, correlation), error, scale);
            }
        }
        let epsilon = k.one_minus_correlation();
        let pair = (qa, qb);
        let product = Combination::Product;
        let integral = nested::expectation(slope, product, pair, epsilon, &kinks, self.tolerance);
        let square = |x: f64| phi.derivative(x) * phi.derivative(x);
        let norm_a = self.expectation(square, &kinks, qa)?.value;
        let norm_b = if qa == qb {
            norm_a
        } else {
            self.expectation(square, &kinks, qb)?.value
        };
        let scale = norm_a.sqrt() * norm_b.sqrt();
        self.checked(what, integral.value, integral.error, scale)
    }

    /// $q \mathbb E[\varphi^{\prime\prime}(\sqrt q z)^2]$, the derivative of
    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ by the correlation at $c = 1$, for a continuous
    /// $\varphi^\prime$.
    pub(crate) fn derivative_dual_slope(&self, phi: &dyn Activation, q: f64) -> Result<f64> {
        let slope: Function<'_> = &|x, out| phi.derivative_slice(x, out);
        let kinks = phi.kinks();
        if kinks.is_empty() {
            let parity = phi.parity().of_derivative();
            if let Some(series) = HermiteSeries::smooth_one(slope, q, parity, self.tail()) {
                return Ok(series.slope());
            }
        }
        // E[(φ'(u) − φ'(v))²]/(2ε) at three small ε, extrapolated in √ε (where φ'' jumps) and ε
        let quotient = |epsilon: f64| {
            let difference = Combination::HalfSquare(1.0, 1.0);
            nested::expectation(slope, difference, (q, q), epsilon, &kinks, 1e-9).value / epsilon
        };
        let epsilon = 1e-8 / q.max(1.0);
        let values = [1.0, 4.0, 16.0].map(|factor| quotient(factor * epsilon));
        let (first, second) = (2.0 * values[0] - values[1], 2.0 * values[1] - values[2]);
        let value = (4.0 * first - second) / 3.0;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::overflow("the second derivative's moment"))
        }
    }

    /// What a series may leave out: half of the tolerance, the rest is for rounding.
    fn tail(&self) -> f64 {
        0.5 * self.tolerance
    }

    fn checked(&self, what: &str, value: f64, error: f64, scale: f64) -> Result<Estimated<f64>> {
        if !value.is_finite() {
            return Err(Error::overflow(what));
        }
        if error <= self.tolerance * scale || scale == 0.0 {
            Ok(Estimated { value, error })
        } else {
            Err(Error::NotConverged {
                what: what.to_owned(),
                reached: error / scale,
                tolerance: self.tolerance,
            })
        }
    }
}

/// Panels of the line in units of the standard deviation: within `half_range`, finer near 0, split at the
/// kinks. An activation varies on the scale of 1 around 0 and its kinks; where that is narrow against the
/// deviation, panels grow from it.
fn line_breaks(half_range: f64, kinks: &[f64], deviation: f64) -> Vec<f64> {
    let mut breaks = vec![
        -half_range,
        -6.0,
        -3.0,
        -1.25,
        0.0,
        1.25,
        3.0,
        6.0,
        half_range,
    ];
    if deviation > 0.0 {
        insert_features(&mut breaks, kinks, deviation, 0.0, 1.0 / deviation);
    }
    breaks
}

/// Splits panels where $\text{shift} + \text{slope} \cdot z$ meets 0 or a kink, and around these points at
/// distances that grow from `width`.
fn insert_features(breaks: &mut Vec<f64>, kinks: &[f64], slope: f64, shift: f64, width: f64) {
    for kink in kinks {
        let center = (kink - shift) / slope;
        insert_break(breaks, center);
        insert_graded(breaks, center, width);
    }
    insert_graded(breaks, -shift / slope, width);
}

/// Panels that grow by this factor resolve a feature of any shape.
const GRADING: f64 = 4.0;

fn insert_graded(breaks: &mut Vec<f64>, center: f64, width: f64) {
    let mut distance = 2.0 * width.max(1e-16);
    while distance < 1.0 {
        insert_break(breaks, center - distance);
        insert_break(breaks, center + distance);
        distance *= GRADING;
    }
}

/// Inserts a break into an ascending list, if it lies inside.
fn insert_break(breaks: &mut Vec<f64>, x: f64) {
    let i = breaks.partition_point(|&b| b < x);
    if i > 0 && i < breaks.len() && breaks[i] != x {
        breaks.insert(i, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_normal_law() {
        let quadrature = Quadrature::new(1e-14).unwrap();
        let moment = |n: i32| {
            quadrature
                .expectation(|x| x.powi(n), &[], 4.0)
                .unwrap()
                .value
        };
        for (n, exact) in [(0, 1.0), (2, 4.0), (4, 48.0), (6, 960.0)] {
            assert!((moment(n) / exact - 1.0).abs() < 4e-15);
        }
    }

    #[test]
    fn an_expectation_that_does_not_exist_is_an_overflow() {
        let quadrature = Quadrature::default();
        for q in [0.6, 10.0] {
            assert!(matches!(
                quadrature.expectation(|x| (x * x).exp(), &[], q),
                Err(Error::Overflow { .. })
            ));
        }
    }
}
