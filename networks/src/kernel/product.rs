//! The products of inputs with inputs, and from them the covariances that a network starts with.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::inputs::{NEARLY_PARALLEL, nearly_parallel};
use crate::network::KernelBlock;
use crate::numerics::{Buffers, PackedPoints, dot, inverse_root, mirror, threads};
use crate::vectorized::vectorized;
use crate::{Inputs, PairCorrelation, Result, Scalar, parallel};

/// Points whose squares are summed together.
const PART: usize = 256;

/// One or two sets of inputs and their squared norms.
#[derive(Debug)]
pub(crate) struct InputPairs<'a, T: Scalar> {
    x: &'a Inputs<'a, T>,
    y: Option<&'a Inputs<'a, T>>,
    squares_x: Vec<f64>,
    squares_y: Vec<f64>,
    /// Of each thread the columns that it had last: tiles that follow each other mostly share theirs.
    packed: Mutex<Vec<(Range<usize>, Arc<PackedPoints>)>>,
    room: Room,
}

/// Buffers of blocks.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) numbers: Buffers,
    pub(crate) correlations: Buffers<PairCorrelation>,
}

/// Columns made ready for products with rows.
#[derive(Debug)]
pub(crate) struct PackedColumns {
    range: Range<usize>,
    points: Arc<PackedPoints>,
}

/// $|x|^2$ of all points.
fn squares<T: Scalar>(x: &Inputs<'_, T>) -> Result<Vec<f64>> {
    let (count, dimension) = (x.len(), x.dimension());
    let part = |index: usize| {
        let points = x.slice(index * PART..((index + 1) * PART).min(count));
        let points = points.chunks(dimension);
        Ok(points.map(|point| dot(point, point)).collect::<Vec<_>>())
    };
    let parts = parallel::try_map_of(count.div_ceil(PART), count * dimension, part)?;
    Ok(parts.concat())
}

impl Room {
    pub(crate) fn correlations(&self, size: usize) -> Vec<PairCorrelation> {
        self.correlations.take_with(size, PairCorrelation::PARALLEL)
    }
}

impl<'a, T: Scalar> InputPairs<'a, T> {
    pub(crate) fn new(x: &'a Inputs<'a, T>, y: Option<&'a Inputs<'a, T>>) -> Result<Self> {
        if let Some(y) = y {
            x.same_dimension(y)?;
        }
        Ok(Self {
            x,
            y,
            squares_x: squares(x)?,
            squares_y: y.map_or_else(|| Ok(Vec::new()), squares)?,
            packed: Mutex::default(),
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

    /// $x_i \cdot y_j$, row by row; `to_diagonal`, of the columns up to the last of the rows' own points.
    pub(crate) fn products(
        &self,
        rows: &Range<usize>,
        columns: &PackedColumns,
        to_diagonal: bool,
    ) -> Vec<f64> {
        let x = self.x.slice(rows.clone());
        let own = to_diagonal.then(|| rows.start - columns.range.start);
        let width = own.map_or(columns.range.len(), |own| own + rows.len());
        let mut products = columns.points.products(x, width, own, &self.room.numbers);
        if let Some(own) = own {
            mirror(&mut products, own, width);
        }
        products
    }

    /// Columns made ready for products with rows.
    pub(crate) fn packed(&self, columns: &Range<usize>) -> PackedColumns {
        let lock = || self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = lock();
        if let Some(index) = kept.iter().position(|(range, _)| range == columns) {
            let found = kept.remove(index);
            let points = Arc::clone(&found.1);
            kept.push(found);
            return PackedColumns {
                range: columns.clone(),
                points,
            };
        }
        let oldest = (kept.len() >= threads()).then(|| kept.remove(0).1);
        drop(kept);
        if let Some(points) = oldest.and_then(Arc::into_inner) {
            self.room.numbers.give_back(points.into_buffer());
        }
        let y = self.second().slice(columns.clone());
        let points = PackedPoints::new(y, self.dimension(), &self.room.numbers);
        let points = Arc::new(points);
        lock().push((columns.clone(), Arc::clone(&points)));
        PackedColumns {
            range: columns.clone(),
            points,
        }
    }

    /// The state of a block of inputs, from their `products`.
    pub(crate) fn block(
        &self,
        rows: &Range<usize>,
        columns: &Range<usize>,
        products: &[f64],
        with_tangent: bool,
    ) -> Result<KernelBlock> {
        let lengths = self.inverse_lengths(columns);
        let mut correlation = self.room.correlations(rows.len() * columns.len());
        let width = columns.len().max(1);
        let (out_rows, products) = (correlation.chunks_mut(width), products.chunks(width));
        for ((i, out), products) in rows.clone().zip(out_rows).zip(products) {
            self.correlations_of_row(i, (columns, &lengths), products, out);
        }
        let (variance_a, variance_b) = self.variances_of(rows, columns);
        let block = KernelBlock::new(variance_a, variance_b, correlation, with_tangent)?;
        let mut block = if self.is_symmetric() {
            block.with_same_points(rows.start as isize - columns.start as isize)
        } else {
            block
        };
        block.set_width(Some(self.dimension() as f64));
        Ok(block)
    }

    /// $|x|^2/d$ of some rows, and of some columns.
    pub(crate) fn variances_of(
        &self,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) -> (Vec<f64>, Vec<f64>) {
        let dimension = self.dimension() as f64;
        let variances = |squares: &[f64]| squares.iter().map(|square| square / dimension).collect();
        (
            variances(&self.squares_x[rows.clone()]),
            variances(&self.squares_second()[columns.clone()]),
        )
    }

    /// $1/|y|$ of some columns.
    pub(crate) fn inverse_lengths(&self, columns: &Range<usize>) -> Vec<f64> {
        let squares = self.squares_second()[columns.clone()].iter();
        squares.map(|&square| inverse_root(square)).collect()
    }

    /// $c$ of a row with some columns, whose inverse lengths are given, from their products.
    pub(crate) fn correlations_of_row(
        &self,
        i: usize,
        (columns, inverse_b): (&Range<usize>, &[f64]),
        products: &[f64],
        out: &mut [PairCorrelation],
    ) {
        let inverse_a = inverse_root(self.squares_x[i]);
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
        if !nearly {
            return;
        }
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

    fn point<'b>(&self, inputs: &'b Inputs<'_, T>, i: usize) -> &'b [T] {
        inputs.slice(i..i + 1)
    }
}
