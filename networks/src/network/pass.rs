//! One pass over the neurons of a residual block, $Y \leftarrow sY + ZR^\top$, which sums what the next block
//! asks of them while they are in the first-level cache.

use std::ops::Range;
use std::sync::Arc;

use nalgebra::DMatrix;

use pulp::{Arch, Simd, WithSimd};

use super::signal::{BLOCK, Signal, blocks};
use crate::activation::{Dual, Slopes};
use crate::numerics::dot;
use crate::vectorized::vectorized;

/// The lanes of [`dot`], in whose order sums of one or two inputs are taken too: the bits are those of
/// separate passes.
const LANES: usize = 16;

/// $\varphi(Y)^\top \varphi(Y)$ of a signal that changes.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub struct FeatureProducts {
    phi: Arc<dyn Dual>,
    slopes: Option<Slopes>,
    /// $\varphi(Y)$ of a block of neurons.
    features: Vec<f64>,
    /// The upper triangle.
    sums: DMatrix<f64>,
}

/// $\sum_i \varphi(Y_{ia}) \varphi(Y_{ib})$, block by block: the upper triangle.
pub(super) fn feature_products(phi: &Arc<dyn Dual>, signal: &Signal) -> DMatrix<f64> {
    FeatureProducts::new(phi, signal).sums
}

impl FeatureProducts {
    /// Of a signal as it is.
    pub fn new(phi: &Arc<dyn Dual>, signal: &Signal) -> Self {
        let mut products = Self::unknown(phi, signal.width(), signal.points());
        for rows in blocks(signal.width()) {
            products.add(signal, rows);
        }
        products
    }

    /// Of a signal of these sizes, all zero.
    pub(super) fn unknown(phi: &Arc<dyn Dual>, width: usize, points: usize) -> Self {
        Self {
            phi: Arc::clone(phi),
            slopes: phi.slopes(),
            features: vec![0.0; width.min(BLOCK) * points],
            sums: DMatrix::zeros(points, points),
        }
    }

    /// The sums; what is below their diagonal means nothing.
    pub fn sums(&self) -> &DMatrix<f64> {
        &self.sums
    }

    /// [`sums`](Self::sums), to be changed.
    pub(super) fn sums_mut(&mut self) -> &mut DMatrix<f64> {
        &mut self.sums
    }

    /// Of a homogeneous activation.
    pub(super) fn slopes(&self) -> Option<Slopes> {
        self.slopes
    }

    /// Forgets the signal as it was.
    pub fn clear(&mut self) {
        self.sums.fill(0.0);
    }

    /// $Y \leftarrow sY + ZR^\top$ in one block of rows, and their products on top of the others. The normals
    /// $Z$ of the rows of one input are `stride` from those of the next.
    pub fn advance(
        &mut self,
        signal: &mut Signal,
        rows: Range<usize>,
        (skip, root): (f64, &DMatrix<f64>),
        (normals, stride): (&[f64], usize),
    ) {
        let Some(slopes) = self.slopes.filter(|_| signal.points() <= 2) else {
            advance(signal, rows.clone(), (skip, root), (normals, stride));
            return self.add(signal, rows);
        };
        let width = signal.width();
        let mut columns = signal.values_mut().chunks_exact_mut(width);
        let columns = [columns.next(), columns.next()].map(|y| y.map(|y| &mut y[rows.clone()]));
        let normals = |k: usize| &normals[k * stride..][..rows.len()];
        match columns {
            [Some(first), Some(second)] => {
                let pass = Pass {
                    columns: [first, second],
                    normals: [normals(0), normals(1)],
                    skip,
                    root: [[root[(0, 0)], 0.0], [root[(1, 0)], root[(1, 1)]]],
                    slopes,
                };
                let [[first, product], [_, second]] = Arch::new().dispatch(pass);
                self.sums[(0, 0)] += first;
                self.sums[(0, 1)] += product;
                self.sums[(1, 1)] += second;
            }
            [Some(column), None] => {
                let pass = Pass {
                    columns: [column],
                    normals: [normals(0)],
                    skip,
                    root: [[root[(0, 0)]]],
                    slopes,
                };
                let [[square]] = Arch::new().dispatch(pass);
                self.sums[(0, 0)] += square;
            }
            _ => {}
        }
    }

