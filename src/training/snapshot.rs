//! What a network shows at some inputs, before and after training.

use nalgebra::DMatrix;

use super::any_loss::LossDynamics;
use super::dynamics::KernelDynamics;
use super::finite_network::outputs_of;
use super::loss::TrainingLoss;
use super::rule::{LearningRate, Rule, SquaredLoss};
use crate::inference::checks::check_shape;
use crate::inference::linear_algebra::symmetric_eigen;
use crate::network::{Drawn, Signal};
use crate::sample::EmpiricalKernels;
use crate::{Error, Inputs, Result};

/// Outputs, tangent kernel and features of one network with weights at $m$ inputs. Two of them, before and
/// after training, say how far a network has left the kernel regime; the one before gives its linearisation.
///
/// ```
/// use std::ops::ControlFlow;
/// use nalgebra::DMatrix;
/// use neural_limits::network::{Activated, Dense, Network};
/// use neural_limits::prelude::*;
/// use neural_limits::training::{FiniteTraining, Snapshot, SquaredLoss};
/// let dense = Dense::new(Initialization::lecun());
/// let net = Network::new().then(dense).then(Activated::new(Tanh)).then(dense.with_width(1)?);
/// let network = net.finite(500, 1)?.with_weights(2, &mut Seed::new(7).stream(0))?;
/// let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0], [0.2, 0.9]])?; // two to train, one to test
/// let (train, y) = (Inputs::from_slice(x.slice(0..2), 2)?, DMatrix::from_row_slice(2, 1, &[1.0, -1.0]));
/// let start = Snapshot::of(&*network, &x)?;
/// let rate = LearningRate::new(0.3)?;
/// let mut training = FiniteTraining::new(network, &train, &y, SquaredLoss::HalfSum, rate)?;
/// training.run(50, |_| ControlFlow::Continue(()))?;
/// let end = Snapshot::of(training.network(), &x)?;
/// let rule = Rule::GradientDescent { steps: 50 };
/// let linearized = start.linearized(&y, SquaredLoss::HalfSum, rate, rule)?;
/// assert!((end.outputs() - linearized).amax() < 0.05);
/// assert!(start.kernel_drift(&end)? < 0.1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    outputs: DMatrix<f64>,
    tangent: DMatrix<f64>,
    features: Vec<DMatrix<f64>>,
}

impl Snapshot {
    /// Of a network at some inputs.
    ///
    /// # Errors
    /// Those of [`Drawn::forward`] and [`Drawn::backward`]; [`Error::Overflow`].
    pub fn of(network: &dyn Drawn, x: &Inputs<'_>) -> Result<Self> {
        let signal = Signal::of_inputs(x);
        let mut features = Vec::new();
        network.forward_each(&signal, &mut |layer| {
            features.push(layer.to_matrix()?);
            Ok(())
        })?;
        Ok(Self {
            outputs: outputs_of(network, &signal)?,
            tangent: EmpiricalKernels::of(network, x).ntk_full()?,
            features,
        })
    }

    /// $f(x)$, $m \times k$.
    pub fn outputs(&self) -> &DMatrix<f64> {
        &self.outputs
    }

    /// $\hat\Theta$ between all outputs, $mk \times mk$, output $r$ of input $a$ at $ak + r$.
    pub fn tangent_kernel(&self) -> &DMatrix<f64> {
        &self.tangent
    }

    /// The signal after each layer in a row, from the inputs on: neurons by inputs.
    pub fn features(&self) -> &[DMatrix<f64>] {
        &self.features
    }

    /// $\lVert \hat\Theta_t - \hat\Theta_0 \rVert_F/\lVert \hat\Theta_0 \rVert_F$, this one being at 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for snapshots of different shapes; [`Error::Undefined`] for a kernel that is 0.
    pub fn kernel_drift(&self, later: &Self) -> Result<f64> {
        relative_change("the tangent kernel", &self.tangent, &later.tangent)
    }

    /// $\lVert H_t - H_0 \rVert_F/\lVert H_0 \rVert_F$ of the signal $H$ after each layer.
    ///
    /// # Errors
    /// As [`kernel_drift`](Self::kernel_drift), for features.
    pub fn feature_movement(&self, later: &Self) -> Result<Vec<f64>> {
        if self.features.len() != later.features.len() {
            return Err(Error::shape(
                "the later snapshot",
                format!("{} layers", later.features.len()),
                format!("{}, those of this one", self.features.len()),
            ));
        }
        let layers = self.features.iter().zip(&later.features);
        layers
            .map(|(before, after)| relative_change("a layer's signal", before, after))
            .collect()
    }

    /// The outputs of the linearised network, trained on the first $n$ of the inputs from here on:
    ///
    /// $$f(x) = f_0(x) + \hat\Theta_0(x, X) \hat\Theta_0(X, X)^{-1} (1 - \rho) (y - f_0(X)),$$
    ///
    /// $\rho$ what the rule leaves of a residual, at all inputs, $m \times k$ (J. Lee et al. 2019, arXiv
    /// 1902.06720, eq. 8–9): exactly what gradient descent makes of $f_0(x) + \nabla f_0(x) \cdot (\theta -
    /// \theta_0)$. `targets` are $n \times k$.
    ///
    /// # Errors
    /// [`Error::Shape`] for more targets than inputs, or of another number of outputs; as
    /// [`KernelDynamics::train`].
    pub fn linearized(
        &self,
        targets: &DMatrix<f64>,
        loss: SquaredLoss,
        learning_rate: LearningRate,
        rule: Rule,
    ) -> Result<DMatrix<f64>> {
        let (n, k) = (targets.nrows(), self.outputs.ncols());
        let train = self.trained_block(n)?;
        check_shape("the targets", targets.shape(), (n, k))?;
        // one output of nk points: the loss is divided as that of n points
        let rate = LearningRate::new(learning_rate.value() / loss.divisor(n, k))?;
        let dynamics = KernelDynamics::new(&train, &by_rows(targets), rate)?;
        let start = by_rows(&self.outputs);
        let cross = self.tangent.columns(0, n * k).into_owned();
        let trained = start.rows(0, n * k).into_owned();
        Ok(of_rows(k, &dynamics.test(&cross, &trained, &start, rule)?))
    }

