//! One activation at one pair.

use neural_limits::PairCovariance;
use neural_limits::activation::{Dual, PairSlices, named};

use crate::outcome::{Check, ensure};
use crate::rounding::geometric_mean;

/// What documentation grants E[φφ] relative to √(V_a V_b), and E[φ′φ′] in the same way.
const GRANTED: f64 = 1e-12;

pub fn check(activation: &str, [qa, qb]: [f64; 2], epsilon: f64) -> Check {
    let phi = named(activation)?;
    let pair = PairCovariance::with_complement(qa, qb, epsilon)?;
    let dual = phi.dual(pair)?;
    let (va, vb) = (dual.variance_a(), dual.variance_b());
    let after = dual.one_minus_correlation();
    ensure(
        va.is_finite() && vb.is_finite() && va >= 0.0 && vb >= 0.0 && dual.covariance().is_finite(),
        "a dual is finite",
        || format!("{dual:?}"),
    )?;
    ensure(
        (0.0..=2.0).contains(&after),
        "1 - c of a dual lies in [0, 2]",
        || format!("{dual:?}"),
    )?;
    let scale = geometric_mean(va, vb);
    let swapped = phi.dual(PairCovariance::with_complement(qb, qa, epsilon)?)?;
    ensure(
        (swapped.variance_a(), swapped.variance_b()) == (vb, va)
            && (swapped.covariance() - dual.covariance()).abs() <= GRANTED * scale,
        "a dual is symmetric",
        || format!("{dual:?}, {swapped:?}"),
    )?;
    if qa == qb && epsilon == 0.0 {
        ensure(
            after == 0.0 && va == vb,
            "equal variables stay equal",
            || format!("{dual:?}"),
        )?;
    }
    let slope = phi.derivative_dual(pair)?;
    ensure(slope.is_finite(), "a derivative's dual is finite", || {
        format!("{slope}")
    })?;
    let equal = |q: f64| phi.derivative_dual(PairCovariance::with_complement(q, q, 0.0)?);
    let slopes = geometric_mean(equal(qa)?, equal(qb)?);
    if phi.is_pointwise() {
        ensure(
            slope.abs() <= slopes * (1.0 + GRANTED),
            "|E[φ′φ′]| is at most its norms",
            || format!("{slope:e}, {slopes:e}"),
        )?;
    }
    slices(&*phi, pair, scale, slopes)?;
    difference_quotient(&*phi, pair, slopes)
}

/// Slices and moments give the same numbers.
fn slices(phi: &dyn Dual, pair: PairCovariance, scale: f64, slopes: f64) -> Check {
    let dual = phi.dual(pair)?;
    let (a, b) = ([pair.variance_a()], [pair.variance_b()]);
    let complement = [pair.one_minus_correlation()];
    let k = PairSlices::new(&a, &b, &complement)?;
    let (mut covariance, mut slope, mut moment) = ([0.0], [0.0], [0.0]);
    phi.dual_slice(&k, &mut covariance)?;
    phi.derivative_dual_slice(&k, &mut slope)?;
    phi.moments(&a, &mut moment)?;
    let one = phi.derivative_dual(pair)?;
    ensure(
        (covariance[0] - dual.covariance()).abs() <= GRANTED * scale
            && (slope[0] - one).abs() <= GRANTED * slopes,
        "slices are pairs",
        || {
            let covariances = (covariance[0], dual.covariance());
            format!("E[φφ] {covariances:?}, E[φ′φ′] {:?}", (slope[0], one))
        },
    )?;
    ensure(
        moment[0] == dual.variance_a(),
        "moments are the dual's variances",
        || format!("{:e}, {:e}", moment[0], dual.variance_a()),
    )
}

/// $\partial \mathbb E[\varphi(u)\varphi(v)] / \partial c = \sqrt{q_a q_b}
/// \mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ for functions without jumps (Price's theorem), by a central
/// difference whose step is a thousandth of the distance to the nearer end.
fn difference_quotient(phi: &dyn Dual, pair: PairCovariance, slopes: f64) -> Check {
    let epsilon = pair.one_minus_correlation();
    let step = 1e-3 * epsilon.min(2.0 - epsilon);
    let (qa, qb) = (pair.variance_a(), pair.variance_b());
    let product = qa.sqrt() * qb.sqrt();
    let jumps = phi.kinks().iter().any(|&kink| {
        let step = 1e-9 * (1.0 + kink.abs());
        (phi.value(kink + step) - phi.value(kink - step)).abs() > 1e-3
    });
    if !phi.is_pointwise() || jumps || step < 1e-6 || product == 0.0 {
        return Ok(());
    }
    let at = |epsilon: f64| -> Check<f64> {
        let dual = phi.dual(PairCovariance::with_complement(qa, qb, epsilon)?)?;
        Ok(dual.covariance())
    };
    let (above, below) = (at(epsilon - step)?, at(epsilon + step)?);
    let quotient = (above - below) / (2.0 * step * product);
    let slope = phi.derivative_dual(pair)?;
    let dual = phi.dual(pair)?;
    let scale = geometric_mean(dual.variance_a(), dual.variance_b());
    let rounding = GRANTED * scale / (step * product);
    ensure(
        (quotient - slope).abs() <= 1e-3 * slopes + rounding,
        "E[φ′φ′] is the slope of E[φφ]",
        || format!("{slope:e}, difference quotient {quotient:e}, rounding {rounding:e}"),
    )
}
