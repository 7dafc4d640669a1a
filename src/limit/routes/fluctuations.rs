//! Fluctuations of order $n^{-1/2}$ around infinite width and depth.

use std::sync::{Arc, Mutex, PoisonError};

use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{NeuralFunction, Process};
use crate::proportional::{ClockFluctuations, Fluctuations, PairFluctuation};
use crate::{Result, ScaledCovariance};

/// The limit of [`InfiniteDepth`] and the Gaussian fluctuations around it of networks of width $n$: residual
/// networks with a pointwise activation and a normalised scaling, homogeneous ones from [`Fluctuations`],
/// others from [`ClockFluctuations`].
#[derive(Debug)]
pub struct WidthFluctuations {
    limit: InfiniteDepth,
    fluctuations: Source,
    width: usize,
    last: Arc<Mutex<Option<Known>>>,
}

/// Where fluctuations are from.
#[derive(Debug, Clone)]
enum Source {
    /// They are functions of the correlation, whatever the norms.
    Homogeneous(Fluctuations),
    Clocks(ClockFluctuations),
}

/// The fluctuation of a pair of inputs, with the covariances at the start in bits, and the time.
type Known = ([u64; 6], PairFluctuation);

impl Source {
    fn of<N: Architecture + ?Sized>(net: &N) -> Result<Self> {
        match Fluctuations::of(net) {
            Ok(fluctuations) if fluctuations.norm_at(1.0).is_ok() => {
                Ok(Self::Homogeneous(fluctuations))
            }
            _ => Ok(Self::Clocks(ClockFluctuations::of(net)?)),
        }
    }

    fn pair_at(&self, start: &ScaledCovariance, time: f64) -> Result<PairFluctuation> {
        match self {
            Self::Homogeneous(fluctuations) => {
                fluctuations.pair_at(start.pair_correlation()?, time)
            }
            Self::Clocks(fluctuations) => fluctuations.pair_at(start.pair()?, time),
        }
    }
}

impl WidthFluctuations {
    /// Of an architecture at a width.
    ///
    /// # Errors
    /// As [`ClockFluctuations::of`]; [`Error::Invalid`](crate::Error::Invalid) for a width that is not a
    /// size.
    pub fn new<N: Architecture + ?Sized>(net: &N, width: usize) -> Result<Self> {
        Ok(Self {
            limit: net.infinite_depth(),
            fluctuations: Source::of(net)?,
            width: error::size("width", width)?,
            last: Arc::default(),
        })
    }

    /// The same at another width, with the same memory of the last pair: it does not depend on the width.
    pub(super) fn at_width(&self, width: usize) -> Self {
        Self {
            limit: self.limit.clone(),
            fluctuations: self.fluctuations.clone(),
            width,
            last: Arc::clone(&self.last),
        }
    }

    fn of_pair(&self, start: &ScaledCovariance, time: f64) -> Result<PairFluctuation> {
        let (k, c) = (start.unscaled(), start.pair_correlation()?);
        let exponent = start.exponent().cast_unsigned();
        let numbers = [k.variance_a(), k.variance_b(), c.one_minus(), c.one_plus()];
        let [a, b, near, far] = numbers.map(f64::to_bits);
        let key = [a, b, near, far, exponent, time.to_bits()];
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((known, fluctuation)) if known == key => Ok(fluctuation),
            _ => {
                let fluctuation = self.fluctuations.pair_at(start, time)?;
                *last = Some((key, fluctuation));
                Ok(fluctuation)
            }
        }
    }
}

impl Limit for WidthFluctuations {
    fn regime(&self) -> Regime {
        Regime::Fluctuations { width: self.width }
    }

    fn route(&self) -> String {
        "Gaussian fluctuations of order 1/sqrt(n), means to order 1/n".to_owned()
    }

    fn laws(&self, functions: &[&dyn NeuralFunction], time: f64) -> Vec<Result<Law>> {
        super::each(functions, |function, a, b| {
            let start = self.limit.pair_at(a, b, 0.0)?;
            let fluctuation = self.of_pair(&start, time)?;
            let process = Process::new(self.limit.pair_at(a, b, time)?);
            function.with_fluctuations(&process, &fluctuation, self.width)
        })
    }
}
