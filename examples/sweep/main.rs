//! A sweep over sizes, laws of weights and functions, appended to a file of JSON lines: with a progress bar,
//! resumable after being killed, in shards that merge to the bytes of one run.
//!
//! ```sh
//! cargo run --release --example sweep                                  # the plan beside this file
//! cargo run --release --example sweep -- --plan plan.json --out sweep.jsonl
//! cargo run --release --example sweep -- --shard 0/2 --out 0.jsonl     # on one machine
//! cargo run --release --example sweep -- --shard 1/2 --out 1.jsonl     # on another
//! cargo run --release --example sweep -- --merge 0.jsonl --merge 1.jsonl --out sweep.jsonl
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use neural_limits::sweep::{Cell, Plan, Progress, Row, Shard, Summary, merge, read};

#[derive(Parser)]
#[command(about = "Statistics of random networks on a grid")]
struct Arguments {
    /// A plan in JSON.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// The file; if it is there, what it lacks is computed.
    #[arg(long, default_value = "target/sweep.jsonl")]
    out: PathBuf,
    /// Part I of K, as I/K.
    #[arg(long, value_parser = shard)]
    shard: Option<Shard>,
    /// Put shards together instead. A file that is there is replaced if it has nothing but some of their
    /// cells.
    #[arg(long)]
    merge: Vec<PathBuf>,
}

fn shard(text: &str) -> Result<Shard, String> {
    let (index, of) = text.split_once('/').ok_or("expected I/K")?;
    let number = |text: &str| text.parse::<usize>().map_err(|error| error.to_string());
    Shard::new(number(index)?, number(of)?).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.merge.is_empty() {
        let plan = match &arguments.plan {
            Some(path) => std::fs::read_to_string(path)?,
            None => include_str!("plan.json").to_owned(),
        };
        let plan: Plan = serde_json::from_str(&plan)?;
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} cells, {eta} to go")?;
        let bar = ProgressBar::new(0).with_style(style);
        let observer = |progress: Progress| {
            bar.set_length(progress.cells as u64);
            bar.set_position(progress.finished as u64);
        };
        plan.run(
            arguments.shard.unwrap_or(Shard::whole()),
            &arguments.out,
            observer,
        )?;
        bar.finish();
    } else {
        merge(&arguments.merge, &arguments.out)?;
    }
    let rows: Vec<Row<Cell, Summary>> = read(&arguments.out)?;
    for row in &rows {
        println!("{}", line(row));
    }
    Ok(())
}

/// A cell in words: the mean of each function and its standard error.
fn line(row: &Row<Cell, Summary>) -> String {
    let cell = &row.parameters;
    let law = cell.weights.name();
    let place = format!(
        "{:8} {law:16} n = {:4}, L = {:3}:",
        cell.network, cell.width, cell.depth
    );
    let Some(summary) = &row.result else {
        let error = row.error.as_ref().map(ToString::to_string);
        return format!("{place} {}", error.unwrap_or_default());
    };
    let means = summary.mean.iter().zip(&summary.standard_error);
    let means = means.map(|(mean, error)| match (mean, error) {
        (Some(mean), Some(error)) => format!("  {mean:.4} ± {error:.4}"),
        _ => "  too few have a value".to_owned(),
    });
    format!("{place}{}", means.collect::<String>())
}
