//! ReLU neurons on Gaussian inputs with a radial target.

use nalgebra::{DMatrix, DVector};
use statrs::function::gamma::ln_gamma;

use super::{ClosedLimit, ParticleRisk};
use crate::{Error, Result, error};

/// Neurons $\sigma(x; w) = \max(w \cdot x, 0)$ on inputs $x \sim \mathcal N(0, I_d)$ with the target
/// $\kappa_0 |x|$: the particles interact through their angles,
///
/// $$\dot w_i = -\frac{1}{2\pi N} \sum_j \bigl(|w_j| \sin\theta_{ij}\, \hat w_i + (\pi - \theta_{ij})
/// w_j\bigr) + \kappa_0 d \kappa\, \hat w_i, \qquad
/// \kappa = \frac{\Gamma(d/2)}{2\sqrt\pi\, \Gamma((d+1)/2)}.$$
///
/// In a law that is symmetric under rotations $f = \kappa\rho |x|$ with the mean radius $\mu = \rho = \mathbb
/// E |w|$, every radius moves by $\dot r = -d\kappa(\kappa\rho - \kappa_0)$, and directions stay, so that
///
/// $$\rho(t) = \frac{\kappa_0}{\kappa} + \Bigl(\rho_0 - \frac{\kappa_0}{\kappa}\Bigr) e^{-d\kappa^2 t}$$
///
/// while no radius has reached 0: a reduction to one dimension as in S. Mei, A. Montanari and P.-M. Nguyen
/// 2018 (arXiv 1804.06561), in a case that can be solved. With decay $\dot\rho$ has another $-\lambda
/// \rho$; with noise it is not closed. Velocities cost $O(dN^2)$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadialReluNetwork {
    dimension: usize,
    teacher: f64,
    /// $\kappa$.
    mean: f64,
}

impl RadialReluNetwork {
    /// Of $d$ and $\kappa_0$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for $d = 0$, or a number that is not finite.
    pub fn new(dimension: usize, teacher: f64) -> Result<Self> {
        let d = error::size("dimension", dimension)? as f64;
        let ratio = (ln_gamma(0.5 * d) - ln_gamma(0.5 * (d + 1.0))).exp();
        Ok(Self {
            dimension,
            teacher: error::finite("the teacher", teacher)?,
            mean: 0.5 * ratio / std::f64::consts::PI.sqrt(),
        })
    }

    /// $\rho(t)$ from $\rho_0$, in closed form.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\rho_0$ and $t$ are finite and $\ge 0$.
    pub fn mean_radius(&self, start: f64, time: f64) -> Result<f64> {
        error::non_negative("the mean radius", start)?;
        error::non_negative("time", time)?;
        let end = self.teacher / self.mean;
        let rate = self.dimension as f64 * self.mean * self.mean;
        Ok(end + (start - end) * (-rate * time).exp())
    }

    /// $\mathbb E[\sigma(x; w)\sigma(x; w^\prime)]$ and the angle, of two vectors and their norms.
    fn pair(w: &[f64], other: &[f64], norms: (f64, f64)) -> (f64, f64) {
        let size = norms.0 * norms.1;
        if size == 0.0 {
            return (0.0, 0.0);
        }
        // of unit vectors, from their difference and sum: no digits are lost near 0 and π
        let mut apart = 0.0;
        let mut together = 0.0;
        for (a, b) in w.iter().zip(other) {
            let (a, b) = (a / norms.0, b / norms.1);
            apart += (a - b) * (a - b);
            together += (a + b) * (a + b);
        }
        let angle = 2.0 * libm::atan2(apart.sqrt(), together.sqrt());
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        let product = sine + (std::f64::consts::PI - angle) * cosine;
        (size * product / std::f64::consts::TAU, angle)
    }

    fn norms(particles: &DMatrix<f64>) -> Vec<f64> {
        particles.column_iter().map(|w| w.norm()).collect()
    }
}

impl ParticleRisk for RadialReluNetwork {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn risk(&self, particles: &DMatrix<f64>) -> f64 {
        let (count, norms) = (particles.ncols(), Self::norms(particles));
        let mut square = 0.0;
        for i in 0..count {
            for j in 0..count {
                let (w, other) = (particles.column(i), particles.column(j));
                square += Self::pair(w.as_slice(), other.as_slice(), (norms[i], norms[j])).0;
            }
        }
        let n = count as f64;
        // E[relu(w·x)|x|] = dκ|w|, E|x|² = d
        let d = self.dimension as f64;
        let cross = self.teacher * d * self.mean * norms.iter().sum::<f64>() / n;
        0.5 * (square / (n * n) + self.teacher * self.teacher * d) - cross
    }

    fn velocities(&self, particles: &DMatrix<f64>) -> DMatrix<f64> {
        let (count, norms) = (particles.ncols(), Self::norms(particles));
        let mut out = DMatrix::zeros(self.dimension, count);
        let pull = self.teacher * self.dimension as f64 * self.mean;
        // a particle at 0 has no direction, and stays
        for i in (0..count).filter(|&i| norms[i] > 0.0) {
            let own = particles.column(i);
            let (mut radial, mut sum) = (0.0, vec![0.0; self.dimension]);
            for j in 0..count {
                let other = particles.column(j);
                let norms = (norms[i], norms[j]);
                let angle = Self::pair(own.as_slice(), other.as_slice(), norms).1;
                radial += norms.1 * libm::sin(angle);
                for (sum, w) in sum.iter_mut().zip(other.iter()) {
                    *sum += (std::f64::consts::PI - angle) * w;
                }
            }
            let scale = 1.0 / (std::f64::consts::TAU * count as f64);
            for (l, sum) in sum.iter().enumerate() {
                out[(l, i)] = (pull - scale * radial) * own[l] / norms[i] - scale * sum;
            }
        }
        out
    }
}

impl ClosedLimit for RadialReluNetwork {
    /// $\rho$ alone.
    fn moments(&self, particles: &DMatrix<f64>) -> DVector<f64> {
        let norms = Self::norms(particles);
        DVector::from_element(1, norms.iter().sum::<f64>() / norms.len() as f64)
    }

    fn moment_velocities(
        &self,
        moments: &DVector<f64>,
        decay: f64,
        temperature: f64,
    ) -> Result<DVector<f64>> {
        if temperature > 0.0 {
            return Err(Error::unsupported(
                "the mean radius of ReLU particles with noise",
                "its equation is not closed: give the temperature 0",
            ));
        }
        let d = self.dimension as f64;
        let velocity = -d * self.mean * (self.mean * moments[0] - self.teacher);
        Ok(DVector::from_element(1, velocity - decay * moments[0]))
    }

    fn limit_velocities(&self, moments: &DVector<f64>, particles: &DMatrix<f64>) -> DMatrix<f64> {
        let d = self.dimension as f64;
        let velocity = -d * self.mean * (self.mean * moments[0] - self.teacher);
        let norms = Self::norms(particles);
        DMatrix::from_fn(self.dimension, particles.ncols(), |l, i| {
            if norms[i] > 0.0 {
                velocity * particles[(l, i)] / norms[i]
            } else {
                0.0
            }
        })
    }
}
