//! The claim that two laws are one.

use super::{FALSE_ALARM, Failure, Refutation};
use crate::error::{self, Error};
use crate::law::{Empirical, Law};

/// The claim that two samples are from one law, or that a sample is from a given one.
///
/// It is tested by the [Kolmogorov–Smirnov test](Empirical::test), with exact p-values at small sizes. For
/// points in space see [`energy_test`](crate::statistics::energy_test).
///
/// ```
/// use neural_limits::claims::SameLaw;
/// use neural_limits::prelude::*;
/// // a neuron of an MLP of two layers is Gaussian only if the first is wide
/// let net = Mlp::new(Relu).initialized_by(Initialization::he());
/// let neuron = Neuron::at(&[1.0, 1.0])?;
/// let limit = routes::LayerRecursion::new(&net, 1)?.law(&neuron, 1.0)?;
/// let law = |width| routes::FiniteNetworks::new(&net, width, 1, 2000, 1)?.law(&neuron, 1.0);
/// assert!(SameLaw::new(&law(1000)?, &limit).check().is_ok());
/// assert!(SameLaw::new(&law(2)?, &limit).check().is_err());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SameLaw<'a> {
    first: &'a Law,
    second: &'a Law,
    name: String,
    false_alarm: f64,
}

impl<'a> SameLaw<'a> {
    /// Of two laws, at least one of them a sample; false alarms of probability 1e-6.
    pub fn new(first: &'a Law, second: &'a Law) -> Self {
        Self {
            first,
            second,
            name: "the two laws".to_owned(),
            false_alarm: FALSE_ALARM,
        }
    }

    /// Sets what they are laws of, for the message.
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the probability of false alarm.
    pub fn false_alarm(mut self, probability: f64) -> Self {
        self.false_alarm = probability;
        self
    }

    /// Tests the claim.
    ///
    /// # Errors
    /// [`Failure::Refuted`]; [`Failure::Untested`] for two laws without a sample (they are equal or not,
    /// without chance), a sample against a number, a probability outside of $[0, 1]$.
    pub fn check(&self) -> Result<(), Failure> {
        let level = error::unit_interval("false_alarm", self.false_alarm)?;
        let (sample, other): (&Empirical, &Law) = match (self.first, self.second) {
            (Law::Empirical(sample), other) | (other, Law::Empirical(sample)) => (sample, other),
            _ => {
                return Err(Failure::Untested(Error::unsupported(
                    "a test of two laws without a sample",
                    "their distance is Law::kolmogorov_smirnov",
                )));
            }
        };
        let test = sample.test(other)?;
        if test.p_value >= level {
            return Ok(());
        }
        Err(Failure::Refuted(Refutation {
            claim: format!("{} are one", self.name),
            found: format!(
                "{} and {} are at a Kolmogorov-Smirnov distance of {:.3}",
                self.first, self.second, test.statistic
            ),
            test,
            level,
        }))
    }
}
