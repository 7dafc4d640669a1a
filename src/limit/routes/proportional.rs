//! Infinite width and depth together, for homogeneous MLPs at criticality.

use crate::activation::{Activation, Dual};
use crate::architecture::{self, Architecture, ScalingClass};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::NeuralFunction;
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
/// (`tests/width_and_depth_commute.rs` checks both against sampled networks).
#[derive(Debug)]
pub struct LogNormalMlp<'a, N> {
    net: &'a N,
    ratio: f64,
    /// $v$.
    variance: f64,
}

impl<'a, N: Architecture<Activation: Dual>> LogNormalMlp<'a, N> {
    /// Of an architecture, at $T = \lim L/n$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a homogeneous MLP at criticality (or whose
    /// activation is linear); [`Error::Invalid`] unless $T \ge 0$ is finite.
    pub fn new(net: &'a N, ratio: f64) -> Result<Self> {
        error::non_negative("ratio", ratio)?;
        let unsupported = |reason: &str| {
            Error::unsupported(
                format!("the proportional limit of {}", net.name()),
                reason.to_owned(),
            )
        };
        let slopes = net
            .homogeneous()
            .ok_or_else(|| unsupported("it needs a homogeneous activation and no bias"))?;
        if net.skip() != 0.0 || net.scaling().class() != ScalingClass::Constant {
            return Err(unsupported("it needs a chain without skip connections"));
        }
        let alpha = architecture::coefficients(net, 1)?[0];
        let weight = net.branch().initialization().weight_variance() * alpha * alpha;
        let critical = architecture::variance_growth(net, slopes, alpha) == 1.0;
        if !critical || slopes.curvature_weight() == 0.0 {
            return Err(unsupported("it needs a variance that depth keeps"));
        }
        let fourth_moment = 1.5 * (slopes.negative.powi(4) + slopes.positive.powi(4));
        Ok(Self {
            net,
            ratio,
            variance: weight * weight * fourth_moment - 1.0,
        })
    }
}

impl<N: Architecture<Activation: Dual>> Limit for LogNormalMlp<'_, N> {
    fn regime(&self) -> Regime {
        Regime::Proportional {
            depth_over_width: self.ratio,
        }
    }

    fn route(&self) -> String {
        format!(
            "log-normal law of {}",
            self.net.branch().activation().name()
        )
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            let k = self.net.infinite_depth().pair_at(a, b, time)?;
            let variance = self.variance * self.ratio * time;
            function.with_log_normal_scale(&k, -0.5 * variance, variance)
        })
    }
}
