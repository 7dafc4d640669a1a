//! The norm of a homogeneous MLP of finite width: a product of independent factors, whose logarithms have
//! exact moments.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, FRAC_PI_8, LN_2};

use super::gamma::{digamma_minus_log, trigamma};
use crate::activation::Slopes;
use crate::error;
use crate::law::Law;
use crate::numerics::quadrature::integrate;
use crate::{Error, Result};

/// Up to this width moments are integrals, from then on series in $1/n$ whose terms are all positive. (What
/// the series leaves out is below $2^{-n}$.)
const INTEGRATED: usize = 128;

/// The exact law of the norm of a homogeneous MLP of width $n$, $\varphi(x) = s_- \min(x,0) + s_+ \max(x,0)$,
/// without biases, at one input.
///
/// Given the layer before, neurons are independent Gaussians of variance
/// $\sigma_w^2 \lVert\varphi(Y_l)\rVert^2/n$, so that
///
/// $$\frac{\lVert\varphi(Y_{l+1})\rVert^2}{\lVert\varphi(Y_l)\rVert^2} \overset{d}{=} \frac{\sigma_w^2}{n}
/// \left( s_+^2 \chi^2_B + s_-^2 \chi^2_{n-B} \right), \qquad B \sim \mathrm{Bin}(n, \tfrac12),$$
///
/// independently from layer to layer (B. Hanin and M. Nica 2018, arXiv 1812.05994, for ReLU; general slopes
/// derived here). Directions and norms of Gaussian vectors are independent: with
/// $r = (s_+^2 - s_-^2)/(s_+^2 + s_-^2)$ and $w = \sum \varepsilon_i g_i^2/\sum g_i^2$ ($\varepsilon_i$ fair
/// signs, $g_i$ standard normals), the factor is
/// $\sigma_w^2 \tfrac{s_+^2+s_-^2}{2} \cdot \tfrac{\chi^2_n}{n} \cdot (1 + rw)$ with independent $\chi^2_n$
/// and $w$, and its logarithm has
///
/// $$\text{mean } \log \sigma_w^2 \tfrac{s_+^2+s_-^2}{2} + \psi(\tfrac n2) - \log \tfrac n2 + \mathbb E \log
/// (1 + rw), \qquad \text{variance } \psi_1(\tfrac n2) + \operatorname{Var} \log(1 + rw),$$
///
/// sums of terms of one sign. If one slope is 0 they are those of a layer that is not dead ($B \ge 1$), and a
/// network of depth $L$ is alive with probability $(1 - 2^{-n})^L$.
///
/// For ReLU with $\sigma_w^2 = 2$: mean $-\tfrac{5}{2n} - \tfrac{49}{12n^2} - \ldots$, variance
/// $\tfrac5n + \tfrac{37}{2n^2} + \ldots$
///
/// # Errors of the values
/// Relative errors below 1e-12 from width 1 to 10⁹, in less than ten milliseconds
/// (`tests/it/both_at_once.rs`).
///
/// ```
/// use neural_limits::{activation::Slopes, proportional::MlpNorm};
/// let relu = Slopes { negative: 0.0, positive: 1.0 };
/// let norm = MlpNorm::new(relu, 2.0, 100)?;
/// assert!((norm.log_mean() + 0.0254208856227568).abs() < 1e-15);
/// assert!((norm.log_variance() - 0.0519399921487253).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlpNorm {
    width: usize,
    mortal: bool,
    log_mean: f64,
    log_variance: f64,
}

