//! A block many times.

use std::sync::Arc;

use super::directions::Doublings;
use super::{Directions, KernelBlock, Layer, Network, Outline};
use crate::{Result, error};

/// The same layers, with weights of their own, many times in a row.
#[derive(Debug, Clone)]
pub struct Repeat<'n> {
    times: usize,
    block: Network<'n>,
    doublings: Doublings,
}

impl<'n> Repeat<'n> {
    /// `block`, `times` times.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for 0 or more than 10⁹ times.
    pub fn new(times: usize, block: Network<'n>) -> Result<Self> {
        error::size("times", times)?;
        Ok(Self {
            times,
            block,
            doublings: Doublings::default(),
        })
    }
}

impl Layer for Repeat<'_> {
    fn name(&self) -> String {
        format!("{} x [{}]", self.times, self.block.name())
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        // what comes out of the first block must suit the second, and so on: after two the outline stays
        let mut outline = input;
        for _ in 0..self.times.min(3) {
            outline = self.block.outline(outline)?;
        }
        Ok(outline)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        for _ in 0..self.times {
            self.block.apply(block)?;
        }
        Ok(())
    }

    fn has_tables(&self) -> bool {
        self.block.has_tables()
    }

    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
        if !self.has_tables() {
            return Ok(None);
        }
        let mut points = points.clone();
        let mut blocks: Network<'a> = Network::new();
        for _ in 0..self.times {
            let prepared = self.block.prepared(&points)?;
            prepared.apply(&mut points)?;
            blocks = blocks.then(prepared);
        }
        Ok(Some(Arc::new(blocks)))
    }

    fn pair_cost(&self) -> f64 {
        self.times as f64 * self.block.pair_cost()
    }

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        let map = |state: &mut Directions| self.block.directions(state);
        state.repeat(self.times, &map, &self.doublings)
    }
}
