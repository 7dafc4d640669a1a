//! What a comparison of regimes found.

use std::fmt;

use super::{Exponents, Law, Regime, Verdict};
use crate::{Error, Result};

/// The distance of a law from the limit of infinite width, then depth.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Deviation {
    /// From a number $x$: $(\mathbb E (X - x)^2)^{1/2}$.
    L2 {
        /// The distance.
        value: f64,
        /// Its standard error; 0 for a computed law.
        standard_error: f64,
        /// The median of $|X - x|$, which heavy tails do not move: the error in probability.
        median: f64,
    },
    /// From a continuous law: $\sup |F - G|$.
    KolmogorovSmirnov {
        /// The distance.
        statistic: f64,
        /// For a sample, the probability of a larger one under the limit.
        p_value: Option<f64>,
    },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::L2 {
                value,
                standard_error: 0.0,
                ..
            } => format!("{value:.2e}"),
            Self::L2 {
                value,
                standard_error,
                ..
            } => format!("{value:.2e} ± {standard_error:.0e}"),
            Self::KolmogorovSmirnov {
                statistic,
                p_value: None,
            } => format!("KS {statistic:.3}"),
            Self::KolmogorovSmirnov {
                statistic,
                p_value: Some(p),
            } if *p < 0.01 => format!("KS {statistic:.3} (p = {p:.0e})"),
            Self::KolmogorovSmirnov {
                statistic,
                p_value: Some(p),
            } => format!("KS {statistic:.3} (p = {p:.2})"),
        };
        f.pad(&text)
    }
}

/// One regime of a report: for every neural function its law (or why there is none) and the deviation of that
/// law.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Row {
    /// The regime.
    pub regime: Regime,
    /// How it was computed.
    pub route: String,
    /// The laws, in the order of [`Report::functions`].
    pub laws: Vec<Result<Law>>,
    /// Their deviations from the reference, where both exist.
    pub deviations: Vec<Option<Deviation>>,
    /// For finite sizes, the deviations from infinite width at equal depth.
    pub width_errors: Vec<Option<Deviation>>,
}

/// What the report says of one neural function.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FunctionReport {
    /// The function.
    pub name: String,
    /// Fitted exponents of its error.
    pub exponents: Exponents,
    /// Whether its limits agree.
    pub verdict: Verdict,
    /// For finite sizes whose ratio $L/n$ has a law of its own (both at once), the regime and the deviation
    /// from that law.
    pub both_at_once: Vec<(Regime, Deviation)>,
}

/// The result of [`Commutativity::run`](super::Commutativity::run): displays as a table, serialises (feature
/// `serde`), plots (feature `plot`).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report {
    /// The architecture.
    pub architecture: String,
    /// The time $t = l/L$ of all laws.
    pub time: f64,
    /// The number of networks for each finite size.
    pub samples: usize,
    /// One row for each regime; that of infinite width, then depth, is the reference of all deviations.
    pub rows: Vec<Row>,
    /// One entry for each neural function.
    pub functions: Vec<FunctionReport>,
}

const REGIME: usize = 26;
const LAW: usize = 13;
const DEVIATION: usize = 21;

/// A number, or the first word of an error.
fn cell(law: &Result<Law>) -> String {
    match law {
        Ok(Law::Empirical(sample)) => {
            let mean = sample.mean().0;
            match sample.undefined() {
                0 => format!("{mean:.6}"),
                dead => format!("{mean:.5} (-{dead})"),
            }
        }
        Ok(law @ Law::LogNormal { .. }) => format!("med {:.2e}", law.median()),
        Ok(Law::Gaussian { mean, variance }) => {
            let mean = if *mean == 0.0 {
                "0".to_owned()
            } else {
                format!("{mean:.3}")
            };
            format!("N({mean}, {variance:.4})")
        }
        Ok(Law::LogNormalScale { log_variance, .. }) => format!("N(0, e^g) {log_variance:.0}"),
        Ok(law) => format!("{:.6}", law.mean()),
        Err(Error::Overflow { .. }) => "overflow".to_owned(),
        Err(Error::Undefined { .. }) => "undefined".to_owned(),
        Err(_) => "-".to_owned(),
    }
}

impl Report {
    /// The heading of a table of [`Row`]s of functions with these names.
    pub fn heading<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
        let mut line = format!("{:REGIME$}", "regime");
        for name in names {
            line += &format!("  {name:>LAW$}  {:>DEVIATION$}", "deviation");
        }
        line
    }

    /// How to read the table.
    pub const LEGEND: &'static str = "\
deviation: from n = inf, then L = inf; against a number, the L2 error ± its standard error; against a law, the
Kolmogorov-Smirnov distance (and its p-value). (-k): on k networks the function has no value. med: the median.
N(0, e^g) v: a Gaussian of log-normal variance, g of variance v.";

    /// The exponents and the verdict of every function, as text.
    pub fn summary(&self) -> String {
        use fmt::Write;
        let mut text = String::new();
        for function in &self.functions {
            // writing to a String cannot fail
            let _ = writeln!(text, "{}", function.name);
            let exponents = &function.exponents;
            for (depth, estimate) in &exponents.in_width {
                if let Some(estimate) = estimate {
                    let _ = writeln!(text, "  width error ~ n^b at L = {depth}: b = {estimate}");
                }
            }
            if let Some(estimate) = exponents.in_depth {
                let _ = writeln!(text, "  depth error ~ L^g at n = inf: g = {estimate}");
            }
            let _ = writeln!(text, "  verdict: {}", function.verdict);
            for (regime, deviation) in &function.both_at_once {
                let _ = writeln!(
                    text,
                    "  {regime} against the law of n, L = inf at this ratio: {deviation}"
                );
            }
        }
        text
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:REGIME$}", self.regime)?;
        for (law, deviation) in self.laws.iter().zip(&self.deviations) {
            let deviation = deviation.map_or_else(|| "-".to_owned(), |d| d.to_string());
            write!(f, "  {:>LAW$}  {deviation:>DEVIATION$}", cell(law))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, t = {}, {} networks per finite size; 95 % intervals",
            self.architecture, self.time, self.samples
        )?;
        let names = self.functions.iter().map(|function| function.name.as_str());
        writeln!(f, "{}", Self::heading(names))?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        writeln!(f, "{}", Self::LEGEND)?;
        write!(f, "{}", self.summary())
    }
}
