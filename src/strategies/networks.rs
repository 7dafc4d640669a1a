//! Networks and their parts.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use crate::Initialization;
use crate::activation::{Activation, Dual, entries, named};
use crate::architecture::{
    BranchScaling, Constant, ConvergentSeries, InverseSqrtDepth, Mlp, PowerLaw, ResNet,
};
use crate::network::{
    Activated, Dense, Dropout, FanIn, LayerNorm, Network, Repeat, Residual, Stack,
};

/// Names of activations that are Lipschitz continuous.
const LIPSCHITZ: [&str; 23] = [
    "relu",
    "tanh",
    "identity",
    "erf",
    "gelu",
    "leaky_relu",
    "abs",
    "ab_relu",
    "hard_tanh",
    "sin",
    "cos",
    "gaussian",
    "sigmoid",
    "sigmoid_like",
    "hard_sigmoid",
    "softplus",
    "softsign",
    "silu",
    "mish",
    "elu",
    "celu",
    "selu",
    "relu6",
];

/// Every activation that has a [name](named), with its default parameters, ReLU first: also those that jump
/// or grow fast, so that their duals may overflow; no maps of kernels that no activation realises.
pub fn activations() -> impl Strategy<Value = Arc<dyn Dual>> {
    let others = entries().map(|entry| entry.name());
    let mut names: Vec<&str> = LIPSCHITZ.to_vec();
    names.extend(others.filter(|name| !LIPSCHITZ.contains(name)));
    let pointwise = |name: &&str| named(name).is_ok_and(|phi| phi.is_pointwise());
    names.retain(pointwise);
    of_names(names)
}

/// Lipschitz continuous activations, ReLU first: kernels of moderately deep networks of them are
/// finite.
pub fn lipschitz_activations() -> impl Strategy<Value = Arc<dyn Dual>> {
    of_names(LIPSCHITZ.to_vec())
}

fn of_names(names: Vec<&'static str>) -> impl Strategy<Value = Arc<dyn Dual>> {
    select(names).prop_filter_map("an activation", |name| named(name).ok())
}

/// Weight variances in $[0.1, 3]$; bias variance 0 half of the time, otherwise in $[0.01, 1]$.
pub fn initializations() -> impl Strategy<Value = Initialization> {
    let bias = prop_oneof![Just(0.0), 0.01..=1.0];
    (0.1..=3.0, bias).prop_filter_map("variances in range", |(weight, bias)| {
        Initialization::new(weight, bias).ok()
    })
}

/// Branch coefficients $\alpha_{l,L}$: $L^{-1/2}$, [power laws](PowerLaw) of $l/L$ with exponents in
/// $[-1, 0.4]$, a [convergent series](ConvergentSeries), a constant in $[0.1, 1]$.
pub fn scalings() -> impl Strategy<Value = Arc<dyn BranchScaling>> {
    fn shared<S: BranchScaling + 'static>(scaling: S) -> Arc<dyn BranchScaling> {
        Arc::new(scaling)
    }
    let power = (-1.0..=0.4).prop_filter_map("a power", |x| PowerLaw::new(x).ok().map(shared));
    let series = (0.1..=1.0, 0.6..=2.0).prop_filter_map("a series", |(factor, exponent)| {
        ConvergentSeries::new(factor, exponent).ok().map(shared)
    });
    let constant = (0.1..=1.0).prop_filter_map("a constant", |x| Constant::new(x).ok().map(shared));
    prop_oneof![Just(shared(InverseSqrtDepth)), power, series, constant]
}

/// MLPs of any Lipschitz continuous activation and initialisation.
pub fn mlps() -> impl Strategy<Value = Mlp> {
    (lipschitz_activations(), initializations())
        .prop_map(|(phi, initialization)| Mlp::new(phi).initialized_by(initialization))
}

/// Residual networks of any Lipschitz continuous activation and initialisation, with branches scaled by
/// $L^{-1/2}$.
pub fn res_nets() -> impl Strategy<Value = ResNet> {
    (lipschitz_activations(), initializations())
        .prop_map(|(phi, initialization)| ResNet::new(phi).initialized_by(initialization))
}

