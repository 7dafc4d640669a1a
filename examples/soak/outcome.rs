//! What came of a case.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
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

/// What a thread has computed, where the system counts it (other programs of a shared machine do not matter
/// then); the time since its start otherwise.
#[derive(Debug, Clone)]
pub struct Clock {
    counter: Option<PathBuf>,
    since: Instant,
    start: f64,
}

impl Clock {
    /// Of this thread, from now on.
    pub fn new() -> Self {
        let thread = std::fs::read_link("/proc/thread-self").ok();
        let counter = thread.map(|thread| Path::new("/proc").join(thread).join("schedstat"));
        let mut clock = Self {
            counter,
            since: Instant::now(),
            start: 0.0,
        };
        clock.start = clock.seconds();
        clock
    }

    /// Seconds, from any thread.
    pub fn seconds(&self) -> f64 {
        let counter = self.counter.as_ref();
        let counted = counter.and_then(|counter| std::fs::read_to_string(counter).ok());
        let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        let seconds = nanoseconds.map(|count| 1e-9 * count);
        seconds.unwrap_or_else(|| self.since.elapsed().as_secs_f64()) - self.start
    }
}

/// The outcome of a case and the seconds that it took the thread.
pub fn run(case: &Case, clock: &Clock) -> (Outcome, f64) {
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
    let seconds = clock.seconds();
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
