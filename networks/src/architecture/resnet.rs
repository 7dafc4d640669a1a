//! The residual network with scaled branches.

use std::sync::Arc;

use super::{Architecture, BranchScaling, InverseSqrtDepth, layers};
use crate::Initialization;
use crate::activation::{Activation, Dual};
use crate::network::{Branch, Dense, Network, Stack};

/// The residual network $Y_0 = W_{in} a + b_{in}$,
/// $Y_l = Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l)$ for $l = 1, \ldots, L$.
///
/// By default $\alpha_{l,L} = L^{-1/2}$, $\sigma_w^2 = 1$ and no bias: the network of S. Hayou and G. Yang
/// (2023, arXiv 2302.00453), for which all ways of taking $n, L \to \infty$ give the same limit.
///
/// ```
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// let finite_depth = net.infinite_width(100_000)?.nngp(&x)?;
/// let infinite_depth = net.infinite_depth().covariance_at(&x, 1.0)?;
/// assert!((finite_depth - infinite_depth).amax() < 1e-5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResNet {
    stem: Initialization,
    branch: Branch,
    scaling: Arc<dyn BranchScaling>,
}

impl ResNet {
    /// A residual network with branches scaled by $L^{-1/2}$.
    pub fn new(activation: impl Dual + 'static) -> Self {
        Self {
            stem: Initialization::default(),
            branch: Branch::new(activation, Initialization::default()),
            scaling: Arc::new(InverseSqrtDepth),
        }
    }

    /// Sets the rule for $\alpha_{l,L}$.
    pub fn scaled_by(self, scaling: impl BranchScaling + 'static) -> Self {
        Self {
            scaling: Arc::new(scaling),
            ..self
        }
    }

    /// Sets the law of the branches' weights and biases.
    pub fn initialized_by(self, initialization: Initialization) -> Self {
        Self {
            branch: self.branch.with_initialization(initialization),
            ..self
        }
    }

    /// Sets the law of the input layer.
    pub fn with_stem(self, stem: Initialization) -> Self {
        Self { stem, ..self }
    }
}

impl Architecture for ResNet {
    fn name(&self) -> String {
        format!(
            "{} ResNet, branches scaled by {}",
            self.branch.activation().name(),
            self.scaling.name()
        )
    }

    fn network(&self) -> Network {
        let stack = Stack::residual(layers(&self.branch));
        Network::new()
            .then(Dense::new(self.stem))
            .then(stack.scaled_by_shared(Arc::clone(&self.scaling)))
    }
}
