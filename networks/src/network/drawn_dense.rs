//! Dense layers with weights.

use std::fmt::{self, Debug};

use nalgebra::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal, StudentT};

use super::dense::beside_biases;
use super::{Drawn, Factors, GradientSink, Signal, Weights, conditioned};
use crate::initialization::{WeightDistribution, WeightLaw};
use crate::numerics::{
    BESIDE, Buffers, PackedPoints, ProductsBeside, dot, normal, power_of_two, reserved, zeros,
};
use crate::random::{Seed, Stream};
use crate::{Error, Initialization, Result, error, parallel};

/// Neurons that are drawn together, from a stream of their own: a multiple of [`BESIDE`].
const DRAWN: usize = 64;

/// What memory is asked for.
const WEIGHTS: &str = "the weights of a dense layer";

/// Neurons before a layer whose gradients are computed together.
const COLUMNS: usize = 96;

/// What the weights and biases of a dense layer are drawn from, and the rates at which they are trained.
#[derive(Debug, Clone, Copy)]
pub(super) struct WeightSource {
    pub(super) initialization: Initialization,
    pub(super) fan_in: usize,
    pub(super) width: usize,
    pub(super) weight_rate: f64,
    pub(super) bias_rate: f64,
}

impl WeightSource {
    /// $\sigma_w/\sqrt n$.
    pub(super) fn scale(&self) -> f64 {
        (self.initialization.weight_variance() / self.fan_in as f64).sqrt()
    }

    fn law(&self) -> WeightLaw {
        self.initialization.weights()
    }

    fn blocks(&self) -> usize {
        self.width.div_ceil(DRAWN)
    }

    /// The neurons of a block.
    fn rows(&self, block: usize) -> usize {
        DRAWN.min(self.width - block * DRAWN)
    }

    /// $b$ of the neurons of a block, which has a stream of its own.
    fn biases(&self, rows: usize, rng: &mut Stream) -> Vec<f64> {
        let mut biases = vec![0.0; rows];
        let deviation = self.initialization.bias_variance().sqrt();
        if deviation > 0.0 {
            rng.fill_normals(&mut biases);
            for bias in &mut biases {
                *bias *= deviation;
            }
        }
        biases
    }

    /// Draws $\omega$ of [`BESIDE`] neurons, or of the last of a block: the weights of each input beside each
    /// other, some inputs at a time.
    fn draw_beside(
        &self,
        rows: usize,
        rng: &mut Stream,
        mut visit: impl FnMut(usize, &[[f64; BESIDE]]),
    ) {
        let mut weights = Vec::new();
        let mut first = 0;
        while first < self.fan_in {
            let inputs = ProductsBeside::next_entries(self.fan_in, first);
            weights.resize(inputs * BESIDE, 0.0);
            fill(self.law(), &mut weights[..inputs * rows], rng);
            if rows < BESIDE {
                for k in (0..inputs).rev() {
                    weights.copy_within(k * rows..(k + 1) * rows, k * BESIDE);
                }
            }
            visit(first, weights.as_chunks().0);
            first += inputs;
        }
    }

    /// The neurons of a block.
    fn block(&self, seed: Seed, block: usize) -> Result<Block> {
        let rows = self.rows(block);
        let mut rng = seed.stream(block as u64);
        let mut weights = zeros(WEIGHTS, rows, self.fan_in)?;
        if self.law().distribution() != WeightDistribution::Orthogonal {
            for rows in weights.chunks_mut(BESIDE * self.fan_in) {
                self.draw_beside(rows.len() / self.fan_in, &mut rng, |first, beside| {
                    for (i, row) in rows.chunks_exact_mut(self.fan_in).enumerate() {
                        for (weight, beside) in row[first..].iter_mut().zip(beside) {
                            *weight = beside[i];
                        }
                    }
                });
            }
        }
        let biases = self.biases(rows, &mut rng);
        Ok(Block { weights, biases })
    }

