//! What waits for the duals: kernels, flows, fixed points and phases of every activation.
//!
//! `cargo run --release --example regime_cost` takes ten points; with `--large` thousands of them, and the
//! digits that come with the crate.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use flate2::read::GzDecoder;
use neural_limits::activation::{named, names};
use neural_limits::prelude::*;
use neural_limits::propagation::{Propagation, VarianceFixedPoints, edge_of_chaos};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

#[derive(Parser)]
#[command(about = "Time every regime with every activation")]
struct Arguments {
    /// Names of activations [default: all].
    #[arg(long, value_delimiter = ',')]
    activations: Vec<String>,
    /// Seconds after which a computation is ended.
    #[arg(long, default_value_t = 10.0)]
    cap: f64,
    /// Thousands of points.
    #[arg(long)]
    large: bool,
    /// A table in Markdown.
    #[arg(long)]
    markdown: bool,
    /// One computation alone, its time printed.
    #[arg(long, value_enum)]
    work: Option<Work>,
    /// Depth of the kernels of digits that `work` computes.
    #[arg(long, default_value_t = 3)]
    depth: usize,
}

/// A computation that is timed, in a process of its own that ends at the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// NNGP + NTK of ten points at depth 30.
    Kernels,
    /// Their residual flow.
    Flow,
    /// Fixed points of the variance and the deep limit at each.
    DepthScales,
    EdgeOfChaos,
    /// NNGP + NTK of 4000 points at depth 32.
    Large,
    /// NNGP + NTK of 2000 points at depth 100.
    Deep,
    /// NNGP + NTK of the digits as they are.
    RawDigits,
    /// The same of digits of equal norm.
    NormalisedDigits,
    /// NNGP alone of the digits as they are.
    RawCovariance,
    /// NNGP alone of digits of equal norm.
    NormalisedCovariance,
}

impl Work {
    /// Points, one after the other, and their dimension.
    fn inputs(self) -> (Vec<f64>, usize) {
        match self {
            Self::Large => (points(4000, 784), 784),
            Self::Deep => (points(2000, 784), 784),
            Self::RawDigits | Self::RawCovariance => (digits(), 64),
            Self::NormalisedDigits | Self::NormalisedCovariance => (normalised(&digits(), 64), 64),
            _ => (points(10, 8), 8),
        }
    }

    /// Kernels of digits have the given depth.
    fn run(
        self,
        name: &str,
        depth_of_digits: usize,
        (data, dimension): &(Vec<f64>, usize),
    ) -> Result<(), Error> {
        let phi = named(name)?;
        let x = Inputs::from_slice(data, *dimension)?;
        let kernels = |depth: usize, law: Initialization| {
            let net = Mlp::new(named(name)?).initialized_by(law).at_depth(depth)?;
            net.kernels(&x).map(|_| ())
        };
        let law = Initialization::new(1.5, 0.1)?;
        match self {
            Self::Kernels => kernels(30, law),
            Self::Flow => {
                let net = ResNet::new(phi).initialized_by(law).infinite_depth();
                net.covariance_at(&x, 1.0).map(|_| ())
            }
            Self::DepthScales => {
                let map = Propagation::new(phi, law)?;
                let fixed = map.variance_fixed_points()?;
                if let VarianceFixedPoints::Isolated { points, .. } = fixed {
                    for point in points {
                        map.deep_limit(point.variance)?;
                    }
                }
                Ok(())
            }
            Self::EdgeOfChaos => edge_of_chaos(&phi, 0.1).map(|_| ()),
            Self::Large => kernels(32, law),
            Self::Deep => kernels(100, Initialization::new(2.0, 0.1)?),
            Self::RawDigits | Self::NormalisedDigits => kernels(depth_of_digits, law),
            Self::RawCovariance | Self::NormalisedCovariance => {
                let net = Mlp::new(phi)
                    .initialized_by(law)
                    .at_depth(depth_of_digits)?;
                net.nngp(&x).map(|_| ())
            }
        }
    }

