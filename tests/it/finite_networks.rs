//! Theorems of networks of finite width: gradients by conditioning, the spread of the tangent kernel, laws of
//! weights, parametrisations, norms as chains of numbers.
//!
//! Statistical tests have fixed seeds. Kolmogorov–Smirnov tests have a false-alarm probability of 1e-6 each;
//! means are compared within five standard errors (6e-7).

use crate::property::samples;
use nalgebra::DMatrix;
use neural_limits::activation::LeakyRelu;
use neural_limits::law::Empirical;
use neural_limits::network::{
    Activated, Dense, Drawn, Dropout, Factors, FanIn, GradientSink, LayerNorm, Network,
    Parametrization, Role, Signal, Stack, WeightLaw, all_weights, set_all_weights,
};
use neural_limits::prelude::*;
use neural_limits::sample::{EmpiricalKernels, Gradients, NormSampler};
use neural_limits::statistics::{Observation, fit_power_law, two_sample_p_value};

const A: [f64; 3] = [1.0, 0.2, -0.5];
const B: [f64; 3] = [0.3, 0.9, 0.4];
const FALSE_ALARM: f64 = 1e-6;

fn he() -> Initialization {
    Initialization::he()
}

fn p_value(first: &[f64], second: &[f64]) -> f64 {
    // -inf, the logarithm of a dead network, is a number less than all others
    let finite = |values: &[f64]| values.iter().map(|v| v.clamp(-1e100, 1e100)).collect();
    let law = |values: &[f64]| Law::Empirical(Empirical::new(finite(values), 0).unwrap());
    let distance = law(first).kolmogorov_smirnov(&law(second));
    two_sample_p_value(distance, first.len(), second.len()).unwrap()
}

/// A mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// `read` of the gradients and neurons of many networks.
fn sampled<R>(
    networks: &neural_limits::sample::Finite,
    x: &Inputs<'_>,
    samples: u64,
    seed: u64,
    read: impl Fn(&Gradients, &Signal) -> R,
) -> Vec<R> {
    let records = (0..samples).map(|i| {
        let mut rng = Seed::new(seed).stream(i);
        let record = networks.record_with_gradients(x, false, &mut rng).unwrap();
        read(record.gradients().unwrap(), record.neurons())
    });
    records.collect()
}

/// Θ_aa, Θ_ab, Θ_bb, Y¹, ∂Y¹/∂x₁ and, which has the power, Y¹ ∂Y¹/∂x₁ at both inputs.
fn statistics(net: &Network, sampler: Sampler, seed: u64, samples: u64) -> [Vec<f64>; 7] {
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let networks = net.finite(6, 4).unwrap().with_sampler(sampler);
    let all = sampled(&networks, &x, samples, seed, |gradients, y| {
        let theta = gradients.tangent_kernel();
        let y = |j: usize| y.column(j)[0];
        let by_inputs = gradients.by_inputs();
        [
            y(0) * by_inputs[(0, 0)],
            y(1) * by_inputs[(0, 0)],
            theta[(0, 0)],
            theta[(0, 1)],
            theta[(1, 1)],
            y(0),
            by_inputs[(0, 0)],
        ]
    });
    std::array::from_fn(|i| all.iter().map(|record| record[i]).collect())
}

/// Given U = WQ, Q an orthonormal basis of the features, Wᵀ Δ = Q(UᵀΔ − QᵀG) + G has the law of dense
/// weights.
#[test]
fn gradients_by_conditioning_have_the_law_of_dense_weights() {
    let biased = Dense::new(Initialization::new(1.6, 0.3).unwrap());
    let gate = |phi| Network::new().then(Activated::new(phi)).then(biased);
    let composed = Network::new()
        .then(biased)
        .then(LayerNorm::default())
        .then(FanIn::product(vec![gate(Relu), gate(Relu)]).unwrap())
        .then(Stack::residual(gate(Relu)))
        .then(Dropout::new(0.8).unwrap())
        .then(FanIn::concatenation(vec![gate(Relu), gate(Relu)]).unwrap())
        .then(biased);
    for net in [
        Mlp::new(Relu).initialized_by(he()).network(),
        Mlp::new(Tanh)
            .initialized_by(Initialization::new(1.5, 0.2).unwrap())
            .network(),
        ResNet::new(Relu).network(),
        ResNet::new(Gelu)
            .initialized_by(Initialization::new(1.0, 0.1).unwrap())
            .network(),
        composed,
    ] {
        const SAMPLES: u64 = 3000;
        let conditional = statistics(&net, Sampler::Conditional, 1, SAMPLES);
        let dense = statistics(&net, Sampler::Dense, 2, SAMPLES);
        for (i, (conditional, dense)) in conditional.iter().zip(&dense).enumerate() {
            let p = p_value(conditional, dense);
            println!("{}: statistic {i}, p = {p:.2}", net.name());
            assert!(p > FALSE_ALARM, "{}: statistic {i}, p = {p:e}", net.name());
        }
    }
}

