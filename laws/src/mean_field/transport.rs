//! The transport equation of the correlation flow.

use std::f64::consts::PI;

use nalgebra::{DMatrix, DVector};

use crate::error;
use crate::numerics::matrix_exponential;
use crate::{Error, Result};

/// Nodes of the interpolant; the error of the values at time 1 is then below 1e-10.
const NODES: usize = 40;

/// Below this angle its series has all digits.
pub(super) const SMALL: f64 = 0.05;

/// The longest step of the exponential.
const LONGEST: f64 = 1e3;

/// The flow map $u(\tau, c_0) = c_\tau$ of the correlations of homogeneous residual networks, by its
/// transport equation
///
/// $$\partial_\tau u = \tfrac12 (\kappa_1(c) - c)\, \partial_c u, \qquad u(0, c) = c,$$
///
/// which is linear: a second route to [`CorrelationFlow`](crate::depth::CorrelationFlow), which inverts the
/// time instead (S. Hayou and G. Yang 2023, arXiv 2302.00453, theorem 3).
///
/// $u$ is an analytic function of the angle $\vartheta = \arccos c$ up to both ends, so it is a polynomial in
/// $\vartheta$ through Chebyshev's nodes; the speed vanishes at $c = 1$ and points out of the interval at $c
/// = -1$, so that no boundary condition is wanted. The right-hand side is a matrix $M$ of derivatives at the
/// nodes, and $u(\tau) = e^{\tau M} u(0)$.
///
/// # Errors of the values
/// Below 1e-9 for $\tau \le 10$ (`tests/it/mean_field.rs`).
///
/// ```
/// use neural_limits::depth::CorrelationFlow;
/// use neural_limits::mean_field::TransportFlow;
/// let map = TransportFlow::new(1.0)?;
/// let flow = CorrelationFlow::shared();
/// assert!((map.at(0.3)? - flow.at(0.3, 1.0)?).abs() < 1e-9);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TransportFlow {
    values: Vec<f64>,
}

impl TransportFlow {
    /// The map of time $\tau$, that of the flow of ReLU with $\sigma_w^2 = 1$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 \le \tau \le 1000$.
    pub fn new(time: f64) -> Result<Self> {
        if error::non_negative("time", time)? > LONGEST {
            return Err(Error::invalid("time", time, "a number in [0, 1000]"));
        }
        let angles: Vec<f64> = (0..NODES).map(node).collect();
        let derivative = differentiation(&angles);
        // u at c = -1 follows from the other nodes: ∂_ϑ u = −sin ϑ ∂_c u vanishes there
        let last = NODES - 1;
        let size = last;
        let end: Vec<f64> = (0..size)
            .map(|j| -derivative[(last, j)] / derivative[(last, last)])
            .collect();
        let mut matrix = DMatrix::zeros(size, size);
        for (i, &angle) in angles.iter().enumerate().take(size).skip(1) {
            // ½(κ₁(c) − c) ∂_c at c = cos ϑ
            let speed = -lag(angle) / (2.0 * PI * angle.sin());
            for j in 0..size {
                let entry = derivative[(i, j)] + derivative[(i, last)] * end[j];
                matrix[(i, j)] = speed * entry;
            }
        }
        let start = DVector::from_iterator(size, angles.iter().take(size).map(|angle| angle.cos()));
        let inner = matrix_exponential(&(matrix * time))? * start;
        let mut values: Vec<f64> = inner.iter().copied().collect();
        values.push(values.iter().zip(&end).map(|(u, end)| u * end).sum());
        if values.iter().all(|value| value.is_finite()) {
            Ok(Self { values })
        } else {
            Err(Error::overflow("the exponential of the transport equation"))
        }
    }

    /// $c_\tau$ from $c_0$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a $c_0$ outside of $[-1, 1]$.
    pub fn at(&self, correlation: f64) -> Result<f64> {
        let angle = error::correlation("correlation", correlation)?.acos();
        // the barycentric formula of Chebyshev's points of the second kind
        let (mut above, mut below) = (0.0, 0.0);
        for (i, value) in self.values.iter().enumerate() {
            let distance = angle - node(i);
            if distance == 0.0 {
                return Ok(value.clamp(-1.0, 1.0));
            }
            let weight = barycentric(i) / distance;
            above += weight * value;
            below += weight;
        }
        Ok((above / below).clamp(-1.0, 1.0))
    }
}

/// $\sin\vartheta - \vartheta\cos\vartheta$, $\pi$ times $\kappa_1(\cos\vartheta) - \cos\vartheta$, with its
/// digits near 0.
pub(super) fn lag(angle: f64) -> f64 {
    let square = angle * angle;
    if angle < SMALL {
        let rest = 1.0 / 30.0 - square * (1.0 / 840.0 - square / 45_360.0);
        angle * square * (1.0 / 3.0 - square * rest)
    } else {
        angle.sin() - angle * angle.cos()
    }
}

/// Angles from 0 to $\pi$.
fn node(i: usize) -> f64 {
    // sin² keeps the digits near 0
    PI * (0.5 * PI * i as f64 / (NODES - 1) as f64).sin().powi(2)
}

fn barycentric(i: usize) -> f64 {
    let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    if i == 0 || i == NODES - 1 {
        0.5 * sign
    } else {
        sign
    }
}

/// Derivatives at the nodes of the polynomial through values there; rows sum to 0.
fn differentiation(nodes: &[f64]) -> DMatrix<f64> {
    let mut matrix = DMatrix::zeros(NODES, NODES);
    for i in 0..NODES {
        for j in 0..NODES {
            if i != j {
                let entry = barycentric(j) / barycentric(i) / (nodes[i] - nodes[j]);
                matrix[(i, j)] = entry;
                matrix[(i, i)] -= entry;
            }
        }
    }
    matrix
}
