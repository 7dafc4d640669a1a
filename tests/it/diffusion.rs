//! Infinite depth at finite width: theorems of the diffusion, and reference values of an independent
//! simulation (`tests/data/finite_width.json`). A statistical test that is right fails with the stated
//! probability at another seed; seeds are fixed.

use crate::property::samples;
use neural_limits::activation::{Activation, Polynomial, Slopes};
use neural_limits::diffusion::{Diffusion, TwoNeurons, one_neuron_growth};
use neural_limits::network::{LayerNorm, Stack};
use neural_limits::prelude::*;
use neural_limits::sample::Record;
use neural_limits::statistics::{one_sample_p_value, two_sample_p_value};

/// Standard errors that a right estimate exceeds with probability 7e-6.
const SIGMAS: f64 = 4.5;

/// An entry of `finite_width.json`, with its standard error or tolerance.
fn reference(key: &str) -> (f64, f64) {
    let text = include_str!("../data/finite_width.json");
    let all: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
    let entry = &all[key];
    let field = |name: &str| entry[name].as_f64();
    let error = field("se").or_else(|| field("tol"));
    let error = error.unwrap_or_else(|| panic!("no {key}"));
    (field("value").expect("a value"), error)
}

fn relu(width: usize) -> Diffusion {
    ResNet::new(Relu).diffusion(width).unwrap()
}

/// The point 1 of the line: q₀ = 1.
fn unit() -> Inputs<'static> {
    Inputs::from_rows(&[[1.0]]).unwrap()
}

fn pair() -> Inputs<'static> {
    Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]).unwrap()
}

fn variance(record: &Record) -> Result<f64, Error> {
    record.draw().covariance(0, 0)
}

fn log_variance(record: &Record) -> Result<f64, Error> {
    variance(record).map(f64::ln)
}

/// Euler and Maruyama's method with steps of 1/L is the residual network of depth L: to the bit from the same
/// random numbers, where L^(−1/2) is exact.
#[test]
fn the_method_is_the_residual_network() {
    let biased = Initialization::new(1.5, 0.2).unwrap();
    let dense = Dense::new(biased);
    let branch = Network::new()
        .then(LayerNorm::default())
        .then(dense)
        .then(Activated::new(Gelu))
        .then(dense);
    let networks = [
        ResNet::new(Relu).network(),
        ResNet::new(Tanh).initialized_by(biased).network(),
        Network::new().then(dense).then(Stack::residual(branch)),
    ];
    for net in networks {
        let (width, depth) = (32, 64);
        let finite = net.finite(width, depth).unwrap();
        let mut rng = Seed::new(7).stream(3);
        let network = finite.draw(&pair(), &mut rng).unwrap();
        let diffusion = net.diffusion(width).unwrap().with_steps(depth).unwrap();
        let mut rng = Seed::new(7).stream(3);
        let path = diffusion.records(&pair(), &[0.5, 1.0], &mut rng).unwrap();
        assert_eq!(path[1].draw(), &network, "{}", net.name());
        let mut rng = Seed::new(7).stream(3);
        let half = finite.at_time(0.5).unwrap().draw(&pair(), &mut rng);
        assert_eq!(path[0].draw(), &half.unwrap());
    }
}

/// Path k is the same whatever the number of paths and threads.
#[test]
fn paths_are_numbered() {
    let read = |samples: usize| {
        let diffusion = relu(5).with_steps(16).unwrap();
        diffusion.read(&pair(), &[0.3, 1.0], samples, 11, |path| {
            Ok([
                path[0].draw().covariance(0, 1)?,
                path[1].draw().covariance(0, 1)?,
            ])
        })
    };
    let all = read(9).unwrap();
    assert_eq!(read(4).unwrap(), all[..4]);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        assert_eq!(pool.build().unwrap().install(|| read(9)).unwrap(), all);
    }
}

