//! Fluctuations of the covariances of two inputs.

use std::f64::consts::{FRAC_1_PI, FRAC_2_PI};

use super::PairFluctuation;
use super::duals::Memory;
use super::layers::{Layers, Shape};
use super::signed_moments::Factor::{self, Mass, Sign, Size, Value};
use super::signed_moments::{Covariance, expectation, product_of_signs};
use crate::PairCorrelation;
use crate::activation::arc_cosine::kappa1_of;

/// $n$ times the covariances, and $n$ times the means, of the relative deviations
/// $\hat q_{aa}/q_{aa} - 1$, $\hat q_{bb}/q_{bb} - 1$ and $(\hat q_{ab} - q_{ab})/\sqrt{q_{aa} q_{bb}}$. They
/// do not change if the inputs are exchanged.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairMoments {
    /// $c$ at the end.
    pub(super) correlation: f64,
    /// Of $aa$ with itself, and of $bb$.
    pub(super) norm: f64,
    /// Of $aa$ with $bb$.
    pub(super) norms: f64,
    /// Of $aa$ with $ab$.
    pub(super) mixed: f64,
    /// Of $ab$ with itself.
    pub(super) product: f64,
    /// The mean of $aa$.
    pub(super) norm_bias: f64,
    /// The mean of $ab$.
    pub(super) product_bias: f64,
}

impl From<PairMoments> for PairFluctuation {
    fn from(m: PairMoments) -> Self {
        Self {
            correlation: m.correlation,
            covariance: [
                [m.norm, m.norms, m.mixed],
                [m.norms, m.norm, m.mixed],
                [m.mixed, m.mixed, m.product],
            ],
            bias: [m.norm_bias, m.norm_bias, m.product_bias],
        }
    }
}

/// The map $c \mapsto \tilde G(c) = \mathbb E[\varphi(x)\varphi(y)]/\mathbb E[\varphi(x)^2]$ at one $c$.
#[derive(Debug, Clone, Copy)]
struct Angle {
    c: f64,
    /// $\tilde G(c) - c$.
    drift: f64,
    /// $\tilde G^\prime(c)$.
    slope: f64,
    /// $\mathbb E[\varphi^{\prime\prime}(x)\varphi(y)]/\mathbb E[\varphi(x)^2] = \tilde G - c \tilde
    /// G^\prime$.
    mass: f64,
    /// $\tilde G^{\prime\prime}(c)$.
    curvature: f64,
}

impl Angle {
    fn new(shape: Shape, correlation: PairCorrelation) -> Self {
        let c = correlation.value();
        let sine = correlation.sine_squared().sqrt();
        let kink = shape.even * shape.even;
        Self {
            c,
            drift: 2.0 * kink * (kappa1_of(correlation) - c),
            slope: shape.linear * shape.linear + kink * FRAC_2_PI * c.asin(),
            mass: 2.0 * kink * FRAC_1_PI * sine,
            curvature: 2.0 * kink * FRAC_1_PI / sine,
        }
    }
}

/// Covariances of the squares and products of $\varphi$ at an earlier depth (first) and at a later one, in
/// units of $\mathbb E[\varphi^2]$, and their expectations with second derivatives of
/// $\varphi(y_a)\varphi(y_b)$ at the later depth.
struct TwoDepths {
    aa_aa: f64,
    aa_bb: f64,
    aa_ab: f64,
    ab_aa: f64,
    ab_ab: f64,
    /// $aa$ with $\varphi^{\prime\prime}(y_a)\varphi(y_b)$.
    aa_mass: f64,
    /// $aa$ with $\varphi^\prime(y_a)\varphi^\prime(y_b)$.
    aa_slope: f64,
    /// $ab$ with $\varphi^\prime(y_a)\varphi^\prime(y_b)$.
    ab_slope: f64,
}

