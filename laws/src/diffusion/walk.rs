//! One path, step by step.

use std::sync::Arc;

use nalgebra::DMatrix;

use crate::activation::{Activation, Slopes};
use crate::network::{BLOCK, Branch, Layer, Network, Residual, Sampler, Signal, Site};
use crate::numerics::{semidefinite_cholesky, zeros};
use crate::random::Stream;
use crate::vectorized::vectorized;
use crate::{Error, Result};

/// The branch that a diffusion's coefficient $\hat B(Y)$ belongs to.
#[derive(Debug, Clone)]
pub(super) enum Coefficient {
    /// An activation and a dense layer: $\hat B(Y)$ is a number for each pair of inputs.
    Chain(Branch),
    /// Any other: only its random outputs are known, of covariance $\hat B(Y)$ given $Y$.
    Drawn(Arc<Network>),
}

/// The state $Y_\tau$ of one path in the clock of its stack.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    coefficient: &'a Coefficient,
    signal: Signal,
    width: usize,
    clock: f64,
    /// $\varphi(Y)$ of a block of neurons, and $R$.
    features: Vec<f64>,
    root: DMatrix<f64>,
    /// The slopes of a homogeneous $\varphi$ at one input, and $\lVert \varphi(Y) \rVert^2$: a step then is
    /// one pass over the neurons.
    norm: Option<(Slopes, f64)>,
}

impl<'a> Walk<'a> {
    /// From $Y_0$.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the branch has as many outputs as the signal has neurons.
    pub(super) fn new(
        coefficient: &'a Coefficient,
        stack: &Network,
        mut signal: Signal,
        width: usize,
        rng: &mut Stream,
    ) -> Result<Self> {
        let mut norm = None;
        if let Coefficient::Chain(branch) = coefficient {
            // the power of two stays what it is, which only homogeneous activations do not notice
            if branch.activation().slopes().is_none() {
                signal = signal.unscaled()?;
            }
            let mut site = Site::new(width, Sampler::Conditional, rng)?;
            let outputs = stack.conditional(&signal, &mut site)?.width();
            if outputs != signal.width() {
                return Err(Error::shape(
                    "the branch of a residual stack",
                    format!("{outputs} outputs"),
                    format!("{}, one for each neuron", signal.width()),
                ));
            }
            let slopes = branch.activation().slopes();
            norm = slopes.filter(|_| signal.points() == 1).map(|slopes| {
                let sums = signal.products_of(&**branch.activation());
                (slopes, sums[(0, 0)])
            });
        }
        let points = signal.points();
        Ok(Self {
            coefficient,
            signal,
            width,
            clock: 0.0,
            features: Vec::new(),
            root: DMatrix::zeros(points, points),
            norm,
        })
    }

    /// $2^{-e/2} Y_\tau$ as it is now, finite or not.
    pub(super) fn signal(&self) -> &Signal {
        &self.signal
    }

    /// $Y_\tau$, if it is finite.
    pub(super) fn state(&self) -> Result<Signal> {
        let state = self.signal.clone().rescaled();
        state.map_err(|error| self.exploded(error))
    }

    /// As many numbers as a step takes of standard normals, and zero.
    pub(super) fn no_increments(&self) -> Result<Vec<f64>> {
        let (rows, columns) = (self.signal.width(), self.signal.points());
        zeros("the increments of a path", rows, columns)
    }

    /// A step of Euler and Maruyama's method: $Y + \sqrt h F(Y)$ with a fresh branch $F$.
    pub(super) fn step(&mut self, h: f64, normals: &mut [f64], rng: &mut Stream) -> Result<()> {
        match self.coefficient {
            Coefficient::Chain(_) => {
                rng.fill_normals(normals);
                self.step_by(h, h, normals)
            }
            Coefficient::Drawn(branch) => {
                let block = Residual::sharing(1.0, h.sqrt(), Arc::clone(branch))?;
                let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
                let signal = std::mem::replace(&mut self.signal, Signal::zeros(1, 1)?);
                let next = block.sample(signal, &mut site).and_then(Signal::rescaled);
                self.signal = next.map_err(|error| self.exploded(error))?;
                self.clock += h;
                Ok(())
            }
        }
    }

