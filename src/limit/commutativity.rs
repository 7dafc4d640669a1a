//! The comparison of all regimes of one architecture.

use std::collections::BTreeMap;
use std::fmt;

use super::routes;
use super::verdict;
use super::without_value;
use super::{Deviation, FunctionReport, Grid, Law, Limit, Regime, Report, Row, Verdict};
use crate::architecture::Architecture;
use crate::error;
use crate::network::Network;
use crate::neural_function::NeuralFunction;
use crate::random::Seed;
use crate::{Error, Result};

/// How far a comparison has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The regime just finished.
    pub row: &'a Row,
    /// The fraction of all work that is done, in $[0, 1]$.
    pub fraction: f64,
}

type Observer<'a> = Box<dyn FnMut(Progress<'_>) + 'a>;

/// Asks whether the limits of neural functions depend on the way in which width and depth go to infinity.
///
/// All functions are read off the same sampled networks, of every size of a grid and a fixed number of each.
/// For an answer with a stated error probability, along chosen routes, see
/// [`RouteComparison`](super::RouteComparison). The reference is the limit of infinite width, then depth;
/// *strong commutativity* (S. Hayou 2023, arXiv 2310.01683) is $\lVert T_{n,L} - T_\infty \rVert_{L^2} \to 0$
/// as $\min(n, L) \to \infty$. Networks on which a function has no value count as far: from a number as the
/// farthest value and at least its size, in laws at $+\infty$.
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
/// let covariance = Covariance::between(&a, &b)?;
/// let neuron = Neuron::at(&a)?;
/// let report = Commutativity::of(&net, &covariance)
///     .and(&neuron)
///     .widths(&[16, 64, 256, 1024])
///     .depths(&[8, 64, 1024])
///     .samples(64)
///     .seed(7)
///     .run()?;
/// println!("{report}");
/// assert!(matches!(report.functions[0].verdict, Verdict::Commute(_)));
/// # Ok::<(), Error>(())
/// ```
pub struct Commutativity<'a> {
    name: String,
    network: Network,
    functions: Vec<&'a dyn NeuralFunction>,
    widths: Vec<usize>,
    depths: Vec<usize>,
    samples: usize,
    seed: Seed,
    time: f64,
    observer: Option<Observer<'a>>,
}

impl fmt::Debug for Commutativity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commutativity")
            .field("network", &self.network)
            .field("functions", &self.functions)
            .field("widths", &self.widths)
            .field("depths", &self.depths)
            .field("samples", &self.samples)
            .field("seed", &self.seed)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<'a> Commutativity<'a> {
    /// Of a neural function of an architecture; by default at widths 64, 256, 1024, depths 10, 100, 1000,
    /// with 64 networks of each size, seed 0, at time $t = 1$.
    pub fn of<N: Architecture + ?Sized>(net: &N, function: &'a dyn NeuralFunction) -> Self {
        Self {
            name: net.name(),
            network: net.network(),
            functions: vec![function],
            widths: vec![64, 256, 1024],
            depths: vec![10, 100, 1000],
            samples: 64,
            seed: Seed::new(0),
            time: 1.0,
            observer: None,
        }
    }

    /// Adds a neural function.
    pub fn and(mut self, function: &'a dyn NeuralFunction) -> Self {
        self.functions.push(function);
        self
    }

    /// Sets the widths.
    pub fn widths(mut self, widths: &[usize]) -> Self {
        self.widths = widths.to_vec();
        self
    }

    /// Sets the depths.
    pub fn depths(mut self, depths: &[usize]) -> Self {
        self.depths = depths.to_vec();
        self
    }

    /// Sets the number of networks of each size.
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: impl Into<Seed>) -> Self {
        self.seed = seed.into();
        self
    }

    /// Sets the time $t = l/L$ at which networks are read.
    pub fn time(mut self, time: f64) -> Self {
        self.time = time;
        self
    }

    /// Calls `observer` after every regime, with its finished row: what a long run has found is never lost.
    pub fn on_progress(mut self, observer: impl FnMut(Progress<'_>) + 'a) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Runs all routes and compares them.
    ///
    /// A route that fails (an overflow, a limit that does not exist) is an entry of its row, not an end of
    /// the run.
    ///
    /// # Errors
    /// As [`Grid::new`] and [`InEveryLimit::limits`](super::InEveryLimit::limits); [`Error::Invalid`] for a
    /// time outside of $[0, 1]$.
    pub fn run(mut self) -> Result<Report> {
        error::unit_interval("time", self.time)?;
        let grid = Grid::new(&self.widths, &self.depths, self.samples, self.seed)?;
        let mut limits = routes::all(&self.network, &grid)?;
        // what others deviate from comes first
        limits.sort_by_key(|limit| match limit.regime() {
            Regime::WidthThenDepth => 0,
            Regime::InfiniteWidth { .. } => 1,
            _ => 2,
        });
        let total: f64 = limits.iter().map(|limit| limit.work()).sum();
        let mut references = References::default();
        let mut rows = Vec::with_capacity(limits.len());
        let mut done = 0.0;
        for limit in &limits {
            let row = references.row(limit.as_ref(), &self.functions, self.time);
            done += limit.work();
            if let Some(observer) = &mut self.observer {
                observer(Progress {
                    row: &row,
                    fraction: if total > 0.0 { done / total } else { 1.0 },
                });
            }
            rows.push(row);
        }
        let functions = self
            .functions
            .iter()
            .enumerate()
            .map(|(i, function)| function_report(function.name(), i, &rows, self.samples))
            .collect();
        Ok(Report {
            architecture: self.name,
            time: self.time,
            samples: self.samples,
            rows,
            functions,
        })
    }
}

