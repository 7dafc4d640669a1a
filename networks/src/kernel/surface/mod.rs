//! Whole networks as tabulated functions of two norms and an angle.
//!
//! Whatever its layers, a network maps a pair of inputs to a smooth function of $\log q_a$, $\log q_b$ and
//! (in a suitable variable) $\varepsilon = 1 - c$. Where there are many more pairs than it takes numbers to
//! write that function down, it is tabulated once, by the layers themselves, and a pair costs one polynomial
//! whatever the depth and the activations.
//!
//! | file | what |
//! |---|---|
//! | `axes` | cells of $\log q$ and pieces of $\varepsilon$, and their variables |
//! | `probe` | the network at chosen norms and angles |
//! | `economy` | when tables pay |
//! | `plan` | which boxes are worth a table, and how many terms they take |
//! | `build` | the tables, checked between their nodes |
//! | `patch` | polynomials in three variables |
//! | `mod` | evaluation of rows of pairs |
//!
//! Tabulated are $\varepsilon^\prime/\varepsilon$ and $\Theta$. Between the nodes every table is compared
//! with the layers at 32 pairs: $\varepsilon^\prime$ must agree to 1e-13 of itself (between different norms,
//! where layers round $c$ itself, or to 2e-15) and $\Theta$ to 4e-14 of
//! the geometric mean of the diagonal's, or there is no table. (Deep networks of closed forms err by as much
//! themselves. Activations that go by tables or quadrature err by more, and so may the table: 6e-13 a layer.
//! So do flows, by [`Layer::relative_error`], and twice as much may the table. Flows adapt to each pair,
//! which is not smooth, so each table is made of a [smooth form](Layer::smooth) of them.)
//! Over all pairs of the tests' inputs the largest differences are 1.7e-13 and 7e-15 for closed forms, and
//! 1.9e-13 and 1.4e-13 for others.
//!
//! Pairs beyond the tables go layer by layer: those in rare boxes, nearly parallel ones of different norms,
//! nearly opposite ones, and where the function is not smooth enough.

mod axes;
mod build;
mod economy;
mod patch;
mod plan;
mod probe;
#[cfg(test)]
mod tests;

use std::ops::Range;

use axes::{Cells, Piece, Place};
use patch::{LANES, Patch, Section};
use probe::{Probe, Values};

use super::product::Room;
use crate::network::{KernelBlock, Layer, Network};
use crate::numerics::chebyshev;
use crate::vectorized::vectorized;
use crate::{PairCorrelation, Result};

/// So many of neighbours are evaluated where they are, beside others of another piece.
const MANY: usize = LANES / 4;

/// The tables of a network for given inputs.
#[derive(Debug)]
pub(crate) struct Surface {
    dimension: f64,
    with_tangent: bool,
    cells: Cells,
    /// Where every point is; those of a second set last.
    places: Vec<Option<Place>>,
    /// Variances of the inputs and at the output.
    variances: Vec<f64>,
    outputs: Vec<f64>,
    /// What a pair costs that goes layer by layer alone, in units of a pair in a large block.
    alone: f64,
    /// Whether these go one by one.
    one_by_one: bool,
    /// Smaller $\varepsilon$ are not tabulated.
    start: f64,
    pieces: Vec<Piece>,
    /// The number of terms in $\log q$ of each cell.
    terms: Vec<usize>,
    /// By cell of the row, cell of the column, piece.
    patches: Vec<Option<Patch>>,
    diagonals: Vec<Option<Diagonal>>,
}

/// What becomes of points of equal norms at $\varepsilon = 0$, by Chebyshev coefficients in $\log q$.
#[derive(Debug)]
struct Diagonal {
    /// $\Theta$ of a point with itself.
    own: Vec<f64>,
    /// $\varepsilon^\prime$ and $\Theta$ of two points.
    two: [Vec<f64>; 2],
}

/// $\varepsilon^\prime$ and $\Theta$ of a block, row by row.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) correlation: Vec<PairCorrelation>,
    pub(crate) tangent: Option<Vec<f64>>,
}

/// The columns of a block, in the order of their cells.
struct Columns {
    /// The column at each place of the order.
    order: Vec<usize>,
    /// The places of each cell; the columns that have none come last.
    cells: Vec<Range<usize>>,
    /// Chebyshev polynomials of [`LANES`] places beside each other, from the first one of every cell on, and
    /// of the rest of the cell: term by term.
    basis: Vec<[f64; LANES]>,
    /// Where those of each cell start.
    starts: Vec<usize>,
    /// The same place by place.
    single: Vec<f64>,
    terms: usize,
}

