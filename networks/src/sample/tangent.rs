//! Kernels of one network with weights: its NNGP and tangent kernels, gradient norms, Jacobians.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::network::{Drawn, Factors, GradientSink, Signal};
use crate::numerics::{Buffers, inner_products, scale_by_power_of_two, threads};
use crate::{Error, Inputs, Result, error, parallel};

/// So many columns of deltas are worked on together, unless said otherwise.
const COLUMNS: usize = 1024;

/// Passes of so few columns leave threads idle: parts of them are taken at the same time.
const FEW_COLUMNS: usize = 256;

/// Columns of a part, or a multiple of it: as many as products take together.
const OF_A_PART: usize = 8;

/// The kernels of one network $f$ with weights, at $m$ inputs and for $k$ of its outputs:
///
/// | | NNGP | tangent kernel | shape |
/// |---|---|---|---|
/// | full | $f_r(a) f_s(b)$ | $\langle \nabla f_r(a), \nabla f_s(b) \rangle$ | $mk \times mk$ |
/// | per output | $r = s$ | $r = s$ | $k$ times $m \times m$ |
/// | mean | $\frac1k \sum_r$ of these | $\frac1k \sum_r$ of these | $m \times m$ |
///
/// In full kernels output $r$ of input $a$ stands at $ak + r$. Gradients are by all trained numbers $\omega$,
/// $\beta$ of the network's [parametrisation](crate::network::Parametrization), each weighed by its rate of
/// training. They are held in [factors](crate::network::Factors), so a layer of $n$ neurons costs $O(mkn)$
/// memory and $O(m^2 k^2 n)$ work beside its passes, and no Jacobian is formed. Kernels are symmetric to the
/// bit and positive semi-definite to rounding; the trace of the full one is the sum of squared gradient
/// norms. An entry is a function of its two inputs alone, so that the size of batches changes no bit (but
/// [dropout](crate::network::Dropout) has one mask for the first input of a pass and another one for the
/// second).
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::sample::EmpiricalKernels;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let network = Mlp::new(Relu).finite(500, 2)?.with_weights(2, &mut Seed::new(7).stream(0))?;
/// let kernels = EmpiricalKernels::of(&*network, &x).outputs(0..1)?;
/// let limit = Mlp::new(Relu).infinite_width(2)?.ntk(&x)?;
/// assert!((kernels.ntk()? - limit).amax() < 0.2);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EmpiricalKernels<'a> {
    network: &'a dyn Drawn,
    x: &'a Inputs<'a>,
    outputs: Range<usize>,
    batch: Option<usize>,
}

impl<'a> EmpiricalKernels<'a> {
    /// Of all outputs of a network at some inputs.
    pub fn of(network: &'a dyn Drawn, x: &'a Inputs<'a>) -> Self {
        Self {
            network,
            x,
            outputs: 0..network.width(x.dimension()),
            batch: None,
        }
    }

    /// Of some outputs alone, which are then counted from 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no output, or one that the network does not have.
    pub fn outputs(self, outputs: Range<usize>) -> Result<Self> {
        let width = self.network.width(self.x.dimension());
        if outputs.is_empty() || outputs.end > width {
            let expected = format!("a range within 0..{width} that is not empty");
            return Err(Error::invalid("outputs", format!("{outputs:?}"), expected));
        }
        Ok(Self { outputs, ..self })
    }

    /// Of so many inputs at a time: less memory, more passes. (By default as many as make 1024 pairs of an
    /// input and an output.)
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0.
    pub fn in_batches_of(self, inputs: usize) -> Result<Self> {
        let batch = Some(error::size("inputs", inputs)?);
        Ok(Self { batch, ..self })
    }

    /// The mean over outputs of $f_r(a) f_r(b)$, $m \times m$: what tends to the NNGP kernel.
    ///
    /// # Errors
    /// Those of [`Drawn::forward`]; [`Error::Overflow`].
    pub fn nngp(&self) -> Result<DMatrix<f64>> {
        let y = self.values()?;
        let products = inner_products(
            y.as_slice(),
            y.as_slice(),
            y.nrows(),
            true,
            &Buffers::default(),
        );
        checked(DMatrix::from_row_slice(y.ncols(), y.ncols(), &products) / y.nrows() as f64)
    }

