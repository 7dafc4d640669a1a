//! The products of inputs with inputs, and from them the covariances that a network starts with.

use std::ops::Range;

use crate::inputs::{NEARLY_PARALLEL, nearly_parallel};
use crate::network::KernelBlock;
use crate::numerics::{Buffers, dot, inner_products, inverse_root};
use crate::vectorized::vectorized;
use crate::{Inputs, PairCorrelation, Result, Scalar};

/// One or two sets of inputs and their squared norms.
#[derive(Debug)]
pub(crate) struct InputPairs<'a, T: Scalar> {
    x: &'a Inputs<'a, T>,
    y: Option<&'a Inputs<'a, T>>,
    squares_x: Vec<f64>,
    squares_y: Vec<f64>,
    room: Room,
}

/// Buffers of blocks.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) numbers: Buffers,
    pub(crate) correlations: Buffers<PairCorrelation>,
}

impl Room {
    pub(crate) fn correlations(&self, size: usize) -> Vec<PairCorrelation> {
        self.correlations.take_with(size, PairCorrelation::PARALLEL)
    }
}

impl<'a, T: Scalar> InputPairs<'a, T> {
    pub(crate) fn new(x: &'a Inputs<'a, T>, y: Option<&'a Inputs<'a, T>>) -> Result<Self> {
        let squares = |x: &Inputs<'_, T>| x.points().map(|point| dot(point, point)).collect();
        if let Some(y) = y {
            x.same_dimension(y)?;
        }
        Ok(Self {
            x,
            y,
            squares_x: squares(x),
            squares_y: y.map_or_else(Vec::new, squares),
            room: Room::default(),
        })
    }

    /// Room for blocks.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn is_symmetric(&self) -> bool {
        self.y.is_none()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.x.dimension()
    }

    pub(crate) fn rows(&self) -> usize {
        self.x.len()
    }

    pub(crate) fn columns(&self) -> usize {
        self.second().len()
    }

    /// Columns as points, those of a second set counted after the first.
    pub(crate) fn points_of(&self, columns: &Range<usize>) -> Range<usize> {
        let first = if self.is_symmetric() { 0 } else { self.rows() };
        first + columns.start..first + columns.end
    }

    fn second(&self) -> &Inputs<'a, T> {
        self.y.unwrap_or(self.x)
    }

    fn squares_second(&self) -> &[f64] {
        if self.is_symmetric() {
            &self.squares_x
        } else {
            &self.squares_y
        }
    }

    /// $|x|^2/d$ of all points, those of the second set last.
    pub(crate) fn variances(&self) -> Vec<f64> {
        let dimension = self.dimension() as f64;
        let all = self.squares_x.iter().chain(&self.squares_y);
        all.map(|square| square / dimension).collect()
    }

    /// $x_i \cdot y_j$, row by row.
    pub(crate) fn products(&self, rows: &Range<usize>, columns: &Range<usize>) -> Vec<f64> {
        let (x, y) = (
            self.x.slice(rows.clone()),
            self.second().slice(columns.clone()),
        );
        let symmetric = self.is_symmetric() && rows == columns;
        inner_products(x, y, self.dimension(), symmetric, &self.room.numbers)
    }

    /// The state of a block of inputs, from their `products`.
    pub(crate) fn block(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        products: &[f64],
        stride: usize,
        with_tangent: bool,
    ) -> Result<KernelBlock> {
        let dimension = self.dimension() as f64;
        let variances = |squares: &[f64]| squares.iter().map(|square| square / dimension).collect();
        let squares_b = &self.squares_second()[columns.clone()];
        let inverse_b: Vec<f64> = squares_b
            .iter()
            .map(|&square| inverse_root(square))
            .collect();
        let mut correlation = self.room.correlations(rows.len() * columns.len());
        let out_rows = correlation.chunks_mut(columns.len().max(1));
        for ((i, out), products) in rows.clone().zip(out_rows).zip(products.chunks(stride)) {
            let inverse_a = inverse_root(self.squares_x[i]);
            let inverse_b = &inverse_b[..];
            let products = &products[..columns.len()];
            let nearly = vectorized(
                #[inline(always)]
                || {
                    let mut nearly = false;
                    for ((out, product), inverse_b) in out.iter_mut().zip(products).zip(inverse_b) {
                        let scale = inverse_a * inverse_b;
                        let cosine = product * scale;
                        // a zero vector has no angle
                        let inside = PairCorrelation::of(cosine);
                        *out = if scale > 0.0 {
                            inside
                        } else {
                            PairCorrelation::PARALLEL
                        };
                        nearly |= cosine.abs() >= NEARLY_PARALLEL;
                    }
                    nearly
                },
            );
            if nearly {
                let x = self.point(self.x, i);
                for (j, out) in columns.clone().zip(out.iter_mut()) {
                    let product = products[j - columns.start];
                    let cosine = product * (inverse_a * inverse_b[j - columns.start]);
                    if cosine.abs() >= NEARLY_PARALLEL {
                        let y = self.point(self.second(), j);
                        let squares = (self.squares_x[i], self.squares_second()[j]);
                        *out = if self.is_symmetric() && i == j {
                            PairCorrelation::PARALLEL
                        } else {
                            nearly_parallel(x, y, product, squares.0, squares.1)
                        };
                    }
                }
            }
        }
        let block = KernelBlock::new(
            variances(&self.squares_x[rows.clone()]),
            variances(squares_b),
            correlation,
            with_tangent,
        )?;
        let mut block = if self.is_symmetric() {
            block.with_same_points(rows.start as isize - columns.start as isize)
        } else {
            block
        };
        block.set_width(Some(dimension));
        Ok(block)
    }

    fn point<'b>(&self, inputs: &'b Inputs<'_, T>, i: usize) -> &'b [T] {
        inputs.slice(i..i + 1)
    }
}
