//! Two layers on data, in every scaling between the kernel regime and the mean field.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use rand::RngExt;

use super::ParticleRisk;
use crate::activation::Activation;
use crate::inference::checks::check_shape;
use crate::random::Stream;
use crate::{Error, Inputs, Result, error};

/// A network $f(x) = N^{-\gamma} \sum_i a_i \varphi(w_i \cdot x)$ trained on data, both layers, with the
/// learning rate times $N^{2\gamma - 1}$; a particle is $(a, w)$:
///
/// $$R = \frac1{2m} \sum_{k=1}^m (f(x_k) - y_k)^2, \qquad \dot\theta_i = -N^{\gamma - 1} \frac1m \sum_k
/// (f(x_k) - y_k) \nabla_\theta (a_i \varphi(w_i \cdot x_k)).$$
///
/// The tangent kernel $\frac1N \sum_i \nabla_\theta \cdot \nabla_\theta$ is of order one for every $\gamma$.
/// At $\gamma = \frac12$ it is that of the kernel regime, in which weights move by $N^{-1/2}$ and the kernel
/// by $N^{-1}$; at $\gamma = 1$ particles follow the mean field, $-N\, \partial R/\partial\theta_i$, and move
/// by order one, the kernel with them; between them weights move like $N^{\gamma - 1}$ and the kernel like
/// $N^{2(\gamma - 1)}$ where $f$ starts at 0 (L. Chizat, E. Oyallon and F. Bach 2019, arXiv 1812.07956).
#[derive(Debug, Clone)]
pub struct TwoLayerNetwork {
    activation: Arc<dyn Activation>,
    x: Inputs<'static>,
    targets: DVector<f64>,
    exponent: f64,
}

impl TwoLayerNetwork {
    /// Of an activation, $m$ inputs and as many targets, and $\gamma$.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of targets than of inputs; [`Error::Invalid`] for a target that is
    /// not finite, or $\gamma$ outside of $[\frac12, 1]$.
    pub fn new(
        activation: impl Activation + 'static,
        x: &Inputs<'_>,
        targets: &[f64],
        exponent: f64,
    ) -> Result<Self> {
        check_shape("the targets", (targets.len(), 1), (x.len(), 1))?;
        for (k, &target) in targets.iter().enumerate() {
            error::finite(&format!("targets[{k}]"), target)?;
        }
        if !(0.5..=1.0).contains(&exponent) {
            let expected = "a number in [1/2, 1]";
            return Err(Error::invalid("the exponent", exponent, expected));
        }
        let rows: Vec<&[f64]> = x.points().collect();
        Ok(Self {
            activation: Arc::new(activation),
            x: Inputs::from_rows(&rows)?,
            targets: DVector::from_column_slice(targets),
            exponent,
        })
    }

    /// $f$ at some inputs.
    ///
    /// # Errors
    /// [`Error::Shape`] for inputs or particles of another dimension; [`Error::Invalid`] for no particles.
    pub fn outputs(&self, x: &Inputs<'_>, particles: &DMatrix<f64>) -> Result<DVector<f64>> {
        self.check(x, particles)?;
        let points = x.points();
        let scale = (particles.ncols() as f64).powf(-self.exponent);
        Ok(DVector::from_iterator(
            x.len(),
            points.map(|point| scale * self.sum(point, particles)),
        ))
    }

    /// $\frac1N \sum_i \bigl(\varphi(u_i) \varphi(u_i^\prime) + a_i^2 \varphi^\prime(u_i)
    /// \varphi^\prime(u_i^\prime)\, x \cdot x^\prime\bigr)$ with $u_i = w_i \cdot x$, between all of some
    /// inputs.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs).
    pub fn tangent_kernel(&self, x: &Inputs<'_>, particles: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.check(x, particles)?;
        let count = particles.ncols();
        let points: Vec<&[f64]> = x.points().collect();
        let m = points.len();
        let at = |phi: &dyn Fn(f64) -> f64| {
            DMatrix::from_fn(count, m, |i, k| {
                phi(pre_activation(particles, i, points[k]))
            })
        };
        let values = at(&|u| self.activation.value(u));
        let mut slopes = at(&|u| self.activation.derivative(u));
        for (i, mut row) in slopes.row_iter_mut().enumerate() {
            row *= particles[(0, i)];
        }
        let (own, through) = (values.tr_mul(&values), slopes.tr_mul(&slopes));
        Ok(DMatrix::from_fn(m, m, |k, l| {
            let product = crate::numerics::dot(points[k], points[l]);
            (own[(k, l)] + through[(k, l)] * product) / count as f64
        }))
    }

    fn check(&self, x: &Inputs<'_>, particles: &DMatrix<f64>) -> Result<()> {
        self.x.same_dimension(x)?;
        let count = error::size("the number of particles", particles.ncols())?;
        check_shape(
            "the particles",
            particles.shape(),
            (self.dimension(), count),
        )
    }

    /// $\sum_i a_i \varphi(w_i \cdot x)$.
    fn sum(&self, x: &[f64], particles: &DMatrix<f64>) -> f64 {
        let terms = (0..particles.ncols())
            .map(|i| particles[(0, i)] * self.activation.value(pre_activation(particles, i, x)));
        terms.sum()
    }

    /// The velocities from some of the inputs.
    fn velocities_of(
        &self,
        inputs: std::ops::Range<usize>,
        particles: &DMatrix<f64>,
    ) -> DMatrix<f64> {
        let count = particles.ncols() as f64;
        let mut out = DMatrix::zeros(particles.nrows(), particles.ncols());
        let (scale, rate) = (count.powf(-self.exponent), count.powf(self.exponent - 1.0));
        for k in inputs.clone() {
            let x = self.x.slice(k..k + 1);
            let residual = scale * self.sum(x, particles) - self.targets[k];
            let weight = -rate * residual / inputs.len() as f64;
            for i in 0..particles.ncols() {
                let u = pre_activation(particles, i, x);
                out[(0, i)] += weight * self.activation.value(u);
                let slope = weight * particles[(0, i)] * self.activation.derivative(u);
                for (l, x) in x.iter().enumerate() {
                    out[(l + 1, i)] += slope * x;
                }
            }
        }
        out
    }
}

/// $w_i \cdot x$.
fn pre_activation(particles: &DMatrix<f64>, i: usize, x: &[f64]) -> f64 {
    let products = x.iter().enumerate().map(|(l, x)| particles[(l + 1, i)] * x);
    products.sum()
}

impl ParticleRisk for TwoLayerNetwork {
    /// $d + 1$.
    fn dimension(&self) -> usize {
        self.x.dimension() + 1
    }

    fn risk(&self, particles: &DMatrix<f64>) -> f64 {
        let scale = (particles.ncols() as f64).powf(-self.exponent);
        let points = self.x.points().zip(&self.targets);
        let squares = points.map(|(x, y)| (scale * self.sum(x, particles) - y).powi(2));
        0.5 * squares.sum::<f64>() / self.targets.len() as f64
    }

    /// $-N^{2\gamma - 1}\, \partial R/\partial \theta_i$.
    fn velocities(&self, particles: &DMatrix<f64>) -> DMatrix<f64> {
        self.velocities_of(0..self.targets.len(), particles)
    }

    fn sampled_velocities(
        &self,
        particles: &DMatrix<f64>,
        rng: &mut Stream,
    ) -> Result<DMatrix<f64>> {
        let k = rng.random_range(0..self.targets.len());
        Ok(self.velocities_of(k..k + 1, particles))
    }
}
