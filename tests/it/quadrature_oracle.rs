//! The quadrature of duals, which is what activations written by users have, against the high-precision
//! values of the crate's own activations (`tests/data/duals.json`).
//!
//! `cargo test --test it quadrature_oracle -- --nocapture` prints the worst errors of each activation.

use crate::oracle::{Row, every_activation};
use neural_limits::activation::expectation::Quadrature;
use neural_limits::prelude::PairCovariance;

/// Waves of more than a thousand periods are refused.
const FASTEST: f64 = 1e5;

#[test]
fn duals_by_quadrature_have_the_errors_that_they_estimate() {
    let truth = crate::oracle::duals();
    let quadrature = Quadrature::default();
    let mut failures = Vec::new();
    for Row {
        key,
        activation: phi,
        ..
    } in every_activation()
    {
        if !phi.is_pointwise() {
            continue;
        }
        let waves = ["sine", "cosine", "random_fourier"];
        let is_wave = waves.iter().any(|wave| key.starts_with(wave));
        let mut worst = [0.0_f64; 3];
        for point in truth[key].as_array().unwrap() {
            let number = |i: usize| point[i].as_f64().unwrap();
            let decimal = |i: usize| point[i].as_str().unwrap().parse::<f64>().unwrap();
            let (qa, qb, epsilon) = (number(0), number(1), number(2));
            let [moment, va, vb, derivative, complement] = [3, 4, 5, 6, 7].map(decimal);
            if is_wave && qa.max(qb) > FASTEST {
                continue;
            }
            let place = format!("{key}: q = {qa:e}, {qb:e}, 1 - c = {epsilon:e}");
            let mut check = |which: usize, error: f64, granted: f64| {
                worst[which] = worst[which].max(error);
                if error.is_nan() || error > granted {
                    let what = ["dual", "1 - c′", "slopes"][which];
                    failures.push(format!("{what} {error:e} > {granted:e} at {place}"));
                }
            };
            let k = PairCovariance::with_complement(qa, qb, epsilon).unwrap();
            let dual = quadrature.dual(&phi, k).expect(&place);
            let estimate = 2.0 * dual.error + 5e-15;
            let dual = dual.value;
            let scale = (va * vb).sqrt();
            if scale > f64::MIN_POSITIVE {
                let error = (dual.covariance() - moment).abs() / scale;
                check(0, error, estimate.min(1e-12));
                check(0, (dual.variance_a() / va - 1.0).abs(), 1e-12);
                check(0, (dual.variance_b() / vb - 1.0).abs(), 1e-12);
                if qa == qb && complement > 1e-30 {
                    // at tiny variances φ is known to rounding of φ(0)
                    let rounding = if qa < 1e-6 {
                        2e-16 / complement.sqrt()
                    } else {
                        0.0
                    };
                    let error = (dual.one_minus_correlation() - complement).abs();
                    check(1, error / complement, 1e-11 + rounding);
                }
            }
            if qa * qb == 0.0 && !phi.kinks().is_empty() {
                // φ′ at the kink is a convention
                continue;
            }
            let slope = quadrature.derivative_dual(&phi, k).expect(&place);
            let norm = |q: f64| {
                let equal = PairCovariance::with_complement(q, q, 0.0).unwrap();
                phi.derivative_dual(equal).unwrap()
            };
            let scale = (norm(qa) * norm(qb)).sqrt();
            if scale > f64::MIN_POSITIVE {
                let estimate = 2.0 * slope.error / scale + 5e-15;
                let error = (slope.value - derivative).abs() / scale;
                check(2, error, estimate.min(1e-12));
            }
        }
        println!(
            "{key:22} dual {:.1e}, 1 - c′ {:.1e}, slopes {:.1e}",
            worst[0], worst[1], worst[2]
        );
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
