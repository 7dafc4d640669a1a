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
//! | `branch` | a branch of a flow by the same tables |
//!
//! Tabulated are $\Theta$, in units of the diagonal's, and, for equal norms,
//! $\varepsilon^\prime/\varepsilon$, for different ones $\varepsilon^\prime$, which then does not vanish
//! with $\varepsilon$. Between the nodes every table is compared with the layers at 32 pairs:
//! $\varepsilon^\prime$ must agree to 1e-13 of itself (between different norms, where layers round $c$
//! itself, or to 2e-15) and $\Theta$ to 4e-14 of the geometric mean of the diagonal's, or there is no
//! table. (Deep networks of closed forms err by as much themselves. Activations that go by tables or
//! quadrature err by more, and so may the table: 6e-13 a layer. So do flows, by [`Layer::relative_error`],
//! and twice as much may the table. Flows adapt to each pair, which is not smooth, so each table is made of
//! a [smooth form](Layer::smooth) of them.) Over all pairs of the tests' inputs the largest differences are
//! 1.7e-13 and 7e-15 for closed forms, and 1.9e-13 and 1.4e-13 for others.
//!
//! Pairs beyond the tables go layer by layer: those in rare boxes, nearly parallel ones of different norms,
//! nearly opposite ones, and where the function is not smooth enough.

mod axes;
mod branch;
mod build;
mod economy;
mod patch;
mod plan;
mod probe;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use branch::TabulatedBranch;

use axes::{Cells, Piece, Place, TangentUnits};
use patch::{LANES, Patch, Section};
use probe::{Probe, Values};

use super::product::Room;
use crate::network::{KernelBlock, Layer, Network};
use crate::numerics::chebyshev;
use crate::vectorized::{self, vectorized};
use crate::{PairCorrelation, Result};

/// So many of neighbours are evaluated where they are, beside others of another piece.
const MANY: usize = LANES / 4;

/// The tables of a network for given inputs.
#[derive(Debug)]
pub(crate) struct Surface {
    tables: Arc<Tables>,
    points: Points,
}

/// A network by tables.
#[derive(Debug)]
struct Tables {
    /// The declared number of neurons before the network.
    width: Option<f64>,
    with_tangent: bool,
    cells: Cells,
    /// What a pair costs that goes layer by layer alone, in units of a pair in a large block.
    alone: f64,
    /// Whether these go one by one.
    one_by_one: bool,
    /// Smaller $\varepsilon$ are not tabulated.
    start: f64,
    pieces: Vec<Piece>,
    tangents: TangentUnits,
    /// The number of terms in $\log q$ of each cell.
    terms: Vec<usize>,
    /// By cell of the row, cell of the column, piece.
    patches: Vec<Option<Patch>>,
    diagonals: Vec<Option<Diagonal>>,
}

/// The points of a surface's pairs, those of a second set last.
#[derive(Debug, Default)]
struct Points {
    /// Where they are in the tables, and the Chebyshev polynomials there, as many as any cell takes.
    places: Vec<Option<Place>>,
    basis: Vec<f64>,
    /// Of tangent kernels there.
    units: Vec<f64>,
    /// Variances of the inputs and, for those who ask for them, at the output.
    variances: Vec<f64>,
    outputs: Vec<f64>,
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

/// The columns of a block, in the order of their cells. Every cell starts at a multiple of [`LANES`] places;
/// what is left of the last ones before the next cell repeats a column.
struct Columns<'a> {
    /// The column at each place.
    order: Vec<usize>,
    /// Whether columns keep their places.
    is_identity: bool,
    /// The places of each cell; the columns that have none come last.
    cells: Vec<Range<usize>>,
    /// Chebyshev polynomials of [`LANES`] places beside each other, term by term.
    basis: Vec<[f64; LANES]>,
    /// The same column by column.
    by_column: &'a [f64],
    /// Units of tangent kernels, place by place.
    units: Vec<[f64; LANES]>,
    terms: usize,
}

