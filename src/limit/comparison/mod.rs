//! Routes compared until they are told apart, or the budget ends.
//!
//! | file | content |
//! |---|---|
//! | [`RouteComparison`] | the program |
//! | [`Budget`] | what it may cost |
//! | `drawing` | routes as sizes, and the networks drawn of each |
//! | `questions` | what is asked of every function, round by round |
//! | `steps`, `distance` | distances along a route, and whether they are within the tolerance |
//! | `wager` | the same of a mean of bounded numbers, exactly |
//! | `joint_limit` | the joint law of neurons, and energy distances from it |
//! | `judgement` | where a route leads, with the probability of error |
//! | `ends`, `joint_ends` | what a function or vector is at the end of every route |
//! | `findings` | from questions to the report |
//! | [`RouteReport`] | what was found; `text`, `joint_text`, `markdown` and `figure` show it |
//! | `cells`, `numbers` | what their tables say, in few characters |

mod budget;
mod cells;
mod distance;
mod drawing;
mod ends;
#[cfg(feature = "plot")]
mod figure;
mod findings;
mod joint_ends;
mod joint_limit;
mod joint_text;
mod judgement;
mod markdown;
mod numbers;
mod questions;
mod report;
mod steps;
mod text;
mod wager;

use std::fmt;

pub use budget::Budget;
pub use report::{
    Answer, Between, Finding, FunctionComparison, JointComparison, JointEnd, Judgement, Measure,
    Outcome, RouteLimit, RouteReport, Step,
};

use self::drawing::Drawing;
use self::questions::Questions;
use super::{Route, routes};
use crate::architecture::Architecture;
use crate::error;
use crate::network::Network;
use crate::neural_function::{NeuralFunction, NeuronVector};
use crate::random::Seed;
use crate::{Error, Result};

/// Networks of each size in the first round.
const FIRST: usize = 64;

/// The most by which their number grows from round to round; the less, the nearer the end of the budget.
const GROWTH: [f64; 3] = [4.0, 2.0, 1.25];

