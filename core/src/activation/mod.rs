//! Activations $\varphi$ and their Gaussian duals.
//!
//! For $(u,v) \sim \mathcal N(0,K)$ a [`Dual`] gives $\mathbb E[\varphi(u)\varphi(v)]$ and
//! $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$, whatever the $2 \times 2$ covariance $K$.
//!
//! | activations | dual |
//! |---|---|
//! | [`Relu`], [`LeakyRelu`], [`AbRelu`], [`Abs`], [`Identity`], [`ShapedRelu`] | [`arc_cosine`] maps |
//! | [`Sign`], [`Step`] | closed form: $\kappa_0$ |
//! | [`RectifiedMonomial`] | closed form: arc-cosine family $J_n$ |
//! | [`Erf`], [`SigmoidLike`], [`Gelu`] | closed form: arc sine |
//! | [`Sine`], [`Cosine`], [`RandomFourier`] | closed form: Gaussian integrals |
//! | [`Exponential`], [`Gaussian`], [`Gabor`] | closed form: Gaussian integrals |
//! | [`Polynomial`] (monomials, [Hermite](Polynomial::hermite)) | closed form: finite Mehler sum |
//! | [`ExpNormalized`], [`PowerKernel`] | maps of the kernel without a pointwise activation |
//! | [`Tanh`], [`Sigmoid`], [`Silu`], [`Softplus`], [`Mish`], [`Softsign`] | sums over Gaussian mixtures |
//! | [`Fitted`]: other smooth functions | the same, by least squares |
//! | [`HardTanh`], [`HardSigmoid`], [`Relu6`], [`Elu`], [`Selu`], [`Celu`] | Price's theorem in the angle |
//! | [`Affine`], [`Sum`], [`Custom`] | from their parts where possible, otherwise quadrature |
//!
//! Those that have a name are listed by [`entries`], and made by [`named`] and [`with_parameters`].
//!
//! To add an activation, write one file that implements [`Activation`] and [`Dual`] (`impl Dual for Mine {}`
//! is enough: the default is [`Quadrature`](expectation::Quadrature)), name it in the list below, and give it
//! a row in `named`.

mod ab_relu;
mod abs;
mod affine;
pub mod arc_cosine;
mod arc_sine;
mod boxed;
mod celu;
mod closed_form;
mod cosine;
mod custom;
mod default;
mod elementwise;
mod elu;
mod erf;
mod exp_normalized;
pub mod expectation;
mod exponential;
mod gabor;
mod gaussian;
mod gelu;
mod hard_sigmoid;
mod hard_tanh;
mod homogeneous;
mod identity;
mod jump;
mod leaky_relu;
mod mish;
mod mixture;
mod named;
mod near_zero;
mod pair_form;
mod parallel;
mod polynomial;
mod power_kernel;
mod price;
mod random_fourier;
mod rectified_monomial;
pub mod relu;
mod relu6;
mod row;
mod selu;
mod sensitivity;
mod shaped_relu;
mod sigmoid;
mod sigmoid_like;
mod sign;
mod silu;
mod sine;
mod slices;
mod softplus;
mod softsign;
mod step;
mod sum;
mod tanh;

use std::fmt::Debug;

pub use ab_relu::AbRelu;
pub use abs::Abs;
pub use affine::Affine;
pub use celu::Celu;
pub use cosine::Cosine;
pub use custom::Custom;
pub use elu::Elu;
pub use erf::Erf;
pub use exp_normalized::ExpNormalized;
pub use exponential::Exponential;
pub use gabor::Gabor;
pub use gaussian::Gaussian;
pub use gelu::Gelu;
pub use hard_sigmoid::HardSigmoid;
pub use hard_tanh::HardTanh;
pub use homogeneous::AngleImage;
pub use homogeneous::Slopes;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use mish::Mish;
pub use mixture::Fitted;
pub use named::{Named, entries, named, names, with_parameters};
pub use near_zero::{SMALL, slopes_at_zero};
pub use polynomial::Polynomial;
pub use power_kernel::PowerKernel;
pub use random_fourier::RandomFourier;
pub use rectified_monomial::RectifiedMonomial;
pub use relu::Relu;
pub use relu6::Relu6;
pub use row::DualRow;
pub use row::pair_cost;
pub use selu::Selu;
pub use sensitivity::DualSensitivity;
pub use shaped_relu::ShapedRelu;
pub use sigmoid::Sigmoid;
pub use sigmoid_like::SigmoidLike;
pub use sign::Sign;
pub use silu::Silu;
pub use sine::Sine;
pub use slices::{PairSlices, derivative_dual_slice, dual_slice};
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use step::Step;
pub use sum::Sum;
pub use tanh::Tanh;

