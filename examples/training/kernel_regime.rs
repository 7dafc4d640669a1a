//! Networks of finite width beside their linearisation and beside infinite width.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::training::{FiniteTraining, Snapshot};
use rayon::prelude::*;

use crate::table::{Row, print};

const TRAIN: usize = 6;
const TEST: usize = 10;
const STEPS: u64 = 100;

/// What one network shows: rms gaps at test points, drift, movement of the last hidden layer.
struct Measured {
    from_infinite_width: f64,
    from_linearized: f64,
    drift: f64,
    movement: f64,
}

fn network() -> Result<Network, Error> {
    let dense = Dense::new(Initialization::new(1.5, 0.1)?);
    let hidden = || Activated::new(Tanh);
    Ok(Network::new()
        .then(dense)
        .then(hidden())
        .then(dense)
        .then(hidden())
        .then(dense.with_width(1)?))
}

fn measured(width: usize, number: u64) -> Result<Measured, Error> {
    let points = DMatrix::from_fn(TRAIN + TEST, 3, |i, j| {
        (1.7 * i as f64 + 2.3 * (j * j) as f64 + (i * j) as f64).sin()
    });
    let x = Inputs::from_matrix(&points)?;
    let train = Inputs::from_slice(x.slice(0..TRAIN), 3)?;
    let test = Inputs::from_slice(x.slice(TRAIN..TRAIN + TEST), 3)?;
    let y = DMatrix::from_fn(TRAIN, 1, |i, _| points[(i, 0)] * points[(i, 1)]);
    let net = network()?;
    let rate = LearningRate::new(0.5)?;
    let loss = SquaredLoss::HalfMeanPoints;
    let rule = Rule::GradientDescent { steps: STEPS };

    let mut stream = Seed::new(width as u64).stream(number);
    let drawn = net.finite(width, 1)?.with_weights(3, &mut stream)?;
    let start = Snapshot::of(&*drawn, &x)?;
    let mut training = FiniteTraining::new(drawn, &train, &y, loss, rate)?;
    training.run(STEPS, |_| ControlFlow::Continue(()))?;
    let end = Snapshot::of(training.network(), &x)?;

    let outputs = end.outputs().rows(TRAIN, TEST);
    let rms = |prediction: &DMatrix<f64>| (outputs - prediction).norm() / (TEST as f64).sqrt();
    let linearized = start.linearized(&y, loss, rate, rule)?;
    let kernel = net.infinite_width(1)?;
    let dynamics = KernelDynamics::new(&kernel.ntk(&train)?, &y, rate)?.with_loss(loss);
    let [before, before_test] = [(0, TRAIN), (TRAIN, TEST)]
        .map(|(first, count)| start.outputs().rows(first, count).into_owned());
    let infinite = dynamics.test(
        &kernel.ntk_between(&test, &train)?,
        &before,
        &before_test,
        rule,
    )?;
    let movement = start.feature_movement(&end)?;
    Ok(Measured {
        from_infinite_width: rms(&infinite),
        from_linearized: rms(&linearized.rows(TRAIN, TEST).into_owned()),
        drift: start.kernel_drift(&end)?,
        // after the second activation
        movement: movement[3],
    })
}

pub fn report(widths: &[usize], networks: usize) -> Result<(), Error> {
    let mut rows = [
        Row::new("gap to infinite width", "-1/2"),
        Row::new("gap to its linearisation", "-1/2 to -1"),
        Row::new("drift of the tangent kernel", "-1/2 to -1"),
        Row::new("movement of hidden features", "-1/2"),
    ];
    for &width in widths {
        let all: Vec<Measured> = (0..networks as u64)
            .into_par_iter()
            .map(|number| measured(width, number))
            .collect::<Result<_, _>>()?;
        let columns: [fn(&Measured) -> f64; 4] = [
            |measured| measured.from_infinite_width,
            |measured| measured.from_linearized,
            |measured| measured.drift,
            |measured| measured.movement,
        ];
        for (row, column) in rows.iter_mut().zip(columns) {
            let values: Vec<f64> = all.iter().map(column).collect();
            row.push(width, &values);
        }
    }
    let title = format!(
        "Two hidden layers of n tanh neurons, {STEPS} steps of gradient descent, rms over {networks} networks"
    );
    print(&title, widths, &rows);
    Ok(())
}
