//! Deep information propagation: what an MLP of infinite width does to variances, correlations and gradients
//! as it gets deeper.
//!
//! With $V(q) = \sigma_w^2 \mathbb E[\varphi(\sqrt q z)^2] + \sigma_b^2$ a layer maps the variance to $V(q)$
//! and, at a fixed $q$, the correlation to
//! $R(c) = (\sigma_w^2 \mathbb E[\varphi(u)\varphi(v)] + \sigma_b^2)/V(q)$ (B. Poole et al. 2016,
//! arXiv 1606.05340; S. Schoenholz et al. 2016, arXiv 1611.01232). Fixed points of the two maps and their
//! slopes tell what survives at depth.
//!
//! | question | call | file |
//! |---|---|---|
//! | $V(q)$, $V^\prime(q)$, fixed points $q^\*$ | [`Propagation::variance`] and its kin | `variance_map` |
//! | $R(c)$, $\chi$, fixed points $c^\*$, curvature | [`Propagation::correlation`] … | `correlation_map` |
//! | phase, depth scales $\xi_q$, $\xi_c$, criticality | [`Propagation::deep_limit`] | `depth_scale` |
//! | edge of chaos | [`edge_of_chaos`], [`edge_of_chaos_at`] | `edge_of_chaos` |
//! | the initialisation to take at a depth | [`critical_initialization`] | `edge_of_chaos` |
//! | growth of variances and gradients | [`growth`](crate::kernel::InfiniteWidth::growth) | `growth` |
//! | activations shaped to a given map | [`Shaping`] | `shaping` |

mod correlation_map;
mod depth_scale;
mod edge_of_chaos;
mod growth;
mod shaping;
mod variance_map;

pub use correlation_map::{CorrelationFixedPoint, CorrelationFixedPoints};
pub use depth_scale::{DeepLimit, DepthScale, Phase};
pub use edge_of_chaos::{
    CriticalInitialization, CriticalPoint, CriticalVariance, critical_initialization,
    edge_of_chaos, edge_of_chaos_at,
};
pub use growth::Growth;
pub use shaping::{Shaped, Shaping, Target};
pub use variance_map::{VarianceFixedPoint, VarianceFixedPoints};

use std::sync::Arc;

use crate::activation::{Activation, Dual};
use crate::{Error, Initialization, PairCovariance, Result};

/// The layer map of an MLP: an activation and the law of the weights that follow it.
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::propagation::{Phase, Propagation, VarianceFixedPoints};
///
/// // (σ_w², σ_b²) = (1.5, 0.05): below the edge of chaos of tanh
/// let tanh = Propagation::new(Tanh, Initialization::new(1.5, 0.05)?)?;
/// let VarianceFixedPoints::Isolated { points, .. } = tanh.variance_fixed_points()? else { panic!() };
/// let deep = tanh.deep_limit(points[0].variance)?;
/// assert_eq!(deep.phase, Phase::Ordered);
/// assert_eq!(deep.correlation, 1.0); // all inputs become parallel
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Propagation<'a> {
    activation: Arc<dyn Dual + 'a>,
    initialization: Initialization,
}

impl<'a> Propagation<'a> {
    /// Of $\varphi$ (by value or reference), $\sigma_w^2$ and $\sigma_b^2$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the activation is not
    /// [pointwise](crate::activation::Activation::is_pointwise).
    pub fn new(activation: impl Dual + 'a, initialization: Initialization) -> Result<Self> {
        pointwise(&activation)?;
        Ok(Self {
            activation: Arc::new(activation),
            initialization,
        })
    }

    /// $\varphi$.
    pub fn activation(&self) -> &Arc<dyn Dual + 'a> {
        &self.activation
    }

    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub fn initialization(&self) -> Initialization {
        self.initialization
    }

    /// $B(K) = \sigma_w^2 \mathbb E[\varphi(u)\varphi(v)] + \sigma_b^2$.
    fn covariance(&self, k: PairCovariance) -> Result<PairCovariance> {
        Ok(self.initialization.dense(self.activation.dual(k)?))
    }

    fn weight_variance(&self) -> f64 {
        self.initialization.weight_variance()
    }
}

fn pointwise(phi: &dyn Activation) -> Result<()> {
    if phi.is_pointwise() {
        return Ok(());
    }
    Err(Error::unsupported(
        format!("deep information propagation of {}", phi.name()),
        "it is a map of kernels without a pointwise activation",
    ))
}

/// Whether small deviations from a fixed point shrink from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// $|\text{slope}| < 1$.
    Stable,
    /// $|\text{slope}| = 1$ up to 1e-9: higher orders decide.
    Marginal,
    /// $|\text{slope}| > 1$.
    Unstable,
}

/// Slopes this close to 1 count as 1.
const MARGIN: f64 = 1e-9;

impl Stability {
    fn of(slope: f64) -> Self {
        let excess = slope.abs() - 1.0;
        if excess.abs() <= MARGIN {
            Self::Marginal
        } else if excess < 0.0 {
            Self::Stable
        } else {
            Self::Unstable
        }
    }
}
