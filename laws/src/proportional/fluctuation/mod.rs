//! Fluctuations of order $n^{-1/2}$ around infinite width: homogeneous chains, and residual chains of any
//! activation.
//!
//! | file | content |
//! |---|---|
//! | `layers` | the chain's layers, one input: sums over pairs of layers, integrals at infinite depth |
//! | `pair` | two inputs, sums over pairs of layers |
//! | `clock` | any activation with biases, infinite depth; one input |
//! | `two_clocks` | the same for two inputs: noise and response along the flow |
//! | `products`, `tensors` | what neurons add to two clocks, by Hermite coefficients, and remember |
//! | `panel` | integrals over time up to any place |
//! | `summation` | sums over degrees, and what kinks leave out |
//! | `duals` | what a neuron's square and sign remember |
//! | `signed_moments` | moments of signs and absolute values of Gaussian vectors |
//!
//! Derived here; `docs/theory.md`, "Fluctuations of finite width", has the derivation.

mod clock;
mod duals;
mod layers;
mod pair;
mod panel;
mod products;
mod signed_moments;
mod summation;
mod tensors;
mod two_clocks;

pub use clock::{ClockFluctuation, ClockFluctuations};
pub(super) use duals::Memory;
use layers::{Layers, Shape, one_input_at_infinite_depth};

use crate::architecture::Architecture;
use crate::error;
use crate::law::Law;
use crate::network::Chain;
use crate::network::scaling::ScalingClass;
use crate::{Error, PairCorrelation, PairCovariance, Result, ScaledCovariance};

/// Inputs with a smaller $1 - c$ are taken to be parallel after a finite number of layers.
const PARALLEL: f64 = 1e-8;

/// Layers of unequal coefficients, whose pairs are summed one by one.
const MOST_UNEVEN: usize = 20_000;

/// The fluctuations of $\hat q = \langle Y, Y \rangle/n$ around its limit of infinite width, to first order
/// in $1/n$, of a homogeneous chain $Y_l = s Y_{l-1} + \alpha_{l,L} W_l \varphi(Y_{l-1})$ without biases, its
/// first layer random.
///
/// Given the past, all neurons are driven by one common *clock*, $\lVert\varphi(Y)\rVert^2/n$, which they
/// make themselves. Linearised around infinite width, with layers that replace the share
/// $h_l = \alpha_l^2 \sigma_w^2 \mathbb E[\varphi^2]/g_l$ of the variance ($g_l$ is its growth), one neuron
/// $y_l$ of unit variance with correlations $\rho_{kl} = \prod_{k<j\le l} s/\sqrt{g_j}$, and
/// $r = (s_+^2 - s_-^2)/(s_+^2 + s_-^2)$,
///
/// $$n \operatorname{Var} \log \hat q_L \to \operatorname{Var}\Big[ y_L^2 + \sum_{k<L} h_{k+1}
/// \frac{\varphi(y_k)^2}{\mathbb E \varphi^2} \Big], \qquad
/// n \left( \frac{\mathbb E \hat q_L}{q_L} - 1 \right) \to r^2 \sum_{j<k<L} h_{j+1} h_{k+1} D(\rho_{jk}),$$
///
/// $D(\rho) = \tfrac2\pi (\arcsin\rho + \rho\sqrt{1-\rho^2})$: at finite width a neuron's sign and the norm
/// are correlated. For $L \to \infty$ with $x$ the logarithm of $q_t/q_0$ and
/// $B(\rho) = \tfrac2\pi ((1+2\rho^2) \arcsin\rho + 3\rho\sqrt{1-\rho^2})$,
///
/// $$n \operatorname{Var} \log \hat q_t \to 2 + 4x + 2r^2 \int_0^x (x-w) B(e^{-w/2}) dw, \qquad
///   n \left( \frac{\mathbb E \hat q_t}{q_t} - 1 \right) \to r^2 \int_0^x (x-w) D(e^{-w/2}) dw .$$
///
/// Fluctuations are Gaussian (they are sums over neurons). Derived here; the next terms are of relative order
/// $1/n$.
///
/// ```
/// use neural_limits::{prelude::*, proportional::Fluctuations};
/// let fluctuations = Fluctuations::of(&ResNet::new(Relu))?;
/// let norm = fluctuations.norm_at(1.0)?;
/// assert!((norm.variance() - 4.675334078407).abs() < 1e-11);
/// assert!((norm.bias() - 0.121203146267).abs() < 1e-11);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fluctuations {
    chain: Chain,
    shape: Shape,
    /// $\sigma_w^2 \mathbb E[\varphi^2]$.
    rate: f64,
    name: String,
    /// At infinite depth, if there is one.
    clocks: Result<ClockFluctuations>,
}

