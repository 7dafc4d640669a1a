//! One input, or two, of a residual chain with any activation and biases, at infinite depth.

use std::sync::Arc;

use crate::activation::expectation::Quadrature;
use crate::activation::{Activation, Custom, Parity};
use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::law::Law;
use crate::network::Chain;
use crate::network::scaling::ScalingClass;
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};
use crate::{Error, PairCovariance, Result, parallel};

use super::{PairFluctuation, two_clocks};

/// Relative tolerance of expectations over neurons.
const TOLERANCE: f64 = 1e-11;

/// Inputs with a smaller $1 - |c|$ at the end are parallel: they have been so from the start.
const PARALLEL: f64 = 1e-8;

/// The fluctuations of $\hat q = \lVert Y \rVert^2/n$ around its limit of infinite width and depth, to first
/// order in $1/n$, of a residual chain $Y_l = Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l)$ with a
/// normalised scaling, its first layer random: any pointwise activation, with biases. Of two inputs,
/// [`pair_at`](Self::pair_at) has those of all of $\hat q_{aa}$, $\hat q_{ab}$, $\hat q_{bb}$.
///
/// At infinite depth all neurons are driven by independent noise at one common rate
/// $\hat B = \sigma_w^2 \lVert \varphi(Y) \rVert^2/n + \sigma_b^2$. In the clock $v$ that starts at $q_0$ and
/// runs at this rate, neurons are independent Brownian motions $y_v \sim \mathcal N(0, v)$, at every width,
/// and $d\tau = dv/\hat B$. With $B(v) = \sigma_w^2 \mathbb E \varphi(y_v)^2 + \sigma_b^2$,
/// $q$ the end of $\dot q = B(q)$ and $c(u, v) = \sigma_w^4 \operatorname{Cov}(\varphi(y_u)^2,
/// \varphi(y_v)^2)$, linearised in the noise of $\hat B$,
///
/// $$n \operatorname{Var} \hat q \to 2 q^2 + 4 B(q) \int_{q_0}^q \frac{u^2 B^\prime(u)}{B(u)^2} du +
/// B(q)^2 I, \qquad I = \iint_{q_0}^q \frac{c(u, v)}{B(u)^2 B(v)^2} du dv,$$
///
/// and, since $\hat q - v$ is a martingale of the clock, which stops it,
///
/// $$n (\mathbb E \hat q - q) \to \tfrac12 B^\prime(q) B(q) I + \int_{q_0}^q \frac{c(u, q)}{B(u)^2} du -
/// B(q) \int_{q_0}^q \frac{c(u, u)}{B(u)^3} du .$$
///
/// Derived here (`docs/theory.md`); the next terms are of relative order $1/n$. [`Fluctuations`] has the
/// same of homogeneous chains in closed form, and at every depth.
///
/// [`Fluctuations`]: super::Fluctuations
///
/// ```
/// use neural_limits::{prelude::*, proportional::ClockFluctuations};
/// let fluctuation = ClockFluctuations::of(&ResNet::new(Relu))?.norm_at(2.0, 1.0)?;
/// let q = 2.0 * 0.5_f64.exp();
/// assert!((fluctuation.mean() / q - 1.0).abs() < 1e-12);
/// assert!((fluctuation.variance() / (q * q) - 4.675334078407).abs() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClockFluctuations {
    chain: Chain,
    limit: InfiniteDepth,
}

/// The fluctuation of $\hat q(a, a)$, from [`ClockFluctuations`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ClockFluctuation {
    mean: f64,
    variance: f64,
    bias: f64,
}

impl ClockFluctuation {
    /// $q$, the limit of infinite width and depth.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// $\lim n \operatorname{Var} \hat q$.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// $\lim n (\mathbb E \hat q - q)$.
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// The law of $\hat q$ at width $n$, $\mathcal N(q + \beta/n, v/n)$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width that is not a size.
    pub fn law(&self, width: usize) -> Result<Law> {
        let n = error::size("width", width)? as f64;
        Law::gaussian(self.mean + self.bias / n, self.variance / n)
    }
}

