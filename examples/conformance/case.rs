//! One case: evaluated, compared, and judged.

use std::fmt;
use std::path::Path;

use nalgebra::DMatrix;
use neural_limits::network::{Description, Network};
use neural_limits::{Error, Inputs};
use serde_json::Value;

use crate::network::{Refusal, describe};
use crate::rounding;

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

/// A file in JSON. Python writes NaN and Infinity, which JSON does not know: they become null.
pub fn read(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&without_infinities(&text)).map_err(|error| error.to_string())
}

/// The networks of a file: itself, or its `cases`.
pub fn cases(file: &Value) -> &[Value] {
    let list = file.as_array().or_else(|| file["cases"].as_array());
    list.map_or(&[], Vec::as_slice)
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
pub fn matrix(value: &Value) -> Option<Vec<Vec<f64>>> {
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
    let (description, network) = match describe(&case["network"]) {
        Ok(description) => match description.build() {
            Ok(network) => (description, network),
            Err(error) => return Outcome::Failed(error.to_string()),
        },
        Err(Refusal::Unsupported(kind)) => return Outcome::Unsupported(kind),
        Err(Refusal::Malformed(reason)) => return Outcome::Failed(reason),
    };
    match compare(case, (&description, &network), tolerance) {
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

fn compare(
    case: &Value,
    (description, network): (&Description, &Network),
    tolerance: f64,
) -> Result<Comparison, Failure> {
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
                    let slack = rounding::of_the_peer(description, (&x, i), (y, j))?
                        [usize::from(with_tangent)];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Vec<Value> {
        cases(&read(Path::new("../tests/data/neural_tangents.json")).unwrap()).to_vec()
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

    /// Ten layers of doubles in the naive way, with nearly parallel points: right entries pass, though
    /// doubles have lost half of their digits there; an entry of two points in general position that is off
    /// by 1e-9 fails.
    #[test]
    fn a_reference_that_rounds_passes_and_one_that_is_wrong_fails() {
        let file = read(Path::new("../tests/data/naive_kernels.json")).unwrap();
        let mut disputed = 0;
        for case in cases(&file) {
            let Outcome::Compared(comparison) = evaluate(case, 1e-12) else {
                panic!("a comparison");
            };
            assert!(comparison.passes(), "{}: {comparison}", case["name"]);
            disputed += comparison.disputed;
            for which in ["nngp", "ntk"] {
                let mut wrong = case.clone();
                let entry = &mut wrong["expect"][which][0][7];
                *entry = Value::from(entry.as_f64().unwrap() * (1.0 + 1e-9));
                let outcome = evaluate(&wrong, 1e-12);
                assert!(matches!(outcome, Outcome::Compared(comparison) if !comparison.passes()));
            }
        }
        assert!(disputed > 0);
    }

    #[test]
    fn what_is_not_json_is_read_as_python_means_it() {
        assert_eq!(
            without_infinities(r#"[NaN, -Infinity, "NaN \" NaN"]"#),
            r#"[null, null, "NaN \" NaN"]"#
        );
    }
}
