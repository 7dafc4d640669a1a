//! Correlations, norms, sizes, and bad numbers.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use crate::PairCovariance;

/// $1 - c$ of a correlation $c$: every order of magnitude down to 1e-30, and 1, 0 and 2 (orthogonal,
/// parallel, opposite).
pub fn complements() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        4 => 0.0..=2.0,
        1 => Just(1.0),
        4 => (-30.0..=0.3_f64).prop_map(|power| 10f64.powf(power).min(2.0)),
        1 => Just(0.0),
        1 => Just(2.0),
    ]
}

/// Norms $|a|/\sqrt d$: ordinary ones, tiny ones down to 1e-100 and huge ones up to 1e100.
pub fn norms() -> impl Strategy<Value = f64> + Clone {
    let power_of_ten = |powers: RangeInclusive<f64>| powers.prop_map(|power| 10f64.powf(power));
    prop_oneof![
        6 => power_of_ten(-1.0..=1.0),
        1 => power_of_ten(-100.0..=-1.0),
        1 => power_of_ten(1.0..=100.0),
    ]
}

/// Covariances of a pair: variances from 1e-3 to 1e3, and [`complements`].
pub fn pair_covariances() -> impl Strategy<Value = PairCovariance> {
    let variance = || (-3.0..=3.0_f64).prop_map(|power| 10f64.powf(power));
    (variance(), variance(), complements())
        .prop_filter_map("entries in range", |(a, b, epsilon)| {
            PairCovariance::with_complement(a, b, epsilon).ok()
        })
}

/// Sizes $(n, L)$ within ranges, of every order of magnitude in them: wide and shallow, narrow and deep, and
/// $n = L$.
pub fn sizes(
    widths: RangeInclusive<usize>,
    depths: RangeInclusive<usize>,
) -> impl Strategy<Value = (usize, usize)> {
    let at = |range: &RangeInclusive<usize>, place: f64| {
        let (low, high) = (*range.start() as f64, *range.end() as f64);
        let size = low.max(1.0) * (high / low.max(1.0)).powf(place);
        (size.round() as usize).clamp(*range.start(), *range.end())
    };
    (0.0..=1.0, 0.0..=1.0, prop::bool::weighted(0.2)).prop_map(move |(width, depth, square)| {
        let width = at(&widths, width);
        let depth = if square {
            width.clamp(*depths.start(), *depths.end())
        } else {
            at(&depths, depth)
        };
        (width, depth)
    })
}

/// Any number at all: ordinary ones, zeros, subnormals, huge ones, infinities and NaN. For tests of what bad
/// input does.
pub fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..=10.0,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324,
            1e150, 1e-150, f64::EPSILON,
        ]),
    ]
}
