//! The table, as Markdown.

use std::fmt::Write;

use crate::row::{Finding, Kept, Row};

/// Rows under one heading.
pub struct Group {
    pub title: &'static str,
    pub rows: Vec<Row>,
}

const HEAD: &str = "\
# Reproduction

What is published on width and depth, and what is derived in [theory.md](theory.md), beside what this crate measures. Written by

    cargo run --release --example reproduce

which resumes where it was interrupted; `--only NAME` runs one row, `--again` runs rows that are finished.

Measured numbers have intervals of 95 %. A row *agrees* if its number lies within 3.5 standard errors of what is expected, beside the order of what the expectation neglects, and exponents likewise: of
a hundred true statements one is missed in twenty runs. Inputs have variance 1 behind the first layer, and all networks are drawn from one seed, so that every number is the same on every machine.
";

/// The report of all rows, those that have not been run included.
pub fn write(groups: &[Group], kept: impl Fn(&str) -> Option<Kept>) -> String {
    let mut text = HEAD.to_owned();
    let mut refuted: Vec<(Row, Finding)> = Vec::new();
    let mut failures: Vec<(Row, Finding)> = Vec::new();
    let mut comparisons = 0;
    let mut body = String::new();
    for group in groups {
        let _ = write!(body, "\n## {}\n", group.title);
        for row in &group.rows {
            let _ = write!(
                body,
                "\n### {}\n\n{} ({}).\n\n",
                row.name,
                sentence(row.statement),
                row.source
            );
            let Some(kept) = kept(row.name) else {
                body.push_str("Not run.\n");
                continue;
            };
            body.push_str("| | measured | expected | agrees |\n|---|---|---|---|\n");
            for finding in &kept.findings {
                comparisons += 1;
                let verdict = if finding.agrees { "yes" } else { "**no**" };
                let _ = writeln!(
                    body,
                    "| {} | {} | {} | {verdict} |",
                    cell(&finding.what),
                    cell(&finding.measured),
                    cell(&finding.expected)
                );
                if finding.is_failure() {
                    failures.push((*row, finding.clone()));
                } else if !finding.agrees {
                    refuted.push((*row, finding.clone()));
                }
            }
            for figure in &kept.figures {
                let _ = write!(body, "\n![{}](figures/{figure})\n", sentence(row.statement));
            }
        }
    }
    let _ = writeln!(text, "\n{comparisons} comparisons.");
    if !refuted.is_empty() {
        text.push_str("\n## What does not hold as stated\n\n");
        for (row, finding) in &refuted {
            let _ = writeln!(
                text,
                "- {}: {}, expected {}. In fact {} ([{}](#{}), {}).",
                finding.what,
                finding.measured,
                finding.expected,
                finding.note,
                row.name,
                row.name,
                row.source
            );
        }
    }
    if !failures.is_empty() {
        text.push_str("\n## What disagrees without an explanation\n\n");
        for (row, finding) in &failures {
            let _ = writeln!(
                text,
                "- {}: {}, expected {} ([{}](#{})).",
                finding.what, finding.measured, finding.expected, row.name, row.name
            );
        }
    }
    text + &body
}

/// With a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A bar would end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "∣")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Outcome;

    #[test]
    fn what_does_not_hold_is_listed_and_what_was_not_run_is_named() {
        let row = |name| Row {
            name,
            statement: "a statement",
            source: "a source",
            run: |_| Ok(Outcome::default()),
        };
        let groups = [Group {
            title: "a group",
            rows: vec![row("first"), row("second")],
        }];
        let kept = |name: &str| {
            (name == "first").then(|| Kept {
                seconds: 30.0,
                findings: vec![
                    Finding::new("|x|", 1.0, 1.0, true),
                    Finding::new("y", 1.0, 2.0, false).but("it is one"),
                    Finding::new("z", 1.0, 2.0, false),
                ],
                figures: vec!["first.svg".to_owned()],
            })
        };
        let text = write(&groups, kept);
        assert!(text.contains("3 comparisons."));
        assert!(text.contains("In fact it is one") && text.contains("without an explanation"));
        assert!(text.contains("| ∣x∣ | 1 | 1 | yes |") && text.contains("Not run."));
    }
}
