//! Networks of finite width beside their linearisation and beside infinite width.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::training::{CrossEntropy, FiniteTraining, Snapshot};
use rayon::prelude::*;

use super::Scaling;

pub const STEPS: u64 = 100;

const TRAIN: usize = 6;
const TEST: usize = 10;
const CLASSES: usize = 3;

/// Two hidden layers of tanh neurons.
fn network(outputs: usize) -> Result<Network, Error> {
    let dense = Dense::new(Initialization::new(1.5, 0.1)?);
    let hidden = || Activated::new(Tanh);
    Ok(Network::new()
        .then(dense)
        .then(hidden())
        .then(dense)
        .then(hidden())
        .then(dense.with_width(outputs)?))
}

fn points() -> DMatrix<f64> {
    DMatrix::from_fn(TRAIN + TEST, 3, |i, j| {
        (1.7 * i as f64 + 2.3 * (j * j) as f64 + (i * j) as f64).sin()
    })
}

/// The root mean square over test points and outputs.
fn rms(outputs: &DMatrix<f64>, prediction: &DMatrix<f64>) -> f64 {
    let test = |matrix: &DMatrix<f64>| matrix.rows(TRAIN, TEST).into_owned();
    let gap = test(outputs) - test(prediction);
    gap.norm() / (gap.len() as f64).sqrt()
}

/// On squared loss: gaps to infinite width and to the linearisation, drift of the tangent kernel, movement of
/// the last hidden layer.
fn squared(width: usize, number: u64) -> Result<[f64; 4], Error> {
    let points = points();
    let x = Inputs::from_matrix(&points)?;
    let train = Inputs::from_slice(x.slice(0..TRAIN), 3)?;
    let y = DMatrix::from_fn(TRAIN, 1, |i, _| points[(i, 0)] * points[(i, 1)]);
    let net = network(1)?;
    let rate = LearningRate::new(0.5)?;
    let loss = SquaredLoss::HalfMeanPoints;
    let rule = Rule::GradientDescent { steps: STEPS };

    let mut stream = Seed::new(width as u64).stream(number);
    let drawn = net.finite(width, 1)?.with_weights(3, &mut stream)?;
    let start = Snapshot::of(&*drawn, &x)?;
    let mut training = FiniteTraining::new(drawn, &train, &y, loss, rate)?;
    training.run(STEPS, |_| ControlFlow::Continue(()))?;
    let end = Snapshot::of(training.network(), &x)?;

    let linearized = start.linearized(&y, loss, rate, rule)?;
    let kernel = net.infinite_width(1)?;
    let dynamics = KernelDynamics::new(&kernel.ntk(&train)?, &y, rate)?.with_loss(loss);
    let before = start.outputs().rows(0, TRAIN).into_owned();
    let cross = kernel.ntk_between(&x, &train)?;
    let infinite = dynamics.test(&cross, &before, start.outputs(), rule)?;
    Ok([
        rms(end.outputs(), &infinite),
        rms(end.outputs(), &linearized),
        start.kernel_drift(&end)?,
        // after the second activation
        start.feature_movement(&end)?[3],
    ])
}

/// On the cross entropy: the gap to the linearisation.
fn cross_entropy(width: usize, number: u64) -> Result<[f64; 1], Error> {
    let x = Inputs::from_matrix(&points())?;
    let train = Inputs::from_slice(x.slice(0..TRAIN), 3)?;
    let labels = DMatrix::from_fn(TRAIN, CLASSES, |i, c| f64::from(u8::from(i % CLASSES == c)));
    let rate = LearningRate::new(0.1)?;
    let mut stream = Seed::new(width as u64).split(1).stream(number);
    let net = network(CLASSES)?.finite(width, 1)?;
    let drawn = net.with_weights(3, &mut stream)?;
    let start = Snapshot::of(&*drawn, &x)?;
    let mut training = FiniteTraining::new(drawn, &train, &labels, CrossEntropy, rate)?;
    training.run(STEPS, |_| ControlFlow::Continue(()))?;
    let end = Snapshot::of(training.network(), &x)?;
    let rule = Rule::GradientDescent { steps: STEPS };
    let linearized = start.linearized_under(CrossEntropy, &labels, rate, rule)?;
    Ok([rms(end.outputs(), &linearized)])
}

fn scalings<const K: usize>(
    laws: [(&str, f64); K],
    widths: &[usize],
    networks: usize,
    measure: impl Fn(usize, u64) -> Result<[f64; K], Error> + Sync,
) -> Result<[Scaling; K], Error> {
    let mut scalings = laws.map(|(name, expected)| Scaling::new(name, expected));
    for &width in widths {
        let all: Vec<[f64; K]> = (0..networks as u64)
            .into_par_iter()
            .map(|number| measure(width, number))
            .collect::<Result<_, _>>()?;
        for (i, scaling) in scalings.iter_mut().enumerate() {
            let values: Vec<f64> = all.iter().map(|measured| measured[i]).collect();
            scaling.push(width, &values);
        }
    }
    Ok(scalings)
}

/// Over some networks of each width: gaps to infinite width, to the linearisation on squared loss and on the
/// cross entropy; drift of the tangent kernel, movement of hidden features.
pub fn measured(widths: &[usize], networks: usize) -> Result<[Scaling; 5], Error> {
    let laws = [
        ("gap to infinite width", -0.5),
        ("gap to its linearisation", -1.0),
        ("drift of the tangent kernel", -1.0),
        ("movement of hidden features", -0.5),
    ];
    let [infinite, linearized, drift, movement] = scalings(laws, widths, networks, squared)?;
    let laws = [("the same on the cross entropy", -1.0)];
    let [entropy] = scalings(laws, widths, networks, cross_entropy)?;
    Ok([infinite, linearized, entropy, drift, movement])
}
