//! Norms of gradients as neural functions.

use super::{Need, NeuralFunction, Process};
use crate::law::Law;
use crate::sample::Record;
use crate::{Error, Inputs, Result};

/// $\lVert \nabla_l Y^1(a) \rVert$, the norm of the first output's gradient by the trained numbers of dense
/// layer $l$, or of all layers together.
///
/// Over all layers it is $\sqrt{\Theta(a,a)}$ at infinite width (A. Jacot, F. Gabriel and C. Hongler 2018,
/// arXiv 1806.07572). The recursion of $\Theta$ sums the layers up, so a single layer's share has a law for
/// sampled networks alone.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientNorm {
    inputs: Inputs<'static>,
    layer: Option<usize>,
}

impl GradientNorm {
    /// Over all layers, at one input.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn at(a: &[f64]) -> Result<Self> {
        Ok(Self {
            inputs: Inputs::from_rows(&[a])?,
            layer: None,
        })
    }

    /// Of the dense layer of index `layer`, counted from 0 at the inputs (branches in their order).
    pub fn of_layer(self, layer: usize) -> Self {
        Self {
            layer: Some(layer),
            ..self
        }
    }
}

impl NeuralFunction for GradientNorm {
    fn name(&self) -> String {
        self.layer.map_or_else(
            || "gradient norm".to_owned(),
            |layer| format!("gradient norm, layer {layer}"),
        )
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    fn needs(&self) -> &[Need] {
        match self.layer {
            None => &[Need::TangentKernel],
            Some(_) => &[Need::Gradients],
        }
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let gradients = record.gradients()?;
        let kernel = match self.layer {
            None => gradients.tangent_kernel(),
            Some(layer) => gradients.layers().get(layer).ok_or_else(|| {
                let expected = format!("an index below {}", gradients.layers().len());
                Error::invalid("layer", layer, expected)
            })?,
        };
        Ok(kernel[(points[0], points[0])].sqrt())
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        match self.layer {
            None => Ok(Law::Deterministic(process.tangent()?.sqrt())),
            Some(layer) => Err(Error::unsupported(
                format!("the share of layer {layer} in the tangent kernel"),
                "the recursion of infinite width sums all layers; sampled networks have it",
            )),
        }
    }
}
