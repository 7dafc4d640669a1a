//! Reference values under `tests/data`, and the unit in the last place.
#![allow(dead_code)] // each test binary uses a part

use serde_json::Value;

/// `tests/data/truth.json`.
pub fn truth() -> Value {
    serde_json::from_str(include_str!("../data/truth.json")).expect("valid JSON")
}

/// `tests/data/neural_tangents.json`.
pub fn neural_tangents() -> Value {
    serde_json::from_str(include_str!("../data/neural_tangents.json")).expect("valid JSON")
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
