//! The routes that the crate knows, one file each.
//!
//! | file | regime | method |
//! |---|---|---|
//! | `width_then_depth` | $n = \infty$, then $L = \infty$ | flow, recursion, fixed point ([`crate::depth`]) |
//! | `mean_field` | $n, L = \infty$ | equations of one neuron ([`mean_field`](crate::mean_field)) |
//! | `infinite_width` | $n = \infty$, finite $L$ | layer recursion ([`kernel`](crate::kernel)) |
//! | `fluctuations` | $n, L \to \infty$, order $1/n$ | fluctuations of residual networks |
//! | `proportional` | $n, L \to \infty$, $L/n \to T$ | log-normal law of homogeneous chains at criticality |
//! | `shaped` | $n, L \to \infty$, $L/n \to T$ | diffusion of the covariances of shaped MLPs |
//! | `infinite_depth` | finite $n$, $L = \infty$ | paths of the [`diffusion`](crate::diffusion) |
//! | `depth_then_width` | $L = \infty$, then $n = \infty$ | diffusions, extrapolated in the width |
//! | `finite` | finite $n, L$ | sampled networks ([`sample`](crate::sample)) |

mod depth_then_width;
mod finite;
mod fluctuations;
mod infinite_depth;
mod infinite_width;
mod mean_field;
mod proportional;
mod sampled;
mod shaped;
mod width_then_depth;

pub(super) use sampled::Sampled;

pub use depth_then_width::{DepthFirstEstimate, ExtrapolatedDiffusions};
pub use finite::FiniteNetworks;
pub use fluctuations::WidthFluctuations;
pub use infinite_depth::DiffusionPaths;
pub use infinite_width::LayerRecursion;
pub use mean_field::MeanFieldEquation;
pub use proportional::LogNormalChain;
pub use shaped::ShapedDiffusion;
pub use width_then_depth::DepthLimit;

use super::{Law, Limit, Regime};
use crate::error;
use crate::kernel::TangentKernel;
use crate::network::Network;
use crate::neural_function::{InputMetric, Need, NeuralFunction, Process};
use crate::random::Seed;
use crate::{Error, Result, ScaledCovariance};

/// The sizes at which finite networks are sampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    widths: Vec<usize>,
    depths: Vec<usize>,
    samples: usize,
    seed: Seed,
}

impl Grid {
    /// Widths, depths, the number of networks for each pair of them, and the seed of all. Sizes are sorted
    /// and duplicates dropped; a size has the same networks in every grid of the same seed.
    ///
    /// # Errors
    /// [`Error::Shape`] for no width or no depth; [`Error::Invalid`] for a width, depth or number of samples
    /// of 0 or above 10⁹.
    pub fn new(
        widths: &[usize],
        depths: &[usize],
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        Ok(Self {
            widths: sizes("widths", widths)?,
            depths: sizes("depths", depths)?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
        })
    }

    /// The widths, increasing.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// The depths, increasing.
    pub fn depths(&self) -> &[usize] {
        &self.depths
    }

    /// The number of networks for each pair of sizes.
    pub fn samples(&self) -> usize {
        self.samples
    }
}

pub(super) fn sizes(argument: &str, sizes: &[usize]) -> Result<Vec<usize>> {
    if sizes.is_empty() {
        return Err(Error::shape(argument, "length 0", "at least one size"));
    }
    for (i, &size) in sizes.iter().enumerate() {
        error::size(&format!("{argument}[{i}]"), size)?;
    }
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

/// Paths of a diffusion are cheaper than networks.
const FEWEST_PATHS: usize = 1000;

/// The list behind [`InEveryLimit::limits`](super::InEveryLimit::limits).
pub(super) fn all(net: &Network, grid: &Grid) -> Result<Vec<Box<dyn Limit>>> {
    let mut limits: Vec<Box<dyn Limit>> = vec![Box::new(DepthLimit::new(net))];
    limits.extend(boxed(MeanFieldEquation::new(net)));
    for &depth in &grid.depths {
        limits.push(Box::new(LayerRecursion::new(net, depth)?));
    }
    let deepest = grid.depths.last().copied().unwrap_or_default();
    let fluctuations = WidthFluctuations::new(net, grid.widths[0]);
    for &width in &grid.widths {
        let ratio = deepest as f64 / width as f64;
        // of the width and the depth alone, as below
        let seed = grid
            .seed
            .split(width as u64)
            .split(u64::MAX - deepest as u64);
        let samples = grid.samples.max(FEWEST_PATHS);
        limits.extend(boxed(
            fluctuations.as_ref().map(|route| route.at_width(width)),
        ));
        limits.extend(boxed(LogNormalChain::new(net, ratio)));
        limits.extend(boxed(ShapedDiffusion::new(net, ratio, samples, seed)));
    }
    limits.extend(diffusions(net, grid)?);
    for &width in &grid.widths {
        for &depth in &grid.depths {
            let seed = seed_of(grid.seed, width, depth);
            limits.push(
                match FiniteNetworks::new(net, width, depth, grid.samples, seed) {
                    Ok(limit) => Box::new(limit),
                    Err(error @ Error::Unsupported { .. }) => Box::new(Unavailable {
                        regime: Regime::Finite { width, depth },
                        error,
                    }),
                    Err(error) => return Err(error),
                },
            );
        }
    }
    Ok(limits)
}

/// A route, if the network has it.
fn boxed<L: Limit + 'static, E>(limit: std::result::Result<L, E>) -> Option<Box<dyn Limit>> {
    limit.ok().map(|limit| Box::new(limit) as _)
}

