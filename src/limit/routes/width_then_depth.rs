//! Infinite width, then infinite depth.

use crate::Result;
use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::NeuralFunction;

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
            let process = super::process(
                function,
                (a, b),
                |a, b| self.limit.pair_at(a, b, time),
                || self.limit.tangent_pair_at(a, b, time),
            );
            function.at_infinite_width(&process?)
        })
    }
}
