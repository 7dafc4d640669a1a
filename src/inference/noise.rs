//! What is added to the diagonal of a kernel matrix, and in which unit.

use crate::{Result, error};

/// The noise of the targets, $y_i = f(x_i) + \varepsilon_i$, $\varepsilon_i \sim \mathcal N(0, \sigma^2)$: it
/// is added to the diagonal of $K(X, X)$ and to nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Noise {
    /// None: the posterior passes through the targets.
    #[default]
    None,
    /// $\sigma^2$ itself, in squared units of the targets.
    Variance(f64),
    /// $\sigma^2$ as a multiple of the mean of the diagonal, $\sigma^2 = \rho \operatorname{tr} K(X,X)/n$:
    /// what neural-tangents calls `diag_reg` by default.
    RelativeToMeanDiagonal(f64),
}

impl Noise {
    /// $\sigma^2$ beside a kernel of this mean diagonal.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a number that is negative or not finite.
    ///
    /// ```
    /// use neural_limits::inference::Noise;
    /// assert_eq!(Noise::Variance(0.1).variance(2.0)?, 0.1);
    /// assert_eq!(Noise::RelativeToMeanDiagonal(0.1).variance(2.0)?, 0.2);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn variance(self, mean_diagonal: f64) -> Result<f64> {
        match self {
            Self::None => Ok(0.0),
            Self::Variance(variance) => error::non_negative("the noise variance", variance),
            Self::RelativeToMeanDiagonal(ratio) => {
                error::non_negative("the noise relative to the mean diagonal", ratio)?;
                error::non_negative("the noise variance", ratio * mean_diagonal)
            }
        }
    }
}
