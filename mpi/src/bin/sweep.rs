//! A plan of random networks over ranks: each appends to shards of its own, and the first puts them together.
//!
//! ```sh
//! cargo build --release -p neural-limits-mpi
//! mpirun -n 4 target/release/sweep --plan examples/sweep/plan.json --out sweep.jsonl
//! ```
//!
//! The file has the bytes of `cargo run --release --example sweep`. A job that died goes on where it was;
//! with `--shards` given, also on another number of ranks.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use neural_limits::ranks::Ranks;
use neural_limits::sweep::{Plan, Progress, Shard, merge};

#[derive(Parser)]
#[command(about = "Statistics of random networks on a grid, over the ranks of MPI")]
struct Arguments {
    /// A plan in JSON.
    #[arg(long)]
    plan: PathBuf,
    /// The file of all cells; the shards are beside it.
    #[arg(long)]
    out: PathBuf,
    /// Into how many files the cells are dealt, by default one for each rank.
    #[arg(long)]
    shards: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    Ranks::join()?.run(|ranks| run(&arguments, ranks));
    Ok(())
}

fn run(arguments: &Arguments, ranks: &Ranks) -> Result<(), Box<dyn Error>> {
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(&arguments.plan)?)?;
    let shards = arguments.shards.unwrap_or(ranks.count());
    let part = |i: usize| {
        let mut name = arguments.out.clone().into_os_string();
        name.push(format!(".{i}-of-{shards}"));
        PathBuf::from(name)
    };
    for i in ranks.own(shards) {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} cells")?;
        let bar = if ranks.rank() == 0 {
            ProgressBar::new(0).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        bar.set_message(format!("shard {i} of {shards}"));
        plan.run(Shard::new(i, shards)?, &part(i), |progress: Progress| {
            bar.set_length(progress.cells as u64);
            bar.set_position(progress.finished as u64);
        })?;
        bar.finish();
    }
    ranks.wait();
    if ranks.rank() == 0 {
        let parts: Vec<PathBuf> = (0..shards).map(part).collect();
        merge(&parts, &arguments.out)?;
    }
    Ok(())
}
