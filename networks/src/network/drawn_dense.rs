//! Dense layers with weights.

use std::fmt::{self, Debug};

use nalgebra::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal, StudentT};

use super::dense::beside_biases;
use super::{Drawn, Factors, GradientSink, Signal, Weights, conditioned};
use crate::initialization::{WeightDistribution, WeightLaw};
use crate::numerics::{
    BESIDE, Buffers, ProductsBeside, dot, inner_products, normal, power_of_two, zeros,
};
use crate::random::{Seed, Stream};
use crate::{Error, Initialization, Result, error, parallel};

/// Neurons that are drawn together, from a stream of their own: a multiple of [`BESIDE`].
const DRAWN: usize = 64;

/// Neurons that are multiplied together: a multiple of the tiles of [`inner_products`].
const ROWS: usize = 96;

/// Numbers in a line of the cache.
const LINE: usize = 8;

/// Products of fewer numbers than that are not worth a thread.
const WORTH_A_THREAD: usize = 1 << 18;

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

    /// $\omega$, row by row, and $b$ of the neurons of a block.
    fn block(&self, seed: Seed, block: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let rows = self.rows(block);
        let mut rng = seed.stream(block as u64);
        let mut weights = zeros("the weights of a dense layer", rows, self.fan_in)?;
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
        Ok((weights, biases))
    }

    /// All weights, row by row, and all biases.
    fn all(&self, rng: &mut Stream) -> Result<(Vec<f64>, Vec<f64>)> {
        let seed = Seed::drawn(rng);
        let mut weights = zeros("the weights of a dense layer", self.width, self.fan_in)?;
        let mut biases = Vec::with_capacity(self.width);
        let size = self.fan_in * DRAWN;
        // as many blocks at a time as keep the copies small
        for first in (0..self.blocks()).step_by(16) {
            let count = 16.min(self.blocks() - first);
            let drawn = each(count, size, |i| self.block(seed, first + i))?;
            for (i, (block, bias)) in drawn.into_iter().enumerate() {
                weights[(first + i) * size..][..block.len()].copy_from_slice(&block);
                biases.extend(bias);
            }
        }
        if self.law().distribution() == WeightDistribution::Orthogonal {
            // beyond the streams of blocks
            let mut rng = seed.stream(u64::MAX);
            orthogonal(&mut weights, self.width, self.fan_in, &mut rng)?;
            prune(self.law().keep(), &mut weights, &mut rng);
        }
        Ok((weights, biases))
    }

    /// The outputs for a signal, with weights that are forgotten as soon as they are multiplied: they never
    /// leave the first-level cache.
    pub(super) fn sample(&self, signal: &Signal, rng: &mut Stream) -> Result<Signal> {
        if self.law().distribution() == WeightDistribution::Orthogonal {
            return DrawnDense::new(*self, rng)?.forward(signal);
        }
        let seed = Seed::drawn(rng);
        let points = signal.points();
        let mut out = Signal::zeros(self.width, points)?;
        out.set_exponent(signal.exponent());
        let drawn = each(self.blocks(), self.fan_in * DRAWN, |block| {
            let rows = self.rows(block);
            let mut rng = seed.stream(block as u64);
            let mut products = vec![0.0; rows * points];
            for products in products.chunks_mut(BESIDE * points) {
                let mut sums = ProductsBeside::new(signal.values(), self.fan_in);
                let rows = products.len() / points;
                self.draw_beside(rows, &mut rng, |_, weights| sums.add(weights));
                for (j, sums) in sums.products().iter().enumerate() {
                    for (i, sum) in sums[..rows].iter().enumerate() {
                        products[i * points + j] = *sum;
                    }
                }
            }
            Ok((products, self.biases(rows, &mut rng)))
        })?;
        for (block, (products, biases)) in drawn.iter().enumerate() {
            write(&mut out, block * DRAWN, self.scale(), products, biases);
        }
        out.rescaled()
    }
}

