//! How long do correlations survive? The predicted depth scale, the layer recursion, and sampled networks.
//!
//! `cargo run --release --example depth_scales -- --activation tanh`

mod figure;
mod survival;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use neural_limits::activation::{self, Dual};
use neural_limits::prelude::*;
use neural_limits::propagation::{DepthScale, edge_of_chaos};
use survival::{Settings, Survival};

/// Follows 1 − c of two orthogonal inputs through the layers of an MLP, left of, on and right of the edge of
/// chaos.
#[derive(Debug, Parser)]
struct Arguments {
    /// A name with optional parameters: relu, tanh, gelu, leaky_relu(0.2) …
    #[arg(long, default_value = "tanh")]
    activation: String,
    /// σ_b² [default: 0.05, or 0 for activations that are critical without bias only]
    #[arg(long)]
    bias: Option<f64>,
    /// Values of σ_w² [default: 0.75, 1 and 1.5 times the critical one]
    #[arg(long, value_delimiter = ',')]
    weights: Vec<f64>,
    /// Layers
    #[arg(long, default_value_t = 60)]
    depth: usize,
    /// Width of the sampled networks
    #[arg(long, default_value_t = 1000)]
    width: usize,
    /// Networks for every depth
    #[arg(long, default_value_t = 16)]
    samples: usize,
    /// Seed of all networks
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "depth_scales.svg")]
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

/// σ_b² and the values of σ_w² to show.
fn initializations(phi: &dyn Dual, arguments: &Arguments) -> Result<(f64, Vec<f64>), Error> {
    let candidates = arguments.bias.map_or(vec![0.05, 0.0], |bias| vec![bias]);
    if !arguments.weights.is_empty() {
        return Ok((candidates[0], arguments.weights.clone()));
    }
    for &bias in &candidates {
        if let Some(point) = edge_of_chaos(phi, bias)?.first() {
            let critical = point.initialization.weight_variance();
            return Ok((
                bias,
                [0.75, 1.0, 1.5].map(|ratio| ratio * critical).to_vec(),
            ));
        }
    }
    Err(Error::Undefined {
        quantity: format!(
            "the edge of chaos of {} at σ_b² = {candidates:?}",
            phi.name()
        ),
        reason: "no variance is critical; give --weights".to_owned(),
    })
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let phi = activation::named(&arguments.activation)?;
    let (bias, weights) = initializations(&phi, arguments)?;
    let settings = Settings {
        depth: arguments.depth,
        width: arguments.width,
        samples: arguments.samples,
        seed: arguments.seed,
    };
    println!(
        "{}, σ_b² = {bias}; 1 − c of two orthogonal inputs over {} layers",
        phi.name(),
        arguments.depth
    );
    println!(
        "{:>8} {:>9} {:>8} {:>22} {:>10} {:>18}",
        "σ_w²", "phase", "c*", "predicted", "recursion", "networks"
    );
    let mut all = Vec::new();
    for weight in weights {
        let survival = match Survival::follow(&phi, Initialization::new(weight, bias)?, &settings) {
            Ok(survival) => survival,
            Err(error @ Error::Undefined { .. }) => {
                println!("{weight:>8.4} {error}");
                continue;
            }
            Err(error) => return Err(error),
        };
        let predicted = match survival.deep.correlation_scale {
            DepthScale::Exponential { depth } => format!("exp(−l/{depth:.3})"),
            DepthScale::Algebraic { power, coefficient } => format!("{coefficient:.3}/l^{power}"),
            DepthScale::Constant => "constant".to_owned(),
            DepthScale::Growing { depth } => format!("exp(l/{depth:.3})"),
        };
        let (recursion, networks) = survival.measured_scales();
        println!(
            "{weight:>8.4} {:>9} {:>8.4} {predicted:>22} {recursion:>10} {networks:>18}",
            format!("{:?}", survival.deep.phase),
            survival.deep.correlation,
        );
        all.push(survival);
    }
    if all.is_empty() {
        println!("Nothing to draw.");
        return Ok(());
    }
    figure::write(&arguments.figure, &phi.name(), &all)?;
    println!("Figure: {}", arguments.figure.display());
    Ok(())
}
