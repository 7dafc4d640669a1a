//! Do width and depth commute? Takes real inputs through every route that the crate knows, and compares.
//!
//! ```text
//! cargo run --release --example commute
//! cargo run --release --example commute -- --architecture mlp --widths 32,128,512 --depths 4,40,400 --samples 200
//! cargo run --release --example commute -- --input points.csv --rows 3,17
//! ```

mod arguments;
mod data;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use neural_limits::prelude::*;

use arguments::{Arguments, Kind};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // a path that cannot be written is better known before the work than after it
    for path in [Some(&arguments.figure), arguments.json.as_ref()]
        .into_iter()
        .flatten()
    {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let points = data::load(arguments)?;
    let [a, b] = data::pair(&points, &arguments.rows)?;
    println!(
        "inputs: {} points of dimension {} ({}), rows {} and {}",
        points.len(),
        points[0].len(),
        arguments.input.as_ref().map_or(
            "UCI handwritten digits, pixels in [0, 1]".to_owned(),
            |path| path.display().to_string()
        ),
        arguments.rows[0],
        arguments.rows[1]
    );
    let mut reports = Vec::new();
    if arguments.architecture != Kind::Mlp {
        reports.push(compare(&ResNet::new(Relu), a, b, arguments)?);
    }
    if arguments.architecture != Kind::Resnet {
        let net = Mlp::new(Relu).initialized_by(Initialization::he());
        reports.push(compare(&net, a, b, arguments)?);
    }
    Report::write_svg_of(&reports, &arguments.figure)?;
    println!("\nfigure: {}", arguments.figure.display());
    if let Some(path) = &arguments.json {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        serde_json::to_writer_pretty(&mut file, &reports)?;
        file.flush()?;
        println!("report: {}", path.display());
    }
    Ok(())
}

/// One architecture: a table whose rows appear as they are finished, exponents and verdicts.
fn compare<N: Architecture>(
    net: &N,
    a: &[f64],
    b: &[f64],
    arguments: &Arguments,
) -> Result<Report, neural_limits::Error> {
    let covariance = Covariance::between(a, b)?;
    let correlation = Correlation::between(a, b)?;
    let neuron = Neuron::at(a)?;
    let bar = ProgressBar::new(1000).with_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} of {duration}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    println!("\n{}", net.name());
    println!(
        "{}",
        Report::heading(["covariance", "correlation", "neuron"])
    );
    let report = Commutativity::of(net, &covariance)
        .and(&correlation)
        .and(&neuron)
        .widths(&arguments.widths)
        .depths(&arguments.depths)
        .samples(arguments.samples)
        .seed(arguments.seed)
        .time(arguments.time)
        .on_progress(|progress| {
            bar.suspend(|| println!("{}", progress.row));
            bar.set_position((1000.0 * progress.fraction) as u64);
            bar.set_message(progress.row.regime.to_string());
        })
        .run()?;
    bar.finish_and_clear();
    println!("{}", Report::LEGEND);
    print!("{}", report.summary());
    Ok(report)
}