impl Columns<'_> {
    /// The polynomials of the places of a chunk.
    fn basis(&self, chunk: usize) -> &[[f64; LANES]] {
        &self.basis[chunk * self.terms..(chunk + 1) * self.terms]
    }

    /// The places of columns in no cell.
    fn without_cell(&self) -> Range<usize> {
        self.basis.len() / self.terms * LANES..self.order.len()
    }

    /// The polynomials of a place.
    fn basis_at(&self, place: usize) -> &[f64] {
        &self.by_column[self.order[place] * self.terms..][..self.terms]
    }

    /// $\varepsilon$ of a row at the places.
    fn gather(&self, row: &[PairCorrelation], epsilon: &mut [[f64; LANES]]) {
        let epsilon = epsilon.as_flattened_mut();
        if self.is_identity {
            vectorized(
                #[inline(always)]
                || {
                    for (epsilon, c) in epsilon.iter_mut().zip(row) {
                        *epsilon = c.one_minus();
                    }
                },
            );
            let last = epsilon[row.len() - 1];
            epsilon[row.len()..].fill(last);
        } else {
            for (epsilon, &j) in epsilon.iter_mut().zip(&self.order) {
                *epsilon = row[j].one_minus();
            }
        }
    }

    /// What is at the places of cells, as a row.
    fn scatter<T>(&self, values: &[[f64; LANES]], row: &mut [T], map: impl Fn(f64) -> T) {
        let values = values.as_flattened();
        if self.is_identity {
            vectorized(
                #[inline(always)]
                || {
                    for (out, value) in row.iter_mut().zip(values) {
                        *out = map(*value);
                    }
                },
            );
        } else {
            for place in self.cells.iter().cloned().flatten() {
                row[self.order[place]] = map(values[place]);
            }
        }
    }
}

/// Neighbouring places with pairs of the same bucket: all, or those of the bucket's piece.
struct Chunk {
    bucket: usize,
    places: Range<usize>,
    is_whole: bool,
}

/// What the rows of a block share.
struct Workspace {
    /// By cell of the column and piece.
    sections: Vec<Section>,
    ready: Vec<bool>,
    chunks: Vec<Chunk>,
    /// By bucket, places of pairs that lie among others of another piece.
    lists: Vec<Vec<usize>>,
    /// Places of pairs that lie in no piece.
    rest: Vec<usize>,
    /// The smallest and the largest $\varepsilon$ of each chunk.
    ends: Vec<[f64; 2]>,
    /// Of chunks in several pieces the piece of each place, at least their number where there is none.
    found: Vec<[f64; LANES]>,
    /// $\varepsilon$, then $\varepsilon^\prime$, and $\Theta$ in the order of the columns.
    complement: Vec<[f64; LANES]>,
    tangent: Vec<[f64; LANES]>,
    /// Places that no table has.
    direct: Vec<usize>,
}

impl Surface {
    /// Of points of some variances; `outputs` are for those who ask for them.
    fn of(tables: Arc<Tables>, variances: Vec<f64>, outputs: Vec<f64>) -> Self {
        let places = variances.iter().map(|&q| tables.cells.place(q));
        let places: Vec<Option<Place>> = places.collect();
        let terms = tables.most_terms();
        let basis = places
            .iter()
            .flat_map(|place| chebyshev::basis(place.map_or(0.0, |place| place.x), terms));
        let units = places.iter();
        let units = units.map(|place| place.map_or(1.0, |place| tables.tangents.at(place)));
        Self {
            points: Points {
                basis: basis.collect(),
                units: units.collect(),
                places,
                variances,
                outputs,
            },
            tables,
        }
    }

