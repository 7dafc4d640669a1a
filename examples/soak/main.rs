//! Random networks in every regime, as long as one likes: finite numbers or typed errors, symmetry, positive
//! semi-definiteness, and the same numbers by every way to them.
//!
//! `cargo run --release --example soak -- --seconds 60 --seed 1` runs cases 0, 1, 2, …, each drawn from the
//! seed and its number alone; `--case 17` runs one of them. Failures are shrunk and printed as programs.

mod case;
mod code;
mod depth;
mod draw;
mod dual;
mod kernels;
mod outcome;
mod propagation;
mod report;
mod rounding;
mod runner;
mod samples;
mod shrink;

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use neural_limits::activation::names;

use draw::Source;
use report::Report;
use runner::Runner;

#[derive(Debug, Parser)]
#[command(
    about = "Random networks in every regime, until one fails what every network must satisfy"
)]
struct Arguments {
    /// How long cases are started
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Seed of all cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// At most so many cases
    #[arg(long)]
    cases: Option<u64>,
    /// The first case
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// One case alone
    #[arg(long, conflicts_with_all = ["cases", "first"])]
    case: Option<u64>,
    /// Names of the activations that occur [default: all]
    #[arg(long, value_delimiter = ',')]
    activations: Vec<String>,
    /// Threads [default: all]
    #[arg(long)]
    threads: Option<usize>,
    /// Seconds after which a case has failed
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// Failures of each kind that are shrunk and printed
    #[arg(long, default_value_t = 1)]
    show: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut source = Source::new(arguments.seed);
    if !arguments.activations.is_empty() {
        let wanted = |name: &str| arguments.activations.iter().any(|other| other == name);
        source.activations.retain(|entry| wanted(entry.name()));
        if source.activations.is_empty() {
            let known: Vec<&str> = names().collect();
            eprintln!(
                "error: --activations: expected some of {}",
                known.join(", ")
            );
            return ExitCode::FAILURE;
        }
    }
    outcome::catch_panics();
    let (first, count) = match arguments.case {
        Some(case) => (case, Some(1)),
        None => (arguments.first, arguments.cases),
    };
    let threads = arguments.threads.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
    });
    let limit = Some(arguments.limit);
    let report = soak(
        &source,
        first..count.map_or(u64::MAX, |count| first + count),
        threads,
        limit,
        arguments.seconds,
    );
    if arguments.case.is_some() {
        println!("{}\n", source.case(first));
    }
    report.print(&source, arguments.show, limit);
    if report.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Cases of a source, until `seconds` have passed.
fn soak(
    source: &Source,
    cases: Range<u64>,
    threads: usize,
    limit: Option<f64>,
    seconds: f64,
) -> Report {
    let (start, next) = (Instant::now(), AtomicU64::new(cases.start));
    let report = Mutex::new(Report::default());
    let work = || {
        let mut runner = Runner::new(limit);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= cases.end || start.elapsed().as_secs_f64() > seconds {
                return;
            }
            let (outcome, seconds) = runner.run(&source.case(index));
            let mut report = report.lock().expect("no thread panics");
            report.add(index, outcome, seconds);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    report.into_inner().expect("no thread panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_satisfy_what_every_network_must() {
        let source = Source::new(8);
        let report = soak(&source, 0..400, 2, None, f64::INFINITY);
        assert_eq!(report.failed(), 0, "{}", report.failures(&source, 1, None));
    }

    #[test]
    fn threads_do_not_matter() {
        let counts = |threads: usize| {
            let report = soak(&Source::new(8), 0..40, threads, None, f64::INFINITY);
            report.counts()
        };
        assert_eq!(counts(1), counts(3));
    }

    #[test]
    fn a_case_is_its_seed_and_number() {
        for index in 0..50 {
            assert_eq!(Source::new(3).case(index), Source::new(3).case(index));
        }
        assert_ne!(Source::new(3).case(0), Source::new(4).case(0));
    }
}