pub use crate::covariance::Parity;
pub use expectation::DualTable;

use crate::{PairCovariance, Result};

/// A function $\varphi: \mathbb R \to \mathbb R$ applied to every pre-activation, and what fast paths may
/// know of it.
///
/// Finite networks need only this; infinite-width limits need [`Dual`] as well.
pub trait Activation: Debug + Send + Sync {
    /// The name of $\varphi$, as in figures and tables.
    fn name(&self) -> String;

    /// $\varphi(x)$; finite for finite $x$, unless $\varphi$ itself grows beyond the range of `f64`.
    fn value(&self, x: f64) -> f64;

    /// $\varphi^\prime(x)$; at a kink, either one-sided derivative or their mean.
    fn derivative(&self, x: f64) -> f64;

    /// The slopes of $\varphi$, if it is positively homogeneous: $\varphi(\lambda x) = \lambda \varphi(x)$
    /// for $\lambda \ge 0$.
    ///
    /// Chains of homogeneous activations without biases have exact log-scale recursions and a flow in
    /// closed form; `None` (the default) takes the general route.
    fn slopes(&self) -> Option<Slopes> {
        None
    }

    /// Whether $\varphi$ is even or odd. The default knows of neither.
    fn parity(&self) -> Parity {
        Parity::Neither
    }

    /// The points where $\varphi$ is not analytic (it or a derivative jumps), in any order; none by default.
    /// Quadrature is split there.
    fn kinks(&self) -> Vec<f64> {
        Vec::new()
    }

    /// `false` for a map of kernels that no pointwise function realises at every variance: finite networks
    /// refuse it, and [`value`](Self::value) is the function that realises it on pre-activations of
    /// variance 1.
    fn is_pointwise(&self) -> bool {
        true
    }

    /// $\varphi$ of every element, written to `out` (as many elements as both slices have).
    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = self.value(x);
        }
    }

    /// $\varphi^\prime$ of every element, as [`value_slice`](Self::value_slice).
    fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = self.derivative(x);
        }
    }

    /// $\gamma (\varphi(\alpha x + \beta) + \delta)$ with $\gamma = 1$, $\delta = 0$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless both numbers are finite.
    fn of_affine(self, scale: f64, shift: f64) -> Result<Affine<Self>>
    where
        Self: Sized,
    {
        Affine::new(self, scale, shift, 1.0, 0.0)
    }

    /// $\gamma \varphi$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $\gamma$ is finite.
    fn times(self, factor: f64) -> Result<Affine<Self>>
    where
        Self: Sized,
    {
        Affine::new(self, 1.0, 0.0, factor, 0.0)
    }

    /// $\varphi + \psi$.
    fn plus<B: Activation>(self, other: B) -> Sum<Self, B>
    where
        Self: Sized,
    {
        Sum::new(self, other)
    }
}