/// Asks along chosen [routes](Route) whether neural functions have one limit, and draws networks until the
/// answer has a small probability of error, or a [budget](Budget) ends.
///
/// The reference $f$ is the limit of infinite width, then depth, which is computed. Asked are *strong*
/// convergence, $\mathbb E |f_{n,L} - f|^2 \to 0$ along each route, where $f$ is a number, and *weak*
/// convergence, in law (S. Hayou 2023, arXiv 2310.01683; S. Hayou and G. Yang 2023, arXiv 2302.00453).
///
/// **Numbers.** A route leads to $f$ if its distance falls like $\min(n, L)^\beta$ with $\beta <$
/// [`SLOWEST`](super::SLOWEST), or is within the tolerance at its largest size; it leads elsewhere if
/// $\beta$ is above and the distance is larger. Error probabilities are doubled where either of two tests
/// suffices. That a bounded distance is within the tolerance has an exact probability, by wagers on a mean
/// (I. Waudby-Smith and A. Ramdas 2024, arXiv 2010.09686); those of $L^2$ distances and of slopes are of the
/// estimates' normal laws, which at 64 networks of each size keep the level 0.01 within a factor of 3
/// (tested; 0.025 was seen). Routes that agree more slowly than that are taken to lead elsewhere: it is a
/// statement about the sizes that were drawn. A route whose networks are elsewhere even in probability does
/// not converge in $L^2$, whatever the heavy tails of its squares.
///
/// **Laws.** A route leads to $F$ if its Kolmogorov–Smirnov distance at the largest size is within the
/// tolerance, by the inequality of A. Dvoretzky, J. Kiefer, J. Wolfowitz and P. Massart (1990); elsewhere, if
/// it is beyond and does not fall. A limit law that is given by draws is taken for exact.
///
/// **Joint laws** of neurons ([`and_neurons`](Self::and_neurons)) are compared likewise, by the energy
/// distance from as many draws of the Gaussian limit, each coordinate as its order $\Phi(x_r/\sigma_r)$
/// there, in a cube of diameter 1: probabilities are those of C. McDiarmid's inequality (1989), exact at
/// every number of networks. $O(m^2)$ for $m$ networks of a size. The report has the permutation tests of
/// the limit's law and of the independence of neurons as well.
///
/// **All routes.** That they agree is said when each of them is within the level; that they do not, when one
/// of them is within the level divided by their number. Round $j$ of drawing may use $2^{-j}$ of the level,
/// so looking again does not add up to more; stated probabilities are multiplied by $2^j$.
///
/// Networks on which a function has no value count as far: from a number, as the farthest value and at least
/// the unit of distances; in laws, at $+\infty$. The report says how many they are
/// ([`RouteLimit::undefined`]).
///
/// **Which comparison.** [`Commutativity`](super::Commutativity) tabulates every regime that the crate knows
/// over a grid of sizes, from a fixed number of networks: take it to see errors in width and in depth apart.
/// This one follows routes along which both grow and draws until it knows: take it for an answer with an
/// error probability. In tests, [`claims`](crate::claims) state sizes and tolerances beforehand.
///
/// Network $i$ of a size draws from stream $i$ of the seed's child of that size, so a result in a budget of
/// networks is the same for any number of threads, and networks are those of a [`Grid`](super::Grid).
///
/// ```
/// use neural_limits::limit::{Answer, Budget, Route, RouteComparison};
/// use neural_limits::prelude::*;
/// let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let compare = |net: &dyn Architecture| {
///     RouteComparison::of(net, &covariance)
///         .along(&[Route::WidthFirst, Route::Diagonal])
///         .scales(&[8, 16, 32, 64])
///         .within(Budget::Networks(4000))
///         .seed(7)
///         .run()
/// };
/// let report = compare(&ResNet::new(Relu))?;
/// println!("{report}");
/// assert!(matches!(report.functions[0].weak.answer, Answer::Commute { .. }));
/// let report = compare(&Mlp::new(Relu).initialized_by(Initialization::he()))?;
/// assert!(matches!(report.functions[0].weak.answer, Answer::DoNotCommute { .. }));
/// # Ok::<(), Error>(())
/// ```
pub struct RouteComparison<'a> {
    name: String,
    network: Network,
    functions: Vec<&'a dyn NeuralFunction>,
    vectors: Vec<&'a NeuronVector>,
    routes: Vec<Route>,
    scales: Vec<usize>,
    budget: Budget,
    level: f64,
    tolerance: f64,
    seed: Seed,
    time: f64,
    observer: Option<Observer<'a>>,
}

/// What has been drawn after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Its number, from 1.
    pub number: usize,
    /// All networks so far.
    pub networks: usize,
    /// Questions without an answer.
    pub open: usize,
}

type Observer<'a> = Box<dyn FnMut(Round) + 'a>;

