//! Infinite width at finite depth.

use crate::Result;
use crate::architecture::Architecture;
use crate::kernel::{InInfiniteWidth, InfiniteWidth};
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::NeuralFunction;

/// The layer recursion of [`InfiniteWidth`].
#[derive(Debug)]
pub struct LayerRecursion {
    recursion: InfiniteWidth,
}

impl LayerRecursion {
    /// Of an architecture at a depth.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for depth 0, or coefficients that are not finite.
    pub fn new<N: Architecture + ?Sized>(net: &N, depth: usize) -> Result<Self> {
        Ok(Self {
            recursion: net.infinite_width(depth)?,
        })
    }
}

impl Limit for LayerRecursion {
    fn regime(&self) -> Regime {
        Regime::InfiniteWidth {
            depth: self.recursion.depth(),
        }
    }

    fn route(&self) -> String {
        "layer recursion".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        let recursion = self.recursion.clone().at_time(time);
        super::each(functions, |function, a, b| {
            let recursion = recursion.as_ref().map_err(Clone::clone)?;
            let process = super::process(
                function,
                (a, b),
                |a, b| recursion.pair(a, b),
                || recursion.tangent_pair(a, b),
            );
            function.at_infinite_width(&process?)
        })
    }
}
