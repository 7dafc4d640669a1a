//! Infinite width and depth by the mean-field equations of a neuron.

use nalgebra::DMatrix;

use crate::architecture::Architecture;
use crate::covariance::ScaledCovariance;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::mean_field::{InitialLaw, JointLaw, MeanField};
use crate::network::Chain;
use crate::neural_function::{Need, NeuralFunction, Process};
use crate::{Error, PairCovariance, Result};

/// The estimated $L^1$ error of densities.
const TOLERANCE: f64 = 1e-6;

/// The limit $n, L \to \infty$ of a residual chain by the equations of one [neuron](MeanField) instead of the
/// flow of covariances, from the Gaussian law that its first layer gives.
///
/// A function of one neuron alone has what its law becomes by the Fokker–Planck equation $\partial_\tau p =
/// \tfrac12 B \partial_x^2 p$ ([`MeanField::fokker_planck`], to an estimated $L^1$ error of 1e-6); any other
/// function has its law at the covariance of the joint McKean–Vlasov equation
/// ([`MeanField::joint_convolution`], to 1e-9). Nothing is shared with the kernel maps of
/// [`DepthLimit`](super::DepthLimit) but the first layer.
#[derive(Debug)]
pub struct MeanFieldEquation {
    mean_field: MeanField,
    chain: Chain,
    /// For the covariance after the first layer.
    limit: InfiniteDepth,
}

impl MeanFieldEquation {
    /// Of an architecture.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a dense layer and a stack; as
    /// [`MeanField::of`].
    pub fn new<N: Architecture + ?Sized>(net: &N) -> Result<Self> {
        let (_, chain) = net.network().chain().ok_or_else(|| {
            Error::unsupported(
                format!("the mean-field equation of {}", net.name()),
                "it is not a dense layer and a stack around (activation, dense)",
            )
        })?;
        Ok(Self {
            mean_field: MeanField::of(net)?,
            chain,
            limit: net.infinite_depth(),
        })
    }

    fn clock(&self, time: f64) -> Result<f64> {
        error::unit_interval("time", time)?;
        error::non_negative("the scaling's clock", self.chain.scaling.clock(time))
    }

    /// The law of a neuron that starts with variance `start`.
    fn neuron(&self, start: f64, clock: f64) -> Result<Law> {
        let initial = InitialLaw::gaussian(0.0, start)?;
        let exact = self.mean_field.convolution(&initial, clock)?;
        if exact.added_variance() == 0.0 {
            return Law::gaussian(0.0, start);
        }
        let solution = self.mean_field.fokker_planck(&initial, clock, TOLERANCE)?;
        Ok(solution.law())
    }

    /// The covariance of a pair of inputs.
    fn pair(&self, start: PairCovariance, clock: f64, is_same: bool) -> Result<PairCovariance> {
        let (a, b) = (start.variance_a(), start.variance_b());
        let entries = if is_same {
            vec![a]
        } else {
            vec![a, start.covariance(), start.covariance(), b]
        };
        let inputs = if is_same { 1 } else { 2 };
        let initial = JointLaw::gaussian(DMatrix::from_vec(inputs, inputs, entries))?;
        let end = self.mean_field.joint_convolution(&initial, clock)?;
        let k = end.covariance();
        if is_same {
            return Ok(PairCovariance::diagonal(k[(0, 0)]));
        }
        let largest = k[(0, 0)].sqrt() * k[(1, 1)].sqrt();
        PairCovariance::new(k[(0, 0)], k[(1, 1)], k[(0, 1)].clamp(-largest, largest))
    }
}

impl Limit for MeanFieldEquation {
    fn regime(&self) -> Regime {
        Regime::MeanField
    }

    fn route(&self) -> String {
        "McKean-Vlasov and Fokker-Planck equations of a neuron".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            let clock = self.clock(time)?;
            let start = self.limit.pair_at(a, b, 0.0)?.pair()?;
            if function.needs() == [Need::Neurons] && function.inputs().len() == 1 {
                return function.of_neuron(&self.neuron(start.variance_a(), clock)?);
            }
            let k = self.pair(start, clock, a == b)?;
            function.at_infinite_width(&Process::new(ScaledCovariance::new(k)))
        })
    }
}
