//! What one random network shows at its inputs.

use nalgebra::DMatrix;

use crate::network::Signal;
use crate::numerics::{dot, scale_by_power_of_two};
use crate::{Error, Result};

/// The covariance matrix and the first neuron of one random network at $m$ inputs.
///
/// Networks deep enough to leave the range of `f64` are held with a power of two of their own, so
/// correlations survive where variances overflow or vanish.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    covariance: DMatrix<f64>,
    first_neuron: Vec<f64>,
    exponent: i64,
}

impl Draw {
    /// Of the outputs of a network.
    pub fn new(y: &Signal) -> Self {
        let m = y.points();
        let mut covariance = DMatrix::zeros(m, m);
        for j in 0..m {
            for i in 0..=j {
                let entry = dot(y.column(i), y.column(j)) / y.width() as f64;
                covariance[(i, j)] = entry;
                covariance[(j, i)] = entry;
            }
        }
        Self {
            covariance,
            first_neuron: (0..m).map(|j| y.column(j)[0]).collect(),
            exponent: y.exponent(),
        }
    }

    /// The number of inputs $m$.
    pub fn points(&self) -> usize {
        self.first_neuron.len()
    }

    fn point(&self, i: usize) -> Result<usize> {
        if i < self.points() {
            Ok(i)
        } else {
            Err(Error::invalid(
                "point",
                i,
                format!("an index below {}", self.points()),
            ))
        }
    }

    /// $\hat q(x_i, x_j) = \langle Y(x_i), Y(x_j) \rangle / n$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an index that is too large; [`Error::Overflow`]. (A value too small for `f64`
    /// is 0.)
    pub fn covariance(&self, i: usize, j: usize) -> Result<f64> {
        scale_by_power_of_two(
            "the covariance",
            self.covariance[(self.point(i)?, self.point(j)?)],
            self.exponent,
        )
    }

    /// The matrix of [`covariance`](Self::covariance).
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn covariances(&self) -> Result<DMatrix<f64>> {
        let mut matrix = self.covariance.clone();
        for entry in matrix.as_mut_slice() {
            *entry = scale_by_power_of_two("the covariance", *entry, self.exponent)?;
        }
        Ok(matrix)
    }

    /// $\hat c(x_i, x_j) = \hat q(x_i, x_j) / \sqrt{\hat q(x_i,x_i) \hat q(x_j,x_j)}$.
    ///
    /// # Errors
    /// [`Error::Undefined`] if the network maps one of the inputs to the zero vector (a narrow ReLU network
    /// may die); [`Error::Invalid`] for an index that is too large; [`Error::Overflow`].
    pub fn correlation(&self, i: usize, j: usize) -> Result<f64> {
        let (i, j) = (self.point(i)?, self.point(j)?);
        let (qi, qj, k) = (
            self.covariance[(i, i)],
            self.covariance[(j, j)],
            self.covariance[(i, j)],
        );
        for (point, variance) in [(i, qi), (j, qj)] {
            if variance == 0.0 {
                return Err(Error::undefined(
                    "the correlation",
                    format!("all neurons are 0 at input {point}"),
                ));
            }
            scale_by_power_of_two("the variance", variance, 0)?;
        }
        Ok(if qi == qj {
            (k / qi).clamp(-1.0, 1.0)
        } else {
            (k / qi.sqrt() / qj.sqrt()).clamp(-1.0, 1.0)
        })
    }

    /// $Y^1(x_i)$, the first neuron.
    ///
    /// # Errors
    /// As [`covariance`](Self::covariance).
    pub fn first_neuron(&self, i: usize) -> Result<f64> {
        scale_by_power_of_two(
            "the neuron",
            self.first_neuron[self.point(i)?],
            self.exponent / 2,
        )
    }
}
