//! What routes that draw random networks or paths share.

use std::ops::Range;

use crate::limit::{Empirical, Law, Limit};
use crate::neural_function::{Need, NeuralFunction};
use crate::{Error, Result};

/// Refuses what `provided` lacks.
pub(super) fn refuse_needs(
    function: &dyn NeuralFunction,
    refused: &[Need],
    provided: &str,
) -> Result<()> {
    let missing = function.needs().iter().find(|need| refused.contains(need));
    match missing {
        Some(need) => Err(Error::unsupported(
            format!("the {} of a random network", function.name()),
            format!("{provided}, not {need:?}"),
        )),
        None => Ok(()),
    }
}

/// A regime of random networks, of which more can be drawn.
pub(in crate::limit) trait Sampled: Limit {
    /// For each function its values on the networks (or paths) of these numbers, or why it has none on any.
    /// Network $i$ is drawn from stream $i$ of a seed, whatever the range.
    fn readings(
        &self,
        functions: &[&dyn NeuralFunction],
        time: f64,
        networks: Range<usize>,
    ) -> Vec<Result<Vec<Result<f64>>>>;
}

/// Values by network, then by function, the other way round.
pub(super) fn by_function(
    functions: usize,
    values: Result<Vec<Vec<Result<f64>>>>,
) -> Vec<Result<Vec<Result<f64>>>> {
    let of = |i: usize| {
        let values = values.as_ref().map_err(Clone::clone)?;
        Ok(values.iter().map(|network| network[i].clone()).collect())
    };
    (0..functions).map(of).collect()
}

/// What `values` gives for the functions that are not refused.
pub(super) fn readable(
    functions: &[&dyn NeuralFunction],
    refuse: impl Fn(&dyn NeuralFunction) -> Result<()>,
    values: impl FnOnce(&[&dyn NeuralFunction]) -> Result<Vec<Vec<Result<f64>>>>,
) -> Vec<Result<Vec<Result<f64>>>> {
    let refused: Vec<Result<()>> = functions.iter().map(|f| refuse(*f)).collect();
    let all = functions.iter().zip(&refused);
    let readable: Vec<&dyn NeuralFunction> = all
        .filter_map(|(function, refused)| refused.is_ok().then_some(*function))
        .collect();
    // without a function to read there is nothing to sample
    let values = if readable.is_empty() {
        Ok(Vec::new())
    } else {
        values(&readable)
    };
    let mut read = by_function(readable.len(), values).into_iter();
    let all = refused.into_iter();
    all.filter_map(|refused| match refused {
        Ok(()) => read.next(),
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// The empirical law of a function, with networks on which it has no value counted apart.
pub(super) fn law<'a>(all: impl Iterator<Item = &'a Result<f64>>) -> Result<Law> {
    let mut values = Vec::new();
    let mut undefined = 0;
    for value in all {
        match value {
            Ok(value) => values.push(*value),
            Err(Error::Undefined { .. }) => undefined += 1,
            Err(error) => return Err(error.clone()),
        }
    }
    Empirical::new(values, undefined).map(Law::Empirical)
}
