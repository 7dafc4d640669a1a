//! Gaussian expectations of any activation, with an estimate of their error.
//!
//! Where a dual has no closed form, [`Quadrature`] computes it:
//!
//! | activation | route | file |
//! |---|---|---|
//! | smooth at the scale of its argument | Hermite coefficients and Mehler's formula | `hermite` |
//! | steep or with kinks, away from $c = \pm1$ | the same, on panels that resolve it | `hermite`, `panels` |
//! | steep or with kinks, near $c = \pm1$ | two variables, independent given a third | `conditional` |
//! | smooth, all pairs of a Gram matrix | coefficients as functions of the variance | `table`, `mehler` |
//!
//! The coefficients as functions of the variance are a [`DualTable`].

mod conditional;
mod hermite;
pub(crate) mod jumps;
mod mehler;
mod panels;
mod series_table;
mod table;

pub(crate) use hermite::HermiteSeries;
pub(crate) use series_table::{SeriesTable, distinct};
pub use table::DualTable;
pub(crate) use table::TablePoints;

use conditional::Combination;
use panels::Panels;

use super::{Activation, Parity};
use crate::numerics::quadrature::Integral;
use crate::{Error, PairCovariance, Result, error};

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

/// Correlations up to here are left to Mehler's formula: fewer terms than 300.
const BY_SERIES: f64 = 0.9;

/// Correlations this close to 1 are reached by integrating $\mathbb E[\varphi^\prime \varphi^\prime]$ from
/// $c = 1$ (Price's theorem): the squared difference of $\varphi(u)$ and $\varphi(v)$ would lose more digits.
const BY_PRICES_THEOREM: f64 = 1e-7;

