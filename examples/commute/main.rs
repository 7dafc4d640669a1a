//! Do width and depth commute? Takes real inputs through every route that the crate knows, and compares.
//!
//! ```text
//! cargo run --release --example commute
//! cargo run --release --example commute -- --architecture mlp --widths 32,128,512 --depths 4,40,400
//! cargo run --release --example commute -- --input points.csv --rows 3,17
//! cargo run --release --example commute -- --routes "n first,L first,n = L,n/L = 0.25" --budget 30s
//! ```

mod arguments;
mod data;
mod routes;
#[path = "../writable.rs"]
mod writable;

use std::error::Error;
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
    let points = data::load(arguments)?;
    let functions = Functions::checked(&points, arguments)?;
    // a path that cannot be written is better known before the work than after it
    for path in [Some(&arguments.figure), arguments.json.as_ref()]
        .into_iter()
        .flatten()
    {
        writable::check(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if !arguments.routes.is_empty() {
        return routes::run(&points, arguments);
    }
    println!(
        "inputs: {} points of dimension {} ({}), rows {} and {}",
        points.len(),
        points[0].len(),
        data::name(arguments),
        arguments.rows[0],
        arguments.rows[1]
    );
    let mut reports = Vec::new();
    for net in architectures(arguments.architecture) {
        reports.push(compare(net.as_ref(), &functions, arguments)?);
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

fn architectures(kind: Kind) -> Vec<Box<dyn Architecture>> {
    let resnet = || Box::new(ResNet::new(Relu)) as Box<dyn Architecture>;
    let mlp = || Box::new(Mlp::new(Relu).initialized_by(Initialization::he())) as _;
    match kind {
        Kind::Resnet => vec![resnet()],
        Kind::Mlp => vec![mlp()],
        Kind::Unscaled => vec![Box::new(ResNet::new(Relu).scaled_by(Constant::one()))],
        Kind::Both => vec![resnet(), mlp()],
    }
}

/// What is read off every network.
struct Functions {
    covariance: Covariance,
    correlation: Correlation,
    neuron: Neuron,
}

impl Functions {
    /// Of the two rows, after all that can be refused is: a table with a heading is one that will have rows.
    fn checked(points: &[Vec<f64>], arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let (widths, depths) = (&arguments.widths, &arguments.depths);
        Grid::new(widths, depths, arguments.samples, arguments.seed)?;
        if !(0.0..=1.0).contains(&arguments.time) {
            return Err(format!("time = {}: expected a number in [0, 1]", arguments.time).into());
        }
        let [a, b] = data::pair(&data::name(arguments), points, &arguments.rows)?;
        Ok(Self {
            covariance: Covariance::between(a, b)?,
            correlation: Correlation::between(a, b)?,
            neuron: Neuron::at(a)?,
        })
    }
}

/// One architecture: a table whose rows appear as they are finished, exponents and verdicts.
fn compare(
    net: &dyn Architecture,
    functions: &Functions,
    arguments: &Arguments,
) -> Result<Report, neural_limits::Error> {
    let bar = ProgressBar::new(1000).with_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} of {duration}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    println!("\n{}", net.name());
    println!(
        "{}",
        Report::heading(["covariance", "correlation", "neuron"])
    );
    let report = Commutativity::of(net, &functions.covariance)
        .and(&functions.correlation)
        .and(&functions.neuron)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_rows_are_refused_before_anything_is_printed() {
        let points = [vec![1.0, 0.0], vec![0.0, 0.0], vec![1e-200, 0.0]];
        for (option, value, expected) in [
            ("--widths", "0", "widths[0] = 0: expected an integer >= 1"),
            ("--depths", "5,0", "depths[1] = 0: expected an integer >= 1"),
            ("--samples", "0", "samples = 0: expected an integer >= 1"),
            ("--time", "2", "time = 2: expected a number in [0, 1]"),
            ("--rows", "0,1", "row 1 of UCI handwritten digits"),
            ("--rows", "0,2", "the squared norm of inputs[1]"),
            ("--rows", "0,3", "--rows: there is no row 3"),
        ] {
            let arguments = Arguments::parse_from(["commute", option, value]);
            let error = Functions::checked(&points, &arguments)
                .err()
                .expect("refused");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        let arguments = Arguments::parse_from(["commute", "--rows", "0,0"]);
        assert!(Functions::checked(&points, &arguments).is_ok());
    }

    #[test]
    fn routes_and_budgets_are_read_as_they_are_written() {
        let routes = [
            "commute",
            "--routes",
            "n first, L first,n=L,n = L^0.5,n/L=2",
        ];
        let parsed = |more: &[&str]| Arguments::try_parse_from(routes.iter().chain(more));
        let arguments = parsed(&["--budget", "1.5s"]).unwrap();
        assert_eq!(arguments.routes.len(), 5);
        assert_eq!(arguments.routes[4], Route::ratio(2.0).unwrap());
        assert_eq!(arguments.budget.0, Budget::Seconds(1.5));
        let arguments = parsed(&["--budget", "5000"]).unwrap();
        assert_eq!(arguments.budget.0, Budget::Networks(5000));
        for refused in [["--budget", "soon"], ["--widths", "8"]] {
            assert!(parsed(&refused).is_err(), "{refused:?}");
        }
        // budgets are those of routes
        assert!(Arguments::try_parse_from(["commute", "--budget", "9s"]).is_err());
        assert!(Arguments::try_parse_from(["commute", "--routes", "sideways"]).is_err());
    }
}
