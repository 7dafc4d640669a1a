//! The correlation as a neural function.

use super::{NeuralFunction, pair};
use crate::limit::Law;
use crate::sample::Draw;
use crate::{Error, Inputs, Result, ScaledCovariance};

/// $\hat c(a,b) = \hat q(a,b) / \sqrt{\hat q(a,a) \hat q(b,b)}$.
///
/// At infinite width it is deterministic. A network that maps an input to the zero vector has none: such
/// draws are counted apart in an [`Empirical`](crate::limit::Empirical) law.
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

    fn of_network(&self, draw: &Draw, points: &[usize]) -> Result<f64> {
        draw.correlation(points[0], points[1])
    }

    fn at_infinite_width(&self, k: &ScaledCovariance) -> Result<Law> {
        Ok(Law::Deterministic(k.correlation()?))
    }

    fn with_log_normal_scale(&self, k: &ScaledCovariance, _: f64, _: f64) -> Result<Law> {
        self.at_infinite_width(k)
    }
}