impl ClockFluctuations {
    /// Of an architecture.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless it is a dense layer and a residual stack around a pointwise activation
    /// and a dense layer, with the skip coefficient 1 and a normalised scaling.
    pub fn of<N: Architecture + ?Sized>(net: &N) -> Result<Self> {
        let unsupported = |reason: &str| {
            let what = format!("the fluctuations of {} at infinite depth", net.name());
            Error::unsupported(what, reason)
        };
        let (_, chain) = net
            .network()
            .chain()
            .ok_or_else(|| unsupported("they need a chain of an activation and a dense layer"))?;
        if chain.skip != 1.0 || chain.scaling.class() != ScalingClass::Normalised {
            let reason = "they need a skip connection and branches whose scaling is normalised";
            return Err(unsupported(reason));
        }
        if !chain.branch.activation().is_pointwise() {
            return Err(unsupported("they need a pointwise activation"));
        }
        Ok(Self {
            chain,
            limit: net.infinite_depth(),
        })
    }

    /// Of the norm at time $t$, from the variance $q_0 = K_0(a, a)$ after the first layer: integrals over one
    /// neuron at two times, by Gauss's rule with 16 × 16 nodes, in some 50 ms.
    ///
    /// Where homogeneous and linear chains have closed forms, relative errors are below 1e-10 while variances
    /// grow by a factor of 2.5 (`tests/it/both_at_once.rs`).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a variance that is not finite and $\ge 0$, or a time outside of $[0, 1]$;
    /// [`Error::NotConverged`] and [`Error::Overflow`] from expectations of $\varphi^4$.
    pub fn norm_at(&self, start: f64, time: f64) -> Result<ClockFluctuation> {
        error::non_negative("start", start)?;
        let limit = self
            .limit
            .propagate(PairCovariance::diagonal(start), time)?;
        let neuron = Neuron::new(&self.chain, start, limit.variance_a()?)?;
        let end = neuron.end;
        if end == start {
            return Ok(ClockFluctuation {
                mean: start,
                variance: 2.0 * start * start,
                bias: 0.0,
            });
        }
        let (rate, slope) = (neuron.rate(end)?, neuron.slope(end)?);
        // ∫ c(u, v)/B(u)² du up to the nodes, and up to the end
        let inner = parallel::try_map(NODES.len() + 1, |i| {
            let last = NODES.get(i).map_or(Ok(end), |x| neuron.place(end, *x))?;
            neuron.integral(last, |u, b| Ok(neuron.covariance(u, last)? / (b * b)))
        })?;
        let mut square = 0.0;
        for (i, inner) in inner[..NODES.len()].iter().enumerate() {
            let v = neuron.place(end, NODES[i])?;
            let b = neuron.rate(v)?;
            square += 2.0 * neuron.weight(end, i, v) * inner / (b * b);
        }
        let response = neuron.integral(end, |u, b| Ok(u * u * neuron.slope(u)? / (b * b)))?;
        let own = neuron.integral(end, |u, b| Ok(neuron.covariance(u, u)? / (b * b * b)))?;
        let fluctuation = ClockFluctuation {
            mean: end,
            variance: 2.0 * end * end + rate * (4.0 * response + rate * square),
            bias: 0.5 * slope * rate * square + inner[NODES.len()] - rate * own,
        };
        if fluctuation.variance.is_finite() && fluctuation.bias.is_finite() {
            Ok(fluctuation)
        } else {
            Err(Error::overflow("the variance of a norm"))
        }
    }

