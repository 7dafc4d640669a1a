//! The crate's one error type, and the checks that raise it at the door.

use std::fmt::Display;

use crate::vectorized::vectorized;

/// Why a computation was refused or could not give a finite, meaningful number.
///
/// Every variant names the argument or quantity concerned, the value found, and what was expected,
/// so that the message alone tells what to change.
///
/// ```
/// use neural_limits::Initialization;
/// let error = Initialization::new(-1.0, 0.0).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "weight_variance = -1: expected a finite number >= 0"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside of its domain (NaN, infinite, negative, zero, too large …).
    #[error("{argument} = {value}: expected {expected}")]
    Invalid {
        /// The argument's name, with an index where it is an element: `inputs[3][7]`.
        argument: String,
        /// The value that was given.
        value: String,
        /// What the argument may be.
        expected: String,
    },
    /// Two shapes that must agree do not, or something is empty.
    #[error("{argument} has {found}: expected {expected}")]
    Shape {
        /// The argument's name.
        argument: String,
        /// The shape that was given.
        found: String,
        /// The shape that is needed.
        expected: String,
    },
    /// A direction is needed, and the vector is zero.
    #[error("{argument} is the zero vector: expected a vector with a direction")]
    ZeroVector {
        /// The argument's name.
        argument: String,
    },
    /// The result is finite in theory but larger than the floating-point format can hold.
    #[error("{quantity} overflows: {} {limit:.6e}", expected_logarithm(*.log))]
    Overflow {
        /// What overflows.
        quantity: String,
        /// The natural logarithm of the result ($+\infty$ where it is not known).
        #[cfg_attr(feature = "serde", serde(deserialize_with = "or_infinite"))]
        log: f64,
        /// The natural logarithm of the largest finite number of the format.
        limit: f64,
    },
    /// The quantity has no value at these arguments (the correlation of a network whose neurons are
    /// all zero, a limit that diverges).
    #[error("{quantity} is undefined: {reason}")]
    Undefined {
        /// What has no value.
        quantity: String,
        /// Why.
        reason: String,
    },
    /// A covariance matrix cannot be inverted in double precision: it is singular (points twice, fewer
    /// features than points), or nearly so (smooth kernels on fine grids).
    #[error(
        "{matrix} is singular at pivot {pivot}, which is {size:.3e}: {ridge:.3e} on the diagonal would do"
    )]
    Singular {
        /// Which matrix.
        matrix: String,
        /// The row, counted from 0, of the first pivot that is not positive, or else of the smallest.
        pivot: usize,
        /// What is left of the diagonal entry when the rows before it are accounted for.
        size: f64,
        /// A number that, added to the diagonal, was found to make the matrix invertible.
        ridge: f64,
    },
    /// The crate knows no route to what was asked.
    #[error("{what} is not available: {reason}")]
    Unsupported {
        /// What was asked.
        what: String,
        /// Why it cannot be had, and what can.
        reason: String,
    },
    /// An iteration or an adaptive integrator did not reach its tolerance.
    #[error("{what} did not converge: reached {reached:.3e}, expected {tolerance:.3e}")]
    NotConverged {
        /// What was computed.
        what: String,
        /// The error estimate reached.
        #[cfg_attr(feature = "serde", serde(deserialize_with = "or_infinite"))]
        reached: f64,
        /// The error estimate wanted.
        tolerance: f64,
    },
    /// The memory for a result cannot be had.
    #[error("{quantity} needs {bytes} bytes, which cannot be allocated")]
    OutOfMemory {
        /// What needs the memory.
        quantity: String,
        /// How much.
        bytes: u128,
    },
    /// Reading or writing a file failed.
    #[error("{path}: {reason}")]
    Io {
        /// The file.
        path: String,
        /// What the operating system or the writer said.
        reason: String,
    },
}

/// JSON has no infinity, and writes null for it.
#[cfg(feature = "serde")]
fn or_infinite<'de, D: serde::Deserializer<'de>>(source: D) -> std::result::Result<f64, D::Error> {
    let found: Option<f64> = serde::Deserialize::deserialize(source)?;
    Ok(found.unwrap_or(f64::INFINITY))
}

