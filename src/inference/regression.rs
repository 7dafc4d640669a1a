//! Gaussian-process regression on given matrices.

use std::f64::consts::TAU;

use nalgebra::{DMatrix, DVector};

use super::checks::{check_finite, check_kernel, check_shape, check_targets, finite};
use super::conditioning::{
    factored, first_ridge, ill_conditioned, overflow_of_the_factor, ridge_that_would_do,
};
use super::gaussian::{covariance_within_bounds, draws};
use super::linear_algebra::{Cholesky, product, products};
use super::noise::Noise;
use crate::random::Seed;
use crate::{Error, Result, error};

/// Targets at $n$ points given the kernel matrix: the posterior at other points from their covariances alone.
///
/// With $A = K(X,X) + \sigma^2 I = L L^\top$ and targets $Y$ of $k$ outputs, independent with the same kernel
/// (C. E. Rasmussen and C. Williams 2006, algorithm 2.1),
///
/// $$\bar f_\ast = K_\ast A^{-1} Y, \qquad C_\ast = K_{\ast\ast} - K_\ast A^{-1} K_\ast^\top, \qquad
/// \log p(Y) = -\tfrac12 \operatorname{tr} Y^\top A^{-1} Y - \tfrac k2 \log\det A - \tfrac{nk}2 \log 2\pi .$$
///
/// $K_\ast$ has a row for each of the $m$ points asked for and a column for each of the $n$ points given.
/// [`GaussianProcess`](super::GaussianProcess) is the same with the inputs and their covariance function.
///
/// # Singular matrices
/// $A$ is refused as [`Error::Singular`] where a pivot is not positive, or the smallest eigenvalue is below
/// $n \epsilon$ times the largest ($\epsilon$ = 2.2e-16), where nothing that depends on its inverse means
/// anything. The error names a ridge that does; none is added unless
/// [`with_jitter`](Self::with_jitter) is asked for it.
///
/// # Errors of the values
/// Those of correctly rounded kernel matrices: relative errors of $\epsilon$ times the
/// [condition](Self::condition) in what is multiplied by $A^{-1}$. Variances are between 0 and the prior's,
/// to the bit.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::inference::{Noise, Regression};
/// let k = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 2.0]);
/// let y = DMatrix::from_row_slice(2, 1, &[1.0, 0.0]);
/// let regression = Regression::new(&k, &y, Noise::None)?;
/// let at_the_first = DMatrix::from_row_slice(1, 2, &[2.0, 1.0]);
/// assert!((regression.mean(&at_the_first)?[0] - 1.0).abs() < 1e-15);
/// let ones = DMatrix::from_element(2, 2, 1.0);
/// let error = Regression::new(&ones, &y, Noise::None).unwrap_err();
/// assert!(error.to_string().starts_with("the kernel matrix is singular at pivot 1"));
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regression {
    factor: Cholesky,
    targets: DMatrix<f64>,
    /// $A^{-1} Y$.
    weights: DMatrix<f64>,
    log_marginal_likelihoods: DVector<f64>,
    noise: Noise,
    noise_variance: f64,
    jitter: f64,
    condition: f64,
}

impl Regression {
    /// Of the $n \times n$ kernel matrix and the $n \times k$ targets.
    ///
    /// # Errors
    /// [`Error::Shape`] for no points, no outputs or shapes that do not fit; [`Error::Invalid`] for entries
    /// that are not finite, a matrix that is not symmetric, or noise that is negative; [`Error::Singular`];
    /// [`Error::Overflow`].
    pub fn new(kernel: &DMatrix<f64>, targets: &DMatrix<f64>, noise: Noise) -> Result<Self> {
        Self::with_jitter(kernel, targets, noise, 0.0)
    }