    /// Variances at the output of some of the points.
    pub(crate) fn outputs(&self, points: &Range<usize>) -> &[f64] {
        &self.points.outputs[points.clone()]
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
        let mut tangent = self.tables.with_tangent.then(|| room.numbers.take(size));
        let prepared = self.columns(columns);
        let buckets = self.tables.cells.len() * self.tables.pieces.len();
        let chunks = prepared.order.len().div_ceil(LANES);
        let mut space = Workspace {
            sections: vec![Section::default(); buckets],
            ready: vec![false; buckets],
            chunks: Vec::new(),
            lists: vec![Vec::new(); buckets],
            rest: Vec::new(),
            found: vec![[0.0; LANES]; chunks],
            ends: vec![[0.0; 2]; chunks],
            complement: vec![[0.0; LANES]; chunks],
            tangent: vec![[0.0; LANES]; chunks],
            direct: Vec::new(),
        };
        let mut left: Vec<Left> = Vec::new();
        let mut tangents = tangent.as_mut().map(|all| all.chunks_mut(width));
        let before = block.correlation().chunks(width);
        for (i, (correlation, before)) in correlation.chunks_mut(width).zip(before).enumerate() {
            prepared.gather(before, &mut space.complement);
            let row = (rows.start + i, block.same_point(i));
            if self.tables.with_tangent {
                self.row::<2>(row, columns, &prepared, &mut space);
            } else {
                self.row::<1>(row, columns, &prepared, &mut space);
            }
            prepared.scatter(
                &space.complement,
                correlation,
                PairCorrelation::of_one_minus,
            );
            if let Some(tangent) = tangents.as_mut().and_then(Iterator::next) {
                prepared.scatter(&space.tangent, tangent, |theta| theta);
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
        let lists = if self.tables.one_by_one {
            count
        } else {
            rows_left.len() + columns_left.len()
        };
        let parts = lists as f64 * self.tables.alone + count as f64;
        let whole = parts > mapped.correlation.len() as f64;
        let mut write = |at: usize, (c, theta): (PairCorrelation, f64)| {
            mapped.correlation[at] = c;
            if let Some(tangent) = &mut mapped.tangent {
                tangent[at] = theta;
            }
        };
        if whole {
            if self.tables.with_tangent {
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
        if self.tables.one_by_one {
            for (i, list) in left {
                for j in list {
                    let at = i * width + j;
                    let a = self.points.variances[rows.start + i];
                    let b = self.points.variances[columns.start + j];
                    let is_own = block.same_point(i) == Some(j);
                    write(at, probe.alone((a, b), block.correlation()[at], is_own)?);
                }
            }
            return Ok(block);
        }
        for (j, list) in columns_left {
            let own = list.iter().position(|&i| block.same_point(i) == Some(j));
            let pairs = list.iter().map(|&i| {
                let q = self.points.variances[rows.start + i];
                (q, block.correlation()[i * width + j])
            });
            let pairs = probe.pairs(vec![self.points.variances[columns.start + j]], pairs, own)?;
            for (i, pair) in list.iter().zip(pairs) {
                write(i * width + j, pair);
            }
        }
        for (i, list) in rows_left {
            let same = block.same_point(i);
            let own = same.and_then(|same| list.iter().position(|&j| j == same));
            let pairs = list.iter().map(|&j| {
                let q = self.points.variances[columns.start + j];
                (q, block.correlation()[i * width + j])
            });
            let pairs = probe.pairs(vec![self.points.variances[rows.start + i]], pairs, own)?;
            for (j, pair) in list.iter().zip(pairs) {
                write(i * width + j, pair);
            }
        }
        Ok(block)
    }

    fn probe<'n>(&self, network: &'n Network) -> Probe<'n> {
        Probe {
            network,
            width: self.tables.width,
            with_tangent: self.tables.with_tangent,
            is_slow: false,
            noise: 0.0,
            resolution: 0.0,
            is_absolute: false,
            is_pairwise: false,
            adapts: false,
            has_far_steps: false,
        }
    }

    fn columns(&self, columns: &Range<usize>) -> Columns<'_> {
        let places = &self.points.places[columns.clone()];
        let cell = |j: &usize| places[*j].map_or(self.tables.cells.len(), |place| place.cell);
        let mut sorted: Vec<usize> = (0..places.len()).collect();
        sorted.sort_unstable_by_key(|j| (cell(j), *j));
        let mut order: Vec<usize> = Vec::with_capacity(places.len() + LANES);
        let (mut cells, mut rest) = (Vec::new(), &sorted[..]);
        for index in 0..self.tables.cells.len() {
            let start = order.len();
            let own;
            (own, rest) = rest.split_at(rest.partition_point(|j| cell(j) <= index));
            order.extend_from_slice(own);
            cells.push(start..order.len());
            if let Some(&last) = own.last() {
                order.resize(order.len().next_multiple_of(LANES), last);
            }
        }
        let terms = self.tables.most_terms();
        let by_column = &self.points.basis[columns.start * terms..columns.end * terms];
        let mut basis = Vec::new();
        for order in order.chunks(LANES) {
            let first = basis.len();
            basis.resize(first + terms, [0.0; LANES]);
            for (lane, &j) in order.iter().enumerate() {
                let values = &by_column[j * terms..][..terms];
                for (basis, t) in basis[first..].iter_mut().zip(values) {
                    basis[lane] = *t;
                }
            }
        }
        let all_units = &self.points.units[columns.clone()];
        let units = order.chunks(LANES).map(|order| {
            let mut units = [1.0; LANES];
            for (unit, &j) in units.iter_mut().zip(order) {
                *unit = all_units[j];
            }
            units
        });
        let units = units.collect();
        order.extend_from_slice(rest);
        Columns {
            units,
            is_identity: order.iter().take(places.len()).copied().eq(0..places.len()),
            order,
            cells,
            basis,
            by_column,
            terms,
        }
    }

    /// A row of pairs in the order of the columns: $\varepsilon$ becomes $\varepsilon^\prime$; what no table
    /// has is listed.
    fn row<const F: usize>(
        &self,
        (point, same): (usize, Option<usize>),
        range: &Range<usize>,
        columns: &Columns<'_>,
        space: &mut Workspace,
    ) {
        let Some(own) = self.points.places[point] else {
            space.direct.extend(columns.cells.iter().cloned().flatten());
            space.direct.extend(columns.without_cell());
            return;
        };
        self.classify((point, same), range, columns, space);
        let basis = &self.points.basis[point * columns.terms..][..self.tables.terms[own.cell]];
        let unit = self.points.units[point];
        self.tables
            .evaluate::<F>((own, basis, unit), columns, space);
    }

    /// Sorts the pairs of a row into buckets, and the rest into those that go directly.
    fn classify(
        &self,
        (point, same): (usize, Option<usize>),
        range: &Range<usize>,
        columns: &Columns<'_>,
        space: &mut Workspace,
    ) {
        let pieces = self.tables.pieces.len();
        Arch::new().dispatch(Ends {
            epsilon: &space.complement,
            ends: &mut space.ends,
        });
        for (cell, places) in columns.cells.iter().enumerate() {
            let lists = &mut space.lists[cell * pieces..(cell + 1) * pieces];
            for start in places.clone().step_by(LANES) {
                let places = start..(start + LANES).min(places.end);
                let index = start / LANES;
                let [low, high] = space.ends[index].map(|end| self.tables.piece(end));
                if low == high && low < pieces {
                    space.chunks.push(Chunk {
                        bucket: cell * pieces + low,
                        places,
                        is_whole: true,
                    });
                    continue;
                }
                let found = self.tables.pieces_of(&space.complement[index]);
                let common = found[LANES / 2];
                let others = found.iter().filter(|&&piece| piece != common).count();
                let is_chunk = others + MANY <= LANES && common < pieces as f64;
                if is_chunk {
                    space.chunks.push(Chunk {
                        bucket: cell * pieces + common as usize,
                        places: places.clone(),
                        is_whole: false,
                    });
                }
                for (at, piece) in places.zip(&found) {
                    if !is_chunk || *piece != common {
                        let list = lists.get_mut(*piece as usize);
                        list.unwrap_or(&mut space.rest).push(at);
                    }
                }
                space.found[index] = found;
            }
        }
        let complement = space.complement.as_flattened_mut();
        for at in space.rest.drain(..) {
            let column = columns.order[at];
            let ends = (point, range.start + column);
            let parallel = Some(same == Some(column)).filter(|_| complement[at] == 0.0);
            match parallel.and_then(|is_same| self.parallel(ends, is_same)) {
                Some([after, theta]) => {
                    complement[at] = after;
                    space.tangent.as_flattened_mut()[at] = theta;
                }
                None => space.direct.push(at),
            }
        }
        space.direct.extend(columns.without_cell());
    }

    /// A pair at $\varepsilon = 0$: a point with itself, or with another of the same norm.
    fn parallel(&self, (a, b): (usize, usize), is_same: bool) -> Option<Values> {
        let variances = &self.points.variances;
        self.tables.parallel([variances[a], variances[b]], is_same)
    }
}

impl Tables {
    /// The number of terms in $\log q$ of any cell.
    fn most_terms(&self) -> usize {
        self.terms.iter().copied().max().unwrap_or(1)
    }

