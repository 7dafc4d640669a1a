//! Equidistant nodes.

use std::fmt;

use crate::error;
use crate::{Error, Result};

/// Equidistant nodes, an odd number of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UniformGrid {
    low: f64,
    high: f64,
    nodes: usize,
}

impl UniformGrid {
    /// From the first to the last of `nodes` nodes.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless both ends are finite and ascending and the number of nodes is odd, at least
    /// 9 and at most 10⁹.
    pub fn new(low: f64, high: f64, nodes: usize) -> Result<Self> {
        error::finite("low", low)?;
        error::finite_square("high - low", high - low)?;
        if high <= low {
            let expected = format!("a number > low = {low}");
            return Err(Error::invalid("high", high, expected));
        }
        if error::size("nodes", nodes)? < 9 || nodes.is_multiple_of(2) {
            return Err(Error::invalid("nodes", nodes, "an odd number >= 9"));
        }
        Ok(Self { low, high, nodes })
    }

    /// The first node.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The last node.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// How many there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The distance between two of them.
    pub fn spacing(&self) -> f64 {
        (self.high - self.low) / (self.nodes - 1) as f64
    }

    /// Every second node.
    pub(super) fn coarser(self) -> Self {
        Self {
            nodes: self.nodes / 2 + 1,
            ..self
        }
    }
}

impl fmt::Display for UniformGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}] with {} nodes", self.low, self.high, self.nodes)
    }
}
