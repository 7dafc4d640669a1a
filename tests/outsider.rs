//! An activation written outside of the crate has every regime: here leaky ReLU, by its slopes alone.

use neural_limits::activation::Slopes;
use neural_limits::prelude::*;

#[derive(Debug, Clone, Copy)]
struct LeakyRelu(f64);

impl LeakyRelu {
    fn all_slopes(self) -> Slopes {
        Slopes {
            negative: self.0,
            positive: 1.0,
        }
    }
}

impl Activation for LeakyRelu {
    fn name(&self) -> String {
        format!("leaky ReLU {}", self.0)
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.0 * x }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { self.0 }
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(self.all_slopes())
    }
}

impl Dual for LeakyRelu {}

const A: [f64; 3] = [1.0, 0.5, -0.2];
const B: [f64; 3] = [0.3, 1.0, 0.4];

/// σ_w² = 2/(1 + s²) keeps the variance, also where the product of the rounded numbers is not exactly 1.
#[test]
fn a_critical_mlp_keeps_its_variance_at_infinite_depth_for_every_slope() {
    let norm = A.iter().map(|x| x * x).sum::<f64>() / 3.0;
    for i in 0..100 {
        let slope = 0.01 * f64::from(i);
        let weight = 2.0 / (1.0 + slope * slope);
        let net =
            Mlp::new(LeakyRelu(slope)).initialized_by(Initialization::new(weight, 0.0).unwrap());
        let k = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
        assert!((k.variance_a().unwrap() / (weight * norm) - 1.0).abs() < 1e-15);
        assert_eq!(k.correlation().unwrap(), 1.0);
        assert!(routes::LogNormalMlp::new(&net, 1.0).is_ok());
    }
}

#[test]
fn the_recursion_of_a_resnet_converges_to_its_flow() {
    let net = ResNet::new(LeakyRelu(0.3));
    let limit = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    let error = |depth: usize| {
        let k = net.infinite_width(depth).unwrap().pair(&A, &B).unwrap();
        (k.covariance().unwrap() - limit.covariance().unwrap()).abs()
    };
    assert!((error(1000) / error(10_000) - 10.0).abs() < 0.1);
}

/// The kernel of one layer is the mean of what sampled networks show: σ_w² E[φ(u) φ(v)].
#[test]
fn the_dual_is_the_mean_of_sampled_networks() {
    let net = Mlp::new(LeakyRelu(0.3));
    let exact = net.infinite_width(1).unwrap().pair(&A, &B).unwrap();
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let draws = net.finite(1000, 1).unwrap().draws(&x, 2000, 5).unwrap();
    let values = draws.iter().map(|draw| draw.covariance(0, 1).unwrap());
    let sample = neural_limits::limit::Empirical::new(values.collect(), 0).unwrap();
    let (mean, standard_error) = sample.mean();
    // five standard errors: a false-alarm probability of 6e-7
    assert!((mean - exact.covariance().unwrap()).abs() < 5.0 * standard_error);
    let scale = exact.variance_a().unwrap().max(exact.variance_b().unwrap());
    assert!(
        standard_error < 5e-3 * scale,
        "the test would see an error of 2.5 %"
    );
}
