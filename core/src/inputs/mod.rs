//! Network inputs, validated once at the door.

mod geometry;

use std::borrow::Cow;

use nalgebra::DMatrix;

pub use geometry::{NEARLY_PARALLEL, input_covariance, nearly_parallel};

use crate::numerics::dot;
use crate::{Error, PairCovariance, Result, Scalar};

/// Squared norms outside of this range are refused: their products and ratios could leave the range of `f64`.
const SQUARED_NORM: std::ops::RangeInclusive<f64> = 1e-280..=1e280;

/// `len()` points of dimension `dimension()`, stored row by row: what a network is evaluated at.
///
/// Every entry is finite, there is at least one point, and every point has the same dimension $d \ge 1$; the
/// zero vector is a valid point (a function that needs its direction says so). Data that is already
/// contiguous is borrowed, not copied.
///
/// ```
/// use neural_limits::Inputs;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// assert_eq!((x.len(), x.dimension()), (2, 2));
/// let error = Inputs::from_rows(&[[1.0, f64::NAN]]).unwrap_err();
/// assert_eq!(error.to_string(), "inputs[0][1] = NaN: expected a finite number");
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs<'a, T: Scalar = f64> {
    data: Cow<'a, [T]>,
    dimension: usize,
}

impl Inputs<'static> {
    /// Copies points given one by one. ([`from_f32_rows`](Inputs::from_f32_rows) is its twin in single
    /// precision: two names, so that literals need no annotation.)
    ///
    /// # Errors
    /// [`Error::Shape`] for no points, points of dimension 0, or ragged rows; [`Error::Invalid`] naming the
    /// first entry that is not finite or the first point whose squared norm is neither 0 nor within
    /// `1e-280..=1e280`.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let net = Mlp::new(Relu).at_depth(2)?;
    /// let x = Inputs::from_rows(&[[1.0, 0.2], [0.3, 0.9]])?;
    /// let k = net.nngp(&x)?;
    /// assert!(k[(0, 1)].sqrt() < 1.0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self> {
        Self::of_rows(rows)
    }
}

impl Inputs<'static, f32> {
    /// Copies points in single precision.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn from_f32_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self> {
        Self::of_rows(rows)
    }
}

impl<T: Scalar> Inputs<'static, T> {
    fn of_rows<R: AsRef<[T]>>(rows: &[R]) -> Result<Self> {
        let dimension = rows.first().map_or(0, |row| row.as_ref().len());
        let mut data = Vec::with_capacity(rows.len() * dimension);
        for (i, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != dimension {
                return Err(Error::shape(
                    format!("inputs[{i}]"),
                    format!("dimension {}", row.len()),
                    format!("{dimension}, the dimension of inputs[0]"),
                ));
            }
            data.extend_from_slice(row);
        }
        Inputs::checked(Cow::Owned(data), dimension)
    }

    /// Copies the rows of a matrix, in either precision.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`].
    pub fn from_matrix(rows: &DMatrix<T>) -> Result<Self> {
        let data = rows.transpose().as_slice().to_vec();
        Inputs::checked(Cow::Owned(data), rows.ncols())
    }
}

impl<'a> Inputs<'a> {
    /// Borrows contiguous points: `data` holds them one after the other, each of dimension `dimension`.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::Shape`] if the length is not a multiple of the dimension.
    pub fn from_slice(data: &'a [f64], dimension: usize) -> Result<Self> {
        Self::checked(Cow::Borrowed(data), dimension)
    }
}

impl<'a> Inputs<'a, f32> {
    /// [`from_slice`](Inputs::from_slice) in single precision.
    ///
    /// # Errors
    /// As [`Inputs::from_slice`].
    pub fn from_f32_slice(data: &'a [f32], dimension: usize) -> Result<Self> {
        Self::checked(Cow::Borrowed(data), dimension)
    }
}

impl<'a, T: Scalar> Inputs<'a, T> {
    fn checked(data: Cow<'a, [T]>, dimension: usize) -> Result<Self> {
        if dimension == 0 {
            return Err(Error::shape(
                "inputs",
                "no point or dimension 0",
                "at least one point of dimension >= 1",
            ));
        }
        if data.is_empty() || !data.len().is_multiple_of(dimension) {
            return Err(Error::shape(
                "inputs",
                format!("{} entries", data.len()),
                format!("a positive multiple of the dimension {dimension}"),
            ));
        }
        let inputs = Self { data, dimension };
        for (i, point) in inputs.points().enumerate() {
            if let Some(j) = point.iter().position(|entry| !entry.is_finite()) {
                return Err(Error::invalid(
                    format!("inputs[{i}][{j}]"),
                    point[j],
                    "a finite number",
                ));
            }
            let squared_norm = dot(point, point);
            if !SQUARED_NORM.contains(&squared_norm) && point.iter().any(|entry| !entry.is_zero()) {
                return Err(Error::invalid(
                    format!("the squared norm of inputs[{i}]"),
                    format!("{squared_norm:e}"),
                    "0 or a number in [1e-280, 1e280]",
                ));
            }
        }
        Ok(inputs)
    }

    /// The number of points, at least 1.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.data.len() / self.dimension
    }

    /// The dimension $d \ge 1$ of every point.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The points, in order.
    pub fn points(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.data.chunks_exact(self.dimension)
    }

    /// The point of index `i`, if there is one.
    pub fn point(&self, i: usize) -> Option<&[T]> {
        self.data.chunks_exact(self.dimension).nth(i)
    }

    /// Several points, one after the other.
    pub fn slice(&self, points: std::ops::Range<usize>) -> &[T] {
        &self.data[points.start * self.dimension..points.end * self.dimension]
    }

    /// [`Error::Shape`] unless `other` has the same dimension.
    pub fn same_dimension<U: Scalar>(&self, other: &Inputs<'_, U>) -> Result<()> {
        if self.dimension == other.dimension {
            Ok(())
        } else {
            Err(Error::shape(
                "the second set of inputs",
                format!("dimension {}", other.dimension),
                format!("{}, the dimension of the first", self.dimension),
            ))
        }
    }
}

/// [`input_covariance`] of two points that have not been checked.
///
/// # Errors
/// As [`Inputs::from_rows`].
pub fn checked_covariance<T: Scalar>(a: &[T], b: &[T]) -> Result<PairCovariance> {
    Inputs::of_rows(&[a, b])?;
    Ok(input_covariance(a, b))
}
