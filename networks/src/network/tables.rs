//! Tables that many equal layers share.

use std::sync::Arc;

use super::{KernelBlock, Network};
use crate::{Error, Result};

/// How often a range is widened before it is given up.
const ROUNDS: usize = 60;

/// By how much, beyond what was found.
const MARGIN: f64 = 1.5;

/// Steps that are taken beyond the range of the tables before it is widened.
const BEYOND: usize = 256;

/// `network` with tables for the variances of all `times` steps, of which `step` does number $l$ around it.
///
/// The least and the largest variance pass all steps; some steps after they have left the range that the
/// tables were made for, it is widened and they start again. So the number of tables does not grow with
/// depth.
pub(super) fn shared(
    network: &Arc<Network>,
    points: &KernelBlock,
    times: usize,
    step: impl Fn(&Arc<Network>, usize, &mut KernelBlock) -> Result<()>,
) -> Result<Arc<Network>> {
    let Some(start) = range(points) else {
        return Ok(Arc::clone(network));
    };
    let of_ends = |(low, high): (f64, f64)| {
        let pairs = points.expected_pairs() * times as f64;
        let mut ends = KernelBlock::of_points(vec![low, high]).with_expected_pairs(pairs);
        ends.set_width(points.width());
        ends
    };
    let mut wanted = start;
    for _ in 0..ROUNDS {
        // the margin may lie where the layers overflow
        let Ok(prepared) = network.prepared(&of_ends(wanted)).map(Arc::new) else {
            break;
        };
        let mut ends = of_ends(start);
        let (mut found, mut beyond) = (wanted, 0);
        for l in 0..times {
            match step(&prepared, l, &mut ends) {
                Ok(()) => {}
                // what overflows here does so again where it is asked for
                Err(Error::Overflow { .. }) => return Ok(prepared),
                Err(error) => return Err(error),
            }
            let Some((low, high)) = range(&ends).filter(|_| l + 1 < times) else {
                break;
            };
            found = (found.0.min(low), found.1.max(high));
            beyond += usize::from(found != wanted);
            if beyond == BEYOND {
                break;
            }
        }
        if found == wanted {
            return Ok(prepared);
        }
        let widened = |new: f64, old: f64, factor: f64| if new == old { old } else { new * factor };
        wanted = (
            widened(found.0, wanted.0, 1.0 / MARGIN),
            widened(found.1, wanted.1, MARGIN),
        );
        if !(wanted.0 > 0.0 && wanted.1.is_finite()) {
            break;
        }
    }
    Ok(Arc::clone(network))
}

/// The least positive and the largest variance.
fn range(points: &KernelBlock) -> Option<(f64, f64)> {
    let positive = points.variance_a().iter().copied().filter(|&q| q > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0), |(low, high), q| {
        (q.min(low), q.max(high))
    });
    (low <= high).then_some((low, high))
}
