//! The multilayer perceptron.

use super::{Architecture, layers};
use crate::Initialization;
use crate::activation::{Activation, Dual};
use crate::network::{Branch, Dense, Network, Stack};

/// The multilayer perceptron $Y_0 = W_{in} a + b_{in}$, $Y_l = W_l \varphi(Y_{l-1}) + b_l$ for
/// $l = 1, \ldots, L$: depth counts hidden layers (applications of $\varphi$).
///
/// Width and depth do not commute for it: at $n, L \to \infty$ with $L/n \to T$ its norm keeps log-normal
/// fluctuations (B. Hanin and M. Nica 2018, arXiv 1812.05994).
///
/// ```
/// use neural_limits::prelude::*;
/// let net = Mlp::new(Relu).initialized_by(Initialization::he());
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
/// let k = net.infinite_width(3)?.nngp(&x)?;
/// assert_eq!(k[(0, 0)], 2.0); // 2 |x|²/d, kept by every layer
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mlp {
    stem: Initialization,
    branch: Branch,
}

impl Mlp {
    /// An MLP with $\sigma_w^2 = 1$, $\sigma_b^2 = 0$ in every layer.
    pub fn new(activation: impl Dual + 'static) -> Self {
        Self {
            stem: Initialization::default(),
            branch: Branch::new(activation, Initialization::default()),
        }
    }

    /// Sets the law of all layers, the first included.
    pub fn initialized_by(self, initialization: Initialization) -> Self {
        Self {
            stem: initialization,
            branch: self.branch.with_initialization(initialization),
        }
    }

    /// Sets the law of the first layer alone.
    pub fn with_stem(self, stem: Initialization) -> Self {
        Self { stem, ..self }
    }
}

impl Architecture for Mlp {
    fn name(&self) -> String {
        format!("{} MLP", self.branch.activation().name())
    }

    fn network(&self) -> Network {
        Network::new()
            .then(Dense::new(self.stem))
            .then(Stack::plain(layers(&self.branch)))
    }
}
