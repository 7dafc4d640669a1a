//! A posterior of tens of thousands of points by conjugate gradients, the tiles of the kernel shared by
//! ranks.
//!
//! ```sh
//! cargo build --release -p neural-limits-mpi
//! mpirun -n 4 target/release/conjugate_gradients --points 50000 --keep iterate.json --weights weights.bin
//! ```
//!
//! Weights have the bytes of `cargo run --release --example beyond_memory` with the same options, whatever
//! the number of ranks. A job that died goes on with the iterate that it kept, on any number of ranks, as the
//! example does. The first rank prints the figures of the solution as a line of JSON; `seconds` are those
//! until the tiles are there, the preconditioner is, and the solution is.

#[path = "../../../examples/beyond_memory/problem.rs"]
mod problem;

use std::error::Error;
use std::time::Instant;

use clap::Parser;
use neural_limits::Inputs;
use neural_limits::inference::KernelOperator;
use neural_limits::ranks::{Ranks, SharedKernel};
use serde_json::json;

use problem::{Problem, rms};

#[derive(Parser)]
#[command(about = "The mean of a Gaussian process beyond the memory of one machine")]
struct Arguments {
    #[command(flatten)]
    problem: Problem,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { problem } = Arguments::parse();
    Ranks::join()?.run(|ranks| run(&problem, ranks));
    Ok(())
}

fn run(problem: &Problem, ranks: &Ranks) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let elapsed = || start.elapsed().as_secs_f64();
    let is_first = ranks.rank() == 0;
    let (x, _) = problem.training_data();
    let x = Inputs::from_matrix(&x)?;
    let kernel = problem.kernel()?;
    let budget = problem.budget * 1_000_000;
    let shared = SharedKernel::<f32>::new(ranks, &kernel, &x, budget, problem.side)?;
    let mut seconds = vec![elapsed()];
    let preconditioner = problem.preconditioner(&shared)?;
    let (pivots, left) = (preconditioner.rank(), preconditioner.mean_left());
    seconds.push(elapsed());
    // one file, which other ranks may not even see
    let kept = if is_first {
        problem.kept()?
    } else {
        Vec::new()
    };
    let kept = ranks.broadcast(kept)?;
    let iterate = problem.solve(&shared, preconditioner, &kept, is_first, |progress| {
        if is_first && progress.iterations.is_multiple_of(10) {
            eprintln!(
                "iteration {}: residual {:.1e} ({:.1} s)",
                progress.iterations,
                progress.residual,
                elapsed()
            );
        }
    })?;
    seconds.push(elapsed());
    if is_first {
        problem.write_weights(iterate.weights())?;
        let (test, expected) = problem.test_data();
        let mean = shared
            .tiles()
            .mean(&Inputs::from_matrix(&test)?, iterate.weights())?;
        let figures = json!({
            "points": problem.points,
            "ranks": ranks.count(),
            "tiles": shared.tiles().count(),
            "kept_by_the_first": shared.tiles().kept(),
            "pivots": pivots,
            "left_of_the_diagonal": left / shared.diagonal().mean(),
            "iterations": iterate.iterations(),
            "residual": iterate.residuals().into_iter().fold(0.0, f64::max),
            "rms_error": rms(&mean, &expected),
            "seconds": seconds,
        });
        println!("{figures}");
    }
    ranks.wait();
    Ok(())
}
