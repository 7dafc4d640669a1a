//! Duals of activations against decimal numbers.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use neural_limits::activation::{Dual, named};
use neural_limits::{Error, PairCovariance};
use serde_json::Value;

use crate::network::with_our_name;

/// The errors that documentation grants: of E[φφ] relative to √(V_a V_b), of E[φ′φ′] relative to
/// √(E[φ′²] E[φ′²]), of 1 − c′ relative to itself.
const GRANTED: [f64; 3] = [1e-12, 1e-12, 1e-11];

/// The least 1 − c′ that the truth tells from 0, and what is 0 in doubles: the square of a rounding.
const SMALLEST: f64 = 1e-36;
const SQUARED_ROUNDING: f64 = 1e-31;

/// Keys of `tests/data/duals.json` that are not [`named`] by themselves, or with other parameters.
const KEYS: [(&str, &str); 15] = [
    ("leaky_relu", "leaky_relu(0.2)"),
    ("shaped_relu", "shaped_relu(-1, 0, 100)"),
    ("rectified_monomial_2", "rectified_monomial(2)"),
    ("rectified_monomial_3", "rectified_monomial(3)"),
    ("erf_abc", "erf(1.2, 0.7, 0.1)"),
    ("sine", "sin(1, 1, 0)"),
    ("sine_abc", "sin(1.5, 0.7, 0.3)"),
    ("cosine", "cos(1, 1, 0)"),
    ("random_fourier", "rbf(1)"),
    ("exponential", "exp(0.5, 0.4)"),
    ("polynomial", "polynomial(0.2, 1, -0.1)"),
    ("monomial_3", "monomial(3)"),
    ("power_kernel_2", "power_kernel(2)"),
    ("elu", "elu(1)"),
    ("celu", "celu(0.5)"),
];

/// What came of an activation's list.
pub struct Row {
    name: String,
    points: usize,
    /// By quantity, its worst error and where it is.
    worst: [(f64, String); 3],
    microseconds: f64,
    /// Why it fails.
    failure: Option<String>,
}

impl Row {
    pub fn passes(&self) -> bool {
        self.failure.is_none()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:24} {:5} points", self.name, self.points)?;
        for (name, (error, _)) in ["φφ", "φ′φ′", "1-c′"].iter().zip(&self.worst) {
            write!(f, "  {name} {error:8.1e}")?;
        }
        write!(f, "  {:9.2} us  ", self.microseconds)?;
        match &self.failure {
            None => f.write_str("pass"),
            Some(reason) => write!(f, "FAIL {reason}"),
        }
    }
}

/// The lists of a file, by activation: under `duals`, or the file itself.
pub fn lists(file: &Value) -> Vec<(String, Vec<Value>)> {
    let object = match file.get("duals") {
        Some(duals) => duals.as_object(),
        None => file.as_object(),
    };
    let mut lists = Vec::new();
    for (name, list) in object.into_iter().flatten() {
        // a file of kernels has other lists
        if let Some(list) = list.as_array()
            && list
                .iter()
                .all(|point| point.as_array().is_some_and(|p| p.len() == 8))
        {
            lists.push((name.clone(), list.clone()));
        }
    }
    lists
}

/// A number, or one in decimal digits.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_f64(),
    }
}

pub fn evaluate(name: &str, list: &[Value]) -> Row {
    let mut row = Row {
        name: name.to_owned(),
        points: list.len(),
        worst: Default::default(),
        microseconds: 0.0,
        failure: None,
    };
    let key = KEYS.iter().find(|(key, _)| *key == name);
    let description = key.map_or_else(|| with_our_name(name), |(_, ours)| (*ours).to_owned());
    let phi = match named(&description) {
        Ok(phi) => phi,
        Err(error) => {
            row.failure = Some(error.to_string());
            return row;
        }
    };
    for point in list {
        let numbers: Option<Vec<f64>> = match point.as_array() {
            Some(point) => point.iter().map(number).collect(),
            None => None,
        };
        let Some(numbers) = numbers else {
            row.failure = Some(format!("{point} is not a list of numbers"));
            return row;
        };
        let place = format!(
            "q = {:e}, {:e}, 1 - c = {:e}",
            numbers[0], numbers[1], numbers[2]
        );
        match compare(&*phi, &numbers) {
            Ok(errors) => {
                for (worst, (error, granted)) in row.worst.iter_mut().zip(errors) {
                    // relative to what is granted here
                    if error > worst.0 || error.is_nan() {
                        *worst = (error, place.clone());
                    }
                    if (error > granted || error.is_nan()) && row.failure.is_none() {
                        row.failure = Some(format!("{error:.1e} > {granted:.1e} at {place}"));
                    }
                }
            }
            Err(error) => row.failure = Some(format!("{place}: {error}")),
        }
    }
    row.microseconds = time(&*phi, list);
    row
}

/// Microseconds for both duals of a pair, the mean of the list.
fn time(phi: &dyn Dual, list: &[Value]) -> f64 {
    let pairs: Vec<PairCovariance> = list
        .iter()
        .filter_map(|point| {
            let [a, b, epsilon] = [0, 1, 2].map(|i| number(&point[i]).unwrap_or(f64::NAN));
            PairCovariance::with_complement(a, b, epsilon).ok()
        })
        .collect();
    let start = Instant::now();
    for &pair in &pairs {
        let _ = black_box(phi.duals(black_box(pair)));
    }
    1e6 * start.elapsed().as_secs_f64() / pairs.len().max(1) as f64
}