    /// The products of one block of rows.
    fn add(&mut self, signal: &Signal, rows: Range<usize>) {
        let size = rows.len();
        for j in 0..signal.points() {
            let (before, now) = self.features.split_at_mut(j * size);
            let now = &mut now[..size];
            self.phi.value_slice(&signal.column(j)[rows.clone()], now);
            for (i, earlier) in before.chunks_exact(size).enumerate() {
                self.sums[(i, j)] += dot(earlier, now);
            }
            self.sums[(j, j)] += dot(now, now);
        }
    }
}

/// [`FeatureProducts::advance`] without products.
pub(super) fn advance(
    signal: &mut Signal,
    rows: Range<usize>,
    (skip, root): (f64, &DMatrix<f64>),
    (normals, stride): (&[f64], usize),
) {
    for j in 0..signal.points() {
        let y = &mut signal.column_mut(j)[rows.clone()];
        vectorized(
            #[inline(always)]
            || {
                let size = y.len();
                let first = root[(j, 0)];
                for (y, z) in y.iter_mut().zip(&normals[..size]) {
                    *y = skip * *y + first * z;
                }
                for k in 1..=j {
                    let factor = root[(j, k)];
                    for (y, z) in y.iter_mut().zip(&normals[k * stride..][..size]) {
                        *y += factor * z;
                    }
                }
            },
        );
    }
}

/// The pass over some neurons of a homogeneous activation at $M$ inputs, one or two, whose sums the registers
/// hold: $\varphi(Y)^\top \varphi(Y)$ (upper triangle). Written for vectors, since loops over so few inputs
/// are unrolled, and then not vectorised.
pub(super) struct Pass<'a, const M: usize> {
    pub(super) columns: [&'a mut [f64]; M],
    pub(super) normals: [&'a [f64]; M],
    pub(super) skip: f64,
    /// Row by row; what is above the diagonal means nothing.
    pub(super) root: [[f64; M]; M],
    pub(super) slopes: Slopes,
}

impl<const M: usize> WithSimd for Pass<'_, M> {
    type Output = [[f64; M]; M];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [[f64; M]; M] {
        // all 16 lanes of each sum at a time, or 8 of each of the three of two inputs where registers are few
        let halves = if S::F64_LANES < 8 { M } else { 1 };
        match LANES / S::F64_LANES / halves {
            2 => self.by_vectors::<S, 2>(simd),
            4 => self.by_vectors::<S, 4>(simd),
            8 => self.by_vectors::<S, 8>(simd),
            _ => self.by_vectors::<S, 16>(simd),
        }
    }
}

