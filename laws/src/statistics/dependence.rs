//! Dependence of random vectors, from samples of pairs.

use rand::seq::SliceRandom;

use super::Test;
use super::points::Points;
use crate::error::{self, Error, Result};
use crate::numerics::dot;
use crate::parallel;
use crate::random::Seed;

/// The distance correlation of two random vectors, from a sample of pairs $(x_i, y_i)$:
/// $$R^2 = \frac{\sum A_{ij} B_{ij}}{(\sum A_{ij}^2 \sum B_{ij}^2)^{1/2}}, \quad A_{ij} = a_{ij} - \bar a_{i
/// \cdot} - \bar a_{\cdot j} + \bar a_{\cdot \cdot}, \quad a_{ij} = |x_i - x_j|,$$
/// and likewise $B$ (G. J. Székely, M. L. Rizzo and N. K. Bakirov 2007, Ann. Statist. 35:2769, eq. 2.8–2.10).
///
/// $0 \le R \le 1$; of laws with means the limit of $R$ is 0 if and only if the vectors are independent. At
/// finite sizes $R$ is positive, of the order $m^{-1/2}$ for independent vectors: whether it is large is for
/// [`independence_test`] to say.
///
/// # Errors
/// [`Error::Shape`] for no pairs, unequal numbers of $x$ and $y$, or unequal dimensions among either;
/// [`Error::Invalid`] for a coordinate that is not finite; [`Error::Undefined`] if all $x$ or all $y$ are
/// equal; [`Error::OutOfMemory`].
///
/// ```
/// use neural_limits::statistics::distance_correlation;
/// let x: Vec<[f64; 1]> = (-10..=10).map(|i| [f64::from(i)]).collect();
/// let line: Vec<[f64; 1]> = x.iter().map(|[x]| [3.0 - 2.0 * x]).collect();
/// assert!((distance_correlation(&x, &line)? - 1.0).abs() < 1e-14);
/// // no correlation, but dependence
/// let parabola: Vec<[f64; 1]> = x.iter().map(|[x]| [x * x]).collect();
/// assert!(distance_correlation(&x, &parabola)? > 0.4);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn distance_correlation<P: AsRef<[f64]>, Q: AsRef<[f64]>>(x: &[P], y: &[Q]) -> Result<f64> {
    Pairs::new(x, y)?.correlation()
}

/// The permutation test of the hypothesis that two random vectors are independent, by the
/// [`distance_correlation`] of a sample of pairs: consistent against every dependence of vectors with means.
///
/// The $y_i$ are permuted `permutations` times; $p = (1 + \#\lbrace R_b \ge R \rbrace)/(1 + B)$ is at most
/// $\alpha$ with probability at most $\alpha$, exactly, at every size. To reject at the level $\alpha$ takes
/// $B \ge 1/\alpha - 1$. $O(m^2 B)$ operations (0.5 s for $m = 1000$, $B = 199$ on one
/// core) and three $m \times m$ matrices.
///
/// # Errors
/// As [`distance_correlation`]; [`Error::Invalid`] for no permutations.
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::statistics::independence_test;
/// // two neurons of a narrow network: uncorrelated, but they share the layer before
/// let x = Inputs::from_rows(&[[1.0, 0.5]])?;
/// let networks = Mlp::new(Relu).finite(2, 3)?;
/// let neurons = (0..200).map(|i| networks.pre_activations(&x, &mut Seed::new(1).stream(i)));
/// let neurons = neurons.collect::<Result<Vec<_>, _>>()?;
/// let neuron = |i: usize| neurons.iter().map(|y| [y[(i, 0)]]).collect::<Vec<_>>();
/// assert!(independence_test(&neuron(0), &neuron(1), 199, 1)?.p_value < 0.01);
/// # Ok::<(), Error>(())
/// ```
pub fn independence_test<P: AsRef<[f64]>, Q: AsRef<[f64]>>(
    x: &[P],
    y: &[Q],
    permutations: usize,
    seed: impl Into<Seed>,
) -> Result<Test> {
    error::size("permutations", permutations)?;
    let pairs = Pairs::new(x, y)?;
    let statistic = pairs.correlation()?;
    let seed = seed.into();
    let original: Vec<usize> = (0..pairs.count).collect();
    let observed = pairs.covariance(&original);
    let permuted = parallel::try_map(permutations, |b| {
        let mut order = original.clone();
        order.shuffle(&mut seed.stream(b as u64));
        Ok(pairs.covariance(&order))
    })?;
    let p_value = Test::by_permutation(observed, &permuted).p_value;
    Ok(Test { statistic, p_value })
}

/// Matrices of distances.
struct Pairs {
    count: usize,
    /// Distances of the $x_i$, centred.
    centred: Vec<f64>,
    /// Distances of the $y_i$.
    distances: Vec<f64>,
}

impl Pairs {
    fn new<P: AsRef<[f64]>, Q: AsRef<[f64]>>(x: &[P], y: &[Q]) -> Result<Self> {
        if x.len() != y.len() {
            return Err(Error::shape(
                "y",
                format!("{} points", y.len()),
                format!("{} as x", x.len()),
            ));
        }
        let mut centred = distances(&Points::new("x", x)?)?;
        centre(&mut centred, x.len());
        Ok(Self {
            count: x.len(),
            centred,
            distances: distances(&Points::new("y", y)?)?,
        })
    }

