//! Gradients of a sampled network's first output.

use nalgebra::DMatrix;

use super::tangent::TangentSink;
use crate::network::{Conditioned, Drawn, Signal};
use crate::random::Stream;
use crate::{Error, Result};

/// Gradients of $f = Y^1$, the first output of one random network, at $m$ inputs (all outputs have the same
/// law).
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    layers: Vec<DMatrix<f64>>,
    tangent: DMatrix<f64>,
    inputs: DMatrix<f64>,
}

impl Gradients {
    /// By the backward pass of a network with weights, which has seen a signal.
    pub(super) fn of_weights(network: &dyn Drawn, x: &Signal, width: usize) -> Result<Self> {
        Self::collected(x, |sink| {
            let deltas = Signal::unit_deltas(width, x.points(), 0..1)?;
            network.backward(x, deltas, sink)
        })
    }

    /// By the backward pass of a network that is known on a signal.
    pub(super) fn of_conditioned(
        network: Box<dyn Conditioned>,
        x: &Signal,
        width: usize,
        rng: &mut Stream,
    ) -> Result<Self> {
        Self::collected(x, |sink| {
            let deltas = Signal::unit_deltas(width, x.points(), 0..1)?;
            network.backward(deltas, sink, rng)
        })
    }

    fn collected(
        x: &Signal,
        pass: impl FnOnce(&mut TangentSink) -> Result<Signal>,
    ) -> Result<Self> {
        let m = x.points();
        let mut sink = TangentSink::new(m, 1, true);
        sink.layers = Some(Vec::new());
        sink.wants_inputs = true;
        let inputs = pass(&mut sink)?.to_matrix()?;
        let layers = sink.layers.unwrap_or_default();
        let matrix = |entries: &[f64]| DMatrix::from_row_slice(m, m, entries);
        let layers: Vec<_> = layers.iter().rev().map(|layer| matrix(layer)).collect();
        let tangent = matrix(&sink.sum);
        if tangent.iter().all(|entry| entry.is_finite()) {
            Ok(Self {
                layers,
                tangent,
                inputs,
            })
        } else {
            Err(Error::overflow("the tangent kernel of a network"))
        }
    }

    /// $\hat\Theta(x_i, x_j) = \langle \nabla f(x_i), \nabla f(x_j) \rangle$ over all trained numbers,
    /// $m \times m$.
    pub fn tangent_kernel(&self) -> &DMatrix<f64> {
        &self.tangent
    }

    /// The share of each dense layer in the tangent kernel, from the inputs on: their sum is the kernel, and
    /// their diagonals are squared gradient norms.
    pub fn layers(&self) -> &[DMatrix<f64>] {
        &self.layers
    }

    /// $\partial f/\partial x$ at each input, $d \times m$.
    pub fn by_inputs(&self) -> &DMatrix<f64> {
        &self.inputs
    }
}
