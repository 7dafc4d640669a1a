//! Matrices over inputs, from a map of one pair's covariance.

use nalgebra::DMatrix;

use crate::inputs::input_covariance;
use crate::{Inputs, PairCovariance, Result, Scalar, parallel};

/// An entry from the covariance of two inputs.
pub(super) type Entry<'a> = &'a (dyn Fn(PairCovariance) -> Result<f64> + Sync);

/// The $m \times m$ matrix of `entry`, with `own` for a point and itself: each pair is computed once, so it
/// is symmetric to the bit.
pub(super) fn symmetric<T: Scalar>(
    x: &Inputs<'_, T>,
    quantity: &str,
    own: Entry<'_>,
    entry: Entry<'_>,
) -> Result<DMatrix<T>> {
    let points: Vec<&[T]> = x.points().collect();
    let rows = parallel::try_map(points.len(), |i| {
        let columns = points[..=i].iter().enumerate();
        columns
            .map(|(j, b)| {
                let k = input_covariance(points[i], b);
                T::narrow(quantity, if i == j { own(k)? } else { entry(k)? })
            })
            .collect::<Result<Vec<T>>>()
    })?;
    Ok(DMatrix::from_fn(points.len(), points.len(), |i, j| {
        rows[i.max(j)][i.min(j)]
    }))
}

/// The matrix of `entry` between two sets of inputs.
pub(super) fn rectangular<T: Scalar>(
    x: &Inputs<'_, T>,
    y: &Inputs<'_, T>,
    quantity: &str,
    entry: Entry<'_>,
) -> Result<DMatrix<T>> {
    x.same_dimension(y)?;
    let (x, y): (Vec<&[T]>, Vec<&[T]>) = (x.points().collect(), y.points().collect());
    let rows = parallel::try_map(x.len(), |i| {
        y.iter()
            .map(|b| T::narrow(quantity, entry(input_covariance(x[i], b))?))
            .collect::<Result<Vec<T>>>()
    })?;
    Ok(DMatrix::from_fn(x.len(), y.len(), |i, j| rows[i][j]))
}
