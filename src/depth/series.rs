//! Summable scalings: the infinite recursion $K_l = K_{l-1} + \zeta_l^2 B(K_{l-1})$.

use crate::covariance::ScaledCovariance;
use crate::network::{Blocks, Layer, Stack};
use crate::{Error, PairCovariance, Result};

/// Layers that are iterated before the rest is taken as a flow.
pub(super) const LAYERS: usize = 1 << 16;

/// The largest estimated error that is returned as a result.
const TOLERANCE: f64 = 1e-9;

/// Layers are iterated until the estimated error is below this, or there are no more.
const ENOUGH: f64 = 1e-12;

/// $K_\infty$, with `head` the recursion of the first [`LAYERS`] layers (S. Hayou 2023, arXiv 2310.01683,
/// convergent series).
///
/// Cutting the recursion at $l = N$ leaves an error of $\sum_{l > N} \zeta_l^2$. Running the flow for that
/// remaining clock instead leaves the difference between Euler steps and the flow, $O(\sum_{l>N} \zeta_l^4)$:
/// 6e-13 for $\zeta_l = 1/l$, of which 2¹³ layers are iterated.
pub(super) fn propagate(
    stack: &Stack,
    head: &Blocks,
    k: PairCovariance,
    flow: impl Fn(PairCovariance, f64) -> Result<ScaledCovariance>,
) -> Result<ScaledCovariance> {
    let (_, scaling) = stack
        .residual_rule()
        .ok_or_else(|| Error::unsupported("an infinite recursion", "the stack is not residual"))?;
    let start = rate(stack, k)?;
    let suffices = |layers: &usize| start * start * scaling.tail(*layers).1 <= ENOUGH;
    let layers = (10..16).map(|power| 1 << power).find(suffices);
    let layers = layers.unwrap_or(LAYERS).min(head.len());
    let k = (0..layers).try_fold(k, |k, l| head.pair(l, k))?;
    let (squares, fourth_powers) = scaling.tail(layers);
    let rate = rate(stack, k)?;
    let reached = rate * rate * fourth_powers;
    if reached > TOLERANCE || !reached.is_finite() {
        return Err(Error::NotConverged {
            what: format!("the infinite recursion of {}", stack.name()),
            reached,
            tolerance: TOLERANCE,
        });
    }
    flow(k, squares)
}

/// How fast variances grow relative to themselves, at most: $\sigma_w^2$ of a chain (for $\varphi$ of slope
/// at most 1), what the branch gives at the end of the head otherwise.
fn rate(stack: &Stack, k: PairCovariance) -> Result<f64> {
    if let Some(chain) = stack.chain() {
        return Ok(chain.weight_variance());
    }
    let branch = stack.branch().pair(k)?;
    let ratio = |branch: f64, own: f64| if own > 0.0 { branch / own } else { 0.0 };
    let a = ratio(branch.variance_a(), k.variance_a());
    Ok(a.max(ratio(branch.variance_b(), k.variance_b())))
}
