//! Training beyond the limits, measured: how far networks of finite width stay from the kernel regime, the
//! catapult of ReLU networks on handwritten digits, and particles beside their mean field.
//!
//! ```sh
//! cargo run --release --example training -- --figure training.svg
//! ```

mod figure;
mod measurements;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use neural_limits::Error;
use rayon::prelude::*;

use measurements::relu_catapult::{self, Outcome, ReluNetwork};
use measurements::{Scaling, kernel_regime, mean_field};
use table::print;

/// Measures the rates of training at finite width and with finitely many particles, and the catapult.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "training.svg")]
    figure: PathBuf,
}

/// How much is measured.
struct Size {
    widths: &'static [usize],
    networks: usize,
    /// The width of the networks that are catapulted, and how many there are of each depth.
    catapult: (usize, u64),
    particles: &'static [usize],
    runs: usize,
}

const FULL: Size = Size {
    widths: &[32, 64, 128, 256, 512],
    networks: 8,
    catapult: (512, 3),
    particles: &[64, 256, 1024, 4096],
    runs: 32,
};

/// $\eta \lambda_0$ of the catapult.
const SHARPNESS: [f64; 14] = [
    0.5, 1.0, 1.5, 1.9, 2.1, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0, 12.0,
];

/// Hidden layers of the networks that are catapulted.
const HIDDEN: [usize; 2] = [1, 2];

/// All that is measured.
struct Report {
    kernel_regime: Vec<Scaling>,
    /// By hidden layers: for each $\eta \lambda_0$ what became of all networks.
    catapult: Vec<(usize, Vec<Vec<Outcome>>)>,
    chaos: Vec<Scaling>,
    between: [Vec<Scaling>; 2],
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let written = report(&FULL).and_then(|report| figure::of(&report).write(&arguments.figure));
    match written {
        Ok(()) => {
            println!("\nFigure: {}", arguments.figure.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(size: &Size) -> Result<Report, Error> {
    let kernel_regime = kernel_regime::measured(size.widths, size.networks)?.to_vec();
    let title = format!(
        "Two hidden layers of n tanh neurons, {} steps of gradient descent, rms over {} networks",
        kernel_regime::STEPS,
        size.networks
    );
    print(&title, size.widths, &kernel_regime);

    let catapult = HIDDEN.map(|hidden| Ok((hidden, catapult(hidden, size.catapult)?)));
    let catapult = catapult.into_iter().collect::<Result<Vec<_>, Error>>()?;

    let mut chaos = mean_field::moments(size.particles, size.runs)?;
    let title = format!(
        "Particles beside their mean field, rms over {} runs, by the number of particles",
        size.runs
    );
    print(&title, size.particles, &chaos);
    let fewer: Vec<usize> = size.particles.iter().map(|n| (n / 16).max(8)).collect();
    let radial = mean_field::radial(&fewer, (size.runs / 8).max(2))?;
    print("The same of ReLU particles", &fewer, &radial);
    chaos.extend(radial);

    let between = mean_field::between(size.particles, (size.runs / 8).max(2))?;
    print(
        "From the kernel regime (exponent 1/2) to the mean field (1): change at time 1.5 by the number of neurons",
        size.particles,
        &between.concat(),
    );
    Ok(Report {
        kernel_regime,
        catapult,
        chaos,
        between,
    })
}

/// What became of networks at each learning rate.
fn catapult(hidden: usize, (width, count): (usize, u64)) -> Result<Vec<Vec<Outcome>>, Error> {
    let (x, y) = relu_catapult::digits(relu_catapult::POINTS)?;
    println!(
        "\n{count} networks of {hidden} x {width} ReLU neurons on {} digits, {} steps at the learning rate eta",
        relu_catapult::POINTS,
        relu_catapult::STEPS
    );
    println!("eta lambda_0   trained   largest loss / first   eta lambda at the end");
    let mut all = Vec::new();
    for sharpness in SHARPNESS {
        let outcomes: Vec<Outcome> = (0..count)
            .into_par_iter()
            .map(|number| {
                let network = ReluNetwork {
                    hidden,
                    width,
                    number,
                };
                network.outcome((&x, &y), sharpness)
            })
            .collect::<Result<_, _>>()?;
        let trained = outcomes.iter().filter(|outcome| outcome.is_trained).count();
        let largest = outcomes.iter().fold(0.0, |m: f64, o| m.max(o.largest));
        let ends: Vec<String> = outcomes
            .iter()
            .filter(|outcome| outcome.is_trained)
            .map(|outcome| format!("{:.3}", outcome.sharpness))
            .collect();
        println!(
            "{sharpness:>12.1} {trained:>9} {largest:>22.2e}   {}",
            ends.join(" ")
        );
        all.push(outcomes);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_report_is_printed_and_drawn() {
        let small = Size {
            widths: &[16, 32, 64],
            networks: 2,
            catapult: (32, 1),
            particles: &[16, 32, 64],
            runs: 2,
        };
        let svg = figure::of(&report(&small).unwrap()).svg();
        assert!(svg.contains("gap to infinite width"));
    }
}
