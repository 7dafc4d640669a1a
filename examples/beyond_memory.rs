//! A posterior of tens of thousands of points by conjugate gradients over kernel tiles: time, iterations,
//! residual and the largest memory, all printed.
//!
//! ```sh
//! cargo run --release --example beyond_memory -- --points 20000 --budget 1000
//! cargo run --release --example beyond_memory -- --points 20000 --budget 0 # tiles computed again
//! cargo run --release --example beyond_memory -- --keep iterate.json       # can be killed and gone on with
//! ```
//!
//! The first takes 144 iterations, 61 s of processor time and 916 MiB; the second as many, each as
//! long as the kernel takes. Over ranks, with the same bits: `mpi/src/bin/conjugate_gradients.rs`.

#[path = "beyond_memory/problem.rs"]
mod problem;

use std::time::Instant;

use clap::Parser;
use neural_limits::Inputs;
use neural_limits::inference::TiledKernel;

use problem::{Problem, rms};

#[derive(Parser)]
#[command(about = "The mean of a Gaussian process beyond memory")]
struct Arguments {
    #[command(flatten)]
    problem: Problem,
}

/// The largest memory so far in megabytes, where the system says.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { problem } = Arguments::parse();
    let start = Instant::now();
    let elapsed = || start.elapsed().as_secs_f64();
    let (x, _) = problem.training_data();
    let (test, expected) = problem.test_data();
    let (x, test) = (Inputs::from_matrix(&x)?, Inputs::from_matrix(&test)?);
    let kernel = problem.kernel()?;

    let budget = problem.budget * 1_000_000;
    let tiles = TiledKernel::<f32>::with_side(&kernel, &x, budget, problem.side)?;
    println!(
        "{} of {} tiles kept, {} MB ({:.1} s)",
        tiles.kept(),
        tiles.count(),
        tiles.bytes() / 1_000_000,
        elapsed()
    );
    let preconditioner = problem.preconditioner(&tiles)?;
    println!(
        "{} pivots leave {:.1e} of the diagonal ({:.1} s)",
        preconditioner.rank(),
        preconditioner.mean_left() / tiles.diagonal().mean(),
        elapsed()
    );
    let kept = problem.kept()?;
    let iterate = problem.solve(&tiles, preconditioner, &kept, true, |progress| {
        if progress.iterations.is_multiple_of(10) {
            println!(
                "iteration {}: residual {:.1e} ({:.1} s)",
                progress.iterations,
                progress.residual,
                elapsed()
            );
        }
    })?;
    let residual = iterate.residuals().into_iter().fold(0.0, f64::max);
    problem.write_weights(iterate.weights())?;
    let mean = tiles.mean(&test, iterate.weights())?;
    println!(
        "solved in {} iterations, relative residual {residual:.2e}",
        iterate.iterations()
    );
    println!(
        "rms error at {} test points {:.2e}",
        problem.test,
        rms(&mean, &expected)
    );
    println!("{:.1} s in all", elapsed());
    if let Some(peak) = peak() {
        println!("peak memory {peak} MiB");
    }
    Ok(())
}
