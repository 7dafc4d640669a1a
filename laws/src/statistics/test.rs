//! What a test of a hypothesis finds.

use std::fmt;

/// A statistic, and the probability of one at least as large under the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// The probability, under the hypothesis, of a statistic at least as large.
    pub p_value: f64,
}

impl Test {
    /// Of a statistic among those of `permuted` data, $p = (1 + \#\lbrace T_b \ge T \rbrace)/(1 + B)$: under
    /// the hypothesis $P(p \le \alpha) \le \alpha$ for every $B$ (B. Phipson and G. K. Smyth 2010, SAGMB
    /// 9:39), and no $p$ is below $1/(1 + B)$. Statistics that differ by rounding are equal.
    pub(super) fn by_permutation(statistic: f64, permuted: &[f64]) -> Self {
        const ROUNDING: f64 = 1e-12;
        let least = statistic - ROUNDING * statistic.abs();
        let larger = permuted.iter().filter(|other| **other >= least).count();
        Self {
            statistic,
            p_value: (1 + larger) as f64 / (1 + permuted.len()) as f64,
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statistic, p_value } = self;
        let text = if *p_value < 0.01 {
            format!("{statistic:.3} (p = {p_value:.0e})")
        } else {
            format!("{statistic:.3} (p = {p_value:.2})")
        };
        f.pad(&text)
    }
}
