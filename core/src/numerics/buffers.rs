//! Large buffers that are used again.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// Buffers that wait for each thread, at most: more than a work item holds at a time.
const OF_A_THREAD: usize = 8;

/// Of all threads. Asking the system for their number takes longer than a small kernel.
static MOST: LazyLock<usize> =
    LazyLock::new(|| OF_A_THREAD * available_parallelism().map_or(1, usize::from));

/// Buffers that work items pass on to the next ones: new ones come from the system page by page, which takes
/// as long as a third of the products of inputs. Those that came first leave where too many wait.
#[derive(Debug)]
pub struct Buffers<T = f64>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Buffers<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl Buffers {
    /// A buffer of numbers that mean nothing.
    pub fn take(&self, size: usize) -> Vec<f64> {
        self.take_with(size, 0.0)
    }
}

impl<T: Copy> Buffers<T> {
    /// A buffer of values that mean nothing; new ones are `filler`.
    pub fn take_with(&self, size: usize, filler: T) -> Vec<T> {
        // one of this size has nothing to be written
        let mut buffers = self.lock();
        let same = buffers.iter().rposition(|buffer| buffer.len() == size);
        let found = same.map(|index| buffers.swap_remove(index));
        let mut buffer = found.or_else(|| buffers.pop()).unwrap_or_default();
        drop(buffers);
        buffer.resize(size, filler);
        buffer
    }

    /// For whoever takes one next.
    pub fn give_back(&self, buffer: Vec<T>) {
        if buffer.capacity() == 0 {
            return;
        }
        let mut buffers = self.lock();
        let first = (buffers.len() >= *MOST).then(|| buffers.remove(0));
        buffers.push(buffer);
        drop(buffers);
        drop(first);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
