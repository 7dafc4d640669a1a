//! Laws of neurons from any initial law: the exact form, the Fokker–Planck equations and sampled networks say
//! the same, and meet `tests/data/mean_field.json`.

use nalgebra::DMatrix;
use neural_limits::activation::{Dual, HardTanh};
use neural_limits::architecture::Branch;
use neural_limits::depth::CorrelationFlow;
use neural_limits::law::{Density, Empirical};
use neural_limits::mean_field::*;
use neural_limits::network::{Layer, Signal, Site, Stack};
use neural_limits::neural_function::NeuralTangent;
use neural_limits::prelude::*;
use neural_limits::statistics::one_sample_p_value;
use serde_json::Value;

fn reference(key: &str) -> (f64, f64) {
    let all: Value =
        serde_json::from_str(include_str!("../data/mean_field.json")).expect("valid JSON");
    let number = |i: usize| all[key][i].as_f64().unwrap_or_else(|| panic!("no {key}"));
    (number(0), number(1))
}

#[track_caller]
fn meets(value: f64, key: &str) {
    let (exact, tolerance) = reference(key);
    assert!(
        (value - exact).abs() <= tolerance,
        "{key}: {value}, not {exact}"
    );
}

fn of(phi: impl Dual + 'static) -> MeanField {
    MeanField::of(&ResNet::new(phi)).unwrap()
}

fn two_atoms() -> InitialLaw {
    InitialLaw::atoms(&[(1.0, 2.0), (2.0, -1.0)]).unwrap()
}

fn signs() -> InitialLaw {
    InitialLaw::atoms(&[(0.5, 1.0), (0.5, -1.0)]).unwrap()
}

fn laplace() -> InitialLaw {
    let scale = 0.5_f64.sqrt();
    InitialLaw::density(move |x| (-x.abs() / scale).exp(), &[-30.0, 0.0, 30.0]).unwrap()
}

fn correlated(a: f64, b: f64, ab: f64) -> JointLaw {
    JointLaw::gaussian(DMatrix::from_row_slice(2, 2, &[a, ab, ab, b])).unwrap()
}

fn two_points() -> JointLaw {
    JointLaw::points(&[(0.5, vec![1.0, 0.5]), (0.5, vec![-1.0, 0.25])]).unwrap()
}

/// $\int |p - q|$ over the nodes of the grid, and the mass there.
fn distance(on_grid: &FokkerPlanck, exact: &Convolution) -> (f64, f64) {
    let grid = on_grid.grid();
    let (mut distance, mut mass) = (0.0, 0.0);
    for (i, p) in on_grid.values().iter().enumerate() {
        assert!(*p >= 0.0);
        let x = grid.low() + grid.spacing() * i as f64;
        distance += grid.spacing() * (p - exact.density(x).unwrap()).abs();
        mass += grid.spacing() * p;
    }
    (distance, mass)
}

#[test]
fn the_convolution_meets_its_oracle() {
    let relu = of(Relu).convolution(&two_atoms(), 1.0).unwrap();
    meets(relu.added_variance(), "mv.tau1[relu,{2:1/3,-1:2/3}]");
    meets(relu.rate(), "mv.Ephi2[relu,{2:1/3,-1:2/3},t=1]");
    let symmetric = of(Relu).convolution(&signs(), 1.0).unwrap();
    meets(symmetric.added_variance(), "mv.tau1[relu,{+1,-1}]");
    let tanh = of(Tanh).convolution(&signs(), 1.0).unwrap();
    meets(tanh.added_variance(), "mv.tau1[tanh,{+1,-1}]");
    meets(tanh.rate(), "mv.Ephi2[tanh,{+1,-1},t=1]");
    let normal = InitialLaw::gaussian(0.0, 1.0).unwrap();
    let gaussian = of(Tanh).convolution(&normal, 1.0).unwrap();
    meets(gaussian.added_variance(), "mv.tau1[tanh,N(0,1)]");
    let dense = of(Tanh).convolution(&laplace(), 1.0).unwrap();
    meets(dense.added_variance(), "mv.tau1[tanh,Laplace var 1]");
    meets(dense.rate(), "mv.Ephi2[tanh,Laplace,t=1]");
    meets(dense.density(0.0).unwrap(), "mv.pdf0[tanh,Laplace,t=1]");
    meets(dense.density(1.0).unwrap(), "mv.pdf1[tanh,Laplace,t=1]");
    let at_start = of(Tanh).convolution(&laplace(), 0.0).unwrap();
    meets(at_start.rate(), "mv.Ephi2[tanh,Laplace,t=0]");
}