/// The Gaussian expectations of an activation: for $(u, v) \sim \mathcal N(0, K)$,
/// $\mathbb E[\varphi(u) \varphi(v)]$ and $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$ (its *dual
/// activation*; A. Daniely, R. Frostig and Y. Singer 2016, arXiv 1602.05897).
///
/// Every method has a default that works for any activation: the closed form of its
/// [slopes](Activation::slopes), if they are known, otherwise quadrature with an estimated error below 1e-12
/// ([`Quadrature`](expectation::Quadrature) has other tolerances and shows the estimate).
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Activation, Dual, Tanh}};
/// #[derive(Debug)]
/// struct MyTanh;
/// impl Activation for MyTanh {
///     fn name(&self) -> String { "my tanh".into() }
///     fn value(&self, x: f64) -> f64 { x.tanh() }
///     fn derivative(&self, x: f64) -> f64 { x.cosh().powi(-2) }
/// }
/// impl Dual for MyTanh {}
///
/// let k = PairCovariance::new(1.0, 2.0, 0.5)?;
/// let difference = MyTanh.dual(k)?.covariance() - Tanh.dual(k)?.covariance();
/// assert!(difference.abs() < 1e-13);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub trait Dual: Activation {
    /// The second-moment matrix of $(\varphi(u), \varphi(v))$ for $(u,v) \sim \mathcal N(0, K)$.
    ///
    /// It maps a [`PairCovariance`] to a [`PairCovariance`], so an implementation can keep the relative
    /// accuracy of $\varepsilon = 1 - c$. The returned `variance_a` must depend on $q_a$ alone, `variance_b`
    /// in the same way on $q_b$, so that diagonals of Gram matrices are exactly the variance recursion.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) if an expectation leaves the range of `f64` or does not
    /// exist; [`Error::NotConverged`](crate::Error::NotConverged) if quadrature does not reach its tolerance.
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        default::dual(&self, k)
    }

    /// $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$ for $(u,v) \sim \mathcal N(0, K)$, with
    /// $\varphi^\prime$ taken pointwise: jumps of $\varphi$ itself do not count.
    ///
    /// # Errors
    /// As [`dual`](Self::dual).
    fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
        default::derivative_dual(&self, k)
    }

    /// [`dual`](Self::dual) and [`derivative_dual`](Self::derivative_dual) at once, for less where they have
    /// parts in common.
    ///
    /// # Errors
    /// As [`dual`](Self::dual).
    fn duals(&self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
        Ok((self.dual(k)?, self.derivative_dual(k)?))
    }

    /// [`duals`](Self::duals) of $\gamma (\varphi(\alpha x + \beta) + \delta)$ from
    /// $(\alpha, \beta, \gamma, \delta)$, where the shifted function has a form of its own; `None` (the
    /// default) leaves it to quadrature.
    fn duals_of_affine(
        &self,
        _parameters: [f64; 4],
        _k: PairCovariance,
    ) -> Option<Result<(PairCovariance, f64)>> {
        None
    }

    /// How [`duals`](Self::duals) change with the covariance, where that has a closed form: of homogeneous
    /// activations by default, otherwise `None`.
    fn sensitivity(&self, k: PairCovariance) -> Option<DualSensitivity> {
        DualSensitivity::of_slopes(self.slopes()?, k)
    }

    /// $\mathbb E[\varphi(u)\varphi(v)]$ of many pairs, written to `out`; vectorised where there is a closed
    /// form. [`dual_slice`] is the same for `f32`.
    ///
    /// # Errors
    /// As [`dual`](Self::dual); [`Error::Shape`](crate::Error::Shape) if `out` has another length.
    fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        default::dual_slice(&self, k, out)
    }

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ of many pairs, as [`dual_slice`](Self::dual_slice).
    ///
    /// # Errors
    /// As [`dual_slice`](Self::dual_slice).
    fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        default::derivative_dual_slice(&self, k, out)
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$ of many variances: what [`dual`](Self::dual) gives as
    /// `variance_a`.
    ///
    /// # Errors
    /// As [`dual`](Self::dual).
    fn moments(&self, q: &[f64], out: &mut [f64]) -> Result<()> {
        default::moments(&self, q, out)
    }

    /// [`dual`](Self::dual) and [`derivative_dual`](Self::derivative_dual) of one point with many others: the
    /// step of a Gram matrix. Closed forms are vectorised; the default goes pair by pair, unless there are
    /// [slopes](Activation::slopes).
    ///
    /// # Errors
    /// As [`dual`](Self::dual).
    fn dual_row(&self, row: DualRow<'_>) -> Result<()> {
        default::dual_row(&self, row)
    }

    /// Roughly how many nanoseconds a pair takes in [`dual_row`](Self::dual_row), or through a
    /// [`table`](Self::table): kernels choose by it between going layer by layer and tabulating the whole
    /// network. Results never depend on the clock.
    fn pair_cost(&self) -> f64 {
        if self.slopes().is_some() {
            pair_cost::OF_SLOPES
        } else {
            pair_cost::without_closed_form(self.is_tabulated())
        }
    }

    /// Roughly how many nanoseconds a pair takes without a table: whether one pays.
    fn direct_cost(&self) -> f64 {
        if self.is_tabulated() {
            pair_cost::QUADRATURE
        } else {
            self.pair_cost()
        }
    }

    /// Whether [`table`](Self::table) may give one. By default, whether the activation has no slopes and no
    /// kinks.
    fn is_tabulated(&self) -> bool {
        self.slopes().is_none() && self.kinks().is_empty()
    }

    /// A table of the duals for variances in $[\text{lowest}, \text{highest}]$, shared by all pairs of a Gram
    /// matrix; `None` where there is no need of one, or the activation is too steep for it.
    fn table(&self, lowest: f64, highest: f64) -> Option<DualTable> {
        self.is_tabulated()
            .then(|| DualTable::new(&self, lowest, highest))
            .flatten()
    }
}
