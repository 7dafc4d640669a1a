//! Large buffers that are used again.

use std::hint::black_box;
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::thread::available_parallelism;

/// Buffers that wait for each thread, at most: more than a work item holds at a time.
const OF_A_THREAD: usize = 8;

/// Asking the system takes longer than a small kernel.
static THREADS: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, usize::from));

/// How many threads the machine runs at a time.
pub fn threads() -> usize {
    *THREADS
}

/// Has the allocator keep what is freed between networks: glibc gives the end of the heap back to the system
/// where more is free than twice the largest block that it ever unmapped, and its pages come back one fault
/// at a time, which takes as long as all sums over them. One block that nobody touches makes that 62 MiB;
/// other allocators take no notice.
pub fn keep_freed_memory() {
    static ASKED: Once = Once::new();
    ASKED.call_once(|| drop(black_box(Vec::<u8>::with_capacity(31 << 20))));
}

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
        // one of this size has nothing to be written; others wait for work of their own size
        let mut buffers = self.lock();
        let same = buffers.iter().rposition(|buffer| buffer.len() == size);
        let oldest = (buffers.len() >= OF_A_THREAD * threads()).then_some(0);
        let found = same.or(oldest).map(|index| buffers.remove(index));
        drop(buffers);
        let mut buffer = found.unwrap_or_default();
        buffer.resize(size, filler);
        buffer
    }

    /// For whoever takes one next.
    pub fn give_back(&self, buffer: Vec<T>) {
        if buffer.capacity() == 0 {
            return;
        }
        let mut buffers = self.lock();
        let first = (buffers.len() >= OF_A_THREAD * threads()).then(|| buffers.remove(0));
        buffers.push(buffer);
        drop(buffers);
        drop(first);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
