//! Training in the kernel regime: what gradient descent makes of a network of infinite width.
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
//! | [`Catapult`] | beyond the kernel regime: two linear layers at a large learning rate, exactly |

mod any_loss;
mod catapult;
mod dynamics;
mod loss;
mod ridge;
mod rule;

pub use any_loss::{LossDynamics, Trained};
pub use catapult::{Catapult, CatapultPhase};
pub use dynamics::{Ensemble, KernelDynamics, StartCovariance};
pub use loss::{CrossEntropy, TrainingLoss};
pub use ridge::Ridge;
pub use rule::{LearningRate, Rule, SquaredLoss};