impl Fluctuations {
    /// Of an architecture.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a chain without biases around a homogeneous
    /// activation (and a first layer, which may have biases).
    pub fn of<N: Architecture + ?Sized>(net: &N) -> Result<Self> {
        let unsupported = |reason: &str| {
            let what = format!("the fluctuations of {} at finite width", net.name());
            Error::unsupported(what, reason)
        };
        let (_, chain) = net
            .network()
            .chain()
            .ok_or_else(|| unsupported("they need a chain of an activation and a dense layer"))?;
        let slopes = chain
            .homogeneous()
            .ok_or_else(|| unsupported("they need a homogeneous activation and no bias"))?;
        let moment = slopes.second_moment();
        if moment == 0.0 {
            return Err(unsupported("they need an activation that is not 0"));
        }
        Ok(Self {
            shape: Shape::new(slopes),
            rate: chain.weight_variance() * moment,
            name: net.name(),
            clocks: ClockFluctuations::of(net),
            chain,
        })
    }

    /// $h_1, \ldots, h_{\lfloor tL \rfloor}$.
    fn layers(&self, depth: usize) -> Result<Layers> {
        error::size("depth", depth)?;
        let skip = self.chain.skip * self.chain.skip;
        let coefficients = self.chain.scaling.coefficients(depth);
        if coefficients.len() != depth {
            return Err(Error::shape(
                "the scaling's coefficients",
                format!("length {}", coefficients.len()),
                format!("the depth, {depth}"),
            ));
        }
        let uneven = coefficients.windows(2).any(|pair| pair[0] != pair[1]);
        if uneven && depth > MOST_UNEVEN {
            let expected = format!("at most {MOST_UNEVEN} layers of unequal coefficients");
            return Err(Error::invalid("depth", depth, expected));
        }
        let shares = coefficients.iter().enumerate().map(|(l, alpha)| {
            let branch = alpha * alpha * self.rate;
            error::non_negative(&format!("the growth of layer {}", l + 1), skip + branch)?;
            if skip + branch > 0.0 {
                Ok(branch / (skip + branch))
            } else {
                let reason = format!("layer {} maps everything to 0", l + 1);
                Err(Error::undefined("a relative fluctuation", reason))
            }
        });
        Ok(Layers::new(
            shares.collect::<Result<_>>()?,
            self.chain.skip < 0.0,
        ))
    }

    /// $x = \log q_t/q_0$.
    fn growth(&self, time: f64) -> Result<f64> {
        error::unit_interval("time", time)?;
        if self.chain.skip == 1.0 && self.chain.scaling.class() == ScalingClass::Normalised {
            let clock = self.chain.scaling.clock(time);
            return Ok(self.rate * error::non_negative("the scaling's clock", clock)?);
        }
        Err(Error::unsupported(
            format!("the fluctuations of {} at infinite depth", self.name),
            "they need a skip connection and branches whose scaling is normalised",
        ))
    }

