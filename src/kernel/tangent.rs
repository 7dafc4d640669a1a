//! The neural tangent kernel at infinite width.

use nalgebra::DMatrix;

use super::InfiniteWidth;
use crate::activation::Dual;
use crate::architecture::{self, Architecture};
use crate::covariance::{ScaledCovariance, scale_by_power_of_two};
use crate::gram;
use crate::{Inputs, PairCovariance, Result, Scalar};

/// The covariance and the neural tangent kernel of one pair after the same layers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TangentKernel {
    covariance: ScaledCovariance,
    // Θ in units of the covariance's power of two
    tangent: f64,
}

impl TangentKernel {
    /// $K_l$.
    pub fn covariance(&self) -> ScaledCovariance {
        self.covariance
    }

    /// $\Theta_l$.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) if it is larger than `f64::MAX`.
    pub fn tangent(&self) -> Result<f64> {
        let exponent = self.covariance.exponent();
        scale_by_power_of_two("the neural tangent kernel", self.tangent, exponent)
    }
}

impl<N: Architecture<Activation: Dual>> InfiniteWidth<'_, N> {
    /// The recursion of $K_l$ and $\Theta_l$ for one pair from its stem covariance $K_0$ (A. Jacot, F. Gabriel and C. Hongler 2018, arXiv 1806.07572,
    /// theorem 1, here with the skip $s$ and branch coefficients $\alpha_{l,L}$):
    ///
    /// $$\Theta_0 = K_0, \qquad \Theta_l = \left( s^2 + \alpha_{l,L}^2 \sigma_w^2 \mathbb E_{K_{l-1}}[\varphi^\prime(u)\varphi^\prime(v)] \right) \Theta_{l-1} +
    ///   \alpha_{l,L}^2 B(K_{l-1}),$$
    ///
    /// in the NTK parametrisation (weights $\sigma_w \omega/\sqrt n$ and biases $\sigma_b \beta$ with trained standard normal $\omega$, $\beta$), all layers trained.
    /// For an MLP the last term is $K_l$.
    ///
    /// # Errors
    /// As [`Dual::dual`], from any layer; [`Error::Overflow`](crate::Error::Overflow) if $\Theta_l$ of a chain that is not homogeneous leaves the range of
    /// `f64`.
    pub fn propagate_tangent(&self, k: PairCovariance) -> Result<TangentKernel> {
        let branch = self.net.branch();
        let weight = branch.initialization().weight_variance();
        let (skip, homogeneous) = (self.net.skip(), self.net.homogeneous().is_some());
        let start = TangentKernel {
            covariance: ScaledCovariance::new(k),
            tangent: k.covariance(),
        };
        self.coefficients().iter().try_fold(start, |state, &alpha| {
            let (k, scale) = (state.covariance.unscaled(), alpha * alpha);
            let layer = branch.covariance(k)?.times(scale);
            let slope = weight * branch.activation().derivative_dual(k)?;
            let tangent = (skip * skip + scale * slope) * state.tangent + layer.covariance();
            let pair = architecture::join(skip, k, layer);
            let covariance = state.covariance.followed_by(pair, homogeneous);
            let moved = state.covariance.exponent() - covariance.exponent();
            let tangent = scale_by_power_of_two("the neural tangent kernel", tangent, moved)?;
            Ok(TangentKernel {
                covariance,
                tangent,
            })
        })
    }

    /// The covariance and the neural tangent kernel of a pair of points.
    ///
    /// # Errors
    /// As [`propagate_tangent`](Self::propagate_tangent), and [`Inputs::from_rows`] for the two points.
    pub fn tangent_pair<T: Scalar>(&self, a: &[T], b: &[T]) -> Result<TangentKernel> {
        self.propagate_tangent(gram::checked_stem_covariance(self.net, a, b)?)
    }

    /// The neural tangent kernel $\Theta_L(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`propagate_tangent`](Self::propagate_tangent); [`Error::Overflow`](crate::Error::Overflow) if an entry exceeds the range of `T`.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -1.0]])?;
    /// let net = Mlp::new(Relu).initialized_by(Initialization::he());
    /// let ntk = net.infinite_width(3)?.ntk(&x)?;
    /// assert_eq!(ntk[(0, 0)], 8.0); // (L + 1) K: every layer adds the same
    /// # Ok::<(), Error>(())
    /// ```
    pub fn ntk<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        gram::symmetric(self.net, x, "the neural tangent kernel", |k| {
            self.propagate_tangent(k)?.tangent()
        })
    }

    /// The neural tangent kernel between two sets of inputs, $\Theta_L(x_i, y_j)$.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk); [`Error::Shape`](crate::Error::Shape) for unequal dimensions.
    pub fn ntk_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<DMatrix<T>> {
        gram::rectangular(self.net, x, y, "the neural tangent kernel", |k| {
            self.propagate_tangent(k)?.tangent()
        })
    }
}