    /// $f_r(a) f_r(b)$: an $m \times m$ matrix for each output.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp).
    pub fn nngp_per_output(&self) -> Result<Vec<DMatrix<f64>>> {
        let y = self.values()?;
        let m = y.ncols();
        let rows = y.row_iter();
        rows.map(|f| checked(DMatrix::from_fn(m, m, |a, b| f[a] * f[b])))
            .collect()
    }

    /// $f_r(a) f_s(b)$, $mk \times mk$, at $(ak + r, bk + s)$.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp).
    pub fn nngp_full(&self) -> Result<DMatrix<f64>> {
        let y = self.values()?;
        let f = y.as_slice();
        checked(DMatrix::from_fn(f.len(), f.len(), |i, j| f[i] * f[j]))
    }

    /// The mean over outputs of $\langle \nabla f_r(a), \nabla f_r(b) \rangle$, $m \times m$: what tends to
    /// the neural tangent kernel.
    ///
    /// # Errors
    /// Those of [`Drawn::backward`]; [`Error::Overflow`].
    pub fn ntk(&self) -> Result<DMatrix<f64>> {
        let m = self.x.len();
        let mut sum = DMatrix::zeros(m, m);
        self.each_output(|kernel| sum += kernel)?;
        Ok(sum / self.outputs.len() as f64)
    }