impl Columns {
    /// The polynomials of the places of a cell from `place` on, the first one of a chunk.
    fn basis(&self, cell: usize, place: usize) -> &[[f64; LANES]] {
        let inside = place - self.cells[cell].start;
        let first = self.starts[cell] + inside / LANES * self.terms;
        &self.basis[first..first + self.terms]
    }

    /// The polynomials of a place.
    fn basis_at(&self, place: usize) -> &[f64] {
        &self.single[place * self.terms..(place + 1) * self.terms]
    }
}

/// What the rows of a block share.
struct Workspace {
    /// By cell of the column and piece.
    sections: Vec<Section>,
    ready: Vec<bool>,
    /// Neighbouring places of pairs of the same bucket, or which of them are.
    chunks: Vec<(usize, Range<usize>, Option<[bool; LANES]>)>,
    /// By bucket, places of pairs that lie among others of another piece.
    lists: Vec<Vec<usize>>,
    /// Places of pairs that lie in no piece.
    rest: Vec<usize>,
    /// The piece of each place, at least their number where there is none.
    found: Vec<f64>,
    /// $\varepsilon$, then $\varepsilon^\prime$, and $\Theta$ in the order of the columns.
    complement: Vec<f64>,
    tangent: Vec<f64>,
    /// Places that no table has.
    direct: Vec<usize>,
}

impl Surface {
    /// Variances at the output of some of the points.
    pub(crate) fn outputs(&self, points: &Range<usize>) -> &[f64] {
        &self.outputs[points.clone()]
    }

    /// Maps a block of pairs; `rows` and `columns` are points, those of a second set counted after the first.
    pub(crate) fn map(
        &self,
        network: &Network,
        block: KernelBlock,
        (rows, columns): (&Range<usize>, &Range<usize>),
        room: &Room,
    ) -> Result<Mapped> {
        let width = columns.len();
        let size = block.correlation().len();
        let mut correlation = room.correlations(size);
        let mut tangent = self.with_tangent.then(|| room.numbers.take(size));
        let prepared = self.columns(columns);
        let buckets = self.cells.len() * self.pieces.len();
        let mut space = Workspace {
            sections: vec![Section::default(); buckets],
            ready: vec![false; buckets],
            chunks: Vec::new(),
            lists: vec![Vec::new(); buckets],
            rest: Vec::new(),
            found: vec![0.0; width],
            complement: vec![0.0; width],
            tangent: vec![0.0; width],
            direct: Vec::new(),
        };
        let mut left: Vec<Left> = Vec::new();
        let mut tangents = tangent.as_mut().map(|all| all.chunks_mut(width));
        let before = block.correlation().chunks(width);
        for (i, (correlation, before)) in correlation.chunks_mut(width).zip(before).enumerate() {
            for (epsilon, &j) in space.complement.iter_mut().zip(&prepared.order) {
                *epsilon = before[j].one_minus();
            }
            let row = (rows.start + i, block.same_point(i));
            if self.with_tangent {
                self.row::<2>(row, columns, &prepared, &mut space);
            } else {
                self.row::<1>(row, columns, &prepared, &mut space);
            }
            for (epsilon, &j) in space.complement.iter().zip(&prepared.order) {
                correlation[j] = PairCorrelation::of_one_minus(*epsilon);
            }
            if let Some(tangent) = tangents.as_mut().and_then(Iterator::next) {
                for (theta, &j) in space.tangent.iter().zip(&prepared.order) {
                    tangent[j] = *theta;
                }
            }
            if !space.direct.is_empty() {
                let read = block.columns_read(i);
                let direct = space.direct.drain(..).map(|place| prepared.order[place]);
                left.push((i, direct.filter(|&j| j < read).collect()));
            }
        }
        let mut mapped = Mapped {
            correlation,
            tangent,
        };
        let block = self.directly(network, block, left, (rows, columns), &mut mapped)?;
        room.correlations.give_back(block.into_pairs().0);
        Ok(mapped)
    }

