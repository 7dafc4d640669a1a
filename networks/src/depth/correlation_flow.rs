//! The flow of the correlation of a homogeneous residual network of infinite width and depth.
//!
//! S. Hayou and G. Yang (2023, arXiv 2302.00453, theorem 3): for ReLU branches scaled by $L^{-1/2}$,
//!
//! $$\frac{dc_t}{dt} = \tfrac12 (\kappa_1(c_t) - c_t).$$
//!
//! The equation is scalar and autonomous, so one trajectory from $c = -1$ carries every solution: with
//! $T(c)$ the time it takes to reach $c$, $c_t = T^{-1}(T(c_0) + t)$.
//!
//! # How it is computed
//! $T$ is a quadrature, and in the right variables $T$ and $T^{-1}$ are analytic up to both singular ends:
//!
//! - for $c \le 0$, with $w = \sqrt{1 + c}$: $T = \int_0^w \frac{4u du}{1 - u^2 + u^3 h(u^2)} = w^2 U(w)$,
//!   and $w = \sqrt T V(\sqrt T)$;
//! - for $c \ge 0$, with $y = (1-c)^{-1/2}$: $dT = 4 dy / h(y^{-2})$, so
//!   $T = T(0) + \frac4{h(0)} (y - 1) + Q(1/y)$, and $y = Y M(1/Y)$ with $Y = 1 + \frac{h(0)}4 (T - T(0))$.
//!   The algebraic approach $1 - c \sim 18\pi^2/t^2$ is the leading term.
//!
//! $h$ is the analytic factor of [`arc_cosine`]; $U, V, Q, M$ are Chebyshev interpolants, built on first use
//! in about a millisecond. Every evaluation costs the same, for any time up to $10^{300}$, and no step size
//! exists.

use std::sync::LazyLock;

use crate::activation::arc_cosine;
use crate::covariance::PairCorrelation;
use crate::error::{self, Error, Result, first_outside};
use crate::numerics::chebyshev::{Chebyshev, Interpolant};
use crate::vectorized::vectorized;

/// The solution operator of $dc/dt = \frac12(\kappa_1(c) - c)$ on $[-1, 1]$, with dense output.
///
/// # Errors of the values
/// $1 - c_t$ has a relative error below 4e-15, $c_t$ an absolute error below 2e-15
/// (`tests/it/flow_oracle.rs`, against values of 18 digits and more); $c = 1$ is a fixed point.
///
/// ```
/// use neural_limits::depth::CorrelationFlow;
/// let flow = CorrelationFlow::shared();
/// let c = flow.at(0.3, 1.0)?;
/// let in_two_steps = flow.at(flow.at(0.3, 0.4)?, 0.6)?;
/// assert!((c - in_two_steps).abs() < 1e-15);
/// assert_eq!(flow.at(1.0, 1e9)?, 1.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CorrelationFlow {
    /// $U(w)$ on $[0, 1]$.
    early_time: Interpolant<EARLY_TIME>,
    /// $V(v)$, $v = \sqrt T$, on $[0, \sqrt{T(0)}]$.
    early_position: Interpolant<EARLY_POSITION>,
    /// $Q(x)$ on $[0, 1]$.
    late_time: Interpolant<LATE_TIME>,
    /// $1/M(z)$, $z = 1/Y$, on $[0, 1]$.
    late_position: Interpolant<LATE_POSITION>,
    /// $T$ at $c = 0$.
    crossing: f64,
    /// $4 / h(0)$, and 1 over it.
    slope: f64,
    inverse_slope: f64,
}

static SHARED: LazyLock<CorrelationFlow> = LazyLock::new(|| Interpolants::new().truncated());

/// Terms at which the coefficients of each function have fallen below 1e-15 of the largest (tested below).
const EARLY_TIME: usize = 31;
const EARLY_POSITION: usize = 20;
const LATE_TIME: usize = 25;
const LATE_POSITION: usize = 24;

/// Interpolation points: more than any of the functions needs.
const SIZE: usize = 40;

/// Newton steps; the last ones change nothing.
const NEWTON: usize = 60;

