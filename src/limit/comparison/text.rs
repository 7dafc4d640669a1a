//! Reports as text of at most 100 columns.

use std::fmt;

use super::cells::{VALUE, size_in_words};
use super::numbers::{count, probability, short, shorter};
use super::report::{Answer, Finding, FunctionComparison, Judgement, Outcome, RouteReport};
use crate::limit::Route;

/// Widths of the columns.
pub(super) const ROUTE: usize = 11;
pub(super) const SIZE: usize = 17;
pub(super) const NETWORKS: usize = 7;
const CELL: usize = 18;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commute {
                error_probability,
                left_out,
            } => {
                let probability = probability(*error_probability);
                write!(f, "routes agree (error probability {probability})")?;
                match left_out {
                    0 => Ok(()),
                    1 => write!(f, ", but for one that could not be followed"),
                    count => write!(f, ", but for {count} that could not be followed"),
                }
            }
            Self::DoNotCommute {
                error_probability,
                because,
            } => write!(
                f,
                "routes do not agree (error probability {}): {because}",
                probability(*error_probability)
            ),
            Self::Undecided {
                networks,
                seconds,
                because,
            } => {
                write!(f, "undecided: {because}")?;
                match (networks, seconds) {
                    (Some(networks), None) => {
                        write!(f, "; {} networks in all would do", count(*networks))
                    }
                    (Some(networks), Some(seconds)) => write!(
                        f,
                        "; {} networks, {seconds:.1} s, in all would do",
                        count(*networks)
                    ),
                    (None, _) => write!(f, "; no budget is in sight"),
                }
            }
        }
    }
}

/// `text`, in lines of at most 100 columns, those behind the first indented.
pub(super) fn wrapped(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for (i, word) in text.split(' ').enumerate() {
        let longer = line.chars().count() + 1 + word.chars().count() > WIDTH;
        if i > 0 && longer && !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line));
            line = format!("      {word}");
        } else {
            if i > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.push(line);
    lines.join("\n")
}

impl FunctionComparison {
    /// The strong question, where it was asked, and the weak one.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&'static str, &Finding)> {
        let strong = self.strong.iter().map(|finding| ("strong", finding));
        strong.chain(std::iter::once(("weak", &self.weak)))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = match &self.limit {
            Ok(law) => law.to_string(),
            Err(error) => error.to_string(),
        };
        writeln!(
            f,
            "{}",
            wrapped(&format!("{}: n first gives {limit}", self.name))
        )?;
        let mut heading = format!(
            "  {:<ROUTE$} {:<SIZE$} {:>NETWORKS$}  {:<VALUE$}",
            "route", "largest size", "nets", "median [5 %, 95 %]"
        );
        for (_, finding) in self.findings() {
            let measure = format!("{:>6} slope", finding.measure.name());
            heading += &format!(" {measure:<CELL$}");
        }
        writeln!(f, "{}", heading.trim_end())?;
        for (k, end) in self.routes.iter().enumerate() {
            let networks = if end.networks > 0 {
                end.networks.to_string()
            } else {
                "-".to_owned()
            };
            let mut line = format!(
                "  {:<ROUTE$} {:<SIZE$} {networks:>NETWORKS$}  {:<VALUE$}",
                end.route,
                size_in_words(end.regime),
                end.value()
            );
            for (_, finding) in self.findings() {
                let cell = finding.routes.get(k).map(Judgement::cell);
                line += &format!(" {:<CELL$}", cell.unwrap_or_default());
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        for (kind, finding) in self.findings() {
            writeln!(f, "{}", wrapped(&format!("  {kind}: {}", finding.answer)))?;
            if let Some(Ok(rates)) = &finding.rates
                && let [width, depth] = &rates.terms[..]
            {
                writeln!(
                    f,
                    "    error ~ C1 n^-a + C2 L^-b: a = {:.2} [{:.2}, {:.2}], b = {:.2} [{:.2}, {:.2}]",
                    width.exponent.value,
                    width.exponent.low,
                    width.exponent.high,
                    depth.exponent.value,
                    depth.exponent.low,
                    depth.exponent.high
                )?;
            }
        }
        for line in self.notes() {
            writeln!(f, "{}", wrapped(&format!("    {line}")))?;
        }
        Ok(())
    }

    /// What the table has no room for.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (k, end) in self.routes.iter().enumerate() {
            if let (Some(law), Some(test)) = (&end.law, &end.against_law) {
                notes.push(format!("{}: theory has {law}; KS {test}", end.route));
            }
            let finding = self.findings().next();
            let judgement = finding.and_then(|(_, finding)| finding.routes.get(k));
            notes.extend(notes_of_route(
                end.route,
                &end.source,
                end.undefined,
                judgement,
            ));
        }
        let means = self.routes.iter().filter_map(|end| {
            let mean = end.mean?;
            let error = mean.standard_error.hypot(mean.truncation);
            Some(format!(
                "{} {} ± {}",
                end.route,
                short(mean.value),
                shorter(error)
            ))
        });
        let means: Vec<String> = means.collect();
        if !means.is_empty() {
            notes.push(format!("means, extrapolated: {}", means.join(", ")));
        }
        let mut pairs: Vec<_> = self.between.iter().collect();
        pairs.sort_by(|a, b| b.wasserstein.value.total_cmp(&a.wasserstein.value));
        if let Some(far) = pairs.first() {
            notes.push(format!(
                "farthest apart: {} and {}, W1 {} [{}, {}], KS {}",
                far.first,
                far.second,
                short(far.wasserstein.value),
                short(far.wasserstein.low),
                short(far.wasserstein.high),
                far.test
            ));
        }
        notes
    }
}

/// What there is to say of any route.
pub(super) fn notes_of_route(
    route: Route,
    source: &str,
    undefined: usize,
    judgement: Option<&Judgement>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if source.starts_with("sampled networks with") {
        notes.push(format!("{route}: {source}"));
    }
    if undefined > 0 {
        notes.push(format!(
            "{route}: {undefined} networks have no value and count as far"
        ));
    }
    if let Some(Judgement {
        outcome: Outcome::Unavailable(error),
        ..
    }) = judgement
    {
        notes.push(format!("{route}: {error}"));
    }
    notes
}

impl RouteReport {
    /// How to read the table.
    pub const LEGEND: &'static str = "\
distance: from n first, at the largest size. L2: root of the mean square error, relative; in law:
mean error, relative, at most 1; KS: Kolmogorov-Smirnov; W1: between samples, relative; energy: of
joint laws. slope: its power of min(n, L): 0 stays, -1/2 is the central limit's. same, other: as n
first or not; open: not decided.";
}

impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", wrapped(&self.architecture))?;
        writeln!(
            f,
            "t = {}, {} networks in {} rounds; error probability {}, tolerance {}; 95 % intervals",
            self.time, self.networks, self.rounds, self.level, self.tolerance
        )?;
        for function in &self.functions {
            writeln!(f)?;
            function.write(f)?;
        }
        for joint in &self.joint {
            writeln!(f)?;
            joint.write(f)?;
        }
        write!(f, "\n{}", Self::LEGEND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.lines().count() > 2);
        assert!(lines.lines().all(|line| line.chars().count() <= 100));
        assert_eq!(lines.split_whitespace().count(), 60);
    }
}
