//! Duals of many pairs at once, in single or double precision.

use super::Dual;
use crate::activation::expectation::SeriesTable;
use crate::{Error, PairCovariance, Result, Scalar, error};

/// The covariances of many pairs, entry by entry: $q_a$, $q_b$ and $\varepsilon = 1 - c$.
#[derive(Debug, Clone, Copy)]
pub struct PairSlices<'a, T = f64> {
    variance_a: &'a [T],
    variance_b: &'a [T],
    one_minus_correlation: &'a [T],
}

impl<'a, T: Scalar> PairSlices<'a, T> {
    /// Of three slices of equal length.
    ///
    /// # Errors
    /// [`Error::Shape`] for unequal lengths; [`Error::Invalid`] naming an element: variances must be finite
    /// and $\ge 0$, complements lie in $[0, 2]$.
    pub fn new(
        variance_a: &'a [T],
        variance_b: &'a [T],
        one_minus_correlation: &'a [T],
    ) -> Result<Self> {
        let length = variance_a.len();
        for (name, other) in [
            ("variance_b", variance_b.len()),
            ("one_minus_correlation", one_minus_correlation.len()),
        ] {
            if other != length {
                return Err(Error::shape(
                    name,
                    format!("length {other}"),
                    format!("the length of variance_a, {length}"),
                ));
            }
        }
        for (name, slice, largest) in [
            ("variance_a", variance_a, f64::MAX),
            ("variance_b", variance_b, f64::MAX),
            ("one_minus_correlation", one_minus_correlation, 2.0),
        ] {
            if let Some(i) = first_outside(slice, largest) {
                return Err(Error::invalid(
                    format!("{name}[{i}]"),
                    slice[i].widen(),
                    format!("a finite number in [0, {largest}]"),
                ));
            }
        }
        Ok(Self {
            variance_a,
            variance_b,
            one_minus_correlation,
        })
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.variance_a.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All $q_a$.
    pub fn variance_a(&self) -> &'a [T] {
        self.variance_a
    }

    /// All $q_b$.
    pub fn variance_b(&self) -> &'a [T] {
        self.variance_b
    }

    /// All $1 - c$.
    pub fn one_minus_correlation(&self) -> &'a [T] {
        self.one_minus_correlation
    }

    pub(crate) fn check_output(&self, length: usize) -> Result<()> {
        if length == self.len() {
            Ok(())
        } else {
            Err(Error::shape(
                "out",
                format!("length {length}"),
                format!("the number of pairs, {}", self.len()),
            ))
        }
    }
}

impl PairSlices<'_> {
    fn pair(&self, i: usize) -> PairCovariance {
        PairCovariance::from_parts(
            self.variance_a[i],
            self.variance_b[i],
            self.one_minus_correlation[i],
        )
    }
}

/// The first element outside of $[0, \text{largest}]$ (NaN is outside), in one vectorised pass where there is
/// none.
fn first_outside<T: Scalar>(x: &[T], largest: f64) -> Option<usize> {
    let mut buffer = [0.0; BLOCK];
    x.chunks(BLOCK).enumerate().find_map(|(block, chunk)| {
        let wide = &mut buffer[..chunk.len()];
        widen(chunk, wide);
        error::first_outside(wide, 0.0, largest).map(|i| block * BLOCK + i)
    })
}

/// Entries that are converted at a time.
const BLOCK: usize = 512;

fn widen<T: Scalar>(x: &[T], out: &mut [f64]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = x.widen();
    }
}

/// Which expectation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    Value,
    Derivative,
}

/// $\mathbb E[\varphi(u)\varphi(v)]$ of many pairs in either precision: computed in `f64`, rounded once.
///
/// # Errors
/// As [`Dual::dual_slice`]; [`Error::Overflow`] for a result beyond the range of `T`.
///
/// ```
/// use neural_limits::activation::{PairSlices, Relu, dual_slice};
/// let (qa, qb, complement) = ([1.0_f32, 2.0], [1.0, 2.0], [1.0, 0.0]);
/// let mut out = [0.0_f32; 2];
/// dual_slice(&Relu, &PairSlices::new(&qa, &qb, &complement)?, &mut out)?;
/// assert_eq!(out, [0.5 * std::f32::consts::FRAC_1_PI, 1.0]);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn dual_slice<T: Scalar, A: Dual + ?Sized>(
    phi: &A,
    k: &PairSlices<'_, T>,
    out: &mut [T],
) -> Result<()> {
    by_blocks(k, out, |k, out| phi.dual_slice(k, out))
}

/// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ of many pairs in either precision.
///
/// # Errors
/// As [`dual_slice`].
pub fn derivative_dual_slice<T: Scalar, A: Dual + ?Sized>(
    phi: &A,
    k: &PairSlices<'_, T>,
    out: &mut [T],
) -> Result<()> {
    by_blocks(k, out, |k, out| phi.derivative_dual_slice(k, out))
}

fn by_blocks<T: Scalar>(
    k: &PairSlices<'_, T>,
    out: &mut [T],
    map: impl Fn(&PairSlices<'_>, &mut [f64]) -> Result<()>,
) -> Result<()> {
    k.check_output(out.len())?;
    let [mut a, mut b, mut c, mut wide] = [[0.0; BLOCK]; 4];
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        let (range, size) = (block * BLOCK..block * BLOCK + out.len(), out.len());
        widen(&k.variance_a[range.clone()], &mut a[..size]);
        widen(&k.variance_b[range.clone()], &mut b[..size]);
        widen(&k.one_minus_correlation[range], &mut c[..size]);
        let pairs = PairSlices {
            variance_a: &a[..size],
            variance_b: &b[..size],
            one_minus_correlation: &c[..size],
        };
        map(&pairs, &mut wide[..size])?;
        for (out, &value) in out.iter_mut().zip(&wide) {
            *out = T::narrow("the dual", value)?;
        }
    }
    Ok(())
}

/// Runs of equal variances from this length on are vectorised.
const RUN: usize = 8;

/// The default of [`Dual::dual_slice`] and its derivative: every variance has its Hermite series once, where
/// a series is short enough; other pairs go one by one.
pub(crate) fn by_quadrature(
    phi: &dyn Dual,
    k: &PairSlices<'_>,
    out: &mut [f64],
    which: Expectation,
) -> Result<()> {
    k.check_output(out.len())?;
    // a series of a function with kinks costs as much as a pair
    let kinks = phi.kinks();
    let table = (kinks.is_empty() || k.len() >= RUN).then(|| {
        let all = k.variance_a.iter().chain(k.variance_b).copied();
        match which {
            Expectation::Value => {
                SeriesTable::new(&|x, out| phi.value_slice(x, out), &kinks, phi.parity(), all)
            }
            Expectation::Derivative => {
                let parity = phi.parity().of_derivative();
                SeriesTable::new(&|x, out| phi.derivative_slice(x, out), &kinks, parity, all)
            }
        }
    });
    let table = table.flatten();
    let variances = |i: usize| (k.variance_a[i], k.variance_b[i]);
    let mut start = 0;
    while start < k.len() {
        let same = (start..k.len()).take_while(|&i| variances(i) == variances(start));
        let end = start + same.count();
        let complements = &k.one_minus_correlation[start..end];
        let out = &mut out[start..end];
        let (a, b) = variances(start);
        let series = table
            .as_ref()
            .and_then(|table| table.at(a).zip(table.at(b)));
        let far = |epsilon: f64| table.as_ref().is_some_and(|table| table.reaches(epsilon));
        match series {
            Some((a, b)) if out.len() >= RUN && complements.iter().all(|&e| far(e)) => {
                a.covariance_slice(b, complements, out);
            }
            _ => {
                for (i, (out, &epsilon)) in out.iter_mut().zip(complements).enumerate() {
                    let pair = k.pair(start + i);
                    *out = match (series, which) {
                        (Some((a, b)), _) if far(epsilon) => a.covariance(b, 1.0 - epsilon),
                        (_, Expectation::Value) => phi.dual(pair)?.covariance(),
                        (_, Expectation::Derivative) => phi.derivative_dual(pair)?,
                    };
                }
            }
        }
        start = end;
    }
    Ok(())
}