/// A backward pass through other weights than the forward pass, as if Wᵀ were fresh, is seen by the first
/// statistic, and hardly by the others.
#[test]
fn fresh_weights_backward_would_be_seen() {
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let net = Mlp::new(Relu).initialized_by(he()).network();
    let right = statistics(&net, Sampler::Conditional, 1, 4000);
    let networks = net.finite(6, 4).unwrap();
    let wrong: Vec<f64> = (0..4000)
        .map(|i| {
            let [forward, backward] = [0, 1].map(|k| {
                let mut rng = Seed::new(9).split(k).stream(i);
                networks.with_weights(3, &mut rng).unwrap()
            });
            let mut signals = Vec::new();
            let y = forward
                .forward_each(&Signal::of_inputs(&x), &mut |signal| {
                    signals.push(signal.to_matrix()?);
                    Ok(())
                })
                .unwrap();
            // masks of one network, weights of the other; signals are Y₀, φ(Y₀), Y₁, …
            let mut delta = DMatrix::zeros(6, 1);
            delta[0] = 1.0;
            for (l, weights) in all_weights(&*backward).iter().enumerate().rev() {
                delta = weights.weights.transpose() * delta;
                if l > 0 {
                    let before = &signals[2 * (l - 1)];
                    for i in 0..6 {
                        delta[i] *= f64::from(u8::from(before[(i, 0)] > 0.0));
                    }
                }
            }
            y.column(0)[0] * delta[0]
        })
        .collect();
    let p = p_value(&right[0], &wrong);
    assert!(p < 1e-12, "{p}");
}

/// ΦᵀWᵀΔ = (WΦ)ᵀΔ for the weights that conditioning never draws: by Euler's theorem a homogeneous network has
/// Y¹ = ⟨x, ∂Y¹/∂x⟩, at every input, also at ones that coincide or are very short.
#[test]
fn gradients_by_conditioning_know_the_forward_pass() {
    let near: Vec<f64> = A.iter().map(|x| x * 1e-9).collect();
    let x = Inputs::from_rows(&[&A[..], &B, &A, &near, &[-1.0, 0.0, 0.4]]).unwrap();
    for net in [
        Mlp::new(Relu).initialized_by(he()).network(),
        ResNet::new(LeakyRelu::new(0.3).unwrap()).network(),
    ] {
        for width in [2, 5, 100] {
            let networks = net.finite(width, 20).unwrap();
            let all = sampled(&networks, &x, 20, 3, |gradients, y| {
                let y = y.to_matrix().unwrap();
                for (a, point) in x.points().enumerate() {
                    let column = gradients.by_inputs().column(a);
                    let euler: f64 = column.iter().zip(point).map(|(g, x)| g * x).sum();
                    let scale = y.column(a).amax();
                    assert!((euler - y[(0, a)]).abs() <= 1e-9 * scale, "{width}, {a}");
                }
                let theta = gradients.tangent_kernel();
                assert_eq!(*theta, theta.transpose());
                theta[(0, 0)] - theta[(0, 2)]
            });
            // equal inputs have equal gradients
            assert!(all.iter().all(|difference| difference.abs() < 1e-9));
        }
    }
}

