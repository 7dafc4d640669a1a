//! Numbers that begin with a line of the first-level cache.

use std::ops::{Deref, DerefMut};

use super::reserved_beside;
use crate::Result;

/// Numbers of a line.
const LINE: usize = 8;

/// What has to be added to a number of entries, so that [`from_a_line`] finds them.
pub const SPARE: usize = LINE - 1;

/// The numbers from the first line on that begins among them: there, no vector lies in two lines, which would
/// cost up to twice the time.
pub fn from_a_line(numbers: &mut [f64]) -> &mut [f64] {
    let start = start(numbers).min(numbers.len());
    &mut numbers[start..]
}

fn start(numbers: &[f64]) -> usize {
    let bytes = LINE * size_of::<f64>();
    numbers.as_ptr().align_offset(bytes).min(SPARE)
}

/// Numbers from the beginning of a line on.
#[derive(Debug)]
pub struct Lines {
    room: Vec<f64>,
    start: usize,
}

impl Lines {
    /// As many zeros as a matrix has entries.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] naming `quantity` if they cannot be allocated.
    pub fn zeros(quantity: &str, rows: usize, columns: usize) -> Result<Self> {
        let mut room = reserved_beside(quantity, rows, columns, SPARE)?;
        let start = start(&room);
        room.resize(start + rows * columns, 0.0);
        Ok(Self { room, start })
    }

    /// The numbers in a vector of their own.
    pub fn into_vec(mut self) -> Vec<f64> {
        self.room.drain(..self.start);
        self.room
    }
}

impl From<&[f64]> for Lines {
    fn from(numbers: &[f64]) -> Self {
        let mut room = Vec::with_capacity(numbers.len() + SPARE);
        let start = start(&room);
        room.resize(start, 0.0);
        room.extend_from_slice(numbers);
        Self { room, start }
    }
}

impl Deref for Lines {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.room[self.start..]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.room[self.start..]
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        Self::from(&self[..])
    }
}

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_a_line_wherever_they_are() {
        for length in [0, 1, 7, 8, 9, 1000] {
            let numbers: Vec<f64> = (0..length).map(|i| i as f64).collect();
            let lines = Lines::from(&numbers[..]);
            let copy = lines.clone();
            assert_eq!(copy, lines);
            for lines in [lines, copy] {
                assert_eq!(lines.as_ptr().align_offset(64), 0);
                assert_eq!(lines.into_vec(), numbers);
            }
        }
        assert!(Lines::zeros("numbers", usize::MAX, 2).is_err());
    }
}