    /// [`new`](Self::new), adding to the diagonal of a singular matrix what makes it invertible, up to
    /// `largest` times the mean of the diagonal: [`jitter`](Self::jitter) says how much it was.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Singular`] where more is needed.
    pub fn with_jitter(
        kernel: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        noise: Noise,
        largest: f64,
    ) -> Result<Self> {
        check_kernel("the kernel matrix", kernel)?;
        check_targets(targets, kernel.nrows())?;
        error::non_negative("the largest jitter", largest)?;
        let mean_diagonal = kernel.diagonal().mean();
        let noise_variance = noise.variance(mean_diagonal)?;
        let (factor, jitter, condition) = match factored(kernel, noise_variance)? {
            Ok((factor, condition)) => (factor, 0.0, condition),
            Err(pivot) => {
                let (ridge, factor, condition) = ridge_that_would_do(kernel, noise_variance)?;
                let granted = largest * mean_diagonal;
                if ridge > granted || granted.is_nan() {
                    return Err(Error::Singular {
                        matrix: "the kernel matrix".to_owned(),
                        pivot: pivot.index,
                        size: pivot.size,
                        ridge,
                    });
                }
                (factor, ridge, condition)
            }
        };
        let (weights, log_marginal_likelihoods) = solved(&factor, targets)?;
        Ok(Self {
            factor,
            targets: targets.clone(),
            weights,
            log_marginal_likelihoods,
            noise,
            noise_variance,
            jitter,
            condition,
        })
    }

    /// The number of points $n$.
    pub fn points(&self) -> usize {
        self.targets.nrows()
    }

    /// The number of outputs $k$.
    pub fn outputs(&self) -> usize {
        self.targets.ncols()
    }

