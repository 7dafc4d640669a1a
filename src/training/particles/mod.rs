//! Networks of two layers in the mean-field scaling: neurons as particles.
//!
//! | file | what |
//! |---|---|
//! | [`ParticleFlow`] | the flow of $N$ particles, with decay and noise; descent on samples; its limit |
//! | [`ParticleRisk`], [`ClosedLimit`] | a risk of particles; one whose limit has closed equations |
//! | [`QuadraticNetwork`], [`LinearNetwork`], [`RadialReluNetwork`] | population risks with a closed limit |
//! | [`TwoLayerNetwork`] | any activation on data, from the kernel regime to the mean field |

mod flow;
mod linear;
mod quadratic;
mod radial_relu;
mod two_layer;

pub use flow::{Coupled, ParticleFlow};
pub use linear::LinearNetwork;
pub use quadratic::QuadraticNetwork;
pub use radial_relu::RadialReluNetwork;
pub use two_layer::TwoLayerNetwork;

use std::fmt::Debug;

use nalgebra::{DMatrix, DVector};

use crate::random::Stream;
use crate::{Error, Result};

/// The risk $R_N(\theta_1, \ldots, \theta_N)$ of a network $f(x) = \frac1N \sum_i \sigma(x; \theta_i)$, as a
/// function of its particles: a $D \times N$ matrix, one particle in each column.
pub trait ParticleRisk: Debug + Send + Sync {
    /// $D$.
    fn dimension(&self) -> usize;

    /// $R_N$.
    fn risk(&self, particles: &DMatrix<f64>) -> f64;

    /// $-N\, \partial R_N/\partial \theta_i$, $D \times N$.
    fn velocities(&self, particles: &DMatrix<f64>) -> DMatrix<f64>;

    /// The same of the risk at one random input: its mean over the inputs are the
    /// [velocities](Self::velocities).
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default.
    fn sampled_velocities(
        &self,
        particles: &DMatrix<f64>,
        rng: &mut Stream,
    ) -> Result<DMatrix<f64>> {
        let _ = (particles, rng);
        Err(Error::unsupported(
            format!("stochastic descent of {self:?}"),
            "it is known by its population risk only (ParticleRisk::sampled_velocities is missing)",
        ))
    }
}

/// A risk that sees the law of the particles through finitely many moments $\mu$, whose dynamics at $N =
/// \infty$ are closed.
pub trait ClosedLimit: ParticleRisk {
    /// $\mu$ of the law that gives each particle the same mass.
    fn moments(&self, particles: &DMatrix<f64>) -> DVector<f64>;

    /// $\dot\mu$ where each particle moves as $d\theta = (v - \lambda\theta)\, dt + \sqrt{2\tau}\, dB$ with
    /// $\lambda$ the `decay` and $\tau$ the `temperature`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where they are not closed with decay or noise.
    fn moment_velocities(
        &self,
        moments: &DVector<f64>,
        decay: f64,
        temperature: f64,
    ) -> Result<DVector<f64>>;

    /// $v(\theta_i; \mu)$: how each particle moves in a law of these moments.
    fn limit_velocities(&self, moments: &DVector<f64>, particles: &DMatrix<f64>) -> DMatrix<f64>;
}
