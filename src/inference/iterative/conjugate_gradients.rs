//! Preconditioned conjugate gradients for several right-hand sides.

use std::ops::ControlFlow;

use nalgebra::DMatrix;

use super::{KernelOperator, PivotedCholesky, add_multiple};
use crate::inference::Noise;
use crate::inference::checks::{check_shape, check_targets};
use crate::numerics::dot;
use crate::{Error, Result, error};

/// The solution $A$ of $(K + \sigma^2) A = Y$ by conjugate gradients (M. Hestenes and E. Stiefel 1952), all
/// columns of $Y$ at once: each has iterations of its own, and they share the products with $K$, of which one
/// costs $O(n^2)$ and is nearly all of the work.
///
/// A column is solved when $\lVert y - (K + \sigma^2) a \rVert \le \epsilon \lVert y \rVert$: of the residual
/// that the iteration carries along, and then of the true one, which costs one more product. Where rounding
/// has parted them the iteration starts anew from the true one.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::inference::{ConjugateGradients, PivotedCholesky, Regression, TiledKernel};
/// use neural_limits::prelude::*;
/// let x = Inputs::from_matrix(&DMatrix::from_fn(300, 3, |i, j| ((i * 7 + j * 3) as f64).sin()))?;
/// let y = DMatrix::from_fn(300, 2, |i, c| ((i + 5 * c) as f64).cos());
/// let kernel = NetworkKernel::nngp(&Mlp::new(Gelu).infinite_width(2)?)?;
/// let noise = Noise::Variance(0.01);
/// let tiles = TiledKernel::<f64>::new(&kernel, &x, 1 << 30)?;
/// let solver = ConjugateGradients::new(&tiles, noise)?
///     .with_preconditioner(PivotedCholesky::new(&tiles, 30, noise)?)?
///     .with_tolerance(1e-10)?;
/// let weights = solver.solve(&y)?;
/// let regression = Regression::new(&kernel.gram(&x)?, &y, noise)?;
/// assert!((weights - regression.weights()).amax() < 1e-5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct ConjugateGradients<'a> {
    kernel: &'a dyn KernelOperator,
    noise: f64,
    preconditioner: Option<PivotedCholesky>,
    tolerance: f64,
    iterations: usize,
}

/// How far a solution is: what an observer sees after each iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Iterations so far.
    pub iterations: usize,
    /// Columns that are not solved yet.
    pub columns: usize,
    /// The largest $\lVert y - (K + \sigma^2) a \rVert/\lVert y \rVert$ over the columns.
    pub residual: f64,
}

/// A solution on its way: whoever keeps it (with the feature `serde` in a file) can
/// [go on](ConjugateGradients::run) with it, to the same bits (of JSON with `serde_json`'s feature
/// `float_roundtrip`).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Iterate {
    targets: DMatrix<f64>,
    weights: DMatrix<f64>,
    residual: DMatrix<f64>,
    direction: DMatrix<f64>,
    /// $r \cdot M^{-1} r$ of each column.
    squares: Vec<f64>,
    /// Columns that are not solved yet.
    open: Vec<usize>,
    iterations: usize,
    solved: bool,
}

impl Iterate {
    /// $A$ as it stands, $n \times k$.
    pub fn weights(&self) -> &DMatrix<f64> {
        &self.weights
    }

    /// Iterations so far.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether all columns are solved, by their true residuals.
    pub fn is_solved(&self) -> bool {
        self.solved
    }

    /// $\lVert y - (K + \sigma^2) a \rVert/\lVert y \rVert$ of each column, 0 for $y = 0$: the true one if
    /// [solved](Self::is_solved), before that the one that the iteration carries along.
    pub fn residuals(&self) -> Vec<f64> {
        let columns = 0..self.targets.ncols();
        columns.map(|c| self.relative_residual(c)).collect()
    }

    /// Whether it is of so many points, and whole: it may come from a file.
    fn check(&self, points: usize) -> Result<()> {
        let k = self.targets.ncols();
        let parts = [
            &self.targets,
            &self.weights,
            &self.residual,
            &self.direction,
        ];
        for part in parts {
            check_shape("the iterate", part.shape(), (points, k))?;
        }
        check_shape("its squares", (self.squares.len(), 1), (k, 1))?;
        match self.open.iter().find(|&&column| column >= k) {
            None => Ok(()),
            Some(column) => Err(Error::shape(
                "the iterate",
                format!("an open column {column}"),
                format!("{k} columns"),
            )),
        }
    }

