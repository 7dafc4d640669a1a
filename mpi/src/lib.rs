//! Sweeps and tiles of kernels over the ranks of MPI, with the bytes of one process.
//!
//! Every long computation of `neural-limits` is a list of independent, numbered pieces, so that ranks need to
//! agree on nothing but who has finished: each takes the pieces of its number, writes them as they finish,
//! and a job that died is gone on with by starting it again, on any number of ranks.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]

use std::error::Error;

use mpi::Threading;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::Communicator;
use mpi::traits::CommunicatorCollectives;

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
    /// If MPI cannot be initialised, or has been.
    pub fn join() -> Result<Self, Box<dyn Error>> {
        let universe = mpi::initialize_with_threading(Threading::Funneled);
        let (universe, _) = universe.ok_or("MPI cannot be initialised")?;
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

    /// Runs the program of this rank; if it fails, says why and ends all ranks, which lose no piece that has
    /// been written.
    pub fn run(self, program: impl FnOnce(&Self) -> Result<(), Box<dyn Error>>) {
        if let Err(error) = program(&self) {
            eprintln!("{self:?}: {error}");
            self.world.abort(1);
        }
    }
}