/// What is compared: E[φφ], E[φ′φ′] and 1 − c′.
fn values(phi: &dyn Dual, [qa, qb, epsilon]: [f64; 3]) -> Result<[f64; 3], Error> {
    let pair = PairCovariance::with_complement(qa, qb, epsilon)?;
    let dual = phi.dual(pair)?;
    Ok([
        dual.covariance(),
        phi.derivative_dual(pair)?,
        dual.one_minus_correlation(),
    ])
}

/// The errors of the three quantities, each with what is granted.
fn compare(phi: &dyn Dual, numbers: &[f64]) -> Result<[(f64, f64); 3], Error> {
    let [qa, qb, epsilon] = [numbers[0], numbers[1], numbers[2]];
    let is_one_variable = qa == qb && epsilon == 0.0;
    let complement = if is_one_variable { 0.0 } else { numbers[7] };
    let truth = [numbers[3], numbers[6], complement];
    let found = values(phi, [qa, qb, epsilon])?;
    let slopes = |q: f64| Ok(values(phi, [q, q, 0.0])?[1]);
    let scales = [
        (numbers[4] * numbers[5]).sqrt(),
        (slopes(qa)? * slopes(qb)?).sqrt(),
        truth[2],
    ];
    let rounding = rounding_of_arguments(phi, [qa, qb, epsilon], found)?;
    let mut errors = [(0.0, 0.0); 3];
    for i in 0..3 {
        let difference = (found[i] - truth[i]).abs();
        let means_nothing = match i {
            // at a kink without variance φ′ is a convention
            1 => qa * qb == 0.0 && !phi.kinks().is_empty(),
            // beside a variance of 0 so is the correlation; what is smaller is the rounding of the truth
            2 => scales[0] == 0.0 || (truth[2].abs() < SMALLEST && found[2] < SQUARED_ROUNDING),
            _ => false,
        };
        if difference == 0.0 || means_nothing {
            continue;
        }
        let scale = scales[i].max(f64::MIN_POSITIVE);
        errors[i] = (difference / scale, GRANTED[i] + rounding[i] / scale);
    }
    Ok(errors)
}

/// How far the quantities move because the arguments are doubles, and the truth belongs to decimal numbers:
/// slopes by difference quotients, times half of a unit in the last place. Near $c = -1$, where $1 - c$ has
/// few digits of $1 + c$, this is what limits an even function's $1 - c^\prime$ and the slopes at a kink.
fn rounding_of_arguments(
    phi: &dyn Dual,
    [qa, qb, epsilon]: [f64; 3],
    here: [f64; 3],
) -> Result<[f64; 3], Error> {
    const UNIT: f64 = 0.5 * f64::EPSILON;
    let mut moved = [0.0; 3];
    let mut add = |there: [f64; 3], factor: f64| {
        for ((moved, there), here) in moved.iter_mut().zip(there).zip(here) {
            *moved += factor * (there - here).abs();
        }
    };
    let nearer = epsilon.min(2.0 - epsilon);
    let rounding = 2.0 * UNIT * epsilon;
    if epsilon > 0.0 {
        // too near an end for a slope: the whole way
        let step = (1e-3 * nearer).max(rounding);
        let inwards = if epsilon > 1.0 { -step } else { step };
        let there = values(phi, [qa, qb, epsilon + inwards])?;
        add(there, (rounding / step).max(f64::from(epsilon == 2.0)));
    }
    let step = 1e-6;
    if qa == qb {
        add(
            values(phi, [qa * (1.0 + step), qb * (1.0 + step), epsilon])?,
            UNIT / step,
        );
    } else {
        add(values(phi, [qa * (1.0 + step), qb, epsilon])?, UNIT / step);
        add(values(phi, [qa, qb * (1.0 + step), epsilon])?, UNIT / step);
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Vec<(String, Vec<Value>)> {
        let text = include_str!("../../tests/data/duals.json");
        lists(&serde_json::from_str(text).unwrap())
    }

    /// Those whose 1 − c′ keeps its digits between any two variances.
    #[test]
    fn duals_of_the_reference_pass() {
        let lists = reference();
        assert_eq!(lists.len(), 36);
        for (name, list) in lists {
            if ["relu", "leaky_relu", "abs", "exp_normalized", "monomial_3"].contains(&&*name) {
                let row = evaluate(&name, &list);
                assert!(row.passes(), "{row}");
            }
        }
    }

    #[test]
    fn a_wrong_value_fails() {
        let mut lists = reference().into_iter();
        let (_, mut list) = lists.find(|(name, _)| name == "gelu").unwrap();
        list.retain(|point| point[0] == point[1]);
        assert!(evaluate("gelu", &list).passes());
        for (column, factor) in [(3, 1.0 + 1e-11), (6, 1.0 + 1e-11), (7, 1.0 + 1e-10)] {
            let mut list = list.clone();
            // well-conditioned: q = 1, 1 − c not small
            let point = list.iter_mut().find(|point| point[2] == 0.25).unwrap();
            let value = number(&point[column]).unwrap() * factor;
            point[column] = Value::String(format!("{value:e}"));
            assert!(!evaluate("gelu", &list).passes(), "column {column}");
        }
    }

    #[test]
    fn numbers_may_be_decimal_strings() {
        let json = r#"{"duals": {"relu": [["1", "1.0", "0", "0.5", "0.5", "0.5", "0.5", "0.0"]]}}"#;
        let lists = lists(&serde_json::from_str(json).unwrap());
        assert!(evaluate(&lists[0].0, &lists[0].1).passes());
    }
}
