//! Ensembles: numbers read off many random networks, as statistics in constant memory.
//!
//! | file | content |
//! |---|---|
//! | [`Ensemble`] | numbered samples, drawn in parallel until there are enough of them |
//! | [`Statistics`] | mean, covariance, extremes, quantiles, histograms of what has been drawn |
//! | [`Moments`] | mean and covariance of a stream of vectors |
//! | [`QuantileSketch`] | quantiles of a stream of numbers |
//! | [`Histogram`] | counts in bins |
//! | [`Controlled`] | a mean with control variates, and by how much they reduce its variance |
//! | [`LinearResponse`] | control variates of covariances from infinite width |
//!
//! Sample $k$ is drawn from stream $k$ of the seed, whatever the number of threads and of samples asked for,
//! and enters the statistics in its turn: results are the same bits on any number of threads, and 1000
//! samples followed by 1000 more are 2000 samples.

mod controlled;
mod histogram;
mod linear_response;
mod moments;
mod quantile_sketch;
mod statistics;

use std::fmt;
use std::ops::{ControlFlow, Range};

pub use controlled::Controlled;
pub use histogram::Histogram;
pub use linear_response::LinearResponse;
pub use moments::Moments;
pub use quantile_sketch::QuantileSketch;
pub use statistics::Statistics;

use crate::neural_function::{Need, NeuralFunction, distinct_points};
use crate::random::{Seed, Stream};
use crate::sample::Finite;
use crate::{Error, Result, error, parallel};

/// Draws one sample: as many numbers each time.
type Draw<'a> = dyn Fn(&mut Stream) -> Result<Vec<f64>> + Sync + 'a;

/// Samples between two calls of an observer, at first; later an eighth of those drawn before.
const ROUND: u64 = 256;

/// The most samples that are held at a time, before they enter the statistics.
const MOST_HELD: u64 = 4096;

/// The most numbers whose covariance is kept: 67 MB for each level of the tree of sums.
const MOST_NUMBERS: usize = 4096;

/// Numbered samples of $d$ numbers each, sample $k$ a function of stream $k$ of a seed.
///
/// ```
/// use neural_limits::ensemble::Ensemble;
/// use neural_limits::prelude::*;
/// let networks = Mlp::new(Relu).initialized_by(Initialization::he()).finite(64, 4)?;
/// let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let correlation = Correlation::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let ensemble = Ensemble::of(&networks, &[&covariance, &correlation], 7)?;
/// let statistics = ensemble.until(1, 0.01, 100_000)?; // the correlation to a standard error of 0.01
/// assert!(statistics.standard_error(1)? <= 0.01 && statistics.count() < 1000);
/// let ninth = statistics.quantile(1, 0.9)?;
/// assert!(ninth > statistics.mean(1)?);
/// # Ok::<(), Error>(())
/// ```
pub struct Ensemble<'a> {
    draw: Box<Draw<'a>>,
    numbers: usize,
    controls: usize,
    histograms: Vec<(usize, Histogram)>,
    seed: Seed,
}

