//! Quadratic neurons on Gaussian inputs.

use nalgebra::{DMatrix, DVector};
use rand_distr::{Distribution, StandardNormal};

use super::{ClosedLimit, ParticleRisk};
use crate::random::Stream;
use crate::{Error, Result};

/// Neurons $\sigma(x; w) = (w \cdot x)^2$ on inputs $x \sim \mathcal N(0, I_d)$ with the target $x^\top A x$:
/// with $M = \frac1N \sum_i w_i w_i^\top$ and $D = M - A$
///
/// $$R = \tfrac12 \mathbb E (f - y)^2 = \operatorname{tr} D^2 + \tfrac12 (\operatorname{tr} D)^2, \qquad
/// \dot w = -2 G w, \quad G = 2D + (\operatorname{tr} D) I,$$
///
/// so that $\mu = M$ is closed at every $N$ without noise, and at $N = \infty$ with decay and noise:
/// $\dot M = -2(GM + MG) - 2\lambda M + 2\tau I$. From $A = aI$, $M_0 = m_0 I$, without them,
/// $m(t) = a/(1 + (a/m_0 - 1) e^{-4(d+2)at})$; a Gaussian law stays Gaussian, $\mathcal N(0, M)$.
#[derive(Debug, Clone, PartialEq)]
pub struct QuadraticNetwork {
    teacher: DMatrix<f64>,
}

impl QuadraticNetwork {
    /// Of the symmetric matrix $A$.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] unless it is a symmetric matrix of finite numbers.
    pub fn new(teacher: &DMatrix<f64>) -> Result<Self> {
        check_symmetric("the teacher", teacher)?;
        Ok(Self {
            teacher: teacher.clone(),
        })
    }

    fn excess(&self, particles: &DMatrix<f64>) -> DMatrix<f64> {
        covariance(particles) - &self.teacher
    }

    fn slope(&self, covariance: &DMatrix<f64>) -> DMatrix<f64> {
        let excess = covariance - &self.teacher;
        let d = excess.nrows();
        &excess * 2.0 + DMatrix::identity(d, d) * excess.trace()
    }
}

fn check_symmetric(what: &str, matrix: &DMatrix<f64>) -> Result<()> {
    crate::inference::checks::check_finite(what, matrix)?;
    let d = matrix.nrows();
    if d == 0 || matrix.ncols() != d {
        let found = format!("shape {:?}", matrix.shape());
        return Err(Error::shape(
            what,
            found,
            "as many columns as rows, at least one",
        ));
    }
    for i in 0..d {
        for j in 0..i {
            if matrix[(i, j)] != matrix[(j, i)] {
                return Err(Error::invalid(
                    format!("{what}[({i}, {j})]"),
                    matrix[(i, j)],
                    format!("{}, its mirror image", matrix[(j, i)]),
                ));
            }
        }
    }
    Ok(())
}

/// $\frac1N \sum_i w_i w_i^\top$.
pub(super) fn covariance(particles: &DMatrix<f64>) -> DMatrix<f64> {
    let (d, count) = particles.shape();
    let mut sum = DMatrix::zeros(d, d);
    for particle in particles.column_iter() {
        for j in 0..d {
            for i in 0..d {
                sum[(i, j)] += particle[i] * particle[j];
            }
        }
    }
    sum / count as f64
}

/// $A B$ with the same bits on every machine, which nalgebra's product of more than 5 rows does not have.
fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(a.nrows(), b.ncols(), |i, j| {
        (0..a.ncols()).map(|l| a[(i, l)] * b[(l, j)]).sum()
    })
}

impl ParticleRisk for QuadraticNetwork {
    fn dimension(&self) -> usize {
        self.teacher.nrows()
    }

    fn risk(&self, particles: &DMatrix<f64>) -> f64 {
        let excess = self.excess(particles);
        excess.norm_squared() + 0.5 * excess.trace().powi(2)
    }

    fn velocities(&self, particles: &DMatrix<f64>) -> DMatrix<f64> {
        product(&self.slope(&covariance(particles)), particles) * -2.0
    }

    fn sampled_velocities(
        &self,
        particles: &DMatrix<f64>,
        rng: &mut Stream,
    ) -> Result<DMatrix<f64>> {
        let x = DVector::from_fn(self.dimension(), |_, _| StandardNormal.sample(rng));
        let along = particles.tr_mul(&x);
        let residual =
            along.norm_squared() / particles.ncols() as f64 - x.dot(&(&self.teacher * &x));
        Ok(&x * along.transpose() * (-2.0 * residual))
    }
}

impl ClosedLimit for QuadraticNetwork {
    /// $M$, column by column.
    fn moments(&self, particles: &DMatrix<f64>) -> DVector<f64> {
        DVector::from_column_slice(covariance(particles).as_slice())
    }

    fn moment_velocities(
        &self,
        moments: &DVector<f64>,
        decay: f64,
        temperature: f64,
    ) -> Result<DVector<f64>> {
        let d = self.dimension();
        let m = DMatrix::from_column_slice(d, d, moments.as_slice());
        let slope = self.slope(&m);
        let velocity = (product(&slope, &m) + product(&m, &slope)) * -2.0 - &m * (2.0 * decay)
            + DMatrix::identity(d, d) * (2.0 * temperature);
        Ok(DVector::from_column_slice(velocity.as_slice()))
    }

    fn limit_velocities(&self, moments: &DVector<f64>, particles: &DMatrix<f64>) -> DMatrix<f64> {
        let d = self.dimension();
        let m = DMatrix::from_column_slice(d, d, moments.as_slice());
        product(&self.slope(&m), particles) * -2.0
    }
}
