//! Infinite width and depth together, for shaped MLPs.

use std::sync::Arc;

use crate::architecture::Architecture;
use crate::error;
use crate::kernel::InInfiniteWidth;
use crate::limit::{Law, Limit, Regime};
use crate::network::{Network, Shaped, Structure};
use crate::neural_function::NeuralFunction;
use crate::proportional::ShapedCovariance;
use crate::sample::Seed;
use crate::{Error, PairCovariance, Result};

/// The longest step, and the largest of it times $C$.
const STEP: f64 = 0.02;

/// The most steps of a path.
const MOST_STEPS: f64 = 2e4;

/// The limit $n, L \to \infty$ with $L/n \to T$ of a shaped MLP: an ensemble of [`ShapedCovariance`].
#[derive(Debug)]
pub struct ShapedDiffusion {
    stem: Network,
    diffusion: ShapedCovariance,
    ratio: f64,
    samples: usize,
    seed: Seed,
}

impl ShapedDiffusion {
    /// Of an architecture at $T = \lim L/n$, with `samples` paths.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an architecture that is not a [shaped
    /// MLP](crate::architecture::ShapedMlp); [`Error::Invalid`] unless $T \ge 0$ is finite, for 0 samples,
    /// and for paths of more than 20 000 steps.
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        ratio: f64,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        let network = net.network();
        let (stem, shaped) = shaped(&network).ok_or_else(|| {
            Error::unsupported(
                format!("the diffusion of the covariances of {}", net.name()),
                "it needs a shaped activation and a dense layer of unit weight variance",
            )
        })?;
        let diffusion = ShapedCovariance::new(shaped.negative(), shaped.positive())?;
        let route = Self {
            stem,
            diffusion,
            ratio: error::non_negative("ratio", ratio)?,
            samples: error::size("samples", samples)?,
            seed: seed.into(),
        };
        if route.steps(1.0) > MOST_STEPS {
            let expected = format!("a ratio that takes at most {MOST_STEPS:e} steps");
            return Err(Error::invalid("ratio", ratio, expected));
        }
        Ok(route)
    }

    fn steps(&self, time: f64) -> f64 {
        let step = STEP.min(STEP / self.diffusion.curvature());
        (self.ratio * time / step).ceil().max(1.0)
    }

    fn ensemble(&self, a: &[f64], b: &[f64], time: f64) -> Result<Vec<PairCovariance>> {
        error::unit_interval("time", time)?;
        let start = self.stem.infinite_width(1)?.pair(a, b)?.pair()?;
        let steps = self.steps(time) as usize;
        let diffusion = &self.diffusion;
        diffusion.ensemble(start, self.ratio * time, steps, self.samples, self.seed)
    }
}

/// The first layer, and the shaped activation, of a shaped MLP.
fn shaped(network: &Network) -> Option<(Network, Shaped)> {
    let [stem, stack] = network.layers() else {
        return None;
    };
    let (Structure::Dense(_), Structure::Stack(stack)) = (stem.structure(), stack.structure())
    else {
        return None;
    };
    let [activation, dense] = stack.branch().layers() else {
        return None;
    };
    let is_plain = stack.residual_rule().is_some_and(|(skip, scaling)| {
        skip == 0.0 && scaling.coefficients(1).iter().all(|alpha| *alpha == 1.0)
    });
    match (activation.structure(), dense.structure()) {
        (Structure::Shaped(shaped), Structure::Dense(dense))
            if is_plain
                && dense.initialization().weight_variance() == 1.0
                && dense.initialization().bias_variance() == 0.0 =>
        {
            Some((Network::new().then_shared(Arc::clone(stem)), *shaped))
        }
        _ => None,
    }
}

impl Limit for ShapedDiffusion {
    fn regime(&self) -> Regime {
        Regime::Proportional {
            depth_over_width: self.ratio,
        }
    }

    fn route(&self) -> String {
        format!("{} paths of the covariances' diffusion", self.samples)
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            function.of_covariances(&self.ensemble(a, b, time)?)
        })
    }

    fn work(&self) -> f64 {
        self.steps(1.0) * self.samples as f64
    }
}
