//! Layer normalisation.

use super::{
    ConditionalLaw, Drawn, GradientSink, KernelBlock, Layer, Outline, Signal, Site, conditioned,
};
use crate::numerics::{dot, power_of_two};
use crate::vectorized::vectorized;
use crate::{Result, error};

/// Layer normalisation (J. L. Ba, J. R. Kiros and G. Hinton 2016, arXiv 1607.06450), without trained scale
/// and shift: at infinite width the neurons' mean is 0 and their variance $q$ a number, so that
///
/// $$K^\prime(a,b) = \frac{K(a,b)}{\sqrt{(q_a + \epsilon)(q_b + \epsilon)}}, \qquad \Theta^\prime(a,b) =
/// \frac{\Theta(a,b)}{\sqrt{(q_a + \epsilon)(q_b + \epsilon)}} .$$
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    epsilon: f64,
}

impl LayerNorm {
    /// Of the number $\epsilon$ that is added to variances.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless it is finite and $\ge 0$.
    pub fn new(epsilon: f64) -> Result<Self> {
        Ok(Self {
            epsilon: error::non_negative("epsilon", epsilon)?,
        })
    }
}

impl Default for LayerNorm {
    /// $\epsilon$ = 1e-12.
    fn default() -> Self {
        Self { epsilon: 1e-12 }
    }
}

impl Layer for LayerNorm {
    fn name(&self) -> String {
        format!("layer norm({})", self.epsilon)
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Ok(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let epsilon = self.epsilon;
        // a variance of 0 stays one
        let inverse = move |q: f64| {
            if q > 0.0 {
                1.0 / (q + epsilon).sqrt()
            } else {
                0.0
            }
        };
        let inverse_b: Vec<f64> = block.variance_b().iter().map(|&q| inverse(q)).collect();
        block.map(
            |q, out| {
                for (out, &q) in out.iter_mut().zip(q) {
                    *out = if q > 0.0 { q / (q + epsilon) } else { 0.0 };
                }
                Ok(())
            },
            |row, _| {
                let inverse_a = inverse(row.variance_a);
                if let Some(tangent) = row.tangent {
                    let inverse_b = &inverse_b[..];
                    vectorized(
                        #[inline(always)]
                        || {
                            for (tangent, inverse_b) in tangent.iter_mut().zip(inverse_b) {
                                *tangent *= inverse_a * inverse_b;
                            }
                        },
                    );
                }
                Ok(())
            },
        )
    }

    fn conditional(&self, signal: &Signal, _: &mut Site<'_>) -> Result<ConditionalLaw> {
        self.forward(signal).map(ConditionalLaw::determined)
    }

    fn draw(&self, _: usize, _: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Ok(Box::new(*self))
    }
}

impl Drawn for LayerNorm {
    fn width(&self, fan_in: usize) -> usize {
        fan_in
    }

    /// $(Y - \bar Y)/\sqrt{\operatorname{Var} Y + \epsilon}$ over the neurons, input by input.
    fn takes_inputs_alone(&self) -> bool {
        true
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        let mut out = signal.clone();
        for j in 0..out.points() {
            self.normalise(out.column_mut(j), signal.exponent());
        }
        out.set_exponent(0);
        Ok(out)
    }

    /// $(\delta - \bar\delta - \hat y\, \overline{\hat y \delta})/\sqrt{\operatorname{Var} Y + \epsilon}$
    /// with the outputs $\hat y$ and means over the neurons.
    fn backward(
        &self,
        signal: &Signal,
        mut deltas: Signal,
        _: &mut dyn GradientSink,
    ) -> Result<Signal> {
        conditioned::check_deltas(&deltas, signal.width(), signal.points())?;
        let count = signal.width() as f64;
        let points = signal.points();
        for a in 0..points {
            let mut outputs = signal.column(a).to_vec();
            let inverse = self.normalise(&mut outputs, signal.exponent());
            for c in (a..deltas.points()).step_by(points) {
                let column = deltas.column_mut(c);
                let mean = column.iter().sum::<f64>() / count;
                let share = dot(column, &outputs) / count;
                for (delta, y) in column.iter_mut().zip(&outputs) {
                    *delta = inverse * (*delta - mean - y * share);
                }
            }
        }
        let exponent = deltas.exponent() - signal.exponent();
        deltas.set_exponent(exponent);
        Ok(deltas)
    }
}

impl LayerNorm {
    /// Normalises the neurons at an input, which are held with a power of two, and returns the factor.
    fn normalise(&self, column: &mut [f64], exponent: i64) -> f64 {
        let epsilon = self.epsilon * power_of_two(-exponent);
        let count = column.len() as f64;
        let mean = column.iter().sum::<f64>() / count;
        for y in column.iter_mut() {
            *y -= mean;
        }
        let variance = column.iter().map(|y| y * y).sum::<f64>() / count;
        // all neurons alike stay so
        let inverse = if variance > 0.0 {
            1.0 / (variance + epsilon).sqrt()
        } else {
            0.0
        };
        for y in column {
            *y *= inverse;
        }
        inverse
    }
}