    /// A pair at $\varepsilon = 0$, by its variances.
    fn parallel(&self, [qa, qb]: [f64; 2], is_same: bool) -> Option<Values> {
        if is_same && !self.with_tangent {
            return Some([0.0; 2]);
        }
        let place = self.cells.place(qa).filter(|_| qa == qb)?;
        let diagonal = self.diagonals[place.cell].as_ref()?;
        Some(if is_same {
            [0.0, chebyshev::sum(&diagonal.own, place.x)]
        } else {
            [0, 1].map(|f| chebyshev::sum(&diagonal.two[f], place.x))
        })
    }

    /// The pairs in buckets; those of buckets without a table go directly.
    fn evaluate<const F: usize>(
        &self,
        (own, basis_a, unit): (Place, &[f64], f64),
        columns: &Columns<'_>,
        space: &mut Workspace,
    ) {
        let pieces = self.pieces.len();
        space.ready.fill(false);
        let mut chunks = std::mem::take(&mut space.chunks);
        chunks.retain(|chunk| {
            let is_ready = self.ready(space, chunk.bucket, own.cell, basis_a);
            if !is_ready {
                let piece = (chunk.bucket % pieces) as f64;
                let found = &space.found[chunk.places.start / LANES];
                let places = chunk.places.clone().zip(found);
                let wanted = places.filter(|&(_, found)| chunk.is_whole || *found == piece);
                space.direct.extend(wanted.map(|(place, _)| place));
            }
            is_ready
        });
        Arch::new().dispatch(Chunks::<F> {
            tables: self,
            columns,
            chunks: &chunks,
            unit,
            space,
        });
        chunks.clear();
        space.chunks = chunks;
        for bucket in 0..space.lists.len() {
            if space.lists[bucket].is_empty() {
                continue;
            }
            let mut list = std::mem::take(&mut space.lists[bucket]);
            if self.ready(space, bucket, own.cell, basis_a) {
                let section = &space.sections[bucket];
                let terms = section.terms();
                let mut basis = [[0.0; LANES]; plan::MOST_TERMS_OF_BOXES];
                let complement = space.complement.as_flattened_mut();
                let tangent = space.tangent.as_flattened_mut();
                for list in list.chunks(LANES) {
                    let (mut epsilon, mut units) = ([1.0; LANES], [1.0; LANES]);
                    for (lane, &at) in list.iter().enumerate() {
                        epsilon[lane] = complement[at];
                        units[lane] = columns.units[at / LANES][at % LANES];
                        for (basis, t) in basis[..terms].iter_mut().zip(columns.basis_at(at)) {
                            basis[lane] = *t;
                        }
                    }
                    let found = Arch::new().dispatch(Together::<F> {
                        tables: self,
                        epsilon: &epsilon,
                        basis: &basis[..terms],
                        units: (unit, &units),
                        section,
                        piece: bucket % pieces,
                    });
                    for (lane, &at) in list.iter().enumerate() {
                        complement[at] = found[0][lane];
                        if F == 2 {
                            tangent[at] = found[F - 1][lane];
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

    /// The piece of an $\varepsilon$, or at least how many there are if it has none.
    fn piece(&self, epsilon: f64) -> usize {
        let beyond = self.pieces.iter().filter(|piece| epsilon > piece.end());
        beyond.count()
            + if epsilon < self.start {
                self.pieces.len()
            } else {
                0
            }
    }

    /// The same of each of some $\varepsilon$.
    fn pieces_of(&self, epsilon: &[f64; LANES]) -> [f64; LANES] {
        let none = self.pieces.len() as f64;
        vectorized(
            #[inline(always)]
            || {
                let mut found = [0.0; LANES];
                for lane in 0..LANES {
                    found[lane] = if epsilon[lane] < self.start {
                        none
                    } else {
                        0.0
                    };
                }
                for piece in &self.pieces {
                    let end = piece.end();
                    for lane in 0..LANES {
                        found[lane] += if epsilon[lane] > end { 1.0 } else { 0.0 };
                    }
                }
                found
            },
        )
    }

    /// $\varepsilon^\prime$ from what is tabulated.
    #[inline(always)]
    fn complement(&self, found: f64, epsilon: f64) -> f64 {
        let after = found * self.cells.unit(epsilon);
        let after = if after > 0.0 { after } else { 0.0 };
        if after < 2.0 { after } else { 2.0 }
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

/// $\varepsilon^\prime$ and, if wanted, $\Theta$ of pairs that are evaluated together, from their
/// $\varepsilon$ and the Chebyshev polynomials of their columns.
struct Together<'a, const F: usize> {
    tables: &'a Tables,
    epsilon: &'a [f64; LANES],
    basis: &'a [[f64; LANES]],
    /// Of tangent kernels, at the row and the columns.
    units: (f64, &'a [f64; LANES]),
    section: &'a Section,
    piece: usize,
}

impl<const F: usize> WithSimd for Together<'_, F> {
    type Output = [[f64; LANES]; F];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let x = self.tables.pieces[self.piece].places(self.epsilon);
        let mut found = self.section.at_all::<S, F>(simd, self.basis, &x);
        for (found, &epsilon) in found[0].iter_mut().zip(self.epsilon) {
            *found = self.tables.complement(*found, epsilon);
        }
        if F == 2 {
            let (own, units) = self.units;
            for (found, unit) in found[F - 1].iter_mut().zip(units) {
                *found *= own * unit;
            }
        }
        found
    }
}

/// The smallest and the largest $\varepsilon$ of each chunk.
struct Ends<'a> {
    epsilon: &'a [[f64; LANES]],
    ends: &'a mut [[f64; 2]],
}

impl WithSimd for Ends<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (epsilon, ends) in self.epsilon.iter().zip(self.ends) {
            *ends = vectorized::ends(simd, epsilon);
        }
    }
}

/// All chunks of a row.
struct Chunks<'a, const F: usize> {
    tables: &'a Tables,
    columns: &'a Columns<'a>,
    chunks: &'a [Chunk],
    /// Of tangent kernels, at the row.
    unit: f64,
    space: &'a mut Workspace,
}

impl<const F: usize> WithSimd for Chunks<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let space = self.space;
        for chunk in self.chunks {
            let pieces = self.tables.pieces.len();
            let (index, piece) = (chunk.places.start / LANES, chunk.bucket % pieces);
            let together = Together::<F> {
                tables: self.tables,
                epsilon: &space.complement[index],
                basis: self.columns.basis(index),
                units: (self.unit, &self.columns.units[index]),
                section: &space.sections[chunk.bucket],
                piece,
            };
            let after = together.with_simd(simd);
            let found = &space.found[index];
            let write = |out: &mut [f64; LANES], after: &[f64; LANES]| {
                if chunk.is_whole {
                    *out = *after;
                } else {
                    for lane in 0..LANES {
                        let is_wanted = found[lane] == piece as f64;
                        out[lane] = if is_wanted { after[lane] } else { out[lane] };
                    }
                }
            };
            write(&mut space.complement[index], &after[0]);
            if F == 2 {
                write(&mut space.tangent[index], &after[F - 1]);
            }
        }
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
