//! Many layers: the law of the angle on a grid.

use std::f64::consts::FRAC_PI_2;

use super::layer::{AngleLayer, checked, terms, terms_at};
use crate::error;
use crate::{Error, Result};

/// Grid points for one standard deviation of the narrowest step, that of $\theta = \pi/2$.
const RESOLUTION: f64 = 3.0;

/// The least deviation of a step, in grid points: only the first one, from nearly opposite inputs, is
/// narrower (and has no deviation at $\theta_0 = \pi$).
const NARROWEST: f64 = 0.8;

/// Standard deviations that a step reaches.
const REACH: f64 = 8.5;

/// The most multiplications that one law may take: some ten seconds.
const MOST_WORK: f64 = 2e10;

/// The law of $x = \log\sin^2\theta_L$ in a ReLU MLP of width $n$ (He initialisation, no bias) whose inputs
/// have the angle $\theta_0$: the density is carried from layer to layer on a grid of $x$, each step Gaussian
/// with the [hybrid](AngleLayer::hybrid) mean and variance (derived here; from the mean alone a step loses
/// the convexity of the drift).
///
/// The rule on the grid is exact to 1e-8 for a Gaussian step; what limits the law is that a step is not
/// Gaussian and that means are hybrids. Measured (`tests/it/both_at_once.rs`): at $n = 100$, $L = 20$,
/// $\theta_0 = 0.5$ mean $-3.2919$ and deviation 0.9354, sampled networks $-3.2895(15)$ and 0.9349(10), the
/// [published algorithm](super::PublishedAngle) $-3.3593$ and 0.8984.
///
/// ```
/// use neural_limits::proportional::{AngleDensity, AngleLayer};
/// let law = AngleDensity::new(&AngleLayer::new(100)?, 0.5, 20)?;
/// assert!((law.mean() + 3.2919).abs() < 1e-3);
/// assert!((law.variance().sqrt() - 0.9354).abs() < 1e-3);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AngleDensity {
    /// $x$ of the first point.
    low: f64,
    spacing: f64,
    /// Probabilities of the points.
    masses: Vec<f64>,
}

impl AngleDensity {
    /// After $L \ge 1$ layers.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < \theta_0 \le \pi$, for a depth that is not a size, and for a width and
    /// depth whose grid would take more than some ten seconds (then $n$ is so large that
    /// [`AngleDiffusion`](super::AngleDiffusion) is the law).
    pub fn new(layer: &AngleLayer, theta: f64, depth: usize) -> Result<Self> {
        error::size("depth", depth)?;
        let (first, spread) = layer.hybrid_of(terms(checked(theta)?));
        let layers = depth as f64;
        // how far down it may go: as at infinite width, with the largest deviation of all layers
        let (mean, variance) = (layer.small_angle_mean(), layer.small_angle_variance());
        let narrowest = layer.hybrid_of(terms(FRAC_PI_2)).1.sqrt();
        let spacing = narrowest / RESOLUTION;
        let size_of = |trend: f64| {
            let low = trend + 1.5 * layers * mean - REACH * (layers * variance).sqrt() - 1.0;
            let size = (-low / spacing).ceil();
            let work = size * layers * 2.0 * REACH * RESOLUTION * (variance.sqrt() / narrowest);
            if work.is_nan() || work > MOST_WORK {
                let expected = format!(
                    "a depth for which {work:.1e} operations (at width {}) are at most {MOST_WORK:.0e}",
                    layer.width()
                );
                return Err(Error::invalid("depth", depth, expected));
            }
            Ok(size)
        };
        // the trend falls, so the work grows: depths without end are refused before they are gone through
        let mut trend = first;
        size_of(trend)?;
        for _ in 1..depth {
            trend = terms_at(trend).log;
        }
        let size = size_of(trend)? as usize + 1;
        let low = -spacing * (size - 1) as f64;
        let point = |i: usize| low + spacing * i as f64;
        let steps: Vec<Step> = (0..size)
            .map(|i| {
                let (mean, variance) = layer.hybrid_of(terms_at(point(i)));
                Step::new(mean, variance, low, spacing, size)
            })
            .collect();
        let mut masses = vec![0.0; size];
        Step::new(first, spread, low, spacing, size).add(1.0, &mut masses);
        for _ in 1..depth {
            let mut next = vec![0.0; size];
            for (step, mass) in steps.iter().zip(&masses) {
                // what is not there moves nothing
                if *mass > 1e-30 {
                    step.add(*mass, &mut next);
                }
            }
            masses = next;
        }
        Ok(Self {
            low,
            spacing,
            masses,
        })
    }

    /// The points $x_i = \log\sin^2\theta$, ascending to 0, and their probabilities.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let masses = self.masses.iter().enumerate();
        masses.map(|(i, mass)| (self.low + self.spacing * i as f64, *mass))
    }

    /// $\mathbb E \log\sin^2\theta_L$.
    pub fn mean(&self) -> f64 {
        self.points().map(|(x, mass)| x * mass).sum()
    }

    /// $\operatorname{Var} \log\sin^2\theta_L$.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.points()
            .map(|(x, mass)| mass * (x - mean).powi(2))
            .sum()
    }

    /// $P(\log\sin^2\theta_L \le x)$, linear between the points.
    pub fn distribution(&self, x: f64) -> f64 {
        let mut below = 0.0;
        for (point, mass) in self.points() {
            let share = (x - point) / self.spacing + 0.5;
            if share <= 0.0 {
                break;
            }
            below += mass * share.min(1.0);
        }
        below.min(1.0)
    }
}

/// A Gaussian on the grid; what lies above 0 is at 0 ($\theta = \pi/2$).
struct Step {
    first: usize,
    weights: Vec<f64>,
}

impl Step {
    fn new(mean: f64, variance: f64, low: f64, spacing: f64, size: usize) -> Self {
        let deviation = variance.sqrt().max(NARROWEST * spacing);
        let place = |x: f64| ((x - low) / spacing).round();
        let last = (size - 1) as f64;
        let start = place(mean - REACH * deviation).max(0.0);
        let end = place(mean + REACH * deviation).max(start);
        let first = start.min(last);
        let mut weights = vec![0.0; (end.min(last) - first) as usize + 1];
        let mut total = 0.0;
        let mut i = start;
        while i <= end {
            let x = (low + spacing * i - mean) / deviation;
            let weight = (-0.5 * x * x).exp();
            total += weight;
            weights[(i.min(last) - first) as usize] += weight;
            i += 1.0;
        }
        for weight in &mut weights {
            *weight /= total;
        }
        Self {
            first: first as usize,
            weights,
        }
    }

    fn add(&self, mass: f64, masses: &mut [f64]) {
        for (place, weight) in masses[self.first..].iter_mut().zip(&self.weights) {
            *place += mass * weight;
        }
    }
}
