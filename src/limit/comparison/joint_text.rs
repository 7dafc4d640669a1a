//! Joint laws in reports, as text and as Markdown.

use std::fmt::{self, Write};

use super::cells::size_in_words;
use super::markdown::escaped;
use super::numbers::{probability, short};
use super::report::{JointComparison, JointEnd, Judgement};
use super::text::{NETWORKS, ROUTE, SIZE, wrapped};
use crate::statistics::Test;

impl JointComparison {
    /// The covariance matrix of the limit, row by row.
    fn limit_in_words(&self) -> String {
        match &self.limit {
            Ok(covariance) => {
                let row = |row: &Vec<f64>| {
                    let entries: Vec<String> = row.iter().map(|x| short(*x)).collect();
                    entries.join(" ")
                };
                let rows: Vec<String> = covariance.iter().map(row).collect();
                format!("N(0, [{}])", rows.join("; "))
            }
            Err(error) => error.to_string(),
        }
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = format!(
            "joint law of {}: n first gives {}",
            self.name,
            self.limit_in_words()
        );
        writeln!(f, "{}", wrapped(&heading))?;
        writeln!(
            f,
            "  {:<ROUTE$} {:<SIZE$} {:>NETWORKS$}  energy slope        of the limit  dist. corr.  independent",
            "route", "largest size", "nets"
        )?;
        for (k, end) in self.routes.iter().enumerate() {
            let cell = self.weak.routes.get(k).map(Judgement::cell);
            let line = format!(
                "  {:<ROUTE$} {:<SIZE$} {:>NETWORKS$}  {:<18}  {:<12}  {:<11}  {}",
                end.route,
                size_in_words(end.regime),
                end.networks_in_words(),
                cell.unwrap_or_default(),
                p_value(end.against_limit),
                end.correlation_in_words(),
                p_value(end.independence),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "{}", wrapped(&format!("  weak: {}", self.weak.answer)))?;
        for line in self.notes() {
            writeln!(f, "{}", wrapped(&format!("    {line}")))?;
        }
        Ok(())
    }

    /// What the table has no room for.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (k, end) in self.routes.iter().enumerate() {
            notes.extend(super::text::notes_of_route(
                end.route,
                &end.source,
                end.undefined,
                self.weak.routes.get(k),
            ));
        }
        notes
    }

    pub(super) fn write_markdown(&self, text: &mut String) {
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "\n## joint law of {}\n\nn first gives {}.\n\n**weak:** {}.\n",
            escaped(&self.name),
            self.limit_in_words(),
            escaped(&self.weak.answer.to_string())
        );
        *text += "| route | largest size | networks | energy distance | slope | outcome | law of the limit, \
                  p | distance correlation | independent, p |\n|---|---|---|---|---|---|---|---|---|\n";
        for (end, judgement) in self.routes.iter().zip(&self.weak.routes) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                end.route,
                end.regime,
                end.networks_in_words(),
                judgement.distance_in_words(),
                judgement.slope_in_words(),
                escaped(&judgement.outcome_in_words()),
                p_value(end.against_limit),
                end.correlation_in_words(),
                p_value(end.independence),
            );
        }
        for note in self.notes() {
            let _ = writeln!(text, "\n{}", escaped(&note));
        }
    }
}

impl JointEnd {
    fn networks_in_words(&self) -> String {
        match self.networks {
            0 => "-".to_owned(),
            count => count.to_string(),
        }
    }

    fn correlation_in_words(&self) -> String {
        self.independence
            .map_or_else(|| "-".to_owned(), |test| short(test.statistic))
    }
}

fn p_value(test: Option<Test>) -> String {
    test.map_or_else(
        || "-".to_owned(),
        |test| format!("p = {}", probability(test.p_value)),
    )
}
