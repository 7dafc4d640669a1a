//! One case: evaluated, compared, and judged.

use std::fmt;
use std::path::Path;

use nalgebra::DMatrix;
use neural_limits::network::{KernelBlock, Layer, Network};
use neural_limits::{Error, Inputs, PairCorrelation};
use serde_json::Value;

use crate::network::{Refusal, describe};

/// What came of a case.
pub enum Outcome {
    Compared(Comparison),
    Unsupported(String),
    Failed(String),
}

/// The worst errors of both kernels.
pub struct Comparison {
    nngp: Option<f64>,
    ntk: Option<f64>,
    /// Entries whose error is within what the peer's own rounding of the correlation can do, though above the
    /// tolerance.
    disputed: usize,
    /// Entries that the file has no finite number for.
    absent: usize,
    passes: bool,
}

impl Comparison {
    pub fn passes(&self) -> bool {
        self.passes
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, error) in [("nngp", self.nngp), ("ntk", self.ntk)] {
            match error {
                Some(error) => write!(f, "{name} {error:8.1e}  ")?,
                None => write!(f, "{name} {:>8}  ", "-")?,
            }
        }
        write!(f, "{}", if self.passes { "pass" } else { "FAIL" })?;
        if self.disputed > 0 {
            write!(
                f,
                "  ({} entries within the reference's own error)",
                self.disputed
            )?;
        }
        if self.absent > 0 {
            write!(f, "  ({} entries not finite in the reference)", self.absent)?;
        }
        Ok(())
    }
}

/// The cases of a file. Python writes NaN and Infinity, which JSON does not know: they become null.
pub fn read(file: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let value: Value =
        serde_json::from_str(&without_infinities(&text)).map_err(|error| error.to_string())?;
    match value {
        Value::Array(cases) => Ok(cases),
        Value::Object(mut object) => match object.remove("cases") {
            Some(Value::Array(cases)) => Ok(cases),
            _ => Err("no list of cases".to_owned()),
        },
        _ => Err("neither a list of cases nor an object with one".to_owned()),
    }
}

