//! Width and depth together: exact laws of norms, fluctuations of order n^(-1/2), shaped networks, closing
//! angles, against independent values (`tests/data/both_at_once.json`) and sampled networks.
//!
//! Seeds are fixed. Bounds on means are at 5.5 standard errors, Kolmogorov–Smirnov tests at 1e-6: every
//! false-alarm probability is below 1e-6. Where a theory stops at some order in 1/n, the bound allows for the
//! next one, and the comment says how much was measured.

use crate::property::samples;
use std::f64::consts::LN_2;

use neural_limits::activation::{AbRelu, Slopes};
use neural_limits::architecture::ShapedMlp;
use neural_limits::limit::Empirical;
use neural_limits::network::Stack;
use neural_limits::prelude::*;
use neural_limits::proportional::{
    AngleDensity, AngleDiffusion, AngleLayer, ClockFluctuations, Fluctuations, LogNormalRates,
    MlpNorm, PairFluctuation, PublishedAngle, ShapedCovariance,
};
use neural_limits::sample::Draw;
use neural_limits::statistics::{one_sample_p_value, two_sample_p_value};
use serde_json::Value;

const RELU: Slopes = Slopes {
    negative: 0.0,
    positive: 1.0,
};
const FALSE_ALARM: f64 = 1e-6;
const STANDARD_ERRORS: f64 = 5.5;

fn truth(name: &str) -> f64 {
    entry(name)["value"].as_f64().expect("a number")
}

fn entry(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../data/both_at_once.json")).unwrap();
    let entry = &all["values"][name];
    assert!(!entry.is_null(), "no {name}");
    entry.clone()
}

/// Mean, its standard error, variance, its standard error.
fn moments(values: &[f64]) -> [f64; 4] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let central = |k: i32| values.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
    let variance = central(2);
    let spread = (central(4) - variance * variance).max(0.0);
    [mean, (variance / n).sqrt(), variance, (spread / n).sqrt()]
}

fn assert_near(what: &str, value: f64, exact: f64, error: f64, allowance: f64) {
    println!("{what}: {value:.6} ± {error:.6}, theory {exact:.6}");
    assert!(
        (value - exact).abs() < STANDARD_ERRORS * error + allowance,
        "{what}: {value} ± {error}, theory {exact}"
    );
}

fn relative(value: f64, exact: f64) -> f64 {
    (value / exact - 1.0).abs()
}

/// Unit vectors at a given cosine, times √2: of unit variance behind a first layer of σ_w² = 1.
fn pair_of(cosine: f64) -> Inputs<'static> {
    let root = 2.0_f64.sqrt();
    let sine = (1.0 - cosine * cosine).sqrt();
    Inputs::from_rows(&[[root, 0.0], [root * cosine, root * sine]]).unwrap()
}

fn residual(skip: f64, activation: AbRelu) -> Network {
    let weight = Initialization::new(1.0 / (0.5 * second_moments(activation)), 0.0).unwrap();
    let branch = Network::new()
        .then(Activated::new(activation))
        .then(Dense::new(weight));
    let stack = Stack::residual(branch)
        .with_skip(skip)
        .unwrap()
        .scaled_by(Constant::new((1.0 - skip * skip).sqrt()).unwrap());
    Network::new()
        .then(Dense::new(Initialization::lecun()))
        .then(stack)
}

/// s₋² + s₊².
fn second_moments(activation: AbRelu) -> f64 {
    let slopes = neural_limits::activation::Activation::slopes(&activation).unwrap();
    2.0 * slopes.second_moment()
}

// ---- the norm of an MLP

#[test]
fn the_log_norm_of_a_relu_mlp_has_its_exact_moments() {
    for width in [1, 2, 4, 16, 100, 1000] {
        let norm = MlpNorm::new(RELU, 2.0, width).unwrap();
        let mean = truth(&format!("mlp.lognorm_mean_per_layer[n={width}]"));
        let variance = truth(&format!("mlp.lognorm_var_per_layer[n={width}]"));
        assert!(relative(norm.log_mean(), mean) < 1e-13, "{width}");
        assert!(relative(norm.log_variance(), variance) < 1e-13, "{width}");
    }
    // -5/2n - 49/12n², 5/n + 37/2n², next terms of relative order n⁻²
    for width in [1_000_000, 1_000_000_000] {
        let norm = MlpNorm::new(RELU, 2.0, width).unwrap();
        let x = 1.0 / width as f64;
        let mean = -2.5 * x - 49.0 / 12.0 * x * x;
        let variance = 5.0 * x + 18.5 * x * x;
        let tolerance = 20.0 * x * x + 4e-16;
        assert!(relative(norm.log_mean(), mean) < tolerance);
        assert!(relative(norm.log_variance(), variance) < tolerance);
    }
}

/// Narrow networks of two slopes, one layer after the other: 40 000 networks.
#[test]
fn narrow_networks_have_the_exact_moments_of_their_log_norm() {
    let samples = 40_000;
    for (activation, width, depth) in [
        (AbRelu::new(-0.5, 1.0).unwrap(), 3, 4),
        (AbRelu::new(0.1, 1.0).unwrap(), 8, 3),
        (AbRelu::new(1.0, 0.0).unwrap(), 8, 3),
    ] {
        let weight = 1.7;
        let init = Initialization::new(weight, 0.0).unwrap();
        let net = Mlp::new(activation)
            .initialized_by(init)
            .with_stem(Initialization::lecun());
        let x = Inputs::from_rows(&[[1.0, 1.0]]).unwrap();
        let norms = net.finite(width, depth).unwrap();
        let norms = norms
            .read(&x, samples, 11, |draw| draw.covariance(0, 0))
            .unwrap();
        let alive: Vec<f64> = norms.iter().filter(|q| **q > 0.0).map(|q| q.ln()).collect();
        let slopes = neural_limits::activation::Activation::slopes(&activation).unwrap();
        let norm = MlpNorm::new(slopes, weight, width).unwrap();
        let survival = norm.survival(depth);
        let error = (survival * (1.0 - survival) / samples as f64).sqrt();
        let share = alive.len() as f64 / samples as f64;
        assert_near("alive", share, survival, error, 1e-12);
        let Law::LogNormal {
            log_mean,
            log_variance,
        } = norm.law(1.0, depth).unwrap()
        else {
            panic!("a log-normal law");
        };
        let [mean, mean_error, variance, variance_error] = moments(&alive);
        assert_near("mean log", mean, log_mean, mean_error, 0.0);
        assert_near("variance", variance, log_variance, variance_error, 0.0);
    }
}

