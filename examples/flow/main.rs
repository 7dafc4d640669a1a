//! How correlations move with depth: the flow of a residual network against the layers of an MLP, and
//! normalised scalings on one curve.
//!
//! `cargo run --release --example flow -- --activation gelu`

mod figure;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use neural_limits::activation::{self, Dual};
use neural_limits::depth::Trajectory;
use neural_limits::prelude::*;

/// Correlations of pairs of inputs against depth: a residual network with branches scaled by L^(-1/2), whose
/// limit is a flow, and an MLP of the same activation, whose layers forget the inputs.
#[derive(Debug, Parser)]
struct Arguments {
    /// A name with optional parameters: relu, tanh, gelu, leaky_relu(0.2), erf(1, 1, 0) …
    #[arg(long, default_value = "relu")]
    activation: String,
    /// σ_w² of the branches and of the MLP
    #[arg(long, default_value_t = 2.0)]
    weight: f64,
    /// σ_b²
    #[arg(long, default_value_t = 0.0)]
    bias: f64,
    /// Correlations at the start, from −1 to 1
    #[arg(long, default_value_t = 13)]
    curves: usize,
    /// Depth of the MLP and of the residual networks of finite depth
    #[arg(long, default_value_t = 100)]
    depth: usize,
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "flow.svg")]
    figure: PathBuf,
}

/// Correlations of one pair.
struct Curve {
    start: f64,
    /// (t, c_t) of the flow.
    flow: Vec<(f64, f64)>,
    /// (l/L, c_l) of the MLP.
    mlp: Vec<(f64, f64)>,
}

/// (Σ α², c) of every layer of a residual network.
struct Scaled {
    name: String,
    layers: Vec<(f64, f64)>,
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
    const TIMES: usize = 100;
    let phi: Arc<dyn Dual> = activation::named(&arguments.activation)?;
    let init = Initialization::new(arguments.weight, arguments.bias)?;
    let resnet = ResNet::new(Arc::clone(&phi)).initialized_by(init);
    let mlp = Mlp::new(Arc::clone(&phi)).initialized_by(init);
    let (flow, layers) = (
        resnet.infinite_depth(),
        mlp.infinite_width(arguments.depth)?,
    );
    let starts = (0..arguments.curves.max(2))
        .map(|i| 2.0 * i as f64 / (arguments.curves.max(2) - 1) as f64 - 1.0);
    let mut curves = Vec::new();
    let mut trajectories: Vec<Trajectory> = Vec::new();
    for start in starts {
        let k = PairCovariance::with_complement(1.0, 1.0, 1.0 - start)?;
        let trajectory = flow.trajectory_from(k)?;
        let times = (0..=TIMES).map(|i| i as f64 / TIMES as f64);
        let along = times.map(|t| Ok((t, trajectory.at(t)?.correlation())));
        let steps = layers.trajectory_from(k).enumerate();
        let forgetting =
            steps.map(|(l, k)| Ok((l as f64 / arguments.depth as f64, k?.correlation()?)));
        curves.push(Curve {
            start,
            flow: along.collect::<Result<_, Error>>()?,
            mlp: forgetting.collect::<Result<_, Error>>()?,
        });
        trajectories.push(trajectory);
    }

    println!(
        "{}: σ_w² = {}, σ_b² = {}, q₀ = 1",
        phi.name(),
        arguments.weight,
        arguments.bias
    );
    println!(
        "{:>8} {:>12} {:>12} {:>12} {:>10} {:>14}",
        "c₀",
        "c at t = 1",
        "Θ at t = 1",
        "error",
        "MLP, l = 1",
        format!("MLP, l = {}", arguments.depth)
    );
    for (curve, trajectory) in curves.iter().zip(&trajectories) {
        let theta = trajectory.tangent_at(1.0)?.tangent()?;
        println!(
            "{:>8.4} {:>12.8} {:>12.6} {:>12.1e} {:>10.6} {:>14.8}",
            curve.start,
            trajectory.at(1.0)?.correlation(),
            theta,
            trajectory.error_estimate(),
            curve.mlp[1].1,
            curve.mlp[arguments.depth].1,
        );
    }

    let scaled = collapse(arguments, &phi, init)?;
    figure::write(&arguments.figure, &phi.name(), &curves, &scaled)?;
    println!("Figure: {}", arguments.figure.display());
    Ok(())
}

/// Normalised scalings of finite depth in their clocks, and how far they are from the flow.
fn collapse(
    arguments: &Arguments,
    phi: &Arc<dyn Dual>,
    init: Initialization,
) -> Result<Vec<Scaled>, Error> {
    let k = PairCovariance::new(1.0, 1.0, 0.0)?;
    let net = || ResNet::new(Arc::clone(phi)).initialized_by(init);
    let flow = net().infinite_depth().trajectory_from(k)?;
    let depth = arguments.depth;
    println!();
    println!("Residual networks of depth {depth} in the clock Σ α², from c₀ = 0:");
    println!(
        "{:>24} {:>12} {:>16}",
        "scaling", "max α²", "max |c_l − c_τ|"
    );
    let mut all = Vec::new();
    for gamma in [-1.0, 0.0, 0.2, 0.4] {
        let scaling = PowerLaw::new(gamma)?;
        let alphas = scaling.coefficients(depth);
        let deep = net().scaled_by(scaling).infinite_width(depth)?;
        let (mut clock, mut worst, mut layers) = (0.0, 0.0_f64, Vec::new());
        for (l, state) in deep.trajectory_from(k).enumerate() {
            clock += if l > 0 { alphas[l - 1].powi(2) } else { 0.0 };
            let c = state?.correlation()?;
            worst = worst.max((c - flow.at(f64::min(clock, 1.0))?.correlation()).abs());
            layers.push((clock, c));
        }
        let largest = alphas
            .iter()
            .fold(0.0, |most: f64, alpha| most.max(alpha * alpha));
        println!("{:>24} {largest:>12.2e} {worst:>16.2e}", scaling.name());
        all.push(Scaled {
            name: scaling.name(),
            layers,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_figure_are_made() {
        let figure = std::env::temp_dir().join("neural_limits_flow.svg");
        let path = figure.display().to_string();
        let line = [
            "flow",
            "--activation",
            "erf",
            "--bias",
            "0.1",
            "--depth",
            "20",
            "--figure",
            &path,
        ];
        run(&Arguments::parse_from(line)).unwrap();
        let svg = std::fs::read_to_string(&figure).unwrap();
        assert!(svg.contains("<svg") && svg.contains("polyline"));
        std::fs::remove_file(figure).unwrap();
    }
}
