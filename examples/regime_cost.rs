//! What waits for the duals: kernels, flows, fixed points and phases of every activation.
//!
//! `cargo run --release --example regime_cost` takes ten points; with `--large` thousands of them, and the
//! digits that come with the crate.

use std::io::Read;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use clap::Parser;
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
    /// Seconds after which a computation is left alone.
    #[arg(long, default_value_t = 10.0)]
    cap: f64,
    /// Thousands of points.
    #[arg(long)]
    large: bool,
    /// A table in Markdown.
    #[arg(long)]
    markdown: bool,
}

/// The seconds that `work` takes, or why there are none.
fn timed(cap: f64, work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> String {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let start = Instant::now();
        let result = work().map(|()| start.elapsed().as_secs_f64());
        // nobody listens any more after the cap
        let _ = sender.send(result);
    });
    match receiver.recv_timeout(Duration::from_secs_f64(cap)) {
        Ok(Ok(seconds)) if seconds < 0.1 => format!("{:.2} ms", 1e3 * seconds),
        Ok(Ok(seconds)) => format!("{seconds:.2} s"),
        Ok(Err(error)) => {
            let variant = format!("{error:?}");
            let end = variant.find(' ').unwrap_or(variant.len());
            variant[..end].to_owned()
        }
        Err(_) => format!("> {cap} s"),
    }
}

fn points(count: usize, dimension: usize) -> Vec<f64> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(7);
    let normals = StandardNormal.sample_iter(&mut generator);
    normals.take(count * dimension).collect()
}

/// $\sigma_w^2 = 1.5$ and $\sigma_b^2 = 0.1$, at which nothing is in closed form but duals.
fn law() -> Initialization {
    Initialization::new(1.5, 0.1).expect("variances")
}

fn kernels(
    name: &str,
    depth: usize,
    law: Initialization,
    data: Vec<f64>,
    dimension: usize,
    cap: f64,
) -> String {
    let name = name.to_owned();
    timed(cap, move || {
        let net = Mlp::new(named(&name)?).initialized_by(law);
        let x = Inputs::from_slice(&data, dimension)?;
        net.at_depth(depth)?.kernels(&x).map(|_| ())
    })
}

fn flow(name: &str, data: Vec<f64>, dimension: usize, cap: f64) -> String {
    let name = name.to_owned();
    timed(cap, move || {
        let net = ResNet::new(named(&name)?).initialized_by(law());
        let x = Inputs::from_slice(&data, dimension)?;
        net.infinite_depth().covariance_at(&x, 1.0).map(|_| ())
    })
}

/// Fixed points of the variance and the deep limit at each.
fn depth_scales(name: &str, cap: f64) -> String {
    let name = name.to_owned();
    timed(cap, move || {
        let map = Propagation::new(named(&name)?, law())?;
        if let VarianceFixedPoints::Isolated { points, .. } = map.variance_fixed_points()? {
            for point in points {
                map.deep_limit(point.variance)?;
            }
        }
        Ok(())
    })
}

fn edge(name: &str, cap: f64) -> String {
    let name = name.to_owned();
    timed(cap, move || edge_of_chaos(&named(&name)?, 0.1).map(|_| ()))
}

/// The pixels of the digits, 64 for each.
fn digits() -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let mut text = String::new();
    let packed = include_bytes!("../data/digits.csv.gz");
    GzDecoder::new(&packed[..]).read_to_string(&mut text)?;
    let mut pixels = Vec::new();
    for line in text.lines() {
        let row: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        pixels.extend_from_slice(&row[..row.len() - 1]);
    }
    Ok(pixels)
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

fn large(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let print = |what: String, seconds: String| {
        if arguments.markdown {
            println!("| {what} | {seconds} |");
        } else {
            println!("{what:60} {seconds:>12}");
        }
    };
    if arguments.markdown {
        println!("| NNGP + NTK | time |\n|---|---|");
    }
    for name in ["elu", "hard_tanh", "relu6", "softsign", "gelu"] {
        let seconds = kernels(name, 32, law(), points(4000, 784), 784, arguments.cap);
        print(format!("{name}, 4000 points, depth 32"), seconds);
    }
    let law = Initialization::new(2.0, 0.1)?;
    let seconds = kernels("gelu", 100, law, points(2000, 784), 784, arguments.cap);
    let what = "gelu, 2000 points, depth 100, σ_w² = 2, σ_b² = 0.1";
    print(what.to_owned(), seconds);
    let raw = digits()?;
    let normal = normalised(&raw, 64);
    for name in ["gelu", "tanh", "hard_tanh", "elu"] {
        for (which, data) in [("raw", &raw), ("normalised", &normal)] {
            let seconds = kernels(name, 3, law, data.clone(), 64, arguments.cap);
            print(format!("{name}, 1797 digits, {which}, depth 3"), seconds);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.large {
        return large(&arguments);
    }
    let wanted = if arguments.activations.is_empty() {
        names().map(str::to_owned).collect()
    } else {
        arguments.activations.clone()
    };
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
            let rest: Vec<String> = rest.iter().map(|field| format!("{field:>26}")).collect();
            println!("{name:20}{}", rest.concat());
        }
    };
    line(columns);
    if arguments.markdown {
        println!("|{}", "---|".repeat(columns.len()));
    }
    const DIMENSION: usize = 8;
    let ten = points(10, DIMENSION);
    for name in wanted {
        let cap = arguments.cap;
        line([
            &name,
            &kernels(&name, 30, law(), ten.clone(), DIMENSION, cap),
            &flow(&name, ten.clone(), DIMENSION, cap),
            &depth_scales(&name, cap),
            &edge(&name, cap),
        ]);
    }
    Ok(())
}
