//! The multilayer perceptron with shaped activations.

use super::Architecture;
use crate::network::{Dense, Network, Shaped, Stack};
use crate::{Initialization, Result};

/// The shaped multilayer perceptron $Y_0 = W_{in} a$, $Y_l = W_l \varphi_n(Y_{l-1})$ for $l = 1, \ldots, L$,
/// with the [shaped ReLU](Shaped) of slopes proportional to $1 + c_\pm/\sqrt n$ and $\mathbb
/// E[\varphi_n(z)^2] = \sigma_w^2 = 1$ (M. Li, M. Nica and D. Roy 2022, arXiv 2206.02768).
///
/// At infinite width it is linear; for $n, L \to \infty$ with $L/n \to T$ its covariances are a
/// diffusion (`proportional::ShapedCovariance`) at time $T$, where those of an unshaped network
/// degenerate. A network of width $n$ is the [`Mlp`](super::Mlp) of
/// [`ShapedRelu`](crate::activation::ShapedRelu) at this width and its critical weight variance.
///
/// ```
/// use neural_limits::{architecture::ShapedMlp, prelude::*};
/// let net = ShapedMlp::new(-1.0, 0.0)?;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let draw = &net.finite(100, 100)?.draws(&x, 1, 7)?[0];
/// assert!(draw.correlation(0, 1)?.abs() < 1.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ShapedMlp {
    stem: Initialization,
    shaped: Shaped,
}

impl ShapedMlp {
    /// Of $c_-$ and $c_+$.
    ///
    /// # Errors
    /// As [`Shaped::new`].
    pub fn new(negative: f64, positive: f64) -> Result<Self> {
        Ok(Self {
            stem: Initialization::default(),
            shaped: Shaped::new(negative, positive)?,
        })
    }

    /// Sets the law of the first layer.
    pub fn with_stem(self, stem: Initialization) -> Self {
        Self { stem, ..self }
    }
}

impl Architecture for ShapedMlp {
    fn name(&self) -> String {
        format!(
            "shaped ReLU MLP, c = ({}, {})",
            self.shaped.negative(),
            self.shaped.positive()
        )
    }

    fn network(&self) -> Network {
        let block = Network::new()
            .then(self.shaped)
            .then(Dense::new(Initialization::lecun()));
        Network::new()
            .then(Dense::new(self.stem))
            .then(Stack::plain(block))
    }
}