/// The seeds of what has no depth: no size of the grid has this one.
const NO_DEPTH: u64 = u64::MAX;

/// The seed of the networks of a size: of the size alone, so that it has the same networks wherever it is
/// sampled.
pub(crate) fn seed_of(seed: Seed, width: usize, depth: usize) -> Seed {
    seed.split(width as u64).split(depth as u64)
}

/// The same of the diffusion of a width.
pub(super) fn seed_of_depth(seed: Seed, width: usize) -> Seed {
    seed.split(width as u64).split(NO_DEPTH)
}

/// Infinite depth at every width and extrapolated to infinite width, or one regime that says why not.
fn diffusions(net: &Network, grid: &Grid) -> Result<Vec<Box<dyn Limit>>> {
    let mut limits: Vec<Box<dyn Limit>> = Vec::new();
    for &width in &grid.widths {
        let seed = seed_of_depth(grid.seed, width);
        match DiffusionPaths::new(net, width, grid.samples, seed) {
            Ok(limit) => limits.push(Box::new(limit)),
            Err(error @ Error::Unsupported { .. }) => {
                return Ok(vec![Box::new(Unavailable {
                    regime: Regime::DepthThenWidth,
                    error,
                })]);
            }
            Err(error) => return Err(error),
        }
    }
    let widths = ExtrapolatedDiffusions::widths(&grid.widths);
    let seed = grid.seed.split(NO_DEPTH);
    limits.push(
        match ExtrapolatedDiffusions::new(net, &widths, grid.samples, seed) {
            Ok(limit) => Box::new(limit),
            // a width or a sample is not enough for a limit
            Err(error) => Box::new(Unavailable {
                regime: Regime::DepthThenWidth,
                error,
            }),
        },
    );
    Ok(limits)
}

/// A regime that does not exist for a network: every law is the error that says why.
#[derive(Debug)]
struct Unavailable {
    regime: Regime,
    error: Error,
}

impl Limit for Unavailable {
    fn regime(&self) -> Regime {
        self.regime
    }

    fn route(&self) -> String {
        "none".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], _: f64) -> Vec<Result<Law>> {
        functions.iter().map(|_| Err(self.error.clone())).collect()
    }
}

/// The law of each function from its first and last input.
fn each(
    functions: &[&dyn NeuralFunction],
    law: impl Fn(&dyn NeuralFunction, &[f64], &[f64]) -> Result<Law>,
) -> Vec<Result<Law>> {
    functions
        .iter()
        .map(|function| {
            let inputs = function.inputs();
            match (inputs.point(0), inputs.point(inputs.len() - 1)) {
                (Some(a), Some(b)) => law(*function, a, b),
                _ => Err(Error::shape(function.name(), "no inputs", "one or two")),
            }
        })
        .collect()
}

/// What a function needs of the process of infinite width at two inputs, from a regime's kernels.
fn process(
    function: &dyn NeuralFunction,
    (a, b): (&[f64], &[f64]),
    pair: impl Fn(&[f64], &[f64]) -> Result<ScaledCovariance>,
    tangent: impl FnOnce() -> Result<TangentKernel>,
) -> Result<Process> {
    let needs = |need| function.needs().contains(&need);
    let process = if needs(Need::TangentKernel) {
        Process::with_tangent(tangent()?)
    } else {
        Process::new(pair(a, b)?)
    };
    if needs(Need::InputMetric) {
        return Ok(process.and_metric(InputMetric::of(pair, a)?));
    }
    Ok(process)
}
