//! From deviations to a verdict.

use super::{Deviation, Regime};
use crate::statistics::power_law::combine;
use crate::statistics::{Estimate, Observation};

/// Growth of an error with depth, at fixed width, that is taken for more than the approach to a plateau.
const GROWTH: f64 = 0.1;

/// The level at which a Kolmogorov–Smirnov test rejects, after Bonferroni's correction for the number of tests.
const LEVEL: f64 = 1e-3;

/// The answer to the question whether all ways of taking width and depth to infinity lead to the same limit.
///
/// It is a statement about the measured sizes: the report carries the numbers behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Verdict {
    /// Errors vanish in every direction in which width and depth grow.
    Commute(
        /// The evidence.
        String,
    ),
    /// Errors do not vanish in some direction.
    DoNotCommute(
        /// The evidence.
        String,
    ),
    /// The data does not decide.
    Unresolved(
        /// Why not.
        String,
    ),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commute(why) => write!(f, "routes agree: {why}"),
            Self::DoNotCommute(why) => write!(f, "routes do not agree: {why}"),
            Self::Unresolved(why) => write!(f, "unresolved: {why}"),
        }
    }
}

/// Exponents of the $L^2$ error $e(n, L)$ against the limit of infinite width, then depth.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Exponents {
    /// For every depth of the grid, $\beta$ in $e \propto n^\beta$.
    pub in_width: Vec<(usize, Option<Estimate>)>,
    /// $\beta$ in $e(\infty, L) \propto L^\beta$, from the layer recursion.
    pub in_depth: Option<Estimate>,
    /// $(b, g, b + g)$ in $e \propto n^b L^g$ over all finite sizes; $b + g$ is the exponent along $n \propto L$.
    pub over_grid: Option<[Estimate; 3]>,
}

/// The regimes and deviations of one neural function.
pub(super) type Deviations<'a> = [(Regime, &'a Deviation)];

pub(super) fn exponents(deviations: &Deviations) -> Exponents {
    let observations = |select: &dyn Fn(Regime) -> Option<Vec<f64>>| -> Vec<Observation> {
        deviations
            .iter()
            .filter_map(|(regime, deviation)| match deviation {
                Deviation::L2 {
                    value,
                    standard_error,
                } => Some(Observation {
                    sizes: select(*regime)?,
                    error: *value,
                    standard_error: *standard_error,
                }),
                Deviation::KolmogorovSmirnov { .. } => None,
            })
            .collect()
    };
    let fit = |select: &dyn Fn(Regime) -> Option<Vec<f64>>, combinations: &[Vec<f64>]| {
        combine(&observations(select), combinations)
    };
    let mut depths: Vec<usize> = deviations
        .iter()
        .filter_map(|(regime, _)| match regime {
            Regime::Finite { depth, .. } => Some(*depth),
            _ => None,
        })
        .collect();
    depths.sort_unstable();
    depths.dedup();
    let in_width = depths.into_iter().map(|at| {
        let select = move |regime| match regime {
            Regime::Finite { width, depth } if depth == at => Some(vec![width as f64]),
            _ => None,
        };
        (at, fit(&select, &[]).map(|fit| fit[0]))
    });
    let infinite = |regime| match regime {
        Regime::InfiniteWidth { depth } => Some(vec![depth as f64]),
        _ => None,
    };
    let finite = |regime| match regime {
        Regime::Finite { width, depth } => Some(vec![width as f64, depth as f64]),
        _ => None,
    };
    Exponents {
        in_width: in_width.collect(),
        in_depth: fit(&infinite, &[]).map(|fit| fit[0]),
        over_grid: fit(&finite, &[vec![1.0, 1.0]]).map(|fit| [fit[0], fit[1], fit[2]]),
    }
}

pub(super) fn verdict(deviations: &Deviations, exponents: &Exponents) -> Verdict {
    let tests: Vec<(usize, usize, f64, f64)> = deviations
        .iter()
        .filter_map(|(regime, deviation)| match (regime, deviation) {
            (
                Regime::Finite { width, depth },
                Deviation::KolmogorovSmirnov { statistic, p_value: Some(p) },
            ) => Some((*width, *depth, *statistic, *p)),
            _ => None,
        })
        .collect();
    if tests.is_empty() {
        by_exponents(exponents)
    } else {
        by_tests(&tests)
    }
}

/// A vanishing $L^2$ error: it falls along $n \propto L$ and grows neither with width nor with depth.
fn by_exponents(exponents: &Exponents) -> Verdict {
    let Some([in_width, in_depth, along]) = exponents.over_grid else {
        return Verdict::Unresolved(
            "a fit over the grid needs at least four sizes in two directions".to_owned(),
        );
    };
    let evidence = format!(
        "L2 error ~ n^b L^g with b = {in_width}, g = {in_depth}; along n ~ L it goes like n^{along}"
    );
    if in_depth.low > GROWTH {
        Verdict::DoNotCommute(format!(
            "at fixed width the error grows with depth; {evidence}"
        ))
    } else if along.high < 0.0 && in_width.high < GROWTH && in_depth.high < GROWTH {
        Verdict::Commute(evidence)
    } else {
        Verdict::Unresolved(evidence)
    }
}

/// A limit in law: the size at which both width and depth are largest decides.
fn by_tests(tests: &[(usize, usize, f64, f64)]) -> Verdict {
    let level = LEVEL / tests.len() as f64;
    let rejected: Vec<_> = tests.iter().filter(|test| test.3 < level).collect();
    let largest = tests
        .iter()
        .max_by_key(|test| (test.0.min(test.1), test.0.max(test.1)));
    let describe = |test: &(usize, usize, f64, f64)| {
        format!(
            "n = {}, L = {} (KS = {:.3}, p = {:.1e})",
            test.0, test.1, test.2, test.3
        )
    };
    match largest {
        Some(test) if test.3 < level => Verdict::DoNotCommute(format!(
            "the law is rejected in {} of {} sizes, the largest included: {}",
            rejected.len(),
            tests.len(),
            describe(test)
        )),
        Some(_) if rejected.is_empty() => Verdict::Commute(format!(
            "no size is told from the limit law; largest KS = {:.3}",
            tests.iter().map(|test| test.2).fold(0.0, f64::max)
        )),
        _ => Verdict::Unresolved(format!(
            "the law is rejected at {}, but not where both sizes are largest",
            rejected
                .iter()
                .map(|test| describe(test))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}
