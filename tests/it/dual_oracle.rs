//! Every activation's duals against 25 digits of high-precision values (`tests/data/duals.json`, by
//! `tools/dual_truth.py`).
//!
//! `cargo test --test it dual_oracle -- --nocapture` prints the worst error of each activation and where it
//! is.

use crate::oracle::{ANGLE, MIXTURE, Row, every_activation};
use neural_limits::prelude::PairCovariance;

/// The errors that the documentation grants: of the dual, relative to √(V_a V_b); of its 1 − c′, relative to
/// itself where q_a = q_b; of the derivative's dual, relative to √(E[φ′(u)²] E[φ′(v)²]).
fn granted(key: &str, route: &str) -> [f64; 3] {
    match route {
        // near variances of 2000
        MIXTURE if key == "mish" => [1e-13; 3],
        MIXTURE => [1e-14, 2e-14, 3e-14],
        ANGLE => [5e-15, 3e-14, 5e-15],
        _ => [1e-15, 5e-13, 1e-15],
    }
}

#[derive(Default)]
struct Worst {
    error: f64,
    place: String,
}

impl Worst {
    fn see(&mut self, error: f64, place: &str) {
        if error > self.error || error.is_nan() {
            *self = Self {
                error,
                place: place.to_owned(),
            };
        }
    }
}

#[test]
fn every_dual_has_the_error_that_it_documents() {
    let truth = crate::oracle::duals();
    let mut failures = Vec::new();
    for Row {
        key,
        route,
        activation: phi,
    } in every_activation()
    {
        let mut worst: [Worst; 3] = Default::default();
        let points = truth[key].as_array().unwrap();
        assert!(!points.is_empty());
        for point in points {
            let number = |i: usize| point[i].as_f64().unwrap();
            let decimal = |i: usize| point[i].as_str().unwrap().parse::<f64>().unwrap();
            let (qa, qb, epsilon) = (number(0), number(1), number(2));
            let [moment, va, vb, derivative, complement] = [3, 4, 5, 6, 7].map(decimal);
            let place = format!("q = {qa:e}, {qb:e}, 1 - c = {epsilon:e}");
            let k = PairCovariance::with_complement(qa, qb, epsilon).unwrap();
            let dual = phi
                .dual(k)
                .unwrap_or_else(|e| panic!("{}: {place}: {e}", key));
            let slope = phi
                .derivative_dual(k)
                .unwrap_or_else(|e| panic!("{}: {place}: {e}", key));
            let scale = (va * vb).sqrt();
            if scale > f64::MIN_POSITIVE {
                worst[0].see((dual.covariance() - moment).abs() / scale, &place);
                worst[0].see((dual.variance_a() / va - 1.0).abs(), &place);
                worst[0].see((dual.variance_b() / vb - 1.0).abs(), &place);
                // between variances that differ 1 − c′ is as good as the dual, not better
                if qa == qb && complement > 1e-30 {
                    let error = (dual.one_minus_correlation() - complement).abs();
                    worst[1].see(error / complement, &place);
                }
            }
            let slope_scale = |q: f64| {
                let equal = PairCovariance::with_complement(q, q, 0.0).unwrap();
                phi.derivative_dual(equal).unwrap()
            };
            let scale = (slope_scale(qa) * slope_scale(qb)).sqrt();
            if qa * qb == 0.0 && !phi.kinks().is_empty() {
                // φ′ at the kink is a convention
            } else if scale > f64::MIN_POSITIVE {
                worst[2].see((slope - derivative).abs() / scale, &place);
            } else {
                assert_eq!(slope, derivative, "{}: {place}", key);
            }
        }
        println!("{:22} {:32} {:3} points", key, route, points.len());
        for ((what, worst), granted) in ["dual", "1 - c′", "slopes"]
            .iter()
            .zip(&worst)
            .zip(granted(key, route))
        {
            println!("    {what:7} {:8.1e} at {}", worst.error, worst.place);
            if worst.error.is_nan() || worst.error > granted {
                failures.push(format!(
                    "{} {what}: {:e} > {granted:e} at {}",
                    key, worst.error, worst.place
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