impl MlpNorm {
    /// Of the slopes of $\varphi$, $\sigma_w^2$ and $n$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless slopes are finite and not both 0, $\sigma_w^2 > 0$ is finite, and the width
    /// is a size.
    pub fn new(slopes: Slopes, weight_variance: f64, width: usize) -> Result<Self> {
        error::finite_square("slopes.negative", slopes.negative)?;
        error::finite_square("slopes.positive", slopes.positive)?;
        error::size("width", width)?;
        let moment = slopes.second_moment();
        if moment == 0.0 {
            return Err(Error::invalid("slopes", 0.0, "a slope that is not 0"));
        }
        if error::non_negative("weight_variance", weight_variance)? == 0.0 {
            let expected = "a finite number > 0";
            return Err(Error::invalid("weight_variance", weight_variance, expected));
        }
        let growth = weight_variance * moment;
        let log_growth = if (growth - 1.0).abs() <= 4.0 * f64::EPSILON {
            0.0
        } else {
            growth.ln()
        };
        let balance = Balance::new(slopes);
        let (mean, variance) = if balance.imbalance == 0.0 {
            (0.0, 0.0)
        } else if width <= INTEGRATED {
            balance.integrated(width)
        } else {
            balance.series(width)
        };
        let half = 0.5 * width as f64;
        Ok(Self {
            width,
            mortal: balance.mortal,
            log_mean: log_growth + (digamma_minus_log(half) + mean),
            log_variance: trigamma(half) + variance,
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The mean of the logarithm of one layer's factor, given that the layer is not dead.
    pub fn log_mean(&self) -> f64 {
        self.log_mean
    }

    /// The variance of the logarithm of one layer's factor, given that the layer is not dead.
    pub fn log_variance(&self) -> f64 {
        self.log_variance
    }

    /// The probability that not all neurons are 0 in one of $L$ layers: $(1 - 2^{-n})^L$ if a slope is 0,
    /// otherwise 1.
    pub fn survival(&self, depth: usize) -> f64 {
        if !self.mortal {
            return 1.0;
        }
        let death = (-(self.width as f64) * LN_2).exp();
        (depth as f64 * (-death).ln_1p()).exp()
    }

    /// The log-normal law with the exact mean and variance of $\log \hat q_L$, $\hat q_L =
    /// \lVert Y_L \rVert^2/n$, in a network of depth $L$ that is alive: of
    /// $q_0 \cdot \tfrac{\chi^2_n}{n} \cdot (\text{factor}_1 \cdots \text{factor}_L)$, $q_0 = \mathbb E \hat
    /// q_0$. By the central limit theorem it is the law itself as $L \to \infty$, whatever the width: the
    /// skewness of $\log \hat q_L$ falls as $L^{-1/2}$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $q_0 > 0$ is finite; [`Error::Overflow`] if the second moment exceeds the
    /// range.
    pub fn law(&self, start: f64, depth: usize) -> Result<Law> {
        if error::non_negative("start", start)? == 0.0 {
            return Err(Error::invalid("start", start, "a finite number > 0"));
        }
        let (half, layers) = (0.5 * self.width as f64, depth as f64);
        Law::log_normal(
            start.ln() + digamma_minus_log(half) + layers * self.log_mean,
            trigamma(half) + layers * self.log_variance,
        )
    }
}

/// $1 + rw$, the second moment of $\varphi$ in a random direction, relative to its mean.
struct Balance {
    /// $r$.
    imbalance: f64,
    /// $1 - r$ and $1 + r$.
    ends: [f64; 2],
    /// Whether it can be 0.
    mortal: bool,
}

impl Balance {
    fn new(slopes: Slopes) -> Self {
        let (minus, plus) = (slopes.negative.powi(2), slopes.positive.powi(2));
        let total = minus + plus;
        let ends = [2.0 * minus / total, 2.0 * plus / total];
        Self {
            imbalance: (plus - minus) / total,
            ends,
            mortal: minus == 0.0 || plus == 0.0,
        }
    }

    /// Mean and variance of $\log(1 + rw)$ from the law of $w = -\cos 2x$, whose density in $x \in (0,
    /// \pi/2)$ is the mixture of $2 \sin^{b-1} x \cos^{n-b-1} x / \mathrm{B}(\tfrac b2, \tfrac{n-b}2)$ over
    /// the binomial law of $b$, with atoms $2^{-n}$ at both ends.
    fn integrated(&self, width: usize) -> (f64, f64) {
        let n = width as f64;
        let atom = (-n * LN_2).exp();
        let weights: Vec<f64> = (1..width)
            .map(|b| {
                let b = b as f64;
                let binomial =
                    libm::lgamma(n + 1.0) - libm::lgamma(b + 1.0) - libm::lgamma(n - b + 1.0);
                let beta =
                    libm::lgamma(0.5 * n) - libm::lgamma(0.5 * b) - libm::lgamma(0.5 * (n - b));
                2.0 * (binomial - n * LN_2 + beta).exp()
            })
            .collect();
        let density = |sine: f64, cosine: f64| {
            let terms = weights.iter().enumerate();
            terms
                .map(|(i, weight)| {
                    weight * sine.powi(i as i32) * cosine.powi((width - i) as i32 - 2)
                })
                .sum::<f64>()
        };
        let r = self.imbalance;
        let atoms = self.ends.map(|end| if end > 0.0 { atom } else { 0.0 });
        let alive = if self.mortal { 1.0 - atom } else { 1.0 };
        let breaks = [0.0, 1e-3, 0.1 * FRAC_PI_2, FRAC_PI_8, FRAC_PI_4];
        // the density is even in w: f is the sum of what is at w and at -w
        let expectation = |f: &dyn Fn(f64, f64) -> f64, at_ends: [f64; 2]| {
            let value = |x: f64| {
                let (sine, cosine) = x.sin_cos();
                density(sine, cosine) * f(sine, cosine)
            };
            let ends = atoms[0] * at_ends[0] + atoms[1] * at_ends[1];
            (integrate(value, &breaks, 1e-13).value + ends) / alive
        };
        let [low, high] = self.ends;
        let log = |sine: f64, cosine: f64| {
            let w = (sine - cosine) * (sine + cosine);
            if (r * w).abs() < 0.5 {
                (r * w).ln_1p()
            } else {
                (low * cosine * cosine + high * sine * sine).ln()
            }
        };
        let log_of_both = |sine: f64, cosine: f64| {
            let w = (sine - cosine) * (sine + cosine);
            if (r * w).abs() < 0.5 {
                (-(r * w).powi(2)).ln_1p()
            } else {
                log(sine, cosine) + log(cosine, sine)
            }
        };
        let logs = [(0.0, 1.0), (1.0, 0.0)].map(|(sine, cosine)| log(sine, cosine));
        // an end without an atom has no logarithm
        let at_ends =
            |f: &dyn Fn(f64) -> f64| [0, 1].map(|i| if atoms[i] > 0.0 { f(logs[i]) } else { 0.0 });
        let mean = expectation(&log_of_both, at_ends(&|log| log));
        let squared = |sine: f64, cosine: f64| {
            (log(sine, cosine) - mean).powi(2) + (log(cosine, sine) - mean).powi(2)
        };
        let variance = expectation(&squared, at_ends(&|log| (log - mean).powi(2)));
        (mean, variance)
    }

    /// The same from the even moments of $w$,
    /// $\mathbb E w^{2k} = (2k)! [t^{2k}] A(t)^n / \prod_{i<2k} (n + 2i)$ with
    /// $A(t) = \tfrac12 ((1-2t)^{-1/2} + (1+2t)^{-1/2})$: $\mathbb E \log (1 + rw) = - \sum_k r^{2k} \mathbb
    /// E w^{2k}/(2k)$ and $\mathbb E \log^2(1+rw) = \sum_k r^{2k} \mathbb E w^{2k} H_{2k-1}/k$.
    fn series(&self, width: usize) -> (f64, f64) {
        let n = width as f64;
        let squared = self.imbalance * self.imbalance;
        // coefficients of (n t²)^j in A, and of its n-th power by J. C. P. Miller's recurrence
        let (mut base, mut power) = (vec![1.0], vec![1.0]);
        let (mut mean, mut square, mut harmonic, mut factor) = (0.0, 0.0, 1.0, 1.0);
        for k in 1..=width {
            let x = k as f64;
            // C(4k, 2k)/4^k from the one before
            let ratio = (4.0 * x - 3.0) * (4.0 * x - 1.0) / ((2.0 * x - 1.0) * (2.0 * x));
            base.push(base[k - 1] * ratio / n);
            let terms = (1..=k).map(|j| ((n + 1.0) * j as f64 - x) * base[j] * power[k - j]);
            power.push(terms.sum::<f64>() / x);
            factor *= squared * n * (2.0 * x - 1.0) * (2.0 * x)
                / ((n + 4.0 * x - 4.0) * (n + 4.0 * x - 2.0));
            if k > 1 {
                harmonic += 1.0 / (2.0 * x - 2.0) + 1.0 / (2.0 * x - 1.0);
            }
            let moment = factor * power[k];
            mean -= moment / (2.0 * x);
            square += moment * harmonic / x;
            if moment * harmonic <= 1e-18 * square {
                break;
            }
        }
        (mean, square - mean * mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_and_series_agree() {
        for negative in [0.0, 0.01, -0.3, 0.5, -0.999_999] {
            let balance = Balance::new(Slopes {
                negative,
                positive: 1.0,
            });
            for width in [100, 128, 160] {
                let (mean, variance) = balance.integrated(width);
                let (same_mean, same_variance) = balance.series(width);
                assert!(
                    (mean / same_mean - 1.0).abs() < 1e-12,
                    "{negative}, {width}"
                );
                assert!(
                    (variance / same_variance - 1.0).abs() < 1e-12,
                    "{negative}, {width}"
                );
            }
        }
    }
}
