//! Reference values under `tests/data`, and the unit in the last place.

pub mod inference;

use std::sync::Arc;

use neural_limits::activation::{Dual, entries, named, with_parameters};
use serde_json::Value;

/// `tests/data/truth.json`.
pub fn truth() -> Value {
    serde_json::from_str(include_str!("../../data/truth.json")).expect("valid JSON")
}

/// `tests/data/neural_tangents.json`.
pub fn neural_tangents() -> Value {
    serde_json::from_str(include_str!("../../data/neural_tangents.json")).expect("valid JSON")
}

/// `tests/data/duals.json`.
pub fn duals() -> Value {
    serde_json::from_str(include_str!("../../data/duals.json")).expect("valid JSON")
}

/// `tests/data/kernels.json`.
pub fn kernels() -> Value {
    serde_json::from_str(include_str!("../../data/kernels.json")).expect("valid JSON")
}

/// A field that holds a decimal number as text.
pub fn decimal(value: &Value, field: &str) -> f64 {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"))
        .parse()
        .expect("a decimal number")
}

/// A field that holds a hexadecimal float: ±0x1.8p-3.
pub fn hexadecimal(value: &Value, field: &str) -> f64 {
    let text = value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"));
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (mantissa, exponent) = digits
        .strip_prefix("0x")
        .and_then(|digits| digits.split_once('p'))
        .expect("0x…p…");
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let bits =
        u64::from_str_radix(&format!("{integer}{fraction}"), 16).expect("hexadecimal digits");
    let exponent = exponent.parse::<i32>().expect("an exponent") - 4 * fraction.len() as i32;
    sign * bits as f64 * 2f64.powi(exponent)
}

/// |value − exact| in units of the last place of `exact`.
pub fn ulps(value: f64, exact: f64) -> f64 {
    let magnitude = exact.abs().max(f64::MIN_POSITIVE);
    let ulp = f64::from_bits(magnitude.to_bits() + 1) - magnitude;
    (value - exact).abs() / ulp
}

/// The matrix in a JSON array of arrays.
pub fn rows(value: &Value) -> Vec<Vec<f64>> {
    value
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            row.as_array()
                .expect("a row")
                .iter()
                .map(|entry| entry.as_f64().expect("a number"))
                .collect()
        })
        .collect()
}

/// The activation of a network of `neural_tangents.json`.
pub fn named_activation(description: &Value) -> Arc<dyn Dual> {
    let parameter = |field: &str| description[field].as_f64();
    match description["name"].as_str().expect("a name") {
        "polynomial" => {
            let list: Vec<String> = rows(&serde_json::json!([description["coef"]]))[0]
                .iter()
                .map(f64::to_string)
                .collect();
            named(&format!("polynomial({})", list.join(", ")))
        }
        // the peer's map k → k^degree
        "hermite" => with_parameters("power_kernel", parameter),
        name => with_parameters(name, parameter),
    }
    .unwrap()
}

/// An activation of the crate, under its key in `duals.json`.
pub struct Row {
    pub key: &'static str,
    /// How its duals are computed.
    pub route: &'static str,
    pub activation: Arc<dyn Dual>,
}

/// Quadrature, for analytic activations.
pub const MIXTURE: &str = "Gaussian mixture";

/// Quadrature, for activations with kinks.
pub const ANGLE: &str = "Price's theorem in the angle";

/// Keys of `duals.json`, and the activations that they stand for.
const KEYS: [(&str, &str); 36] = [
    ("relu", "relu"),
    ("leaky_relu", "leaky_relu(0.2)"),
    ("ab_relu", "ab_relu(-0.3, 1.4)"),
    ("abs", "abs"),
    ("identity", "identity"),
    ("shaped_relu", "shaped_relu(-1, 0, 100)"),
    ("sign", "sign"),
    ("step", "step"),
    ("rectified_monomial_2", "rectified_monomial(2)"),
    ("rectified_monomial_3", "rectified_monomial(3)"),
    ("erf", "erf(1, 1, 0)"),
    ("erf_abc", "erf(1.2, 0.7, 0.1)"),
    ("gelu", "gelu"),
    ("sine", "sin(1, 1, 0)"),
    ("sine_abc", "sin(1.5, 0.7, 0.3)"),
    ("cosine", "cos(1, 1, 0)"),
    ("random_fourier", "rbf(1)"),
    ("exponential", "exp(0.5, 0.4)"),
    ("gaussian", "gaussian(1, -1)"),
    ("gabor", "gabor"),
    ("polynomial", "polynomial(0.2, 1, -0.1)"),
    ("monomial_3", "monomial(3)"),
    ("exp_normalized", "exp_normalized(1, -1)"),
    ("power_kernel_2", "power_kernel(2)"),
    ("tanh", "tanh"),
    ("sigmoid", "sigmoid"),
    ("silu", "silu"),
    ("softplus", "softplus"),
    ("mish", "mish"),
    ("elu", "elu(1)"),
    ("celu", "celu(0.5)"),
    ("selu", "selu"),
    ("hard_tanh", "hard_tanh"),
    ("hard_sigmoid", "hard_sigmoid"),
    ("relu6", "relu6"),
    ("softsign", "softsign"),
];

/// All activations of the crate.
pub fn every_activation() -> Vec<Row> {
    let row = |(key, description): (&'static str, &str)| {
        let name = description.split('(').next();
        let entry = entries().find(|entry| Some(entry.name()) == name);
        Row {
            key,
            route: entry.expect("a name").route(),
            activation: named(description).unwrap(),
        }
    };
    KEYS.map(row).into()
}
