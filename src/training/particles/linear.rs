//! Linear neurons with trained readouts on Gaussian inputs.

use nalgebra::{DMatrix, DVector};
use rand_distr::{Distribution, StandardNormal};

use super::quadratic::covariance;
use super::{ClosedLimit, ParticleRisk};
use crate::random::Stream;
use crate::{Error, Result};

/// Neurons $\sigma(x; a, w) = a\, w \cdot x$ on inputs $x \sim \mathcal N(0, I_d)$ with the target $v \cdot
/// x$; a particle is $(a, w)$. With $p = \mathbb E(aw)$, $Q = \mathbb E(ww^\top)$, $s = \mathbb E(a^2)$ and
/// $r = v - p$
///
/// $$R = \tfrac12 |r|^2, \qquad \dot a = r \cdot w, \quad \dot w = a r, \qquad \dot p = (Q + s) r, \quad
/// \dot Q = r p^\top + p r^\top, \quad \dot s = 2 r \cdot p,$$
///
/// with decay and noise $-2\lambda$ times each, and $2\tau$ in $\dot s$ and on the diagonal of $\dot Q$.
/// Without them $\operatorname{tr} Q - s$ is conserved. The moments are $\mu = (p, Q, s)$, $Q$ column by
/// column.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearNetwork {
    teacher: DVector<f64>,
}

impl LinearNetwork {
    /// Of the vector $v$.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty one; [`Error::Invalid`] for an entry that is not finite.
    pub fn new(teacher: &[f64]) -> Result<Self> {
        if teacher.is_empty() {
            return Err(Error::shape("the teacher", "no entries", "at least one"));
        }
        for (i, &entry) in teacher.iter().enumerate() {
            crate::error::finite(&format!("the teacher[{i}]"), entry)?;
        }
        Ok(Self {
            teacher: DVector::from_column_slice(teacher),
        })
    }

    /// $\frac1N \sum_i a_i w_i$.
    fn weight(particles: &DMatrix<f64>) -> DVector<f64> {
        let (d, count) = (particles.nrows() - 1, particles.ncols());
        let mut sum = DVector::zeros(d);
        for particle in particles.column_iter() {
            for j in 0..d {
                sum[j] += particle[0] * particle[j + 1];
            }
        }
        sum / count as f64
    }
}

/// $(c \cdot w_i, a_i c)$.
fn along(c: &DVector<f64>, particles: &DMatrix<f64>) -> DMatrix<f64> {
    let d = c.len();
    DMatrix::from_fn(d + 1, particles.ncols(), |j, i| {
        if j == 0 {
            (0..d).map(|l| c[l] * particles[(l + 1, i)]).sum()
        } else {
            particles[(0, i)] * c[j - 1]
        }
    })
}

impl ParticleRisk for LinearNetwork {
    /// $d + 1$.
    fn dimension(&self) -> usize {
        self.teacher.len() + 1
    }

    fn risk(&self, particles: &DMatrix<f64>) -> f64 {
        0.5 * (&self.teacher - Self::weight(particles)).norm_squared()
    }

    fn velocities(&self, particles: &DMatrix<f64>) -> DMatrix<f64> {
        along(&(&self.teacher - Self::weight(particles)), particles)
    }

    fn sampled_velocities(
        &self,
        particles: &DMatrix<f64>,
        rng: &mut Stream,
    ) -> Result<DMatrix<f64>> {
        let x = DVector::from_fn(self.teacher.len(), |_, _| StandardNormal.sample(rng));
        let residual = x.dot(&(&self.teacher - Self::weight(particles)));
        Ok(along(&(x * residual), particles))
    }
}

impl ClosedLimit for LinearNetwork {
    fn moments(&self, particles: &DMatrix<f64>) -> DVector<f64> {
        let d = self.teacher.len();
        let second = covariance(particles);
        let mut moments = Self::weight(particles).as_slice().to_vec();
        moments.extend(second.view((1, 1), (d, d)).iter());
        moments.push(second[(0, 0)]);
        DVector::from_vec(moments)
    }

    fn moment_velocities(
        &self,
        moments: &DVector<f64>,
        decay: f64,
        temperature: f64,
    ) -> Result<DVector<f64>> {
        let d = self.teacher.len();
        let p = moments.rows(0, d).into_owned();
        let q = DMatrix::from_column_slice(d, d, moments.rows(d, d * d).as_slice());
        let s = moments[d + d * d];
        let r = &self.teacher - &p;
        let p_velocity = &q * &r + &r * s - &p * (2.0 * decay);
        let q_velocity = &r * p.transpose() + &p * r.transpose() - &q * (2.0 * decay)
            + DMatrix::identity(d, d) * (2.0 * temperature);
        let s_velocity = 2.0 * r.dot(&p) - 2.0 * decay * s + 2.0 * temperature;
        let parts = p_velocity.iter().chain(q_velocity.iter()).copied();
        Ok(DVector::from_iterator(
            moments.len(),
            parts.chain([s_velocity]),
        ))
    }

    fn limit_velocities(&self, moments: &DVector<f64>, particles: &DMatrix<f64>) -> DMatrix<f64> {
        let p = moments.rows(0, self.teacher.len());
        along(&(&self.teacher - p), particles)
    }
}
