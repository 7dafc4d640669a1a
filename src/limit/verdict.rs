//! From deviations to a verdict.

use std::collections::BTreeMap;

use super::{Deviation, Law, Regime, Row, SLOWEST};
use crate::Result;
use crate::statistics::{Estimate, Observation, fit_power_law};

/// Errors below this, relative to the limit, are rounding.
const ROUNDING: f64 = 1e-13;

/// The level at which a Kolmogorov–Smirnov test rejects, after Bonferroni's correction for the number of
/// tests.
const LEVEL: f64 = 1e-3;

/// Agreement in law is claimed only if a distance of this size would have been seen.
const RESOLUTION: f64 = 0.4;

/// Sizes with $L$ at least this multiple of $n$ are on the deep side, where routes part if they do.
const DEEP: usize = 4;

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

/// Exponents of the $L^2$ errors of a neural function $T_{n,L}$ with a deterministic limit.
///
/// $\lVert T_{n,L} - T_\infty \rVert \le \lVert T_{n,L} - T_{\infty,L} \rVert + |T_{\infty,L} - T_\infty|$:
/// the *width error* at equal depth, and the *depth error* of the layer recursion. Routes agree if the second
/// vanishes with depth and the first vanishes with width, uniformly in depth.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Exponents {
    /// For every depth of the grid, $\beta$ in the width error $\propto n^\beta$.
    pub in_width: Vec<(usize, Option<Estimate>)>,
    /// $\beta$ in $\max_L$ of the width error $\propto n^\beta$, over the widths that the grid's depths
    /// reach.
    pub uniform_in_depth: Option<Estimate>,
    /// The same for the median error: convergence in probability.
    pub uniform_in_probability: Option<Estimate>,
    /// $\beta$ in the depth error $\propto L^\beta$.
    pub in_depth: Option<Estimate>,
}

/// One size of the grid: width, depth, and the width error there.
type Size = (usize, usize, Deviation);

pub(super) fn exponents(rows: &[Row], function: usize, samples: usize) -> Exponents {
    let sizes = sizes(rows, function);
    let limit = reference(rows, function).and_then(|law| law.as_ref().ok());
    let fit = Fit {
        samples,
        floor: ROUNDING * limit.map_or(0.0, |law| law.mean().abs()),
    };
    let mut depths: Vec<usize> = sizes.iter().map(|size| size.1).collect();
    depths.sort_unstable();
    depths.dedup();
    let in_width = depths.iter().map(|&depth| {
        let at_depth = sizes.iter().filter(|size| size.1 == depth);
        (
            depth,
            exponent(at_depth.filter_map(|size| fit.l2(size.0, &size.2))),
        )
    });
    let depth_errors = rows.iter().filter_map(|row| match row.regime {
        Regime::InfiniteWidth { depth } => fit.l2(depth, row.deviations[function].as_ref()?),
        _ => None,
    });
    let deepest = depths.last().copied().unwrap_or(0);
    let uniform = |observe: &dyn Fn(&Size) -> Option<Observation>| {
        let mut largest: BTreeMap<usize, Observation> = BTreeMap::new();
        for size in sizes.iter().filter(|size| size.0 <= deepest) {
            if let Some(new) = observe(size) {
                let entry = largest.entry(size.0).or_insert_with(|| new.clone());
                if new.error > entry.error {
                    *entry = new;
                }
            }
        }
        exponent(largest.into_values())
    };
    Exponents {
        in_width: in_width.collect(),
        uniform_in_depth: uniform(&|size| fit.l2(size.0, &size.2)),
        uniform_in_probability: uniform(&|size| fit.median(size.0, &size.2)),
        in_depth: exponent(depth_errors),
    }
}

/// The law of infinite width, then infinite depth.
pub(super) fn reference(rows: &[Row], function: usize) -> Option<&Result<Law>> {
    let mut rows = rows.iter();
    let row = rows.find(|row| row.regime == Regime::WidthThenDepth)?;
    Some(&row.laws[function])
}

fn sizes(rows: &[Row], function: usize) -> Vec<Size> {
    rows.iter()
        .filter_map(|row| match row.regime {
            Regime::Finite { width, depth } => Some((width, depth, row.width_errors[function]?)),
            _ => None,
        })
        .collect()
}

/// What turns deviations into points of a fit.
struct Fit {
    samples: usize,
    /// Errors up to this are rounding, and left out.
    floor: f64,
}

impl Fit {
    /// An $L^2$ error. For Gaussian deviations its relative standard error is $(2 \cdot$samples$)^{-1/2}$; a
    /// smaller estimate means a tail that the sample has not seen, and is not believed.
    fn l2(&self, size: usize, deviation: &Deviation) -> Option<Observation> {
        match deviation {
            Deviation::L2 {
                value,
                standard_error,
                ..
            } => {
                let least = value / (2.0 * self.samples as f64).sqrt();
                let computed = *standard_error == 0.0;
                let error = if computed {
                    0.0
                } else {
                    standard_error.max(least)
                };
                self.observation(size, *value, error)
            }
            _ => None,
        }
    }

