//! Laws of neural functions.

use std::fmt;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::{Density, Empirical, log_normal_scale};
use crate::error::{self, Error, Result};
use crate::numerics::normal;

/// What a neural function is, or converges to: a number, or a law on the line.
///
/// ```
/// use neural_limits::law::Law;
/// let law = Law::gaussian(0.0, 4.0)?;
/// assert_eq!((law.mean(), law.variance(), law.cdf(0.0)), (0.0, 4.0, 0.5));
/// assert!((law.quantile(0.975)? - 3.92).abs() < 1e-3);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Law {
    /// A single value.
    Deterministic(f64),
    /// $\mathcal N$(mean, variance).
    Gaussian {
        /// The mean.
        mean: f64,
        /// The variance, positive.
        variance: f64,
    },
    /// $\exp \mathcal N$(`log_mean`, `log_variance`).
    LogNormal {
        /// The mean of the logarithm.
        log_mean: f64,
        /// The variance of the logarithm, positive.
        log_variance: f64,
    },
    /// The law of $e^{g/2} Z$, $g \sim \mathcal N$(`log_mean`, `log_variance`) and $Z$ standard normal: a
    /// Gaussian whose variance is log-normal.
    LogNormalScale {
        /// The mean of the logarithm of the variance.
        log_mean: f64,
        /// The variance of that logarithm, positive.
        log_variance: f64,
    },
    /// The empirical law of a sample.
    Empirical(Empirical),
    /// A density on a grid.
    Density(Density),
}

impl Law {
    /// $\mathcal N$(mean, variance); deterministic for variance 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the mean is finite and the variance finite and $\ge 0$.
    pub fn gaussian(mean: f64, variance: f64) -> Result<Self> {
        error::finite("mean", mean)?;
        Ok(if error::non_negative("variance", variance)? == 0.0 {
            Self::Deterministic(mean)
        } else {
            Self::Gaussian { mean, variance }
        })
    }

    /// $\exp \mathcal N$(`log_mean`, `log_variance`); deterministic for variance 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the mean is finite and the variance finite and $\ge 0$; [`Error::Overflow`]
    /// if the second moment exceeds the range.
    pub fn log_normal(log_mean: f64, log_variance: f64) -> Result<Self> {
        Self::gaussian(log_mean, log_variance)?;
        let log = 2.0 * (log_mean + log_variance);
        if log > f64::MAX.ln() {
            return Err(Error::Overflow {
                quantity: "the second moment of a log-normal law".to_owned(),
                log,
                limit: f64::MAX.ln(),
            });
        }
        Ok(if log_variance == 0.0 {
            Self::Deterministic(log_mean.exp())
        } else {
            Self::LogNormal {
                log_mean,
                log_variance,
            }
        })
    }

