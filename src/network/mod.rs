//! Networks as compositions of layers.
//!
//! A [`Network`] is a row of [`Layer`]s. At infinite width each of them maps the covariances (NNGP kernel)
//! and the tangent kernel (NTK) of its inputs to those of its outputs, so a network is a chain of such maps,
//! evaluated by the module [`kernel`](crate::kernel).
//!
//! | layer | map | file |
//! |---|---|---|
//! | [`Dense`] | $\sigma_w^2 K + \sigma_b^2$ | `dense` |
//! | [`Activated`] | $\mathbb E[\varphi(u)\varphi(v)]$ | `activated` |
//! | [`Residual`] | $s^2 K + \alpha^2 F(K)$ | `residual` |
//! | [`Repeat`] | a block many times | `repeat` |
//! | [`FanIn`] | branches joined by sum, product, concatenation | `fan_in` |
//! | [`LayerNorm`] | $K/\sqrt{q_a q_b}$ | `layer_norm` |
//! | [`Dropout`] | $q/p$ on the diagonal | `dropout` |
//! | [`Network`] itself | its layers in a row; none at all is the identity | `mod` |
//!
//! [`Mlp`](crate::architecture::Mlp), [`ResNet`](crate::architecture::ResNet) and every other
//! [`Architecture`](crate::architecture::Architecture) lower to a network of a given depth by
//! [`Architecture::network`](crate::architecture::Architecture::network), and so does a
//! [`DenseNet`](crate::architecture::DenseNet).
//!
//! # A layer of your own
//! Implement [`Layer`]; its documentation has an example. The state, [`KernelBlock`], holds variances by row
//! and column and the rest by pair, so a spatial layer finds room in it: rows and columns are then pairs of a
//! point and a position.
//!
//! ```
//! use neural_limits::network::{Activated, Dense, LayerNorm, Network, Repeat, Residual};
//! use neural_limits::prelude::*;
//!
//! let dense = Dense::new(Initialization::new(1.5, 0.1)?);
//! let branch = Network::new().then(LayerNorm::default()).then(Activated::new(Gelu)).then(dense);
//! let block = Network::new().then(Residual::new(1.0, 0.5, branch)?);
//! let net = Network::new().then(dense).then(Repeat::new(12, block)?).then(Activated::new(Tanh)).then(dense);
//! let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
//! let kernels = net.kernels(&x)?; // both at once
//! assert_eq!(kernels.nngp, kernels.nngp.transpose());
//! assert_eq!(kernels.nngp, net.nngp(&x)?);
//! # Ok::<(), Error>(())
//! ```

mod activated;
mod block;
mod curves;
mod dense;
#[cfg(feature = "serde")]
mod description;
mod directions;
mod dropout;
mod fan_in;
mod growth;
mod layer;
mod layer_norm;
mod repeat;
mod residual;

use std::sync::Arc;

pub use activated::Activated;
pub use block::{KernelBlock, KernelRow, RowMoments};
pub use dense::{Dense, Parametrization};
#[cfg(feature = "serde")]
pub use description::{Description, LayerDescription};
pub use directions::Directions;
pub use dropout::Dropout;
pub use fan_in::FanIn;
pub use layer::{Layer, Outline};
pub use layer_norm::LayerNorm;
pub use repeat::Repeat;
pub use residual::Residual;

pub(crate) use block::inverse_root;
pub(crate) use curves::{Curves, LANES};
pub(crate) use growth::Growth;

use crate::Result;

/// Layers in a row, of infinite width; itself a [`Layer`].
#[derive(Debug, Clone, Default)]
pub struct Network<'n> {
    layers: Vec<Arc<dyn Layer + 'n>>,
}

impl<'n> Network<'n> {
    /// No layer yet: the identity.
    pub fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// With one more layer.
    pub fn then(mut self, layer: impl Layer + 'n) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// With one more layer that is shared with others.
    pub fn then_shared(mut self, layer: Arc<dyn Layer + 'n>) -> Self {
        self.layers.push(layer);
        self
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<dyn Layer + 'n>] {
        &self.layers
    }

    /// All layers in words.
    pub fn name(&self) -> String {
        if self.layers.is_empty() {
            return "identity".to_owned();
        }
        let names: Vec<String> = self.layers.iter().map(|layer| layer.name()).collect();
        names.join(", ")
    }

    /// What comes out, given what comes in.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) from the first layer that cannot follow the ones
    /// before it.
    pub fn outline(&self, input: Outline) -> Result<Outline> {
        let mut layers = self.layers.iter();
        layers.try_fold(input, |outline, layer| layer.outline(outline))
    }

    /// Maps the state of a block of pairs through all layers.
    ///
    /// # Errors
    /// The first error of a layer.
    pub fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        self.layers.iter().try_for_each(|layer| layer.apply(block))
    }

    /// Roughly how many nanoseconds a pair takes, layer by layer.
    pub fn pair_cost(&self) -> f64 {
        self.layers.iter().map(|layer| layer.pair_cost()).sum()
    }

    pub(crate) fn has_tables(&self) -> bool {
        self.layers.iter().any(|layer| layer.has_tables())
    }

    /// The same network with the tables that its layers want for points of these variances.
    pub(crate) fn prepared<'a>(&'a self, points: &KernelBlock) -> Result<Network<'a>> {
        let mut points = points.clone();
        let last = self.layers.iter().rposition(|layer| layer.has_tables());
        let mut layers: Vec<Arc<dyn Layer + 'a>> = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            let shared = || -> Arc<dyn Layer + 'a> { Arc::clone(layer) as _ };
            let prepared = match last {
                Some(last) if i <= last => {
                    let prepared = layer.prepare(&points)?.unwrap_or_else(shared);
                    prepared.apply(&mut points)?;
                    prepared
                }
                _ => shared(),
            };
            layers.push(prepared);
        }
        Ok(Network { layers })
    }

    pub(crate) fn directions(&self, state: &mut Directions) -> Result<bool> {
        for layer in &self.layers {
            if !layer.directions(state)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses a network whose layers do not fit.
    pub(crate) fn check(&self) -> Result<()> {
        self.outline(Outline::of_inputs()).map(|_| ())
    }
}

impl Layer for Network<'_> {
    fn name(&self) -> String {
        Network::name(self)
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Network::outline(self, input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        Network::apply(self, block)
    }

    fn has_tables(&self) -> bool {
        Network::has_tables(self)
    }

    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
        Ok(Some(Arc::new(self.prepared(points)?)))
    }

    fn pair_cost(&self) -> f64 {
        Network::pair_cost(self)
    }

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        Network::directions(self, state)
    }
}
