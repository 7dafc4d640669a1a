//! Laws of a neuron to start from.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::moments::Moments;
use crate::error;
use crate::law::{Law, log_normal_scale};
use crate::numerics::normal;
use crate::numerics::quadrature::integrate;
use crate::{Error, Result};

/// Relative tolerance of integrals over a density.
const TOLERANCE: f64 = 1e-11;

/// Deviations to either side at which the breaks of an integral against a Gaussian lie.
const BREAKS: [f64; 5] = [0.0, 2.0, 5.0, 8.0, 12.0];

/// What is left out of a log-normal law: $P(\lvert z \rvert > 9)$, 2e-19.
const LOG_NORMAL: [f64; 13] = [
    -9.0, -7.0, -5.0, -3.5, -2.0, -1.0, 0.0, 1.0, 2.0, 3.5, 5.0, 7.0, 9.0,
];

/// A part $w \mathcal N(m, v)$ of a mixture; an atom for $v = 0$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Component {
    pub(super) weight: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// A density that is analytic between its breaks.
#[derive(Clone)]
pub(super) struct Piecewise {
    density: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
    breaks: Vec<f64>,
    norm: f64,
}

impl Debug for Piecewise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a density between {:?}", self.breaks)
    }
}

#[derive(Debug, Clone)]
pub(super) enum Form {
    Mixture(Vec<Component>),
    Piecewise(Piecewise),
}

/// The law of a neuron $X_0$ before the first block: a mixture of Gaussians and atoms, or any density.
///
/// After a dense layer of infinite width it is Gaussian; other laws are those of other weights, of features,
/// or of samples.
///
/// ```
/// use neural_limits::law::Law;
/// use neural_limits::mean_field::InitialLaw;
/// let gaussian = InitialLaw::gaussian(0.0, 1.0)?;
/// let atoms = InitialLaw::atoms(&[(1.0 / 3.0, 2.0), (2.0 / 3.0, -1.0)])?;
/// let laplace = InitialLaw::density(|x| (-x.abs()).exp(), &[-50.0, 0.0, 50.0])?;
/// let sample = InitialLaw::of_law(&Law::Deterministic(0.5))?;
/// assert!((laplace.variance()? - 2.0).abs() < 1e-9);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct InitialLaw {
    pub(super) form: Form,
}

impl InitialLaw {
    /// $\mathcal N(m, v)$; an atom for $v = 0$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the mean is finite and the variance finite and $\ge 0$.
    pub fn gaussian(mean: f64, variance: f64) -> Result<Self> {
        Self::mixture(&[(1.0, mean, variance)])
    }

    /// $\sum_k w_k \mathcal N(m_k, v_k)$ from the triples $(w_k, m_k, v_k)$; the weights are normalised.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a weight that is not positive and finite, a mean that is not finite, or a
    /// variance that is not finite and $\ge 0$; [`Error::Shape`] for no components.
    pub fn mixture(components: &[(f64, f64, f64)]) -> Result<Self> {
        let mut total = 0.0;
        for (k, &(weight, mean, variance)) in components.iter().enumerate() {
            if !(weight > 0.0 && weight.is_finite()) {
                let expected = "a finite number > 0";
                return Err(Error::invalid(format!("weights[{k}]"), weight, expected));
            }
            error::finite_square(&format!("means[{k}]"), mean)?;
            error::non_negative(&format!("variances[{k}]"), variance)?;
            total += weight;
        }
        if components.is_empty() {
            let expected = "at least one component";
            return Err(Error::shape("the mixture", "no components", expected));
        }
        error::finite("the sum of weights", total)?;
        let components = components
            .iter()
            .map(|&(weight, mean, variance)| Component {
                weight: weight / total,
                mean,
                variance,
            });
        Ok(Self {
            form: Form::Mixture(components.collect()),
        })
    }

    /// Atoms $\sum_k w_k \delta_{x_k}$ from the pairs $(w_k, x_k)$; the weights are normalised.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture).
    pub fn atoms(atoms: &[(f64, f64)]) -> Result<Self> {
        let components: Vec<_> = atoms.iter().map(|&(weight, x)| (weight, x, 0.0)).collect();
        Self::mixture(&components)
    }

    /// The empirical law of a sample: equal atoms. Every evaluation of a moment visits all of them.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture).
    pub fn sample(values: &[f64]) -> Result<Self> {
        let components: Vec<_> = values.iter().map(|&x| (1.0, x, 0.0)).collect();
        Self::mixture(&components)
    }

