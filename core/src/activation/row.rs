//! Duals of one point with many: the step that a block of a Gram matrix takes through an activation.

use std::ops::Range;

use super::Dual;
use crate::{PairCorrelation, PairCovariance, Result};

/// What a pair costs, roughly, in nanoseconds: closed forms of slopes, other closed forms, tables of Hermite
/// coefficients, quadrature of each pair.
pub mod pair_cost {
    pub(crate) const OF_SLOPES: f64 = 4.0;
    pub(crate) const CLOSED_FORM: f64 = 9.0;
    pub(crate) const TABULATED: f64 = 25.0;
    /// Through a table: without terms, and for each of them.
    pub(crate) const WITHOUT_TERMS: f64 = 10.0;
    pub(crate) const TERM: f64 = 0.35;
    /// A finite sum whose coefficients are found for each pair.
    pub(crate) const FINITE_SUM: f64 = 500.0;
    pub(crate) const CLAMP: f64 = 1e3;
    pub(crate) const EXPONENTIAL_LINEAR: f64 = 8e3;
    pub(crate) const MIXTURE: f64 = 4e3;
    pub(crate) const LONG_MIXTURE: f64 = 2e4;
    /// By quadrature; the Hermite series of one variance takes as long.
    pub const QUADRATURE: f64 = 2e5;

    /// What the set-up of a piece of a table costs.
    pub const TABLE: f64 = 1e7;

    /// Without a closed form.
    pub fn without_closed_form(is_tabulated: bool) -> f64 {
        if is_tabulated { TABULATED } else { QUADRATURE }
    }

    /// Whether some of these are integrated pair by pair.
    pub fn is_slow(cost: f64) -> bool {
        cost > 0.05 * QUADRATURE
    }
}

/// A point of variance $q_a$ beside many others, before an activation; the correlations are replaced by those
/// after it.
#[derive(Debug)]
pub struct DualRow<'a> {
    /// $q_a$.
    pub variance_a: f64,
    /// $V(q_a) = \mathbb E[\varphi(\sqrt{q_a} z)^2]$.
    pub moment_a: f64,
    /// $q_b$ of the others.
    pub variance_b: &'a [f64],
    /// $V(q_b)$.
    pub moment_b: &'a [f64],
    /// $1/\sqrt{V(q_b)}$, 0 where it is not finite.
    pub inverse_b: &'a [f64],
    /// In: $c$; out: $c^\prime$.
    pub correlation: &'a mut [PairCorrelation],
    /// Out, if wanted: $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    pub slope: Option<&'a mut [f64]>,
}

impl DualRow<'_> {
    /// The same row, borrowed for less.
    pub fn reborrow(&mut self) -> DualRow<'_> {
        DualRow {
            correlation: &mut *self.correlation,
            slope: self.slope.as_deref_mut(),
            ..*self
        }
    }

    /// The pairs with some of the columns.
    pub fn columns(&mut self, columns: Range<usize>) -> DualRow<'_> {
        DualRow {
            variance_b: &self.variance_b[columns.clone()],
            moment_b: &self.moment_b[columns.clone()],
            inverse_b: &self.inverse_b[columns.clone()],
            correlation: &mut self.correlation[columns.clone()],
            slope: self.slope.as_deref_mut().map(|slope| &mut slope[columns]),
            ..*self
        }
    }
}

/// One pair at a time, by [`Dual::dual`] and [`Dual::derivative_dual`].
pub(super) fn one_by_one(phi: &dyn Dual, row: DualRow<'_>) -> Result<()> {
    let mut slope = row.slope;
    for (j, (c, &qb)) in row.correlation.iter_mut().zip(row.variance_b).enumerate() {
        let k = PairCovariance::of(row.variance_a, qb, *c);
        let after = if let Some(slope) = &mut slope {
            let (after, derivative) = phi.duals(k)?;
            slope[j] = derivative;
            after
        } else {
            phi.dual(k)?
        };
        *c = after.pair_correlation();
    }
    Ok(())
}

/// The variances after an activation, one at a time.
pub(super) fn moments_one_by_one(phi: &dyn Dual, q: &[f64], out: &mut [f64]) -> Result<()> {
    for (&q, out) in q.iter().zip(out) {
        *out = phi.dual(PairCovariance::diagonal(q))?.variance_a();
    }
    Ok(())
}
