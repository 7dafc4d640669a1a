//! Growth of variances and gradients through the layers of any architecture.

use crate::kernel::InfiniteWidth;
use crate::{Error, PairCovariance, Result, error};

/// Logarithms of the growth of variances and squared gradient norms, layer by layer; they do not overflow.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Growth {
    /// $\log (q_l/q_0)$ for $l = 0, \ldots, L$.
    pub log_variance: Vec<f64>,
    /// $\log \prod_{j \le l} (s^2 + \alpha_{j,L}^2 \sigma_w^2 \mathbb E[\varphi^\prime(\sqrt{q_{j-1}} z)^2])$
    /// for $l = 0, \ldots, L$: the factor by which the squared norm of a gradient grows when it is passed
    /// back through layers $l, \ldots, 1$.
    pub log_gradient: Vec<f64>,
}

impl Growth {
    /// The growth of $\log q$ by the last layer.
    pub fn variance_rate(&self) -> f64 {
        last_step(&self.log_variance)
    }

    /// The growth of the logarithm of squared gradient norms by the last layer.
    pub fn gradient_rate(&self) -> f64 {
        last_step(&self.log_gradient)
    }
}

fn last_step(values: &[f64]) -> f64 {
    match values {
        [.., before, last] => last - before,
        _ => 0.0,
    }
}

impl InfiniteWidth {
    /// The growth of the variance of an input that enters the chain with variance $q_0$, and of gradients on
    /// the way back (S. Schoenholz et al. 2016, arXiv 1611.01232, eq. 11, for MLPs; G. Yang and S. Schoenholz
    /// 2017, arXiv 1712.08969, for residual networks).
    ///
    /// Without biases a homogeneous residual network with $\alpha = 1$ grows by
    /// $1 + \sigma_w^2 \mathbb E[\varphi(z)^2]$ a layer, exponentially in the depth; with
    /// $\alpha = 1/\sqrt L$ the total stays bounded. A bounded activation gives linear variances, and
    /// gradients that grow as $e^{O(\sqrt L)}$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $q_0 > 0$ is finite; [`Error::Unsupported`] for a network that is not a
    /// [chain](crate::network::Network::chain); those of [`Dual::dual`](crate::activation::Dual::dual).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let net = ResNet::new(Relu).scaled_by(Constant::one());
    /// let growth = net.infinite_width(5000)?.growth(1.0)?;
    /// assert!((growth.variance_rate() - 1.5_f64.ln()).abs() < 1e-12);
    /// assert!((growth.gradient_rate() - 1.5_f64.ln()).abs() < 1e-12);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn growth(&self, variance: f64) -> Result<Growth> {
        let start = error::non_negative("variance", variance)?;
        if start == 0.0 {
            return Err(Error::invalid("variance", variance, "a finite number > 0"));
        }
        let chain = self.chain("the growth of gradients")?;
        let (weight, skip) = (chain.weight_variance(), chain.skip * chain.skip);
        let pair = PairCovariance::with_complement(start, start, 0.0)?;
        let mut growth = Growth {
            log_variance: Vec::with_capacity(self.layers() + 1),
            log_gradient: vec![0.0],
        };
        let mut gradient = 0.0;
        let alphas = self.coefficients().iter().map(Some).chain([None]);
        for (k, alpha) in self.trajectory_from(pair).zip(alphas) {
            let k = k?;
            let exponent = k.exponent() as f64 * std::f64::consts::LN_2;
            let log = (k.unscaled().variance_a() / start).ln() + exponent;
            growth.log_variance.push(log);
            if let Some(alpha) = alpha {
                let slope = match self.slopes(&k) {
                    Some(slopes) => slopes.derivative_dual(k.unscaled()),
                    None => chain.branch.activation().derivative_dual(k.unscaled())?,
                };
                gradient += (skip + alpha * alpha * weight * slope).ln();
                growth.log_gradient.push(gradient);
            }
        }
        Ok(growth)
    }
}