    /// The time that it takes with an activation, or why there is none.
    fn time(self, name: &str, cap: f64) -> io::Result<String> {
        let value = self.to_possible_value().expect("a name");
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--work", value.get_name(), "--activations", name])
            .stdout(Stdio::piped())
            .spawn()?;
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed().as_secs_f64() > cap {
                child.kill()?;
                child.wait()?;
                return Ok(format!("> {cap} s"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut text = String::new();
        if let Some(mut output) = child.stdout.take() {
            output.read_to_string(&mut text)?;
        }
        Ok(text.trim().to_owned())
    }
}

/// The best of three times, or of one that takes longer than a second; the name of an error.
fn measured(work: Work, depth_of_digits: usize, name: &str) -> String {
    let (mut best, inputs) = (f64::INFINITY, work.inputs());
    for _ in 0..3 {
        let start = Instant::now();
        if let Err(error) = work.run(name, depth_of_digits, &inputs) {
            let variant = format!("{error:?}");
            let end = variant.find(' ').unwrap_or(variant.len());
            return variant[..end].to_owned();
        }
        best = best.min(start.elapsed().as_secs_f64());
        if best > 1.0 {
            break;
        }
    }
    if best < 0.1 {
        format!("{:.2} ms", 1e3 * best)
    } else {
        format!("{best:.2} s")
    }
}

fn points(count: usize, dimension: usize) -> Vec<f64> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(7);
    let normals = StandardNormal.sample_iter(&mut generator);
    normals.take(count * dimension).collect()
}

/// The pixels of the digits, 64 for each.
fn digits() -> Vec<f64> {
    let mut text = String::new();
    let packed = include_bytes!("../data/digits.csv.gz");
    let read = GzDecoder::new(&packed[..]).read_to_string(&mut text);
    read.expect("the file that comes with the crate");
    let lines = text.lines();
    lines
        .flat_map(|line| {
            let fields = line
                .split(',')
                .map(|field| field.parse().expect("a number"));
            // without the label
            fields.take(64).collect::<Vec<f64>>()
        })
        .collect()
}

/// Every point of norm $\sqrt d$.
fn normalised(data: &[f64], dimension: usize) -> Vec<f64> {
    let rows = data.chunks(dimension);
    rows.flat_map(|row| {
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let factor = (dimension as f64).sqrt() / norm;
        row.iter().map(move |x| factor * x)
    })
    .collect()
}

fn large(arguments: &Arguments) -> io::Result<()> {
    if arguments.markdown {
        println!("| NNGP + NTK | time |\n|---|---|");
    }
    let run = |work: Work, name: &str, what: &str| -> io::Result<()> {
        let time = work.time(name, arguments.cap)?;
        if arguments.markdown {
            println!("| {name}, {what} | {time} |");
        } else {
            println!("{:60} {time:>12}", format!("{name}, {what}"));
        }
        Ok(())
    };
    for name in ["elu", "hard_tanh", "relu6", "softsign", "gelu"] {
        run(Work::Large, name, "4000 points, depth 32")?;
    }
    run(
        Work::Deep,
        "gelu",
        "2000 points, depth 100, σ_w² = 2, σ_b² = 0.1",
    )?;
    for name in ["gelu", "tanh", "hard_tanh", "elu"] {
        run(Work::RawDigits, name, "1797 digits as they are, depth 3")?;
        run(
            Work::NormalisedDigits,
            name,
            "1797 digits of equal norm, depth 3",
        )?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let wanted = if arguments.activations.is_empty() {
        names().map(str::to_owned).collect()
    } else {
        arguments.activations.clone()
    };
    if let Some(work) = arguments.work {
        for name in wanted {
            println!("{}", measured(work, arguments.depth, &name));
        }
        return Ok(());
    }
    if arguments.large {
        return large(&arguments);
    }
    let columns = [
        "activation",
        "NNGP + NTK, depth 30",
        "flow",
        "fixed points, depth scales",
        "edge of chaos",
    ];
    let line = |fields: [&str; 5]| {
        if arguments.markdown {
            println!("| {} |", fields.join(" | "));
        } else {
            let [name, rest @ ..] = fields;
            let rest: Vec<String> = rest.iter().map(|field| format!("{field:>28}")).collect();
            println!("{name:20}{}", rest.concat());
        }
    };
    line(columns);
    if arguments.markdown {
        println!("|{}", "---|".repeat(columns.len()));
    }
    for name in wanted {
        let time = |work: Work| work.time(&name, arguments.cap);
        line([
            &name,
            &time(Work::Kernels)?,
            &time(Work::Flow)?,
            &time(Work::DepthScales)?,
            &time(Work::EdgeOfChaos)?,
        ]);
    }
    Ok(())
}
