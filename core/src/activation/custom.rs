//! An activation from two closures.

use std::fmt;

use super::{Activation, Dual, Parity};
use crate::{Result, error};

/// An activation given by $\varphi$ and $\varphi^\prime$ as closures; its duals are computed by quadrature
/// with an estimated error below 1e-12.
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::activation::Custom;
///
/// let phi = Custom::new("x³", |x| x * x * x, |x| 3.0 * x * x);
/// let k = PairCovariance::new(1.0, 1.0, 0.5)?;
/// assert!((phi.dual(k)?.covariance() - 5.25).abs() < 1e-11); // 9c + 6c³
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let kernel = Mlp::new(phi).infinite_width(2)?.nngp(&x)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Custom<F, G> {
    name: String,
    value: F,
    derivative: G,
    kinks: Vec<f64>,
    parity: Parity,
}

impl<F, G> Custom<F, G>
where
    F: Fn(f64) -> f64 + Send + Sync,
    G: Fn(f64) -> f64 + Send + Sync,
{
    /// Of a name, $\varphi$ and $\varphi^\prime$.
    pub fn new(name: impl Into<String>, value: F, derivative: G) -> Self {
        Self {
            name: name.into(),
            value,
            derivative,
            kinks: Vec::new(),
            parity: Parity::Neither,
        }
    }

    /// Declares the points where $\varphi$ is not analytic: quadrature is split there, which it needs for its
    /// accuracy.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) naming a point that is not finite.
    pub fn with_kinks(mut self, kinks: &[f64]) -> Result<Self> {
        for (i, &kink) in kinks.iter().enumerate() {
            error::finite(&format!("kinks[{i}]"), kink)?;
        }
        self.kinks = kinks.to_vec();
        Ok(self)
    }

    /// Declares that $\varphi$ is even or odd, which saves half of the work.
    pub fn with_parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }
}

impl<F, G> fmt::Debug for Custom<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom")
            .field("name", &self.name)
            .field("kinks", &self.kinks)
            .field("parity", &self.parity)
            .finish_non_exhaustive()
    }
}

impl<F, G> Activation for Custom<F, G>
where
    F: Fn(f64) -> f64 + Send + Sync,
    G: Fn(f64) -> f64 + Send + Sync,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        (self.derivative)(x)
    }

    fn parity(&self) -> Parity {
        self.parity
    }

    fn kinks(&self) -> Vec<f64> {
        self.kinks.clone()
    }
}

impl<F, G> Dual for Custom<F, G>
where
    F: Fn(f64) -> f64 + Send + Sync,
    G: Fn(f64) -> f64 + Send + Sync,
{
}