    /// Of the norm at infinite depth and time $t$: integrals, with relative errors below 1e-12.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$; [`Error::Unsupported`] unless branches have a
    /// normalised scaling and a skip connection; [`Error::Overflow`].
    pub fn norm_at(&self, time: f64) -> Result<NormFluctuation> {
        let moments = one_input_at_infinite_depth(self.shape, self.growth(time)?);
        if moments.0.is_finite() {
            Ok(NormFluctuation::new(moments))
        } else {
            Err(Error::overflow("the variance of a norm"))
        }
    }

    /// Of the norm after $L$ layers: sums over pairs of layers, or over $L$ if their coefficients are equal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a depth that is not a size, or above 20 000 if coefficients differ, and for
    /// coefficients that are not finite; [`Error::Shape`] for a scaling that returns a wrong number of them;
    /// [`Error::Undefined`] if a layer maps everything to 0.
    pub fn norm(&self, depth: usize) -> Result<NormFluctuation> {
        Ok(NormFluctuation::new(
            self.layers(depth)?.one_input(self.shape),
        ))
    }

    /// Of the covariances of two inputs at infinite depth and time $t$, from their correlation in the first
    /// layer: [`ClockFluctuations::pair_at`] of equal norms, which matter to no relative fluctuation.
    ///
    /// Against [`norm_at`](Self::norm_at), relative errors are below 2e-8 for variances and 3e-5 for biases
    /// at $x = \log q_t/q_0 = \tfrac12$, and 2e-7 and 1e-5 at $x = 20$.
    ///
    /// # Errors
    /// As [`ClockFluctuations::pair_at`], and [`Error::Unsupported`] unless branches have a normalised
    /// scaling and a skip connection.
    pub fn pair_at(&self, start: PairCorrelation, time: f64) -> Result<PairFluctuation> {
        let clocks = self.clocks.as_ref().map_err(Clone::clone)?;
        clocks.pair_at(PairCovariance::of(1.0, 1.0, start), time)
    }

    /// Of the covariances of two inputs after $L$ layers, from their correlation in the first layer: some 15
    /// µs for each pair of layers.
    ///
    /// # Errors
    /// As [`norm`](Self::norm), and [`Error::Invalid`] for a depth above 1000.
    pub fn pair(&self, start: PairCorrelation, depth: usize) -> Result<PairFluctuation> {
        if start.one_minus() < PARALLEL {
            return Ok(self.norm(depth)?.of_parallel());
        }
        if depth > 1000 {
            let expected = "at most 1000 layers: beyond, take those of infinite depth";
            return Err(Error::invalid("depth", depth, expected));
        }
        let layers = self.layers(depth)?;
        Ok(pair::moments(self.shape, &layers, start).into())
    }
}

/// The fluctuation of $\hat q(a,a)$, from [`Fluctuations`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormFluctuation {
    variance: f64,
    bias: f64,
    hypoactivation: f64,
}

impl NormFluctuation {
    fn new((variance, bias, hypoactivation): (f64, f64, f64)) -> Self {
        Self {
            variance,
            bias,
            hypoactivation,
        }
    }

    /// Of two parallel inputs.
    fn of_parallel(&self) -> PairFluctuation {
        PairFluctuation::of_parallel(1.0, [self.variance; 2], [self.bias; 2])
    }

    /// $\lim n \operatorname{Var}(\hat q/q)$, which is $\lim n \operatorname{Var} \log \hat q$.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// $\lim n (\mathbb E \hat q/q - 1)$.
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// $\lim n (\mathbb E \log \hat q - \log q)$, the bias without half of the variance.
    pub fn log_bias(&self) -> f64 {
        self.bias - 0.5 * self.variance
    }

    /// $\lim (n/2 - \mathbb E N_+)$, $N_+$ the number of active neurons: as many as are missing, because the
    /// norm is larger where more of them are active. (Hypoactivation: M. Li, M. Nica and D. Roy 2021, arXiv
    /// 2106.04013.) With $\rho = e^{-x/2}$, at infinite depth
    /// $\tfrac r\pi (\arccos \rho - \rho \sqrt{1 - \rho^2})$ (derived here).
    pub fn hypoactivation(&self) -> f64 {
        self.hypoactivation
    }
}

