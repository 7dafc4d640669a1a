//! Covariances of two inputs, kept in variables that lose no digits.

mod angle_piece;
mod pair;
mod pair_correlation;
mod parity;
mod scaled;

pub use angle_piece::AnglePiece;
pub use pair::PairCovariance;
pub use pair_correlation::PairCorrelation;
pub use parity::Parity;
pub use scaled::ScaledCovariance;
