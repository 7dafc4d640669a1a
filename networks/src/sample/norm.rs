//! Networks whose norm is a Markov chain of numbers.

use rand_distr::{Binomial, Distribution, Gamma, StandardNormal};

use crate::activation::Slopes;
use crate::architecture::Architecture;
use crate::error;
use crate::network::{Layer, Network, Structure};
use crate::random::{Seed, Stream};
use crate::{Error, Result, parallel};

/// The squared norm and the first neuron of a homogeneous MLP at one input, at $O(1)$ a layer: exact in law
/// for Gaussian weights without biases, at widths up to 10⁹ and depths up to 10⁶ and more.
///
/// Given the layer before, the $n$ neurons of a dense layer are independent $\mathcal N(0, q)$, so with
/// $B \sim \operatorname{Binomial}(n, \tfrac12)$ and $\varphi = s_- \min(x, 0) + s_+ \max(x, 0)$
///
/// $$q_{l+1} = \frac{\sigma_w^2}{n} q_l\, (s_+^2 \chi_B^2 + s_-^2 \chi_{n - B}^2)$$
///
/// (B. Hanin and M. Nica 2018, arXiv 1812.05994, for ReLU).
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::sample::NormSampler;
/// let net = Mlp::new(Relu).initialized_by(Initialization::he());
/// let deep = NormSampler::new(&net, &[1.0, 0.5], 1_000_000_000, 50)?;
/// let norm = deep.draw(&mut Seed::new(7).stream(0))?;
/// let limit = net.infinite_width(50)?.pair(&[1.0, 0.5], &[1.0, 0.5])?.variance_a()?;
/// assert!((norm.log_variance() - limit.ln()).abs() < 0.01);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NormSampler {
    segments: Vec<Segment>,
    log_squares: f64,
    dimension: usize,
}

/// Steps, once for each factor $\alpha$ of their outputs.
#[derive(Debug, Clone)]
struct Segment {
    steps: Vec<Step>,
    factors: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// $\log \sigma_w^2$ and $n$.
    Dense {
        log_weight: f64,
        width: usize,
    },
    Activation(Slopes),
}

/// What a layer is, of which only norms are known.
#[derive(Debug, Clone, Copy)]
enum State {
    /// $n$ neurons of squared norm $e^s$.
    Vector { log_squares: f64, width: usize },
    /// $n$ independent neurons $\mathcal N(0, e^q)$.
    Gaussian { log_variance: f64, width: usize },
}

/// The norm and the first neuron of one random network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm {
    log_variance: f64,
    sign: f64,
    log_neuron: f64,
}

impl Norm {
    /// $\log(\lVert Y \rVert^2/n)$; $-\infty$ of a network that has died.
    pub fn log_variance(&self) -> f64 {
        self.log_variance
    }

    /// $\lVert Y \rVert^2/n$.
    ///
    /// # Errors
    /// [`Error::Overflow`]. (A value too small for `f64` is 0.)
    pub fn variance(&self) -> Result<f64> {
        exponential("the variance", self.log_variance)
    }

    /// $Y^1$.
    ///
    /// # Errors
    /// [`Error::Overflow`]. (A value too small for `f64` is 0.)
    pub fn first_neuron(&self) -> Result<f64> {
        Ok(self.sign * exponential("the neuron", self.log_neuron)?)
    }
}

fn exponential(quantity: &str, log: f64) -> Result<f64> {
    let value = log.exp();
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::Overflow {
        quantity: quantity.to_owned(),
        log,
        limit: f64::MAX.ln(),
    })
}

impl NormSampler {
    /// Of a network at an input.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless it is made of dense layers with Gaussian weights and without biases, of
    /// positively homogeneous activations behind them, and of plain stacks of these; [`Error::ZeroVector`];
    /// otherwise as [`OfFiniteSize::finite`](super::OfFiniteSize::finite) and
    /// [`Inputs::from_rows`](crate::Inputs::from_rows).
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        x: &[f64],
        width: usize,
        depth: usize,
    ) -> Result<Self> {
        error::size("width", width)?;
        crate::Inputs::from_rows(&[x])?;
        let squares: f64 = x.iter().map(|x| x * x).sum();
        if squares == 0.0 {
            return Err(Error::ZeroVector {
                argument: "x".to_owned(),
            });
        }
        let mut segments = Vec::new();
        collect(&net.network(), (width, depth), &mut segments)?;
        let sampler = Self {
            segments,
            log_squares: squares.ln(),
            dimension: x.len(),
        };
        sampler.check()?;
        Ok(sampler)
    }

    /// Refuses rows whose norms are no chain.
    fn check(&self) -> Result<()> {
        let mut gaussian = false;
        for step in self.segments.iter().flat_map(|segment| &segment.steps) {
            gaussian = match step {
                Step::Dense { .. } => true,
                Step::Activation(_) if gaussian => false,
                Step::Activation(_) => {
                    return Err(refused("an activation without a dense layer before it"));
                }
            };
        }
        if gaussian {
            Ok(())
        } else {
            Err(refused("outputs that are no dense layer's"))
        }
    }

    /// One network, drawn from `rng`.
    ///
    /// # Errors
    /// None at sizes that [`new`](Self::new) accepts.
    pub fn draw(&self, rng: &mut Stream) -> Result<Norm> {
        let mut state = State::Vector {
            log_squares: self.log_squares,
            width: self.dimension,
        };
        for segment in &self.segments {
            for factor in &segment.factors {
                for step in &segment.steps {
                    state = state.after(step, rng)?;
                }
                state = state.times(*factor);
            }
        }
        let State::Gaussian {
            log_variance,
            width,
        } = state
        else {
            return Err(refused("outputs that are no dense layer's"));
        };
        let z: f64 = StandardNormal.sample(rng);
        let squares = z * z + chi_squared(width as u64 - 1, rng)?;
        Ok(Norm {
            log_variance: log_variance + (squares / width as f64).ln(),
            sign: z.signum(),
            log_neuron: 0.5 * log_variance + z.abs().ln(),
        })
    }

    /// `samples` independent networks, number $i$ drawn from [`Seed::stream`]$(i)$, in parallel.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 samples or more than 10⁹.
    pub fn draws(&self, samples: usize, seed: impl Into<Seed>) -> Result<Vec<Norm>> {
        let seed = seed.into();
        error::size("samples", samples)?;
        parallel::try_map(samples, |i| self.draw(&mut seed.stream(i as u64)))
    }
}

