//! The statistics behind reports: Kolmogorov–Smirnov tests, fits of power laws, extrapolation in the width.

mod extrapolation;
mod kolmogorov;
mod power_law;

pub use extrapolation::{Extrapolation, Measurement, extrapolate};
pub use kolmogorov::{one_sample_p_value, two_sample_p_value};
pub use power_law::{Estimate, Observation, fit_power_law};
