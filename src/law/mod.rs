//! Laws on the line, and distances between them.
//!
//! | file | content |
//! |---|---|
//! | [`Law`] | a number, Gaussian, log-normal, or the values of a sample |
//! | [`Empirical`] | the law of a sample |
//! | `distance` | Kolmogorov–Smirnov, Wasserstein and $L^2$ distances of any two |

#[cfg(feature = "approx")]
mod approx;
mod distance;
mod empirical;
#[expect(clippy::module_inception, reason = "the law itself")]
mod law;

pub use empirical::Empirical;
pub use law::Law;
