//! The densely connected network.

use super::Branch;
use crate::activation::Dual;
use crate::network::{Activated, Dense, FanIn, Network};
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
/// ```
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// let net = DenseNet::new(Relu, 1.0)?.initialized_by(Initialization::he());
/// assert_eq!(net.network(5)?.nngp(&x)?[(0, 0)], 2.0); // every part has the variance 2 |x|²/d
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DenseNet<A> {
    stem: Initialization,
    branch: Branch<A>,
    growth_ratio: f64,
}

impl<A: Dual> DenseNet<A> {
    /// Of an activation and the growth ratio $r$; $\sigma_w^2 = 1$, $\sigma_b^2 = 0$ in every layer.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $r$ is finite and $\ge 0$.
    pub fn new(activation: A, growth_ratio: f64) -> Result<Self> {
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

    /// The network of a given depth $L$; a readout may follow.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for depth 0 or above 10⁹.
    pub fn network(&self, depth: usize) -> Result<Network<'_>> {
        error::size("depth", depth)?;
        let layers = Network::new()
            .then(Activated::new(self.branch.activation()))
            .then(Dense::new(self.branch.initialization()));
        let stem = Network::new().then(Dense::new(self.stem));
        (1..=depth).try_fold(stem, |network, l| {
            let before = 1.0 + (l - 1) as f64 * self.growth_ratio;
            let branches = vec![Network::new(), layers.clone()];
            let block = FanIn::weighted_concatenation(branches, &[before, self.growth_ratio])?;
            Ok(network.then(block))
        })
    }
}
