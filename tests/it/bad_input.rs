//! Whatever the input: a typed error that names the argument, or finite numbers. Never a panic, never NaN.

use nalgebra::DMatrix;
use neural_limits::activation::arc_cosine;
use neural_limits::architecture::Branch;
use neural_limits::depth::CorrelationFlow;
use neural_limits::limit::Empirical;
use neural_limits::prelude::*;
use neural_limits::statistics::{self, Bootstrap, Observation, fit_power_law, fit_rates};
use neural_limits::strategies::any_number;
use proptest::collection::vec;
use proptest::prelude::*;

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("should be refused").to_string()
}

#[test]
fn inputs_are_checked_at_the_door() {
    let none: [[f64; 2]; 0] = [];
    for (rows, expected) in [
        (message(Inputs::from_rows(&none)), "inputs has no point"),
        (
            message(Inputs::from_rows(&[[0.0; 0]])),
            "inputs has no point or dimension 0",
        ),
        (
            message(Inputs::from_rows(&[[1.0, 2.0], [1.0, f64::INFINITY]])),
            "inputs[1][1] = inf: expected a finite number",
        ),
        (
            message(Inputs::from_rows(&[vec![1.0], vec![1.0, 2.0]])),
            "inputs[1] has dimension 2: expected 1",
        ),
        (
            message(Inputs::from_rows(&[[1e200, 1.0]])),
            "the squared norm of inputs[0] = inf",
        ),
        (
            message(Inputs::from_rows(&[[1e-200, 0.0]])),
            "the squared norm of inputs[0] = 0e0",
        ),
        (
            message(Inputs::from_slice(&[1.0; 5], 2)),
            "inputs has 5 entries",
        ),
        (
            message(Inputs::<f64>::from_slice(&[], 2)),
            "inputs has 0 entries",
        ),
        (
            message(Inputs::from_slice(&[1.0], 0)),
            "inputs has no point or dimension 0",
        ),
        (
            message(Inputs::from_matrix(&nalgebra::DMatrix::<f64>::zeros(0, 3))),
            "inputs has 0 entries",
        ),
    ] {
        assert!(rows.contains(expected), "{rows}");
    }
}

#[test]
fn dimensions_of_two_sets_must_agree() {
    let x = Inputs::from_rows(&[[1.0, 0.0]]).unwrap();
    let y = Inputs::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
    let net = ResNet::new(Relu);
    let expected = "the second set of inputs has dimension 3: expected 2";
    assert!(message(net.infinite_width(3).unwrap().nngp_between(&x, &y)).contains(expected));
    assert!(message(net.infinite_depth().covariance_between_at(&x, &y, 1.0)).contains(expected));
    assert!(
        message(Covariance::between(&[1.0], &[1.0, 2.0])).contains("inputs[1] has dimension 2")
    );
}

#[test]
fn a_zero_vector_has_a_covariance_but_no_correlation() {
    let x = Inputs::from_rows(&[[1.0, 1.0], [0.0, 0.0]]).unwrap();
    let net = ResNet::new(Relu);
    assert_eq!(
        net.infinite_width(9).unwrap().nngp(&x).unwrap()[(0, 1)],
        0.0
    );
    assert_eq!(
        net.infinite_depth().covariance_at(&x, 1.0).unwrap()[(1, 1)],
        0.0
    );
    let expected = "inputs[1] is the zero vector";
    assert!(message(net.infinite_width(9).unwrap().correlations(&x)).contains(expected));
    assert!(message(net.infinite_depth().correlation_at(&x, 1.0)).contains(expected));
    assert!(message(Correlation::between(&[1.0], &[0.0])).contains("b is the zero vector"));
    let q = net.finite(16, 9).unwrap().covariances(&x, 2, 1).unwrap();
    assert_eq!(q[0][(1, 1)], 0.0);
    // with a bias the zero vector has a variance, hence a correlation
    let biased = ResNet::new(Relu).with_stem(Initialization::new(1.0, 0.5).unwrap());
    assert!(biased.infinite_width(9).unwrap().correlations(&x).unwrap()[(0, 1)] < 1.0);
    assert!(biased.infinite_depth().correlation_at(&x, 1.0).unwrap()[(0, 1)] < 1.0);
}

