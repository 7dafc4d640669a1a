//! What the cells of a report's tables say.

use super::numbers::{short, shorter};
use super::report::{Judgement, Measure, Outcome, RouteLimit};
use crate::limit::Regime;

/// Characters of a law, or of a median with its range.
pub(super) const VALUE: usize = 21;

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

/// A regime in the width of its column.
pub(super) fn size_in_words(regime: Regime) -> String {
    let text = regime.to_string();
    text.replace("n = inf, then L = inf", "n, then L = inf")
}
