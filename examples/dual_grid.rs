//! What one pair costs: both duals of every activation over a grid of variances and correlations, beside
//! GELU's closed form in the same run.
//!
//! `cargo run --release --example dual_grid` prints a table, with `--markdown` one for a document.

use std::hint::black_box;
use std::time::Instant;

use clap::Parser;
use neural_limits::PairCovariance;
use neural_limits::activation::{Dual, Gelu, Named, entries, named};

const VARIANCES: [f64; 8] = [1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1e8];
const RATIOS: [f64; 2] = [1.0, 3.0];
const COMPLEMENTS: [f64; 4] = [1.5, 0.5, 1e-2, 1e-6];

#[derive(Parser)]
#[command(about = "Time E[φφ] and E[φ′φ′] of one pair, for every activation")]
struct Arguments {
    /// Names of activations, with parameters if wanted [default: all].
    #[arg(long, value_delimiter = ';')]
    activations: Vec<String>,
    /// Seconds for each activation; cells that are left then are not measured.
    #[arg(long, default_value_t = 0.75)]
    seconds: f64,
    /// A table in Markdown.
    #[arg(long)]
    markdown: bool,
}

/// A cell of the grid and its microseconds.
#[derive(Clone, Copy)]
struct Cell {
    pair: PairCovariance,
    microseconds: f64,
}

/// What an activation's grid came to.
struct Grid {
    /// By time.
    cells: Vec<Cell>,
    /// Cells without a value.
    refused: usize,
}

impl Grid {
    fn median(&self) -> f64 {
        let middle = self.cells.get(self.cells.len() / 2);
        middle.map_or(f64::NAN, |cell| cell.microseconds)
    }

    fn worst(&self) -> f64 {
        let last = self.cells.last();
        last.map_or(f64::NAN, |cell| cell.microseconds)
    }
}

/// The pairs of the grid, so ordered that the first few go through all of it.
fn pairs() -> Vec<PairCovariance> {
    let mut all = Vec::new();
    for qa in VARIANCES {
        for ratio in RATIOS {
            for complement in COMPLEMENTS {
                let pair = PairCovariance::with_complement(qa, ratio * qa, complement);
                all.push(pair.expect("a covariance"));
            }
        }
    }
    // 27 has no factor in common with 64
    let count = all.len();
    (0..count).map(|i| all[27 * i % count]).collect()
}

/// Microseconds for both duals: the least of some batches of 20, or of three single calls if they are slow.
fn cost(phi: &dyn Dual, pair: PairCovariance) -> Option<f64> {
    let batch = |calls: usize| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(phi.duals(black_box(pair))).ok()?;
        }
        Some(1e6 * start.elapsed().as_secs_f64() / calls as f64)
    };
    let mut least = batch(1)?;
    let (batches, calls) = match least {
        0.0..50.0 => (5, 20),
        50.0..5000.0 => (2, 1),
        _ => (0, 0),
    };
    for _ in 0..batches {
        least = least.min(batch(calls)?);
    }
    Some(least)
}

fn measure(phi: &dyn Dual, seconds: f64) -> Grid {
    let start = Instant::now();
    let (mut cells, mut refused) = (Vec::new(), 0);
    for pair in pairs() {
        if start.elapsed().as_secs_f64() > seconds {
            break;
        }
        match cost(phi, pair) {
            Some(microseconds) => cells.push(Cell { pair, microseconds }),
            None => refused += 1,
        }
    }
    cells.sort_by(|a, b| a.microseconds.total_cmp(&b.microseconds));
    Grid { cells, refused }
}

fn main() -> Result<(), neural_limits::Error> {
    let arguments = Arguments::parse();
    let wanted = if arguments.activations.is_empty() {
        entries().map(|entry| entry.name().to_owned()).collect()
    } else {
        arguments.activations
    };
    let columns = [
        "activation",
        "dual",
        "median µs",
        "worst µs",
        "at q_a, q_b, 1 - c",
        "median/GELU",
        "worst/GELU",
        "cells",
    ];
    if arguments.markdown {
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
    } else {
        println!("{}", line(&columns.map(str::to_owned)));
    }
    for name in wanted {
        let phi = named(&name)?;
        let plain = name.split('(').next();
        let route = entries().find(|entry| Some(entry.name()) == plain);
        // in the same run, and next to it
        let gelu = measure(&Gelu, arguments.seconds);
        let grid = measure(&*phi, arguments.seconds);
        let at = grid.cells.last().map_or(String::new(), |cell| {
            let k = cell.pair;
            format!(
                "{:.0e}, {:.0e}, {:e}",
                k.variance_a(),
                k.variance_b(),
                k.one_minus_correlation()
            )
        });
        let mut cells = format!("{}", grid.cells.len());
        if grid.refused > 0 {
            cells.push_str(&format!(", {} refused", grid.refused));
        }
        let row = [
            name,
            route.map_or("", Named::route).to_owned(),
            format!("{:.3}", grid.median()),
            format!("{:.3}", grid.worst()),
            at,
            format!("{:.2}", grid.median() / gelu.median()),
            format!("{:.2}", grid.worst() / gelu.median()),
            cells,
        ];
        if arguments.markdown {
            println!("| {} |", row.join(" | "));
        } else {
            println!("{}", line(&row));
        }
    }
    Ok(())
}

fn line(fields: &[String; 8]) -> String {
    let [name, route, median, worst, at, to_median, to_worst, cells] = fields;
    format!(
        "{name:20} {route:32} {median:>11} {worst:>11}  {at:24} {to_median:>11} {to_worst:>11}  {cells}"
    )
}
