//! What is measured of training beyond the limits, here and in `examples/reproduce`.

#[allow(dead_code)] // files of points are read by `examples/digits` alone
#[path = "../../digits/data.rs"]
pub mod digits;
pub mod kernel_regime;
pub mod mean_field;
pub mod relu_catapult;

use neural_limits::statistics::{Estimate, Observation, fit_power_law};

/// One quantity at several sizes: the root mean square over repetitions, with its standard error.
#[derive(Debug, Clone)]
pub struct Scaling {
    pub name: String,
    /// The exponent that theory has for it.
    pub expected: f64,
    pub observations: Vec<Observation>,
}

impl Scaling {
    pub fn new(name: impl Into<String>, expected: f64) -> Self {
        Self {
            name: name.into(),
            expected,
            observations: Vec::new(),
        }
    }

    /// Adds the root mean square of some measurements.
    pub fn push(&mut self, size: usize, values: &[f64]) {
        let count = values.len() as f64;
        let squares: Vec<f64> = values.iter().map(|value| value * value).collect();
        let mean = squares.iter().sum::<f64>() / count;
        let spread = squares.iter().map(|square| (square - mean).powi(2));
        let error_of_mean = (spread.sum::<f64>() / (count * (count - 1.0).max(1.0))).sqrt();
        let root = mean.sqrt();
        self.observations.push(Observation {
            sizes: vec![size as f64],
            error: root,
            standard_error: if root > 0.0 {
                error_of_mean / (2.0 * root)
            } else {
                0.0
            },
        });
    }

    /// The power of the size.
    pub fn exponent(&self) -> Option<Estimate> {
        fit_power_law(&self.observations).and_then(|fit| fit.first().copied())
    }
}
