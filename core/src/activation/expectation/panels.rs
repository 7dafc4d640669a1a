//! Panels of the line on which a function of a Gaussian variable is resolved.

use super::Function;
use crate::activation::Parity;
use crate::numerics::normal::density;
use crate::numerics::quadrature::{Integral, Resolved, resolve};
use crate::{Error, Result};

/// Standard deviations to either side that are integrated: the density outside is below 1e-37.
pub(super) const HALF_RANGE: f64 = 13.0;

/// Those of functions that grow like exponentials: the last is as far as the density reaches in `f64`.
const RANGES: [f64; 3] = [HALF_RANGE, 24.0, 37.0];

/// Panels beyond which a function is given up: one that has a thousand periods.
const MOST: usize = 1000;

/// A function $f(\sqrt q z)$ of a standard normal $z$: where it may have kinks, panels on which it is a
/// polynomial to rounding, and $\mathbb E[f^2]$.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    /// $\sqrt q$.
    pub(super) deviation: f64,
    /// In units of the deviation.
    pub(super) kinks: Vec<f64>,
    /// Ends of the panels, ascending, in units of the deviation.
    pub(super) breaks: Vec<f64>,
    /// $\mathbb E[f(\sqrt q z)^2]$ and the estimate of its error.
    pub(super) square: f64,
    pub(super) error: f64,
}

impl Panels {
    /// Of a function whose square is integrated to a relative tolerance.
    ///
    /// # Errors
    /// [`Error::Overflow`] where the square has no expectation in the range of `f64`.
    pub(super) fn new(f: Function<'_>, q: f64, kinks: &[f64], tolerance: f64) -> Result<Self> {
        let square = |x: &[f64], out: &mut [f64]| {
            f(x, out);
            for out in out {
                *out *= *out;
            }
        };
        let deviation = q.sqrt();
        let Resolved { integral, breaks } = expectation(&square, q, kinks, tolerance)?;
        // |x|^½ is not resolved where its square is
        let breaks = resolve_weighted(f, deviation, &breaks, tolerance).breaks;
        let mut kinks: Vec<f64> = kinks.iter().map(|kink| kink / deviation).collect();
        kinks.retain(|kink| kink.abs() < HALF_RANGE);
        kinks.sort_unstable_by(f64::total_cmp);
        Ok(Self {
            deviation,
            kinks,
            breaks,
            square: integral.value,
            error: integral.error,
        })
    }

    /// The panels, none of them longer than `longest`; of an even or odd function those to the right of 0.
    pub(super) fn shorter(&self, longest: f64, parity: Parity) -> Vec<f64> {
        let start = if parity == Parity::Neither {
            0
        } else {
            self.breaks.partition_point(|&z| z < 0.0)
        };
        let mut all = Vec::new();
        for pair in self.breaks[start..].windows(2) {
            divide(&mut all, pair[0], pair[1], longest);
        }
        all.push(self.half_range());
        all
    }

    /// Whether the function was given up.
    pub(super) fn are_too_many(&self) -> bool {
        self.breaks.len() > MOST
    }

    /// The estimated error of the square, relative to it.
    pub(super) fn relative_error(&self) -> f64 {
        if self.square > 0.0 {
            self.error / self.square
        } else {
            0.0
        }
    }

    /// Standard deviations to either side that the panels cover.
    pub(super) fn half_range(&self) -> f64 {
        self.breaks.last().copied().unwrap_or(HALF_RANGE)
    }
}

/// Appends the starts of equal pieces of $[\text{low}, \text{high}]$, none of them longer than `longest`.
pub(super) fn divide(breaks: &mut Vec<f64>, low: f64, high: f64, longest: f64) {
    let pieces = ((high - low) / longest).ceil().max(1.0);
    let step = (high - low) / pieces;
    breaks.extend((0..pieces as usize).map(|i| low + step * i as f64));
}

/// $\mathbb E[f(\sqrt q z)]$ and the panels on which $f$ times the density is resolved.
pub(super) fn expectation(
    f: Function<'_>,
    q: f64,
    kinks: &[f64],
    tolerance: f64,
) -> Result<Resolved> {
    let deviation = q.sqrt();
    for range in RANGES {
        let breaks = line_breaks(range, kinks, deviation);
        let resolved = resolve_weighted(f, deviation, &breaks, tolerance);
        let mut ends = [0.0; 2];
        f(&[-range * deviation, range * deviation], &mut ends);
        let largest = density(range) * ends[0].abs().max(ends[1].abs());
        let Integral {
            value, magnitude, ..
        } = resolved.integral;
        if value.is_finite() && largest <= tolerance * magnitude {
            return Ok(resolved);
        }
    }
    Err(Error::overflow("the expectation over a Gaussian"))
}

/// The integral of $f(\sigma z)$ times the density of $z$.
fn resolve_weighted(f: Function<'_>, deviation: f64, breaks: &[f64], tolerance: f64) -> Resolved {
    resolve(
        &mut |points, values| {
            f(&points.map(|z| deviation * z), values);
            for (value, &z) in values.iter_mut().zip(points) {
                *value *= density(z);
            }
        },
        breaks,
        (0.1 * tolerance, 0.0),
        MOST,
    )
}

/// Panels of the line in units of the standard deviation: finer near 0, split at the kinks. An activation
/// varies on the scale of 1 around 0 and its kinks; where that is narrow against the deviation, panels grow
/// from it.
fn line_breaks(half_range: f64, kinks: &[f64], deviation: f64) -> Vec<f64> {
    let mut breaks = vec![
        -half_range,
        -6.0,
        -3.0,
        -1.25,
        0.0,
        1.25,
        3.0,
        6.0,
        half_range,
    ];
    if deviation > 0.0 {
        let width = 1.0 / deviation;
        for kink in kinks {
            let center = kink / deviation;
            insert_break(&mut breaks, center);
            insert_graded(&mut breaks, center, width);
        }
        insert_graded(&mut breaks, 0.0, width);
        for distance in AROUND_ZERO.map(|x| x * width) {
            if distance < 1.0 {
                insert_break(&mut breaks, -distance);
                insert_break(&mut breaks, distance);
            }
        }
    }
    breaks
}

/// More panels around 0: with them nodes are nowhere further apart than features of an activation are wide,
/// within [`FEATURES`].
const AROUND_ZERO: [f64; 4] = [16.0, 24.0, 48.0, FEATURES];

/// Panels that grow by this factor resolve a feature of any shape.
const GRADING: f64 = 4.0;

fn insert_graded(breaks: &mut Vec<f64>, center: f64, width: f64) {
    let mut distance = 2.0 * width.max(1e-16);
    while distance < 1.0 {
        insert_break(breaks, center - distance);
        insert_break(breaks, center + distance);
        distance *= GRADING;
    }
}

/// The length on which an activation varies somewhere around 0: where nodes are further apart, what is
/// between them is looked at.
pub(super) const FEATURE: f64 = 0.5;

/// How far around 0.
const FEATURES: f64 = 64.0;

/// Places around 0 where an activation may have a feature, in units of the deviation.
pub(super) fn features(deviation: f64) -> impl Iterator<Item = f64> {
    let even = (1..=(FEATURES / FEATURE) as usize).map(|i| FEATURE * i as f64);
    let distances = even.map(move |x| x / deviation);
    distances.flat_map(|z| [-z, z])
}

/// Inserts a break into an ascending list, if it lies inside.
fn insert_break(breaks: &mut Vec<f64>, x: f64) {
    let i = breaks.partition_point(|&b| b < x);
    if i > 0 && i < breaks.len() && breaks[i] != x {
        breaks.insert(i, x);
    }
}
