//! Duals of activations that are constant but for a jump at 0, where they are 0.

use super::{DualRow, PairSlices, Slopes, arc_cosine};
use crate::vectorized::vectorized;
use crate::{PairCovariance, Result};

/// The values left and right of 0: the slopes of the antiderivative, whose derivative's dual
/// $\tfrac{(s_+ - s_-)^2}{2} \kappa_0(c) + s_- s_+$ is the dual of the jump.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jump(pub(super) Slopes);

impl Jump {
    /// $\varepsilon^\prime/(1 - \kappa_0)$.
    fn factor(self) -> f64 {
        self.0.curvature_weight() / self.0.second_moment()
    }

    pub(super) fn dual(self, k: PairCovariance) -> PairCovariance {
        let kappa0 = arc_cosine::one_minus_kappa0_unchecked(k.one_minus_correlation());
        let variance = |q: f64| if q > 0.0 { self.0.second_moment() } else { 0.0 };
        let (a, b) = (variance(k.variance_a()), variance(k.variance_b()));
        PairCovariance::from_parts(a, b, self.factor() * kappa0)
    }

    pub(super) fn dual_slice(self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        self.0.derivative_dual_slice(k, out)?;
        let variances = k.variance_a().iter().zip(k.variance_b());
        for (out, (&qa, &qb)) in out.iter_mut().zip(variances) {
            *out = if qa > 0.0 && qb > 0.0 { *out } else { 0.0 };
        }
        Ok(())
    }

    /// $\varepsilon^\prime$ of one point with many, and no slope.
    pub(super) fn dual_row(self, row: DualRow<'_>) {
        if let Some(slope) = row.slope {
            slope.fill(0.0);
        }
        let (factor, complement) = (self.factor(), row.complement);
        vectorized(
            #[inline(always)]
            || {
                for epsilon in complement.iter_mut() {
                    *epsilon = factor * arc_cosine::one_minus_kappa0_unchecked(*epsilon);
                }
            },
        );
    }
}

/// Implements [`Dual`](super::Dual) for the values left and right of 0.
macro_rules! dual_from_jump {
    ($type:ty, $left:expr, $right:expr) => {
        const _: () = {
            use $crate::activation::{
                Dual, DualRow, PairSlices, Slopes, jump::Jump, row::pair_cost,
            };
            use $crate::{PairCovariance, Result};

            const JUMP: Jump = Jump(Slopes {
                negative: $left,
                positive: $right,
            });

            impl Dual for $type {
                fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
                    Ok(JUMP.dual(k))
                }

                fn derivative_dual(&self, _: PairCovariance) -> Result<f64> {
                    Ok(0.0)
                }

                fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                    JUMP.dual_slice(k, out)
                }

                fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                    k.check_output(out.len())?;
                    out.fill(0.0);
                    Ok(())
                }

                fn pair_cost(&self) -> f64 {
                    pair_cost::CLOSED_FORM
                }

                fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
                    JUMP.dual_row(row);
                    Ok(())
                }
            }
        };
    };
}

pub(super) use dual_from_jump;
