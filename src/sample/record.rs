//! All that can be read off one random network.

use super::Draw;
use crate::network::{Drawn, Signal};
use crate::{Error, Result};

/// One random network at $m$ inputs: its covariances, its neurons, and its weights where they were asked for.
#[derive(Debug)]
pub struct Record {
    draw: Draw,
    neurons: Signal,
    network: Option<Box<dyn Drawn>>,
}

impl Record {
    pub(crate) fn new(neurons: Signal, network: Option<Box<dyn Drawn>>) -> Self {
        Self {
            draw: Draw::new(&neurons),
            neurons,
            network,
        }
    }

    /// Covariances and the first neuron.
    pub fn draw(&self) -> &Draw {
        &self.draw
    }

    /// All neurons.
    pub fn neurons(&self) -> &Signal {
        &self.neurons
    }

    /// The network itself.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it was not asked for.
    pub fn network(&self) -> Result<&dyn Drawn> {
        self.network.as_deref().ok_or_else(|| {
            Error::unsupported(
                "the weights of a sampled network",
                "the neural function does not ask for them (Need::Network)",
            )
        })
    }
}