/// The square of a difference of order $\sqrt\varepsilon$ has this relative rounding error times
/// $1/\sqrt\varepsilon$.
const DIFFERENCE_NOISE: f64 = 1e-15;

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
        let at_nodes = |x: &[f64], out: &mut [f64]| {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(x);
            }
        };
        let integral = panels::expectation(&at_nodes, q, kinks, self.tolerance)?.integral;
        let Integral {
            value,
            error,
            magnitude,
        } = integral;
        self.checked("the expectation over a Gaussian", value, error, magnitude)
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
        let parity = phi.parity();
        let k = k.folded(parity);
        let (qa, qb) = (k.variance_a(), k.variance_b());
        let epsilon = k.one_minus_correlation();
        let value: Function<'_> = &|x, out| phi.value_slice(x, out);
        let kinks = phi.kinks();
        if kinks.is_empty() {
            let series = HermiteSeries::smooth_pair(value, (qa, qb), parity, self.tail());
            if let Some((a, b)) = series {
                return self.dual_of_series(&a, &b, k);
            }
        }
        let (a, b) = self.panels(value, (qa, qb), &kinks)?;
        let (root_a, root_b) = (a.square.sqrt(), b.square.sqrt());
        let scale = root_a * root_b;
        let correlation = k.usable_correlation();
        if scale == 0.0 || correlation.abs() <= BY_SERIES {
            let (a, b) = self.series(value, (&a, &b), parity, correlation);
            return self.dual_of_series(&a, &b, k);
        }
        // E[φφ] of an odd function is odd in c
        let reflected = parity == Parity::Odd && correlation < 0.0;
        let distance = epsilon.min(2.0 - epsilon);
        let opposite = correlation < 0.0 && !reflected;
        let near = !opposite
            && distance * qa.max(qb).max(1e-2) <= BY_PRICES_THEOREM
            && !jumps::is_discontinuous(phi);
        let (mut complement, mut error) = (0.0, 0.0);
        if !near || qa != qb {
            let difference = Combination::HalfSquare(root_a, root_b);
            let start = if near { 0.0 } else { distance };
            // equal variances make the difference as small as √ε
            let noise = if qa == qb {
                DIFFERENCE_NOISE / distance.sqrt()
            } else {
                0.0
            };
            let integral = conditional::expectation(
                value,
                difference,
                (&a, &b),
                (start, opposite),
                parity,
                0.3 * self.tolerance.max(noise),
            );
            (complement, error) = (integral.value, integral.error);
        }
        if near && distance > 0.0 {
            // ∫_0^ε E[φ'φ'](s) ds with s = ε r²: smooth in r, kinks or not
            for (node, weight) in GAUSS_THREE {
                let pair = PairCovariance::from_parts(qa, qb, distance * node * node);
                let slope = self.derivative_dual(phi, pair)?;
                let factor = k.geometric_mean() / scale * distance * 2.0 * node * weight;
                complement += factor * slope.value;
                error += factor * slope.error;
            }
        }
        let checked = self.checked("the dual activation", complement, error, 1.0)?;
        let complement = checked.value.clamp(0.0, 2.0);
        let epsilon = if reflected {
            2.0 - complement
        } else {
            complement
        };
        Ok(Estimated {
            value: PairCovariance::from_parts(a.square, b.square, epsilon),
            error: checked.error + a.error / a.square + b.error / b.square,
        })
    }

    /// Panels at two variances.
    fn panels(
        &self,
        f: Function<'_>,
        (qa, qb): (f64, f64),
        kinks: &[f64],
    ) -> Result<(Panels, Panels)> {
        let one = |q: f64| {
            let panels = Panels::new(f, q, kinks, self.tolerance)?;
            let (value, error) = (panels.square, panels.error);
            self.checked("the expectation over a Gaussian", value, error, value)?;
            Ok(panels)
        };
        let a = one(qa)?;
        let b = if qa == qb { a.clone() } else { one(qb)? };
        Ok((a, b))
    }

    /// As many Hermite coefficients as the correlation leaves over.
    fn series(
        &self,
        f: Function<'_>,
        (a, b): (&Panels, &Panels),
        parity: Parity,
        correlation: f64,
    ) -> (HermiteSeries, HermiteSeries) {
        let terms = (self.tail().ln() / correlation.abs().ln()).ceil() as usize;
        let terms = terms.clamp(2, HermiteSeries::LONGEST);
        let one = |panels: &Panels| HermiteSeries::piecewise(f, panels, parity, terms);
        let first = one(a);
        let second = if a.deviation == b.deviation {
            first.clone()
        } else {
            one(b)
        };
        (first, second)
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
        let parity = phi.parity().of_derivative();
        let what = "the derivative's dual";
        let correlation = k.usable_correlation();
        let of_series = |a: &HermiteSeries, b: &HermiteSeries| {
            let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
            let error = a.truncation(b, correlation) + 4.0 * f64::EPSILON * scale;
            self.checked(what, a.covariance(b, correlation), error, scale)
        };
        if kinks.is_empty() {
            if let Some((a, b)) = HermiteSeries::smooth_pair(slope, (qa, qb), parity, self.tail()) {
                return of_series(&a, &b);
            }
        }
        let (a, b) = self.panels(slope, (qa, qb), &kinks)?;
        if correlation.abs() <= BY_SERIES {
            let (a, b) = self.series(slope, (&a, &b), parity, correlation);
            return of_series(&a, &b);
        }
        let epsilon = k.one_minus_correlation();
        let integral = conditional::expectation(
            slope,
            Combination::Product,
            (&a, &b),
            (epsilon.min(2.0 - epsilon), correlation < 0.0),
            parity,
            0.3 * self.tolerance,
        );
        let scale = a.square.sqrt() * b.square.sqrt();
        let error = integral.error + scale * (a.error / a.square + b.error / b.square);
        self.checked(what, integral.value, error, scale)
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
        let panels = Panels::new(slope, q, &kinks, self.tolerance)?;
        let quotient = |epsilon: f64| {
            let difference = Combination::HalfSquare(1.0, 1.0);
            let (pair, correlation) = ((&panels, &panels), (epsilon, false));
            let parity = phi.parity().of_derivative();
            conditional::expectation(slope, difference, pair, correlation, parity, 1e-10).value
                / epsilon
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
