//! What the backward pass of a network hands out: gradients in factors.

use super::Signal;
use crate::Result;

/// The gradients of one dense layer's parameters at $m$ inputs, of $k$ functions $f_r$ of the network, in
/// factors.
///
/// With the layer $Y = WH + b$ and $\Delta = \partial f/\partial Y$, the gradient of $f_r$ at input $a$ is
/// $\partial f_r/\partial W = \delta h^\top$ with $h$ column $a$ of $H$ and $\delta$ column $rm + a$ of
/// $\Delta$, and $\partial f_r/\partial b = \delta$. No $n \times n$ matrix is formed: inner products of
/// gradients are $(H^\top H) \circ (\Delta^\top \Delta)$.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    /// $H$, the $n \times m$ neurons before the layer.
    pub features: &'a Signal,
    /// $\Delta$, with $km$ columns: column $rm + a$ is that of function $r$ at input $a$.
    pub deltas: &'a Signal,
    /// $g$: a gradient step of rate $\eta$ takes $W$ by $-\eta g\, \partial f/\partial W$; 0 for weights that
    /// are not trained. It is what [`Parametrization`](super::Parametrization) and $\sigma_w$ say.
    pub weight_rate: f64,
    /// The same of biases.
    pub bias_rate: f64,
    /// Of pruned layers, which weights are kept (row by row of $W$): the others have no gradient.
    pub kept: Option<&'a [bool]>,
}

/// What is done with gradients: a tangent kernel, norms, a step of training.
pub trait GradientSink {
    /// Receives the gradients of a dense layer: the last layer's first.
    ///
    /// # Errors
    /// Whatever the sink cannot do; the backward pass ends with it.
    fn dense(&mut self, factors: Factors<'_>) -> Result<()>;

    /// Whether the backward pass has to go on to the inputs of the network. If not, zeros are returned
    /// instead of their gradients.
    fn wants_inputs(&self) -> bool {
        true
    }
}

/// Only gradients of the inputs are wanted.
impl GradientSink for () {
    fn dense(&mut self, _: Factors<'_>) -> Result<()> {
        Ok(())
    }
}