/// The laws from which others deviate.
#[derive(Default)]
struct References {
    /// Infinite width, then infinite depth.
    limit: Option<Vec<Result<Law>>>,
    /// Infinite width, by depth.
    infinite_width: BTreeMap<usize, Vec<Result<Law>>>,
}

impl References {
    fn row(&mut self, limit: &dyn Limit, functions: &[&dyn NeuralFunction], time: f64) -> Row {
        let laws = limit.laws(functions, time);
        let regime = limit.regime();
        let equal_depth = match regime {
            Regime::Finite { depth, .. } => self.infinite_width.get(&depth),
            _ => None,
        };
        let row = Row {
            regime,
            route: limit.route(),
            deviations: match regime {
                Regime::WidthThenDepth => deviations(&laws, Some(&laws)),
                _ => deviations(&laws, self.limit.as_deref()),
            },
            width_errors: deviations(&laws, equal_depth.map(Vec::as_slice)),
            laws,
        };
        match regime {
            Regime::WidthThenDepth => self.limit = Some(row.laws.clone()),
            Regime::InfiniteWidth { depth } => {
                self.infinite_width.insert(depth, row.laws.clone());
            }
            _ => {}
        }
        row
    }
}

fn deviations(laws: &[Result<Law>], reference: Option<&[Result<Law>]>) -> Vec<Option<Deviation>> {
    let Some(reference) = reference else {
        return vec![None; laws.len()];
    };
    laws.iter()
        .zip(reference)
        .map(|pair| match pair {
            (Ok(law), Ok(reference)) => deviation(law, reference).ok(),
            _ => None,
        })
        .collect()
}

fn deviation(law: &Law, reference: &Law) -> Result<Deviation> {
    Ok(match (law, reference) {
        (Law::Empirical(sample), Law::Deterministic(x)) => {
            let (value, standard_error) = without_value::l2_error(sample, *x)?;
            Deviation::L2 {
                value,
                standard_error,
                median: without_value::median_error(sample, *x)?,
            }
        }
        (law, Law::Deterministic(x)) => Deviation::L2 {
            value: law.l2(reference),
            standard_error: 0.0,
            median: (law.median() - x).abs(),
        },
        // some laws are samples themselves, which the test knows
        (Law::Empirical(sample), reference) => {
            let all = without_value::at_infinity(sample.values(), sample.undefined())?;
            let test = all.test(reference)?;
            Deviation::KolmogorovSmirnov {
                statistic: test.statistic,
                p_value: Some(test.p_value),
            }
        }
        (law, reference) => Deviation::KolmogorovSmirnov {
            statistic: law.kolmogorov_smirnov(reference).clamp(0.0, 1.0),
            p_value: None,
        },
    })
}

fn function_report(name: String, i: usize, rows: &[Row], samples: usize) -> FunctionReport {
    let exponents = verdict::exponents(rows, i, samples);
    let verdict = match verdict::reference(rows, i) {
        Some(Err(error @ Error::Overflow { .. })) => Verdict::DoNotCommute(format!(
            "there is no limit to agree on; with infinite width, {error}"
        )),
        Some(Err(error)) => Verdict::Unresolved(error.to_string()),
        _ => verdict::verdict(rows, i, samples, &exponents),
    };
    FunctionReport {
        name,
        exponents,
        verdict,
        both_at_once: both_at_once(rows, i),
    }
}

/// Sampled networks against the continuous law of their ratio $L/n$, where the report has both.
fn both_at_once(rows: &[Row], i: usize) -> Vec<(Regime, Deviation)> {
    let laws: Vec<(f64, &Law)> = rows
        .iter()
        .filter_map(|row| match (row.regime, &row.laws[i]) {
            (
                Regime::Proportional { depth_over_width },
                Ok(law @ (Law::LogNormal { .. } | Law::LogNormalScale { .. })),
            ) => Some((depth_over_width, law)),
            _ => None,
        })
        .collect();
    rows.iter()
        .filter_map(|row| {
            let Regime::Finite { width, depth } = row.regime else {
                return None;
            };
            let ratio = depth as f64 / width as f64;
            let (_, law) = laws.iter().find(|(other, _)| *other == ratio)?;
            let sampled = row.laws[i].as_ref().ok()?;
            Some((row.regime, deviation(sampled, law).ok()?))
        })
        .collect()
}