#[test]
fn the_joint_convolution_meets_its_oracle() {
    for (name, mean_field) in [("relu", of(Relu)), ("tanh", of(Tanh))] {
        let law = mean_field.joint_convolution(&two_points(), 1.0).unwrap();
        for (entry, place) in [("aa", (0, 0)), ("bb", (1, 1)), ("ab", (0, 1))] {
            let key = format!("mv2.T_{entry}[{name},(1,.5)/(-1,.25),t=1]");
            meets(law.added_covariance()[place], &key);
        }
    }
}

/// Of any number of inputs, and any activation: a Gaussian law stays one, with the covariances of the flow.
#[test]
fn a_gaussian_law_follows_the_covariance_flow() {
    let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -0.5], [-0.3, 0.2]]).unwrap();
    for net in [
        ResNet::new(Relu),
        ResNet::new(Tanh).initialized_by(Initialization::new(1.5, 0.2).unwrap()),
        ResNet::new(HardTanh),
    ] {
        let flow = net.infinite_depth();
        let initial = JointLaw::gaussian(flow.covariance_at(&x, 0.0).unwrap()).unwrap();
        let law = MeanField::of(&net)
            .unwrap()
            .joint_convolution(&initial, 1.0)
            .unwrap();
        let difference = law.covariance() - flow.covariance_at(&x, 1.0).unwrap();
        assert!(difference.amax() < 1e-9, "{}: {difference}", net.name());
    }
}

/// ReLU and a symmetric law: v = q₀(e^{t/2} − 1), and the fourth cumulant stays.
#[test]
fn symmetric_laws_keep_their_fourth_cumulant_under_relu() {
    for (initial, cumulant) in [(signs(), -2.0), (laplace(), 3.0)] {
        let exact = of(Relu).convolution(&initial, 1.0).unwrap();
        assert!((exact.added_variance() - 0.5_f64.exp_m1()).abs() < 1e-9);
        let solution = of(Relu).fokker_planck(&initial, 1.0, 1e-7).unwrap();
        let (grid, values) = (solution.grid(), solution.values());
        let moment = |k: i32| -> f64 {
            let x = |i: usize| grid.low() + grid.spacing() * i as f64;
            let terms = values.iter().enumerate().map(|(i, p)| p * x(i).powi(k));
            terms.sum::<f64>() * grid.spacing()
        };
        let fourth = moment(4) - 3.0 * moment(2).powi(2);
        assert!((fourth - cumulant).abs() < 1e-5, "{fourth}");
    }
}

#[test]
fn the_equation_of_one_neuron_meets_the_exact_form() {
    let normal = InitialLaw::gaussian(0.3, 1.0).unwrap();
    let mixture = InitialLaw::mixture(&[(0.3, -2.0, 0.1), (0.7, 1.0, 0.5)]).unwrap();
    let biased = Branch::new(HardTanh, Initialization::new(2.0, 0.3).unwrap());
    let biased = MeanField::new(&biased).unwrap();
    for (mean_field, initial) in [
        (of(Relu), normal.clone()),
        (of(Relu), two_atoms()),
        (of(Tanh), signs()),
        (of(Tanh), mixture),
        (of(Tanh), laplace()),
        (biased, normal),
    ] {
        let exact = mean_field.convolution(&initial, 1.0).unwrap();
        let solution = mean_field.fokker_planck(&initial, 1.0, 1e-6).unwrap();
        let (error, mass) = distance(&solution, &exact);
        println!(
            "{error:.1e}, estimated {:.1e}, mass 1 + {:.1e}",
            solution.error(),
            mass - 1.0
        );
        assert!(error <= 1e-6 && solution.error() <= 1e-6);
        // beyond the ends lie 1e-15
        assert!((mass - 1.0).abs() < 2e-12);
        assert!((solution.density().mean() - exact.mean().unwrap()).abs() < 1e-9);
        assert!((solution.added_variance() - exact.added_variance()).abs() < 2e-6);
        assert!((solution.rate() - exact.rate()).abs() < 2e-6);
        let law = solution.law();
        for u in [0.01, 0.3, 0.5, 0.99] {
            let x = exact.quantile(u).unwrap();
            assert!((law.cdf(x) - u).abs() < 1e-6);
        }
        assert!(law.kolmogorov_smirnov(&exact.law().unwrap()) < 1e-6);
        assert!(law.wasserstein(&exact.law().unwrap()) < 1e-5);
    }
}

