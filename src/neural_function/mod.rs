//! Neural functions: maps of a random network, at given inputs, to a number.
//!
//! | file | value for a network of width $n$ | at infinite width |
//! |---|---|---|
//! | [`Covariance`] | $\langle Y(a), Y(b) \rangle / n$ | a number |
//! | [`Correlation`] | the cosine of the angle between $Y(a)$ and $Y(b)$ | a number |
//! | [`Angle`] | the angle itself | a number |
//! | [`Norm`], [`LogNorm`] | $\lVert Y(a) \rVert / \sqrt n$, and its logarithm | a number |
//! | [`Neuron`] | $Y^1(a)$ | Gaussian |
//! | [`JointNeurons`] | $u Y^i(a) + v Y^j(b)$ | Gaussian |
//! | [`NeuronVector`] | $(Y^{i_1}(a_1), \dots, Y^{i_k}(a_k))$, a vector of neurons | Gaussian |
//! | [`NngpEntry`] | $\frac1k \sum_{r \le k} Y^r(a) Y^r(b)$ | a mean of $k$ products of Gaussians |
//! | [`NeuralTangent`] | $\langle \nabla Y^1(a), \nabla Y^1(b) \rangle$ | a number |
//! | [`GradientNorm`] | $\lVert \nabla Y^1(a) \rVert$, of all layers or of one | a number (all layers) |
//! | [`JacobianNorm`] | $\sigma_{\max}(\partial Y/\partial a)/\sqrt n$ | a number |
//! | [`CustomFunction`] | a closure of what is read off a network | a closure, if given |
//!
//! Which regime gives which of them a law ([`limit`](crate::limit)); elsewhere
//! [`Error::Unsupported`] says why there is none:
//!
//! | | finite | $n = \infty$, then $L$ | $L = \infty$, then $n$ | order $1/n$ | $L/n \to T$ |
//! |---|---|---|---|---|---|
//! | [`Covariance`], [`Correlation`], [`Angle`], [`Norm`], [`LogNorm`] | yes | yes | yes | yes | yes |
//! | [`Neuron`], [`JointNeurons`] | yes | yes | yes | | critical chains |
//! | [`NngpEntry`] | yes | yes | yes | | |
//! | [`NeuralTangent`], [`GradientNorm`] (all layers), [`JacobianNorm`] | yes | yes | | | |
//! | [`GradientNorm`] of one layer | yes | | | | |
//! | [`CustomFunction`] | yes | by its closure | where it needs no gradients or weights | | |
//!
//! The term is S. Hayou's (2023, arXiv 2310.01683). To add one, write one file that implements
//! [`NeuralFunction`].

mod angle;
mod correlation;
mod covariance;
mod custom;
mod gradient_norm;
mod jacobian_norm;
mod joint_neurons;
mod neural_tangent;
mod neuron;
mod neuron_vector;
mod nngp_entry;
mod norm;

use std::fmt::Debug;

pub use angle::Angle;
pub use correlation::Correlation;
pub use covariance::Covariance;
pub use custom::CustomFunction;
pub use gradient_norm::GradientNorm;
pub use jacobian_norm::JacobianNorm;
pub use joint_neurons::JointNeurons;
pub use neural_tangent::NeuralTangent;
pub use neuron::Neuron;
pub use neuron_vector::NeuronVector;
pub use nngp_entry::NngpEntry;
pub use norm::{LogNorm, Norm};

use crate::kernel::TangentKernel;
use crate::law::{Empirical, Law};
use crate::numerics::scale_by_power_of_two;
use crate::proportional::PairFluctuation;
use crate::sample::Record;
use crate::{Error, Inputs, PairCovariance, Result, ScaledCovariance};

/// What a neural function reads of a network. Samplers and limits provide what is asked for, and nothing
/// else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The covariances of its inputs, $\langle Y(a), Y(b) \rangle / n$.
    Covariances,
    /// Its neurons.
    Neurons,
    /// Its tangent kernel.
    TangentKernel,
    /// Gradients of its outputs.
    Gradients,
    /// The network itself, with all of its weights.
    Network,
    /// At infinite width, the [metric](InputMetric) of the inputs.
    InputMetric,
}

/// A number read off a random network at one or two inputs, and its law when the width is infinite.
///
/// Every regime is built on these readings, so a new neural function has all of its limits at once.
pub trait NeuralFunction: Debug + Send + Sync {
    /// The function in words.
    fn name(&self) -> String;

    /// Its one or two inputs.
    fn inputs(&self) -> &Inputs<'static>;