/// A single positive neuron is a geometric Brownian motion, a negative one stays: log Y_t/Y_0 ~ N(−t/2, t),
/// and E q̂_t = q₀ (1 + e^t)/2. False alarms: 1e-3 for the law, 7e-6 for the mean.
#[test]
fn one_neuron_is_a_geometric_brownian_motion() {
    let diffusion = relu(1).with_steps(512).unwrap();
    let paths = diffusion.read(&unit(), &[0.0, 1.0], 4000, 1, |path| {
        Ok((
            path[0].draw().first_neuron(0)?,
            path[1].draw().first_neuron(0)?,
        ))
    });
    let mut growth = Vec::new();
    for (start, end) in paths.unwrap() {
        if start > 0.0 {
            growth.push((end / start).ln());
        } else {
            assert_eq!(start, end);
        }
    }
    let law = Law::gaussian(-0.5, 1.0).unwrap();
    let count = growth.len();
    let sample = neural_limits::law::Empirical::new(growth, 0).unwrap();
    let distance = Law::Empirical(sample).kolmogorov_smirnov(&law);
    assert!(
        one_sample_p_value(distance, count).unwrap() > 1e-3,
        "{distance}"
    );

    let exact = one_neuron_growth(Relu.slopes().unwrap(), 1.0).unwrap();
    assert!((exact - reference("fw.n1.E_qhat[t=1,q0=1]").0).abs() < 1e-12);
    let diffusion = relu(1).with_steps(64).unwrap();
    let q = diffusion
        .expectation(&unit(), 1.0, samples(25_000), 2, variance)
        .unwrap();
    let error = SIGMAS * q.standard_error + q.bias;
    assert!((q.value - exact).abs() < error, "{q:?}");
}

/// The closed equations of two neurons against an independent solver.
#[test]
fn two_neurons_have_their_angle_equation() {
    let two = TwoNeurons::relu(1.0).unwrap();
    let diagonal = [1.0, 1.0];
    for (value, key) in [
        (two.variance_growth(), "fw.n2.E_qhat[t=1,q0=1]"),
        (two.log_norm_growth(), "fw.n2.E_logphi[t=1]"),
        (
            two.variance_growth_from(diagonal).unwrap(),
            "fw.n2.E_qhat_from_(1,1)[t=1]",
        ),
        (
            two.log_norm_growth_from(diagonal).unwrap(),
            "fw.n2.E_logphi_from_(1,1)[t=1]",
        ),
    ] {
        let (exact, tolerance) = reference(key);
        assert!((value - exact).abs() < tolerance, "{key}: {value:.12}");
    }
    for (time, key) in [
        (20.0, "fw.n2.E_logphi[t=20]"),
        (40.0, "fw.n2.E_logphi[t=40]"),
    ] {
        let (exact, tolerance) = reference(key);
        let value = TwoNeurons::relu(time).unwrap().log_norm_growth();
        assert!((value - exact).abs() < tolerance, "{key}: {value}");
    }
    // nothing moves without a positive neuron
    assert_eq!(two.variance_growth_from([-1.0, -2.0]).unwrap(), 1.0);
    assert!(two.log_norm_growth_from([-1.0, -2.0]).is_err());
    // a clock 40 times as fast
    let fast = ResNet::new(Relu).initialized_by(Initialization::new(40.0, 0.0).unwrap());
    let fast = fast.diffusion(2).unwrap().with_steps(960).unwrap();
    let growth = fast.log_norm_growth(&[1.0], 1.0, 4000, 5).unwrap();
    let exact = TwoNeurons::relu(40.0).unwrap().log_norm_growth();
    assert!(
        (growth.value - exact).abs() < SIGMAS * growth.standard_error + 0.05,
        "{growth:?}"
    );
}

