//! The covariance kernel as a neural function.

use super::{Need, NeuralFunction, Process, empirical, pair};
use crate::law::Law;
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Inputs, PairCovariance, Result};

/// $\hat q(a, b) = \langle Y(a), Y(b) \rangle / n$; with $a = b$, the normalised squared norm.
///
/// At infinite width it is deterministic, $q(a,b)$.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance(Inputs<'static>);

impl Covariance {
    /// Of two inputs.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn between(a: &[f64], b: &[f64]) -> Result<Self> {
        pair(a, b).map(Self)
    }
}

impl NeuralFunction for Covariance {
    fn name(&self) -> String {
        "covariance".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Covariances]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        record.draw().covariance(points[0], points[1])
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        Ok(Law::Deterministic(process.covariance().covariance()?))
    }

    fn with_fluctuations(
        &self,
        process: &Process,
        fluctuation: &PairFluctuation,
        width: usize,
    ) -> Result<Law> {
        fluctuation.covariance_law(process.covariance(), width)
    }

    fn of_covariances(&self, covariances: &[PairCovariance]) -> Result<Law> {
        empirical(covariances.iter().map(PairCovariance::covariance))
    }

    fn with_log_normal_scale(
        &self,
        process: &Process,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        let k = process.covariance().covariance()?;
        if k > 0.0 && log_variance > 0.0 {
            Law::log_normal(k.ln() + log_mean, log_variance)
        } else if k == 0.0 || log_variance == 0.0 {
            Ok(Law::Deterministic(k * log_mean.exp()))
        } else {
            Err(crate::Error::unsupported(
                "the law of a negative covariance under a log-normal scale",
                "only positive log-normal laws are represented",
            ))
        }
    }
}
