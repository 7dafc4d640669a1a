//! Fluctuations of order $n^{-1/2}$ around infinite width and depth.

use std::sync::{Arc, Mutex, PoisonError};

use crate::architecture::Architecture;
use crate::depth::{InInfiniteDepth, InfiniteDepth};
use crate::error;
use crate::limit::{Law, Limit, Regime};
use crate::neural_function::{NeuralFunction, Process};
use crate::proportional::{Fluctuations, PairFluctuation};
use crate::{PairCorrelation, Result};

/// The limit of [`InfiniteDepth`] and the Gaussian fluctuations around it of networks of width $n$, from
/// [`Fluctuations`]: homogeneous residual networks with a normalised scaling.
#[derive(Debug)]
pub struct WidthFluctuations {
    limit: InfiniteDepth,
    fluctuations: Fluctuations,
    width: usize,
    last: Arc<Mutex<Option<Known>>>,
}

/// The fluctuation of a pair of inputs: $1 - c$ and $1 + c$ at the start, and the time, in bits.
type Known = ([u64; 3], PairFluctuation);

impl WidthFluctuations {
    /// Of an architecture at a width.
    ///
    /// # Errors
    /// As [`Fluctuations::of`] and [`Fluctuations::norm_at`]; [`Error::Invalid`](crate::Error::Invalid) for a
    /// width that is not a size.
    pub fn new<N: Architecture + ?Sized>(net: &N, width: usize) -> Result<Self> {
        let fluctuations = Fluctuations::of(net)?;
        fluctuations.norm_at(1.0)?;
        Ok(Self {
            limit: net.infinite_depth(),
            fluctuations,
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

    fn of_pair(&self, start: PairCorrelation, time: f64) -> Result<PairFluctuation> {
        let key = [start.one_minus(), start.one_plus(), time].map(f64::to_bits);
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
            let start = self.limit.pair_at(a, b, 0.0)?.pair_correlation()?;
            let fluctuation = self.of_pair(start, time)?;
            let process = Process::new(self.limit.pair_at(a, b, time)?);
            function.with_fluctuations(&process, &fluctuation, self.width)
        })
    }
}
