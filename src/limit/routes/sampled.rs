//! What routes that draw random networks or paths share.

use crate::limit::{Empirical, Law};
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

/// The law of each function by `values` of those that are not refused: by sample, then by function.
pub(super) fn empirical_laws(
    functions: &[&dyn NeuralFunction],
    refuse: impl Fn(&dyn NeuralFunction) -> Result<()>,
    values: impl FnOnce(&[&dyn NeuralFunction]) -> Result<Vec<Vec<Result<f64>>>>,
) -> Vec<Result<Law>> {
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
    let mut next = 0..readable.len();
    let laws = refused.into_iter().map(|refused| {
        refused?;
        let values = values.as_ref().map_err(Clone::clone)?;
        let i = next.next().unwrap_or_default();
        law(values.iter().map(|sample| &sample[i]))
    });
    laws.collect()
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