    /// $\sigma^2$.
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }

    /// What was added to the diagonal beside the noise; 0 unless [asked for](Self::with_jitter) and needed.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The condition number of $A$, estimated from below by a few steps of power and inverse iteration.
    pub fn condition(&self) -> f64 {
        self.condition
    }

    /// The weights $A^{-1} Y$ of the representer theorem, $n \times k$.
    pub fn weights(&self) -> &DMatrix<f64> {
        &self.weights
    }

    /// $\bar f_\ast = K_\ast A^{-1} Y$, $m \times k$, of the $m \times n$ covariances $K_\ast$.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a column for each point; [`Error::Invalid`] for entries that are not
    /// finite.
    pub fn mean(&self, cross: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.check_cross(cross)?;
        finite("the posterior mean", product(cross, &self.weights)?)
    }

    /// The variances of the latent function, the diagonal of [`covariance`](Self::covariance), of $K_\ast$
    /// and the diagonal of $K_{\ast\ast}$.
    ///
    /// # Errors
    /// As [`mean`](Self::mean); [`Error::Shape`] unless there is a prior variance for each point asked for;
    /// [`Error::Invalid`] for one that is negative, or so small that the covariances beside it are of no
    /// kernel.
    pub fn variance(&self, cross: &DMatrix<f64>, diagonal: &DVector<f64>) -> Result<DVector<f64>> {
        self.check_cross(cross)?;
        check_shape("the prior variances", diagonal.shape(), (cross.nrows(), 1))?;
        let rows = self.whitened(cross)?;
        let rows = rows.chunks_exact(self.points());
        let variances = rows.zip(diagonal).enumerate().map(|(i, (row, &prior))| {
            error::non_negative(&format!("the prior variances[{i}]"), prior)?;
            self.left_of(i, prior, crate::numerics::dot(row, row))
        });
        Ok(DVector::from_vec(variances.collect::<Result<_>>()?))
    }

    /// $C_\ast = K_{\ast\ast} - K_\ast A^{-1} K_\ast^\top$ of the latent function, $m \times m$: symmetric to
    /// the bit, its diagonal in $[0, k_{\ast\ast}]$ and $|c_{ij}| \le \sqrt{c_{ii} c_{jj}}$.
    ///
    /// # Errors
    /// As [`mean`](Self::mean); [`Error::Shape`] unless $K_{\ast\ast}$ is $m \times m$.
    pub fn covariance(&self, cross: &DMatrix<f64>, test: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.check_cross(cross)?;
        let m = cross.nrows();
        check_shape("the prior covariance", test.shape(), (m, m))?;
        check_kernel("the prior covariance", test)?;
        let rows = self.whitened(cross)?;
        let explained = products(&rows, m, self.points())?;
        for i in 0..m {
            self.left_of(i, test[(i, i)], explained[i * m + i])?;
        }
        let difference = DMatrix::from_fn(m, m, |i, j| {
            // one triangle decides
            test[(i.max(j), i.min(j))] - explained[i * m + j]
        });
        Ok(covariance_within_bounds(difference))
    }

    /// `count` draws of the latent function at the points asked for, each $m \times k$; draw $i$ from
    /// stream $i$ of the seed.
    ///
    /// # Errors
    /// As [`covariance`](Self::covariance).
    pub fn sample(
        &self,
        cross: &DMatrix<f64>,
        test: &DMatrix<f64>,
        count: usize,
        seed: impl Into<Seed>,
    ) -> Result<Vec<DMatrix<f64>>> {
        let mean = self.mean(cross)?;
        draws(&mean, self.covariance(cross, test)?, count, seed.into())
    }

    /// $\log p(Y)$, natural logarithm, summed over the outputs.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.log_marginal_likelihoods.sum()
    }

    /// $\log p(y)$ of each output.
    pub fn log_marginal_likelihoods(&self) -> &DVector<f64> {
        &self.log_marginal_likelihoods
    }

    /// [`log_marginal_likelihood`](Self::log_marginal_likelihood) divided by the number of points.
    pub fn log_marginal_likelihood_per_point(&self) -> f64 {
        self.log_marginal_likelihood() / self.points() as f64
    }

    /// What the other points say of each: means $\mu_i = y_i - (A^{-1} y)_i / (A^{-1})_{ii}$, $n \times k$,
    /// and variances of the observation, noise included, $\sigma_i^2 = 1/(A^{-1})_{ii}$ (C. E. Rasmussen and
    /// C. Williams 2006, eq. 5.12).
    ///
    /// # Errors
    /// [`Error::Overflow`].
    ///
    /// ```
    /// use nalgebra::DMatrix;
    /// use neural_limits::inference::{Noise, Regression};
    /// let k = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 2.0]);
    /// let y = DMatrix::from_row_slice(2, 1, &[1.0, 0.0]);
    /// let (mean, variance) = Regression::new(&k, &y, Noise::None)?.leave_one_out()?;
    /// assert!((mean[1] - 0.5).abs() < 1e-15); // k_21/k_11 y_1
    /// assert!((variance[1] - 1.5).abs() < 1e-15);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn leave_one_out(&self) -> Result<(DMatrix<f64>, DVector<f64>)> {
        let variances = self.factor.inverse()?.diagonal().map(f64::recip);
        let mean = DMatrix::from_fn(self.points(), self.outputs(), |i, c| {
            self.targets[(i, c)] - self.weights[(i, c)] * variances[i]
        });
        Ok((finite("the mean without a point", mean)?, variances))
    }

    /// The derivatives of [`log_marginal_likelihood`](Self::log_marginal_likelihood) along changes of the
    /// kernel matrix, and along $\sigma^2$ as the last:
    /// $\tfrac12 \operatorname{tr}\bigl((A^{-1}Y Y^\top A^{-1} - k A^{-1}) \partial A\bigr)$.
    ///
    /// # Errors
    /// [`Error::Shape`] for a change of another shape than the kernel matrix; [`Error::Overflow`].
    pub fn likelihood_gradient(&self, changes: &[DMatrix<f64>]) -> Result<Vec<f64>> {
        let (n, k) = self.targets.shape();
        for change in changes {
            check_shape(
                "the derivative of the kernel matrix",
                change.shape(),
                (n, n),
            )?;
        }
        let (inverse, weights) = (self.factor.inverse()?, &self.weights);
        // not by the matrix of products of weights, which are huge and opposite at nearly equal points
        let along = changes.iter().map(|change| {
            let explained = product(change, weights)?.dot(weights);
            Ok(0.5 * (explained - k as f64 * inverse.dot(change)))
        });
        let noise = 0.5 * (weights.norm_squared() - k as f64 * inverse.trace());
        let gradient: Vec<f64> = along.chain([Ok(noise)]).collect::<Result<_>>()?;
        if gradient.iter().all(|slope| slope.is_finite()) {
            Ok(gradient)
        } else {
            Err(Error::overflow(
                "the gradient of the log marginal likelihood",
            ))
        }
    }

    /// With more points: the same as [`new`](Self::new) of them all, at the price of the new rows of the
    /// factor, $O(n^2)$ a point. `cross` is $p \times n$ (rows are new points), `block` their $p \times p$
    /// covariances. The factor is the same to the bit.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Unsupported`] for noise relative to the mean diagonal, which every
    /// point changes, and for a regression that was given jitter.
    pub fn extended(
        mut self,
        cross: &DMatrix<f64>,
        block: &DMatrix<f64>,
        targets: &DMatrix<f64>,
    ) -> Result<Self> {
        let (n, p) = (self.points(), cross.nrows());
        self.check_cross(cross)?;
        check_kernel("the new points' covariance", block)?;
        check_shape("the new points' covariance", block.shape(), (p, p))?;
        check_targets(targets, p)?;
        check_shape("the new targets", targets.shape(), (p, self.outputs()))?;
        if matches!(self.noise, Noise::RelativeToMeanDiagonal(_)) || self.jitter > 0.0 {
            return Err(Error::unsupported(
                "adding points",
                "what was added to the diagonal depends on all points: give it as Noise::Variance",
            ));
        }
        let noise = self.noise_variance;
        let entry = |i: usize, j: usize| match j.checked_sub(n) {
            None => cross[(i - n, j)],
            Some(j) => block[(i - n, j)] + if i - n == j { noise } else { 0.0 },
        };
        let pivot = self.factor.append(p, &entry)?.err();
        let pivot = pivot.or_else(|| ill_conditioned(&self.factor).err());
        if let Some(pivot) = pivot {
            if !pivot.size.is_finite() {
                return Err(overflow_of_the_factor());
            }
            let scale = block
                .diagonal()
                .amax()
                .max(self.factor.extreme_eigenvalues().1);
            return Err(Error::Singular {
                matrix: "the kernel matrix with the new points".to_owned(),
                pivot: pivot.index,
                size: pivot.size,
                ridge: first_ridge(n + p, scale + noise),
            });
        }
        self.condition = ill_conditioned(&self.factor).unwrap_or(f64::INFINITY);
        self.targets = DMatrix::from_fn(n + p, self.outputs(), |i, j| match i.checked_sub(n) {
            None => self.targets[(i, j)],
            Some(i) => targets[(i, j)],
        });
        (self.weights, self.log_marginal_likelihoods) = solved(&self.factor, &self.targets)?;
        Ok(self)
    }

    /// $L^{-1} k_i$ of the rows $k_i$ of the covariances, row by row.
    fn whitened(&self, cross: &DMatrix<f64>) -> Result<Vec<f64>> {
        let rows = self
            .factor
            .solve_rows(cross.nrows(), &|i, j| cross[(i, j)])?;
        match error::first_outside(&rows, -f64::MAX, f64::MAX) {
            None => Ok(rows),
            Some(_) => Err(Error::overflow("the covariances divided by the factor")),
        }
    }

    /// The posterior variance at point `i` from the prior's and from what is explained of it.
    fn left_of(&self, i: usize, prior: f64, explained: f64) -> Result<f64> {
        // entries are known to 1e-13 where kernels are tabulated
        if explained <= prior * (1.0 + 1e-12 * self.condition) {
            return Ok((prior - explained).max(0.0));
        }
        Err(Error::invalid(
            format!("the prior variance of point {i}"),
            prior,
            format!("at least {explained}, which its covariances with the points explain"),
        ))
    }

    fn check_cross(&self, cross: &DMatrix<f64>) -> Result<()> {
        if cross.nrows() == 0 || cross.ncols() != self.points() {
            return Err(Error::shape(
                "the covariances with the points",
                format!("shape {:?}", cross.shape()),
                format!(
                    "at least one row, and {} columns, one for each point",
                    self.points()
                ),
            ));
        }
        check_finite("the covariances with the points", cross)
    }
}
/// $A^{-1} Y$, and the log marginal likelihood of each output.
fn solved(factor: &Cholesky, targets: &DMatrix<f64>) -> Result<(DMatrix<f64>, DVector<f64>)> {
    let mut weights = targets.clone();
    for mut column in weights.column_iter_mut() {
        factor.solve(column.as_mut_slice());
    }
    let constant = factor.log_determinant() + targets.nrows() as f64 * TAU.ln();
    let columns = targets.column_iter().zip(weights.column_iter());
    let likelihoods = columns.map(|(y, weights)| -0.5 * (y.dot(&weights) + constant));
    let likelihoods = DVector::from_iterator(targets.ncols(), likelihoods);
    if likelihoods.iter().all(|likelihood| likelihood.is_finite()) {
        Ok((finite("the weights", weights)?, likelihoods))
    } else {
        Err(Error::overflow("the log marginal likelihood"))
    }
}
