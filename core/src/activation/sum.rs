//! Sums of activations.

use super::elementwise::map_sum;
use super::{Activation, Dual, Parity, Slopes};

/// $\varphi(x) + \psi(x)$, from [`Activation::plus`].
///
/// The duals have mixed terms $\mathbb E[\varphi(u)\psi(v)]$ and are computed by quadrature, unless both
/// activations are positively homogeneous.
///
/// ```
/// use neural_limits::activation::{Activation, Relu, Tanh};
/// let phi = Relu.plus(Tanh.times(0.5)?);
/// assert_eq!(phi.value(-1.0), 0.5 * (-1.0_f64).tanh());
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum<A, B> {
    first: A,
    second: B,
}

impl<A: Activation, B: Activation> Sum<A, B> {
    /// $\varphi + \psi$.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Activation, B: Activation> Activation for Sum<A, B> {
    fn name(&self) -> String {
        format!("{} + {}", self.first.name(), self.second.name())
    }

    fn value(&self, x: f64) -> f64 {
        self.first.value(x) + self.second.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.first.derivative(x) + self.second.derivative(x)
    }

    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        let (first, second) = (&self.first, &self.second);
        let first = |x: &[f64], out: &mut [f64]| first.value_slice(x, out);
        map_sum(x, out, first, |x, out| second.value_slice(x, out));
    }

    fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
        let (first, second) = (&self.first, &self.second);
        let first = |x: &[f64], out: &mut [f64]| first.derivative_slice(x, out);
        map_sum(x, out, first, |x, out| second.derivative_slice(x, out));
    }

    fn slopes(&self) -> Option<Slopes> {
        let (a, b) = (self.first.slopes()?, self.second.slopes()?);
        Some(Slopes {
            negative: a.negative + b.negative,
            positive: a.positive + b.positive,
        })
    }

    fn parity(&self) -> Parity {
        let (a, b) = (self.first.parity(), self.second.parity());
        if a == b { a } else { Parity::Neither }
    }

    fn kinks(&self) -> Vec<f64> {
        let mut kinks = self.first.kinks();
        kinks.extend(self.second.kinks());
        kinks
    }

    fn is_pointwise(&self) -> bool {
        self.first.is_pointwise() && self.second.is_pointwise()
    }
}

impl<A: Activation, B: Activation> Dual for Sum<A, B> {}
