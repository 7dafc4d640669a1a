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

    /// Those of one variance with others, with the bits of [`pair`](Self::pair) and for less: what does not
    /// depend on the correlation is shared, and the moments of slopes may be missing where they are not asked
    /// for.
    fn row(
        &self,
        qa: f64,
        qb: &[f64],
        c: &[PairCorrelation],
        _with_slope: bool,
    ) -> Vec<PairMoments> {
        let pairs = qb.iter().zip(c);
        pairs.map(|(&qb, &c)| self.pair(qa, qb, c)).collect()
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

    fn row(
        &self,
        qa: f64,
        qb: &[f64],
        c: &[PairCorrelation],
        with_slope: bool,
    ) -> Vec<PairMoments> {
        let mut all = Vec::with_capacity(c.len());
        for run in qb.chunk_by(|a, b| a == b) {
            let places = all.len()..all.len() + run.len();
            all.extend(Beside::new(self, qa, run[0]).at_all(&c[places], with_slope));
        }
        all
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

/// One point with many.
pub(crate) fn dual_row(phi: &dyn PairForm, row: DualRow<'_>) -> Result<()> {
    let mut slope = row.slope;
    let pairs = phi.row(
        row.variance_a,
        row.variance_b,
        row.correlation,
        slope.is_some(),
    );
    for (j, (c, pair)) in row.correlation.iter_mut().zip(pairs).enumerate() {
        let (after, derivative) = checked(phi, pair)?;
        *c = after.pair_correlation();
        if let Some(slope) = &mut slope {
            slope[j] = derivative;
        }
    }
    Ok(())
}

/// Some variances in their order, each of them once.
pub(crate) fn distinct(q: &[f64]) -> Vec<f64> {
    let mut distinct = q.to_vec();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup_by(|a, b| a.total_cmp(b).is_eq());
    distinct
}

/// Where a variance is among [`distinct`] ones.
#[inline]
pub(crate) fn place(distinct: &[f64], q: f64) -> usize {
    distinct.partition_point(|other| other.total_cmp(&q).is_lt())
}

/// $V(q)$ of many variances.
pub(crate) fn moments(phi: &dyn PairForm, q: &[f64], out: &mut [f64]) -> Result<()> {
    let distinct = distinct(q);
    let values: Vec<f64> = distinct.iter().map(|&q| phi.variance(q)).collect();
    for (&q, out) in q.iter().zip(out) {
        *out = values[place(&distinct, q)];
        if !out.is_finite() {
            return Err(Error::overflow(format!("the variance of {}", phi.name())));
        }
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
