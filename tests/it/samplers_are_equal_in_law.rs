//! The conditional sampler and the dense sampler draw from the same law (theory: given the layer before, the
//! rows of W φ(Y) + b are independent Gaussian vectors).
//!
//! Two-sample Kolmogorov–Smirnov tests with fixed seeds; each has a false-alarm probability of 1e-6.

use neural_limits::prelude::*;
use neural_limits::sample::Draw;
use neural_limits::statistics::two_sample_p_value;

const SAMPLES: usize = 20_000;
const FALSE_ALARM: f64 = 1e-6;
const WIDTH: usize = 8;
const DEPTH: usize = 6;

fn statistics(draws: &[Draw]) -> Vec<(&'static str, Law)> {
    let law = |read: &dyn Fn(&Draw) -> f64| {
        let values = draws.iter().map(read).collect();
        Law::Empirical(neural_limits::limit::Empirical::new(values, 0).unwrap())
    };
    vec![
        ("variance at a", law(&|draw| draw.covariance(0, 0).unwrap())),
        ("covariance", law(&|draw| draw.covariance(0, 1).unwrap())),
        ("variance at b", law(&|draw| draw.covariance(1, 1).unwrap())),
        ("neuron at a", law(&|draw| draw.first_neuron(0).unwrap())),
        ("neuron at b", law(&|draw| draw.first_neuron(1).unwrap())),
        (
            "product of neurons",
            law(&|draw| draw.first_neuron(0).unwrap() * draw.first_neuron(1).unwrap()),
        ),
    ]
}

fn draws<N: Architecture>(net: &N, sampler: Sampler, seed: u64) -> Vec<Draw> {
    let x = Inputs::from_rows(&[[1.0, 0.0, 0.5], [0.3, 1.0, -0.4]]).unwrap();
    net.finite(WIDTH, DEPTH)
        .unwrap()
        .with_sampler(sampler)
        .draws(&x, SAMPLES, seed)
        .unwrap()
}

/// The least p-value over all statistics, and its statistic.
fn least_p_value(first: &[Draw], second: &[Draw]) -> (f64, &'static str) {
    statistics(first)
        .iter()
        .zip(statistics(second))
        .map(|((name, first), (_, second))| {
            let distance = first.kolmogorov_smirnov(&second);
            let p = two_sample_p_value(distance, SAMPLES, SAMPLES).unwrap();
            println!("{name}: KS {distance:.4}, p = {p:.2}");
            (p, *name)
        })
        .fold(
            (1.0, "none"),
            |least, new| if new.0 < least.0 { new } else { least },
        )
}

fn assert_equal_in_law<N: Architecture>(net: &N) {
    let conditional = draws(net, Sampler::Conditional, 1);
    let dense = draws(net, Sampler::Dense, 2);
    let (p, name) = least_p_value(&conditional, &dense);
    assert!(p > FALSE_ALARM, "{}: {name} has p = {p:e}", net.name());
}

#[test]
fn for_an_mlp() {
    assert_equal_in_law(&Mlp::new(Relu).initialized_by(Initialization::he()));
}

#[test]
fn for_an_mlp_with_biases() {
    assert_equal_in_law(&Mlp::new(Relu).initialized_by(Initialization::new(1.5, 0.3).unwrap()));
}

#[test]
fn for_a_resnet() {
    assert_equal_in_law(&ResNet::new(Relu));
}

#[test]
fn for_an_unscaled_resnet_with_biases() {
    let init = Initialization::new(0.7, 0.2).unwrap();
    assert_equal_in_law(
        &ResNet::new(Relu)
            .initialized_by(init)
            .scaled_by(Constant::one()),
    );
}

#[test]
fn a_law_that_is_wrong_by_three_percent_of_the_weight_variance_is_rejected() {
    let wrong = Initialization::new(2.0 * 1.03, 0.0).unwrap();
    let right = draws(
        &Mlp::new(Relu).initialized_by(Initialization::he()),
        Sampler::Dense,
        1,
    );
    let wrong = draws(
        &Mlp::new(Relu).initialized_by(wrong),
        Sampler::Conditional,
        2,
    );
    let (p, _) = least_p_value(&right, &wrong);
    assert!(p < FALSE_ALARM, "p = {p:e}");
}

#[test]
fn equal_inputs_give_equal_networks_to_the_bit() {
    let x = Inputs::from_rows(&[[1.0, 0.2], [0.4, 0.9], [1.0, 0.2]]).unwrap();
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let y = ResNet::new(Relu)
            .finite(37, 50)
            .unwrap()
            .with_sampler(sampler)
            .pre_activations(&x, &mut Seed::new(3).stream(0))
            .unwrap();
        assert_eq!(y.column(0), y.column(2));
        assert_ne!(y.column(0), y.column(1));
    }
}