fn refused(what: &str) -> Error {
    Error::unsupported(
        format!("the norm of a network with {what}, as a chain of numbers"),
        "it collapses for dense layers with Gaussian weights and without biases, with positively homogeneous \
         activations between them",
    )
}

fn collect(
    network: &Network,
    (width, depth): (usize, usize),
    segments: &mut Vec<Segment>,
) -> Result<()> {
    for layer in network.flat() {
        match layer.structure() {
            Structure::Stack(stack) => {
                let Some((0.0, _)) = stack.residual_rule() else {
                    return Err(refused("skip connections"));
                };
                let factors = stack.blocks(depth, 1.0)?.coefficients().to_vec();
                let steps = stack.branch().flat();
                let steps = steps.iter().map(|layer| step(&**layer, width));
                segments.push(Segment {
                    steps: steps.collect::<Result<_>>()?,
                    factors,
                });
            }
            _ => segments.push(Segment {
                steps: vec![step(&*layer, width)?],
                factors: vec![1.0],
            }),
        }
    }
    Ok(())
}

fn step(layer: &dyn Layer, width: usize) -> Result<Step> {
    match layer.structure() {
        Structure::Activation(phi) => match phi.slopes() {
            Some(slopes) => Ok(Step::Activation(slopes)),
            None => Err(refused(&layer.name())),
        },
        Structure::Dense(dense) => {
            let law = dense.initialization();
            if law.bias_variance() > 0.0 {
                return Err(refused("biases"));
            }
            if !law.weights().is_gaussian() || dense.has_vanishing_outputs() {
                return Err(refused("weights that are not Gaussian of variance 1/n"));
            }
            Ok(Step::Dense {
                log_weight: law.weight_variance().ln(),
                width: dense.width(width),
            })
        }
        _ => Err(refused(&layer.name())),
    }
}

impl State {
    fn times(self, factor: f64) -> Self {
        let log = 2.0 * factor.abs().ln();
        match self {
            Self::Vector { log_squares, width } => Self::Vector {
                log_squares: log_squares + log,
                width,
            },
            Self::Gaussian {
                log_variance,
                width,
            } => Self::Gaussian {
                log_variance: log_variance + log,
                width,
            },
        }
    }

    fn after(self, step: &Step, rng: &mut Stream) -> Result<Self> {
        match (self, step) {
            (
                Self::Vector {
                    log_squares,
                    width: fan_in,
                },
                Step::Dense { log_weight, width },
            ) => Ok(Self::Gaussian {
                log_variance: log_weight + log_squares - (fan_in as f64).ln(),
                width: *width,
            }),
            (
                Self::Gaussian {
                    log_variance,
                    width,
                },
                Step::Dense { .. },
            ) => {
                let squares = chi_squared(width as u64, rng)?;
                let log_squares = log_variance + squares.ln();
                Self::Vector { log_squares, width }.after(step, rng)
            }
            (
                Self::Gaussian {
                    log_variance,
                    width,
                },
                Step::Activation(slopes),
            ) => {
                let count = width as u64;
                // p = ½ and any count make a law
                let law = Binomial::new(count, 0.5);
                let law = law.map_err(|_| refused("so many neurons"))?;
                let positive = law.sample(rng);
                let share = |slope: f64, count: u64, rng: &mut Stream| {
                    Ok(if slope == 0.0 {
                        0.0
                    } else {
                        slope * slope * chi_squared(count, rng)?
                    })
                };
                let squares = share(slopes.positive, positive, rng)?
                    + share(slopes.negative, count - positive, rng)?;
                Ok(Self::Vector {
                    log_squares: log_variance + squares.ln(),
                    width,
                })
            }
            (Self::Vector { .. }, Step::Activation(_)) => {
                Err(refused("an activation without a dense layer before it"))
            }
        }
    }
}

/// $\chi^2$ with this many degrees of freedom.
fn chi_squared(freedom: u64, rng: &mut Stream) -> Result<f64> {
    if freedom == 0 {
        return Ok(0.0);
    }
    // any positive shape makes a law
    let law = Gamma::new(0.5 * freedom as f64, 2.0);
    Ok(law.map_err(|_| refused("so many neurons"))?.sample(rng))
}
