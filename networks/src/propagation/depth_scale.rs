//! Phases and depth scales.

use super::variance_map::NEAR_ZERO;
use super::{CorrelationFixedPoints, Propagation, Stability};
use crate::activation::expectation::jumps;
use crate::{Error, PairCovariance, Result};

/// The side of the edge of chaos, from $\chi_1 = R^\prime(1)$.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// $\chi_1 < 1$: all inputs become parallel, gradients vanish.
    Ordered,
    /// $\chi_1 = 1$ (up to 1e-9): the edge of chaos.
    Critical,
    /// $\chi_1 > 1$: nearby inputs separate, gradients explode.
    Chaotic,
}

/// How the distance to a fixed point evolves with the layer $l$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DepthScale {
    /// $e^{-l/\xi}$ with $\xi$ = `depth` (0 if one layer is enough).
    Exponential {
        /// $\xi$.
        depth: f64,
    },
    /// coefficient $\cdot\, l^{-\text{power}}$.
    Algebraic {
        /// 1 for smooth activations, 2 with kinks.
        power: f64,
        /// The coefficient.
        coefficient: f64,
    },
    /// It does not change.
    Constant,
    /// $e^{l/\xi}$ with $\xi$ = `depth`: away from the fixed point.
    Growing {
        /// $\xi$.
        depth: f64,
    },
}

impl DepthScale {
    /// $\xi = 1/|\log|\text{slope}||$; `None` for a slope of 1.
    pub(super) fn of_slope(slope: f64) -> Option<Self> {
        let depth = 1.0 / slope.abs().ln().abs();
        match Stability::of(slope) {
            Stability::Stable => Some(Self::Exponential { depth }),
            Stability::Marginal => None,
            Stability::Unstable => Some(Self::Growing { depth }),
        }
    }

    /// The layers after which the distance has fallen below `threshold`: $\xi \log(1/\text{threshold})$, or
    /// $(\text{coefficient}/\text{threshold})^{1/\text{power}}$; infinite if it does not fall.
    pub fn survival(&self, threshold: f64) -> f64 {
        match *self {
            Self::Exponential { depth } => depth * (1.0 / threshold).ln(),
            Self::Algebraic { power, coefficient } => (coefficient / threshold).powf(1.0 / power),
            Self::Constant | Self::Growing { .. } => f64::INFINITY,
        }
    }
}

/// What becomes of inputs of variance $q^\*$ at great depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepLimit {
    /// $q^\*$.
    pub variance: f64,
    /// $V^\prime(q^\*)$.
    pub variance_slope: f64,
    /// $\xi_q = -1/\log |V^\prime(q^\*)|$: how deviations of the variance evolve (Schoenholz et al. 2016,
    /// eq. 7).
    pub variance_scale: DepthScale,
    /// $\chi_1 = \sigma_w^2 \mathbb E[\varphi^\prime(\sqrt{q^\*} z)^2]$, which is $R^\prime(1)$ for
    /// $q^\* > 0$ (at $q^\* = 0$ correlations have a slope of their own); $+\infty$ if $\varphi$ jumps.
    pub chi: f64,
    /// From $\chi_1$.
    pub phase: Phase,
    /// $c^\*$, where the correlation of almost all pairs of inputs ends (1 if it does not move).
    pub correlation: f64,
    /// $R^\prime(c^\*)$.
    pub correlation_slope: f64,
    /// $\xi_c = -1/\log \chi_{c^\*}$ (Schoenholz et al. 2016, eq. 9); at criticality
    /// $1 - c_l \approx 2/(R^{\prime\prime}(1) l)$ for smooth activations and $9/(A l)^2$ with kinks, where
    /// $R^\prime(1-\varepsilon) \approx 1 - A\sqrt\varepsilon$ (S. Hayou, A. Doucet and J. Rousseau 2019,
    /// arXiv 1902.06853, propositions 3 and 4).
    pub correlation_scale: DepthScale,
    /// $\xi_\nabla = 1/|\log \chi_1|$: squared gradient norms change by $\chi_1$ a layer (Schoenholz et al.
    /// 2016, eq. 12), exploding if [`DepthScale::Growing`].
    pub gradient_scale: DepthScale,
}

