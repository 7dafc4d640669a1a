//! A piecewise linear function of a Gaussian variable.

use super::super::normal_piece::{Edge, NormalPiece};
use super::{Line, PiecewiseLinear};

/// Kinks are kept within so many standard deviations: the density is 0 long before.
const FAR: f64 = 1e3;

/// $\varphi(\sqrt q z)$ as $z$ sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<const N: usize> {
    /// The kinks $\kappa_i/\sqrt q$.
    pub(super) at: [f64; N],
    /// $s_{i-1}$ and $s_i$ of each kink.
    pub(super) below: [f64; N],
    pub(super) above: [f64; N],
    /// $\mathbb E[\varphi]$, $\mathbb E[\varphi^\prime]$, $\mathbb E[\varphi^2]$.
    pub(super) mean: f64,
    pub(super) slope: f64,
    pub(super) variance: f64,
}

impl<const N: usize> Seen<N> {
    #[inline(always)]
    pub(super) fn new(phi: &PiecewiseLinear<N>, q: f64) -> Self {
        let root = q.sqrt();
        let at = scaled_kinks(phi, root);
        let mut seen = Self {
            at,
            below: std::array::from_fn(|i| phi.line(i).slope),
            above: phi.kinks.map(|kink| kink.then.slope),
            mean: 0.0,
            slope: 0.0,
            variance: 0.0,
        };
        let edges = edges(&at);
        for i in 0..=N {
            let from = if i == 0 { Edge::LOWEST } else { edges[i - 1] };
            let to = if i == N { Edge::HIGHEST } else { edges[i] };
            let Line { offset, slope } = phi.line(i);
            let line = [offset, slope * root];
            NormalPiece::cover(
                from,
                to,
                slope == 0.0,
                #[inline(always)]
                |piece| {
                    seen.mean += piece.mean(line);
                    seen.slope += slope * piece.mass();
                    seen.variance += piece.product(line, line);
                },
            );
        }
        seen
    }

    /// $z \mapsto \varphi(-\sqrt q z)$.
    #[inline(always)]
    pub(super) fn mirrored(&self) -> Self {
        let backwards = |values: &[f64; N]| std::array::from_fn(|i| -values[N - 1 - i]);
        Self {
            at: backwards(&self.at),
            below: backwards(&self.above),
            above: backwards(&self.below),
            slope: -self.slope,
            ..*self
        }
    }
}

/// The ends of the pieces at some kinks.
#[inline(always)]
pub(super) fn edges<const N: usize>(at: &[f64; N]) -> [Edge; N] {
    let mut edges = [Edge::HIGHEST; N];
    for i in 0..N {
        edges[i] = Edge::new(at[i]);
    }
    edges
}

/// $\kappa_i/\sqrt q$.
#[inline(always)]
pub(super) fn scaled_kinks<const N: usize>(phi: &PiecewiseLinear<N>, root: f64) -> [f64; N] {
    phi.kinks.map(|kink| {
        if kink.at == 0.0 {
            0.0
        } else {
            (kink.at / root).clamp(-FAR, FAR)
        }
    })
}