/// Sampled paths of two neurons against the angle equation, and of more against the reference simulation,
/// with step bias and noise reported apart. False alarms: 7e-6 each.
#[test]
fn expectations_are_those_of_the_diffusion() {
    let exact = TwoNeurons::relu(1.0).unwrap().log_norm_growth();
    let growth = relu(2).with_steps(128).unwrap();
    let growth = growth
        .log_norm_growth(&[1.0], 1.0, samples(25_000), 3)
        .unwrap();
    assert!(
        (growth.value - exact).abs() < SIGMAS * growth.standard_error,
        "{growth:?}"
    );
    let ratio = growth.direct_standard_error / growth.standard_error;
    assert!((3.0..9.0).contains(&ratio), "{growth:?}");

    for (width, count, mean, log_mean) in [
        (4, 10_000, "fw.n4.E_qhat[L=512]", "fw.n4.E_logqhat[L=512]"),
        (16, 2_500, "fw.n16.E_qhat[L=256]", "fw.n16.E_logqhat[L=256]"),
    ] {
        let diffusion = relu(width).with_steps(32).unwrap();
        for (read, key) in [
            (variance as fn(&Record) -> Result<f64, Error>, mean),
            (log_variance, log_mean),
        ] {
            let (exact, error) = reference(key);
            let estimate = diffusion
                .expectation(&unit(), 1.0, samples(count), 4, read)
                .unwrap();
            let noise = estimate.standard_error.hypot(error);
            let bound = SIGMAS * noise + estimate.bias + 2e-3;
            assert!(
                (estimate.value - exact).abs() < bound,
                "{key}: {estimate:?}"
            );
            assert!(
                estimate.bias < 3.0 * estimate.standard_error,
                "{key}: {estimate:?}"
            );
        }
    }
}

/// Strong order ½ and weak order 1, from Brownian paths seen with steps of 1/64, 1/32, 1/16 and 1/8.
#[test]
fn the_strong_order_is_a_half_and_the_weak_order_one() {
    let diffusion = relu(8).with_steps(64).unwrap();
    let samples = samples(5_000) as u64;
    let (mut strong, mut weak) = ([0.0; 3], [0.0; 3]);
    for i in 0..samples {
        let mut rng = Seed::new(6).stream(i);
        let path = diffusion.coupled(&unit(), 1.0, 4, &mut rng).unwrap();
        for (level, two) in path.windows(2).enumerate() {
            let [fine, coarse] = [two[0].column(0), two[1].column(0)];
            let difference = fine.iter().zip(coarse).map(|(a, b)| (a - b).powi(2));
            strong[level] += difference.sum::<f64>().sqrt() / samples as f64;
            let change = fine.iter().zip(coarse).map(|(a, b)| a * a - b * b);
            weak[level] += change.sum::<f64>() / 8.0 / samples as f64;
        }
    }
    for two in strong.windows(2) {
        assert!(((two[1] / two[0]).log2() - 0.5).abs() < 0.05, "{strong:?}");
    }
    // the noise of the finest difference is a tenth of it
    for two in weak.windows(2) {
        assert!(((two[1] / two[0]).log2() - 1.0).abs() < 0.4, "{weak:?}");
    }
}

/// The norm of few ReLUs shrinks, that of four or more grows at first (S. Hayou 2022, arXiv 2210.00688): the
/// first drift of E log ‖φ‖ is (n/(4(1−2⁻ⁿ)) − 1)/n. Signs are seen at 5 standard errors, false alarm 6e-7.
#[test]
fn the_norm_starts_to_grow_at_four_neurons() {
    for (width, steps, count, key) in [
        (3, 64, 10_000, "fw.n3.E_logphi[t=1]"),
        (4, 64, 20_000, "fw.n4.E_logphi[t=1]"),
        (16, 64, 2_000, "fw.n16.E_logphi[t=1]"),
    ] {
        let diffusion = relu(width).with_steps(steps).unwrap();
        let growth = diffusion
            .log_norm_growth(&[1.0], 1.0, samples(count), 8)
            .unwrap();
        let (exact, error) = reference(key);
        let noise = growth.standard_error.hypot(error);
        assert!((growth.value - exact).abs() < SIGMAS * noise, "{growth:?}");
        let sign = if width < 4 { -1.0 } else { 1.0 };
        assert!(
            sign * growth.value > 5.0 * growth.standard_error,
            "{growth:?}"
        );
        let n = f64::from(u32::try_from(width).unwrap());
        let drift = (n / (4.0 * (1.0 - 0.5_f64.powf(n))) - 1.0) / n;
        let early = diffusion
            .log_norm_growth(&[1.0], 1.0 / 64.0, samples(count), 9)
            .unwrap();
        let bound = SIGMAS * 64.0 * early.standard_error + 0.02;
        assert!(
            (64.0 * early.value - drift).abs() < bound,
            "{width}: {early:?}"
        );
    }
}

