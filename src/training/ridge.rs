//! The penalty of training.

use crate::{Result, error};

/// A penalty on the way that weights go, $\tfrac r2 \lVert \theta - \theta_0 \rVert^2$ beside
/// $\tfrac12 \sum (f - y)^2$ (and divided like it): the optimum is kernel ridge regression with $\Theta + r$.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ridge {
    /// None.
    #[default]
    None,
    /// $r$ itself, in units of $\Theta$.
    Absolute(f64),
    /// $r$ as a multiple of the mean of the diagonal, $r = \rho \operatorname{tr} \Theta(X,X)/n$.
    RelativeToMeanDiagonal(f64),
}

impl Ridge {
    /// $r$ beside a kernel of this mean diagonal.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a number that is negative or not finite.
    pub fn value(self, mean_diagonal: f64) -> Result<f64> {
        match self {
            Self::None => Ok(0.0),
            Self::Absolute(ridge) => error::non_negative("the ridge", ridge),
            Self::RelativeToMeanDiagonal(ratio) => {
                error::non_negative("the ridge relative to the mean diagonal", ratio)?;
                error::non_negative("the ridge", ratio * mean_diagonal)
            }
        }
    }
}
