//! What a comparison along routes found.

use crate::limit::{Law, Regime, Route};
use crate::statistics::{Estimate, Extrapolation, Rates, Test};
use crate::{Error, Result};

/// The result of [`RouteComparison::run`](super::RouteComparison::run): displays as a table of at most 100
/// columns, gives [Markdown](Self::to_markdown), serialises (feature `serde`), plots (feature `plot`).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RouteReport {
    /// The architecture.
    pub architecture: String,
    /// The time $t = l/L$ of all values.
    pub time: f64,
    /// The error probability that every answer was to stay below.
    pub level: f64,
    /// The distance below which laws count as equal.
    pub tolerance: f64,
    /// How often more networks were drawn.
    pub rounds: usize,
    /// All networks (and paths of diffusions) that were drawn.
    pub networks: usize,
    /// One entry for each neural function.
    pub functions: Vec<FunctionComparison>,
    /// One entry for each vector of neurons.
    pub joint: Vec<JointComparison>,
}

/// What was found of one neural function.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FunctionComparison {
    /// The function.
    pub name: String,
    /// Its limit with infinite width, then infinite depth: the reference.
    pub limit: Result<Law>,
    /// What it is along each route.
    pub routes: Vec<RouteLimit>,
    /// Convergence in $L^2$ (strong), where the limit is a number.
    pub strong: Option<Finding>,
    /// Convergence in law (weak).
    pub weak: Finding,
    /// The distances of every two sampled routes, at their largest sizes.
    pub between: Vec<Between>,
}

/// A function at the end of a route.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RouteLimit {
    /// The route.
    pub route: Route,
    /// How it was computed.
    pub source: String,
    /// Its largest size.
    pub regime: Regime,
    /// The number of networks of that size.
    pub networks: usize,
    /// On so many of them the function has no value: they count as far.
    pub undefined: usize,
    /// The quantiles of orders 5, 50 and 95 % at that size, of networks with a value.
    pub quantiles: Option<[f64; 3]>,
    /// The law of the limit along this route, where theory has one.
    pub law: Option<Law>,
    /// Kolmogorov and Smirnov's test of the sample against that law, if it is continuous.
    pub against_law: Option<Test>,
    /// The mean, extrapolated to $\min(n, L) = \infty$ in its inverse.
    pub mean: Option<Extrapolation>,
}

/// What was found of the joint law of a [`NeuronVector`](crate::neural_function::NeuronVector).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct JointComparison {
    /// The vector.
    pub name: String,
    /// The covariance matrix of its limit with infinite width, then infinite depth, a Gaussian law of mean 0:
    /// the reference.
    pub limit: Result<Vec<Vec<f64>>>,
    /// What it is along each route.
    pub routes: Vec<JointEnd>,
    /// Convergence in law.
    pub weak: Finding,
}

/// A vector of neurons at the end of a route.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct JointEnd {
    /// The route.
    pub route: Route,
    /// How it was computed.
    pub source: String,
    /// Its largest size.
    pub regime: Regime,
    /// The number of networks of that size.
    pub networks: usize,
    /// On so many of them it has no value: they count as far.
    pub undefined: usize,
    /// The permutation test of the joint law being that of the limit, by the energy distance of up to 256
    /// networks from as many draws. Networks of finite size have another law, so that enough of them are
    /// always told apart: whether the distance stays is what [`Finding::answer`] is about.
    pub against_limit: Option<Test>,
    /// The permutation test of the first neuron being independent of the others, by the distance correlation
    /// (the statistic) of up to 256 networks; of vectors of at least two neurons.
    pub independence: Option<Test>,
}

