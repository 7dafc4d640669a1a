//! Gaussian-process regression with the kernel of a network.

use nalgebra::{DMatrix, DVector};

use super::covariance_function::CovarianceFunction;
use super::noise::Noise;
use super::regression::Regression;
use crate::random::Seed;
use crate::{Inputs, Result};

/// A Gaussian process with a covariance function, conditioned on targets: [`Regression`] with its inputs.
///
/// With the NNGP kernel this is Bayesian inference in the network of infinite width (R. Neal 1996; J. Lee et
/// al. 2017, arXiv 1711.00165); with the tangent kernel its mean is what training all layers to the end
/// predicts on average (A. Jacot, F. Gabriel and C. Hongler 2018, arXiv 1806.07572; the ensemble's covariance
/// is another one:
/// [`KernelDynamics::ensemble`](crate::training::KernelDynamics::ensemble)).
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::inference::{GaussianProcess, NetworkKernel, Noise};
/// use neural_limits::prelude::*;
/// let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
/// let kernel = NetworkKernel::nngp(&net.infinite_width(3)?)?;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]])?;
/// let y = DMatrix::from_row_slice(3, 1, &[1.0, 0.0, -1.0]);
/// let process = GaussianProcess::fit(kernel, &x, &y, Noise::Variance(0.01))?;
/// let at = Inputs::from_rows(&[[0.9, 0.1]])?;
/// assert!((process.mean(&at)?[0] - 0.9).abs() < 0.1);
/// assert!(process.variance(&at)?[0] < 0.1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct GaussianProcess {
    covariance: Box<dyn CovarianceFunction>,
    inputs: Inputs<'static>,
    regression: Regression,
}

impl GaussianProcess {
    /// Conditions on the $n \times k$ targets at $n$ inputs.
    ///
    /// # Errors
    /// As [`Regression::new`], and whatever the covariance function refuses.
    pub fn fit(
        covariance: impl CovarianceFunction + 'static,
        inputs: &Inputs<'_>,
        targets: &DMatrix<f64>,
        noise: Noise,
    ) -> Result<Self> {
        Self::fit_with_jitter(covariance, inputs, targets, noise, 0.0)
    }

    /// [`fit`](Self::fit), allowing [jitter](Regression::with_jitter).
    ///
    /// # Errors
    /// As [`Regression::with_jitter`], and whatever the covariance function refuses.
    pub fn fit_with_jitter(
        covariance: impl CovarianceFunction + 'static,
        inputs: &Inputs<'_>,
        targets: &DMatrix<f64>,
        noise: Noise,
        largest: f64,
    ) -> Result<Self> {
        let gram = covariance.gram(inputs)?;
        Ok(Self {
            covariance: Box::new(covariance),
            inputs: owned(inputs.points())?,
            regression: Regression::with_jitter(&gram, targets, noise, largest)?,
        })
    }

    /// The covariance function of the prior.
    pub fn covariance_function(&self) -> &dyn CovarianceFunction {
        &*self.covariance
    }

    /// The points that were conditioned on.
    pub fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    /// What is left without the inputs: likelihoods, weights, noise, condition.
    pub fn regression(&self) -> &Regression {
        &self.regression
    }

    /// The posterior mean, $m \times k$.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for inputs of another dimension; what the covariance function
    /// refuses.
    pub fn mean(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        self.regression.mean(&self.cross(x)?)
    }

    /// The posterior variances of the latent function, of every output. That of an observation is larger by
    /// the noise variance.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn variance(&self, x: &Inputs<'_>) -> Result<DVector<f64>> {
        let diagonal = self.covariance.diagonal(x)?;
        self.regression.variance(&self.cross(x)?, &diagonal)
    }

    /// The posterior covariance of the latent function, $m \times m$, of every output.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn covariance(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        let test = self.covariance.gram(x)?;
        self.regression.covariance(&self.cross(x)?, &test)
    }

    /// `count` functions of the posterior at the inputs, each $m \times k$.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn sample(
        &self,
        x: &Inputs<'_>,
        count: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<DMatrix<f64>>> {
        let test = self.covariance.gram(x)?;
        self.regression.sample(&self.cross(x)?, &test, count, seed)
    }

    /// With more points: what [`fit`](Self::fit) of them all gives, in $O(n^2)$ a point.
    ///
    /// # Errors
    /// As [`Regression::extended`] and [`mean`](Self::mean).
    pub fn extended(self, x: &Inputs<'_>, targets: &DMatrix<f64>) -> Result<Self> {
        let (cross, block) = (self.cross(x)?, self.covariance.gram(x)?);
        Ok(Self {
            regression: self.regression.extended(&cross, &block, targets)?,
            inputs: owned(self.inputs.points().chain(x.points()))?,
            covariance: self.covariance,
        })
    }

    fn cross(&self, x: &Inputs<'_>) -> Result<DMatrix<f64>> {
        self.covariance.cross(x, &self.inputs)
    }
}

fn owned<'a>(points: impl Iterator<Item = &'a [f64]>) -> Result<Inputs<'static>> {
    Inputs::from_rows(&points.collect::<Vec<_>>())
}
