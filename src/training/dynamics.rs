//! Training on squared loss in the kernel regime, in closed form.

use nalgebra::{DMatrix, DVector};

use super::ridge::Ridge;
use super::rule::{LearningRate, Rule, SquaredLoss, checked_momentum};
use crate::inference::checks::{check_finite, check_kernel, check_shape, check_targets};
use crate::inference::gaussian::covariance_within_bounds;
use crate::inference::linear_algebra::{product, symmetric_eigen, transposed_product};
use crate::{Error, Result, error};

/// The dynamics of training a linearised network (one of infinite width) on squared loss, at any time.
///
/// With the kernel $\Theta$ of the training points (the NTK where all layers are trained, the NNGP kernel
/// where only the last is), targets $y$, a start $f_0$ and a ridge $r$ (A. Jacot, F. Gabriel and C. Hongler
/// 2018, arXiv 1806.07572; J. Lee et al. 2019, arXiv 1902.06720, eq. 8–11)
///
/// $$f(x) = f_0(x) + \Theta(x, X) \alpha, \qquad \alpha = \sum_i v_i \frac{1 -
/// \rho(\lambda_i + r)}{\lambda_i + r} v_i^\top (y - f_0(X)),$$
///
/// $\lambda_i, v_i$ eigenvalues and eigenvectors of $\Theta(X, X)$, $\rho$ what the [`Rule`] leaves of a
/// residual: $e^{-\eta\lambda t}$ of a flow. One decomposition, $O(n^3)$, serves all rules, times, starts and
/// test points.
///
/// # Zero eigenvalues
/// Eigenvalues within $\pm n \epsilon$ times the largest ($\epsilon$ = 2.2e-16, or
/// [what is set](Self::with_rank_tolerance)) are 0: such a mode never moves on the training points, and
/// $\Theta(x, X) v = 0$, so it contributes nothing at any time, infinity included. One below that range is an
/// [`Error::Invalid`].
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::prelude::*;
/// let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
/// let kernel = NetworkKernel::ntk(&net.infinite_width(2)?)?;
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]])?;
/// let y = DMatrix::from_row_slice(3, 1, &[1.0, 0.0, -1.0]);
/// let dynamics = KernelDynamics::new(&kernel.gram(&x)?, &y, LearningRate::new(0.1)?)?;
/// let start = DMatrix::zeros(3, 1);
/// let trained = dynamics.train(&start, Rule::GradientFlow { time: f64::INFINITY })?;
/// assert!((trained - &y).amax() < 1e-12);
/// let halfway = dynamics.train(&start, Rule::GradientDescent { steps: 10 })?;
/// assert!(dynamics.loss(&halfway)? < dynamics.loss(&start)?);
/// assert!(dynamics.maximal_learning_rate(0.0)? > 0.1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KernelDynamics {
    /// Not below 0, zero modes being exactly 0.
    eigenvalues: DVector<f64>,
    eigenvectors: DMatrix<f64>,
    targets: DMatrix<f64>,
    learning_rate: LearningRate,
    loss: SquaredLoss,
    ridge: f64,
    mean_diagonal: f64,
}

/// Mean and covariance of the outputs of an ensemble of trained networks at the test points.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Ensemble {
    /// $m \times k$.
    pub mean: DMatrix<f64>,
    /// $m \times m$, of every output.
    pub covariance: DMatrix<f64>,
}

/// The covariances of the start of an ensemble: the NNGP kernel.
#[derive(Debug, Clone, Copy)]
pub struct StartCovariance<'a> {
    /// $K(X, X)$, $n \times n$.
    pub train: &'a DMatrix<f64>,
    /// $K(x, X)$, $m \times n$: rows are test points.
    pub cross: &'a DMatrix<f64>,
    /// $K(x, x)$, $m \times m$.
    pub test: &'a DMatrix<f64>,
}