/// How far a function is from its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Measure {
    /// $(\mathbb E (X - f)^2)^{1/2}/|f|$, from a number $f$: strong convergence. In place of $|f|$ stands the
    /// mean size of the smallest networks' values where it is more than twice as large, as if $f = 0$.
    L2,
    /// $\mathbb E \min(1, |X - f|/|f|)$, from a number: convergence in probability, which to a number is that
    /// in law. In place of $|f|$ stands the same.
    Bounded,
    /// $\sup |F - G|$, from a law.
    KolmogorovSmirnov,
    /// $W_1$ from the sample of another route, relative to its mean size: where no limit is known.
    Wasserstein,
    /// The [energy distance](crate::statistics::energy_distance) of vectors from as many draws of their
    /// limit, each coordinate as its order $\Phi(x_r/\sigma_r)$ in the limit, in a cube of diameter 1.
    Energy,
}

/// The answer to one question about one function.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Finding {
    /// How distances are measured.
    pub measure: Measure,
    /// What is asked of each route, in the order of [`FunctionComparison::routes`].
    pub routes: Vec<Judgement>,
    /// Of an $L^2$ error, $C_1 n^{-a} + C_2 L^{-b}$ over the sizes of all routes, those of infinite width or
    /// depth included, or why it cannot be fitted.
    pub rates: Option<Result<Rates>>,
    /// Whether the routes agree.
    pub answer: Answer,
}

/// Whether a route leads to the reference.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Judgement {
    /// The distances along the route.
    pub steps: Vec<Step>,
    /// $\beta$ in distance $\propto \min(n, L)^\beta$.
    pub slope: Option<Estimate>,
    /// What follows.
    pub outcome: Outcome,
}

/// The distance at one size.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    /// The size.
    pub regime: Regime,
    /// The number of networks; 0 of a computed law.
    pub networks: usize,
    /// The distance.
    pub distance: f64,
    /// Its standard error (of Kolmogorov–Smirnov and Wasserstein distances a bound of it; of energy distances
    /// at least that of equal laws).
    pub standard_error: f64,
}

impl Step {
    /// $\min(n, L)$.
    pub(super) fn size(&self) -> f64 {
        match self.regime {
            Regime::Finite { width, depth } => width.min(depth) as f64,
            Regime::InfiniteWidth { depth } => depth as f64,
            Regime::InfiniteDepth { width } => width as f64,
            _ => f64::INFINITY,
        }
    }
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Outcome {
    /// It is the reference.
    Reference,
    /// To the reference.
    Same {
        /// The probability of data like this if it does not.
        error_probability: f64,
    },
    /// Elsewhere.
    Different {
        /// The probability of data like this if it does lead to the reference.
        error_probability: f64,
    },
    /// The networks that were drawn do not decide.
    Open {
        /// The error probability of the likelier answer.
        error_probability: f64,
        /// So many networks of this route would decide, if what has been seen so far goes on.
        networks: Option<f64>,
    },
    /// The function has no value along this route.
    Unavailable(
        /// Why.
        Error,
    ),
}

/// Whether all routes agree.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Answer {
    /// All routes that could be followed lead to one limit.
    Commute {
        /// The probability of data like this if one of them does not.
        error_probability: f64,
        /// Routes that could not be followed, of which nothing is said: their outcomes have the reasons.
        left_out: usize,
    },
    /// A route leads elsewhere, or there is no limit.
    DoNotCommute {
        /// The probability of data like this if all of them lead to one limit.
        error_probability: f64,
        /// Which, and how far from the reference.
        because: String,
    },
    /// The budget did not suffice.
    Undecided {
        /// A budget of so many networks would do, if what has been seen so far goes on.
        networks: Option<f64>,
        /// The same in seconds, if the budget was one of time.
        seconds: Option<f64>,
        /// What is open.
        because: String,
    },
}

/// Two sampled routes at their largest sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Between {
    /// The one.
    pub first: Route,
    /// The other.
    pub second: Route,
    /// $W_1$ relative to the size of the limit, from up to 1024 networks each, with a conservative 95 %
    /// interval: within the distances of both samples from their resamples, added (triangle inequality).
    /// Samples of equal laws are at a distance of some $m^{-1/2}$ standard deviations.
    pub wasserstein: Estimate,
    /// Kolmogorov and Smirnov's test of both samples being of one law.
    pub test: Test,
}