/// The four functions before truncation.
struct Interpolants {
    early_time: Chebyshev,
    early_position: Chebyshev,
    late_time: Chebyshev,
    late_position: Chebyshev,
    slope: f64,
}

/// $dT/dw$ divided by $4w$; at $w = \sqrt{1 + c}$ it is $1/(2 \dot c)$.
pub(super) fn early_density(w: f64) -> f64 {
    let squared = w * w;
    1.0 / (1.0 - squared + squared * w * arc_cosine::analytic_factor(squared))
}

impl Interpolants {
    fn new() -> Self {
        let h0 = arc_cosine::analytic_factor(0.0);
        let slope = 4.0 / h0;
        let early_time = Chebyshev::interpolate(1.0, SIZE, |w| {
            Chebyshev::interpolate(1.0, SIZE, |a| 4.0 * a * early_density(a * w)).integral()
        });
        let crossing = early_time.at(1.0);
        let early_position = Chebyshev::interpolate(crossing.sqrt(), SIZE, |v| {
            let mut w = (v / 2.0_f64.sqrt()).min(1.0);
            for _ in 0..NEWTON {
                let excess = w * w * early_time.at(w) - v * v;
                w = (w - excess / (4.0 * w * early_density(w))).clamp(0.25 * w, 1.0);
            }
            w / v
        });
        // 4 (1/h(x²) - 1/h(0)) / x² without cancellation
        let excess = |x: f64| {
            -4.0 * arc_cosine::analytic_factor_slope(x * x)
                / (arc_cosine::analytic_factor(x * x) * h0)
        };
        let late_time = Chebyshev::interpolate(1.0, SIZE, |x| {
            let length = 1.0 - x;
            Chebyshev::interpolate(1.0, SIZE, |a| length * excess(x + a * length)).integral()
        });
        let late_position = Chebyshev::interpolate(1.0, SIZE, |z| {
            let time = slope * (1.0 / z - 1.0);
            let mut x = z.min(1.0);
            for _ in 0..NEWTON {
                let residual = slope * (1.0 / x - 1.0) + late_time.at(x) - time;
                // in y = 1/x, where the time is almost linear
                let y = 1.0 / x - residual * arc_cosine::analytic_factor(x * x) / 4.0;
                x = 1.0 / y.max(1.0);
            }
            x / z
        });
        Self {
            early_time,
            early_position,
            late_time,
            late_position,
            slope,
        }
    }

    fn truncated(&self) -> CorrelationFlow {
        CorrelationFlow {
            early_time: self.early_time.truncated(),
            early_position: self.early_position.truncated(),
            late_time: self.late_time.truncated(),
            late_position: self.late_position.truncated(),
            crossing: self.early_time.at(1.0),
            slope: self.slope,
            inverse_slope: 1.0 / self.slope,
        }
    }
}

impl CorrelationFlow {
    /// The flow, built on first use and shared from then on.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// $T$ at $1 - c = \varepsilon$; infinite at $\varepsilon = 0$.
    fn age(&self, epsilon: f64) -> f64 {
        if epsilon >= 1.0 {
            let delta = 2.0 - epsilon;
            return delta * self.early_time.at(delta.sqrt());
        }
        let root = epsilon.sqrt();
        self.crossing + (self.slope * ((1.0 - root) / root) + self.late_time.at(root))
    }

    /// $1 - c_t$. Both branches are computed, so that loops over slices vectorise, and the late age is never
    /// formed: $1/Y = \sqrt\varepsilon/(1 + \sqrt\varepsilon (Q + t) h(0)/4)$.
    #[inline(always)]
    pub(crate) fn complement_unchecked(&self, epsilon: f64, time: f64) -> f64 {
        let is_early = epsilon >= 1.0;
        let delta = if is_early { 2.0 - epsilon } else { epsilon };
        let root = delta.sqrt();
        let early = self.early_time.at(root);
        let late = self.late_time.at(root);
        let age = delta * early + time;
        let factor = if is_early { 1.0 } else { root };
        let beyond = if is_early {
            age - self.crossing
        } else {
            late + time
        };
        let v = age.sqrt();
        let z = factor / (1.0 + factor * (beyond * self.inverse_slope));
        let early = self.early_position.at(v);
        let late = self.late_position.at(z);
        let delta = age * (early * early);
        let early = 2.0 - if delta < 1.0 { delta } else { 1.0 };
        let x = z * late;
        let late = if x < 1.0 { x * x } else { 1.0 };
        // not lazily: a loop has no branches
        let stays_early = is_early & (age < self.crossing);
        let after = if stays_early { early } else { late };
        if time == 0.0 { epsilon } else { after }
    }

