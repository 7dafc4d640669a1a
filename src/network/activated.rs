//! The activation as a layer.

use std::sync::Arc;

use super::{Directions, KernelBlock, Layer, Outline};
use crate::activation::{Dual, DualRow, DualTable};
use crate::expectation::TablePoints;
use crate::vectorized::vectorized;
use crate::{Error, Result};

/// An activation, applied to every neuron: $K^\prime = \mathbb E[\varphi(u)\varphi(v)]$, $\Theta^\prime = \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] \Theta$.
///
/// Its inputs must be Gaussian: it stands behind a [`Dense`](super::Dense) layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activated<A> {
    activation: A,
}

impl<A: Dual> Activated<A> {
    /// The layer of an activation.
    pub fn new(activation: A) -> Self {
        Self { activation }
    }
}

/// [`Activated`], through a table or not.
fn apply<A: Dual + ?Sized>(
    phi: &A,
    table: Option<&DualTable>,
    block: &mut KernelBlock,
) -> Result<()> {
    let mut slope = vec![
        0.0;
        if block.tangent().is_some() {
            block.columns()
        } else {
            0
        }
    ];
    let points = table.map(|table| {
        (
            table.points(block.variance_a()),
            table.points(block.variance_b()),
        )
    });
    let mut index = 0;
    block.map(
        |q, out| match table {
            Some(table) => {
                table.moments(q, out);
                for (q, out) in q.iter().zip(out) {
                    if !table.holds(*q) {
                        phi.moments(&[*q], std::slice::from_mut(out))?;
                    }
                }
                Ok(())
            }
            None => phi.moments(q, out),
        },
        |row, moments| {
            let tangent = row.tangent;
            let dual_row = DualRow {
                variance_a: row.variance_a,
                moment_a: moments.moment_a,
                variance_b: row.variance_b,
                moment_b: moments.moment_b,
                inverse_b: moments.inverse_b,
                complement: row.complement,
                slope: tangent.is_some().then_some(&mut slope[..]),
            };
            match (table, &points) {
                (Some(table), Some((rows, columns))) if table.holds(row.variance_a) => {
                    by_table(phi, table, ((rows, index), columns), dual_row)?;
                }
                _ => phi.dual_row(dual_row)?,
            }
            index += 1;
            if let Some(tangent) = tangent {
                let slope = &slope[..];
                vectorized(
                    #[inline(always)]
                    || {
                        for (tangent, slope) in tangent.iter_mut().zip(slope) {
                            *tangent *= slope;
                        }
                    },
                );
            }
            Ok(())
        },
    )
}

/// A row through the table, and one by one where columns are beyond it.
fn by_table<A: Dual + ?Sized>(
    phi: &A,
    table: &DualTable,
    (own, columns): ((&TablePoints, usize), &TablePoints),
    mut row: DualRow<'_>,
) -> Result<()> {
    let beyond: Vec<(usize, f64)> = row
        .variance_b
        .iter()
        .enumerate()
        .filter(|(_, q)| !table.holds(**q))
        .map(|(j, _)| (j, row.complement[j]))
        .collect();
    table.row(own, columns, row.reborrow());
    for (j, epsilon) in beyond {
        row.complement[j] = epsilon;
        phi.dual_row(row.column(j))?;
    }
    Ok(())
}

impl<A: Dual> Layer for Activated<A> {
    fn name(&self) -> String {
        self.activation.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        if !input.gaussian {
            return Err(Error::unsupported(
                format!(
                    "the kernel of {} on inputs that are not Gaussian",
                    self.name()
                ),
                "an activation needs a dense layer before it",
            ));
        }
        Ok(Outline {
            gaussian: false,
            fresh: false,
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        apply(&self.activation, None, block)
    }

    fn has_tables(&self) -> bool {
        self.activation.is_tabulated()
    }

    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
        let positive = |q: &&f64| **q > 0.0;
        let variances = points.variance_a().iter().filter(positive);
        let (low, high) = variances.fold((f64::INFINITY, 0.0), |(low, high), &q| {
            (q.min(low), q.max(high))
        });
        if low > high {
            return Ok(None);
        }
        let table = self.activation.table(low, high)?;
        Ok(table.map(|table| -> Arc<dyn Layer + 'a> {
            Arc::new(Tabulated {
                activation: &self.activation,
                table,
            })
        }))
    }

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        match self.activation.slopes() {
            Some(slopes) if slopes.second_moment() > 0.0 => {
                state.activate(slopes);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// An activation with the table of its dual over the variances at hand.
#[derive(Debug)]
struct Tabulated<'a, A> {
    activation: &'a A,
    table: DualTable,
}

impl<A: Dual> Layer for Tabulated<'_, A> {
    fn name(&self) -> String {
        self.activation.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Activated::new(self.activation).outline(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        apply(self.activation, Some(&self.table), block)
    }
}
