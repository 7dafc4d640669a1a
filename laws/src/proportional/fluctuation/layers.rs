//! A homogeneous chain as its fluctuations see it, and those of one input.

use std::f64::consts::FRAC_1_PI;

use super::duals::Memory;
use crate::PairCorrelation;
use crate::activation::{AngleImage, Slopes};
use crate::numerics::quadrature::integrate;

/// $\sqrt w$ at which $\rho = e^{-w/2}$ is below 1e-21.
const REACH: f64 = 10.0;

/// $\varphi/\sqrt{\mathbb E[\varphi(z)^2]} = p x + d |x|$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// $p$.
    pub(super) linear: f64,
    /// $d$.
    pub(super) even: f64,
    /// $r = 2pd = (s_+^2 - s_-^2)/(s_+^2 + s_-^2)$.
    pub(super) imbalance: f64,
    slopes: Slopes,
}

impl Shape {
    pub(super) fn new(slopes: Slopes) -> Self {
        let root = 2.0 * slopes.second_moment().sqrt();
        let (linear, even) = (
            (slopes.positive + slopes.negative) / root,
            (slopes.positive - slopes.negative) / root,
        );
        Self {
            linear,
            even,
            imbalance: 2.0 * linear * even,
            slopes,
        }
    }
}

/// What $L$ layers do to relative deviations: layer $l$ replaces the share $h_l = \alpha_l^2 \sigma_w^2
/// \mathbb E[\varphi^2]/g_l$ of the variance, where $g_l$ is its growth, and a neuron of unit variance
/// remembers $\sqrt{1 - h_l}$ of itself.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    shares: Vec<f64>,
    /// $w_l = -\sum_{k \le l} \log (1 - h_k)$.
    clock: Vec<f64>,
    negative_skip: bool,
    uniform: bool,
}

impl Layers {
    pub(super) fn new(shares: Vec<f64>, negative_skip: bool) -> Self {
        let mut clock = vec![0.0];
        let mut elapsed = 0.0;
        for share in &shares {
            elapsed -= (-share).ln_1p();
            clock.push(elapsed);
        }
        Self {
            uniform: shares.windows(2).all(|pair| pair[0] == pair[1]),
            shares,
            clock,
            negative_skip,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shares.len()
    }

    /// $h_1, \ldots, h_L$.
    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The correlation of a neuron with itself between two depths.
    pub(super) fn memory(&self, k: usize, l: usize) -> Memory {
        if self.shares[k..l].contains(&1.0) {
            return Memory {
                rho: 0.0,
                sine: 1.0,
            };
        }
        let negative = self.negative_skip && (l - k) % 2 == 1;
        Memory::after(self.clock[l] - self.clock[k], negative)
    }

    /// The correlation of two inputs behind a layer.
    pub(super) fn next(&self, shape: Shape, c: PairCorrelation, share: f64) -> PairCorrelation {
        let image = AngleImage::new(shape.slopes).image(c);
        let mix = |kept: f64, new: f64| (1.0 - share) * kept + share * new;
        PairCorrelation::from_ends(
            mix(c.one_minus(), image.one_minus()),
            mix(c.one_plus(), image.one_plus()),
        )
    }

    /// $\sum_{k < l} h_{k+1} h_{l+1} f(k, l)$ over pairs of layers below $L$.
    fn over_pairs(&self, f: impl Fn(Memory) -> f64) -> f64 {
        let depth = self.len();
        if self.uniform && depth > 0 {
            let share = self.shares[0];
            let terms = (1..depth).map(|lag| (depth - lag) as f64 * f(self.memory(0, lag)));
            return share * share * terms.sum::<f64>();
        }
        let row = |l: usize| {
            let terms = (0..l).map(|k| self.shares[k] * f(self.memory(k, l)));
            self.shares[l] * terms.sum::<f64>()
        };
        (1..depth).map(row).sum()
    }

    /// $\sum_{k < L} h_{k+1} f(k, L)$.
    fn to_the_end(&self, f: impl Fn(Memory) -> f64) -> f64 {
        let depth = self.len();
        let terms = (0..depth).map(|k| self.shares[k] * f(self.memory(k, depth)));
        terms.sum()
    }

    /// $n \operatorname{Var} \hat q/q^2$, $n (\mathbb E \hat q/q - 1)$ and $n/2 - \mathbb E N_+$.
    pub(super) fn one_input(&self, shape: Shape) -> (f64, f64, f64) {
        let r = shape.imbalance;
        let squares: f64 = self.shares.iter().map(|share| share * share).sum();
        let squared = |memory: Memory| memory.rho * memory.rho;
        let pairs = self.over_pairs(|m| 2.0 * squared(m) + r * r * m.of_squares());
        let variance =
            2.0 + 4.0 * self.to_the_end(squared) + squares * (2.0 + 3.0 * r * r) + 2.0 * pairs;
        let bias = r * r * self.over_pairs(Memory::of_sign);
        let silent = r * FRAC_1_PI * self.to_the_end(|m| m.rho * m.sine);
        (variance, bias, silent)
    }
}

/// [`Layers::one_input`] for $L \to \infty$ layers that multiply the variance by $e^x$.
pub(super) fn one_input_at_infinite_depth(shape: Shape, growth: f64) -> (f64, f64, f64) {
    let squared = shape.imbalance * shape.imbalance;
    // w = u²: analytic from u = 0 on, and memories are gone at REACH
    let root = growth.sqrt().min(REACH);
    let lags = |f: &dyn Fn(Memory) -> f64| {
        let integrand = |u: f64| {
            let w = u * u;
            2.0 * u * (growth - w).max(0.0) * f(Memory::after(w, false))
        };
        let breaks = [0.0, 0.25 * root, 0.5 * root, root];
        integrate(integrand, &breaks, 1e-14).value
    };
    let variance = 2.0 + 4.0 * growth + 2.0 * squared * lags(&Memory::of_squares);
    let end = Memory::after(growth, false);
    let silent = FRAC_1_PI * (end.sine.atan2(end.rho) - end.rho * end.sine);
    (
        variance,
        squared * lags(&Memory::of_sign),
        shape.imbalance * silent,
    )
}
