//! Gram matrices over inputs, from a map of one pair's covariance.

use nalgebra::DMatrix;

use crate::architecture::Architecture;
use crate::inputs::input_covariance;
use crate::{Error, Inputs, PairCovariance, Result, Scalar, parallel};

/// $K_0$ of a pair of points: $\sigma_{in}^2 a \cdot b/d + \sigma_{b,in}^2$.
pub(crate) fn stem_covariance<N: Architecture, T: Scalar>(
    net: &N,
    a: &[T],
    b: &[T],
) -> PairCovariance {
    net.stem().dense(input_covariance(a, b))
}

/// [`stem_covariance`] of two points that have not been checked.
///
/// # Errors
/// As [`Inputs::from_rows`].
pub(crate) fn checked_stem_covariance<N: Architecture, T: Scalar>(
    net: &N,
    a: &[T],
    b: &[T],
) -> Result<PairCovariance> {
    Inputs::from_rows(&[a, b])?;
    Ok(stem_covariance(net, a, b))
}

/// The $m \times m$ matrix of `entry`$(K_0(x_i, x_j))$: each pair is computed once, so it is symmetric to the
/// bit.
pub(crate) fn symmetric<N: Architecture, T: Scalar>(
    net: &N,
    x: &Inputs<'_, T>,
    quantity: &str,
    entry: impl Fn(PairCovariance) -> Result<f64> + Sync + Send,
) -> Result<DMatrix<T>> {
    let points: Vec<&[T]> = x.points().collect();
    let rows = parallel::try_map(points.len(), |i| {
        points[..=i]
            .iter()
            .map(|b| T::narrow(quantity, entry(stem_covariance(net, points[i], b))?))
            .collect::<Result<Vec<T>>>()
    })?;
    Ok(DMatrix::from_fn(points.len(), points.len(), |i, j| {
        rows[i.max(j)][i.min(j)]
    }))
}

/// The matrix of `entry`$(K_0(x_i, y_j))$.
pub(crate) fn rectangular<N: Architecture, T: Scalar>(
    net: &N,
    x: &Inputs<'_, T>,
    y: &Inputs<'_, T>,
    quantity: &str,
    entry: impl Fn(PairCovariance) -> Result<f64> + Sync + Send,
) -> Result<DMatrix<T>> {
    x.same_dimension(y)?;
    let (x, y): (Vec<&[T]>, Vec<&[T]>) = (x.points().collect(), y.points().collect());
    let rows = parallel::try_map(x.len(), |i| {
        y.iter()
            .map(|b| T::narrow(quantity, entry(stem_covariance(net, x[i], b))?))
            .collect::<Result<Vec<T>>>()
    })?;
    Ok(DMatrix::from_fn(x.len(), y.len(), |i, j| rows[i][j]))
}

/// [`Error::ZeroVector`] if the stem maps a point to variance 0, so that no correlation with it exists.
pub(crate) fn directions<N: Architecture, T: Scalar>(net: &N, x: &Inputs<'_, T>) -> Result<()> {
    for (i, point) in x.points().enumerate() {
        if stem_covariance(net, point, point).variance_a() == 0.0 {
            return Err(Error::ZeroVector {
                argument: format!("inputs[{i}]"),
            });
        }
    }
    Ok(())
}