    /// $\langle \nabla f_r(a), \nabla f_r(b) \rangle$: an $m \times m$ matrix for each output.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn ntk_per_output(&self) -> Result<Vec<DMatrix<f64>>> {
        let mut kernels = Vec::with_capacity(self.outputs.len());
        self.each_output(|kernel| kernels.push(kernel))?;
        Ok(kernels)
    }

    /// $\langle \nabla f_r(a), \nabla f_s(b) \rangle$, $mk \times mk$, at $(ak + r, bk + s)$.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn ntk_full(&self) -> Result<DMatrix<f64>> {
        let k = self.outputs.len();
        let size = self.x.len() * k;
        let mut kernel = DMatrix::zeros(size, size);
        self.each_block(self.outputs.clone(), true, |rows, columns, block| {
            let (m, p) = (rows.len(), columns.len());
            for (i, row) in block.chunks_exact(k * p).enumerate() {
                let at = (rows.start + i % m) * k + i / m;
                for (j, entry) in row.iter().enumerate() {
                    let other = (columns.start + j % p) * k + j / p;
                    kernel[(at, other)] = *entry;
                    kernel[(other, at)] = *entry;
                }
            }
        })?;
        Ok(kernel)
    }

    /// $|\nabla_l f_r(a)|$ for the gradient by the weights and biases of dense layer $l$, at $(r, a)$ of
    /// matrix $l$, each $k \times m$, from the inputs on (branches in their order).
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn gradient_norms(&self) -> Result<Vec<DMatrix<f64>>> {
        let (k, m) = (self.outputs.len(), self.x.len());
        let mut layers: Vec<DMatrix<f64>> = Vec::new();
        for inputs in self.batches(k) {
            let mut norms = Norms::default();
            self.pass(inputs.clone(), self.outputs.clone(), &mut norms)?;
            layers.resize(norms.0.len(), DMatrix::zeros(k, m));
            for (layer, squares) in layers.iter_mut().zip(norms.0.iter().rev()) {
                for (c, square) in squares.iter().enumerate() {
                    layer[(c / inputs.len(), inputs.start + c % inputs.len())] = square.sqrt();
                }
            }
        }
        Ok(layers)
    }

    /// The Jacobian $\partial f_r/\partial x_i$ of the network at each input, $k \times d$.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn jacobians(&self) -> Result<Vec<DMatrix<f64>>> {
        let (k, d) = (self.outputs.len(), self.x.dimension());
        let mut jacobians = Vec::with_capacity(self.x.len());
        for inputs in self.batches(k) {
            let gradients = self.pass(inputs.clone(), self.outputs.clone(), &mut ())?;
            let gradients = gradients.to_matrix()?;
            let m = inputs.len();
            jacobians
                .extend((0..m).map(|a| DMatrix::from_fn(k, d, |r, i| gradients[(i, r * m + a)])));
        }
        Ok(jacobians)
    }

    /// The singular values of the [Jacobian](Self::jacobians) at each input, largest first.
    ///
    /// # Errors
    /// As [`jacobians`](Self::jacobians); [`Error::NotConverged`].
    pub fn singular_values(&self) -> Result<Vec<Vec<f64>>> {
        let jacobians = self.jacobians()?;
        parallel::try_map(jacobians.len(), |a| {
            // 1000 sweeps: a few are usual
            let svd = jacobians[a]
                .clone()
                .try_svd(false, false, f64::EPSILON, 1000);
            let svd = svd.ok_or(Error::NotConverged {
                what: "the singular values of a Jacobian".to_owned(),
                reached: f64::INFINITY,
                tolerance: f64::EPSILON,
            })?;
            Ok(svd.singular_values.as_slice().to_vec())
        })
    }

    /// Values of the chosen outputs, $k \times m$.
    fn values(&self) -> Result<DMatrix<f64>> {
        let y = self
            .network
            .forward(&Signal::of_inputs(self.x))?
            .to_matrix()?;
        Ok(y.rows(self.outputs.start, self.outputs.len()).into_owned())
    }

    /// Inputs that are worked on together, for `count` outputs.
    fn batches(&self, count: usize) -> Vec<Range<usize>> {
        self.parts_of(self.batch.unwrap_or((COLUMNS / count).max(1)))
    }

    /// So many inputs after the other.
    fn parts_of(&self, size: usize) -> Vec<Range<usize>> {
        let m = self.x.len();
        (0..m)
            .step_by(size)
            .map(|start| start..(start + size).min(m))
            .collect()
    }

    /// The backward pass of some outputs at some inputs.
    fn pass(
        &self,
        inputs: Range<usize>,
        outputs: Range<usize>,
        sink: &mut dyn GradientSink,
    ) -> Result<Signal> {
        let x = Inputs::from_slice(self.x.slice(inputs.clone()), self.x.dimension())?;
        let width = self.network.width(self.x.dimension());
        let deltas = Signal::unit_deltas(width, inputs.len(), outputs)?;
        self.network.backward(&Signal::of_inputs(&x), deltas, sink)
    }

    /// The tangent kernel of each output by itself, some at a time.
    fn each_output(&self, mut take: impl FnMut(DMatrix<f64>)) -> Result<()> {
        let m = self.x.len();
        let together = (COLUMNS / self.batch.unwrap_or(m).min(m)).max(1);
        for first in self.outputs.clone().step_by(together) {
            let outputs = first..(first + together).min(self.outputs.end);
            let mut kernels = vec![DMatrix::zeros(m, m); outputs.len()];
            self.each_block(outputs, false, |rows, columns, block| {
                let blocks = block.chunks_exact(rows.len() * columns.len());
                for (kernel, block) in kernels.iter_mut().zip(blocks) {
                    for (i, row) in block.chunks_exact(columns.len()).enumerate() {
                        for (j, entry) in row.iter().enumerate() {
                            kernel[(rows.start + i, columns.start + j)] = *entry;
                            kernel[(columns.start + j, rows.start + i)] = *entry;
                        }
                    }
                }
            })?;
            kernels.into_iter().for_each(&mut take);
        }
        Ok(())
    }

    /// The tangent kernel between two batches of inputs: row by row between all outputs, or of one output
    /// after the other.
    fn each_block(
        &self,
        outputs: Range<usize>,
        full: bool,
        mut take: impl FnMut(&Range<usize>, &Range<usize>, &[f64]),
    ) -> Result<()> {
        let batches = self.batches(outputs.len());
        if batches.len() == 1
            && self.x.len() * outputs.len() <= FEW_COLUMNS
            && self.network.takes_inputs_alone()
        {
            return self.each_block_at_once(outputs, full, take);
        }
        for (i, rows) in batches.iter().enumerate() {
            let (own, kept) = parallel::within_threads(|| {
                let mut own = TangentSink::new(rows.len(), outputs.len(), full);
                if i + 1 < batches.len() {
                    own.kept = Some(Vec::new());
                }
                self.pass(rows.clone(), outputs.clone(), &mut own)?;
                Ok::<_, Error>((checked_entries(own.sum)?, own.kept.unwrap_or_default()))
            })?;
            take(rows, rows, &own);
            for columns in &batches[i + 1..] {
                let other = parallel::within_threads(|| {
                    let mut other = BetweenSink {
                        rows: &kept,
                        layer: 0,
                        full,
                        outputs: outputs.len(),
                        sum: Vec::new(),
                    };
                    self.pass(columns.clone(), outputs.clone(), &mut other)?;
                    checked_entries(other.sum)
                })?;
                take(rows, columns, &other);
            }
        }
        Ok(())
    }

    /// The same of few inputs, a part of them on each thread.
    fn each_block_at_once(
        &self,
        outputs: Range<usize>,
        full: bool,
        mut take: impl FnMut(&Range<usize>, &Range<usize>, &[f64]),
    ) -> Result<()> {
        let size = self.x.len().div_ceil(threads());
        let parts = self.parts_of(size.next_multiple_of(OF_A_PART));
        let off_diagonal = (0..parts.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
        let pairs: Vec<_> = off_diagonal
            .chain((0..parts.len()).map(|i| (i, i)))
            .collect();
        let blocks = parallel::within_threads(|| {
            let kept = parallel::try_map(parts.len(), |i| {
                let mut sink = KeepingSink::default();
                self.pass(parts[i].clone(), outputs.clone(), &mut sink)?;
                Ok(sink.0)
            })?;
            parallel::try_map(pairs.len(), |pair| {
                let (rows, columns) = pairs[pair];
                let mut sum = Vec::new();
                for (rows, columns) in kept[rows].iter().zip(&kept[columns]) {
                    let rows = (&rows.features, &rows.deltas);
                    add(&mut sum, rows, columns.factors(), (outputs.len(), full))?;
                }
                checked_entries(sum)
            })
        })?;
        for ((i, j), block) in pairs.into_iter().zip(&blocks) {
            take(&parts[i], &parts[j], block);
        }
        Ok(())
    }
}