    /// All blocks.
    fn all(&self, rng: &mut Stream) -> Result<Vec<Block>> {
        let seed = Seed::drawn(rng);
        // too many are refused before any is drawn
        reserved::<f64>(WEIGHTS, self.width, self.fan_in)?;
        let work = self.width * self.fan_in;
        let mut blocks =
            parallel::try_map_of(self.blocks(), work, |block| self.block(seed, block))?;
        if self.law().distribution() == WeightDistribution::Orthogonal {
            let mut weights = zeros(WEIGHTS, self.width, self.fan_in)?;
            // beyond the streams of blocks
            let mut rng = seed.stream(u64::MAX);
            orthogonal(&mut weights, self.width, self.fan_in, &mut rng)?;
            prune(self.law().keep(), &mut weights, &mut rng);
            for (block, weights) in blocks.iter_mut().zip(weights.chunks(DRAWN * self.fan_in)) {
                block.weights.copy_from_slice(weights);
            }
        }
        Ok(blocks)
    }

    /// The outputs for a signal, with weights that are forgotten as soon as they are multiplied: they never
    /// leave the first-level cache.
    pub(super) fn sample(&self, signal: &Signal, rng: &mut Stream) -> Result<Signal> {
        if self.law().distribution() == WeightDistribution::Orthogonal {
            return DrawnDense::new(*self, rng)?.forward(signal);
        }
        let seed = Seed::drawn(rng);
        let unit = power_of_two(-signal.exponent() / 2);
        let work = self.width * self.fan_in;
        let blocks = parallel::try_map_of(self.blocks(), work, |block| {
            let rows = self.rows(block);
            let mut rng = seed.stream(block as u64);
            let mut neurons = vec![0.0; rows * signal.points()];
            for first in (0..rows).step_by(BESIDE) {
                let mut sums = ProductsBeside::new(signal.values(), self.fan_in);
                let count = BESIDE.min(rows - first);
                self.draw_beside(count, &mut rng, |_, weights| sums.add(weights));
                for (neurons, sums) in neurons.chunks_exact_mut(rows).zip(sums.products()) {
                    neurons[first..first + count].copy_from_slice(&sums[..count]);
                }
            }
            let biases = self.biases(rows, &mut rng);
            for neurons in neurons.chunks_exact_mut(rows) {
                affine(neurons, self.scale(), &biases, unit);
            }
            Ok(neurons)
        })?;
        below_each_other(&blocks, signal, signal.points())
    }
}

/// Weights of variance 1.
fn fill(law: WeightLaw, weights: &mut [f64], rng: &mut Stream) {
    match law.distribution() {
        WeightDistribution::Uniform => {
            let root = 3f64.sqrt();
            for w in weights.iter_mut() {
                *w = root * (2.0 * rng.random::<f64>() - 1.0);
            }
        }
        WeightDistribution::Rademacher => {
            for signs in weights.chunks_mut(64) {
                let bits = rng.next_u64();
                for (i, w) in signs.iter_mut().enumerate() {
                    *w = if bits >> i & 1 == 1 { 1.0 } else { -1.0 };
                }
            }
        }
        WeightDistribution::StudentT { freedom } => match StudentT::new(freedom) {
            Ok(law) => {
                let scale = ((freedom - 2.0) / freedom).sqrt();
                for w in weights.iter_mut() {
                    *w = scale * law.sample(rng);
                }
            }
            // freedom > 2 was checked where the law was made
            Err(_) => weights.fill(f64::NAN),
        },
        WeightDistribution::TruncatedNormal { cutoff } => {
            let inside = 2.0 * normal::distribution(cutoff) - 1.0;
            let variance = 1.0 - 2.0 * cutoff * normal::density(cutoff) / inside;
            let scale = variance.sqrt().recip();
            for w in weights.iter_mut() {
                let z = loop {
                    let z: f64 = rng.sample(StandardNormal);
                    if z.abs() <= cutoff {
                        break z;
                    }
                };
                *w = scale * z;
            }
        }
        _ => rng.fill_normals(weights),
    }
    prune(law.keep(), weights, rng);
}

