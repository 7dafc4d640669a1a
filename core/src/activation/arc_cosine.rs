//! The arc-cosine maps $\kappa_0$ and $\kappa_1$: the Gaussian duals of the step function and of ReLU.
//!
//! For a centred Gaussian pair with unit variances and correlation $c = \cos\theta$
//! (Y. Cho and L. K. Saul, *Kernel methods for deep learning*, NeurIPS 2009, equations 5 and 6),
//!
//! $$\kappa_0(c) = \frac{\pi - \arccos c}{\pi} = 2 \mathbb E[1_{u>0} 1_{v>0}], \qquad
//!   \kappa_1(c) = \frac{\sqrt{1-c^2} + c (\pi - \arccos c)}{\pi} = 2 \mathbb E[\max(u,0) \max(v,0)].$$
//!
//! # How they are computed
//! Written like that, $\kappa_1$ loses half of the digits of $1-\kappa_1$ near $c = 1$ and all of the digits
//! of $\kappa_1$ near $c = -1$. Here both maps go through one function of the distance $\delta = 1 - |c|$ to
//! the nearer end point (a subtraction that is exact for $|c| \ge 1/2$):
//!
//! $$\kappa_1(c) = \max(c, 0) + r(\delta), \qquad r(\delta) = \kappa_1(-1+\delta) = \delta^{3/2} h(\delta),$$
//! $$\kappa_0(c) = s(\delta) \text{ if } c < 0, \ 1 - s(\delta) \text{ otherwise}, \qquad
//!   s(\delta) = \tfrac1\pi \arccos(1-\delta) = \delta^{1/2} k(\delta).$$
//!
//! The first uses $\kappa_1(c) - \kappa_1(-c) = c$. The functions $h$ and $k$ are analytic on $[0, 1]$ (the
//! nearest singularity is $\delta = 2$), so one square root and one polynomial are the whole evaluation,
//! without a branch: `tools/arc_cosine_coefficients.py` computes the polynomials of least relative error
//! (below 2e-17). Since no term is subtracted from another of its own size, the complements $1-\kappa_1$ come
//! out with the same relative error as the maps.
//!
//! # Errors of the values
//! At most 4 units in the last place for $\kappa_0$, $\kappa_1$ and $1-\kappa_1$ on all of $[-1,1]$
//! (`tests/it/arc_cosine_oracle.rs` prints the largest found: below 3). No fused multiply-add is used, so
//! scalar and slice forms agree bit for bit on every machine.

use crate::covariance::PairCorrelation;
use crate::error::{self, Error, Result, first_outside};
use crate::numerics::polynomial;
use crate::vectorized::vectorized;

/// Coefficients of $h$, lowest degree first.
const H: [f64; 18] = [
    0.30010543871903533,
    0.015005271935952852,
    0.0024115615610214884,
    0.0005582318475709332,
    0.00015541671681378334,
    4.841968513976491e-05,
    1.6261942448590732e-05,
    5.851127708322112e-06,
    1.8160059484700965e-06,
    1.8635625678603357e-06,
    -2.217883679153633e-06,
    4.75520419989044e-06,
    -6.259554715404101e-06,
    6.383944446083916e-06,
    -4.601789513750088e-06,
    2.287018522448418e-06,
    -6.955305428575217e-07,
    1.0167086599268874e-07,
];

/// Coefficients of $k$, lowest degree first.
const K: [f64; 20] = [
    0.45015815807855303,
    0.03751317983988029,
    0.008440465463859948,
    0.0025120432986670657,
    0.0008547923509932199,
    0.0003147216910281305,
    0.0001220254658950493,
    4.933757569091551e-05,
    1.9040195349620243e-05,
    1.3964727387954952e-05,
    -1.3629486611895407e-05,
    4.4452680306435474e-05,
    -8.115790902742089e-05,
    0.00012094315417533002,
    -0.0001357921104898181,
    0.00011522042837736223,
    -7.109858280554059e-05,
    3.0348719991809846e-05,
    -8.025262810641236e-06,
    1.0096815891496075e-06,
];

