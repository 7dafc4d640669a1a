//! The catapult of ReLU networks on handwritten digits: what becomes of them at large learning rates.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::training::{FiniteTraining, Snapshot};

use super::digits::Data;

/// Digits to train on: even or odd.
pub const POINTS: usize = 20;

/// Steps of gradient descent, at most.
pub const STEPS: u64 = 300;

const LOSS: SquaredLoss = SquaredLoss::HalfMeanPoints;

/// A ReLU network without biases, in the NTK parametrisation.
#[derive(Debug, Clone, Copy)]
pub struct ReluNetwork {
    pub hidden: usize,
    pub width: usize,
    /// Of the network drawn.
    pub number: u64,
}

/// What became of training.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Whether the loss fell below a tenth of its start.
    pub is_trained: bool,
    /// The largest loss, in units of the first.
    pub largest: f64,
    /// $\eta \lambda$ at the end.
    pub sharpness: f64,
}

/// Points and targets.
pub fn digits(count: usize) -> Result<(Inputs<'static>, DMatrix<f64>), Error> {
    let data = Data::digits(count).map_err(|reason| Error::Io {
        path: "data/digits.csv.gz".to_owned(),
        reason,
    })?;
    let parity = |i: usize| {
        if data.train.labels[i] % 2 == 0 {
            1.0
        } else {
            -1.0
        }
    };
    Ok((
        data.train.inputs,
        DMatrix::from_fn(count, 1, |i, _| parity(i)),
    ))
}

impl ReluNetwork {
    /// Trained at $\eta \lambda_0$ on points and targets.
    pub fn outcome(
        self,
        (x, y): (&Inputs<'_>, &DMatrix<f64>),
        sharpness: f64,
    ) -> Result<Outcome, Error> {
        let dense = Dense::new(Initialization::he());
        let mut net = Network::new();
        for _ in 0..self.hidden {
            net = net.then(dense).then(Activated::new(Relu));
        }
        let net = net.then(dense.with_width(1)?).finite(self.width, 1)?;
        let mut stream = Seed::new(3).stream(self.number);
        let drawn = net.with_weights(x.dimension(), &mut stream)?;
        let start = Snapshot::of(&*drawn, x)?;
        let rate = sharpness / start.curvature(x.len(), LOSS)?;
        let mut training = FiniteTraining::new(drawn, x, y, LOSS, LearningRate::new(rate)?)?;
        let first = training.loss()?;
        let mut largest = first;
        let run = training.run(STEPS, |step| {
            largest = largest.max(step.loss);
            // down here the curvature stays, up there is no way back
            if step.loss < 1e-2 * first || step.loss > 1e8 * first {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match run {
            Ok(()) | Err(Error::Invalid { .. }) => {}
            Err(other) => return Err(other),
        }
        let is_trained = training.loss()? < 0.1 * first;
        Ok(Outcome {
            is_trained,
            largest: largest / first,
            sharpness: if is_trained {
                rate * Snapshot::of(training.network(), x)?.curvature(x.len(), LOSS)?
            } else {
                f64::NAN
            },
        })
    }
}
