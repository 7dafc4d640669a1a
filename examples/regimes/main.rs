//! One residual network, all ways of taking width and depth to infinity: a table of laws, and one picture.
//!
//! `cargo run --release --example regimes -- --activation relu`

mod figure;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use neural_limits::activation;
use neural_limits::limit::routes::ExtrapolatedDiffusions;
use neural_limits::prelude::*;

/// Compares n = ∞ then L = ∞, n = ∞ at finite L, finite networks, L = ∞ at finite n (diffusions), and L = ∞
/// then n = ∞, for a residual network with branches scaled by 1/sqrt(L).
#[derive(Debug, Parser)]
struct Arguments {
    /// A name with optional parameters: relu, tanh, gelu, leaky_relu(0.2) …
    #[arg(long, default_value = "relu")]
    activation: String,
    /// σ_w² of the branches
    #[arg(long, default_value_t = 1.0)]
    weight: f64,
    /// σ_b² of the branches
    #[arg(long, default_value_t = 0.0)]
    bias: f64,
    /// Widths and depths
    #[arg(long, value_delimiter = ',', default_value = "4,16,64,256,1024")]
    sizes: Vec<usize>,
    /// Networks or paths for each size
    #[arg(long, default_value_t = 100)]
    samples: usize,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "regimes.svg")]
    figure: PathBuf,
}

/// Two inputs at an angle of cosine 0.6.
const A: [f64; 2] = [1.0, 0.0];
const B: [f64; 2] = [0.6, 0.8];

/// Paths that are drawn for each width, and the times at which they are seen.
const PATHS: usize = 8;
const TIMES: usize = 128;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let phi = activation::named(&arguments.activation)?;
    let net =
        ResNet::new(phi).initialized_by(Initialization::new(arguments.weight, arguments.bias)?);
    let covariance = Covariance::between(&A, &B)?;
    let correlation = Correlation::between(&A, &B)?;
    let neuron = Neuron::at(&A)?;
    let report = Commutativity::of(&net, &covariance)
        .and(&correlation)
        .and(&neuron)
        .widths(&arguments.sizes)
        .depths(&arguments.sizes)
        .samples(arguments.samples)
        .seed(arguments.seed)
        .run()?;
    println!("{report}");

    let flow = net.infinite_depth().pair_at(&A, &B, 1.0)?.covariance()?;
    let route =
        ExtrapolatedDiffusions::new(&net, &arguments.sizes, arguments.samples, arguments.seed)?;
    let depth_first = route.estimate(&covariance, 1.0)?;
    let extrapolation = depth_first.extrapolation;
    println!(
        "\ncovariance, n = inf, then L = inf: {flow:.6}\ncovariance, L = inf, then n = inf: {:.6}; \
         standard error {:.1e}, series in 1/n {:.1e}, steps {:.1e}",
        extrapolation.value,
        extrapolation.standard_error,
        extrapolation.truncation,
        depth_first.bias,
    );

    let x = Inputs::from_rows(&[A, B])?;
    let times: Vec<f64> = (0..=TIMES).map(|i| i as f64 / TIMES as f64).collect();
    let mut paths = Vec::new();
    for &width in &arguments.sizes {
        let diffusion = net.diffusion(width)?;
        let of_width = diffusion.read(&x, &times, PATHS, arguments.seed, |path| {
            path.iter().map(|at| at.draw().covariance(0, 1)).collect()
        })?;
        paths.push((width, of_width));
    }
    let limit = times
        .iter()
        .map(|&t| net.infinite_depth().pair_at(&A, &B, t)?.covariance());
    let limit: Vec<f64> = limit.collect::<Result<_, _>>()?;
    figure::write(
        &arguments.figure,
        &net.name(),
        &figure::Paths {
            times,
            limit,
            paths,
        },
        &report,
    )?;
    println!("Figure: {}", arguments.figure.display());
    Ok(())
}
