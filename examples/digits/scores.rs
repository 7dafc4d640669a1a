//! What predictions are worth.

use nalgebra::{DMatrix, DVector};

/// Bins of the confidence for the calibration error.
const BINS: usize = 15;

/// Of probabilities on points with known classes.
pub struct Scores {
    pub correct: usize,
    pub count: usize,
    /// Mean negative log probability of the class, in nats.
    pub negative_log_likelihood: f64,
    /// Mean |accuracy - confidence| over 15 bins of confidence.
    pub calibration_error: f64,
}

impl Scores {
    pub fn new(log_probabilities: &DMatrix<f64>, labels: &[usize]) -> Self {
        let count = labels.len();
        let (mut correct, mut negative_log_likelihood) = (0, 0.0);
        let mut bins = [0.0; BINS];
        for (row, &label) in log_probabilities.row_iter().zip(labels) {
            let (class, largest) = row.transpose().argmax();
            let right = class == label;
            correct += usize::from(right);
            negative_log_likelihood -= row[label];
            let confidence = largest.exp();
            let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
            bins[bin] += f64::from(u8::from(right)) - confidence;
        }
        Self {
            correct,
            count,
            negative_log_likelihood: negative_log_likelihood / count as f64,
            calibration_error: bins.iter().map(|gap| gap.abs()).sum::<f64>() / count as f64,
        }
    }

    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count as f64
    }

    /// The 95 % interval of E. Wilson (1927) for the accuracy.
    pub fn interval(&self) -> (f64, f64) {
        let (n, z) = (self.count as f64, 1.959_963_984_540_054);
        let p = self.accuracy();
        let shrunk = 1.0 + z * z / n;
        let middle = (p + 0.5 * z * z / n) / shrunk;
        let half = z / shrunk * (p * (1.0 - p) / n + 0.25 * z * z / (n * n)).sqrt();
        (middle - half, middle + half)
    }
}

/// Log probabilities of the classes from one-vs-all regression: Bayes' rule among the possible target
/// vectors.
///
/// The targets of a point of class c are the unit vector e_c minus the classes' shares s, and the observation
/// is N(m, v I) by regression. The density of e_c - s is proportional to exp((m_c + s_c)/v); v is multiplied
/// by a temperature.
pub fn log_probabilities(
    mean: &DMatrix<f64>,
    variance: &DVector<f64>,
    shares: &[f64],
    temperature: f64,
) -> DMatrix<f64> {
    let mut out = mean.clone();
    for (i, mut row) in out.row_iter_mut().enumerate() {
        for (x, share) in row.iter_mut().zip(shares) {
            *x = (*x + share) / (temperature * variance[i]);
        }
        let largest = row.max();
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.add_scalar_mut(-(largest + sum.ln()));
    }
    out
}

/// The temperature at which the classes of points that were left out one by one are most likely, and their
/// negative log likelihood at it.
pub fn temperature(
    mean: &DMatrix<f64>,
    variance: &DVector<f64>,
    shares: &[f64],
    labels: &[usize],
) -> (f64, f64) {
    let likelihood = |log: f64| {
        let probabilities = log_probabilities(mean, variance, shares, log.exp());
        Scores::new(&probabilities, labels).negative_log_likelihood
    };
    // convex in the inverse: thirds of the interval
    let (mut low, mut high) = (-5.0, 5.0);
    for _ in 0..25 {
        let third = (high - low) / 3.0;
        if likelihood(low + third) < likelihood(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    let log = 0.5 * (low + high);
    (log.exp(), likelihood(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_wilson_is_that_of_his_tables() {
        let scores = Scores {
            correct: 8,
            count: 10,
            negative_log_likelihood: 0.0,
            calibration_error: 0.0,
        };
        let (low, high) = scores.interval();
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4);
    }

    #[test]
    fn probabilities_are_those_of_bayes_rule() {
        let mean = DMatrix::from_row_slice(1, 2, &[0.3, -0.3]);
        let log = log_probabilities(&mean, &DVector::from_element(1, 0.2), &[0.5, 0.5], 1.0);
        // densities of (1, 0) - s and (0, 1) - s
        let density = |target: [f64; 2]| {
            let squares = target.iter().zip(&mean).map(|(t, m)| (t - 0.5 - m).powi(2));
            (-squares.sum::<f64>() / 0.4).exp()
        };
        let (one, other) = (density([1.0, 0.0]), density([0.0, 1.0]));
        assert!((log[0].exp() - one / (one + other)).abs() < 1e-15);
        let scores = Scores::new(&log, &[0]);
        assert_eq!((scores.correct, scores.accuracy()), (1, 1.0));
        assert!((scores.negative_log_likelihood + log[0]).abs() < 1e-15);
        assert!((scores.calibration_error - (1.0 - log[0].exp())).abs() < 1e-15);
    }
}
