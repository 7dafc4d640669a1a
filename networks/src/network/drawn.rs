//! Layers with weights.

use std::fmt::Debug;

use nalgebra::DMatrix;

use super::{FanIn, GradientSink, Signal};
use crate::{Error, Result, error};

/// How the layers of a random network are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampler {
    /// From the [conditional law](super::Layer::conditional) given the layer before: exact, and $n/m$ times
    /// cheaper than dense weights. For Gaussian weights.
    #[default]
    Conditional,
    /// From [dense weights](super::Layer::draw).
    Dense,
}

/// Where a layer is drawn: the width of the network, how, and the random numbers.
#[derive(Debug)]
pub struct Site<'a> {
    width: usize,
    sampler: Sampler,
    /// The random numbers.
    pub rng: &'a mut crate::random::Stream,
    /// Room for those of some neurons.
    pub(super) normals: Vec<f64>,
}

impl<'a> Site<'a> {
    /// Of a network of `width` neurons in each layer that does not declare its own.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a width of 0 or above 10⁹.
    pub fn new(width: usize, sampler: Sampler, rng: &'a mut crate::random::Stream) -> Result<Self> {
        Ok(Self {
            width: error::size("width", width)?,
            sampler,
            rng,
            normals: Vec::new(),
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether signals are drawn from conditional laws.
    pub fn is_conditional(&self) -> bool {
        self.sampler == Sampler::Conditional
    }
}

/// The weights $W$ ($n^\prime \times n$, multipliers included) and biases $b$ of a dense layer
/// $Y = WX + b$, whatever its parametrisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// $W$: row $i$ is neuron $i$.
    pub weights: DMatrix<f64>,
    /// $b$, with one entry for each row of $W$.
    pub biases: Vec<f64>,
}

/// A layer whose weights have been drawn.
pub trait Drawn: Debug + Send + Sync {
    /// The number of neurons that come out, from the number that go in.
    fn width(&self, fan_in: usize) -> usize;

    /// The outputs for a signal.
    ///
    /// # Errors
    /// [`Error::Shape`] for a signal of another width than the layer was drawn for; [`Error::Overflow`].
    fn forward(&self, signal: &Signal) -> Result<Signal>;

    /// The backward pass. Given the signal $X$ that [`forward`](Self::forward) saw at $m$ inputs, and the
    /// gradients $\Delta = \partial f/\partial Y$ of $k$ functions of the network by the layer's outputs
    /// (column $rm + a$ is that of function $r$ at input $a$), returns $\partial f/\partial X$ in the same
    /// order, and hands the gradients by its weights to the sink, in [factors](super::Factors).
    ///
    /// Layers in a row compute the signals between them again, so that nothing is stored from pass to pass.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default; [`Error::Shape`] for deltas that do not fit; [`Error::Overflow`];
    /// those of the sink.
    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        let _ = (signal, deltas, sink);
        Err(Error::unsupported(
            format!("the backward pass of {}", std::any::type_name::<Self>()),
            "the layer implements its forward pass only (Drawn::backward is missing)",
        ))
    }

    /// [`forward`](Self::forward), with the outputs of every layer in a row shown to `visit` in turn, those
    /// of rows within rows one by one. (A residual block is one layer, and so are joined branches.)
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and those of `visit`.
    fn forward_each(
        &self,
        signal: &Signal,
        visit: &mut dyn FnMut(&Signal) -> Result<()>,
    ) -> Result<Signal> {
        let out = self.forward(signal)?;
        visit(&out)?;
        Ok(out)
    }

    /// Whether what comes out at one input depends on that input alone, not on its place among the others
    /// either: then parts of a pass may be taken at the same time. By default if all its
    /// [`parts`](Self::parts) are so, and not without parts.
    fn takes_inputs_alone(&self) -> bool {
        let parts = self.parts();
        !parts.is_empty() && parts.iter().all(|part| part.takes_inputs_alone())
    }

    /// The layers that this one is made of, from the inputs on; none by default.
    fn parts(&self) -> Vec<&dyn Drawn> {
        Vec::new()
    }

    /// [`parts`](Self::parts), to be changed.
    fn parts_mut(&mut self) -> Vec<&mut dyn Drawn> {
        Vec::new()
    }

    /// $W$ and $b$ of a dense layer; `None` for the others. [`all_weights`] collects them.
    fn weights(&self) -> Option<Weights> {
        None
    }

    /// Replaces $W$ and $b$ of a dense layer. [`set_all_weights`] does it for a network.
    ///
    /// # Errors
    /// [`Error::Shape`] unless they have the shapes of those drawn; [`Error::Invalid`] naming an entry that
    /// is not finite, or not 0 where a weight was pruned; [`Error::Unsupported`] of other layers.
    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let _ = weights;
        Err(Error::unsupported(
            format!("weights for {}", std::any::type_name::<Self>()),
            "it is not a dense layer",
        ))
    }
}

