//! The densely connected network.

use super::Architecture;
use crate::activation::{Activation, Dual};
use crate::network::{Activated, Branch, Dense, Network, Stack};
use crate::{Initialization, Result, error};

/// The densely connected network (G. Huang et al. 2016, arXiv 1608.06993): every layer adds neurons to those
/// of all layers before it,
///
/// $$Y_0 = W_{in} a + b_{in}, \qquad Y_l = (Y_{l-1}, W_l \varphi(Y_{l-1}) + b_l), \quad l = 1, \ldots, L .$$
///
/// With $r$ new neurons in each layer for one of $Y_0$ (the growth ratio), the covariance of all neurons of
/// $Y_l$ is their mean,
///
/// $$K_l = \frac{(1 + (l-1) r) K_{l-1} + r B(K_{l-1})}{1 + l r} .$$
///
/// A random network of width $n$ has $n$ neurons in $Y_0$ and $rn$ new ones in each layer.
///
/// ```
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// let net = DenseNet::new(Relu, 1.0)?.initialized_by(Initialization::he());
/// assert_eq!(net.infinite_width(5)?.nngp(&x)?[(0, 0)], 2.0); // every part has the variance 2 |x|²/d
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DenseNet {
    stem: Initialization,
    branch: Branch,
    growth_ratio: f64,
}

impl DenseNet {
    /// Of an activation and the growth ratio $r$; $\sigma_w^2 = 1$, $\sigma_b^2 = 0$ in every layer.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $r$ is finite and $\ge 0$.
    pub fn new(activation: impl Dual + 'static, growth_ratio: f64) -> Result<Self> {
        Ok(Self {
            stem: Initialization::default(),
            branch: Branch::new(activation, Initialization::default()),
            growth_ratio: error::non_negative("growth_ratio", growth_ratio)?,
        })
    }

    /// Sets the law of all layers, the first included.
    pub fn initialized_by(self, initialization: Initialization) -> Self {
        Self {
            stem: initialization,
            branch: self.branch.with_initialization(initialization),
            ..self
        }
    }

    /// Sets the law of the first layer alone.
    pub fn with_stem(self, stem: Initialization) -> Self {
        Self { stem, ..self }
    }
}

impl Architecture for DenseNet {
    fn name(&self) -> String {
        format!(
            "{} DenseNet, growth ratio {}",
            self.branch.activation().name(),
            self.growth_ratio
        )
    }

    fn network(&self) -> Network {
        let dense = Dense::new(self.branch.initialization()).times_width(self.growth_ratio);
        let branch = Network::new()
            .then(Activated::sharing(self.branch.activation().clone()))
            .then(dense);
        Network::new()
            .then(Dense::new(self.stem))
            .then(Stack::growing(branch, self.growth_ratio))
    }
}