impl fmt::Debug for Ensemble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ensemble")
            .field("numbers", &self.numbers)
            .field("controls", &self.controls)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl<'a> Ensemble<'a> {
    /// Of whatever `draw` makes of a stream: $d$ = `numbers` numbers, or [`Error::Undefined`] where they have
    /// no value. The last `controls` of them are control variates, of mean 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no numbers, more than 10⁹, or nothing but controls.
    pub fn new(
        (numbers, controls): (usize, usize),
        seed: impl Into<Seed>,
        draw: impl Fn(&mut Stream) -> Result<Vec<f64>> + Sync + 'a,
    ) -> Result<Self> {
        error::size("numbers", numbers)?;
        if controls >= numbers {
            let expected = format!("less than all {numbers} numbers");
            return Err(Error::invalid("controls", controls, expected));
        }
        Ok(Self {
            draw: Box::new(draw),
            numbers,
            controls,
            histograms: Vec::new(),
            seed: seed.into(),
        })
    }

    /// Of neural functions, all of them read off the same networks: number $i$ is that of function $i$. A
    /// network on which one of them has no value is counted apart.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Shape`] for functions whose inputs have unequal dimensions.
    pub fn of(
        networks: &'a Finite,
        functions: &[&'a dyn NeuralFunction],
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        let functions = functions.to_vec();
        let needs = |wanted: &[Need]| {
            let mut all = functions.iter().flat_map(|function| function.needs());
            all.any(|need| wanted.contains(need))
        };
        let with_weights = needs(&[Need::Network]);
        let with_gradients = needs(&[Need::TangentKernel, Need::Gradients]);
        if functions.is_empty() {
            return Err(Error::invalid("functions", "[]", "at least one function"));
        }
        let (inputs, points) = distinct_points(&functions)?;
        Self::new((functions.len(), 0), seed, move |rng| {
            let record = if with_gradients {
                networks.record_with_gradients(&inputs, with_weights, rng)?
            } else {
                networks.record(&inputs, with_weights, rng)?
            };
            let all = functions.iter().zip(&points);
            all.map(|(function, points)| function.of_network(&record, points))
                .collect()
        })
    }

    /// Counts number `i` in the bins of a histogram as well.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an index that is too large.
    pub fn with_histogram(mut self, i: usize, histogram: Histogram) -> Result<Self> {
        if i >= self.numbers {
            return Err(too_large(i, self.numbers));
        }
        self.histograms.push((i, histogram));
        Ok(self)
    }

    /// The samples of these numbers themselves, and [`Error::Undefined`] for those that have no value.
    ///
    /// # Errors
    /// Any other error of a draw.
    pub fn records(&self, samples: Range<u64>) -> Result<Vec<Result<Vec<f64>>>> {
        let count = samples.end.saturating_sub(samples.start);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count == 0 {
            return Ok(Vec::new());
        }
        parallel::try_map(error::size("samples", count)?, |i| {
            let sample = (self.draw)(&mut self.seed.stream(samples.start + i as u64));
            match sample {
                Ok(sample) if sample.len() != self.numbers => Err(Error::shape(
                    "a sample",
                    format!("{} numbers", sample.len()),
                    format!("{}", self.numbers),
                )),
                Err(error) if !matches!(error, Error::Undefined { .. }) => Err(error),
                sample => Ok(sample),
            }
        })
    }

    /// Statistics without any sample.
    pub fn statistics(&self) -> Statistics {
        Statistics::new(self.numbers, self.controls, self.histograms.clone())
    }

    /// Samples $0, \ldots,$ `samples` $- 1$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no samples or more than 10⁹, or for a number that is not finite;
    /// [`Error::Overflow`] for one whose square exceeds the range; [`Error::Shape`] for more than 4096
    /// numbers, whose covariance would fill the memory (their [`records`](Self::records) can be had); those
    /// of the draws.
    pub fn run(&self, samples: u64) -> Result<Statistics> {
        let mut statistics = self.statistics();
        self.extend(&mut statistics, samples, |_| ControlFlow::Continue(()))?;
        Ok(statistics)
    }

    /// Draws until the mean of number `i`, with control variates if there are any, has a standard error of at
    /// most `standard_error`, looking after 256 samples and after every eighth more.
    ///
    /// Such a rule stops a little more often where the variance so far is too small: the standard error is
    /// then too small by a term of order 1/256.
    ///
    /// # Errors
    /// [`Error::NotConverged`] if `at_most` samples do not reach it; [`Error::Invalid`] for a negative
    /// standard error or an index that is too large; as [`run`](Self::run).
    pub fn until(&self, i: usize, standard_error: f64, at_most: u64) -> Result<Statistics> {
        error::non_negative("standard_error", standard_error)?;
        let mut statistics = self.statistics();
        let mut reached = statistics.controlled_error(i).map(|_| f64::INFINITY);
        self.extend(&mut statistics, at_most, |so_far| {
            reached = so_far.controlled_error(i);
            match reached {
                Ok(error) if error > standard_error => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })?;
        match reached? {
            error if error <= standard_error => Ok(statistics),
            error => Err(Error::NotConverged {
                what: format!("the mean of number {i} over {at_most} samples"),
                reached: error,
                tolerance: standard_error,
            }),
        }
    }

    /// Goes on to `samples` samples in all, which `statistics` of this ensemble has some of: the same bits as
    /// in one go. The observer sees them grow, after 256 samples, after every eighth more, and at the end; it
    /// can break off.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Error::Shape`] for statistics of another number of numbers.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use neural_limits::ensemble::Ensemble;
    /// use neural_limits::prelude::*;
    /// let networks = ResNet::new(Relu).finite(32, 8)?;
    /// let function = Covariance::between(&[1.0], &[1.0])?;
    /// let ensemble = Ensemble::of(&networks, &[&function], 7)?;
    /// let mut statistics = ensemble.statistics();
    /// ensemble.extend(&mut statistics, 100, |_| ControlFlow::Continue(()))?;
    /// ensemble.extend(&mut statistics, 1000, |so_far| {
    ///     println!("{} networks", so_far.count()); // or a progress bar
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(statistics, ensemble.run(1000)?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn extend(
        &self,
        statistics: &mut Statistics,
        samples: u64,
        mut observer: impl FnMut(&Statistics) -> ControlFlow<()>,
    ) -> Result<()> {
        error::size("samples", usize::try_from(samples).unwrap_or(usize::MAX))?;
        if statistics.numbers() != self.numbers {
            return Err(Error::shape(
                "statistics",
                format!("{} numbers", statistics.numbers()),
                format!("{}, as the ensemble has", self.numbers),
            ));
        }
        if self.numbers > MOST_NUMBERS {
            return Err(Error::shape(
                "statistics",
                format!("{} numbers", self.numbers),
                format!("at most {MOST_NUMBERS}, whose covariance is kept; records have no bound"),
            ));
        }
        let mut next = statistics.drawn();
        while next < samples {
            let end = samples.min(next + ROUND.max(next / 8));
            while next < end {
                let held = next..end.min(next + MOST_HELD);
                for sample in self.records(held.clone())? {
                    match sample {
                        Ok(sample) => statistics.push(&sample)?,
                        Err(_) => statistics.push_undefined(),
                    }
                }
                next = held.end;
            }
            if observer(statistics).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn too_large(i: usize, numbers: usize) -> Error {
    Error::invalid("number", i, format!("an index below {numbers}"))
}
