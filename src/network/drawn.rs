//! Layers with weights.

use std::fmt::Debug;

use super::{FanIn, Signal};
use crate::{Result, error};

/// How the layers of a random network are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampler {
    /// From the [conditional law](super::Layer::conditional) given the layer before: exact, and $n/m$ times
    /// cheaper than dense weights. For forward quantities of Gaussian weights.
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

/// A layer whose weights have been drawn.
pub trait Drawn: Debug + Send + Sync {
    /// The number of neurons that come out, from the number that go in.
    fn width(&self, fan_in: usize) -> usize;

    /// The outputs for a signal.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a signal of another width than the layer was drawn for;
    /// [`Error::Overflow`](crate::Error::Overflow).
    fn forward(&self, signal: &Signal) -> Result<Signal>;
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
        let start = signal.clone();
        self.0
            .iter()
            .try_fold(start, |signal, layer| layer.forward(&signal))
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
}

/// Branches, joined again.
#[derive(Debug)]
pub(super) struct DrawnBranches {
    pub(super) join: FanIn,
    pub(super) branches: Vec<Box<dyn Drawn>>,
}

impl Drawn for DrawnBranches {
    fn width(&self, fan_in: usize) -> usize {
        let widths = self.branches.iter().map(|branch| branch.width(fan_in));
        self.join.joined_width(widths)
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        let branches = self.branches.iter();
        let signals = branches.map(|branch| branch.forward(signal));
        self.join.joined(signals.collect::<Result<_>>()?)
    }
}
