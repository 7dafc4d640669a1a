//! The energy distance of two laws in space, from samples.

use rand::seq::SliceRandom;

use super::Test;
use super::points::Points;
use crate::error::{self, Error, Result};
use crate::numerics::dot;
use crate::parallel;
use crate::random::Seed;

/// Rows of distances at hand at once.
const ROWS: usize = 16;

/// The energy distance of two samples in $\mathbb R^d$,
/// $$D^2 = 2 \mathbb E |X - Y| - \mathbb E |X - X'| - \mathbb E |Y - Y'|,$$
/// expectations taken under the empirical laws (G. J. Székely and M. L. Rizzo 2013, J. Stat. Plan. Inference
/// 143:1249). Of laws with means $D$ is a metric: it is 0 for equal laws only, in every dimension. On the
/// line $D^2 = 2 \int (F - G)^2$.
///
/// $O((m + n)^2 d)$ operations; $D^2$ has an absolute error of rounding, relative to the distances of the
/// points.
///
/// # Errors
/// [`Error::Shape`] for no points, points without coordinates or of unequal dimensions; [`Error::Invalid`]
/// for a coordinate that is not finite; [`Error::Overflow`] for a distance beyond the range.
///
/// ```
/// use neural_limits::statistics::energy_distance;
/// let distance = energy_distance(&[[0.0, 0.0]], &[[3.0, 4.0]])?;
/// assert!((distance - 10.0_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn energy_distance<P: AsRef<[f64]>>(first: &[P], second: &[P]) -> Result<f64> {
    let pooled = Pooled::new(first, second)?;
    let rows = pooled.rows(std::slice::from_ref(&pooled.weights))?;
    pooled.distance(rows.iter().map(|row| row[0]).sum())
}

/// The [`energy_distance`] and its standard error, by the delta method: with $h(z) = \mathbb E |z - X| -
/// \mathbb E |z - Y|$ it is $(\operatorname{Var} h(X)/m + \operatorname{Var} h(Y)/n)^{1/2}/D$. Of equal laws
/// the distance is of the order of $m^{-1/2}$ itself, and the standard error is too small to tell it from 0.
///
/// # Errors
/// As [`energy_distance`].
///
/// ```
/// use neural_limits::statistics::energy_distance_with_error;
/// let first: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i).sin(), f64::from(i).cos()]).collect();
/// let second: Vec<[f64; 2]> = first.iter().map(|[x, y]| [x + 1.0, *y]).collect();
/// let (distance, standard_error) = energy_distance_with_error(&first, &second)?;
/// assert!(standard_error < 0.2 * distance);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn energy_distance_with_error<P: AsRef<[f64]>>(
    first: &[P],
    second: &[P],
) -> Result<(f64, f64)> {
    let pooled = Pooled::new(first, second)?;
    let rows = pooled.rows(std::slice::from_ref(&pooled.weights))?;
    let distance = pooled.distance(rows.iter().map(|row| row[0]).sum())?;
    // w h at each point, so h is what is left without the weight
    let values = rows.iter().zip(&pooled.weights).map(|(row, w)| row[0] / w);
    let values: Vec<f64> = values.collect();
    let variance = |values: &[f64]| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / (count * count)
    };
    let (first, second) = values.split_at(first.len());
    let spread = (variance(first) + variance(second)).sqrt() * pooled.points.scale;
    let standard_error = if spread > 0.0 { spread / distance } else { 0.0 };
    Ok((distance, standard_error))
}

