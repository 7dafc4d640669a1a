//! Layers that are known by what they did to one signal: a backward pass without weights.

use std::fmt::Debug;

use nalgebra::DMatrix;

use super::basis::{self, Basis};
use super::drawn::residual_backward;
use super::drawn_dense::WeightSource;
use super::{ConditionalLaw, Drawn, Factors, FanIn, GradientSink, Layer, Sampler, Signal, Site};
use crate::numerics::{Buffers, power_of_two, zeros};
use crate::random::Stream;
use crate::{Error, Result};

/// A random layer after its forward pass at some inputs, from [`Layer::condition`]. Its weights are known on
/// that signal, or all of them.
///
/// The backward pass can be had once: a second one would have to know what the first has seen.
pub trait Conditioned: Debug + Send + Sync {
    /// As [`Drawn::backward`], with the random numbers that the weights still need.
    ///
    /// # Errors
    /// As [`Drawn::backward`].
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal>;
}

/// A layer with all of its weights, and the signal it has seen.
#[derive(Debug)]
struct OnWeights {
    layer: Box<dyn Drawn>,
    signal: Signal,
}

/// [`Layer::condition`] by [`Layer::draw`].
pub(super) fn on_weights<L: Layer + ?Sized>(
    layer: &L,
    signal: Signal,
    site: &mut Site<'_>,
) -> Result<(Signal, Box<dyn Conditioned>)> {
    let layer = layer.draw(signal.width(), site)?;
    let out = layer.forward(&signal)?;
    Ok((out, Box::new(OnWeights { layer, signal })))
}

impl Conditioned for OnWeights {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        _: &mut Stream,
    ) -> Result<Signal> {
        self.layer.backward(&self.signal, deltas, sink)
    }
}

/// Layers in a row.
#[derive(Debug)]
pub(super) struct ConditionedRow(Vec<Box<dyn Conditioned>>);

impl ConditionedRow {
    /// Of `count` layers: `condition` is given a layer's number and the signal before it.
    pub(super) fn draw(
        count: usize,
        mut signal: Signal,
        mut condition: impl FnMut(usize, Signal) -> Result<(Signal, Box<dyn Conditioned>)>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        let mut row = Vec::new();
        for i in 0..count {
            let (next, layer) = condition(i, signal)?;
            signal = next;
            row.push(layer);
        }
        Ok((signal, Box::new(Self(row))))
    }
}

impl Conditioned for ConditionedRow {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal> {
        let mut layers = self.0.into_iter().rev();
        layers.try_fold(deltas, |deltas, layer| layer.backward(deltas, sink, rng))
    }
}

/// $s Y + \alpha F(Y)$.
#[derive(Debug)]
pub(super) struct ConditionedResidual {
    pub(super) skip: f64,
    pub(super) scale: f64,
    pub(super) branch: Box<dyn Conditioned>,
}

impl Conditioned for ConditionedResidual {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal> {
        residual_backward(self.skip, self.scale, deltas, |deltas| {
            self.branch.backward(deltas, sink, rng)
        })
    }
}

/// Branches, joined again.
#[derive(Debug)]
pub(super) struct ConditionedBranches {
    pub(super) join: FanIn,
    pub(super) branches: Vec<Box<dyn Conditioned>>,
    pub(super) widths: Vec<usize>,
    /// What the branches put out, where they are multiplied.
    pub(super) signals: Vec<Signal>,
}

impl Conditioned for ConditionedBranches {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal> {
        let parts = self.join.parted(deltas, &self.widths, &self.signals)?;
        let mut sum: Option<Signal> = None;
        for (branch, deltas) in self.branches.into_iter().zip(parts).rev() {
            let back = branch.backward(deltas, sink, rng)?;
            sum = Some(match sum {
                Some(sum) => sum.combined(1.0, back, 1.0)?,
                None => back,
            });
        }
        sum.ok_or_else(super::fan_in::no_branch)
    }
}

