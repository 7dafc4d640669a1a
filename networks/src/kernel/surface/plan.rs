//! Which boxes are worth a table, and how many terms they take.

use std::collections::BTreeMap;
use std::f64::consts::FRAC_PI_4;

use super::axes::{BoxIndex, Cells, Piece, Place, TangentUnits, angle_pieces};
use super::economy::{self, Economy};
use super::probe::{Probe, Values};
use crate::kernel::product::InputPairs;
use crate::network::{Layer, Network};
use crate::{Result, Scalar, parallel};

/// Terms in $\log q$, at most.
pub(super) const MOST_TERMS: usize = 18;

/// And in boxes that take more than planned: of points nearly parallel, kinks take ever more.
pub(super) const MOST_TERMS_OF_BOXES: usize = 28;

/// Fewer terms than that on two lines are looked at twice.
const FEW: usize = 6;

/// Terms in the variable of the angle, at most: powers of more lose digits.
pub(super) const MOST_POWERS: usize = 22;

/// How far the table reaches beyond the angles of the samples, as a part of their range.
const MARGIN: f64 = 0.15;

/// How often pieces are halved where functions are not smooth enough.
const PIECE_HALVINGS: u32 = 4;

/// Nodes of the smallest tables: of one norm, and of two.
const FEWEST_NODES: f64 = 24.0;
const FEWEST_NODES_OF_NORMS: f64 = 300.0;

/// Nanoseconds for a pair from which on a few of them are worth a thread.
const LONG: f64 = 2e3;

/// The part of its terms that a table keeps for either function, and half of it: those of low degrees.
const KEPT: f64 = 0.37;

/// What a symmetric box takes of its nodes: those of rows together, on and below the diagonal.
const SYMMETRIC: f64 = 0.6;

/// A pair of the inputs that stands for many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    variances: (f64, f64),
    epsilon: f64,
}

impl Sample {
    /// So many pairs of points with variances between two numbers, evenly on a logarithmic scale, and
    /// $\varepsilon = 1 - \cos\theta$ below 1, evenly in $\theta$.
    pub(super) fn spread(count: usize, (low, high): (f64, f64)) -> Vec<Self> {
        // a lattice with the powers of 1.2207...^-1, the root of x^4 = x + 1
        const STEPS: [f64; 3] = [0.819_172_513, 0.671_043_607, 0.549_700_478];
        let range = (high / low).ln();
        let sample = |i: usize| {
            let [a, b, theta] = STEPS.map(|step| (step * (i as f64 + 0.5)).fract());
            let half = FRAC_PI_4 * theta;
            Self {
                variances: (low * (range * a).exp(), low * (range * b).exp()),
                epsilon: 2.0 * half.sin() * half.sin(),
            }
        };
        (0..count).map(sample).collect()
    }
}

/// Some pairs of the inputs, evenly spread.
pub(super) fn samples<T: Scalar>(pairs: &InputPairs<'_, T>) -> Result<Vec<Sample>> {
    const GROUPS: usize = 4;
    let (rows, columns) = (pairs.rows(), pairs.columns());
    let groups = |count: usize| {
        let size = (count / 40).clamp(4, 40).min(count);
        let last = count - size;
        (0..GROUPS).map(move |i| {
            let start = last * i / (GROUPS - 1);
            start..start + size
        })
    };
    let variances = pairs.variances();
    let offset = if pairs.is_symmetric() { 0 } else { rows };
    let mut all = Vec::new();
    for row in groups(rows) {
        for column in groups(columns) {
            let products = pairs.products(&row, &pairs.packed(&column), false);
            let block = pairs.block(&row, &column, &products, false)?;
            for (i, row) in row.clone().zip(block.correlation().chunks(column.len())) {
                for (j, c) in column.clone().zip(row) {
                    let epsilon = c.one_minus();
                    let variances = (variances[i], variances[offset + j]);
                    if variances.0 > 0.0 && variances.1 > 0.0 && epsilon > 0.0 {
                        all.push(Sample { variances, epsilon });
                    }
                }
            }
        }
    }
    Ok(all)
}