#[test]
fn a_relu_mlp_dies_with_its_probability() {
    let norm = MlpNorm::new(RELU, 2.0, 2).unwrap();
    assert!(relative(norm.survival(5), 0.75_f64.powi(5)) < 1e-14);
    let wide = MlpNorm::new(RELU, 2.0, 40).unwrap();
    let death = 1.0 - wide.survival(1000);
    assert!(relative(death, 1000.0 * (-40.0 * LN_2).exp()) < 1e-6);
    let leaky = Slopes {
        negative: 0.1,
        positive: 1.0,
    };
    assert_eq!(MlpNorm::new(leaky, 2.0, 2).unwrap().survival(100), 1.0);
}

// ---- log-normal laws at fixed L/n

#[test]
fn the_rates_of_critical_residual_networks_are_their_sums() {
    for square in [0.5_f64, 0.9] {
        let rates = LogNormalRates::new(RELU, square.sqrt()).unwrap();
        let exact = |what: &str| truth(&format!("res.lognorm_{what}_rate[s2={square}]"));
        assert!(relative(rates.log_variance(), exact("var")) < 1e-10);
        assert!(relative(rates.bias(), exact("bias")) < 1e-10);
        assert!(relative(rates.log_mean(), exact("mean")) < 1e-10);
        // what finite depths add in each layer tends to them
        let fluctuations = Fluctuations::of(&residual(square.sqrt(), relu())).unwrap();
        let at = |depth| fluctuations.norm(depth).unwrap();
        let step = at(1001).variance() - at(1000).variance();
        assert!((step - rates.log_variance()).abs() < 1e-9);
        let step = at(1001).bias() - at(1000).bias();
        assert!((step - rates.bias()).abs() < 1e-9);
        for depth in [50, 100, 200] {
            let key = format!("[s2={square},L={depth}]");
            let all: Value =
                serde_json::from_str(include_str!("../data/both_at_once.json")).unwrap();
            if let Some(exact) = all["values"][format!("res.lead_nVar{key}")]["value"].as_f64() {
                assert!(relative(at(depth).variance(), exact) < 1e-10);
                let exact = truth(&format!("res.lead_nbias{key}"));
                assert!(relative(at(depth).bias(), exact) < 1e-10);
            }
        }
    }
    let hypoactivation = truth("res.hypoactivation[s2=0.5,l=100]");
    let fluctuations = Fluctuations::of(&residual(0.5_f64.sqrt(), relu())).unwrap();
    let found = fluctuations.norm(100).unwrap().hypoactivation();
    assert!((found - hypoactivation).abs() < 1e-7);
}

fn relu() -> AbRelu {
    AbRelu::new(0.0, 1.0).unwrap()
}

/// 3000 networks of n = 200, L = 100, s² = ½: their log-norm is normal with the mean and variance of the
/// linearised chain. (Terms of order n⁻² add 3 to 8 % to the variance at n = 100: 4 % are allowed.)
#[test]
fn critical_residual_networks_are_log_normal_at_fixed_ratio() {
    let (width, depth, samples) = (200, 100, 3000);
    let net = residual(0.5_f64.sqrt(), relu());
    let x = Inputs::from_rows(&[[1.0]]).unwrap();
    let draws = net.finite(width, depth).unwrap();
    let norms = draws.read(&x, samples, 21, |draw| Ok(draw.covariance(0, 0)?.ln()));
    let norms = norms.unwrap();
    let fluctuation = Fluctuations::of(&net).unwrap().norm(depth).unwrap();
    let n = width as f64;
    let (mean, variance) = (fluctuation.log_bias() / n, fluctuation.variance() / n);
    let [m, m_error, v, v_error] = moments(&norms);
    assert_near("mean", m, mean, m_error, 0.04 * mean.abs());
    assert_near("variance", v, variance, v_error, 0.04 * variance);
    // the law of the route, without the 2/n of the first layer
    let route = routes::LogNormalChain::new(&net, depth as f64 / n).unwrap();
    let point = [1.0];
    let law = route
        .law(&Covariance::between(&point, &point).unwrap(), 1.0)
        .unwrap();
    let sample =
        Law::Empirical(Empirical::new(norms.iter().map(|x| x.exp()).collect(), 0).unwrap());
    let p = |law: &Law| one_sample_p_value(sample.kolmogorov_smirnov(law), samples).unwrap();
    assert!(p(&law) > FALSE_ALARM, "{:e}", p(&law));
    // without the correlation of neurons between layers v would be 1.75 for each layer
    let wrong = Law::log_normal(-0.875 * depth as f64 / n, 1.75 * depth as f64 / n).unwrap();
    assert!(p(&wrong) < FALSE_ALARM, "{:e}", p(&wrong));
}

// ---- fluctuations around infinite width

#[test]
fn fluctuations_of_one_input_are_their_integrals() {
    // growth 1/2 in unit time; times up to 1, growth by the variance of weights
    for time in [1.0_f64, 2.0, 5.0] {
        let init = Initialization::new(time, 0.0).unwrap();
        let fluctuations = Fluctuations::of(&ResNet::new(Relu).initialized_by(init)).unwrap();
        let norm = fluctuations.norm_at(1.0).unwrap();
        let exact = |what: &str| truth(&format!("fw.lim_{what}[t={time}]"));
        assert!(relative(norm.variance(), exact("nVar_logqhat")) < 1e-12);
        assert!(relative(norm.bias(), exact("n_bias_qhat")) < 1e-12);
        assert!(relative(norm.log_bias(), exact("n_mean_logqhat")) < 1e-12);
    }
    // 4x, and the memories' integral times x, for growths that no variance could hold
    let huge = Initialization::new(2e200, 0.0).unwrap();
    let huge = Fluctuations::of(&ResNet::new(Relu).initialized_by(huge)).unwrap();
    let rate = huge.norm_at(1.0).unwrap().variance() / 1e200;
    assert!((8.0..24.0).contains(&rate), "{rate}");
    let fluctuations = Fluctuations::of(&ResNet::new(Relu)).unwrap();
    let silent = fluctuations.norm_at(1.0).unwrap().hypoactivation();
    assert!((silent - truth("fw.lim_hypoactivation[t=1]")).abs() < 1e-9);
    for depth in [64, 256] {
        let exact = truth(&format!("fw.lim_nVar_logqhat[t=1,L={depth}]"));
        let found = fluctuations.norm(depth).unwrap().variance();
        assert!(relative(found, exact) < 1e-10);
    }
    // the sums over layers tend to the integrals, for uneven layers as for even ones
    let uneven = ResNet::new(Relu).scaled_by(PowerLaw::new(-1.0).unwrap());
    let uneven = Fluctuations::of(&uneven).unwrap();
    let limit = fluctuations.norm_at(1.0).unwrap();
    for sums in [&fluctuations, &uneven] {
        let (coarse, fine) = (sums.norm(500).unwrap(), sums.norm(1000).unwrap());
        let extrapolated = 2.0 * fine.variance() - coarse.variance();
        assert!((extrapolated - limit.variance()).abs() < 1e-4);
        let extrapolated = 2.0 * fine.bias() - coarse.bias();
        assert!((extrapolated - limit.bias()).abs() < 1e-5);
    }
}