impl TwoDepths {
    /// Of correlations $c_u$ and $c_v$, and $\mathbb E[v u^\top] = \rho \begin{pmatrix} 1 & c_u \\ c_u & 1
    /// \end{pmatrix}$; at equal depths, `memory` is `None`.
    fn new(shape: Shape, u: Angle, v: Angle, memory: Option<Memory>) -> Self {
        let rho = memory.map_or(1.0, |memory| memory.rho);
        let (cross, one) = (rho * u.c, 1.0);
        let pairs: Covariance = [
            [one, u.c, rho, cross],
            [u.c, one, cross, rho],
            [rho, cross, one, v.c],
            [cross, rho, v.c, one],
        ];
        // u_a twice before v_a, v_b; and v_a twice behind u_a, u_b
        let squared_first: Covariance = [
            [one, one, rho, cross],
            [one, one, rho, cross],
            [rho, rho, one, v.c],
            [cross, cross, v.c, one],
        ];
        let squared_last: Covariance = [
            [one, u.c, rho, rho],
            [u.c, one, cross, cross],
            [rho, cross, one, one],
            [rho, cross, one, one],
        ];
        let signs = if memory.is_some() {
            product_of_signs(&pairs)
        } else {
            1.0
        };
        let (p, d) = (shape.linear, shape.even);
        let (pp, pd, dd) = (p * p, p * d, d * d);
        let of = |factors: [Factor; 4], sigma: &Covariance| expectation(factors, sigma, signs);
        let at = |factors| of(factors, &pairs);
        let first = |factors| of(factors, &squared_first);
        let last = |factors| of(factors, &squared_last);
        let (x, a, s) = (Value, Size, Sign);

        let ab_ab = pp * pp * at([x, x, x, x])
            + dd * dd * at([a; 4])
            + pp * dd
                * (at([x, x, a, a])
                    + at([a, a, x, x])
                    + at([x, a, x, a])
                    + at([x, a, a, x])
                    + at([a, x, x, a])
                    + at([a, x, a, x]));
        let aa_ab = pp * first([x, x, x, x])
            + dd * first([x, x, a, a])
            + 2.0 * pd * pd * (first([x, a, x, a]) + first([x, a, a, x]));
        let ab_aa = pp * last([x, x, x, x])
            + dd * last([a, a, x, x])
            + 2.0 * pd * pd * (last([x, a, x, a]) + last([a, x, x, a]));
        let aa_mass = 2.0 * dd * first([x, x, Mass, a]) + 4.0 * pp * dd * first([x, a, Mass, x]);
        let aa_slope = pp * first([x, x, Factor::One, Factor::One])
            + dd * first([x, x, s, s])
            + 2.0 * pd * pd * (first([x, a, s, Factor::One]) + first([x, a, Factor::One, s]));
        let even = |i: Factor, j: Factor| pp * at([x, x, i, j]) + dd * at([a, a, i, j]);
        let ab_slope = pp * even(Factor::One, Factor::One)
            + dd * even(s, s)
            + pd * pd
                * (at([x, a, s, Factor::One])
                    + at([x, a, Factor::One, s])
                    + at([a, x, s, Factor::One])
                    + at([a, x, Factor::One, s]));
        let squares = |memory: Memory| {
            2.0 * memory.rho * memory.rho + shape.imbalance.powi(2) * memory.of_squares()
        };
        let crossed = Memory {
            rho: cross,
            sine: ((1.0 - cross) * (1.0 + cross)).max(0.0).sqrt(),
        };
        let (mean_u, mean_v) = (u.c + u.drift, v.c + v.drift);
        Self {
            aa_aa: memory.map_or(2.0 + 3.0 * shape.imbalance.powi(2), squares),
            aa_bb: squares(crossed),
            aa_ab: aa_ab - mean_v,
            ab_aa: ab_aa - mean_u,
            ab_ab: ab_ab - mean_u * mean_v,
            aa_mass: aa_mass - v.mass,
            aa_slope: aa_slope - v.slope,
            ab_slope: ab_slope - mean_u * v.slope,
        }
    }

    /// The sum and the difference of the roles: $\nu = ab - \tfrac c2 (aa + bb)$ first with $\nu$ last.
    fn drifts(&self, first: f64, last: f64) -> f64 {
        let norms = self.aa_aa + self.aa_bb;
        self.ab_ab - last * self.ab_aa - first * self.aa_ab + 0.5 * first * last * norms
    }

    /// $\nu$ first with $aa$ last.
    fn drift_norm(&self, first: f64) -> f64 {
        self.ab_aa - 0.5 * first * (self.aa_aa + self.aa_bb)
    }

    /// $aa$ first with $\nu$ last.
    fn norm_drift(&self, last: f64) -> f64 {
        self.aa_ab - 0.5 * last * (self.aa_aa + self.aa_bb)
    }
}

/// Covariances and means of the clocks' relative deviations: of the norms and of the correlation.
#[derive(Debug, Clone, Copy, Default)]
struct Clocks {
    norm: f64,
    norms: f64,
    norm_correlation: f64,
    correlation: f64,
    norm_bias: f64,
    product_bias: f64,
}

