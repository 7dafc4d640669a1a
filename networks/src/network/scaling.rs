//! Branch scalings $\alpha_{l,L}$ of residual networks.
//!
//! What a deep residual chain converges to is decided by $\sum_l \alpha_{l,L}^2$ (S. Hayou, *Commutative
//! scaling of width and depth in deep neural networks*, 2023, arXiv 2310.01683):
//!
//! | scaling | class | $\alpha_{l,L}$ | clock $\tau(t) = \lim \sum_{l \le tL} \alpha_{l,L}^2$ |
//! |---|---|---|---|
//! | [`InverseSqrtDepth`] | normalised | $L^{-1/2}$ | $t$ |
//! | [`PowerLaw`] | normalised | $\propto l^{-\gamma}$, $\gamma < 1/2$ | $t^{1-2\gamma}$ |
//! | [`ConvergentSeries`] | summable | $a l^{-\gamma}$, $\gamma > 1/2$ | $a^2 \zeta(2\gamma)$ for $t > 0$ |
//! | [`Constant`] | constant | $a$ | none: the variance explodes |
//! | [`CustomScaling`] | as declared | a closure | as declared |

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::error::{self, Error, Result};

/// How the squared coefficients of a [`BranchScaling`] add up as $L \to \infty$.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalingClass {
    /// $\sum_l \alpha_{l,L}^2$ converges and $\max_l \alpha_{l,L} \to 0$: the limit is a flow in the clock
    /// $\tau$.
    Normalised,
    /// $\alpha_{l,L} = \zeta_l$ with $\sum \zeta_l^2 < \infty$: the limit is an infinite recursion.
    Summable,
    /// The same coefficient at every layer and depth: the limit, if any, is a fixed point.
    Constant,
}

/// A rule for the branch coefficients $\alpha_{1,L}, \ldots, \alpha_{L,L}$ of a chain of depth $L$.
pub trait BranchScaling: Debug + Send + Sync {
    /// The rule in words or symbols.
    fn name(&self) -> String;

    /// $\alpha_{1,L}, \ldots, \alpha_{L,L}$ for `depth` $= L \ge 1$.
    fn coefficients(&self, depth: usize) -> Vec<f64>;

    /// The class, which decides how the infinite-depth limit is computed.
    fn class(&self) -> ScalingClass;

    /// $\tau(t) = \lim_{L\to\infty} \sum_{l \le tL} \alpha_{l,L}^2$ for $t \in [0, 1]$; $+\infty$ where the
    /// sum diverges.
    fn clock(&self, time: f64) -> f64;

    /// For a summable class, $\sum_{l > L} \zeta_l^2$ and $\sum_{l>L} \zeta_l^4$; zeros otherwise.
    fn tail(&self, _depth: usize) -> (f64, f64) {
        (0.0, 0.0)
    }
}

/// $\alpha_{l,L} = L^{-1/2}$: the scaling under which width and depth commute (S. Hayou and G. Yang 2023,
/// arXiv 2302.00453).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InverseSqrtDepth;

impl BranchScaling for InverseSqrtDepth {
    fn name(&self) -> String {
        "1/sqrt(L)".to_owned()
    }

    fn coefficients(&self, depth: usize) -> Vec<f64> {
        vec![(depth as f64).sqrt().recip(); depth]
    }

    fn class(&self) -> ScalingClass {
        ScalingClass::Normalised
    }

    fn clock(&self, time: f64) -> f64 {
        time
    }
}

/// $\alpha_{l,L} = l^{-\gamma} (\sum_{k \le L} k^{-2\gamma})^{-1/2}$ with $\gamma < 1/2$: normalised,
/// $\tau(t) = t^{1-2\gamma}$ (S. Hayou 2023, arXiv 2310.01683, normalised sequences).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    exponent: f64,
}

impl PowerLaw {
    /// The power law of exponent $\gamma$; negative exponents weigh later layers more.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $-8 \le \gamma < 1/2$ (from 1/2 on, $\max_l \alpha_{l,L}$ does not vanish
    /// fast enough for a flow: use [`ConvergentSeries`]).
    pub fn new(exponent: f64) -> Result<Self> {
        if (-8.0..0.5).contains(&exponent) {
            Ok(Self { exponent })
        } else {
            Err(Error::invalid(
                "exponent",
                exponent,
                "a number in [-8, 1/2)",
            ))
        }
    }
}

