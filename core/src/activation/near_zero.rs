//! Activations on variables so small that only their slopes at 0 are left.

use super::{Activation, Slopes};

/// Variances below which $\varphi(x) = s_\pm x (1 + O(x))$ is its slopes alone, to more digits than `f64` has
/// and before products of variances leave its range.
pub const SMALL: f64 = 6.223_015_277_861_142e-61; // 2^-200

/// The slopes of $\varphi$ at 0 from the left and the right, if $\varphi(0) = 0$ and they are not both 0. (A
/// map of kernels has none: its function is another one at every variance.)
pub fn slopes_at_zero(phi: &(impl Activation + ?Sized)) -> Option<Slopes> {
    const NEAR: f64 = 1e-100;
    if !phi.is_pointwise() || phi.value(0.0) != 0.0 {
        return None;
    }
    // a derivative that is wrong, or grows towards 0, is none
    let slope = |x: f64| {
        let slope = phi.derivative(x);
        let agrees = (phi.value(x) / x - slope).abs() <= 1e-14 * slope.abs();
        agrees.then_some(slope)
    };
    let slopes = Slopes {
        negative: slope(-NEAR)?,
        positive: slope(NEAR)?,
    };
    (slopes.second_moment() > 0.0).then_some(slopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Elu, Erf, Gelu, Polynomial, PowerKernel, Relu, Softplus, Tanh};

    #[test]
    fn activations_through_zero_have_slopes_there() {
        let of = |phi: &dyn Activation| {
            slopes_at_zero(phi).map(|slopes| (slopes.negative, slopes.positive))
        };
        assert_eq!(of(&Tanh), Some((1.0, 1.0)));
        assert_eq!(of(&Gelu), Some((0.5, 0.5)));
        assert_eq!(of(&Elu::default()), Some((1.0, 1.0)));
        assert_eq!(of(&Relu), Some((0.0, 1.0)));
        assert!(of(&Erf::default()).is_some());
        assert_eq!(of(&Softplus), None);
        assert_eq!(of(&Polynomial::monomial(2).unwrap()), None);
        assert_eq!(of(&PowerKernel::new(5).unwrap()), None);
    }
}
