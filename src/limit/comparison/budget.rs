//! What a comparison may cost.

use crate::{Error, Result, error};

/// How much work a comparison may do before it says that it cannot decide.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// So many networks in all, of whatever size. Results are the same on every machine.
    Networks(usize),
    /// So many seconds of drawing networks, checked between sizes: how many networks that is depends on the
    /// machine, what is read off each of them does not. The first round draws 8 networks of each size
    /// whatever they take, so that 0 seconds are for an estimate of the budget that would do.
    Seconds(f64),
}

/// The fewest networks of a size.
pub(super) const FEWEST: usize = 8;

/// What has been, or would be, drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    pub(super) networks: usize,
    pub(super) seconds: f64,
}

impl Budget {
    /// The number of networks of each of `places` sizes in the first round, of at most `wanted`.
    pub(super) fn first(self, wanted: usize, places: usize) -> Result<usize> {
        match self {
            Self::Networks(networks) => {
                let each = networks / places.max(1);
                let least = FEWEST * places;
                if networks < least {
                    let expected = format!("at least {least}: {FEWEST} at each of {places} sizes");
                    return Err(Error::invalid("networks", networks, expected));
                }
                Ok(each.min(wanted))
            }
            Self::Seconds(seconds) => {
                error::non_negative("seconds", seconds)?;
                Ok(wanted)
            }
        }
    }

    pub(super) fn allows(self, cost: &Cost) -> bool {
        match self {
            Self::Networks(networks) => cost.networks <= networks,
            Self::Seconds(seconds) => cost.seconds <= seconds,
        }
    }

    pub(super) fn is_of_time(self) -> bool {
        matches!(self, Self::Seconds(_))
    }

    pub(super) fn is_over(self, spent: f64) -> bool {
        matches!(self, Self::Seconds(seconds) if spent >= seconds)
    }
}
