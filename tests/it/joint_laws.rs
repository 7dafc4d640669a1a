//! Joint laws of neurons along routes to infinity.
//!
//! Seeds are fixed. An answer is wrong with probability 0.01 for a random seed; tests have the level 1e-6, or
//! the least that their permutations allow.

use neural_limits::limit::{Answer, Budget, Outcome, Route, RouteComparison};
use neural_limits::neural_function::NeuronVector;
use neural_limits::prelude::*;
use neural_limits::statistics::{energy_test, independence_test};
use rand_distr::{Distribution, StandardNormal};

const A: [f64; 3] = [1.0, 0.5, -0.2];
const B: [f64; 3] = [0.3, 1.0, 0.4];
/// The least p-value of 999 permutations.
const LEAST: f64 = 1e-3;

fn critical_mlp() -> Mlp {
    Mlp::new(Relu).initialized_by(Initialization::he())
}

/// S. Hayou and G. Yang (2302.00453), theorem 1: along n = L the pairs (Y^i(a), Y^j(a), Y^i(b), Y^j(b))
/// become Gaussian, and different neurons independent.
#[test]
fn pairs_of_neurons_of_a_scaled_resnet_become_independent() {
    let (net, pair) = (
        ResNet::new(Relu),
        NeuronVector::pair([0, 1], [&A, &B]).unwrap(),
    );
    let report = RouteComparison::of_neurons(&net, &pair)
        .along(&[Route::WidthFirst, Route::Diagonal])
        .scales(&[6, 12, 24])
        .tolerance(0.2)
        .seed(3)
        .run()
        .unwrap();
    let joint = &report.joint[0];
    assert_eq!(joint.name, "(Y1(a), Y2(a), Y1(b), Y2(b))");
    let Answer::Commute {
        error_probability, ..
    } = joint.weak.answer
    else {
        panic!("{report}");
    };
    assert!(error_probability <= 0.01, "{report}");
    let independence = joint.routes[1].independence.unwrap();
    assert!(independence.p_value > LEAST, "{report}");
    // one neuron at two inputs is one Gaussian process, two neurons are two of them
    let covariance = joint.limit.as_ref().unwrap();
    let limit = routes::DepthLimit::new(&net);
    let between = |a, b| {
        let law = limit.law(&Covariance::between(a, b).unwrap(), 1.0);
        law.unwrap().mean()
    };
    for (r, a) in [&A, &A, &B, &B].into_iter().enumerate() {
        for (s, b) in [&A, &A, &B, &B].into_iter().enumerate() {
            let expected = if r % 2 == s % 2 { between(a, b) } else { 0.0 };
            assert!(
                (covariance[r][s] - expected).abs() < 1e-12,
                "{covariance:?}"
            );
        }
    }
}

/// B. Hanin and M. Nica (1812.05994): at fixed L/n the norm is log-normal, of log-variance 5L/n for ReLU, and
/// neurons are independent given it: uncorrelated, but not independent, with a law of their own.
#[test]
fn pairs_of_neurons_of_a_critical_mlp_share_a_random_scale() {
    let (net, pair) = (
        critical_mlp(),
        NeuronVector::of(&[(0, &A), (1, &A)]).unwrap(),
    );
    let report = RouteComparison::of_neurons(&net, &pair)
        .along(&[Route::WidthFirst, Route::Diagonal])
        .scales(&[8, 16, 32])
        .tolerance(0.05)
        .seed(3)
        .run()
        .unwrap();
    let joint = &report.joint[0];
    assert!(
        matches!(joint.weak.answer, Answer::DoNotCommute { error_probability, .. } if error_probability <= 0.01),
        "{report}"
    );
    assert!(matches!(
        joint.weak.routes[1].outcome,
        Outcome::Different { .. }
    ));
    let end = &joint.routes[1];
    assert!(end.against_limit.unwrap().p_value <= LEAST, "{report}");
    assert!(end.independence.unwrap().p_value <= LEAST, "{report}");

    let networks = net.finite(48, 48).unwrap();
    let x = Inputs::from_rows(&[A]).unwrap();
    let neurons: Vec<[f64; 2]> = (0..250)
        .map(|i| {
            let y = networks.pre_activations(&x, &mut Seed::new(5).stream(i));
            let y = y.unwrap();
            [y[(0, 0)], y[(1, 0)]]
        })
        .collect();
    // uncorrelated, by the scores of a mean
    let products: Vec<f64> = neurons.iter().map(|[y, z]| y * z).collect();
    let mean = products.iter().sum::<f64>() / 250.0;
    let squares = products.iter().map(|p| (p - mean).powi(2)).sum::<f64>();
    assert!(mean.abs() < 5.0 * (squares / 250.0 / 249.0).sqrt());
    let part = |k: usize| neurons.iter().map(|y| [y[k]]).collect::<Vec<_>>();
    let dependence = independence_test(&part(0), &part(1), 999, 1).unwrap();
    assert!(dependence.p_value <= LEAST, "{dependence}");
    // given the norm, independent Gaussians: e^(g/2) (Z, Z')
    let variance = 2.0 * A.iter().map(|a| a * a).sum::<f64>() / 3.0;
    let mut stream = Seed::new(7).stream(0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let drawn: Vec<[f64; 2]> = (0..250)
        .map(|_| {
            let scale = (0.5 * (5f64.sqrt() * normal() - 2.5)).exp() * variance.sqrt();
            [scale * normal(), scale * normal()]
        })
        .collect();
    let same = energy_test(&neurons, &drawn, 999, 2).unwrap();
    assert!(same.p_value > LEAST, "{same}");
}

#[test]
fn a_joint_law_is_reported_beside_functions() {
    let (covariance, pair) = (
        Covariance::between(&A, &B).unwrap(),
        NeuronVector::pair([0, 1], [&A, &B]).unwrap(),
    );
    let report = RouteComparison::of(&critical_mlp(), &covariance)
        .and_neurons(&pair)
        .along(&[Route::WidthFirst, Route::DepthFirst, Route::Diagonal])
        .scales(&[4, 8, 16])
        .within(Budget::Networks(600))
        .run()
        .unwrap();
    assert_eq!((report.functions.len(), report.joint.len()), (1, 1));
    for line in report.to_string().lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(
        report
            .to_markdown()
            .contains("## joint law of (Y1(a), Y2(a), Y1(b), Y2(b))")
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["joint"][0]["weak"]["measure"], "Energy");
    let file = std::env::temp_dir().join(format!("joint_{}.svg", std::process::id()));
    report.write_svg(&file).unwrap();
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(svg.contains("energy distance"));
}

#[test]
fn what_has_no_joint_law_says_why() {
    let zero = NeuronVector::of(&[(0, &[0.0; 3]), (1, &A)]).unwrap();
    let report = RouteComparison::of_neurons(&ResNet::new(Relu), &zero)
        .along(&[Route::Diagonal])
        .scales(&[4, 8, 16])
        .run()
        .unwrap();
    assert!(report.to_string().contains("no continuous law"), "{report}");
    assert!(NeuronVector::of(&[]).is_err());
    let unequal = NeuronVector::of(&[(0, &A), (0, &[1.0])]).unwrap_err();
    assert!(unequal.to_string().contains("coordinates[1]"), "{unequal}");
    let far = NeuronVector::of(&[(0, &A), (99, &A)]).unwrap();
    let report = RouteComparison::of_neurons(&ResNet::new(Relu), &far)
        .along(&[Route::Diagonal])
        .scales(&[4, 8, 16])
        .run()
        .unwrap();
    assert!(report.to_string().contains("neuron = 99"), "{report}");
}