    /// Of $\hat K = (\hat q_{aa}, \hat q_{ab}, \hat q_{bb})$ of two inputs at time $t$, from the covariances
    /// $K_0$ after the first layer.
    ///
    /// In the clock $\tau$ of the scaling $K^\prime = F(K)$ at infinite width,
    /// $F_A = \sigma_w^2 \mathbb E[\varphi\varphi]_A + \sigma_b^2$ for $A \in \{aa, ab, bb\}$. Let
    /// $\Phi(t, s)$ be the propagator of $\delta^\prime = F^\prime(K) \delta$, $S(K)$ the covariance matrix
    /// of products of Gaussian variables ($S_{ij,kl} = K_{ik} K_{jl} + K_{il} K_{jk}$), and, with a Gaussian
    /// martingale $y_t \sim \mathcal N(0, K_t)$, $c_{AB}(s, u) = \sigma_w^4
    /// \operatorname{Cov}((\varphi\varphi)_A(y_s), (\varphi\varphi)_B(y_u))$. Linearised in the noise of the
    /// two clocks,
    ///
    /// $$n \operatorname{Cov}(\hat K_t) \to S(K_t) + R + R^\top + C_t, \quad R = \int_0^t \Phi(t, s)
    /// F^\prime(K_s) S(K_s) ds, \quad C_t = \iint_0^t \Phi(t, s) c(s, u) \Phi(t, u)^\top ds \, du,$$
    ///
    /// and $n (\mathbb E \hat K - K) \to \beta$ from $\beta_0 = 0$ with
    ///
    /// $$\beta_A^\prime = (F^\prime(K) \beta)_A + \tfrac12 \sum_{BC} \frac{\partial^2 F_A}{\partial K_B
    /// \partial K_C} C_{BC} + \sum_{BC} \int_0^t \Phi_{CB}(t, s)
    /// \frac{\partial c_{BA}(s, t)}{\partial K_C(t)} ds .$$
    ///
    /// For $a = b$ these are the formulas of one input. Derived here (`docs/theory.md`).
    ///
    /// Neurons' memory is summed in Hermite polynomials of degree up to 160, some 0.3 s for every factor of
    /// $e^2$ by which variances grow (threads share it). Errors, against [`norm_at`](Self::norm_at) at
    /// variances up to 5: of variances, relative to them, 5e-8 for smooth activations and for kinks at 0,
    /// 2e-6 for other kinks and jumps; of biases, in units of $q$, 1e-5, 1e-4 and, for jumps, 1e-3. At
    /// variances around 100, where tanh is steep, 3e-5 and 1e-2 (`tests/it/both_at_once.rs`). Inputs with
    /// $1 - |c_t| <$ 1e-8 are taken to be parallel.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$; [`Error::Undefined`] if a variance is 0 at time
    /// $t$; [`Error::NotConverged`] where the estimated error of covariances is above 1e-3 of the variances,
    /// or more than 100 panels of time are needed; [`Error::Overflow`]; those of
    /// [`norm_at`](Self::norm_at) for parallel inputs.
    ///
    /// ```
    /// use neural_limits::{prelude::*, proportional::ClockFluctuations};
    /// let net = ResNet::new(Gelu).initialized_by(Initialization::new(2.0, 0.1)?);
    /// let k = PairCovariance::new(1.0, 2.0, 0.5)?;
    /// let pair = ClockFluctuations::of(&net)?.pair_at(k, 1.0)?;
    /// let norm = ClockFluctuations::of(&net)?.norm_at(1.0, 1.0)?;
    /// let relative = norm.variance() / (norm.mean() * norm.mean());
    /// assert!((pair.covariance()[0][0] - relative).abs() < 1e-8);
    /// assert!(pair.correlation_variance() > 0.0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn pair_at(&self, start: PairCovariance, time: f64) -> Result<PairFluctuation> {
        let end = self.limit.propagate(start, time)?.pair()?;
        let q = [end.variance_a(), end.variance_b()];
        if q.contains(&0.0) {
            let reason = "the variance of an input is 0";
            return Err(Error::undefined("a relative fluctuation", reason));
        }
        let correlation = end.pair_correlation();
        if correlation.distance() < PARALLEL {
            let (a, b) = (start.variance_a(), start.variance_b());
            let first = self.norm_at(a, time)?;
            let second = if a == b {
                first
            } else {
                self.norm_at(b, time)?
            };
            return Ok(PairFluctuation::of_parallel(
                1.0_f64.copysign(correlation.value()),
                [first, second].map(|norm| norm.variance / (norm.mean * norm.mean)),
                [first, second].map(|norm| norm.bias / norm.mean),
            ));
        }
        let clock = error::non_negative("the scaling's clock", self.chain.scaling.clock(time))?;
        let fluctuation = two_clocks::fluctuation(&self.chain.branch, start, end, clock)?;
        // aa, bb, ab from aa, ab, bb
        let order = [0, 2, 1];
        let units = [q[0], q[1], q[0].sqrt() * q[1].sqrt()];
        let covariance = |i: usize, j: usize| {
            let entry = fluctuation.covariance[(order[i], order[j])];
            entry / units[i] / units[j]
        };
        Ok(PairFluctuation {
            correlation: correlation.value(),
            covariance: [0, 1, 2].map(|i| [0, 1, 2].map(|j| covariance(i, j))),
            bias: [0, 1, 2].map(|i| fluctuation.bias[order[i]] / units[i]),
        })
    }
}

/// One neuron in the clock $v$ from `start` to `end`.
struct Neuron<'a> {
    chain: &'a Chain,
    square: Box<dyn Activation>,
    quadrature: Quadrature,
    start: f64,
    end: f64,
    /// $B$ at the start, and the slope of the line to that at the end.
    first: f64,
    steepness: f64,
}

