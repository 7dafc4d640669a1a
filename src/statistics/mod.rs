//! The statistics behind reports: Kolmogorov–Smirnov tests and fits of power laws.

mod kolmogorov;
mod power_law;

pub use kolmogorov::{one_sample_p_value, two_sample_p_value};
pub use power_law::{Estimate, Observation, fit_power_law};
