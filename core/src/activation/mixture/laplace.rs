//! The components of softsign.
//!
//! Its derivative is a Laplace transform in $x^2$ of a positive measure,
//!
//! $$\frac1{(1+|x|)^2} = \int_0^\infty e^{-\lambda x^2} \mu(\lambda)\,\mathrm d\lambda, \qquad \mu(\lambda) =
//! \frac4\pi \int_0^\infty \frac{v^2 e^{-\lambda v^2}}{(1+v^2)^2}\,\mathrm dv = (1+2\lambda) e^\lambda
//! \operatorname{erfc} \sqrt\lambda - 2\sqrt{\lambda/\pi},$$
//!
//! so softsign is $\int \operatorname{erf}(\sqrt\lambda x) \tfrac12 \sqrt{\pi/\lambda}\,\mu(\lambda)\,\mathrm
//! d\lambda$. The integral is a trapezoidal sum over $\log\lambda$ in steps of 0.6 (relative error of
//! $\mathbb E\varphi^\prime$ below 1e-14). What a variance does not resolve at either end of the scales is
//! replaced by Gauss's rule with three nodes: in $\lambda$ where components are linear, in $s^2 = 1/2\lambda$
//! where they are signs.

use std::f64::consts::{FRAC_2_PI, PI};
use std::sync::LazyLock;

use nalgebra::Matrix3;

use super::Mixture;
use super::elementary::decay;
use super::pairs::{Components, Pieces};
use crate::activation::Softsign;

/// Of $\log\lambda$.
const STEP: f64 = 0.6;

/// $\lambda$ reaches from 1e-30 to 1e30.
const NODES: usize = 231;

/// The least number of nodes that are lumped.
const LEAST: usize = 8;

/// $s^2$ and the amplitude of three components.
#[derive(Clone, Copy, Default)]
struct Three {
    variance: [f64; 3],
    amplitude: [f64; 3],
}

struct Measure {
    lambda: [f64; NODES],
    variance: [f64; NODES],
    amplitude: [f64; NODES],
    /// In place of the nodes before each.
    below: [Three; NODES],
    /// In place of each node and those after it.
    above: [Three; NODES],
}

/// Of $\log v$, which reaches from $-48$ to 48.
const DENSITY_STEP: f64 = 0.12;
const DENSITY_NODES: usize = 800;

/// $\mu(\lambda)$ at all nodes by the trapezoidal rule in $\log v$.
fn density(lambda: [f64; NODES]) -> [f64; NODES] {
    let v = |k: usize| libm::exp(DENSITY_STEP * (k as f64 - (DENSITY_NODES / 2) as f64));
    let square: [f64; DENSITY_NODES] = std::array::from_fn(|k| v(k) * v(k));
    let factor: [f64; DENSITY_NODES] = std::array::from_fn(|k| {
        let ratio = v(k) / (1.0 + square[k]);
        2.0 * FRAC_2_PI * DENSITY_STEP * v(k) * (ratio * ratio)
    });
    lambda.map(|lambda| {
        let used = square.partition_point(|square| lambda * square < 45.0);
        let (square, factor) = (&square[..used], &factor[..used]);
        let terms = square.iter().zip(factor);
        terms.map(|(v2, f)| f * decay(lambda * v2).0).sum()
    })
}

/// Gauss's rule with three nodes for a discrete measure, as (node, weight).
fn gauss(measure: &[(f64, f64)]) -> [(f64, f64); 3] {
    let scale = measure.iter().fold(0.0, |most: f64, &(x, _)| most.max(x));
    let mean = |f: &dyn Fn(f64) -> f64| measure.iter().map(|&(x, w)| w * f(x / scale)).sum::<f64>();
    // Stieltjes' recurrence
    let total = mean(&|_| 1.0);
    let a0 = mean(&|x| x) / total;
    let first = |x: f64| x - a0;
    let norm1 = mean(&|x| first(x) * first(x));
    let (a1, b1) = (mean(&|x| x * first(x) * first(x)) / norm1, norm1 / total);
    let second = |x: f64| (x - a1) * first(x) - b1;
    let norm2 = mean(&|x| second(x) * second(x));
    let (a2, b2) = (mean(&|x| x * second(x) * second(x)) / norm2, norm2 / norm1);
    let (c1, c2) = (b1.sqrt(), b2.sqrt());
    let jacobi = Matrix3::new(a0, c1, 0.0, c1, a1, c2, 0.0, c2, a2).symmetric_eigen();
    [0, 1, 2].map(|i| {
        let x = jacobi.eigenvalues[i];
        // Christoffel's weights, of the orthonormal polynomials at the node
        let (p1, p2) = (first(x) / c1, second(x) / (c1 * c2));
        (scale * x, total / (1.0 + p1 * p1 + p2 * p2))
    })
}

impl Measure {
    fn new() -> Self {
        let lambda: [f64; NODES] =
            std::array::from_fn(|i| libm::exp(STEP * (i as f64 - (NODES / 2) as f64)));
        let density = density(lambda);
        let weight: [f64; NODES] = std::array::from_fn(|i| STEP * lambda[i] * density[i]);
        let to_amplitude = |lambda: f64, weight: f64| 0.5 * weight * (PI / lambda).sqrt();
        let variance = lambda.map(|l| 0.5 / l);
        let amplitude = std::array::from_fn(|i| to_amplitude(lambda[i], weight[i]));
        let below = std::array::from_fn(|cut| {
            if cut < LEAST {
                return Three::default();
            }
            let nodes = 0..cut;
            let rule = gauss(&nodes.map(|i| (lambda[i], weight[i])).collect::<Vec<_>>());
            Three {
                variance: rule.map(|(l, _)| 0.5 / l),
                amplitude: rule.map(|(l, w)| to_amplitude(l, w)),
            }
        });
        let above = std::array::from_fn(|cut| {
            if cut + LEAST > NODES {
                return Three::default();
            }
            let nodes = cut..NODES;
            let rule = gauss(
                &nodes
                    .map(|i| (variance[i], amplitude[i]))
                    .collect::<Vec<_>>(),
            );
            Three {
                variance: rule.map(|(s, _)| s),
                amplitude: rule.map(|(_, a)| a),
            }
        });
        Self {
            lambda,
            variance,
            amplitude,
            below,
            above,
        }
    }
}

static MEASURE: LazyLock<Measure> = LazyLock::new(Measure::new);

impl Mixture for Softsign {
    const ODD: bool = true;
    const EVEN: bool = false;

    /// Those from $10^{-2}/q$ to $\max(10^8, 10^5/q)$ (more beside a larger variance), the rest
    /// lumped.
    fn components(&self, q: f64, other: f64) -> Pieces<'_> {
        let all = &*MEASURE;
        let low = 1e-2 / q;
        let more = if other > q { (other / q).cbrt() } else { 1.0 };
        let high = 1e8_f64.max(1e5 / q) * more;
        let place = |value: f64| all.lambda.partition_point(|&l| l < value);
        let first = place(low).clamp(LEAST, NODES - LEAST - 1);
        let last = place(high).clamp(first, NODES - LEAST);
        let piece = |variance, odd| Components {
            variance,
            odd,
            even: &[],
        };
        let (below, above) = (&all.below[first], &all.above[last]);
        [
            piece(&below.variance, &below.amplitude),
            piece(&all.variance[first..last], &all.amplitude[first..last]),
            piece(&above.variance, &above.amplitude),
        ]
    }
}
