//! Kernels, duals, inference and training against files of reference values: every network and every
//! activation that the crate has, one line each.
//!
//! `cargo run --release --features serde --example conformance -- FILE.json…` reads files in the formats of
//! `tests/data/neural_tangents.json`, `duals.json` and `inference.json` (described in
//! `tests/data/README.md`), and fails if a supported case does. A kernel's entry passes within the tolerance,
//! or within what the peer's own rounding can do (`rounding.rs` derives it).

mod case;
mod duals;
mod inference;
mod network;
mod rounding;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use case::Outcome;

#[derive(Parser)]
#[command(about = "Compare kernels, duals, inference and training with files of reference values")]
struct Arguments {
    /// Files of cases, in JSON.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The largest error that passes, relative to sqrt(diag * diag).
    #[arg(long, default_value_t = 1e-12)]
    tolerance: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (mut supported, mut passed) = (0, 0);
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    let mut unreadable = 0;
    for file in &arguments.files {
        let value = match case::read(file) {
            Ok(value) => value,
            Err(reason) => {
                eprintln!("{}: {reason}", file.display());
                unreadable += 1;
                continue;
            }
        };
        let (cases, lists) = (case::cases(&value), duals::lists(&value));
        let rows = inference::rows(&value);
        if cases.is_empty() && lists.is_empty() && rows.is_empty() {
            eprintln!("{}: neither cases nor duals nor inference", file.display());
            unreadable += 1;
        }
        for (name, list) in lists {
            let row = duals::evaluate(&name, &list);
            supported += 1;
            passed += usize::from(row.passes());
            println!("{row}");
        }
        for row in rows {
            supported += 1;
            passed += usize::from(row.passes());
            println!("{row}");
        }
        for case in cases {
            let name = case["name"].as_str().unwrap_or("(no name)");
            match case::evaluate(case, arguments.tolerance) {
                Outcome::Compared(comparison) => {
                    supported += 1;
                    passed += usize::from(comparison.passes());
                    println!("{name:40} {comparison}");
                }
                Outcome::Unsupported(kind) => {
                    println!("{name:40} unsupported: {kind}");
                    *unsupported.entry(kind).or_default() += 1;
                }
                Outcome::Failed(reason) => {
                    supported += 1;
                    println!("{name:40} FAIL {reason}");
                }
            }
        }
    }
    println!(
        "supported {supported}, passed {passed}, tolerance {:e}",
        arguments.tolerance
    );
    for (kind, count) in unsupported {
        println!("unsupported {count}: {kind}");
    }
    if passed == supported && unreadable == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
