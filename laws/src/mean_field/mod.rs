//! The law of a neuron at infinite width and depth, whatever it starts from: McKean–Vlasov and Fokker–Planck
//! equations.
//!
//! In a residual chain with branches $W \varphi(Y) + b$ a neuron $X$ at infinite depth is driven by the law
//! of all neurons,
//!
//! $$dX = B_\tau^{1/2} dW, \qquad B_\tau = \sigma_w^2 \mathbb E \varphi(X_\tau)^2 + \sigma_b^2,$$
//!
//! (S. Hayou 2022, arXiv 2210.00688; A. Peluchetti and S. Favaro 2019, arXiv 1905.11065), jointly at several
//! inputs with $A_{ij} = \sigma_w^2 \mathbb E[\varphi(x_i)\varphi(x_j)] + \sigma_b^2$. Gaussian laws stay
//! Gaussian, with the covariances of [`depth`](crate::depth); other laws converge to no Gaussian (with ReLU
//! and a symmetric law the fourth cumulant does not change at all).
//!
//! | equation | solver |
//! |---|---|
//! | $X_\tau = X_0 + \mathcal N(0, v_\tau)$, exact | [`Convolution`], [`JointConvolution`] |
//! | $\partial_\tau p = \tfrac12 B \partial_x^2 p$ | [`FokkerPlanck`] |
//! | $\partial_\tau p = \tfrac12 \sum A_{ij} \partial_i \partial_j p$ | [`JointFokkerPlanck`] |
//! | $\partial_\tau u = \tfrac12 (\kappa_1(c) - c) \partial_c u$, $u = c_\tau$ | [`TransportFlow`] |
//! | $\partial_t p = -\partial_z (m p) + \tfrac12 \partial_z^2 p$ | [`ShapedCorrelation`] |
//!
//! `heat` and `lattice` have the scheme of all densities on grids: conservative, positive, of order 6 in
//! space.

mod convolution;
mod grid;
mod heat;
mod initial;
mod joint;
mod lattice;
mod line;
mod moments;
mod plane;
mod shaped;
mod transport;
mod weights;

use std::sync::Arc;

pub use convolution::Convolution;
pub use grid::UniformGrid;
pub use initial::InitialLaw;
pub use joint::{JointConvolution, JointLaw};
pub use line::FokkerPlanck;
pub use plane::JointFokkerPlanck;
pub use shaped::ShapedCorrelation;
pub use transport::TransportFlow;

use crate::architecture::{Architecture, ScalingClass};
use crate::network::{Branch, Structure};
use crate::{Error, Initialization, Result};
use moments::Moments;

/// The mean-field equation of a residual chain: its $\varphi$, $\sigma_w^2$ and $\sigma_b^2$.
///
/// All solvers start from a law before the first block and go on for a duration in the clock $\tau$ of the
/// [scaling](crate::architecture::BranchScaling::clock): with $\alpha = L^{-1/2}$ that is $t = l/L$.
///
/// ```
/// use neural_limits::mean_field::{InitialLaw, MeanField};
/// use neural_limits::prelude::*;
/// let mean_field = MeanField::of(&ResNet::new(Tanh))?;
/// let atoms = InitialLaw::atoms(&[(0.5, 1.0), (0.5, -1.0)])?;
/// let exact = mean_field.convolution(&atoms, 1.0)?;
/// let on_grid = mean_field.fokker_planck(&atoms, 1.0, 1e-6)?;
/// assert!((on_grid.density().at(0.4) - exact.density(0.4)?).abs() < 1e-4);
/// assert!(on_grid.law().kolmogorov_smirnov(&exact.law()?) < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MeanField {
    moments: Moments,
    initialization: Initialization,
}

impl MeanField {
    /// Of a branch $W \varphi(Y) + b$.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the activation is not
    /// [pointwise](crate::activation::Activation::is_pointwise).
    pub fn new(branch: &Branch) -> Result<Self> {
        let activation = branch.activation();
        if !activation.is_pointwise() {
            return Err(Error::unsupported(
                format!("the mean-field equation of {}", activation.name()),
                "it is a map of kernels that no pointwise function realises",
            ));
        }
        Ok(Self {
            moments: Moments::new(Arc::clone(activation)),
            initialization: branch.initialization(),
        })
    }

    /// Of the first stack of a network.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless it is a residual stack around an activation and a dense layer with the
    /// skip coefficient 1 and a normalised scaling; as [`new`](Self::new).
    pub fn of<N: Architecture + ?Sized>(network: &N) -> Result<Self> {
        let layers = network.network().flat();
        let chain = layers.iter().find_map(|layer| match layer.structure() {
            Structure::Stack(stack) => Some(stack.chain()),
            _ => None,
        });
        match chain.flatten() {
            Some(chain)
                if chain.skip == 1.0 && chain.scaling.class() == ScalingClass::Normalised =>
            {
                Self::new(&chain.branch)
            }
            _ => Err(Error::unsupported(
                format!("the mean-field equation of {}", network.name()),
                "its first stack is not a residual chain of activation and dense layer with skip 1 and a \
                 normalised scaling",
            )),
        }
    }

