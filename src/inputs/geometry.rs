//! Norms and angles of inputs.

use crate::numerics::dot;
use crate::vectorized::vectorized;
use crate::{PairCovariance, Scalar};

/// From this absolute cosine on the angle is taken from the component of $x$ orthogonal to $y$.
pub(crate) const NEARLY_PARALLEL: f64 = 1.0 - 1.0 / 32.0;

/// The $2 \times 2$ matrix of $x \cdot y / d$, with $1 - \cos\angle(x, y)$ in full relative accuracy.
///
/// Taken from $x \cdot y$, the distance $1 - \cos$ has the absolute error of the cosine. For nearly parallel
/// points (and opposite ones, where $1 + \cos$ is) it is [`nearly_parallel`].
pub(crate) fn input_covariance<T: Scalar>(x: &[T], y: &[T]) -> PairCovariance {
    let dimension = x.len() as f64;
    let (xx, yy) = (dot(x, x), dot(y, y));
    let epsilon = if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        let xy = dot(x, y);
        let cosine = (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0);
        if cosine.abs() < NEARLY_PARALLEL {
            1.0 - cosine
        } else {
            nearly_parallel(x, y, xy, xx, yy)
        }
    };
    PairCovariance::from_parts(xx / dimension, yy / dimension, epsilon)
}

/// $1 - \cos\angle(x, y)$ of nearly parallel or opposite points, in relative accuracy, from $x \cdot y$,
/// $|x|^2$ and $|y|^2$.
///
/// With the residual $e = x - \lambda y$, $\lambda = x \cdot y/|y|^2$ ($y$ the shorter one), formed with one
/// rounding per entry, less what the rounding of $\lambda$ left along $y$: $\sin = |e|/|x|$ and
/// $1 - |\cos| = \sin^2/(1 + |\cos|)$.
pub(crate) fn nearly_parallel<T: Scalar>(x: &[T], y: &[T], xy: f64, xx: f64, yy: f64) -> f64 {
    if x == y {
        return 0.0;
    }
    // in one order, so that the result is symmetric
    let swapped = xx < yy || (xx == yy && x.partial_cmp(y) == Some(std::cmp::Ordering::Less));
    let (x, y, xx, yy) = if swapped {
        (y, x, yy, xx)
    } else {
        (x, y, xx, yy)
    };
    let slope = xy / yy;
    let (square, along) = residual(x, y, slope, 0.0);
    let left = along / yy;
    // far above rounding the second projection is a subtraction; near it, a second pass
    let square = if square > 1e-20 * xx {
        square - along * left
    } else {
        residual(x, y, slope, left).0
    };
    let squared_sine = square / xx;
    let distance = squared_sine / (1.0 + (1.0 - squared_sine).max(0.0).sqrt());
    if xy > 0.0 { distance } else { 2.0 - distance }
}

/// $|e|^2$ and $e \cdot y$ for $e = (x - \text{slope} \cdot y) - \text{correction} \cdot y$.
fn residual<T: Scalar>(x: &[T], y: &[T], slope: f64, correction: f64) -> (f64, f64) {
    const LANES: usize = 8;
    vectorized(
        #[inline(always)]
        || {
            let (mut squares, mut products) = ([0.0; LANES], [0.0; LANES]);
            let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            let (mut square, mut along) = (0.0, 0.0);
            for (&x, &y) in x_chunks.remainder().iter().zip(y_chunks.remainder()) {
                let (a, b) = entry(x, y, slope, correction);
                (square, along) = (square + a, along + b);
            }
            for (x, y) in x_chunks.zip(y_chunks) {
                for lane in 0..LANES {
                    let (a, b) = entry(x[lane], y[lane], slope, correction);
                    squares[lane] += a;
                    products[lane] += b;
                }
            }
            let sum = |lanes: [f64; LANES]| lanes.iter().sum::<f64>();
            (square + sum(squares), along + sum(products))
        },
    )
}

#[inline(always)]
fn entry<T: Scalar>(x: T, y: T, slope: f64, correction: f64) -> (f64, f64) {
    let (x, y) = (x.widen(), y.widen());
    let first = (-slope).mul_add(y, x);
    let e = if correction == 0.0 {
        first
    } else {
        (-correction).mul_add(y, first)
    };
    (e * e, e * y)
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
