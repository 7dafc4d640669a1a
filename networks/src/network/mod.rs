//! Networks as compositions of layers, width $n$ and depth $L$ left open.
//!
//! A [`Network`] is a row of [`Layer`]s, and each of them can be read in three ways: as a map of covariances
//! and tangent kernels at infinite width, as a conditional law given the signal of a network of finite width,
//! and as random weights. Every regime is a reader of networks: [`kernel`](crate::kernel),
//! [`depth`](crate::depth), [`sample`](crate::sample), and `limit` which compares them.
//!
//! | layer | map of $K$ | file |
//! |---|---|---|
//! | [`Dense`] | $\sigma_w^2 K + \sigma_b^2$ | `dense` |
//! | [`Activated`] | $\mathbb E[\varphi(u)\varphi(v)]$ | `activated` |
//! | [`Shaped`] | $K$: an activation that is the identity at infinite width | `shaped` |
//! | [`Residual`] | $s^2 K + \alpha^2 F(K)$ | `residual` |
//! | [`Repeat`] | a block many times | `repeat` |
//! | [`Stack`] | $L$ blocks, $L$ left open | `stack`, with its [`scaling`] |
//! | [`FanIn`] | branches joined by sum, product, concatenation | `fan_in` |
//! | [`LayerNorm`] | $K/\sqrt{q_a q_b}$ | `layer_norm` |
//! | [`Dropout`] | $q/p$ on the diagonal | `dropout` |
//! | [`Network`] itself | its layers in a row; none at all is the identity | `mod` |
//!
//! | state that layers map | file |
//! |---|---|
//! | [`KernelBlock`], pairs of points at infinite width; one pair | `block`, `pair` |
//! | [`AngleState`], the same for positively homogeneous layers | `angle`, `angle_table` |
//! | [`Signal`] and [`ConditionalLaw`], finite width | `signal`, `conditional` |
//! | [`Drawn`] weights; of dense layers | `drawn`, `drawn_dense` |
//! | one pass over the neurons of a residual block | `pass` |
//! | a layer [`Conditioned`] on its signal | `conditioned` |
//! | [`Factors`] of gradients, and what takes them | `gradient` |
//! | the [`Parametrization`] of dense layers | `parametrization` |
//!
//! The [builders](crate::architecture) `Mlp`, `ResNet` and `DenseNet` say nothing that a composition could
//! not.
//!
//! # A layer of your own
//! Implement [`Layer`]; its documentation shows all three readings. A spatial layer finds room in
//! [`KernelBlock`]: rows and columns are then pairs of a point and a position.
//!
//! ```
//! use neural_limits::network::{Activated, Dense, LayerNorm, Network, Stack};
//! use neural_limits::prelude::*;
//!
//! let dense = Dense::new(Initialization::new(1.5, 0.1)?);
//! let branch = Network::new().then(LayerNorm::default()).then(dense).then(Activated::new(Gelu)).then(dense);
//! let net = Network::new().then(dense).then(Stack::residual(branch)).then(Activated::new(Tanh)).then(dense);
//! let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
//! let kernels = net.at_depth(12)?.kernels(&x)?; // both at once
//! assert_eq!(kernels.nngp, kernels.nngp.transpose());
//! let networks = net.finite(2000, 12)?.covariances(&x, 1, 7)?; // a random one, of width 2000
//! assert!((&networks[0] - &kernels.nngp).amax() < 0.2);
//! # Ok::<(), Error>(())
//! ```

mod activated;
mod angle;
mod angle_table;
mod basis;
mod block;
mod branch;
mod chain;
mod conditional;
mod conditioned;
mod dense;
#[cfg(feature = "serde")]
mod description;
mod drawn;
mod drawn_dense;
mod dropout;
mod fan_in;
mod gradient;
mod layer;
mod layer_norm;
mod pair;
mod parametrization;
mod pass;
mod repeat;
mod residual;
pub mod scaling;
mod shaped;
mod signal;
mod stack;
mod steps;
mod tables;

use std::sync::Arc;

