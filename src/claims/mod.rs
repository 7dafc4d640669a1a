//! Claims about limits, tested with a stated probability of false alarm: for tests of your own theorems.
//!
//! | claim | macro | builder |
//! |---|---|---|
//! | the limits in width and depth commute | [`assert_commutes!`](crate::assert_commutes) | [`Commutes`] |
//! | an error falls at a rate | [`assert_converges!`](crate::assert_converges) | [`Converges`] |
//! | two laws are one | [`assert_same_law!`](crate::assert_same_law) | [`SameLaw`] |
//!
//! A claim names sizes and tolerances, so that finitely many networks can refute it. If it holds, the check
//! fails with at most the stated probability, over the choice of the seed; with a seed given it always passes
//! or always fails. (Of $k$ cases of a property the probabilities add up to $k$ times it.) It is *not*
//! evidence for the claim that a check passes with few networks: state as well a wrong claim that it refutes.
//!
//! Keys of the macros are methods of the builders. A macro panics with a message that names the network, its
//! size, the statistic and the p-value, which `proptest!` catches and shrinks; [`Failure`] is an
//! [`Error`](std::error::Error), so that `check()?` does in tests that return one.
//!
//! ```
//! use neural_limits::claims::Direction;
//! use neural_limits::prelude::*;
//! use neural_limits::{assert_commutes, assert_converges, assert_same_law};
//! let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
//! let (res_net, mlp) = (ResNet::new(Tanh), Mlp::new(Relu));
//! assert_commutes!(res_net, covariance, at = &[(64, 256), (256, 64)], within = 0.3, false_alarm = 1e-6);
//! assert_converges!(mlp, covariance, along = Direction::Width, at = &[(16, 2), (32, 2), (64, 2), (128, 2)],
//!     rate = 0.5, false_alarm = 1e-6);
//! let law = |sampler| {
//!     let networks = routes::FiniteNetworks::new(&mlp, 4, 2, 500, 1)?;
//!     networks.with_sampler(sampler).law(&covariance, 1.0)
//! };
//! assert_same_law!(law(Sampler::Dense)?, law(Sampler::Conditional)?, false_alarm = 1e-6);
//! # Ok::<(), Error>(())
//! ```

mod commutes;
mod converges;
mod failure;
mod same_law;

pub use commutes::Commutes;
pub use converges::{Converges, Direction};
pub use failure::{Failure, Refutation};
pub use same_law::SameLaw;

/// The probability of false alarm unless another is stated.
const FALSE_ALARM: f64 = 1e-6;

/// Checks a claim that the limits in width and depth [commute](crate::claims::Commutes):
/// `assert_commutes!(net, function, at = &[(n, L), …], within = 0.1, false_alarm = 1e-6)`, with any
/// [method](crate::claims::Commutes) as a key.
///
/// # Panics
/// If the claim is refuted, or a law cannot be computed.
#[macro_export]
macro_rules! assert_commutes {
    ($net:expr, $function:expr $(, $key:ident = $value:expr)* $(,)?) => {
        if let Err(failure) = $crate::claims::Commutes::new(&$net, &$function)$(.$key($value))*.check() {
            panic!("{failure}");
        }
    };
}

/// Checks a claim that an error [falls at a rate](crate::claims::Converges):
/// `assert_converges!(net, function, at = &[(n, L), …], rate = 0.5, false_alarm = 1e-6)`, with any
/// [method](crate::claims::Converges) as a key.
///
/// # Panics
/// If the claim is refuted, or a law cannot be computed.
#[macro_export]
macro_rules! assert_converges {
    ($net:expr, $function:expr $(, $key:ident = $value:expr)* $(,)?) => {
        if let Err(failure) = $crate::claims::Converges::new(&$net, &$function)$(.$key($value))*.check() {
            panic!("{failure}");
        }
    };
}

/// Checks a claim that two [laws are one](crate::claims::SameLaw): `assert_same_law!(first, second,
/// false_alarm = 1e-6)`, with any [method](crate::claims::SameLaw) as a key.
///
/// # Panics
/// If the claim is refuted, or cannot be tested.
#[macro_export]
macro_rules! assert_same_law {
    ($first:expr, $second:expr $(, $key:ident = $value:expr)* $(,)?) => {
        if let Err(failure) = $crate::claims::SameLaw::new(&$first, &$second)$(.$key($value))*.check() {
            panic!("{failure}");
        }
    };
}
