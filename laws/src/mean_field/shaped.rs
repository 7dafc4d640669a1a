//! The correlation of shaped multilayer perceptrons at a fixed ratio of depth and width.

use std::f64::consts::PI;

use super::heat::{Heat, Steps};
use super::transport::{SMALL, lag};
use crate::error;
use crate::law::{Density, Law};
use crate::{Error, Result};

/// $\rho$ this close to $\pm 1$ has a $z$ that no grid reaches.
const NEAREST: f64 = 1e-4;

/// The least and the largest $z$ of the grid, relative to the start.
const DRIFT: f64 = 0.5;
const DEVIATIONS: f64 = 7.5;

/// The number of cells for a deviation of the diffusion, and of steps in time, of the coarser solution.
const RESOLUTION: f64 = 24.0;
const STEPS: f64 = 32.0;

/// The largest $L/n$.
const LONGEST: f64 = 100.0;

/// What the two solutions may differ by.
const TOLERANCE: f64 = 1e-8;
const ROUNDS: usize = 5;

/// The law of the correlation $\rho$ of two inputs in a shaped ReLU network whose depth and width go to
/// infinity together, $L/n \to T$ (M. Li, M. Nica and D. Roy 2022, arXiv 2206.02768): slopes
/// $s_\pm = 1 + c_\pm/\sqrt n$, and
///
/// $$d\rho = \left( \tfrac{(c_+ - c_-)^2}{2\pi} (\sqrt{1-\rho^2} - \rho \arccos \rho) - \tfrac12 \rho (1 -
/// \rho^2) \right) dt + (1 - \rho^2)\, dB .$$
///
/// In $z = \operatorname{artanh} \rho$ the noise is 1 and the drift, with $C = (c_+ - c_-)^2$,
///
/// $$m(z) = \frac{C (\sqrt{1-\rho^2} - \rho \arccos \rho)}{2\pi (1 - \rho^2)} + \frac \rho 2 .$$
///
/// The Fokker–Planck equation $\partial_t p = -\partial_z(m p) + \tfrac12 \partial_z^2 p$ becomes, for $p =
/// e^{W} \psi$ with $W^\prime = m$, the heat equation with absorption $\partial_t \psi = \tfrac12
/// \partial_z^2 \psi - Q \psi$, $Q = \tfrac12 (m^2 + m^\prime)$: alternately a diffusion by the scheme of
/// [`FokkerPlanck`](super::FokkerPlanck) and a decay, in the proportions of S. A. Chin (1997) that make it of
/// order 4 with positive steps only. The point mass at the start is one node, which the scheme smooths to the
/// values of the exact kernel.
///
/// # Errors of the values
/// [`moment`](Self::moment) errs by less than 1e-8, the distribution function of the law by 2e-8, its density
/// by 1e-6, or it is [`Error::NotConverged`]; the estimate is [`error`](Self::error). The mass is 1 up to the
/// same error, and is normalised.
///
/// ```
/// use neural_limits::mean_field::ShapedCorrelation;
/// // ReLU left of 0 and the identity right of it, at n = L
/// let law = ShapedCorrelation::new(0.0, -1.0, 0.5, 1.0)?.law();
/// assert!((law.mean() - 0.480_546_2).abs() < 1e-6);
/// assert!((law.cdf(0.0) - 0.210_703_5).abs() < 1e-6);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ShapedCorrelation {
    law: Law,
    /// The nodes $\rho$ and their shares of the mass; one node where nothing moves.
    nodes: Vec<(f64, f64)>,
    error: f64,
}