/// The clock of a residual network of any activation, where it is homogeneous.
#[test]
fn the_common_clock_of_a_homogeneous_network_has_its_fluctuations() {
    for slope in [0.0, 0.4] {
        let init = Initialization::new(1.7, 0.0).unwrap();
        let net = ResNet::new(LeakyRelu::new(slope).unwrap()).initialized_by(init);
        let exact = Fluctuations::of(&net).unwrap().norm_at(1.0).unwrap();
        let found = ClockFluctuations::of(&net)
            .unwrap()
            .norm_at(0.3, 1.0)
            .unwrap();
        let q = found.mean();
        println!(
            "{:e} {:e}",
            relative(found.variance() / (q * q), exact.variance()),
            found.bias() / q - exact.bias()
        );
        assert!(relative(found.variance() / (q * q), exact.variance()) < 1e-10);
        assert!((found.bias() / q - exact.bias()).abs() < 1e-9);
    }
}

/// φ(x) = x with biases: the mean of q̂ is that of infinite width, and its variance obeys
/// dV/dτ = 2σ_w² V + 4 q B(q), from 2q₀².
#[test]
fn a_linear_network_with_biases_fluctuates_by_its_own_equation() {
    let (w, b, start) = (0.8, 0.3, 0.5);
    let init = Initialization::new(w, b).unwrap();
    let net = ResNet::new(LeakyRelu::new(1.0).unwrap()).initialized_by(init);
    let found = ClockFluctuations::of(&net)
        .unwrap()
        .norm_at(start, 1.0)
        .unwrap();
    // q = A e^{wτ} - b/w, and V = e^{2wτ} (2q₀² + 4w ∫ A (A - (b/w) e^{-wτ}) dτ)
    let a = start + b / w;
    let integral = a * a - a * (b / w) * (1.0 - (-w).exp()) / w;
    let variance = (2.0 * w).exp() * (2.0 * start * start + 4.0 * w * integral);
    println!(
        "{:e} {:e}",
        relative(found.variance(), variance),
        found.bias()
    );
    assert!(relative(found.variance(), variance) < 1e-9);
    assert!(found.bias().abs() < 1e-9);
}

/// Networks of 48 neurons and 64 layers, with biases. The allowance is for the next orders in 1/n and 1/L.
#[test]
fn norms_with_biases_fluctuate_as_their_clock() {
    let (width, samples) = (48, 2000);
    let a = [1.0, 0.5, -0.2];
    for (phi, seed) in [("gelu", 3), ("tanh", 4)] {
        let phi = neural_limits::activation::named(phi).unwrap();
        let init = Initialization::new(2.0, 0.2).unwrap();
        let net = ResNet::new(phi).initialized_by(init);
        let norm = Covariance::between(&a, &a).unwrap();
        let sampled = routes::FiniteNetworks::new(&net, width, 64, samples, seed).unwrap();
        let law = sampled.law(&norm, 1.0).unwrap();
        let Law::Empirical(sample) = &law else {
            panic!("{law}");
        };
        let [_, _, variance, error] = moments(sample.values());
        let start = net.infinite_depth().pair_at(&a, &a, 0.0).unwrap();
        let theory = ClockFluctuations::of(&net)
            .unwrap()
            .norm_at(start.variance_a().unwrap(), 1.0)
            .unwrap();
        let n = width as f64;
        let (variance, error) = (n * variance, n * error);
        let allowance = 0.05 * theory.variance();
        assert_near("n Var", variance, theory.variance(), error, allowance);
        // far from the variance of independent neurons
        let independent = 2.0 * theory.mean().powi(2);
        assert!((variance - independent).abs() > 5.0 * error + allowance);
    }
}

/// Of equal inputs in closed form; of others by sums over pairs of 10, 20 and 40 layers, which err in $1/L$,
/// $1/L^2$ and less.
#[test]
fn fluctuations_of_two_inputs_at_infinite_depth_are_limits_of_sums() {
    let fluctuations = Fluctuations::of(&ResNet::new(Relu)).unwrap();
    let start = neural_limits::PairCorrelation::new(-0.3).unwrap();
    let pair = fluctuations.pair_at(start, 1.0).unwrap();
    let norm = fluctuations.norm_at(1.0).unwrap();
    for i in [0, 1] {
        let error = relative(pair.covariance()[i][i], norm.variance());
        println!("{error:e} {:e}", relative(pair.bias()[i], norm.bias()));
        assert!(error < 2e-8);
        assert!(relative(pair.bias()[i], norm.bias()) < 3e-5);
    }
    let sums = [10, 20, 40].map(|depth| fluctuations.pair(start, depth).unwrap());
    let entries = |pair: &PairFluctuation| {
        let ([a, _, ab], [_, _, bias]) = (pair.covariance(), pair.bias());
        [a[1], a[2], ab[2], bias]
    };
    let sums = sums.map(|pair| entries(&pair));
    for (i, found) in entries(&pair).into_iter().enumerate() {
        let [coarse, middle, fine] = sums.map(|sums| sums[i]);
        let limit = (8.0 * fine - 6.0 * middle + coarse) / 3.0;
        println!("{found} {:e}", limit - found);
        assert!((limit - found).abs() < 1e-4);
    }
}

