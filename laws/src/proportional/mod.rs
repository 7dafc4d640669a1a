//! Width and depth together: $n, L \to \infty$ with $L/n$ fixed, and what is left of finite width.
//!
//! | type | what | file |
//! |---|---|---|
//! | [`MlpNorm`] | the norm of a homogeneous MLP, exact at every width | `norm` |
//! | [`LogNormalRates`] | the log-normal law of homogeneous chains at criticality | `rates` |
//! | [`Fluctuations`] | order $n^{-1/2}$ and $1/n$ around infinite width, homogeneous | `fluctuation` |
//! | [`ClockFluctuations`] | the same of any activation with biases, $L = \infty$ | `fluctuation` |
//! | [`ShapedCovariance`] | the diffusion of two inputs' covariances in shaped MLPs | `shaped` |
//! | [`AngleLayer`], [`AngleDensity`], [`AngleDiffusion`] | the angle that closes in ReLU MLPs | `angle` |
//! | [`PublishedAngle`] | its published prediction, for comparison | `angle` |

mod angle;
mod fluctuation;
mod gamma;
mod norm;
mod rates;
mod shaped;

pub use angle::{AngleDensity, AngleDiffusion, AngleLayer, PublishedAngle};
pub use fluctuation::{
    ClockFluctuation, ClockFluctuations, Fluctuations, NormFluctuation, PairFluctuation,
};
pub use norm::MlpNorm;
pub use rates::LogNormalRates;
pub use shaped::ShapedCovariance;