impl ShapedCorrelation {
    /// Of $c_+$, $c_-$, the correlation of the inputs, and $T = L/n$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for slopes that are not finite, a correlation outside of $[-1, 1]$, and a ratio
    /// that is not finite and $\ge 0$; [`Error::Unsupported`] for a correlation within 1e-4 of $\pm 1$ that
    /// is not one of its fixed points; [`Error::NotConverged`].
    pub fn new(positive: f64, negative: f64, correlation: f64, ratio: f64) -> Result<Self> {
        error::finite("c_plus", positive)?;
        error::finite("c_minus", negative)?;
        error::correlation("correlation", correlation)?;
        error::non_negative("ratio", ratio)?;
        let curvature = error::finite_square("c_plus - c_minus", positive - negative)?.powi(2);
        let fixed = correlation == 1.0 || correlation == -1.0 && curvature == 0.0;
        if fixed || ratio == 0.0 {
            return Ok(Self {
                law: Law::Deterministic(correlation),
                nodes: vec![(correlation, 1.0)],
                error: 0.0,
            });
        }
        if 1.0 - correlation.abs() < NEAREST {
            return Err(Error::unsupported(
                format!("the law of a correlation that starts at {correlation}"),
                "no grid resolves what happens within 1e-4 of -1 and 1",
            ));
        }
        let start = correlation.atanh();
        if ratio > LONGEST {
            return Err(Error::invalid("ratio", ratio, "a number in [0, 100]"));
        }
        let (mut cells, mut steps) = (RESOLUTION, (STEPS * ratio.max(1.0)).ceil() as usize);
        let mut before = march(curvature, start, ratio, (cells, steps))?;
        let mut reached = f64::INFINITY;
        for _ in 0..ROUNDS {
            (cells, steps) = (1.5 * cells, 2 * steps);
            let solution = march(curvature, start, ratio, (cells, steps))?;
            // of fourth order, and half of it for good measure
            reached = distance(&solution.0, &before.0) / 2.0;
            if reached <= TOLERANCE {
                let (density, nodes) = solution;
                return Ok(Self {
                    law: Law::Density(density.hyperbolic_tangent()),
                    nodes,
                    error: reached,
                });
            }
            before = solution;
        }
        Err(Error::NotConverged {
            what: "the law of the correlation of a shaped network".to_owned(),
            reached,
            tolerance: TOLERANCE,
        })
    }

    /// The law of $\rho$: a [`Law::Density`] of a hyperbolic tangent; a number where nothing moves.
    pub fn law(&self) -> Law {
        self.law.clone()
    }

    /// $\mathbb E \rho^k$: the sum over the nodes, which is more accurate than an integral of the law on its
    /// grid.
    pub fn moment(&self, power: u32) -> f64 {
        let terms = self.nodes.iter().map(|(rho, mass)| {
            let powers = (0..power).map(|_| rho);
            mass * powers.product::<f64>()
        });
        terms.sum()
    }

    /// The estimated error of the distribution function.
    pub fn error(&self) -> f64 {
        self.error
    }
}

/// $m(z)$ and $W(z) = \int m$.
///
/// With $\vartheta = \arccos\rho = 2\arctan e^{-z}$ the first term of $m$ is $C (\sin\vartheta -
/// \vartheta\cos\vartheta)/(2\pi\sin^2\vartheta)$, and since $\vartheta^\prime = -\sin\vartheta$, $W = -C
/// (\vartheta - \sin\vartheta \cos\vartheta)/(4 \pi \sin^2\vartheta) + \tfrac12 \log\cosh z$.
fn drift(curvature: f64, z: f64) -> (f64, f64) {
    let angle = 2.0 * libm::atan(libm::exp(-z));
    // sin ϑ = 1/cosh z
    let sine = 1.0 / libm::cosh(z);
    let rho = libm::tanh(z);
    let log_cosh = z.abs() + libm::log1p(libm::exp(-2.0 * z.abs())) - 2.0_f64.ln();
    let factor = curvature / (2.0 * PI);
    (
        factor * lag(angle) / (sine * sine) + 0.5 * rho,
        0.5 * log_cosh - 0.5 * factor * segment(angle, sine * rho) / (sine * sine),
    )
}

/// $\vartheta - \sin\vartheta \cos\vartheta$, with its digits near 0.
fn segment(angle: f64, product: f64) -> f64 {
    let square = angle * angle;
    if angle < SMALL {
        let rest = 2.0 / 15.0 - square * (4.0 / 315.0 - square * (2.0 / 2835.0));
        angle * square * (2.0 / 3.0 - square * rest)
    } else {
        angle - product
    }
}

