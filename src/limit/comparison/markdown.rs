//! Reports as Markdown.

use std::fmt::Write;

use super::numbers::{probability, short};
use super::report::{Judgement, Outcome, RouteReport};

impl RouteReport {
    /// The report as Markdown: for each function a table of its routes, the answers and the fitted rates, and
    /// the distances between routes; for each vector of neurons a table of its joint law.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "# {}\n\nt = {}, {} networks in {} rounds; error probability {}, tolerance {}; 95 % intervals.",
            self.architecture, self.time, self.networks, self.rounds, self.level, self.tolerance
        );
        for function in &self.functions {
            let limit = match &function.limit {
                Ok(law) => law.to_string(),
                Err(error) => error.to_string(),
            };
            let _ = writeln!(
                text,
                "\n## {}\n\nn first gives {limit}.",
                escaped(&function.name)
            );
            for (kind, finding) in function.findings() {
                let _ = writeln!(
                    text,
                    "\n**{kind}:** {}.\n",
                    escaped(&finding.answer.to_string())
                );
                let _ = writeln!(
                    text,
                    "| route | largest size | networks | median [5 %, 95 %] | {} distance | slope | outcome |",
                    finding.measure.name()
                );
                text += "|---|---|---|---|---|---|---|\n";
                for (end, judgement) in function.routes.iter().zip(&finding.routes) {
                    let _ = writeln!(
                        text,
                        "| {} | {} | {} | {} | {} | {} | {} |",
                        end.route,
                        end.regime,
                        end.networks,
                        end.value(),
                        judgement.distance_in_words(),
                        judgement.slope_in_words(),
                        escaped(&judgement.outcome_in_words())
                    );
                }
                if let Some(rates) = &finding.rates {
                    let _ = match rates {
                        Ok(rates) => writeln!(text, "\nerror ~ C1 n^-a + C2 L^-b: {rates}"),
                        Err(error) => writeln!(text, "\nno rates: {}", escaped(&error.to_string())),
                    };
                }
            }
            for note in function.notes() {
                let _ = writeln!(text, "\n{}", escaped(&note));
            }
            if !function.between.is_empty() {
                text += "\n| routes | W1, relative | Kolmogorov–Smirnov |\n|---|---|---|\n";
                for pair in &function.between {
                    let w = pair.wasserstein;
                    let _ = writeln!(
                        text,
                        "| {}, {} | {} [{}, {}] | {} |",
                        pair.first,
                        pair.second,
                        short(w.value),
                        short(w.low),
                        short(w.high),
                        pair.test
                    );
                }
            }
        }
        for joint in &self.joint {
            joint.write_markdown(&mut text);
        }
        text
    }
}

impl Judgement {
    /// The last distance and its standard error.
    pub(super) fn distance_in_words(&self) -> String {
        match self.steps.last() {
            None => "-".to_owned(),
            Some(last) if last.networks == 0 => short(last.distance),
            Some(last) => format!("{} ± {}", short(last.distance), short(last.standard_error)),
        }
    }

    pub(super) fn slope_in_words(&self) -> String {
        self.slope.map_or_else(|| "-".to_owned(), |s| s.to_string())
    }

    pub(super) fn outcome_in_words(&self) -> String {
        let (word, p) = match &self.outcome {
            Outcome::Reference => return "reference".to_owned(),
            Outcome::Unavailable(error) => return error.to_string(),
            Outcome::Same { error_probability } => ("same", error_probability),
            Outcome::Different { error_probability } => ("other", error_probability),
            Outcome::Open {
                error_probability, ..
            } => ("open", error_probability),
        };
        format!("{word} (p = {})", probability(*p))
    }
}

/// Without characters that end a cell.
pub(super) fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
