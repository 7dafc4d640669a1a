//! The correlation map $R$ at a given variance, its slopes, fixed points and curvature.

use super::{Propagation, Stability, variance_map::NEAR_ZERO};
use crate::activation::expectation::{Quadrature, jumps};
use crate::numerics::{normal, root};
use crate::{Error, PairCovariance, Result, error};

/// A solution of $R(c) = c$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrelationFixedPoint {
    /// $c^\*$.
    pub correlation: f64,
    /// $1 - c^\*$.
    pub one_minus_correlation: f64,
    /// $R^\prime(c^\*)$, called $\chi_{c^\*}$.
    pub slope: f64,
    /// From the slope.
    pub stability: Stability,
}

/// What the correlation map leaves in place.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationFixedPoints {
    /// $R(c) = c$ for every $c$: linear networks without bias.
    Every,
    /// Isolated fixed points from $c = 1$ (always one) downwards.
    Isolated(Vec<CorrelationFixedPoint>),
}

/// Relative differences of $1 - R(c)$ and $1 - c$ below which $R(c)$ counts as $c$.
const NOISE: f64 = 1e-11;

impl Propagation<'_> {
    /// The pair of two inputs of equal variance $q$ ($q = 0$ is taken as the limit from above).
    fn pair(&self, q: f64, one_minus_correlation: f64) -> Result<PairCovariance> {
        let q = error::non_negative("q", q)?.max(NEAR_ZERO);
        PairCovariance::with_complement(q, q, one_minus_correlation)
    }

    /// $R(c)$ for two inputs of variance $q$ (Poole et al. 2016, eq. 5).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $q \ge 0$ is finite and $c \in [-1, 1]$; those of
    /// [`Dual::dual`](crate::activation::Dual::dual).
    pub fn correlation(&self, q: f64, c: f64) -> Result<f64> {
        let epsilon = 1.0 - error::correlation("c", c)?;
        Ok(1.0 - self.correlation_complement(q, epsilon)?)
    }

    /// $1 - R(1 - \varepsilon)$, in relative accuracy.
    ///
    /// # Errors
    /// As [`correlation`](Self::correlation), with $\varepsilon \in [0, 2]$; [`Error::Undefined`] if
    /// $V(q) = 0$.
    pub fn correlation_complement(&self, q: f64, epsilon: f64) -> Result<f64> {
        let next = self.covariance(self.pair(q, epsilon)?)?;
        if next.variance_a() == 0.0 {
            return Err(Error::undefined(
                "the correlation",
                "the variance of a layer is 0",
            ));
        }
        Ok(next.one_minus_correlation())
    }

    /// $R^\prime(c) = \sigma_w^2 \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] q/V(q)$ (Schoenholz et al.
    /// 2016, eq. 8). $\chi_1 = R^\prime(1)$ at $V(q) = q$ decides between order and chaos. For an activation
    /// that jumps it is $+\infty$ at $c = 1$, and elsewhere a difference quotient with a relative error of
    /// 1e-9.
    ///
    /// # Errors
    /// As [`correlation_complement`](Self::correlation_complement).
    ///
    /// ```
    /// use neural_limits::{prelude::*, propagation::Propagation};
    /// let relu = Propagation::new(Relu, Initialization::he())?;
    /// assert_eq!(relu.correlation_slope(1.0, 0.0)?, 1.0); // χ₁
    /// assert_eq!(relu.correlation_slope(1.0, 1.0)?, 0.5); // at c = 0
    /// # Ok::<(), Error>(())
    /// ```
    pub fn correlation_slope(&self, q: f64, epsilon: f64) -> Result<f64> {
        let pair = self.pair(q, epsilon)?;
        let phi = self.activation();
        if jumps::is_discontinuous(phi) {
            let step = 1e-4 * epsilon.min(2.0 - epsilon);
            if step == 0.0 {
                return Ok(f64::INFINITY);
            }
            let difference = |step: f64| -> Result<f64> {
                let above = self.correlation_complement(q, epsilon + step)?;
                Ok((above - self.correlation_complement(q, epsilon - step)?) / (2.0 * step))
            };
            return Ok((4.0 * difference(0.5 * step)? - difference(step)?) / 3.0);
        }
        let slope = self.weight_variance() * phi.derivative_dual(pair)?;
        Ok(slope * (pair.variance_a() / self.variance(pair.variance_a())?))
    }

    /// $R^{\prime\prime}(1) = \sigma_w^2 q^2 \mathbb E[\varphi^{\prime\prime 2}]/V(q)$; $+\infty$ if
    /// $\varphi$ or $\varphi^\prime$ jumps. The relative error is below 1e-8.
    ///
    /// # Errors
    /// As [`correlation_complement`](Self::correlation_complement).
    pub fn correlation_curvature(&self, q: f64) -> Result<f64> {
        let q = error::non_negative("q", q)?.max(NEAR_ZERO);
        let phi = self.activation();
        if jumps::is_discontinuous(phi) || !jumps::of_derivative(phi).is_empty() {
            return Ok(f64::INFINITY);
        }
        let slope = Quadrature::default().derivative_dual_slope(phi, q)?;
        Ok(self.weight_variance() * slope * (q / self.variance(q)?))
    }

    /// $\lim_{\varepsilon \to 0} (1 - R^\prime(1-\varepsilon)/R^\prime(1)) R^\prime(1)/\sqrt\varepsilon =
    /// \frac{\sigma_w^2 q}{V(q)} \sqrt{\frac q\pi} \sum_\kappa \Delta_\kappa^2
    /// p_q(\kappa)$ for an activation whose slope jumps by $\Delta_\kappa$ at $\kappa$, with $p_q$ the
    /// density of $\mathcal N(0, q)$: two inputs at distance $\sqrt{2q\varepsilon}$ see a kink between them
    /// with probability $p_q(\kappa) \sqrt{q\varepsilon/\pi}$ in either order.
    pub(super) fn kink_strength(&self, q: f64) -> Result<f64> {
        let q = q.max(NEAR_ZERO);
        let root = q.sqrt();
        let jumps = jumps::of_derivative(self.activation());
        let sum: f64 = jumps
            .iter()
            .map(|(kink, height)| height * height * normal::density(kink / root) / root)
            .sum();
        let share = self.weight_variance() * q / self.variance(q)?;
        Ok(share * (q / std::f64::consts::PI).sqrt() * sum)
    }

    /// All solutions of $R(c) = c$ at variance $q$ with their slopes.
    ///
    /// # Errors
    /// As [`correlation_complement`](Self::correlation_complement).
    pub fn correlation_fixed_points(&self, q: f64) -> Result<CorrelationFixedPoints> {
        let mut grid = root::geometric(1e-12, 0.05, 48);
        grid.extend((2..=39).map(|i| 0.05 * f64::from(i)));
        let excess = |epsilon: f64| -> Result<f64> {
            Ok(self.correlation_complement(q, epsilon)? / epsilon - 1.0)
        };
        let Some(roots) = root::on_grid(&grid, NOISE, excess)? else {
            return Ok(CorrelationFixedPoints::Every);
        };
        let opposite = (self.correlation_complement(q, 2.0)? - 2.0).abs() <= NOISE;
        let epsilons = std::iter::once(0.0)
            .chain(roots)
            .chain(opposite.then_some(2.0));
        let points: Result<Vec<_>> = epsilons
            .map(|epsilon| {
                let slope = self.correlation_slope(q, epsilon)?;
                Ok(CorrelationFixedPoint {
                    correlation: 1.0 - epsilon,
                    one_minus_correlation: epsilon,
                    slope,
                    stability: Stability::of(slope),
                })
            })
            .collect();
        Ok(CorrelationFixedPoints::Isolated(points?))
    }
}