/// … and collapses at every width: log ‖φ‖ ~ −t/(2n).
#[test]
fn every_norm_collapses_in_the_end() {
    let slow = |width: usize, time: f64| {
        let net = ResNet::new(Relu).initialized_by(Initialization::new(time, 0.0).unwrap());
        let diffusion = net.diffusion(width).unwrap();
        let diffusion = diffusion.with_steps(24 * time as usize).unwrap();
        diffusion
            .log_norm_growth(&[1.0], 1.0, samples(500), 10)
            .unwrap()
    };
    for (width, early, late) in [
        (2, "fw.n2.E_logphi[t=20]", "fw.n2.E_logphi[t=80]"),
        (3, "fw.n3.E_logphi[t=20]", "fw.n3.E_logphi[t=80]"),
        (4, "fw.n4.E_logphi[t=20]", "fw.n4.E_logphi[t=80]"),
    ] {
        let growths = [(20.0, early), (80.0, late)].map(|(time, key)| {
            let growth = slow(width, time);
            let (exact, error) = reference(key);
            let noise = growth.standard_error.hypot(error);
            assert!(
                (growth.value - exact).abs() < SIGMAS * noise,
                "{key} {exact} {growth:?}"
            );
            growth.value
        });
        let slope = (growths[1] - growths[0]) / 60.0;
        let limit = -0.5 / f64::from(u32::try_from(width).unwrap());
        // the slope of n = 4 is still on its way
        assert!(slope < 0.7 * limit && slope > limit, "{width}: {slope}");
    }
}

