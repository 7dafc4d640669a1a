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
//! - for $c \le 0$, with $w = \sqrt{1 + c}$: $T = \int_0^w \frac{4u du}{1 - u^2 + u^3 h(u^2)} = w^2 U(w)$;
//! - for $c \ge 0$, with $r = \sqrt{1-c}$: $T = T(0) + \frac4{h(0)} \left( \frac1r - 1 \right) + Q(r)$. The
//!   algebraic approach $1 - c \sim 18\pi^2/t^2$ is the leading term.
//!
//! $h$ is the analytic factor of [`arc_cosine`]; $U$ and $Q$ are Chebyshev interpolants, made on first use in
//! about a millisecond. Both are one function of the angle, since
//! $dT/d\theta = -2\pi/(1 - \theta \cot\theta)$: $T + D$ is odd in $\theta = \arccos c$ for one constant $D$.
//! With $x = \sin\frac\theta2$, $y = \cos\frac\theta2$ and $v = \sqrt T/(k + \sqrt T)$, one quotient of
//! polynomials each serves all pairs:
//!
//! $$T = \frac{y^2}x \left( \frac D{1 + x} - A(y) \right), \qquad \frac1x = 1 + \frac T{3\pi} + v^2 B(v).$$
//!
//! $A$ has a pole at $\theta_1 = \tan\theta_1 = 4.49$ and branches at $\theta = 2\pi$; $B$ at $T = -2D$, the
//! end of the odd continuation. Every evaluation costs the same, for any time, and no step size exists. Times
//! between correlations are taken from $U$ and $Q$, which keep the digits of short ones.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use super::quotient::Quotient;
use crate::activation::arc_cosine;
use crate::covariance::PairCorrelation;
use crate::error::{self, Error, Result};
use crate::numerics::chebyshev::{Chebyshev, Interpolant};

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
    early_time: Interpolant,
    /// $Q(x)$ on $[0, 1]$.
    late_time: Interpolant,
    /// $A$.
    age: Quotient,
    /// $B$.
    position: Quotient,
    /// $T$ at $c = 0$.
    crossing: f64,
    /// $4 / h(0)$, and $\sqrt2$ over it, $1/3\pi$.
    slope: f64,
    speed: f64,
}

static SHARED: LazyLock<CorrelationFlow> = LazyLock::new(|| Interpolants::new().truncated());

/// Terms at which the coefficients of each function have fallen to rounding (tested below).
const EARLY_TIME: usize = 31;
const LATE_TIME: usize = 25;

/// $D$.
const CONSTANT: f64 = 10.470_695_156_621_641;

/// $k$.
const SHIFT: f64 = 8.0;

/// Vectors of pairs that are mapped together, and pairs that are checked at a time.
const VECTORS: usize = 4;
const PART: usize = 1024;

/// Interpolation points: more than any of the functions needs.
const SIZE: usize = 40;

