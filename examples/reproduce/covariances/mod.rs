//! Covariances of two inputs: how fast they converge, and in which scalings.

mod error;
mod finite_depth;
mod fluctuations;
mod scalings;

use neural_limits::prelude::*;
use neural_limits::statistics::Estimate;

use crate::measure::two_inputs;
use crate::row::Row;

pub const ROWS: [Row; 4] = [
    Row {
        name: "covariance_error",
        statement: "‖q̂_t(a,b) − q_t(a,b)‖_{L²} ≤ C₁n^(−1/2) + C₂L^(−1/2): width matters more than depth",
        source: "2302.00453, theorem 2 and its figure of errors against n for L = 5 to 5000",
        run: error::covariance_error,
    },
    Row {
        name: "finite_depth",
        statement: "q of finite depth tends to that of infinite depth, (1 + 1/2L)^L q₀ → e^(1/2) q₀",
        source: "2302.00453, theorem 1; 2210.00688",
        run: finite_depth::finite_depth,
    },
    Row {
        name: "fluctuations",
        statement: "E q̂ and Var log q̂ at finite width",
        source: "derived in docs/theory.md; 2106.04013 (hypoactivation)",
        run: fluctuations::fluctuations,
    },
    Row {
        name: "scalings",
        statement: "every normalised scaling has the flow of α = L^(−1/2), in the time Σα²; a convergent series has its own limit; both commute",
        source: "2310.01683, normalised sequences and convergent series",
        run: scalings::scalings,
    },
];

const START: f64 = 0.5;

fn inputs() -> Result<Inputs<'static>, Error> {
    Inputs::from_rows(&two_inputs(START))
}

fn start() -> Result<PairCovariance, Error> {
    PairCovariance::new(1.0, 1.0, START)
}

fn estimates(fit: Option<Vec<Estimate>>, what: &str) -> Result<Estimate, Error> {
    fit.and_then(|all| all.first().copied())
        .ok_or_else(|| Error::Undefined {
            quantity: what.to_owned(),
            reason: "the points have no power law".to_owned(),
        })
}
