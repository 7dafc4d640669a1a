//! The covariances of two inputs in a shaped MLP, as a diffusion in depth over width.

use std::f64::consts::{FRAC_1_PI, PI};

use rand_distr::{Distribution, StandardNormal};

use crate::error;
use crate::random::{Seed, Stream};
use crate::{Error, PairCorrelation, PairCovariance, Result, parallel};

/// The limit $n, L \to \infty$, $L/n \to T$ of the covariances of two inputs of an MLP whose activation is
/// shaped, $s_\pm = 1 + c_\pm/\sqrt n$ with $\mathbb E[\varphi(z)^2] \sigma_w^2 = 1$, in $\tau = l/n$ (M. Li,
/// M. Nica and D. Roy 2022, arXiv 2206.02768): with $C = (c_+ - c_-)^2$ and
/// $\nu(\rho) = \tfrac{C}{2\pi}(\sqrt{1-\rho^2} - \rho \arccos \rho)$,
///
/// $$d q_{ab} = \sqrt{q_{aa} q_{bb}} \nu(\rho) d\tau + dM_{ab}, \qquad d q_{aa} = dM_{aa}, \qquad
/// d\langle M_{ab}, M_{cd} \rangle = (q_{ac} q_{bd} + q_{ad} q_{bc}) d\tau .$$
///
/// # How it is computed
/// In $z = \operatorname{artanh} \rho$ the noise is constant,
///
/// $$dz = m(z) d\tau + dB, \qquad m = \frac{\nu(\rho)}{1 - \rho^2} + \frac\rho2,$$
///
/// and given the path of $z$ the norms are Gaussian: with independent $B^\prime, B^{\prime\prime}$,
///
/// $$d \log q_{aa} = -d\tau + \rho dB + dB^\prime + \sqrt{1-\rho^2} dB^{\prime\prime}, \qquad
///   d \log q_{bb} = -d\tau + \rho dB + dB^\prime - \sqrt{1-\rho^2} dB^{\prime\prime}$$
///
/// (derived here by Itô's formula). A step is half of the drift alone, the noise alone, and the other half
/// of the drift (Strang's splitting): weak order 2. During the noise $\int \rho dB$ is
/// $\Delta \log\cosh z - \tfrac12 \int (1-\rho^2) d\tau$, its integral by the trapezoidal rule, which keeps
/// that order. For $z < 0$ the drift is followed in $e^{2z}$, in which it is bounded: $\rho = -1$ is
/// an entrance for $C > 0$. $1 - \rho = 2/(1 + e^{2z})$ keeps its digits.
///
/// At $C = 1$, $T = 1$ the mean of $\rho$ is off by at most 5e-4 with 10 steps, 1.1e-4 with 20, a quarter for
/// each doubling (unit tests, against the backward equation; sampled networks: `tests/it/both_at_once.rs`).
///
/// ```
/// use neural_limits::{PairCovariance, proportional::ShapedCovariance, sample::Seed};
/// let shaped = ShapedCovariance::new(-1.0, 0.0)?;
/// let start = PairCovariance::new(1.0, 1.0, 0.5)?;
/// let ends = shaped.ensemble(start, 1.0, 50, 1000, Seed::new(7))?;
/// let mean = ends.iter().map(|k| k.correlation()).sum::<f64>() / 1000.0;
/// assert!((mean - 0.4805).abs() < 0.1);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShapedCovariance {
    /// $C$.
    curvature: f64,
}

/// A state: $z$ and the martingale $\int \rho dB$ so far, and $\int (1-\rho^2) d\tau$.
#[derive(Debug, Clone, Copy)]
struct State {
    z: f64,
    common: f64,
    opposite: f64,
}

impl ShapedCovariance {
    /// Of $c_-$ and $c_+$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless they are finite and their difference has a finite square.
    pub fn new(negative: f64, positive: f64) -> Result<Self> {
        error::finite("negative", negative)?;
        error::finite("positive", positive)?;
        let difference = error::finite_square("positive - negative", positive - negative)?;
        Ok(Self {
            curvature: difference * difference,
        })
    }

    /// $C = (c_+ - c_-)^2$, on which alone the law depends.
    pub fn curvature(&self) -> f64 {
        self.curvature
    }

    /// $m(z)$, the drift of $z = \operatorname{artanh} \rho$.
    ///
    /// With $\theta = \arccos\rho$ it is $\tfrac{C}{2\pi} (\sin\theta - \theta\cos\theta)/\sin^2\theta +
    /// \tfrac12\cos\theta$; relative error below 1e-14.
    pub fn drift(&self, z: f64) -> f64 {
        let theta = angle(z);
        let bend = if theta < 1e-2 {
            // (sin θ - θ cos θ)/sin² θ
            let squared = theta * theta;
            theta * (1.0 / 3.0 + squared * (7.0 / 90.0 + squared * 31.0 / 2520.0))
        } else {
            (theta.sin() - theta * theta.cos()) / theta.sin().powi(2)
        };
        0.5 * self.curvature * FRAC_1_PI * bend + 0.5 * z.tanh()
    }

