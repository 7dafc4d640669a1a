//! A kernel larger than memory, streamed to a file: with a progress bar, resumable after being killed, and
//! with checks that find a truncated or damaged file.
//!
//! ```sh
//! cargo run --release --example out_of_core -- write kernel.bin --points 20000
//! cargo run --release --example out_of_core -- check kernel.bin
//! ```

mod file;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use neural_limits::kernel::KernelKind;
use neural_limits::prelude::*;

use file::{Header, State};

#[derive(Parser)]
#[command(about = "Write a neural tangent kernel tile by tile")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a kernel, or go on with a file that was left unfinished.
    Write {
        path: PathBuf,
        #[arg(long, default_value_t = 20_000)]
        points: usize,
        #[arg(long, default_value_t = 64)]
        dimension: usize,
        /// Points to a side of a tile.
        #[arg(long, default_value_t = 1024)]
        side: usize,
        #[arg(long, default_value_t = 3)]
        depth: usize,
        /// Stop after this many tiles, as if killed.
        #[arg(long)]
        stop_after: Option<usize>,
    },
    /// Say whether a file is whole.
    Check { path: PathBuf },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Points on a spiral, the same in every run.
fn points(count: usize, dimension: usize) -> Vec<f64> {
    (0..count * dimension)
        .map(|i| (0.618_033_988_749_895 * i as f64).fract() - 0.5 + (i as f64).sin() * 0.1)
        .collect()
}

fn run(command: Command) -> Result<bool, Box<dyn std::error::Error>> {
    match command {
        Command::Check { path } => match file::check(&path)? {
            State::Whole(header) => {
                println!(
                    "{}: whole, {} points, {} tiles",
                    path.display(),
                    header.points,
                    header.tiles()
                );
                Ok(true)
            }
            State::Partial {
                header,
                good,
                reason,
            } => {
                println!(
                    "{}: {good} of {} tiles, then {reason}",
                    path.display(),
                    header.tiles()
                );
                Ok(false)
            }
        },
        Command::Write {
            path,
            points: count,
            dimension,
            side,
            depth,
            stop_after,
        } => {
            let data = points(count, dimension);
            let x = Inputs::from_slice(&data, dimension)?;
            let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
            let kernel = net.infinite_width(depth)?;
            let tiles = kernel.tiles(&x, KernelKind::Ntk, side)?;
            let header = Header {
                points: count as u64,
                dimension: dimension as u64,
                side: side as u64,
                depth: depth as u64,
            };
            let (mut out, done) = file::open(&path, header)?;
            if done > 0 {
                println!("going on after {done} of {} tiles", tiles.len());
            }
            let style = "{wide_bar} {pos}/{len} tiles, {eta} to go";
            let bar = ProgressBar::new(tiles.len() as u64)
                .with_style(ProgressStyle::with_template(style)?)
                .with_position(done as u64);
            let end = stop_after.map_or(tiles.len(), |more| (done + more).min(tiles.len()));
            for index in done..end {
                file::append(&mut out, &tiles.get(index)?.ntk)?;
                bar.inc(1);
            }
            bar.finish();
            println!("{}: {end} of {} tiles", path.display(), tiles.len());
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &std::path::Path, stop_after: Option<usize>) {
        let command = Command::Write {
            path: path.to_owned(),
            points: 100,
            dimension: 7,
            side: 32,
            depth: 2,
            stop_after,
        };
        assert!(run(command).unwrap());
    }

    #[test]
    fn a_killed_run_goes_on_and_a_truncated_file_is_found() {
        let directory = std::env::temp_dir().join(format!("neural-limits-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (path, whole) = (directory.join("killed.bin"), directory.join("whole.bin"));
        let is_whole = || run(Command::Check { path: path.clone() }).unwrap();
        write(&whole, None);
        write(&path, Some(4));
        assert!(!is_whole());
        // killed in the middle of a tile
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1000]).unwrap();
        assert!(!is_whole());
        write(&path, None);
        assert!(is_whole());
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&whole).unwrap()
        );
        // one bit of a number
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(!is_whole());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
