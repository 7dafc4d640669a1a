//! When tables pay.

use crate::activation::pair_cost;

/// Nanoseconds for a pair by a table of one box.
const EVALUATION: f64 = 15.0;

/// Fewer pairs are never worth tables.
const FEWEST: f64 = 500.0;

/// What there is to gain, in units of a pair in a large block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Economy {
    /// The number of pairs.
    pub(super) count: f64,
    /// Nanoseconds for a pair.
    pub(super) cost: f64,
    /// How much longer a pair takes in a small block: layers set themselves up for each.
    pub(super) alone: f64,
}

impl Economy {
    pub(super) fn new(count: f64, cost: f64, tabulated: bool) -> Self {
        let alone = match tabulated {
            _ if pair_cost::is_slow(cost) => 8.0,
            true => 400.0,
            false => 40.0,
        };
        Self { count, cost, alone }
    }

    /// Whether layers integrate every pair by itself.
    pub(super) fn is_slow(&self) -> bool {
        pair_cost::is_slow(self.cost)
    }

    /// Whether tables can pay at all.
    pub(super) fn may_pay(&self) -> bool {
        self.cost >= 2.0 * EVALUATION && self.count >= FEWEST
    }

    /// Whether tables that hold so large a share of all pairs pay: what is left goes by parts of blocks,
    /// which is slow unless it is slow anyway.
    pub(super) fn suffices(&self, share: f64) -> bool {
        share >= if self.is_slow() { 0.25 } else { 0.75 }
    }

    /// Whether a table of so many nodes is worth it for a number of pairs.
    pub(super) fn pays(&self, nodes: f64, pairs: f64) -> bool {
        let each = if pairs < 0.05 * self.count {
            self.alone
        } else {
            1.0
        };
        pairs * (each * self.cost - EVALUATION) > nodes * self.cost
    }

    /// Whether tables of so many nodes in all are worth it, if some pairs are left alone and an evaluation
    /// takes so many nanoseconds.
    pub(super) fn pays_in_all(&self, nodes: f64, left: f64, evaluation: f64) -> bool {
        let tables = (3.0 * nodes + self.alone * left) * self.cost;
        tables + evaluation * self.count < 0.8 * self.count * self.cost
    }
}