/// $Q = \tfrac12 (m^2 + m^\prime)$.
fn absorption(curvature: f64, z: f64) -> f64 {
    let angle = 2.0 * libm::atan(libm::exp(-z));
    let (sine, rho) = (1.0 / libm::cosh(z), libm::tanh(z));
    let (m, _) = drift(curvature, z);
    // ∂_ϑ of (sin ϑ − ϑ cos ϑ)/sin² ϑ is ϑ/sin ϑ − 2 cos ϑ (sin ϑ − ϑ cos ϑ)/sin³ ϑ, times −sin ϑ
    let first = m - 0.5 * rho;
    let slope = 2.0 * rho * first - curvature / (2.0 * PI) * angle + 0.5 * sine * sine;
    0.5 * (m * m + slope)
}

/// The density of $z$ from a point mass, with cells for a deviation and steps as said, and the nodes.
fn march(
    curvature: f64,
    start: f64,
    time: f64,
    (cells, steps): (f64, usize),
) -> Result<(Density, Vec<(f64, f64)>)> {
    // cells of half a deviation of the first step at least, and as fine as the drift wants them
    let width = time.sqrt().min(1.0) / cells;
    let reach = DEVIATIONS * time.sqrt() + DRIFT * time * (1.0 + curvature);
    let (below, above) = (
        (reach / width).ceil() as usize,
        (reach / width).ceil() as usize,
    );
    let nodes = below + above + 1;
    let place = |i: usize| start + width * (i as f64 - below as f64);
    let step = time / steps as f64;
    let q: Vec<f64> = (0..nodes)
        .map(|i| absorption(curvature, place(i)))
        .collect();
    let slope = |i: usize| {
        let (low, high) = (i.saturating_sub(1), (i + 1).min(nodes - 1));
        (q[high] - q[low]) / (width * (high - low) as f64)
    };
    let outer: Vec<f64> = q.iter().map(|q| (-step * q / 6.0).exp()).collect();
    let both: Vec<f64> = outer.iter().map(|outer| outer * outer).collect();
    let inner: Vec<f64> = (0..nodes)
        .map(|i| {
            let corrected = q[i] + step * step / 48.0 * slope(i).powi(2);
            (-2.0 / 3.0 * step * corrected).exp()
        })
        .collect();
    let mut psi = vec![0.0; nodes];
    psi[below] = 1.0 / width;
    let mut heat = Heat::default();
    let half = Steps::of(0.25 * step / (width * width));
    let decay = |psi: &mut [f64], factors: &[f64]| {
        for (psi, factor) in psi.iter_mut().zip(factors) {
            *psi *= factor;
        }
    };
    decay(&mut psi, &outer);
    for i in 1..=steps {
        heat.advance(&mut psi, (0, 1, nodes), half);
        decay(&mut psi, &inner);
        heat.advance(&mut psi, (0, 1, nodes), half);
        decay(&mut psi, if i == steps { &outer } else { &both });
    }
    let origin = drift(curvature, start).1;
    for (i, psi) in psi.iter_mut().enumerate() {
        *psi *= (drift(curvature, place(i)).1 - origin).exp();
    }
    let total: f64 = psi.iter().sum();
    let nodes = psi.iter().enumerate();
    let nodes = nodes.map(|(i, psi)| (libm::tanh(place(i)), psi / total));
    let nodes = nodes.collect();
    Ok((Density::of_nodes(place(0), width, &psi)?, nodes))
}

/// The largest difference of the distribution functions at the middles of the coarser cells.
fn distance(fine: &Density, coarse: &Density) -> f64 {
    let (low, width) = (coarse.range().0, coarse.cell_width());
    let middles = (0..coarse.masses().len()).map(|i| low + width * (i as f64 + 0.5));
    middles.fold(0.0, |m: f64, z| m.max((fine.cdf(z) - coarse.cdf(z)).abs()))
}
