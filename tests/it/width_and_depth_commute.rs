//! The theorems that the crate is about, on sampled networks.
//!
//! Seeds are fixed. Each Kolmogorov–Smirnov test has a false-alarm probability of 1e-6; each bound on a mean
//! is at five standard errors or more (false-alarm probability below 1e-6).

use crate::property::samples;
use neural_limits::depth::CorrelationFlow;
use neural_limits::limit::{Deviation, Empirical};
use neural_limits::prelude::*;
use neural_limits::statistics::one_sample_p_value;

const A: [f64; 3] = [1.0, 0.5, -0.2];
const B: [f64; 3] = [0.3, 1.0, 0.4];
const FALSE_ALARM: f64 = 1e-6;

fn inputs() -> Inputs<'static> {
    Inputs::from_rows(&[A, B]).unwrap()
}

/// Hayou & Yang (2302.00453), theorem 1: q_t(a,a) = |a|²/d e^{t/2}.
#[test]
fn the_variance_of_the_limit_is_exponential_in_time() {
    let net = ResNet::new(Relu);
    let norm = A.iter().map(|x| x * x).sum::<f64>() / 3.0;
    for t in [0.0, 0.3, 1.0] {
        let q = net.infinite_depth().pair_at(&A, &A, t).unwrap();
        let exact = norm * (0.5 * t).exp();
        assert!((q.variance_a().unwrap() / exact - 1.0).abs() < 1e-15);
    }
}

/// Hayou & Yang, theorems 1 and 2: whatever the order, neurons become Gaussian and the covariance kernel
/// converges in L² at the rate n^(-1/2) + 1/L.
#[test]
fn for_a_scaled_resnet_all_routes_agree() {
    let net = ResNet::new(Relu);
    let (covariance, correlation, neuron) = functions();
    let report = compare(&net, &covariance, &correlation, &neuron);
    for function in &report.functions {
        assert!(
            matches!(function.verdict, Verdict::Commute(_)),
            "{}: {}",
            function.name,
            function.verdict
        );
    }
    for function in &report.functions[..2] {
        let rate = function.exponents.uniform_in_depth.unwrap();
        assert!(rate.low < -0.5 && -0.5 < rate.high, "n^{rate}");
        let rate = function.exponents.in_depth.unwrap();
        assert!((rate.value + 1.0).abs() < 0.05, "L^{rate}");
    }
}

/// Hanin & Nica (1812.05994): for the MLP the covariance and the neuron's law depend on L/n.
#[test]
fn for_an_mlp_they_do_not() {
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let (covariance, correlation, neuron) = functions();
    let report = compare(&net, &covariance, &correlation, &neuron);
    let verdict = |i: usize| &report.functions[i].verdict;
    assert!(
        matches!(verdict(0), Verdict::DoNotCommute(_)),
        "{}",
        verdict(0)
    );
    assert!(
        matches!(verdict(2), Verdict::DoNotCommute(_)),
        "{}",
        verdict(2)
    );
    // what the covariance follows instead is the law of both at once
    let at_ratio = &report.functions[0].both_at_once;
    assert!(at_ratio.len() >= 2);
    let (
        regime,
        Deviation::KolmogorovSmirnov {
            p_value: Some(p), ..
        },
    ) = at_ratio[at_ratio.len() - 1]
    else {
        panic!("a test against a continuous law");
    };
    assert_eq!(
        regime,
        Regime::Finite {
            width: 256,
            depth: 1024
        }
    );
    assert!(p > FALSE_ALARM, "{p:e}");
    // the angle closes along every route, so the correlation does commute
    assert!(matches!(verdict(1), Verdict::Commute(_)), "{}", verdict(1));
}

fn functions() -> (Covariance, Correlation, Neuron) {
    (
        Covariance::between(&A, &B).unwrap(),
        Correlation::between(&A, &B).unwrap(),
        Neuron::at(&A).unwrap(),
    )
}

fn compare<N: Architecture>(
    net: &N,
    covariance: &Covariance,
    correlation: &Correlation,
    neuron: &Neuron,
) -> Report {
    Commutativity::of(net, covariance)
        .and(correlation)
        .and(neuron)
        .widths(&[8, 32, 128, 256])
        .depths(&[4, 32, 256, 1024])
        .samples(100)
        .seed(3)
        .run()
        .unwrap()
}

