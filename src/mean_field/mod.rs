//! The law of a neuron at infinite width and depth, from any initial law.

mod convolution;
mod grid;
mod heat;
mod initial;
mod joint;
mod lattice;
mod line;
mod moments;
mod plane;
mod weights;

use std::sync::Arc;

pub use convolution::Convolution;
pub use grid::Grid;
pub use initial::InitialLaw;
pub use joint::{JointConvolution, JointLaw};
pub use line::FokkerPlanck;

pub use plane::JointFokkerPlanck;

use crate::network::Branch;
use crate::{Initialization, Result};
use moments::Moments;

/// The mean-field equation of a residual chain.
#[derive(Debug, Clone)]
pub struct MeanField {
    moments: Moments,
    initialization: Initialization,
}

impl MeanField {
    /// Of a branch.
    pub fn new(branch: &Branch) -> Self {
        Self {
            moments: Moments::new(Arc::clone(branch.activation())),
            initialization: branch.initialization(),
        }
    }

    /// $\sigma_w^2 x + \sigma_b^2$.
    fn dense(&self, square: f64) -> f64 {
        self.initialization.weight_variance() * square + self.initialization.bias_variance()
    }

    /// $B$ of $X_0 + \sqrt v Z$.
    fn rate(&self, initial: &InitialLaw, added: f64) -> Result<f64> {
        Ok(self.dense(initial.square(&self.moments, added.max(0.0))?))
    }

    /// The exact law.
    ///
    /// # Errors
    /// TBD
    pub fn convolution(&self, initial: &InitialLaw, clock: f64) -> Result<Convolution> {
        Convolution::new(self, initial, clock)
    }

    /// The PDE.
    ///
    /// # Errors
    /// TBD
    pub fn fokker_planck(&self, initial: &InitialLaw, clock: f64, tolerance: f64) -> Result<FokkerPlanck> {
        FokkerPlanck::to_tolerance(self, initial, clock, tolerance)
    }

    /// On a grid.
    ///
    /// # Errors
    /// TBD
    pub fn fokker_planck_on(&self, initial: &InitialLaw, clock: f64, grid: Grid) -> Result<FokkerPlanck> {
        FokkerPlanck::on_grid(self, initial, clock, grid)
    }

    /// Joint exact.
    ///
    /// # Errors
    /// TBD
    pub fn joint_convolution(&self, initial: &JointLaw, clock: f64) -> Result<JointConvolution> {
        JointConvolution::new(self, initial, clock)
    }

    /// Joint PDE.
    ///
    /// # Errors
    /// TBD
    pub fn joint_fokker_planck(&self, initial: &JointLaw, clock: f64, tolerance: f64) -> Result<JointFokkerPlanck> {
        JointFokkerPlanck::new(self, initial, clock, tolerance)
    }
}
