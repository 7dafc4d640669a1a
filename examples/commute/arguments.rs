//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use neural_limits::limit::{Budget, Route};

/// Do width and depth commute? Compares the layer recursion (n = infinity), the infinite-depth limit and
/// sampled networks over a grid of widths and depths, on two real inputs; or, with --routes, draws networks
/// along routes to infinity until the answer has a small probability of error.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// ResNet with branches scaled by 1/sqrt(L), MLP at the edge of chaos, or both
    #[arg(long, value_enum, default_value_t = Kind::Both)]
    pub architecture: Kind,
    /// CSV file of points, one a row, separated by commas, semicolons or tabs [default: the UCI handwritten
    /// digits]
    #[arg(long, value_name = "FILE.csv")]
    pub input: Option<PathBuf>,
    /// Leave out the last column of --input (a label)
    #[arg(long, requires = "input")]
    pub labelled: bool,
    /// The two rows to compare, counted from 0
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "0,1")]
    pub rows: Vec<usize>,
    /// Widths n
    #[arg(long, value_delimiter = ',', default_value = "16,64,256,1024,4096")]
    pub widths: Vec<usize>,
    /// Depths L
    #[arg(long, value_delimiter = ',', default_value = "5,50,500,5000")]
    pub depths: Vec<usize>,
    /// Networks for each pair of sizes
    #[arg(long, default_value_t = 40)]
    pub samples: usize,
    /// Seed of all random networks
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Time t = l/L at which networks are read, in [0, 1]
    #[arg(long, default_value_t = 1.0)]
    pub time: f64,
    /// Where to write the figure
    #[arg(long, value_name = "FILE.svg", default_value = "commute.svg")]
    pub figure: PathBuf,
    /// Where to write the full report
    #[arg(long, value_name = "FILE.json")]
    pub json: Option<PathBuf>,
    /// Follow these routes instead of a grid: "n first", "L first", "n = L", "n = L^0.5", "n/L = 0.25"
    #[arg(long, value_delimiter = ',', value_name = "ROUTES", conflicts_with_all = ["widths", "depths", "samples"])]
    pub routes: Vec<Route>,
    /// What is read off the networks of routes
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "covariance,correlation,neuron",
        requires = "routes"
    )]
    pub functions: Vec<FunctionKind>,
    /// The joint law of the first two neurons at both inputs as well
    #[arg(long, requires = "routes")]
    pub joint: bool,
    /// Scales s of routes: their networks have n L = s^2
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "16,32,64,128",
        requires = "routes"
    )]
    pub scales: Vec<usize>,
    /// When to give up: a number of networks, or a time, as in 60s
    #[arg(long, default_value = "60s", value_parser = Limit::from_str, requires = "routes")]
    pub budget: Limit,
    /// The error probability that an answer may have
    #[arg(long, default_value_t = 0.01, requires = "routes")]
    pub error_probability: f64,
    /// The distance below which laws count as equal
    #[arg(long, default_value_t = 0.05, requires = "routes")]
    pub tolerance: f64,
    /// How to print what routes give
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "routes")]
    pub format: Format,
}

/// A budget as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit(pub Budget);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |_| format!("{text:?} is neither a number of networks nor a time like 60s");
        let budget = match text.strip_suffix('s') {
            Some(seconds) => Budget::Seconds(seconds.trim().parse().map_err(|_| refused(()))?),
            None => Budget::Networks(text.parse().map_err(|_| refused(()))?),
        };
        Ok(Self(budget))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table of 100 columns
    Text,
    Markdown,
    Json,
}

/// At the first of the two inputs, or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FunctionKind {
    Covariance,
    Correlation,
    Angle,
    Norm,
    LogNorm,
    Neuron,
    /// The first neuron at both inputs, in the direction (1, 1)
    TwoInputs,
    /// The first two neurons, in the direction (1, 1)
    TwoNeurons,
    /// Of the first output
    Nngp,
    /// The tangent kernel
    Tangent,
    GradientNorm,
    /// O(n^3 L) work
    JacobianNorm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Resnet,
    Mlp,
    /// Residual, with branches that are not scaled
    Unscaled,
    /// ResNet and MLP
    Both,
}
