//! Norms and angles of inputs.

use crate::numerics::dot;
use crate::vectorized::vectorized;
use crate::{PairCorrelation, PairCovariance, Scalar};

/// From this absolute cosine on the angle is taken from the component of $x$ orthogonal to $y$.
pub const NEARLY_PARALLEL: f64 = 1.0 - 1.0 / 32.0;

/// The $2 \times 2$ matrix of $x \cdot y / d$, with $1 - \cos\angle(x, y)$ in full relative accuracy.
///
/// Taken from $x \cdot y$, the distance $1 - \cos$ has the absolute error of the cosine. For nearly parallel
/// points (and opposite ones, where $1 + \cos$ is) it is [`nearly_parallel`].
pub fn input_covariance<T: Scalar>(x: &[T], y: &[T]) -> PairCovariance {
    let dimension = x.len() as f64;
    let (xx, yy) = (dot(x, x), dot(y, y));
    let correlation = if xx == 0.0 || yy == 0.0 {
        PairCorrelation::PARALLEL
    } else {
        let xy = dot(x, y);
        let cosine = (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0);
        if cosine.abs() < NEARLY_PARALLEL {
            PairCorrelation::of(cosine)
        } else {
            nearly_parallel(x, y, xy, xx, yy)
        }
    };
    PairCovariance::of(xx / dimension, yy / dimension, correlation)
}

/// $\cos\angle(x, y)$ of nearly parallel or opposite points, its distance from $\pm1$ in relative
/// accuracy, from $x \cdot y$, $|x|^2$ and $|y|^2$.
///
/// With the largest entry $y_p$ of $y$ (the shorter one), $w = y_p x - x_p y$ is formed with a relative error
/// of rounding in every entry (W. Kahan's difference of products: C.-P. Jeannerod, N. Louvet and J.-M. Muller
/// 2013, Theorem 1.2), so that it is 0 where the points are parallel, and nowhere else. Less what it has
/// along $y$, it has the length $|y_p| |x| \sin\angle(x, y)$, and
/// $1 - |\cos| = \sin^2/(1 + |\cos|)$.
pub fn nearly_parallel<T: Scalar>(x: &[T], y: &[T], xy: f64, xx: f64, yy: f64) -> PairCorrelation {
    if x == y {
        return PairCorrelation::PARALLEL;
    }
    // in one order, so that the result is symmetric
    let swapped = xx < yy || (xx == yy && x.partial_cmp(y) == Some(std::cmp::Ordering::Less));
    let (x, y, xx, yy) = if swapped {
        (y, x, yy, xx)
    } else {
        (x, y, xx, yy)
    };
    // a power of two that brings |x||y| near 1
    let scale = libm::ldexp(1.0, -((libm::ilogb(xx) + libm::ilogb(yy)) / 2));
    let pivot = largest(y);
    let pivots = (scale * x[pivot].widen(), scale * y[pivot].widen());
    let (square, along) = crossed(x, y, pivots, 0.0);
    let left = along / yy;
    let rest = square - along * left;
    let rest = if rest > 0.25 * square {
        rest
    } else {
        crossed(x, y, pivots, left).0
    };
    let squared_sine = rest / (pivots.1 * pivots.1 * xx);
    let distance = squared_sine / (1.0 + (1.0 - squared_sine).max(0.0).sqrt());
    if xy > 0.0 {
        PairCorrelation::of_one_minus(distance)
    } else {
        PairCorrelation::of_one_plus(distance)
    }
}

const LANES: usize = 8;

/// The first place of the largest absolute value.
fn largest<T: Scalar>(y: &[T]) -> usize {
    let largest = vectorized(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            for chunk in y.chunks(LANES) {
                for (lane, y) in lanes.iter_mut().zip(chunk) {
                    let y = y.widen().abs();
                    *lane = if y > *lane { y } else { *lane };
                }
            }
            lanes.into_iter().fold(0.0, f64::max)
        },
    );
    let place = y.iter().position(|y| y.widen().abs() == largest);
    place.unwrap_or(0)
}

