//! Do the ways of taking width and depth to infinity agree?
//!
//! | file | content |
//! |---|---|
//! | [`Regime`] | the ways; in each, a [`NeuralFunction`] has a [`Law`] |
//! | [`Limit`], [`routes`] | a regime of an architecture, computed; all of them in a `Vec<Box<dyn Limit>>` |
//! | [`Commutativity`] | all regimes over a grid of sizes, a fixed number of networks each, as a [`Report`] |
//! | [`RouteComparison`] | [routes](Route) compared until they are told apart, as a [`RouteReport`] |
//!
//! [`RouteComparison`] says which of the two comparisons to take.
//!
//! To add a regime, implement [`Limit`] in one file under `routes/` and add it to the list in `routes::all`.

mod commutativity;
mod comparison;
#[cfg(feature = "plot")]
mod figure;
mod regime;
mod report;
mod route;
pub mod routes;
mod verdict;
pub(crate) mod without_value;

use std::fmt::Debug;

pub use crate::law::{Empirical, Law};
pub use commutativity::{Commutativity, Progress};
pub use comparison::{
    Answer, Between, Budget, Finding, FunctionComparison, JointComparison, JointEnd, Judgement,
    Measure, Outcome, Round, RouteComparison, RouteLimit, RouteReport, Step,
};
pub use regime::Regime;
pub use report::{Deviation, FunctionReport, Report, Row};
pub use route::Route;
pub use routes::Grid;
pub use verdict::{Exponents, Verdict};

use crate::architecture::Architecture;
use crate::neural_function::NeuralFunction;
use crate::{Error, Result};

/// The slowest power of a size at which an error counts as vanishing: convergence is said where an exponent
/// is below it, with the stated confidence, the lack of it where it is above.
///
/// The central limit's exponent is −1/2, that of an error that stays is 0. It is nearer to 0, since at small
/// sizes errors fall more slowly than in the end, bounded ones above all: of a scaled residual network with
/// $n = \sqrt L \le 6$ the error in probability of the covariance falls like $n^{-0.11}$ only.
pub const SLOWEST: f64 = -0.125;

/// Every limit at once, for every [`Architecture`].
pub trait InEveryLimit: Architecture {
    /// Every regime that the crate has a route to, with finite networks over a grid of sizes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for coefficients that are not finite.
    fn limits(&self, grid: &Grid) -> Result<Vec<Box<dyn Limit>>> {
        routes::all(&self.network(), grid)
    }
}

impl<N: Architecture + ?Sized> InEveryLimit for N {}

/// One regime of one architecture, by one route of computation.
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
/// let correlation = Correlation::between(&a, &b)?;
/// let grid = Grid::new(&[256], &[64], 16, 7)?;
/// for limit in net.limits(&grid)? {
///     let law = limit.law(&correlation, 1.0)?;
///     println!("{}  {law}", limit.regime());
///     assert!((law.mean() - 0.6).abs() < 0.2);
/// }
/// # Ok::<(), Error>(())
/// ```
pub trait Limit: Debug + Send + Sync {
    /// The regime.
    fn regime(&self) -> Regime;

    /// How the law is computed, in a few words.
    fn route(&self) -> String;

    /// The laws of several neural functions at time $t = l/L$, sharing the work (all of them read the same
    /// random networks).
    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>>;

    /// The law of one neural function at time $t = l/L \in [0, 1]$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$, and what the route itself reports.
    fn law(&self, function: &dyn NeuralFunction, time: f64) -> Result<Law> {
        self.laws(&[function], time)
            .pop()
            .unwrap_or_else(|| Err(Error::unsupported(function.name(), "the route gave no law")))
    }

    /// The work of one evaluation, in layer–neuron–sample units, for progress displays.
    fn work(&self) -> f64 {
        0.0
    }
}