/// The axes, the numbers of terms along them, and the boxes that are worth a table.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) cells: Cells,
    pub(super) start: f64,
    pub(super) pieces: Vec<Piece>,
    pub(super) tangents: TangentUnits,
    /// By cell, at its most frequent partner and piece.
    terms: Vec<usize>,
    probed: Vec<Option<(usize, usize)>>,
    /// By piece.
    pub(super) powers: Vec<usize>,
    /// Columns are not larger than rows.
    pub(super) boxes: Vec<PlannedBox>,
}

/// A box that is worth a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedBox {
    pub(super) index: BoxIndex,
    /// Of all pairs.
    pub(super) share: f64,
    /// The numbers of terms that a table is tried with first.
    pub(super) sizes: [usize; 3],
}

impl Plan {
    /// `None` if the cells are too long for the terms; without boxes if nothing is worth a table.
    pub(super) fn new(
        probe: &Probe<'_>,
        samples: &[Sample],
        cells: Cells,
        economy: Economy,
    ) -> Option<Self> {
        let fewest = if cells.are_equal() {
            FEWEST_NODES
        } else {
            FEWEST_NODES_OF_NORMS
        };
        let mut plan = Self {
            tangents: TangentUnits::default(),
            terms: vec![1; cells.len()],
            probed: vec![None; cells.len()],
            cells,
            start: 0.0,
            pieces: Vec::new(),
            powers: Vec::new(),
            boxes: Vec::new(),
        };
        if probe.with_tangent && !probe.adapts && !probe.is_slow {
            let cells = 0..plan.cells.len();
            let ends = cells.map(|cell| plan.tangents_at_ends(probe, cell));
            let ends: Vec<[f64; 2]> = ends.collect();
            if ends
                .iter()
                .flatten()
                .all(|&theta| theta > 0.0 && theta.is_finite())
            {
                plan.tangents.ends = ends;
            }
        }
        // the pairs that a sample stands for
        let weight = economy.count / samples.len().max(1) as f64;
        plan.add_pieces(probe, samples, |count| {
            economy.pays(fewest, count as f64 * weight)
        });
        let mut wanted = plan.counts(samples, weight);
        wanted
            .retain(|&(index, pairs)| plan.powers[index.piece] > 0 && economy.pays(fewest, pairs));
        plan.choose(probe, wanted, economy).ok()??;
        Some(plan)
    }

    /// Pieces that are worth it, split where they must be; the others have no table.
    fn add_pieces(
        &mut self,
        probe: &Probe<'_>,
        samples: &[Sample],
        is_worth_it: impl Fn(usize) -> bool,
    ) {
        let (low, high) = samples
            .iter()
            .fold((2.0, 0.0), |(low, high): (f64, f64), sample| {
                (low.min(sample.epsilon), high.max(sample.epsilon))
            });
        let margin = MARGIN * (high - low);
        let equal = self.cells.are_equal();
        let flows = (probe.adapts, probe.has_far_steps);
        let (start, all) = angle_pieces(equal, flows, (low - margin).max(0.0), high + margin);
        self.start = start;
        let mut low = start;
        for piece in all {
            let inside = samples
                .iter()
                .filter(|sample| sample.epsilon > low && sample.epsilon <= piece.end());
            let inside: Vec<&Sample> = inside.collect();
            low = piece.end();
            match inside.get(inside.len() / 2) {
                Some(middle) if is_worth_it(inside.len()) => {
                    self.split(probe, piece, self.cells_of(middle), PIECE_HALVINGS);
                }
                _ => {
                    self.pieces.push(piece);
                    self.powers.push(0);
                }
            }
        }
    }

    /// The cells of a pair; every variance has one, being positive.
    fn cells_of(&self, sample: &Sample) -> (usize, usize) {
        let cell = |q: f64| self.cells.place(q).map_or(0, |place| place.cell);
        (cell(sample.variances.0), cell(sample.variances.1))
    }

    /// The boxes that have pairs, and how many.
    fn counts(&self, samples: &[Sample], weight: f64) -> Vec<(BoxIndex, f64)> {
        let mut counts = BTreeMap::new();
        for sample in samples {
            let mut pieces = self.pieces.iter();
            let piece = pieces.position(|piece| sample.epsilon <= piece.end());
            if let (Some(piece), true) = (piece, sample.epsilon >= self.start) {
                let (a, b) = self.cells_of(sample);
                let (row, column) = (a.max(b), a.min(b));
                let index = BoxIndex { row, column, piece };
                *counts.entry(index).or_insert(0.0) += weight;
            }
        }
        counts.into_iter().collect()
    }

