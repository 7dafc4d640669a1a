//! The largest singular value of the outputs' Jacobian as a neural function.

use super::{Need, NeuralFunction, Process};
use crate::law::Law;
use crate::sample::{EmpiricalKernels, Record};
use crate::{Error, Inputs, Result};

/// $\sigma_{\max}(\partial Y/\partial a)/\sqrt n$, the largest singular value of the $n \times d$ Jacobian of
/// all outputs by the input.
///
/// At infinite width $J^\top J/n \to G$, the [metric](super::InputMetric) that the kernel pulls back to the
/// inputs, so it is $\sqrt{\lambda_{\max}(G)}$ (B. Poole et al. 2016, arXiv 1606.05340; the spectrum at
/// $d \sim n$ is another matter: J. Pennington, S. Schoenholz and S. Ganguli 2017, arXiv 1711.04735).
///
/// Networks are drawn with all of their weights, and $O(n^3 L)$ work goes into the passes of the $n$ outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct JacobianNorm(Inputs<'static>);

impl JacobianNorm {
    /// At one input.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::ZeroVector`], where the limit's metric has no radial direction.
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

impl NeuralFunction for JacobianNorm {
    fn name(&self) -> String {
        "Jacobian's norm".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::Network, Need::InputMetric]
    }

    fn of_network(&self, record: &Record, _: &[usize]) -> Result<f64> {
        let network = record.network()?;
        let values = EmpiricalKernels::of(network, &self.0).singular_values()?;
        let largest = values.first().and_then(|values| values.first());
        let largest = largest
            .ok_or_else(|| Error::undefined("a singular value", "the Jacobian has no entries"))?;
        let width = network.width(self.0.dimension());
        Ok(largest / (width as f64).sqrt())
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        let metric = process.metric()?;
        let transverse = if self.0.dimension() > 1 {
            metric.transverse
        } else {
            0.0
        };
        Ok(Law::Deterministic(metric.radial.max(transverse).sqrt()))
    }
}
