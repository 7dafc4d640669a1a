//! Networks to measure, and estimates with standard errors.

use std::fmt;

use nalgebra::DMatrix;
use neural_limits::activation::Slopes;
use neural_limits::prelude::*;
use neural_limits::sample::Finite;
use neural_limits::statistics::{Estimate, Observation};
use rayon::prelude::*;

pub const RELU: Slopes = Slopes {
    negative: 0.0,
    positive: 1.0,
};

/// Agreement is claimed within so many standard errors: of a hundred comparisons one would miss in one of
/// twenty runs.
const SURE: f64 = 3.5;
/// The half-width of an interval of 95 %.
const NORMAL: f64 = 1.96;

/// An estimate and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub value: f64,
    pub error: f64,
}

impl Measured {
    pub fn times(self, factor: f64) -> Self {
        Self {
            value: factor * self.value,
            error: factor.abs() * self.error,
        }
    }

    pub fn plus(self, term: f64) -> Self {
        Self {
            value: self.value + term,
            ..self
        }
    }

    pub fn root(self) -> Self {
        let value = self.value.sqrt();
        Self {
            value,
            error: 0.5 * self.error / value,
        }
    }

    /// Whether the estimate agrees with a number known up to `allowance`.
    pub fn is(self, expected: f64, allowance: f64) -> bool {
        (self.value - expected).abs() <= SURE * self.error + allowance
    }

    pub fn interval(self) -> (f64, f64) {
        let half = NORMAL * self.error;
        (self.value - half, self.value + half)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let half = NORMAL * self.error;
        let digits = (1.0 - half.log10().floor()).clamp(0.0, 9.0) as usize;
        write!(f, "{} ± {half:.digits$}", plain(self.value, digits))
    }
}

/// A number with a true minus sign.
pub fn plain(value: f64, digits: usize) -> String {
    format!("{value:.digits$}").replace('-', "−")
}

/// An exponent with its interval.
pub fn exponent(estimate: &Estimate) -> String {
    let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(|x| plain(x, 3));
    format!("{value} [{low}, {high}]")
}

/// Whether an interval of 95 %, widened to what is [sure](SURE), holds a number known up to `allowance`.
pub fn holds(estimate: &Estimate, expected: f64, allowance: f64) -> bool {
    let wider = SURE / NORMAL;
    let low = estimate.value - wider * (estimate.value - estimate.low) - allowance;
    let high = estimate.value + wider * (estimate.high - estimate.value) + allowance;
    (low..=high).contains(&expected)
}

/// Errors at sizes, to be fitted by a power law.
pub fn observed(points: &[(f64, Measured)]) -> Vec<Observation> {
    let points = points.iter().map(|(size, error)| Observation {
        sizes: vec![*size],
        error: error.value,
        standard_error: error.error,
    });
    points.collect()
}

pub fn mean(values: &[f64]) -> Measured {
    let count = values.len() as f64;
    let value = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|x| (x - value).powi(2)).sum();
    Measured {
        value,
        error: (squares / (count * (count - 1.0))).sqrt(),
    }
}

/// A statistic of independent items, its standard error by leaving out one of twenty groups at a time.
pub fn jackknife<T: Clone>(items: &[T], statistic: impl Fn(&[T]) -> f64) -> Measured {
    let groups = items.len().min(20);
    let left: Vec<f64> = (0..groups)
        .map(|group| {
            let kept = items.iter().enumerate();
            let kept = kept.filter(|(i, _)| i % groups != group);
            statistic(&kept.map(|(_, item)| item.clone()).collect::<Vec<_>>())
        })
        .collect();
    let count = groups as f64;
    let middle = left.iter().sum::<f64>() / count;
    let squares: f64 = left.iter().map(|x| (x - middle).powi(2)).sum();
    Measured {
        value: statistic(items),
        error: (squares * (count - 1.0) / count).sqrt(),
    }
}

/// $(E (X - x)^2)^{1/2}$.
pub fn l2_error(values: &[f64], x: f64) -> Measured {
    let squares: Vec<f64> = values.iter().map(|value| (value - x).powi(2)).collect();
    mean(&squares).root()
}

/// One input of unit variance behind a first layer of variance 1.
pub fn one_input() -> Result<Inputs<'static>, Error> {
    Inputs::from_rows(&[[1.0, 1.0]])
}

/// Two such inputs of correlation `c`.
pub fn two_inputs(c: f64) -> [[f64; 2]; 2] {
    let root = 2.0_f64.sqrt();
    [[root, 0.0], [root * c, root * (1.0 - c * c).sqrt()]]
}

/// The ReLU MLP that keeps the variance 1 of its inputs.
pub fn mlp() -> Mlp {
    Mlp::new(Relu)
        .initialized_by(Initialization::he())
        .with_stem(Initialization::lecun())
}

/// What `read` makes of the neurons of `samples` networks, $n \times m$ each.
pub fn sampled<R: Send>(
    networks: &Finite,
    x: &Inputs<'_>,
    samples: usize,
    seed: Seed,
    read: impl Fn(DMatrix<f64>) -> R + Sync,
) -> Result<Vec<R>, Error> {
    (0..samples as u64)
        .into_par_iter()
        .map(|i| Ok(read(networks.pre_activations(x, &mut seed.stream(i))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let mut rng = Seed::new(1).stream(0);
        let values: Vec<f64> = (0..2000).map(|_| StandardNormal.sample(&mut rng)).collect();
        let exact = mean(&values);
        let found = jackknife(&values, |values| mean(values).value);
        assert_eq!(found.value, exact.value);
        assert!((found.error / exact.error - 1.0).abs() < 0.5);
        assert_eq!(
            Measured {
                value: -1.234,
                error: 0.01
            }
            .to_string(),
            "−1.234 ± 0.020"
        );
    }
}