impl BranchScaling for PowerLaw {
    fn name(&self) -> String {
        format!("normalised l^{}", -self.exponent)
    }

    fn coefficients(&self, depth: usize) -> Vec<f64> {
        // Relative to the deepest layer, so that no power leaves the range.
        let power = |l: usize| (l as f64 / depth as f64).powf(-self.exponent);
        let total: f64 = (1..=depth).map(|l| power(l).powi(2)).sum();
        (1..=depth).map(|l| power(l) / total.sqrt()).collect()
    }

    fn class(&self) -> ScalingClass {
        ScalingClass::Normalised
    }

    fn clock(&self, time: f64) -> f64 {
        time.powf(1.0 - 2.0 * self.exponent)
    }
}

/// $\alpha_{l,L} = \zeta_l = a l^{-\gamma}$ with $\gamma > 1/2$, independent of $L$:
/// $\sum \zeta_l^2 < \infty$ (S. Hayou 2023, arXiv 2310.01683, convergent series).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvergentSeries {
    factor: f64,
    exponent: f64,
}

impl ConvergentSeries {
    /// The series $a l^{-\gamma}$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $a \ge 0$ is finite and $1/2 < \gamma \le 64$.
    pub fn new(factor: f64, exponent: f64) -> Result<Self> {
        error::non_negative("factor", factor)?;
        if exponent > 0.5 && exponent <= 64.0 {
            Ok(Self { factor, exponent })
        } else {
            Err(Error::invalid(
                "exponent",
                exponent,
                "a number in (1/2, 64]",
            ))
        }
    }
}

impl BranchScaling for ConvergentSeries {
    fn name(&self) -> String {
        format!("{} l^-{}", self.factor, self.exponent)
    }

    fn coefficients(&self, depth: usize) -> Vec<f64> {
        (1..=depth)
            .map(|l| self.factor * (l as f64).powf(-self.exponent))
            .collect()
    }

    fn class(&self) -> ScalingClass {
        ScalingClass::Summable
    }

    fn clock(&self, time: f64) -> f64 {
        if time > 0.0 { self.tail(0).0 } else { 0.0 }
    }

    fn tail(&self, depth: usize) -> (f64, f64) {
        let squared = self.factor * self.factor;
        (
            squared * zeta_tail(2.0 * self.exponent, depth),
            squared * squared * zeta_tail(4.0 * self.exponent, depth),
        )
    }
}

/// $\sum_{l > n} l^{-s}$ for $s > 1$, by direct terms and the Euler–Maclaurin formula; relative error below
/// 1e-15.
fn zeta_tail(s: f64, n: usize) -> f64 {
    const DIRECT: usize = 32;
    let a = (n + DIRECT) as f64;
    // Σ_{l >= a} l^-s = a^(1-s)/(s-1) + a^-s/2 + s a^(-s-1)/12 - s(s+1)(s+2) a^(-s-3)/720 + ...
    let x = (s + 1.0) * (s + 2.0) / (a * a);
    let y = x * (s + 3.0) * (s + 4.0) / (a * a);
    let bernoulli = s / (12.0 * a) * (1.0 - x / 60.0 + y / 2520.0);
    let asymptotic = a.powf(-s) * (a / (s - 1.0) + 0.5 + bernoulli);
    let direct: f64 = (n + 1..n + DIRECT).rev().map(|l| (l as f64).powf(-s)).sum();
    direct + asymptotic
}

/// $\alpha_{l,L} = a$: with $a = 1$, the unscaled residual network whose variance grows exponentially with
/// depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    factor: f64,
}

impl Constant {
    /// The constant $a$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $a \ge 0$ is finite.
    pub fn new(factor: f64) -> Result<Self> {
        Ok(Self {
            factor: error::non_negative("factor", factor)?,
        })
    }

    /// $\alpha_{l,L} = 1$.
    pub const fn one() -> Self {
        Self { factor: 1.0 }
    }
}

