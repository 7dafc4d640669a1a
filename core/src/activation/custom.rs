//! An activation from two closures.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::mixture::Fit;
use super::row::pair_cost;
use super::{Activation, Dual, Fitted, PairSlices, Parity, default};
use crate::{PairCovariance, Result, error};

/// An activation given by $\varphi$ and $\varphi^\prime$ as closures.
///
/// A smooth one of which a [`Fitted`] mixture is found has the duals of that, some ten microseconds each,
/// with errors below 1e-12: [`fit_residual`](Self::fit_residual) says whether, and how good it is. It is
/// looked for when the first dual is asked for, once for an activation and all its clones. All others go by
/// [quadrature](super::expectation::Quadrature) with an estimated error below 1e-12.
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
///
/// let smooth = Custom::new("mine", |x| x.tanh() + x, |x| 1.0 + x.cosh().powi(-2));
/// assert!(smooth.fit_residual().is_some_and(|residual| residual < 5e-14));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Custom<F, G> {
    name: String,
    value: F,
    derivative: G,
    kinks: Vec<f64>,
    parity: Parity,
    /// The mixture, if there is one, once it was looked for.
    fit: Arc<OnceLock<Option<Arc<Fit>>>>,
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
            fit: Arc::default(),
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
        if kinks.is_empty() {
            Ok(self)
        } else {
            Ok(self.by_quadrature())
        }
    }

    /// Declares that $\varphi$ is even or odd, which saves half of the work of quadrature.
    pub fn with_parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }

    /// By [quadrature](super::expectation::Quadrature), without looking for a mixture.
    pub fn by_quadrature(mut self) -> Self {
        self.fit = Arc::new(OnceLock::from(None));
        self
    }

    /// The [residual](Fitted::residual) of the mixture that stands for $\varphi$; `None` if quadrature does.
    pub fn fit_residual(&self) -> Option<f64> {
        self.fitted().map(|phi| phi.residual())
    }

    fn fitted(&self) -> Option<Fitted<&dyn Activation>> {
        let fit = self.fit.get_or_init(|| Fit::new(self).ok().map(Arc::new));
        let fit = Arc::clone(fit.as_ref()?);
        Some(Fitted::with_fit(self, fit))
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
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        match self.fitted() {
            Some(phi) => phi.dual(k),
            None => default::dual(&self, k),
        }
    }

    fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
        match self.fitted() {
            Some(phi) => phi.derivative_dual(k),
            None => default::derivative_dual(&self, k),
        }
    }

    fn duals(&self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
        match self.fitted() {
            Some(phi) => phi.duals(k),
            None => Ok((
                default::dual(&self, k)?,
                default::derivative_dual(&self, k)?,
            )),
        }
    }

    fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        match self.fitted() {
            Some(phi) => phi.dual_slice(k, out),
            None => default::dual_slice(&self, k, out),
        }
    }

    fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        match self.fitted() {
            Some(phi) => phi.derivative_dual_slice(k, out),
            None => default::derivative_dual_slice(&self, k, out),
        }
    }

    fn moments(&self, q: &[f64], out: &mut [f64]) -> Result<()> {
        match self.fitted() {
            Some(phi) => phi.moments(q, out),
            None => default::moments(&self, q, out),
        }
    }

    fn direct_cost(&self) -> f64 {
        match self.fitted() {
            Some(phi) => phi.direct_cost(),
            None => pair_cost::QUADRATURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Tanh;
    use crate::activation::expectation::Quadrature;

    #[test]
    fn smooth_closures_have_the_duals_of_a_mixture() {
        let mine = Custom::new("mine", f64::tanh, |x: f64| x.cosh().powi(-2));
        assert!(
            mine.fit_residual()
                .is_some_and(|residual| residual <= 5e-14)
        );
        for (qa, qb) in [(0.3, 0.3), (1.0, 20.0), (1e4, 1e4)] {
            for epsilon in [1.7, 0.3, 1e-5] {
                let k = PairCovariance::with_complement(qa, qb, epsilon).unwrap();
                let ((own, slope), (dual, of_tanh)) =
                    (mine.duals(k).unwrap(), Tanh.duals(k).unwrap());
                assert!((own.covariance() - dual.covariance()).abs() < 1e-13);
                assert!((slope - of_tanh).abs() < 1e-13);
                let complements = [own, dual].map(|dual| dual.one_minus_correlation());
                assert!((complements[0] / complements[1] - 1.0).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn others_go_by_quadrature() {
        let arctan = Custom::new("arctan", f64::atan, |x: f64| 1.0 / (1.0 + x * x));
        let wrong = Custom::new("wrong", f64::tanh, |x: f64| {
            (1.0 + 1e-9) * x.cosh().powi(-2)
        });
        let tanh = || Custom::new("tanh", f64::tanh, |x: f64| x.cosh().powi(-2));
        let kinked = tanh().with_kinks(&[0.0]).unwrap();
        assert_eq!(arctan.fit_residual(), None);
        assert_eq!(wrong.fit_residual(), None);
        assert_eq!(kinked.fit_residual(), None);
        let chosen = tanh().by_quadrature();
        let k = PairCovariance::from_parts(1.0, 2.0, 0.4);
        let by_quadrature = Quadrature::default().dual(&chosen, k).unwrap().value;
        assert_eq!(chosen.dual(k).unwrap(), by_quadrature);
    }
}