    /// A median error.
    fn median(&self, size: usize, deviation: &Deviation) -> Option<Observation> {
        match deviation {
            Deviation::L2 { median, .. } => self.observation(size, *median, 0.0),
            _ => None,
        }
    }

    fn observation(&self, size: usize, error: f64, standard_error: f64) -> Option<Observation> {
        (error > self.floor).then(|| Observation {
            sizes: vec![size as f64],
            error,
            standard_error,
        })
    }
}

fn exponent(observations: impl Iterator<Item = Observation>) -> Option<Estimate> {
    let observations: Vec<Observation> = observations.collect();
    fit_power_law(&observations).map(|exponents| exponents[0])
}

pub(super) fn verdict(
    rows: &[Row],
    function: usize,
    samples: usize,
    exponents: &Exponents,
) -> Verdict {
    let tests: Vec<Test> = sizes(rows, function)
        .into_iter()
        .filter_map(|(width, depth, deviation)| match deviation {
            Deviation::KolmogorovSmirnov {
                statistic,
                p_value: Some(p_value),
            } => Some(Test {
                width,
                depth,
                statistic,
                p_value,
            }),
            _ => None,
        })
        .collect();
    if tests.is_empty() {
        by_exponents(exponents)
    } else {
        by_tests(&tests, samples)
    }
}

fn by_exponents(exponents: &Exponents) -> Verdict {
    let (Some(l2), Some(median)) = (exponents.uniform_in_depth, exponents.uniform_in_probability)
    else {
        return Verdict::Unresolved(
            "a fit needs at least three widths that the depths of the grid reach".to_owned(),
        );
    };
    let depth_error = exponents
        .in_depth
        .map_or("is 0".to_owned(), |g| format!("~ L^g, g = {g}"));
    let falls_with_depth = exponents.in_depth.is_none_or(|g| g.high < 0.0);
    // first the median: where it stays, an L2 error that seems to fall has not seen its heavy tail
    if median.low > SLOWEST {
        Verdict::DoNotCommute(format!(
            "for every width there are depths at which the error has not fallen; even its median, at its worst over all depths, ~ n^b, b = {median}"
        ))
    } else if l2.high < SLOWEST && falls_with_depth {
        Verdict::Commute(format!(
            "the L2 error of width n, at its worst over all depths, ~ n^b, b = {l2}; at n = inf the error of depth L {depth_error}"
        ))
    } else {
        Verdict::Unresolved(format!(
            "worst L2 error ~ n^b, b = {l2}; worst median error ~ n^b, b = {median}; at n = inf the error of depth L {depth_error}"
        ))
    }
}

/// A Kolmogorov–Smirnov test of a finite size against infinite width at equal depth.
struct Test {
    width: usize,
    depth: usize,
    statistic: f64,
    p_value: f64,
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "n = {}, L = {} (KS {:.3}, p = {:.1e})",
            self.width, self.depth, self.statistic, self.p_value
        )
    }
}

/// A limit in law: on the deep side, the widest network decides.
fn by_tests(tests: &[Test], samples: usize) -> Verdict {
    let level = LEVEL / tests.len() as f64;
    // the distance at which the leading term 2 exp(-2 m D²) of the p-value reaches the level
    let resolution = ((2.0 / level).ln() / (2.0 * samples as f64)).sqrt();
    let rejected: Vec<&Test> = tests.iter().filter(|test| test.p_value < level).collect();
    let decisive = tests
        .iter()
        .filter(|test| test.depth >= DEEP * test.width)
        .max_by_key(|test| (test.width, test.depth));
    match decisive {
        Some(test) if test.p_value < level => Verdict::DoNotCommute(format!(
            "the law of infinite width is rejected at {} of {} sizes, among them the widest with L >= {DEEP} n: {test}",
            rejected.len(),
            tests.len(),
        )),
        Some(_) if rejected.is_empty() && resolution > RESOLUTION => Verdict::Unresolved(format!(
            "{samples} networks of each size are too few: they show KS distances above {resolution:.2} only"
        )),
        Some(_) if rejected.is_empty() => Verdict::Commute(format!(
            "none of {} sizes is told from the law of infinite width; largest KS distance {:.3}, and {resolution:.3} would have been seen",
            tests.len(),
            tests.iter().map(|test| test.statistic).fold(0.0, f64::max)
        )),
        None => Verdict::Unresolved(format!("no size has L >= {DEEP} n")),
        Some(test) => Verdict::Unresolved(format!(
            "the law of infinite width is rejected at {} of {} sizes, but not at the widest with L >= {DEEP} n: {test}",
            rejected.len(),
            tests.len(),
        )),
    }
}
