//! Jumps of an activation and of its derivative.

use crate::activation::Activation;

/// The heights of the jumps of a function at the kinks: differences over a short step that are far larger,
/// against the function around the kink, than the step.
fn jumps(f: &dyn Fn(f64) -> f64, kinks: &[f64]) -> Vec<(f64, f64)> {
    const STEP: f64 = 1e-8;
    kinks
        .iter()
        .filter_map(|&kink| {
            let step = STEP * kink.abs().max(1.0);
            let (left, right) = (f(kink - step), f(kink + step));
            let height = right - left;
            let around = f(kink - 1.0).abs() + f(kink + 1.0).abs() + left.abs() + right.abs();
            (height.abs() > 1e3 * STEP * around).then_some((kink, height))
        })
        .collect()
}

/// Whether $\varphi$ itself jumps.
pub fn is_discontinuous(phi: &dyn Activation) -> bool {
    !jumps(&|x| phi.value(x), &phi.kinks()).is_empty()
}

/// (kink, $\varphi^\prime(\kappa+) - \varphi^\prime(\kappa-)$) where $\varphi^\prime$ jumps.
pub fn of_derivative(phi: &dyn Activation) -> Vec<(f64, f64)> {
    jumps(&|x| phi.derivative(x), &phi.kinks())
}
