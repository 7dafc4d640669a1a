//! The catapult of a wide ReLU network: what becomes of the curvature at large learning rates.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::training::{FiniteTraining, Snapshot};

const STEPS: u64 = 300;

pub fn report(width: usize) -> Result<(), Error> {
    let dense = Dense::new(Initialization::he());
    let net = Network::new()
        .then(dense)
        .then(Activated::new(Relu))
        .then(dense.with_width(1)?);
    let points = DMatrix::from_fn(20, 30, |i, j| {
        (1.7 * i as f64 + 2.3 * (j * j) as f64 + (i * j) as f64).sin()
    });
    let x = Inputs::from_matrix(&points)?;
    let y = DMatrix::from_fn(20, 1, |i, _| points[(i, 0)].signum());
    let loss = SquaredLoss::HalfMeanPoints;
    println!("\nOne hidden layer of {width} ReLU neurons, {STEPS} steps at the learning rate eta");
    println!("eta lambda_0   largest loss   last loss   eta lambda at the end");
    for sharpness in [
        0.5, 1.0, 1.9, 2.1, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0, 12.0,
    ] {
        let mut stream = Seed::new(3).stream(0);
        let drawn = net.finite(width, 1)?.with_weights(30, &mut stream)?;
        let start = Snapshot::of(&*drawn, &x)?;
        let rate = sharpness / start.curvature(x.len(), loss)?;
        let mut training = FiniteTraining::new(drawn, &x, &y, loss, LearningRate::new(rate)?)?;
        let mut largest = training.loss()?;
        let outcome = training.run(STEPS, |step| {
            largest = largest.max(step.loss);
            ControlFlow::Continue(())
        });
        let end = Snapshot::of(training.network(), &x)?;
        match outcome {
            Ok(()) => println!(
                "{sharpness:>12.1} {largest:>14.3e} {:>11.3e} {:>23.3}",
                training.loss()?,
                rate * end.curvature(x.len(), loss)?
            ),
            Err(Error::Invalid { .. }) => println!(
                "{sharpness:>12.1} diverges: stopped after step {}",
                training.steps()
            ),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