/// Keeps weights with this probability, and divides them by its root.
fn prune(keep: f64, weights: &mut [f64], rng: &mut Stream) {
    if keep < 1.0 {
        let scale = keep.sqrt().recip();
        for w in weights {
            *w = if rng.random_bool(keep) {
                scale * *w
            } else {
                0.0
            };
        }
    }
}

/// The first rows, or columns, of a Haar-distributed orthogonal matrix times the root of its size: Gaussian
/// vectors by Gram and Schmidt's method, each projected twice (L. Giraud et al. 2005: then it is orthogonal
/// to rounding).
fn orthogonal(weights: &mut [f64], width: usize, fan_in: usize, rng: &mut Stream) -> Result<()> {
    let (count, size) = (width.min(fan_in), width.max(fan_in));
    let mut vectors = zeros("the weights of a dense layer", count, size)?;
    for i in 0..count {
        let (before, rest) = vectors.split_at_mut(i * size);
        let own = &mut rest[..size];
        rng.fill_normals(own);
        for _ in 0..2 {
            for other in before.chunks_exact(size) {
                let product = dot(other, own) / size as f64;
                for (z, other) in own.iter_mut().zip(other) {
                    *z -= product * other;
                }
            }
        }
        let scale = (size as f64 / dot(own, own)).sqrt();
        for z in own {
            *z *= scale;
        }
    }
    if width <= fan_in {
        weights.copy_from_slice(&vectors);
    } else {
        for (j, column) in vectors.chunks_exact(size).enumerate() {
            for (row, z) in weights.chunks_exact_mut(fan_in).zip(column) {
                row[j] = *z;
            }
        }
    }
    Ok(())
}

/// `scale` times products, plus biases in another unit.
fn affine(products: &mut [f64], scale: f64, biases: &[f64], unit: f64) {
    for (y, bias) in products.iter_mut().zip(biases) {
        let bias = if *bias == 0.0 { 0.0 } else { bias * unit };
        *y = scale * *y + bias;
    }
}

/// The signal of blocks of neurons, each point by point, in the units of another signal.
fn below_each_other(blocks: &[Vec<f64>], like: &Signal, points: usize) -> Result<Signal> {
    let width = blocks.iter().map(|block| block.len() / points).sum();
    let mut out = Signal::zeros(width, points)?;
    for j in 0..points {
        let mut column = out.column_mut(j);
        for block in blocks {
            let rows = block.len() / points;
            let (now, rest) = column.split_at_mut(rows);
            now.copy_from_slice(&block[j * rows..(j + 1) * rows]);
            column = rest;
        }
    }
    out.set_exponent(like.exponent());
    out.rescaled()
}

/// Up to [`DRAWN`] neurons of a layer.
struct Block {
    /// $\omega$, row by row.
    weights: Vec<f64>,
    /// $\sigma_b \beta$.
    biases: Vec<f64>,
}

/// $Y = \sigma_w \omega X/\sqrt n + \sigma_b \beta$.
pub(super) struct DrawnDense {
    /// All but the last with [`DRAWN`] neurons.
    blocks: Vec<Block>,
    fan_in: usize,
    /// $\sigma_w/\sqrt n$.
    scale: f64,
    weight_rate: f64,
    bias_rate: f64,
    kept: Option<Vec<bool>>,
}

impl Debug for DrawnDense {
    /// Without the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrawnDense")
            .field("width", &self.neurons())
            .field("fan_in", &self.fan_in)
            .finish_non_exhaustive()
    }
}

impl DrawnDense {
    pub(super) fn new(source: WeightSource, rng: &mut Stream) -> Result<Self> {
        let blocks = source.all(rng)?;
        let pruned = source.law().keep() < 1.0;
        let weights = || blocks.iter().flat_map(|block| &block.weights);
        Ok(Self {
            kept: pruned.then(|| weights().map(|w| *w != 0.0).collect()),
            blocks,
            fan_in: source.fan_in,
            scale: source.scale(),
            weight_rate: source.weight_rate,
            bias_rate: source.bias_rate,
        })
    }

    fn neurons(&self) -> usize {
        self.blocks.iter().map(|block| block.biases.len()).sum()
    }

