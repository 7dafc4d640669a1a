//! The sign.

use super::{Activation, Dual, DualRow, PairSlices, Parity, arc_cosine, closed_form, row};
use crate::{PairCovariance, Result};

/// $\varphi(x) = \operatorname{sign}(x)$, with $\varphi(0) = 0$.
///
/// $\mathbb E[\varphi(u)\varphi(v)] = \tfrac2\pi \arcsin c = 2\kappa_0(c) - 1$ (W. Sheppard 1899; Y. Cho and
/// L. K. Saul 2009, degree 0). The pointwise derivative vanishes, and with it the derivative's dual: a
/// network of signs learns in its last layer only.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Sign}};
/// let k = PairCovariance::new(3.0, 0.1, 0.0)?;
/// assert_eq!(Sign.dual(k)?.covariance(), 0.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sign;

/// 1 for a positive variance, 0 for none.
fn variance(q: f64) -> f64 {
    if q > 0.0 { 1.0 } else { 0.0 }
}

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

impl Dual for Sign {
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        let complement = 2.0 * arc_cosine::one_minus_kappa0_unchecked(k.one_minus_correlation());
        let (a, b) = (variance(k.variance_a()), variance(k.variance_b()));
        Ok(PairCovariance::from_parts(a, b, complement))
    }

    fn derivative_dual(&self, _: PairCovariance) -> Result<f64> {
        Ok(0.0)
    }

    fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        closed_form::map_slices(
            || self.name(),
            k,
            out,
            #[inline(always)]
            |qa, qb, epsilon| {
                let value = 1.0 - 2.0 * arc_cosine::one_minus_kappa0_unchecked(epsilon);
                if qa > 0.0 && qb > 0.0 { value } else { 0.0 }
            },
        )
    }

    fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        k.check_output(out.len())?;
        out.fill(0.0);
        Ok(())
    }

    fn pair_cost(&self) -> f64 {
        row::pair_cost::CLOSED_FORM
    }

    fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
        row::of_jump(2.0, row);
        Ok(())
    }
}
