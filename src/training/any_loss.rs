//! Training on any differentiable loss in the kernel regime, by integration or step by step.

use std::cell::RefCell;

use differential_equations::prelude::{ExplicitRungeKutta, IVP, ODE};
use nalgebra::DMatrix;

use super::loss::TrainingLoss;
use super::rule::{LearningRate, Rule};
use crate::inference::checks::{check_finite, check_kernel, check_shape, check_targets};
use crate::inference::linear_algebra::product;
use crate::{Error, Result};

/// The most steps of the integrator.
const STEPS: usize = 100_000;

/// The dynamics of training a linearised network on a differentiable loss $\ell$: with the kernel $\Theta$,
///
/// $$f(x) = f_0(x) + \Theta(x, X) \alpha, \qquad \dot\alpha = -\eta
/// \frac{\partial \ell}{\partial f(X)}, \quad \alpha_0 = 0,$$
///
/// a flow in $nk$ numbers whatever the number of test points (J. Lee et al. 2019, arXiv 1902.06720, eq. 5–6,
/// in the dual variables), integrated by Dormand–Prince 8(5,3); gradient descent and the heavy ball go step
/// by step. For squared loss [`KernelDynamics`](super::KernelDynamics) has it in closed form.
///
/// Of the cross entropy $\sum_c f_{ic}$ is conserved, and on separable labels there is no limit at infinite
/// time: logits grow like its logarithm.
///
/// # Errors of the values
/// Each step of the flow errs by less than the [tolerance](Self::with_tolerance), by default 1e-12, relative
/// to $\alpha$ or in the outputs, whichever is larger; the seven reference cases of the cross entropy are
/// reproduced to 1e-11.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::training::{CrossEntropy, LearningRate, LossDynamics, Rule, TrainingLoss};
/// let kernel = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 2.0]);
/// let labels = DMatrix::identity(2, 2); // one-hot: each point a class of its own
/// let dynamics = LossDynamics::new(&kernel, &labels, CrossEntropy, LearningRate::new(1.0)?)?;
/// let trained = dynamics.train(&DMatrix::zeros(2, 2), Rule::GradientFlow { time: 3.0 })?;
/// assert!(CrossEntropy.value(&trained.outputs, &labels) < 0.5);
/// let between = DMatrix::from_row_slice(1, 2, &[1.5, 1.5]);
/// let there = trained.at(&between, &DMatrix::zeros(1, 2))?;
/// assert!((there[(0, 0)] - there[(0, 1)]).abs() < 1e-12);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug)]
pub struct LossDynamics {
    kernel: DMatrix<f64>,
    targets: DMatrix<f64>,
    loss: Box<dyn TrainingLoss>,
    learning_rate: LearningRate,
    tolerance: f64,
}

/// A trained network: its outputs at the training points, and what gives them elsewhere.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Trained {
    /// $f(X)$, $n \times k$.
    pub outputs: DMatrix<f64>,
    /// $\alpha$, $n \times k$.
    pub weights: DMatrix<f64>,
}

impl Trained {
    /// The outputs $f_0(x) + \Theta(x, X) \alpha$ at $m$ test points of the kernel `cross`, $m \times n$,
    /// that started from `test_start`, $m \times k$.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for matrices that do not fit or are not finite.
    pub fn at(&self, cross: &DMatrix<f64>, test_start: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let (m, (n, k)) = (cross.nrows(), self.weights.shape());
        check_shape(
            "the kernel of test and training points",
            cross.shape(),
            (m, n),
        )?;
        check_finite("the kernel of test and training points", cross)?;
        check_shape("the start at the test points", test_start.shape(), (m, k))?;
        check_finite("the start at the test points", test_start)?;
        Ok(test_start + product(cross, &self.weights)?)
    }
}

impl LossDynamics {
    /// Of the kernel of the training points, the $n \times k$ targets and the loss.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for a kernel that is not a symmetric matrix of finite numbers,
    /// or targets that do not fit it.
    pub fn new(
        kernel: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        loss: impl TrainingLoss + 'static,
        learning_rate: LearningRate,
    ) -> Result<Self> {
        check_kernel("the kernel of the training points", kernel)?;
        check_targets(targets, kernel.nrows())?;
        Ok(Self {
            kernel: kernel.clone(),
            targets: targets.clone(),
            loss: Box::new(loss),
            learning_rate,
            tolerance: 1e-12,
        })
    }

    /// Sets the local tolerance of the integrator.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $10^{-14} \le$ tolerance $\le 10^{-2}$.
    pub fn with_tolerance(self, tolerance: f64) -> Result<Self> {
        if (1e-14..=1e-2).contains(&tolerance) {
            Ok(Self { tolerance, ..self })
        } else {
            let expected = "a number in [1e-14, 1e-2]";
            Err(Error::invalid("tolerance", tolerance, expected))
        }
    }

