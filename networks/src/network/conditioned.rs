//! Layers that are known by what they did to one signal: a backward pass without weights.

use std::fmt::Debug;

use nalgebra::DMatrix;

use super::drawn::residual_backward;
use super::drawn_dense::WeightSource;
use super::{ConditionalLaw, Drawn, Factors, FanIn, GradientSink, Layer, Sampler, Signal, Site};
use crate::numerics::{Buffers, dot, inner_products, power_of_two, zeros};
use crate::random::Stream;
use crate::vectorized::vectorized;
use crate::{Error, Result};

/// Features of which less than this share is left, beside those before them, are linear combinations of them.
const DEPENDENT: f64 = 1e-13;

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
    /// $Q$, column by column.
    basis: Vec<f64>,
    /// $U$, column by column.
    images: Vec<f64>,
}

/// [`Layer::condition`] of a dense layer with Gaussian weights.
pub(super) fn on_features(
    source: WeightSource,
    features: Signal,
    site: &mut Site<'_>,
) -> Result<(Signal, Box<dyn Conditioned>)> {
    let (fan_in, width) = (source.fan_in, source.width);
    let (basis, coefficients) = orthonormal(&features);
    let mut images = zeros("the images of features", basis.len() / fan_in, width)?;
    let scale = source.scale();
    site.rng.fill_normals(&mut images);
    for u in &mut images {
        *u *= scale;
    }
    let mut out = Signal::zeros(width, features.points())?;
    out.set_exponent(features.exponent());
    for (j, coefficients) in coefficients.iter().enumerate() {
        add_columns(out.column_mut(j), &images, coefficients);
    }
    let deviation = source.initialization.bias_variance().sqrt();
    if deviation > 0.0 {
        let unit = deviation * power_of_two(-out.exponent() / 2);
        let mut biases = zeros("biases", width, 1)?;
        site.rng.fill_normals(&mut biases);
        for j in 0..out.points() {
            add_columns(out.column_mut(j), &biases, &[unit]);
        }
    }
    let layer = ConditionedDense {
        source,
        features,
        basis,
        images,
    };
    Ok((out.rescaled()?, Box::new(layer)))
}

/// An orthonormal basis of the columns, and the coefficients of each of them in it: Gram and Schmidt's method
/// with two projections. Equal columns have equal coefficients.
fn orthonormal(features: &Signal) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = features.width();
    let mut basis: Vec<f64> = Vec::new();
    let mut all: Vec<Vec<f64>> = Vec::with_capacity(features.points());
    for j in 0..features.points() {
        let column = features.column(j);
        if let Some(i) = (0..j).find(|&i| features.column(i) == column) {
            all.push(all[i].clone());
            continue;
        }
        let length = dot(column, column).sqrt();
        let mut rest = column.to_vec();
        let mut coefficients = vec![0.0; basis.len() / width];
        for _ in 0..2 {
            for (own, direction) in coefficients.iter_mut().zip(basis.chunks_exact(width)) {
                let product = dot(&rest, direction);
                *own += product;
                add_columns(&mut rest, direction, &[-product]);
            }
        }
        let left = dot(&rest, &rest).sqrt();
        if left > DEPENDENT * length {
            coefficients.push(left);
            basis.extend(rest.iter().map(|y| y / left));
        }
        all.push(coefficients);
    }
    (basis, all)
}

/// Adds the columns times their factors.
fn add_columns(out: &mut [f64], columns: &[f64], factors: &[f64]) {
    for (column, &factor) in columns.chunks_exact(out.len()).zip(factors) {
        vectorized(
            #[inline(always)]
            || {
                for (y, x) in out.iter_mut().zip(column) {
                    *y += factor * x;
                }
            },
        );
    }
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
        let products = |x: &[f64], y: &[f64], dimension: usize, same: bool| {
            if x.is_empty() {
                return DMatrix::zeros(0, count);
            }
            let products = inner_products(x, y, dimension, same, &buffers);
            DMatrix::from_row_slice(x.len() / dimension, count, &products)
        };
        let own = deltas.values();
        let variances = products(own, own, source.width, true) * source.scale().powi(2);
        let law = ConditionalLaw::gaussian(source.fan_in, variances, deltas.exponent())?;
        let mut fresh = law.draw(&mut Site::new(source.width, Sampler::Conditional, rng)?)?;
        let unit = power_of_two((deltas.exponent() - fresh.exponent()) / 2);
        let known = products(&self.images, own, source.width, false) * unit
            - products(&self.basis, fresh.values(), source.fan_in, false);
        for c in 0..count {
            add_columns(fresh.column_mut(c), &self.basis, known.column(c).as_slice());
        }
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