/// Replaces NaN and ±Infinity outside of strings.
fn without_infinities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(next) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"]
            .iter()
            .find(|word| !quoted && rest.starts_with(**word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        if quoted && next == '\\' {
            // an escaped character, quotes among them
            let length = next.len_utf8() + rest.chars().nth(1).map_or(0, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        quoted ^= next == '"';
        out.push(next);
        rest = &rest[next.len_utf8()..];
    }
    out
}

/// A matrix; null entries become NaN. `None` if it is not one.
fn matrix(value: &Value) -> Option<Vec<Vec<f64>>> {
    let rows = value.as_array()?;
    rows.iter()
        .map(|row| {
            let entries = row.as_array()?.iter();
            entries
                .map(|entry| match entry {
                    Value::Null => Some(f64::NAN),
                    _ => entry.as_f64(),
                })
                .collect()
        })
        .collect()
}

pub fn evaluate(case: &Value, tolerance: f64) -> Outcome {
    let network = match describe(&case["network"]) {
        Ok(description) => match description.build() {
            Ok(network) => network,
            Err(error) => return Outcome::Failed(error.to_string()),
        },
        Err(Refusal::Unsupported(kind)) => return Outcome::Unsupported(kind),
        Err(Refusal::Malformed(reason)) => return Outcome::Failed(reason),
    };
    match compare(case, &network, tolerance) {
        Ok(comparison) => Outcome::Compared(comparison),
        Err(Failure::Kernel(Error::Unsupported { what, .. })) => Outcome::Unsupported(what),
        Err(Failure::Kernel(error)) => Outcome::Failed(error.to_string()),
        Err(Failure::Malformed(reason)) => Outcome::Failed(reason),
    }
}

enum Failure {
    Kernel(Error),
    Malformed(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

fn compare(case: &Value, network: &Network, tolerance: f64) -> Result<Comparison, Failure> {
    let points = |field: &str| match matrix(&case[field]) {
        Some(rows) => Ok(rows),
        None => Err(Failure::Malformed(format!("{field} is not a matrix"))),
    };
    let x = Inputs::from_rows(&points("inputs")?)?;
    let second = match case.get("inputs2").filter(|inputs| !inputs.is_null()) {
        Some(_) => Some(Inputs::from_rows(&points("inputs2")?)?),
        None => None,
    };
    let y = second.as_ref().unwrap_or(&x);
    let mut comparison = Comparison {
        nngp: None,
        ntk: None,
        disputed: 0,
        absent: 0,
        passes: true,
    };
    for which in ["nngp", "ntk"] {
        let expected = &case["expect"][which];
        if expected.is_null() {
            continue;
        }
        let Some(expected) = matrix(expected) else {
            return Err(Failure::Malformed(format!(
                "expect.{which} is not a matrix"
            )));
        };
        let with_tangent = which == "ntk";
        let found: DMatrix<f64> = match (&second, with_tangent) {
            (None, false) => network.nngp(&x)?,
            (None, true) => network.ntk(&x)?,
            (Some(y), false) => network.nngp_between(&x, y)?,
            (Some(y), true) => network.ntk_between(&x, y)?,
        };
        let shape = (expected.len(), expected.first().map_or(0, Vec::len));
        if found.shape() != shape {
            return Err(Failure::Malformed(format!(
                "expect.{which} is {shape:?}, the kernel {:?}",
                found.shape()
            )));
        }
        let diagonal = |x: &Inputs| {
            if with_tangent {
                network.tangent_diagonal(x)
            } else {
                network.variances(x)
            }
        };
        let (a, b) = (diagonal(&x)?, diagonal(y)?);
        let mut worst = 0.0_f64;
        for (i, row) in expected.iter().enumerate() {
            for (j, &expected) in row.iter().enumerate() {
                if !expected.is_finite() {
                    comparison.absent += 1;
                    continue;
                }
                let scale = (a[i] * b[j]).sqrt();
                let difference = (found[(i, j)] - expected).abs();
                let error = if scale > 0.0 {
                    difference / scale
                } else {
                    difference
                };
                if error > tolerance {
                    let slack = reference_error(
                        (network, layers(&case["network"])),
                        &x,
                        y,
                        (i, j),
                        with_tangent,
                    )?;
                    if difference <= slack + tolerance * scale {
                        comparison.disputed += 1;
                        continue;
                    }
                    comparison.passes = false;
                }
                worst = worst.max(error);
            }
        }
        *(if with_tangent {
            &mut comparison.ntk
        } else {
            &mut comparison.nngp
        }) = Some(worst);
    }
    Ok(comparison)
}

/// How far an entry moves if every layer rounds its correlation: the reference carries $c$ itself, not
/// $1 - c$, and takes $\sqrt{1-c^2}$ of it, which for nearly parallel inputs has half of the digits. Found by
/// moving the inputs' correlation by a few units of rounding for every layer.
fn reference_error(
    (network, layers): (&Network, usize),
    x: &Inputs,
    y: &Inputs,
    (i, j): (usize, usize),
    with_tangent: bool,
) -> Result<f64, Error> {
    let (Some(a), Some(b)) = (x.point(i), y.point(j)) else {
        return Ok(0.0);
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (qa, qb) = (dot(a, a), dot(b, b));
    if qa == 0.0 || qb == 0.0 {
        return Ok(0.0);
    }
    let difference: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(x, y)| x / qa.sqrt() - y / qb.sqrt())
        .collect();
    let epsilon = (0.5 * dot(&difference, &difference)).min(2.0);
    let moved = 8.0 * f64::EPSILON * layers as f64;
    let dimension = a.len() as f64;
    let value = |epsilon: f64| -> Result<f64, Error> {
        let mut block = KernelBlock::new(
            vec![qa / dimension],
            vec![qb / dimension],
            vec![PairCorrelation::from_one_minus(epsilon.clamp(0.0, 2.0))?],
            with_tangent,
        )?;
        block.set_width(Some(dimension));
        network.apply(&mut block)?;
        Ok(match block.tangent() {
            Some(tangent) => tangent[0],
            None => {
                (block.variance_a()[0] * block.variance_b()[0]).sqrt()
                    * block.correlation()[0].value()
            }
        })
    };
    let here = value(epsilon)?;
    let (up, down) = (value(epsilon + moved)?, value(epsilon - moved)?);
    Ok((up - here).abs().max((down - here).abs()))
}

/// The number of layers that a case declares.
fn layers(network: &Value) -> usize {
    let listed = |field: &str| network[field].as_array().map(Vec::len);
    let hidden = network["hidden_layers"]
        .as_u64()
        .map(|count| count as usize);
    1 + hidden
        .or(listed("alphas"))
        .or(listed("layers"))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Vec<Value> {
        read(Path::new("tests/data/neural_tangents.json")).unwrap()
    }

    #[test]
    fn every_dense_network_of_the_reference_passes() {
        let mut passed = 0;
        for case in reference() {
            match evaluate(&case, 1e-12) {
                Outcome::Compared(comparison) => {
                    assert!(comparison.passes(), "{}: {comparison}", case["name"]);
                    passed += 1;
                }
                Outcome::Unsupported(kind) => {
                    assert!(["convolution", "attention"].contains(&kind.as_str()))
                }
                Outcome::Failed(reason) => panic!("{}: {reason}", case["name"]),
            }
        }
        assert_eq!(passed, 143);
    }

    #[test]
    fn a_wrong_kernel_fails() {
        for mut case in reference().into_iter().take(20) {
            let entry = &mut case["expect"]["nngp"][1][0];
            *entry = Value::from(entry.as_f64().unwrap() * (1.0 + 1e-11) + 1e-11);
            let outcome = evaluate(&case, 1e-12);
            assert!(matches!(outcome, Outcome::Compared(comparison) if !comparison.passes()));
        }
    }

    #[test]
    fn what_is_not_json_is_read_as_python_means_it() {
        assert_eq!(
            without_infinities(r#"[NaN, -Infinity, "NaN \" NaN"]"#),
            r#"[null, null, "NaN \" NaN"]"#
        );
    }
}
