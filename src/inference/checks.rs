//! Matrices of users: their shapes and entries.

use nalgebra::DMatrix;

use crate::{Error, Result, error};

pub(crate) fn check_shape(
    what: &str,
    found: (usize, usize),
    expected: (usize, usize),
) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::shape(
            what,
            format!("shape {found:?}"),
            format!("shape {expected:?}"),
        ))
    }
}

pub(crate) fn check_finite(what: &str, matrix: &DMatrix<f64>) -> Result<()> {
    match error::first_outside(matrix.as_slice(), -f64::MAX, f64::MAX) {
        None => Ok(()),
        Some(index) => {
            let (i, j) = (index % matrix.nrows(), index / matrix.nrows());
            let entry = format!("{what}[({i}, {j})]");
            Err(Error::invalid(entry, matrix[(i, j)], "a finite number"))
        }
    }
}

/// A square symmetric matrix of finite numbers, with a diagonal that is not negative.
pub(crate) fn check_kernel(what: &str, matrix: &DMatrix<f64>) -> Result<()> {
    /// Sides of the squares that are compared with their mirror images.
    const BLOCK: usize = 64;
    let n = matrix.nrows();
    if n == 0 {
        let expected = "at least one point";
        return Err(Error::shape(what, "no rows", expected));
    }
    check_shape(what, matrix.shape(), (n, n))?;
    check_finite(what, matrix)?;
    for i in 0..n {
        error::non_negative(&format!("{what}[({i}, {i})]"), matrix[(i, i)])?;
    }
    let tolerance = 1e-8 * matrix.diagonal().amax();
    let blocks = || {
        (0..n)
            .step_by(BLOCK)
            .map(|start| start..(start + BLOCK).min(n))
    };
    for rows in blocks() {
        for columns in blocks().take_while(|columns| columns.start <= rows.start) {
            for j in columns {
                for i in rows.clone() {
                    let (below, above) = (matrix[(i, j)], matrix[(j, i)]);
                    if (below - above).abs() > tolerance {
                        return Err(Error::invalid(
                            format!("{what}[({i}, {j})]"),
                            below,
                            format!("{above}, its mirror image"),
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Finite targets of a number of points, at least one output.
pub(crate) fn check_targets(targets: &DMatrix<f64>, points: usize) -> Result<()> {
    if targets.nrows() != points || targets.ncols() == 0 {
        return Err(Error::shape(
            "the targets",
            format!("shape {:?}", targets.shape()),
            format!("{points} rows, one for each point, and at least one column"),
        ));
    }
    check_finite("the targets", targets)
}

/// `matrix`, unless it overflowed.
pub(super) fn finite(what: &str, matrix: DMatrix<f64>) -> Result<DMatrix<f64>> {
    match error::first_outside(matrix.as_slice(), -f64::MAX, f64::MAX) {
        None => Ok(matrix),
        Some(_) => Err(Error::overflow(what)),
    }
}