impl Propagation<'_> {
    /// The deep limit at a fixed point $q$ of the variance map, as found by
    /// [`variance_fixed_points`](Self::variance_fixed_points) (any $q$ where every variance is fixed).
    /// Correlations are followed at this variance.
    ///
    /// # Errors
    /// [`Error::Invalid`] if $q$ is not a fixed point to 1e-6; those of the maps.
    pub fn deep_limit(&self, q: f64) -> Result<DeepLimit> {
        let next = self.variance(q)?;
        if (next - q).abs() > 1e-6 * next.max(q) {
            return Err(Error::invalid(
                "q",
                q,
                format!("a fixed point of the variance map, which maps it to {next}"),
            ));
        }
        let variance_slope = self.variance_slope(q)?;
        let chi = self.gradient_slope(q)?;
        let phase = match Stability::of(chi) {
            Stability::Stable => Phase::Ordered,
            Stability::Marginal => Phase::Critical,
            Stability::Unstable => Phase::Chaotic,
        };
        let (complement, correlation_slope, correlation_scale) = self.end_of_correlations(q)?;
        Ok(DeepLimit {
            variance: q,
            variance_slope,
            variance_scale: match DepthScale::of_slope(variance_slope) {
                Some(scale) => scale,
                None => self.marginal_variance(q)?,
            },
            chi,
            phase,
            correlation: 1.0 - complement,
            correlation_slope,
            correlation_scale,
            gradient_scale: DepthScale::of_slope(chi).unwrap_or(DepthScale::Constant),
        })
    }

    /// $\sigma_w^2 \mathbb E[\varphi^{\prime 2}]$, infinite for jumps.
    fn gradient_slope(&self, q: f64) -> Result<f64> {
        let q = q.max(NEAR_ZERO);
        let phi = self.activation();
        if jumps::is_discontinuous(phi) {
            return Ok(f64::INFINITY);
        }
        let equal = PairCovariance::with_complement(q, q, 0.0)?;
        Ok(self.weight_variance() * phi.derivative_dual(equal)?)
    }

    /// $(1 - c^\*, R^\prime(c^\*)$, scale$)$ of the fixed point that attracts.
    fn end_of_correlations(&self, q: f64) -> Result<(f64, f64, DepthScale)> {
        let points = match self.correlation_fixed_points(q)? {
            CorrelationFixedPoints::Every => return Ok((0.0, 1.0, DepthScale::Constant)),
            CorrelationFixedPoints::Isolated(points) => points,
        };
        let attracting = points
            .iter()
            .find(|point| point.stability == Stability::Stable)
            .or_else(|| {
                points
                    .iter()
                    .find(|point| point.stability == Stability::Marginal)
            })
            .ok_or_else(|| {
                Error::undefined("the limit of correlations", "no fixed point attracts")
            })?;
        let scale = match DepthScale::of_slope(attracting.slope) {
            Some(scale) => scale,
            None => self.critical_decay(q)?,
        };
        Ok((attracting.one_minus_correlation, attracting.slope, scale))
    }

    /// The decay of $1 - c_l$ where $\chi_1 = 1$.
    pub(super) fn critical_decay(&self, q: f64) -> Result<DepthScale> {
        let strength = self.kink_strength(q)?;
        if strength > 0.0 {
            return Ok(DepthScale::Algebraic {
                power: 2.0,
                coefficient: 9.0 / (strength * strength),
            });
        }
        let curvature = self.correlation_curvature(q)?;
        // a linear function's is 0 up to rounding
        Ok(if curvature > 1e-14 {
            DepthScale::Algebraic {
                power: 1.0,
                coefficient: 2.0 / curvature,
            }
        } else {
            DepthScale::Constant
        })
    }

    /// Where $V^\prime(q^\*) = 1$: deviations $\delta \mapsto \delta - a \delta^2$ decay as $1/(a l)$,
    /// $a = -V^{\prime\prime}(q^\*)/2$, or do not.
    fn marginal_variance(&self, q: f64) -> Result<DepthScale> {
        let step = 1e-5 * if q > 0.0 { q } else { 1.0 };
        let quotient = |step: f64| -> Result<f64> {
            Ok((1.0 - self.variance_slope(q + step)?) / (2.0 * step))
        };
        // one Richardson step removes the next order
        let a = 2.0 * quotient(0.5 * step)? - quotient(step)?;
        Ok(if a * step.abs() > 1e-8 {
            DepthScale::Algebraic {
                power: 1.0,
                coefficient: 1.0 / a,
            }
        } else if a * step.abs() < -1e-8 {
            DepthScale::Growing {
                depth: f64::INFINITY,
            }
        } else {
            DepthScale::Constant
        })
    }
}