    /// The pairs that are left, layer by layer; gives the block back.
    fn directly(
        &self,
        network: &Network,
        mut block: KernelBlock,
        left: Vec<Left>,
        (rows, columns): (&Range<usize>, &Range<usize>),
        mapped: &mut Mapped,
    ) -> Result<KernelBlock> {
        let width = columns.len();
        let count: usize = left.iter().map(|(_, columns)| columns.len()).sum();
        let (rows_left, columns_left) = by_points(&left, width);
        // a row of few pairs takes far longer than its pairs in a whole block
        let lists = if self.one_by_one {
            count
        } else {
            rows_left.len() + columns_left.len()
        };
        let parts = lists as f64 * self.alone + count as f64;
        let whole = parts > mapped.correlation.len() as f64;
        let mut write = |at: usize, (c, theta): (PairCorrelation, f64)| {
            mapped.correlation[at] = c;
            if let Some(tangent) = &mut mapped.tangent {
                tangent[at] = theta;
            }
        };
        if whole {
            if self.with_tangent {
                block = block.with_tangent();
            }
            network.apply(&mut block)?;
            for (i, list) in left {
                for j in list {
                    let at = i * width + j;
                    let theta = block.tangent().map_or(0.0, |tangent| tangent[at]);
                    write(at, (block.correlation()[at], theta));
                }
            }
            return Ok(block);
        }
        let probe = self.probe(network);
        if self.one_by_one {
            for (i, list) in left {
                for j in list {
                    let at = i * width + j;
                    let a = self.variances[rows.start + i];
                    let b = self.variances[columns.start + j];
                    let is_own = block.same_point(i) == Some(j);
                    write(at, probe.alone((a, b), block.correlation()[at], is_own)?);
                }
            }
            return Ok(block);
        }
        for (j, list) in columns_left {
            let own = list.iter().position(|&i| block.same_point(i) == Some(j));
            let pairs = list.iter().map(|&i| {
                let q = self.variances[rows.start + i];
                (q, block.correlation()[i * width + j])
            });
            let pairs = probe.pairs(vec![self.variances[columns.start + j]], pairs, own)?;
            for (i, pair) in list.iter().zip(pairs) {
                write(i * width + j, pair);
            }
        }
        for (i, list) in rows_left {
            let same = block.same_point(i);
            let own = same.and_then(|same| list.iter().position(|&j| j == same));
            let pairs = list.iter().map(|&j| {
                let q = self.variances[columns.start + j];
                (q, block.correlation()[i * width + j])
            });
            let pairs = probe.pairs(vec![self.variances[rows.start + i]], pairs, own)?;
            for (j, pair) in list.iter().zip(pairs) {
                write(i * width + j, pair);
            }
        }
        Ok(block)
    }

