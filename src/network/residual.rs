//! The residual block.

use std::sync::Arc;

use super::{Directions, KernelBlock, Layer, Network, Outline};
use crate::{Error, Result, error};

/// A residual block $s Y + \alpha F(Y)$ with a random branch $F$: $K^\prime = s^2 K + \alpha^2 F(K)$, and the
/// same for tangent kernels.
///
/// The branch must end in fresh weights (a dense layer), so that it is uncorrelated with the skip connection.
#[derive(Debug, Clone)]
pub struct Residual<'n> {
    skip: f64,
    scale: f64,
    branch: Arc<Network<'n>>,
}

impl<'n> Residual<'n> {
    /// Of the skip coefficient $s$, the branch coefficient $\alpha$ and the branch.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless both coefficients have finite squares.
    pub fn new(skip: f64, scale: f64, branch: Network<'n>) -> Result<Self> {
        Self::sharing(skip, scale, Arc::new(branch))
    }

    /// [`new`](Self::new) of a branch whose description is shared with other blocks.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn sharing(skip: f64, scale: f64, branch: Arc<Network<'n>>) -> Result<Self> {
        for (name, value) in [("skip", skip), ("scale", scale)] {
            error::finite(name, value)?;
            if !(value * value).is_finite() {
                return Err(Error::invalid(name, value, "a number with a finite square"));
            }
        }
        Ok(Self {
            skip,
            scale,
            branch,
        })
    }
}

impl Layer for Residual<'_> {
    fn name(&self) -> String {
        format!("{} Y + {} ({})", self.skip, self.scale, self.branch.name())
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        // the skip connection shares what came before
        let branch = self.branch.outline(Outline {
            fresh: self.skip == 0.0 && input.fresh,
            ..input
        })?;
        if !branch.fresh && self.skip != 0.0 {
            return Err(Error::unsupported(
                format!("the kernel of {}", self.name()),
                "a residual branch must end in a dense layer, to be uncorrelated with the skip connection",
            ));
        }
        Ok(if self.skip == 0.0 {
            branch
        } else {
            Outline {
                gaussian: input.gaussian && branch.gaussian,
                fresh: input.fresh,
            }
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let mut branch = block.copy();
        self.branch.apply(&mut branch)?;
        let width = block.width();
        block.add(self.skip * self.skip, branch, self.scale * self.scale)?;
        block.set_width(width);
        Ok(())
    }

    fn has_tables(&self) -> bool {
        self.branch.has_tables()
    }

    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
        Ok(Some(Arc::new(Residual {
            skip: self.skip,
            scale: self.scale,
            branch: Arc::new(self.branch.prepared(points)?),
        })))
    }

    fn pair_cost(&self) -> f64 {
        3.0 + self.branch.pair_cost()
    }

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        let mut branch = state.clone();
        if !self.branch.directions(&mut branch)? {
            return Ok(false);
        }
        Ok(state.add(self.skip * self.skip, branch, self.scale * self.scale))
    }
}