impl BranchScaling for Constant {
    fn name(&self) -> String {
        format!("{}", self.factor)
    }

    fn coefficients(&self, depth: usize) -> Vec<f64> {
        vec![self.factor; depth]
    }

    fn class(&self) -> ScalingClass {
        ScalingClass::Constant
    }

    fn clock(&self, time: f64) -> f64 {
        if time == 0.0 || self.factor == 0.0 {
            0.0
        } else {
            f64::INFINITY
        }
    }
}

type Coefficient = Arc<dyn Fn(usize, usize) -> f64 + Send + Sync>;
type Clock = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// A normalised scaling given by closures: $(l, L) \mapsto \alpha_{l,L}$ and its clock $t \mapsto \tau(t)$.
///
/// Values that are not finite are refused when a network of given depth is built.
///
/// ```
/// use neural_limits::prelude::*;
/// // branches only in the second half of the network
/// let late = CustomScaling::normalised(
///     "late",
///     |l, depth| if 2 * l > depth { (2.0 / depth as f64).sqrt() } else { 0.0 },
///     |t| (2.0 * t - 1.0).max(0.0),
/// );
/// let net = ResNet::new(Relu).scaled_by(late);
/// assert!(net.infinite_width(10).is_ok());
/// ```
#[derive(Clone)]
pub struct CustomScaling {
    name: String,
    coefficient: Coefficient,
    clock: Clock,
}

impl CustomScaling {
    /// A scaling with $\max_l \alpha_{l,L} \to 0$ and $\sum_{l \le tL} \alpha_{l,L}^2 \to \tau(t)$.
    pub fn normalised(
        name: impl Into<String>,
        coefficient: impl Fn(usize, usize) -> f64 + Send + Sync + 'static,
        clock: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            coefficient: Arc::new(coefficient),
            clock: Arc::new(clock),
        }
    }
}

impl Debug for CustomScaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomScaling")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl BranchScaling for CustomScaling {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn coefficients(&self, depth: usize) -> Vec<f64> {
        (1..=depth).map(|l| (self.coefficient)(l, depth)).collect()
    }

    fn class(&self) -> ScalingClass {
        ScalingClass::Normalised
    }

    fn clock(&self, time: f64) -> f64 {
        (self.clock)(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_scalings_have_unit_sum_of_squares_and_follow_their_clock() {
        let scalings: [&dyn BranchScaling; 4] = [
            &InverseSqrtDepth,
            &PowerLaw::new(0.25).unwrap(),
            &PowerLaw::new(0.0).unwrap(),
            &PowerLaw::new(-2.0).unwrap(),
        ];
        for scaling in scalings {
            let depth = 100_000;
            let squares: Vec<f64> = scaling
                .coefficients(depth)
                .iter()
                .map(|alpha| alpha * alpha)
                .collect();
            assert!((squares.iter().sum::<f64>() - 1.0).abs() < 1e-11);
            for time in [0.1, 0.5, 0.9] {
                let partial: f64 = squares[..(time * depth as f64) as usize].iter().sum();
                // The Riemann sum of l^(-2γ) is off by O(L^(2γ-1)): 3e-3 for γ = 1/4.
                let tolerance = 5e-3;
                assert!((partial - scaling.clock(time)).abs() < tolerance);
            }
        }
    }

    #[test]
    fn tails_of_convergent_series_are_riemann_zeta_sums() {
        let basel = std::f64::consts::PI.powi(2) / 6.0;
        assert!((zeta_tail(2.0, 0) / basel - 1.0).abs() < 1e-15);
        assert!((zeta_tail(4.0, 0) / (std::f64::consts::PI.powi(4) / 90.0) - 1.0).abs() < 1e-15);
        // ζ(1.1), to 20 digits: 10.584448464950809826
        assert!((zeta_tail(1.1, 0) / 10.584_448_464_950_81 - 1.0).abs() < 1e-15);
        let series = ConvergentSeries::new(3.0, 1.0).unwrap();
        let head: f64 = series.coefficients(1000).iter().map(|z| z * z).sum();
        assert!((head + series.tail(1000).0 - 9.0 * basel).abs() < 1e-13);
    }
}