/// Layers that conditioning does not know are drawn with their weights.
#[test]
fn weights_of_other_laws_have_gradients_in_any_sampler() {
    let law = he().with_weights(WeightLaw::rademacher());
    let net = Mlp::new(Relu)
        .with_stem(he())
        .initialized_by(law)
        .with_stem(he());
    let x = Inputs::from_rows(&[A]).unwrap();
    let networks = net.finite(400, 2).unwrap();
    let error = networks.draws(&x, 1, 0).unwrap_err();
    assert!(error.to_string().contains("Rademacher"), "{error}");
    let theta = sampled(&networks, &x, 10, 1, |gradients, _| {
        gradients.tangent_kernel()[(0, 0)]
    });
    let limit = net.infinite_width(2).unwrap().ntk(&x).unwrap()[(0, 0)];
    assert!((mean(&theta).0 / limit - 1.0).abs() < 0.1);
    // but no kernel of a first layer that is not Gaussian, at any width
    let error = Mlp::new(Relu)
        .initialized_by(law)
        .infinite_width(2)
        .unwrap()
        .ntk(&x);
    assert!(error.unwrap_err().to_string().contains("reads its inputs"));
    // nor the log-normal law of Gaussian weights
    assert!(routes::LogNormalChain::new(&net, 0.5).is_err());
}

/// E[Θ²]/E[Θ]² of a ReLU MLP of L hidden layers of width n, exactly (docs/theory.md, "Derived here").
fn spread(width: usize, depth: usize) -> f64 {
    let n = width as f64;
    let m = |[p, q, r]: [f64; 3]| {
        [
            (6.0 * p + 2.0 * q + 2.0 * r) / n,
            (n - 1.0) / n * (p + q),
            (n - 1.0) / n * (2.0 * p + r),
        ]
    };
    let mut state = [2.0 / n, (n - 1.0) / n, 0.0];
    let mut g = vec![1.0];
    for _ in 0..depth {
        g.push(state[0] + state[1]);
        state = m(state);
    }
    let term = |distance: usize| (1.0 + 5.0 / n).powi((depth - distance) as i32) * g[distance];
    let layers = depth + 1;
    // terms depend on the distance of two layers
    let pairs = |distance| {
        (if distance == 0 {
            layers
        } else {
            2 * (layers - distance)
        }) as f64
    };
    let sum: f64 = (0..layers)
        .map(|distance| pairs(distance) * term(distance))
        .sum();
    sum / (layers * layers) as f64
}

/// E[Θ²]/E[Θ]² of samples, and its standard error.
fn ratio(values: &[f64]) -> (f64, f64) {
    let first = mean(values).0;
    let squares: Vec<f64> = values.iter().map(|v| (v / first).powi(2)).collect();
    let (second, _) = mean(&squares);
    // the delta method
    let terms = values
        .iter()
        .zip(&squares)
        .map(|(v, s)| s - 2.0 * second * v / first);
    (second, mean(&terms.collect::<Vec<_>>()).1)
}

/// Exact at finite width and depth, and e^{5λ}(1/3 + 2/(9λ) − (1 − e^{−6λ})/(27λ²)) as L/n → λ.
#[test]
fn the_tangent_kernel_of_an_mlp_spreads_as_computed() {
    for (n, l, known) in [
        (3, 1, 2.0),
        (4, 2, 3.395_833_3),
        (8, 3, 2.986_328_1),
        (32, 8, 2.412_146_4),
    ] {
        assert!((spread(n, l) - known).abs() < 1e-7);
    }
    for lambda in [0.125_f64, 0.5, 1.0] {
        let n = 4000;
        let limit = (5.0 * lambda).exp()
            * (1.0 / 3.0 + 2.0 / (9.0 * lambda)
                - (1.0 - (-6.0 * lambda).exp()) / (27.0 * lambda * lambda));
        let exact = spread(n, (lambda * n as f64) as usize);
        assert!(
            (exact / limit - 1.0).abs() < 0.01,
            "{lambda}: {exact}, {limit}"
        );
    }
    let x = Inputs::from_rows(&[A]).unwrap();
    for (n, l, count) in [(3, 1, 10_000), (8, 3, 10_000), (32, 4, 2_500)] {
        let net = Mlp::new(Relu).initialized_by(he());
        let networks = net.finite(n, l).unwrap();
        let theta = sampled(&networks, &x, samples(count) as u64, 5, |gradients, _| {
            gradients.tangent_kernel()[(0, 0)]
        });
        let (found, error) = ratio(&theta);
        let exact = spread(n, l);
        println!("n = {n}, L = {l}: {found:.3} +- {error:.3}, {exact:.3}");
        assert!((found - exact).abs() < 5.0 * error && error < 0.1 * exact);
        // the mean has no correction of finite width
        let limit = net.infinite_width(l).unwrap().ntk(&x).unwrap()[(0, 0)];
        let (found, error) = mean(&theta);
        assert!((found - limit).abs() < 5.0 * error);
    }
}