fn checked(kernel: DMatrix<f64>) -> Result<DMatrix<f64>> {
    if kernel.iter().all(|entry| entry.is_finite()) {
        Ok(kernel)
    } else {
        Err(Error::overflow("the kernel of a network"))
    }
}

fn checked_entries(entries: Vec<f64>) -> Result<Vec<f64>> {
    if error::first_outside(&entries, -f64::MAX, f64::MAX).is_some() {
        return Err(Error::overflow("the tangent kernel of a network"));
    }
    Ok(entries)
}

/// One layer's factors, kept for other inputs.
#[derive(Debug)]
struct Kept {
    features: Signal,
    deltas: Signal,
    weight_rate: f64,
    bias_rate: f64,
    kept: Option<Vec<bool>>,
}

impl Kept {
    fn new(factors: Factors<'_>) -> Self {
        Self {
            features: factors.features.clone(),
            deltas: factors.deltas.clone(),
            weight_rate: factors.weight_rate,
            bias_rate: factors.bias_rate,
            kept: factors.kept.map(<[bool]>::to_vec),
        }
    }

    fn factors(&self) -> Factors<'_> {
        Factors {
            features: &self.features,
            deltas: &self.deltas,
            weight_rate: self.weight_rate,
            bias_rate: self.bias_rate,
            kept: self.kept.as_deref(),
        }
    }
}

/// The factors of all layers, last layer first.
#[derive(Debug, Default)]
struct KeepingSink(Vec<Kept>);

impl GradientSink for KeepingSink {
    fn dense(&mut self, factors: Factors<'_>) -> Result<()> {
        self.0.push(Kept::new(factors));
        Ok(())
    }

    fn wants_inputs(&self) -> bool {
        false
    }
}