/// Both at once: log q_L/q_0 → N(-5T/2, 5T) at L/n → T, and one factor for all inputs.
#[test]
fn the_log_normal_law_of_the_mlp_is_the_law_of_sampled_networks() {
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let (width, depth, samples) = (200, 200, samples(1000));
    let finite = routes::FiniteNetworks::new(&net, width, depth, samples, 1).unwrap();
    let limit = routes::LogNormalChain::new(&net, 1.0).unwrap();
    let variance = Covariance::between(&A, &A).unwrap();
    let covariance = Covariance::between(&A, &B).unwrap();
    let sampled = finite.laws(&[&variance, &covariance], 1.0);
    for (function, sampled) in [variance, covariance].iter().zip(sampled) {
        let sampled = sampled.unwrap();
        let law = limit.law(function, 1.0).unwrap();
        let distance = sampled.kolmogorov_smirnov(&law);
        let p = one_sample_p_value(distance, samples).unwrap();
        println!("{law}: KS {distance:.4}, p = {p:.3}");
        assert!(p > FALSE_ALARM, "{p:e}");
        // power: a log-variance of 3.75 instead of 5 is rejected
        let Law::LogNormal {
            log_mean,
            log_variance,
        } = law
        else {
            panic!("a log-normal law");
        };
        let wrong = Law::log_normal(0.75 * log_mean, 0.75 * log_variance).unwrap();
        let distance = sampled.kolmogorov_smirnov(&wrong);
        assert!(one_sample_p_value(distance, samples).unwrap() < FALSE_ALARM);
    }
}

/// The limit law of a neuron is Gaussian with the variance of the flow, and the variance of a flow at twice
/// the speed is rejected.
#[test]
fn a_neuron_of_a_wide_deep_resnet_is_gaussian() {
    let net = ResNet::new(Relu);
    let samples = samples(2000);
    let neuron = Neuron::at(&A).unwrap();
    let sampled = routes::FiniteNetworks::new(&net, 256, 64, samples, 2)
        .unwrap()
        .law(&neuron, 1.0)
        .unwrap();
    let limit = routes::DepthLimit::new(&net).law(&neuron, 1.0).unwrap();
    let p = |law: &Law| one_sample_p_value(sampled.kolmogorov_smirnov(law), samples).unwrap();
    assert!(p(&limit) > FALSE_ALARM, "{:e}", p(&limit));
    let wrong = Law::gaussian(0.0, 0.5_f64.exp() * limit.variance()).unwrap();
    assert!(p(&wrong) < FALSE_ALARM, "{:e}", p(&wrong));
}

/// Measured for the theory's notes: n Var(log q̂_1(a,a)) = 4.64 at (n, L) = (64, 256).
#[test]
fn the_fluctuation_of_a_finite_resnet_is_of_order_one_over_width() {
    let net = ResNet::new(Relu);
    let (width, samples) = (64, samples(1000));
    let draws = net
        .finite(width, 256)
        .unwrap()
        .draws(&inputs(), samples, 4)
        .unwrap();
    let logs = draws.iter().map(|draw| draw.covariance(0, 0).unwrap().ln());
    let logs = Empirical::new(logs.collect(), 0).unwrap();
    let scaled = width as f64 * logs.variance();
    // relative standard error (2/1000)^(1/2) = 4.5 %
    assert!((scaled / 4.64 - 1.0).abs() < 0.2, "{scaled}");
}

/// Hayou (2310.01683): normalised scalings share one flow, run by their own clocks.
#[test]
fn normalised_scalings_follow_the_flow_in_their_clock() {
    let uniform = ResNet::new(Relu);
    for gamma in [-1.0, 0.2, 0.4] {
        let net = ResNet::new(Relu).scaled_by(PowerLaw::new(gamma).unwrap());
        for t in [0.3_f64, 1.0] {
            let at = net.infinite_depth().pair_at(&A, &B, t).unwrap();
            let clock = t.powf(1.0 - 2.0 * gamma);
            let same = uniform.infinite_depth().pair_at(&A, &B, clock).unwrap();
            assert!((at.covariance().unwrap() - same.covariance().unwrap()).abs() < 1e-15);
            let error = |depth: usize| {
                let recursion = net.infinite_width(depth).unwrap().at_time(t).unwrap();
                let k = recursion.pair(&A, &B).unwrap().covariance().unwrap();
                (k - at.covariance().unwrap()).abs()
            };
            assert!(error(100_000) < error(1000), "gamma = {gamma}, t = {t}");
            assert!(
                error(100_000) < 0.02,
                "gamma = {gamma}, t = {t}: {}",
                error(100_000)
            );
        }
    }
}

/// Hayou (2310.01683): with a convergent series the limit is the infinite recursion, at a distance of about
/// the tail of the series.
#[test]
fn convergent_series_converge_to_the_infinite_recursion() {
    let init = Initialization::new(1.3, 0.2).unwrap();
    for net in [ResNet::new(Relu), ResNet::new(Relu).initialized_by(init)] {
        let series = ConvergentSeries::new(1.0, 1.0).unwrap();
        let net = net.scaled_by(series);
        let limit = net
            .infinite_depth()
            .pair_at(&A, &B, 1.0)
            .unwrap()
            .covariance()
            .unwrap();
        let error = |depth: usize| {
            let k = net.infinite_width(depth).unwrap().pair(&A, &B).unwrap();
            limit - k.covariance().unwrap()
        };
        // tails of Σ 1/l² are 1/L: Richardson's extrapolation of two depths leaves O(1/L²)
        assert!((error(1000) / error(2000) - 2.0).abs() < 5e-3);
        assert!((2.0 * error(400_000) - error(200_000)).abs() < 1e-10);
    }
    let slow = ResNet::new(Relu).scaled_by(ConvergentSeries::new(1.0, 0.51).unwrap());
    let error = slow.infinite_depth().pair_at(&A, &B, 1.0).unwrap_err();
    assert!(matches!(error, Error::NotConverged { .. }), "{error}");
}

