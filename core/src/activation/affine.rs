//! Affine maps before and after an activation.

use super::elementwise::map_around;
use super::{Activation, Dual, DualRow, Parity, Slopes, default, row};
use crate::{PairCovariance, Result, error};

/// $\hat\varphi(x) = \gamma (\varphi(\alpha x + \beta) + \delta)$, as activations are shaped (J. Martens et
/// al. 2021, arXiv 2110.01765).
///
/// Without $\beta$ and $\delta$ the duals are those of $\varphi$ at $\alpha^2 K$; otherwise they are computed
/// by quadrature.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Activation, Affine, Dual, Relu}};
/// let phi = Affine::new(Relu, 2.0, 0.0, 3.0, 0.0)?;
/// assert_eq!(phi.value(1.0), 6.0);
/// assert_eq!(phi.dual(PairCovariance::new(1.0, 1.0, 1.0)?)?.covariance(), 18.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine<A> {
    activation: A,
    input_scale: f64,
    input_shift: f64,
    output_scale: f64,
    output_shift: f64,
}

impl<A: Activation> Affine<A> {
    /// Of $\varphi$, $\alpha$, $\beta$, $\gamma$, $\delta$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(
        activation: A,
        input_scale: f64,
        input_shift: f64,
        output_scale: f64,
        output_shift: f64,
    ) -> Result<Self> {
        Ok(Self {
            activation,
            input_scale: error::finite("input_scale", input_scale)?,
            input_shift: error::finite("input_shift", input_shift)?,
            output_scale: error::finite("output_scale", output_scale)?,
            output_shift: error::finite("output_shift", output_shift)?,
        })
    }

    /// $\varphi$.
    pub fn activation(&self) -> &A {
        &self.activation
    }

    /// $\varphi$, by value.
    pub fn into_activation(self) -> A {
        self.activation
    }

    /// $(\alpha, \beta, \gamma, \delta)$.
    pub fn parameters(&self) -> [f64; 4] {
        [
            self.input_scale,
            self.input_shift,
            self.output_scale,
            self.output_shift,
        ]
    }

    /// What variances are multiplied by before and after $\varphi$.
    fn squares(&self) -> (f64, f64) {
        (
            self.input_scale * self.input_scale,
            self.output_scale * self.output_scale,
        )
    }

    /// Whether there are no shifts.
    fn is_linear(&self) -> bool {
        self.input_shift == 0.0 && self.output_shift == 0.0
    }
}

impl<A: Activation> Activation for Affine<A> {
    fn name(&self) -> String {
        let name = self.activation.name();
        let [a, b, c, d] = self.parameters();
        format!("{c} ({name}({a} x + {b}) + {d})")
    }

    fn value(&self, x: f64) -> f64 {
        let inner = self
            .activation
            .value(self.input_scale * x + self.input_shift);
        self.output_scale * (inner + self.output_shift)
    }

    fn derivative(&self, x: f64) -> f64 {
        let inner = self.input_scale * x + self.input_shift;
        self.output_scale * self.input_scale * self.activation.derivative(inner)
    }

    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        let [scale, shift, factor, constant] = self.parameters();
        map_around(
            x,
            out,
            move |x| scale * x + shift,
            |x, out| self.activation.value_slice(x, out),
            move |y| factor * (y + constant),
        );
    }

    fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
        let [scale, shift, factor, _] = self.parameters();
        map_around(
            x,
            out,
            move |x| scale * x + shift,
            |x, out| self.activation.derivative_slice(x, out),
            move |slope| factor * scale * slope,
        );
    }

    fn slopes(&self) -> Option<Slopes> {
        let slopes = self.activation.slopes().filter(|_| self.is_linear())?;
        let factor = self.output_scale * self.input_scale;
        let (left, right) = if self.input_scale >= 0.0 {
            (slopes.negative, slopes.positive)
        } else {
            (slopes.positive, slopes.negative)
        };
        Some(Slopes {
            negative: factor * left,
            positive: factor * right,
        })
    }

    fn parity(&self) -> Parity {
        match self.activation.parity() {
            Parity::Even if self.input_shift == 0.0 => Parity::Even,
            Parity::Odd if self.is_linear() => Parity::Odd,
            _ => Parity::Neither,
        }
    }

    fn kinks(&self) -> Vec<f64> {
        if self.input_scale == 0.0 {
            return Vec::new();
        }
        let kinks = self.activation.kinks().into_iter();
        kinks
            .map(|kink| (kink - self.input_shift) / self.input_scale)
            .collect()
    }

    fn is_pointwise(&self) -> bool {
        self.activation.is_pointwise()
    }
}

impl<A: Dual> Dual for Affine<A> {
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        if self.is_linear() {
            let (inside, outside) = self.squares();
            return Ok(self.activation.dual(k.times(inside))?.times(outside));
        }
        match self.activation.duals_of_affine(self.parameters(), k) {
            Some(duals) => Ok(duals?.0),
            None => default::dual(&self, k),
        }
    }

    fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
        if self.is_linear() {
            let (inside, outside) = self.squares();
            return Ok(inside * outside * self.activation.derivative_dual(k.times(inside))?);
        }
        match self.activation.duals_of_affine(self.parameters(), k) {
            Some(duals) => Ok(duals?.1),
            None => default::derivative_dual(&self, k),
        }
    }

    fn duals(&self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
        if self.is_linear() {
            let (inside, outside) = self.squares();
            let (dual, slope) = self.activation.duals(k.times(inside))?;
            return Ok((dual.times(outside), inside * outside * slope));
        }
        match self.activation.duals_of_affine(self.parameters(), k) {
            Some(duals) => duals,
            None => Ok((self.dual(k)?, self.derivative_dual(k)?)),
        }
    }

    fn moments(&self, q: &[f64], out: &mut [f64]) -> Result<()> {
        if !self.is_linear() {
            return row::moments_one_by_one(&self, q, out);
        }
        let (inside, outside) = self.squares();
        let scaled: Vec<f64> = q.iter().map(|q| inside * q).collect();
        self.activation.moments(&scaled, out)?;
        for out in out {
            *out *= outside;
        }
        Ok(())
    }

    fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
        let (inside, outside) = self.squares();
        if !self.is_linear() || outside == 0.0 {
            return row::one_by_one(&self, row);
        }
        let scaled = |values: &[f64], factor: f64| -> Vec<f64> {
            values.iter().map(|value| factor * value).collect()
        };
        let mut slope = row.slope;
        self.activation.dual_row(DualRow {
            variance_a: inside * row.variance_a,
            moment_a: row.moment_a / outside,
            variance_b: &scaled(row.variance_b, inside),
            moment_b: &scaled(row.moment_b, outside.recip()),
            inverse_b: &scaled(row.inverse_b, outside.sqrt()),
            correlation: row.correlation,
            slope: slope.as_deref_mut(),
        })?;
        for slope in slope.into_iter().flatten() {
            *slope *= inside * outside;
        }
        Ok(())
    }

    fn pair_cost(&self) -> f64 {
        if self.is_linear() {
            self.activation.pair_cost()
        } else {
            row::pair_cost::without_closed_form(self.is_tabulated())
        }
    }

    fn direct_cost(&self) -> f64 {
        if self.is_linear() {
            self.activation.direct_cost()
        } else {
            row::pair_cost::QUADRATURE
        }
    }

    fn is_tabulated(&self) -> bool {
        if self.is_linear() {
            self.activation.is_tabulated()
        } else {
            self.kinks().is_empty()
        }
    }
}
