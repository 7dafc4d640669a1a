//! Gaussian expectations of any activation, with an estimate of their error.
//!
//! Where a dual has no closed form, [`Quadrature`] computes it:
//!
//! | activation | route | file |
//! |---|---|---|
//! | smooth at the scale of its argument | Hermite coefficients and Mehler's formula | `hermite` |
//! | steep or with kinks, away from $c = \pm1$ | the same, on panels that resolve it | `hermite`, `panels` |
//! | steep or with kinks, near $c = \pm1$ | two variables, independent given a third | `conditional` |
//! | waves, many of them within a deviation | the trapezoidal rule in both variables | `waves` |
//! | smooth, all pairs of a Gram matrix | coefficients as functions of the variance | `table`, `mehler` |
//!
//! The coefficients as functions of the variance are a [`DualTable`].

mod conditional;
mod hermite;
pub mod jumps;
mod mehler;
mod panels;
mod series_table;
mod table;
mod waves;

pub use hermite::HermiteSeries;
pub use series_table::{SeriesTable, distinct};
pub use table::DualTable;
pub use table::TablePoints;

use conditional::{Combination, Differentiable};
use panels::Panels;
use waves::Waves;

use super::{Activation, Parity};
use crate::numerics::quadrature::Integral;
use crate::{Error, PairCorrelation, PairCovariance, Result, error};

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
/// [`Error::NotConverged`], after some ten milliseconds at most: one of a function with more than a thousand
/// features within 13 deviations, unless these are a sum of some smooth waves.
///
/// Where the variances are equal $1 - c^\prime$ has a relative error below 1e-11, as far as $\varphi$ itself
/// has the digits (at $q = 10^{-12}$ the values of $1 + x^2$ have few). Kinks need not be declared, but what
/// is declared costs less. Whatever the variance, features of $\varphi$ of width 1 are seen within 64 units
/// of 0 and of the kinks: where one is further out, or narrower, a kink declares it.
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

