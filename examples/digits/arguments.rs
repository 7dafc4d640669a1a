//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Classifies with the Gaussian processes that networks of infinite width are: handwritten digits, or points
/// of your own.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// CSV file to train on, a point a row, its class in the last column [default: UCI handwritten digits]
    #[arg(long, value_name = "TRAIN.csv", requires = "test")]
    pub input: Option<PathBuf>,
    /// CSV file to test on, like --input
    #[arg(long, value_name = "TEST.csv", requires = "input")]
    pub test: Option<PathBuf>,
    /// Of the digits, so many to train on; the others, by other writers, to test
    #[arg(long, default_value_t = 1000)]
    pub train: usize,
    /// Points of the training part by whose marginal likelihood everything is chosen
    #[arg(long, default_value_t = 200)]
    pub selection: usize,
    /// Where to write the learning curves
    #[arg(long, value_name = "FILE.svg", default_value = "digits.svg")]
    pub figure: PathBuf,
}
