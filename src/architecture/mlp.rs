//! The multilayer perceptron.

use super::{Architecture, Branch, BranchScaling, Constant};
use crate::Initialization;
use crate::activation::Activation;

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
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp<A> {
    stem: Initialization,
    branch: Branch<A>,
}

static UNSCALED: Constant = Constant::one();

impl<A: Activation> Mlp<A> {
    /// An MLP with $\sigma_w^2 = 1$, $\sigma_b^2 = 0$ in every layer.
    pub fn new(activation: A) -> Self {
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

impl<A: Activation> Architecture for Mlp<A> {
    type Activation = A;

    fn name(&self) -> String {
        format!("{} MLP", self.branch.activation().name())
    }

    fn stem(&self) -> Initialization {
        self.stem
    }

    fn branch(&self) -> &Branch<A> {
        &self.branch
    }

    fn skip(&self) -> f64 {
        0.0
    }

    fn scaling(&self) -> &dyn BranchScaling {
        &UNSCALED
    }
}