/// Two inputs of a network with biases, each of which is one input.
#[test]
fn two_clocks_contain_one() {
    let net = ResNet::new(neural_limits::activation::named("gelu").unwrap())
        .initialized_by(Initialization::new(2.0, 0.2).unwrap());
    let fluctuations = ClockFluctuations::of(&net).unwrap();
    let k = PairCovariance::new(1.0, 0.6, 0.4).unwrap();
    let pair = fluctuations.pair_at(k, 1.0).unwrap();
    for (i, start) in [1.0, 0.6].into_iter().enumerate() {
        let norm = fluctuations.norm_at(start, 1.0).unwrap();
        let q = norm.mean();
        let error = relative(pair.covariance()[i][i] * q * q, norm.variance());
        println!("{error:e} {:e}", relative(pair.bias()[i] * q, norm.bias()));
        assert!(error < 1e-10);
        assert!(relative(pair.bias()[i] * q, norm.bias()) < 1e-8);
    }
    // a multiple of an input, through an odd function without biases: its opposite and no noise between them
    let tanh = ResNet::new(neural_limits::activation::named("tanh").unwrap());
    let tanh = ClockFluctuations::of(&tanh).unwrap();
    let opposite = PairCovariance::new(1.0, 1.0, -1.0).unwrap();
    let pair = tanh.pair_at(opposite, 0.5).unwrap();
    let [a, b, ab] = pair.covariance();
    for entry in [a[1], -b[2], ab[2]] {
        assert!(relative(entry, a[0]) < 1e-14);
    }
    assert!(pair.correlation_variance() < 1e-12 && pair.correlation_bias().abs() < 1e-12);
    // at the start Y is Gaussian
    let [a, _, ab] = fluctuations.pair_at(k, 0.0).unwrap().covariance();
    let c = k.correlation();
    assert!((a[0] - 2.0).abs() < 1e-14 && (ab[2] - 1.0 - c * c).abs() < 1e-14);
    let silent = PairCovariance::new(0.0, 1.0, 0.0).unwrap();
    let error = tanh.pair_at(silent, 1.0).unwrap_err().to_string();
    assert!(error.contains("variance of an input is 0"), "{error}");
}

/// The errors that the documentation states, for two activations; for sixteen, in some twenty seconds, with
/// `THOROUGH=1`.
#[test]
fn two_clocks_of_any_activation_contain_one() {
    let smooth = [
        "tanh", "erf", "sigmoid", "silu", "softplus", "sin", "softsign", "gaussian",
    ];
    let smooth = smooth.map(|phi| (phi, 2.0, 5e-8, 1e-5));
    let kinked = ["relu", "elu", "selu"].map(|phi| (phi, 2.0, 5e-8, 1e-5));
    let elsewhere = ["hard_tanh", "relu6", "hard_sigmoid"].map(|phi| (phi, 2.0, 2e-6, 1e-4));
    let others = [("step", 2.0, 2e-6, 1e-3), ("tanh", 100.0, 3e-5, 1e-2)];
    let all = [&smooth[..], &kinked, &elsewhere, &others].concat();
    // tanh and hard tanh
    let step = if samples(1) == 1 { 11 } else { 1 };
    let k = PairCovariance::new(1.0, 3.0, 0.4).unwrap();
    for (name, weight, tolerance, bias_tolerance) in all.into_iter().step_by(step) {
        let init = Initialization::new(weight, 0.2).unwrap();
        let phi = neural_limits::activation::named(name).unwrap();
        let fluctuations = ClockFluctuations::of(&ResNet::new(phi).initialized_by(init)).unwrap();
        let pair = fluctuations.pair_at(k, 1.0).unwrap();
        for (i, start) in [1.0, 3.0].into_iter().enumerate() {
            let norm = fluctuations.norm_at(start, 1.0).unwrap();
            let q = norm.mean();
            let error = relative(pair.covariance()[i][i] * q * q, norm.variance());
            let bias_error = (pair.bias()[i] - norm.bias() / q).abs();
            println!("{name} {weight}: {error:.1e} {bias_error:.1e}, q = {q:.2}");
            assert!(error < tolerance && bias_error < bias_tolerance);
        }
    }
}

/// φ(x) = x with biases: covariances have no bias, and theirs, Σ, obey Σ' = 2σ_w² Σ + S(K)' with the
/// covariances S of products of Gaussian neurons, K = A e^{wτ} - b/w.
#[test]
fn two_inputs_of_a_linear_network_with_biases_fluctuate_by_their_own_equation() {
    let (w, b) = (0.8, 0.3);
    let init = Initialization::new(w, b).unwrap();
    let net = ResNet::new(neural_limits::activation::Identity).initialized_by(init);
    let start = PairCovariance::new(0.5, 0.7, 0.2).unwrap();
    let pair = ClockFluctuations::of(&net).unwrap().pair_at(start, 1.0);
    let pair = pair.unwrap();
    let k = [[0.5, 0.2], [0.2, 0.7]];
    let a = k.map(|row| row.map(|k| k + b / w));
    let end = a.map(|row| row.map(|a| a * w.exp() - b / w));
    let ends = [(0, 0), (1, 1), (0, 1)];
    for (row, (i, j)) in ends.into_iter().enumerate() {
        for (column, (l, m)) in ends.into_iter().enumerate() {
            let products = |k: [[f64; 2]; 2]| k[i][l] * k[j][m] + k[i][m] * k[j][l];
            let sums = a[i][l] + a[j][m] + a[i][m] + a[j][l];
            let noise = 2.0 * w * products(a) - (b / w) * sums * (1.0 - (-w).exp());
            let scale = (end[i][i] * end[j][j] * end[l][l] * end[m][m]).sqrt();
            let exact = (2.0 * w).exp() * (products(k) + noise) / scale;
            let found = pair.covariance()[row][column];
            println!("{found} {:e}", relative(found, exact));
            assert!(relative(found, exact) < 1e-12);
        }
        assert!(pair.bias()[row].abs() < 1e-13);
    }
}

/// Networks of 64 neurons and 48 layers, with biases. The allowance is for the next orders in 1/n and 1/L: in
/// 400 000 networks of 64 layers entries are up to 0.047 (of the two norms, 0.223) from their limits.
#[test]
fn covariances_with_biases_fluctuate_as_their_clocks() {
    let (width, depth, samples) = (64, 48, 1500);
    let points = [1.0, 0.5, -0.2, -0.3, 1.0, 0.4];
    let x = Inputs::from_rows(&[&points[..3], &points[3..]]).unwrap();
    let init = Initialization::new(2.0, 0.2).unwrap();
    let net = ResNet::new(neural_limits::activation::named("tanh").unwrap()).initialized_by(init);
    let limit = net.infinite_depth();
    let at = |time: f64| {
        let k = limit.pair_at(&points[..3], &points[3..], time).unwrap();
        k.pair().unwrap()
    };
    let theory = ClockFluctuations::of(&net).unwrap();
    let theory = theory.pair_at(at(0.0), 1.0).unwrap();
    let k = at(1.0);
    let scale = (k.variance_a() * k.variance_b()).sqrt();
    let read = |draw: Draw| {
        Ok([
            draw.covariance(0, 0)? / k.variance_a() - 1.0,
            draw.covariance(1, 1)? / k.variance_b() - 1.0,
            (draw.covariance(0, 1)? - k.covariance()) / scale,
        ])
    };
    let finite = net.finite(width, depth).unwrap();
    let values = finite.read(&x, samples, 51, read).unwrap();
    let n = width as f64;
    let independent = 1.0 + k.correlation().powi(2);
    for (i, j) in [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)] {
        let products: Vec<f64> = values.iter().map(|v| n * v[i] * v[j]).collect();
        let [mean, error, ..] = moments(&products);
        let exact = theory.covariance()[i][j];
        assert_near("n Cov", mean, exact, error, 0.06);
        if (i, j) == (2, 2) {
            // far from that of independent neurons
            assert!((mean - independent).abs() > 5.5 * error);
        }
    }
}