    fn probe<'n>(&self, network: &'n Network) -> Probe<'n> {
        Probe {
            network,
            dimension: self.dimension,
            with_tangent: self.with_tangent,
            is_slow: false,
            noise: 0.0,
            resolution: 0.0,
            is_absolute: false,
            adapts: false,
            has_far_steps: false,
        }
    }

    fn columns(&self, columns: &Range<usize>) -> Columns {
        let places = &self.places[columns.clone()];
        let cell = |j: &usize| places[*j].map_or(self.cells.len(), |place| place.cell);
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_unstable_by_key(|j| (cell(j), *j));
        let mut start = 0;
        let cells = (0..self.cells.len()).map(|index| {
            let end = order.partition_point(|j| cell(j) <= index);
            std::mem::replace(&mut start, end)..end
        });
        let cells: Vec<Range<usize>> = cells.collect();
        let terms = self.terms.iter().copied().max().unwrap_or(1);
        let (mut basis, mut starts, mut single) = (Vec::new(), Vec::new(), Vec::new());
        for cell in &cells {
            starts.push(basis.len());
            for order in order[cell.clone()].chunks(LANES) {
                let first = basis.len();
                basis.resize(first + terms, [0.0; LANES]);
                for (lane, &j) in order.iter().enumerate() {
                    let values = chebyshev::basis(places[j].map_or(0.0, |place| place.x), terms);
                    for (basis, t) in basis[first..].iter_mut().zip(&values) {
                        basis[lane] = *t;
                    }
                    single.extend(values);
                }
            }
        }
        Columns {
            order,
            cells,
            basis,
            starts,
            single,
            terms,
        }
    }

    /// A row of pairs in the order of the columns: $\varepsilon$ becomes $\varepsilon^\prime$; what no table
    /// has is listed.
    fn row<const F: usize>(
        &self,
        (point, same): (usize, Option<usize>),
        range: &Range<usize>,
        columns: &Columns,
        space: &mut Workspace,
    ) {
        let width = columns.order.len();
        let Some(own) = self.places[point] else {
            space.direct.extend(0..width);
            return;
        };
        self.classify((point, same), range, columns, space);
        self.evaluate::<F>(own, columns, space);
    }

    /// Sorts the pairs of a row into buckets, and the rest into those that go directly.
    fn classify(
        &self,
        (point, same): (usize, Option<usize>),
        range: &Range<usize>,
        columns: &Columns,
        space: &mut Workspace,
    ) {
        let pieces = self.pieces.len();
        self.pieces_of(&space.complement, &mut space.found);
        for (cell, places) in columns.cells.iter().enumerate() {
            let lists = &mut space.lists[cell * pieces..(cell + 1) * pieces];
            for start in places.clone().step_by(LANES) {
                let chunk = start..(start + LANES).min(places.end);
                let found = &space.found[chunk.clone()];
                let common = found[found.len() / 2];
                let bucket = cell * pieces + common as usize;
                let is_inside = common < pieces as f64;
                let others = found.iter().filter(|&&piece| piece != common).count();
                if others == 0 && is_inside {
                    space.chunks.push((bucket, chunk, None));
                    continue;
                }
                let mut has_common = [false; LANES];
                if others + MANY <= found.len() && is_inside {
                    for (has, piece) in has_common.iter_mut().zip(found) {
                        *has = *piece == common;
                    }
                    space.chunks.push((bucket, chunk.clone(), Some(has_common)));
                }
                for ((at, piece), has_common) in chunk.zip(found).zip(has_common) {
                    if !has_common {
                        let list = lists.get_mut(*piece as usize);
                        list.unwrap_or(&mut space.rest).push(at);
                    }
                }
            }
        }
        for at in space.rest.drain(..) {
            let column = columns.order[at];
            let ends = (point, range.start + column);
            let parallel = Some(same == Some(column)).filter(|_| space.complement[at] == 0.0);
            match parallel.and_then(|is_same| self.parallel(ends, is_same)) {
                Some([after, theta]) => {
                    (space.complement[at], space.tangent[at]) = (after, theta);
                }
                None => space.direct.push(at),
            }
        }
        let without_cell = columns.cells.last().map_or(0, |places| places.end);
        space.direct.extend(without_cell..columns.order.len());
    }

    /// A pair at $\varepsilon = 0$: a point with itself, or with another of the same norm.
    fn parallel(&self, (a, b): (usize, usize), is_same: bool) -> Option<Values> {
        if is_same && !self.with_tangent {
            return Some([0.0; 2]);
        }
        let place = self.places[a].filter(|_| self.variances[a] == self.variances[b])?;
        let diagonal = self.diagonals[place.cell].as_ref()?;
        Some(if is_same {
            [0.0, chebyshev::sum(&diagonal.own, place.x)]
        } else {
            [0, 1].map(|f| chebyshev::sum(&diagonal.two[f], place.x))
        })
    }

    /// The pairs in buckets; those of buckets without a table go directly.
    fn evaluate<const F: usize>(&self, own: Place, columns: &Columns, space: &mut Workspace) {
        let basis_a = chebyshev::basis(own.x, self.terms[own.cell]);
        let pieces = self.pieces.len();
        space.ready.fill(false);
        let mut chunks = std::mem::take(&mut space.chunks);
        for (bucket, chunk, wanted) in chunks.drain(..) {
            if !self.ready(space, bucket, own.cell, &basis_a) {
                let is_wanted = |lane: usize| wanted.is_none_or(|wanted| wanted[lane]);
                let places = chunk.enumerate().filter(|&(lane, _)| is_wanted(lane));
                space.direct.extend(places.map(|(_, place)| place));
                continue;
            }
            let (cell, piece) = (bucket / pieces, bucket % pieces);
            let size = chunk.len();
            let mut epsilon = [1.0; LANES];
            epsilon[..size].copy_from_slice(&space.complement[chunk.clone()]);
            let basis = columns.basis(cell, chunk.start);
            let lanes = (&epsilon, basis);
            let found = lanes_at::<F>(lanes, &space.sections[bucket], &self.pieces[piece]);
            let write = |out: &mut [f64], found: &[f64; LANES]| match wanted {
                None => out.copy_from_slice(&found[..size]),
                Some(wanted) => {
                    for ((out, found), wanted) in out.iter_mut().zip(found).zip(wanted) {
                        *out = if wanted { *found } else { *out };
                    }
                }
            };
            write(&mut space.complement[chunk.clone()], &found[0]);
            if F == 2 {
                write(&mut space.tangent[chunk], &found[F - 1]);
            }
        }
        space.chunks = chunks;
        for bucket in 0..space.lists.len() {
            if space.lists[bucket].is_empty() {
                continue;
            }
            let mut list = std::mem::take(&mut space.lists[bucket]);
            if self.ready(space, bucket, own.cell, &basis_a) {
                let terms = space.sections[bucket].terms();
                let mut basis = [[0.0; LANES]; plan::MOST_TERMS_OF_BOXES];
                for list in list.chunks(LANES) {
                    let mut epsilon = [1.0; LANES];
                    for (lane, &at) in list.iter().enumerate() {
                        epsilon[lane] = space.complement[at];
                        for (basis, t) in basis[..terms].iter_mut().zip(columns.basis_at(at)) {
                            basis[lane] = *t;
                        }
                    }
                    let lanes = (&epsilon, &basis[..terms]);
                    let section = &space.sections[bucket];
                    let found = lanes_at::<F>(lanes, section, &self.pieces[bucket % pieces]);
                    for (lane, &at) in list.iter().enumerate() {
                        space.complement[at] = found[0][lane];
                        if F == 2 {
                            space.tangent[at] = found[F - 1][lane];
                        }
                    }
                }
            } else {
                space.direct.extend_from_slice(&list);
            }
            list.clear();
            space.lists[bucket] = list;
        }
    }

    /// The piece of each $\varepsilon$, or at least how many there are if it has none.
    fn pieces_of(&self, epsilon: &[f64], found: &mut [f64]) {
        let (start, pieces) = (self.start, &self.pieces[..]);
        vectorized(
            #[inline(always)]
            || {
                let none = pieces.len() as f64;
                for (found, epsilon) in found.iter_mut().zip(epsilon) {
                    *found = if *epsilon < start { none } else { 0.0 };
                }
                for piece in pieces {
                    let end = piece.end();
                    for (found, epsilon) in found.iter_mut().zip(epsilon) {
                        *found += if *epsilon > end { 1.0 } else { 0.0 };
                    }
                }
            },
        );
    }

    /// Prepares the section of a bucket for the row; `false` if there is no table.
    fn ready(&self, space: &mut Workspace, bucket: usize, cell: usize, basis_a: &[f64]) -> bool {
        let Some(patch) = &self.patches[cell * space.ready.len() + bucket] else {
            return false;
        };
        if !space.ready[bucket] {
            let section = &mut space.sections[bucket];
            vectorized(
                #[inline(always)]
                || patch.section(basis_a, section),
            );
            space.ready[bucket] = true;
        }
        true
    }
}

