//! A neuron of a wide and deep residual network that starts from a law that is not Gaussian: its density by
//! the Fokker–Planck equation against the neurons of one sampled network, at one input and jointly at two.
//!
//! `cargo run --release --example fokker_planck -- --activation relu`

mod figure;
mod networks;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nalgebra::DMatrix;
use neural_limits::activation;
use neural_limits::law::Empirical;
use neural_limits::mean_field::{InitialLaw, JointLaw, MeanField};
use neural_limits::prelude::*;

/// The density of a neuron by its Fokker–Planck equation, against sampled neurons.
#[derive(Debug, Parser)]
struct Arguments {
    /// A name with optional parameters: relu, tanh, gelu, leaky_relu(0.2) …
    #[arg(long, default_value = "relu")]
    activation: String,
    /// Width of the sampled network: as many neurons
    #[arg(long, default_value_t = 50_000)]
    width: usize,
    /// Its depth
    #[arg(long, default_value_t = 200)]
    depth: usize,
    /// Seed of the network
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write the figure of one input
    #[arg(long, value_name = "FILE.svg", default_value = "fokker_planck.svg")]
    figure: PathBuf,
    /// Where to write the figure of two inputs
    #[arg(
        long,
        value_name = "FILE.svg",
        default_value = "fokker_planck_joint.svg"
    )]
    joint_figure: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Times of the panels, and of the law at two inputs.
const TIMES: [f64; 3] = [0.1, 0.4, 1.0];
const JOINT_TIME: f64 = 0.3;

fn run(arguments: &Arguments) -> Result<(), Error> {
    let phi = activation::named(&arguments.activation)?;
    let stack = networks::stack(phi);
    let mean_field = MeanField::of(&stack)?;
    let size = (arguments.width, arguments.depth);

    println!("{}, n = {}, L = {}", arguments.activation, size.0, size.1);
    println!("One input, from 2 (one third) and -1 (two thirds):");
    println!(
        "{:>5} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9}",
        "t", "v exact", "v equation", "v neurons", "L1 est.", "KS", "ms"
    );
    let initial = InitialLaw::atoms(&[(1.0, 2.0), (2.0, -1.0)])?;
    let start = networks::atoms(arguments.width);
    let mut panels = Vec::new();
    for time in TIMES {
        let exact = mean_field.convolution(&initial, time)?;
        let clock = Instant::now();
        let solution = mean_field.fokker_planck(&initial, time, 1e-6)?;
        let elapsed = clock.elapsed().as_secs_f64();
        let neurons = networks::neurons(&stack, &start, size, time, arguments.seed)?;
        let values = neurons.column(0).iter().copied().collect();
        let sample = Law::Empirical(Empirical::new(values, 0)?);
        println!(
            "{time:>5} {:>11.7} {:>11.7} {:>11.7} {:>9.1e} {:>9.5} {:>9.2}",
            exact.added_variance(),
            solution.added_variance(),
            sample.variance() - initial.variance()?,
            solution.error(),
            sample.kolmogorov_smirnov(&solution.law()),
            1e3 * elapsed,
        );
        panels.push(figure::AtTime {
            time,
            density: solution.density().clone(),
            neurons: neurons.column(0).iter().copied().collect(),
        });
    }
    figure::line(&arguments.figure, &arguments.activation, &panels)?;

    println!("Two inputs, from two Gaussians:");
    println!(
        "{:>5} {:>29} {:>29} {:>29} {:>9} {:>9}",
        "t", "T exact", "T equation", "T neurons", "L1 est.", "ms"
    );
    let joint = JointLaw::mixture(
        networks::COMPONENTS
            .iter()
            .map(|&(mean, [a, b, ab])| {
                (
                    0.5,
                    mean.to_vec(),
                    DMatrix::from_row_slice(2, 2, &[a, ab, ab, b]),
                )
            })
            .collect(),
    )?;
    let start = networks::gaussians(arguments.width, arguments.seed);
    let before = networks::covariance(&start);
    let exact = mean_field.joint_convolution(&joint, JOINT_TIME)?;
    let clock = Instant::now();
    let solution = mean_field.joint_fokker_planck(&joint, JOINT_TIME, 1e-4)?;
    let elapsed = clock.elapsed().as_secs_f64();
    let neurons = networks::neurons(&stack, &start, size, JOINT_TIME, arguments.seed)?;
    let after = networks::covariance(&neurons);
    let show = |[a, b, ab]: [f64; 3]| format!("{a:.6} {b:.6} {ab:.6}");
    let added = exact.added_covariance();
    println!(
        "{:>5} {:>29} {:>29} {:>29} {:>9.1e} {:>9.2}",
        JOINT_TIME,
        show([added[(0, 0)], added[(1, 1)], added[(0, 1)]]),
        show(solution.added_covariance()),
        show([0, 1, 2].map(|k| after[k] - before[k])),
        solution.error(),
        1e3 * elapsed,
    );
    figure::plane(
        &arguments.joint_figure,
        &format!(
            "{}: one neuron at two inputs, t = {JOINT_TIME}",
            arguments.activation
        ),
        &solution,
        &neurons,
    )?;
    println!(
        "Figures: {}, {}",
        arguments.figure.display(),
        arguments.joint_figure.display()
    );
    Ok(())
}

#[test]
fn it_runs() {
    let folder = std::env::temp_dir();
    let arguments = Arguments {
        activation: "tanh".to_owned(),
        width: 2000,
        depth: 20,
        seed: 1,
        figure: folder.join("fokker_planck_test.svg"),
        joint_figure: folder.join("fokker_planck_joint_test.svg"),
    };
    run(&arguments).unwrap();
}
