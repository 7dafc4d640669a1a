//! Small angles at fixed $L/n$.

use std::f64::consts::{PI, SQRT_2};

use rand_distr::{Distribution, StandardNormal};

use crate::error;
use crate::random::{Seed, Stream};
use crate::{Error, Result, parallel};

/// The angle of two inputs in a ReLU MLP (He initialisation, no bias) of large width and depth, in
/// $\tau = l/n$: $X = \log\theta^2$ follows
///
/// $$dX = -\left( \frac{2n}{3\pi} e^{X/2} + 2 \right) d\tau + \sqrt8 dB$$
///
/// (the small-angle form of [`AngleLayer`](super::AngleLayer), $\log\delta = \log\sin^2\theta -
/// \tfrac{2}{3\pi}\theta$, $b = -2$, $c = 8$; of the kind of M. Li and M. Nica 2023, arXiv 2310.12079;
/// derived here).
///
/// $1/\theta$ solves a linear equation, $d(1/\theta) = (\tfrac{n}{3\pi} + \tfrac2\theta) d\tau -
/// \tfrac{\sqrt2}{\theta} dB$, so that (derived here)
///
/// $$\frac1{\theta_\tau} = e^{\tau - \sqrt2 B_\tau} \left( \frac1{\theta_0} + \frac{n}{3\pi} \int_0^\tau
/// e^{-s + \sqrt2 B_s} ds \right), \qquad \mathbb E \frac1{\theta_\tau} = \frac{e^{2\tau}}{\theta_0} +
/// \frac{n}{6\pi} (e^{2\tau} - 1) .$$
///
/// Paths are drawn from this solution, the integral by the trapezoidal rule, whose mean is exact. It differs
/// from networks by $O(1/n)$: at $n = L = 200$, $\theta_0 = 0.1$ its mean of $\log\theta^2$ is $-8.60$, that
/// of networks $-8.68$, that of the [density](super::AngleDensity) on a grid $-8.66$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AngleDiffusion {
    /// $n/3\pi$.
    pull: f64,
}

impl AngleDiffusion {
    /// Of a width.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width that is not a size.
    pub fn new(width: usize) -> Result<Self> {
        let n = error::size("width", width)? as f64;
        Ok(Self {
            pull: n / (3.0 * PI),
        })
    }

    /// $\mathbb E[1/\theta_\tau]$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\theta_0 > 0$ and $\tau \ge 0$ are finite.
    pub fn mean_inverse(&self, theta: f64, ratio: f64) -> Result<f64> {
        let start = 1.0 / checked(theta)?;
        let growth = (2.0 * error::non_negative("ratio", ratio)?).exp_m1();
        Ok(start * (1.0 + growth) + 0.5 * self.pull * growth)
    }

    /// One path of $\theta$ at $\tau = 0, T/N, \ldots, T$ for $N$ steps, drawn from `rng`.
    ///
    /// # Errors
    /// As [`mean_inverse`](Self::mean_inverse); [`Error::Invalid`] for a number of steps that is not a size.
    pub fn path(&self, theta: f64, ratio: f64, steps: usize, rng: &mut Stream) -> Result<Vec<f64>> {
        let step = self.check(theta, ratio, steps)?;
        let mut inverse = 1.0 / theta;
        let mut path = vec![theta];
        for _ in 0..steps {
            inverse = self.advance(inverse, step, rng);
            path.push(1.0 / inverse);
        }
        Ok(path)
    }

    /// $\theta_T$ of independent paths; path $i$ is drawn from [`Seed::stream`]$(i)$, in parallel, with the
    /// same bits for any number of threads.
    ///
    /// # Errors
    /// As [`path`](Self::path); [`Error::Invalid`] for a number of samples that is not a size.
    pub fn ensemble(
        &self,
        theta: f64,
        ratio: f64,
        steps: usize,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<f64>> {
        let step = self.check(theta, ratio, steps)?;
        let seed = seed.into();
        parallel::try_map(error::size("samples", samples)?, |i| {
            let mut rng = seed.stream(i as u64);
            let start = 1.0 / theta;
            Ok(1.0 / (0..steps).fold(start, |inverse, _| self.advance(inverse, step, &mut rng)))
        })
    }

    /// $1/\theta$ after one step.
    fn advance(&self, inverse: f64, step: f64, rng: &mut Stream) -> f64 {
        let normal: f64 = StandardNormal.sample(rng);
        let growth = (step - SQRT_2 * step.sqrt() * normal).exp();
        inverse * growth + 0.5 * step * self.pull * (growth + 1.0)
    }

    fn check(&self, theta: f64, ratio: f64, steps: usize) -> Result<f64> {
        checked(theta)?;
        Ok(error::non_negative("ratio", ratio)? / error::size("steps", steps)? as f64)
    }
}

fn checked(theta: f64) -> Result<f64> {
    if theta > 0.0 && theta.is_finite() {
        Ok(theta)
    } else {
        Err(Error::invalid("theta", theta, "a finite angle > 0"))
    }
}