/// A linear residual network has covariances that can be said: with $Y = M Y_0$ the relative covariances of
/// the three products are those of Gaussian pairs, multiplied by what the common matrix adds.
#[test]
fn a_linear_network_fluctuates_as_a_product_of_matrices() {
    let net = Mlp::new(neural_limits::activation::Identity);
    let fluctuations = Fluctuations::of(&net).unwrap();
    for (c, depth) in [(0.5, 1), (-0.3, 7)] {
        let start = neural_limits::PairCorrelation::new(c).unwrap();
        let pair = fluctuations.pair(start, depth).unwrap();
        // L + 1 independent Wishart factors: n Cov(q̂_ab, q̂_cd) = (L + 1)(k_ac k_bd + k_ad k_bc)
        let factor = (depth + 1) as f64;
        let exact = [2.0, 2.0 * c * c, 2.0 * c, 1.0 + c * c].map(|x| factor * x);
        let found = pair.covariance();
        let found = [found[0][0], found[0][1], found[0][2], found[2][2]];
        for (found, exact) in found.iter().zip(exact) {
            assert!((found - exact).abs() < 1e-12, "{found} {exact}");
        }
        assert_eq!(pair.bias(), [0.0; 3]);
    }
}

/// Networks of width 128, in logarithms of the norms and in the correlation, whose next terms in 1/n are
/// small (at n = 256 no difference was seen at standard errors of 1 %; 4 % are allowed).
#[test]
fn covariances_of_two_inputs_fluctuate_as_derived() {
    let (width, depth) = (128, 8);
    for (activation, cosine, seed) in [
        (relu(), 0.5, 31),
        (relu(), -0.6, 32),
        (AbRelu::new(-0.4, 1.0).unwrap(), 0.2, 33),
    ] {
        let init = Initialization::new(2.0 / second_moments(activation), 0.0).unwrap();
        let net = ResNet::new(activation).initialized_by(init);
        let read = |draw: Draw| {
            Ok([
                draw.covariance(0, 0)?.ln(),
                draw.covariance(1, 1)?.ln(),
                draw.correlation(0, 1)?,
            ])
        };
        let values = net.finite(width, depth).unwrap();
        let values = values
            .read(&pair_of(cosine), samples(5_000), seed, read)
            .unwrap();
        let n = width as f64;
        let start = neural_limits::PairCorrelation::new(cosine).unwrap();
        let fluctuations = Fluctuations::of(&net).unwrap();
        let theory = fluctuations.pair(start, depth).unwrap();
        let norm = fluctuations.norm(depth).unwrap();
        let at_infinite_width = net.infinite_width(depth).unwrap();
        let x = pair_of(cosine);
        let k = at_infinite_width
            .pair(x.point(0).unwrap(), x.point(1).unwrap())
            .unwrap();
        let (log, c) = (k.variance_a().unwrap().ln(), k.correlation().unwrap());
        let mean = |f: &dyn Fn(&[f64; 3]) -> f64| {
            let values: Vec<f64> = values.iter().map(f).collect();
            let [mean, error, ..] = moments(&values);
            (n * mean, n * error)
        };
        let s = theory.covariance();
        let with_correlation = s[0][2] - 0.5 * c * (s[0][0] + s[0][1]);
        for (what, (value, error), exact) in [
            (
                "bias of a log-norm",
                mean(&|v| 0.5 * (v[0] + v[1]) - log),
                norm.log_bias(),
            ),
            (
                "bias of the correlation",
                mean(&|v| v[2] - c),
                theory.correlation_bias(),
            ),
            (
                "variance of a log-norm",
                mean(&|v| (v[0] - log).powi(2)),
                s[0][0],
            ),
            ("log-norms", mean(&|v| (v[0] - log) * (v[1] - log)), s[0][1]),
            (
                "log-norm and correlation",
                mean(&|v| (0.5 * (v[0] + v[1]) - log) * (v[2] - c)),
                with_correlation,
            ),
            (
                "variance of the correlation",
                mean(&|v| (v[2] - c).powi(2)),
                theory.correlation_variance(),
            ),
        ] {
            assert_near(what, value, exact, error, 0.04 * exact.abs() + 0.01);
        }
    }
}

/// After the first layer, from which the route starts, correlations are those of n pairs of Gaussian neurons:
/// variance (1 - c²)²/n, mean c - c(1 - c²)/2n.
#[test]
fn the_route_of_fluctuations_exists_for_any_activation() {
    let width = 100;
    let init = Initialization::new(2.0, 0.2).unwrap();
    let phi = neural_limits::activation::named("gelu").unwrap();
    let net = ResNet::new(phi).initialized_by(init);
    let (a, b) = ([1.0, 0.5, -0.2], [0.3, 1.0, 0.4]);
    let limits = net
        .limits(&Grid::new(&[width], &[8], 10, 1).unwrap())
        .unwrap();
    let route = limits
        .iter()
        .find(|limit| limit.regime() == Regime::Fluctuations { width });
    let law = route
        .unwrap()
        .law(&Correlation::between(&a, &b).unwrap(), 0.0)
        .unwrap();
    let start = net.infinite_depth().pair_at(&a, &b, 0.0).unwrap();
    let c = start.correlation().unwrap();
    let (n, sine_squared) = (width as f64, 1.0 - c * c);
    assert!(relative(law.variance(), sine_squared * sine_squared / n) < 1e-12);
    assert!((law.mean() - c + 0.5 * c * sine_squared / n).abs() < 1e-14);
}

