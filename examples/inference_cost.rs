//! What a posterior costs beside its kernel and the linear-algebra library's own Cholesky factor, in one run.
//!
//! `cargo run --release --example inference_cost -- --points 4000 --repeats 5` prints the least time of each
//! over the repeats, which take turns, and the least processor time: the library's factor has one thread.

use std::time::Instant;

use clap::Parser;
use nalgebra::{Cholesky, DMatrix};
use neural_limits::prelude::*;
use neural_limits::training::StartCovariance;

#[derive(Parser)]
#[command(about = "Times of a Gaussian-process posterior beside its kernel and a Cholesky factor")]
struct Arguments {
    /// Points to train on.
    #[arg(long, default_value_t = 2000)]
    points: usize,
    /// Points to predict.
    #[arg(long, default_value_t = 100)]
    test: usize,
    /// Their dimension.
    #[arg(long, default_value_t = 100)]
    dimension: usize,
    /// Each is timed so many times.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Times training in the kernel regime too, which takes eigenvectors.
    #[arg(long)]
    dynamics: bool,
}

/// Seconds of all threads of this process, in steps of a hundredth; 0 where the system does not say.
fn processor_time() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let (n, m) = (arguments.points, arguments.test);
    let point = |i: usize, j: usize| (1.3 * i as f64 + 0.7 * (j * j) as f64 + (i * j) as f64).sin();
    let rows = |from: usize, count: usize| {
        Inputs::from_matrix(&DMatrix::from_fn(count, arguments.dimension, |i, j| {
            point(from + i, j)
        }))
    };
    let (x, at) = (rows(0, n)?, rows(n, m)?);
    let y = DMatrix::from_fn(n, 1, |i, _| point(i, 0));
    let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
    let kernel = NetworkKernel::nngp(&net.infinite_width(3)?)?;
    let gram = kernel.gram(&x)?;
    let (cross, diagonal) = (kernel.cross(&at, &x)?, kernel.diagonal(&at)?);
    let noise = Noise::Variance(0.1);
    let regression = Regression::new(&gram, &y, noise)?;

    let names = [
        "kernel",
        "nalgebra's Cholesky",
        "factor and weights",
        "mean and variances",
    ];
    let mut least = [[f64::INFINITY; 2]; 4];
    for _ in 0..arguments.repeats {
        let mut time = |which: usize, work: &mut dyn FnMut() -> Result<(), Error>| {
            let (start, before) = (Instant::now(), processor_time());
            work()?;
            let [wall, processor] = &mut least[which];
            *wall = wall.min(start.elapsed().as_secs_f64());
            *processor = processor.min(processor_time() - before);
            Ok::<(), Error>(())
        };
        time(0, &mut || kernel.gram(&x).map(drop))?;
        time(1, &mut || {
            let noisy = &gram + DMatrix::identity(n, n) * 0.1;
            Cholesky::new(noisy)
                .map(drop)
                .ok_or_else(|| Error::undefined("the factor", "singular"))
        })?;
        time(2, &mut || Regression::new(&gram, &y, noise).map(drop))?;
        time(3, &mut || {
            regression.mean(&cross)?;
            regression.variance(&cross, &diagonal).map(drop)
        })?;
    }
    for (name, [wall, processor]) in names.iter().zip(least) {
        println!("{name:22} {wall:8.3} s, {processor:.2} s of the processor");
    }
    if arguments.dynamics {
        let tangent = NetworkKernel::ntk(&net.infinite_width(3)?)?;
        let (train, cross_tangent) = (tangent.gram(&x)?, tangent.cross(&at, &x)?);
        let test = kernel.gram(&at)?;
        let prior = StartCovariance {
            train: &gram,
            cross: &cross,
            test: &test,
        };
        let rate = LearningRate::new(1.0)?;
        let mut best = [f64::INFINITY; 2];
        for _ in 0..arguments.repeats {
            let start = Instant::now();
            let dynamics =
                KernelDynamics::new(&train, &y, rate)?.with_ridge(Ridge::Absolute(0.1))?;
            best[0] = best[0].min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            dynamics.ensemble(&cross_tangent, prior, Rule::GradientFlow { time: 10.0 })?;
            best[1] = best[1].min(start.elapsed().as_secs_f64());
        }
        println!("{:22} {:8.3} s", "eigenvectors", best[0]);
        println!("{:22} {:8.3} s", "ensemble at one time", best[1]);
    }
    let ratio = |clock: usize| {
        let [kernel, library, factor, predict] = least.map(|times| times[clock]);
        (kernel + factor + predict) / (kernel + library)
    };
    println!(
        "(kernel + factor + prediction) / (kernel + nalgebra's Cholesky) = {:.2}, of the processor {:.2}",
        ratio(0),
        ratio(1)
    );
    Ok(())
}