/// n (E[Θ²]/E[Θ]² − 1) → 2.6425 for the scaled residual network at t = 1, whatever the depth; measured 2.67 +
/// 11/n before. (For an MLP of L = 4n it is beyond any sampling.)
#[test]
fn the_tangent_kernel_of_a_scaled_resnet_spreads_by_1_over_n_at_any_depth() {
    let x = Inputs::from_rows(&[A]).unwrap();
    for (n, l, count) in [(32, 16, 1500), (32, 64, 500)] {
        let networks = ResNet::new(Relu).finite(n, l).unwrap();
        let theta = sampled(&networks, &x, samples(count) as u64, 6, |gradients, _| {
            gradients.tangent_kernel()[(0, 0)]
        });
        let (found, error) = ratio(&theta);
        let (found, error) = (n as f64 * (found - 1.0), n as f64 * error);
        println!("n = {n}, L = {l}: {found:.3} +- {error:.3}");
        let expected = 2.67 + 11.0 / n as f64;
        assert!((found - expected).abs() < 0.1 + 5.0 * error && error < 0.4);
    }
}

/// n (E[Θ²]/E[Θ]² − 1) of a densely connected network is bounded in the depth, at any scale of the weights
/// (E. Littwin, T. Galanti and L. Wolf 2020, arXiv 2001.10460): its layers read ever more neurons.
#[test]
fn the_tangent_kernel_of_a_densenet_spreads_by_1_over_n_at_any_depth() {
    let x = Inputs::from_rows(&[A]).unwrap();
    let n = 16;
    for weight_variance in [1.0, 2.0] {
        let init = Initialization::new(weight_variance, 0.0).unwrap();
        // the first of its neurons are those of the first layer: read by one more
        let net = DenseNet::new(Relu, 1.0).unwrap().initialized_by(init);
        let net = net.network().then(Activated::new(Relu));
        let net = net.then(Dense::new(init).with_width(1).unwrap());
        for (l, samples) in [(4, 1000), (32, 250)] {
            let networks = net.finite(n, l).unwrap();
            let theta = sampled(&networks, &x, samples, 6, |gradients, _| {
                gradients.tangent_kernel()[(0, 0)]
            });
            let (found, error) = ratio(&theta);
            let (found, error) = (n as f64 * (found - 1.0), n as f64 * error);
            println!("σ_w² = {weight_variance}, L = {l}: {found:.3} +- {error:.3}");
            assert!(found < 8.0 && error < 1.0);
        }
    }
}

/// E Θ = n E[φ(u)φ(v)] + x·x′ E[φ′(u)φ′(v)] at every width, in standard parametrisation, one hidden layer.
#[test]
fn in_standard_parametrisation_the_mean_of_the_kernel_is_exact_at_every_width() {
    let point: Vec<f64> = vec![1.0; 20];
    let x = Inputs::from_rows(&[&point]).unwrap();
    let dense = Dense::new(Initialization::lecun()).with_parametrization(Parametrization::Standard);
    let net = Network::new()
        .then(dense)
        .then(Activated::new(Relu))
        .then(dense.with_width(1).unwrap());
    for (n, expected) in [(200, 110.0), (10, 15.0), (1, 10.5)] {
        let networks = net.finite(n, 1).unwrap();
        let theta = sampled(&networks, &x, 4000, 7, |gradients, _| {
            gradients.tangent_kernel()[(0, 0)]
        });
        let (found, error) = mean(&theta);
        assert!(
            (found - expected).abs() < 5.0 * error && error < 0.06 * expected,
            "{found}"
        );
    }
}

