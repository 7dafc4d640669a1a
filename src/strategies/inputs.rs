//! Inputs of prescribed correlations and norms.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

/// Points with entries in $[-3, 3]$: their number and their dimension are drawn from the ranges.
pub fn points(
    number: Range<usize>,
    dimension: Range<usize>,
) -> impl Strategy<Value = Vec<Vec<f64>>> {
    (number, dimension).prop_flat_map(|(number, dimension)| vec(vec(-3.0..=3.0, dimension), number))
}

/// Pairs $a, b \in \mathbb R^d$ with $1 - c$ and the norms $|a|/\sqrt d$, $|b|/\sqrt d$ of the given
/// strategies, such as [`complements`](super::complements) and [`norms`](super::norms), in random directions.
///
/// For $1 - c = 0$ or 2, and always for $d = 1$, the points are multiples of each other to the bit: the ratio
/// of their norms is rounded to a power of two. Otherwise correlation and norms hold to rounding of the
/// entries.
pub fn input_pairs(
    dimension: Range<usize>,
    complements: impl Strategy<Value = f64>,
    norms: impl Strategy<Value = f64> + Clone,
) -> impl Strategy<Value = [Vec<f64>; 2]> {
    let directions = dimension.prop_flat_map(|dimension| {
        let direction = || vec(-1.0..=1.0_f64, dimension);
        (direction(), direction())
    });
    (directions, complements, norms.clone(), norms)
        .prop_map(|((u, v), complement, first, second)| pair((&u, &v), complement, (first, second)))
}

fn pair((u, v): (&[f64], &[f64]), complement: f64, (first, second): (f64, f64)) -> [Vec<f64>; 2] {
    let root = (u.len() as f64).sqrt();
    let u = unit(u, 0);
    // what of v is orthogonal to u, twice, so that rounding is
    let orthogonal = |v: &[f64]| {
        let along: f64 = u.iter().zip(v).map(|(u, v)| u * v).sum();
        v.iter()
            .zip(&u)
            .map(|(v, u)| v - along * u)
            .collect::<Vec<f64>>()
    };
    let v = unit(&orthogonal(&unit(&orthogonal(v), 1)), 1);
    let a: Vec<f64> = u.iter().map(|u| first * root * u).collect();
    let parallel = u.len() == 1 || complement == 0.0 || complement == 2.0;
    let b = if parallel {
        let ratio = (second / first).log2().round().exp2();
        let sign = if complement > 1.0 { -1.0 } else { 1.0 };
        a.iter().map(|a| sign * ratio * a).collect()
    } else {
        let (cosine, sine) = (1.0 - complement, (complement * (2.0 - complement)).sqrt());
        let entries = u.iter().zip(&v);
        entries
            .map(|(u, v)| second * root * (cosine * u + sine * v))
            .collect()
    };
    [a, b]
}

/// The direction of a vector, of a basis vector if it has none.
fn unit(v: &[f64], basis: usize) -> Vec<f64> {
    let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > 1e-3 {
        v.iter().map(|x| x / norm).collect()
    } else {
        (0..v.len())
            .map(|i| f64::from(i == basis.min(v.len() - 1)))
            .collect()
    }
}

/// Sets of points with what makes kernels difficult among them: copies, multiples and opposites of earlier
/// points (by powers of two, to the bit), points close to earlier ones, and a common norm of the given
/// strategy. No point is 0.
pub fn input_sets(
    number: Range<usize>,
    dimension: Range<usize>,
    norms: impl Strategy<Value = f64>,
) -> impl Strategy<Value = Vec<Vec<f64>>> {
    let sets = (number, dimension).prop_flat_map(|(number, dimension)| {
        let fresh = vec(-3.0..=3.0_f64, dimension);
        let relation = prop_oneof![
            4 => Just(None),
            1 => Just(Some((1.0, 0.0))),
            1 => (-8..=8_i32).prop_map(|power| Some((2f64.powi(power), 0.0))),
            1 => (-8..=8_i32).prop_map(|power| Some((-2f64.powi(power), 0.0))),
            1 => (-14.0..=-1.0_f64).prop_map(|power| Some((1.0, 10f64.powf(power)))),
        ];
        vec((fresh, relation, any::<prop::sample::Index>()), number)
    });
    (sets, norms).prop_map(|(set, norm)| {
        let mut points: Vec<Vec<f64>> = Vec::with_capacity(set.len());
        for (fresh, relation, earlier) in set {
            let point = match relation {
                Some((factor, distance)) if !points.is_empty() => {
                    let earlier = &points[earlier.index(points.len())];
                    let entries = earlier.iter().zip(&fresh);
                    entries.map(|(x, y)| factor * x + distance * y).collect()
                }
                _ if fresh.iter().all(|x| x.abs() < 1e-3) => vec![1.0; fresh.len()],
                _ => fresh,
            };
            points.push(point);
        }
        // a power of two: multiples stay multiples
        let scale = norm.log2().round().exp2();
        for x in points.iter_mut().flatten() {
            *x *= scale;
        }
        points
    })
}

#[cfg(test)]
mod tests {
    use proptest::test_runner::{Config, RngSeed, TestRunner};

    use super::*;
    use crate::strategies::{complements, norms};

    fn runner() -> TestRunner {
        TestRunner::new(Config {
            cases: 500,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..Config::default()
        })
    }

    fn product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn pairs_have_their_correlation_and_norms() {
        let parameters = (complements(), norms(), norms());
        runner()
            .run(
                &(vec(-1.0..=1.0, 5), vec(-1.0..=1.0, 5), parameters),
                |(u, v, parameters)| {
                    let (complement, first, second) = parameters;
                    let [a, b] = pair((&u, &v), complement, (first, second));
                    let (norm_a, norm_b) = (product(&a, &a).sqrt(), product(&b, &b).sqrt());
                    prop_assert!((norm_a / (first * 5f64.sqrt()) - 1.0).abs() < 1e-13);
                    let cosine = a
                        .iter()
                        .zip(&b)
                        .map(|(a, b)| a / norm_a * (b / norm_b))
                        .sum::<f64>();
                    prop_assert!(
                        (cosine - (1.0 - complement)).abs() < 1e-13,
                        "{cosine} {complement}"
                    );
                    if complement == 0.0 || complement == 2.0 {
                        let ratio = b[0] / a[0];
                        prop_assert!(a.iter().zip(&b).all(|(a, b)| *b == ratio * a));
                    } else {
                        prop_assert!((norm_b / (second * 5f64.sqrt()) - 1.0).abs() < 1e-13);
                    }
                    Ok(())
                },
            )
            .unwrap();
    }

    #[test]
    fn no_point_of_a_set_is_zero() {
        runner()
            .run(&input_sets(1..6, 1..4, norms()), |points| {
                for point in points {
                    prop_assert!(
                        point.iter().any(|x| *x != 0.0) && point.iter().all(|x| x.is_finite())
                    );
                }
                Ok(())
            })
            .unwrap();
    }
}