    /// Finds the terms that boxes of so many pairs take, and keeps those that are worth it; none if they are
    /// not in all. `None` if the cells are too long.
    fn choose(
        &mut self,
        probe: &Probe<'_>,
        mut wanted: Vec<(BoxIndex, f64)>,
        economy: Economy,
    ) -> Result<Option<()>> {
        if !self.cells.are_equal() {
            wanted.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            for cell in 0..self.cells.len() {
                // at the most frequent partner
                let partner = wanted.iter().find_map(|&(index, _)| match cell {
                    _ if index.row == cell => Some((index.column, index.piece)),
                    _ if index.column == cell => Some((index.row, index.piece)),
                    _ => None,
                });
                if let Some((other, piece)) = partner {
                    let terms = self.terms_of(probe, [cell, other], piece, (MOST_TERMS, 0.7));
                    let Some(terms) = terms else {
                        return Ok(None);
                    };
                    self.terms[cell] = terms;
                    self.probed[cell] = Some((other, piece));
                }
            }
        }
        let nodes_of = |index: BoxIndex, sizes: [usize; 3]| {
            let nodes = sizes.iter().product::<usize>() as f64;
            let is_symmetric = index.row == index.column;
            if is_symmetric {
                SYMMETRIC * nodes
            } else {
                nodes
            }
        };
        wanted.retain(|&(index, pairs)| {
            let [a, b] = [index.row, index.column].map(|cell| self.terms[cell]);
            economy.pays(nodes_of(index, [a, b, self.powers[index.piece]]), pairs)
        });
        let sizes = parallel::try_map(wanted.len(), |i| Ok(self.sizes(probe, wanted[i].0)))?;
        let (mut nodes, mut held) = (0.0, 0.0);
        for (&(index, pairs), sizes) in wanted.iter().zip(sizes) {
            let size = nodes_of(index, sizes);
            if economy.pays(size, pairs) {
                (nodes, held) = (nodes + size, held + pairs);
                let share = pairs / economy.count;
                self.boxes.push(PlannedBox {
                    index,
                    share,
                    sizes,
                });
            }
        }
        let boxes = self.boxes.iter().map(|planned| {
            let [a, b, powers] = planned.sizes;
            let numbers = KEPT * (a + b) as f64 * powers as f64;
            (planned.index, planned.share, numbers)
        });
        let boxes: Vec<(BoxIndex, f64, f64)> = boxes.collect();
        let evaluation = economy::evaluation(&boxes, self.cells.len());
        if !economy.pays_in_all(nodes, economy.count - held, evaluation) {
            self.boxes.clear();
        }
        Ok(Some(()))
    }

    /// [`Probe::smoothed`] between the pairs of some places with others.
    pub(super) fn smoothed(
        &self,
        probe: &Probe<'_>,
        places: [&[Place]; 2],
        epsilon: &[f64],
    ) -> Result<Option<Network>> {
        let [a, b] = places.map(|places| -> Vec<f64> {
            let places = places.iter();
            let mut all: Vec<f64> = places.map(|&place| self.cells.variance(place)).collect();
            all.dedup();
            all
        });
        probe.smoothed([&a, &b], epsilon)
    }

    /// What is tabulated, of one point with others.
    pub(super) fn ratios(
        &self,
        probe: &Probe<'_>,
        a: Place,
        columns: impl Iterator<Item = (Place, f64)>,
    ) -> Result<Vec<Values>> {
        let columns: Vec<(Place, f64)> = columns.collect();
        // what goes pair by pair goes in parallel
        let is_long = probe.is_slow || probe.network.pair_cost() > LONG;
        let size = if is_long { 4 } else { columns.len() };
        let parts = probe.rows(columns.len().div_ceil(size), |part| {
            let columns = &columns[part * size..((part + 1) * size).min(columns.len())];
            let pairs = columns
                .iter()
                .map(|&(b, epsilon)| (self.cells.variance(b), epsilon));
            let mut values = probe.row(self.cells.variance(a), pairs, None)?;
            for (value, &(b, epsilon)) in values.iter_mut().zip(columns) {
                value[0] /= self.cells.unit(epsilon);
                value[1] /= self.tangents.of_pair(a, b);
            }
            Ok(values)
        })?;
        Ok(parts.concat())
    }