/// A dense layer with Gaussian weights that is known by $U = WQ$ alone, with an orthonormal basis $Q$ of the
/// features that it has seen.
///
/// $W = UQ^\top + \tilde W(1 - QQ^\top)$ with independent $U$ and $\tilde W$. For $\Delta$ that depend on
/// $U$, biases and other layers,
///
/// $$W^\top \Delta = Q (U^\top\Delta - Q^\top G) + G, \qquad G \text{ with rows }
/// \mathcal N(0, \tfrac{\sigma_w^2}{n} \Delta^\top\Delta):$$
///
/// the law of dense weights, at $O(nm^2)$ (Gaussian conditioning: G. Yang 2020, arXiv 2006.14548, appendix
/// G).
#[derive(Debug)]
struct ConditionedDense {
    source: WeightSource,
    features: Signal,
    /// $Q$.
    basis: Basis,
    /// $\sqrt n U/\sigma_w$, column by column.
    images: Vec<f64>,
}

/// [`Layer::condition`] of a dense layer with Gaussian weights.
pub(super) fn on_features(
    source: WeightSource,
    features: Signal,
    site: &mut Site<'_>,
) -> Result<(Signal, Box<dyn Conditioned>)> {
    let width = source.width;
    let (basis, coefficients) = Basis::of(&features);
    let mut images = zeros("the images of features", basis.size(), width)?;
    site.rng.fill_normals(&mut images);
    let mut out = Signal::zeros(width, features.points())?;
    out.set_exponent(features.exponent());
    basis::add_columns(
        out.values_mut(),
        &images,
        width,
        &(coefficients * source.scale()),
    );
    let deviation = source.initialization.bias_variance().sqrt();
    if deviation > 0.0 {
        let unit = deviation * power_of_two(-out.exponent() / 2);
        let mut biases = zeros("biases", width, 1)?;
        site.rng.fill_normals(&mut biases);
        let units = DMatrix::from_element(1, out.points(), unit);
        basis::add_columns(out.values_mut(), &biases, width, &units);
    }
    let layer = ConditionedDense {
        source,
        features,
        basis,
        images,
    };
    Ok((out.rescaled()?, Box::new(layer)))
}

impl Conditioned for ConditionedDense {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal> {
        let (source, features) = (self.source, &self.features);
        check_deltas(&deltas, source.width, features.points())?;
        sink.dense(Factors {
            features,
            deltas: &deltas,
            weight_rate: source.weight_rate,
            bias_rate: source.bias_rate,
            kept: None,
        })?;
        let count = deltas.points();
        if features.is_input() && !sink.wants_inputs() {
            return Signal::zeros(source.fan_in, count);
        }
        let buffers = Buffers::default();
        let own = deltas.values();
        let variances = basis::products(own, own, source.width, &buffers) * source.scale().powi(2);
        let law = ConditionalLaw::gaussian(source.fan_in, variances, deltas.exponent())?;
        let mut fresh = law.draw(&mut Site::new(source.width, Sampler::Conditional, rng)?)?;
        let unit = source.scale() * power_of_two((deltas.exponent() - fresh.exponent()) / 2);
        let known = basis::products(&self.images, own, source.width, &buffers) * unit
            - self.basis.products(features, fresh.values(), &buffers);
        self.basis.add_to(fresh.values_mut(), features, known);
        fresh.rescaled()
    }
}

/// Refuses deltas that are not those of `width` outputs at so many inputs, once or several times.
pub(super) fn check_deltas(deltas: &Signal, width: usize, points: usize) -> Result<()> {
    if deltas.width() == width && deltas.points().is_multiple_of(points) {
        return Ok(());
    }
    Err(Error::shape(
        "deltas",
        format!("{} neurons, {} columns", deltas.width(), deltas.points()),
        format!(
            "{width} neurons, those of the layer's outputs, and a multiple of {points} columns"
        ),
    ))
}