    /// $c_t$ from $c_0$ after the time $t$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $-1 \le c_0 \le 1$ and $t \ge 0$ is finite.
    pub fn at(&self, c0: f64, time: f64) -> Result<f64> {
        error::correlation("c0", c0)?;
        error::non_negative("time", time)?;
        Ok(1.0 - self.complement_unchecked(1.0 - c0, time))
    }

    /// $1 - c_t$ from $1 - c_0$: keeps the digits that a correlation near 1 cannot hold.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 \le 1 - c_0 \le 2$ and $t \ge 0$ is finite.
    pub fn complement_at(&self, one_minus_c0: f64, time: f64) -> Result<f64> {
        error::complement("one_minus_c0", one_minus_c0)?;
        error::non_negative("time", time)?;
        Ok(self.complement_unchecked(one_minus_c0, time))
    }

    /// The time $t$ that takes $c_0$ to $c_1$: $c_t = c_1$, the inverse of [`at`](Self::at).
    ///
    /// Its error is that of rounding the arguments, $\delta/\dot c$ with $\delta$ their last digit, and 1e-15
    /// relative; near 1, where many correlations are the same number, use
    /// [`time_of_complements`](Self::time_of_complements).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $-1 \le c_0 \le c_1 < 1$ (1 is reached from 1 alone, at once).
    ///
    /// ```
    /// use neural_limits::depth::CorrelationFlow;
    /// let flow = CorrelationFlow::shared();
    /// let t = flow.time_between(-0.3, 0.8)?;
    /// assert!((flow.at(-0.3, t)? - 0.8).abs() < 1e-14);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn time_between(&self, c0: f64, c1: f64) -> Result<f64> {
        error::correlation("c0", c0)?;
        error::correlation("c1", c1)?;
        self.time_of_complements(1.0 - c0, 1.0 - c1)
            .map_err(|error| match error {
                Error::Invalid { .. } => {
                    Error::invalid("c1", c1, format!("a correlation in [{c0}, 1)"))
                }
                other => other,
            })
    }

    /// [`time_between`](Self::time_between) from $1 - c_0$ to $1 - c_1$, to their relative accuracy.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < 1 - c_1 \le 1 - c_0 \le 2$, or both are 0.
    pub fn time_of_complements(&self, one_minus_c0: f64, one_minus_c1: f64) -> Result<f64> {
        error::complement("one_minus_c0", one_minus_c0)?;
        let (start, end) = (one_minus_c0, one_minus_c1);
        if start == end {
            return Ok(0.0);
        }
        if !(end > 0.0 && end < start) {
            let expected = format!("a number in (0, {start}]");
            return Err(Error::invalid("one_minus_c1", end, expected));
        }
        if start < 1.0 {
            // 1/√ε₁ - 1/√ε₀ without cancellation
            let (root0, root1) = (start.sqrt(), end.sqrt());
            let way = (start - end) / (root0 + root1) / (root0 * root1);
            let (late0, late1) = (self.late_time.at(root0), self.late_time.at(root1));
            return Ok((self.slope * way + (late1 - late0)).max(0.0));
        }
        Ok((self.age(end) - self.age(start)).max(0.0))
    }

    /// $\partial c_t/\partial t = \frac12(\kappa_1(c_t) - c_t)$.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn velocity_at(&self, c0: f64, time: f64) -> Result<f64> {
        error::correlation("c0", c0)?;
        error::non_negative("time", time)?;
        Ok(velocity(self.image(PairCorrelation::of(c0), time)))
    }

    /// $\partial c_t/\partial c_0 = \dot c_t/\dot c_0 = (\kappa_1(c_t) - c_t)/(\kappa_1(c_0) - c_0)$: the
    /// flow commutes with itself, so that it carries the velocity at the start to the velocity at the end. 1
    /// at $c_0 = 1$.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    ///
    /// ```
    /// use neural_limits::depth::CorrelationFlow;
    /// let flow = CorrelationFlow::shared();
    /// let slope = (flow.at(0.3 + 1e-6, 2.0)? - flow.at(0.3 - 1e-6, 2.0)?) / 2e-6;
    /// assert!((flow.sensitivity_at(0.3, 2.0)? - slope).abs() < 1e-9);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn sensitivity_at(&self, c0: f64, time: f64) -> Result<f64> {
        error::correlation("c0", c0)?;
        error::non_negative("time", time)?;
        let start = PairCorrelation::of(c0);
        Ok(sensitivity(start, self.image(start, time)))
    }

    /// $c_t$ of a correlation that knows its distance from the ends.
    pub(super) fn image(&self, c: PairCorrelation, time: f64) -> PairCorrelation {
        if time == 0.0 {
            return c;
        }
        PairCorrelation::of_one_minus(self.complement_unchecked(c.one_minus(), time))
    }

    /// How long it takes from a negative correlation to 0.
    pub(super) fn time_to_orthogonal(&self, c: PairCorrelation) -> f64 {
        self.crossing - self.age(c.one_minus())
    }

    /// What time is to $4/\sqrt{1 - c}$, for $c$ near 1.
    pub(super) fn late_slope(&self) -> f64 {
        self.slope
    }

    /// [`at`](Self::at) for many pairs $(c_0, t)$.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the three lengths agree; [`Error::Invalid`] naming the first bad element.
    pub fn at_slice(&self, c0: &[f64], times: &[f64], out: &mut [f64]) -> Result<()> {
        if c0.len() != times.len() || c0.len() != out.len() {
            return Err(Error::shape(
                "c0, times, out",
                format!("lengths {}, {}, {}", c0.len(), times.len(), out.len()),
                "three equal lengths",
            ));
        }
        if let Some(i) = first_outside(c0, -1.0, 1.0) {
            error::correlation(&format!("c0[{i}]"), c0[i])?;
        }
        if let Some(i) = first_outside(times, 0.0, f64::MAX) {
            error::non_negative(&format!("times[{i}]"), times[i])?;
        }
        // a copy, which cannot alias what is written
        let flow = self.clone();
        vectorized(
            #[inline(always)]
            move || {
                let pairs = c0.iter().zip(times);
                for (out, (c0, time)) in out.iter_mut().zip(pairs) {
                    *out = 1.0 - flow.complement_unchecked(1.0 - c0, *time);
                }
            },
        );
        Ok(())
    }
}

