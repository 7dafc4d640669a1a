//! Laws on the line, and distances between them.
//!
//! | file | content |
//! |---|---|
//! | [`Law`] | a number, (log-)normal, normal of log-normal variance, a sample, or a density on a grid |
//! | [`Empirical`] | the law of a sample |
//! | [`Density`] | a density on a uniform grid |
//! | `distance` | Kolmogorov–Smirnov, Wasserstein and $L^2$ distances of any two |
//! | [`QuantilePlot`] | a sample against the quantiles of a law, with a band; the test of its law |

#[cfg(feature = "approx")]
mod approx;
mod density;
mod distance;
mod empirical;
#[expect(clippy::module_inception, reason = "the law itself")]
mod law;
pub(crate) mod log_normal_scale;
mod quantile_plot;

pub use density::Density;
pub use empirical::Empirical;
pub use law::Law;
pub use quantile_plot::{QuantilePlot, QuantilePoint};