/// The moments after all layers, from correlation $c_0$; $O(L^2)$ work, some 50 µs for each pair of layers.
pub(super) fn moments(shape: Shape, layers: &Layers, start: PairCorrelation) -> PairMoments {
    let depth = layers.len();
    let mut angles = vec![Angle::new(shape, start)];
    let mut correlation = start;
    for &share in layers.shares() {
        correlation = layers.next(shape, correlation, share);
        angles.push(Angle::new(shape, correlation));
    }
    let mut clocks = Clocks::default();
    for l in 0..depth {
        let share = layers.shares()[l];
        let (here, next) = (angles[l], angles[l + 1].c);
        // covariances with what this layer adds
        let (mut drifts, mut drift_norm, mut norm_drift) = (0.0, 0.0, 0.0);
        let (mut same, mut other) = (0.0, 0.0);
        let (mut norm_error, mut product_error) = (0.0, 0.0);
        let mut propagator = 1.0;
        for k in (0..l).rev() {
            let weight = layers.shares()[k];
            let memory = layers.memory(k, l);
            let two = TwoDepths::new(shape, angles[k], here, Some(memory));
            let before = angles[k + 1].c;
            drifts += propagator * weight * two.drifts(before, next);
            drift_norm += propagator * weight * two.drift_norm(before);
            norm_drift += weight * two.norm_drift(next);
            same += weight * two.aa_aa;
            other += weight * two.aa_bb;
            norm_error += weight * shape.imbalance.powi(2) * memory.of_sign();
            let of_correlation = two.ab_slope - before * two.aa_slope;
            product_error +=
                weight * (two.aa_mass + propagator * of_correlation + here.c * two.aa_slope);
            propagator *= 1.0 + layers.shares()[k] * (angles[k].slope - 1.0);
        }
        let own = TwoDepths::new(shape, here, here, None);
        let factor = 1.0 + share * (here.slope - 1.0);
        let curved = if clocks.correlation > 0.0 {
            0.5 * here.curvature * clocks.correlation
        } else {
            0.0
        };
        let spread = 0.25 * (clocks.norm - clocks.norms);
        let squared = share * share;
        clocks = Clocks {
            norm: clocks.norm + 2.0 * share * same + squared * own.aa_aa,
            norms: clocks.norms + 2.0 * share * other + squared * own.aa_bb,
            norm_correlation: factor * (clocks.norm_correlation + share * drift_norm)
                + share * norm_drift
                + squared * own.drift_norm(next),
            correlation: factor * (factor * clocks.correlation + 2.0 * share * drifts)
                + squared * own.drifts(next, next),
            norm_bias: clocks.norm_bias + share * norm_error,
            product_bias: factor * clocks.product_bias
                + share * (here.mass * (clocks.norm_bias - spread) + curved + product_error),
        };
    }
    let end = angles[depth].c;
    // covariances of the clocks with the last layer's own neurons
    let (mut norm_norm, mut norm_other, mut norm_product) = (0.0, 0.0, 0.0);
    let (mut drift_norm, mut drift_product) = (0.0, 0.0);
    let mut propagator = 1.0;
    for k in (0..depth).rev() {
        let (angle, before) = (angles[k], angles[k + 1].c);
        let c = angle.c;
        let square = layers.memory(k, depth).rho.powi(2);
        let weight = layers.shares()[k] * square;
        norm_norm += 2.0 * weight;
        norm_other += 2.0 * weight * c * c;
        norm_product += 2.0 * weight * c;
        let weight = propagator * weight;
        let whole = 1.0 + c * c;
        drift_norm += weight * (whole * angle.mass + 2.0 * c * angle.slope - before * whole);
        drift_product += weight * (2.0 * c * angle.mass + whole * angle.slope - 2.0 * before * c);
        propagator *= 1.0 + layers.shares()[k] * (angle.slope - 1.0);
    }
    let product_with_norm = drift_norm + 0.5 * end * (norm_norm + norm_other);
    let product_with_product = drift_product + end * norm_product;
    let both = clocks.norm + clocks.norms;
    PairMoments {
        correlation: end,
        norm: clocks.norm + 2.0 * norm_norm + 2.0,
        norms: clocks.norms + 2.0 * norm_other + 2.0 * end * end,
        mixed: clocks.norm_correlation
            + 0.5 * end * both
            + norm_product
            + product_with_norm
            + 2.0 * end,
        product: clocks.correlation
            + 2.0 * end * clocks.norm_correlation
            + 0.5 * end * end * both
            + 2.0 * product_with_product
            + 1.0
            + end * end,
        norm_bias: clocks.norm_bias,
        product_bias: clocks.product_bias,
    }
}
