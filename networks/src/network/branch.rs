//! The branch covariance: the one map that every limit of a chain iterates.

use std::sync::Arc;

use nalgebra::DMatrix;

use super::pass::feature_products;
use super::steps::OfFeatures;
use super::{FeatureProducts, Signal, dense};
use crate::activation::Dual;
use crate::{Initialization, PairCovariance, Result};

/// A random branch $Y \mapsto W \varphi(Y) + b$: an activation followed by a dense layer.
///
/// It is read in two ways:
/// - at infinite width through [`covariance`](Branch::covariance),
///   $B(K) = \sigma_w^2 \mathbb E_{(u,v) \sim \mathcal N(0,K)}[\varphi(u)\varphi(v)] + \sigma_b^2$;
/// - at width $n$ through [`empirical_covariance`](Branch::empirical_covariance),
///   $\hat B(Y) = \sigma_w^2 \varphi(Y)^\top \varphi(Y)/n + \sigma_b^2$, the covariance of each row of the
///   branch given $Y$.
#[derive(Debug, Clone)]
pub struct Branch {
    activation: Arc<dyn Dual>,
    initialization: Initialization,
}

impl Branch {
    /// The branch of an activation and the law of the weights that follow it.
    pub fn new(activation: impl Dual + 'static, initialization: Initialization) -> Self {
        Self::sharing(Arc::new(activation), initialization)
    }

    /// [`new`](Self::new) of an activation that others have as well.
    pub fn sharing(activation: Arc<dyn Dual>, initialization: Initialization) -> Self {
        Self {
            activation,
            initialization,
        }
    }

    /// The same activation with another law of the weights.
    pub fn with_initialization(self, initialization: Initialization) -> Self {
        Self {
            initialization,
            ..self
        }
    }

    /// $\varphi$.
    pub fn activation(&self) -> &Arc<dyn Dual> {
        &self.activation
    }

    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub fn initialization(&self) -> Initialization {
        self.initialization
    }

    /// $B(K)$ for a pair of inputs.
    ///
    /// # Errors
    /// As [`Dual::dual`].
    ///
    /// ```
    /// use neural_limits::{Initialization, PairCovariance, activation::Relu, network::Branch};
    /// let branch = Branch::new(Relu, Initialization::he());
    /// let k = branch.covariance(PairCovariance::new(3.0, 3.0, 3.0)?)?;
    /// assert_eq!(k.covariance(), 3.0); // variance is kept at the edge of chaos
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn covariance(&self, k: PairCovariance) -> Result<PairCovariance> {
        Ok(self.initialization.dense(self.activation.dual(k)?))
    }

    /// $\hat B(Y) = \sigma_w^2 \varphi(Y)^\top \varphi(Y) / n + \sigma_b^2$ for the $n \times m$
    /// pre-activations of $m$ inputs: the covariance of each row of $W \varphi(Y) + b$ given $Y$.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an empty matrix; [`Error::Invalid`](crate::Error::Invalid)
    /// naming an entry that is not finite; [`Error::Overflow`](crate::Error::Overflow).
    pub fn empirical_covariance(&self, y: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let signal = Signal::from_matrix(y)?;
        let sums = feature_products(&self.activation, &signal);
        dense::empirical_covariance(self.initialization, &signal, sums)
    }

    /// [`empirical_covariance`](Self::empirical_covariance) of a signal from the products of its features, in
    /// units of its power of two.
    #[doc(hidden)]
    pub fn covariance_given(
        &self,
        signal: &Signal,
        products: &FeatureProducts,
        covariance: &mut DMatrix<f64>,
    ) -> Result<()> {
        covariance.copy_from(products.sums());
        dense::to_empirical_covariance(self.initialization, signal, covariance)
    }

    /// $Y \leftarrow Y + \alpha Z R^\top$, $RR^\top = \hat B(Y)$, for each of some blocks in a row, with the
    /// products of the features before and behind them: [`FeatureProducts::blocks`].
    #[doc(hidden)]
    pub fn blocks_given(
        &self,
        signal: &mut Signal,
        products: &mut FeatureProducts,
        factor: f64,
        normals: &[f64],
    ) -> Option<usize> {
        let (weight, bias) = dense::of_features(self.initialization, signal);
        let law = OfFeatures {
            weight,
            bias,
            factor,
        };
        products.blocks(signal, law, normals)
    }
}
