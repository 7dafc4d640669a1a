//! Duals of activations that are constant but for a jump at 0, where they are 0.

use super::{DualRow, PairSlices, Slopes, arc_cosine};
use crate::vectorized::vectorized;
use crate::{PairCorrelation, PairCovariance, Result};

/// The values left and right of 0: the slopes of the antiderivative, whose derivative's dual
/// $\tfrac{(s_+ - s_-)^2}{2} \kappa_0(c) + s_- s_+$ is the dual of the jump.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jump(pub(super) Slopes);

impl Jump {
    /// $f = (1 - c^\prime)/(1 - \kappa_0)$.
    fn factor(self) -> f64 {
        self.0.curvature_weight() / self.0.second_moment()
    }

    /// $1 - c^\prime = f (1 - \kappa_0)$ and $1 + c^\prime = (2 - f) + f \kappa_0$.
    #[inline(always)]
    fn image(factor: f64, c: PairCorrelation) -> PairCorrelation {
        let s = arc_cosine::kappa0_of(c.absolute().opposite());
        let (kappa0, other) = if c.is_positive() {
            (1.0 - s, s)
        } else {
            (s, 1.0 - s)
        };
        PairCorrelation::from_ends(factor * other, (2.0 - factor) + factor * kappa0)
    }

    pub(super) fn dual(self, k: PairCovariance) -> PairCovariance {
        let variance = |q: f64| if q > 0.0 { self.0.second_moment() } else { 0.0 };
        let (a, b) = (variance(k.variance_a()), variance(k.variance_b()));
        PairCovariance::of(a, b, Self::image(self.factor(), k.pair_correlation()))
    }

    pub(super) fn dual_slice(self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        self.0.derivative_dual_slice(k, out)?;
        let variances = k.variance_a().iter().zip(k.variance_b());
        for (out, (&qa, &qb)) in out.iter_mut().zip(variances) {
            *out = if qa > 0.0 && qb > 0.0 { *out } else { 0.0 };
        }
        Ok(())
    }

    /// $c^\prime$ of one point with many, and no slope.
    pub(super) fn dual_row(self, row: DualRow<'_>) {
        if let Some(slope) = row.slope {
            slope.fill(0.0);
        }
        let (factor, correlation) = (self.factor(), row.correlation);
        vectorized(
            #[inline(always)]
            || {
                for c in correlation.iter_mut() {
                    *c = Self::image(factor, *c);
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
