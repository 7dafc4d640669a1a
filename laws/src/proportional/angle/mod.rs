//! The angle between two inputs in a ReLU MLP of finite width, which closes with depth.
//!
//! | file | content |
//! |---|---|
//! | `layer` | mean and variance of $\log \sin^2\theta$ after one layer |
//! | `density` | its law after $L$ layers, on a grid |
//! | `published` | the prediction of 2306.01513 |
//! | `diffusion` | small angles at fixed $L/n$ |

mod density;
mod diffusion;
mod layer;
mod published;

pub use density::AngleDensity;
pub use diffusion::AngleDiffusion;
pub use layer::AngleLayer;
pub use published::PublishedAngle;
