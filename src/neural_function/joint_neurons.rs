//! Two neurons jointly, as a neural function.

use std::f64::consts::PI;

use super::{Need, NeuralFunction, Process, neuron, pair};
use crate::law::Law;
use crate::sample::Record;
use crate::{Error, Inputs, Result, error};

/// $u Y^i(a) + v Y^j(b)$: the joint law of two neurons, seen from the direction $(u, v)$.
///
/// Joint laws converge if and only if their projections on all directions do (H. Cramér and H. Wold 1936), so
/// a joint law is compared by the laws of some of these numbers: [`directions`](Self::directions) are evenly
/// spaced. At infinite width it is
/// $\mathcal N(0, u^2 q(a,a) + v^2 q(b,b) + 2 u v\, \delta_{ij}\, q(a,b))$: neurons are independent, one
/// neuron at two inputs is not (S. Hayou and G. Yang 2023, arXiv 2302.00453, theorem 1).
///
/// ```
/// use neural_limits::neural_function::JointNeurons;
/// use neural_limits::prelude::*;
/// let [a, b] = [[1.0, 0.0], [0.6, 0.8]];
/// let limit = routes::DepthLimit::new(&ResNet::new(Relu));
/// for [u, v] in JointNeurons::directions(4) {
///     let two_inputs = JointNeurons::of([0, 0], [&a, &b], [u, v])?;
///     let two_neurons = JointNeurons::of([0, 1], [&a, &a], [u, v])?;
///     let variance = |joint: &JointNeurons| limit.law(joint, 1.0).map(|law| law.variance());
///     assert!(variance(&two_inputs)? > 0.0);
///     assert!((variance(&two_neurons)? - 0.5 * 0.5_f64.exp()).abs() < 1e-12); // u² + v² = 1
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JointNeurons {
    neurons: [usize; 2],
    inputs: Inputs<'static>,
    direction: [f64; 2],
}

impl JointNeurons {
    /// Of neuron $i$ at $a$ and neuron $j$ at $b$ (neurons counted from 0), in the direction $(u, v)$.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::Invalid`] for a direction that is not finite or is zero.
    pub fn of(neurons: [usize; 2], inputs: [&[f64]; 2], direction: [f64; 2]) -> Result<Self> {
        for (k, entry) in direction.iter().enumerate() {
            error::finite_square(&format!("direction[{k}]"), *entry)?;
        }
        if direction == [0.0, 0.0] {
            return Err(Error::ZeroVector {
                argument: "direction".to_owned(),
            });
        }
        let [a, b] = inputs;
        Ok(Self {
            neurons,
            inputs: pair(a, b)?,
            direction,
        })
    }

    /// `count` evenly spaced directions of length 1, none of them along an axis:
    /// $(\cos \pi\tfrac{2k+1}{2m}, \sin \pi\tfrac{2k+1}{2m})$.
    pub fn directions(count: usize) -> impl Iterator<Item = [f64; 2]> {
        (0..count).map(move |k| {
            let angle = PI * (2 * k + 1) as f64 / (2 * count) as f64;
            [angle.cos(), angle.sin()]
        })
    }

    fn variance(&self, process: &Process) -> Result<f64> {
        let [u, v] = self.direction;
        let k = process.covariance();
        let own = u * u * k.variance_a()? + v * v * k.variance_b()?;
        if self.neurons[0] == self.neurons[1] {
            // rounding may leave the set of variances
            Ok((own + 2.0 * u * v * k.covariance()?).max(0.0))
        } else {
            Ok(own)
        }
    }
}

impl NeuralFunction for JointNeurons {
    fn name(&self) -> String {
        let [i, j] = self.neurons.map(|neuron| neuron + 1);
        let [u, v] = self.direction;
        format!("{u:.2} Y{i}(a) {v:+.2} Y{j}(b)")
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    fn needs(&self) -> &[Need] {
        &[Need::Neurons]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let [i, j] = self.neurons;
        let [u, v] = self.direction;
        Ok(u * neuron(record, i, points[0])? + v * neuron(record, j, points[1])?)
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        Law::gaussian(0.0, self.variance(process)?)
    }

    fn with_log_normal_scale(
        &self,
        process: &Process,
        log_mean: f64,
        log_variance: f64,
    ) -> Result<Law> {
        Law::log_normal_scale(self.variance(process)?, log_mean, log_variance)
    }
}
