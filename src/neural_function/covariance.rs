//! The covariance kernel as a neural function.

use super::{NeuralFunction, pair};
use crate::limit::Law;
use crate::sample::Draw;
use crate::{Inputs, Result, ScaledCovariance};

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

    fn of_network(&self, draw: &Draw, points: &[usize]) -> Result<f64> {
        draw.covariance(points[0], points[1])
    }

    fn at_infinite_width(&self, k: &ScaledCovariance) -> Result<Law> {
        Ok(Law::Deterministic(k.covariance()?))
    }

    fn with_log_normal_scale(
        &self,
        k: &ScaledCovariance,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        let k = k.covariance()?;
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
