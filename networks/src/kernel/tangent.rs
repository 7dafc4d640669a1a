//! The neural tangent kernel at infinite width.

use super::InfiniteWidth;
use crate::covariance::ScaledCovariance;
use crate::inputs::checked_covariance;
use crate::network::{KernelBlock, Layer};
use crate::numerics::scale_by_power_of_two;
use crate::{PairCovariance, Result, Scalar};

/// The covariance and the neural tangent kernel of one pair after the same layers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TangentKernel {
    covariance: ScaledCovariance,
    // Θ in units of the covariance's power of two
    tangent: f64,
}

impl TangentKernel {
    /// Of a covariance and a tangent kernel.
    pub(crate) fn of(covariance: PairCovariance, tangent: f64) -> Self {
        Self {
            covariance: ScaledCovariance::new(covariance),
            tangent,
        }
    }

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

    /// Without a power of two.
    fn plain(self) -> Result<Self> {
        Ok(Self {
            covariance: ScaledCovariance::new(self.covariance.pair()?),
            tangent: self.tangent()?,
        })
    }
}

impl InfiniteWidth {
    /// The recursion of $K_l$ and $\Theta_l$ for one pair from its stem covariance $K_0$ (A. Jacot, F.
    /// Gabriel and C. Hongler 2018, arXiv 1806.07572, theorem 1, here with the skip $s$ and branch
    /// coefficients $\alpha_{l,L}$):
    ///
    /// $$\Theta_0 = K_0, \qquad \Theta_l = \left( s^2 + \alpha_{l,L}^2 \sigma_w^2 \mathbb
    /// E_{K_{l-1}}[\varphi^\prime(u)\varphi^\prime(v)] \right) \Theta_{l-1} +
    ///   \alpha_{l,L}^2 B(K_{l-1}),$$
    ///
    /// in the NTK parametrisation (weights $\sigma_w \omega/\sqrt n$ and biases $\sigma_b \beta$ with trained
    /// standard normal $\omega$, $\beta$), all layers trained. For an MLP the last term is $K_l$.
    ///
    /// Of a network of another form than $Y_0 = W_{in} a + b_{in}$, $Y_l = s Y_{l-1} + \alpha_{l,L} (W_l
    /// \varphi(Y_{l-1}) + b_l)$, use [`tangent_pair`](Self::tangent_pair).
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for such networks;
    /// as [`Dual::dual`](crate::activation::Dual::dual), from any layer;
    /// [`Error::Overflow`](crate::Error::Overflow) if $\Theta_l$ of a chain that is not homogeneous leaves
    /// the range of `f64`.
    pub fn propagate_tangent(&self, k: PairCovariance) -> Result<TangentKernel> {
        let chain = self.chain("the tangent kernel from a stem covariance")?;
        let (branch, skip) = (&chain.branch, chain.skip);
        let (weight, homogeneous) = (chain.weight_variance(), chain.homogeneous().is_some());
        let start = TangentKernel {
            covariance: ScaledCovariance::new(k),
            tangent: k.covariance(),
        };
        let step = |state: TangentKernel, alpha: f64| -> Result<TangentKernel> {
            let slopes = self.slopes(&state.covariance);
            let rescaled = homogeneous || slopes.is_some();
            let state = if rescaled { state } else { state.plain()? };
            let (k, scale) = (state.covariance.unscaled(), alpha * alpha);
            let (layer, slope) = match slopes {
                Some(slopes) => (slopes.dual(k)?.times(weight), slopes.derivative_dual(k)),
                None => {
                    let (dual, slope) = branch.activation().duals(k)?;
                    (branch.initialization().dense(dual), slope)
                }
            };
            let layer = layer.times(scale);
            let slope = weight * slope;
            let tangent = (skip * skip + scale * slope) * state.tangent + layer.covariance();
            let pair = if skip == 0.0 {
                layer
            } else {
                k.times(skip * skip).plus(layer)
            };
            let covariance = state.covariance.followed_by(pair, rescaled);
            let moved = state.covariance.exponent() - covariance.exponent();
            let tangent = scale_by_power_of_two("the neural tangent kernel", tangent, moved)?;
            Ok(TangentKernel {
                covariance,
                tangent,
            })
        };
        let mut state = start;
        for (l, &alpha) in self.coefficients().iter().enumerate() {
            let k = state.covariance.unscaled();
            let largest = k.variance_a().max(k.variance_b());
            state = step(state, alpha)
                .map_err(|error| error.at_layer(l + 1, &branch.activation().name(), largest))?;
        }
        Ok(state)
    }

    /// The covariance and the neural tangent kernel of a pair of points.
    ///
    /// # Errors
    /// As [`Network::ntk`](crate::network::Network::ntk), and [`Inputs::from_rows`](crate::Inputs::from_rows)
    /// for the two points.
    pub fn tangent_pair<T: Scalar>(&self, a: &[T], b: &[T]) -> Result<TangentKernel> {
        let k = checked_covariance(a, b)?;
        if self.chain.is_some() {
            return self.propagate_tangent(self.stem(k)?);
        }
        self.network().check()?;
        let correlation = vec![k.pair_correlation()];
        let (qa, qb) = (vec![k.variance_a()], vec![k.variance_b()]);
        let mut block = KernelBlock::new(qa, qb, correlation, true)?;
        block.set_width(Some(a.len() as f64));
        self.network().apply(&mut block)?;
        let pair = PairCovariance::with_correlation(
            block.variance_a()[0],
            block.variance_b()[0],
            block.correlation()[0],
        )?;
        Ok(TangentKernel {
            covariance: ScaledCovariance::new(pair),
            tangent: block.tangent().map_or(0.0, |tangent| tangent[0]),
        })
    }
}
