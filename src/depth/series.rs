//! Summable scalings: the infinite recursion $K_l = K_{l-1} + \zeta_l^2 B(K_{l-1})$.

use crate::activation::Dual;
use crate::architecture::Architecture;
use crate::covariance::ScaledCovariance;
use crate::kernel::InfiniteWidth;
use crate::{Error, PairCovariance, Result};

/// Layers that are iterated before the rest is taken as a flow.
pub(super) const LAYERS: usize = 1 << 16;

/// The largest estimated error that is returned as a result.
const TOLERANCE: f64 = 1e-9;

/// $K_\infty$, with `head` the recursion of the first [`LAYERS`] layers (S. Hayou 2023, arXiv 2310.01683,
/// convergent series).
///
/// Cutting the recursion at $l = N$ leaves an error of $\sum_{l > N} \zeta_l^2$. Running the flow for that
/// remaining clock instead leaves the difference between Euler steps and the flow, $O(\sum_{l>N} \zeta_l^4)$:
/// 1e-16 for $\zeta_l = 1/l$.
pub(super) fn propagate<N: Architecture<Activation: Dual>>(
    net: &N,
    head: &InfiniteWidth<'_, N>,
    k: PairCovariance,
    flow: impl Fn(PairCovariance, f64) -> Result<ScaledCovariance>,
) -> Result<ScaledCovariance> {
    let head = head.propagate(k)?.pair()?;
    let (squares, fourth_powers) = net.scaling().tail(LAYERS);
    let rate = net.branch().initialization().weight_variance();
    let reached = rate * rate * fourth_powers;
    if reached > TOLERANCE || !reached.is_finite() {
        return Err(Error::NotConverged {
            what: format!("the infinite recursion of {}", net.name()),
            reached,
            tolerance: TOLERANCE,
        });
    }
    flow(head, squares)
}