/// The weights of all dense layers of a network, from the inputs on: branches in their order.
///
/// ```
/// use neural_limits::network::{Signal, all_weights, set_all_weights};
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 0.5]])?;
/// let networks = Mlp::new(Tanh).finite(3, 1)?;
/// let mut network = networks.with_weights(2, &mut Seed::new(7).stream(0))?;
/// let mut weights = all_weights(&*network);
/// assert_eq!(weights[0].weights.shape(), (3, 2));
/// // a network trained elsewhere is read in the same way
/// weights[1].weights.fill(2.0);
/// set_all_weights(&mut *network, &weights)?;
/// let y = network.forward(&Signal::of_inputs(&x))?.to_matrix()?;
/// let first = &weights[0].weights * nalgebra::DVector::from_row_slice(&[1.0, 0.5]);
/// assert!((y[0] - 2.0 * first.map(f64::tanh).sum()).abs() < 1e-14);
/// # Ok::<(), Error>(())
/// ```
pub fn all_weights(network: &dyn Drawn) -> Vec<Weights> {
    let own = network.weights().into_iter();
    let parts = network.parts().into_iter();
    own.chain(parts.flat_map(all_weights)).collect()
}

/// Replaces the weights of all dense layers of a network, in the order of [`all_weights`].
///
/// # Errors
/// [`Error::Shape`] for a number of layers or shapes that differ; otherwise as [`Drawn::set_weights`], with
/// the layers before the one concerned already replaced.
pub fn set_all_weights(network: &mut dyn Drawn, weights: &[Weights]) -> Result<()> {
    let rest = set_some(network, weights)?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(Error::shape(
        "weights",
        format!("{} layers", weights.len()),
        format!("{}, those of the network", weights.len() - rest.len()),
    ))
}

/// Replaces what the network has, and returns the weights that are left.
fn set_some<'w>(network: &mut dyn Drawn, mut weights: &'w [Weights]) -> Result<&'w [Weights]> {
    if network.weights().is_some() {
        let Some((first, rest)) = weights.split_first() else {
            let expected = "those of every dense layer of the network";
            return Err(Error::shape("weights", "too few layers", expected));
        };
        network.set_weights(first)?;
        weights = rest;
    }
    for part in network.parts_mut() {
        weights = set_some(part, weights)?;
    }
    Ok(weights)
}

/// Layers in a row.
#[derive(Debug, Default)]
pub(super) struct DrawnRow(Vec<Box<dyn Drawn>>);

impl DrawnRow {
    /// Of `count` layers behind `fan_in` neurons: `draw` is given a layer's number and the neurons before it.
    pub(super) fn new(
        count: usize,
        fan_in: usize,
        mut draw: impl FnMut(usize, usize) -> Result<Box<dyn Drawn>>,
    ) -> Result<Self> {
        let mut row = Vec::new();
        let mut width = fan_in;
        for i in 0..count {
            let layer = draw(i, width)?;
            width = layer.width(width);
            row.push(layer);
        }
        Ok(Self(row))
    }
}

