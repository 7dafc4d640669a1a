//! Covariances of two inputs, kept in variables that lose no digits.

mod angle_piece;
mod pair;
mod parity;
mod scaled;

pub(crate) use angle_piece::AnglePiece;
pub use pair::PairCovariance;
pub use parity::Parity;
pub use scaled::ScaledCovariance;
