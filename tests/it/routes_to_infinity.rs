//! Routes to infinite width and depth, compared until they are told apart.
//!
//! Seeds are fixed. An answer is wrong with probability 0.01 for a random seed; laws are tested at 1e-6.

use neural_limits::limit::{Answer, Budget, Finding, Outcome, Route, RouteComparison, RouteReport};
use neural_limits::neural_function::{
    Angle, CustomFunction, GradientNorm, JacobianNorm, JointNeurons, LogNorm, Need, NeuralTangent,
    NngpEntry, Norm, Process,
};
use neural_limits::prelude::*;

const A: [f64; 3] = [1.0, 0.5, -0.2];
const B: [f64; 3] = [0.3, 1.0, 0.4];
const FALSE_ALARM: f64 = 1e-6;

fn routes() -> Vec<Route> {
    let texts = ["n first", "L first", "n = L", "n = L^0.5", "n/L = 0.25"];
    texts.map(|text| text.parse().unwrap()).to_vec()
}

fn covariance() -> Covariance {
    Covariance::between(&A, &B).unwrap()
}

fn critical_mlp() -> Mlp {
    Mlp::new(Relu).initialized_by(Initialization::he())
}

fn commutes(finding: &Finding) -> bool {
    matches!(finding.answer, Answer::Commute { error_probability, .. } if error_probability <= 0.01)
}

fn does_not(finding: &Finding) -> bool {
    matches!(
        finding.answer,
        Answer::DoNotCommute { error_probability, .. } if error_probability <= 0.01
    )
}

/// S. Hayou and G. Yang (2302.00453), theorems 1 and 2: q̂ → q in L², neurons become Gaussian, whatever the
/// route.
#[test]
fn all_routes_of_a_scaled_resnet_agree() {
    let (covariance, neuron) = (covariance(), Neuron::at(&A).unwrap());
    let report = RouteComparison::of(&ResNet::new(Relu), &covariance)
        .and(&neuron)
        .along(&routes())
        .scales(&[16, 32, 64])
        .tolerance(0.1)
        .seed(3)
        .run()
        .unwrap();
    let [covariance, neuron] = &report.functions[..] else {
        panic!("two functions");
    };
    let strong = covariance.strong.as_ref().unwrap();
    assert!(commutes(strong) && commutes(&covariance.weak), "{report}");
    // the limit of a neuron is random: networks of two sizes share no weights
    assert!(
        neuron.strong.is_none() && commutes(&neuron.weak),
        "{report}"
    );
    // E|q̂ - q|² ≤ (C/√n + C′/L)²: no route is slower than min(n, L)^(-1/2)
    for (judgement, end) in strong.routes.iter().zip(&covariance.routes) {
        let slope = judgement.slope.unwrap();
        assert!(
            slope.low < -0.4 && slope.value < -0.35,
            "{}: {slope}",
            end.route
        );
    }
    let rates = strong.rates.as_ref().unwrap().as_ref().unwrap();
    let [width, depth] = &rates.terms[..] else {
        panic!("two rates");
    };
    assert!(
        width.exponent.low < 0.5 && 0.5 < width.exponent.high,
        "{rates}"
    );
    assert!((depth.exponent.value - 1.0).abs() < 0.1, "{rates}");
    let limit = covariance.limit.as_ref().unwrap().mean();
    for end in &covariance.routes {
        if let Some(mean) = end.mean {
            let error = 4.0 * mean.standard_error + 2.0 * mean.truncation;
            assert!(
                (mean.value - limit).abs() < error,
                "{}: {mean:?}",
                end.route
            );
        }
    }
}

/// B. Hanin and M. Nica (1812.05994): at a fixed ratio the law is log-normal, another one.
#[test]
fn the_routes_of_a_critical_mlp_do_not() {
    let (covariance, neuron) = (covariance(), Neuron::at(&A).unwrap());
    let report = RouteComparison::of(&critical_mlp(), &covariance)
        .and(&neuron)
        .along(&[Route::WidthFirst, Route::Diagonal])
        .scales(&[8, 24, 72])
        .tolerance(0.1)
        .seed(3)
        .run()
        .unwrap();
    for function in &report.functions {
        assert!(does_not(&function.weak), "{report}");
        let end = &function.routes[1];
        match (&end.law, function.name.as_str()) {
            (Some(Law::LogNormal { log_variance, .. }), "covariance") => {
                assert!((log_variance - 5.0).abs() < 1e-12);
            }
            (Some(Law::LogNormalScale { log_variance, .. }), "neuron") => {
                assert!((log_variance - 5.0).abs() < 1e-12);
            }
            (law, name) => panic!("{name}: {law:?}"),
        }
        let p = end.against_law.unwrap().p_value;
        assert!(p > FALSE_ALARM, "{}: {p:e}", function.name);
        assert!(
            matches!(function.weak.routes[1].outcome, Outcome::Different { .. }),
            "{report}"
        );
    }
    assert!(
        does_not(report.functions[0].strong.as_ref().unwrap()),
        "{report}"
    );
}