/// A coefficient that grows faster than linearly: paths explode, and the error says where.
#[test]
fn explosions_are_errors_that_name_time_width_and_sample() {
    let square = Polynomial::monomial(2).unwrap();
    let net = ResNet::new(square).initialized_by(Initialization::new(20.0, 0.0).unwrap());
    let diffusion = net.diffusion(8).unwrap();
    let x = Inputs::from_rows(&[[3.0]]).unwrap();
    let error = diffusion.covariances(&x, 1.0, 4, 0).unwrap_err();
    assert!(matches!(error, Error::Overflow { .. }), "{error}");
    for part in ["width 8", "clock time 0.", "sample 0"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn what_is_no_diffusion_says_why() {
    let message = |error: Error| {
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        error.to_string()
    };
    let mlp = Mlp::new(Relu).diffusion(4).unwrap_err();
    assert!(message(mlp).contains("skip coefficient"));
    let dense = DenseNet::new(Relu, 0.5).unwrap().diffusion(4).unwrap_err();
    assert!(message(dense).contains("densely connected"));
    for net in [
        ResNet::new(Relu).scaled_by(Constant::one()),
        ResNet::new(Relu).scaled_by(ConvergentSeries::new(1.0, 1.0).unwrap()),
    ] {
        assert!(message(net.diffusion(4).unwrap_err()).contains("normalised"));
    }
    let closed = ResNet::new(Relu).at_depth(3).unwrap();
    assert!(message(closed.diffusion(4).unwrap_err()).contains("no stack"));
    let two = Network::new()
        .then(ResNet::new(Relu).network())
        .then(Stack::residual(
            Network::new()
                .then(Activated::new(Relu))
                .then(Dense::new(Initialization::he())),
        ));
    assert!(message(two.diffusion(4).unwrap_err()).contains("more than one"));
}

#[test]
fn bad_arguments_of_diffusions_are_named() {
    assert!(ResNet::new(Relu).diffusion(0).is_err());
    assert!(relu(2).with_steps(0).is_err());
    let mut rng = Seed::new(0).stream(0);
    for times in [&[][..], &[-0.1], &[1.1], &[f64::NAN], &[0.5, 0.4]] {
        let error = relu(2)
            .path(&pair(), times, &mut rng)
            .unwrap_err()
            .to_string();
        assert!(error.contains("time"), "{error}");
    }
    assert!(relu(2).coupled(&pair(), 1.0, 0, &mut rng).is_err());
    assert!(relu(2).covariances(&pair(), 1.0, 0, 0).is_err());
    assert!(TwoNeurons::relu(f64::NAN).is_err() && TwoNeurons::relu(-1.0).is_err());
    assert!(
        one_neuron_growth(
            Slopes {
                negative: 1.0,
                positive: 1.0
            },
            1e4
        )
        .is_err()
    );
    let lost = CustomScaling::normalised("lost", |_, depth| 1.0 / depth as f64, |_| f64::NAN);
    assert!(ResNet::new(Relu).scaled_by(lost).diffusion(4).is_err());
    let back = CustomScaling::normalised("back", |_, depth| 1.0 / depth as f64, |t| 2.0 - t);
    let back = ResNet::new(Relu).scaled_by(back).diffusion(4).unwrap();
    assert!(back.path(&pair(), &[0.5], &mut rng).is_err());
    // biases have no logarithm to follow, two points no path of one
    let biased = ResNet::new(Relu).initialized_by(Initialization::new(1.0, 0.1).unwrap());
    let growth = biased
        .diffusion(4)
        .unwrap()
        .log_norm_growth(&[1.0], 1.0, 4, 0);
    assert!(growth.unwrap_err().to_string().contains("no biases"));
    // layers behind a stack are drawn once
    let head = ResNet::new(Relu)
        .network()
        .then(Activated::new(Relu))
        .then(Dense::new(Initialization::he()));
    let head = head.diffusion(8).unwrap();
    assert!(head.path(&pair(), &[1.0], &mut rng).is_ok());
    assert!(head.path(&pair(), &[0.5, 1.0], &mut rng).is_err());
}

/// In the clock of its scaling every normalised network has the same paths.
#[test]
fn scalings_change_the_clock_alone() {
    let net = ResNet::new(Relu).scaled_by(PowerLaw::new(0.25).unwrap());
    let diffusion = net.diffusion(16).unwrap().with_steps(64).unwrap();
    let mut rng = Seed::new(1).stream(0);
    // τ(t) = √t
    let one = diffusion.path(&pair(), &[0.25], &mut rng).unwrap();
    let mut rng = Seed::new(1).stream(0);
    let other = relu(16)
        .with_steps(64)
        .unwrap()
        .path(&pair(), &[0.5], &mut rng);
    assert_eq!(one, other.unwrap());
}

/// Depth first, then width: the limit of the other order, within the stated errors, for a homogeneous
/// network, a smooth one with biases, and a branch of four layers. False alarms: 6e-5 each.
#[test]
fn depth_then_width_is_width_then_depth() {
    let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
    let functions: [&dyn NeuralFunction; 3] = [
        &Covariance::between(&a, &a).unwrap(),
        &Covariance::between(&a, &b).unwrap(),
        &Correlation::between(&a, &b).unwrap(),
    ];
    let biased = Initialization::new(1.5, 0.2).unwrap();
    let dense = Dense::new(biased);
    let branch = Network::new()
        .then(LayerNorm::default())
        .then(dense)
        .then(Activated::new(Relu))
        .then(dense);
    let networks = [
        (ResNet::new(Relu).network(), 400),
        (ResNet::new(Tanh).initialized_by(biased).network(), 200),
        (
            Network::new().then(dense).then(Stack::residual(branch)),
            200,
        ),
    ];
    for (net, count) in networks {
        let reference = routes::DepthLimit::new(&net).laws(&functions, 1.0);
        let route = routes::ExtrapolatedDiffusions::new(&net, &[16, 32, 64, 128], count, 7);
        let route = route.unwrap();
        assert_eq!(route.regime(), Regime::DepthThenWidth);
        for (function, reference) in functions.iter().zip(reference) {
            let limit = route.estimate(*function, 1.0).unwrap();
            let value = limit.extrapolation.value;
            assert_eq!(
                route.law(*function, 1.0).unwrap(),
                Law::Deterministic(value)
            );
            let error = (value - reference.unwrap().mean()).abs();
            let bound = 4.0 * limit.extrapolation.standard_error + limit.bias;
            assert!(error < bound, "{}: {error} {limit:?}", net.name());
            // levels of the third network are independent
            assert!(bound < 0.25 * value.max(1.0), "{limit:?}");
        }
        // a neuron has the Gaussian law of the extrapolated variance
        let neuron = Neuron::at(&a).unwrap();
        let variance = route
            .estimate(functions[0], 1.0)
            .unwrap()
            .extrapolation
            .value;
        match route.law(&neuron, 1.0).unwrap() {
            Law::Gaussian {
                mean,
                variance: of_law,
            } => {
                assert!(mean == 0.0 && (of_law / variance - 1.0).abs() < 1e-12);
            }
            other => panic!("{other}"),
        }
    }
}

/// At one width, infinite depth is where deep networks are: L = 1024 against the diffusion, by a two-sample
/// Kolmogorov–Smirnov test at 1e-3.
#[test]
fn deep_networks_have_the_law_of_the_diffusion() {
    let net = ResNet::new(Relu);
    let correlation = Correlation::between(&[1.0, 0.0], &[0.6, 0.8]).unwrap();
    let diffusion = routes::DiffusionPaths::new(&net, 8, 1000, 1).unwrap();
    assert_eq!(diffusion.regime(), Regime::InfiniteDepth { width: 8 });
    let diffusion = diffusion.with_steps(256).unwrap();
    let networks = routes::FiniteNetworks::new(&net, 8, 1024, 1000, 2).unwrap();
    let neuron = Neuron::at(&[1.0, 0.0]).unwrap();
    let functions: [&dyn NeuralFunction; 2] = [&correlation, &neuron];
    let (paths, networks) = (
        diffusion.laws(&functions, 1.0),
        networks.laws(&functions, 1.0),
    );
    for (paths, networks) in paths.into_iter().zip(networks) {
        let distance = paths.unwrap().kolmogorov_smirnov(&networks.unwrap());
        let p_value = two_sample_p_value(distance, 1000, 1000).unwrap();
        assert!(p_value > 1e-3, "{distance} {p_value}");
    }
}

/// Every comparison lists depth first, or one reason why there is none.
#[test]
fn comparisons_take_depth_first_as_well() {
    let grid = Grid::new(&[8, 32], &[4], 20, 3).unwrap();
    let regimes = |limits: Vec<Box<dyn Limit>>| -> Vec<Regime> {
        limits.iter().map(|limit| limit.regime()).collect()
    };
    let of_resnet = regimes(ResNet::new(Relu).limits(&grid).unwrap());
    for regime in [
        Regime::InfiniteDepth { width: 8 },
        Regime::InfiniteDepth { width: 32 },
        Regime::DepthThenWidth,
    ] {
        assert!(of_resnet.contains(&regime), "{regime}");
    }
    let covariance = Covariance::between(&[1.0], &[1.0]).unwrap();
    for limit in Mlp::new(Relu).limits(&grid).unwrap() {
        match limit.regime() {
            Regime::DepthThenWidth => {
                let reason = limit.law(&covariance, 1.0).unwrap_err().to_string();
                assert!(reason.contains("skip coefficient"), "{reason}");
            }
            Regime::InfiniteDepth { .. } => panic!("an MLP has no diffusion"),
            _ => {}
        }
    }
}
