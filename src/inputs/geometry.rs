//! Norms and angles of inputs.

use crate::summation::dot;
use crate::{PairCovariance, Scalar};

/// Above this absolute cosine the angle is taken from the component of $x$ orthogonal to $y$.
const NEARLY_PARALLEL: f64 = 0.9;

/// The $2 \times 2$ matrix of $x \cdot y / d$, with $1 - \cos\angle(x, y)$ in full relative accuracy.
///
/// Taken from $x \cdot y$, the distance $1 - \cos$ has the absolute error of the cosine. For nearly parallel points (and opposite ones, where
/// $1 + \cos$ is) it is taken from the residual $e = x - \lambda y$, $\lambda = x \cdot y / |y|^2$, formed with one rounding per entry, after a second projection that
/// removes what the rounding of $\lambda$ left along $y$: $\sin = |e|/|x|$ and $1 - |\cos| = \sin^2 / (1 + |\cos|)$.
pub(crate) fn input_covariance<T: Scalar>(x: &[T], y: &[T]) -> PairCovariance {
    let dimension = x.len() as f64;
    let (xx, yy) = (dot(x, x), dot(y, y));
    let epsilon = if xx == 0.0 || yy == 0.0 {
        0.0
    } else if xx >= yy {
        one_minus_cosine(x, y, xx, yy)
    } else {
        one_minus_cosine(y, x, yy, xx)
    };
    PairCovariance::from_parts(xx / dimension, yy / dimension, epsilon)
}

fn one_minus_cosine<T: Scalar>(x: &[T], y: &[T], xx: f64, yy: f64) -> f64 {
    if x == y {
        return 0.0;
    }
    let cosine = (dot(x, y) / xx.sqrt() / yy.sqrt()).clamp(-1.0, 1.0);
    if cosine.abs() < NEARLY_PARALLEL {
        return 1.0 - cosine;
    }
    let slope = dot(x, y) / yy;
    let residual: Vec<f64> = x
        .iter()
        .zip(y)
        .map(|(x, y)| (-slope).mul_add(y.widen(), x.widen()))
        .collect();
    let along: f64 = residual
        .iter()
        .zip(y)
        .map(|(e, y)| e * y.widen())
        .sum::<f64>()
        / yy;
    let squared_sine = residual
        .iter()
        .zip(y)
        .map(|(e, y)| (-along).mul_add(y.widen(), *e).powi(2))
        .sum::<f64>()
        / xx;
    let distance = squared_sine / (1.0 + (1.0 - squared_sine).max(0.0).sqrt());
    if cosine > 0.0 {
        distance
    } else {
        2.0 - distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_points_have_the_complement_two() {
        let x = [0.1, 0.7, -0.3];
        assert_eq!(
            input_covariance(&x, &x.map(|x| -2.6 * x)).one_minus_correlation(),
            2.0
        );
        let nearly = input_covariance(&[1.0, 1e-6], &[-1.0, 0.0]);
        assert_eq!(nearly.one_minus_correlation(), 2.0 - 5e-13);
    }

    #[test]
    fn nearly_parallel_points_keep_the_relative_accuracy_of_their_angle() {
        // (1, t) and (1, 0) include the angle atan t, and 1 - cos = t² / (1 + t² + sqrt(1 + t²)).
        for k in 2..140 {
            let t = 0.5_f64.powi(k);
            for (x, y) in [([1.0, t], [1.0, 0.0]), ([1.0, 0.0], [3.0, 3.0 * t])] {
                let epsilon = input_covariance(&x, &y).one_minus_correlation();
                let exact = t * t / (1.0 + t * t + (1.0 + t * t).sqrt());
                assert!(
                    (epsilon / exact - 1.0).abs() < 4e-16,
                    "t = 2^-{k}: {epsilon:e} instead of {exact:e}"
                );
            }
        }
    }

    #[test]
    fn multiples_of_a_point_are_parallel_and_opposite_points_antiparallel() {
        let x = [0.3, -1.7, 2.9];
        for scale in [2.0, 1.0 / 3.0, 7.1e20] {
            let y = x.map(|entry| entry * scale);
            assert!(input_covariance(&x, &y).one_minus_correlation() < 1e-31);
            let y = y.map(|entry| -entry);
            assert!((input_covariance(&x, &y).one_minus_correlation() - 2.0).abs() < 1e-15);
        }
    }
}
