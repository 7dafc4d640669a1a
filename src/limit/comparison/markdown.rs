//! Reports as Markdown.

use std::fmt::Write;

use super::report::{Outcome, RouteReport};
use super::text::{probability, short};

impl RouteReport {
    /// The report as Markdown: for each function a table of its routes, the answers and the fitted rates, and
    /// the distances between routes.
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
                    let distance = judgement.steps.last().map_or_else(
                        || "-".to_owned(),
                        |last| match last.networks {
                            0 => short(last.distance),
                            _ => {
                                format!("{} ± {}", short(last.distance), short(last.standard_error))
                            }
                        },
                    );
                    let slope = judgement
                        .slope
                        .map_or_else(|| "-".to_owned(), |s| s.to_string());
                    let outcome = match &judgement.outcome {
                        Outcome::Reference => "reference".to_owned(),
                        Outcome::Same { error_probability } => {
                            format!("same (p = {})", probability(*error_probability))
                        }
                        Outcome::Different { error_probability } => {
                            format!("other (p = {})", probability(*error_probability))
                        }
                        Outcome::Open {
                            error_probability, ..
                        } => {
                            format!("open (p = {})", probability(*error_probability))
                        }
                        Outcome::Unavailable(error) => error.to_string(),
                    };
                    let _ = writeln!(
                        text,
                        "| {} | {} | {} | {} | {distance} | {slope} | {} |",
                        end.route,
                        end.regime,
                        end.networks,
                        end.value(),
                        escaped(&outcome)
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
        text
    }
}

/// Without characters that end a cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
