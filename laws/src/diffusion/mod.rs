//! Infinite depth at finite width: residual networks as diffusions.
//!
//! Given $Y_{l-1}$, a residual block adds $\alpha_{l,L}$ times a fresh branch, whose neurons are independent
//! and $\mathcal N(0, \hat B(Y_{l-1}))$ at the $m$ inputs. For a normalised scaling ($\sum_l \alpha_{l,L}^2 =
//! 1$, $\max_l \alpha_{l,L} \to 0$) the limit $L \to \infty$ at fixed width $n$ is the diffusion of $Y \in
//! \mathbb R^{n \times m}$
//!
//! $$dY_\tau = dZ_\tau \hat B(Y_\tau)^{1/2}$$
//!
//! in the clock $\tau$ of the scaling, $Z$ a Brownian motion in $\mathbb R^{n \times m}$ (S. Peluchetti and
//! S. Favaro 2019, arXiv 1905.11065; S. Hayou 2022, arXiv 2210.00688). For a branch of an activation and a
//! dense layer $\hat B(Y) = \sigma_w^2 \varphi(Y)^\top \varphi(Y)/n + \sigma_b^2$. A branch with further
//! weights has a random $\hat B$, and the diffusion has its mean given $Y$.
//!
//! | file | content |
//! |---|---|
//! | [`Diffusion`] | paths and ensembles, by Euler and Maruyama's method (`walk`) |
//! | [`Expectation`] | expectations, extrapolated in the step, from coupled paths |
//! | [`LogNormGrowth`] | $\mathbb E \log \lVert \varphi(Y_t) \rVert$ by how long neurons are active |
//! | [`TwoNeurons`], [`one_neuron_growth`] | widths whose equations close |

mod expectation;
mod few_neurons;
mod increments;
mod log_norm;
mod walk;

use std::sync::Arc;

use nalgebra::DMatrix;

pub use expectation::Expectation;
pub use few_neurons::{TwoNeurons, one_neuron_growth};
pub use log_norm::LogNormGrowth;

use walk::{Coefficient, Walk};

use crate::architecture::Architecture;
use crate::network::scaling::ScalingClass;
use crate::network::{Layer, Network, Sampler, Signal, Site, Stack, Structure};
use crate::random::{Seed, Stream};
use crate::sample::{OfFiniteSize, Record};
use crate::{Error, Inputs, Result, Scalar, error, parallel};

/// Infinite depth at finite width, for every [`Architecture`].
pub trait OfFiniteWidth: Architecture {
    /// The diffusion that a residual network of given width becomes when its depth goes to infinity.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width of 0 or above 10⁹; [`Error::Unsupported`] where there is no such limit:
    /// unless one residual stack has its depth left open, with skip coefficient 1, a normalised scaling and a
    /// branch that ends in a dense layer; [`Error::Invalid`] for a clock that is not a finite number.
    fn diffusion(&self, width: usize) -> Result<Diffusion> {
        Diffusion::new(&self.network(), width)
    }
}

impl<N: Architecture + ?Sized> OfFiniteWidth for N {}

/// A residual network of finite width and infinite depth, from [`OfFiniteWidth::diffusion`].
///
/// Paths are made by Euler and Maruyama's method with steps of $\tau(1)$/[steps](Self::with_steps): $Y +
/// \sqrt{\Delta\tau} F(Y)$ with a fresh branch, which for $\Delta\tau = 1/L$ *is* the residual network of
/// depth $L$ and $\alpha = L^{-1/2}$. Its weak order is 1 (laws are off by $O(\Delta\tau)$) and its strong
/// order ½ (single paths by $O(\Delta\tau^{1/2})$): the noise does not commute, so that a higher strong order
/// would need Lévy areas. For wide ReLU networks 64 steps to $t = 1$ leave variances
/// 0.2 % short, as $(1 + h/2)^{1/h}$ is of $e^{1/2}$; [`expectation`](Self::expectation) extrapolates in the
/// step.
///
/// ```
/// use neural_limits::prelude::*;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let diffusion = ResNet::new(Relu).diffusion(256)?.with_steps(64)?;
/// let correlations = diffusion.read(&x, &[0.5, 1.0], 20, Seed::new(7), |path| {
///     Ok([path[0].draw().correlation(0, 1)?, path[1].draw().correlation(0, 1)?])
/// })?;
/// assert!(correlations.iter().all(|c| (c[1] - 0.6).abs() < 0.3));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Diffusion {
    /// The layers before the stack.
    stem: Network,
    stack: Stack,
    coefficient: Coefficient,
    /// The layers behind the stack.
    head: Network,
    width: usize,
    steps: usize,
}

