//! Activations near 0 and far from it: a homogeneous function and what $\varphi$ has beyond it, by parity.

use super::elementary::{decay, log_one_plus};
use crate::activation::{Mish, Sigmoid, Silu, Softplus, Softsign, Tanh};

/// $|x|^p (h_\text{odd} \operatorname{sign} x + h_\text{even})$, to which $\varphi(x)$ tends for small or
/// large $x$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leading {
    /// Whether $p = 1$; otherwise $p = 0$.
    pub linear: bool,
    /// $h_\text{odd}$.
    pub odd: f64,
    /// $h_\text{even}$.
    pub even: f64,
}

/// $\varphi = \varphi_\text{odd} + \varphi_\text{even}$ at $x \ge 0$.
pub(crate) trait Profile {
    /// Whether $\varphi_\text{odd}$ or $\varphi_\text{even}$ is not analytic at 0.
    const KINKED: bool = false;

    /// Whether the odd and the even part have anything beyond the leading function, which is otherwise the
    /// same near and far.
    const RESTS: [bool; 2];

    /// Beyond this argument $\varphi$ is its leading function for large $x$.
    const REACH: f64 = 42.0;

    /// The length on which $\varphi$ changes.
    #[inline(always)]
    fn unit(&self) -> f64 {
        1.0
    }

    /// What $\varphi$ tends to for small $x$.
    fn leading_near(&self) -> Leading;

    /// What $\varphi$ tends to for large $x$.
    fn leading_far(&self) -> Leading;

    /// ($\varphi_\text{odd}$, $\varphi_\text{even}$) without [`leading_near`](Self::leading_near).
    fn near(&self, x: f64) -> (f64, f64);

    /// ($\varphi_\text{odd}$, $\varphi_\text{even}$) without [`leading_far`](Self::leading_far).
    fn far(&self, x: f64) -> (f64, f64);

    /// $\varphi_\text{even}^\prime$, where [`RESTS`](Self::RESTS) says that there is one.
    #[inline(always)]
    fn near_slope(&self, _: f64) -> f64 {
        0.0
    }

    /// $\varphi_\text{even}^\prime$ without $h_\text{even}$ of [`leading_far`](Self::leading_far), as
    /// [`near_slope`](Self::near_slope).
    #[inline(always)]
    fn far_slope(&self, _: f64) -> f64 {
        0.0
    }
}

const fn constant(odd: f64, even: f64) -> Leading {
    Leading {
        linear: false,
        odd,
        even,
    }
}

const fn linear(odd: f64, even: f64) -> Leading {
    Leading {
        linear: true,
        odd,
        even,
    }
}

/// $\tanh \tfrac x2 = -m/(2+m)$ with $m = e^{-x}-1$.
#[inline(always)]
fn tanh_half(x: f64) -> f64 {
    let (_, m) = decay(x);
    -m / (2.0 + m)
}

/// $\tanh x - x$ for $0 \le x \le \tfrac12$, by the eighth convergent of Lambert's fraction
/// $\tanh x = x/(1 + x^2/(3 + x^2/(5 + \ldots)))$, whose terms are positive.
#[inline(always)]
fn tanh_less_x(x: f64) -> f64 {
    let y = x * x;
    let ((mut before, mut top), (mut below, mut bottom)) = ((1.0, 0.0), (0.0, 1.0));
    for odd in [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0] {
        (before, top) = (top, odd * top + y * before);
        (below, bottom) = (bottom, odd * bottom + y * below);
    }
    -x * top / (bottom + top)
}

/// $\tanh x$.
impl Profile for Tanh {
    const RESTS: [bool; 2] = [true, false];

    fn leading_near(&self) -> Leading {
        linear(1.0, 0.0)
    }

    fn leading_far(&self) -> Leading {
        constant(1.0, 0.0)
    }

    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        let odd = if x < 0.5 {
            tanh_less_x(x)
        } else {
            tanh_half(2.0 * x) - x
        };
        (odd, 0.0)
    }

    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        let (e, _) = decay(2.0 * x);
        (-2.0 * e / (1.0 + e), 0.0)
    }
}

/// $1/(1+e^{-x}) = \tfrac12 + \tfrac12 \tanh \tfrac x2$.
impl Profile for Sigmoid {
    const RESTS: [bool; 2] = [true, false];

    fn leading_near(&self) -> Leading {
        constant(0.0, 0.5)
    }

    fn leading_far(&self) -> Leading {
        constant(0.5, 0.5)
    }

    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        (0.5 * tanh_half(x), 0.0)
    }

    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        let (e, _) = decay(x);
        (-e / (1.0 + e), 0.0)
    }
}

/// $\log(1+e^x) = \tfrac x2 + \log(2 \cosh \tfrac x2)$.
impl Profile for Softplus {
    const RESTS: [bool; 2] = [true, true];

    fn leading_near(&self) -> Leading {
        constant(0.0, std::f64::consts::LN_2)
    }

