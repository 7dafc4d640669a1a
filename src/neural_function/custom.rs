//! Neural functions of users.

use std::fmt;
use std::sync::Arc;

use super::{Need, NeuralFunction, Process};
use crate::law::Law;
use crate::sample::Record;
use crate::{Error, Inputs, Result};

type Read = dyn Fn(&Record, &[usize]) -> Result<f64> + Send + Sync;
type LimitLaw = dyn Fn(&Process) -> Result<Law> + Send + Sync;

/// Any function of a drawn network, as a closure, with or without its law at infinite width.
///
/// Without one, the ways of taking $n$ and $L$ to infinity are compared with each other by their samples
/// ([`RouteComparison`](crate::limit::RouteComparison)).
///
/// ```
/// use neural_limits::neural_function::{CustomFunction, Need};
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 0.0]])?;
/// // the largest neuron, which grows as √(2 log n): there is no limit
/// let largest = CustomFunction::new("largest neuron", x, &[Need::Neurons], |record, points| {
///     let y = record.neurons().column(points[0]);
///     Ok(y.iter().fold(0.0, |m: f64, y| m.max(y.abs())))
/// });
/// let networks = routes::FiniteNetworks::new(&ResNet::new(Relu), 64, 8, 10, 7)?;
/// assert!(networks.law(&largest, 1.0)?.mean() > 1.0);
/// assert!(routes::DepthLimit::new(&ResNet::new(Relu)).law(&largest, 1.0).is_err());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct CustomFunction {
    name: String,
    inputs: Inputs<'static>,
    needs: Vec<Need>,
    read: Arc<Read>,
    limit: Option<Arc<LimitLaw>>,
}

impl fmt::Debug for CustomFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomFunction")
            .field("name", &self.name)
            .field("inputs", &self.inputs)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

impl CustomFunction {
    /// Of inputs, with what `read` reads; it gets a network's record and the indices of the inputs within it.
    pub fn new(
        name: impl Into<String>,
        inputs: Inputs<'static>,
        needs: &[Need],
        read: impl Fn(&Record, &[usize]) -> Result<f64> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            inputs,
            needs: needs.to_vec(),
            read: Arc::new(read),
            limit: None,
        }
    }

    /// With its law when neurons are the process of infinite width.
    pub fn with_limit(
        self,
        limit: impl Fn(&Process) -> Result<Law> + Send + Sync + 'static,
    ) -> Self {
        Self {
            limit: Some(Arc::new(limit)),
            ..self
        }
    }
}

impl NeuralFunction for CustomFunction {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// What the closure gives; a number that is not finite is [`Error::Undefined`].
    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let value = (self.read)(record, points)?;
        if value.is_finite() {
            Ok(value)
        } else {
            let reason = format!("its closure gave {value}");
            Err(Error::undefined(self.name.as_str(), reason))
        }
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        match &self.limit {
            Some(limit) => limit(process),
            None => Err(Error::unsupported(
                format!("the law of the {} at infinite width", self.name),
                "it is a function of sampled networks; CustomFunction::with_limit gives it one",
            )),
        }
    }
}