/// Rows of layers that begin and end with as many neurons as the network is wide, composed at random, to some
/// number of `levels`: (activation, dense), with dropout between them or without, residual blocks, rows,
/// repetitions, sums, concatenations, layer norms.
pub fn blocks(levels: u32) -> impl Strategy<Value = Network> {
    let dense = || initializations().prop_map(Dense::new);
    let keep = || prop_oneof![4 => Just(1.0), 1 => 0.5..1.0];
    let layer = move || {
        (lipschitz_activations(), keep(), dense()).prop_filter_map(
            "a probability",
            |(phi, keep, dense)| {
                let activated = Network::new().then(Activated::sharing(phi));
                let kept = if keep < 1.0 {
                    activated.then(Dropout::new(keep).ok()?)
                } else {
                    activated
                };
                Some(kept.then(dense))
            },
        )
    };
    layer().prop_recursive(levels, 12, 2, move |block| {
        let two = || (block.clone(), block.clone());
        let row = two().prop_map(|(first, second)| first.then(second));
        // ends in fresh weights, so that it may be a branch itself
        let scales = (0.0..=1.0, 0.1..=1.0);
        let residual = (scales, block.clone(), layer()).prop_filter_map(
            "scales",
            |((skip, scale), block, layer)| {
                Some(
                    Network::new()
                        .then(Residual::new(skip, scale, block).ok()?)
                        .then(layer),
                )
            },
        );
        let repeat = (2..4_usize, block.clone()).prop_filter_map("times", |(times, block)| {
            Some(Network::new().then(Repeat::new(times, block).ok()?))
        });
        let sum = two().prop_filter_map("branches", |(first, second)| {
            Some(Network::new().then(FanIn::sum(vec![first, second]).ok()?))
        });
        let concatenation =
            (two(), dense()).prop_filter_map("branches", |((first, second), dense)| {
                let both = FanIn::concatenation(vec![first, second]).ok()?;
                Some(Network::new().then(both).then(dense))
            });
        let normed = block.clone().prop_filter_map("an epsilon", |block| {
            Some(Network::new().then(LayerNorm::new(1e-6).ok()?).then(block))
        });
        prop_oneof![2 => row, 3 => residual, 1 => repeat, 1 => sum, 1 => concatenation, 1 => normed]
    })
}

/// A dense layer and a stack of [`blocks`] whose number $L$ is left open: residual, with any of [`scalings`],
/// or plain.
pub fn stacks(levels: u32) -> impl Strategy<Value = Network> {
    let residual = (blocks(levels), scalings())
        .prop_map(|(branch, scaling)| Stack::residual(branch).scaled_by_shared(scaling));
    let stack = prop_oneof![3 => residual, 1 => blocks(levels).prop_map(Stack::plain)];
    (initializations(), stack)
        .prop_map(|(stem, stack)| Network::new().then(Dense::new(stem)).then(stack))
}

/// Networks composed at random: a dense layer and [`blocks`], or one of [`stacks`]. All of them have kernels
/// at infinite width and are sampled, by both samplers.
pub fn networks(levels: u32) -> impl Strategy<Value = Network> {
    let fixed = (initializations(), blocks(levels))
        .prop_map(|(stem, block)| Network::new().then(Dense::new(stem)).then(block));
    prop_oneof![fixed, stacks(levels)]
}

#[cfg(test)]
mod tests {
    use proptest::test_runner::{Config, RngSeed, TestRunner};

    use super::*;
    use crate::Inputs;
    use crate::kernel::InInfiniteWidth;
    use crate::sample::{OfFiniteSize, Sampler};
    use crate::strategies::sizes;

    #[test]
    fn every_network_has_kernels_and_is_sampled() {
        let mut runner = TestRunner::new(Config {
            cases: 100,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..Config::default()
        });
        let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]).unwrap();
        let cases = (networks(2), sizes(1..=12, 1..=6));
        let all = runner.run(&cases, |(net, (width, depth))| {
            let kernel = net.infinite_width(depth)?.nngp(&x)?;
            prop_assert!(kernel.iter().all(|entry| entry.is_finite()));
            for sampler in [Sampler::Conditional, Sampler::Dense] {
                let networks = net.finite(width, depth)?.with_sampler(sampler);
                networks.covariances(&x, 1, 3)?;
            }
            Ok(())
        });
        all.unwrap();
    }
}
