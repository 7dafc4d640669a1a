//! What kernels cost: time of NNGP + NTK against the number of points and against depth, as a table and as
//! SVG.
//!
//! `cargo run --release --example kernel_cost -- --figure docs/kernel_cost.svg`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use nalgebra::DMatrix;
use neural_limits::activation::named;
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::network::{Dense, Network};
use neural_limits::prelude::*;
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

#[derive(Parser)]
#[command(about = "Time kernels against their size and depth")]
struct Arguments {
    /// Numbers of points.
    #[arg(long, value_delimiter = ',', default_value = "250,500,1000,2000,4000")]
    points: Vec<usize>,
    /// Depths, at half of the largest number of points.
    #[arg(long, value_delimiter = ',', default_value = "1,3,10,30")]
    depths: Vec<usize>,
    #[arg(long, default_value_t = 784)]
    dimension: usize,
    /// Where to draw.
    #[arg(long, default_value = "kernel_cost.svg")]
    figure: PathBuf,
}

/// A curve: its name and (points or depth, seconds).
type Curve = (String, Vec<(f64, f64)>);

/// The best of three runs into matrices that exist.
fn seconds(net: &Network, x: &Inputs, both: bool) -> Result<f64, Error> {
    let mut matrices = [
        DMatrix::zeros(x.len(), x.len()),
        DMatrix::zeros(x.len(), x.len()),
    ];
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let [nngp, ntk] = &mut matrices;
        let start = Instant::now();
        net.kernels_into(x, None, Some(nngp), both.then_some(ntk))?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// An architecture and its name.
type Named = (String, Mlp);

fn networks(depth: usize) -> Result<Vec<Named>, Error> {
    let biased = Initialization::new(2.0, 0.1)?;
    [
        ("ReLU, no bias", "relu", Initialization::he()),
        ("ReLU", "relu", biased),
        ("erf", "erf", biased),
        ("GELU", "gelu", biased),
        ("tanh", "tanh", biased),
        ("hard tanh", "hard_tanh", biased),
    ]
    .into_iter()
    .map(|(label, name, init)| {
        let label = if depth > 0 {
            format!("{label}, depth {depth}")
        } else {
            label.to_owned()
        };
        Ok((label, Mlp::new(named(name)?).initialized_by(init)))
    })
    .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let d = arguments.dimension;
    let largest = arguments
        .points
        .iter()
        .copied()
        .max()
        .ok_or("no number of points")?;
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(7);
    let data: Vec<f64> = (0..largest * d)
        .map(|_| StandardNormal.sample(&mut generator))
        .collect();
    let inputs = |count: usize| Inputs::from_slice(&data[..count * d], d);
    let product = Network::new().then(Dense::new(Initialization::lecun()));
    let mut by_size: Vec<Curve> = vec![("the product x x′".to_owned(), Vec::new())];
    for &count in &arguments.points {
        by_size[0]
            .1
            .push((count as f64, seconds(&product, &inputs(count)?, false)?));
    }
    for (label, net) in networks(3)? {
        let mut curve = Vec::new();
        for &count in &arguments.points {
            curve.push((
                count as f64,
                seconds(&net.at_depth(3)?, &inputs(count)?, true)?,
            ));
        }
        by_size.push((label, curve));
    }
    let half = (largest / 2).max(1);
    let x = inputs(half)?;
    let mut by_depth: Vec<Curve> = Vec::new();
    // kinked activations pass nearly parallel pairs slowly, and depth makes them so
    for (label, net) in networks(0)?
        .into_iter()
        .filter(|(label, _)| label != "hard tanh")
    {
        let mut curve = Vec::new();
        for &depth in &arguments.depths {
            curve.push((depth as f64, seconds(&net.at_depth(depth)?, &x, true)?));
        }
        by_depth.push((label, curve));
    }
    for (what, curves) in [("points", &by_size), ("depth", &by_depth)] {
        for (label, curve) in curves {
            print!("{label:24}");
            for (at, seconds) in curve {
                print!("  {what} {at}: {seconds:.4} s");
            }
            println!();
        }
    }
    draw(&arguments.figure, &by_size, &by_depth, half)?;
    Ok(())
}

fn draw(path: &Path, by_size: &[Curve], by_depth: &[Curve], half: usize) -> Result<(), Error> {
    let depths = format!("depth, N = {half}");
    let panels = [
        (
            by_size,
            "points N",
            "both kernels against the number of points, depth 3",
        ),
        (by_depth, &depths[..], "both kernels against depth"),
    ];
    let mut figure = Figure::new("Time of both kernels grows like N², and hardly with depth");
    for (curves, label, title) in panels {
        let mut panel = Panel::new(title, Axis::log(label), Axis::log("seconds, NNGP + NTK"));
        for (name, curve) in curves {
            // an activation has one style in both panels
            let bare = |name: &str| name.split(", depth").next().map(str::to_owned);
            let place = by_size
                .iter()
                .position(|(other, _)| bare(other) == bare(name));
            let style = Style::nth(place.unwrap_or(by_size.len()));
            panel = panel.with(Series::connected(name, style, curve.clone()));
        }
        figure = figure.with(panel);
    }
    figure.write(path)
}