/// The permutation test of the hypothesis that two samples in $\mathbb R^d$ are from one law, by their
/// [`energy_distance`]: consistent against every other law.
///
/// Of the pooled points as many as the first sample has are drawn anew `permutations` times; $p = (1 +
/// \#\lbrace D_b \ge D \rbrace)/(1 + B)$ is at most $\alpha$ with probability at most $\alpha$, exactly, at
/// every size. To reject at the level $\alpha$ takes $B \ge 1/\alpha - 1$. $O((m+n)^2 B)$ operations (0.05 s
/// for $m + n = 1000$, $B = 199$ on one core) and $(m+n)(B+1)$ numbers in memory.
///
/// # Errors
/// As [`energy_distance`]; [`Error::Invalid`] for no permutations.
///
/// ```
/// use neural_limits::statistics::energy_test;
/// let first: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i).sin(), f64::from(i).cos()]).collect();
/// let second: Vec<[f64; 2]> = first.iter().map(|[x, y]| [0.2 * x, 2.0 * y]).collect();
/// // equal means and no correlation, but not one law
/// assert!(energy_test(&first, &second, 999, 1)?.p_value < 0.01);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn energy_test<P: AsRef<[f64]>>(
    first: &[P],
    second: &[P],
    permutations: usize,
    seed: impl Into<Seed>,
) -> Result<Test> {
    error::size("permutations", permutations)?;
    let (pooled, seed) = (Pooled::new(first, second)?, seed.into());
    let permuted = |b: usize| {
        let mut weights = pooled.weights.clone();
        if b > 0 {
            weights.shuffle(&mut seed.stream(b as u64));
        }
        weights
    };
    let weights: Vec<Vec<f64>> = (0..=permutations).map(permuted).collect();
    let mut sums = vec![0.0; permutations + 1];
    for row in pooled.rows(&weights)? {
        for (sum, of_row) in sums.iter_mut().zip(row) {
            *sum += of_row;
        }
    }
    let all = sums.into_iter().map(|sum| pooled.distance(sum));
    let all = all.collect::<Result<Vec<f64>>>()?;
    Ok(Test::by_permutation(all[0], &all[1..]))
}

/// Two samples in one: $D^2 = -\sum_{ij} w_i w_j |z_i - z_j|$ with $w = 1/m$ on the first, $-1/n$ on the
/// second.
struct Pooled {
    points: Points,
    weights: Vec<f64>,
}

impl Pooled {
    fn new<P: AsRef<[f64]>>(first: &[P], second: &[P]) -> Result<Self> {
        // by name, before they are pooled
        for (argument, sample) in [("first", first), ("second", second)] {
            Points::new(argument, sample)?;
        }
        let pooled: Vec<&[f64]> = first.iter().chain(second).map(P::as_ref).collect();
        let points = Points::new("the pooled points", &pooled)?;
        let mut weights = vec![1.0 / first.len() as f64; first.len()];
        weights.resize(points.count(), -1.0 / second.len() as f64);
        Ok(Self { points, weights })
    }

    /// $w_i \sum_j w_j |z_i - z_j|$ for each of several weights: sums over rows of points, one row of the
    /// result for each block of them ([`ROWS`]), or each point if there is one weight only.
    fn rows(&self, weights: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        let count = self.points.count();
        let blocks = parallel::try_map(count.div_ceil(ROWS), |block| {
            let rows = block * ROWS..count.min((block + 1) * ROWS);
            let mut distances = vec![0.0; rows.len() * count];
            for (i, row) in rows.clone().zip(distances.chunks_exact_mut(count)) {
                self.points.distances(i, row);
            }
            let of_row = |i: usize, row: &[f64], w: &Vec<f64>| w[i] * dot(w, row);
            let each = || rows.clone().zip(distances.chunks_exact(count));
            Ok(match weights {
                [w] => each().map(|(i, row)| vec![of_row(i, row, w)]).collect(),
                _ => {
                    let sums = weights.iter();
                    let sums = sums.map(|w| each().map(|(i, row)| of_row(i, row, w)).sum());
                    vec![sums.collect::<Vec<f64>>()]
                }
            })
        })?;
        Ok(blocks.into_iter().flatten().collect())
    }

