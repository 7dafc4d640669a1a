//! Covariance functions with parameters, the gradient of the likelihood, and selection by it.

use std::fmt;
use std::sync::Arc;

use nalgebra::DMatrix;

use super::covariance_function::{CovarianceFunction, Scaled};
use super::derivative::derivative;
use super::noise::Noise;
use super::regression::Regression;
use super::sensitivity::derivative as derivative_of_layers;
use crate::{Error, Initialization, Inputs, Result, error};

/// The last terms of the polynomial of a derivative, relative to its largest entry, that are worth no more
/// work: what it leaves out is a hundredth of them or less.
const GOAL: f64 = 1e-12;

/// The spread of the log marginal likelihood over a simplex at which it is small enough.
const SPREAD: f64 = 1e-7;

/// What a parameter of a covariance function may be.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Domain {
    /// $p > 0$: selected by its logarithm.
    Positive,
    /// $p \ge 0$, in units of the kernel: bias and noise variances. Selected by its logarithm.
    NonNegative,
    /// $0 \le p \le 1$: times. Selected by its logit.
    UnitInterval,
}

impl Domain {
    fn check(&self, name: &str, value: f64) -> Result<f64> {
        match self {
            Self::Positive if value.is_finite() && value > 0.0 => Ok(value),
            Self::Positive => Err(Error::invalid(name, value, "a finite number > 0")),
            Self::NonNegative => error::non_negative(name, value),
            Self::UnitInterval => error::unit_interval(name, value),
        }
    }
}

type Build = dyn Fn(&[f64]) -> Result<Box<dyn CovarianceFunction>> + Send + Sync;

/// A covariance function for each value of some parameters: variances of weights and biases, a time, whatever
/// it is made of.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::inference::{Domain, KernelFamily, NetworkKernel};
/// use neural_limits::prelude::*;
/// let family = KernelFamily::of_initializations(|law| {
///     NetworkKernel::nngp(&Mlp::new(Relu).initialized_by(law).infinite_width(2)?)
/// });
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]])?;
/// let y = DMatrix::from_row_slice(3, 1, &[1.0, 0.5, -1.0]);
/// let gradient = family.likelihood_gradient(&[2.0, 0.1], 0.01, &x, &y)?;
/// assert_eq!(gradient.parameters.len(), 2); // in the variances of weights and of biases
///
/// // infinite depth, its time left open
/// let family = KernelFamily::new(&[("time", Domain::UnitInterval)], |p| {
///     NetworkKernel::infinite_depth(&ResNet::new(Relu), p[0])
/// });
/// let gradient = family.likelihood_gradient(&[0.5], 0.01, &x, &y)?;
/// assert!(gradient.relative_error < 1e-9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct KernelFamily {
    /// With the output variance as the last, if it is one.
    parameters: Vec<(String, Domain)>,
    /// From the others.
    build: Arc<Build>,
    has_output_variance: bool,
    spread: f64,
}

impl fmt::Debug for KernelFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelFamily")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// The log marginal likelihood and its derivatives.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LikelihoodGradient {
    /// $\log p(Y)$, natural logarithm, summed over the outputs.
    pub log_marginal_likelihood: f64,
    /// Its derivatives in the parameters of the family.
    pub parameters: Vec<f64>,
    /// Its derivative in the noise variance.
    pub noise_variance: f64,
    /// The largest estimate of what the derivatives of the kernel matrix leave out, relative to their largest
    /// entry; 0 where all are exact. Those of a polynomial have an error of rounding of about 1e-14 beside
    /// it, 1e-13 at an end of a domain.
    pub relative_error: f64,
}

