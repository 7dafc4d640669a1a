//! The sign.

use super::jump::dual_from_jump;
use super::{Activation, Parity};

/// $\varphi(x) = \operatorname{sign}(x)$, with $\varphi(0) = 0$.
///
/// $\mathbb E[\varphi(u)\varphi(v)] = \tfrac2\pi \arcsin c = 2\kappa_0(c) - 1$ (W. Sheppard 1899; Y. Cho and
/// L. K. Saul 2009, degree 0). The pointwise derivative vanishes, and with it the derivative's dual: a
/// network of signs learns in its last layer only.
///
/// Near $c = \pm 1$ it takes the square root of the distance: of inputs that differ by the rounding of their
/// numbers alone ($1 - |c| \approx 10^{-33}$) three layers make $1 - |c| \approx 10^{-4}$. The result is that
/// of the given numbers, to their last digit; it says nothing of what they were rounded from.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Sign}};
/// let k = PairCovariance::new(3.0, 0.1, 0.0)?;
/// assert_eq!(Sign.dual(k)?.covariance(), 0.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sign;

impl Activation for Sign {
    fn name(&self) -> String {
        "sign".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 {
            1.0
        } else if x < 0.0 {
            -1.0
        } else {
            0.0
        }
    }

    fn derivative(&self, _: f64) -> f64 {
        0.0
    }

    fn parity(&self) -> Parity {
        Parity::Odd
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

dual_from_jump!(Sign, -1.0, 1.0);
