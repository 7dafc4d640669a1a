//! 1 − c after many layers against 25-digit values (`tests/data/deep_recursion.json`): the relative error
//! grows by less than one unit in the last place a layer, whatever the distance from parallel.

use crate::oracle::{decimal, hexadecimal};
use neural_limits::prelude::*;
use serde_json::Value;

fn relative_error<N: Architecture>(net: &N, case: &Value, field: &str) -> f64 {
    let epsilon = hexadecimal(case, "one_minus_c0");
    let depth = case["depth"].as_u64().unwrap() as usize;
    let k = PairCovariance::with_complement(1.0, 1.0, epsilon).unwrap();
    let k = net.infinite_width(depth).unwrap().propagate(k).unwrap();
    (k.one_minus_correlation().unwrap() / decimal(case, field) - 1.0).abs()
}

#[test]
fn the_distance_to_parallel_keeps_its_digits_through_a_thousand_layers() {
    let data: Value = serde_json::from_str(include_str!("../data/deep_recursion.json")).unwrap();
    let mlp = Mlp::new(Relu).initialized_by(Initialization::he());
    let resnet = ResNet::new(Relu);
    let cases = data["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 28);
    for case in cases {
        let depth = case["depth"].as_u64().unwrap() as f64;
        let errors = [
            relative_error(&mlp, case, "mlp"),
            relative_error(&resnet, case, "resnet"),
        ];
        println!(
            "1 - c0 = {}, L = {depth}: MLP {:.1e}, ResNet {:.1e}",
            case["one_minus_c0"], errors[0], errors[1]
        );
        for error in errors {
            assert!(error <= (1.0 + depth) * f64::EPSILON, "{case}: {error:e}");
        }
    }
}