impl KernelFamily {
    /// Of named parameters with their domains, and what they make.
    pub fn new<K: CovarianceFunction + 'static>(
        parameters: &[(&str, Domain)],
        build: impl Fn(&[f64]) -> Result<K> + Send + Sync + 'static,
    ) -> Self {
        let parameters = parameters.iter();
        Self {
            parameters: parameters
                .map(|(name, domain)| ((*name).to_owned(), domain.clone()))
                .collect(),
            build: Arc::new(move |values| Ok(Box::new(build(values)?))),
            has_output_variance: false,
            spread: SPREAD,
        }
    }

    /// Of $\sigma_w^2$ and $\sigma_b^2$, in this order.
    pub fn of_initializations<K: CovarianceFunction + 'static>(
        build: impl Fn(Initialization) -> Result<K> + Send + Sync + 'static,
    ) -> Self {
        let parameters = [
            ("weight_variance", Domain::Positive),
            ("bias_variance", Domain::NonNegative),
        ];
        Self::new(&parameters, move |values| {
            build(Initialization::new(values[0], values[1])?)
        })
    }

    /// Of $\sigma_w^2$, $\sigma_b^2$ and a time $t$, in this order.
    ///
    /// Flows depend on $\sigma_w^2 t$ and $\sigma_b^2 t$ alone ($dK/dt = B(K)$ is linear in both variances):
    /// either is enough where these laws belong to the branches alone.
    pub fn of_times<K: CovarianceFunction + 'static>(
        build: impl Fn(Initialization, f64) -> Result<K> + Send + Sync + 'static,
    ) -> Self {
        let parameters = [
            ("weight_variance", Domain::Positive),
            ("bias_variance", Domain::NonNegative),
            ("time", Domain::UnitInterval),
        ];
        Self::new(&parameters, move |values| {
            build(Initialization::new(values[0], values[1])?, values[2])
        })
    }

    /// With the variance $s$ of the outputs as one more parameter, the last: $s k(x, x^\prime)$. Its best
    /// value beside the others and the ratio $\sigma^2/s$ has a closed form, so that selection is as cheap as
    /// without it, or cheaper.
    pub fn with_output_variance(mut self) -> Self {
        if !self.has_output_variance {
            let name = "output_variance".to_owned();
            self.parameters.push((name, Domain::Positive));
            self.has_output_variance = true;
        }
        self
    }

    /// Sets the spread of the log marginal likelihood over the simplex at which selection ends; 1e-7 by
    /// default. Differences below 0.1 say nothing of the data.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is a finite number > 0.
    pub fn with_spread(mut self, spread: f64) -> Result<Self> {
        self.spread = Domain::Positive.check("spread", spread)?;
        Ok(self)
    }

    /// The spread of the log marginal likelihood at which selection ends.
    pub fn spread(&self) -> f64 {
        self.spread
    }

    /// Whether the last parameter is the [variance of the outputs](Self::with_output_variance).
    pub fn has_output_variance(&self) -> bool {
        self.has_output_variance
    }

    /// The names of the parameters and what they may be.
    pub fn parameters(&self) -> &[(String, Domain)] {
        &self.parameters
    }

    /// The covariance function of given values.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one for each parameter; [`Error::Invalid`] for a value outside of its
    /// domain; what the covariance function refuses.
    pub fn at(&self, values: &[f64]) -> Result<Box<dyn CovarianceFunction>> {
        if values.len() != self.parameters.len() {
            return Err(Error::shape(
                "the parameters",
                format!("length {}", values.len()),
                format!("{}", self.parameters.len()),
            ));
        }
        for ((name, domain), &value) in self.parameters.iter().zip(values) {
            domain.check(name, value)?;
        }
        match values.split_last() {
            Some((&factor, values)) if self.has_output_variance => {
                Ok(Box::new(Scaled::new(factor, (self.build)(values)?)?))
            }
            _ => (self.build)(values),
        }
    }

    /// The log marginal likelihood of targets and its gradient in the parameters and in the noise variance
    /// (C. E. Rasmussen and C. Williams 2006, eq. 5.9):
    ///
    /// $$\frac{\partial \log p(Y)}{\partial \theta} = \tfrac12 \operatorname{tr}\Bigl( \bigl(A^{-1} Y Y^\top
    /// A^{-1} - k A^{-1}\bigr) \frac{\partial A}{\partial \theta} \Bigr).$$
    ///
    /// Where a parameter is the variance of weights or biases of dense layers of an MLP or a residual network
    /// of finite depth, and its activations have a [`sensitivity`](crate::activation::Dual::sensitivity) in
    /// closed form (homogeneous ones, erf), the derivative of $K(X, X)$ is that of the recursion, exact to
    /// rounding. All others are those of the polynomial of degree 15 through 16 kernel matrices around the
    /// value.
    ///
    /// # Errors
    /// As [`at`](Self::at) and [`Regression::new`].
    pub fn likelihood_gradient(
        &self,
        values: &[f64],
        noise_variance: f64,
        x: &Inputs<'_>,
        y: &DMatrix<f64>,
    ) -> Result<LikelihoodGradient> {
        let kernel = self.at(values)?.gram(x)?;
        let regression = Regression::new(&kernel, y, Noise::Variance(noise_variance))?;
        let mean_diagonal = kernel.diagonal().mean();
        let mut changes = Vec::with_capacity(values.len());
        let mut relative_error = 0.0_f64;
        for (i, (_, domain)) in self.parameters.iter().enumerate() {
            if let Some(change) = self.exact_derivative(i, values, x)? {
                changes.push(change);
                continue;
            }
            let at = |value: f64| {
                let mut values = values.to_vec();
                values[i] = value;
                self.at(&values)?.gram(x)
            };
            let (range, scale) = match domain {
                Domain::Positive => ((0.0, f64::MAX), values[i]),
                Domain::NonNegative => ((0.0, f64::MAX), values[i].max(mean_diagonal)),
                Domain::UnitInterval => ((0.0, 1.0), 1.0),
            };
            let found = derivative(&at, values[i], range, scale, GOAL)?;
            relative_error = relative_error.max(found.error);
            changes.push(found.value);
        }
        let mut parameters = regression.likelihood_gradient(&changes)?;
        let noise_variance = parameters.pop().unwrap_or(f64::NAN);
        Ok(LikelihoodGradient {
            log_marginal_likelihood: regression.log_marginal_likelihood(),
            parameters,
            noise_variance,
            relative_error,
        })
    }

    /// The derivative of $K(X, X)$ in a parameter, by the recursion of derivatives where there is one.
    fn exact_derivative(
        &self,
        place: usize,
        values: &[f64],
        x: &Inputs<'_>,
    ) -> Result<Option<DMatrix<f64>>> {
        let (factor, own) = match values.split_last() {
            Some((&factor, own)) if self.has_output_variance => (factor, own),
            _ => (1.0, values),
        };
        let base = (self.build)(own)?;
        let Some(&value) = own.get(place) else {
            // the output variance
            return base.gram(x).map(Some);
        };
        let mut moved = own.to_vec();
        moved[place] = match self.parameters[place].1 {
            Domain::UnitInterval => return Ok(None),
            Domain::Positive | Domain::NonNegative => 1.25 * value + 0.125,
        };
        let Ok(other) = (self.build)(&moved) else {
            return Ok(None);
        };
        let (Some((network, kind)), Some((there, _))) = (base.network(), other.network()) else {
            return Ok(None);
        };
        let change = derivative_of_layers((network, value), (there, moved[place]), kind, x)?;
        Ok(change.map(|change| change * factor))
    }
}