/// The route's law is that of sampled networks, at n = 256 and L = 128, and one of thrice the variance is
/// not.
#[test]
fn the_gaussian_law_of_covariances_is_the_law_of_wide_deep_networks() {
    let net = ResNet::new(Relu);
    let (width, samples) = (256, 800);
    let (a, b) = ([1.0, 0.5, -0.2], [0.3, 1.0, 0.4]);
    let functions: [&dyn NeuralFunction; 3] = [
        &Covariance::between(&a, &a).unwrap(),
        &Covariance::between(&a, &b).unwrap(),
        &Correlation::between(&a, &b).unwrap(),
    ];
    let sampled = routes::FiniteNetworks::new(&net, width, 128, samples, 41).unwrap();
    let route = routes::WidthFluctuations::new(&net, width).unwrap();
    assert_eq!(route.regime(), Regime::Fluctuations { width });
    for (sampled, law) in sampled
        .laws(&functions, 1.0)
        .iter()
        .zip(route.laws(&functions, 1.0))
    {
        let (sampled, law) = (sampled.as_ref().unwrap(), law.unwrap());
        let p = |law: &Law| one_sample_p_value(sampled.kolmogorov_smirnov(law), samples).unwrap();
        println!("{law}: {:e}", p(&law));
        assert!(p(&law) > FALSE_ALARM, "{law}: {:e}", p(&law));
        let wrong = Law::gaussian(law.mean(), 3.0 * law.variance()).unwrap();
        assert!(p(&wrong) < FALSE_ALARM, "{wrong}: {:e}", p(&wrong));
    }
    let neuron = Neuron::at(&a).unwrap();
    assert!(matches!(
        route.law(&neuron, 1.0),
        Err(Error::Unsupported { .. })
    ));
}

// ---- shaped networks

#[test]
fn shaped_covariances_have_the_moments_of_the_backward_equation() {
    let samples = 20_000;
    for (start, ratio, negative, name) in [
        (0.0, 1.0, -1.0, "[rho0=0.0,T=1]"),
        (0.5, 1.0, -1.0, "[rho0=0.5,T=1]"),
        (-0.5, 1.0, -1.0, "[rho0=-0.5,T=1]"),
        (0.9, 1.0, -1.0, "[rho0=0.9,T=1]"),
        (0.5, 0.5, -1.0, "[rho0=0.5,T=0.5]"),
        (0.5, 1.0, 0.0, "[rho0=0.5,T=1,c+=c-]"),
    ] {
        let shaped = ShapedCovariance::new(negative, 0.0).unwrap();
        let k = PairCovariance::new(1.0, 1.0, start).unwrap();
        let ends = shaped.ensemble(k, ratio, 20, samples, 51).unwrap();
        let correlations: Vec<f64> = ends.iter().map(PairCovariance::correlation).collect();
        let [mean, mean_error, variance, variance_error] = moments(&correlations);
        assert_near(
            "mean",
            mean,
            truth(&format!("shaped.mean{name}")),
            mean_error,
            1e-3,
        );
        assert_near(
            "variance",
            variance,
            truth(&format!("shaped.var{name}")),
            variance_error,
            1e-3,
        );
        if ratio == 1.0 && negative != 0.0 {
            for (power, moment) in [(3, "m3"), (4, "m4")] {
                let powers: Vec<f64> = correlations.iter().map(|c| c.powi(power)).collect();
                let [mean, error, ..] = moments(&powers);
                let exact = truth(&format!("shaped.{moment}{name}"));
                assert_near(moment, mean, exact, error, 1e-3);
            }
        }
        // each norm is a geometric Brownian motion, and without a kink q_ab is a martingale
        let logs: Vec<f64> = ends.iter().map(|k| k.variance_a().ln()).collect();
        let [mean, mean_error, variance, variance_error] = moments(&logs);
        assert_near("mean log", mean, -ratio, mean_error, 1e-3);
        assert_near(
            "variance of log",
            variance,
            2.0 * ratio,
            variance_error,
            1e-3,
        );
        if negative == 0.0 {
            let products: Vec<f64> = ends.iter().map(PairCovariance::covariance).collect();
            let [mean, error, ..] = moments(&products);
            assert_near("covariance", mean, start, error, 1e-3);
        }
    }
}

/// Both samplers of the shaped MLP, its diffusion, and the diffusion of another shape.
#[test]
fn shaped_networks_follow_the_diffusion_at_their_ratio() {
    let net = ShapedMlp::new(-1.0, 0.0).unwrap();
    let (a, b) = ([1.0, 0.0], [0.5, 0.75_f64.sqrt()]);
    let functions: [&dyn NeuralFunction; 2] = [
        &Correlation::between(&a, &b).unwrap(),
        &Covariance::between(&a, &b).unwrap(),
    ];
    let (count, paths) = (samples(500), samples(5_000));
    let networks = routes::FiniteNetworks::new(&net, 100, 100, count, 61).unwrap();
    let route = routes::ShapedDiffusion::new(&net, 1.0, paths, 62).unwrap();
    let other = ShapedMlp::new(-4.0, 0.0).unwrap();
    let other = routes::ShapedDiffusion::new(&other, 1.0, paths, 63).unwrap();
    let sampled = networks.laws(&functions, 1.0);
    let p = |sampled: &Law, law: Law| {
        let distance = sampled.kolmogorov_smirnov(&law);
        two_sample_p_value(distance, count, paths).unwrap()
    };
    for (i, sampled) in sampled.iter().enumerate() {
        let sampled = sampled.as_ref().unwrap();
        let right = p(sampled, route.law(functions[i], 1.0).unwrap());
        let wrong = p(sampled, other.law(functions[i], 1.0).unwrap());
        println!(
            "{}: {right:.3}, other shape {wrong:.1e}",
            functions[i].name()
        );
        assert!(right > FALSE_ALARM, "{right:e}");
        assert!(i > 0 || wrong < FALSE_ALARM, "{wrong:e}");
    }
    let dense = routes::FiniteNetworks::new(&net, 8, 4, 2000, 64)
        .unwrap()
        .with_sampler(Sampler::Dense);
    let conditional = routes::FiniteNetworks::new(&net, 8, 4, 2000, 65).unwrap();
    let pairs = dense
        .laws(&functions, 1.0)
        .into_iter()
        .zip(conditional.laws(&functions, 1.0));
    for (dense, conditional) in pairs {
        let distance = dense.unwrap().kolmogorov_smirnov(&conditional.unwrap());
        assert!(two_sample_p_value(distance, 2000, 2000).unwrap() > FALSE_ALARM);
    }
}