    /// A function proportional to a density, analytic between ascending `breaks`, 0 outside of the first and
    /// the last.
    ///
    /// # Errors
    /// [`Error::Invalid`] for breaks that are not finite and ascending, a value that is negative or not
    /// finite, and an integral of 0; [`Error::Shape`] for fewer than two breaks; [`Error::NotConverged`]
    /// where the integral does not reach the relative tolerance 1e-11: what jumps or has kinks between
    /// breaks.
    pub fn density(
        density: impl Fn(f64) -> f64 + Send + Sync + 'static,
        breaks: &[f64],
    ) -> Result<Self> {
        if breaks.len() < 2 {
            let found = format!("{} of them", breaks.len());
            return Err(Error::shape("breaks", found, "at least two"));
        }
        for (i, &place) in breaks.iter().enumerate() {
            error::finite_square(&format!("breaks[{i}]"), place)?;
            if i > 0 && place <= breaks[i - 1] {
                let expected = format!("a number > breaks[{}] = {}", i - 1, breaks[i - 1]);
                return Err(Error::invalid(format!("breaks[{i}]"), place, expected));
            }
        }
        let mut refused = None;
        let checked = |x: f64| {
            let value = density(x);
            if !(value >= 0.0 && value.is_finite()) {
                refused = Some((x, value));
            }
            value
        };
        let integral = integrate(checked, breaks, TOLERANCE);
        if let Some((x, value)) = refused {
            let argument = format!("the density at {x}");
            return Err(Error::invalid(argument, value, "a finite number >= 0"));
        }
        if !(integral.value > 0.0 && integral.value.is_finite()) {
            let argument = "the integral of the density";
            return Err(Error::invalid(argument, integral.value, "a number > 0"));
        }
        if integral.error > TOLERANCE * integral.value {
            return Err(Error::NotConverged {
                what: "the integral of the density, which should be smooth between its breaks,"
                    .to_owned(),
                reached: integral.error / integral.value,
                tolerance: TOLERANCE,
            });
        }
        Ok(Self {
            form: Form::Piecewise(Piecewise {
                density: Arc::new(density),
                breaks: breaks.to_vec(),
                norm: integral.value.recip(),
            }),
        })
    }

    /// Of a [`Law`]: of a density on a grid the 16 atoms of Gauss's rule in each cell, which is right to
    /// rounding once a Gaussian as wide as two cells has been added.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture) and [`density`](Self::density).
    pub fn of_law(law: &Law) -> Result<Self> {
        match law {
            Law::Deterministic(value) => Self::gaussian(*value, 0.0),
            Law::Gaussian { mean, variance } => Self::gaussian(*mean, *variance),
            Law::Empirical(sample) => Self::sample(sample.values()),
            Law::LogNormal {
                log_mean,
                log_variance,
            } => {
                let (mean, deviation) = (*log_mean, log_variance.sqrt());
                let breaks = LOG_NORMAL.map(|z| (mean + deviation * z).exp());
                let density = move |x: f64| normal::density((x.ln() - mean) / deviation) / x;
                Self::density(density, &breaks)
            }
            Law::LogNormalScale {
                log_mean,
                log_variance,
            } => {
                let components = log_normal_scale::components(*log_mean, *log_variance);
                let components = components.map(|(weight, variance)| (weight, 0.0, variance));
                Self::mixture(&components.collect::<Vec<_>>())
            }
            Law::Density(density) => {
                let points = density.points().map(|(x, weight)| (weight, x));
                let seen = points.filter(|(weight, _)| *weight > f64::EPSILON * f64::EPSILON);
                Self::atoms(&seen.collect::<Vec<_>>())
            }
        }
    }

    /// The mean.
    ///
    /// # Errors
    /// [`Error::NotConverged`] from a density.
    pub fn mean(&self) -> Result<f64> {
        self.average(&mut |part| Ok(part.mean), &[])
    }

    /// The variance.
    ///
    /// # Errors
    /// [`Error::NotConverged`] from a density.
    pub fn variance(&self) -> Result<f64> {
        let mean = self.mean()?;
        self.average(
            &mut |part| Ok((part.mean - mean).powi(2) + part.variance),
            &[],
        )
    }

    /// $\sum_k w_k f_k$, or $\int f$ for atoms at every point of a density; `breaks` are where $f$ varies.
    fn average(&self, f: &mut dyn FnMut(Component) -> Result<f64>, breaks: &[f64]) -> Result<f64> {
        match &self.form {
            Form::Mixture(components) => {
                let mut sum = 0.0;
                for &component in components {
                    sum += component.weight * f(component)?;
                }
                Ok(sum)
            }
            Form::Piecewise(piecewise) => piecewise.average(f, breaks),
        }
    }

