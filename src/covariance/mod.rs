//! Covariances of two inputs, kept in variables that lose no digits.

mod pair;
mod scaled;

pub use pair::PairCovariance;
pub use scaled::ScaledCovariance;
pub(crate) use scaled::scale_by_power_of_two;
