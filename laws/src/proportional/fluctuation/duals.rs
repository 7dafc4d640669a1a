//! What a neuron's square and its sign remember of each other.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// A correlation $\rho$ of one neuron at two depths, with $\sqrt{1 - \rho^2}$.
#[derive(Debug, Clone, Copy)]
pub(in crate::proportional) struct Memory {
    pub(in crate::proportional) rho: f64,
    pub(in crate::proportional) sine: f64,
}

impl Memory {
    /// $\rho = \pm e^{-w/2}$ for an elapsed growth $w \ge 0$ of the logarithm of the variance that the skip
    /// connection does not carry.
    pub(in crate::proportional) fn after(elapsed: f64, negative: bool) -> Self {
        let rho = (-0.5 * elapsed).exp();
        Self {
            rho: if negative { -rho } else { rho },
            sine: (-(-elapsed).exp_m1()).max(0.0).sqrt(),
        }
    }

    fn arc_sine(self) -> f64 {
        (FRAC_PI_2 - self.sine.atan2(self.rho.abs())).copysign(self.rho)
    }

    /// $B(\rho) = \mathbb E[x|x| y|y|] = \tfrac2\pi ((1 + 2\rho^2) \arcsin \rho + 3\rho \sqrt{1-\rho^2})$.
    pub(in crate::proportional) fn of_squares(self) -> f64 {
        let Self { rho, sine } = self;
        FRAC_2_PI * ((1.0 + 2.0 * rho * rho) * self.arc_sine() + 3.0 * rho * sine)
    }

    /// $D(\rho) = \mathbb E[x|x| \operatorname{sgn} y] = \tfrac2\pi (\arcsin \rho + \rho \sqrt{1-\rho^2})$.
    pub(in crate::proportional) fn of_sign(self) -> f64 {
        FRAC_2_PI * (self.arc_sine() + self.rho * self.sine)
    }
}