/// Variances of $\varphi$ given a nearly equal argument are taken from $\varphi^\prime$ where
/// $(1 - c) \min(q, 1)$ is below: differences of $\varphi$ would lose more than four digits.
const BY_SLOPES: f64 = 1e-7;

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
        let (qa, qb, c) = (k.variance_a(), k.variance_b(), k.pair_correlation());
        let c = match parity {
            Parity::Even => c.absolute(),
            _ => c,
        };
        let k = PairCovariance::of(qa, qb, c);
        let value: Function<'_> = &|x, out| phi.value_slice(x, out);
        let kinks = phi.kinks();
        if kinks.is_empty() {
            let series = HermiteSeries::smooth_pair(value, (qa, qb), parity, self.tail());
            if let Some((a, b)) = series {
                return self.dual_of_series((&a, &b), k, parity, 0.0);
            }
            if let Some(dual) = self.dual_of_waves(value, k, parity) {
                return Ok(dual);
            }
        }
        let (a, b) = self.panels(value, (qa, qb), &kinks)?;
        let (root_a, root_b) = (a.square.sqrt(), b.square.sqrt());
        let scale = root_a * root_b;
        let correlation = usable_correlation(k);
        let relative = a.relative_error() + b.relative_error();
        if scale == 0.0 || correlation.abs() <= BY_SERIES {
            let series = self.series(value, (&a, &b), parity, correlation);
            return self.dual_of_series((&series.0, &series.1), k, parity, relative);
        }
        // E[φφ] of an odd function is odd in c
        let reflected = parity == Parity::Odd && correlation < 0.0;
        let distance = c.distance();
        let opposite = correlation < 0.0 && !reflected;
        let slope: Function<'_> = &|x, out| phi.derivative_slice(x, out);
        let by_slopes = distance * qa.max(qb).min(1.0) <= BY_SLOPES;
        let integral = conditional::expectation(
            Differentiable {
                value,
                derivative: by_slopes.then_some(slope),
            },
            Combination::HalfSquare(root_a, root_b),
            (&a, &b),
            (distance, opposite),
            parity,
            0.3 * self.tolerance,
        );
        let error = integral.error + relative;
        let checked = self.checked("the dual activation", integral.value, error, 1.0)?;
        let complement = checked.value.clamp(0.0, 2.0);
        let image = PairCorrelation::of_one_minus(complement);
        let image = if reflected { image.opposite() } else { image };
        Ok(Estimated {
            value: PairCovariance::of(a.square, b.square, image),
            error,
        })
    }

    /// Waves at both variances, if the function is that.
    fn waves(&self, f: Function<'_>, k: PairCovariance) -> Option<(Waves, Waves)> {
        let (qa, qb) = (k.variance_a(), k.variance_b());
        let a = Waves::new(f, qa, self.tolerance)?;
        let b = if qa == qb {
            a.clone()
        } else {
            Waves::new(f, qb, self.tolerance)?
        };
        Some((a, b))
    }

    fn dual_of_waves(
        &self,
        value: Function<'_>,
        k: PairCovariance,
        parity: Parity,
    ) -> Option<Estimated<PairCovariance>> {
        let (a, b) = self.waves(value, k)?;
        let c = k.pair_correlation();
        let reflected = parity == Parity::Odd && !c.is_positive();
        let c = if reflected { c.opposite() } else { c };
        let half_square = Combination::HalfSquare(a.square.sqrt(), b.square.sqrt());
        let found = waves::expectation(value, half_square, (&a, &b), c, self.tolerance)?;
        let image = PairCorrelation::of_one_minus(found.value.clamp(0.0, 2.0));
        let image = if reflected { image.opposite() } else { image };
        Some(Estimated {
            value: PairCovariance::of(a.square, b.square, image),
            error: found.error + (a.error / a.square).max(b.error / b.square),
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
            let what = if panels.are_too_many() {
                "the expectation over a Gaussian of a function that needs more than 1000 panels"
            } else {
                "the expectation over a Gaussian"
            };
            self.checked(what, value, error, value)?;
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
        (a, b): (&HermiteSeries, &HermiteSeries),
        k: PairCovariance,
        parity: Parity,
        relative: f64,
    ) -> Result<Estimated<PairCovariance>> {
        let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
        let c = k.pair_correlation();
        if scale == 0.0 {
            let value = PairCovariance::of(a.norm_squared, b.norm_squared, c);
            return Ok(Estimated { value, error: 0.0 });
        }
        let error = a.truncation(b, usable_correlation(k)) / scale + 4.0 * f64::EPSILON + relative;
        let image = if k.geometric_mean() > 0.0 {
            a.image(b, c, parity)
        } else {
            PairCorrelation::rounded(a.covariance(b, 0.0) / scale)
        };
        self.checked("the dual activation", image.value(), error, 1.0)?;
        Ok(Estimated {
            value: PairCovariance::of(a.norm_squared, b.norm_squared, image),
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
        let correlation = usable_correlation(k);
        let of_series = |(a, b): (HermiteSeries, HermiteSeries), relative: f64| {
            let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
            let error = a.truncation(&b, correlation) + (4.0 * f64::EPSILON + relative) * scale;
            self.checked(what, a.covariance(&b, correlation), error, scale)
        };
        if kinks.is_empty() {
            let series = HermiteSeries::smooth_pair(slope, (qa, qb), parity, self.tail());
            if let Some(series) = series {
                return of_series(series, 0.0);
            }
            if let Some(pair) = self.waves(slope, k) {
                let (a, b) = (&pair.0, &pair.1);
                let (product, c) = (Combination::Product, k.pair_correlation());
                let found = waves::expectation(slope, product, (a, b), c, self.tolerance);
                if let Some(Integral { value, error, .. }) = found {
                    return Ok(Estimated { value, error });
                }
            }
        }
        let (a, b) = self.panels(slope, (qa, qb), &kinks)?;
        let relative = a.relative_error() + b.relative_error();
        if correlation.abs() <= BY_SERIES {
            let series = self.series(slope, (&a, &b), parity, correlation);
            return of_series(series, relative);
        }
        let integral = conditional::expectation(
            Differentiable::from(slope),
            Combination::Product,
            (&a, &b),
            (k.pair_correlation().distance(), correlation < 0.0),
            parity,
            0.3 * self.tolerance,
        );
        let scale = a.square.sqrt() * b.square.sqrt();
        self.checked(
            what,
            integral.value,
            integral.error + relative * scale,
            scale,
        )
    }

    /// $q \mathbb E[\varphi^{\prime\prime}(\sqrt q z)^2]$, the derivative of
    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ by the correlation at $c = 1$, for a continuous
    /// $\varphi^\prime$.
    pub fn derivative_dual_slope(&self, phi: &dyn Activation, q: f64) -> Result<f64> {
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
            let slope = Differentiable::from(slope);
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

/// $c$, and 0 where a variance is 0.
fn usable_correlation(k: PairCovariance) -> f64 {
    if k.geometric_mean() > 0.0 {
        k.correlation()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Custom;

    #[test]
    fn what_has_more_than_waves_is_refused() {
        let bump = |x: f64| 1.0 + (-(x - 8.0) * (x - 8.0)).exp();
        let fold = |x: f64| (20.0 * x).sin().abs();
        let q = 1e7;
        assert!(Waves::new(&|x, out| fill(out, x, bump), q, 1e-12).is_none());
        let k = PairCovariance::from_parts(q, q, 0.5);
        let rough = Custom::new("|sin 20x|", fold, |x: f64| 20.0 * (20.0 * x).cos());
        let refused = Quadrature::default().dual(&rough, k).err();
        assert!(matches!(refused, Some(Error::NotConverged { .. })));
    }

    /// $\mathbb E[e^{-a(x-m)^2}] = e^{-am^2/(1+2aq)}/\sqrt{1+2aq}$: a bump far narrower than the deviation,
    /// by whatever route.
    #[test]
    fn a_narrow_feature_away_from_zero_is_seen() {
        for at in [3.0, 8.0, 19.5, 28.0, 41.0, 60.0] {
            let bump = move |x: f64| (-(x - at) * (x - at)).exp();
            let phi = Custom::new(
                "bump",
                move |x| 1.0 + bump(x),
                move |x| 2.0 * (at - x) * bump(x),
            );
            for q in [1e2, 1e4, 1e6, 1e7, 1e8] {
                let mean = |a: f64| {
                    let spread = 1.0 + 2.0 * a * q;
                    (-a * at * at / spread).exp() / spread.sqrt()
                };
                let exact = 1.0 + 2.0 * mean(1.0) + mean(2.0);
                let k = PairCovariance::from_parts(q, q, 0.5);
                let dual = Quadrature::default().dual(&phi, k).unwrap();
                let error = (dual.value.variance_a() / exact - 1.0).abs();
                assert!(error < 1e-12, "{at} {q:e}: {error:e}");
            }
        }
    }

    fn fill(out: &mut [f64], x: &[f64], f: impl Fn(f64) -> f64) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f(x);
        }
    }
}
