//! Why a claim does not pass.

use std::fmt;

use crate::Error;
use crate::statistics::Test;

/// What refuted a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Refutation {
    /// What was claimed, of which network.
    pub claim: String,
    /// Where it failed, and what was found there.
    pub found: String,
    /// The statistic and its p-value under the claim.
    pub test: Test,
    /// The p-value below which a claim is refuted: the probability of false alarm over the number of tests.
    pub level: f64,
}

impl fmt::Display for Refutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Test { statistic, p_value } = self.test;
        write!(
            f,
            "refuted: {}\n  {}\n  statistic {statistic:.4}, p-value {p_value:.1e} < {:.1e}",
            self.claim, self.found, self.level
        )
    }
}

/// Why a claim does not pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// It is refuted.
    Refuted(Refutation),
    /// It could not be tested.
    Untested(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuted(refutation) => refutation.fmt(f),
            Self::Untested(error) => write!(f, "the claim could not be tested: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Untested(error)
    }
}
