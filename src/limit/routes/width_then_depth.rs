//! Infinite width, then infinite depth.

use crate::Result;
use crate::activation::Dual;
use crate::architecture::Architecture;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::NeuralFunction;

/// The limit of [`InfiniteDepth`](crate::depth::InfiniteDepth).
#[derive(Debug)]
pub struct DepthLimit<'a, N> {
    net: &'a N,
}

impl<'a, N: Architecture<Activation: Dual>> DepthLimit<'a, N> {
    /// Of an architecture.
    pub fn new(net: &'a N) -> Self {
        Self { net }
    }
}

impl<N: Architecture<Activation: Dual>> Limit for DepthLimit<'_, N> {
    fn regime(&self) -> Regime {
        Regime::WidthThenDepth
    }

    fn route(&self) -> String {
        "infinite-depth limit of the recursion".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            function.at_infinite_width(&self.net.infinite_depth().pair_at(a, b, time)?)
        })
    }
}
