//! Constant coefficients: the fixed points $K = s^2 K + \alpha^2 B(K)$ that a deep chain settles on.

use crate::covariance::ScaledCovariance;
use crate::network::{Layer, Stack};
use crate::{Error, PairCovariance, Result};

const ITERATIONS: usize = 200_000;

/// The largest estimated error that is returned as a result.
const TOLERANCE: f64 = 1e-12;

/// The limit of the iteration from $K_0$.
///
/// Homogeneous chains are exact: the variance is multiplied by
/// $g = s^2 + \alpha^2 \sigma_w^2 (s_-^2 + s_+^2)/2$ in every layer and the correlation tends to 1 (at the
/// edge of chaos of the ReLU MLP, $g = 1$, like $1 - c_l \sim 9\pi^2/(2 l^2)$; S. Hayou et al. 2019,
/// arXiv 1902.06853). Other chains are iterated until geometric extrapolation of the steps puts the remaining
/// distance below the tolerance; if their variance diverges, that is an [`Error::Overflow`].
pub(super) fn propagate(stack: &Stack, k: PairCovariance) -> Result<ScaledCovariance> {
    let block = stack.blocks(1, 1.0)?;
    let alpha = block.coefficients()[0];
    let chain = stack.chain();
    if let Some((chain, slopes)) = chain.and_then(|chain| {
        let slopes = chain.homogeneous()?;
        Some((chain, slopes))
    }) {
        let branch = alpha * alpha * chain.weight_variance();
        let growth = chain.variance_growth(slopes, alpha);
        let moves = branch * slopes.curvature_weight() > 0.0;
        let epsilon = if moves {
            0.0
        } else {
            k.one_minus_correlation()
        };
        let pair = PairCovariance::from_parts(k.variance_a(), k.variance_b(), epsilon);
        return Ok(if growth > 1.0 {
            ScaledCovariance::diverging(pair)
        } else if growth < 1.0 {
            ScaledCovariance::vanishing(pair)
        } else {
            ScaledCovariance::new(pair)
        });
    }
    let coordinates = |k: PairCovariance| {
        [
            k.variance_a(),
            k.variance_b(),
            // a variance of 0 has no correlation to wait for
            k.geometric_mean().min(1.0) * k.one_minus_correlation(),
        ]
    };
    let (mut k, mut previous_step, mut previous_ratio) = (k, f64::INFINITY, f64::INFINITY);
    let mut reached = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let next = block.pair(0, k)?;
        if !coordinates(next).iter().all(|x| x.is_finite()) {
            return Err(Error::overflow(format!(
                "the variance of {} at infinite depth",
                stack.name()
            )));
        }
        let step = coordinates(next)
            .iter()
            .zip(coordinates(k))
            .map(|(new, old)| (new - old).abs() / new.abs().max(1.0))
            .fold(0.0, f64::max);
        k = next;
        // the slower of the last two contractions, both measured
        let ratio = if previous_step.is_finite() {
            step / previous_step
        } else {
            f64::INFINITY
        };
        let slower = ratio.max(previous_ratio);
        (previous_step, previous_ratio) = (step, ratio);
        reached = if step == 0.0 {
            0.0
        } else if slower < 1.0 {
            step * slower / (1.0 - slower)
        } else {
            f64::INFINITY
        };
        if reached < TOLERANCE {
            return Ok(ScaledCovariance::new(k));
        }
    }
    Err(Error::NotConverged {
        what: format!("the fixed point of {}", stack.name()),
        reached,
        tolerance: TOLERANCE,
    })
}
