//! Residual blocks of a homogeneous activation in a row, at one or two inputs: one block's covariance goes
//! through registers to the next.

use pulp::{Arch, Simd, WithSimd};

use super::pass::{FeatureProducts, Pass};
use super::signal::{Signal, blocks};
use crate::activation::Slopes;
use crate::numerics::semidefinite_cholesky_by_columns;

/// $\hat B = \sigma_w^2 \varphi(Y)^\top \varphi(Y)/n + \sigma_b^2$ of the sums of products, and by what its
/// root is multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfFeatures {
    pub(super) weight: f64,
    pub(super) bias: f64,
    pub(super) factor: f64,
}

impl FeatureProducts {
    /// $Y \leftarrow Y + \alpha Z R^\top$, $RR^\top = \hat B(Y)$, for each of some blocks whose normals are
    /// behind one another, column by column; the number of blocks that were taken, which ends where $\hat B$
    /// is no number. `None` of more inputs and of other activations.
    pub(super) fn blocks(
        &mut self,
        signal: &mut Signal,
        law: OfFeatures,
        normals: &[f64],
    ) -> Option<usize> {
        let slopes = self.slopes()?;
        let (width, points) = (signal.width(), signal.points());
        let (first, second) = signal.values_mut().split_at_mut(width);
        let sums = self.sums_mut();
        match points {
            1 => {
                let blocks = Blocks {
                    columns: [first],
                    normals,
                    law,
                    slopes,
                    sums: [[sums[(0, 0)]]],
                };
                let ([[square]], taken) = Arch::new().dispatch(blocks);
                sums[(0, 0)] = square;
                Some(taken)
            }
            2 => {
                let blocks = Blocks {
                    columns: [first, second],
                    normals,
                    law,
                    slopes,
                    sums: [[sums[(0, 0)], sums[(0, 1)]], [0.0, sums[(1, 1)]]],
                };
                let ([[first, product], [_, second]], taken) = Arch::new().dispatch(blocks);
                (sums[(0, 0)], sums[(0, 1)], sums[(1, 1)]) = (first, product, second);
                Some(taken)
            }
            _ => None,
        }
    }
}

struct Blocks<'a, const M: usize> {
    columns: [&'a mut [f64]; M],
    normals: &'a [f64],
    law: OfFeatures,
    slopes: Slopes,
    /// The upper triangle.
    sums: [[f64; M]; M],
}

impl<const M: usize> WithSimd for Blocks<'_, M> {
    type Output = ([[f64; M]; M], usize);

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Self::Output {
        let width = self.columns[0].len();
        let mut taken = 0;
        for normals in self.normals.chunks_exact(M * width) {
            let Some(root) = self.law.root(&self.sums) else {
                break;
            };
            self.sums = [[0.0; M]; M];
            for rows in blocks(width) {
                let mut column = 0;
                let pass = Pass {
                    columns: self.columns.each_mut().map(
                        #[inline(always)]
                        |y| &mut y[rows.clone()],
                    ),
                    normals: [(); M].map(
                        #[inline(always)]
                        |()| {
                            let start = column * width;
                            column += 1;
                            &normals[start..start + width][rows.clone()]
                        },
                    ),
                    skip: 1.0,
                    root,
                    slopes: self.slopes,
                };
                let sums = pass.with_simd(simd);
                for (total, sum) in self
                    .sums
                    .as_flattened_mut()
                    .iter_mut()
                    .zip(sums.as_flattened())
                {
                    *total += sum;
                }
            }
            taken += 1;
        }
        (self.sums, taken)
    }
}

impl OfFeatures {
    /// The root of $\alpha^2 \hat B$, row by row, if it is finite.
    #[inline(always)]
    fn root<const M: usize>(self, sums: &[[f64; M]; M]) -> Option<[[f64; M]; M]> {
        let mut columns = [[0.0; M]; M];
        for j in 0..M {
            for i in 0..=j {
                let entry = self.weight * sums[i][j] + self.bias;
                if !entry.is_finite() {
                    return None;
                }
                (columns[j][i], columns[i][j]) = (entry, entry);
            }
        }
        semidefinite_cholesky_by_columns(columns.as_flattened_mut(), M);
        let mut root = [[0.0; M]; M];
        for j in 0..M {
            for k in 0..=j {
                root[j][k] = columns[k][j] * self.factor;
            }
        }
        Some(root)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::Initialization;
    use crate::activation::{LeakyRelu, Relu};
    use crate::network::Branch;
    use crate::numerics::semidefinite_cholesky;

    const BLOCKS: usize = 30;

    /// Each of the blocks by matrices, and how many there are until an entry is no number.
    fn one_by_one(
        branch: &Branch,
        signal: &mut Signal,
        products: &mut FeatureProducts,
        factor: f64,
        normals: &[f64],
    ) -> usize {
        let width = signal.width();
        let mut root = DMatrix::zeros(signal.points(), signal.points());
        let each = normals.chunks_exact(signal.values().len());
        for (taken, normals) in each.enumerate() {
            if branch
                .covariance_given(signal, products, &mut root)
                .is_err()
            {
                return taken;
            }
            semidefinite_cholesky(&mut root);
            root *= factor;
            products.clear();
            for rows in blocks(width) {
                let normals = (&normals[rows.start..], width);
                products.advance(signal, rows, (1.0, &root), normals);
            }
        }
        BLOCKS
    }

    #[test]
    fn blocks_in_a_row_are_one_after_the_other_to_the_bit() {
        let leaky = LeakyRelu::new(0.2).unwrap();
        let laws = [(1.0, 0.0), (2.0, 0.3), (1e100, 0.0)];
        for (weight, bias) in laws {
            let law = Initialization::new(weight, bias).unwrap();
            for branch in [Branch::new(Relu, law), Branch::new(leaky, law)] {
                for (width, points) in [(1, 1), (37, 1), (300, 1), (1, 2), (16, 2), (300, 2)] {
                    let start =
                        DMatrix::from_fn(width, points, |i, j| (1.0 + (3 * i + j) as f64).sin());
                    let mut one = Signal::from_matrix(&start).unwrap();
                    let mut all = one.clone();
                    let mut products = FeatureProducts::new(branch.activation(), &one);
                    let mut of_all = products.clone();
                    let size = BLOCKS * width * points;
                    let normals: Vec<f64> = (0..size).map(|i| (1.3 * i as f64).sin()).collect();
                    let taken = one_by_one(&branch, &mut one, &mut products, 0.3, &normals);
                    let at_once = branch.blocks_given(&mut all, &mut of_all, 0.3, &normals);
                    assert_eq!(at_once, Some(taken));
                    // a single ReLU may be dead
                    let explodes = weight == 1e100;
                    assert!(
                        width == 1 || explodes == (taken < BLOCKS),
                        "{width}, {points}"
                    );
                    assert_eq!(all, one);
                    let products = products.sums().upper_triangle();
                    assert_eq!(of_all.sums().upper_triangle(), products);
                }
            }
        }
    }
}