    /// A step of length `h` with given increments of the Brownian motion, $Y + \sqrt{h_0} Z R^\top$, $R
    /// R^\top = \hat B(Y)$: sums of standard normals over steps of length $h_0$.
    pub(super) fn step_by(&mut self, h: f64, unit: f64, normals: &[f64]) -> Result<()> {
        let Coefficient::Chain(branch) = self.coefficient else {
            return Err(Error::unsupported(
                "a path with given increments",
                "the branch is random given its last weights' inputs, not an activation and a dense layer",
            ));
        };
        if let Some((slopes, squares)) = self.norm {
            let variance = branch.variance_given(&self.signal, squares);
            let root = variance.map_err(|error| self.exploded(error))?.sqrt() * unit.sqrt();
            let y = self.signal.column_mut(0);
            let blocks = y.chunks_mut(BLOCK).zip(normals.chunks(BLOCK));
            self.features.resize(BLOCK, 0.0);
            let features = &mut self.features;
            let squares = blocks
                .map(|(y, z)| add_and_square(y, z, root, slopes, &mut features[..y.len()]))
                .sum();
            self.norm = Some((slopes, squares));
            self.clock += h;
            return Ok(());
        }
        let covariance = branch.covariance_into(&self.signal, &mut self.features, &mut self.root);
        covariance.map_err(|error| self.exploded(error))?;
        semidefinite_cholesky(&mut self.root);
        self.root *= unit.sqrt();
        let n = self.signal.width();
        for j in 0..self.signal.points() {
            add(self.signal.column_mut(j), normals, &self.root, (j, n));
        }
        self.clock += h;
        Ok(())
    }

    /// An overflow says of what, and when.
    fn exploded(&self, error: Error) -> Error {
        match error {
            Error::Overflow { log, limit, .. } => Error::Overflow {
                quantity: format!(
                    "the diffusion of width {} at clock time {:.6}",
                    self.width, self.clock
                ),
                log,
                limit,
            },
            other => other,
        }
    }
}

/// Lanes of sums, enough for the compiler to vectorise them without reordering.
const LANES: usize = 16;

/// $y \leftarrow y + rz$, and $\sum \varphi(y)^2$ of the result: in the order of [`numerics::dot`], so that
/// the bits are those of separate passes, but compiled as one.
///
/// [`numerics::dot`]: crate::numerics::dot
fn add_and_square(y: &mut [f64], z: &[f64], r: f64, slopes: Slopes, features: &mut [f64]) -> f64 {
    vectorized(
        #[inline(always)]
        move || {
            for (y, z) in y.iter_mut().zip(z) {
                *y += r * z;
            }
            for (feature, y) in features.iter_mut().zip(y.iter()) {
                *feature = slopes.value(*y);
            }
            let mut lanes = [0.0; LANES];
            let chunks = features.chunks_exact(LANES);
            let tail: f64 = chunks.remainder().iter().map(|x| x * x).sum();
            for chunk in chunks {
                for lane in 0..LANES {
                    lanes[lane] += chunk[lane] * chunk[lane];
                }
            }
            let mut half = LANES / 2;
            while half > 0 {
                for lane in 0..half {
                    lanes[lane] += lanes[lane + half];
                }
                half /= 2;
            }
            lanes[0] + tail
        },
    )
}

/// $y_j \leftarrow y_j + \sum_{k \le j} R_{jk} z_k$ for the column of one input.
fn add(y: &mut [f64], normals: &[f64], root: &DMatrix<f64>, (j, n): (usize, usize)) {
    vectorized(
        #[inline(always)]
        || {
            for k in 0..=j {
                let factor = root[(j, k)];
                for (y, z) in y.iter_mut().zip(&normals[k * n..(k + 1) * n]) {
                    *y += factor * z;
                }
            }
        },
    );
}