    fn relative_residual(&self, column: usize) -> f64 {
        let size = self.targets.column(column).norm();
        if size == 0.0 {
            0.0
        } else {
            self.residual.column(column).norm() / size
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            iterations: self.iterations,
            columns: self.open.len(),
            residual: self.residuals().into_iter().fold(0.0, f64::max),
        }
    }
}

impl<'a> ConjugateGradients<'a> {
    /// Of the kernel and the noise, without preconditioner, with the tolerance $10^{-6}$ and at most 1000
    /// iterations.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a noise that is negative or not finite.
    pub fn new(kernel: &'a dyn KernelOperator, noise: Noise) -> Result<Self> {
        Ok(Self {
            kernel,
            noise: noise.variance(kernel.diagonal().mean())?,
            preconditioner: None,
            tolerance: 1e-6,
            iterations: 1000,
        })
    }

    /// With a preconditioner.
    ///
    /// # Errors
    /// [`Error::Shape`] for one of another number of points.
    pub fn with_preconditioner(self, preconditioner: PivotedCholesky) -> Result<Self> {
        let points = preconditioner.points();
        if points != self.kernel.points() {
            return Err(Error::shape(
                "the preconditioner",
                format!("{points} points"),
                format!("{}, those of the kernel", self.kernel.points()),
            ));
        }
        Ok(Self {
            preconditioner: Some(preconditioner),
            ..self
        })
    }

    /// Sets $\epsilon$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < \epsilon < 1$.
    pub fn with_tolerance(self, tolerance: f64) -> Result<Self> {
        if tolerance > 0.0 && tolerance < 1.0 {
            Ok(Self { tolerance, ..self })
        } else {
            let expected = "a number in (0, 1)";
            Err(Error::invalid("tolerance", tolerance, expected))
        }
    }