/// Why a network is no diffusion at infinite depth.
fn no_diffusion(network: &Network, reason: impl Into<String>) -> Error {
    let what = format!("the diffusion of {}", network.name());
    Error::unsupported(what, reason.into())
}

/// The one layer of a row whose depth is left open, with what stands before and behind it.
fn split(network: &Network) -> Result<(Network, Stack, Network)> {
    let mut parts = (Network::new(), None, Network::new());
    for layer in network.flat() {
        parts = match (parts, layer.structure()) {
            ((stem, None, head), Structure::Stack(stack)) => (stem, Some(stack.clone()), head),
            ((stem, None, head), _) if layer.at_depth(1, 1.0)?.is_none() => {
                (stem.then_shared(layer), None, head)
            }
            ((stem, stack @ Some(_), head), _) if layer.at_depth(1, 1.0)?.is_none() => {
                (stem, stack, head.then_shared(layer))
            }
            _ => {
                let reason =
                    "it has more than one stack of open depth, or one within another layer";
                return Err(no_diffusion(network, reason));
            }
        };
    }
    let (stem, stack, head) = parts;
    let stack = stack.ok_or_else(|| no_diffusion(network, "it has no stack of open depth"))?;
    Ok((stem, stack, head))
}

impl Diffusion {
    fn new(network: &Network, width: usize) -> Result<Self> {
        // refuses what no finite network can be
        network.finite(width, 1)?;
        network.check()?;
        let (stem, stack, head) = split(network)?;
        let reason = match stack.residual_rule() {
            None => Some("densely connected stacks have none".to_owned()),
            Some((skip, _)) if skip != 1.0 => {
                Some(format!("only skip coefficient 1 has one, and it is {skip}"))
            }
            Some((_, scaling)) if scaling.class() != ScalingClass::Normalised => Some(format!(
                "only normalised scalings have one, and branches are scaled by {}",
                scaling.name()
            )),
            Some(_) if Layer::at_depth(stack.branch(), 1, 1.0)?.is_some() => {
                Some("its branch has a stack of open depth".to_owned())
            }
            Some(_) => None,
        };
        if let Some(reason) = reason {
            return Err(no_diffusion(network, reason));
        }
        let diffusion = Self {
            stem,
            coefficient: match stack.chain() {
                Some(chain) => Coefficient::Chain(chain.branch),
                None => Coefficient::Drawn(Arc::new(stack.branch().clone())),
            },
            stack,
            head,
            width,
            steps: 256,
        };
        diffusion.clock(1.0)?;
        Ok(diffusion)
    }

