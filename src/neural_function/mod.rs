//! Neural functions: maps of a random network, at given inputs, to a number.
//!
//! | file | value for a network of width $n$ |
//! |---|---|
//! | [`Covariance`] | $\langle Y(a), Y(b) \rangle / n$ |
//! | [`Correlation`] | the cosine of the angle between $Y(a)$ and $Y(b)$ |
//! | [`Neuron`] | $Y^1(a)$ |
//! | [`NeuralTangent`] | $\langle \nabla Y^1(a), \nabla Y^1(b) \rangle$ |
//!
//! The term is S. Hayou's (2023, arXiv 2310.01683). To add one, write one file that implements
//! [`NeuralFunction`].

mod correlation;
mod covariance;
mod neural_tangent;
mod neuron;

use std::fmt::Debug;

pub use correlation::Correlation;
pub use covariance::Covariance;
pub use neural_tangent::NeuralTangent;
pub use neuron::Neuron;

use crate::kernel::TangentKernel;
use crate::law::{Empirical, Law};
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Error, Inputs, PairCovariance, Result, ScaledCovariance};

/// What a neural function reads of a network. Samplers and limits provide what is asked for, and nothing
/// else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The covariances of its inputs, $\langle Y(a), Y(b) \rangle / n$.
    Covariances,
    /// Its neurons.
    Neurons,
    /// Its tangent kernel.
    TangentKernel,
    /// Gradients of its outputs.
    Gradients,
    /// The network itself, with all of its weights.
    Network,
}

/// A number read off a random network at one or two inputs, and its law when the width is infinite.
///
/// Every regime is built on these readings, so a new neural function has all of its limits at once.
pub trait NeuralFunction: Debug + Send + Sync {
    /// The function in words.
    fn name(&self) -> String;

    /// Its one or two inputs.
    fn inputs(&self) -> &Inputs<'static>;

    /// What it reads; covariances and neurons by default.
    fn needs(&self) -> &[Need] {
        &[Need::Covariances, Need::Neurons]
    }

    /// The value for one finite network; `points` are the indices of the inputs within the record.
    ///
    /// # Errors
    /// Those of the accessors of [`Record`].
    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64>;

    /// The law when neurons are independent Gaussian processes of the inputs.
    ///
    /// # Errors
    /// Those of the accessors of [`Process`] and [`ScaledCovariance`].
    fn at_infinite_width(&self, process: &Process) -> Result<Law>;

    /// The law where neurons are independent and one of them, at the function's input, has the law `neuron`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if it is not a function of one neuron.
    fn of_neuron(&self, _neuron: &Law) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} from that of a neuron", self.name()),
            "it is not a function of one neuron",
        ))
    }

    /// The law when covariances are multiplied by an independent log-normal factor $e^g$,
    /// $g \sim \mathcal N$(`log_mean`, `log_variance`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if no [`Law`] describes it.
    fn with_log_normal_scale(
        &self,
        _process: &Process,
        _log_mean: f64,
        _log_variance: f64,
    ) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} under a log-normal scale", self.name()),
            "its law has no closed form",
        ))
    }

    /// The law in networks of large width $n$, to first order in $1/n$: covariances fluctuate around those of
    /// the process.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if no [`Law`] describes it; those of the laws of
    /// [`PairFluctuation`].
    fn with_fluctuations(
        &self,
        _process: &Process,
        _fluctuation: &PairFluctuation,
        _width: usize,
    ) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} to order 1/n", self.name()),
            "it is not a function of covariances",
        ))
    }

    /// The empirical law of the function over networks of infinite width whose covariances at the two inputs
    /// are random, given as a sample.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if it is not a function of the covariances.
    fn of_covariances(&self, _covariances: &[PairCovariance]) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} from covariances", self.name()),
            "it is not a function of covariances",
        ))
    }
}

/// What neurons are at infinite width: independent Gaussian processes, here at the first and the last input
/// of a neural function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    covariance: ScaledCovariance,
    tangent: Option<TangentKernel>,
}

impl Process {
    /// Of a covariance $K$.
    pub fn new(covariance: ScaledCovariance) -> Self {
        Self {
            covariance,
            tangent: None,
        }
    }

    /// With the tangent kernel.
    pub fn with_tangent(tangent: TangentKernel) -> Self {
        Self {
            covariance: tangent.covariance(),
            tangent: Some(tangent),
        }
    }

    /// $K$.
    pub fn covariance(&self) -> &ScaledCovariance {
        &self.covariance
    }

    /// $\Theta$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it was not asked for by [`NeuralFunction::needs`];
    /// [`Error::Overflow`].
    pub fn tangent(&self) -> Result<f64> {
        let tangent = self.tangent.as_ref().ok_or_else(|| {
            Error::unsupported(
                "the tangent kernel",
                "the neural function does not ask for it (Need::TangentKernel)",
            )
        })?;
        tangent.tangent()
    }
}

/// The law of a sample of values.
fn empirical(values: impl Iterator<Item = f64>) -> Result<Law> {
    Empirical::new(values.collect(), 0).map(Law::Empirical)
}

/// Two points as inputs.
fn pair(a: &[f64], b: &[f64]) -> Result<Inputs<'static>> {
    Inputs::from_rows(&[a, b])
}