    fn biases(&self) -> impl Iterator<Item = f64> {
        self.blocks.iter().flat_map(|block| &block.biases).copied()
    }

    /// The rows of $\omega$.
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        let blocks = self.blocks.iter();
        blocks.flat_map(|block| block.weights.chunks_exact(self.fan_in))
    }

    fn check(&self, signal: &Signal) -> Result<()> {
        if signal.width() == self.fan_in {
            return Ok(());
        }
        Err(Error::shape(
            "signal",
            format!("{} neurons", signal.width()),
            format!("{}, what the weights were drawn for", self.fan_in),
        ))
    }
}

impl Drawn for DrawnDense {
    fn width(&self, _: usize) -> usize {
        self.neurons()
    }

    fn takes_inputs_alone(&self) -> bool {
        true
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        self.check(signal)?;
        let largest = self.biases().fold(0.0, |m: f64, bias| m.max(bias.abs()));
        if let Some(signal) = beside_biases(largest * largest, signal) {
            return self.forward(&signal);
        }
        let unit = power_of_two(-signal.exponent() / 2);
        let buffers = Buffers::default();
        let packed = PackedPoints::new(signal.values(), self.fan_in, &buffers);
        let points = packed.len();
        let work = self.neurons() * self.fan_in * points;
        let blocks = parallel::try_map_of(self.blocks.len(), work, |i| {
            let Block { weights, biases } = &self.blocks[i];
            let products = packed.products(weights, points, None, &buffers);
            let mut neurons = Vec::with_capacity(products.len());
            for j in 0..points {
                let first = neurons.len();
                neurons.extend(products[j..].iter().step_by(points));
                affine(&mut neurons[first..], self.scale, biases, unit);
            }
            buffers.give_back(products);
            Ok(neurons)
        })?;
        below_each_other(&blocks, signal, points)
    }

