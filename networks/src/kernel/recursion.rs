//! The recursion of one pair through the open stack of a network.

use std::sync::Arc;

use crate::activation::{SMALL, Slopes};
use crate::covariance::ScaledCovariance;
use crate::network::{Blocks, Chain, Layer, Network, Structure};
use crate::{Error, Result};

/// The one open stack of a network, and what stands around it.
#[derive(Debug, Clone)]
pub(super) struct Recursion {
    pub(super) before: Vec<Arc<dyn Layer>>,
    pub(super) blocks: Blocks,
    pub(super) after: Vec<Arc<dyn Layer>>,
    /// Whether the blocks commute with positive factors.
    is_homogeneous: bool,
    /// Whether all blocks are the same map.
    is_uniform: bool,
    /// The chain and the slopes at 0 of its activation, if small variances stay small.
    linear: Option<(Chain, Slopes)>,
}

impl Recursion {
    /// `None` unless there is exactly one open stack.
    pub(super) fn new(network: &Network, depth: usize, time: f64) -> Result<Option<Self>> {
        let layers = network.flat();
        let mut stacks = layers.iter().enumerate();
        let mut next = || {
            stacks.find_map(|(i, layer)| match layer.structure() {
                Structure::Stack(stack) => Some((i, stack)),
                _ => None,
            })
        };
        let (Some((place, stack)), None) = (next(), next()) else {
            return Ok(None);
        };
        let chain = stack.chain();
        let blocks = stack.blocks(depth, time)?;
        let alphas = blocks.coefficients();
        Ok(Some(Self {
            is_homogeneous: chain
                .as_ref()
                .is_some_and(|chain| chain.homogeneous().is_some()),
            is_uniform: stack.residual_rule().is_some()
                && alphas.windows(2).all(|two| two[0] == two[1]),
            linear: chain.and_then(|chain| {
                let slopes = chain.slopes_at_zero()?;
                Some((chain, slopes))
            }),
            blocks,
            before: layers[..place].to_vec(),
            after: layers[place + 1..].to_vec(),
        }))
    }

    /// What is left of the activation at so small variances, if they are small and the layers without biases.
    pub(super) fn slopes(&self, k: &ScaledCovariance) -> Option<Slopes> {
        let linear = self.linear.as_ref().filter(|_| !self.is_homogeneous);
        linear
            .filter(|_| k.is_below(SMALL))
            .map(|(_, slopes)| *slopes)
    }

    /// Block $l + 1$.
    ///
    /// # Errors
    /// As [`Dual::dual`](crate::activation::Dual::dual), from any layer.
    pub(super) fn next(&self, l: usize, k: ScaledCovariance) -> Result<ScaledCovariance> {
        if let (Some(slopes), Some((chain, _))) = (self.slopes(&k), &self.linear) {
            let alpha = self.blocks.coefficients()[l];
            let branch = slopes.dual(k.unscaled())?;
            let branch = branch.times(alpha * alpha * chain.weight_variance());
            let skipped = k.unscaled().times(chain.skip * chain.skip);
            let pair = if chain.skip == 0.0 {
                branch
            } else {
                skipped.plus(branch)
            };
            let next = k.followed_by(pair, true);
            return if next.is_below(SMALL) {
                Ok(next)
            } else {
                next.pair().map(ScaledCovariance::new)
            };
        }
        let at_layer = |error: Error| {
            let entered = k.unscaled().variance_a().max(k.unscaled().variance_b());
            error.at_layer(l + 1, &self.blocks.branch().name(), entered)
        };
        let pair = self.blocks.pair(l, k.unscaled()).map_err(at_layer)?;
        if !(pair.variance_a().is_finite() && pair.variance_b().is_finite()) {
            return Err(at_layer(Error::overflow("the variance")));
        }
        Ok(k.followed_by(pair, self.is_homogeneous))
    }

    /// After all blocks. A state that equal blocks repeat, or alternate with another, is not followed any
    /// further.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) fn end(&self, k: ScaledCovariance) -> Result<ScaledCovariance> {
        let count = self.blocks.len();
        let (mut before, mut k) = (None, k);
        for l in 0..count {
            let next = self.next(l, k)?;
            let left = count - (l + 1);
            if self.is_uniform && next == k {
                return Ok(next);
            }
            if self.is_uniform && before == Some(next) {
                return Ok(if left.is_multiple_of(2) { next } else { k });
            }
            (before, k) = (Some(k), next);
        }
        Ok(k)
    }
}
