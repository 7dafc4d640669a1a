//! Tests of hypotheses on samples, fits of rates, intervals.
//!
//! | question | answer |
//! |---|---|
//! | is a sample from a continuous law? | [`one_sample_p_value`], [`Empirical::test`][test] |
//! | are two samples from one law? | [`kolmogorov_smirnov_test`] on the line, [`energy_test`] in space |
//! | how far apart are they? | [`energy_distance`], the distances of a [`Law`](crate::law::Law) |
//! | are two random vectors independent? | [`independence_test`], [`distance_correlation`] |
//! | at which rate does an error fall? | [`fit_power_law`], [`fit_rates`] |
//! | what is the limit of infinite width? | [`extrapolate`] |
//! | how uncertain is an estimate? | [`Bootstrap`] |
//!
//! [test]: crate::law::Empirical::test
//!
//! A [`Test`] has a statistic and a p-value $p$: under the hypothesis $P(p \le \alpha) \le \alpha$, so that
//! rejecting where $p \le \alpha$ raises a false alarm with probability at most $\alpha$. For $k$ tests take
//! $\alpha/k$.

mod band;
mod bootstrap;
mod dependence;
mod energy;
mod extrapolation;
mod kolmogorov;
mod points;
mod power_law;
mod rates;
mod test;

pub(crate) use band::order_statistics_band;
pub use bootstrap::Bootstrap;
pub use dependence::{distance_correlation, independence_test};
pub use energy::{energy_distance, energy_distance_with_error, energy_test};
pub use extrapolation::{Extrapolation, Measurement, extrapolate};
pub use kolmogorov::{kolmogorov_smirnov_test, one_sample_p_value, two_sample_p_value};
#[doc(hidden)]
pub use power_law::PowerLaw;
pub use power_law::{Estimate, Observation, fit_power_law};
pub use rates::{Rate, Rates, fit_rates};
pub use test::Test;
