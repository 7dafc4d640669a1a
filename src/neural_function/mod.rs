//! Neural functions: maps of a random network, at given inputs, to a number.
//!
//! | file | value for a network of width $n$ |
//! |---|---|
//! | [`Covariance`] | $\langle Y(a), Y(b) \rangle / n$ |
//! | [`Correlation`] | the cosine of the angle between $Y(a)$ and $Y(b)$ |
//! | [`Neuron`] | $Y^1(a)$ |
//!
//! The term is S. Hayou's (2023, arXiv 2310.01683). To add one, write one file that implements
//! [`NeuralFunction`].

mod correlation;
mod covariance;
mod neuron;

use std::fmt::Debug;

pub use correlation::Correlation;
pub use covariance::Covariance;
pub use neuron::Neuron;

use crate::limit::Law;
use crate::sample::Draw;
use crate::{Error, Inputs, Result, ScaledCovariance};

/// A number read off a random network at one or two inputs, and its law when the width is infinite.
///
/// Every regime is built on these two readings, so a new neural function has all of its limits at once.
pub trait NeuralFunction: Debug + Send + Sync {
    /// The function in words.
    fn name(&self) -> String;

    /// Its one or two inputs.
    fn inputs(&self) -> &Inputs<'static>;

    /// The value for one finite network; `points` are the indices of the inputs within the draw.
    ///
    /// # Errors
    /// Those of the accessors of [`Draw`].
    fn of_network(&self, draw: &Draw, points: &[usize]) -> Result<f64>;

    /// The law when neurons are independent $\mathcal N(0, K)$ across inputs, with $K$ the covariance of the
    /// (first and last) input.
    ///
    /// # Errors
    /// Those of the accessors of [`ScaledCovariance`].
    fn at_infinite_width(&self, k: &ScaledCovariance) -> Result<Law>;

    /// The law when $K$ is multiplied by an independent log-normal factor $e^g$,
    /// $g \sim \mathcal N$(`log_mean`, `log_variance`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if no [`Law`] describes it.
    fn with_log_normal_scale(
        &self,
        _k: &ScaledCovariance,
        _log_mean: f64,
        _log_variance: f64,
    ) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} under a log-normal scale", self.name()),
            "its law has no closed form",
        ))
    }
}

/// Two points as inputs.
fn pair(a: &[f64], b: &[f64]) -> Result<Inputs<'static>> {
    Inputs::from_rows(&[a, b])
}