    /// $z$ after the drift alone for the time `step`: one step of the midpoint rule, in $z$ or, from
    /// below 0, in $e^{2z}$.
    fn drifted(&self, z: f64, step: f64) -> f64 {
        if z >= 0.0 {
            return midpoint(|z| self.drift(z), z, step);
        }
        // d e^{2z} = 2 e^{2z} m, without a division by e^{2z}
        let velocity = |e: f64| {
            let theta = 2.0 * 1.0_f64.atan2(e.sqrt());
            let bend = theta.sin() - theta * theta.cos();
            let drift = self.curvature * bend * (1.0 + e).powi(2) / (4.0 * PI);
            drift + e * (e - 1.0) / (1.0 + e)
        };
        let end = midpoint(velocity, (2.0 * z).exp(), step);
        0.5 * end.max(0.0).ln()
    }

    fn step(&self, state: State, step: f64, normal: f64) -> State {
        let before = self.drifted(state.z, 0.5 * step);
        let after = before + step.sqrt() * normal;
        let sech_squared = |z: f64| 1.0 / z.cosh().powi(2);
        let opposite = 0.5 * step * (sech_squared(before) + sech_squared(after));
        // log cosh z = |z| + log(1 + e^{-2|z|}) - log 2
        let tail = |z: f64| (-2.0 * z.abs()).exp().ln_1p();
        let rise = if before.is_finite() {
            (after.abs() - before.abs()) + (tail(after) - tail(before))
        } else {
            step.sqrt() * normal * before.signum()
        };
        State {
            z: self.drifted(after, 0.5 * step),
            common: state.common + rise - 0.5 * opposite,
            opposite: state.opposite + opposite,
        }
    }

    /// One path: the covariances at $\tau = 0, T/N, \ldots, T$ for $N$ steps, drawn from `rng`.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $T \ge 0$ is finite, the number of steps is a size, and steps are at most
    /// 0.1 (or $0.5/C$); [`Error::ZeroVector`] for a variance of 0; [`Error::Overflow`] if a variance leaves
    /// the range.
    pub fn path(
        &self,
        start: PairCovariance,
        ratio: f64,
        steps: usize,
        rng: &mut Stream,
    ) -> Result<Vec<PairCovariance>> {
        let step = self.check(start, ratio, steps)?;
        let (mut state, mut path) = (State::of(start), vec![start]);
        let (mut sum, mut difference) = (0.0, 0.0);
        for i in 1..=steps {
            let before = state.opposite;
            state = self.step(state, step, StandardNormal.sample(rng));
            let normals: [f64; 2] = [StandardNormal.sample(rng), StandardNormal.sample(rng)];
            sum += step.sqrt() * normals[0];
            difference += (state.opposite - before).sqrt() * normals[1];
            path.push(state.covariance(start, step * i as f64, sum, difference)?);
        }
        Ok(path)
    }

    /// The covariances at $\tau = T$ of independent paths of $N$ steps; path $i$ is drawn from
    /// [`Seed::stream`]$(i)$, in parallel, with the same bits for any number of threads.
    ///
    /// # Errors
    /// As [`path`](Self::path); [`Error::Invalid`] for a number of samples that is not a size.
    pub fn ensemble(
        &self,
        start: PairCovariance,
        ratio: f64,
        steps: usize,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<PairCovariance>> {
        let step = self.check(start, ratio, steps)?;
        let seed = seed.into();
        parallel::try_map(error::size("samples", samples)?, |i| {
            let mut rng = seed.stream(i as u64);
            let mut state = State::of(start);
            for _ in 0..steps {
                state = self.step(state, step, StandardNormal.sample(&mut rng));
            }
            // given z, the rest is Gaussian
            let normals: [f64; 2] = [
                StandardNormal.sample(&mut rng),
                StandardNormal.sample(&mut rng),
            ];
            let difference = state.opposite.sqrt() * normals[1];
            state.covariance(start, ratio, ratio.sqrt() * normals[0], difference)
        })
    }

    /// The step, if it is short enough.
    fn check(&self, start: PairCovariance, ratio: f64, steps: usize) -> Result<f64> {
        error::non_negative("ratio", ratio)?;
        let step = ratio / error::size("steps", steps)? as f64;
        let longest = (0.5 / self.curvature).min(0.1);
        if step > longest {
            let expected = format!("at least {}", (ratio / longest).ceil());
            return Err(Error::invalid("steps", steps, expected));
        }
        for (argument, variance) in [
            ("start.variance_a", start.variance_a()),
            ("start.variance_b", start.variance_b()),
        ] {
            if variance == 0.0 {
                return Err(Error::ZeroVector {
                    argument: argument.to_owned(),
                });
            }
        }
        Ok(step)
    }
}

impl State {
    fn of(start: PairCovariance) -> Self {
        let c = start.pair_correlation();
        Self {
            z: 0.5 * (c.one_plus() / c.one_minus()).ln(),
            common: 0.0,
            opposite: 0.0,
        }
    }