    /// Sets how many iterations may be made in all.
    pub fn within(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// $A$, $n \times k$, of the $n \times k$ targets.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`run`](Self::run).
    pub fn solve(&self, targets: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let mut iterate = self.start(targets)?;
        self.run(&mut iterate, |_| ControlFlow::Continue(()))?;
        Ok(iterate.weights)
    }

    /// The start $A = 0$.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for targets that do not fit, are not finite, or have a squared
    /// norm outside of the range of `f64`.
    pub fn start(&self, targets: &DMatrix<f64>) -> Result<Iterate> {
        check_targets(targets, self.kernel.points())?;
        let (n, k) = targets.shape();
        for (c, column) in targets.column_iter().enumerate() {
            let square = column.norm_squared();
            if !(square.is_normal() || column.amax() == 0.0) {
                let argument = format!("the squared norm of column {c} of the targets");
                let expected = "a number in the range of f64: targets in another unit";
                return Err(Error::invalid(argument, square, expected));
            }
        }
        let mut iterate = Iterate {
            targets: targets.clone(),
            weights: DMatrix::zeros(n, k),
            residual: targets.clone(),
            direction: DMatrix::zeros(n, k),
            squares: vec![0.0; k],
            open: Vec::new(),
            iterations: 0,
            solved: false,
        };
        self.open(&mut iterate)?;
        Ok(iterate)
    }

    /// Iterates until all columns are solved, or the observer, which is called after each iteration, breaks
    /// it off: that is no error, and the iterate can be gone on with.
    ///
    /// # Errors
    /// [`Error::NotConverged`] with the largest relative residual, the true one, where the iterations do not
    /// suffice;
    /// [`Error::Invalid`] for a matrix that is not positive definite; [`Error::Shape`] for the iterate of
    /// another kernel or parts that do not fit; what the kernel itself refuses. The iterate is then as the
    /// last whole iteration left
    /// it, and can be gone on with.
    pub fn run(
        &self,
        iterate: &mut Iterate,
        mut observe: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        iterate.check(self.kernel.points())?;
        while !iterate.solved {
            if iterate.open.is_empty() {
                let product = self.times(&iterate.weights)?;
                iterate.residual = &iterate.targets - product;
                self.open(iterate)?;
                iterate.solved = iterate.open.is_empty();
                continue;
            }
            if iterate.iterations >= self.iterations {
                return Err(self.not_converged(iterate)?);
            }
            self.step(iterate)?;
            if observe(iterate.progress()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// With the true residual.
    fn not_converged(&self, iterate: &Iterate) -> Result<Error> {
        let residual = &iterate.targets - self.times(&iterate.weights)?;
        let columns = iterate.targets.column_iter().zip(residual.column_iter());
        let sizes = columns.map(|(y, left)| (y.norm(), left.norm()));
        let relative = sizes.map(|(y, left)| if y == 0.0 { 0.0 } else { left / y });
        Ok(Error::NotConverged {
            what: format!(
                "conjugate gradients for {} of {} outputs within {} iterations",
                iterate.open.len(),
                iterate.targets.ncols(),
                self.iterations
            ),
            reached: relative.fold(0.0, f64::max),
            tolerance: self.tolerance,
        })
    }

    /// Opens the columns whose residuals are too large, with the steepest descent as their direction.
    fn open(&self, iterate: &mut Iterate) -> Result<()> {
        let columns = 0..iterate.targets.ncols();
        iterate.open = columns
            .filter(|&c| iterate.relative_residual(c) > self.tolerance)
            .collect();
        let conditioned = self.conditioned(iterate)?;
        for (i, &c) in iterate.open.iter().enumerate() {
            let column = conditioned.column(i);
            iterate.squares[c] = dot(iterate.residual.column(c).as_slice(), column.as_slice());
            iterate.direction.set_column(c, &column);
        }
        Ok(())
    }

    fn step(&self, iterate: &mut Iterate) -> Result<()> {
        let directions = iterate.direction.select_columns(&iterate.open);
        let products = self.times(&directions)?;
        let curvatures: Vec<f64> = (0..iterate.open.len())
            .map(|i| {
                dot(
                    directions.column(i).as_slice(),
                    products.column(i).as_slice(),
                )
            })
            .collect();
        let is_positive = |curvature: &f64| *curvature > 0.0; // not NaN either
        if let Some(curvature) = curvatures.iter().find(|&curvature| !is_positive(curvature)) {
            return Err(Error::invalid(
                "the curvature of the kernel with its noise along a direction",
                curvature,
                "a number > 0: more noise, or entries in double precision",
            ));
        }
        for (i, &c) in iterate.open.iter().enumerate() {
            let length = iterate.squares[c] / curvatures[i];
            let (direction, product) = (directions.column(i), products.column(i));
            add_multiple(
                iterate.weights.column_mut(c).as_mut_slice(),
                length,
                direction.as_slice(),
            );
            add_multiple(
                iterate.residual.column_mut(c).as_mut_slice(),
                -length,
                product.as_slice(),
            );
        }
        iterate.iterations += 1;
        let mut open = std::mem::take(&mut iterate.open);
        open.retain(|&c| iterate.relative_residual(c) > self.tolerance);
        iterate.open = open;
        let conditioned = self.conditioned(iterate)?;
        for (i, &c) in iterate.open.iter().enumerate() {
            let column = conditioned.column(i);
            let square = dot(iterate.residual.column(c).as_slice(), column.as_slice());
            let ratio = square / iterate.squares[c];
            iterate.squares[c] = square;
            let direction = iterate.direction.column(c) * ratio + column;
            iterate.direction.set_column(c, &direction);
        }
        Ok(())
    }

    /// $(K + \sigma^2) V$.
    fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let mut out = self.kernel.times(vectors)?;
        check_shape("the product", out.shape(), vectors.shape())?;
        add_multiple(out.as_mut_slice(), self.noise, vectors.as_slice());
        match error::first_outside(out.as_slice(), -f64::MAX, f64::MAX) {
            None => Ok(out),
            Some(_) => Err(Error::overflow("the products of conjugate gradients")),
        }
    }

    /// $M^{-1} R$ of the open columns.
    fn conditioned(&self, iterate: &Iterate) -> Result<DMatrix<f64>> {
        let residuals = iterate.residual.select_columns(&iterate.open);
        match &self.preconditioner {
            Some(preconditioner) => preconditioner.solve(&residuals),
            None => Ok(residuals),
        }
    }
}