    /// [`linearized`](Self::linearized) under any differentiable loss $\ell$, integrated or step by step as
    /// [`LossDynamics`]:
    ///
    /// $$f(x) = f_0(x) + \hat\Theta_0(x, X) \alpha, \qquad \dot\alpha = -\eta
    /// \frac{\partial \ell}{\partial f(X)},$$
    ///
    /// $\alpha$ of $nk$ numbers, since at finite width $\hat\Theta_0$ is not the same for every output and
    /// couples them (J. Lee et al. 2019, arXiv 1902.06720, eq. 5–6).
    ///
    /// # Errors
    /// As [`linearized`](Self::linearized), and as [`LossDynamics::train`].
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use nalgebra::DMatrix;
    /// use neural_limits::network::{Activated, Dense, Network};
    /// use neural_limits::prelude::*;
    /// use neural_limits::training::{CrossEntropy, FiniteTraining, Snapshot};
    /// let dense = Dense::new(Initialization::lecun());
    /// let net = Network::new().then(dense).then(Activated::new(Tanh)).then(dense.with_width(2)?);
    /// let network = net.finite(1000, 1)?.with_weights(2, &mut Seed::new(7).stream(0))?;
    /// let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0]])?;
    /// let labels = DMatrix::identity(2, 2);
    /// let start = Snapshot::of(&*network, &x)?;
    /// let rate = LearningRate::new(0.3)?;
    /// let mut training = FiniteTraining::new(network, &x, &labels, CrossEntropy, rate)?;
    /// training.run(20, |_| ControlFlow::Continue(()))?;
    /// let rule = Rule::GradientDescent { steps: 20 };
    /// let linearized = start.linearized_under(CrossEntropy, &labels, rate, rule)?;
    /// assert!((training.outputs()? - linearized).amax() < 0.05);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn linearized_under(
        &self,
        loss: impl TrainingLoss + 'static,
        targets: &DMatrix<f64>,
        learning_rate: LearningRate,
        rule: Rule,
    ) -> Result<DMatrix<f64>> {
        let (n, outputs) = (targets.nrows(), self.outputs.ncols());
        let train = self.trained_block(n)?;
        check_shape("the targets", targets.shape(), (n, outputs))?;
        let loss = ByRows { loss, outputs };
        let dynamics = LossDynamics::new(&train, &by_rows(targets), loss, learning_rate)?;
        let start = by_rows(&self.outputs);
        let trained = dynamics.train(&start.rows(0, n * outputs).into_owned(), rule)?;
        let cross = self.tangent.columns(0, n * outputs).into_owned();
        Ok(of_rows(outputs, &trained.at(&cross, &start)?))
    }

    /// The curvature $\lambda$: the largest eigenvalue of $\hat\Theta(X, X)$ of the first $n$ inputs over the
    /// loss's divisor. The Hessian's largest eigenvalue where the squared loss is 0, it makes steps of
    /// gradient descent unstable from $\eta\lambda = 2$ on.
    ///
    /// # Errors
    /// [`Error::Shape`] for more inputs than there are, or none; [`Error::NotConverged`].
    pub fn curvature(&self, n: usize, loss: SquaredLoss) -> Result<f64> {
        let (eigenvalues, _) = symmetric_eigen(self.trained_block(n)?)?;
        Ok(eigenvalues.max() / loss.divisor(n, self.outputs.ncols()))
    }

    fn trained_block(&self, n: usize) -> Result<DMatrix<f64>> {
        let (m, k) = self.outputs.shape();
        if n == 0 || n > m {
            return Err(Error::shape(
                "the training set",
                format!("{n} inputs"),
                format!("1 to {m}, those of the snapshot"),
            ));
        }
        Ok(self.tangent.view((0, 0), (n * k, n * k)).into_owned())
    }
}

/// Row after row, as one column.
fn by_rows(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_column_slice(matrix.len(), 1, matrix.transpose().as_slice())
}

/// Back to rows of `columns` entries.
fn of_rows(columns: usize, entries: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_row_slice(entries.len() / columns, columns, entries.as_slice())
}

/// A loss of outputs that are given [row after row](by_rows).
#[derive(Debug)]
struct ByRows<L> {
    loss: L,
    outputs: usize,
}

impl<L: TrainingLoss> TrainingLoss for ByRows<L> {
    fn value(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64 {
        let k = self.outputs;
        self.loss.value(&of_rows(k, outputs), &of_rows(k, targets))
    }

    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        let k = self.outputs;
        by_rows(
            &self
                .loss
                .gradient(&of_rows(k, outputs), &of_rows(k, targets)),
        )
    }
}

fn relative_change(what: &str, before: &DMatrix<f64>, after: &DMatrix<f64>) -> Result<f64> {
    check_shape(what, after.shape(), before.shape())?;
    // in this unit no square leaves the range
    let unit = before.amax();
    if unit == 0.0 {
        return Err(Error::undefined(
            format!("the relative change of {what}"),
            "it was 0",
        ));
    }
    Ok((after / unit - before / unit).norm() / (before / unit).norm())
}
