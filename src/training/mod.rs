//! Training: what gradient descent makes of a network of infinite width, and of finite ones.
//!
//! A wide network moves so little that it stays linear in its weights, and its outputs follow $\dot f(x) =
//! -\eta \Theta(x, X) \partial\ell/\partial f(X)$ with the kernel $\Theta$ of its start (A. Jacot, F. Gabriel
//! and C. Hongler 2018, arXiv 1806.07572; J. Lee et al. 2019, arXiv 1902.06720).
//!
//! | file | what |
//! |---|---|
//! | [`KernelDynamics`] | squared loss in closed form: flow, descent, heavy ball at any time; ensembles |
//! | [`LossDynamics`] | any differentiable [`TrainingLoss`], integrated or step by step |
//! | [`LearningRate`], [`SquaredLoss`], [`Rule`] | the unit of time, the loss's normalisation, the rule |
//! | [`Ridge`] | the penalty, absolute or relative to the mean of the diagonal |
//! | [`FiniteTraining`], [`Snapshot`] | networks of finite width, trained; what they show before and after |
//! | [`Catapult`] | beyond the kernel regime: two linear layers at a large learning rate, exactly |
//! | [`particles`] | the mean field: neurons of two layers as particles, their flow and its limit |

mod any_loss;
mod catapult;
mod dynamics;
mod finite_network;
mod loss;
pub mod particles;
mod ridge;
mod rule;
mod snapshot;

pub use any_loss::{LossDynamics, Trained};
pub use catapult::{Catapult, CatapultPhase};
pub use dynamics::{Ensemble, KernelDynamics, StartCovariance};
pub use finite_network::{FiniteTraining, Step};
pub use loss::{CrossEntropy, TrainingLoss};
pub use ridge::Ridge;
pub use rule::{LearningRate, Rule, SquaredLoss};
pub use snapshot::Snapshot;
