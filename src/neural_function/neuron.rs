//! A single neuron as a neural function.

use super::{Need, NeuralFunction, Process};
use crate::law::Law;
use crate::sample::Record;
use crate::{Inputs, Result};

/// $Y^1(a)$, the pre-activation of the first neuron (all neurons have the same law).
///
/// At infinite width it is $\mathcal N(0, q(a,a))$ (S. Hayou and G. Yang 2023, arXiv 2302.00453, theorem 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Neuron(Inputs<'static>);

impl Neuron {
    /// At one input.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn at(a: &[f64]) -> Result<Self> {
        Inputs::from_rows(&[a]).map(Self)
    }
}

impl NeuralFunction for Neuron {
    fn name(&self) -> String {
        "neuron".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Neurons]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        record.draw().first_neuron(points[0])
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        Law::gaussian(0.0, process.covariance().variance_a()?)
    }

    fn with_log_normal_scale(
        &self,
        process: &Process,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        let variance = process.covariance().variance_a()?;
        Law::log_normal_scale(variance, log_mean, log_variance)
    }

    fn of_neuron(&self, neuron: &Law) -> Result<Law> {
        Ok(neuron.clone())
    }
}
