//! Sweeps, tiles of kernels and posteriors over the ranks of MPI, with the bytes of one process.
//!
//! The feature `mpi` needs an MPI and libclang where it is built. Programs for `mpirun` that sweep, write the
//! tiles of a kernel and solve for a posterior are in `mpi/`.
//!
//! Every long computation of the crate is a list of numbered pieces, and each rank takes those of its
//! number. Where pieces are results ([sweeps and tiles](Ranks)), ranks need to agree on nothing but who has
//! finished; where they are summands ([`SharedKernel`]), they are added in the order of their numbers,
//! whoever has computed them. A job that died is gone on with by starting it again, on any number of ranks.

mod shared_kernel;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mpi::Threading;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Root};

pub use shared_kernel::SharedKernel;

use crate::Result;

/// The ranks of `mpirun`.
pub struct Ranks {
    world: SimpleCommunicator,
    _universe: Universe,
}

impl std::fmt::Debug for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.count())
    }
}

impl Ranks {
    /// Of this process; only one thread calls MPI.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if MPI has been initialised before.
    pub fn join() -> Result<Self> {
        let universe = mpi::initialize_with_threading(Threading::Funneled);
        let (universe, _) = universe.ok_or_else(|| {
            crate::Error::unsupported(
                "a second start of MPI",
                "it is initialised once in a process",
            )
        })?;
        Ok(Self {
            world: universe.world(),
            _universe: universe,
        })
    }

    /// The number of this one.
    pub fn rank(&self) -> usize {
        self.world.rank().unsigned_abs() as usize
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.world.size().unsigned_abs() as usize
    }

    /// The pieces of this rank: its number, and every `count`-th behind it.
    pub fn own(&self, pieces: usize) -> impl Iterator<Item = usize> + use<> {
        (self.rank()..pieces).step_by(self.count())
    }

    /// Waits until every rank has come here.
    pub fn wait(&self) {
        self.world.barrier();
    }

    /// What the first rank has, on all of them; what others have is not looked at.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) for more bytes than MPI can count.
    pub fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let first = self.world.process_at_rank(0);
        let mut length = bytes.len() as u64;
        first.broadcast_into(&mut length);
        let mut bytes = bytes;
        bytes.resize(countable(length)? as usize, 0);
        // the address of nothing may be one that means something to MPI
        if !bytes.is_empty() {
            first.broadcast_into(&mut bytes[..]);
        }
        Ok(bytes)
    }

    /// Sends numbers to every rank, and receives `counts[s]` from each rank $s$.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) for more numbers than MPI can count.
    pub fn exchange(&self, sent: &[Vec<f64>], counts: &[usize]) -> Result<Vec<Vec<f64>>> {
        let (own, places) = layout(sent.iter().map(Vec::len))?;
        let sent = sent.concat();
        let sent = Partition::new(&sent[..], own, places);
        self.received(counts, |received| {
            self.world.all_to_all_varcount_into(&sent, received)
        })
    }

    /// The numbers of all ranks, of which rank $s$ has `counts[s]`.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) for more numbers than MPI can count.
    pub fn gather(&self, own: &[f64], counts: &[usize]) -> Result<Vec<Vec<f64>>> {
        self.received(counts, |received| {
            self.world.all_gather_varcount_into(own, received)
        })
    }

    fn received(
        &self,
        counts: &[usize],
        receive: impl FnOnce(&mut PartitionMut<'_, [f64], Vec<i32>, Vec<i32>>),
    ) -> Result<Vec<Vec<f64>>> {
        let (numbers, places) = layout(counts.iter().copied())?;
        let mut all = vec![0.0; counts.iter().sum()];
        receive(&mut PartitionMut::new(&mut all[..], numbers, places));
        let mut rest = &all[..];
        let parts = counts.iter().map(|&count| {
            let (part, others) = rest.split_at(count);
            rest = others;
            part.to_vec()
        });
        Ok(parts.collect())
    }

    /// Runs the program of this rank; if it fails or panics, says why and ends all ranks, none of which waits
    /// for it then. What has been written is not lost.
    pub fn run(self, program: impl FnOnce(&Self) -> std::result::Result<(), Box<dyn Error>>) {
        match catch_unwind(AssertUnwindSafe(|| program(&self))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => eprintln!("{self:?}: {error}"),
            // which has said why
            Err(_panic) => {}
        }
        // of a rank that is gone mpirun forwards nothing
        std::thread::sleep(Duration::from_millis(300));
        self.world.abort(1);
    }
}

/// Counts and where each begins, as MPI counts.
fn layout(counts: impl Iterator<Item = usize>) -> Result<(Vec<i32>, Vec<i32>)> {
    let (mut numbers, mut places) = (Vec::new(), Vec::new());
    let mut end = 0;
    for count in counts {
        numbers.push(countable(count as u64)?);
        places.push(countable(end)?);
        end += count as u64;
    }
    Ok((numbers, places))
}

fn countable(count: u64) -> Result<i32> {
    i32::try_from(count).map_err(|_| crate::Error::overflow("the size of a message"))
}