/// The crate's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// [`Error::Invalid`] of the value as it is displayed.
    pub fn invalid(
        argument: impl Into<String>,
        value: impl Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            argument: argument.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }

    /// [`Error::Shape`].
    pub fn shape(
        argument: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Shape {
            argument: argument.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// An overflow of unknown size.
    pub fn overflow(quantity: impl Into<String>) -> Self {
        Self::Overflow {
            quantity: quantity.into(),
            log: f64::INFINITY,
            limit: f64::MAX.ln(),
        }
    }

    /// An overflow of unknown size says at which layer it happened, counted from 1, what the layer is, and
    /// the natural logarithm of the largest variance that entered it.
    pub fn at_layer(self, layer: usize, name: &str, variance: f64) -> Self {
        match self {
            Self::Overflow {
                quantity,
                log,
                limit,
            } if log == f64::INFINITY => Self::Overflow {
                quantity: format!(
                    "{quantity} at layer {layer} ({name}), entered by a variance of natural logarithm \
                     {:.6e},",
                    variance.ln()
                ),
                log,
                limit,
            },
            other => other,
        }
    }

    /// No room for `entries` numbers in double precision.
    pub(crate) fn out_of_memory(quantity: &str, entries: u128) -> Self {
        Self::OutOfMemory {
            quantity: quantity.to_owned(),
            bytes: 8 * entries,
        }
    }

    /// [`Error::Undefined`].
    pub fn undefined(quantity: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Undefined {
            quantity: quantity.into(),
            reason: reason.into(),
        }
    }

    /// [`Error::Unsupported`].
    pub fn unsupported(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            what: what.into(),
            reason: reason.into(),
        }
    }
}

/// The size of an overflow, where it is known, and what precedes the largest that it may have.
fn expected_logarithm(log: f64) -> String {
    if log.is_finite() {
        format!("its natural logarithm is about {log:.6e}, expected at most")
    } else {
        "expected a natural logarithm of at most".to_owned()
    }
}

/// `value`, if it is a finite number >= 0.
pub fn non_negative(argument: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Error::invalid(argument, value, "a finite number >= 0"))
    }
}

/// `value`, if it is a finite number.
pub fn finite(argument: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::invalid(argument, value, "a finite number"))
    }
}

/// `value`, if it and its square are finite numbers.
pub fn finite_square(argument: &str, value: f64) -> Result<f64> {
    if finite(argument, value)?.powi(2).is_finite() {
        Ok(value)
    } else {
        Err(Error::invalid(
            argument,
            value,
            "a number with a finite square",
        ))
    }
}

/// `value`, if it lies in $[-1, 1]$.
pub fn correlation(argument: &str, value: f64) -> Result<f64> {
    if (-1.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::invalid(argument, value, "a correlation in [-1, 1]"))
    }
}

/// `value`, if it is $1 - c$ for a correlation $c$.
pub fn complement(argument: &str, value: f64) -> Result<f64> {
    if (0.0..=2.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::invalid(
            argument,
            value,
            "a complement 1 - c in [0, 2]",
        ))
    }
}

/// `value`, if it lies in $[0, 1]$.
pub fn unit_interval(argument: &str, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::invalid(argument, value, "a number in [0, 1]"))
    }
}

/// The largest width, depth or number of samples: beyond it the bookkeeping alone fills any memory.
pub(crate) const LARGEST_SIZE: usize = 1_000_000_000;

/// `value`, if it is a size: from 1 to `LARGEST_SIZE`.
pub fn size(argument: &str, value: usize) -> Result<usize> {
    match value {
        0 => Err(Error::invalid(argument, value, "an integer >= 1")),
        1..=LARGEST_SIZE => Ok(value),
        _ => Err(Error::invalid(
            argument,
            value,
            format!("an integer <= {LARGEST_SIZE}"),
        )),
    }
}

/// The index of the first element outside of $[\text{low}, \text{high}]$ (NaN is outside), in one vectorised
/// pass where there is none.
pub fn first_outside(x: &[f64], low: f64, high: f64) -> Option<usize> {
    let inside = vectorized(
        #[inline(always)]
        || {
            let mut inside = true;
            for &x in x {
                inside &= (x >= low) & (x <= high);
            }
            inside
        },
    );
    if inside {
        None
    } else {
        x.iter().position(|x| !(low..=high).contains(x))
    }
}
