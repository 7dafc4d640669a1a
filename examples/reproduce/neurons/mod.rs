//! The law of neurons: Gaussian and independent in residual networks, neither in deep MLPs.

mod figures;
mod law;
mod pairs;
mod rate;
mod tails;

use neural_limits::law::Empirical;
use neural_limits::prelude::*;

use crate::row::Row;

pub const ROWS: [Row; 4] = [
    Row {
        name: "neuron_law",
        statement: "a neuron of the residual network tends to N(0, q_t) as n and L grow; a neuron of a deep MLP does not",
        source: "2302.00453, theorem 1 and its histograms, Q–Q plots and Kolmogorov–Smirnov statistics",
        run: law::neuron_law,
    },
    Row {
        name: "neuron_rate",
        statement: "W₁(Y¹, N(0, q_t)) ≤ C(n^(−1/2) + L^(−1/2))",
        source: "2302.00453, theorem 1",
        run: rate::neuron_rate,
    },
    Row {
        name: "heavy_tails",
        statement: "neurons of the MLP have heavy tails once L/n is not small; those of the residual network have none at any depth",
        source: "2302.00453 (MLP neuron); 1812.05994 (law of the norm)",
        run: tails::heavy_tails,
    },
    Row {
        name: "neuron_pairs",
        statement: "neurons become independent as n grows",
        source: "2302.00453, theorem 1 (joint densities)",
        run: pairs::neuron_pairs,
    },
];

fn empirical(values: &[f64]) -> Result<Law, Error> {
    Ok(Law::Empirical(Empirical::new(values.to_vec(), 0)?))
}