#[test]
fn sizes_of_zero_and_negative_variances_are_named() {
    let net = Mlp::new(Relu);
    let x = Inputs::from_rows(&[[1.0]]).unwrap();
    for (found, expected) in [
        (
            message(net.infinite_width(0)),
            "depth = 0: expected an integer >= 1",
        ),
        (message(net.finite(0, 1)), "width = 0"),
        (message(net.finite(1, 0)), "depth = 0"),
        (
            message(net.finite(1, 1).unwrap().draws(&x, 0, 1)),
            "samples = 0",
        ),
        (
            message(Initialization::new(-0.1, 0.0)),
            "weight_variance = -0.1",
        ),
        (
            message(Initialization::new(1.0, f64::NAN)),
            "bias_variance = NaN",
        ),
        (
            message(net.infinite_width(usize::MAX)),
            "expected an integer <= 1000000000",
        ),
        (
            message(net.finite(usize::MAX, 1)),
            "expected an integer <= 1000000000",
        ),
        (
            message(net.finite(1, 1).unwrap().draws(&x, usize::MAX, 1)),
            "samples = ",
        ),
        (message(Grid::new(&[], &[1], 1, 0)), "widths has length 0"),
        (message(Grid::new(&[1, 0], &[1], 1, 0)), "widths[1] = 0"),
        (message(Grid::new(&[1], &[1], 0, 0)), "samples = 0"),
        (
            message(net.infinite_depth().pair_at(&[1.0], &[1.0], 1.5)),
            "time = 1.5",
        ),
        (
            message(net.infinite_width(3).unwrap().at_time(-0.1)),
            "time = -0.1",
        ),
        (
            message(net.finite(3, 3).unwrap().at_time(f64::NAN)),
            "time = NaN",
        ),
        (message(PowerLaw::new(0.5)), "exponent = 0.5"),
        (message(ConvergentSeries::new(1.0, 0.5)), "exponent = 0.5"),
        (message(Constant::new(-1.0)), "factor = -1"),
        (
            message(net.infinite_depth().with_tolerance(0.0)),
            "tolerance = 0",
        ),
        (message(Law::gaussian(0.0, -1.0)), "variance = -1"),
        (
            message(Law::gaussian(0.0, 1.0).unwrap().quantile(1.0)),
            "u = 1",
        ),
    ] {
        assert!(found.contains(expected), "{found}");
    }
    let covariance = Covariance::between(&[1.0], &[1.0]).unwrap();
    let time = Commutativity::of(&net, &covariance).time(2.0).run();
    assert!(message(time).contains("time = 2"));
}

#[test]
fn an_exploding_network_of_depth_5000_overflows_by_name_and_keeps_its_correlation() {
    let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
    let x = Inputs::from_rows(&[a, b]).unwrap();
    let net = ResNet::new(Relu).scaled_by(Constant::one());
    let finite = net.finite(64, 5000).unwrap();
    assert!(message(finite.covariances(&x, 1, 0)).contains("the covariance overflows"));
    let draw = finite.draw(&x, &mut Seed::new(0).stream(0)).unwrap();
    assert!((0.9..=1.0).contains(&draw.correlation(0, 1).unwrap()));
    assert!(message(draw.first_neuron(0)).contains("the neuron overflows"));
    // so it does with biases, though the kernel's chain is no longer homogeneous
    let init = Initialization::new(1.0, 0.1).unwrap();
    let biased = net.clone().initialized_by(init);
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let finite = biased.finite(64, 5000).unwrap().with_sampler(sampler);
        let draw = finite.draw(&x, &mut Seed::new(0).stream(0)).unwrap();
        assert!((0.9..=1.0).contains(&draw.correlation(0, 1).unwrap()));
        assert!(message(finite.covariances(&x, 1, 0)).contains("overflows"));
    }
    // an activation that is not homogeneous must see its arguments
    let gelu = ResNet::new(Gelu).scaled_by(Constant::one());
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let finite = gelu.finite(64, 5000).unwrap().with_sampler(sampler);
        assert!(message(finite.draws(&x, 1, 0)).contains("overflow"));
    }
    assert!(message(biased.infinite_width(5000).unwrap().nngp(&x)).contains("overflows"));
    assert!(message(biased.infinite_width(5000).unwrap().correlations(&x)).contains("overflows"));

    let (covariance, correlation) = (
        Covariance::between(&a, &b).unwrap(),
        Correlation::between(&a, &b).unwrap(),
    );
    let report = Commutativity::of(&net, &covariance)
        .and(&correlation)
        .widths(&[8, 16, 32, 64])
        .depths(&[10, 5000])
        .samples(8)
        .run()
        .unwrap();
    assert!(
        matches!(&report.functions[0].verdict, Verdict::DoNotCommute(why) if why.contains("no limit"))
    );
    for row in &report.rows {
        assert_eq!(
            row.laws[1].is_ok(),
            row.regime != Regime::DepthThenWidth,
            "the correlation exists in every regime but that of a diffusion"
        );
    }
}

