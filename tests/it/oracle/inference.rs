//! `tests/data/inference.json`.

use nalgebra::DMatrix;
use neural_limits::network::Network;
use neural_limits::prelude::*;
use serde_json::Value;

use super::{named_activation, rows};

/// The list of cases of a kind.
pub fn cases(kind: &str) -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../../data/inference.json")).expect("valid JSON");
    file[kind].as_array().expect("a list").clone()
}

/// A field that holds a matrix.
pub fn matrix(value: &Value) -> DMatrix<f64> {
    let rows = rows(value);
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// A number, 0 if there is none.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// The network of a case.
pub fn network(description: &Value, law: Option<Initialization>) -> Network {
    let square = |field: &str| number(&description[field]).powi(2);
    let all = law
        .unwrap_or_else(|| Initialization::new(square("weight_std"), square("bias_std")).unwrap());
    let activated =
        || neural_limits::network::Activated::sharing(named_activation(&description["activation"]));
    if description["kind"] == "resnet" {
        let stem = Initialization::new(square("input_weight_std"), square("input_bias_std"));
        let alphas = description["alphas"].as_array().unwrap().iter();
        return alphas.fold(
            Network::new().then(Dense::new(stem.unwrap())),
            |net, alpha| {
                let branch = Network::new().then(activated()).then(Dense::new(all));
                let alpha = alpha.as_f64().unwrap();
                net.then(neural_limits::network::Residual::new(1.0, alpha, branch).unwrap())
            },
        );
    }
    let layers = description["hidden_layers"].as_u64().unwrap();
    (0..layers).fold(Network::new().then(Dense::new(all)), |net, _| {
        net.then(activated()).then(Dense::new(all))
    })
}

/// The covariance function that a case names.
pub fn covariance(case: &Value, kind: &Value, law: Option<Initialization>) -> NetworkKernel {
    let network = network(&case["network"], law).infinite_width(1).unwrap();
    if kind == "ntk" {
        NetworkKernel::ntk(&network).unwrap()
    } else {
        NetworkKernel::nngp(&network).unwrap()
    }
}

/// Inputs of a case.
pub fn inputs(value: &Value) -> Inputs<'static> {
    Inputs::from_rows(&rows(value)).unwrap()
}

/// `|got − want|` in units of $n \cdot$ `one_ulp_effect` + 4e-16 scale.
pub fn units(got: f64, want: f64, points: usize, one_ulp: f64, scale: f64) -> f64 {
    let unit = points as f64 * one_ulp + 4e-16 * scale;
    let difference = (got - want).abs();
    if difference == 0.0 {
        0.0
    } else {
        difference / unit
    }
}

/// The largest of [`units`] over the entries.
pub fn matrix_units(
    got: &DMatrix<f64>,
    want: &DMatrix<f64>,
    points: usize,
    one_ulp: f64,
    scale: f64,
) -> f64 {
    assert_eq!(got.shape(), want.shape());
    let entries = got.iter().zip(want);
    entries
        .map(|(&got, &want)| units(got, want, points, one_ulp, scale))
        .fold(0.0, f64::max)
}
