//! The variance map $V$ and its fixed points.

use super::{Propagation, Stability};
use crate::activation::Activation;
use crate::activation::expectation::Quadrature;
use crate::numerics::root;
use crate::{Error, PairCovariance, Result, error};

/// A solution of $V(q) = q$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceFixedPoint {
    /// $q^\*$.
    pub variance: f64,
    /// $V^\prime(q^\*)$.
    pub slope: f64,
    /// From the slope.
    pub stability: Stability,
}

/// What the variance map leaves in place.
#[derive(Debug, Clone, PartialEq)]
pub enum VarianceFixedPoints {
    /// $V(q) = q$ for every $q$: critical positively homogeneous activations without bias.
    Every,
    /// Isolated fixed points, ascending; maybe none.
    Isolated {
        /// The fixed points.
        points: Vec<VarianceFixedPoint>,
        /// Whether variances beyond the last of them grow without bound.
        unbounded: bool,
    },
}

impl VarianceFixedPoints {
    /// The isolated fixed points that attract variances near them.
    pub fn stable(&self) -> impl Iterator<Item = VarianceFixedPoint> + '_ {
        let points = match self {
            Self::Every => &[][..],
            Self::Isolated { points, .. } => points,
        };
        points
            .iter()
            .copied()
            .filter(|point| point.stability == Stability::Stable)
    }
}

/// Variances between which fixed points are looked for.
pub(super) const SMALLEST: f64 = 1e-10;
pub(super) const LARGEST: f64 = 1e10;

/// Logarithms of $V(q)/q$ below which $V(q)$ counts as $q$.
const NOISE: f64 = 1e-11;

/// The variance at which the limit $q \to 0$ is taken.
pub(super) const NEAR_ZERO: f64 = 1e-20;

impl Propagation<'_> {
    /// $V(q) = \sigma_w^2 \mathbb E[\varphi(\sqrt q z)^2] + \sigma_b^2$ (Poole et al. 2016, eq. 3).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $q \ge 0$ is finite; those of [`Dual::dual`](crate::activation::Dual::dual).
    ///
    /// ```
    /// use neural_limits::{prelude::*, propagation::Propagation};
    /// let relu = Propagation::new(Relu, Initialization::he())?;
    /// assert_eq!(relu.variance(3.0)?, 3.0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn variance(&self, q: f64) -> Result<f64> {
        let k = PairCovariance::with_complement(error::non_negative("q", q)?, q, 0.0)?;
        Ok(self.covariance(k)?.variance_a())
    }

    /// $V^\prime(q) = \sigma_w^2 \mathbb E[z \varphi(\sqrt q z) \varphi^\prime(\sqrt q z)]/\sqrt q$ (by
    /// Stein's lemma $\sigma_w^2 \mathbb E[\varphi^{\prime 2} + \varphi\varphi^{\prime\prime}]$, Schoenholz
    /// et al. 2016, eq. 6), by quadrature with a relative error below 1e-10; the limit $V(q)/q$ at $q = 0$.
    ///
    /// For an activation with jumps elsewhere than at 0 it does not hold.
    ///
    /// # Errors
    /// As [`variance`](Self::variance).
    pub fn variance_slope(&self, q: f64) -> Result<f64> {
        error::non_negative("q", q)?;
        let phi = self.activation();
        let q = q.max(NEAR_ZERO);
        if q == NEAR_ZERO && phi.value(0.0) == 0.0 {
            return Ok((self.variance(q)? - self.variance(0.0)?) / q);
        }
        Ok(self.weight_variance() * second_moment_slope(phi, q)?)
    }

    /// All solutions of $V(q) = q$: 0 if it is one, and those between 1e-10 and 1e10 where $V(q) - q$ changes
    /// its sign.
    ///
    /// # Errors
    /// Those of [`Dual::dual`](crate::activation::Dual::dual), overflow excepted (it counts as a variance
    /// above $q$).
    ///
    /// ```
    /// use neural_limits::{prelude::*, propagation::{Propagation, VarianceFixedPoints}};
    /// let at = |weight, bias| -> Result<_, Error> {
    ///     Propagation::new(Relu, Initialization::new(weight, bias)?)?.variance_fixed_points()
    /// };
    /// assert_eq!(at(2.0, 0.0)?, VarianceFixedPoints::Every);
    /// assert_eq!(at(1.0, 0.1)?.stable().next().unwrap().variance, 0.2);
    /// let none = VarianceFixedPoints::Isolated { points: vec![], unbounded: true };
    /// assert_eq!(at(2.0, 0.1)?, none);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn variance_fixed_points(&self) -> Result<VarianceFixedPoints> {
        let excess = |log: f64| -> Result<f64> {
            let q = log.exp();
            match self.variance(q) {
                Ok(v) => Ok((v / q).ln().max(-1e3)),
                Err(Error::Overflow { .. }) => Ok(1e3),
                Err(other) => Err(other),
            }
        };
        let grid: Vec<f64> = root::geometric(SMALLEST, LARGEST, 207)
            .into_iter()
            .map(f64::ln)
            .collect();
        let Some(roots) = root::on_grid(&grid, NOISE, excess)? else {
            return Ok(VarianceFixedPoints::Every);
        };
        let mut points = Vec::new();
        let mut add = |variance: f64| -> Result<()> {
            let slope = self.variance_slope(variance)?;
            points.push(VarianceFixedPoint {
                variance,
                slope,
                stability: Stability::of(slope),
            });
            Ok(())
        };
        if self.variance(0.0)? == 0.0 {
            add(0.0)?;
        }
        for log in roots {
            add(self.polished(log.exp())?)?;
        }
        Ok(VarianceFixedPoints::Isolated {
            points,
            unbounded: excess(LARGEST.ln())? > 0.0,
        })
    }

    /// One step of Newton's method for $V(q) = q$ from a root that lost digits to its logarithm.
    fn polished(&self, q: f64) -> Result<f64> {
        let step = (self.variance(q)? - q) / (1.0 - self.variance_slope(q)?);
        Ok(if step.abs() < 1e-8 * q { q + step } else { q })
    }
}

/// $\mathrm d \mathbb E[\varphi(\sqrt q z)^2] / \mathrm d q = \mathbb E[x \varphi(x) \varphi^\prime(x)]/q$,
/// $x = \sqrt q z$.
pub(super) fn second_moment_slope(phi: &dyn Activation, q: f64) -> Result<f64> {
    let integrand = |x: f64| x * phi.value(x) * phi.derivative(x) / q;
    let kinks = phi.kinks();
    Ok(Quadrature::default()
        .expectation(integrand, &kinks, q)?
        .value)
}