/// The fluctuations of $\hat q(a,a)$, $\hat q(b,b)$ and $\hat q(a,b)$ together, from [`Fluctuations`] and
/// [`ClockFluctuations`].
///
/// They are relative: of $\hat q_{aa}/q_{aa}$, $\hat q_{bb}/q_{bb}$ and $\hat q_{ab}/\sqrt{q_{aa} q_{bb}}$.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PairFluctuation {
    correlation: f64,
    covariance: [[f64; 3]; 3],
    bias: [f64; 3],
}

impl PairFluctuation {
    /// Of inputs of correlation `sign` = $\pm 1$, from the relative variances and biases of their norms.
    fn of_parallel(sign: f64, variances: [f64; 2], biases: [f64; 2]) -> Self {
        let [a, b] = variances.map(f64::sqrt);
        let deviations = [a, b, 0.5 * sign * (a + b)];
        Self {
            correlation: sign,
            covariance: deviations.map(|row| deviations.map(|column| row * column)),
            bias: [biases[0], biases[1], 0.5 * sign * (biases[0] + biases[1])],
        }
    }

    /// $n$ times the covariance matrix: symmetric, and positive semi-definite up to its errors.
    pub fn covariance(&self) -> [[f64; 3]; 3] {
        self.covariance
    }

    /// $n$ times the differences of the means from infinite width.
    pub fn bias(&self) -> [f64; 3] {
        self.bias
    }

    /// $n$ times the variance of the correlation $\hat c = \hat q_{ab}/\sqrt{\hat q_{aa} \hat q_{bb}}$.
    pub fn correlation_variance(&self) -> f64 {
        let ([a, b, ab], c) = (self.covariance, self.correlation);
        let norms = 0.25 * (a[0] + b[1]) + 0.5 * a[1];
        (ab[2] - c * (a[2] + b[2]) + c * c * norms).max(0.0)
    }

    /// $n$ times the difference of $\mathbb E \hat c$ from $c$.
    pub fn correlation_bias(&self) -> f64 {
        let ([a, b, _], c) = (self.covariance, self.correlation);
        let [bias_a, bias_b, bias] = self.bias;
        let norms = 0.375 * (a[0] + b[1]) + 0.25 * a[1] - 0.5 * (bias_a + bias_b);
        bias - 0.5 * (a[2] + b[2]) + c * norms
    }

    /// The law of $\hat q(a,b)$ at width $n$ around $K$,
    /// $\mathcal N(q_{ab} + \sqrt{q_{aa}q_{bb}} \beta/n, q_{aa} q_{bb} v/n)$.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a variance exceeds the range; [`Error::Invalid`] for a width that is not a
    /// size.
    pub fn covariance_law(&self, k: &ScaledCovariance, width: usize) -> Result<Law> {
        let n = error::size("width", width)? as f64;
        let scale = k.variance_a()?.sqrt() * k.variance_b()?.sqrt();
        let mean = k.covariance()? + scale * (self.bias[2] / n);
        let deviation = scale * (self.covariance[2][2] / n).sqrt();
        let variance = deviation * deviation;
        if mean.is_finite() && variance.is_finite() {
            Law::gaussian(mean, variance)
        } else {
            Err(Error::overflow("the variance of a covariance"))
        }
    }

    /// The law of $\hat c(a,b)$ at width $n$ around $K$, $\mathcal N(c + \beta_c/n, v_c/n)$.
    ///
    /// # Errors
    /// As [`covariance_law`](Self::covariance_law).
    pub fn correlation_law(&self, k: &ScaledCovariance, width: usize) -> Result<Law> {
        let n = error::size("width", width)? as f64;
        let mean = k.correlation()? + self.correlation_bias() / n;
        Law::gaussian(mean, self.correlation_variance() / n)
    }
}
