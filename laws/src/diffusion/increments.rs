//! Increments of Brownian motion.

use std::ops::Range;

use crate::Result;
use crate::numerics::Lines;
use crate::random::Stream;

/// Normals that are drawn at a time, where steps have fewer: it takes half of the time of 64.
const DRAWN: usize = 1024;

/// Standard normals of the steps of a path: the numbers of one step after the other, drawn for several of
/// them at once.
#[derive(Debug)]
pub(super) struct Increments {
    numbers: Lines,
    /// The numbers that a step takes.
    step: usize,
    /// Numbers that are not drawn yet.
    to_come: usize,
    /// Those of the drawn ones that are left.
    left: Range<usize>,
}

impl Increments {
    /// For so many steps of so many neurons at so many inputs.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] if they cannot be allocated.
    pub(super) fn new(steps: usize, width: usize, points: usize) -> Result<Self> {
        let step = width * points;
        let together = (DRAWN / step.max(1)).clamp(1, steps.max(1));
        Ok(Self {
            numbers: Lines::zeros("the increments of a path", step, together)?,
            step,
            to_come: steps.saturating_mul(step),
            left: 0..0,
        })
    }

    /// Those of the next steps, at most so many of them and at least one, until they are at their end.
    pub(super) fn next(&mut self, steps: usize, rng: &mut Stream) -> &[f64] {
        if self.left.is_empty() {
            let drawn = self.numbers.len().min(self.to_come);
            rng.fill_normals_in_parts(&mut self.numbers[..drawn], self.step);
            self.to_come -= drawn;
            self.left = 0..drawn;
        }
        let start = self.left.start;
        self.left.start += self.left.len().min(steps.saturating_mul(self.step));
        &self.numbers[start..self.left.start]
    }
}
