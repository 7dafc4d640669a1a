//! Published statements on width and depth, measured: writes `docs/reproduction.md` and its figures.
//!
//! ```text
//! cargo run --release --example reproduce
//! cargo run --release --example reproduce -- --only neuron_law --again
//! cargo run --release --example reproduce -- --quick
//! ```
//!
//! Finished rows are kept, and not run again. To add a row, write its function in the file of its group (or a
//! file of its own, with an entry in `groups`) and add it to that file's `ROWS`.

mod angles;
mod covariances;
mod inference;
mod measure;
#[path = "../training/measurements/mod.rs"]
mod measurements;
mod neurons;
mod orders;
mod report;
mod row;
#[allow(dead_code)] // of its scores accuracy counts here
#[path = "../digits/scores.rs"]
mod scores;
mod tangents;
mod training;
mod universality;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use neural_limits::Error;

use report::Group;
use row::{Kept, Row, Setting, Store};

/// Measures published statements on width and depth, row by row.
#[derive(Debug, Parser)]
struct Arguments {
    /// One row
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Small sizes, which show that everything runs
    #[arg(long)]
    quick: bool,
    /// Run rows that are finished
    #[arg(long)]
    again: bool,
    /// Names the rows
    #[arg(long)]
    list: bool,
    /// Seed of all networks but those that are trained, which have seeds of their own
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Where finished rows are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/reproduce")]
    keep: PathBuf,
    /// Where `reproduction.md` and `figures/` go [default: docs, or where rows are kept with --quick]
    #[arg(long, value_name = "FOLDER")]
    docs: Option<PathBuf>,
}

/// Of the documents.
const SEED: u64 = 7;

fn groups() -> Vec<Group> {
    let group = |title, rows: &[Row]| Group {
        title,
        rows: rows.to_vec(),
    };
    vec![
        group("Neurons", &neurons::ROWS),
        group("Covariances", &covariances::ROWS),
        group("The order of the limits", &orders::ROWS),
        group("Universality", &universality::ROWS),
        group("Tangent kernels and gradients", &tangents::ROWS),
        group("Angles", &angles::ROWS),
        group("Training", &training::ROWS),
        group("Inference", &inference::ROWS),
    ]
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::Io {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Whether every statement that should hold does.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let groups = groups();
    let rows = || groups.iter().flat_map(|group| &group.rows);
    if arguments.list {
        for row in rows() {
            println!("{:20} {}", row.name, row.statement);
        }
        return Ok(true);
    }
    if let Some(name) = &arguments.only
        && !rows().any(|row| row.name == name)
    {
        let names: Vec<&str> = rows().map(|row| row.name).collect();
        return Err(Error::Invalid {
            argument: "--only".to_owned(),
            value: name.clone(),
            expected: format!("one of {}", names.join(", ")),
        });
    }
    let setting = Setting {
        quick: arguments.quick,
        seed: arguments.seed,
    };
    let store = Store::new(&arguments.keep, setting)?;
    let docs = match &arguments.docs {
        Some(docs) => docs.clone(),
        None if arguments.quick => arguments.keep.join("quick"),
        None => PathBuf::from("docs"),
    };
    let figures = docs.join("figures");
    std::fs::create_dir_all(&figures).map_err(|error| failed(&figures, error))?;
    let (mut good, mut seconds) = (true, 0.0);
    for row in rows() {
        if arguments.only.as_ref().is_some_and(|name| name != row.name) {
            continue;
        }
        let kept = store.read(row.name).filter(|kept| {
            let drawn = kept.figures.iter().all(|name| figures.join(name).exists());
            drawn && !arguments.again
        });
        let kept = match kept {
            Some(kept) => kept,
            None => match measured(row, &setting, &figures) {
                Ok(kept) => {
                    store.write(row.name, &kept)?;
                    kept
                }
                Err(error) => {
                    eprintln!("{}: {error}", row.name);
                    good = false;
                    continue;
                }
            },
        };
        println!("{} ({:.1} s)", row.name, kept.seconds);
        seconds += kept.seconds;
        for finding in &kept.findings {
            let mark = if finding.agrees { "  " } else { "! " };
            println!(
                "{mark}{}: {}, expected {}",
                finding.what, finding.measured, finding.expected
            );
            good &= !finding.is_failure();
        }
    }
    let path = docs.join("reproduction.md");
    let text = report::write(&groups, |name| store.read(name));
    std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    println!("{} ({seconds:.0} s in all)", path.display());
    Ok(good)
}

/// Whether a row depends on no seed but its own.
fn has_own_seeds(row: &Row) -> bool {
    training::ROWS.iter().any(|own| own.name == row.name)
}

/// Runs a row and writes its figures.
fn measured(row: &Row, setting: &Setting, figures: &Path) -> Result<Kept, Error> {
    if setting.seed != SEED && has_own_seeds(row) {
        let expected = format!("{SEED}: networks that are trained have seeds of their own");
        return Err(Error::invalid("--seed", setting.seed, expected));
    }
    let start = Instant::now();
    let outcome = (row.run)(setting)?;
    let mut names = Vec::new();
    for (name, figure) in &outcome.figures {
        let name = format!("{name}.svg");
        figure.write(figures.join(&name))?;
        names.push(name);
    }
    Ok(Kept {
        seconds: start.elapsed().as_secs_f64(),
        findings: outcome.findings,
        figures: names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_are_found_by_them() {
        let groups = groups();
        let mut names: Vec<&str> = groups
            .iter()
            .flat_map(|group| group.rows.iter().map(|row| row.name))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let unknown = Arguments::parse_from(["reproduce", "--only", "nothing"]);
        assert!(
            run(&unknown)
                .unwrap_err()
                .to_string()
                .contains("neuron_law")
        );
    }

    #[test]
    fn rows_with_seeds_of_their_own_refuse_another() {
        let setting = Setting {
            quick: true,
            seed: SEED + 1,
        };
        let error = measured(&training::ROWS[0], &setting, Path::new("")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("--seed = 8") && text.contains("seeds of their own"));
        assert!(!groups()[0].rows.iter().any(has_own_seeds));
    }

    #[test]
    fn a_row_is_run_once() {
        let folder = std::env::temp_dir().join("neural_limits_reproduce");
        let _ = std::fs::remove_dir_all(&folder);
        let path = folder.display().to_string();
        let line = [
            "reproduce",
            "--quick",
            "--only",
            "one_flow",
            "--keep",
            &path,
        ];
        assert!(run(&Arguments::parse_from(line)).unwrap());
        let kept = || {
            let path = folder.join("one_flow-quick-7.json");
            std::fs::metadata(path).unwrap().modified().unwrap()
        };
        let first = kept();
        assert!(run(&Arguments::parse_from(line)).unwrap());
        assert_eq!(first, kept());
        let report = std::fs::read_to_string(folder.join("quick/reproduction.md")).unwrap();
        assert!(report.contains("one_flow") && report.contains("Not run."));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