/// $h(\delta) = \kappa_1(-1+\delta) \delta^{-3/2}$ for $\delta \in [0, 1]$.
#[inline(always)]
pub fn analytic_factor(delta: f64) -> f64 {
    polynomial::evaluate(&H, delta)
}

/// $(h(\delta) - h(0))/\delta$ for $\delta \in [0, 1]$.
pub fn analytic_factor_slope(delta: f64) -> f64 {
    H[1..].iter().rev().fold(0.0, |sum, h| sum * delta + h)
}

/// $r(\delta) = \kappa_1(-1+\delta)$ for $\delta \in [0, 1]$.
#[inline(always)]
pub fn remainder(delta: f64) -> f64 {
    delta * delta.sqrt() * analytic_factor(delta)
}

/// $s(\delta) = \arccos(1-\delta)/\pi$ for $\delta \in [0, 1]$.
#[inline(always)]
fn angle_over_pi(delta: f64) -> f64 {
    delta.sqrt() * polynomial::evaluate(&K, delta)
}

#[inline(always)]
fn kappa1_unchecked(c: f64) -> f64 {
    let positive_part = if c > 0.0 { c } else { 0.0 };
    positive_part + remainder(1.0 - c.abs())
}

#[inline(always)]
fn kappa0_unchecked(c: f64) -> f64 {
    let s = angle_over_pi(1.0 - c.abs());
    if c < 0.0 { s } else { 1.0 - s }
}

/// $1 - \kappa_1(1-\varepsilon)$ for $\varepsilon \in [0, 2]$, unchecked.
#[inline(always)]
fn kappa1_complement_unchecked(epsilon: f64) -> f64 {
    let near_one = epsilon <= 1.0;
    let delta = if near_one { epsilon } else { 2.0 - epsilon };
    (if near_one { epsilon } else { 1.0 }) - remainder(delta)
}

/// $\kappa_1(c)$.
#[inline(always)]
pub fn kappa1_of(c: PairCorrelation) -> f64 {
    let positive_part = if c.is_positive() { c.value() } else { 0.0 };
    positive_part + remainder(c.distance())
}

/// $\kappa_0(c)$.
#[inline(always)]
pub fn kappa0_of(c: PairCorrelation) -> f64 {
    let s = angle_over_pi(c.distance());
    if c.is_positive() { 1.0 - s } else { s }
}

/// $r(\delta)$ and $s(\delta)$ with one square root.
#[inline(always)]
pub(crate) fn remainder_and_angle(delta: f64) -> (f64, f64) {
    let root = delta.sqrt();
    (
        delta * root * polynomial::evaluate(&H, delta),
        root * polynomial::evaluate(&K, delta),
    )
}

/// $\kappa_0(c) = (\pi - \arccos c)/\pi$, the arc-cosine map of degree 0, with an error of at most 4 ulp.
///
/// # Errors
/// [`Error::Invalid`] unless $-1 \le c \le 1$.
///
/// ```
/// use neural_limits::activation::arc_cosine::kappa0;
/// assert_eq!(kappa0(0.0)?, 0.5);
/// assert!(kappa0(f64::NAN).is_err());
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[inline]
pub fn kappa0(c: f64) -> Result<f64> {
    error::correlation("c", c).map(kappa0_unchecked)
}

/// $\kappa_1(c) = (\sqrt{1-c^2} + c (\pi - \arccos c))/\pi$, the arc-cosine map of degree 1, with an error of
/// at most 4 ulp.
///
/// S. Hayou and G. Yang (2023, arXiv 2302.00453) write it $f(c) = (c \arcsin c + \sqrt{1-c^2})/\pi + c/2$.
///
/// # Errors
/// [`Error::Invalid`] unless $-1 \le c \le 1$.
///
/// ```
/// use neural_limits::activation::arc_cosine::kappa1;
/// assert_eq!(kappa1(1.0)?, 1.0);
/// assert_eq!(kappa1(-1.0)?, 0.0);
/// assert!((kappa1(0.0)? - 1.0 / std::f64::consts::PI).abs() < 1e-16);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[inline]
pub fn kappa1(c: f64) -> Result<f64> {
    error::correlation("c", c).map(kappa1_unchecked)
}

