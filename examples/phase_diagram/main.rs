//! The order–chaos diagram of an activation: depth scale of correlations and phase over (σ_w², σ_b²), with
//! the edge of chaos.
//!
//! `cargo run --release --example phase_diagram -- --activation tanh`

mod figure;
mod grid;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use neural_limits::activation;
use neural_limits::prelude::*;
use neural_limits::propagation::{CriticalVariance, critical_initialization, edge_of_chaos};

/// Order and chaos of an MLP over (σ_w², σ_b²): where inputs become parallel, where nearby ones separate, and
/// over how many layers.
#[derive(Debug, Parser)]
struct Arguments {
    /// A name with optional parameters: relu, tanh, gelu, leaky_relu(0.2), erf(1, 1, 0) …
    #[arg(long, default_value = "tanh")]
    activation: String,
    /// Range of σ_w²
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "0.1,4")]
    weights: Vec<f64>,
    /// Range of σ_b²
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "0,0.5")]
    biases: Vec<f64>,
    /// Cells along each axis
    #[arg(long, default_value_t = 48)]
    resolution: usize,
    /// Depth for which an initialisation is suggested
    #[arg(long, default_value_t = 100)]
    depth: usize,
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "phase_diagram.svg")]
    figure: PathBuf,
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

fn run(arguments: &Arguments) -> Result<(), Error> {
    let phi = activation::named(&arguments.activation)?;
    let range = |name: &str, values: &[f64]| match *values {
        [low, high] if 0.0 <= low && low < high && high.is_finite() => Ok((low, high)),
        _ => Err(Error::Invalid {
            argument: name.to_owned(),
            value: format!("{values:?}"),
            expected: "two ascending numbers >= 0".to_owned(),
        }),
    };
    let weights = range("--weights", &arguments.weights)?;
    let biases = range("--biases", &arguments.biases)?;
    let diagram = grid::evaluate(&phi, weights, biases, arguments.resolution)?;
    let curve = grid::edge(&phi, biases, arguments.resolution)?;

    println!("Edge of chaos of {}:", phi.name());
    println!("{:>10} {:>10} {:>10} {:>8}", "σ_b²", "σ_w²", "q*", "V′(q*)");
    for bias in [0.0, 0.01, 0.05, 0.1, 0.2, 0.5] {
        for point in edge_of_chaos(&phi, bias)? {
            let variance = match point.variance {
                CriticalVariance::At(q) => format!("{q:.4}"),
                CriticalVariance::Every => "every".to_owned(),
            };
            let weight = point.initialization.weight_variance();
            println!(
                "{bias:>10} {weight:>10.5} {variance:>10} {:>8.4}",
                point.variance_slope
            );
        }
    }
    match critical_initialization(&phi, arguments.depth, 0.01) {
        Ok(found) => println!(
            "At depth {} take σ_w² = {:.5}, σ_b² = {:.5}: inputs are told apart (1 − c ≥ 0.01) for about {:.0} layers.",
            arguments.depth,
            found.point.initialization.weight_variance(),
            found.point.initialization.bias_variance(),
            found.survival_depth,
        ),
        Err(error) => println!("{error}"),
    }
    figure::write(&arguments.figure, &phi.name(), &diagram, &curve)?;
    println!("Figure: {}", arguments.figure.display());
    Ok(())
}
