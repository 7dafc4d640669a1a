//! The flow of particles and its limit.

use nalgebra::{DMatrix, DVector};
use rand_distr::{Distribution, StandardNormal};

use super::{ClosedLimit, ParticleRisk};
use crate::inference::checks::{check_finite, check_shape};
use crate::random::{Seed, Stream};
use crate::{Error, Result, error};

/// The flow of the particles of a wide network of two layers,
///
/// $$d\theta_i = -N \frac{\partial R_N}{\partial \theta_i} dt - \lambda \theta_i dt + \sqrt{2\tau} dB_i,$$
///
/// gradient flow where $\tau = 0$, otherwise the continuous time of noisy stochastic descent. As $N \to
/// \infty$ the law $\rho_t$ of a particle solves $\partial_t \rho = \nabla \cdot (\rho \nabla \Psi(\theta;
/// \rho)) + \tau \Delta\rho$ (the distributional dynamics of S. Mei, A. Montanari and P.-M. Nguyen 2018,
/// arXiv 1804.06561), and particles become independent with errors of order $N^{-1/2}$ (S. Mei,
/// T. Misiakiewicz and A. Montanari 2019, arXiv 1902.06015). [`coupled`](Self::coupled) measures that where
/// the risk has a [`ClosedLimit`].
///
/// Of a flow of time $t$ in $k$ steps, each is one of Runge and Kutta's fourth order between two halves of
/// the noise: order 4 without noise, weak order 2 with it.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use neural_limits::training::particles::{ParticleFlow, QuadraticNetwork};
/// let teacher = DMatrix::from_diagonal(&DVector::from_row_slice(&[0.8, 0.8, 0.8]));
/// let flow = ParticleFlow::new(QuadraticNetwork::new(&teacher)?);
/// let start = DMatrix::identity(3, 3) * 0.6_f64.sqrt(); // three particles of covariance 0.2
/// let end = flow.run(&start, 0.1, 100, 7)?;
/// let covariance = &end * end.transpose() / 3.0;
/// assert!((covariance[(0, 0)] - 0.498228314442898).abs() < 1e-9);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParticleFlow<R> {
    risk: R,
    decay: f64,
    temperature: f64,
}

/// Particles, and copies of them that move in the limit law: from the same start, by the same noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Coupled {
    /// $\theta_i$, $D \times N$.
    pub particles: DMatrix<f64>,
    /// $\bar\theta_i$, $D \times N$: independent of each other.
    pub copies: DMatrix<f64>,
    /// $\mu$ of the limit law.
    pub moments: DVector<f64>,
}

impl Coupled {
    /// $\bigl(\frac1N \sum_i |\theta_i - \bar\theta_i|^2\bigr)^{1/2}$, of order $N^{-1/2}$.
    pub fn distance(&self) -> f64 {
        let squares = (&self.particles - &self.copies).norm_squared();
        (squares / self.particles.ncols() as f64).sqrt()
    }
}

impl<R: ParticleRisk> ParticleFlow<R> {
    /// Of a risk, without decay and noise.
    pub fn new(risk: R) -> Self {
        Self {
            risk,
            decay: 0.0,
            temperature: 0.0,
        }
    }

    /// With weight decay, the gradient of $\frac\lambda2 |\theta_i|^2$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\lambda \ge 0$ is finite.
    pub fn with_decay(self, decay: f64) -> Result<Self> {
        error::non_negative("the decay", decay)?;
        Ok(Self { decay, ..self })
    }

    /// With noise of the temperature $\tau$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\tau \ge 0$ is finite.
    pub fn with_temperature(self, temperature: f64) -> Result<Self> {
        error::non_negative("the temperature", temperature)?;
        Ok(Self {
            temperature,
            ..self
        })
    }

    /// The risk.
    pub fn risk(&self) -> &R {
        &self.risk
    }

    /// The particles at time $t$ from a start, $D \times N$, in so many steps; particle $i$ has the noise of
    /// stream $i$ of the seed.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for a start that does not fit or is not finite, a time that is
    /// negative, or 0 steps; [`Error::Overflow`] where the flow leaves the range of `f64`.
    pub fn run(
        &self,
        start: &DMatrix<f64>,
        time: f64,
        steps: usize,
        seed: impl Into<Seed>,
    ) -> Result<DMatrix<f64>> {
        self.check(start, time, steps)?;
        let drift = |state: &[DMatrix<f64>]| Ok(vec![self.drift(&state[0])?]);
        let state = self.integrated(vec![start.clone()], 1, time, steps, seed.into(), &drift)?;
        one(state.into_iter().next())
    }