    /// $\mathbb E \varphi(X_0 + \sqrt \tau Z)^2$.
    pub(super) fn square(&self, moments: &Moments, added: f64) -> Result<f64> {
        let mut breaks = Vec::new();
        for &kink in moments.kinks() {
            breaks.extend(around(kink, added.sqrt()));
        }
        self.average(
            &mut |part| moments.square(part.mean, part.variance + added),
            &breaks,
        )
    }

    /// The density of $X_0 + \sqrt \tau Z$ at $x$; infinite at an atom.
    pub(super) fn density_at(&self, x: f64, added: f64) -> Result<f64> {
        if let (Form::Piecewise(piecewise), true) = (&self.form, added == 0.0) {
            return Ok(piecewise.at(x));
        }
        self.average(
            &mut |part| {
                let variance = part.variance + added;
                Ok(if variance > 0.0 {
                    let deviation = variance.sqrt();
                    normal::density((x - part.mean) / deviation) / deviation
                } else if x == part.mean {
                    f64::INFINITY
                } else {
                    0.0
                })
            },
            &around(x, added.sqrt()),
        )
    }

    /// $P(X_0 + \sqrt \tau Z \le x)$.
    pub(super) fn cdf(&self, x: f64, added: f64) -> Result<f64> {
        self.average(
            &mut |part| {
                let variance = part.variance + added;
                Ok(if variance > 0.0 {
                    normal::distribution((x - part.mean) / variance.sqrt())
                } else {
                    f64::from(part.mean <= x)
                })
            },
            &around(x, added.sqrt()),
        )
    }

    /// Where all but 1e-15 of $X_0 + \sqrt \tau Z$ lies.
    pub(super) fn range(&self, added: f64, deviations: f64) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut include = |mean: f64, variance: f64| {
            let reach = deviations * variance.sqrt();
            low = low.min(mean - reach);
            high = high.max(mean + reach);
        };
        match &self.form {
            Form::Mixture(components) => {
                for part in components {
                    include(part.mean, part.variance + added);
                }
            }
            Form::Piecewise(piecewise) => {
                for &end in &piecewise.breaks {
                    include(end, added);
                }
            }
        }
        (low, high)
    }

    /// Whether a component is an atom.
    pub(super) fn has_atoms(&self) -> bool {
        matches!(&self.form, Form::Mixture(parts) if parts.iter().any(|part| part.variance == 0.0))
    }

    /// The least deviation of a component, 0 for atoms and for a density with breaks.
    pub(super) fn narrowest(&self) -> f64 {
        match &self.form {
            Form::Mixture(components) => components
                .iter()
                .fold(f64::INFINITY, |least, part| least.min(part.variance))
                .sqrt(),
            Form::Piecewise(_) => 0.0,
        }
    }
}

/// Breaks of an integral against a Gaussian of this deviation.
fn around(center: f64, deviation: f64) -> Vec<f64> {
    let sides = BREAKS.map(|z| [center - z * deviation, center + z * deviation]);
    sides.into_iter().flatten().collect()
}

impl Piecewise {
    fn at(&self, x: f64) -> f64 {
        let outside = x < self.breaks[0] || x > self.breaks[self.breaks.len() - 1];
        if outside {
            0.0
        } else {
            self.norm * (self.density)(x)
        }
    }

    fn average(&self, f: &mut dyn FnMut(Component) -> Result<f64>, breaks: &[f64]) -> Result<f64> {
        let (low, high) = (self.breaks[0], self.breaks[self.breaks.len() - 1]);
        let inside = breaks.iter().filter(|&&x| low < x && x < high);
        let mut all: Vec<f64> = self.breaks.iter().chain(inside).copied().collect();
        all.sort_unstable_by(f64::total_cmp);
        let mut failure = None;
        let integrand = |mean: f64| {
            let atom = Component {
                weight: 1.0,
                mean,
                variance: 0.0,
            };
            match f(atom) {
                Ok(value) => self.at(mean) * value,
                Err(error) => {
                    failure = Some(error);
                    f64::NAN
                }
            }
        };
        let integral = integrate(integrand, &all, TOLERANCE);
        if let Some(error) = failure {
            return Err(error);
        }
        // nothing to resolve where all is 0
        if integral.error <= 10.0 * TOLERANCE * integral.magnitude {
            Ok(integral.value)
        } else {
            Err(Error::NotConverged {
                what: "an average over the initial density".to_owned(),
                reached: integral.error / integral.magnitude,
                tolerance: TOLERANCE,
            })
        }
    }
}