/// For an MLP off criticality with biases, depth forgets the inputs: q* = σ_b²/(1 - σ_w²/2), c* = 1.
#[test]
fn an_ordered_mlp_has_its_fixed_point() {
    let net = Mlp::new(Relu).initialized_by(Initialization::new(1.0, 0.3).unwrap());
    let k = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    assert!((k.variance_a().unwrap() - 0.6).abs() < 1e-11);
    assert!(k.one_minus_correlation().unwrap() < 1e-11);
    let deep = net.infinite_width(2000).unwrap().pair(&A, &B).unwrap();
    assert!((k.covariance().unwrap() - deep.covariance().unwrap()).abs() < 1e-11);
}

/// The unscaled ResNet has no limit variance, but its correlation tends to 1.
#[test]
fn an_unscaled_resnet_has_a_limit_correlation_alone() {
    let net = ResNet::new(Relu).scaled_by(Constant::one());
    let k = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    assert!(matches!(k.covariance(), Err(Error::Overflow { .. })));
    assert_eq!(k.correlation().unwrap(), 1.0);
}

/// The flow of any network without biases is the shared correlation flow at a rescaled time.
#[test]
fn weight_variances_change_the_speed_of_the_flow() {
    let net = ResNet::new(Relu).initialized_by(Initialization::new(3.0, 0.0).unwrap());
    let start = net.infinite_depth().pair_at(&A, &B, 0.0).unwrap();
    let end = net.infinite_depth().pair_at(&A, &B, 0.5).unwrap();
    let flow = CorrelationFlow::shared()
        .complement_at(start.one_minus_correlation().unwrap(), 1.5)
        .unwrap();
    assert!((end.one_minus_correlation().unwrap() / flow - 1.0).abs() < 1e-14);
}

/// A loop over boxed limits, each route on its own: what a report is made of.
#[test]
fn every_route_is_a_limit_that_can_be_collected_and_compared() {
    let net = ResNet::new(Relu);
    let grid = Grid::new(&[64, 256], &[16, 64], 64, 9).unwrap();
    let limits: Vec<Box<dyn Limit + '_>> = net.limits(&grid).unwrap();
    assert_eq!(limits.len(), 1 + 1 + 2 + 2 + 2 + 1 + 4);
    let correlation = Correlation::between(&A, &B).unwrap();
    let laws: Vec<Law> = limits
        .iter()
        .map(|limit| limit.law(&correlation, 1.0).unwrap())
        .collect();
    for (limit, law) in limits.iter().zip(&laws) {
        let bound = match limit.regime() {
            Regime::WidthThenDepth => 0.0,
            Regime::MeanField => 1e-9,
            Regime::InfiniteWidth { depth } => 0.2 / depth as f64,
            // n Var(ĉ) stays below 2 here; five standard deviations of a mean of squares
            Regime::Finite { width, .. }
            | Regime::InfiniteDepth { width }
            | Regime::Fluctuations { width } => (4.0 / width as f64).sqrt(),
            // four standard errors of 64 paths at n = 64, 128, 256
            Regime::DepthThenWidth => 0.05,
            _ => unreachable!("a ResNet has no other regime"),
        };
        assert!(law.l2(&laws[0]) <= bound, "{}: {law}", limit.regime());
    }
}

/// Width errors of a report are taken at equal depth, deviations from the limit of infinite depth.
#[test]
fn a_report_separates_width_errors_from_depth_errors() {
    let net = ResNet::new(Relu);
    let covariance = Covariance::between(&A, &A).unwrap();
    let report = Commutativity::of(&net, &covariance)
        .widths(&[4096])
        .depths(&[2])
        .samples(50)
        .run()
        .unwrap();
    let row = report.rows.last().unwrap();
    let value = |deviation: Option<Deviation>| match deviation {
        Some(Deviation::L2 { value, .. }) => value,
        other => panic!("{other:?}"),
    };
    let total = value(row.deviations[0]);
    let width = value(row.width_errors[0]);
    let depth = value(report.rows[1].deviations[0]);
    assert!(total <= width + depth + 1e-15, "{total} {width} {depth}");
    assert!(depth > 0.0 && width != total);
    assert!(matches!(
        report.functions[0].verdict,
        Verdict::Unresolved(_)
    ));
}
