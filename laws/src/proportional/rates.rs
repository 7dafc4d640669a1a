//! How the logarithm of a critical chain's norm moves and spreads from layer to layer.

use super::fluctuation::Memory;
use crate::activation::Slopes;
use crate::error;
use crate::{Error, Result};

/// Terms of the sums over layers: they fall as $s^k$.
const TERMS: usize = 1_000_000;

/// The rates of the log-normal law of a homogeneous chain whose variance depth keeps,
/// $Y_l = s Y_{l-1} + \lambda W_l \varphi(Y_{l-1})$ with $h = \lambda^2 \sigma_w^2 \mathbb E[\varphi(z)^2] =
/// 1 - s^2$: for $n, L \to \infty$ with $L/n \to T$,
///
/// $$\log \frac{\hat q_L}{q_0} \to \mathcal N\left( T (c - \tfrac v2), T v \right),$$
///
/// with $r = (s_+^2 - s_-^2)/(s_+^2 + s_-^2)$, $B$ and $D$ as in [`Fluctuations`](super::Fluctuations) and
///
/// $$v = h^2 (2 + 3r^2) + 4 h s^2 + 2 h^2 r^2 \sum_{k\ge1} B(s^k), \qquad
///   c = h^2 r^2 \sum_{k\ge1} D(s^k) :$$
///
/// the noise of a layer, its product with the skip connection, the memory of neurons from layer to layer;
/// and the correlation of a neuron's sign with the norm. Without a skip connection and for ReLU, $v = 5$ and
/// $c = 0$ (B. Hanin and M. Nica 2018, arXiv 1812.05994). Derived here to first order in $1/n$, in the
/// setting of M. Li, M. Nica and D. Roy (2021, arXiv 2106.04013).
///
/// ```
/// use neural_limits::{activation::Slopes, proportional::LogNormalRates};
/// let relu = Slopes { negative: 0.0, positive: 1.0 };
/// let mlp = LogNormalRates::new(relu, 0.0)?;
/// assert_eq!((mlp.log_variance(), mlp.bias()), (5.0, 0.0));
/// let resnet = LogNormalRates::new(relu, 0.5_f64.sqrt())?;
/// assert!((resnet.log_variance() - 5.44247804288).abs() < 1e-10);
/// assert!((resnet.log_mean() + 1.98386063403).abs() < 1e-10);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormalRates {
    log_variance: f64,
    bias: f64,
}

impl LogNormalRates {
    /// Of the slopes of $\varphi$ and the skip coefficient $s$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless slopes are finite and not both 0, and $s^2 \le 1 - 10^{-4}$.
    pub fn new(slopes: Slopes, skip: f64) -> Result<Self> {
        error::finite_square("slopes.negative", slopes.negative)?;
        error::finite_square("slopes.positive", slopes.positive)?;
        let total = 2.0 * slopes.second_moment();
        if total == 0.0 {
            return Err(Error::invalid("slopes", 0.0, "a slope that is not 0"));
        }
        let kept = skip * skip;
        let share = 1.0 - kept;
        if share.is_nan() || share < 1e-4 {
            let expected = "a number whose square is at most 1 - 1e-4";
            return Err(Error::invalid("skip", skip, expected));
        }
        let squared = ((slopes.positive.powi(2) - slopes.negative.powi(2)) / total).powi(2);
        let (mut squares, mut signs) = (0.0, 0.0);
        let step = -(-share).ln_1p();
        for k in 1..TERMS {
            let memory = Memory::after(k as f64 * step, skip < 0.0 && k % 2 == 1);
            squares += memory.of_squares();
            signs += memory.of_sign();
            if memory.rho.abs() < 1e-17 {
                break;
            }
        }
        let doubled = share * share;
        Ok(Self {
            log_variance: doubled * (2.0 + 3.0 * squared)
                + 4.0 * share * kept
                + 2.0 * doubled * squared * squares,
            bias: doubled * squared * signs,
        })
    }

    /// $v$.
    pub fn log_variance(&self) -> f64 {
        self.log_variance
    }

    /// $c$: $n$ times the rate of $\log \mathbb E \hat q$.
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// $c - v/2$.
    pub fn log_mean(&self) -> f64 {
        self.bias - 0.5 * self.log_variance
    }
}