/// $\dot c = \frac12(\kappa_1(c) - c)$.
pub(super) fn velocity(c: PairCorrelation) -> f64 {
    let remainder = arc_cosine::remainder(c.distance());
    0.5 * if c.is_positive() {
        remainder
    } else {
        remainder + (1.0 - c.distance())
    }
}

/// $\partial c_t/\partial c_0$ from $c_0$ and $c_t$.
pub(super) fn sensitivity(start: PairCorrelation, end: PairCorrelation) -> f64 {
    if start == PairCorrelation::PARALLEL {
        1.0
    } else if start.is_positive() {
        // (ε_t/ε_0)^(3/2) h(ε_t)/h(ε_0), where both velocities may be too small
        let ratio = end.distance() / start.distance();
        let factors = [end, start].map(|c| arc_cosine::analytic_factor(c.distance()));
        ratio * ratio.sqrt() * factors[0] / factors[1]
    } else {
        velocity(end) / velocity(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolants_are_resolved_to_rounding() {
        let all = Interpolants::new();
        for (interpolant, terms) in [
            (&all.early_time, EARLY_TIME),
            (&all.early_position, EARLY_POSITION),
            (&all.late_time, LATE_TIME),
            (&all.late_position, LATE_POSITION),
        ] {
            let error = interpolant.truncation_error(terms);
            assert!(error < 3e-15, "{error:e}");
        }
    }
}
