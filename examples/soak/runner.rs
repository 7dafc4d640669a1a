//! A thread that runs cases, and is left alone with one that does not end.

use std::sync::mpsc::channel;
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::case::Case;
use crate::outcome::{Clock, Failure, Outcome, run};

/// The kind of failure of a case that takes too long.
pub const SLOW: &str = "a case takes less than its time";

/// A case after so many times its limit is taken not to end.
const PATIENCE: f64 = 20.0;

/// How often one looks whether a case has taken too long.
const LOOK: Duration = Duration::from_millis(500);

/// Runs cases one after the other, each on one thread: what it computes and what it costs are its own.
pub struct Runner {
    pool: ThreadPool,
    /// In seconds.
    limit: Option<f64>,
}

impl Runner {
    pub fn new(limit: Option<f64>) -> Self {
        Self {
            pool: one_thread(),
            limit,
        }
    }

    /// The outcome of a case and the seconds that it took; more than the limit, twice, are a failure.
    pub fn run(&mut self, case: &Case) -> (Outcome, f64) {
        let Some(limit) = self.limit else {
            return self.within(case, f64::INFINITY);
        };
        let (outcome, mut seconds) = self.within(case, PATIENCE * limit);
        if (limit..2.0 * limit).contains(&seconds) {
            seconds = seconds.min(self.within(case, PATIENCE * limit).1);
        }
        if seconds <= limit || matches!(outcome, Outcome::Failed(_)) {
            return (outcome, seconds);
        }
        (Outcome::Failed(slow(seconds)), seconds)
    }

    /// Whether a case fails in this way, asked quickly.
    pub fn still_fails(&mut self, case: &Case, kind: &str) -> Option<Failure> {
        let limit = self.limit.unwrap_or(f64::INFINITY);
        match self.within(case, 4.0 * limit) {
            (Outcome::Failed(failure), _) if failure.kind == kind => Some(failure),
            (_, seconds) if kind == SLOW && seconds > limit => Some(slow(seconds)),
            _ => None,
        }
    }

    /// The outcome of a case and the seconds that it took; a thread that has computed for so many is left.
    fn within(&mut self, case: &Case, patience: f64) -> (Outcome, f64) {
        let (sender, receiver) = channel();
        let owned = case.clone();
        self.pool.spawn(move || {
            let clock = Clock::new();
            // nobody listens any more to a case that took too long
            let _ = sender.send(Message::Begun(clock.clone()));
            let (outcome, seconds) = run(&owned, &clock);
            let _ = sender.send(Message::Ended(outcome, seconds));
        });
        let mut clock = None;
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(Message::Begun(begun)) => clock = Some(begun),
                Ok(Message::Ended(outcome, seconds)) => return (outcome, seconds),
                Err(_) => {
                    let seconds = clock.as_ref().map_or(0.0, Clock::seconds);
                    if seconds > patience {
                        self.pool = one_thread();
                        return (Outcome::Failed(slow(seconds)), seconds);
                    }
                }
            }
        }
    }
}

/// What a thread has to say.
enum Message {
    Begun(Clock),
    Ended(Outcome, f64),
}

fn slow(seconds: f64) -> Failure {
    Failure {
        kind: SLOW,
        detail: format!("{seconds:.2} s"),
    }
}

fn one_thread() -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("a thread")
}