/// Whatever the law of the weights behind the first layer, kernels are those of infinite width up to
/// n^(−1/2), and so are tangent kernels.
#[test]
fn kernels_are_universal_over_laws_of_weights() {
    let x = Inputs::from_rows(&[A, B]).unwrap();
    for law in [
        WeightLaw::uniform(),
        WeightLaw::rademacher(),
        WeightLaw::student_t(5.0).unwrap(),
        WeightLaw::truncated_normal(2.0).unwrap(),
        WeightLaw::orthogonal(),
        WeightLaw::gaussian().pruned(0.25).unwrap(),
    ] {
        let init = Initialization::new(1.5, 0.1).unwrap();
        let net = Mlp::new(Relu)
            .initialized_by(init.with_weights(law))
            .with_stem(init);
        let kernels = net.infinite_width(2).unwrap().kernels(&x).unwrap();
        let error = |n: usize| {
            let networks = net.finite(n, 2).unwrap().with_sampler(Sampler::Dense);
            let squares = sampled(&networks, &x, 60, n as u64, |gradients, y| {
                let y = y.to_matrix().unwrap();
                let q = y.transpose() * &y / n as f64;
                let nngp = (q - &kernels.nngp).norm_squared() / kernels.nngp.norm_squared();
                let ntk = gradients.tangent_kernel() - &kernels.ntk;
                [nngp, ntk.norm_squared() / kernels.ntk.norm_squared()]
            });
            [0, 1].map(|i| squares.iter().map(|s| s[i]).sum::<f64>() / squares.len() as f64)
        };
        let widths = [16, 32, 64, 128];
        let errors = widths.map(error);
        for i in 0..2 {
            let observations = widths.iter().zip(&errors).map(|(&n, error)| Observation {
                sizes: vec![n as f64],
                error: error[i].sqrt(),
                standard_error: 0.0,
            });
            let observations: Vec<_> = observations.collect();
            let exponent = fit_power_law(&observations).unwrap()[0].value;
            println!("{}, {i}: {exponent:.3}", law.name());
            assert!(
                (exponent + 0.5).abs() < 0.25,
                "{}, {i}: {exponent}",
                law.name()
            );
        }
    }
}

/// Where the first layer is pruned, a neuron's kernel is a mean over masks: of one hidden layer at
/// x = (1, ½), x′ = (−½, 1) the covariance of features is .4489… instead of .3979….
#[test]
fn a_pruned_first_layer_has_another_kernel() {
    let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0]]).unwrap();
    let covariance = |keep: f64| {
        let law = he().with_weights(WeightLaw::gaussian().pruned(keep).unwrap());
        let net = Network::new()
            .then(Dense::new(law))
            .then(Activated::new(Relu))
            .then(Dense::new(he()));
        let networks = net.finite(300, 1).unwrap().with_sampler(Sampler::Dense);
        let all = networks
            .read(&x, 600, 8, |draw| draw.covariance(0, 1))
            .unwrap();
        mean(&all)
    };
    let (pruned, error) = covariance(0.5);
    assert!((pruned - 0.448_943_678_864_869).abs() < 5.0 * error);
    assert!(
        (pruned - 0.397_887_357_729_738).abs() > 5.0 * error,
        "the test sees the difference"
    );
    let (whole, error) = covariance(1.0);
    assert!((whole - 0.397_887_357_729_738).abs() < 5.0 * error);
}

