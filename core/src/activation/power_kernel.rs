//! Powers of the kernel.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::{Activation, Parity, Polynomial};
use crate::{PairCorrelation, Result};

/// The kernel map $K \mapsto K^n$, entry by entry: the homogeneous polynomial kernel.
///
/// At unit variances it is the dual of the Hermite polynomial $\mathrm{He}_n/\sqrt{n!}$, which
/// [`value`](Activation::value) returns; at other variances it is not (that is [`Polynomial::hermite`]), so
/// finite networks refuse it. It is what neural-tangents calls `Hermite`. The map of tangent kernels is
/// $\Theta \mapsto n K^{n-1} \Theta$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, PowerKernel}};
/// let k = PairCovariance::new(4.0, 1.0, -1.0)?;
/// assert_eq!(PowerKernel::new(3)?.dual(k)?.covariance(), -1.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PowerKernel {
    degree: i32,
    hermite: Polynomial,
}

impl PowerKernel {
    /// Of the power $n$ from 0 to 150.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a larger power.
    pub fn new(degree: usize) -> Result<Self> {
        Ok(Self {
            hermite: Polynomial::hermite(degree)?,
            degree: degree as i32,
        })
    }
}

impl Activation for PowerKernel {
    fn name(&self) -> String {
        format!("power kernel({})", self.degree)
    }

    fn value(&self, x: f64) -> f64 {
        self.hermite.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.hermite.derivative(x)
    }

    fn parity(&self) -> Parity {
        self.hermite.parity()
    }

    fn is_pointwise(&self) -> bool {
        false
    }
}

impl ClosedForm for PowerKernel {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
        (scale * c.value()).powi(self.degree)
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        if self.degree == 0 {
            return 0.0;
        }
        let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
        f64::from(self.degree) * (scale * c.value()).powi(self.degree - 1)
    }

    fn complement(&self, _: f64, _: f64, c: PairCorrelation) -> f64 {
        -(f64::from(self.degree) * (-c.one_minus()).ln_1p()).exp_m1()
    }
}

dual_from_closed_form!(PowerKernel);
