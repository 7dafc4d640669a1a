//! Reports as text of at most 100 columns.

use std::fmt;

use super::report::{
    Answer, Finding, FunctionComparison, Judgement, Measure, Outcome, RouteLimit, RouteReport,
};
use crate::limit::{Regime, Route};

/// Widths of the columns.
pub(super) const ROUTE: usize = 11;
pub(super) const SIZE: usize = 17;
pub(super) const NETWORKS: usize = 7;
const VALUE: usize = 21;
const CELL: usize = 18;

/// A number in at most seven characters: three digits, or two with an exponent.
pub(super) fn short(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(0.01..999.5).contains(&size) {
        format!("{x:.1e}")
    } else if size < 0.9995 {
        format!("{x:.3}")
    } else if size < 9.995 {
        format!("{x:.2}")
    } else if size < 99.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// A number in two digits.
fn shorter(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(0.01..99.5).contains(&size) {
        format!("{x:.0e}")
    } else if size < 0.995 {
        format!("{x:.2}")
    } else if size < 9.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// A probability of error.
pub(super) fn probability(p: f64) -> String {
    match p {
        p if p < 1e-15 => "< 1e-15".to_owned(),
        p if p < 0.01 => format!("{p:.0e}"),
        p => format!("{p:.2}"),
    }
}

/// A number of networks.
fn count(x: f64) -> String {
    if x < 1e6 {
        format!("{x:.0}")
    } else {
        format!("{x:.1e}")
    }
}

impl Measure {
    /// The measure in a word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::L2 => "L2",
            Self::Bounded => "in law",
            Self::KolmogorovSmirnov => "KS",
            Self::Wasserstein => "W1",
            Self::Energy => "energy",
        }
    }
}

impl Outcome {
    /// The outcome in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Reference => "ref",
            Self::Same { .. } => "same",
            Self::Different { .. } => "other",
            Self::Open { .. } => "open",
            Self::Unavailable(_) => "-",
        }
    }
}

impl Judgement {
    /// Distance, slope and outcome.
    pub(super) fn cell(&self) -> String {
        let Some(last) = self.steps.last() else {
            return self.outcome.word().to_owned();
        };
        let slope = self.slope.map_or_else(
            || "     ".to_owned(),
            |slope| match slope.value {
                value if value.abs() < 9.995 => format!("{value:>+5.2}"),
                value => format!("{value:>+5.0}"),
            },
        );
        format!(
            "{:>6} {slope} {:<5}",
            shorter(last.distance),
            self.outcome.word()
        )
    }
}

impl RouteLimit {
    /// The median and the range of 90 %, or the law.
    pub(super) fn value(&self) -> String {
        match (&self.quantiles, &self.law) {
            (Some([low, median, high]), _) => {
                let range = format!("[{}, {}]", shorter(*low), shorter(*high));
                let text = format!("{} {range}", short(*median));
                if text.chars().count() <= VALUE {
                    text
                } else {
                    format!("{} {range}", shorter(*median))
                }
            }
            (None, Some(law)) => {
                let text = law.to_string();
                if text.chars().count() <= VALUE {
                    text
                } else {
                    format!("mean {}", short(law.mean()))
                }
            }
            (None, None) => "-".to_owned(),
        }
    }
}

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

/// A regime in the width of its column.
pub(super) fn size_in_words(regime: Regime) -> String {
    let text = regime.to_string();
    text.replace("n = inf, then L = inf", "n, then L = inf")
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
    fn numbers_are_short() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1.00"),
            (0.123_45, "0.123"),
            (-12.345, "-12.3"),
            (123.456, "123"),
            (1e-9, "1.0e-9"),
            (-4.2e17, "-4.2e17"),
            (0.999_9, "1.00"),
        ] {
            assert_eq!(short(x), text);
            assert!(short(x).len() <= 7 && shorter(x).len() <= 6);
        }
    }

    #[test]
    fn long_lines_are_wrapped() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.lines().count() > 2);
        assert!(lines.lines().all(|line| line.chars().count() <= 100));
        assert_eq!(lines.split_whitespace().count(), 60);
    }
}
