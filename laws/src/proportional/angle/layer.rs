//! One layer.

use std::f64::consts::{FRAC_1_PI, FRAC_PI_2, PI};

use crate::error::{self, Error, Result};
use crate::numerics::gauss_legendre;
use crate::proportional::gamma::{digamma_minus_log, trigamma};

/// Below this angle first-order terms in it have all digits.
const SMALL: f64 = 1e-9;

/// Standard deviations of the binomial law that are summed over.
const DEVIATIONS: f64 = 9.5;

/// What one layer of a ReLU MLP of width $n$ with $\sigma_w^2 = 2$ and no bias makes of the angle $\theta$
/// between $\varphi(Y(a))$ and $\varphi(Y(b))$.
///
/// Given $\theta$, the rows of the next layer are independent Gaussian pairs of correlation $\cos\theta$.
/// With $x, y$ such a pair, $\omega = \varphi(y) - k\varphi(x)$, $k = 2 \mathbb E[\varphi(x)\varphi(y)]$ and
/// $\delta = 1 - k^2 = 2 \mathbb E \omega^2$,
///
/// $$\mathbb E \log \sin^2 \theta^\prime = \log \delta + \frac{b(\theta)}{n} + O(n^{-2}), \qquad
///   \operatorname{Var} \log \sin^2 \theta^\prime = \frac{c(\theta)}{n} + O(n^{-2}),$$
///
/// $$b = \frac52 - \frac12 \mathbb E\left[ \left( \frac{2\omega^2}{\delta} - 1 \right)^2 \right] -
/// \frac{4 \mathbb E[\varphi(x)^2\omega^2]}{\delta}, \qquad c = \operatorname{Var}\left[
/// \frac{2\omega^2}{\delta} - 2\varphi(y)^2 \right],$$
///
/// since $\sin^2\theta^\prime = (S_\omega - S_\times^2/S_x)/S_y$ for empirical means $S$ (derived here; the
/// terms of C. Jakub and M. Nica 2023, arXiv 2302.09712, agree with them as $n \to \infty$). All terms are
/// integrals of smooth functions over the direction of $(x, y)$, without cancellation for small angles:
/// relative error below 1e-12 for every $\theta$.
///
/// For $\theta \to 0$ the ratio $\sin^2\theta^\prime/\sin^2\theta$ is $\chi^2_{B-1}/\chi^2_B$, independent
/// variables with a common $B \sim \mathrm{Bin}(n, \tfrac12)$ (derived here; exact at every $n$), whose
/// logarithm has mean $m_0(n) = -2/n + \ldots$ and variance $v_0(n) = 8/n + \ldots$ given $B \ge 2$. The
/// *hybrid* of both, $\log\delta + b m_0/(-2)$ and $c v_0/8$, has all orders in $1/n$ for small angles and
/// the first for all.
///
/// ```
/// use neural_limits::proportional::AngleLayer;
/// let layer = AngleLayer::new(100)?;
/// assert!((layer.infinite_width(0.5)? + 1.575134346799739).abs() < 1e-12);
/// assert!((layer.mean_slope(0.5)? + 2.005764975440565).abs() < 1e-11);
/// assert!((layer.variance_slope(0.5)? - 5.613585446869998).abs() < 1e-11);
/// assert!((layer.small_angle_mean() + 0.0208426849025281).abs() < 1e-13);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AngleLayer {
    width: usize,
    /// $m_0$, $v_0$.
    small: (f64, f64),
}

