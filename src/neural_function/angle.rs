//! The angle between two outputs as a neural function.

use super::{Correlation, Need, NeuralFunction, Process, empirical};
use crate::law::Law;
use crate::network::Signal;
use crate::numerics::dot;
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Error, Inputs, PairCorrelation, PairCovariance, Result};

/// The angle $\hat\theta(a, b) \in [0, \pi]$ between $Y(a)$ and $Y(b)$, $\cos\hat\theta = \hat c$.
///
/// At infinite width it is deterministic, $\theta = \arccos c$. It is taken from the neurons, not from the
/// correlation (W. Kahan 2006, $\theta = 2 \arctan(\lVert u - v \rVert / \lVert u + v \rVert)$ of unit
/// vectors), so that small angles keep their digits. Networks that map an input to the zero vector have none.
///
/// ```
/// use neural_limits::neural_function::Angle;
/// use neural_limits::prelude::*;
/// let angle = Angle::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let limit = routes::DepthLimit::new(&ResNet::new(Relu)).law(&angle, 1.0)?;
/// assert!((limit.mean() - 0.881_374).abs() < 1e-6); // 0.927 at the inputs
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Angle(Correlation);

impl Angle {
    /// Of two inputs.
    ///
    /// # Errors
    /// As [`Correlation::between`].
    pub fn between(a: &[f64], b: &[f64]) -> Result<Self> {
        Correlation::between(a, b).map(Self)
    }
}

/// $\theta$ of $c = \cos\theta$.
fn of_correlation(c: PairCorrelation) -> f64 {
    2.0 * c.one_minus().sqrt().atan2(c.one_plus().sqrt())
}

/// The angle between two columns.
fn between(y: &Signal, i: usize, j: usize) -> Result<f64> {
    let norm = |x: &[f64]| dot(x, x).sqrt();
    let (u, v) = (y.column(i), y.column(j));
    let (norm_u, norm_v) = (norm(u), norm(v));
    for (point, norm) in [(i, norm_u), (j, norm_v)] {
        if norm == 0.0 {
            return Err(Error::undefined(
                "the angle",
                format!("all neurons are 0 at input {point}"),
            ));
        }
    }
    let combined = |sign: f64| {
        let pairs = u.iter().zip(v);
        let entries: Vec<f64> = pairs
            .map(|(u, v)| u / norm_u + sign * (v / norm_v))
            .collect();
        norm(&entries)
    };
    Ok(2.0 * combined(-1.0).atan2(combined(1.0)))
}

impl NeuralFunction for Angle {
    fn name(&self) -> String {
        "angle".to_owned()
    }

    fn inputs(&self) -> &Inputs<'static> {
        self.0.inputs()
    }

    fn needs(&self) -> &[Need] {
        &[Need::Neurons]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        between(record.neurons(), points[0], points[1])
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        let c = process.covariance().pair_correlation()?;
        Ok(Law::Deterministic(of_correlation(c)))
    }

    /// By the delta method, from the correlation's.
    fn with_fluctuations(
        &self,
        process: &Process,
        fluctuation: &PairFluctuation,
        width: usize,
    ) -> Result<Law> {
        let c = process.covariance().pair_correlation()?;
        let sine = (c.one_minus() * c.one_plus()).sqrt();
        let of_correlations = fluctuation.correlation_law(process.covariance(), width)?;
        let (mean, variance) = (of_correlations.mean(), of_correlations.variance());
        let theta = of_correlation(c);
        if sine == 0.0 {
            return Ok(Law::Deterministic(theta));
        }
        let cosine = process.covariance().correlation()?;
        let moved = (mean - cosine) / sine + 0.5 * cosine * variance / sine.powi(3);
        Law::gaussian(theta - moved, variance / (sine * sine))
    }

    fn of_covariances(&self, covariances: &[PairCovariance]) -> Result<Law> {
        empirical(
            covariances
                .iter()
                .map(|k| of_correlation(k.pair_correlation())),
        )
    }

    fn with_log_normal_scale(&self, process: &Process, _: f64, _: f64) -> Result<Law> {
        self.at_infinite_width(process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_angles_keep_their_digits() {
        for theta in [1e-12_f64, 1e-8, 0.3, 1.5, 3.0] {
            let y =
                nalgebra::DMatrix::from_column_slice(2, 2, &[3.0, 0.0, theta.cos(), theta.sin()]);
            let found = between(&Signal::from_matrix(&y).unwrap(), 0, 1).unwrap();
            assert!((found / theta - 1.0).abs() < 1e-13, "{theta}: {found}");
        }
    }
}