/// Root mean squares of what one gradient step changes in every hidden layer and in the output.
fn changes(parametrization: [Parametrization; 3], width: usize) -> [f64; 4] {
    struct Step(Vec<DMatrix<f64>>);
    impl GradientSink for Step {
        fn dense(&mut self, factors: Factors<'_>) -> Result<(), Error> {
            let (h, delta) = (factors.features.to_matrix()?, factors.deltas.to_matrix()?);
            self.0.push(delta * h.transpose() * factors.weight_rate);
            Ok(())
        }
    }
    let point: Vec<f64> = vec![1.0; 20];
    let x = Signal::of_inputs(&Inputs::from_rows(&[&point]).unwrap());
    let [input, hidden, output] =
        parametrization.map(|p| Dense::new(Initialization::lecun()).with_parametrization(p));
    let mut net = Network::new().then(input);
    for layer in [hidden, hidden, output.with_width(1).unwrap()] {
        net = net.then(Activated::new(Relu)).then(layer);
    }
    let networks = net.finite(width, 1).unwrap();
    let mut squares = [0.0; 4];
    let count = samples(2) as u64;
    for seed in 0..count {
        let mut network = networks
            .with_weights(20, &mut Seed::new(seed).stream(0))
            .unwrap();
        let layers = |network: &dyn Drawn| {
            let mut layers = Vec::new();
            let show = &mut |signal: &Signal| {
                layers.push(signal.to_matrix()?);
                Ok(())
            };
            network.forward_each(&x, show).unwrap();
            [0, 2, 4, 6].map(|i| layers[i].clone())
        };
        let before = layers(&*network);
        let mut step = Step(Vec::new());
        let deltas = Signal::unit_deltas(1, 1, 0..1).unwrap();
        network.backward(&x, deltas, &mut step).unwrap();
        let mut weights = all_weights(&*network);
        for (weights, step) in weights.iter_mut().zip(step.0.iter().rev()) {
            weights.weights -= step * 1e-4;
        }
        set_all_weights(&mut *network, &weights).unwrap();
        for ((sum, before), after) in squares.iter_mut().zip(&before).zip(&layers(&*network)) {
            *sum += (after - before).norm_squared() / before.len() as f64;
        }
    }
    squares.map(|sum| (sum / count as f64).sqrt())
}

/// What one step of gradient descent changes, as powers of the width: in the standard parametrisation the
/// first hidden layer stands still and the output explodes, in the NTK parametrisation all hidden layers
/// stand still, and under maximal update none of them does. (Fits from 128 to 640 neurons are off by up to
/// 0.2.)
#[test]
fn steps_of_every_parametrisation_scale_as_they_should() {
    let mup = [Role::Input, Role::Hidden, Role::Output].map(Parametrization::MaximalUpdate);
    for (parametrization, expected) in [
        ([Parametrization::Standard; 3], [-0.5, 0.5, 0.5, 1.0]),
        ([Parametrization::Ntk; 3], [-0.5, -0.5, -0.5, 0.0]),
        (mup, [0.0, 0.0, 0.0, 0.0]),
        (
            [mup[0], mup[1], Parametrization::MeanField],
            [0.0, 0.0, 0.0, 0.0],
        ),
    ] {
        let widths = [128, 256, 640];
        let all = widths.map(|width| changes(parametrization, width));
        for (i, expected) in expected.iter().enumerate() {
            let observations = widths.iter().zip(&all).map(|(&n, changes)| Observation {
                sizes: vec![n as f64],
                error: changes[i],
                standard_error: 0.0,
            });
            let observations: Vec<_> = observations.collect();
            let found = fit_power_law(&observations).unwrap()[0].value;
            println!("{parametrization:?}, {i}: {found:.3}");
            assert!(
                (found - expected).abs() < 0.2,
                "{parametrization:?}, {i}: {found}"
            );
        }
    }
}

/// Outputs in µP and mean-field parametrisation vanish as n^(−1/2), which kernels at infinite width know.
#[test]
fn outputs_that_vanish_with_the_width_do() {
    let x = Inputs::from_rows(&[A]).unwrap();
    let dense = Dense::new(he());
    for parametrization in [
        Parametrization::MeanField,
        Parametrization::MaximalUpdate(Role::Output),
    ] {
        let readout = dense
            .with_parametrization(parametrization)
            .with_width(1)
            .unwrap();
        let net = Network::new()
            .then(dense)
            .then(Activated::new(Relu))
            .then(readout);
        for sampler in [Sampler::Conditional, Sampler::Dense] {
            let variance = |n: usize| {
                let networks = net.finite(n, 1).unwrap().with_sampler(sampler);
                let all = networks
                    .read(&x, 4000, 3, |draw| draw.covariance(0, 0))
                    .unwrap();
                mean(&all)
            };
            let ((small, error), (large, _)) = (variance(20), variance(80));
            assert!((small / large - 4.0).abs() < 5.0 * 8.0 * error / small);
        }
        assert_eq!(net.nngp(&x).unwrap()[(0, 0)], 0.0);
        assert!(matches!(net.ntk(&x), Err(Error::Unsupported { .. })));
    }
}