impl Drawn for DrawnRow {
    fn width(&self, fan_in: usize) -> usize {
        self.0
            .iter()
            .fold(fan_in, |width, layer| layer.width(width))
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(signal.clone());
        };
        let start = first.forward(signal)?;
        rest.iter()
            .try_fold(start, |signal, layer| layer.forward(&signal))
    }

    fn backward(
        &self,
        signal: &Signal,
        mut deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        let Some((last, before)) = self.0.split_last() else {
            return Ok(deltas);
        };
        let mut between: Vec<Signal> = Vec::with_capacity(before.len());
        for layer in before {
            let next = layer.forward(between.last().unwrap_or(signal))?;
            between.push(next);
        }
        deltas = last.backward(between.last().unwrap_or(signal), deltas, sink)?;
        for layer in before.iter().rev() {
            between.pop();
            deltas = layer.backward(between.last().unwrap_or(signal), deltas, sink)?;
        }
        Ok(deltas)
    }

    fn forward_each(
        &self,
        signal: &Signal,
        visit: &mut dyn FnMut(&Signal) -> Result<()>,
    ) -> Result<Signal> {
        let start = signal.clone();
        self.0
            .iter()
            .try_fold(start, |signal, layer| layer.forward_each(&signal, visit))
    }

    /// A row of no layers does.
    fn takes_inputs_alone(&self) -> bool {
        self.0.iter().all(|layer| layer.takes_inputs_alone())
    }

    fn parts(&self) -> Vec<&dyn Drawn> {
        self.0.iter().map(|layer| &**layer).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Drawn> {
        self.0.iter_mut().map(|layer| &mut **layer as _).collect()
    }
}

/// $s Y + \alpha F(Y)$.
#[derive(Debug)]
pub(super) struct DrawnResidual {
    pub(super) skip: f64,
    pub(super) scale: f64,
    pub(super) branch: Box<dyn Drawn>,
}

impl Drawn for DrawnResidual {
    fn width(&self, fan_in: usize) -> usize {
        self.branch.width(fan_in)
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        let branch = self.branch.forward(signal)?;
        if self.skip == 0.0 {
            return Ok(branch.times(self.scale));
        }
        signal.clone().combined(self.skip, branch, self.scale)
    }

    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        residual_backward(self.skip, self.scale, deltas, |deltas| {
            self.branch.backward(signal, deltas, sink)
        })
    }

    fn parts(&self) -> Vec<&dyn Drawn> {
        vec![&*self.branch]
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Drawn> {
        vec![&mut *self.branch]
    }
}

/// $s \Delta + F^\prime(\alpha \Delta)$.
pub(super) fn residual_backward(
    skip: f64,
    scale: f64,
    deltas: Signal,
    branch: impl FnOnce(Signal) -> Result<Signal>,
) -> Result<Signal> {
    if skip == 0.0 {
        return branch(deltas.times(scale));
    }
    let back = branch(deltas.clone().times(scale))?;
    deltas.combined(skip, back, 1.0)
}

/// Branches, joined again.
#[derive(Debug)]
pub(super) struct DrawnBranches {
    pub(super) join: FanIn,
    pub(super) branches: Vec<Box<dyn Drawn>>,
}

impl DrawnBranches {
    fn signals(&self, signal: &Signal) -> Result<Vec<Signal>> {
        let branches = self.branches.iter();
        branches.map(|branch| branch.forward(signal)).collect()
    }
}

impl Drawn for DrawnBranches {
    fn width(&self, fan_in: usize) -> usize {
        let widths = self.branches.iter().map(|branch| branch.width(fan_in));
        self.join.joined_width(widths)
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        self.join.joined(self.signals(signal)?)
    }

    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        let widths: Vec<usize> = {
            let branches = self.branches.iter();
            branches
                .map(|branch| branch.width(signal.width()))
                .collect()
        };
        let signals = if self.join.is_product() {
            self.signals(signal)?
        } else {
            Vec::new()
        };
        let parts = self.join.parted(deltas, &widths, &signals)?;
        // the last branch first, as in a row
        let mut sum: Option<Signal> = None;
        for (branch, deltas) in self.branches.iter().zip(parts).rev() {
            let back = branch.backward(signal, deltas, sink)?;
            sum = Some(match sum {
                Some(sum) => sum.combined(1.0, back, 1.0)?,
                None => back,
            });
        }
        sum.ok_or_else(super::fan_in::no_branch)
    }

    fn parts(&self) -> Vec<&dyn Drawn> {
        self.branches.iter().map(|branch| &**branch).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Drawn> {
        self.branches
            .iter_mut()
            .map(|branch| &mut **branch as _)
            .collect()
    }
}