/// Mass and mean to rounding, the variance to what was added, and the density of order 4 to 6 in the spacing.
#[test]
fn refining_the_grid_shows_the_order() {
    let initial = InitialLaw::gaussian(0.0, 1.0).unwrap();
    let exact = of(Relu).convolution(&initial, 0.5).unwrap();
    let solve = |nodes| {
        let grid = UniformGrid::new(-11.0, 11.0, nodes).unwrap();
        of(Relu).fokker_planck_on(&initial, 0.5, grid).unwrap()
    };
    let solutions = [57, 113, 225].map(solve);
    let errors = solutions.each_ref().map(|s| distance(s, &exact).0);
    println!("{errors:?}");
    // four times as many nodes
    assert!(errors[0] / errors[2] > 200.0, "{errors:?}");
    assert!(errors[1] / errors[2] > 14.0, "{errors:?}");
    for (solution, error) in solutions.iter().zip(errors) {
        assert!(solution.error() > 0.5 * error);
        let (grid, values) = (solution.grid(), solution.values());
        let moment = |k: i32| -> f64 {
            let x = |i: usize| grid.low() + grid.spacing() * i as f64;
            values
                .iter()
                .enumerate()
                .map(|(i, p)| p * x(i).powi(k) * grid.spacing())
                .sum()
        };
        assert!((moment(0) - 1.0).abs() < 1e-13 && moment(1).abs() < 1e-13);
        assert!((moment(2) - 1.0 - solution.added_variance()).abs() < 1e-12);
    }
}

#[test]
fn the_equation_of_two_inputs_meets_the_exact_form_at_any_correlation() {
    for (mean_field, initial) in [
        (of(Relu), correlated(1.0, 1.0, 0.5)),
        (of(Relu), correlated(1.0, 1.0, -0.9)),
        (of(Relu), correlated(1.0, 1.0, 0.99)),
        (of(Relu), correlated(1.0, 0.1, 0.25)),
        (of(Tanh), correlated(1.0, 2.0, -0.5)),
    ] {
        let exact = mean_field.joint_convolution(&initial, 1.0).unwrap();
        let solution = mean_field.joint_fokker_planck(&initial, 1.0, 1e-4).unwrap();
        let (mut error, mut total) = (0.0, 0.0);
        for (x, p) in solution.nodes() {
            assert!(p >= 0.0);
            error += (p - exact.density(&x).unwrap()).abs();
            total += p;
        }
        let mass = solution.expectation(|_| 1.0);
        error *= mass / total;
        println!(
            "{error:.1e}, estimated {:.1e}, mass 1 + {:.1e}",
            solution.error(),
            mass - 1.0
        );
        assert!(error <= 1e-4 && solution.error() <= 1e-4 && (mass - 1.0).abs() < 1e-12);
        let limit = exact.covariance();
        let [a, b, ab] = solution.covariance();
        for (value, place) in [(a, (0, 0)), (b, (1, 1)), (ab, (0, 1))] {
            assert!(
                (value - limit[place]).abs() < 5e-5,
                "{value} {}",
                limit[place]
            );
        }
        let point = [0.3, -0.2];
        let density = exact.density(&point).unwrap();
        assert!((solution.density(point) - density).abs() < 2e-4);
        assert_eq!(solution.density([100.0, 0.0]), 0.0);
    }
}

#[test]
fn the_transport_equation_meets_the_flow() {
    for (c, t) in [
        ("-1.0", 1.0),
        ("-1.0", 10.0),
        ("-0.9", 1.0),
        ("0.0", 1.0),
        ("0.5", 1.0),
        ("0.99", 1.0),
        ("0.5", 10.0),
    ] {
        let map = TransportFlow::new(t).unwrap();
        let (exact, _) = reference(&format!("flow.relu.c[c0={c},t={t}]"));
        let value = map.at(c.parse().unwrap()).unwrap();
        assert!((value - exact).abs() < 5e-12, "{c} {t}: {value}");
    }
    let flow = CorrelationFlow::shared();
    for t in [0.0, 0.01, 0.3, 3.0, 10.0] {
        let map = TransportFlow::new(t).unwrap();
        for i in 0..=50 {
            let c = -1.0 + 0.04 * f64::from(i);
            let error = map.at(c).unwrap() - flow.at(c, t).unwrap();
            assert!(error.abs() < 1e-9, "{c} {t}: {error:e}");
        }
    }
}