impl<'a> Neuron<'a> {
    fn new(chain: &'a Chain, start: f64, end: f64) -> Result<Self> {
        let [value, derivative] = [(); 2].map(|()| Arc::clone(chain.branch.activation()));
        let kinks = value.kinks();
        let parity = match value.parity() {
            Parity::Neither => Parity::Neither,
            _ => Parity::Even,
        };
        let square = Custom::new(
            format!("the square of {}", value.name()),
            move |x| value.value(x).powi(2),
            move |x| 2.0 * derivative.value(x) * derivative.derivative(x),
        );
        let mut neuron = Self {
            chain,
            square: Box::new(square.with_kinks(&kinks)?.with_parity(parity)),
            quadrature: Quadrature::new(TOLERANCE)?,
            start,
            end,
            first: 0.0,
            steepness: 0.0,
        };
        neuron.first = neuron.rate(start)?;
        if end > start {
            neuron.steepness = (neuron.rate(end)? - neuron.first) / (end - start);
        }
        Ok(neuron)
    }

    /// $\sigma_w^2$.
    fn weight_variance(&self) -> f64 {
        self.chain.branch.initialization().weight_variance()
    }

    /// $B(v)$.
    fn rate(&self, v: f64) -> Result<f64> {
        let own = self.chain.branch.covariance(PairCovariance::diagonal(v))?;
        Ok(own.variance_a())
    }

    /// $B^\prime(v) = \sigma_w^2 \mathbb E[\varphi(y)^2 (y^2/v - 1)]/2v$.
    fn slope(&self, v: f64) -> Result<f64> {
        let f = |x: f64| self.square.value(x) * (x * x / v - 1.0);
        let mean = self.quadrature.expectation(f, &self.square.kinks(), v)?;
        Ok(self.weight_variance() * mean.value / (2.0 * v))
    }

    /// $c(u, v)$ for $u \le v$.
    fn covariance(&self, u: f64, v: f64) -> Result<f64> {
        let of = |q: f64| -> Result<f64> {
            let mean =
                self.quadrature
                    .expectation(|x| self.square.value(x), &self.square.kinks(), q)?;
            Ok(mean.value)
        };
        let product = if u == v {
            self.quadrature.second_moment(&*self.square, u)?.value
        } else {
            // 1 - c = (v - u)/√v(√u + √v) keeps its digits
            let (root, other) = (u.sqrt(), v.sqrt());
            let complement = (v - u) / (other * (root + other));
            let k = PairCovariance::with_complement(u, v, complement)?;
            self.quadrature.dual(&*self.square, k)?.value.covariance()
        };
        Ok(self.weight_variance().powi(2) * (product - of(u)? * of(v)?))
    }

    /// The time that the clock takes from the start to $v$ if $B$ is the line between its values at both
    /// ends.
    fn time(&self, v: f64) -> f64 {
        let (way, s) = ((v - self.start) / self.first, self.steepness);
        let growth = s * way;
        if growth.abs() < 1e-8 {
            way * (1.0 - 0.5 * growth)
        } else {
            growth.ln_1p() / s
        }
    }

    /// Where the clock is after a share of the time to `last`.
    fn place(&self, last: f64, share: f64) -> Result<f64> {
        let (time, s) = (share * self.time(last), self.steepness);
        let growth = s * time;
        let way = if growth.abs() < 1e-8 {
            time * (1.0 + 0.5 * growth)
        } else {
            growth.exp_m1() / s
        };
        error::finite("the clock", (self.start + self.first * way).min(last))
    }

    /// What node `i` at $v$ counts for in $\int dv$ up to `last`.
    fn weight(&self, last: f64, i: usize, v: f64) -> f64 {
        let line = self.first + self.steepness * (v - self.start);
        WEIGHTS[i] * self.time(last) * line
    }

    /// $\int_{q_0}^{\text{last}} f(u, B(u)) du$.
    fn integral(&self, last: f64, f: impl Fn(f64, f64) -> Result<f64>) -> Result<f64> {
        let mut sum = 0.0;
        for (i, &node) in NODES.iter().enumerate() {
            let u = self.place(last, node)?;
            sum += self.weight(last, i, u) * f(u, self.rate(u)?)?;
        }
        Ok(sum)
    }
}
