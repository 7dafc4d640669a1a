//! The norm of the outputs, and its logarithm, as neural functions.

use super::{Need, NeuralFunction, Process, empirical};
use crate::law::Law;
use crate::numerics::dot;
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Error, Inputs, PairCovariance, Result};

/// $\lVert Y(a) \rVert / \sqrt n$.
///
/// At infinite width it is deterministic, $\sqrt{q(a,a)}$.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm(Inputs<'static>);

/// $\log(\lVert Y(a) \rVert / \sqrt n)$, which deep networks do not take out of the range of `f64`.
///
/// At infinite width it is deterministic, $\tfrac12 \log q(a,a)$; in a critical MLP with $L/n \to T$ it is
/// Gaussian (B. Hanin and M. Nica 2018, arXiv 1812.05994). A network that maps the input to the zero vector
/// has none: such draws are counted apart.
#[derive(Debug, Clone, PartialEq)]
pub struct LogNorm(Inputs<'static>);

impl Norm {
    /// At one input.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn at(a: &[f64]) -> Result<Self> {
        Inputs::from_rows(&[a]).map(Self)
    }
}

impl LogNorm {
    /// At one input.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::ZeroVector`].
    pub fn at(a: &[f64]) -> Result<Self> {
        let inputs = Inputs::from_rows(&[a])?;
        if a.iter().all(|entry| *entry == 0.0) {
            return Err(Error::ZeroVector {
                argument: "a".to_owned(),
            });
        }
        Ok(Self(inputs))
    }
}

/// $\log q$, of a variance that is not 0.
fn logarithm(variance: f64) -> Result<f64> {
    if variance > 0.0 {
        Ok(variance.ln())
    } else {
        Err(Error::undefined("the log-norm", "the norm is 0"))
    }
}

/// $q$, and the bias and variance of $\hat q/q$ to order $1/n$.
fn relative(
    process: &Process,
    fluctuation: &PairFluctuation,
    width: usize,
) -> Result<(f64, f64, f64)> {
    let q = process.covariance().variance_a()?;
    let law = fluctuation.covariance_law(process.covariance(), width)?;
    if q == 0.0 {
        return Ok((0.0, 0.0, 0.0));
    }
    let deviation = law.variance().sqrt() / q;
    Ok((q, law.mean() / q - 1.0, deviation * deviation))
}

impl NeuralFunction for Norm {
    fn name(&self) -> String {
        "norm".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Covariances]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let q = record.draw().covariance(points[0], points[0])?;
        Ok(q.sqrt())
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        let q = process.covariance().variance_a()?;
        Ok(Law::Deterministic(q.sqrt()))
    }

    /// By the delta method, from that of $\hat q$.
    fn with_fluctuations(
        &self,
        process: &Process,
        fluctuation: &PairFluctuation,
        width: usize,
    ) -> Result<Law> {
        let (q, bias, variance) = relative(process, fluctuation, width)?;
        let mean = q.sqrt() * (1.0 + 0.5 * bias - 0.125 * variance);
        Law::gaussian(mean, 0.25 * q * variance)
    }

    fn of_covariances(&self, covariances: &[PairCovariance]) -> Result<Law> {
        empirical(covariances.iter().map(|k| k.variance_a().sqrt()))
    }

    fn with_log_normal_scale(
        &self,
        process: &Process,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        let q = process.covariance().variance_a()?;
        if q == 0.0 {
            return Ok(Law::Deterministic(0.0));
        }
        Law::log_normal(0.5 * (q.ln() + log_mean), 0.25 * log_variance)
    }
}

impl NeuralFunction for LogNorm {
    fn name(&self) -> String {
        "log-norm".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Neurons]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let y = record.neurons();
        let column = y.column(points[0]);
        let largest = column.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        if largest == 0.0 {
            return Err(Error::undefined("the log-norm", "all neurons are 0"));
        }
        let scaled: Vec<f64> = column.iter().map(|y| y / largest).collect();
        let (n, squares) = (scaled.len(), dot(&scaled, &scaled));
        let exponent = 0.5 * std::f64::consts::LN_2 * y.exponent() as f64;
        Ok(largest.ln() + 0.5 * (squares / n as f64).ln() + exponent)
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        let log = logarithm(process.covariance().variance_a()?)?;
        Ok(Law::Deterministic(0.5 * log))
    }

    /// By the delta method, from that of $\hat q$.
    fn with_fluctuations(
        &self,
        process: &Process,
        fluctuation: &PairFluctuation,
        width: usize,
    ) -> Result<Law> {
        let (q, bias, variance) = relative(process, fluctuation, width)?;
        let mean = 0.5 * (logarithm(q)? + bias - 0.5 * variance);
        Law::gaussian(mean, 0.25 * variance)
    }

    fn of_covariances(&self, covariances: &[PairCovariance]) -> Result<Law> {
        let logs = covariances.iter().map(|k| logarithm(k.variance_a()));
        let logs: Vec<f64> = logs.collect::<Result<_>>()?;
        empirical(logs.into_iter().map(|log| 0.5 * log))
    }

    fn with_log_normal_scale(
        &self,
        process: &Process,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        let log = logarithm(process.covariance().variance_a()?)?;
        Law::gaussian(0.5 * (log + log_mean), 0.25 * log_variance)
    }
}
