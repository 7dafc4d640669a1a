//! The branch covariance: the one map that every limit iterates.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::activation::{Activation, Dual};
use crate::error::{self, Error, Result};
use crate::summation::dot;
use crate::{Initialization, PairCovariance};

/// A random branch $Y \mapsto W \varphi(Y) + b$: an activation followed by a dense layer.
///
/// It is read in two ways:
/// - at infinite width through [`covariance`](Branch::covariance),
///   $B(K) = \sigma_w^2 \mathbb E_{(u,v) \sim \mathcal N(0,K)}[\varphi(u)\varphi(v)] + \sigma_b^2$;
/// - at width $n$ through [`empirical_covariance`](Branch::empirical_covariance),
///   $\hat B(Y) = \sigma_w^2 \varphi(Y)^\top \varphi(Y)/n + \sigma_b^2$, the covariance of each row of the
///   branch given $Y$.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch<A> {
    activation: A,
    initialization: Initialization,
}

impl<A> Branch<A> {
    /// The branch of an activation and the law of the weights that follow it.
    pub fn new(activation: A, initialization: Initialization) -> Self {
        Self {
            activation,
            initialization,
        }
    }

    /// The same activation with another law of the weights.
    pub fn with_initialization(self, initialization: Initialization) -> Self {
        Self {
            initialization,
            ..self
        }
    }

    /// $\varphi$.
    pub fn activation(&self) -> &A {
        &self.activation
    }

    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub fn initialization(&self) -> Initialization {
        self.initialization
    }
}

impl<A: Dual> Branch<A> {
    /// $B(K)$ for a pair of inputs.
    ///
    /// # Errors
    /// As [`Dual::dual`].
    ///
    /// ```
    /// use neural_limits::{Initialization, PairCovariance, activation::Relu, architecture::Branch};
    /// let branch = Branch::new(Relu, Initialization::he());
    /// let k = branch.covariance(PairCovariance::new(3.0, 3.0, 3.0)?)?;
    /// assert_eq!(k.covariance(), 3.0); // variance is kept at the edge of chaos
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn covariance(&self, k: PairCovariance) -> Result<PairCovariance> {
        Ok(self.initialization.dense(self.activation.dual(k)?))
    }
}

impl<A: Activation> Branch<A> {
    /// Adds $\varphi(Y)^\top \varphi(Y)$ of the neurons `rows` to the upper triangle of `sums`
    /// ($m \times m$), where `y` holds the columns of $Y$ ($n$ = `width` neurons each) one after the other;
    /// `features` receives the columns of $\varphi(Y)$ for these rows.
    pub(crate) fn accumulate(
        &self,
        y: &[f64],
        width: usize,
        rows: Range<usize>,
        features: &mut [f64],
        sums: &mut DMatrix<f64>,
    ) {
        let size = rows.len();
        for j in 0..sums.ncols() {
            let column = &y[j * width..][rows.clone()];
            let (before, now) = features.split_at_mut(j * size);
            let now = &mut now[..size];
            self.activation.value_slice(column, now);
            for (i, earlier) in before.chunks_exact(size).enumerate() {
                sums[(i, j)] += dot(earlier, now);
            }
            sums[(j, j)] += dot(now, now);
        }
    }

    /// Turns sums over all neurons into $\hat B(Y)$, symmetric to the bit.
    pub(crate) fn finish(&self, width: usize, sums: &mut DMatrix<f64>) {
        let weight = self.initialization.weight_variance() / width as f64;
        let bias = self.initialization.bias_variance();
        for j in 0..sums.ncols() {
            for i in 0..=j {
                let entry = weight * sums[(i, j)] + bias;
                sums[(i, j)] = entry;
                sums[(j, i)] = entry;
            }
        }
    }

    /// $\hat B(Y) = \sigma_w^2 \varphi(Y)^\top \varphi(Y) / n + \sigma_b^2$ for the $n \times m$
    /// pre-activations of $m$ inputs: the covariance of each row of $W \varphi(Y) + b$ given $Y$.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty matrix; [`Error::Invalid`] naming an entry that is not finite;
    /// [`Error::Overflow`].
    pub fn empirical_covariance(&self, y: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let (width, points) = y.shape();
        if y.is_empty() {
            let found = format!("shape {width} x {points}");
            return Err(Error::shape("y", found, "at least one neuron and input"));
        }
        if let Some(i) = y.iter().position(|entry| !entry.is_finite()) {
            error::finite(&format!("y[({}, {})]", i % width, i / width), y[i])?;
        }
        let mut out = DMatrix::zeros(points, points);
        let mut features = vec![0.0; width * points];
        self.accumulate(y.as_slice(), width, 0..width, &mut features, &mut out);
        self.finish(width, &mut out);
        if out.iter().all(|entry| entry.is_finite()) {
            Ok(out)
        } else {
            Err(Error::overflow("the empirical covariance"))
        }
    }
}