#[test]
fn a_shaped_mlp_is_linear_at_infinite_width_and_has_every_limit() {
    let net = ShapedMlp::new(-1.0, 0.0).unwrap();
    let x = pair_of(0.5);
    let k = net.infinite_width(100).unwrap().nngp(&x).unwrap();
    assert!((k[(0, 1)] - 0.5).abs() < 1e-13 && (k[(0, 0)] - 1.0).abs() < 1e-13);
    let k = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
    assert!((k[(0, 1)] - 0.5).abs() < 1e-13);
    let grid = Grid::new(&[20], &[40], 20, 7).unwrap();
    let limits = net.limits(&grid).unwrap();
    let regimes: Vec<Regime> = limits.iter().map(|limit| limit.regime()).collect();
    let together = Regime::Proportional {
        depth_over_width: 2.0,
    };
    assert!(regimes.contains(&together));
    let correlation = Correlation::between(&[1.0, 0.0], &[0.6, 0.8]).unwrap();
    for limit in &limits {
        match limit.law(&correlation, 1.0) {
            Ok(law) => assert!((law.mean() - 0.6).abs() < 0.8, "{}: {law}", limit.regime()),
            // without a skip connection there is no diffusion of finite width
            Err(Error::Unsupported { .. }) => assert_eq!(limit.regime(), Regime::DepthThenWidth),
            Err(error) => panic!("{}: {error}", limit.regime()),
        }
    }
    // a critical residual network has its log-normal law among its limits, a scaled one its fluctuations
    let of = |net: &Network| -> Vec<Regime> {
        let limits = net.limits(&grid).unwrap();
        limits.iter().map(|limit| limit.regime()).collect()
    };
    assert!(of(&residual(0.5_f64.sqrt(), relu())).contains(&together));
    assert!(of(&ResNet::new(Relu).network()).contains(&Regime::Fluctuations { width: 20 }));
}

#[test]
fn shaped_paths_do_not_depend_on_their_number() {
    let shaped = ShapedCovariance::new(-1.0, 0.5).unwrap();
    let k = PairCovariance::new(2.0, 0.5, -0.4).unwrap();
    let few = shaped.ensemble(k, 0.7, 20, 3, 7).unwrap();
    let many = shaped.ensemble(k, 0.7, 20, 6, 7).unwrap();
    assert_eq!(few, many[..3]);
    let path = shaped
        .path(k, 0.7, 20, &mut Seed::new(7).stream(0))
        .unwrap();
    assert_eq!((path.len(), path[0]), (21, k));
    // from opposite inputs paths leave at once if the shape has a kink, and never if it has none
    let opposite = PairCovariance::new(1.0, 1.0, -1.0).unwrap();
    assert!(
        shaped
            .ensemble(opposite, 1.0, 50, 10, 7)
            .unwrap()
            .iter()
            .all(|k| k.correlation() > -1.0)
    );
    let linear = ShapedCovariance::new(0.5, 0.5).unwrap();
    assert!(
        linear
            .ensemble(opposite, 1.0, 50, 10, 7)
            .unwrap()
            .iter()
            .all(|k| k.correlation() == -1.0)
    );
}

// ---- closing angles

#[test]
fn one_layer_of_an_angle_has_its_expansion() {
    let layer = AngleLayer::new(100).unwrap();
    let close = |value: f64, name: &str, tolerance: f64| {
        assert!((value - truth(name)).abs() < tolerance, "{name}: {value}");
    };
    close(
        layer.infinite_width(0.5).unwrap(),
        "angle.a[theta=.5]",
        1e-14,
    );
    close(layer.mean_slope(0.5).unwrap(), "angle.b[theta=.5]", 1e-12);
    close(
        layer.variance_slope(0.5).unwrap(),
        "angle.c[theta=.5]",
        1e-12,
    );
    for width in [20, 100, 1000] {
        let layer = AngleLayer::new(width).unwrap();
        close(
            layer.small_angle_mean(),
            &format!("angle.theta0_mean[n={width}]"),
            1e-14,
        );
        close(
            layer.small_angle_variance(),
            &format!("angle.theta0_var[n={width}]"),
            1e-14,
        );
    }
    // -2 - 8θ/15π and 8 - 64θ/15π, for angles that would cancel away
    for theta in [1e-4, 1e-7, 1e-12, 1e-200] {
        let scaled = theta / (15.0 * std::f64::consts::PI);
        let error = 10.0 * theta * theta + 1e-12;
        assert!((layer.mean_slope(theta).unwrap() + 2.0 + 8.0 * scaled).abs() < error);
        assert!((layer.variance_slope(theta).unwrap() - 8.0 + 64.0 * scaled).abs() < error);
    }
    let (mean, variance) = PublishedAngle::new(100).unwrap().layer(0.5).unwrap();
    close(mean, "angle.paper_mu[theta=.5,n=100]", 1e-13);
    close(variance.sqrt(), "angle.paper_sd[theta=.5,n=100]", 1e-13);
}

/// Simulated means (by an independent program) of many layers; the published algorithm is 47 of their
/// standard errors away at n = 100, L = 20, the density 1.6.
#[test]
fn the_density_of_the_angle_has_the_simulated_mean() {
    for (width, depth, theta, allowance) in [
        (100, 20, 0.5, 0.0),
        (100, 1, 0.5, 0.0),
        (100, 1, 0.01, 0.0),
        // O(n⁻²) terms: measured 0.005, 0.07, 0.0
        (50, 10, 1.0, 0.01),
        (20, 20, 0.5, 0.1),
        (200, 200, 0.1, 0.0),
    ] {
        let shown = if theta == 1.0 {
            "1".to_owned()
        } else {
            format!("{theta}").replace("0.", ".")
        };
        let exact = [format!("{theta}"), shown].into_iter().find_map(|theta| {
            let name = format!("angle.sim_mean[n={width},L={depth},theta0={theta}]");
            let all: Value =
                serde_json::from_str(include_str!("../data/both_at_once.json")).unwrap();
            let entry = all["values"][&name].clone();
            entry["value"]
                .as_f64()
                .zip(entry["standard_error"].as_f64())
        });
        let (exact, error) = exact.expect("a simulated mean");
        let layer = AngleLayer::new(width).unwrap();
        let law = AngleDensity::new(&layer, theta, depth).unwrap();
        assert_near("log sin²", law.mean(), exact, error, allowance);
    }
    // opposite inputs: no neuron is active for both, so the angle of the first layer is π/2
    let layer = AngleLayer::new(50).unwrap();
    let opposite = AngleDensity::new(&layer, std::f64::consts::PI, 1).unwrap();
    assert!(opposite.mean().abs() < 0.05 && opposite.variance() < 0.01);
    let predicted = PublishedAngle::new(100).unwrap().predict(0.5, 20).unwrap()[19];
    let reference = truth("angle.alg2306[n=100,L=20,theta0=.5]");
    assert!((predicted.0 - reference).abs() < 1e-12);
    assert!((predicted.1.sqrt() - truth("angle.alg2306_sd[n=100,L=20,theta0=.5]")).abs() < 1e-6);
    let simulated = truth("angle.sim_mean[n=100,L=20,theta0=.5]");
    assert!((predicted.0 - simulated).abs() > 0.06);
}