#[test]
fn dead_networks_have_no_correlation_and_are_counted() {
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let correlation = Correlation::between(&[1.0, 0.0], &[0.6, 0.8]).unwrap();
    let limit = routes::FiniteNetworks::new(&net, 2, 3, 200, 1).unwrap();
    let Law::Empirical(sample) = limit.law(&correlation, 1.0).unwrap() else {
        panic!("an empirical law");
    };
    assert!(sample.undefined() > 0);
    assert_eq!(sample.undefined() + sample.values().len(), 200);
    let all_dead = routes::FiniteNetworks::new(&net, 1, 60, 5, 1).unwrap();
    assert!(message(all_dead.law(&correlation, 1.0)).contains("5 networks have none"));
}

fn finite<T: IntoIterator<Item = f64>>(values: Result<T, Error>) -> Result<(), TestCaseError> {
    if let Ok(values) = values {
        for value in values {
            prop_assert!(value.is_finite(), "{value}");
        }
    }
    Ok(())
}

fn one(value: Result<f64, Error>) -> Result<(), TestCaseError> {
    finite(value.map(|value| [value]))
}

fn matrix(values: Result<nalgebra::DMatrix<f64>, Error>) -> Result<(), TestCaseError> {
    finite(values.map(|matrix| matrix.as_slice().to_vec()))
}

fn law(law: Result<Law, Error>) -> Result<(), TestCaseError> {
    if let Ok(law) = law {
        for value in [law.mean(), law.variance(), law.median(), law.cdf(0.3)] {
            prop_assert!(value.is_finite(), "{law}: {value}");
        }
        one(law.quantile(0.3))?;
    }
    Ok(())
}