/// Adds a layer's $(g H^\top H + g_b) \circ \Delta^\top\Delta$ between two sets of inputs to `sum`: row by
/// row between all outputs where `full`, or of one output after the other.
fn add(
    sum: &mut Vec<f64>,
    rows: (&Signal, &Signal),
    columns: Factors<'_>,
    (outputs, full): (usize, bool),
) -> Result<()> {
    let (features, deltas) = rows;
    let (m, p) = (features.points(), columns.features.points());
    let same = std::ptr::eq(features, columns.features);
    let buffers = Buffers::default();
    let exponent = deltas.exponent() / 2 + columns.deltas.exponent() / 2;
    let feature_exponent = features.exponent() / 2 + columns.features.exponent() / 2;
    let size = if full {
        m * outputs * p * outputs
    } else {
        m * p * outputs
    };
    sum.resize(size, 0.0);
    if let Some(kept) = columns.kept {
        return add_masked(sum, rows, columns, kept, (outputs, full));
    }
    let blocks = if full { 1 } else { outputs };
    let (height, width) = (deltas.points() / blocks, columns.deltas.points() / blocks);
    // products of the features, and of the deltas of each block
    let work = m * p * features.width() + height * width * blocks * deltas.width();
    let products = parallel::try_map_of(1 + blocks, work, |i| {
        let (x, y, n) = match i.checked_sub(1) {
            None => (
                features.values(),
                columns.features.values(),
                features.width(),
            ),
            Some(r) => {
                let n = deltas.width();
                let x = &deltas.values()[r * height * n..(r + 1) * height * n];
                let y = &columns.deltas.values()[r * width * n..(r + 1) * width * n];
                (x, y, n)
            }
        };
        Ok(inner_products(x, y, n, same, &buffers))
    })?;
    let Some((gains, products)) = products.split_first() else {
        return Ok(());
    };
    // in units that all layers share
    let gains = gains.iter().map(|gain| {
        let features = scale_by_power_of_two("a layer's features", *gain, feature_exponent)?;
        Ok(columns.weight_rate * features + columns.bias_rate)
    });
    let gains: Vec<f64> = gains.collect::<Result<_>>()?;
    let unit = |entry: f64| scale_by_power_of_two("the tangent kernel", entry, exponent);
    for (out, products) in sum.chunks_exact_mut(height * width).zip(products) {
        let rows = out
            .chunks_exact_mut(width)
            .zip(products.chunks_exact(width));
        for (i, (out, products)) in rows.enumerate() {
            let gains = &gains[(i % m) * p..(i % m + 1) * p];
            for (out, products) in out.chunks_exact_mut(p).zip(products.chunks_exact(p)) {
                for ((out, product), gain) in out.iter_mut().zip(products).zip(gains) {
                    *out += if exponent == 0 {
                        product * gain
                    } else {
                        unit(product * gain)?
                    };
                }
            }
        }
    }
    Ok(())
}

/// The same of a pruned layer: $\sum_{ij} M_{ij} h_j h_j^\prime \delta_i \delta_i^\prime$ does not split.
fn add_masked(
    sum: &mut [f64],
    (features, deltas): (&Signal, &Signal),
    columns: Factors<'_>,
    kept: &[bool],
    (outputs, full): (usize, bool),
) -> Result<()> {
    let (m, p) = (features.points(), columns.features.points());
    let fan_in = features.width();
    let unit = |entry: f64, x: &Signal, y: &Signal| {
        let exponent = x.exponent() / 2 + y.exponent() / 2;
        scale_by_power_of_two("the tangent kernel", entry, exponent)
    };
    let mask: Vec<f64> = kept.iter().map(|&kept| f64::from(u8::from(kept))).collect();
    let buffers = Buffers::default();
    for a in 0..m {
        for b in 0..p {
            // g Σ_j M_ij h_j h′_j + g_b for each neuron i
            let pairs = features.column(a).iter().zip(columns.features.column(b));
            let squares: Vec<f64> = pairs.map(|(x, y)| x * y).collect();
            let mut gains = inner_products(&mask, &squares, fan_in, false, &buffers);
            for gain in &mut gains {
                let features = unit(*gain, features, columns.features)?;
                *gain = columns.weight_rate * features + columns.bias_rate;
            }
            for r in 0..outputs {
                for s in 0..outputs {
                    if !full && r != s {
                        continue;
                    }
                    let (row, column) = (r * m + a, s * p + b);
                    let own = deltas.column(row).iter().zip(columns.deltas.column(column));
                    let own: Vec<f64> = own.map(|(x, y)| x * y).collect();
                    let product = inner_products(&own, &gains, own.len(), false, &buffers)[0];
                    let at = if full {
                        row * outputs * p + column
                    } else {
                        (r * m + a) * p + b
                    };
                    sum[at] += unit(product, deltas, columns.deltas)?;
                }
            }
        }
    }
    Ok(())
}

