//! Activations that have all moments of a pair at once, by sums or integrals of fixed length.

use super::mixture::{self, Beside, Mixture};
use super::{Activation, DualRow, PairSlices};
use crate::{Error, PairCorrelation, PairCovariance, Result};

/// All that a pair of inputs gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairMoments {
    /// $V_a = \mathbb E[\varphi(u)^2]$.
    pub(crate) variance_a: f64,
    /// $V_b = \mathbb E[\varphi(v)^2]$.
    pub(crate) variance_b: f64,
    /// $\mathbb E[\varphi(u)\varphi(v)]$.
    pub(crate) moment: f64,
    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    pub(crate) derivative_moment: f64,
    /// $c^\prime = \mathbb E[\varphi(u)\varphi(v)]/\sqrt{V_aV_b}$; $c$ where a variance is 0.
    pub(crate) correlation: PairCorrelation,
}

/// An activation whose [`PairMoments`] take microseconds.
pub(crate) trait PairForm: Activation {
    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$, the bits of [`pair`](Self::pair).
    fn variance(&self, q: f64) -> f64;

    /// The moments of a pair.
    fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments;

    /// Those at some correlations, with the bits of [`pair`](Self::pair) and for less: what does not depend
    /// on the correlation is computed once, and the moments of slopes may be missing where they are not asked
    /// for.
    fn at_correlations(
        &self,
        qa: f64,
        qb: f64,
        c: &[PairCorrelation],
        _with_slope: bool,
    ) -> Vec<PairMoments> {
        c.iter().map(|&c| self.pair(qa, qb, c)).collect()
    }

    /// Those of $\gamma(\varphi(\alpha x + \beta) + \delta)$, where they have the same form.
    fn affine_pair(
        &self,
        _parameters: [f64; 4],
        _pair: (f64, f64, PairCorrelation),
    ) -> Option<PairMoments> {
        None
    }
}

impl<M: Mixture + Activation> PairForm for M {
    fn variance(&self, q: f64) -> f64 {
        mixture::variance(self, q)
    }

    fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        Beside::new(self, qa, qb).at(c)
    }

    fn at_correlations(
        &self,
        qa: f64,
        qb: f64,
        c: &[PairCorrelation],
        with_slope: bool,
    ) -> Vec<PairMoments> {
        Beside::new(self, qa, qb).at_all(c, with_slope)
    }
}

/// The dual and $\mathbb E[\varphi^\prime\varphi^\prime]$, checked.
pub(crate) fn duals(phi: &dyn PairForm, k: PairCovariance) -> Result<(PairCovariance, f64)> {
    let pair = phi.pair(k.variance_a(), k.variance_b(), k.pair_correlation());
    checked(phi, pair)
}

/// [`duals`] of $\gamma(\varphi(\alpha x + \beta) + \delta)$, where they have the same form.
pub(crate) fn duals_of_affine(
    phi: &dyn PairForm,
    parameters: [f64; 4],
    k: PairCovariance,
) -> Option<Result<(PairCovariance, f64)>> {
    let pair = (k.variance_a(), k.variance_b(), k.pair_correlation());
    Some(checked(phi, phi.affine_pair(parameters, pair)?))
}

fn checked(phi: &dyn PairForm, pair: PairMoments) -> Result<(PairCovariance, f64)> {
    let (a, b) = (pair.variance_a, pair.variance_b);
    let numbers = [a, b, pair.moment, pair.derivative_moment];
    if numbers.iter().all(|x| x.is_finite()) {
        let dual = PairCovariance::of(a, b, pair.correlation);
        Ok((dual, pair.derivative_moment))
    } else {
        Err(Error::overflow(format!("the dual of {}", phi.name())))
    }
}

/// One point with many; neighbours of equal variance, as at the nodes of tables, share what they can.
pub(crate) fn dual_row(phi: &dyn PairForm, row: DualRow<'_>) -> Result<()> {
    let mut slope = row.slope;
    let mut start = 0;
    for run in row.variance_b.chunk_by(|a, b| a == b) {
        let places = start..start + run.len();
        start = places.end;
        let correlation = &mut row.correlation[places.clone()];
        let pairs = phi.at_correlations(row.variance_a, run[0], correlation, slope.is_some());
        for (place, (c, pair)) in places.zip(correlation.iter_mut().zip(pairs)) {
            let (after, derivative) = checked(phi, pair)?;
            *c = after.pair_correlation();
            if let Some(slope) = &mut slope {
                slope[place] = derivative;
            }
        }
    }
    Ok(())
}

/// $V(q)$ of many variances; equal neighbours share theirs.
pub(crate) fn moments(phi: &dyn PairForm, q: &[f64], out: &mut [f64]) -> Result<()> {
    let mut start = 0;
    for run in q.chunk_by(|a, b| a == b) {
        let variance = phi.variance(run[0]);
        if !variance.is_finite() {
            return Err(Error::overflow(format!("the variance of {}", phi.name())));
        }
        out[start..start + run.len()].fill(variance);
        start += run.len();
    }
    Ok(())
}

/// One of the two expectations, of many pairs.
pub(crate) fn slice(
    phi: &dyn PairForm,
    k: &PairSlices<'_>,
    out: &mut [f64],
    which: impl Fn(PairMoments) -> f64,
) -> Result<()> {
    k.check_output(out.len())?;
    let pairs = k.variance_a().iter().zip(k.variance_b());
    for (out, ((&qa, &qb), &epsilon)) in out.iter_mut().zip(pairs.zip(k.one_minus_correlation())) {
        *out = which(phi.pair(qa, qb, PairCorrelation::of_one_minus(epsilon)));
        if !out.is_finite() {
            return Err(Error::overflow(format!("the dual of {}", phi.name())));
        }
    }
    Ok(())
}

/// Implements [`Dual`](super::Dual) for a type that is [`PairForm`]; a pair takes so many nanoseconds.
macro_rules! dual_from_pair_form {
    ($type:ty, $cost:expr) => {
        dual_from_pair_form!($type, $cost,);
    };
    ($type:ty, $cost:expr, $($generics:tt)*) => {
        const _: () = {
            #[allow(unused_imports)]
            use $crate::activation::{
                Activation, Dual, DualRow, PairSlices, pair_form, row::pair_cost,
            };
            use $crate::{PairCovariance, Result};

            impl<$($generics)*> Dual for $type {
                fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
                    Ok(self.duals(k)?.0)
                }

                fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
                    Ok(self.duals(k)?.1)
                }

                fn duals(&self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
                    pair_form::duals(self, k)
                }

                fn duals_of_affine(
                    &self,
                    parameters: [f64; 4],
                    k: PairCovariance,
                ) -> Option<Result<(PairCovariance, f64)>> {
                    pair_form::duals_of_affine(self, parameters, k)
                }

                fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                    pair_form::slice(self, k, out, |pair| pair.moment)
                }

                fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                    pair_form::slice(self, k, out, |pair| pair.derivative_moment)
                }

                fn moments(&self, q: &[f64], out: &mut [f64]) -> Result<()> {
                    pair_form::moments(self, q, out)
                }

                fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
                    pair_form::dual_row(self, row)
                }

                fn direct_cost(&self) -> f64 {
                    $cost
                }

                fn pair_cost(&self) -> f64 {
                    if self.is_tabulated() {
                        pair_cost::TABULATED
                    } else {
                        $cost
                    }
                }
            }
        };
    };
}
pub(crate) use dual_from_pair_form;
