//! Infinite width, then infinite depth.

use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{Need, NeuralFunction, Process};
use crate::{Error, Result};

/// The limit of [`InfiniteDepth`].
#[derive(Debug)]
pub struct DepthLimit {
    limit: InfiniteDepth,
}

impl DepthLimit {
    /// Of an architecture.
    pub fn new<N: Architecture + ?Sized>(net: &N) -> Self {
        Self {
            limit: net.infinite_depth(),
        }
    }
}

impl Limit for DepthLimit {
    fn regime(&self) -> Regime {
        Regime::WidthThenDepth
    }

    fn route(&self) -> String {
        "infinite-depth limit of the recursion".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            if function.needs().contains(&Need::TangentKernel) {
                return Err(Error::unsupported(
                    format!("the {} at infinite depth", function.name()),
                    "the flow of the tangent kernel is not computed",
                ));
            }
            let k = self.limit.pair_at(a, b, time)?;
            function.at_infinite_width(&Process::new(k))
        })
    }
}
