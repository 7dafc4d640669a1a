//! What came of a case.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use neural_limits::Error;

use crate::case::Case;
use crate::{depth, dual, kernels, propagation, samples};

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Passed,
    /// A typed error, by its variant and the route it speaks of.
    Refused(&'static str, String),
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What was expected, in a few words: failures are counted by it.
    pub kind: &'static str,
    pub detail: String,
}

/// Why a check ends early.
pub enum Stop {
    Refused(Error),
    Failed(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

pub type Check<T = ()> = Result<T, Stop>;

/// A failure of a kind.
pub fn failed<T>(kind: &'static str, detail: impl Into<String>) -> Check<T> {
    Err(Stop::Failed(Failure {
        kind,
        detail: detail.into(),
    }))
}

/// [`failed`] unless `holds`.
pub fn ensure(holds: bool, kind: &'static str, detail: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        failed(kind, detail())
    }
}

/// What `refused` must be: finite numbers are in, so that none that is not finite belongs into the text.
/// (An overflow whose size is not known is documented to have an infinite logarithm.)
fn judged(error: &Error) -> Outcome {
    let text = error.to_string();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut strange = words.filter(|word| matches!(*word, "NaN" | "inf"));
    let may_be_infinite = matches!(error, Error::Overflow { log, .. } if log.is_infinite());
    if strange.any(|word| !(word == "inf" && may_be_infinite)) {
        return Outcome::Failed(Failure {
            kind: "an error's text is of finite numbers",
            detail: text,
        });
    }
    let variant = match error {
        Error::Invalid { .. } => "Invalid",
        Error::Shape { .. } => "Shape",
        Error::ZeroVector { .. } => "ZeroVector",
        Error::Overflow { .. } => "Overflow",
        Error::Undefined { .. } => "Undefined",
        Error::Unsupported { .. } => "Unsupported",
        Error::NotConverged { .. } => "NotConverged",
        Error::OutOfMemory { .. } => "OutOfMemory",
        _ => "another",
    };
    Outcome::Refused(variant, text)
}

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on panics are silent, and remembered with their place.
pub fn catch_panics() {
    panic::set_hook(Box::new(|information| {
        PLACE.with(|place| *place.borrow_mut() = information.to_string());
    }));
}

/// Seconds that this thread has computed, where the system counts them (other programs of a shared machine do
/// not matter then); since an instant otherwise.
fn seconds_computed(since: Instant) -> f64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| since.elapsed().as_secs_f64(), |count| 1e-9 * count)
}

/// The outcome of a case and the seconds that it took the thread.
pub fn run(case: &Case) -> (Outcome, f64) {
    let since = Instant::now();
    let start = seconds_computed(since);
    let checked = panic::catch_unwind(AssertUnwindSafe(|| match case {
        Case::Kernels(problem, reference) => kernels::check(problem, *reference),
        Case::Depth(problem, time) => depth::check(problem, *time),
        Case::Samples(problem, width, sampler) => samples::check(problem, *width, *sampler),
        Case::Propagation {
            activation,
            weight,
            bias,
        } => propagation::check(activation, *weight, *bias),
        Case::Dual {
            activation,
            variances,
            complement,
        } => dual::check(activation, *variances, *complement),
    }));
    let seconds = seconds_computed(since) - start;
    let outcome = match checked {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(Stop::Refused(error))) => judged(&error),
        Ok(Err(Stop::Failed(failure))) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(Failure {
            kind: "nothing panics",
            detail: PLACE.with(|place| place.take()),
        }),
    };
    (outcome, seconds)
}