    /// What it reads; covariances and neurons by default.
    fn needs(&self) -> &[Need] {
        &[Need::Covariances, Need::Neurons]
    }

    /// The value for one finite network; `points` are the indices of the inputs within the record.
    ///
    /// # Errors
    /// Those of the accessors of [`Record`].
    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64>;

    /// The law when neurons are independent Gaussian processes of the inputs.
    ///
    /// # Errors
    /// Those of the accessors of [`Process`] and [`ScaledCovariance`].
    fn at_infinite_width(&self, process: &Process) -> Result<Law>;

    /// The law where neurons are independent and one of them, at the function's input, has the law `neuron`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if it is not a function of one neuron.
    fn of_neuron(&self, _neuron: &Law) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} from that of a neuron", self.name()),
            "it is not a function of one neuron",
        ))
    }

    /// The law when covariances are multiplied by an independent log-normal factor $e^g$,
    /// $g \sim \mathcal N$(`log_mean`, `log_variance`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if no [`Law`] describes it.
    fn with_log_normal_scale(
        &self,
        _process: &Process,
        _log_mean: f64,
        _log_variance: f64,
    ) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} under a log-normal scale", self.name()),
            "its law has no closed form",
        ))
    }

    /// The law in networks of large width $n$, to first order in $1/n$: covariances fluctuate around those of
    /// the process.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if no [`Law`] describes it; those of the laws of
    /// [`PairFluctuation`].
    fn with_fluctuations(
        &self,
        _process: &Process,
        _fluctuation: &PairFluctuation,
        _width: usize,
    ) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} to order 1/n", self.name()),
            "it is not a function of covariances",
        ))
    }

    /// The empirical law of the function over networks of infinite width whose covariances at the two inputs
    /// are random, given as a sample.
    ///
    /// # Errors
    /// [`Error::Unsupported`] (by default) if it is not a function of the covariances.
    fn of_covariances(&self, _covariances: &[PairCovariance]) -> Result<Law> {
        Err(Error::unsupported(
            format!("the law of the {} from covariances", self.name()),
            "it is not a function of covariances",
        ))
    }
}

/// What neurons are at infinite width: independent Gaussian processes, here at the first and the last input
/// of a neural function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    covariance: ScaledCovariance,
    tangent: Option<TangentKernel>,
    metric: Option<InputMetric>,
}

/// The metric $G_{jk} = \partial_{a_j} \partial_{b_k} K(a, b)$ at $b = a$, the limit of $J^\top J/n$ for the
/// outputs' Jacobian $J = \partial Y/\partial a$ (B. Poole et al. 2016, arXiv 1606.05340).
///
/// Behind a dense layer of Gaussian weights $K$ depends on the norms of its inputs and on their angle alone,
/// so $G$ has two eigenvalues.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputMetric {
    /// The eigenvalue of the direction $a$.
    pub radial: f64,
    /// That of the $d - 1$ directions across.
    pub transverse: f64,
}

/// Steps of [`InputMetric::of`], relative to the norm: where rounding is as small as what is left of the
/// series.
const TURN: f64 = 1e-8;
const STRETCH: f64 = 1e-5;

