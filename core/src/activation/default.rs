//! What an activation without a closed form of its own does: the one of its slopes, or quadrature.
//!
//! Not generic: these bodies are compiled once, whatever the number of activations.

use super::expectation::Quadrature;
use super::{Dual, DualRow, PairSlices, row, slices};
use crate::{PairCovariance, Result};

pub(super) fn dual(phi: &dyn Dual, k: PairCovariance) -> Result<PairCovariance> {
    match phi.slopes() {
        Some(slopes) => slopes.dual(k),
        None => Ok(Quadrature::default().dual(&phi, k)?.value),
    }
}

pub(super) fn derivative_dual(phi: &dyn Dual, k: PairCovariance) -> Result<f64> {
    match phi.slopes() {
        Some(slopes) => Ok(slopes.derivative_dual(k)),
        None => Ok(Quadrature::default().derivative_dual(&phi, k)?.value),
    }
}

pub(super) fn dual_slice(phi: &dyn Dual, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
    match phi.slopes() {
        Some(slopes) => slopes.dual_slice(k, out),
        None => slices::by_quadrature(phi, k, out, slices::Expectation::Value),
    }
}

pub(super) fn derivative_dual_slice(
    phi: &dyn Dual,
    k: &PairSlices<'_>,
    out: &mut [f64],
) -> Result<()> {
    match phi.slopes() {
        Some(slopes) => slopes.derivative_dual_slice(k, out),
        None => slices::by_quadrature(phi, k, out, slices::Expectation::Derivative),
    }
}

pub(super) fn moments(phi: &dyn Dual, q: &[f64], out: &mut [f64]) -> Result<()> {
    match phi.slopes() {
        Some(slopes) => {
            let moment = slopes.second_moment();
            for (out, q) in out.iter_mut().zip(q) {
                *out = moment * q;
            }
            Ok(())
        }
        None => row::moments_one_by_one(phi, q, out),
    }
}

pub(super) fn dual_row(phi: &dyn Dual, row: DualRow<'_>) -> Result<()> {
    match phi.slopes() {
        Some(slopes) => {
            slopes.dual_row(row);
            Ok(())
        }
        None => row::one_by_one(phi, row),
    }
}
