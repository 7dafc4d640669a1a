//! Which boxes are worth a table, and how many terms they take.

use super::axes::{Cells, Place, angle_pieces};
use super::economy::Economy;
use super::patch::LANES;
use super::probe::{Probe, Values};
use crate::covariance::AnglePiece;
use crate::kernel::product::InputPairs;
use crate::{Result, Scalar};

/// Terms in $\log q$, at most.
pub(super) const MOST_TERMS: usize = 14;

/// Terms in the variable of the angle, at most: powers of more lose digits.
pub(super) const MOST_POWERS: usize = 22;

/// What the terms of a table leave out, relative.
const TOLERANCE: f64 = 1e-15;

/// How far the table reaches beyond the angles of the samples, as a part of their range.
const MARGIN: f64 = 0.15;

/// How often pieces are halved where functions are not smooth enough.
const PIECE_HALVINGS: u32 = 4;

/// A pair of the inputs that stands for many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    variances: (f64, f64),
    epsilon: f64,
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
            let products = pairs.products(&row, &column);
            let stride = column.len();
            let block = pairs.block(row.clone(), column.clone(), &products, stride, false)?;
            for (i, row) in row.clone().zip(block.complement().chunks(stride)) {
                for (j, &epsilon) in column.clone().zip(row) {
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
    pub(super) pieces: Vec<AnglePiece>,
    /// By cell.
    pub(super) terms: Vec<usize>,
    /// By piece.
    pub(super) powers: Vec<usize>,
    /// The share of all pairs; cell of the row, cell of the column (not larger), piece.
    pub(super) boxes: Vec<(f64, (usize, usize, usize))>,
}

impl Plan {
    /// `None` if the cells are too long for the terms; without boxes if nothing is worth a table.
    pub(super) fn new(
        probe: &Probe<'_>,
        samples: &[Sample],
        cells: Cells,
        economy: Economy,
    ) -> Option<Self> {
        // the cells of a pair; every variance has one, being positive
        let cells_of = |cells: &Cells, sample: &Sample| -> (usize, usize) {
            let cell = |q: f64| cells.place(q).map_or(0, |place| place.cell);
            (cell(sample.variances.0), cell(sample.variances.1))
        };
        let weight = economy.count / samples.len().max(1) as f64;
        let least = if cells.are_equal() { 24.0 } else { 300.0 };
        let worth = |samples: usize| economy.pays(least, samples as f64 * weight);
        let (low, high) = samples
            .iter()
            .fold((2.0, 0.0), |(low, high): (f64, f64), sample| {
                (low.min(sample.epsilon), high.max(sample.epsilon))
            });
        let margin = MARGIN * (high - low);
        let (start, all) = angle_pieces(cells.are_equal(), (low - margin).max(0.0), high + margin);
        let mut plan = Self {
            terms: vec![1; cells.len()],
            cells,
            start,
            pieces: Vec::new(),
            powers: Vec::new(),
            boxes: Vec::new(),
        };
        // pieces that are worth it, split where they must be; the others have no table
        let mut low = start;
        for piece in all {
            let inside: Vec<Sample> = samples
                .iter()
                .copied()
                .filter(|sample| sample.epsilon > low && sample.epsilon <= piece.end)
                .collect();
            low = piece.end;
            match inside.get(inside.len() / 2) {
                Some(middle) if worth(inside.len()) => {
                    let cells = cells_of(&plan.cells, middle);
                    plan.split(probe, piece, cells, PIECE_HALVINGS);
                }
                _ => {
                    plan.pieces.push(piece);
                    plan.powers.push(0);
                }
            }
        }
        let (cells, pieces) = (plan.cells.len(), plan.pieces.len());
        let mut counts = vec![0_usize; cells * cells * pieces];
        for sample in samples {
            let piece = plan
                .pieces
                .iter()
                .position(|piece| sample.epsilon <= piece.end);
            if let (Some(piece), true) = (piece, sample.epsilon >= start) {
                let (a, b) = cells_of(&plan.cells, sample);
                let (a, b) = (a.max(b), a.min(b));
                counts[(a * cells + b) * pieces + piece] += 1;
            }
        }
        let mut wanted: Vec<(usize, (usize, usize, usize))> = counts
            .iter()
            .enumerate()
            .map(|(i, &count)| (count, (i / pieces / cells, i / pieces % cells, i % pieces)))
            .filter(|&(count, (_, _, piece))| plan.powers[piece] > 0 && worth(count))
            .collect();
        if wanted.is_empty() {
            return Some(plan);
        }
        if !plan.cells.are_equal() {
            wanted.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
            for cell in 0..cells {
                // at the most frequent partner
                let partner = wanted.iter().find_map(|&(_, (a, b, piece))| match cell {
                    _ if a == cell => Some((b, piece)),
                    _ if b == cell => Some((a, piece)),
                    _ => None,
                });
                let Some((other, piece)) = partner else {
                    continue;
                };
                plan.terms[cell] = plan.terms_of(probe, cell, other, piece)?;
            }
        }
        let (mut nodes, mut held) = (0.0, 0.0);
        for (found, (a, b, piece)) in wanted {
            let size = (plan.terms[a] * plan.terms[b] * plan.powers[piece]) as f64;
            let size = if a == b { 0.6 * size } else { size };
            if economy.pays(size, found as f64 * weight) {
                let share = found as f64 / samples.len() as f64;
                (nodes, held) = (nodes + size, held + share);
                plan.boxes.push((share, (a, b, piece)));
            }
        }
        let left = (1.0 - held) * economy.count;
        if !economy.pays_in_all(nodes, left, plan.evaluation()) {
            plan.boxes.clear();
        }
        Some(plan)
    }

    /// Nanoseconds for a pair, roughly: polynomials for chunks of pairs of the same box, and their
    /// preparation for every row of a block.
    fn evaluation(&self) -> f64 {
        const COLUMNS: f64 = 256.0;
        let boxes = self.boxes.len() as f64;
        let terms = self.boxes.iter().map(|&(_, (a, b, piece))| {
            (self.terms[a] + self.terms[b]) as f64 * 0.5 * self.powers[piece] as f64
        });
        let terms = terms.sum::<f64>() / boxes.max(1.0);
        // what a row meets
        let boxes = 2.0 * boxes / self.cells.len() as f64;
        let chunks = COLUMNS / LANES as f64 + 0.5 * (boxes - 1.0).max(0.0);
        let sections = boxes * (100.0 + 2.0 * terms);
        4.0 + (chunks * (50.0 + 1.5 * terms) + sections) / COLUMNS
    }

    /// $\varepsilon^\prime/\varepsilon$ and $\Theta$ of one point with others.
    pub(super) fn ratios(
        &self,
        probe: &Probe<'_>,
        a: Place,
        columns: impl Iterator<Item = (Place, f64)>,
    ) -> Result<Vec<Values>> {
        let columns: Vec<(Place, f64)> = columns.collect();
        // what goes pair by pair goes in parallel
        let size = if probe.is_slow { 4 } else { columns.len() };
        let parts = probe.rows(columns.len().div_ceil(size), |part| {
            let columns = &columns[part * size..((part + 1) * size).min(columns.len())];
            let pairs = columns
                .iter()
                .map(|&(b, epsilon)| (self.cells.variance(b), epsilon));
            let mut values = probe.row(self.cells.variance(a), pairs, None)?;
            for (value, (_, epsilon)) in values.iter_mut().zip(columns) {
                value[0] /= epsilon;
            }
            Ok(values)
        })?;
        Ok(parts.concat())
    }

    /// Adds a piece, or its parts if it has too many terms.
    fn split(
        &mut self,
        probe: &Probe<'_>,
        piece: AnglePiece,
        cells: (usize, usize),
        halvings: u32,
    ) {
        let powers = [0.0, 0.93].map(|x| {
            let a = Place { cell: cells.0, x };
            let b = Place {
                cell: cells.1,
                x: -x,
            };
            probe.terms(MOST_POWERS, TOLERANCE, |nodes| {
                self.ratios(probe, a, nodes.iter().map(|&x| (b, piece.epsilon(x))))
            })
        });
        match powers {
            [Some(first), Some(second)] => {
                self.pieces.push(piece);
                self.powers.push(first.max(second) + 1);
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

    /// The terms in $\log q$ that a cell needs beside another, if these are not too many.
    fn terms_of(
        &self,
        probe: &Probe<'_>,
        cell: usize,
        other: usize,
        piece: usize,
    ) -> Option<usize> {
        let piece = &self.pieces[piece];
        let needed = [(0.0, 0.0), (-0.9, 0.7)].map(|(x, r)| {
            let b = Place { cell: other, x };
            probe.terms(MOST_TERMS, TOLERANCE, |nodes| {
                // the roles of both points are the same
                let epsilon = piece.epsilon(r);
                self.ratios(
                    probe,
                    b,
                    nodes.iter().map(|&x| (Place { cell, x }, epsilon)),
                )
            })
        });
        Some((needed[0]?.max(needed[1]?) + 1).min(MOST_TERMS))
    }
}