pub use activated::Activated;
pub use angle::AngleState;
pub use block::{KernelBlock, KernelRow, RowMoments};
pub use branch::Branch;
pub use chain::Chain;
pub use conditional::ConditionalLaw;
pub use conditioned::Conditioned;
pub use dense::Dense;
#[cfg(feature = "serde")]
pub use description::{Description, LayerDescription, ScalingDescription};
pub use drawn::{Drawn, Sampler, Site, Weights, all_weights, set_all_weights};
pub use dropout::Dropout;
pub use fan_in::FanIn;
pub use gradient::{Factors, GradientSink};
pub use layer::{Layer, Outline, Structure};
pub use layer_norm::LayerNorm;
pub use parametrization::{Parametrization, Role};
#[doc(hidden)]
pub use pass::FeatureProducts;
pub use repeat::Repeat;
pub use residual::Residual;
pub use shaped::Shaped;
pub use signal::Signal;
pub use stack::Stack;

pub use crate::initialization::{WeightDistribution, WeightLaw};

pub(crate) use angle_table::{AngleTable, TOGETHER};
pub(crate) use pair::of_layer as pair_of_layer;
pub use signal::BLOCK;
pub(crate) use stack::Blocks;

use conditioned::ConditionedRow;
use drawn::DrawnRow;

use crate::activation::Dual;
use crate::{Error, Initialization, Result};

/// Layers in a row; itself a [`Layer`].
#[derive(Debug, Clone, Default)]
pub struct Network {
    layers: Vec<Arc<dyn Layer>>,
}

