//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Do width and depth commute? Compares the layer recursion (n = infinity), the infinite-depth limit and
/// sampled networks over a grid of widths and depths, on two real inputs.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Resnet,
    Mlp,
    Both,
}