impl KernelDynamics {
    /// Of the kernel of the training points and the $n \times k$ targets, with the loss
    /// [`HalfSum`](SquaredLoss::HalfSum) and no ridge.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for a kernel that is not a symmetric positive semi-definite
    /// matrix of finite numbers, or targets that do not fit it; [`Error::NotConverged`].
    pub fn new(
        kernel: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        learning_rate: LearningRate,
    ) -> Result<Self> {
        check_kernel("the kernel of the training points", kernel)?;
        check_targets(targets, kernel.nrows())?;
        let (eigenvalues, eigenvectors) = symmetric_eigen(kernel.clone())?;
        let dynamics = Self {
            eigenvalues,
            eigenvectors,
            targets: targets.clone(),
            learning_rate,
            loss: SquaredLoss::HalfSum,
            ridge: 0.0,
            mean_diagonal: kernel.diagonal().mean(),
        };
        dynamics.with_rank_tolerance(kernel.nrows() as f64 * f64::EPSILON)
    }

    /// Sets how the loss is normalised.
    pub fn with_loss(self, loss: SquaredLoss) -> Self {
        Self { loss, ..self }
    }

    /// Sets the penalty.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a ridge that is negative or not finite.
    pub fn with_ridge(self, ridge: Ridge) -> Result<Self> {
        Ok(Self {
            ridge: ridge.value(self.mean_diagonal)?,
            ..self
        })
    }

    /// Sets which eigenvalues are 0: those within this many times the largest. It can be raised for kernels
    /// that are known less well than to rounding, not lowered again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number outside of $[0, 1]$, and for an eigenvalue that is negative beyond it.
    pub fn with_rank_tolerance(mut self, tolerance: f64) -> Result<Self> {
        error::unit_interval("the rank tolerance", tolerance)?;
        let threshold = tolerance * self.eigenvalues.amax();
        for value in self.eigenvalues.iter_mut() {
            if *value < -threshold {
                return Err(Error::invalid(
                    "the smallest eigenvalue of the kernel",
                    *value,
                    format!("a number >= 0, or 0 within the rank tolerance {threshold:e}"),
                ));
            }
            if *value <= threshold {
                *value = 0.0;
            }
        }
        Ok(self)
    }

    /// The eigenvalues of the kernel of the training points, in no order; those that count as 0 are 0.
    pub fn eigenvalues(&self) -> &DVector<f64> {
        &self.eigenvalues
    }

    /// $r$.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// The outputs at the training points, $n \times k$, of one network that started from `start`.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for a start that does not fit the targets or is not finite;
    /// [`Error::Invalid`] for a time, momentum or learning rate out of range: of steps that diverge until
    /// they overflow, it says which rate would not.
    pub fn train(&self, start: &DMatrix<f64>, rule: Rule) -> Result<DMatrix<f64>> {
        let modes = self.modes(start)?;
        let weights = self.weights(rule)?;
        let moved = DMatrix::from_fn(modes.nrows(), modes.ncols(), |i, c| {
            self.eigenvalues[i] * weights[i] * modes[(i, c)]
        });
        self.finite(start + product(&self.eigenvectors, &moved)?, rule)
    }

    /// The outputs at $m$ test points, $m \times k$, of one network that started from `start` at the training
    /// points and from `test_start` at these; `cross` is $\Theta(x, X)$, $m \times n$.
    ///
    /// # Errors
    /// As [`train`](Self::train), also for `cross` and `test_start`.
    pub fn test(
        &self,
        cross: &DMatrix<f64>,
        start: &DMatrix<f64>,
        test_start: &DMatrix<f64>,
        rule: Rule,
    ) -> Result<DMatrix<f64>> {
        self.check_cross("the kernel of test and training points", cross)?;
        check_shape(
            "the start at the test points",
            test_start.shape(),
            (cross.nrows(), self.targets.ncols()),
        )?;
        check_finite("the start at the test points", test_start)?;
        let moved = test_start + product(cross, &self.representer(start, rule)?)?;
        self.finite(moved, rule)
    }