impl fmt::Debug for RouteComparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteComparison")
            .field("network", &self.network)
            .field("functions", &self.functions)
            .field("vectors", &self.vectors)
            .field("routes", &self.routes)
            .field("scales", &self.scales)
            .field("budget", &self.budget)
            .field("level", &self.level)
            .field("tolerance", &self.tolerance)
            .field("seed", &self.seed)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<'a> RouteComparison<'a> {
    /// Of a neural function of an architecture; by default along `n first`, `L first`, `n = L`, `n = L^0.5`
    /// and `n/L = 0.25`, at scales 16, 32, 64 and 128, within 100 000 networks, with error probability 0.01
    /// and tolerance 0.05, seed 0, at time $t = 1$.
    pub fn of<N: Architecture + ?Sized>(net: &N, function: &'a dyn NeuralFunction) -> Self {
        Self::of_nothing(net).and(function)
    }

    /// Of the joint law of neurons of an architecture, with the defaults of [`of`](Self::of).
    pub fn of_neurons<N: Architecture + ?Sized>(net: &N, vector: &'a NeuronVector) -> Self {
        Self::of_nothing(net).and_neurons(vector)
    }

    fn of_nothing<N: Architecture + ?Sized>(net: &N) -> Self {
        Self {
            name: net.name(),
            network: net.network(),
            functions: Vec::new(),
            vectors: Vec::new(),
            routes: vec![
                Route::WidthFirst,
                Route::DepthFirst,
                Route::Diagonal,
                Route::Power { exponent: 0.5 },
                Route::Ratio {
                    width_over_depth: 0.25,
                },
            ],
            scales: vec![16, 32, 64, 128],
            budget: Budget::Networks(100_000),
            level: 0.01,
            tolerance: 0.05,
            seed: Seed::new(0),
            time: 1.0,
            observer: None,
        }
    }

    /// Adds a neural function, read off the same networks.
    pub fn and(mut self, function: &'a dyn NeuralFunction) -> Self {
        self.functions.push(function);
        self
    }

    /// Adds the joint law of neurons, read off the same networks.
    pub fn and_neurons(mut self, vector: &'a NeuronVector) -> Self {
        self.vectors.push(vector);
        self
    }

    /// Sets the routes. The first one that is sampled and has values is the reference where no limit is
    /// known. `L first` is
    /// sampled by paths of a diffusion; where the network has none, by networks with $L = n^3$ in its place.
    pub fn along(mut self, routes: &[Route]) -> Self {
        self.routes = routes.to_vec();
        self
    }

    /// Sets the scales $s$ at which [routes](Route::at) are followed; a slope takes three.
    pub fn scales(mut self, scales: &[usize]) -> Self {
        self.scales = scales.to_vec();
        self
    }

    /// Sets the budget.
    pub fn within(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets the error probability that an answer may have.
    pub fn error_probability(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets the distance below which a function counts as being at its limit.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
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

    /// Calls `observer` after every round.
    pub fn on_round(mut self, observer: impl FnMut(Round) + 'a) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Draws networks until all questions are answered, or the budget ends.
    ///
    /// A function that a route cannot give is an entry of the report, not an end of the run.
    ///
    /// # Errors
    /// [`Error::Shape`] for no routes or scales; [`Error::Invalid`] for a scale of 0 or above 10⁹, a time
    /// outside of $[0, 1]$, a level or tolerance outside of $(0, 1)$, an exponent or ratio of a route that is
    /// not a finite number > 0, or a budget that does not suffice for 8 networks of each size.
    pub fn run(mut self) -> Result<RouteReport> {
        let mut drawing = Drawing::new(&self)?;
        let mut questions = Questions::new(&self, &drawing);
        let first = self.budget.first(FIRST, drawing.places.len())?;
        let mut targets = vec![first; drawing.places.len()];
        let mut round = 0;
        loop {
            round += 1;
            drawing.extend(&self, &targets, round == 1);
            questions.look(&self, &drawing, round);
            if let Some(observer) = &mut self.observer {
                observer(Round {
                    number: round,
                    networks: drawing.networks,
                    open: questions.open(),
                });
            }
            // a smaller round where the budget has no room for a large one
            let mut rounds = GROWTH.map(|growth| questions.wanted(&self, &drawing, round, growth));
            let next = rounds.iter_mut().find(|wanted| {
                let cost = drawing.cost(wanted);
                cost.networks > drawing.networks && self.budget.allows(&cost)
            });
            match next {
                Some(wanted) => targets = std::mem::take(wanted),
                None => return Ok(questions.report(&self, &drawing, round)),
            }
        }
    }

    fn checked_scales(&self) -> Result<Vec<usize>> {
        for (argument, value) in [("level", self.level), ("tolerance", self.tolerance)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(Error::invalid(argument, value, "a number in (0, 1)"));
            }
        }
        error::unit_interval("time", self.time)?;
        if self.routes.is_empty() {
            return Err(Error::shape("routes", "length 0", "at least one route"));
        }
        for route in &self.routes {
            route.checked()?;
        }
        routes::sizes("scales", &self.scales)
    }
}