impl InputMetric {
    /// Of a kernel at an input that is not zero, by its values at inputs nearby: relative errors of some
    /// 1e-6.
    ///
    /// # Errors
    /// Those of the kernel and of the accessors of [`ScaledCovariance`]; [`Error::ZeroVector`];
    /// [`Error::Invalid`] unless $\lVert a \rVert^2$ lies in $[10^{-280}, 10^{280}]$, so that kernels of
    /// inputs and the squares of their steps are numbers.
    ///
    /// ```
    /// use neural_limits::neural_function::InputMetric;
    /// use neural_limits::prelude::*;
    /// // ReLU without biases scales all distances alike, by E q_1/q_0
    /// let flow = ResNet::new(Relu).infinite_depth();
    /// let metric = InputMetric::of(|a, b| flow.pair_at(a, b, 1.0), &[0.6, -0.8])?;
    /// let scale = 0.5 * 0.5_f64.exp();
    /// assert!((metric.radial / scale - 1.0).abs() < 1e-6);
    /// assert!((metric.transverse / scale - 1.0).abs() < 1e-6);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn of(
        kernel: impl Fn(&[f64], &[f64]) -> Result<ScaledCovariance>,
        a: &[f64],
    ) -> Result<Self> {
        let squares: f64 = a.iter().map(|entry| entry * entry).sum();
        if a.iter().all(|entry| *entry == 0.0) {
            return Err(Error::ZeroVector {
                argument: "a".to_owned(),
            });
        }
        if !(1e-280..=1e280).contains(&squares) {
            return Err(Error::invalid(
                "a",
                format!("{a:?}"),
                "a vector of squared length in [1e-280, 1e280]",
            ));
        }
        let stretched = |by: f64| a.iter().map(|entry| entry * (1.0 + by)).collect::<Vec<_>>();
        let k = kernel(&stretched(-STRETCH), &stretched(STRETCH))?;
        let (low, high) = (k.variance_a()?.sqrt(), k.variance_b()?.sqrt());
        let along = (high - low).powi(2) + 2.0 * low * high * k.one_minus_correlation()?;
        let radial = along / (4.0 * STRETCH * STRETCH * squares);
        // across: towards the axis on which a is shortest
        let by_size = |i: &usize, j: &usize| a[*i].abs().total_cmp(&a[*j].abs());
        let shortest = (0..a.len()).min_by(by_size).unwrap_or(0);
        let mut across: Vec<f64> = a
            .iter()
            .map(|entry| -a[shortest] * entry / squares)
            .collect();
        across[shortest] += 1.0;
        let length = across.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        if a.len() == 1 || length == 0.0 {
            return Ok(Self {
                radial,
                transverse: 0.0,
            });
        }
        let step = TURN * squares.sqrt() / length;
        let turned: Vec<f64> = a.iter().zip(&across).map(|(a, x)| a + step * x).collect();
        let k = kernel(a, &turned)?;
        let transverse =
            2.0 * k.variance_a()? * k.one_minus_correlation()? / (TURN * TURN * squares);
        Ok(Self { radial, transverse })
    }
}

impl Process {
    /// Of a covariance $K$.
    pub fn new(covariance: ScaledCovariance) -> Self {
        Self {
            covariance,
            tangent: None,
            metric: None,
        }
    }

    /// With the tangent kernel.
    pub fn with_tangent(tangent: TangentKernel) -> Self {
        Self {
            covariance: tangent.covariance(),
            tangent: Some(tangent),
            metric: None,
        }
    }

    /// And with the metric of its first input.
    pub fn and_metric(self, metric: InputMetric) -> Self {
        Self {
            metric: Some(metric),
            ..self
        }
    }

    /// $K$.
    pub fn covariance(&self) -> &ScaledCovariance {
        &self.covariance
    }

    /// $\Theta$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it was not asked for by [`NeuralFunction::needs`];
    /// [`Error::Overflow`].
    pub fn tangent(&self) -> Result<f64> {
        let tangent = self.tangent.as_ref().ok_or_else(|| {
            Error::unsupported(
                "the tangent kernel",
                "the neural function does not ask for it (Need::TangentKernel), or the regime has none",
            )
        })?;
        tangent.tangent()
    }

    /// $G$ at the first input.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it was not asked for by [`NeuralFunction::needs`], or the regime has
    /// none.
    pub fn metric(&self) -> Result<InputMetric> {
        self.metric.ok_or_else(|| {
            Error::unsupported(
                "the metric of the inputs",
                "the neural function does not ask for it (Need::InputMetric), or the regime has none",
            )
        })
    }
}

/// The law of a sample of values.
fn empirical(values: impl Iterator<Item = f64>) -> Result<Law> {
    Empirical::new(values.collect(), 0).map(Law::Empirical)
}

/// $Y^{i+1}$ of a network at a point of its record.
fn neuron(record: &Record, i: usize, point: usize) -> Result<f64> {
    let y = record.neurons();
    let scaled = y.column(point).get(i).ok_or_else(|| {
        let expected = format!("an index below {}, the number of outputs", y.width());
        Error::invalid("neuron", i, expected)
    })?;
    scale_by_power_of_two("the neuron", *scaled, y.exponent() / 2)
}

/// All inputs of the functions, each once, and the indices of every function's own.
pub(crate) fn distinct_points(
    functions: &[&dyn NeuralFunction],
) -> Result<(Inputs<'static>, Vec<Vec<usize>>)> {
    let mut rows: Vec<&[f64]> = Vec::new();
    let indices = functions
        .iter()
        .map(|function| {
            function
                .inputs()
                .points()
                .map(|point| {
                    rows.iter()
                        .position(|row| *row == point)
                        .unwrap_or_else(|| {
                            rows.push(point);
                            rows.len() - 1
                        })
                })
                .collect()
        })
        .collect();
    Ok((Inputs::from_rows(&rows)?, indices))
}

/// Two points as inputs.
fn pair(a: &[f64], b: &[f64]) -> Result<Inputs<'static>> {
    Inputs::from_rows(&[a, b])
}
