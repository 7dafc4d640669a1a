//! The step.

use super::{Activation, Dual, DualRow, PairSlices, arc_cosine, closed_form, row};
use crate::{PairCovariance, Result};

/// The Heaviside step, $\varphi(x) = 1_{x > 0}$.
///
/// $\mathbb E[\varphi(u)\varphi(v)] = \tfrac12 \kappa_0(c)$ (Y. Cho and L. K. Saul 2009, degree 0). The
/// pointwise derivative vanishes, and with it the derivative's dual.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Step}};
/// let k = PairCovariance::new(3.0, 0.1, 0.0)?;
/// assert_eq!(Step.dual(k)?.covariance(), 0.25);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step;

/// ½ for a positive variance, 0 for none.
fn variance(q: f64) -> f64 {
    if q > 0.0 { 0.5 } else { 0.0 }
}

impl Activation for Step {
    fn name(&self) -> String {
        "step".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }

    fn derivative(&self, _: f64) -> f64 {
        0.0
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl Dual for Step {
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        let complement = arc_cosine::one_minus_kappa0_unchecked(k.one_minus_correlation());
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
                let value = 0.5 * arc_cosine::kappa0_of_complement_unchecked(epsilon);
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
        row::of_jump(1.0, row);
        Ok(())
    }
}