/// $\log\delta$, $b$ and $c$ at one angle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) log: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl AngleLayer {
    /// Of a width.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width below 2 (a single neuron has no angle) or above 10⁹.
    pub fn new(width: usize) -> Result<Self> {
        if error::size("width", width)? < 2 {
            return Err(Error::invalid("width", width, "an integer >= 2"));
        }
        Ok(Self {
            width,
            small: small_angle(width),
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// $\log(1 - k^2)$, the next $\log\sin^2\theta^\prime$ at infinite width.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < \theta \le \pi$.
    pub fn infinite_width(&self, theta: f64) -> Result<f64> {
        Ok(terms(checked(theta)?).log)
    }

    /// $b(\theta)$; $-2$ at $\theta \to 0$.
    ///
    /// # Errors
    /// As [`infinite_width`](Self::infinite_width).
    pub fn mean_slope(&self, theta: f64) -> Result<f64> {
        Ok(terms(checked(theta)?).mean)
    }

    /// $c(\theta)$; 8 at $\theta \to 0$.
    ///
    /// # Errors
    /// As [`infinite_width`](Self::infinite_width).
    pub fn variance_slope(&self, theta: f64) -> Result<f64> {
        Ok(terms(checked(theta)?).variance)
    }

    /// $m_0(n)$.
    pub fn small_angle_mean(&self) -> f64 {
        self.small.0
    }

    /// $v_0(n)$.
    pub fn small_angle_variance(&self) -> f64 {
        self.small.1
    }

    /// Mean and variance of $\log\sin^2\theta^\prime$ given $\theta$, to first order in $1/n$.
    ///
    /// # Errors
    /// As [`infinite_width`](Self::infinite_width).
    pub fn first_order(&self, theta: f64) -> Result<(f64, f64)> {
        let (terms, n) = (terms(checked(theta)?), self.width as f64);
        Ok((terms.log + terms.mean / n, terms.variance / n))
    }

    /// Mean and variance of $\log\sin^2\theta^\prime$ given $\theta$, by the hybrid.
    ///
    /// # Errors
    /// As [`infinite_width`](Self::infinite_width).
    pub fn hybrid(&self, theta: f64) -> Result<(f64, f64)> {
        Ok(self.hybrid_of(terms(checked(theta)?)))
    }

    pub(super) fn hybrid_of(&self, terms: Terms) -> (f64, f64) {
        let (mean, variance) = self.small;
        (
            terms.log - 0.5 * terms.mean * mean,
            0.125 * terms.variance * variance,
        )
    }
}

pub(super) fn checked(theta: f64) -> Result<f64> {
    if theta > 0.0 && theta <= PI {
        Ok(theta)
    } else {
        Err(Error::invalid("theta", theta, "an angle in (0, pi]"))
    }
}

/// The terms at $x = \log\sin^2\theta$, $\theta \le \pi/2$.
pub(super) fn terms_at(x: f64) -> Terms {
    let sine = (0.5 * x).exp();
    if sine < SMALL {
        return small_terms(x, sine);
    }
    terms(sine.atan2((-x.exp_m1()).max(0.0).sqrt()))
}

/// The terms to first order in $\theta$.
fn small_terms(x: f64, theta: f64) -> Terms {
    let scaled = theta * FRAC_1_PI / 15.0;
    Terms {
        log: x - 10.0 * scaled,
        mean: -2.0 - 8.0 * scaled,
        variance: 8.0 - 64.0 * scaled,
    }
}

/// $\sin\theta - \theta\cos\theta$ with its relative accuracy.
pub(super) fn bend(theta: f64) -> f64 {
    if theta < 0.3 {
        let x = theta * theta;
        // Σ (-1)^(k+1) 2k θ^(2k+1)/(2k+1)!
        theta
            * x
            * (1.0 / 3.0
                - x * (1.0 / 30.0
                    - x * (1.0 / 840.0
                        - x * (1.0 / 45_360.0 - x * (1.0 / 3_991_680.0 - x / 518_918_400.0)))))
    } else {
        theta.sin() - theta * theta.cos()
    }
}

/// The terms of an angle in $(0, \pi]$.
pub(super) fn terms(theta: f64) -> Terms {
    if theta < SMALL {
        return small_terms(2.0 * theta.ln(), theta);
    }
    let (sine, half) = (theta.sin(), (0.5 * theta).sin());
    // 1 - k and k - cos θ
    let drift = FRAC_1_PI * bend(theta);
    let complement = 2.0 * half * half - drift;
    let k = 1.0 - complement;
    let delta = complement * (1.0 + k);
    // x = R cos α, y = R cos(α - θ), E R⁴ = 8: averages over α, where x and y are active
    let (mut fourth, mut cross, mut tilted) = (0.0, 0.0, 0.0);
    let mut panel = |low: f64, high: f64, active: [f64; 2]| {
        for (node, weight) in gauss_legendre::NODES.iter().zip(gauss_legendre::WEIGHTS) {
            let alpha = low + (high - low) * node;
            let (x, y) = (active[0] * alpha.cos(), active[1] * (alpha - theta).cos());
            let omega = match active {
                [1.0, 1.0] => sine * alpha.sin() - drift * alpha.cos(),
                _ => y - k * x,
            };
            let weight = weight * (high - low) * 4.0 * FRAC_1_PI;
            let squared = omega * omega;
            fourth += weight * squared * squared;
            cross += weight * x * x * squared;
            tilted += weight * (2.0 * squared / delta - 2.0 * y * y).powi(2);
        }
    };
    let middle = 0.5 * theta;
    panel(theta - FRAC_PI_2, middle, [1.0, 1.0]);
    panel(middle, FRAC_PI_2, [1.0, 1.0]);
    panel(-FRAC_PI_2, theta - FRAC_PI_2, [1.0, 0.0]);
    panel(FRAC_PI_2, theta + FRAC_PI_2, [0.0, 1.0]);
    let relative = 4.0 * fourth / (delta * delta) - 1.0;
    Terms {
        log: delta.ln(),
        mean: 2.5 - 0.5 * relative - 4.0 * cross / delta,
        variance: tilted,
    }
}

/// Mean and variance of $\log \chi^2_{B-1} - \log \chi^2_B$ given $B \ge 2$.
fn small_angle(width: usize) -> (f64, f64) {
    let n = width as f64;
    // log((B-1)/B) + …, each part with its own digits
    let mean_of = |b: f64| {
        (-1.0 / b).ln_1p() + (digamma_minus_log(0.5 * (b - 1.0)) - digamma_minus_log(0.5 * b))
    };
    let center = (n / 2.0).round();
    let reach = (DEVIATIONS * (0.25 * n).sqrt()).ceil() + 30.0;
    let (low, high) = ((center - reach).max(2.0), (center + reach).min(n));
    // binomial weights relative to the center's, by their ratios
    let mut weighted = Vec::with_capacity((high - low) as usize + 1);
    let mut weight = 1.0;
    let start = center.max(low);
    let mut b = start;
    while b <= high {
        weighted.push((b, weight));
        weight *= (n - b) / (b + 1.0);
        b += 1.0;
    }
    let (mut weight, mut b) = (1.0, start);
    while b > low {
        weight *= b / (n - b + 1.0);
        b -= 1.0;
        weighted.push((b, weight));
    }
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mean = weighted.iter().map(|(b, w)| w * mean_of(*b)).sum::<f64>() / total;
    let variance = weighted.iter().map(|(b, w)| {
        let spread = trigamma(0.5 * (b - 1.0)) + trigamma(0.5 * b);
        w * (spread + (mean_of(*b) - mean).powi(2))
    });
    (mean, variance.sum::<f64>() / total)
}
