//! A posterior of tens of thousands of points by conjugate gradients over kernel tiles: time, iterations,
//! residual and the largest memory, all printed.
//!
//! ```sh
//! cargo run --release --example beyond_memory -- --points 20000 --budget 1000
//! cargo run --release --example beyond_memory -- --points 20000 --budget 0 # tiles computed again
//! ```
//!
//! The first takes 144 iterations, 61 s of processor time and 916 MiB; the second as many, each as
//! long as the kernel takes.

use std::ops::ControlFlow;
use std::time::Instant;

use clap::Parser;
use nalgebra::DMatrix;
use neural_limits::inference::{ConjugateGradients, PivotedCholesky, TiledKernel};
use neural_limits::prelude::*;

#[derive(Parser)]
#[command(about = "The mean of a Gaussian process beyond memory")]
struct Arguments {
    /// Points to train on.
    #[arg(long, default_value_t = 20_000)]
    points: usize,
    /// Their dimension.
    #[arg(long, default_value_t = 10)]
    dimension: usize,
    /// Outputs, solved for together.
    #[arg(long, default_value_t = 2)]
    outputs: usize,
    /// Points to predict.
    #[arg(long, default_value_t = 1000)]
    test: usize,
    /// Hidden layers of the network, whose tangent kernel it is.
    #[arg(long, default_value_t = 3)]
    depth: usize,
    /// Megabytes for tiles that are kept, in single precision.
    #[arg(long, default_value_t = 1000)]
    budget: usize,
    /// Pivots of the preconditioner.
    #[arg(long, default_value_t = 300)]
    rank: usize,
    /// The noise, as a multiple of the mean of the diagonal.
    #[arg(long, default_value_t = 1e-3)]
    noise: f64,
    /// The largest relative residual.
    #[arg(long, default_value_t = 1e-6)]
    tolerance: f64,
}

/// Points without structure, the same in every run, and targets that are smooth functions of them.
fn data(first: usize, count: usize, arguments: &Arguments) -> (DMatrix<f64>, DMatrix<f64>) {
    let d = arguments.dimension;
    let x = DMatrix::from_fn(count, d, |i, j| {
        let phase = (0.754_877_666 * (first + i) as f64 + 0.569_840_291 * (j * j) as f64).fract();
        (1.0e3 * (phase + 0.1 * j as f64)).sin()
    });
    let y = DMatrix::from_fn(count, arguments.outputs, |i, c| {
        let sum: f64 = (0..d).map(|j| x[(i, j)] * ((j + c) as f64).cos()).sum();
        sum.sin()
    });
    (x, y)
}

/// The largest memory so far in megabytes, where the system says.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let elapsed = || start.elapsed().as_secs_f64();
    let (x, y) = data(0, arguments.points, &arguments);
    let (test, expected) = data(arguments.points, arguments.test, &arguments);
    let (x, test) = (Inputs::from_matrix(&x)?, Inputs::from_matrix(&test)?);
    let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
    let kernel = NetworkKernel::ntk(&net.infinite_width(arguments.depth)?)?;
    let noise = Noise::RelativeToMeanDiagonal(arguments.noise);

    let tiles = TiledKernel::<f32>::new(&kernel, &x, arguments.budget * 1_000_000)?;
    println!(
        "{} of {} tiles kept, {} MB ({:.1} s)",
        tiles.kept(),
        tiles.count(),
        tiles.bytes() / 1_000_000,
        elapsed()
    );
    let preconditioner = PivotedCholesky::new(&tiles, arguments.rank, noise)?;
    println!(
        "{} pivots leave {:.1e} of the diagonal ({:.1} s)",
        preconditioner.rank(),
        preconditioner.mean_left() / tiles.diagonal().mean(),
        elapsed()
    );
    let solver = ConjugateGradients::new(&tiles, noise)?
        .with_preconditioner(preconditioner)?
        .with_tolerance(arguments.tolerance)?;
    let mut iterate = solver.start(&y)?;
    solver.run(&mut iterate, |progress| {
        if progress.iterations.is_multiple_of(10) {
            println!(
                "iteration {}: residual {:.1e} ({:.1} s)",
                progress.iterations,
                progress.residual,
                elapsed()
            );
        }
        ControlFlow::Continue(())
    })?;
    let residual = iterate.residuals().into_iter().fold(0.0, f64::max);
    let mean = tiles.mean(&test, iterate.weights())?;
    println!(
        "solved in {} iterations, relative residual {residual:.2e}",
        iterate.iterations()
    );
    println!(
        "rms error at {} test points {:.2e}",
        arguments.test,
        (mean - &expected).norm() / (expected.len() as f64).sqrt()
    );
    println!("{:.1} s in all", elapsed());
    if let Some(peak) = peak() {
        println!("peak memory {peak} MiB");
    }
    Ok(())
}