impl Network {
    /// No layer yet: the identity.
    pub fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// With one more layer.
    pub fn then(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// With one more layer that is shared with others.
    pub fn then_shared(mut self, layer: Arc<dyn Layer>) -> Self {
        self.layers.push(layer);
        self
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.layers
    }

    /// All layers in words.
    pub fn name(&self) -> String {
        Layer::name(self)
    }

    /// The layers, those of networks among them one by one.
    #[doc(hidden)]
    pub fn flat(&self) -> Vec<Arc<dyn Layer>> {
        let layers = self.layers.iter();
        layers
            .flat_map(|layer| match layer.structure() {
                Structure::Row(network) => network.flat(),
                _ => vec![Arc::clone(layer)],
            })
            .collect()
    }

    /// The network with every number of blocks $L$ that was left open set to `depth`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for depth 0 or above 10⁹, or branch coefficients that are
    /// not finite.
    pub fn at_depth(&self, depth: usize) -> Result<Self> {
        self.at_time(depth, 1.0)
    }

    /// [`at_depth`](Self::at_depth), every stack cut after $\lfloor tL \rfloor$ of its $L$ blocks.
    ///
    /// # Errors
    /// As [`at_depth`](Self::at_depth), and [`Error::Invalid`] for a time outside of
    /// $[0, 1]$.
    pub fn at_time(&self, depth: usize, time: f64) -> Result<Self> {
        crate::error::size("depth", depth)?;
        crate::error::unit_interval("time", time)?;
        let resolved = self.resolved(depth, time)?;
        Ok(resolved.unwrap_or_else(|| self.clone()))
    }

    /// With the depth of open stacks set; `None` if there are none.
    fn resolved(&self, depth: usize, time: f64) -> Result<Option<Self>> {
        let layers = self.layers.iter();
        let resolved: Vec<Option<Arc<dyn Layer>>> = layers
            .map(|layer| layer.at_depth(depth, time))
            .collect::<Result<_>>()?;
        if resolved.iter().all(Option::is_none) {
            return Ok(None);
        }
        let layers = resolved.into_iter().zip(&self.layers);
        Ok(Some(Self {
            layers: layers
                .map(|(resolved, layer)| resolved.unwrap_or_else(|| Arc::clone(layer)))
                .collect(),
        }))
    }

    /// The law of the first layer and the stack, if the network is a dense layer in the NTK parametrisation
    /// with Gaussian weights followed by a [`Chain`], and nothing else.
    pub fn chain(&self) -> Option<(Initialization, Chain)> {
        let layers = self.flat();
        let [stem, stack] = &layers[..] else {
            return None;
        };
        match (stem.structure(), stack.structure()) {
            (Structure::Dense(stem), Structure::Stack(stack)) if stem.is_plain() => {
                Some((stem.initialization(), stack.chain()?))
            }
            _ => None,
        }
    }

    pub(crate) fn has_tables(&self) -> bool {
        self.layers.iter().any(|layer| layer.has_tables())
    }

    /// The same network with the tables that its layers want for points of these variances.
    pub(crate) fn prepared(&self, points: &KernelBlock) -> Result<Self> {
        let mut points = points.clone();
        let mut layers = self.layers.iter();
        let last = layers.rposition(|layer| layer.wants_variances());
        let layers = self.layers.iter().enumerate().map(|(i, layer)| {
            let shared = Arc::clone(layer);
            Ok(match last {
                Some(last) if i <= last => {
                    let prepared = layer.prepare(&points)?.unwrap_or(shared);
                    if i < last {
                        prepared.apply(&mut points)?;
                    }
                    prepared
                }
                _ => shared,
            })
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// The same network with [smooth](Layer::smooth) layers, where these adapt to pairs.
    pub(crate) fn smoothed(&self, mut pairs: KernelBlock) -> Result<Self> {
        let count = self.layers.len();
        let layers = self.layers.iter().enumerate().map(|(i, layer)| {
            let smooth = layer.smooth(&pairs)?;
            let layer = smooth.unwrap_or_else(|| Arc::clone(layer));
            if i + 1 < count {
                layer.apply(&mut pairs)?;
            }
            Ok(layer)
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// Of a row of an activation and a dense layer.
    fn activation_and_dense(&self) -> Option<ActivationAndDense<'_>> {
        match &self.layers[..] {
            [first, second] => activation_and_dense(&**first, &**second),
            _ => None,
        }
    }

    /// Of an activation and a [plain](Dense::is_plain) dense layer, what both are.
    pub(crate) fn plain_branch(&self) -> Option<(&Arc<dyn Dual>, Initialization)> {
        let [first, second] = &self.layers[..] else {
            return None;
        };
        match (first.structure(), second.structure()) {
            (Structure::Activation(phi), Structure::Dense(dense)) if dense.is_plain() => {
                Some((phi, dense.initialization()))
            }
            _ => None,
        }
    }

    /// Refuses a network whose layers do not fit.
    #[doc(hidden)]
    pub fn check(&self) -> Result<()> {
        if let Some(first) = self.layers.first() {
            check_reader_of_inputs(&**first)?;
        }
        self.outline(Outline::of_inputs()).map(|_| ())
    }
}

impl Layer for Network {
    fn name(&self) -> String {
        if self.layers.is_empty() {
            return "identity".to_owned();
        }
        let names: Vec<String> = self.layers.iter().map(|layer| layer.name()).collect();
        names.join(", ")
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        let mut layers = self.layers.iter();
        layers.try_fold(input, |outline, layer| layer.outline(outline))
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        self.layers.iter().try_for_each(|layer| layer.apply(block))
    }

    fn apply_alone(&self, pair: &mut KernelBlock) -> Result<()> {
        let mut layers = self.layers.iter();
        layers.try_for_each(|layer| layer.apply_alone(pair))
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let Some((last, before)) = self.layers.split_last() else {
            return Ok(ConditionalLaw::determined(signal.clone()));
        };
        let fused = before.split_last().and_then(|(phi, before)| {
            let (phi, dense) = activation_and_dense(&**phi, &**last)?;
            Some((phi, dense, before))
        });
        let on_the_way = fused.map_or(before, |(_, _, before)| before);
        let reached = if on_the_way.is_empty() {
            None
        } else {
            Some(sample_row(on_the_way, signal.clone(), site)?)
        };
        let signal = reached.as_ref().unwrap_or(signal);
        match fused {
            Some((phi, dense, _)) => dense.conditional_after(phi, signal, site),
            None => last.conditional(signal, site),
        }
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        let row = DrawnRow::new(self.layers.len(), fan_in, |i, width| {
            self.layers[i].draw(width, site)
        });
        Ok(Box::new(row?))
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        sample_row(&self.layers, signal, site)
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        ConditionedRow::draw(self.layers.len(), signal, |i, signal| {
            self.layers[i].condition(signal, site)
        })
    }

    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        let resolved = self.resolved(depth, time)?;
        Ok(resolved.map(|network| Arc::new(network) as _))
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Row(self)
    }

    fn has_tables(&self) -> bool {
        Network::has_tables(self)
    }

    fn wants_variances(&self) -> bool {
        self.layers.iter().any(|layer| layer.wants_variances())
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        Ok(Some(Arc::new(self.prepared(points)?)))
    }

    fn pair_cost(&self) -> f64 {
        self.layers.iter().map(|layer| layer.pair_cost()).sum()
    }

    fn relative_error(&self) -> f64 {
        self.layers.iter().map(|layer| layer.relative_error()).sum()
    }

    fn smooth(&self, pairs: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        if self.relative_error() == 0.0 {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.smoothed(pairs.clone())?)))
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        for layer in &self.layers {
            if !layer.map_angles(state)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Refuses a layer that reads the inputs with weights that make no Gaussian vectors of them: the number of
/// inputs stays, however wide the network. (Rows of orthonormal columns become Gaussian.)
fn check_reader_of_inputs(layer: &dyn Layer) -> Result<()> {
    match layer.structure() {
        Structure::Dense(dense) => {
            let law = dense.initialization().weights();
            let becomes_gaussian = law.is_gaussian() || law == WeightLaw::orthogonal();
            if becomes_gaussian {
                return Ok(());
            }
            Err(Error::unsupported(
                format!(
                    "the kernel of a network that reads its inputs by {} weights",
                    law.name()
                ),
                "its neurons are not Gaussian at any width: give the first layer Gaussian weights",
            ))
        }
        Structure::Row(network) => match network.layers().first() {
            Some(first) => check_reader_of_inputs(&**first),
            None => Ok(()),
        },
        Structure::Repeat(_, block) | Structure::Residual { branch: block, .. } => {
            match block.layers().first() {
                Some(first) => check_reader_of_inputs(&**first),
                None => Ok(()),
            }
        }
        Structure::Branches(branches) => {
            let firsts = branches.iter().filter_map(|branch| branch.layers().first());
            firsts
                .into_iter()
                .try_for_each(|first| check_reader_of_inputs(&**first))
        }
        Structure::Stack(stack) => match stack.branch().layers().first() {
            Some(first) => check_reader_of_inputs(&**first),
            None => Ok(()),
        },
        Structure::Leaf | Structure::Activation(_) | Structure::Shaped(_) => Ok(()),
    }
}

/// An activation and the dense layer behind it: features are summed as they are computed.
type ActivationAndDense<'a> = (&'a Arc<dyn Dual>, &'a Dense);

/// Of two layers in a row.
fn activation_and_dense<'a>(
    first: &'a dyn Layer,
    second: &'a dyn Layer,
) -> Option<ActivationAndDense<'a>> {
    match (first.structure(), second.structure()) {
        (Structure::Activation(phi), Structure::Dense(dense)) if phi.is_pointwise() => {
            Some((phi, dense))
        }
        _ => None,
    }
}

/// One draw of the outputs of layers in a row.
fn sample_row(
    mut layers: &[Arc<dyn Layer>],
    mut signal: Signal,
    site: &mut Site<'_>,
) -> Result<Signal> {
    while let [first, rest @ ..] = layers {
        if site.is_conditional()
            && let [second, rest @ ..] = rest
            && let Some((phi, dense)) = activation_and_dense(&**first, &**second)
        {
            let law = dense.conditional_after(phi, &signal, site)?;
            (signal, layers) = (law.added_to(0.0, signal, site, None)?, rest);
        } else {
            (signal, layers) = (first.sample(signal, site)?, rest);
        }
    }
    Ok(signal)
}