    fn distance(&self, sum: f64) -> Result<f64> {
        let distance = (-sum).max(0.0).sqrt() * self.points.scale.sqrt();
        if distance.is_finite() {
            Ok(distance)
        } else {
            Err(Error::overflow("the energy distance"))
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    const FIRST: [[f64; 2]; 5] = [
        [0.3, -1.2],
        [2.5, 0.0],
        [0.7, 1.1],
        [-0.4, 0.6],
        [1.5, -2.0],
    ];
    const SECOND: [[f64; 2]; 4] = [[1.1, 0.4], [-0.3, 3.0], [0.9, 2.2], [-2.0, 1.0]];

    #[test]
    fn the_distance_is_that_of_scipy() {
        // scipy.stats.energy_distance, SciPy 1.17.1
        let points = |values: &[f64]| values.iter().map(|x| [*x]).collect::<Vec<_>>();
        let x = points(&[0.3, -1.2, 2.5, 0.0, 0.7]);
        let y = points(&[1.1, 0.4, -0.3, 3.0, 0.9, 2.2, -2.0]);
        let on_the_line = energy_distance(&x, &y).unwrap();
        assert!((on_the_line - 0.450_306_018_396_469_7).abs() < 1e-14);
        // scipy.spatial.distance.cdist
        let in_the_plane = energy_distance(&FIRST, &SECOND).unwrap();
        assert!((in_the_plane - 1.382_956_455_617_724_3).abs() < 1e-14);
        // homogeneous of degree 1/2, also where squares leave the range
        let large = FIRST.map(|x| x.map(|x| 1e200 * x));
        let found = energy_distance(&large, &SECOND.map(|x| x.map(|x| 1e200 * x))).unwrap();
        assert!((found / in_the_plane / 1e100 - 1.0).abs() < 1e-14);
    }

    #[test]
    fn standard_errors_are_those_of_repetitions() {
        let draw = |seed: u64, shift: f64| -> Vec<[f64; 2]> {
            let mut stream = Seed::new(seed).stream(0);
            let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
            (0..100).map(|_| [normal() + shift, normal()]).collect()
        };
        let repeat = |i: u64| energy_distance_with_error(&draw(2 * i, 1.0), &draw(2 * i + 1, 0.0));
        let all: Vec<(f64, f64)> = (0..100).map(|i: u64| repeat(i).unwrap()).collect();
        let mean = all.iter().map(|(d, _)| d / 100.0).sum::<f64>();
        let variance = all.iter().map(|(d, _)| (d - mean).powi(2) / 99.0);
        let deviation = variance.sum::<f64>().sqrt();
        let stated = all.iter().map(|(_, error)| error / 100.0).sum::<f64>();
        // five standard errors of a standard deviation
        assert!(
            (stated / deviation - 1.0).abs() < 0.36,
            "{stated} {deviation}"
        );
        // points of one place
        assert_eq!(
            energy_distance_with_error(&[[1.0]], &[[1.0]]).unwrap(),
            (0.0, 0.0)
        );
    }

    #[test]
    fn the_test_is_that_of_all_permutations() {
        // 14 of the 126 ways to choose five of nine points are at least as far apart
        let p = energy_test(&FIRST, &SECOND, 9999, 3).unwrap().p_value;
        assert!((p - 1.0 / 9.0).abs() < 0.015, "{p}"); // five standard errors
    }

    #[test]
    fn a_level_is_kept_and_a_dependence_seen() {
        // equal margins; independent coordinates against equal ones
        let draw = |seed: u64, dependent: bool| -> Vec<[f64; 2]> {
            let mut stream = Seed::new(seed).stream(0);
            let pair = |_| {
                let (x, y): (f64, f64) = (
                    StandardNormal.sample(&mut stream),
                    StandardNormal.sample(&mut stream),
                );
                [x, if dependent { x } else { y }]
            };
            (0..60).map(pair).collect()
        };
        let mut rejected = 0;
        for i in 0..200 {
            let test = energy_test(&draw(2 * i, false), &draw(2 * i + 1, false), 39, i).unwrap();
            rejected += usize::from(test.p_value <= 0.05);
        }
        // 10 expected; P(at least 30) = 2e-8
        assert!(rejected < 30, "{rejected}");
        let power = energy_test(&draw(1, false), &draw(2, true), 999, 5).unwrap();
        assert!(power.p_value <= 0.01, "{power}");
    }

    #[test]
    fn bad_points_are_named() {
        let error = energy_distance(&[vec![1.0, 2.0]], &[vec![1.0, f64::NAN]]).unwrap_err();
        assert!(error.to_string().contains("second[0][1]"), "{error}");
        assert!(energy_distance(&[vec![1.0, 2.0]], &[vec![1.0]]).is_err());
        assert!(energy_distance::<[f64; 1]>(&[], &[[1.0]]).is_err());
        assert!(energy_test(&FIRST, &SECOND, 0, 1).is_err());
    }
}