fn every_regime<N: Architecture>(
    net: &N,
    rows: &[Vec<f64>],
    width: usize,
    depth: usize,
    time: f64,
) -> Result<(), TestCaseError> {
    let Ok(x) = Inputs::from_rows(rows) else {
        return Ok(());
    };
    if let Ok(limit) = net
        .infinite_width(depth)
        .and_then(|limit| limit.at_time(time))
    {
        matrix(limit.nngp(&x))?;
        matrix(limit.correlations(&x))?;
        matrix(limit.correlation_complements(&x))?;
    }
    let limit = net.infinite_depth();
    matrix(limit.covariance_at(&x, time))?;
    matrix(limit.correlation_at(&x, time))?;
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let draws = net
            .finite(width, depth)
            .and_then(|limit| limit.at_time(time))
            .and_then(|limit| limit.with_sampler(sampler).draws(&x, 2, 1));
        for draw in draws.into_iter().flatten() {
            matrix(draw.covariances())?;
            one(draw.correlation(0, draw.points() - 1))?;
            one(draw.first_neuron(0))?;
        }
    }
    let (a, b) = (&rows[0], &rows[rows.len() - 1]);
    if let Ok(grid) = Grid::new(&[width, 2], &[depth], 3, 0) {
        for limit in net.limits(&grid).into_iter().flatten() {
            if let Ok(covariance) = Covariance::between(a, b) {
                law(limit.law(&covariance, time))?;
            }
            if let Ok(correlation) = Correlation::between(a, b) {
                law(limit.law(&correlation, time))?;
            }
            if let Ok(neuron) = Neuron::at(a) {
                law(limit.law(&neuron, time))?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::property::config(800))]

    #[test]
    fn scalar_evaluators_give_finite_numbers_or_errors(
        a in any_number(), b in any_number(), c in any_number()
    ) {
        one(arc_cosine::kappa0(a))?;
        one(arc_cosine::kappa1(a))?;
        one(arc_cosine::one_minus_kappa1(a))?;
        one(arc_cosine::kappa1_complement(a))?;
        let flow = CorrelationFlow::shared();
        one(flow.at(a, b))?;
        one(flow.complement_at(a, b))?;
        for pair in [PairCovariance::new(a, b, c), PairCovariance::with_complement(a, b, c)].into_iter().flatten() {
            prop_assert!((0.0..=2.0).contains(&pair.one_minus_correlation()));
            prop_assert!(pair.covariance().is_finite());
            let dual = Relu.dual(pair).unwrap();
            prop_assert!(dual.covariance().is_finite());
            prop_assert!(Relu.derivative_dual(pair).unwrap().is_finite());
        }
        law(Law::gaussian(a, b))?;
        law(Law::log_normal(a, b))?;
        one(statistics::one_sample_p_value(a, 10))?;
        one(statistics::two_sample_p_value(a, 10, 3))?;
        one(statistics::kolmogorov_smirnov_test(&[a, b], &[b, c, a]).map(|test| test.p_value))?;
        one(statistics::energy_distance(&[[a, b]], &[[b, c], [c, a]]))?;
        one(statistics::energy_test(&[[a], [b]], &[[c]], 9, 1).map(|test| test.p_value))?;
        one(statistics::distance_correlation(&[[a], [b], [c]], &[[b], [c], [a]]))?;
        if let (Ok(first), Ok(second)) = (Law::gaussian(a, b), Law::log_normal(b, c)) {
            let distance = first.kolmogorov_smirnov(&second);
            prop_assert!((0.0..=1.0).contains(&distance), "{distance}");
        }
        if let (Ok(first), Ok(second)) = (Empirical::new(vec![a, b], 0), Empirical::new(vec![c], 0)) {
            let (first, second) = (Law::Empirical(first), Law::Empirical(second));
            let distance = first.kolmogorov_smirnov(&second);
            prop_assert!((0.0..=1.0).contains(&distance), "{distance}");
        }
        let mut out = [0.0; 2];
        let mapped = |result: Result<(), Error>, out: [f64; 2]| finite(result.map(|()| out));
        mapped(arc_cosine::kappa0_slice(&[a, b], &mut out), out)?;
        mapped(arc_cosine::kappa1_slice(&[a, b], &mut out), out)?;
        mapped(arc_cosine::kappa1_complement_slice(&[a, b], &mut out), out)?;
        mapped(flow.at_slice(&[a, b], &[c, c], &mut out), out)?;
        let y = nalgebra::DMatrix::from_row_slice(1, 2, &[a, b]);
        matrix(Branch::new(Relu, Initialization::he()).empirical_covariance(&y))?;
        let observations = [(1.0, a), (2.0, b), (c, 1.0), (4.0, 2.0)].map(|(size, error)| Observation {
            sizes: vec![size],
            error,
            standard_error: a,
        });
        let bootstrap = Bootstrap::new(1).with_resamples(9).unwrap();
        let rates = fit_rates(&observations, &bootstrap).map(|rates| rates.terms[0]);
        let rates = rates.into_iter().flat_map(|rate| [rate.constant, rate.exponent]);
        for estimate in fit_power_law(&observations).into_iter().flatten().chain(rates) {
            finite(Ok([estimate.value, estimate.low, estimate.high]))?;
        }
        if let Ok(scaling) = ConvergentSeries::new(a, b) {
            prop_assert!(scaling.coefficients(5).iter().all(|alpha| !alpha.is_nan()));
        }
        if let Ok(scaling) = PowerLaw::new(a) {
            prop_assert!(scaling.coefficients(5).iter().all(|alpha| alpha.is_finite()));
        }
    }

}