#[test]
fn dense_and_conditional_networks_of_drawn_dropout_agree() {
    let net = Network::new()
        .then(Dense::new(he()))
        .then(Dropout::new(0.5).unwrap())
        .then(Dense::new(he()));
    let x = Inputs::from_rows(&[A, A]).unwrap();
    let networks = net.finite(10, 1).unwrap();
    let [conditional, dense] =
        [(Sampler::Conditional, 1), (Sampler::Dense, 2)].map(|(sampler, seed)| {
            let networks = networks.clone().with_sampler(sampler);
            networks
                .read(&x, 10_000, seed, |draw| draw.covariance(0, 1))
                .unwrap()
        });
    assert!(p_value(&conditional, &dense) > FALSE_ALARM);
    // one network has its masks for good, another one for each input of a pass
    let network = networks
        .with_weights(3, &mut Seed::new(1).stream(0))
        .unwrap();
    let y = network.forward(&Signal::of_inputs(&x)).unwrap();
    assert_eq!(y, network.forward(&Signal::of_inputs(&x)).unwrap());
    assert_ne!(y.column(0), y.column(1));
    assert!(EmpiricalKernels::of(&*network, &x).ntk().is_ok());
}

#[test]
fn norms_as_chains_of_numbers_have_the_law_of_networks() {
    let slope = |s: f64| Mlp::new(LeakyRelu::new(s).unwrap()).initialized_by(he());
    let x = Inputs::from_rows(&[A]).unwrap();
    for net in [slope(0.0), slope(0.3)] {
        let chain = NormSampler::new(&net, &A, 12, 8).unwrap();
        let norms = chain.draws(20_000, 1).unwrap();
        let networks = net.finite(12, 8).unwrap();
        let draws = networks
            .read(&x, 20_000, 2, |draw| {
                Ok((draw.covariance(0, 0)?, draw.first_neuron(0)?))
            })
            .unwrap();
        let p = p_value(
            &norms
                .iter()
                .map(|norm| norm.variance().unwrap())
                .collect::<Vec<_>>(),
            &draws.iter().map(|draw| draw.0).collect::<Vec<_>>(),
        );
        assert!(p > FALSE_ALARM, "{p:e}");
        let p = p_value(
            &norms
                .iter()
                .map(|norm| norm.first_neuron().unwrap())
                .collect::<Vec<_>>(),
            &draws.iter().map(|draw| draw.1).collect::<Vec<_>>(),
        );
        assert!(p > FALSE_ALARM, "{p:e}");
        let wrong = NormSampler::new(&net, &A, 13, 8)
            .unwrap()
            .draws(20_000, 3)
            .unwrap();
        let p = p_value(
            &wrong
                .iter()
                .map(|norm| norm.log_variance())
                .collect::<Vec<_>>(),
            &draws
                .iter()
                .map(|draw| draw.0.ln().max(-1e3))
                .collect::<Vec<_>>(),
        );
        assert!(p < 1e-4, "one neuron more is seen: {p:e}");
    }
}

/// Variances of 1e-1200 on the way, behind which biases are all that is seen, or correlations are.
#[test]
fn what_is_tiny_is_seen_without_biases_and_vanishes_beside_them() {
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let tiny = Dense::new(Initialization::new(1e-300, 0.0).unwrap());
    let deep = |last: Dense| {
        let chain = (0..4).fold(Network::new().then(tiny), |net, _| {
            net.then(Activated::new(Relu)).then(tiny)
        });
        chain.then(Activated::new(Relu)).then(last)
    };
    let with_biases = deep(Dense::new(Initialization::new(1.0, 0.25).unwrap()));
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let draw = |net: &Network| {
            let networks = net.finite(50, 1).unwrap().with_sampler(sampler);
            networks
                .record_with_gradients(&x, false, &mut Seed::new(3).stream(0))
                .unwrap()
        };
        let seen = draw(&with_biases);
        let seen = seen.draw();
        assert_eq!(seen.correlation(0, 1).unwrap(), 1.0, "{sampler:?}");
        assert!((seen.covariance(0, 0).unwrap() - 0.25).abs() < 0.2);
        let unseen = draw(&deep(tiny));
        assert_eq!(unseen.draw().covariance(0, 0).unwrap(), 0.0);
        let correlation = unseen.draw().correlation(0, 1).unwrap();
        assert!(correlation.abs() < 0.9999, "{sampler:?}: {correlation}");
        for net in [deep(tiny), with_biases.clone()] {
            let networks = net.finite(50, 1).unwrap().with_sampler(sampler);
            networks.draw(&x, &mut Seed::new(3).stream(0)).unwrap();
        }
    }
}

