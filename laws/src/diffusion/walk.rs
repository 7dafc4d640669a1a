//! One path, step by step.

use std::sync::Arc;

use nalgebra::DMatrix;

use super::increments::Increments;
use crate::network::{
    BLOCK, Branch, FeatureProducts, Layer, Network, Residual, Sampler, Signal, Site,
};
use crate::numerics::semidefinite_cholesky;
use crate::random::Stream;
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
    /// Of a chain: a step is one pass over the neurons.
    products: Option<FeatureProducts>,
    root: DMatrix<f64>,
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
        let mut products = None;
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
            products = Some(FeatureProducts::new(branch.activation(), &signal));
        }
        let points = signal.points();
        Ok(Self {
            coefficient,
            signal,
            width,
            clock: 0.0,
            products,
            root: DMatrix::zeros(points, points),
        })
    }

    /// $2^{-e/2} Y_\tau$ as it is now, finite or not.
    pub(super) fn signal(&self) -> &Signal {
        &self.signal
    }

    /// $Y_\tau$, if it is finite.
    pub(super) fn state(&self) -> Result<Signal> {
        let state = self.signal.clone().rescaled();
        state.map_err(|error| exploded(error, self.width, self.clock))
    }

    /// The increments of so many steps.
    pub(super) fn increments(&self, steps: usize) -> Result<Increments> {
        Increments::new(steps, self.signal.width(), self.signal.points())
    }

    /// Steps of Euler and Maruyama's method: $Y + \sqrt h F(Y)$ with a fresh branch $F$.
    pub(super) fn steps(
        &mut self,
        steps: usize,
        h: f64,
        increments: &mut Increments,
        rng: &mut Stream,
    ) -> Result<()> {
        let branch = match self.coefficient {
            Coefficient::Drawn(branch) => branch,
            Coefficient::Chain(_) => {
                let size = self.signal.values().len();
                let mut left = steps;
                while left > 0 {
                    let normals = increments.next(left, rng);
                    self.steps_by(h, h, normals)?;
                    left -= normals.len() / size;
                }
                return Ok(());
            }
        };
        let block = Residual::sharing(1.0, h.sqrt(), Arc::clone(branch))?;
        for _ in 0..steps {
            let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
            let signal = std::mem::replace(&mut self.signal, Signal::zeros(1, 1)?);
            let next = block.sample(signal, &mut site).and_then(Signal::rescaled);
            self.signal = next.map_err(|error| exploded(error, self.width, self.clock))?;
            self.clock += h;
        }
        Ok(())
    }

    /// Steps of length `h` with given increments of the Brownian motion, $Y + \sqrt{h_0} Z R^\top$, $R R^\top
    /// = \hat B(Y)$: sums of standard normals over steps of length $h_0$, those of each step behind the last
    /// one's.
    pub(super) fn steps_by(&mut self, h: f64, unit: f64, normals: &[f64]) -> Result<()> {
        let (Coefficient::Chain(branch), Some(products)) = (self.coefficient, &mut self.products)
        else {
            return Err(Error::unsupported(
                "a path with given increments",
                "the branch is random given its last weights' inputs, not an activation and a dense layer",
            ));
        };
        let factor = unit.sqrt();
        let size = self.signal.values().len();
        let taken = branch.blocks_given(&mut self.signal, products, factor, normals);
        let taken = taken.unwrap_or(0);
        self.clock += h * taken as f64;
        for normals in normals[taken * size..].chunks_exact(size) {
            let covariance = branch.covariance_given(&self.signal, products, &mut self.root);
            covariance.map_err(|error| exploded(error, self.width, self.clock))?;
            semidefinite_cholesky(&mut self.root);
            self.root *= factor;
            let n = self.signal.width();
            products.clear();
            for start in (0..n).step_by(BLOCK) {
                let rows = start..(start + BLOCK).min(n);
                let normals = (&normals[start..], n);
                products.advance(&mut self.signal, rows, (1.0, &self.root), normals);
            }
            self.clock += h;
        }
        Ok(())
    }
}

/// An overflow says of what, and when.
fn exploded(error: Error, width: usize, clock: f64) -> Error {
    match error {
        Error::Overflow { log, limit, .. } => Error::Overflow {
            quantity: format!("the diffusion of width {width} at clock time {clock:.6}"),
            log,
            limit,
        },
        other => other,
    }
}