    /// $\sigma_w^2 x + \sigma_b^2$.
    fn dense(&self, square: f64) -> f64 {
        self.initialization.weight_variance() * square + self.initialization.bias_variance()
    }

    /// $B$ of $X_0 + \sqrt v Z$.
    fn rate(&self, initial: &InitialLaw, added: f64) -> Result<f64> {
        let rate = self.dense(initial.square(&self.moments, added.max(0.0))?);
        if rate.is_finite() {
            Ok(rate)
        } else {
            Err(Error::overflow("the activation's second moment"))
        }
    }

    /// The law of a neuron after the duration `clock`, exactly: one ordinary differential equation.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the clock is finite and $\ge 0$; [`Error::NotConverged`] where an
    /// expectation does not reach its tolerance; [`Error::Overflow`] where one does not exist, or the
    /// variance leaves the range.
    pub fn convolution(&self, initial: &InitialLaw, clock: f64) -> Result<Convolution> {
        Convolution::new(self, initial, clock)
    }

    /// The density of a neuron after the duration `clock` by its Fokker–Planck equation, with an estimated
    /// $L^1$ error below `tolerance`. The grid follows from what the [convolution](Self::convolution) says of
    /// the law's width. Where the law has atoms, kinks or jumps, or a component narrower than a quarter of
    /// what is added, the convolution also takes the first sixteenth of the variance.
    ///
    /// ReLU from $\mathcal N(0, 1)$ to the time 1 with the tolerance 1e-6 takes a millisecond, from two atoms
    /// 20 ms.
    ///
    /// # Errors
    /// As [`convolution`](Self::convolution); [`Error::Invalid`] unless $10^{-10} \le$ tolerance $\le
    /// 10^{-1}$; [`Error::NotConverged`] where 10⁶ nodes or some 10⁹ operations do not reach it;
    /// [`Error::Undefined`] for a law with atoms that does not move.
    pub fn fokker_planck(
        &self,
        initial: &InitialLaw,
        clock: f64,
        tolerance: f64,
    ) -> Result<FokkerPlanck> {
        FokkerPlanck::to_tolerance(self, initial, clock, tolerance)
    }

    /// [`fokker_planck`](Self::fokker_planck) on a given grid; how good it is, [`FokkerPlanck::error`] says.
    ///
    /// # Errors
    /// As [`fokker_planck`](Self::fokker_planck); [`Error::Invalid`] for a grid that is too narrow (more than
    /// 1e-8 of the law is outside) or too coarse (less than two nodes for a deviation of the narrowest
    /// component), with one that would do.
    ///
    /// ```
    /// use neural_limits::mean_field::{UniformGrid, InitialLaw, MeanField};
    /// use neural_limits::prelude::*;
    /// let mean_field = MeanField::of(&ResNet::new(Relu))?;
    /// let initial = InitialLaw::gaussian(0.0, 1.0)?;
    /// let fine = mean_field.fokker_planck_on(&initial, 1.0, UniformGrid::new(-10.0, 10.0, 201)?)?;
    /// assert!(fine.error() < 1e-5);
    /// let error = mean_field.fokker_planck_on(&initial, 1.0, UniformGrid::new(-3.0, 3.0,
    /// 201)?).unwrap_err(); assert!(error.to_string().contains("not too narrow for the law: [-10.2"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn fokker_planck_on(
        &self,
        initial: &InitialLaw,
        clock: f64,
        grid: UniformGrid,
    ) -> Result<FokkerPlanck> {
        FokkerPlanck::on_grid(self, initial, clock, grid)
    }

    /// The joint law of a neuron at several inputs after the duration `clock`, exactly.
    ///
    /// # Errors
    /// As [`convolution`](Self::convolution).
    pub fn joint_convolution(&self, initial: &JointLaw, clock: f64) -> Result<JointConvolution> {
        JointConvolution::new(self, initial, clock)
    }

    /// The joint density of a neuron at two inputs after the duration `clock` by its Fokker–Planck equation,
    /// with an estimated $L^1$ error below `tolerance`. While a component is narrower than a third of the
    /// law, the [convolution](Self::joint_convolution) takes the first eighth, fourth or half of the time.
    ///
    /// # Errors
    /// As [`joint_convolution`](Self::joint_convolution); [`Error::Invalid`] unless $10^{-8} \le$ tolerance
    /// $\le 10^{-1}$; [`Error::Shape`] unless there are two inputs; [`Error::NotConverged`] where 4 · 10⁶
    /// nodes or some 10⁹ operations do not reach it; [`Error::Undefined`] for a singular law (parallel
    /// inputs), and for one with a component that stays too narrow.
    pub fn joint_fokker_planck(
        &self,
        initial: &JointLaw,
        clock: f64,
        tolerance: f64,
    ) -> Result<JointFokkerPlanck> {
        JointFokkerPlanck::new(self, initial, clock, tolerance)
    }
}