/// The angle of φ(Y_{L-1}) in 6000 sampled networks: mean, deviation, and median against the density; the
/// published mean, 5.6 standard errors away, is rejected at 3 of them.
#[test]
fn sampled_networks_have_the_density_of_the_angle() {
    let (width, depth, samples) = (100, 20, 6000);
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let networks = net.finite(width, depth - 1).unwrap();
    let x = pair_of(0.5_f64.cos());
    let seed = Seed::new(71);
    let logs: Vec<f64> = (0..samples)
        .map(|i| {
            let y = networks.pre_activations(&x, &mut seed.stream(i)).unwrap();
            let y = y.map(|y| y.max(0.0));
            let (a, b) = (y.column(0), y.column(1));
            (1.0 - a.dot(&b).powi(2) / (a.norm_squared() * b.norm_squared())).ln()
        })
        .collect();
    let law = AngleDensity::new(&AngleLayer::new(width).unwrap(), 0.5, depth).unwrap();
    let [mean, mean_error, variance, variance_error] = moments(&logs);
    assert_near("mean", mean, law.mean(), mean_error, 0.0);
    assert_near("variance", variance, law.variance(), variance_error, 0.0);
    let below = logs.iter().filter(|x| **x < law.mean()).count() as f64 / samples as f64;
    let error = (0.25 / samples as f64).sqrt();
    assert_near(
        "below the mean",
        below,
        law.distribution(law.mean()),
        error,
        0.005,
    );
    let published = PublishedAngle::new(width)
        .unwrap()
        .predict(0.5, depth)
        .unwrap();
    assert!((mean - published[depth - 1].0).abs() > 3.0 * mean_error);
}

#[test]
fn small_angles_diffuse() {
    let (width, ratio, theta) = (400, 0.25, 0.05);
    let diffusion = AngleDiffusion::new(width).unwrap();
    let ends = diffusion.ensemble(theta, ratio, 50, 40_000, 81).unwrap();
    let inverses: Vec<f64> = ends.iter().map(|theta| 1.0 / theta).collect();
    let [mean, error, ..] = moments(&inverses);
    assert_near(
        "1/θ",
        mean,
        diffusion.mean_inverse(theta, ratio).unwrap(),
        error,
        0.0,
    );
    let logs: Vec<f64> = ends.iter().map(|theta| 2.0 * theta.ln()).collect();
    let [mean, error, variance, variance_error] = moments(&logs);
    // of the network, 100 layers; they differ by O(1/n)
    let layer = AngleLayer::new(width).unwrap();
    let law = AngleDensity::new(&layer, theta, 100).unwrap();
    assert_near("log θ²", mean, law.mean(), error, 0.03);
    assert_near(
        "its variance",
        variance,
        law.variance(),
        variance_error,
        0.03,
    );
    let path = diffusion
        .path(theta, ratio, 10, &mut Seed::new(1).stream(0))
        .unwrap();
    assert_eq!((path.len(), path[0]), (11, theta));
}

// ---- bad input

#[test]
fn bad_input_is_refused_by_name() {
    let message = |error: Error| error.to_string();
    let nan = Slopes {
        negative: f64::NAN,
        positive: 1.0,
    };
    let zero = Slopes {
        negative: 0.0,
        positive: 0.0,
    };
    let shaped = ShapedCovariance::new(-1.0, 0.0).unwrap();
    let k = PairCovariance::new(1.0, 1.0, 0.5).unwrap();
    let silent = PairCovariance::new(0.0, 1.0, 0.0).unwrap();
    let layer = AngleLayer::new(10).unwrap();
    let biased = Mlp::new(Relu).initialized_by(Initialization::new(1.0, 0.1).unwrap());
    let scaled = Fluctuations::of(&ResNet::new(Relu)).unwrap();
    let plain = Fluctuations::of(&Mlp::new(Relu)).unwrap();
    for (found, expected) in [
        (
            message(MlpNorm::new(nan, 2.0, 5).unwrap_err()),
            "slopes.negative = NaN",
        ),
        (
            message(MlpNorm::new(zero, 2.0, 5).unwrap_err()),
            "slopes = 0",
        ),
        (
            message(MlpNorm::new(RELU, 0.0, 5).unwrap_err()),
            "weight_variance = 0",
        ),
        (
            message(MlpNorm::new(RELU, 2.0, 0).unwrap_err()),
            "width = 0",
        ),
        (
            message(LogNormalRates::new(RELU, 1.0).unwrap_err()),
            "skip = 1",
        ),
        (
            message(LogNormalRates::new(RELU, f64::NAN).unwrap_err()),
            "skip = NaN",
        ),
        (
            message(ShapedCovariance::new(f64::INFINITY, 0.0).unwrap_err()),
            "negative = inf",
        ),
        (
            message(shaped.ensemble(k, -1.0, 10, 1, 1).unwrap_err()),
            "ratio = -1",
        ),
        (
            message(shaped.ensemble(k, 2.0, 10, 1, 1).unwrap_err()),
            "steps = 10: expected at least 20",
        ),
        (
            message(shaped.ensemble(k, 1.0, 10, 0, 1).unwrap_err()),
            "samples = 0",
        ),
        (
            message(shaped.ensemble(silent, 1.0, 10, 1, 1).unwrap_err()),
            "start.variance_a",
        ),
        (message(AngleLayer::new(1).unwrap_err()), "width = 1"),
        (message(layer.hybrid(0.0).unwrap_err()), "theta = 0"),
        (message(layer.hybrid(f64::NAN).unwrap_err()), "theta = NaN"),
        (
            message(AngleDensity::new(&layer, 4.0, 1).unwrap_err()),
            "theta = 4",
        ),
        (
            message(AngleDensity::new(&layer, 1.0, 0).unwrap_err()),
            "depth = 0",
        ),
        (
            message(
                AngleDensity::new(&AngleLayer::new(10_000_000).unwrap(), 0.1, 1_000_000)
                    .unwrap_err(),
            ),
            "depth = 1000000",
        ),
        (
            message(
                AngleDiffusion::new(10)
                    .unwrap()
                    .mean_inverse(0.1, f64::NAN)
                    .unwrap_err(),
            ),
            "ratio = NaN",
        ),
        (message(Fluctuations::of(&biased).unwrap_err()), "no bias"),
        (message(scaled.norm_at(1.5).unwrap_err()), "time = 1.5"),
        (message(scaled.norm(0).unwrap_err()), "depth = 0"),
        (
            message(scaled.pair(k.pair_correlation(), 5000).unwrap_err()),
            "depth = 5000",
        ),
        (message(plain.norm_at(1.0).unwrap_err()), "skip connection"),
    ] {
        assert!(found.contains(expected), "{found}: {expected}");
    }
}
