//! Expectations, extrapolated in the step.

use super::walk::Coefficient;
use super::{Diffusion, each_sample};
use crate::network::Signal;
use crate::numerics::zeros;
use crate::random::{Seed, Stream};
use crate::sample::Record;
use crate::{Error, Inputs, Result, Scalar};

/// The expectation of a number read off a [`Diffusion`], from [`Diffusion::expectation`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Expectation {
    /// The estimate.
    pub value: f64,
    /// Its standard error: what another seed would change.
    pub standard_error: f64,
    /// The error of the steps that is left, as estimated from paths of other steps, plus the standard error
    /// of that estimate.
    pub bias: f64,
    /// The number of paths on which there was nothing to read, and which are left out.
    pub undefined: usize,
}

impl Expectation {
    /// From numbers $f_h$, $f_{2h}$, $f_{4h}$ of every path: with $R_h = 2 f_h - f_{2h}$, the mean of $R_h$
    /// and, where its error is $c h^2$, that error $(R_h - R_{2h})/3$.
    ///
    /// # Errors
    /// [`Error::Undefined`] for less than two paths.
    pub fn of_levels(levels: &[Vec<f64>], undefined: usize) -> Result<Self> {
        if levels.len() < 2 {
            return Err(Error::undefined(
                "an expectation",
                format!("it is left to {} paths", levels.len()),
            ));
        }
        let extrapolated: Vec<f64> = levels.iter().map(|f| 2.0 * f[0] - f[1]).collect();
        let rest: Vec<f64> = levels
            .iter()
            .map(|f| (2.0 * f[0] - 3.0 * f[1] + f[2]) / 3.0)
            .collect();
        let (value, standard_error) = mean(&extrapolated);
        let (bias, noise) = mean(&rest);
        Ok(Self {
            value,
            standard_error,
            bias: bias.abs() + noise,
            undefined,
        })
    }
}

/// Steps of $h$, $2h$ and $4h$.
const LEVELS: usize = 3;

/// The mean and its standard error.
pub(super) fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| value / count).sum::<f64>();
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

impl Diffusion {
    /// One Brownian path, seen with steps of $h, 2h, \ldots, 2^{k-1} h$ for $k$ `levels`: the state at
    /// `time` by each of them, the finest first. Increments of long steps are sums of those of short ones, so
    /// that the states differ by the strong error $O(h^{1/2})$ of the method.
    ///
    /// $h$ is at most $\tau(1)$/[steps](Self::steps), and as much smaller as makes its number a multiple of
    /// $2^{k-1}$.
    ///
    /// # Errors
    /// As [`path`](Self::path); [`Error::Invalid`] for 0 levels or more than 20; [`Error::Unsupported`] for
    /// branches that are not an activation and a dense layer, which have randomness beside the Brownian
    /// motion.
    pub fn coupled<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        time: f64,
        levels: usize,
        rng: &mut Stream,
    ) -> Result<Vec<Signal>> {
        if !(1..=20).contains(&levels) {
            return Err(Error::invalid("levels", levels, "an integer in [1, 20]"));
        }
        let clock = self.clock(time)?;
        let mut walks = vec![self.start(x, rng)?; levels];
        let (rows, columns) = (walks[0].signal().width(), walks[0].signal().points());
        let mut sums = vec![zeros("the increments of a path", rows, columns)?; levels];
        let coarsest = 1 << (levels - 1);
        let steps = self.steps_of(clock)?.0.next_multiple_of(coarsest);
        let h = clock / (steps as f64).max(1.0);
        let mut increments = walks[0].increments(steps)?;
        for step in 1..=steps {
            sums[0].copy_from_slice(increments.next(1, rng));
            for level in 0..levels {
                let (done, longer) = sums.split_at_mut(level + 1);
                let own = &mut done[level];
                walks[level].steps_by(h * (1 << level) as f64, h, own)?;
                if let Some(sum) = longer.first_mut() {
                    for (sum, z) in sum.iter_mut().zip(&*own) {
                        *sum += z;
                    }
                }
                own.fill(0.0);
                if step % (2 << level) != 0 {
                    break;
                }
            }
        }
        // the same weights behind the stack
        let head = rng.clone();
        let walks = walks.iter();
        walks
            .map(|walk| {
                *rng = head.clone();
                self.finish(walk.state()?, rng)
            })
            .collect()
    }

    /// One path by steps of $h$, $2h$ and $4h$; independent paths, where they cannot be coupled.
    fn levels<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        time: f64,
        rng: &mut Stream,
    ) -> Result<Vec<Record>> {
        let states = match self.coefficient {
            Coefficient::Chain(_) => self.coupled(x, time, LEVELS, rng)?,
            Coefficient::Drawn(_) => {
                let finest = self.steps.next_multiple_of(1 << (LEVELS - 1));
                let mut states = Vec::new();
                for level in 0..LEVELS {
                    let diffusion = self.clone().with_steps(finest >> level)?;
                    states.extend(diffusion.path(x, &[time], rng)?);
                }
                states
            }
        };
        let records = states.into_iter().map(|y| Record::new(y, None));
        Ok(records.collect())
    }

    /// What `read` makes of the coupled levels of every path, in order.
    pub fn read_levels<T: Scalar, R: Send>(
        &self,
        x: &Inputs<'_, T>,
        time: f64,
        samples: usize,
        seed: impl Into<Seed>,
        read: impl Fn(&[Record]) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        each_sample(samples, seed, |rng| read(&self.levels(x, time, rng)?))
    }

    /// $\mathbb E f(Y_t)$ of the diffusion itself: Richardson's extrapolation $2 f_h - f_{2h}$ of the weak
    /// order 1 from `samples` paths with steps of $h$, $2h$ and $4h$ each, coupled by
    /// [`coupled`](Self::coupled) (independent, and so with a larger standard error, where the branch is not
    /// an activation and a dense layer). The error left is $O(h^2)$ and [estimated](Expectation::bias) apart
    /// from the standard error.
    ///
    /// # Errors
    /// As [`read`](Self::read); where `read` gives [`Error::Undefined`], the path is left out and counted,
    /// and [`Error::Undefined`] is returned if less than two are left.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0]])?;
    /// let diffusion = ResNet::new(Relu).diffusion(16)?.with_steps(32)?;
    /// let q = diffusion.expectation(&x, 1.0, 4000, Seed::new(7), |y| y.draw().covariance(0, 0))?;
    /// assert!((q.value - 1.6597).abs() < 4.0 * q.standard_error);
    /// assert!(q.bias < q.standard_error);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn expectation<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        time: f64,
        samples: usize,
        seed: impl Into<Seed>,
        read: impl Fn(&Record) -> Result<f64> + Sync,
    ) -> Result<Expectation> {
        let values = self.read_levels(x, time, samples, seed, |records| {
            match records.iter().map(&read).collect::<Result<Vec<f64>>>() {
                Ok(levels) => Ok(Some(levels)),
                Err(Error::Undefined { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })?;
        let defined: Vec<Vec<f64>> = values.into_iter().flatten().collect();
        Expectation::of_levels(&defined, samples - defined.len())
    }
}
