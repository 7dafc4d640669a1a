//! The claim that an error falls at a rate.

use super::{FALSE_ALARM, Failure, Refutation};
use crate::architecture::Architecture;
use crate::error::{self, Error, Result};
use crate::law::Law;
use crate::limit::{Limit, routes, without_value};
use crate::network::Network;
use crate::neural_function::NeuralFunction;
use crate::random::Seed;
use crate::statistics::{Observation, PowerLaw, Test};

/// The size that grows, and the limit that errors are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// $\min(n, L)$: from the limit $T$ of infinite width, then depth.
    Both,
    /// $n$: from infinite width at equal depth, $T_{\infty,L}$.
    Width,
    /// $L$ at $n = \infty$: of $T_{\infty,L}$ from $T$, computed without sampling.
    Depth,
}

/// The claim that the $L^2$ error of a neural function, $(\mathbb E |T_{n,L} - T|^2)^{1/2}$, falls along some
/// sizes like their size to the power $-r$, $|r - \text{rate}| \le \text{tolerance}$: the bound of S. Hayou
/// (2023, arXiv 2310.01683) is $C (n^{-1/2} + L^{-1/2})$.
///
/// The exponent is fitted as by [`fit_power_law`](crate::statistics::fit_power_law) to logarithms, and the
/// claim refuted if it is further from the rate than the tolerance by so many of its standard errors that the
/// normal law of estimates has the probability of false alarm there (Student's law, where errors are
/// computed). The tolerance is for what is not a power: terms of higher order, which are larger where sizes
/// are small. A standard error of less than $(2m)^{-1/2}$ of the error, for $m$ networks, means a tail that
/// they have not seen, and is not believed. Without a tolerance, at the exact rate of MLPs of one layer at
/// widths 32 to 256, of ReLU and tanh and with 50 or 200 networks, 55 of 1200 checks raised a false alarm at
/// the level 0.05, 11 of 1200 at 0.01. The function must have a number as its limit; networks
/// on which it has no value count as far: at the distance of the farthest value, and at least $|T|$.
///
/// ```
/// use neural_limits::claims::{Converges, Direction};
/// use neural_limits::prelude::*;
/// let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let net = ResNet::new(Relu);
/// let claim = Converges::new(&net, &covariance).at(&[(16, 8), (32, 8), (64, 8), (128, 8)]);
/// let in_width = claim.along(Direction::Width).samples(400);
/// assert!(in_width.clone().rate(0.5).check().is_ok());
/// let failure = in_width.rate(1.0).check().unwrap_err();
/// assert!(failure.to_string().contains("like n^-1"), "{failure}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Converges<'a> {
    name: String,
    network: Network,
    function: &'a dyn NeuralFunction,
    direction: Direction,
    sizes: Vec<(usize, usize)>,
    rate: f64,
    tolerance: f64,
    samples: usize,
    false_alarm: f64,
    seed: Seed,
}

impl<'a> Converges<'a> {
    /// Of a neural function of an architecture; by default at the rate $\tfrac12 \pm 0.15$ in both sizes, at
    /// $n = L = 16, 32, 64, 128$, from 200 networks each, with seed 0 and false alarms of probability 1e-6.
    pub fn new<N: Architecture + ?Sized>(net: &N, function: &'a dyn NeuralFunction) -> Self {
        Self {
            name: net.name(),
            network: net.network(),
            function,
            direction: Direction::Both,
            sizes: [16, 32, 64, 128].map(|size| (size, size)).to_vec(),
            rate: 0.5,
            tolerance: 0.15,
            samples: 200,
            false_alarm: FALSE_ALARM,
            seed: Seed::new(0),
        }
    }