#[test]
fn the_law_of_a_shaped_correlation_meets_its_oracle() {
    for (rho, t) in [
        ("0.0", "1"),
        ("0.5", "1"),
        ("-0.5", "1"),
        ("0.9", "1"),
        ("0.5", "0.5"),
    ] {
        let law = ShapedCorrelation::new(0.0, -1.0, rho.parse().unwrap(), t.parse().unwrap());
        let law = law.unwrap();
        let mean = law.moment(1);
        for (name, value) in [
            ("mean", mean),
            ("var", law.moment(2) - mean * mean),
            ("m3", law.moment(3)),
            ("m4", law.moment(4)),
        ] {
            if t == "1" || name == "mean" || name == "var" {
                let key = format!("shaped.{name}[rho0={rho},T={t}]");
                let (exact, _) = reference(&key);
                assert!((value - exact).abs() < 1e-8, "{key}: {value}, not {exact}");
            }
        }
        assert!((law.law().mean() - mean).abs() < 1e-7);
    }
    let law = ShapedCorrelation::new(0.0, -1.0, 0.5, 1.0).unwrap().law();
    let Law::Density(density) = &law else {
        panic!("a density")
    };
    for (rho, at) in [("-0.5", -0.5), ("0.0", 0.0), ("0.5", 0.5), ("0.9", 0.9)] {
        meets(density.at(at), &format!("shaped.pdf({rho})[rho0=0.5,T=1]"));
        meets(law.cdf(at), &format!("shaped.cdf({rho})[rho0=0.5,T=1]"));
    }
    let same_slopes = ShapedCorrelation::new(0.7, 0.7, 0.5, 1.0).unwrap();
    let (mean, _) = reference("shaped.mean[rho0=0.5,T=1,c+=c-]");
    assert!((same_slopes.moment(1) - mean).abs() < 1e-8);
}

/// Without curvature sinh artanh ρ grows by e^T on average.
#[test]
fn a_deep_linear_network_has_its_martingale() {
    let law = ShapedCorrelation::new(1.0, 1.0, 0.5, 0.5).unwrap().law();
    let Law::Density(density) = &law else {
        panic!("a density")
    };
    let tangent = |rho: f64| rho / ((1.0 - rho) * (1.0 + rho)).sqrt();
    let exact = tangent(0.5) * 0.5_f64.exp();
    assert!((density.expectation(tangent) / exact - 1.0).abs() < 1e-6);
    // 1 is absorbing
    let one = ShapedCorrelation::new(0.0, -1.0, 1.0, 1.0).unwrap();
    assert_eq!((one.law(), one.moment(3)), (Law::Deterministic(1.0), 1.0));
}

/// Neurons of one wide and deep network that starts from two atoms: Kolmogorov–Smirnov, with a false alarm in
/// 10⁶, and the Gaussian law of the same variance rejected.
#[test]
fn sampled_neurons_follow_the_law() {
    let (width, depth) = (20_000, 200);
    let branch = Network::new()
        .then(Activated::new(Relu))
        .then(Dense::new(Initialization::default()));
    let stack = Network::new().then(Stack::residual(branch));
    let start = |i: usize| if i.is_multiple_of(3) { 2.0 } else { -1.0 };
    let start = DMatrix::from_fn(width, 1, |i, _| start(i));
    let mut rng = Seed::new(3).stream(0);
    let mut site = Site::new(width, Sampler::Conditional, &mut rng).unwrap();
    let signal = Signal::from_matrix(&start).unwrap();
    let end = stack
        .at_depth(depth)
        .unwrap()
        .sample(signal, &mut site)
        .unwrap();
    let neurons = end.to_matrix().unwrap().as_slice().to_vec();
    let sample = Law::Empirical(Empirical::new(neurons, 0).unwrap());
    let law = MeanField::of(&stack)
        .unwrap()
        .fokker_planck(&two_atoms(), 1.0, 1e-6)
        .unwrap()
        .law();
    let p = one_sample_p_value(sample.kolmogorov_smirnov(&law), width).unwrap();
    let gaussian = Law::gaussian(law.mean(), law.variance()).unwrap();
    let against = one_sample_p_value(sample.kolmogorov_smirnov(&gaussian), width).unwrap();
    println!("p = {p:.3}, of the Gaussian {against:.1e}");
    assert!(p > 1e-6 && against < 1e-12);
}