    /// Mean and covariance over networks that start from $\mathcal N(0, K)$:
    ///
    /// $$A y, \qquad K_{\ast\ast} + A K A^\top - A k^\top - k A^\top, \qquad A = \Theta(x, X) \sum_i v_i
    /// \frac{1 - \rho(\lambda_i + r)}{\lambda_i + r} v_i^\top,$$
    ///
    /// $k = K(x, X)$ (J. Lee et al. 2019, arXiv 1902.06720, eq. 16; there a flow without ridge). With
    /// $\Theta = K$, no ridge and infinite time it is the posterior without noise. With a ridge it is that
    /// of networks that are trained with the penalty, on targets without noise: neither the posterior with
    /// noise $r$ nor what neural-tangents gives for its NNGP kernel, for which see
    /// [`noisy_posterior`](Self::noisy_posterior).
    ///
    /// # Errors
    /// As [`test`](Self::test), also for the covariances of the start.
    pub fn ensemble(
        &self,
        cross: &DMatrix<f64>,
        start: StartCovariance<'_>,
        rule: Rule,
    ) -> Result<Ensemble> {
        let (m, n) = (cross.nrows(), self.targets.nrows());
        self.check_cross("the kernel of test and training points", cross)?;
        self.check_start(start, m)?;
        check_shape("the start's train", start.train.shape(), (n, n))?;
        check_kernel("the start's train", start.train)?;
        let weights = self.weights(rule)?;
        let along = product(cross, &self.eigenvectors)?;
        let scaled = DMatrix::from_fn(m, n, |i, j| along[(i, j)] * weights[j]);
        let a = product(&scaled, &self.eigenvectors.transpose())?;
        let spread = product(&a, &product(start.train, &a.transpose())?)?;
        let shared = product(&a, &start.cross.transpose())?;
        let covariance = DMatrix::from_fn(m, m, |i, j| {
            // the two triangles are rounded alike
            let (i, j) = (i.max(j), i.min(j));
            start.test[(i, j)] + spread[(i, j)] - (shared[(i, j)] + shared[(j, i)])
        });
        Ok(Ensemble {
            mean: self.finite(product(&a, &self.targets)?, rule)?,
            covariance: covariance_within_bounds(self.finite(covariance, rule)?),
        })
    }

    /// Mean and covariance of networks of which the last layer alone is trained, $\Theta = K$, where the
    /// ridge is a noise that the targets and the start carry:
    ///
    /// $$k (K + r)^{-1} (1 - \rho) y, \qquad K_{\ast\ast} - k (K + r)^{-1} (1 - \rho^2) k^\top$$
    ///
    /// with $\rho = \rho(K + r)$: at infinite time the posterior with noise variance $r$. It is what
    /// neural-tangents gives for `gradient_descent_mse_ensemble` of its NNGP kernel. The `train` of the start
    /// is not read: it is the kernel of the dynamics.
    ///
    /// # Errors
    /// As [`ensemble`](Self::ensemble).
    pub fn noisy_posterior(&self, start: StartCovariance<'_>, rule: Rule) -> Result<Ensemble> {
        let m = start.cross.nrows();
        self.check_start(start, m)?;
        let weights = self.weights(rule)?;
        let along = product(start.cross, &self.eigenvectors)?;
        let mut mean_modes = along.clone();
        let mut explained = along.clone();
        for (j, (value, weight)) in self.eigenvalues.iter().zip(&weights).enumerate() {
            let left = 1.0 - (value + self.ridge) * weight;
            mean_modes.column_mut(j).scale_mut(*weight);
            explained.column_mut(j).scale_mut(weight * (1.0 + left));
        }
        let explained = product(&explained, &along.transpose())?;
        let covariance = DMatrix::from_fn(m, m, |i, j| {
            let (i, j) = (i.max(j), i.min(j));
            start.test[(i, j)] - explained[(i, j)]
        });
        let targets = transposed_product(&self.eigenvectors, &self.targets)?;
        let mean = product(&mean_modes, &targets)?;
        Ok(Ensemble {
            mean: self.finite(mean, rule)?,
            covariance: covariance_within_bounds(self.finite(covariance, rule)?),
        })
    }