#[test]
fn an_unscaled_resnet_has_no_limit_to_agree_on() {
    let net = ResNet::new(Relu).scaled_by(Constant::one());
    let covariance = covariance();
    let report = RouteComparison::of(&net, &covariance)
        .along(&[Route::WidthFirst, Route::Diagonal])
        .scales(&[4, 8, 16])
        .run()
        .unwrap();
    let Answer::DoNotCommute {
        error_probability,
        because,
    } = &report.functions[0].weak.answer
    else {
        panic!("{report}");
    };
    assert!(
        *error_probability == 0.0 && because.contains("overflows"),
        "{because}"
    );
}

#[test]
fn a_budget_that_ends_too_early_says_which_one_would_do() {
    let neuron = Neuron::at(&A).unwrap();
    let within = |networks: usize| {
        RouteComparison::of(&ResNet::new(Relu), &neuron)
            .along(&[Route::WidthFirst, Route::Diagonal])
            .scales(&[8, 16, 32])
            .within(Budget::Networks(networks))
            .seed(5)
            .run()
            .unwrap()
    };
    let report = within(400);
    assert!(report.networks <= 400);
    let Answer::Undecided {
        networks: Some(networks),
        seconds: None,
        ..
    } = report.functions[0].weak.answer
    else {
        panic!("{report}");
    };
    assert!(networks > 400.0 && networks < 20_000.0, "{networks}");
    assert!(report.to_string().contains("networks in all would do"));
    // an estimate from few networks, so twice of it
    let report = within(2 * networks as usize);
    assert!(commutes(&report.functions[0].weak), "{report}");
    let refused = RouteComparison::of(&ResNet::new(Relu), &neuron)
        .within(Budget::Networks(10))
        .run()
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("networks = 10: expected at least"),
        "{refused}"
    );
}

#[test]
fn a_budget_of_no_time_draws_once_and_says_which_one_would_do() {
    let neuron = Neuron::at(&A).unwrap();
    let within = |seconds: f64| {
        RouteComparison::of(&ResNet::new(Relu), &neuron)
            .along(&[Route::WidthFirst, Route::Diagonal])
            .scales(&[8, 16, 32])
            .within(Budget::Seconds(seconds))
            .run()
    };
    let report = within(0.0).unwrap();
    assert_eq!((report.rounds, report.networks), (1, 3 * 8));
    let Answer::Undecided {
        networks: Some(networks),
        seconds: Some(seconds),
        ..
    } = report.functions[0].weak.answer
    else {
        panic!("{report}");
    };
    assert!(networks > 24.0 && seconds > 0.0, "{networks} {seconds}");
    assert!(
        report.to_string().contains("s, in all would do"),
        "{report}"
    );
    for seconds in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = within(seconds).unwrap_err().to_string();
        assert!(refused.starts_with("seconds = "), "{refused}");
    }
}

/// A dead ReLU network has no correlation. At n/L = 1/32 nearly all are dead before they are wide, and those
/// alive have parallel inputs, as the limit says: what is left out of the count would agree with it.
#[test]
fn networks_without_a_value_count_as_far() {
    let correlation = Correlation::between(&A, &B).unwrap();
    let report = RouteComparison::of(&critical_mlp(), &correlation)
        .along(&[Route::WidthFirst, Route::ratio(1.0 / 32.0).unwrap()])
        .scales(&[16, 24, 32])
        .within(Budget::Networks(1000))
        .run()
        .unwrap();
    let function = &report.functions[0];
    let end = &function.routes[1];
    assert!(end.undefined > end.networks / 2, "{report}");
    let strong = function.strong.as_ref().unwrap();
    assert!(does_not(&function.weak) && does_not(strong), "{report}");
    let last = function.weak.routes[1].steps.last().unwrap();
    assert_eq!(last.networks, end.networks);
    assert!(last.distance >= end.undefined as f64 / end.networks as f64);
    let said = format!("{} networks have no value and count as far", end.undefined);
    assert!(report.to_string().contains(&said), "{report}");
    // the same rule in a claim
    let mlp = critical_mlp();
    let claim = neural_limits::claims::Commutes::new(&mlp, &correlation).at(&[(6, 181)]);
    let refuted = claim.check().unwrap_err().to_string();
    assert!(refuted.contains("have no value"), "{refuted}");
}

