//! An entry of the empirical NNGP kernel as a neural function.

use rand_distr::{ChiSquared, Distribution};

use super::{Need, NeuralFunction, Process, empirical, neuron, pair};
use crate::law::Law;
use crate::random::Seed;
use crate::sample::Record;
use crate::{Error, Inputs, Result, error};

/// Draws that stand for a law without a closed form: $m^{-1/2} = 0.008$, and the distribution function is off
/// by 0.87 of that in the mean.
const DRAWS: usize = 16_384;

/// $\hat K(a, b) = \frac1k \sum_{r \le k} Y^r(a) Y^r(b)$, the empirical NNGP kernel of the first $k$ outputs,
/// as [`EmpiricalKernels::nngp`](crate::sample::EmpiricalKernels::nngp). Of all outputs it is the
/// [`Covariance`](super::Covariance).
///
/// At infinite width and fixed $k$ it stays random, a mean of $k$ independent products of two Gaussians with
/// covariance $K$ (J. Lee et al. 2018, arXiv 1711.00165): given as the
/// [empirical law](crate::law::Empirical) of 16 384 draws of the process, always the same ones.
///
/// ```
/// use neural_limits::neural_function::NngpEntry;
/// use neural_limits::prelude::*;
/// let entry = NngpEntry::between(&[1.0, 0.0], &[0.6, 0.8], 10)?;
/// let limit = routes::DepthLimit::new(&ResNet::new(Relu)).law(&entry, 1.0)?;
/// let k = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let k = routes::DepthLimit::new(&ResNet::new(Relu)).law(&k, 1.0)?;
/// assert!((limit.mean() / k.mean() - 1.0).abs() < 0.02);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NngpEntry {
    inputs: Inputs<'static>,
    outputs: usize,
}

impl NngpEntry {
    /// Of two inputs and the first `outputs` outputs.
    ///
    /// # Errors
    /// As [`Inputs::from_rows`]; [`Error::Invalid`] for 0 outputs.
    pub fn between(a: &[f64], b: &[f64], outputs: usize) -> Result<Self> {
        Ok(Self {
            inputs: pair(a, b)?,
            outputs: error::size("outputs", outputs)?,
        })
    }
}

impl NeuralFunction for NngpEntry {
    fn name(&self) -> String {
        match self.outputs {
            1 => "NNGP entry, 1 output".to_owned(),
            outputs => format!("NNGP entry, {outputs} outputs"),
        }
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    fn needs(&self) -> &[Need] {
        &[Need::Neurons]
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64> {
        let mut sum = 0.0;
        for r in 0..self.outputs {
            sum += neuron(record, r, points[0])? * neuron(record, r, points[1])?;
        }
        Ok(sum / self.outputs as f64)
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law> {
        let k = process.covariance().pair()?;
        let c = k.pair_correlation();
        let scale = k.variance_a().sqrt() * k.variance_b().sqrt() / self.outputs as f64;
        // of unit Gaussians, uv = ((1 + c) s² - (1 - c) d²)/2 with independent s, d
        let (sum, difference) = (0.5 * c.one_plus(), 0.5 * c.one_minus());
        let freedom = self.outputs as f64;
        let squares = ChiSquared::new(freedom)
            .map_err(|_| Error::invalid("outputs", freedom, "a positive number"))?;
        let seed = Seed::new(0);
        empirical((0..DRAWS).map(|i| {
            let mut rng = seed.stream(i as u64);
            let (s, d) = (squares.sample(&mut rng), squares.sample(&mut rng));
            scale * (sum * s - difference * d)
        }))
    }
}