impl<const M: usize> Pass<'_, M> {
    #[inline(always)]
    fn by_vectors<S: Simd, const G: usize>(self, simd: S) -> [[f64; M]; M] {
        if self.skip == 1.0 {
            return self.with_skip::<S, G>(
                simd,
                #[inline(always)]
                |y| y,
            );
        }
        let skip = simd.splat_f64s(self.skip);
        self.with_skip::<S, G>(
            simd,
            #[inline(always)]
            |y| simd.mul_f64s(skip, y),
        )
    }

    #[inline(always)]
    fn with_skip<S: Simd, const G: usize>(
        self,
        simd: S,
        kept: impl Fn(S::f64s) -> S::f64s,
    ) -> [[f64; M]; M] {
        let Slopes { negative, positive } = self.slopes;
        let zero = simd.splat_f64s(0.0);
        if (negative, positive) == (0.0, 1.0) {
            return self.sums::<S, G>(
                simd,
                kept,
                #[inline(always)]
                |y| simd.max_f64s(y, zero),
            );
        }
        let (negative, positive) = (simd.splat_f64s(negative), simd.splat_f64s(positive));
        self.sums::<S, G>(
            simd,
            kept,
            #[inline(always)]
            |y| {
                let is_positive = simd.greater_than_f64s(y, zero);
                simd.mul_f64s(y, simd.select_f64s(is_positive, positive, negative))
            },
        )
    }

    /// With $G$ vectors at a time.
    #[inline(always)]
    fn sums<S: Simd, const G: usize>(
        self,
        simd: S,
        kept: impl Fn(S::f64s) -> S::f64s,
        phi: impl Fn(S::f64s) -> S::f64s,
    ) -> [[f64; M]; M] {
        let (slopes, tail_skip, tail_root) = (self.slopes, self.skip, self.root);
        let size = self.normals[0].len();
        let whole = size / LANES * LANES;
        let mut parts = self.columns.map(
            #[inline(always)]
            |y| y.split_at_mut(whole),
        );
        let columns = parts.each_mut().map(
            #[inline(always)]
            |(head, _)| S::as_mut_simd_f64s(head).0,
        );
        let normals = self.normals.map(
            #[inline(always)]
            |z| S::as_simd_f64s(&z[..whole]).0,
        );
        let mut root = [[simd.splat_f64s(0.0); M]; M];
        for (root, row) in root
            .as_flattened_mut()
            .iter_mut()
            .zip(self.root.as_flattened())
        {
            *root = simd.splat_f64s(*row);
        }
        let mut totals = [[[simd.splat_f64s(0.0); G]; M]; M];
        let vectors = LANES / S::F64_LANES;
        for part in (0..vectors).step_by(G) {
            let mut sums = [[[simd.splat_f64s(0.0); G]; M]; M];
            for at in (part..whole / S::F64_LANES).step_by(vectors) {
                let z = normals.map(|z| &z[at..at + G]);
                let mut features = [[simd.splat_f64s(0.0); G]; M];
                for j in 0..M {
                    let y = &mut columns[j][at..at + G];
                    for g in 0..G {
                        let mut value = kept(y[g]);
                        for k in 0..=j {
                            value = simd.add_f64s(value, simd.mul_f64s(root[j][k], z[k][g]));
                        }
                        y[g] = value;
                        features[j][g] = phi(value);
                    }
                    for i in 0..=j {
                        for g in 0..G {
                            let product = simd.mul_f64s(features[i][g], features[j][g]);
                            sums[i][j][g] = simd.add_f64s(sums[i][j][g], product);
                        }
                    }
                }
            }
            for (totals, sums) in totals
                .as_flattened_mut()
                .iter_mut()
                .zip(sums.as_flattened())
            {
                for (total, &sum) in totals.iter_mut().zip(sums) {
                    // the upper half of 16 lanes to the lower one
                    *total = if part == 0 {
                        sum
                    } else {
                        simd.add_f64s(*total, sum)
                    };
                }
            }
        }
        let mut tail = [[0.0; M]; M];
        let tail_columns = parts.map(|(_, tail)| tail);
        for at in whole..size {
            let z = self.normals.map(|z| z[at]);
            let mut features = [0.0; M];
            for j in 0..M {
                let y = &mut tail_columns[j][at - whole];
                let added = tail_root[j].iter().zip(&z).take(j + 1);
                *y = added.fold(tail_skip * *y, |y, (factor, z)| y + factor * z);
                features[j] = slopes.value(*y);
                for i in 0..=j {
                    tail[i][j] += features[i] * features[j];
                }
            }
        }
        for j in 0..M {
            for i in 0..=j {
                tail[i][j] += sum_of_lanes::<S, G>(&totals[i][j]);
            }
        }
        tail
    }
}