#[test]
fn laws_are_initial_laws_again() {
    let mean_field = of(Tanh);
    let half = mean_field.convolution(&signs(), 0.5).unwrap();
    let whole = mean_field.convolution(&signs(), 1.0).unwrap();
    let resumed = InitialLaw::of_law(&half.law().unwrap()).unwrap();
    let added = of(Relu)
        .convolution(&resumed, 0.5)
        .unwrap()
        .added_variance();
    let exact = of(Relu).convolution(&signs(), 0.0).unwrap();
    assert_eq!(exact.added_variance(), 0.0);
    // ReLU and a symmetric law again
    let variance = half.variance().unwrap();
    assert!((added - variance * 0.25_f64.exp_m1()).abs() < 1e-6);
    assert!(whole.added_variance() > half.added_variance());
    for law in [
        Law::Deterministic(1.0),
        Law::gaussian(1.0, 2.0).unwrap(),
        Law::log_normal(0.0, 0.5).unwrap(),
        Law::Empirical(Empirical::new(vec![1.0, 2.0], 0).unwrap()),
        Law::Density(Density::new(0.0, 0.1, vec![1.0; 10]).unwrap()),
    ] {
        let initial = InitialLaw::of_law(&law).unwrap();
        assert!((initial.mean().unwrap() - law.mean()).abs() < 1e-9);
        assert!((initial.variance().unwrap() - law.variance()).abs() < 1e-9);
    }
}

#[test]
fn what_has_no_law_is_refused_by_name() {
    let relu = of(Relu);
    let normal = InitialLaw::gaussian(0.0, 1.0).unwrap();
    let pair = correlated(1.0, 1.0, 0.5);
    let message = |error: Option<Error>| error.expect("should be refused").to_string();
    let narrow = UniformGrid::new(-2.0, 2.0, 101).unwrap();
    let coarse = UniformGrid::new(-12.0, 12.0, 9).unwrap();
    let singular = correlated(1.0, 1.0, 1.0);
    let not_semidefinite = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
    let three = JointLaw::gaussian(DMatrix::identity(3, 3)).unwrap();
    for (found, expected) in [
        (message(relu.convolution(&normal, -1.0).err()), "clock = -1"),
        (
            message(relu.convolution(&normal, f64::NAN).err()),
            "clock = NaN",
        ),
        (
            message(relu.fokker_planck(&normal, 1.0, 0.0).err()),
            "tolerance = 0",
        ),
        (
            message(relu.fokker_planck(&normal, 1.0, f64::NAN).err()),
            "tolerance = NaN",
        ),
        (
            message(relu.fokker_planck(&normal, -1.0, 1e-4).err()),
            "clock = -1",
        ),
        (
            message(relu.fokker_planck_on(&normal, 1.0, narrow).err()),
            "grid = [-2, 2] with 101 nodes: expected one that is not too narrow for the law: [-10",
        ),
        (
            message(relu.fokker_planck_on(&normal, 1.0, coarse).err()),
            "grid = [-12, 12] with 9 nodes: expected one that is not too coarse",
        ),
        (message(UniformGrid::new(1.0, 0.0, 9).err()), "high = 0"),
        (message(UniformGrid::new(0.0, 1.0, 10).err()), "nodes = 10"),
        (
            message(UniformGrid::new(f64::NAN, 1.0, 9).err()),
            "low = NaN",
        ),
        (
            message(InitialLaw::gaussian(0.0, -1.0).err()),
            "variances[0] = -1",
        ),
        (message(InitialLaw::atoms(&[]).err()), "no components"),
        (
            message(InitialLaw::atoms(&[(0.0, 1.0)]).err()),
            "weights[0] = 0",
        ),
        (
            message(InitialLaw::sample(&[f64::INFINITY]).err()),
            "means[0] = inf",
        ),
        (
            message(InitialLaw::density(|_| -1.0, &[0.0, 1.0]).err()),
            "the density at",
        ),
        (
            message(InitialLaw::density(|_| 0.0, &[0.0, 1.0]).err()),
            "the integral of the density",
        ),
        (
            message(InitialLaw::density(|_| 1.0, &[0.0]).err()),
            "breaks",
        ),
        (
            message(InitialLaw::density(|_| 1.0, &[1.0, 0.0]).err()),
            "breaks[1] = 0",
        ),
        (
            message(JointLaw::gaussian(not_semidefinite).err()),
            "positive semi-definite",
        ),
        (message(JointLaw::points(&[]).err()), "no components"),
        (
            message(JointLaw::points(&[(1.0, vec![1.0]), (1.0, vec![1.0, 2.0])]).err()),
            "component 1",
        ),
        (
            message(relu.joint_convolution(&pair, f64::NAN).err()),
            "clock = NaN",
        ),
        (
            message(relu.joint_fokker_planck(&pair, 1.0, 0.5).err()),
            "tolerance = 0.5",
        ),
        (
            message(relu.joint_fokker_planck(&three, 1.0, 1e-3).err()),
            "3 inputs",
        ),
        (
            message(relu.joint_fokker_planck(&singular, 1.0, 1e-3).err()),
            "parallel inputs",
        ),
        (message(TransportFlow::new(-1.0).err()), "time = -1"),
        (
            message(TransportFlow::new(1.0).unwrap().at(1.1).err()),
            "correlation = 1.1",
        ),
        (
            message(ShapedCorrelation::new(f64::NAN, 0.0, 0.0, 1.0).err()),
            "c_plus = NaN",
        ),
        (
            message(ShapedCorrelation::new(0.0, -1.0, 2.0, 1.0).err()),
            "correlation = 2",
        ),
        (
            message(ShapedCorrelation::new(0.0, -1.0, 0.0, -1.0).err()),
            "ratio = -1",
        ),
        (
            message(ShapedCorrelation::new(0.0, -1.0, -1.0, 1.0).err()),
            "starts at -1",
        ),
        (
            message(MeanField::of(&Mlp::new(Relu)).err()),
            "its first stack is not a residual chain",
        ),
    ] {
        assert!(found.contains(expected), "{found}");
    }
    // atoms that nothing moves
    let dead = InitialLaw::atoms(&[(1.0, -1.0)]).unwrap();
    let still = relu.convolution(&dead, 1.0).unwrap();
    assert_eq!(
        (still.added_variance(), still.cdf(-1.0).unwrap()),
        (0.0, 1.0)
    );
    let message = relu
        .fokker_planck(&dead, 1.0, 1e-4)
        .unwrap_err()
        .to_string();
    assert!(message.contains("atoms"), "{message}");
}