/// $1 - \kappa_1(c)$ with a relative error of at most 4 ulp, where forming it from $\kappa_1$ would lose
/// every digit.
///
/// # Errors
/// [`Error::Invalid`] unless $-1 \le c \le 1$.
#[inline]
pub fn one_minus_kappa1(c: f64) -> Result<f64> {
    let c = error::correlation("c", c)?;
    let delta = 1.0 - c.abs();
    Ok(if c >= 0.0 { delta } else { 1.0 } - remainder(delta))
}

/// $1 - \kappa_1(1-\varepsilon)$ as a function of $\varepsilon = 1 - c \in [0, 2]$: the form to iterate,
/// since $\varepsilon$ keeps the digits of a correlation near 1 that $c$ cannot hold.
///
/// For small $\varepsilon$ it is $\varepsilon - \frac{2\sqrt2}{3\pi} \varepsilon^{3/2} +
/// O(\varepsilon^{5/2})$.
///
/// # Errors
/// [`Error::Invalid`] unless $0 \le \varepsilon \le 2$.
///
/// ```
/// use neural_limits::activation::arc_cosine::kappa1_complement;
/// assert_eq!(kappa1_complement(1e-300)?, 1e-300);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[inline]
pub fn kappa1_complement(epsilon: f64) -> Result<f64> {
    error::complement("epsilon", epsilon).map(kappa1_complement_unchecked)
}

/// [`kappa0`] of every element of `c`, written to `out`; vectorised by run-time dispatch.
///
/// # Errors
/// [`Error::Shape`] unless the lengths agree; [`Error::Invalid`] naming the first element outside of
/// $[-1, 1]$, with `out` left untouched.
pub fn kappa0_slice(c: &[f64], out: &mut [f64]) -> Result<()> {
    map_slice("c", c, out, (-1.0, 1.0), kappa0_unchecked)
}

/// [`kappa1`] of every element of `c`, written to `out`; vectorised by run-time dispatch.
///
/// # Errors
/// As [`kappa0_slice`].
///
/// ```
/// use neural_limits::activation::arc_cosine::{kappa1, kappa1_slice};
/// let c = [-1.0, -0.3, 0.0, 0.9999, 1.0];
/// let mut out = [0.0; 5];
/// kappa1_slice(&c, &mut out)?;
/// assert_eq!(out[3], kappa1(c[3])?);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn kappa1_slice(c: &[f64], out: &mut [f64]) -> Result<()> {
    map_slice("c", c, out, (-1.0, 1.0), kappa1_unchecked)
}

/// [`kappa1_complement`] of every element of `epsilon`, written to `out`; vectorised by run-time dispatch.
///
/// # Errors
/// As [`kappa0_slice`], with the domain $[0, 2]$.
pub fn kappa1_complement_slice(epsilon: &[f64], out: &mut [f64]) -> Result<()> {
    map_slice(
        "epsilon",
        epsilon,
        out,
        (0.0, 2.0),
        kappa1_complement_unchecked,
    )
}

/// Checks domain and lengths in one vectorised pass, then maps in another.
#[inline(always)]
fn map_slice(
    argument: &str,
    x: &[f64],
    out: &mut [f64],
    (low, high): (f64, f64),
    map: impl Fn(f64) -> f64,
) -> Result<()> {
    if x.len() != out.len() {
        return Err(Error::shape(
            "out",
            format!("length {}", out.len()),
            format!("the length of {argument}, {}", x.len()),
        ));
    }
    if let Some(i) = first_outside(x, low, high) {
        return Err(Error::invalid(
            format!("{argument}[{i}]"),
            x[i],
            format!("a number in [{low}, {high}]"),
        ));
    }
    vectorized(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = map(x);
            }
        },
    );
    Ok(())
}
