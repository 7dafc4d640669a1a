//! One pair of points through layers of infinite width.

use super::{KernelBlock, Layer, Network, Structure};
use crate::{PairCovariance, Result};

impl Network {
    /// The covariance of one pair after all layers: for a branch $F$, the map $B$ that every limit of a
    /// residual stack around $F$ iterates.
    ///
    /// # Errors
    /// The first error of a layer.
    ///
    /// ```
    /// use neural_limits::network::{Activated, Dense, Network};
    /// use neural_limits::prelude::*;
    /// let branch = Network::new().then(Activated::new(Relu)).then(Dense::new(Initialization::he()));
    /// let k = branch.pair(PairCovariance::new(3.0, 3.0, 3.0)?)?;
    /// assert_eq!(k.covariance(), 3.0); // variance is kept at the edge of chaos
    /// # Ok::<(), Error>(())
    /// ```
    pub fn pair(&self, k: PairCovariance) -> Result<PairCovariance> {
        let mut layers = self.layers().iter();
        layers.try_fold(k, |k, layer| of_layer(&**layer, k))
    }
}

/// [`Network::pair`] of a layer.
pub(crate) fn of_layer(layer: &dyn Layer, k: PairCovariance) -> Result<PairCovariance> {
    match layer.structure() {
        Structure::Dense(dense) => Ok(dense.initialization().dense(k)),
        Structure::Activation(phi) => phi.dual(k),
        Structure::Row(network) => network.pair(k),
        _ => {
            let correlation = vec![k.pair_correlation()];
            let (a, b) = (vec![k.variance_a()], vec![k.variance_b()]);
            let mut block = KernelBlock::new(a, b, correlation, false)?;
            layer.apply(&mut block)?;
            PairCovariance::with_correlation(
                block.variance_a()[0],
                block.variance_b()[0],
                block.correlation()[0],
            )
        }
    }
}
