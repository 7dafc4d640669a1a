//! Infinite width at finite depth.

use crate::Result;
use crate::activation::Dual;
use crate::architecture::Architecture;
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::NeuralFunction;

/// The layer recursion of [`InfiniteWidth`](crate::kernel::InfiniteWidth).
#[derive(Debug)]
pub struct LayerRecursion<'a, N> {
    net: &'a N,
    depth: usize,
}

impl<'a, N: Architecture<Activation: Dual>> LayerRecursion<'a, N> {
    /// Of an architecture at a depth.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for depth 0.
    pub fn new(net: &'a N, depth: usize) -> Result<Self> {
        error::size("depth", depth)?;
        Ok(Self { net, depth })
    }
}

impl<N: Architecture<Activation: Dual>> Limit for LayerRecursion<'_, N> {
    fn regime(&self) -> Regime {
        Regime::InfiniteWidth { depth: self.depth }
    }

    fn route(&self) -> String {
        "layer recursion".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            let recursion = self.net.infinite_width(self.depth)?.at_time(time)?;
            function.at_infinite_width(&recursion.pair(a, b)?)
        })
    }
}