/// The functions before truncation, and what belongs to them.
struct Interpolants {
    early_time: Chebyshev,
    late_time: Chebyshev,
    crossing: f64,
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
        // 4 (1/h(x²) - 1/h(0)) / x² without cancellation
        let excess = |x: f64| {
            -4.0 * arc_cosine::analytic_factor_slope(x * x)
                / (arc_cosine::analytic_factor(x * x) * h0)
        };
        let late_time = Chebyshev::interpolate(1.0, SIZE, |x| {
            let length = 1.0 - x;
            Chebyshev::interpolate(1.0, SIZE, |a| length * excess(x + a * length)).integral()
        });
        Self {
            early_time,
            late_time,
            crossing,
            slope,
        }
    }

    fn truncated(&self) -> CorrelationFlow {
        CorrelationFlow {
            early_time: self.early_time.truncated::<EARLY_TIME>(),
            late_time: self.late_time.truncated::<LATE_TIME>(),
            age: Quotient::age(),
            position: Quotient::position(),
            crossing: self.crossing,
            slope: self.slope,
            speed: 2.0_f64.sqrt() / self.slope,
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

    /// $1 - c_t$ of some pairs from $1 - c_0$, each step for all of them: none waits for another.
    #[inline(always)]
    fn complements<const N: usize>(&self, epsilon: &[f64; N], time: &[f64; N]) -> [f64; N] {
        let (mut sine, mut square, mut cosine) = ([0.0; N], [0.0; N], [0.0; N]);
        for i in 0..N {
            sine[i] = (0.5 * epsilon[i]).sqrt();
            square[i] = 1.0 - 0.5 * epsilon[i];
            cosine[i] = square[i].sqrt();
        }
        let [numerator, denominator] = self.age.at_all(&cosine);
        // T = above/below
        let (mut above, mut below, mut place) = ([0.0; N], [0.0; N], [0.0; N]);
        for i in 0..N {
            let beyond = 1.0 + sine[i];
            let start = square[i] * (CONSTANT * denominator[i] - numerator[i] * beyond);
            below[i] = sine[i] * (denominator[i] * beyond);
            above[i] = start + time[i] * below[i];
            // 1 where the time exceeds the range
            let scaled = SHIFT * below[i];
            place[i] = 1.0 - scaled / (scaled + (above[i] * below[i]).sqrt());
        }
        let [numerator, denominator] = self.position.at_all(&place);
        let mut after = [0.0; N];
        for i in 0..N {
            let correction = below[i] * (place[i] * place[i]) * numerator[i];
            let whole = denominator[i] * (below[i] + above[i] * self.speed) + correction;
            let sine = below[i] * denominator[i] / whole;
            after[i] = 2.0 * (sine * sine);
        }
        for i in 0..N {
            // by bits, since a division behind a condition is not vectorised
            let moves = u64::from((time[i] > 0.0) & (after[i] < epsilon[i])).wrapping_neg();
            let bits = (after[i].to_bits() & moves) | (epsilon[i].to_bits() & !moves);
            after[i] = f64::from_bits(bits);
        }
        after
    }

    /// $1 - c_t$.
    pub(crate) fn complement_unchecked(&self, epsilon: f64, time: f64) -> f64 {
        self.complements(&[epsilon], &[time])[0]
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
    /// [`Error::Shape`] unless the three lengths agree; [`Error::Invalid`] naming the first bad element;
    /// `out` may have been written by then.
    pub fn at_slice(&self, c0: &[f64], times: &[f64], out: &mut [f64]) -> Result<()> {
        if c0.len() != times.len() || c0.len() != out.len() {
            return Err(Error::shape(
                "c0, times, out",
                format!("lengths {}, {}, {}", c0.len(), times.len(), out.len()),
                "three equal lengths",
            ));
        }
        // checked beside the work, which waits for memory otherwise, part by part
        let parts = c0.chunks(PART).zip(times.chunks(PART));
        for (part, (out, (c0, times))) in out.chunks_mut(PART).zip(parts).enumerate() {
            if self.part_is_inside(c0, times, out) {
                continue;
            }
            for (i, (&c, &time)) in (part * PART..).zip(c0.iter().zip(times)) {
                error::correlation(&format!("c0[{i}]"), c)?;
                error::non_negative(&format!("times[{i}]"), time)?;
            }
        }
        Ok(())
    }

    /// Maps a part of a slice, and says whether all of its pairs are in the domain.
    fn part_is_inside(&self, c0: &[f64], times: &[f64], out: &mut [f64]) -> bool {
        Arch::new().dispatch(Part {
            flow: self,
            c0,
            times,
            out,
        })
    }
}

/// Pairs that are mapped and checked in one pass.
struct Part<'a> {
    flow: &'a CorrelationFlow,
    c0: &'a [f64],
    times: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Part<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        match S::F64_LANES {
            8 => self.mapped_inside::<{ 8 * VECTORS }>(),
            4 => self.mapped_inside::<{ 4 * VECTORS }>(),
            _ => self.mapped_inside::<{ 2 * VECTORS }>(),
        }
    }
}

impl Part<'_> {
    /// So many pairs at a time; whether all are inside.
    #[inline(always)]
    fn mapped_inside<const N: usize>(self) -> bool {
        // by comparisons alone, without a branch: these are vectorised
        #[allow(clippy::manual_range_contains)]
        let is_inside =
            |c: f64, time: f64| u64::from((c.abs() <= 1.0) & (time >= 0.0) & (time <= f64::MAX));
        let mut inside = [1; N];
        let (chunks, rest) = self.out.as_chunks_mut::<N>();
        let (c0, last_c0) = self.c0.as_chunks::<N>();
        let (times, last_times) = self.times.as_chunks::<N>();
        for (out, (c0, time)) in chunks.iter_mut().zip(c0.iter().zip(times)) {
            for (inside, (c, time)) in inside.iter_mut().zip(c0.iter().zip(time)) {
                *inside &= is_inside(*c, *time);
            }
            let mut epsilon = [0.0; N];
            for (epsilon, c) in epsilon.iter_mut().zip(c0) {
                *epsilon = 1.0 - c;
            }
            let after = self.flow.complements(&epsilon, time);
            for (out, epsilon) in out.iter_mut().zip(after) {
                *out = 1.0 - epsilon;
            }
        }
        let mut last = 1;
        for (out, (c, time)) in rest.iter_mut().zip(last_c0.iter().zip(last_times)) {
            last &= is_inside(*c, *time);
            *out = 1.0 - self.flow.complement_unchecked(1.0 - c, *time);
        }
        inside.into_iter().chain([last]).all(|inside| inside == 1)
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
        for (interpolant, terms, bound) in [
            (&all.early_time, EARLY_TIME, 3e-15),
            (&all.late_time, LATE_TIME, 3e-15),
        ] {
            let error = interpolant.truncation_error(terms);
            assert!(error < bound, "{error:e}");
        }
    }

    #[test]
    fn the_quotients_are_the_interpolants_and_their_inverse() {
        let flow = CorrelationFlow::shared();
        for i in 0..=2000 {
            let epsilon = 2.0 - f64::from(i) / 1000.0 * (1.0 - 1e-12);
            let time = flow.age(epsilon);
            let from_the_start = flow.complement_unchecked(2.0, time);
            let error = (from_the_start / epsilon - 1.0).abs();
            assert!(error < 4e-15, "{epsilon}: {error:e}");
            let later = flow.complement_unchecked(epsilon, 1.0);
            let error = (flow.complement_unchecked(2.0, time + 1.0) / later - 1.0).abs();
            assert!(error < 4e-15, "{epsilon}: {error:e}");
        }
    }
}