/// Every limit of a residual chain has the equations of one neuron among it, and they agree with the flow of
/// covariances.
#[test]
fn the_equation_of_a_neuron_is_a_route_of_its_own() {
    let (a, b) = ([1.0, 0.2, -0.4], [0.3, 0.9, 0.5]);
    let neuron = Neuron::at(&a).unwrap();
    let covariances = [
        Covariance::between(&a, &b).unwrap(),
        Covariance::between(&a, &a).unwrap(),
    ];
    let grid = Grid::new(&[4], &[2], 1, 1).unwrap();
    let init = Initialization::new(1.5, 0.2).unwrap();
    let nets = [
        ResNet::new(Relu).initialized_by(init).network(),
        ResNet::new(Tanh).network(),
    ];
    for net in nets {
        let limits = net.limits(&grid).unwrap();
        let route = |regime| limits.iter().find(|limit| limit.regime() == regime);
        let flow = route(Regime::WidthThenDepth).unwrap();
        let equation = route(Regime::MeanField).unwrap();
        for time in [0.0, 0.7] {
            for covariance in &covariances {
                let [exact, found] = [flow, equation].map(|limit| limit.law(covariance, time));
                let (exact, found) = (exact.unwrap().mean(), found.unwrap().mean());
                assert!((found / exact - 1.0).abs() < 1e-9, "{found} {exact}");
            }
            let [exact, found] = [flow, equation].map(|limit| limit.law(&neuron, time).unwrap());
            assert!(found.kolmogorov_smirnov(&exact) < 1e-6);
        }
        let tangent = NeuralTangent::between(&a, &b).unwrap();
        let error = equation.law(&tangent, 1.0).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }));
    }
    let mlp = Mlp::new(Relu).limits(&grid).unwrap();
    assert!(mlp.iter().all(|limit| limit.regime() != Regime::MeanField));
}