    /// $\mathcal N(0, V e^g)$ with $V$ = `variance` and $g \sim \mathcal N$(`log_mean`, `log_variance`);
    /// Gaussian for `log_variance` 0, deterministic for variance 0. Its distribution function has an error
    /// below 1e-10 (checked up to a `log_variance` of 20).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless all numbers are finite and the variances $\ge 0$; [`Error::Overflow`] if
    /// the second moment exceeds the range.
    ///
    /// ```
    /// use neural_limits::law::Law;
    /// let neuron = Law::log_normal_scale(1.0, -2.5, 5.0)?; // of a deep critical ReLU MLP with L = n
    /// assert!((neuron.variance() - 1.0).abs() < 1e-15);
    /// assert!(neuron.cdf(0.1) > Law::gaussian(0.0, 1.0)?.cdf(0.1) + 0.1); // most networks are smaller
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn log_normal_scale(variance: f64, log_mean: f64, log_variance: f64) -> Result<Self> {
        error::non_negative("variance", variance)?;
        error::finite("log_mean", log_mean)?;
        error::non_negative("log_variance", log_variance)?;
        if variance == 0.0 {
            return Ok(Self::Deterministic(0.0));
        }
        let log = variance.ln() + log_mean;
        if log + 0.5 * log_variance > f64::MAX.ln() {
            return Err(Error::Overflow {
                quantity: "the second moment of a Gaussian of log-normal variance".to_owned(),
                log: log + 0.5 * log_variance,
                limit: f64::MAX.ln(),
            });
        }
        if log_variance == 0.0 {
            return Self::gaussian(0.0, log.exp());
        }
        Ok(Self::LogNormalScale {
            log_mean: log,
            log_variance,
        })
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Deterministic(value) => *value,
            Self::Gaussian { mean, .. } => *mean,
            Self::LogNormal {
                log_mean,
                log_variance,
            } => (log_mean + 0.5 * log_variance).exp(),
            Self::LogNormalScale { .. } => 0.0,
            Self::Empirical(sample) => sample.mean().0,
            Self::Density(density) => density.mean(),
        }
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        match self {
            Self::Deterministic(_) => 0.0,
            Self::Gaussian { variance, .. } => *variance,
            Self::LogNormal {
                log_mean,
                log_variance,
            } => -(2.0 * (log_mean + log_variance)).exp() * (-log_variance).exp_m1(),
            Self::LogNormalScale {
                log_mean,
                log_variance,
            } => (log_mean + 0.5 * log_variance).exp(),
            Self::Empirical(sample) => sample.variance(),
            Self::Density(density) => density.variance(),
        }
    }

    /// $P(X \le x)$; accurate to about 1e-14 for the Gaussian, as [`Density`] says for a grid.
    pub fn cdf(&self, x: f64) -> f64 {
        self.cdf_with(x, true)
    }

    /// $P(X \le x)$, or $P(X < x)$.
    pub(super) fn cdf_with(&self, x: f64, inclusive: bool) -> f64 {
        match self {
            Self::Deterministic(value) => {
                f64::from(if inclusive { *value <= x } else { *value < x })
            }
            Self::Gaussian { .. } | Self::LogNormal { .. } => {
                self.score(x).map_or(0.0, normal::distribution)
            }
            Self::LogNormalScale {
                log_mean,
                log_variance,
            } => log_normal_scale::distribution(*log_mean, *log_variance, x),
            Self::Empirical(sample) => {
                sample.count(x, inclusive) as f64 / sample.values().len() as f64
            }
            Self::Density(density) => density.cdf(x),
        }
    }

    /// The standard normal score $z$ of which $x$ is the image; `None` below the support or for a law with
    /// atoms.
    pub(super) fn score(&self, x: f64) -> Option<f64> {
        match self {
            Self::Gaussian { mean, variance } => Some((x - mean) / variance.sqrt()),
            Self::LogNormal {
                log_mean,
                log_variance,
            } if x > 0.0 => Some((x.ln() - log_mean) / log_variance.sqrt()),
            _ => None,
        }
    }

    /// The image of the standard normal score $z$: the quantile of order $\Phi(z)$.
    pub(super) fn at_score(&self, z: f64) -> f64 {
        match self {
            Self::Deterministic(value) => *value,
            Self::Gaussian { mean, variance } => mean + variance.sqrt() * z,
            Self::LogNormal {
                log_mean,
                log_variance,
            } => (log_mean + log_variance.sqrt() * z).exp(),
            Self::LogNormalScale {
                log_mean,
                log_variance,
            } => log_normal_scale::at_score(*log_mean, *log_variance, z),
            Self::Empirical(sample) => sample.quantile(normal::distribution(z)),
            Self::Density(density) => density.quantile(normal::distribution(z)),
        }
    }

    /// The quantile of order $u$: the least $x$ with $P(X \le x) \ge u$. Scores of Gaussian laws have a
    /// relative error of at most 4e-16.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < u < 1$.
    pub fn quantile(&self, u: f64) -> Result<f64> {
        if !(u > 0.0 && u < 1.0) {
            return Err(Error::invalid("u", u, "a number in (0, 1)"));
        }
        Ok(match self {
            Self::Empirical(sample) => sample.quantile(u),
            Self::Density(density) => density.quantile(u),
            _ => self.at_score(normal::quantile(u)),
        })
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.at_score(0.0)
    }

    /// One draw.
    pub fn sample<R: Rng>(&self, rng: &mut R) -> f64 {
        match self {
            Self::Deterministic(value) => *value,
            Self::Gaussian { .. } | Self::LogNormal { .. } => {
                self.at_score(StandardNormal.sample(rng))
            }
            Self::LogNormalScale {
                log_mean,
                log_variance,
            } => {
                let g: f64 = StandardNormal.sample(rng);
                let z: f64 = StandardNormal.sample(rng);
                (0.5 * (log_mean + log_variance.sqrt() * g)).exp() * z
            }
            Self::Empirical(sample) => sample.values()[rng.random_range(0..sample.values().len())],
            Self::Density(density) => density.quantile(rng.random()),
        }
    }

    /// The atoms, if the law is a sum of equal atoms.
    pub(super) fn atoms(&self) -> Option<&[f64]> {
        match self {
            Self::Deterministic(value) => Some(std::slice::from_ref(value)),
            Self::Empirical(sample) => Some(sample.values()),
            _ => None,
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Deterministic(value) => format!("{value:.6}"),
            Self::Gaussian { mean, variance } => format!("N({mean:.6}, {variance:.6})"),
            Self::LogNormal {
                log_mean,
                log_variance,
            } => format!("exp N({log_mean:.6}, {log_variance:.6})"),
            Self::LogNormalScale {
                log_mean,
                log_variance,
            } => format!("N(0, exp N({log_mean:.6}, {log_variance:.6}))"),
            Self::Empirical(sample) => {
                let (mean, error) = sample.mean();
                format!(
                    "{mean:.6} ± {error:.6} ({} networks)",
                    sample.values().len()
                )
            }
            Self::Density(density) => format!(
                "density of mean {:.6} and variance {:.6}",
                density.mean(),
                density.variance()
            ),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_scipy() {
        // scipy.stats.norm.ppf, SciPy 1.17.1
        let law = Law::gaussian(0.0, 1.0).unwrap();
        for (u, quantile) in [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_409),
            (1e-5, -4.264_890_793_922_825),
            (0.025, -1.959_963_984_540_054_5),
            (0.3, -0.524_400_512_708_040_9),
            (0.975, 1.959_963_984_540_054),
            (1.0 - 1e-10, 6.361_340_889_697_422),
        ] {
            assert!(
                (law.quantile(u).unwrap() / quantile - 1.0).abs() < 4e-16,
                "{u}"
            );
        }
    }
}