/// [`parallel::try_map`] where the work of an item, in numbers, is worth it.
fn each<T: Send>(
    count: usize,
    work: usize,
    item: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if count > 1 && work * count > WORTH_A_THREAD {
        parallel::try_map(count, item)
    } else {
        (0..count).map(item).collect()
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

/// The neurons of a block: `scale` times their products with every input, plus their biases.
fn write(out: &mut Signal, first: usize, scale: f64, products: &[f64], biases: &[f64]) {
    let points = out.points();
    let unit = power_of_two(-out.exponent() / 2);
    for j in 0..points {
        let column = &mut out.column_mut(j)[first..first + biases.len()];
        for (i, (y, bias)) in column.iter_mut().zip(biases).enumerate() {
            let bias = if *bias == 0.0 { 0.0 } else { bias * unit };
            *y = scale * products[i * points + j] + bias;
        }
    }
}

/// $Y = \sigma_w \omega X/\sqrt n + \sigma_b \beta$.
pub(super) struct DrawnDense {
    /// $\omega$, row by row.
    weights: Vec<f64>,
    /// $\sigma_b \beta$.
    biases: Vec<f64>,
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
            .field("width", &self.biases.len())
            .field("fan_in", &self.fan_in)
            .finish_non_exhaustive()
    }
}

impl DrawnDense {
    pub(super) fn new(source: WeightSource, rng: &mut Stream) -> Result<Self> {
        let (weights, biases) = source.all(rng)?;
        let pruned = source.law().keep() < 1.0;
        Ok(Self {
            kept: pruned.then(|| weights.iter().map(|w| *w != 0.0).collect()),
            weights,
            biases,
            fan_in: source.fan_in,
            scale: source.scale(),
            weight_rate: source.weight_rate,
            bias_rate: source.bias_rate,
        })
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
        self.biases.len()
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        self.check(signal)?;
        let largest = self
            .biases
            .iter()
            .fold(0.0, |m: f64, bias| m.max(bias.abs()));
        if let Some(signal) = beside_biases(largest * largest, signal) {
            return self.forward(&signal);
        }
        let mut out = Signal::zeros(self.biases.len(), signal.points())?;
        out.set_exponent(signal.exponent());
        let buffers = Buffers::default();
        let blocks = self.biases.len().div_ceil(ROWS);
        let size = ROWS * self.fan_in;
        let products = each(blocks, size * signal.points(), |i| {
            let rows = &self.weights[i * size..self.weights.len().min((i + 1) * size)];
            Ok(inner_products(
                rows,
                signal.values(),
                self.fan_in,
                false,
                &buffers,
            ))
        })?;
        let biases = self.biases.chunks(ROWS);
        for (i, (products, biases)) in products.iter().zip(biases).enumerate() {
            write(&mut out, i * ROWS, self.scale, products, biases);
        }
        out.rescaled()
    }

    /// $W^\top \Delta$, from some columns of $W$ at a time.
    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        self.check(signal)?;
        let width = self.biases.len();
        conditioned::check_deltas(&deltas, width, signal.points())?;
        sink.dense(Factors {
            features: signal,
            deltas: &deltas,
            weight_rate: self.weight_rate,
            bias_rate: self.bias_rate,
            kept: self.kept.as_deref(),
        })?;
        let mut out = Signal::zeros(self.fan_in, deltas.points())?;
        if signal.is_input() && !sink.wants_inputs() {
            return Ok(out);
        }
        out.set_exponent(deltas.exponent());
        let buffers = Buffers::default();
        let blocks = self.fan_in.div_ceil(ROWS);
        let products = each(blocks, ROWS * width * deltas.points(), |i| {
            let columns = ROWS.min(self.fan_in - i * ROWS);
            let mut transposed = buffers.take(columns * width);
            // a line of the cache at a time: one by one, the places of a power of two push each other out
            for (first, rows) in (0..)
                .step_by(LINE)
                .zip(self.weights.chunks(LINE * self.fan_in))
            {
                let count = rows.len() / self.fan_in;
                for j in 0..columns {
                    let line = &mut transposed[j * width + first..][..count];
                    for (row, out) in line.iter_mut().enumerate() {
                        *out = rows[row * self.fan_in + i * ROWS + j];
                    }
                }
            }
            let products = inner_products(&transposed, deltas.values(), width, false, &buffers);
            buffers.give_back(transposed);
            Ok(products)
        })?;
        let no_biases = [0.0; ROWS];
        for (i, products) in products.iter().enumerate() {
            let columns = ROWS.min(self.fan_in - i * ROWS);
            write(
                &mut out,
                i * ROWS,
                self.scale,
                products,
                &no_biases[..columns],
            );
        }
        out.rescaled()
    }

    fn weights(&self) -> Option<Weights> {
        let weights = self.weights.iter().map(|w| self.scale * w);
        Some(Weights {
            weights: DMatrix::from_row_iterator(self.biases.len(), self.fan_in, weights),
            biases: self.biases.clone(),
        })
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let (rows, columns) = weights.weights.shape();
        let expected = (self.biases.len(), self.fan_in);
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
        self.weights = row_by_row().map(|at| weights.weights[at]).collect();
        self.biases.clone_from(&weights.biases);
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
        DrawnDense::new(source, &mut rng).unwrap().weights
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