proptest! {
    #![proptest_config(crate::property::config(100))]

    #[test]
    fn every_regime_of_every_network_gives_finite_numbers_or_errors(
        rows in (1..4_usize, 1..4_usize).prop_flat_map(|(m, d)| vec(vec(any_number(), d), m)),
        weight in any_number(),
        bias in prop_oneof![Just(0.0), any_number()],
        factor in any_number(),
        exponent in -1.0..3.0,
        width in 0..6_usize,
        depth in 0..8_usize,
        time in prop_oneof![0.0..=1.0, any_number()],
    ) {
        if let Ok(init) = Initialization::new(weight, bias) {
            every_regime(&Mlp::new(Relu).initialized_by(init), &rows, width, depth, time)?;
            let net = ResNet::new(Relu).initialized_by(init);
            every_regime(&net, &rows, width, depth, time)?;
            every_regime(&net.clone().with_stem(init), &rows, width, depth, time)?;
            let custom = CustomScaling::normalised("custom", move |l, _| factor * l as f64, move |t| factor * t);
            every_regime(&net.clone().scaled_by(custom), &rows, width, depth, time)?;
            if let Ok(scaling) = Constant::new(factor) {
                every_regime(&net.clone().scaled_by(scaling), &rows, width, depth, time)?;
            }
            if let Ok(scaling) = PowerLaw::new(exponent) {
                every_regime(&net.clone().scaled_by(scaling), &rows, width, depth, time)?;
            }
        }
    }
}

#[test]
fn activations_refuse_parameters_that_are_not_numbers() {
    use neural_limits::activation::*;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = [
            message(LeakyRelu::new(bad)),
            message(AbRelu::new(bad, 1.0)),
            message(AbRelu::new(1.0, bad)),
            message(Elu::new(bad)),
            message(Celu::new(bad)),
            message(Erf::new(bad, 1.0, 0.0)),
            message(Sine::new(1.0, bad, 0.0)),
            message(Cosine::new(1.0, 1.0, bad)),
            message(RandomFourier::new(bad)),
            message(Gaussian::new(1.0, bad)),
            message(Exponential::new(bad, 1.0)),
            message(ExpNormalized::new(bad, 0.0)),
            message(Polynomial::new(&[1.0, bad])),
            message(ShapedRelu::new(bad, 0.0, 10)),
            message(Relu.times(bad)),
            message(Tanh.of_affine(bad, 0.0)),
            message(Affine::new(Tanh, 1.0, bad, 1.0, 0.0)),
            message(Custom::new("mine", |x: f64| x, |_| 1.0).with_kinks(&[0.0, bad])),
        ];
        for refused in refused {
            assert!(
                refused.contains(&bad.to_string()) || refused.contains("inf"),
                "{refused}"
            );
        }
    }
    for refused in [
        message(RandomFourier::new(-1.0)),
        message(ExpNormalized::new(-1.0, 0.0)),
        message(RectifiedMonomial::new(0)),
        message(RectifiedMonomial::new(101)),
        message(Polynomial::new(&[])),
        message(Polynomial::monomial(1000)),
        message(PowerKernel::new(1000)),
        message(Celu::new(0.0)),
        message(ShapedRelu::new(0.0, 0.0, 0)),
        message(named("tanh(1)")),
        message(named("elu(x)")),
        message(named("")),
    ] {
        assert!(refused.contains("expected"), "{refused}");
    }
}

