//! The cosine.

use super::closed_form::dual_from_closed_form;
use super::sine::closed_form_of_wave;
use super::{Activation, Parity};
use crate::{Result, error};

/// $\varphi(x) = a \cos(bx + c)$; [`Cosine::default`] is $\cos x$. The duals are those of
/// [`Sine`](super::Sine) with the parts exchanged.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Cosine, Dual}};
/// let k = PairCovariance::new(1.0, 1.0, 1.0)?;
/// assert!((Cosine::default().dual(k)?.covariance() - 0.5 * (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    a: f64,
    b: f64,
    c: f64,
    /// Of $\sin bx$ and $\cos bx$.
    weights: (f64, f64),
}

impl Cosine {
    /// $a \cos(bx + c)$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(a: f64, b: f64, c: f64) -> Result<Self> {
        error::finite("c", c)?;
        Ok(Self {
            a: error::finite("a", a)?,
            b: error::finite("b", b)?,
            c,
            weights: (c.sin(), c.cos()),
        })
    }
}

impl Default for Cosine {
    /// $\cos x$.
    fn default() -> Self {
        Self {
            a: 1.0,
            b: 1.0,
            c: 0.0,
            weights: (0.0, 1.0),
        }
    }
}

impl Activation for Cosine {
    fn name(&self) -> String {
        format!("cos({}, {}, {})", self.a, self.b, self.c)
    }

    fn value(&self, x: f64) -> f64 {
        self.a * (self.b * x + self.c).cos()
    }

    fn derivative(&self, x: f64) -> f64 {
        -self.a * self.b * (self.b * x + self.c).sin()
    }

    fn parity(&self) -> Parity {
        if self.c == 0.0 {
            Parity::Even
        } else {
            Parity::Neither
        }
    }
}

closed_form_of_wave!(Cosine);
dual_from_closed_form!(Cosine);
