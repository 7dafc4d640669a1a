//! When tables pay.

use std::collections::BTreeMap;

use super::axes::BoxIndex;
use super::patch::LANES;
use crate::activation::pair_cost;
use crate::kernel::tiles::SIDE;

/// Nanoseconds for a pair by a table of one box.
const EVALUATION: f64 = 7.5;

/// Fewer pairs are never worth tables.
const FEWEST: f64 = 500.0;

/// How much longer a pair takes in a small block than in a large one: activations with tables set these up
/// for each block, closed forms their rows, and quadrature goes pair by pair anyway. Flows of pairs that are
/// left for a reason take more steps.
const ALONE_TABULATED: f64 = 150.0;
const ALONE_CLOSED_FORM: f64 = 40.0;
const ALONE_SLOW: f64 = 3.0;
const ALONE_FLOW: f64 = 25.0;

/// The share of all pairs that tables must hold: what is left goes by parts of blocks, which is slow unless
/// it is slow anyway.
const SUFFICIENT: f64 = 0.75;
const SUFFICIENT_IF_SLOW: f64 = 0.25;

/// Where a box has a smaller share of all pairs, others have tables, and its pairs would be left alone.
const RARE: f64 = 0.05;

/// How often a node is evaluated: tables are tried with more terms and with halved cells, and checked.
const TRIALS: f64 = 3.0;
const TRIALS_IF_SLOW: f64 = 1.5;

/// What tables may cost in all, relative to the layers: estimates are rough.
const WORTHWHILE: f64 = 0.8;

/// Columns of a block.
const COLUMNS: f64 = SIDE as f64;

/// A pair that lies among others of another piece, in units of one among its like: it is collected.
const COLLECTED: f64 = 4.0;

/// Nanoseconds for a pair, roughly: polynomials for chunks of pairs of the same box, and their preparation
/// for every row of a block. Given are the boxes, their shares of all pairs and numbers of coefficients.
pub(super) fn evaluation(boxes: &[(BoxIndex, f64, f64)], cells: usize) -> f64 {
    let shares: f64 = boxes.iter().map(|(_, share, _)| share).sum();
    if shares == 0.0 {
        return 0.0;
    }
    let numbers = boxes.iter().map(|(_, share, numbers)| share * numbers);
    let numbers = numbers.sum::<f64>() / shares;
    // of each pair of cells, the piece with most pairs
    let mut common = BTreeMap::new();
    for &(BoxIndex { row, column, .. }, share, _) in boxes {
        let most: &mut f64 = common.entry((row, column)).or_default();
        *most = most.max(share);
    }
    let collected = 1.0 - common.values().sum::<f64>() / shares;
    // what a row meets
    let boxes = 2.0 * boxes.len() as f64 / cells as f64;
    let places = COLUMNS / LANES as f64;
    let chunks = places * (1.0 + COLLECTED * collected) + (cells as f64 - 1.0);
    let sections = boxes * (100.0 + numbers);
    3.0 + (chunks * (30.0 + 1.3 * numbers) + sections) / COLUMNS
}

/// What there is to gain, in units of a pair in a large block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Economy {
    /// The number of pairs.
    pub(super) count: f64,
    /// Nanoseconds for a pair.
    pub(super) cost: f64,
    /// How much longer a pair takes in a small block.
    pub(super) alone: f64,
    /// How often a node is evaluated.
    trials: f64,
}

impl Economy {
    /// Given is also whether activations have tables, layers adapt to each pair, and activations go pair by
    /// pair.
    pub(super) fn new(
        count: f64,
        cost: f64,
        (tabulated, adapts, is_pairwise): (bool, bool, bool),
    ) -> Self {
        let alone = match tabulated {
            _ if pair_cost::is_slow(cost) => ALONE_SLOW,
            false if adapts => ALONE_FLOW,
            false if is_pairwise => ALONE_SLOW,
            true => ALONE_TABULATED,
            false => ALONE_CLOSED_FORM,
        };
        let trials = if pair_cost::is_slow(cost) {
            TRIALS_IF_SLOW
        } else {
            TRIALS
        };
        Self {
            count,
            cost,
            alone,
            trials,
        }
    }

    /// Of pairs that share nothing with others.
    pub(super) fn of_single_pairs(count: f64, cost: f64) -> Self {
        Self {
            count,
            cost,
            alone: 1.0,
            trials: TRIALS_IF_SLOW,
        }
    }

    /// Whether layers integrate every pair by itself.
    pub(super) fn is_slow(&self) -> bool {
        pair_cost::is_slow(self.cost)
    }

    /// Whether tables can pay at all.
    pub(super) fn may_pay(&self) -> bool {
        self.cost >= 2.0 * EVALUATION && self.count >= FEWEST
    }

    /// Whether tables that hold so large a share of all pairs pay.
    pub(super) fn suffices(&self, share: f64) -> bool {
        let least = if self.is_slow() {
            SUFFICIENT_IF_SLOW
        } else {
            SUFFICIENT
        };
        share >= least
    }

    /// Whether a table of so many nodes is worth it for a number of pairs.
    pub(super) fn pays(&self, nodes: f64, pairs: f64) -> bool {
        let each = if pairs < RARE * self.count {
            self.alone
        } else {
            1.0
        };
        pairs * (each * self.cost - EVALUATION) > nodes * self.cost
    }

    /// Whether tables that are built are faster than the layers, if an evaluation takes so many nanoseconds
    /// and some pairs are left, at worst some in every row of a block.
    pub(super) fn is_gained(&self, left: f64, evaluation: f64) -> bool {
        let rows = self.alone * left.min(self.count / COLUMNS);
        (rows + left) * self.cost + evaluation * (self.count - left) < self.count * self.cost
    }

    /// Whether tables of so many nodes in all are worth it, if some pairs are left alone and an evaluation
    /// takes so many nanoseconds.
    pub(super) fn pays_in_all(&self, nodes: f64, left: f64, evaluation: f64) -> bool {
        let tables = (self.trials * nodes + self.alone * left) * self.cost;
        tables + evaluation * self.count < WORTHWHILE * self.count * self.cost
    }
}
