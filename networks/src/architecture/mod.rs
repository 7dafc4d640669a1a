//! Architectures: typed builders of networks, width and depth left open.
//!
//! | file | network |
//! |---|---|
//! | [`Mlp`] | $Y_l = W_l \varphi(Y_{l-1}) + b_l$ |
//! | [`ResNet`] | $Y_l = Y_{l-1} + \alpha_{l,L} (W_l \varphi(Y_{l-1}) + b_l)$ |
//! | [`DenseNet`] | $Y_l = (Y_{l-1}, W_l \varphi(Y_{l-1}) + b_l)$ |
//! | [`ShapedMlp`] | $Y_l = W_l \varphi_n(Y_{l-1})$, slopes $1 + c_\pm/\sqrt n$ |
//! | [`Network`] | any composition of layers |
//!
//! Each says in one line what a composition of [layers](crate::network) says in three. To add one, implement
//! [`Architecture`]: a name and a network.

mod dense_net;
mod mlp;
mod resnet;
mod shaped_mlp;

use std::fmt::Debug;

pub use dense_net::DenseNet;
pub use mlp::Mlp;
pub use resnet::ResNet;
pub use shaped_mlp::ShapedMlp;

use crate::Result;
pub use crate::network::Branch;
pub use crate::network::scaling::{
    BranchScaling, Constant, ConvergentSeries, CustomScaling, InverseSqrtDepth, PowerLaw,
    ScalingClass,
};
use crate::network::{Activated, Dense, Layer, Network};

/// A network of any width and depth.
///
/// What each regime makes of it is a trait of that regime's own module, for every architecture:
/// [`infinite_width`](crate::kernel::InInfiniteWidth::infinite_width),
/// [`infinite_depth`](crate::depth::InInfiniteDepth::infinite_depth),
/// [`finite`](crate::sample::OfFiniteSize::finite), `limits` (`limit::InEveryLimit`).
pub trait Architecture: Debug + Send + Sync {
    /// The architecture in words.
    fn name(&self) -> String;

    /// The composition of layers, width and depth left open.
    fn network(&self) -> Network;

    /// [`network`](Self::network) of a given depth.
    ///
    /// # Errors
    /// As [`Network::at_depth`].
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
    /// let net = ResNet::new(Tanh);
    /// assert_eq!(net.at_depth(4)?.ntk(&x)?, net.infinite_width(4)?.ntk(&x)?);
    /// # Ok::<(), Error>(())
    /// ```
    fn at_depth(&self, depth: usize) -> Result<Network> {
        self.network().at_depth(depth)
    }
}

impl Architecture for Network {
    fn name(&self) -> String {
        Layer::name(self)
    }

    fn network(&self) -> Network {
        self.clone()
    }
}

/// $W \varphi(Y) + b$ as a network.
fn layers(branch: &Branch) -> Network {
    Network::new()
        .then(Activated::sharing(branch.activation().clone()))
        .then(Dense::new(branch.initialization()))
}