    /// $W^\top \Delta$, from some columns of $W$ at a time.
    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        self.check(signal)?;
        let width = self.neurons();
        conditioned::check_deltas(&deltas, width, signal.points())?;
        sink.dense(Factors {
            features: signal,
            deltas: &deltas,
            weight_rate: self.weight_rate,
            bias_rate: self.bias_rate,
            kept: self.kept.as_deref(),
        })?;
        let points = deltas.points();
        if signal.is_input() && !sink.wants_inputs() {
            return Signal::zeros(self.fan_in, points);
        }
        let buffers = Buffers::default();
        let rows: Vec<&[f64]> = self.rows().collect();
        let work = width * self.fan_in * points;
        let blocks = parallel::try_map_of(self.fan_in.div_ceil(COLUMNS), work, |i| {
            let columns = i * COLUMNS..self.fan_in.min((i + 1) * COLUMNS);
            let packed = PackedPoints::of_columns(&rows, columns, &buffers);
            let mut gradients = packed.products(deltas.values(), packed.len(), None, &buffers);
            for gradient in &mut gradients {
                *gradient *= self.scale;
            }
            buffers.give_back(packed.into_buffer());
            Ok(gradients)
        })?;
        below_each_other(&blocks, &deltas, points)
    }

    fn weights(&self) -> Option<Weights> {
        let weights = self.rows().flatten().map(|w| self.scale * w);
        Some(Weights {
            weights: DMatrix::from_row_iterator(self.neurons(), self.fan_in, weights),
            biases: self.biases().collect(),
        })
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let (rows, columns) = weights.weights.shape();
        let expected = (self.neurons(), self.fan_in);
        if (rows, columns) != expected || weights.biases.len() != expected.0 {
            return Err(Error::shape(
                "weights",
                format!("{rows} x {columns}, and {} biases", weights.biases.len()),
                format!(
                    "{} x {}, and as many biases as rows",
                    expected.0, expected.1
                ),
            ));
        }
        let row_by_row = || (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
        // names are written where they are needed: training comes here with every step
        if !weights.weights.iter().all(|weight| weight.is_finite()) {
            for (i, j) in row_by_row() {
                error::finite(&format!("weights[({i}, {j})]"), weights.weights[(i, j)])?;
            }
        }
        if let Some(i) = weights.biases.iter().position(|bias| !bias.is_finite()) {
            error::finite(&format!("biases[{i}]"), weights.biases[i])?;
        }
        for (at, kept) in row_by_row().zip(self.kept.iter().flatten()) {
            if !kept && weights.weights[at] != 0.0 {
                return Err(Error::invalid(
                    format!("weights[{at:?}]"),
                    weights.weights[at],
                    "0, for a weight that was pruned",
                ));
            }
        }
        let mut entries = row_by_row().map(|at| weights.weights[at]);
        let mut biases = weights.biases.iter();
        for block in &mut self.blocks {
            block
                .weights
                .iter_mut()
                .zip(&mut entries)
                .for_each(|(w, entry)| *w = entry);
            block
                .biases
                .iter_mut()
                .zip(&mut biases)
                .for_each(|(b, bias)| *b = *bias);
        }
        self.scale = 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(law: WeightLaw, width: usize, fan_in: usize) -> Vec<f64> {
        let source = WeightSource {
            initialization: Initialization::lecun().with_weights(law),
            fan_in,
            width,
            weight_rate: 1.0,
            bias_rate: 0.0,
        };
        let mut rng = Seed::new(3).stream(0);
        let layer = DrawnDense::new(source, &mut rng).unwrap();
        layer.rows().flatten().copied().collect()
    }

    /// A mean of 90 000 squares is known to √((κ − 1)/90 000): 0.005 to 0.02 here, and 6 of them are allowed.
    #[test]
    fn weights_of_every_law_have_mean_0_and_variance_1() {
        for (law, kurtosis) in [
            (WeightLaw::gaussian(), 3.0),
            (WeightLaw::uniform(), 1.8),
            (WeightLaw::rademacher(), 1.0),
            (WeightLaw::student_t(12.0).unwrap(), 3.75),
            (WeightLaw::truncated_normal(2.0).unwrap(), 2.3655),
            (WeightLaw::orthogonal(), 3.0),
            (WeightLaw::gaussian().pruned(0.25).unwrap(), 12.0),
            (WeightLaw::rademacher().pruned(0.5).unwrap(), 2.0),
        ] {
            let weights = drawn(law, 300, 300);
            let count = weights.len() as f64;
            let mean = weights.iter().sum::<f64>() / count;
            let moment = |k: i32| weights.iter().map(|w| w.powi(k)).sum::<f64>() / count;
            let tolerance = 6.0 * (kurtosis / count).sqrt();
            assert!(mean.abs() < tolerance, "{}: {mean}", law.name());
            assert!((moment(2) - 1.0).abs() < tolerance, "{}", law.name());
            assert!((moment(4) / kurtosis - 1.0).abs() < 0.2, "{}", law.name());
        }
    }

    #[test]
    fn orthogonal_layers_have_orthonormal_rows_or_columns() {
        for (width, fan_in) in [(7, 7), (5, 11), (11, 5)] {
            let weights = drawn(WeightLaw::orthogonal(), width, fan_in);
            let size = width.max(fan_in) as f64;
            let w = DMatrix::from_row_slice(width, fan_in, &weights) / size.sqrt();
            let gram = if width <= fan_in {
                &w * w.transpose()
            } else {
                w.transpose() * &w
            };
            assert!(
                (gram - DMatrix::identity(width.min(fan_in), width.min(fan_in))).amax() < 1e-14
            );
        }
    }

    #[test]
    fn a_pruned_weight_stays_0() {
        let source = WeightSource {
            initialization: Initialization::he()
                .with_weights(WeightLaw::gaussian().pruned(0.5).unwrap()),
            fan_in: 4,
            width: 3,
            weight_rate: 1.0,
            bias_rate: 0.0,
        };
        let mut layer = DrawnDense::new(source, &mut Seed::new(1).stream(0)).unwrap();
        let mut weights = layer.weights().unwrap();
        layer.set_weights(&weights).unwrap();
        weights.weights.fill(1.0);
        let error = layer.set_weights(&weights).unwrap_err();
        assert!(error.to_string().contains("pruned"), "{error}");
    }
}
