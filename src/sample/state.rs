//! The pre-activations of one network, and the scratch space of its layers.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::{Error, Result};

/// Neurons that are worked on together: their pre-activations, normals and features stay in the first-level
/// cache.
const BLOCK: usize = 256;

/// The blocks of neurons.
pub(super) fn blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width)
        .step_by(BLOCK)
        .map(move |start| start..(start + BLOCK).min(width))
}

/// Pre-activations $2^{-e/2} Y$ of $m$ inputs, column by column, with $e$ even.
pub(super) struct State {
    pub(super) width: usize,
    pub(super) points: usize,
    pub(super) y: Vec<f64>,
    pub(super) exponent: i64,
    /// A block of normals.
    pub(super) normals: Vec<f64>,
    /// A block of features.
    pub(super) features: Vec<f64>,
}

fn zeros(width: usize, points: usize) -> Result<Vec<f64>> {
    let entries = width as u128 * points as u128;
    let refused = || Error::out_of_memory("the pre-activations", entries);
    let length = usize::try_from(entries).map_err(|_| refused())?;
    let mut y = Vec::new();
    y.try_reserve_exact(length).map_err(|_| refused())?;
    y.resize(length, 0.0);
    Ok(y)
}

/// Homogeneous chains are rescaled by a power of two when a variance leaves $2^{\pm 200}$.
const RESCALE: f64 = 200.0;

impl State {
    /// Zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the pre-activations cannot be allocated.
    pub(super) fn new(width: usize, points: usize) -> Result<Self> {
        let block = width.min(BLOCK) * points;
        Ok(Self {
            width,
            points,
            y: zeros(width, points)?,
            exponent: 0,
            normals: vec![0.0; block],
            features: vec![0.0; block],
        })
    }

    /// Divides the state and its `covariance` by a power of two when a variance is far from 1.
    pub(super) fn rescale(&mut self, covariance: &mut DMatrix<f64>) {
        let log2 = covariance.diagonal().max().log2();
        if !log2.is_finite() || log2.abs() < RESCALE {
            return;
        }
        let half = (0.5 * log2).floor();
        *covariance *= (-2.0 * half).exp2();
        for y in &mut self.y {
            *y *= (-half).exp2();
        }
        self.exponent += 2 * half as i64;
    }

    pub(super) fn into_matrix(self) -> (DMatrix<f64>, i64) {
        (
            DMatrix::from_vec(self.width, self.points, self.y),
            self.exponent,
        )
    }
}
