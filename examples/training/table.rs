//! Measurements against a size, and the power law through them.

use neural_limits::statistics::{Observation, fit_power_law};

/// One quantity at several sizes: the mean over repetitions of squares, as a root, with its standard error.
pub struct Row {
    pub name: String,
    pub expected: &'static str,
    pub observations: Vec<Observation>,
}

impl Row {
    pub fn new(name: impl Into<String>, expected: &'static str) -> Self {
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
}

/// Prints rows of one set of sizes, with fitted exponents and their 95 % intervals.
pub fn print(title: &str, sizes: &[usize], rows: &[Row]) {
    println!("\n{title}");
    print!("{:<34}", "");
    for size in sizes {
        print!("{size:>10}");
    }
    println!("  exponent                 theory");
    for row in rows {
        print!("{:<34}", row.name);
        for observation in &row.observations {
            print!("{:>10.2e}", observation.error);
        }
        let fit = fit_power_law(&row.observations).and_then(|fit| fit.first().copied());
        match fit {
            Some(exponent) => println!("  {exponent}  {}", row.expected),
            None => println!("  {:<23}  {}", "none", row.expected),
        }
    }
}