/// In the order of [`dot`].
#[inline(always)]
fn sum_of_lanes<S: Simd, const G: usize>(vectors: &[S::f64s; G]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (all, _) = S::as_mut_simd_f64s(&mut lanes);
    all[..G].copy_from_slice(vectors);
    let mut half = G * S::F64_LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Elu, LeakyRelu, Relu};
    use crate::network::{Activated, Dense, Layer, Network, Repeat, Residual, Sampler, Site};
    use crate::random::Seed;
    use crate::{Initialization, Inputs};

    const BLOCKS: usize = 60;

    /// [`BLOCKS`] of them at once, and one by one.
    fn both_ways(
        branch: &Network,
        skip: f64,
        inputs: usize,
        width: usize,
    ) -> [Result<Signal, String>; 2] {
        let rows: Vec<[f64; 2]> = (0..inputs).map(|i| [1.0, 0.3 * i as f64]).collect();
        let x = Inputs::from_rows(&rows).unwrap();
        let stem = Dense::new(Initialization::default());
        let block = Network::new().then(Residual::new(skip, 0.7, branch.clone()).unwrap());
        let at_once = Repeat::new(BLOCKS, block.clone()).unwrap();
        let draw = |blocks: &[&dyn Layer]| {
            let mut rng = Seed::new(7).stream(width as u64);
            let mut site = Site::new(width, Sampler::Conditional, &mut rng).unwrap();
            let y = stem.sample(Signal::of_inputs(&x), &mut site).unwrap();
            let mut blocks = blocks.iter();
            let y = blocks.try_fold(y, |y, block| block.sample(y, &mut site));
            y.map_err(|error| error.to_string())
        };
        [draw(&[&at_once]), draw(&[&block as &dyn Layer; BLOCKS])]
    }

    #[test]
    fn blocks_in_a_row_are_one_after_the_other_to_the_bit() {
        let activations: [Arc<dyn Dual>; 3] = [
            Arc::new(Relu),
            Arc::new(LeakyRelu::new(0.2).unwrap()),
            Arc::new(Elu::new(1.0).unwrap()),
        ];
        // the last one grows beyond the powers of two that a signal is held in, and ELU beyond the range
        let laws = [(1.0, 0.0), (2.0, 0.3), (1e9, 0.0)];
        let cases = activations
            .iter()
            .flat_map(|phi| laws.map(|law| (phi, law)));
        for (phi, (weights, biases)) in cases {
            let dense = Dense::new(Initialization::new(weights, biases).unwrap());
            let branch = Network::new()
                .then(Activated::sharing(Arc::clone(phi)))
                .then(dense);
            for (skip, inputs) in [(1.0, 1), (0.0, 2), (0.9, 2), (1.0, 3)] {
                for width in [1, 16, 37, 300] {
                    let [at_once, one_by_one] = both_ways(&branch, skip, inputs, width);
                    let case = format!("{phi:?}, {weights}, {skip}, {inputs}, {width}");
                    assert_eq!(at_once, one_by_one, "{case}");
                }
            }
        }
    }

    /// Vectors of any length give what single numbers give.
    #[test]
    fn bits_are_those_of_any_machine() {
        let slopes =
            [(0.0, 1.0), (-0.5, 1.25)].map(|(negative, positive)| Slopes { negative, positive });
        for (size, slopes) in [(256, slopes[0]), (45, slopes[1]), (7, slopes[0])] {
            let y: Vec<f64> = (0..2 * size).map(|i| (1.7 * i as f64).sin()).collect();
            let z: Vec<f64> = (0..2 * size).map(|i| (2.3 * i as f64).cos()).collect();
            let pass = |y: &mut Vec<f64>, is_plain: bool| {
                let (first, second) = y.split_at_mut(size);
                let pass = Pass {
                    columns: [first, second],
                    normals: [&z[..size], &z[size..]],
                    skip: 0.9,
                    root: [[0.7, 0.0], [0.3, 0.6]],
                    slopes,
                };
                if is_plain {
                    pass.with_simd(pulp::Scalar::new())
                } else {
                    Arch::new().dispatch(pass)
                }
            };
            let (mut wide, mut plain) = (y.clone(), y);
            let sums = pass(&mut wide, false);
            assert_eq!(sums, pass(&mut plain, true));
            assert_eq!(wide, plain);
            let phi = |y: &[f64]| y.iter().map(|&y| slopes.value(y)).collect::<Vec<f64>>();
            let (first, second) = (phi(&wide[..size]), phi(&wide[size..]));
            let products = [
                dot(&first, &first),
                dot(&first, &second),
                dot(&second, &second),
            ];
            assert_eq!([sums[0][0], sums[0][1], sums[1][1]], products);
        }
    }
}