    /// $\sum A_{ij} b_{\pi(i) \pi(j)}$, which is $\sum A_{ij} B_{\pi(i) \pi(j)}$.
    fn covariance(&self, order: &[usize]) -> f64 {
        let mut permuted = vec![0.0; self.count];
        let mut sum = 0.0;
        for (row, i) in self.centred.chunks_exact(self.count).zip(order) {
            let distances = &self.distances[i * self.count..][..self.count];
            for (entry, j) in permuted.iter_mut().zip(order) {
                *entry = distances[*j];
            }
            sum += dot(row, &permuted);
        }
        sum
    }

    fn correlation(&self) -> Result<f64> {
        let mut other = self.distances.clone();
        centre(&mut other, self.count);
        let variances = [("x", &self.centred), ("y", &other)].map(|(name, matrix)| {
            let variance = dot(matrix, matrix);
            if variance > 0.0 {
                Ok(variance)
            } else {
                let reason = format!("all {name} are equal");
                Err(Error::undefined("the distance correlation", reason))
            }
        });
        let [x, y] = variances;
        let square = dot(&self.centred, &other) / (x?.sqrt() * y?.sqrt());
        Ok(square.clamp(0.0, 1.0).sqrt())
    }
}

/// The matrix of distances, in the unit of [`Points`].
fn distances(points: &Points) -> Result<Vec<f64>> {
    let count = points.count();
    let mut matrix = Vec::new();
    if matrix.try_reserve_exact(count * count).is_err() {
        return Err(Error::OutOfMemory {
            quantity: format!("the distances of {count} points"),
            bytes: 8 * (count as u128).pow(2),
        });
    }
    matrix.resize(count * count, 0.0);
    for (i, row) in matrix.chunks_exact_mut(count).enumerate() {
        points.distances(i, row);
    }
    Ok(matrix)
}

/// Takes the means of rows and columns away from a symmetric matrix.
fn centre(matrix: &mut [f64], count: usize) {
    let mean = |row: &[f64]| row.iter().sum::<f64>() / count as f64;
    let means: Vec<f64> = matrix.chunks_exact(count).map(mean).collect();
    let grand = mean(&means);
    for (row, row_mean) in matrix.chunks_exact_mut(count).zip(&means) {
        for (entry, column_mean) in row.iter_mut().zip(&means) {
            *entry += grand - row_mean - column_mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    const X: [[f64; 2]; 5] = [
        [0.3, -1.2],
        [2.5, 0.0],
        [0.7, 1.1],
        [-0.4, 0.6],
        [1.5, -2.0],
    ];
    const Y: [[f64; 1]; 5] = [[0.5], [-1.0], [2.0], [0.1], [0.9]];

    #[test]
    fn the_correlation_is_that_of_the_formula() {
        // distances by scipy.spatial.distance.cdist, centred by NumPy
        let r = distance_correlation(&X, &Y).unwrap();
        assert!((r - 0.751_901_864_876_815_3).abs() < 1e-14);
        // neither shifts nor scales matter
        let moved = Y.map(|[y]| [1e180 * (3.0 - 2.0 * y)]);
        assert!((distance_correlation(&X, &moved).unwrap() - r).abs() < 1e-13);
        // 96 of all 120 permutations have at least this correlation
        let test = independence_test(&X, &Y, 9999, 1).unwrap();
        assert!((test.p_value - 0.8).abs() < 0.02, "{test}"); // five standard errors
        assert_eq!(test.statistic, r);
    }

    #[test]
    fn a_level_is_kept_and_an_uncorrelated_dependence_seen() {
        let draw = |seed: u64, size: usize| -> Vec<[f64; 1]> {
            let mut stream = Seed::new(seed).stream(0);
            (0..size)
                .map(|_| [StandardNormal.sample(&mut stream)])
                .collect()
        };
        let mut rejected = 0;
        for i in 0..200 {
            let test = independence_test(&draw(2 * i, 30), &draw(2 * i + 1, 30), 39, i).unwrap();
            rejected += usize::from(test.p_value <= 0.05);
        }
        // 10 expected; P(at least 30) = 2e-8
        assert!(rejected < 30, "{rejected}");
        let x = draw(1, 120);
        let signed: Vec<[f64; 1]> = (0..)
            .zip(&x)
            .map(|(i, [x])| [if i % 2 == 0 { *x } else { -x }])
            .collect();
        let power = independence_test(&x, &signed, 999, 5).unwrap();
        assert!(power.p_value <= 0.01, "{power}");
    }

    #[test]
    fn what_has_no_correlation_is_said() {
        let error = distance_correlation(&X, &[[1.0]; 5]).unwrap_err();
        assert!(error.to_string().contains("all y are equal"), "{error}");
        assert!(distance_correlation(&X, &Y[..4]).is_err());
        assert!(independence_test(&X, &Y, 0, 1).is_err());
    }
}