    fn covariance(
        &self,
        start: PairCovariance,
        time: f64,
        sum: f64,
        difference: f64,
    ) -> Result<PairCovariance> {
        let common = self.common - time + sum;
        let variance = |start: f64, log: f64| {
            let variance = start * log.exp();
            if variance.is_finite() {
                Ok(variance)
            } else {
                Err(Error::overflow("the variance of a shaped network"))
            }
        };
        let (near, far) = ((2.0 * self.z).exp(), (-2.0 * self.z).exp());
        let correlation = PairCorrelation::from_ends(2.0 / (1.0 + near), 2.0 / (1.0 + far));
        Ok(PairCovariance::of(
            variance(start.variance_a(), common + difference)?,
            variance(start.variance_b(), common - difference)?,
            correlation,
        ))
    }
}

/// $\arccos \tanh z$.
fn angle(z: f64) -> f64 {
    2.0 * (-z).exp().atan()
}

fn midpoint(velocity: impl Fn(f64) -> f64, x: f64, step: f64) -> f64 {
    x + step * velocity(x + 0.5 * step * velocity(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E[ρ_T | z] of the scheme itself: Gaussian sums over the noise of each step, cubic interpolation.
    fn mean_of_scheme(shaped: ShapedCovariance, start: f64, ratio: f64, steps: usize) -> f64 {
        const LOW: f64 = -7.0;
        const SPACING: f64 = 0.02;
        const SIZE: usize = 1050;
        let step = ratio / steps as f64;
        let interpolated = |u: &[f64], z: f64| {
            let x = ((z - LOW) / SPACING).clamp(1.0, SIZE as f64 - 3.0);
            let (i, f) = (x.floor() as usize, x - x.floor());
            let [a, b, c, d] = [u[i - 1], u[i], u[i + 1], u[i + 2]];
            let slope = c - a;
            let bend = 2.0 * a - 5.0 * b + 4.0 * c - d;
            b + 0.5 * f * (slope + f * (bend + f * (3.0 * (b - c) + d - a)))
        };
        let after = |u: &[f64], z: f64| {
            let before = shaped.drifted(z, 0.5 * step);
            let (mut sum, mut total) = (0.0, 0.0);
            for i in -32..=32 {
                let x = 0.25 * f64::from(i);
                let weight = (-0.5 * x * x).exp();
                let end = shaped.drifted(before + step.sqrt() * x, 0.5 * step);
                sum += weight * interpolated(u, end);
                total += weight;
            }
            sum / total
        };
        let grid = || (0..SIZE).map(|i| LOW + SPACING * i as f64);
        let mut u: Vec<f64> = grid().map(f64::tanh).collect();
        for _ in 1..steps {
            u = grid().map(|z| after(&u, z)).collect();
        }
        after(&u, start.atanh())
    }

    #[test]
    fn the_scheme_has_weak_order_two() {
        // values of the backward equation, to 5e-9
        for (negative, ratio, start, exact) in [
            (-1.0, 1.0, 0.0, 0.151_276_443_9),
            (-1.0, 1.0, 0.5, 0.480_546_223_7),
            (-1.0, 1.0, -0.5, -0.151_682_463_6),
            (-1.0, 0.5, 0.5, 0.472_487_220_1),
            (0.0, 1.0, 0.5, 0.410_412_823_2),
        ] {
            let shaped = ShapedCovariance::new(negative, 0.0).unwrap();
            let error = |steps| (mean_of_scheme(shaped, start, ratio, steps) - exact).abs();
            let (coarse, fine) = (error(10), error(20));
            println!("{start}: {coarse:.2e} {fine:.2e} {:.2}", coarse / fine);
            assert!(fine < 2e-4 * ratio * ratio && (3.0..5.5).contains(&(coarse / fine)));
        }
    }

    #[test]
    fn both_forms_of_the_drift_agree() {
        let shaped = ShapedCovariance::new(-1.5, 0.5).unwrap();
        for z in [-3.0, -0.5, -1e-9] {
            let small = 1e-8;
            let moved = shaped.drifted(z, small) - z;
            let expected = small * shaped.drift(z + 0.5 * small * shaped.drift(z));
            assert!(
                (moved / expected - 1.0).abs() < 1e-6,
                "{z}: {moved} {expected}"
            );
        }
        // θ just below and above the series' end
        let (below, above) = (shaped.drift(5.298_318), shaped.drift(5.298_317));
        assert!((below - above).abs() < 1e-7);
    }
}
