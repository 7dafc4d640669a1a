//! Proptest strategies, to test claims about limits on arbitrary networks and inputs (feature `proptest`).
//!
//! ```
//! use neural_limits::prelude::*;
//! use neural_limits::strategies::{initializations, pair_covariances};
//! use proptest::prelude::*;
//!
//! proptest!(|(k in pair_covariances(), init in initializations())| {
//!     // a branch never moves two inputs to opposite sides
//!     let branch = neural_limits::architecture::Branch::new(Relu, init);
//!     prop_assert!(branch.covariance(k).unwrap().correlation() >= 0.0);
//! });
//! ```

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Initialization, PairCovariance};

/// Points with entries in $[-3, 3]$: their number and their dimension are drawn from the ranges.
pub fn points(
    number: Range<usize>,
    dimension: Range<usize>,
) -> impl Strategy<Value = Vec<Vec<f64>>> {
    (number, dimension).prop_flat_map(|(number, dimension)| vec(vec(-3.0..=3.0, dimension), number))
}

/// Weight variances in $[0.1, 3]$; bias variance 0 half of the time, otherwise in $[0.01, 1]$.
pub fn initializations() -> impl Strategy<Value = Initialization> {
    let bias = prop_oneof![Just(0.0), 0.01..=1.0];
    (0.1..=3.0, bias).prop_filter_map("variances in range", |(weight, bias)| {
        Initialization::new(weight, bias).ok()
    })
}

/// Covariances of a pair: variances from 1e-3 to 1e3, and $1 - c$ of every order of magnitude down to 1e-30,
/// 0 and 2 included.
pub fn pair_covariances() -> impl Strategy<Value = PairCovariance> {
    let variance = || (-3.0..=3.0_f64).prop_map(|power| 10f64.powf(power));
    let complement = prop_oneof![
        4 => 0.0..=2.0,
        4 => (-30.0..=0.3_f64).prop_map(|power| 10f64.powf(power).min(2.0)),
        1 => Just(0.0),
        1 => Just(2.0),
    ];
    (variance(), variance(), complement).prop_filter_map("entries in range", |(a, b, epsilon)| {
        PairCovariance::with_complement(a, b, epsilon).ok()
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