/// The tangent kernel of a batch of inputs with itself, layer by layer.
#[derive(Debug)]
pub(super) struct TangentSink {
    outputs: usize,
    full: bool,
    pub(super) sum: Vec<f64>,
    /// Factors for other batches.
    kept: Option<Vec<Kept>>,
    /// The kernel of each layer, last layer first, where it is wanted.
    pub(super) layers: Option<Vec<Vec<f64>>>,
    pub(super) wants_inputs: bool,
}

impl TangentSink {
    pub(super) fn new(points: usize, outputs: usize, full: bool) -> Self {
        let size = if full {
            (points * outputs).pow(2)
        } else {
            points * points * outputs
        };
        Self {
            outputs,
            full,
            sum: vec![0.0; size],
            kept: None,
            layers: None,
            wants_inputs: false,
        }
    }
}

impl GradientSink for TangentSink {
    fn dense(&mut self, factors: Factors<'_>) -> Result<()> {
        let own = (factors.features, factors.deltas);
        let shape = (self.outputs, self.full);
        if let Some(layers) = &mut self.layers {
            let mut layer = Vec::new();
            add(&mut layer, own, factors, shape)?;
            for (sum, entry) in self.sum.iter_mut().zip(&layer) {
                *sum += entry;
            }
            layers.push(layer);
        } else {
            add(&mut self.sum, own, factors, shape)?;
        }
        if let Some(kept) = &mut self.kept {
            kept.push(Kept::new(factors));
        }
        Ok(())
    }

    fn wants_inputs(&self) -> bool {
        self.wants_inputs
    }
}

/// The tangent kernel of kept factors with those of another batch.
struct BetweenSink<'a> {
    rows: &'a [Kept],
    layer: usize,
    outputs: usize,
    full: bool,
    sum: Vec<f64>,
}

impl GradientSink for BetweenSink<'_> {
    fn dense(&mut self, factors: Factors<'_>) -> Result<()> {
        let Some(rows) = self.rows.get(self.layer) else {
            let found = format!("more than {} layers", self.layer);
            return Err(Error::shape("a second pass", found, "those of the first"));
        };
        self.layer += 1;
        let shape = (self.outputs, self.full);
        add(
            &mut self.sum,
            (&rows.features, &rows.deltas),
            factors,
            shape,
        )
    }

    fn wants_inputs(&self) -> bool {
        false
    }
}

/// Squared gradient norms by layer, last layer first: one for each column of the deltas.
#[derive(Debug, Default)]
struct Norms(Vec<Vec<f64>>);

impl GradientSink for Norms {
    fn dense(&mut self, factors: Factors<'_>) -> Result<()> {
        let points = factors.features.points();
        let of = |signal: &Signal, j: usize| {
            let column = signal.column(j);
            inner_products(column, column, column.len(), false, &Buffers::default())[0]
        };
        let squares = (0..factors.deltas.points()).map(|c| {
            let feature = factors.features.column(c % points);
            let delta = factors.deltas.column(c);
            let (weights, biases) = match factors.kept {
                None => (
                    of(factors.features, c % points) * of(factors.deltas, c),
                    of(factors.deltas, c),
                ),
                Some(kept) => {
                    let rows = kept.chunks_exact(feature.len()).zip(delta);
                    let rows = rows.map(|(kept, delta)| {
                        let kept = kept.iter().zip(feature).filter(|(kept, _)| **kept);
                        kept.map(|(_, h)| (h * delta).powi(2)).sum::<f64>()
                    });
                    (rows.sum(), of(factors.deltas, c))
                }
            };
            let unit = |square: f64, exponent: i64| {
                scale_by_power_of_two("the norm of a gradient", square, exponent)
            };
            let deltas = factors.deltas.exponent();
            let weights = unit(weights, deltas + factors.features.exponent())?;
            let biases = unit(biases, deltas)?;
            Ok(factors.weight_rate * weights + factors.bias_rate * biases)
        });
        self.0.push(squares.collect::<Result<_>>()?);
        Ok(())
    }

    fn wants_inputs(&self) -> bool {
        false
    }
}
