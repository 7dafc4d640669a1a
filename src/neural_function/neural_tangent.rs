//! The tangent kernel as a neural function.

use super::{Need, NeuralFunction, Process, pair};
use crate::law::Law;
use crate::sample::Record;
use crate::{Inputs, Result};

/// $\hat\Theta(a, b) = \langle \nabla Y^1(a), \nabla Y^1(b) \rangle$, the tangent kernel of the first output
/// (all outputs have the same law; A. Jacot, F. Gabriel and C. Hongler 2018, arXiv 1806.07572).
///
/// At infinite width it is deterministic, $\Theta(a, b)$.
///
/// ```
/// use neural_limits::neural_function::NeuralTangent;
/// use neural_limits::prelude::*;
/// let tangent = NeuralTangent::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let net = ResNet::new(Relu);
/// let finite = routes::FiniteNetworks::new(&net, 64, 8, 100, 7)?;
/// let limit = routes::LayerRecursion::new(&net, 8)?;
/// let mean = |route: &dyn Limit| route.law(&tangent, 1.0).map(|law| law.mean());
/// assert!((mean(&finite)? / mean(&limit)? - 1.0).abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NeuralTangent(Inputs<'static>);

impl NeuralTangent {
    /// Of two inputs.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn between(a: &[f64], b: &[f64]) -> Result<Self> {
        pair(a, b).map(Self)
    }
}

impl NeuralFunction for NeuralTangent {
    fn name(&self) -> String {
        "tangent kernel".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.0
    }

    fn needs(&self) -> &[Need] {
        &[Need::TangentKernel]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        Ok(record.gradients()?.tangent_kernel()[(points[0], points[1])])
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        process.tangent().map(Law::Deterministic)
    }
}