/// A point of a block, and the points of its pairs that are left.
type Left = (usize, Vec<usize>);

/// Pairs by rows, but those of columns that have many of them by columns.
fn by_points(left: &[Left], width: usize) -> (Vec<Left>, Vec<Left>) {
    const MANY: usize = 8;
    let mut counts = vec![0_usize; width];
    for &j in left.iter().flat_map(|(_, list)| list) {
        counts[j] += 1;
    }
    let (mut rows, mut columns) = (Vec::new(), vec![Vec::new(); width]);
    for (i, list) in left {
        let is_tall = |j: usize| counts[j] >= MANY.max(list.len());
        let rest: Vec<usize> = list.iter().copied().filter(|&j| !is_tall(j)).collect();
        for &j in list.iter().filter(|&&j| is_tall(j)) {
            columns[j].push(*i);
        }
        if !rest.is_empty() {
            rows.push((*i, rest));
        }
    }
    let columns = columns.into_iter().enumerate();
    (rows, columns.filter(|(_, list)| !list.is_empty()).collect())
}

/// $\varepsilon^\prime$ and, if wanted, $\Theta$ of pairs that are evaluated together, from their
/// $\varepsilon$ and the Chebyshev polynomials of their columns.
fn lanes_at<const F: usize>(
    (epsilon, basis): (&[f64; LANES], &[[f64; LANES]]),
    section: &Section,
    piece: &Piece,
) -> [[f64; LANES]; F] {
    vectorized(
        #[inline(always)]
        || {
            let mut found = section.at::<F>(basis, &piece.places(epsilon));
            for lane in 0..LANES {
                let after = found[0][lane] * epsilon[lane];
                let after = if after > 0.0 { after } else { 0.0 };
                found[0][lane] = if after < 2.0 { after } else { 2.0 };
            }
            found
        },
    )
}
