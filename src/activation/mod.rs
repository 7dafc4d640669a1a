//! Activations $\varphi$ and their Gaussian duals.
//!
//! | file | content |
//! |---|---|
//! | [`relu`] | [`Relu`] |
//! | [`arc_cosine`] | the maps $\kappa_0$, $\kappa_1$ behind the duals of all positively homogeneous activations |
//!
//! To add an activation, write one file that implements [`Activation`] and [`Dual`], and name it in the list below.

pub mod arc_cosine;
mod homogeneous;
pub mod relu;

use std::fmt::Debug;

pub use homogeneous::Slopes;
pub use relu::Relu;

use crate::PairCovariance;

/// A function $\varphi: \mathbb R \to \mathbb R$ applied to every pre-activation, and what fast paths may know of it.
///
/// Finite networks need only this; infinite-width limits need [`Dual`] as well.
pub trait Activation: Debug + Send + Sync {
    /// The name of $\varphi$, as in figures and tables.
    fn name(&self) -> String;

    /// $\varphi(x)$; finite for finite $x$.
    fn value(&self, x: f64) -> f64;

    /// $\varphi^\prime(x)$; at a kink, either one-sided derivative or their mean.
    fn derivative(&self, x: f64) -> f64;

    /// The slopes of $\varphi$, if it is positively homogeneous: $\varphi(\lambda x) = \lambda \varphi(x)$ for $\lambda \ge 0$.
    ///
    /// Chains of homogeneous activations without biases have exact log-scale recursions and a flow in
    /// closed form; `None` (the default) takes the general route.
    fn slopes(&self) -> Option<Slopes> {
        None
    }

    /// $\varphi$ of every element, written to `out` (as many elements as both slices have).
    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = self.value(x);
        }
    }
}

/// The Gaussian expectations of an activation: for $(u, v) \sim \mathcal N(0, K)$,
/// $\mathbb E[\varphi(u) \varphi(v)]$ and $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$ (its *dual activation*; A. Daniely, R. Frostig and Y. Singer 2016,
/// arXiv 1602.05897).
pub trait Dual: Activation {
    /// The second-moment matrix of $(\varphi(u), \varphi(v))$ for $(u,v) \sim \mathcal N(0, K)$.
    ///
    /// It maps a [`PairCovariance`] to a [`PairCovariance`], so an implementation can keep the relative accuracy of
    /// $\varepsilon = 1 - c$. The returned `variance_a` must depend on $q_a$ alone, `variance_b` in the same way on $q_b$, so that
    /// diagonals of Gram matrices are exactly the variance recursion.
    fn dual(&self, k: PairCovariance) -> PairCovariance;

    /// $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$ for $(u,v) \sim \mathcal N(0, K)$.
    fn derivative_dual(&self, k: PairCovariance) -> f64;
}
