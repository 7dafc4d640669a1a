//! Residual networks whose neurons start from given laws.

use nalgebra::DMatrix;
use neural_limits::activation::Dual;
use neural_limits::network::{Layer, Signal, Site, Stack};
use neural_limits::prelude::*;
use rand_distr::{Distribution, StandardNormal};

/// Means and covariances $(v_a, v_b, v_{ab})$ of two Gaussians of equal weight.
pub const COMPONENTS: [([f64; 2], [f64; 3]); 2] = [
    ([1.5, 0.5], [0.3, 0.4, 0.1]),
    ([-1.0, -1.0], [0.4, 0.25, -0.1]),
];

/// The chain Y + W φ(Y)/√L without a layer before it.
pub fn stack(phi: impl Dual + 'static) -> Network {
    let branch = Network::new()
        .then(Activated::new(phi))
        .then(Dense::new(Initialization::default()));
    Network::new().then(Stack::residual(branch))
}

/// A third of the neurons at 2, the others at -1.
pub fn atoms(width: usize) -> DMatrix<f64> {
    DMatrix::from_fn(width, 1, |i, _| if i % 3 == 0 { 2.0 } else { -1.0 })
}

/// Neurons at two inputs from the two Gaussians in turn.
pub fn gaussians(width: usize, seed: u64) -> DMatrix<f64> {
    let mut rng = Seed::new(seed).split(1).stream(0);
    let mut start = DMatrix::zeros(width, 2);
    for i in 0..width {
        let (mean, [a, b, ab]) = COMPONENTS[i % 2];
        let (first, second): (f64, f64) = (
            StandardNormal.sample(&mut rng),
            StandardNormal.sample(&mut rng),
        );
        start[(i, 0)] = mean[0] + a.sqrt() * first;
        start[(i, 1)] = mean[1] + ab / a.sqrt() * first + (b - ab * ab / a).sqrt() * second;
    }
    start
}

/// The neurons after the time t of one network of given width and depth.
pub fn neurons(
    stack: &Network,
    start: &DMatrix<f64>,
    (width, depth): (usize, usize),
    time: f64,
    seed: u64,
) -> Result<DMatrix<f64>, Error> {
    let mut rng = Seed::new(seed).stream(0);
    let mut site = Site::new(width, Sampler::Conditional, &mut rng)?;
    let network = stack.at_time(depth, time)?;
    network
        .sample(Signal::from_matrix(start)?, &mut site)?
        .to_matrix()
}

/// Variances and covariance of two columns.
pub fn covariance(neurons: &DMatrix<f64>) -> [f64; 3] {
    let count = neurons.nrows() as f64;
    let mean = [0, 1].map(|k| neurons.column(k).sum() / count);
    let product = |i: usize, j: usize| {
        let (first, second) = (neurons.column(i), neurons.column(j));
        let pairs = first.iter().zip(&second);
        let terms = pairs.map(|(a, b)| (a - mean[i]) * (b - mean[j]));
        terms.sum::<f64>() / count
    };
    [product(0, 0), product(1, 1), product(0, 1)]
}