    /// Sets the size that grows.
    pub fn along(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Sets the sizes $(n, L)$, at least three of them. Of [`Direction::Depth`] widths do not matter.
    pub fn at(mut self, sizes: &[(usize, usize)]) -> Self {
        self.sizes = sizes.to_vec();
        self
    }

    /// Sets the rate, positive for errors that fall.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Sets how far the exponent may be from the rate.
    pub fn within(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the number of networks of each size.
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Sets the probability of false alarm.
    pub fn false_alarm(mut self, probability: f64) -> Self {
        self.false_alarm = probability;
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: impl Into<Seed>) -> Self {
        self.seed = seed.into();
        self
    }

    /// Measures the errors and tests the claim.
    ///
    /// # Errors
    /// [`Failure::Refuted`]; [`Failure::Untested`] for a rate that is not finite, a tolerance that is
    /// negative or not finite, a probability outside of $[0, 1]$, a limit that is not a number, sizes too few
    /// or too equal for a fit, and what the limit or the networks report.
    pub fn check(&self) -> std::result::Result<(), Failure> {
        let rate = error::finite("rate", self.rate)?;
        let tolerance = error::non_negative("within", self.tolerance)?;
        let level = error::unit_interval("false_alarm", self.false_alarm)?;
        let observations = self.sizes.iter().map(|size| self.observation(*size));
        let observations = observations.collect::<Result<Vec<_>>>()?;
        let fit = PowerLaw::fitted(&observations).ok_or_else(|| {
            let expected = "at least three different ones with errors > 0";
            Error::shape("at", format!("{} sizes", self.sizes.len()), expected)
        })?;
        let (exponent, standard_error) = fit.exponents[0];
        let off = (exponent + rate).abs() - tolerance;
        let statistic = if off > 0.0 { off / standard_error } else { 0.0 };
        let test = Test {
            statistic,
            p_value: fit.two_sided(statistic),
        };
        if test.p_value >= level {
            return Ok(());
        }
        let size = match self.direction {
            Direction::Both => "min(n, L)",
            Direction::Width => "n",
            Direction::Depth => "L",
        };
        let errors = self.sizes.iter().zip(&observations);
        let errors = errors.map(|((width, depth), observation)| {
            let Observation {
                error,
                standard_error,
                ..
            } = observation;
            format!("{error:.3e} ± {standard_error:.0e} at n = {width}, L = {depth}")
        });
        Err(Failure::Refuted(Refutation {
            claim: format!(
                "the error of {} of {} falls like {size}^-{rate} (± {tolerance})",
                self.function.name(),
                self.name
            ),
            found: format!(
                "it is {}: an exponent of {exponent:.3} ± {standard_error:.3}",
                errors.collect::<Vec<_>>().join(", ")
            ),
            test,
            level,
        }))
    }

    /// The error at a size.
    fn observation(&self, (width, depth): (usize, usize)) -> Result<Observation> {
        let (size, reference) = match self.direction {
            Direction::Both => (width.min(depth), self.limit()?),
            Direction::Width => (width, self.recursion(depth)?),
            Direction::Depth => (depth, self.limit()?),
        };
        let law = match self.direction {
            Direction::Depth => self.recursion(depth)?,
            _ => {
                let seed = routes::seed_of(self.seed, width, depth);
                routes::FiniteNetworks::new(&self.network, width, depth, self.samples, seed)?
                    .law(self.function, 1.0)?
            }
        };
        let Law::Deterministic(x) = reference else {
            return Err(Error::unsupported(
                format!("the rate of {}", self.function.name()),
                "its limit is a law, not a number",
            ));
        };
        let (error, standard_error) = match &law {
            Law::Empirical(sample) => {
                let (value, error) = without_value::l2_error(sample, x)?;
                (value, error.max(value / (2.0 * self.samples as f64).sqrt()))
            }
            law => (law.l2(&reference), 0.0),
        };
        Ok(Observation {
            sizes: vec![size as f64],
            error,
            standard_error,
        })
    }

    fn limit(&self) -> Result<Law> {
        routes::DepthLimit::new(&self.network).law(self.function, 1.0)
    }

    fn recursion(&self, depth: usize) -> Result<Law> {
        routes::LayerRecursion::new(&self.network, depth)?.law(self.function, 1.0)
    }
}