    fn leading_far(&self) -> Leading {
        linear(0.5, 0.5)
    }

    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        let (_, m) = decay(x);
        (0.5 * x, 0.5 * x + log_one_plus(0.5 * m))
    }

    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        let (e, _) = decay(x);
        (0.0, log_one_plus(e))
    }

    #[inline(always)]
    fn near_slope(&self, x: f64) -> f64 {
        0.5 * tanh_half(x)
    }

    #[inline(always)]
    fn far_slope(&self, x: f64) -> f64 {
        let (e, _) = decay(x);
        -e / (1.0 + e)
    }
}

/// $x/(1+e^{-x}) = \tfrac x2 + \tfrac x2 \tanh \tfrac x2$.
impl Profile for Silu {
    const RESTS: [bool; 2] = [false, true];

    fn leading_near(&self) -> Leading {
        linear(0.5, 0.0)
    }

    fn leading_far(&self) -> Leading {
        linear(0.5, 0.5)
    }

    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        (0.0, 0.5 * x * tanh_half(x))
    }

    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        let (e, _) = decay(x);
        (0.0, -x * e / (1.0 + e))
    }

    #[inline(always)]
    fn near_slope(&self, x: f64) -> f64 {
        let (e, m) = decay(x);
        let p = 1.0 + e;
        (x * e - 0.5 * m * p) / (p * p)
    }

    #[inline(always)]
    fn far_slope(&self, x: f64) -> f64 {
        let (e, _) = decay(x);
        let p = 1.0 + e;
        e * (x - p) / (p * p)
    }
}

/// $x \tanh \log(1+e^x) = x T(x)$, $T = (e^{2x}+2e^x)/(e^{2x}+2e^x+2)$, $T(0) = 3/5$.
impl Profile for Mish {
    const RESTS: [bool; 2] = [true, true];

    fn leading_near(&self) -> Leading {
        linear(0.6, 0.0)
    }

    fn leading_far(&self) -> Leading {
        linear(0.5, 0.5)
    }

    /// With $m = e^{-x}-1$ and $T - \tfrac35 = \tfrac25 f (4+f)/(5+4f+f^2)$, $f = m$ for $-x$ and $f =
    /// -m/(1+m)$ for $x$.
    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        let (e, m) = decay(x);
        let minus = 0.4 * m * (4.0 + m) / (5.0 + m * (4.0 + m));
        let plus = -0.4 * m * (4.0 * e - m) / (5.0 * e * e - m * (4.0 * e - m));
        (0.5 * x * (plus + minus), 0.5 * x * (plus - minus))
    }

    /// With $e = e^{-x}$: $1 - T(x) = 2e^2/(1+2e+2e^2)$, $T(-x) = (e^2+2e)/(e^2+2e+2)$.
    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        let (e, _) = decay(x);
        let plus = 2.0 * e * e / (1.0 + 2.0 * e * (1.0 + e));
        let minus = e * (e + 2.0) / (2.0 + e * (e + 2.0));
        (0.5 * x * (minus - plus), -0.5 * x * (minus + plus))
    }

    /// $\tfrac12 (T(x) - T(-x) + x T^\prime(x) + x T^\prime(-x))$ with $T^\prime(x) = 4 e^x (1+e^x)/(e^{2x} +
    /// 2e^x + 2)^2$.
    #[inline(always)]
    fn near_slope(&self, x: f64) -> f64 {
        let (e, m) = decay(x);
        let (plus, minus) = (1.0 + 2.0 * e * (1.0 + e), 2.0 + e * (e + 2.0));
        let p = 1.0 + e;
        let both = e / (plus * plus) + 1.0 / (minus * minus);
        2.0 * x * e * p * both - m * (p * p * p) / (plus * minus)
    }

    #[inline(always)]
    fn far_slope(&self, x: f64) -> f64 {
        let (e, _) = decay(x);
        let (plus, minus) = (1.0 + 2.0 * e * (1.0 + e), 2.0 + e * (e + 2.0));
        let both = e / (plus * plus) + 1.0 / (minus * minus);
        2.0 * x * e * (1.0 + e) * both - e * (e / plus + 0.5 * (e + 2.0) / minus)
    }
}

/// $x/(1+|x|)$.
impl Profile for Softsign {
    const KINKED: bool = true;
    const REACH: f64 = f64::INFINITY;
    const RESTS: [bool; 2] = [true, false];

    fn leading_near(&self) -> Leading {
        linear(1.0, 0.0)
    }

    fn leading_far(&self) -> Leading {
        constant(1.0, 0.0)
    }

    #[inline(always)]
    fn near(&self, x: f64) -> (f64, f64) {
        (-x * x / (1.0 + x), 0.0)
    }

    #[inline(always)]
    fn far(&self, x: f64) -> (f64, f64) {
        (-1.0 / (1.0 + x), 0.0)
    }
}