    /// One network, trained from `start` at the training points.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for a start that does not fit the targets or is not finite, or
    /// a time or momentum out of range; [`Error::Unsupported`] for infinite time; [`Error::NotConverged`]
    /// where the integrator takes too many steps; [`Error::Invalid`] naming the learning rate of steps that
    /// diverge.
    pub fn train(&self, start: &DMatrix<f64>, rule: Rule) -> Result<Trained> {
        rule.check()?;
        check_shape("the start", start.shape(), self.targets.shape())?;
        check_finite("the start", start)?;
        let weights = match rule {
            Rule::GradientFlow { time } if time.is_infinite() => {
                return Err(Error::unsupported(
                    "infinite time on a general loss",
                    "there need not be a limit: give a finite time",
                ));
            }
            Rule::GradientFlow { time } => self.flow(start, time)?,
            Rule::GradientDescent { steps } => self.descent(start, steps, 0.0)?,
            Rule::HeavyBall { steps, momentum } => self.descent(start, steps, momentum)?,
        };
        let outputs = self.outputs(start, &weights)?;
        if outputs.iter().all(|output| output.is_finite()) {
            Ok(Trained { outputs, weights })
        } else {
            Err(Error::overflow("the outputs of training"))
        }
    }

    fn outputs(&self, start: &DMatrix<f64>, weights: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        Ok(start + product(&self.kernel, weights)?)
    }

    fn gradient(&self, outputs: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let gradient = self.loss.gradient(outputs, &self.targets);
        check_shape(
            "the gradient of the loss",
            gradient.shape(),
            outputs.shape(),
        )?;
        Ok(gradient)
    }

    fn descent(&self, start: &DMatrix<f64>, steps: u64, momentum: f64) -> Result<DMatrix<f64>> {
        let mut weights = DMatrix::zeros(start.nrows(), start.ncols());
        let mut velocity = weights.clone();
        for step in 0..steps {
            let outputs = self.outputs(start, &weights)?;
            let gradient = self.gradient(&outputs)?;
            velocity = velocity * momentum - gradient * self.learning_rate.value();
            weights += &velocity;
            if !weights.iter().all(|weight| weight.is_finite()) {
                return Err(Error::invalid(
                    "the learning rate",
                    self.learning_rate.value(),
                    format!(
                        "a smaller number: training diverges within {} steps",
                        step + 1
                    ),
                ));
            }
        }
        Ok(weights)
    }

    fn flow(&self, start: &DMatrix<f64>, time: f64) -> Result<DMatrix<f64>> {
        if time == 0.0 {
            return Ok(DMatrix::zeros(start.nrows(), start.ncols()));
        }
        let flow = Flow {
            dynamics: self,
            start,
            failure: RefCell::new(None),
        };
        // an error of α changes the outputs by at most the largest sum of a row times as much
        let rows = self.kernel.row_iter();
        let largest = rows
            .map(|row| row.iter().map(|entry| entry.abs()).sum::<f64>())
            .fold(f64::MIN_POSITIVE, f64::max);
        let absolute = (self.tolerance / largest).clamp(f64::MIN_POSITIVE, f64::MAX);
        let zeros = vec![0.0; start.len()];
        let solution = IVP::ode(&flow, 0.0, time, zeros)
            .method(
                ExplicitRungeKutta::dop853()
                    .rtol(self.tolerance)
                    .atol(absolute)
                    .max_steps(STEPS),
            )
            .solve();
        if let Some(error) = flow.failure.borrow_mut().take() {
            return Err(error);
        }
        let reached = solution.ok().and_then(|mut solution| solution.y.pop());
        match reached {
            Some(end) if end.iter().all(|weight| weight.is_finite()) => {
                Ok(DMatrix::from_vec(start.nrows(), start.ncols(), end))
            }
            Some(_) => Err(Error::overflow("the flow of training")),
            None => Err(Error::NotConverged {
                what: format!("the flow of training within {STEPS} steps"),
                reached: f64::INFINITY,
                tolerance: self.tolerance,
            }),
        }
    }
}

struct Flow<'a> {
    dynamics: &'a LossDynamics,
    start: &'a DMatrix<f64>,
    /// The first error; the integrator sees it as velocities that are not finite.
    failure: RefCell<Option<Error>>,
}

impl ODE<f64, Vec<f64>> for Flow<'_> {
    fn diff(&self, _: f64, state: &Vec<f64>, velocity: &mut Vec<f64>) {
        let (n, k) = self.start.shape();
        let weights = DMatrix::from_column_slice(n, k, state);
        let outputs = self.dynamics.outputs(self.start, &weights);
        match outputs.and_then(|outputs| self.dynamics.gradient(&outputs)) {
            Ok(gradient) => {
                let rate = self.dynamics.learning_rate.value();
                velocity.clear();
                velocity.extend(gradient.iter().map(|slope| -rate * slope));
            }
            Err(error) => {
                velocity
                    .iter_mut()
                    .for_each(|velocity| *velocity = f64::NAN);
                *self.failure.borrow_mut() = Some(error);
            }
        }
    }
}