    /// The loss of outputs at the training points, without the penalty.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for outputs that do not fit the targets or are not finite.
    pub fn loss(&self, outputs: &DMatrix<f64>) -> Result<f64> {
        self.check_outputs("the outputs", outputs)?;
        Ok(0.5 * (outputs - &self.targets).norm_squared() / self.divisor())
    }

    /// The largest stable learning rate, $2(1 + \mu) s/(\lambda_{\max} + r)$ with $s$ the loss's
    /// [divisor](SquaredLoss::divisor) and $\mu$ the momentum (0 for gradient descent): below it every mode
    /// decays.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 \le \mu < 1$; [`Error::Undefined`] for a kernel that is 0, without ridge.
    pub fn maximal_learning_rate(&self, momentum: f64) -> Result<f64> {
        checked_momentum(momentum)?;
        let largest = self.eigenvalues.amax() + self.ridge;
        if largest > 0.0 {
            Ok(2.0 * (1.0 + momentum) * self.divisor() / largest)
        } else {
            Err(Error::undefined(
                "the maximal learning rate",
                "the kernel is 0: any rate is stable",
            ))
        }
    }

    /// The time after which gradient flow from `start` has the given loss (without the penalty), to rounding.
    ///
    /// # Errors
    /// As [`train`](Self::train); [`Error::Invalid`] for a loss that is not below that at the start, or not
    /// above its limit at infinite time.
    pub fn time_to_loss(&self, start: &DMatrix<f64>, loss: f64) -> Result<f64> {
        let modes = self.modes(start)?;
        let loss_at = |time: f64| {
            let weights = self.raw_weights(Rule::GradientFlow { time });
            self.loss_of(&modes, |i| weights[i])
        };
        let (first, last) = (loss_at(0.0), loss_at(f64::INFINITY));
        if !(loss <= first && loss > last) {
            return Err(Error::invalid(
                "the loss",
                loss,
                format!("a number in ({last:e}, {first:e}], above the limit of the flow"),
            ));
        }
        // the loss falls, so that its time can be bracketed in every unit
        let positive = self.eigenvalues.iter().filter(|&&value| value > 0.0);
        let slowest = positive.fold(f64::INFINITY, |least, &value| least.min(value));
        let rate = self.rate();
        let (mut low, mut high) = (0.0, 1.0 / (rate * (self.eigenvalues.amax() + self.ridge)));
        while loss_at(high) > loss && high < 1e4 / (rate * slowest) {
            (low, high) = (high, 2.0 * high);
        }
        while high - low > 2.0 * f64::EPSILON * high {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if loss_at(middle) > loss {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }

    /// The first step after which the loss (without the penalty) is at most the given one: gradient descent
    /// for momentum 0, otherwise the heavy ball. The steps are made one by one, $O(nk)$ each.
    ///
    /// # Errors
    /// As [`train`](Self::train); [`Error::Invalid`] for a learning rate at which steps diverge;
    /// [`Error::NotConverged`] where `limit` steps do not reach the loss.
    pub fn steps_to_loss(
        &self,
        start: &DMatrix<f64>,
        momentum: f64,
        loss: f64,
        limit: u64,
    ) -> Result<u64> {
        error::non_negative("the loss", loss)?;
        let (modes, rate) = (self.modes(start)?, self.rate());
        if self.learning_rate.value() >= self.maximal_learning_rate(momentum)? {
            return Err(self.diverges(2.0 * (1.0 + momentum)));
        }
        let (mut now, mut before) = (vec![0.0; modes.nrows()], vec![0.0; modes.nrows()]);
        let mut reached = self.loss_of(&modes, |_| 0.0);
        for step in 0..=limit {
            if reached <= loss {
                return Ok(step);
            }
            for (i, (now, before)) in now.iter_mut().zip(&mut before).enumerate() {
                let x = rate * (self.eigenvalues[i] + self.ridge);
                let next = rate + (1.0 + momentum - x) * *now - momentum * *before;
                (*before, *now) = (*now, next);
            }
            reached = self.loss_of(&modes, |i| now[i]);
        }
        Err(Error::NotConverged {
            what: format!("training within {limit} steps"),
            reached,
            tolerance: loss,
        })
    }

    /// $\alpha$, $n \times k$: what training adds to the weights, in the features of the training points.
    fn representer(&self, start: &DMatrix<f64>, rule: Rule) -> Result<DMatrix<f64>> {
        let weights = self.weights(rule)?;
        let mut modes = self.modes(start)?;
        for (mut row, &weight) in modes.row_iter_mut().zip(&weights) {
            row.scale_mut(weight);
        }
        product(&self.eigenvectors, &modes)
    }

    /// $V^\top (y - f_0)$.
    fn modes(&self, start: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.check_outputs("the start", start)?;
        transposed_product(&self.eigenvectors, &(&self.targets - start))
    }

    /// The loss with these weights of the modes.
    fn loss_of(&self, modes: &DMatrix<f64>, weight: impl Fn(usize) -> f64) -> f64 {
        let squares = modes.row_iter().enumerate().map(|(i, row)| {
            let left = 1.0 - self.eigenvalues[i] * weight(i);
            left * left * row.norm_squared()
        });
        0.5 * squares.sum::<f64>() / self.divisor()
    }

    /// $(1 - \rho)/(\lambda + r)$ of all modes, 0 of zero modes.
    fn weights(&self, rule: Rule) -> Result<Vec<f64>> {
        rule.check()?;
        let weights = self.raw_weights(rule);
        if weights.iter().all(|weight| weight.is_finite()) {
            Ok(weights)
        } else {
            Err(self.diverges(rule.stability_limit()))
        }
    }

    fn raw_weights(&self, rule: Rule) -> Vec<f64> {
        let rate = self.rate();
        let weight = |&value: &f64| match value {
            0.0 => 0.0,
            _ => rule.weight(rate, value + self.ridge),
        };
        self.eigenvalues.iter().map(weight).collect()
    }

    /// $\eta$ over the loss's divisor.
    fn rate(&self) -> f64 {
        self.learning_rate.value() / self.divisor()
    }

    fn divisor(&self) -> f64 {
        self.loss
            .divisor(self.targets.nrows(), self.targets.ncols())
    }

    fn diverges(&self, limit: f64) -> Error {
        let largest = self.eigenvalues.amax() + self.ridge;
        Error::invalid(
            "the learning rate",
            self.learning_rate.value(),
            format!(
                "a number below {}, from which on steps diverge",
                limit * self.divisor() / largest
            ),
        )
    }

    /// `matrix`, unless it overflowed.
    fn finite(&self, matrix: DMatrix<f64>, rule: Rule) -> Result<DMatrix<f64>> {
        if matrix.iter().all(|x| x.is_finite()) {
            Ok(matrix)
        } else if self.rate() * (self.eigenvalues.amax() + self.ridge) >= rule.stability_limit() {
            Err(self.diverges(rule.stability_limit()))
        } else {
            Err(Error::overflow("the outputs of training"))
        }
    }

    fn check_outputs(&self, what: &str, outputs: &DMatrix<f64>) -> Result<()> {
        check_shape(what, outputs.shape(), self.targets.shape())?;
        check_finite(what, outputs)
    }

    fn check_cross(&self, what: &str, cross: &DMatrix<f64>) -> Result<()> {
        check_shape(what, cross.shape(), (cross.nrows(), self.targets.nrows()))?;
        check_finite(what, cross)
    }

    fn check_start(&self, start: StartCovariance<'_>, points: usize) -> Result<()> {
        let n = self.targets.nrows();
        check_shape("the start's cross", start.cross.shape(), (points, n))?;
        check_finite("the start's cross", start.cross)?;
        check_shape("the start's test", start.test.shape(), (points, points))?;
        check_kernel("the start's test", start.test)
    }
}