#[test]
fn quadrature_and_slices_refuse_what_they_cannot_mean() {
    use neural_limits::activation::expectation::Quadrature;
    use neural_limits::activation::{Exponential, PairSlices, Polynomial, dual_slice};
    for bad in [0.0, 1e-16, 0.5, f64::NAN] {
        assert!(message(Quadrature::new(bad)).starts_with("tolerance"));
    }
    let quadrature = Quadrature::default();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(message(quadrature.expectation(|x| x, &[], bad)).starts_with("q = "));
    }
    // not a number in the middle is an overflow, not a result
    let broken = Custom::new("broken", |x: f64| x.sqrt(), |x: f64| x);
    let k = PairCovariance::new(1.0, 1.0, 0.5).unwrap();
    assert!(broken.dual(k).is_err());
    assert!(
        Mlp::new(broken)
            .infinite_width(2)
            .unwrap()
            .propagate(k)
            .is_err()
    );

    let (one, two) = ([1.0], [1.0, 1.0]);
    assert!(message(PairSlices::new(&one, &two, &one)).contains("variance_b has length 2"));
    for (a, c, name) in [
        (-1.0, 0.0, "variance_a[0]"),
        (f64::NAN, 0.0, "variance_a[0]"),
        (1.0, 2.1, "one_minus_correlation[0]"),
        (1.0, f64::NAN, "one_minus_correlation[0]"),
    ] {
        assert!(message(PairSlices::new(&[a], &one, &[c])).starts_with(name));
    }
    let pairs = PairSlices::new(&two, &two, &[0.0, 1.0]).unwrap();
    assert!(message(Relu.dual_slice(&pairs, &mut [0.0])).contains("out has length 1"));
    let large = PairSlices::new(&[1e3], &[1e3], &[0.0]).unwrap();
    let exponential = Exponential::new(1.0, 1.0).unwrap();
    assert!(message(exponential.dual_slice(&large, &mut [0.0])).contains("overflows"));
    let wide = PairSlices::new(&[1e30_f32], &[1e30], &[0.0]).unwrap();
    let square = Polynomial::monomial(2).unwrap();
    assert!(message(dual_slice(&square, &wide, &mut [0.0_f32])).contains("overflows"));
}

proptest! {
    #![proptest_config(crate::property::config(64))]

    /// Any variances and correlation: a covariance matrix of finite numbers, or a typed error.
    #[test]
    fn duals_never_return_what_is_not_a_number(
        qa in any_number(), qb in any_number(), epsilon in 0.0..=2.0_f64
    ) {
        use neural_limits::activation::{named, names};
        let Ok(k) = PairCovariance::with_complement(qa.abs(), qb.abs(), epsilon) else {
            return Ok(());
        };
        for name in names() {
            let phi = named(name).unwrap();
            if let Ok(dual) = phi.dual(k) {
                prop_assert!(dual.variance_a().is_finite() && dual.variance_b().is_finite(), "{name}");
                prop_assert!((0.0..=2.0).contains(&dual.one_minus_correlation()), "{name}");
            }
            if let Ok(slope) = phi.derivative_dual(k) {
                prop_assert!(slope.is_finite(), "{name}");
            }
        }
    }
}

#[test]
fn conditional_laws_and_signals_are_checked() {
    use neural_limits::network::{ConditionalLaw, Signal};
    let law =
        |entries: &[f64]| ConditionalLaw::gaussian(3, DMatrix::from_row_slice(2, 2, entries), 0);
    assert!(message(law(&[1.0, 0.0, 0.0, -1.0])).contains("covariance[(1, 1)] = -1"));
    assert!(message(law(&[1.0, f64::NAN, 0.0, 1.0])).contains("overflows"));
    assert!(message(ConditionalLaw::gaussian(3, DMatrix::zeros(2, 1), 0)).contains("square"));
    let one = law(&[1.0, 0.5, 0.5, 1.0]).unwrap();
    assert!(message(one.clone().times(f64::INFINITY)).contains("factor = inf"));
    let wide = ConditionalLaw::gaussian(4, DMatrix::identity(2, 2), 0).unwrap();
    assert!(message(one.plus(wide)).contains("3 and 4 neurons"));
    assert!(message(Signal::zeros(0, 1)).contains("width = 0"));
    assert!(message(Signal::from_matrix(&DMatrix::zeros(0, 2))).contains("at least one neuron"));
    let nan = DMatrix::from_element(1, 1, f64::NAN);
    assert!(message(Signal::from_matrix(&nan)).contains("y[(0, 0)] = NaN"));
    let signals = vec![Signal::zeros(1, 1).unwrap(), Signal::zeros(1, 2).unwrap()];
    assert!(message(Signal::side_by_side(signals)).contains("different numbers of inputs"));
}
