//! Layers that are known by what they did to one signal: a backward pass without weights.

use std::fmt::Debug;

use nalgebra::{DMatrix, SymmetricEigen};
use rand_distr::{Distribution, StandardNormal};

use super::drawn::residual_backward;
use super::drawn_dense::WeightSource;
use super::{ConditionalLaw, Drawn, Factors, FanIn, GradientSink, Layer, Sampler, Signal, Site};
use crate::numerics::{Buffers, inner_products, power_of_two};
use crate::random::Stream;
use crate::vectorized::vectorized;
use crate::{Error, Result};

/// Directions of features whose variance is less than this share of the largest are none: equal inputs, and
/// dead ones.
const NEGLIGIBLE: f64 = 1e-10;

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
    pub(super) fn new(
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
        let layers = self.0.into_iter().rev();
        layers.fold(Ok(deltas), |deltas, layer| {
            layer.backward(deltas?, sink, rng)
        })
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

/// A dense layer with Gaussian weights that is known by $Z = W\Phi$ alone.
///
/// Given $Z$, $W = Z\Phi^+ + \tilde W(1 - \Phi\Phi^+)$ with an independent copy $\tilde W$. For $\Delta$ that
/// depend on $Z$, biases and other layers,
///
/// $$W^\top \Delta = \Phi (\Phi^\top\Phi)^+ (Z^\top\Delta - \Phi^\top G) + G, \qquad G \text{ with rows }
/// \mathcal N(0, \tfrac{\sigma_w^2}{n} \Delta^\top\Delta):$$
///
/// the law of dense weights, at $O(nm^2)$ (Gaussian conditioning: G. Yang 2020, arXiv 2006.14548, appendix
/// G).
#[derive(Debug)]
pub(super) struct ConditionedDense {
    source: WeightSource,
    features: Signal,
    products: Signal,
    /// $\Phi^\top\Phi$, in units of the features' power of two.
    gram: DMatrix<f64>,
}

impl ConditionedDense {
    pub(super) fn draw(
        source: WeightSource,
        features: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        let weight = source.initialization.weight_variance() / source.fan_in as f64;
        let gram = products(&features, &features);
        let law = ConditionalLaw::gaussian(source.width, &gram * weight, features.exponent())?;
        let products = law.draw(site)?;
        let mut out = products.clone();
        let deviation = source.initialization.bias_variance().sqrt();
        if deviation > 0.0 {
            let normals: Vec<f64> = (0..source.width)
                .map(|_| StandardNormal.sample(site.rng))
                .collect();
            let scale = deviation * power_of_two(-out.exponent() / 2);
            for j in 0..out.points() {
                for (y, z) in out.column_mut(j).iter_mut().zip(&normals) {
                    *y += scale * z;
                }
            }
        }
        let conditioned = Self {
            source,
            features,
            products,
            gram,
        };
        Ok((out.rescaled()?, Box::new(conditioned)))
    }
}

/// $X^\top Y$, in units of both powers of two.
fn products(x: &Signal, y: &Signal) -> DMatrix<f64> {
    let same = std::ptr::eq(x, y);
    let products = inner_products(x.values(), y.values(), x.width(), same, &Buffers::default());
    DMatrix::from_row_slice(x.points(), y.points(), &products)
}

impl Conditioned for ConditionedDense {
    fn backward(
        self: Box<Self>,
        deltas: Signal,
        sink: &mut dyn GradientSink,
        rng: &mut Stream,
    ) -> Result<Signal> {
        let Self {
            source,
            features,
            products: z,
            gram,
        } = *self;
        if deltas.width() != source.width {
            return Err(deltas_do_not_fit(&deltas, source.width));
        }
        sink.dense(Factors {
            features: &features,
            deltas: &deltas,
            weight_rate: source.weight_rate,
            bias_rate: source.bias_rate,
            kept: None,
        })?;
        if features.is_input() && !sink.wants_inputs() {
            return Signal::zeros(source.fan_in, deltas.points());
        }
        let weight = source.initialization.weight_variance() / source.fan_in as f64;
        let variances = products(&deltas, &deltas) * weight;
        let law = ConditionalLaw::gaussian(source.fan_in, variances, deltas.exponent())?;
        let mut fresh = {
            let mut site = Site::new(source.width, Sampler::Conditional, rng)?;
            law.draw(&mut site)?
        };
        // directions of features, each of length 1 or dead
        let lengths = gram.diagonal().map(f64::sqrt);
        let inverse = lengths.map(|length| if length > 0.0 { 1.0 / length } else { 0.0 });
        let cosines = DMatrix::from_fn(gram.nrows(), gram.ncols(), |i, j| {
            gram[(i, j)] * (inverse[i] * inverse[j])
        });
        let directions = SymmetricEigen::new(cosines);
        let largest = directions.eigenvalues.max();
        // Z in units of the features, Δ in those of G
        let unit = power_of_two((z.exponent() - features.exponent()) / 2)
            * power_of_two((deltas.exponent() - fresh.exponent()) / 2);
        let mut known = products(&z, &deltas) * unit - products(&features, &fresh);
        for (i, inverse) in inverse.iter().enumerate() {
            known.row_mut(i).scale_mut(*inverse);
        }
        // Φ (Φᵀ Φ)⁺ with Φ = Φ′ times lengths, and the pseudo-inverse by eigenvalues
        let mut along = directions.eigenvectors.tr_mul(&known);
        for (i, value) in directions.eigenvalues.iter().enumerate() {
            let factor = if *value > NEGLIGIBLE * largest {
                1.0 / value
            } else {
                0.0
            };
            along.row_mut(i).scale_mut(factor);
        }
        let mut coefficients = &directions.eigenvectors * along;
        for (i, inverse) in inverse.iter().enumerate() {
            coefficients.row_mut(i).scale_mut(*inverse);
        }
        for c in 0..fresh.points() {
            for i in 0..features.points() {
                let factor = coefficients[(i, c)];
                let (column, feature) = (fresh.column_mut(c), features.column(i));
                vectorized(
                    #[inline(always)]
                    || {
                        for (g, phi) in column.iter_mut().zip(feature) {
                            *g += factor * phi;
                        }
                    },
                );
            }
        }
        fresh.rescaled()
    }
}

/// Refuses deltas of another width than the outputs.
pub(super) fn deltas_do_not_fit(deltas: &Signal, expected: usize) -> Error {
    Error::shape(
        "deltas",
        format!("{} neurons", deltas.width()),
        format!("{expected}, those of the layer's outputs"),
    )
}