    /// Adds a piece, or its parts if it has too many terms.
    fn split(&mut self, probe: &Probe<'_>, piece: Piece, cells: (usize, usize), halvings: u32) {
        // what takes long is asked for less
        let lines = [(0.0, 0.0), (0.93, -0.93), (-0.93, -0.93), (0.93, 0.93)];
        let lines = &lines[..if probe.is_slow { 2 } else { 4 }];
        let mut powers = lines.iter().map(|&(x, y)| {
            let a = Place { cell: cells.0, x };
            let b = Place {
                cell: cells.1,
                x: y,
            };
            let smooth = self.smoothed(
                probe,
                [&[a], &[b]],
                &[-1.0, 0.0, 1.0].map(|r| piece.epsilon(r)),
            );
            let smooth = smooth.ok()?;
            let probe = &probe.of(smooth.as_ref().unwrap_or(probe.network));
            let end = piece.epsilon(1.0).max(piece.epsilon(-1.0));
            let least = self.least(probe, end);
            probe.terms(MOST_POWERS, (probe.resolution, least), |nodes| {
                self.ratios(probe, a, nodes.iter().map(|&x| (b, piece.epsilon(x))))
            })
        });
        match powers.try_fold(0, |most, terms| Some(most.max(terms?))) {
            Some(powers) => {
                self.pieces.push(piece);
                self.powers.push(powers + 1);
            }
            _ if halvings > 0 => {
                for half in piece.halves() {
                    self.split(probe, half, cells, halvings - 1);
                }
            }
            // as many as there are: the check decides
            _ => {
                self.pieces.push(piece);
                self.powers.push(MOST_POWERS);
            }
        }
    }

    /// The numbers of terms that a table of a box is tried with first.
    fn sizes(&self, probe: &Probe<'_>, index: BoxIndex) -> [usize; 3] {
        let BoxIndex { row, column, piece } = index;
        let terms = |[cell, other]: [usize; 2]| {
            // a flow's probe takes longer than the terms that it may save
            let is_known = probe.adapts || self.probed[cell] == Some((other, piece));
            if self.cells.are_equal() || is_known {
                return self.terms[cell];
            }
            // other pieces are mostly those of nearer points, which take more
            self.terms_of(probe, [cell, other], piece, (MOST_TERMS_OF_BOXES, -0.7))
                .unwrap_or(self.terms[cell])
        };
        let a = terms([row, column]);
        let b = if row == column {
            a
        } else {
            terms([column, row])
        };
        [a, b, self.powers[piece]]
    }

    /// The terms in $\log q$ that a cell needs beside another, in the middle of a piece and at place $r$, if
    /// these are not too many.
    fn terms_of(
        &self,
        probe: &Probe<'_>,
        [cell, other]: [usize; 2],
        piece: usize,
        (most, r): (usize, f64),
    ) -> Option<usize> {
        let piece = &self.pieces[piece];
        let needed = |(x, r): (f64, f64)| {
            let b = Place { cell: other, x };
            let epsilon = piece.epsilon(r);
            let least = self.least(probe, epsilon);
            let ends = [-1.0, 1.0].map(|x| Place { cell, x });
            let smooth = self.smoothed(probe, [&[b], &ends], &[epsilon]).ok()?;
            let probe = &probe.of(smooth.as_ref().unwrap_or(probe.network));
            probe.terms(most, (probe.resolution, least), |nodes| {
                // the roles of both points are the same
                self.ratios(
                    probe,
                    b,
                    nodes.iter().map(|&x| (Place { cell, x }, epsilon)),
                )
            })
        };
        let along = needed((0.0, 0.0))?.max(needed((-0.9, r))?);
        // what is constant there may rise where points are short and near each other
        let largest = if along < FEW {
            along.max(needed((-0.9, -0.9))?)
        } else {
            along
        };
        Some((largest + 1).min(most))
    }
}
