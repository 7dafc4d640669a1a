//! Particles beside their mean field, and what lies between it and the kernel regime.

use nalgebra::{DMatrix, DVector};
use neural_limits::prelude::*;
use neural_limits::training::particles::{
    ClosedLimit, LinearNetwork, ParticleFlow, QuadraticNetwork, RadialReluNetwork, TwoLayerNetwork,
};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::Scaling;

/// Exponents between the kernel regime and the mean field.
pub const EXPONENTS: [f64; 5] = [0.5, 0.625, 0.75, 0.875, 1.0];

/// Particles of independent normals times `size`.
fn normals(dimension: usize, count: usize, size: f64, seed: Seed) -> DMatrix<f64> {
    let mut stream = seed.stream(0);
    DMatrix::from_fn(dimension, count, |_, _| {
        let normal: f64 = StandardNormal.sample(&mut stream);
        size * normal
    })
}

/// Errors of the moments and distances to independent copies, over some runs.
fn chaos<R: ClosedLimit>(
    name: &str,
    flow: &ParticleFlow<R>,
    start: (f64, &DVector<f64>),
    time: f64,
    counts: &[usize],
    runs: usize,
) -> Result<[Scaling; 2], Error> {
    let mut moments = Scaling::new(format!("{name}: moments"), -0.5);
    let mut distances = Scaling::new(format!("{name}: particles"), -0.5);
    let dimension = flow.risk().dimension();
    for &count in counts {
        let measured = |run: usize| {
            let seed = Seed::new(count as u64).split(run as u64);
            let particles = normals(dimension, count, start.0, seed.split(0));
            let end = flow.coupled(&particles, start.1, time, 20, seed.split(1))?;
            let error = flow.risk().moments(&end.particles) - &end.moments;
            Ok((error.norm(), end.distance()))
        };
        let all: Vec<(f64, f64)> = (0..runs)
            .into_par_iter()
            .map(measured)
            .collect::<Result<_, Error>>()?;
        let errors: (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
        moments.push(count, &errors.0);
        distances.push(count, &errors.1);
    }
    Ok([moments, distances])
}

/// Networks whose moments follow an equation of their own.
pub fn moments(counts: &[usize], runs: usize) -> Result<Vec<Scaling>, Error> {
    let teacher = DMatrix::from_diagonal(&DVector::from_row_slice(&[1.0, 0.5, 0.25]));
    let quadratic = ParticleFlow::new(QuadraticNetwork::new(&teacher)?);
    let covariance = DVector::from_column_slice((DMatrix::<f64>::identity(3, 3) * 0.3).as_slice());
    let start = (0.3_f64.sqrt(), &covariance);
    let mut scalings = Vec::new();
    scalings.extend(chaos("quadratic", &quadratic, start, 0.1, counts, runs)?);
    let noisy = quadratic.with_decay(0.5)?.with_temperature(0.2)?;
    let name = "quadratic with noise";
    scalings.extend(chaos(name, &noisy, start, 0.5, counts, runs)?);
    // p = 0, Q = 1, s = 1
    let linear = ParticleFlow::new(LinearNetwork::new(&[1.0, -0.5])?);
    let moments = DVector::from_row_slice(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    let start = (1.0, &moments);
    scalings.extend(chaos(
        "linear, two layers",
        &linear,
        start,
        1.0,
        counts,
        runs,
    )?);
    Ok(scalings)
}

/// ReLU particles, of which every pair interacts.
pub fn radial(counts: &[usize], runs: usize) -> Result<[Scaling; 2], Error> {
    let radial = ParticleFlow::new(RadialReluNetwork::new(2, 1.0)?);
    let radius = DVector::from_element(1, (0.5 * std::f64::consts::PI).sqrt());
    chaos("radial ReLU", &radial, (1.0, &radius), 2.0, counts, runs)
}

/// How far weights move, and the tangent kernel, of tanh neurons in pairs (a, w), (-a, w), so that f starts
/// at 0: for each of the [exponents](EXPONENTS), over some starts.
pub fn between(counts: &[usize], starts: usize) -> Result<[Vec<Scaling>; 2], Error> {
    let points = DMatrix::from_fn(6, 2, |i, j| (1.7 * i as f64 + 2.3 * j as f64).sin());
    let x = Inputs::from_matrix(&points)?;
    let y: Vec<f64> = (0..6)
        .map(|i| points[(i, 0)] * points[(i, 1)] + 0.5)
        .collect();
    let (mut weights, mut kernels) = (Vec::new(), Vec::new());
    for exponent in EXPONENTS {
        let mut moved = Scaling::new(format!("weights, exponent {exponent}"), exponent - 1.0);
        let name = format!("tangent kernel, exponent {exponent}");
        let mut changed = Scaling::new(name, 2.0 * (exponent - 1.0));
        for &count in counts {
            let measured = |number: usize| {
                let seed = Seed::new(5).split(count as u64).split(number as u64);
                let half = normals(3, count / 2, 1.0, seed);
                let start = DMatrix::from_fn(3, count, |l, i| {
                    let sign = if l == 0 && i % 2 == 1 { -1.0 } else { 1.0 };
                    sign * half[(l, i / 2)]
                });
                let network = TwoLayerNetwork::new(Tanh, &x, &y, exponent)?;
                let before = network.tangent_kernel(&x, &start)?;
                let flow = ParticleFlow::new(network);
                let end = flow.run(&start, 1.5, 30, 0)?;
                let after = flow.risk().tangent_kernel(&x, &end)?;
                let moved = (&end - &start).norm() / (count as f64).sqrt();
                Ok((moved, (after - &before).norm() / before.norm()))
            };
            let all: Vec<(f64, f64)> = (0..starts)
                .into_par_iter()
                .map(measured)
                .collect::<Result<_, Error>>()?;
            let (of_weights, of_kernels): (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
            moved.push(count, &of_weights);
            changed.push(count, &of_kernels);
        }
        weights.push(moved);
        kernels.push(changed);
    }
    Ok([weights, kernels])
}
