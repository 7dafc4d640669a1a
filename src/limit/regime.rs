//! The ways of taking width and depth to infinity.

use std::fmt;

/// How width $n$ and depth $L$ go to infinity, or stay finite.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Regime {
    /// A random network of finite size.
    Finite {
        /// $n$.
        width: usize,
        /// $L$.
        depth: usize,
    },
    /// $n \to \infty$ at fixed $L$.
    InfiniteWidth {
        /// $L$.
        depth: usize,
    },
    /// $L \to \infty$ at fixed $n$.
    InfiniteDepth {
        /// $n$.
        width: usize,
    },
    /// $n \to \infty$, then $L \to \infty$.
    WidthThenDepth,
    /// $L \to \infty$, then $n \to \infty$.
    DepthThenWidth,
    /// $n, L \to \infty$ in the equations of one neuron.
    MeanField,
    /// $n, L \to \infty$ in any order: the limit and the fluctuations around it of networks of width $n$, to
    /// first order in $1/n$.
    Fluctuations {
        /// $n$.
        width: usize,
    },
    /// $n, L \to \infty$ together.
    Proportional {
        /// $T = \lim L/n$.
        depth_over_width: f64,
    },
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Finite { width, depth } => format!("n = {width}, L = {depth}"),
            Self::InfiniteWidth { depth } => format!("n = inf, L = {depth}"),
            Self::InfiniteDepth { width } => format!("n = {width}, L = inf"),
            Self::WidthThenDepth => "n = inf, then L = inf".to_owned(),
            Self::DepthThenWidth => "L = inf, then n = inf".to_owned(),
            Self::MeanField => "n, L = inf, mean field".to_owned(),
            Self::Fluctuations { width } => format!("n = {width} to 1/n, L = inf"),
            Self::Proportional { depth_over_width } => {
                format!("n, L = inf, L/n = {depth_over_width:.3}")
            }
        };
        f.pad(&text)
    }
}
