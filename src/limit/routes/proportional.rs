//! Infinite width and depth together, for homogeneous MLPs at criticality.

use crate::activation::Activation;
use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::kernel::InInfiniteWidth;
use crate::limit::{Law, Limit, Regime};
use crate::network::scaling::ScalingClass;
use crate::neural_function::{NeuralFunction, Process};
use crate::{Error, Result};

/// The limit $n, L \to \infty$ with $L/n \to T$ of an MLP whose activation is positively homogeneous, at
/// $\sigma_w^2 \mathbb E[\varphi(z)^2] = 1$, $\sigma_b = 0$.
///
/// Given the layer before, $\lVert Y_{l+1} \rVert^2/n$ is multiplied by a factor of mean 1 and variance $v/n$
/// with $v = \sigma_w^4 \mathbb E[\varphi(z)^4] - 1$, where
/// $\mathbb E[\varphi(z)^4] = \tfrac32 (s_-^4 + s_+^4)$; so
///
/// $$\log \frac{q_L}{q_0} \to \mathcal N(-\tfrac12 v \tau, v \tau), \qquad \tau = tT,$$
///
/// with $v = 5$ for ReLU (B. Hanin and M. Nica 2018, arXiv 1812.05994). The angle between two inputs closes
/// within a vanishing fraction of the depth, so their covariance carries one common factor
/// (`tests/it/width_and_depth_commute.rs` checks both against sampled networks).
#[derive(Debug)]
pub struct LogNormalMlp {
    limit: InfiniteDepth,
    activation: String,
    ratio: f64,
    /// $v$.
    variance: f64,
}

impl LogNormalMlp {
    /// Of an architecture, at $T = \lim L/n$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a homogeneous MLP at criticality (or whose
    /// activation is linear); [`Error::Invalid`] unless $T \ge 0$ is finite.
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
        if chain.skip != 0.0 || chain.scaling.class() != ScalingClass::Constant {
            return Err(unsupported("it needs a chain without skip connections"));
        }
        let alpha = net.infinite_width(1)?.coefficients()[0];
        let weight = chain.weight_variance() * alpha * alpha;
        let critical = chain.variance_growth(slopes, alpha) == 1.0;
        if !critical || slopes.curvature_weight() == 0.0 {
            return Err(unsupported("it needs a variance that depth keeps"));
        }
        let fourth_moment = 1.5 * (slopes.negative.powi(4) + slopes.positive.powi(4));
        Ok(Self {
            limit: net.infinite_depth(),
            activation: chain.branch.activation().name(),
            ratio,
            variance: weight * weight * fourth_moment - 1.0,
        })
    }
}

impl Limit for LogNormalMlp {
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
            let variance = self.variance * self.ratio * time;
            function.with_log_normal_scale(&process, -0.5 * variance, variance)
        })
    }
}