/// $|e|^2$ and $e \cdot y$ for $e = (y_p x - x_p y) - \text{left} \cdot y$, with $(x_p, y_p)$ given.
fn crossed<T: Scalar>(x: &[T], y: &[T], pivots: (f64, f64), left: f64) -> (f64, f64) {
    vectorized(
        #[inline(always)]
        move || {
            let (mut squares, mut products) = ([0.0; LANES], [0.0; LANES]);
            let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            let (mut square, mut along) = (0.0, 0.0);
            for (&x, &y) in x_chunks.remainder().iter().zip(y_chunks.remainder()) {
                let (a, b) = entry(x, y, pivots, left);
                (square, along) = (square + a, along + b);
            }
            for (x, y) in x_chunks.zip(y_chunks) {
                for lane in 0..LANES {
                    let (a, b) = entry(x[lane], y[lane], pivots, left);
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
fn entry<T: Scalar>(x: T, y: T, (x_pivot, y_pivot): (f64, f64), left: f64) -> (f64, f64) {
    let (x, y) = (x.widen(), y.widen());
    let second = x_pivot * y;
    let rounding = (-x_pivot).mul_add(y, second);
    let crossed = y_pivot.mul_add(x, -second) + rounding;
    let e = crossed - left * y;
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

    /// $(x, y)$ with $y \approx \frac ba x$, apart by `separation` relative to its entries.
    fn apart(dimension: usize, separation: f64, a: f64, b: f64) -> (Vec<f64>, Vec<f64>) {
        let entries = (0..dimension).map(|i| {
            let wide = ((37 * i + 11) % 101) as f64 - 50.0;
            let off = b * separation * (((53 * i + 7) % 97) as f64 - 48.0);
            match i % 3 {
                2 => (0.0, off),
                _ if separation > 1e-20 => (a * wide, b * wide + off),
                _ => (a * wide, b * wide),
            }
        });
        entries.unzip()
    }

    /// Distances by mpmath 1.3 with 700 digits, from the same doubles.
    #[test]
    fn the_distance_from_either_end_has_relative_accuracy_at_any_scale() {
        let power = |exponent| libm::ldexp(1.0, exponent);
        let cases = [
            (2, 1e-9, 1.0, 1.0, 6.503628132529193e-20),
            (2, 1e-9, 1.0, 1.0 / 3.0, 6.503628048509091e-20),
            (2, 1e-9, 1e-135, 1e135, 6.503627770653609e-20),
            (2, 1e-9, 1e135, 1e134, 6.503628232215375e-20),
            (2, 1e-9, 3e-138, 1e-138, 6.503628095041943e-20),
            (2, 1e-9, power(-440), power(440), 6.503628132529193e-20),
            (2, 1e-9, power(440), 3.0 * power(430), 6.503628244555997e-20),
            (3, 1e-9, 1.0, 1.0, 4.0077398554983376e-19),
            (3, 1e-9, 1.0, 1.0 / 3.0, 4.007739847096327e-19),
            (3, 1e-9, 1e-135, 1e135, 4.0077398193107803e-19),
            (3, 1e-9, 1e135, 1e134, 4.007739865466955e-19),
            (3, 1e-9, 3e-138, 1e-138, 4.0077398517496123e-19),
            (3, 1e-9, power(-440), power(440), 4.0077398554983376e-19),
            (3, 1e-9, power(440), 3.0 * power(430), 4.007739866701018e-19),
            (3, 1e-150, 1.0, 1.0, 3.357377049180328e-301),
            (3, 1e-150, 1.0, 1.0 / 3.0, 4.030695501347618e-36),
            (3, 1e-150, 3e-138, 1e-138, 1.0418094927108282e-37),
            (3, 1e-150, power(-440), power(440), 3.357377049180328e-301),
            (
                3,
                1e-150,
                power(440),
                3.0 * power(430),
                3.357377049180328e-301,
            ),
            (784, 1e-9, 1.0, 1.0, 6.91153033718828e-19),
            (784, 1e-9, 1.0, 1.0 / 3.0, 6.91153036729246e-19),
            (784, 1e-9, 1e-135, 1e135, 6.911530337581987e-19),
            (784, 1e-9, 1e135, 1e134, 6.9115303324187185e-19),
            (784, 1e-9, 3e-138, 1e-138, 6.911530296662574e-19),
            (784, 1e-9, power(-440), power(440), 6.91153033718828e-19),
            (
                784,
                1e-9,
                power(440),
                3.0 * power(430),
                6.911530324783457e-19,
            ),
            (784, 1e-150, 1.0, 1.0, 2.2961879801581497e-301),
            (784, 1e-150, 1.0, 1.0 / 3.0, 1.0030689443255923e-33),
            (784, 1e-150, 3e-138, 1e-138, 2.0066680225019058e-33),
            (
                784,
                1e-150,
                power(-440),
                power(440),
                2.2961879801581497e-301,
            ),
            (
                784,
                1e-150,
                power(440),
                3.0 * power(430),
                2.29618798015815e-301,
            ),
        ];
        for (dimension, separation, a, b, exact) in cases {
            let (x, y) = apart(dimension, separation, a, b);
            let correlation =
                |x: &[f64], y: &[f64]| nearly_parallel(x, y, dot(x, y), dot(x, x), dot(y, y));
            let near = correlation(&x, &y);
            let error = near.one_minus() / exact - 1.0;
            assert!(
                error.abs() < 2e-15,
                "{dimension}, {separation:e}, {a:e}, {b:e}: {error:e}"
            );
            let opposite: Vec<f64> = y.iter().map(|y| -y).collect();
            assert_eq!(correlation(&x, &opposite), near.opposite());
            assert_eq!(correlation(&y, &x), near);
        }
    }

    #[test]
    fn parallel_points_are_parallel_exactly() {
        let one_minus = |x: &[f64], y: &[f64]| {
            nearly_parallel(x, y, dot(x, y), dot(x, x), dot(y, y)).one_minus()
        };
        for dimension in [1, 2, 3, 784] {
            for exponent in [-440, -1, 0, 440] {
                let (x, y) = apart(dimension, 0.0, 1.0, 3.0 * libm::ldexp(1.0, exponent));
                assert_eq!(one_minus(&x, &y), 0.0);
                let opposite: Vec<f64> = y.iter().map(|y| -y).collect();
                assert_eq!(one_minus(&x, &opposite), 2.0);
                assert_eq!(input_covariance(&x, &opposite).one_minus_correlation(), 2.0);
            }
        }
        // in dimension 1 all points are
        for (x, y, end) in [(1e-6, 1.7e-6, 0.0), (1e-6, -2e-6, 2.0), (0.1, 3e139, 0.0)] {
            assert_eq!(one_minus(&[x], &[y]), end);
        }
        let (x, y) = ([0.1_f32, 0.7], [0.3_f32, 2.1]);
        let [wide_x, wide_y] = [x, y].map(|point| point.map(f64::from));
        let single = nearly_parallel(&x, &y, dot(&x, &y), dot(&x, &x), dot(&y, &y));
        assert_eq!(single.one_minus(), one_minus(&wide_x, &wide_y));
        let single = input_covariance(&[0.1_f32, 0.7], &[-0.2, -1.4]);
        assert_eq!(single.one_minus_correlation(), 2.0);
    }

    /// Multiples that are rounded are parallel no more: distances by mpmath.
    #[test]
    fn rounded_multiples_are_as_far_apart_as_rounding_left_them() {
        let cases = [
            (2, 3.0, 1.119637639263227e-35),
            (2, 1.0 / 3.0, 2.0289291539903162e-37),
            (784, 3.0, 1.0883980559529894e-33),
            (784, 1.0 / 3.0, 1.0496141411550573e-33),
        ];
        for (dimension, factor, exact) in cases {
            let (x, _) = apart(dimension, 1e-9, 0.1, 1.0);
            let scaled = |x: &f64| if factor > 1.0 { 3.0 * x } else { x / 3.0 };
            let y: Vec<f64> = x.iter().map(scaled).collect();
            let error = input_covariance(&x, &y).one_minus_correlation() / exact - 1.0;
            assert!(error.abs() < 2e-15, "{dimension}, {factor}: {error:e}");
        }
    }
}
