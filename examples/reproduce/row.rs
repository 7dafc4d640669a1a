//! What a row of the table is, and how it is kept.

use std::path::{Path, PathBuf};

use neural_limits::Error;
use neural_limits::figure::Figure;
use neural_limits::sample::Seed;
use serde_json::{Value, json};

/// How much is run.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub quick: bool,
    pub seed: u64,
}

impl Setting {
    /// A size for the whole run or for the quick one.
    pub fn pick<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// One seed for each use.
    pub fn seed(&self, index: u64) -> Seed {
        Seed::new(self.seed).split(index)
    }
}

/// One comparison of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub what: String,
    pub measured: String,
    pub expected: String,
    /// Whether the data agrees with what is expected.
    pub agrees: bool,
    /// What is wrong with a statement that is known not to hold; empty for the others.
    pub note: String,
}

impl Finding {
    /// A statement that should hold.
    pub fn new(
        what: impl Into<String>,
        measured: impl ToString,
        expected: impl ToString,
        agrees: bool,
    ) -> Self {
        Self {
            what: what.into(),
            measured: measured.to_string(),
            expected: expected.to_string(),
            agrees,
            note: String::new(),
        }
    }

    /// A statement that does not hold as it stands, and what holds instead.
    pub fn but(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Whether this is a statement that should hold and does not.
    pub fn is_failure(&self) -> bool {
        !self.agrees && self.note.is_empty()
    }
}

/// What a row found, with figures by name.
#[derive(Debug, Default)]
pub struct Outcome {
    pub findings: Vec<Finding>,
    pub figures: Vec<(String, Figure)>,
}

impl Outcome {
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub fn draw(&mut self, name: &str, figure: Figure) {
        self.figures.push((name.to_owned(), figure));
    }
}

/// One experiment.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub statement: &'static str,
    pub source: &'static str,
    pub run: fn(&Setting) -> Result<Outcome, Error>,
}

/// What is kept of a row that has been run.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub seconds: f64,
    pub findings: Vec<Finding>,
    /// Names of files beside the report.
    pub figures: Vec<String>,
}

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::Io {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// The folder in which finished rows are kept.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    setting: Setting,
}

impl Store {
    pub fn new(folder: &Path, setting: Setting) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            setting,
        })
    }

    fn path(&self, row: &str) -> PathBuf {
        let kind = if self.setting.quick { "quick" } else { "whole" };
        self.folder
            .join(format!("{row}-{kind}-{}.json", self.setting.seed))
    }

    /// A finished row, if it was run at this setting and is complete.
    pub fn read(&self, row: &str) -> Option<Kept> {
        let text = std::fs::read_to_string(self.path(row)).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
        let findings = value["findings"].as_array()?.iter();
        let findings = findings.map(|finding| {
            Some(Finding {
                what: text(finding, "what")?,
                measured: text(finding, "measured")?,
                expected: text(finding, "expected")?,
                agrees: finding["agrees"].as_bool()?,
                note: text(finding, "note")?,
            })
        });
        let figures = value["figures"].as_array()?.iter();
        let figures = figures.map(|figure| figure.as_str().map(str::to_owned));
        Some(Kept {
            seconds: value["seconds"].as_f64()?,
            findings: findings.collect::<Option<_>>()?,
            figures: figures.collect::<Option<_>>()?,
        })
    }

    /// Written under another name first, so that what is there is whole.
    pub fn write(&self, row: &str, kept: &Kept) -> Result<(), Error> {
        let findings = kept.findings.iter().map(|finding| {
            json!({
                "what": finding.what,
                "measured": finding.measured,
                "expected": finding.expected,
                "agrees": finding.agrees,
                "note": finding.note,
            })
        });
        let value = json!({
            "seconds": kept.seconds,
            "findings": findings.collect::<Vec<_>>(),
            "figures": kept.figures,
        });
        let path = self.path(row);
        let part = path.with_extension("part");
        std::fs::write(&part, format!("{value:#}\n")).map_err(|error| failed(&part, error))?;
        std::fs::rename(&part, &path).map_err(|error| failed(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let folder = std::env::temp_dir().join("neural_limits_reproduce_store");
        let setting = Setting {
            quick: true,
            seed: 1,
        };
        let store = Store::new(&folder, setting).unwrap();
        let kept = Kept {
            seconds: 1.5,
            findings: vec![Finding::new("a", 1.0, "2", false).but("c")],
            figures: vec!["figure.svg".to_owned()],
        };
        store.write("row", &kept).unwrap();
        assert_eq!(store.read("row"), Some(kept));
        assert_eq!(store.read("other"), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
