//! Activations behind references and boxes: lists of them, and choices at run time.

use std::sync::Arc;

use super::{Activation, Dual, DualRow, DualSensitivity, DualTable, PairSlices, Parity, Slopes};
use crate::{PairCovariance, Result};

macro_rules! delegate {
    ($type:ty) => {
        impl<A: Activation + ?Sized> Activation for $type {
            fn name(&self) -> String {
                (**self).name()
            }

            fn value(&self, x: f64) -> f64 {
                (**self).value(x)
            }

            fn derivative(&self, x: f64) -> f64 {
                (**self).derivative(x)
            }

            fn slopes(&self) -> Option<Slopes> {
                (**self).slopes()
            }

            fn parity(&self) -> Parity {
                (**self).parity()
            }

            fn kinks(&self) -> Vec<f64> {
                (**self).kinks()
            }

            fn is_pointwise(&self) -> bool {
                (**self).is_pointwise()
            }

            fn value_slice(&self, x: &[f64], out: &mut [f64]) {
                (**self).value_slice(x, out);
            }

            fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
                (**self).derivative_slice(x, out);
            }
        }

        impl<A: Dual + ?Sized> Dual for $type {
            fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
                (**self).dual(k)
            }

            fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
                (**self).derivative_dual(k)
            }

            fn duals(&self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
                (**self).duals(k)
            }

            fn duals_of_affine(
                &self,
                parameters: [f64; 4],
                k: PairCovariance,
            ) -> Option<Result<(PairCovariance, f64)>> {
                (**self).duals_of_affine(parameters, k)
            }

            fn sensitivity(&self, k: PairCovariance) -> Option<DualSensitivity> {
                (**self).sensitivity(k)
            }

            fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                (**self).dual_slice(k, out)
            }

            fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
                (**self).derivative_dual_slice(k, out)
            }

            fn moments(&self, q: &[f64], out: &mut [f64]) -> Result<()> {
                (**self).moments(q, out)
            }

            fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
                (**self).dual_row(row)
            }

            fn pair_cost(&self) -> f64 {
                (**self).pair_cost()
            }

            fn direct_cost(&self) -> f64 {
                (**self).direct_cost()
            }

            fn is_tabulated(&self) -> bool {
                (**self).is_tabulated()
            }

            fn table(&self, lowest: f64, highest: f64) -> Option<DualTable> {
                (**self).table(lowest, highest)
            }
        }
    };
}

delegate!(&A);
delegate!(Box<A>);
delegate!(Arc<A>);
