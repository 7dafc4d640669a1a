//! Quantiles of a stream of numbers.

use std::collections::BTreeMap;

use crate::{Error, Result, error};

/// Leading bits of a number's significand that tell cells apart.
const BITS: u32 = 8;

/// Quantiles of a stream of numbers with a relative error of at most $2^{-9}$, without storing them.
///
/// Counts in cells that grow with the number, 256 to an octave: C. Masson, J. Rim and H. Lee's sketch (2019,
/// arXiv 1908.10693) with the leading bits of a number in place of its logarithm. Counts do not depend on the
/// order of the stream. A cell is kept once a number has fallen into it: some hundred of them for a law that
/// spreads over an octave, a million at the very most. Subnormal numbers, below $2.3 \cdot 10^{-308}$, have
/// larger errors, and those below $8.6 \cdot 10^{-311}$ count as 0.
///
/// ```
/// use neural_limits::ensemble::QuantileSketch;
/// let mut sketch = QuantileSketch::default();
/// (1..=1000).try_for_each(|k| sketch.push(f64::from(k)))?;
/// assert!((sketch.quantile(0.9)? / 900.0 - 1.0).abs() <= 1.0 / 512.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuantileSketch {
    cells: BTreeMap<i64, u64>,
    count: u64,
}

/// Cells in the order of the numbers in them.
fn cell(x: f64) -> i64 {
    let magnitude = (x.abs().to_bits() >> (f64::MANTISSA_DIGITS - 1 - BITS)) as i64;
    if x < 0.0 { -1 - magnitude } else { magnitude }
}

/// The middle of a cell.
fn middle(cell: i64) -> f64 {
    let magnitude = if cell < 0 { -1 - cell } else { cell } as u64;
    // of zero there is none but zero
    let half = u64::from(magnitude > 0);
    let bits = (2 * magnitude + half) << (f64::MANTISSA_DIGITS - 2 - BITS);
    let middle = f64::from_bits(bits);
    if cell < 0 { -middle } else { middle }
}

impl QuantileSketch {
    /// One more number.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        error::finite("x", x)?;
        *self.cells.entry(cell(x)).or_default() += 1;
        self.count += 1;
        Ok(())
    }

    /// The number of numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The quantile of order $u$, the least number with at least the fraction $u$ at or below it: the middle
    /// of its cell.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an order outside of $[0, 1]$; [`Error::Undefined`] without any number.
    pub fn quantile(&self, u: f64) -> Result<f64> {
        error::unit_interval("u", u)?;
        let rank = ((u * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut before = 0;
        let found = self.cells.iter().find(|(_, count)| {
            before += **count;
            before >= rank
        });
        let (cell, _) = found.ok_or_else(|| Error::undefined("a quantile", "no numbers"))?;
        Ok(middle(*cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_met_by_its_cell() {
        let mut x = 1e-300;
        while x < 1e300 {
            for x in [x, -x] {
                assert!((middle(cell(x)) / x - 1.0).abs() <= 1.0 / 512.0, "{x}");
            }
            x *= 1.37;
        }
        assert_eq!(middle(cell(0.0)), 0.0);
        assert_eq!(middle(cell(-0.0)), 0.0);
    }

    #[test]
    fn cells_are_in_order_and_ranks_are_those_of_the_sorted_numbers() {
        let mut sketch = QuantileSketch::default();
        assert!(matches!(sketch.quantile(0.5), Err(Error::Undefined { .. })));
        let all: Vec<f64> = (-50..50).map(|k| f64::from(k).powi(3)).collect();
        all.iter().for_each(|x| sketch.push(*x).unwrap());
        assert!(sketch.push(f64::NAN).is_err() && sketch.push(f64::INFINITY).is_err());
        for k in 1..=100 {
            let found = sketch.quantile((k as f64 - 0.5) / 100.0).unwrap();
            let exact = all[k - 1];
            assert!(
                (found - exact).abs() <= exact.abs() / 512.0,
                "{k}: {found} {exact}"
            );
        }
        assert!(sketch.quantile(1.5).is_err());
    }
}
