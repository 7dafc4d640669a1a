//! The correlation as a neural function.

use super::{Need, NeuralFunction, Process, empirical, pair};
use crate::law::Law;
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Error, Inputs, PairCovariance, Result};

/// $\hat c(a,b) = \hat q(a,b) / \sqrt{\hat q(a,a) \hat q(b,b)}$.
///
/// At infinite width it is deterministic. A network that maps an input to the zero vector has none: such
/// draws are counted apart in an [`Empirical`](crate::law::Empirical) law.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation(Inputs<'static>);

impl Correlation {
    /// Of two inputs.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::ZeroVector`] naming the point that is zero.
    pub fn between(a: &[f64], b: &[f64]) -> Result<Self> {
        let inputs = pair(a, b)?;
        for (name, point) in [("a", a), ("b", b)] {
            if point.iter().all(|entry| *entry == 0.0) {
                return Err(Error::ZeroVector {
                    argument: name.to_owned(),
                });
            }
        }
        Ok(Self(inputs))
    }
}

impl NeuralFunction for Correlation {
    fn name(&self) -> String {
        "correlation".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Covariances]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        record.draw().correlation(points[0], points[1])
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        Ok(Law::Deterministic(process.covariance().correlation()?))
    }

    fn with_fluctuations(
        &self,
        process: &Process,
        fluctuation: &PairFluctuation,
        width: usize,
    ) -> Result<Law> {
        fluctuation.correlation_law(process.covariance(), width)
    }

    fn of_covariances(&self, covariances: &[PairCovariance]) -> Result<Law> {
        empirical(covariances.iter().map(PairCovariance::correlation))
    }

    fn with_log_normal_scale(&self, process: &Process, _: f64, _: f64) -> Result<Law> {
        self.at_infinite_width(process)
    }
}
