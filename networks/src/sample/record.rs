//! All that can be read off one random network.

use super::{Draw, Gradients};
use crate::network::{Drawn, Signal};
use crate::{Error, Result};

/// One random network at $m$ inputs: its covariances, its neurons, and its weights where they were asked for.
#[derive(Debug)]
pub struct Record {
    draw: Draw,
    neurons: Signal,
    network: Option<Box<dyn Drawn>>,
    gradients: Option<Gradients>,
}

impl Record {
    /// What a sampler saw: the neurons, and the network where a function asked for it.
    #[doc(hidden)]
    pub fn new(neurons: Signal, network: Option<Box<dyn Drawn>>) -> Self {
        Self {
            draw: Draw::new(&neurons),
            neurons,
            network,
            gradients: None,
        }
    }

    pub(super) fn with_gradients(self, gradients: Gradients) -> Self {
        Self {
            gradients: Some(gradients),
            ..self
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

    /// Gradients of the first output.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where they were not asked for.
    pub fn gradients(&self) -> Result<&Gradients> {
        self.gradients.as_ref().ok_or_else(|| {
            Error::unsupported(
                "the gradients of a sampled network",
                "the neural function does not ask for them (Need::Gradients or Need::TangentKernel)",
            )
        })
    }
}