    /// Sets the number of steps from time 0 to 1; 256 by default.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 steps or more than 10⁹.
    pub fn with_steps(mut self, steps: usize) -> Result<Self> {
        self.steps = error::size("steps", steps)?;
        Ok(self)
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of steps from time 0 to 1.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// $\tau(t)$, checked.
    fn clock(&self, time: f64) -> Result<f64> {
        error::unit_interval("time", time)?;
        let rule = self.stack.residual_rule();
        let clock = |time| rule.map_or(f64::NAN, |(_, scaling)| scaling.clock(time));
        let end = error::non_negative("the scaling's clock", clock(1.0))?;
        let clock = error::non_negative("the scaling's clock", clock(time))?;
        if clock <= end {
            return Ok(clock);
        }
        let expected = format!("a number that increases to {end} at time 1");
        Err(Error::invalid(
            format!("the scaling's clock at time {time}"),
            clock,
            expected,
        ))
    }

    /// The number of steps for a stretch of the clock, and their length.
    fn steps_of(&self, duration: f64) -> Result<(usize, f64)> {
        if duration == 0.0 {
            return Ok((0, 0.0));
        }
        // a number of steps computed in floating point may exceed the one it means
        let steps = duration / self.clock(1.0)? * self.steps as f64 - 1e-6;
        let steps = steps.ceil().max(1.0);
        Ok((steps as usize, duration / steps))
    }

    /// A path at its start.
    fn start<T: Scalar>(&self, x: &Inputs<'_, T>, rng: &mut Stream) -> Result<Walk<'_>> {
        let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
        let signal = self.stem.sample(Signal::of_inputs(x), &mut site)?;
        Walk::new(
            &self.coefficient,
            self.stack.branch(),
            signal,
            self.width,
            rng,
        )
    }

    /// What the layers behind the stack make of its state.
    fn finish(&self, state: Signal, rng: &mut Stream) -> Result<Signal> {
        if self.head.layers().is_empty() {
            return Ok(state);
        }
        let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
        self.head.sample(state, &mut site)
    }

    /// One path, drawn from `rng`, at `times` in increasing order: what all neurons are at the inputs. From
    /// one time to the next, steps are equal and at most $\tau(1)$/[steps](Self::steps).
    ///
    /// # Errors
    /// [`Error::Invalid`] for times that decrease or lie outside of $[0, 1]$, and for a clock that does or is
    /// not a finite number; [`Error::Shape`] for no times; [`Error::Overflow`] naming width and clock time of
    /// a path that explodes; [`Error::Unsupported`] for several times of a network with layers behind its
    /// stack (they would not have the same weights).
    pub fn path<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        times: &[f64],
        rng: &mut Stream,
    ) -> Result<Vec<Signal>> {
        if times.is_empty() {
            return Err(Error::shape("times", "length 0", "at least one time"));
        }
        if times.len() > 1 && !self.head.layers().is_empty() {
            return Err(Error::unsupported(
                "a path at several times",
                "the network has layers behind its stack, which are drawn for one time only",
            ));
        }
        let mut walk = self.start(x, rng)?;
        let mut path = Vec::with_capacity(times.len());
        let mut reached = 0.0;
        for (i, &time) in times.iter().enumerate() {
            let clock = self.clock(time)?;
            if clock < reached {
                return Err(Error::invalid(
                    format!("times[{i}]"),
                    time,
                    "a time (and a clock) not before the one in front of it",
                ));
            }
            let (steps, h) = self.steps_of((clock - reached).max(0.0))?;
            walk.steps(steps, h, &mut walk.increments(steps)?, rng)?;
            reached = clock;
            path.push(self.finish(walk.state()?, rng)?);
        }
        Ok(path)
    }

    /// [`path`](Self::path), with what can be read off it at each time.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn records<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        times: &[f64],
        rng: &mut Stream,
    ) -> Result<Vec<Record>> {
        let path = self.path(x, times, rng)?;
        Ok(path.into_iter().map(|y| Record::new(y, None)).collect())
    }

    /// What `read` makes of each of `samples` independent paths at `times`, in order. Path $i$ is drawn from
    /// [`Seed::stream`]$(i)$, in parallel: the same for any number of threads or samples.
    ///
    /// # Errors
    /// As [`path`](Self::path), with the number of the sample that explodes; [`Error::Invalid`] for 0 samples
    /// or more than 10⁹; those of `read`.
    pub fn read<T: Scalar, R: Send>(
        &self,
        x: &Inputs<'_, T>,
        times: &[f64],
        samples: usize,
        seed: impl Into<Seed>,
        read: impl Fn(&[Record]) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        each_sample(samples, seed, |rng| read(&self.records(x, times, rng)?))
    }

    /// The covariance matrices $\langle Y_t(x_i), Y_t(x_j) \rangle / n$ of `samples` independent paths.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let q = ResNet::new(Relu).diffusion(1024)?.covariances(&x, 1.0, 4, Seed::new(7))?;
    /// let limit = ResNet::new(Relu).infinite_depth().covariance_at(&x, 1.0)?;
    /// assert!((&q[0] - limit).amax() < 0.3);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn covariances<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        time: f64,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<DMatrix<f64>>> {
        self.read(x, &[time], samples, seed, |path| {
            path[0].draw().covariances()
        })
    }
}

/// `item` of every numbered stream of a seed; an overflow says of which.
fn each_sample<R: Send>(
    samples: usize,
    seed: impl Into<Seed>,
    item: impl Fn(&mut Stream) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let seed = seed.into();
    error::size("samples", samples)?;
    parallel::try_map(samples, |i| {
        item(&mut seed.stream(i as u64)).map_err(|error| match error {
            Error::Overflow {
                quantity,
                log,
                limit,
            } => Error::Overflow {
                quantity: format!("{quantity} (sample {i})"),
                log,
                limit,
            },
            other => other,
        })
    })
}
