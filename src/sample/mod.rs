//! Finite networks: random draws of width $n$ and depth $L$.
//!
//! | file | content |
//! |---|---|
//! | [`Seed`] | one seed, numbered independent streams |
//! | `dense` | weights drawn one by one, $O(n^2 m)$ a layer |
//! | `conditional` | the same law from $n \times m$ normals a layer, $O(n m^2)$ |
//!
//! [`Finite`] runs either over the layers of an [`Architecture`].

mod conditional;
mod dense;
mod draw;
mod factor;
mod seed;
mod state;

use nalgebra::DMatrix;
use rand::Rng;

pub use draw::Draw;
pub use seed::{Seed, Stream};

use self::state::State;
use crate::activation::Activation;
use crate::architecture::{self, Architecture};
use crate::error;
use crate::gram::stem_covariance;
use crate::{Error, Inputs, Result, Scalar, parallel};

/// How a layer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampler {
    /// From its conditional law given the layer before: exact, and $n/m$ times cheaper than dense weights.
    /// For forward quantities of Gaussian weights.
    #[default]
    Conditional,
    /// From dense weights.
    Dense,
}

/// A random network of finite width $n$ and depth $L$, from [`Architecture::finite`].
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let q = net.finite(1024, 256)?.covariances(&x, 4, Seed::new(7))?;
/// let limit = net.infinite_depth().covariance_at(&x, 1.0)?;
/// assert!((&q[0] - limit).amax() < 0.3);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Finite<'a, N> {
    net: &'a N,
    width: usize,
    coefficients: Vec<f64>,
    layers: usize,
    sampler: Sampler,
}

impl<'a, N: Architecture> Finite<'a, N> {
    pub(crate) fn new(net: &'a N, width: usize, depth: usize) -> Result<Self> {
        let coefficients = architecture::coefficients(net, depth)?;
        let activation = net.branch().activation();
        if !activation.is_pointwise() {
            return Err(Error::unsupported(
                format!("a finite network of {}", activation.name()),
                "it is a map of kernels that no pointwise function realises",
            ));
        }
        Ok(Self {
            net,
            width: error::size("width", width)?,
            layers: coefficients.len(),
            coefficients,
            sampler: Sampler::default(),
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// $L$.
    pub fn depth(&self) -> usize {
        self.coefficients.len()
    }

    /// Chooses how layers are drawn; the law of the results is the same.
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Stops after layer $\lfloor tL \rfloor$ of the same network of depth $L$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$.
    pub fn at_time(mut self, time: f64) -> Result<Self> {
        self.layers = architecture::layer_at(time, self.depth())?;
        Ok(self)
    }

    /// One network, drawn from `rng`: its [`Draw`] at the inputs.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a chain that is not homogeneous leaves the range of `f64`; for homogeneous
    /// chains overflow is reported by the accessors of [`Draw`]; [`Error::OutOfMemory`].
    pub fn draw<T: Scalar, R: Rng>(&self, x: &Inputs<'_, T>, rng: &mut R) -> Result<Draw> {
        let (y, exponent) = self.forward(x, rng)?;
        Ok(Draw::new(&y, exponent))
    }

    /// `samples` independent networks, number $i$ drawn from [`Seed::stream`]$(i)$, in parallel:
    /// bit-identical for any number of threads.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 samples or more than 10⁹.
    pub fn draws<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<Draw>> {
        let seed = seed.into();
        error::size("samples", samples)?;
        parallel::try_map(samples, |i| self.draw(x, &mut seed.stream(i as u64)))
    }

    /// The covariance matrices $\hat q(x_i, x_j) = \langle Y_l(x_i), Y_l(x_j) \rangle / n$ of `samples`
    /// independent networks.
    ///
    /// # Errors
    /// As [`draws`](Self::draws); [`Error::Overflow`] if an entry exceeds the range.
    pub fn covariances<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<DMatrix<f64>>> {
        self.draws(x, samples, seed)?
            .iter()
            .map(Draw::covariances)
            .collect()
    }

    /// The $n \times m$ pre-activations $Y_l$ of one network drawn from `rng`.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn pre_activations<T: Scalar, R: Rng>(
        &self,
        x: &Inputs<'_, T>,
        rng: &mut R,
    ) -> Result<DMatrix<f64>> {
        let (mut y, exponent) = self.forward(x, rng)?;
        for entry in y.as_mut_slice() {
            *entry = crate::covariance::scale_by_power_of_two(
                "the pre-activations",
                *entry,
                exponent / 2,
            )?;
        }
        Ok(y)
    }

    /// Pre-activations $2^{-e/2} Y_l$ and the even exponent $e$.
    fn forward<T: Scalar, R: Rng>(
        &self,
        x: &Inputs<'_, T>,
        rng: &mut R,
    ) -> Result<(DMatrix<f64>, i64)> {
        let branch = self.net.branch();
        let homogeneous = self.net.homogeneous().is_some();
        let mut state = State::new(self.width, x.len())?;
        let mut covariance = self.stem(x, &mut state, rng);
        for &alpha in &self.coefficients[..self.layers] {
            if !covariance.diagonal().iter().all(|entry| entry.is_finite()) {
                return Err(Error::overflow("a layer's covariance"));
            }
            if homogeneous {
                state.rescale(&mut covariance);
            }
            let advance = match self.sampler {
                Sampler::Conditional => conditional::advance,
                Sampler::Dense => dense::advance,
            };
            let skip = self.net.skip();
            advance(&mut state, skip, alpha, branch, &mut covariance, rng);
        }
        Ok(state.into_matrix())
    }

    /// Fills the state with $Y_0$ and returns $\hat B(Y_0)$.
    fn stem<T: Scalar, R: Rng>(
        &self,
        x: &Inputs<'_, T>,
        state: &mut State,
        rng: &mut R,
    ) -> DMatrix<f64> {
        let points: Vec<&[T]> = x.points().collect();
        match self.sampler {
            Sampler::Conditional => {
                let mut covariance = DMatrix::from_fn(x.len(), x.len(), |i, j| {
                    stem_covariance(self.net, points[i.max(j)], points[i.min(j)]).covariance()
                });
                conditional::advance(state, 0.0, 1.0, self.net.branch(), &mut covariance, rng);
                covariance
            }
            Sampler::Dense => {
                let entries: Vec<f64> = points.concat().into_iter().map(T::widen).collect();
                let (stem, dimension) = (self.net.stem(), x.dimension());
                dense::add(state, 0.0, 1.0, stem, &entries, dimension, rng);
                let mut covariance = DMatrix::zeros(x.len(), x.len());
                dense::measure(state, self.net.branch(), &mut covariance);
                covariance
            }
        }
    }
}