    /// The particles after so many steps of noisy stochastic descent, each on an input of its own:
    /// $\theta_i \leftarrow \theta_i + \epsilon (v_i(x_k) - \lambda\theta_i) + \sqrt{2\tau\epsilon} g_{ik}$.
    /// Inputs are drawn from stream $N$ of the seed, the noise of particle $i$ from stream $i$. It differs
    /// from the flow at time $k\epsilon$ by an error of order $\sqrt\epsilon$ (arXiv 1804.06561).
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Error::Invalid`] unless $\epsilon > 0$; [`Error::Unsupported`] for a risk
    /// without [samples](ParticleRisk::sampled_velocities).
    pub fn descend(
        &self,
        start: &DMatrix<f64>,
        rate: f64,
        steps: usize,
        seed: impl Into<Seed>,
    ) -> Result<DMatrix<f64>> {
        let seed = seed.into();
        if rate.is_nan() || rate <= 0.0 {
            return Err(Error::invalid("rate", rate, "a finite number > 0"));
        }
        self.check(start, rate * steps as f64, steps)?;
        let mut inputs = seed.stream(start.ncols() as u64);
        let mut noise = self.noise(start.ncols(), seed);
        let mut particles = start.clone();
        for _ in 0..steps {
            let mut velocities = self.risk.sampled_velocities(&particles, &mut inputs)?;
            check_shape("the velocities", velocities.shape(), particles.shape())?;
            velocities -= &particles * self.decay;
            particles += velocities * rate;
            add_noise(
                std::slice::from_mut(&mut particles),
                (2.0 * self.temperature * rate).sqrt(),
                &mut noise,
            );
        }
        within_range(&particles)?;
        Ok(particles)
    }

    fn drift(&self, particles: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let velocities = self.risk.velocities(particles);
        check_shape("the velocities", velocities.shape(), particles.shape())?;
        Ok(velocities - particles * self.decay)
    }

    fn check(&self, start: &DMatrix<f64>, time: f64, steps: usize) -> Result<()> {
        let shape = (self.risk.dimension(), start.ncols());
        check_shape("the start", start.shape(), shape)?;
        error::size("the number of particles", start.ncols())?;
        check_finite("the start", start)?;
        error::non_negative("time", time)?;
        error::size("steps", steps)?;
        Ok(())
    }

    fn noise(&self, count: usize, seed: Seed) -> Vec<Stream> {
        if self.temperature == 0.0 {
            return Vec::new();
        }
        (0..count as u64).map(|i| seed.stream(i)).collect()
    }

    /// The state at a time; its first `noisy` matrices get the same noise.
    fn integrated(
        &self,
        mut state: Vec<DMatrix<f64>>,
        noisy: usize,
        time: f64,
        steps: usize,
        seed: Seed,
        drift: &Drift<'_>,
    ) -> Result<Vec<DMatrix<f64>>> {
        let step = time / steps as f64;
        let half = (self.temperature * step).sqrt();
        let mut noise = self.noise(state[0].ncols(), seed);
        for _ in 0..steps {
            add_noise(&mut state[..noisy], half, &mut noise);
            state = runge_kutta(&state, step, drift)?;
            add_noise(&mut state[..noisy], half, &mut noise);
        }
        state.iter().try_for_each(within_range)?;
        Ok(state)
    }
}

impl<R: ClosedLimit> ParticleFlow<R> {
    /// The moments $\mu$ of the limit law at time $t$, in so many steps.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for moments that are not as many as the risk has, or not
    /// finite; as [`run`](Self::run); [`Error::Unsupported`] where the limit is not closed with decay or
    /// noise; [`Error::Overflow`].
    pub fn limit(&self, moments: &DVector<f64>, time: f64, steps: usize) -> Result<DVector<f64>> {
        error::non_negative("time", time)?;
        error::size("steps", steps)?;
        self.check_moments(moments)?;
        let drift = |state: &[DMatrix<f64>]| Ok(vec![self.moment_drift(&state[0])?]);
        let mut state = vec![column(moments)];
        for _ in 0..steps {
            state = runge_kutta(&state, time / steps as f64, &drift)?;
        }
        let moments = one(state.into_iter().next())?;
        within_range(&moments)?;
        Ok(moments.column(0).into_owned())
    }

    /// The particles at time $t$ beside copies that move in the limit law, of which `moments` are the start,
    /// by the same noise: as $N$ grows their [distance](Coupled::distance) falls like $N^{-1/2}$, particles
    /// are as good as independent (propagation of chaos; A.-S. Sznitman 1991).
    ///
    /// # Errors
    /// As [`run`](Self::run) and [`limit`](Self::limit).
    pub fn coupled(
        &self,
        start: &DMatrix<f64>,
        moments: &DVector<f64>,
        time: f64,
        steps: usize,
        seed: impl Into<Seed>,
    ) -> Result<Coupled> {
        self.check(start, time, steps)?;
        self.check_moments(moments)?;
        let drift = |state: &[DMatrix<f64>]| {
            let moments = state[2].column(0).into_owned();
            let copies = self.risk.limit_velocities(&moments, &state[1]) - &state[1] * self.decay;
            Ok(vec![
                self.drift(&state[0])?,
                copies,
                self.moment_drift(&state[2])?,
            ])
        };
        let state = vec![start.clone(), start.clone(), column(moments)];
        let state = self.integrated(state, 2, time, steps, seed.into(), &drift)?;
        let mut state = state.into_iter();
        Ok(Coupled {
            particles: one(state.next())?,
            copies: one(state.next())?,
            moments: one(state.next())?.column(0).into_owned(),
        })
    }

    fn check_moments(&self, moments: &DVector<f64>) -> Result<()> {
        let of_one = self.risk.moments(&DMatrix::zeros(self.risk.dimension(), 1));
        check_shape("the moments", moments.shape(), of_one.shape())?;
        check_finite("the moments", &column(moments))
    }

    fn moment_drift(&self, moments: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let moments = moments.column(0).into_owned();
        let velocities = self
            .risk
            .moment_velocities(&moments, self.decay, self.temperature)?;
        Ok(column(&velocities))
    }
}

fn column(moments: &DVector<f64>) -> DMatrix<f64> {
    DMatrix::from_column_slice(moments.len(), 1, moments.as_slice())
}

/// One of the matrices of a state.
fn one(matrix: Option<DMatrix<f64>>) -> Result<DMatrix<f64>> {
    matrix.ok_or_else(|| Error::shape("the state", "too few parts", "all of them"))
}

fn within_range(matrix: &DMatrix<f64>) -> Result<()> {
    match error::first_outside(matrix.as_slice(), -f64::MAX, f64::MAX) {
        None => Ok(()),
        Some(_) => Err(Error::overflow("the flow of particles")),
    }
}

/// The velocities of a state.
type Drift<'a> = dyn Fn(&[DMatrix<f64>]) -> Result<Vec<DMatrix<f64>>> + 'a;

/// One step of Runge and Kutta's method of order 4.
fn runge_kutta(state: &[DMatrix<f64>], step: f64, drift: &Drift<'_>) -> Result<Vec<DMatrix<f64>>> {
    let moved = |velocities: &[DMatrix<f64>], time: f64| -> Vec<DMatrix<f64>> {
        let parts = state.iter().zip(velocities);
        parts
            .map(|(part, velocity)| part + velocity * time)
            .collect()
    };
    let first = drift(state)?;
    let second = drift(&moved(&first, 0.5 * step))?;
    let third = drift(&moved(&second, 0.5 * step))?;
    let fourth = drift(&moved(&third, step))?;
    let mut sum = first;
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum += (&second[i] + &third[i]) * 2.0 + &fourth[i];
    }
    Ok(moved(&sum, step / 6.0))
}

/// The same normals, times `size`, for all matrices: of particle $i$ from stream $i$.
fn add_noise(state: &mut [DMatrix<f64>], size: f64, noise: &mut [Stream]) {
    for (i, stream) in noise.iter_mut().enumerate() {
        for row in 0..state[0].nrows() {
            let normal: f64 = StandardNormal.sample(stream);
            for matrix in &mut *state {
                matrix[(row, i)] += size * normal;
            }
        }
    }
}
