//! Large buffers that are used again.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buffers that work items pass on to the next ones: new ones come from the system page by page, which takes
/// as long as a third of the products of inputs.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<f64>>>);

impl Buffers {
    /// A buffer of numbers that mean nothing.
    pub fn take(&self, size: usize) -> Vec<f64> {
        // one of this size has no zeros to be written
        let mut buffers = self.lock();
        let same = buffers.iter().rposition(|buffer| buffer.len() == size);
        let found = same.map(|index| buffers.swap_remove(index));
        let mut buffer = found.or_else(|| buffers.pop()).unwrap_or_default();
        drop(buffers);
        buffer.resize(size, 0.0);
        buffer
    }

    /// For whoever takes one next.
    pub fn give_back(&self, buffer: Vec<f64>) {
        if buffer.capacity() > 0 {
            self.lock().push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<f64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
