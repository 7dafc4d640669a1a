//! Covariances of two inputs, kept in variables that lose no digits.

mod pair;
mod parity;
mod scaled;

pub use pair::PairCovariance;
pub use parity::Parity;
pub use scaled::ScaledCovariance;