#[test]
fn a_report_is_the_same_for_any_number_of_threads() {
    let covariance = covariance();
    let run = || {
        RouteComparison::of(&ResNet::new(Tanh), &covariance)
            .along(&routes())
            .scales(&[4, 8, 16])
            .within(Budget::Networks(2000))
            .seed(1)
            .run()
            .unwrap()
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(run)
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn reports_read_at_100_columns_and_serialise() {
    let (covariance, neuron) = (covariance(), Neuron::at(&A).unwrap());
    let report = RouteComparison::of(&critical_mlp(), &covariance)
        .and(&neuron)
        .along(&routes())
        .scales(&[4, 8, 16])
        .within(Budget::Networks(1000))
        .run()
        .unwrap();
    for line in report.to_string().lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let markdown = report.to_markdown();
    assert!(markdown.contains("| route | largest size |") && markdown.contains("## neuron"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["functions"][0]["name"], "covariance");
    let file = std::env::temp_dir().join(format!("routes_{}.svg", std::process::id()));
    report.write_svg(&file).unwrap();
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(svg.contains("n/L = 0.25"));
}

/// Means over wide networks are those of infinite width, up to O(1/n) and five standard errors.
#[test]
fn every_function_has_its_limit_of_infinite_width() {
    let net = ResNet::new(Relu);
    let functions: Vec<Box<dyn NeuralFunction>> = vec![
        Box::new(Angle::between(&A, &B).unwrap()),
        Box::new(Norm::at(&A).unwrap()),
        Box::new(LogNorm::at(&A).unwrap()),
        Box::new(NngpEntry::between(&A, &B, 8).unwrap()),
        Box::new(NeuralTangent::between(&A, &B).unwrap()),
        Box::new(GradientNorm::at(&A).unwrap()),
        Box::new(JointNeurons::of([0, 0], [&A, &B], [1.0, -1.0]).unwrap()),
        Box::new(JacobianNorm::at(&A).unwrap()),
    ];
    let functions: Vec<&dyn NeuralFunction> = functions.iter().map(AsRef::as_ref).collect();
    let limit = routes::LayerRecursion::new(&net, 4)
        .unwrap()
        .laws(&functions, 1.0);
    let sampled = routes::FiniteNetworks::new(&net, 64, 4, 100, 3).unwrap();
    let sampled = sampled.laws(&functions, 1.0);
    for ((function, limit), sampled) in functions.iter().zip(limit).zip(sampled) {
        let (limit, Law::Empirical(sampled)) = (limit.unwrap(), sampled.unwrap()) else {
            panic!("a sample");
        };
        let (mean, standard_error) = sampled.mean();
        // a Jacobian of 64 x 3 entries stretches its largest direction by some (3/64)^(1/2)
        let bias = if function.name().starts_with("Jacobian") {
            0.25
        } else {
            0.06
        };
        let bound = 5.0 * standard_error + bias * limit.mean().abs();
        let off = (mean - limit.mean()).abs();
        assert!(
            off < bound,
            "{}: {mean} ± {standard_error}, {limit}",
            function.name()
        );
    }
}

/// To order 1/n, the angle, the norm and its logarithm fluctuate as sampled networks do.
#[test]
fn functions_of_covariances_have_their_fluctuations() {
    let net = ResNet::new(Relu);
    let width = 128;
    let (angle, norm, log) = (
        Angle::between(&A, &B).unwrap(),
        Norm::at(&A).unwrap(),
        LogNorm::at(&A).unwrap(),
    );
    let functions: [&dyn NeuralFunction; 3] = [&angle, &norm, &log];
    let theory = routes::WidthFluctuations::new(&net, width)
        .unwrap()
        .laws(&functions, 1.0);
    let sampled = routes::DiffusionPaths::new(&net, width, 1000, 5).unwrap();
    let sampled = sampled.laws(&functions, 1.0);
    for ((function, theory), sampled) in functions.iter().zip(theory).zip(sampled) {
        let (theory, sampled) = (theory.unwrap(), sampled.unwrap());
        let off = (sampled.mean() - theory.mean()).abs();
        let deviation = theory.variance().sqrt();
        // five standard errors of a mean and of a variance of 1000 values
        assert!(
            off < 0.16 * deviation + 5e-3,
            "{}: {theory}, {sampled}",
            function.name()
        );
        let ratio = sampled.variance() / theory.variance();
        assert!((ratio - 1.0).abs() < 0.25, "{}: {ratio}", function.name());
    }
}

#[test]
fn a_regime_that_does_not_exist_for_a_function_says_why() {
    let net = ResNet::new(Relu);
    let tangent = NeuralTangent::between(&A, &B).unwrap();
    let layer = GradientNorm::at(&A).unwrap().of_layer(1);
    let jacobian = JacobianNorm::at(&A).unwrap();
    let nngp = NngpEntry::between(&A, &B, 1).unwrap();
    let why = |limit: &dyn Limit, function: &dyn NeuralFunction| match limit.law(function, 1.0) {
        Err(Error::Unsupported { what, reason }) => format!("{what}: {reason}"),
        other => panic!("{other:?}"),
    };
    let paths = routes::DiffusionPaths::new(&net, 8, 8, 1).unwrap();
    assert!(why(&paths, &tangent).contains("not TangentKernel"));
    assert!(why(&paths, &jacobian).contains("not Network"));
    let recursion = routes::LayerRecursion::new(&net, 4).unwrap();
    assert!(why(&recursion, &layer).contains("sampled networks have it"));
    let chain = routes::LogNormalChain::new(&critical_mlp(), 1.0).unwrap();
    assert!(why(&chain, &nngp).contains("no closed form"));
    let fluctuations = routes::WidthFluctuations::new(&net, 64).unwrap();
    assert!(why(&fluctuations, &nngp).contains("not a function of covariances"));
    // networks have a layer's gradient
    let networks = routes::FiniteNetworks::new(&net, 16, 4, 8, 1).unwrap();
    assert!(networks.law(&layer, 1.0).unwrap().mean() > 0.0);
    let far = GradientNorm::at(&A).unwrap().of_layer(99);
    let error = networks.law(&far, 1.0).unwrap_err().to_string();
    assert!(
        error.starts_with("layer = 99: expected an index below"),
        "{error}"
    );
}

/// A closure without a limit is compared between routes; with one, with that.
#[test]
fn a_function_of_a_user_is_compared_with_and_without_its_limit() {
    let x = Inputs::from_rows(&[A]).unwrap();
    let size = CustomFunction::new("mean size", x, &[Need::Neurons], |record, points| {
        let y = record.neurons().to_matrix()?;
        Ok(y.column(points[0]).map(f64::abs).mean())
    });
    // E|Y| = √(2q/π)
    let known = size.clone().with_limit(|process: &Process| {
        let q = process.covariance().variance_a()?;
        Ok(Law::Deterministic((2.0 * q / std::f64::consts::PI).sqrt()))
    });
    let run = |function: &CustomFunction| -> RouteReport {
        RouteComparison::of(&ResNet::new(Relu), function)
            .along(&[Route::Diagonal, Route::ratio(0.25).unwrap()])
            .scales(&[16, 32, 64])
            .tolerance(0.1)
            .seed(2)
            .run()
            .unwrap()
    };
    let (without, with) = (run(&size), run(&known));
    assert!(without.functions[0].limit.is_err() && without.functions[0].strong.is_none());
    assert!(commutes(&without.functions[0].weak), "{without}");
    // a diffusion has no gradients: the first route that has them is what others are compared with
    let layer = GradientNorm::at(&A).unwrap().of_layer(1);
    let report = RouteComparison::of(&ResNet::new(Relu), &layer)
        .along(&[
            Route::DepthFirst,
            Route::Diagonal,
            Route::power(0.5).unwrap(),
        ])
        .scales(&[4, 6, 8])
        .within(Budget::Networks(400))
        .run()
        .unwrap();
    let outcomes = report.functions[0].weak.routes.iter().map(|r| &r.outcome);
    assert!(
        matches!(
            outcomes.collect::<Vec<_>>()[..],
            [Outcome::Unavailable(_), Outcome::Reference, other] if !matches!(other, Outcome::Unavailable(_))
        ),
        "{report}"
    );
    assert!(
        commutes(with.functions[0].strong.as_ref().unwrap()),
        "{with}"
    );
}