/// log((2/n) χ²_B): mean −0.0254208856227568, variance 0.0519399921487253 a layer at n = 100 (digamma and
/// trigamma functions of B/2, B binomial). A network of n neurons lives with probability (1 − 2⁻ⁿ)^L.
#[test]
fn norms_of_relu_networks_walk_as_computed() {
    let net = Mlp::new(Relu).initialized_by(he());
    let deep = NormSampler::new(&net, &A, 100, 20_000).unwrap();
    let logs: Vec<f64> = deep
        .draws(100, 5)
        .unwrap()
        .iter()
        .map(|norm| norm.log_variance())
        .collect();
    let (found, error) = mean(&logs);
    assert!((found + 20_000.0 * 0.025_420_885_622_756_8).abs() < 5.0 * error);
    assert!((error * error * 100.0 / (20_000.0 * 0.051_939_992_148_725_3) - 1.0).abs() < 0.7);

    let narrow = NormSampler::new(&net, &A, 3, 10)
        .unwrap()
        .draws(10_000, 1)
        .unwrap();
    let alive = narrow
        .iter()
        .filter(|norm| norm.log_variance() > f64::NEG_INFINITY)
        .count() as f64;
    let p = 0.875_f64.powi(10);
    assert!((alive / 10_000.0 - p).abs() < 5.0 * (p * (1.0 - p) / 10_000.0).sqrt());
    let dead = narrow
        .iter()
        .find(|norm| norm.log_variance() == f64::NEG_INFINITY)
        .unwrap();
    assert_eq!(
        (dead.variance().unwrap(), dead.first_neuron().unwrap().abs()),
        (0.0, 0.0)
    );

    // the ends of the range
    for (width, depth) in [(1_000_000_000, 10), (64, 1_000_000)] {
        let norm = NormSampler::new(&net, &A, width, depth).unwrap();
        let norm = norm.draw(&mut Seed::new(2).stream(0)).unwrap();
        let expected = -2.5 * depth as f64 / width as f64;
        let deviation = (5.0 * depth as f64 / width as f64 + 2.0 / width as f64).sqrt();
        let q = net
            .infinite_width(1)
            .unwrap()
            .pair(&A, &A)
            .unwrap()
            .variance_a()
            .unwrap();
        let distance = norm.log_variance() - q.ln() - expected;
        assert!(
            distance.abs() < 6.0 * deviation + 0.1 * expected.abs(),
            "{distance}"
        );
    }
}

#[test]
fn norms_that_are_no_chain_are_refused() {
    let refused = |net: &dyn Architecture| {
        let error = NormSampler::new(net, &A, 10, 3).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    };
    refused(&ResNet::new(Relu));
    refused(&Mlp::new(Tanh));
    refused(&Mlp::new(Relu).initialized_by(Initialization::new(1.0, 0.1).unwrap()));
    refused(&Mlp::new(Relu).initialized_by(he().with_weights(WeightLaw::uniform())));
    refused(
        &Network::new()
            .then(Activated::new(Relu))
            .then(Dense::new(he())),
    );
    refused(
        &Network::new()
            .then(Dense::new(he()))
            .then(Activated::new(Relu)),
    );
    let zero = NormSampler::new(&Mlp::new(Relu), &[0.0], 10, 3).unwrap_err();
    assert!(matches!(zero, Error::ZeroVector { .. }));
}
