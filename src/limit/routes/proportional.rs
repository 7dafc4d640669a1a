//! Infinite width and depth together, for homogeneous chains at criticality.

use crate::activation::Activation;
use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::kernel::InInfiniteWidth;
use crate::limit::{Law, Limit, Regime};
use crate::network::scaling::ScalingClass;
use crate::neural_function::{NeuralFunction, Process};
use crate::proportional::LogNormalRates;
use crate::{Error, Result};

/// The limit $n, L \to \infty$ with $L/n \to T$ of a chain $Y_l = s Y_{l-1} + \lambda W_l \varphi(Y_{l-1})$
/// whose activation is positively homogeneous and whose variance depth keeps, $s^2 + \lambda^2 \sigma_w^2
/// \mathbb E[\varphi(z)^2] = 1$, $\sigma_b = 0$:
///
/// $$\log \frac{q_L}{q_0} \to \mathcal N\left( (c - \tfrac v2) \tau, v \tau \right), \qquad \tau = tT,$$
///
/// with the [rates](LogNormalRates) $v$ and $c$: 5 and 0 for the ReLU MLP (B. Hanin and M. Nica 2018, arXiv
/// 1812.05994). The angle between two inputs closes within a vanishing fraction of the depth, so their
/// covariance carries one common factor (`tests/it/width_and_depth_commute.rs` and
/// `tests/it/both_at_once.rs` check both against sampled networks).
#[derive(Debug)]
pub struct LogNormalChain {
    limit: InfiniteDepth,
    activation: String,
    ratio: f64,
    rates: LogNormalRates,
}

impl LogNormalChain {
    /// Of an architecture, at $T = \lim L/n$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a homogeneous chain at criticality (or whose
    /// activation is linear); [`Error::Invalid`] unless $T \ge 0$ is finite and $s^2 \le 1 - 10^{-4}$.
    pub fn new<N: Architecture + ?Sized>(net: &N, ratio: f64) -> Result<Self> {
        error::non_negative("ratio", ratio)?;
        let unsupported = |reason: &str| {
            Error::unsupported(
                format!("the proportional limit of {}", net.name()),
                reason.to_owned(),
            )
        };
        let network = net.network();
        let (_, chain) = network
            .chain()
            .ok_or_else(|| unsupported("it needs a chain of an activation and a dense layer"))?;
        let slopes = chain
            .homogeneous()
            .ok_or_else(|| unsupported("it needs a homogeneous activation and no bias"))?;
        if chain.scaling.class() != ScalingClass::Constant {
            return Err(unsupported("it needs equal coefficients at every depth"));
        }
        let alpha = net.infinite_width(1)?.coefficients()[0];
        let critical = chain.variance_growth(slopes, alpha) == 1.0;
        if !critical || slopes.curvature_weight() == 0.0 {
            return Err(unsupported("it needs a variance that depth keeps"));
        }
        Ok(Self {
            limit: net.infinite_depth(),
            activation: chain.branch.activation().name(),
            ratio,
            rates: LogNormalRates::new(slopes, chain.skip)?,
        })
    }
}

impl Limit for LogNormalChain {
    fn regime(&self) -> Regime {
        Regime::Proportional {
            depth_over_width: self.ratio,
        }
    }

    fn route(&self) -> String {
        format!("log-normal law of {}", self.activation)
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            let process = Process::new(self.limit.pair_at(a, b, time)?);
            let layers = self.ratio * time;
            let (mean, variance) = (self.rates.log_mean(), self.rates.log_variance());
            function.with_log_normal_scale(&process, mean * layers, variance * layers)
        })
    }
}
