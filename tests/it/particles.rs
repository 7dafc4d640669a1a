//! Particles of two-layer networks and their mean field: closed limits, rates, scalings.

use nalgebra::{DMatrix, DVector};
use neural_limits::prelude::*;
use neural_limits::training::particles::{
    ClosedLimit, LinearNetwork, ParticleFlow, ParticleRisk, QuadraticNetwork, RadialReluNetwork,
    TwoLayerNetwork,
};
use rand_distr::{Distribution, StandardNormal};

use crate::property::samples;

fn normals(dimension: usize, count: usize, size: f64, seed: u64) -> DMatrix<f64> {
    let mut stream = Seed::new(seed).stream(0);
    DMatrix::from_fn(dimension, count, |_, _| {
        let normal: f64 = StandardNormal.sample(&mut stream);
        size * normal
    })
}

fn teacher() -> DMatrix<f64> {
    DMatrix::from_diagonal(&DVector::from_row_slice(&[1.0, 0.5, 0.25]))
}

/// −N ∂R/∂θ by central differences.
fn check_velocities(risk: &dyn ParticleRisk, particles: &DMatrix<f64>, scale: f64) {
    let velocities = risk.velocities(particles);
    let count = particles.ncols() as f64;
    for at in 0..particles.len() {
        let moved = |step: f64| {
            let mut moved = particles.clone();
            moved[at] += step;
            risk.risk(&moved)
        };
        let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let error = velocities[at] + scale * count * slope;
        assert!(error.abs() < 1e-7 * (1.0 + velocities.amax()), "{error}");
    }
}

#[test]
fn velocities_are_gradients() {
    let particles = normals(3, 5, 0.8, 1);
    check_velocities(&QuadraticNetwork::new(&teacher()).unwrap(), &particles, 1.0);
    check_velocities(&LinearNetwork::new(&[1.0, -0.5]).unwrap(), &particles, 1.0);
    check_velocities(&RadialReluNetwork::new(3, 1.0).unwrap(), &particles, 1.0);
    let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0], [0.3, -0.7]]).unwrap();
    for exponent in [0.5, 0.75, 1.0] {
        let network = TwoLayerNetwork::new(Tanh, &x, &[1.0, -1.0, 0.5], exponent).unwrap();
        // rate N^{2γ−1}, over N
        check_velocities(&network, &particles, 5f64.powf(2.0 * exponent - 2.0));
    }
}

#[test]
fn quadratic_neurons_follow_their_closed_equation() {
    let flow = ParticleFlow::new(QuadraticNetwork::new(&teacher()).unwrap());
    let start = DMatrix::from_row_slice(3, 3, &[0.4, 0.1, 0.0, 0.1, 0.3, -0.05, 0.0, -0.05, 0.2]);
    let vector = DVector::from_column_slice(start.as_slice());
    let end = flow.limit(&vector, 0.1, 400).unwrap();
    let expected = [
        0.709682836236194,
        0.110840285955887,
        0.00473916942090715,
        0.110840285955887,
        0.411827305209116,
        -0.053580126467985,
        0.00473916942090715,
        -0.053580126467985,
        0.255365234831194,
    ];
    for (found, expected) in end.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
    // exactly at every N without noise: only the start differs
    let particles = normals(3, 7, 0.6, 2);
    let own = flow.risk().moments(&particles);
    let end = flow.run(&particles, 0.1, 400, 0).unwrap();
    let difference = flow.risk().moments(&end) - flow.limit(&own, 0.1, 400).unwrap();
    assert!(difference.amax() < 1e-9);
}

#[test]
fn linear_neurons_follow_their_closed_equation() {
    let start = |d: usize| {
        let mut moments = vec![0.0; d];
        moments.extend(DMatrix::<f64>::identity(d, d).iter());
        moments.push(1.0);
        DVector::from_vec(moments)
    };
    let flow = ParticleFlow::new(LinearNetwork::new(&[1.0, -0.5]).unwrap());
    let end = flow.limit(&start(2), 1.0, 400).unwrap();
    for (at, expected) in [
        (0, 0.9145930958061),
        (1, -0.457296547903049),
        (6, 1.43024496629781),
    ] {
        assert!((end[at] - expected).abs() < 1e-10, "{} {expected}", end[at]);
    }
    let trace = end[2] + end[5];
    assert!(
        (trace - end[6] - 1.0).abs() < 1e-12,
        "tr Q - s is conserved"
    );
    let flow = ParticleFlow::new(LinearNetwork::new(&[1.0]).unwrap());
    for (time, expected) in [
        (0.5, 0.661864082821049),
        (1.0, 0.906588288877274),
        (2.0, 0.994228488699368),
    ] {
        let p = flow.limit(&start(1), time, 800).unwrap()[0];
        assert!((p - expected).abs() < 1e-10, "{p} {expected}");
    }
}

#[test]
fn radial_neurons_keep_their_directions() {
    let risk = RadialReluNetwork::new(2, 1.0).unwrap();
    let start = (0.5 * std::f64::consts::PI).sqrt();
    for (time, expected) in [
        (1.0, 1.59968064742051),
        (2.0, 1.88251322527540),
        (5.0, 2.45605116613977),
    ] {
        assert!((risk.mean_radius(start, time).unwrap() - expected).abs() < 1e-13);
    }
    let flow = ParticleFlow::new(risk);
    let limit = flow
        .limit(&DVector::from_element(1, start), 2.0, 200)
        .unwrap();
    assert!((limit[0] - risk.mean_radius(start, 2.0).unwrap()).abs() < 1e-10);
    // a regular polygon is as good as a circle
    for (count, expected) in [(16, 1.713591), (64, 1.7136065)] {
        let polygon = DMatrix::from_fn(2, count, |l, i| {
            let angle = std::f64::consts::TAU * i as f64 / count as f64;
            if l == 0 { angle.cos() } else { angle.sin() }
        });
        let end = flow.run(&polygon, 2.0, 40, 0).unwrap();
        assert!((risk.moments(&end)[0] - expected).abs() < 1e-6);
    }
    let noisy = flow.with_temperature(0.1).unwrap();
    assert!(noisy.limit(&limit, 1.0, 10).is_err());
}

/// From M = mI the flow with decay and noise stays isotropic, and rests where
/// −4(d+2)(m − a)m − 2λm + 2τ = 0.
#[test]
fn noise_and_decay_have_their_equilibrium() {
    let (a, decay, temperature, d) = (0.8, 0.5, 0.2, 3.0);
    let flow = ParticleFlow::new(QuadraticNetwork::new(&(DMatrix::identity(3, 3) * a)).unwrap())
        .with_decay(decay)
        .unwrap()
        .with_temperature(temperature)
        .unwrap();
    let slope = 2.0 * (d + 2.0) * a - decay;
    let rest = (slope + (slope * slope + 8.0 * (d + 2.0) * temperature).sqrt()) / (4.0 * (d + 2.0));
    let start = DVector::from_column_slice((DMatrix::<f64>::identity(3, 3) * 0.2).as_slice());
    let end = flow.limit(&start, 3.0, 600).unwrap();
    assert!((end[0] - rest).abs() < 1e-12 && end[1].abs() < 1e-15);
    // the standard error of an entry is rest √(2/N)
    let count = samples(1024);
    let particles = flow
        .run(&normals(3, count, 0.2f64.sqrt(), 3), 1.0, 60, 4)
        .unwrap();
    let found = flow.risk().moments(&particles);
    let limit = flow.limit(&start, 1.0, 600).unwrap();
    assert!((found - limit).amax() < 4.0 * rest * (2.0 / count as f64).sqrt());
}

#[test]
fn particles_become_independent_at_the_rate_of_their_root() {
    let flow = ParticleFlow::new(QuadraticNetwork::new(&teacher()).unwrap())
        .with_decay(0.5)
        .unwrap()
        .with_temperature(0.2)
        .unwrap();
    let moments = DVector::from_column_slice((DMatrix::<f64>::identity(3, 3) * 0.3).as_slice());
    let rms = |count: usize| {
        let runs = 2048 / count;
        let squares = (0..runs as u64).map(|run| {
            let start = normals(3, count, 0.3f64.sqrt(), 100 * count as u64 + run);
            let end = flow.coupled(&start, &moments, 0.3, 10, run).unwrap();
            end.distance().powi(2)
        });
        (squares.sum::<f64>() / runs as f64).sqrt()
    };
    let slope = (rms(1024) / rms(32)).ln() / 32f64.ln();
    assert!((slope + 0.5).abs() < 0.1, "{slope}");
}

/// Descent on samples errs by the root of its rate.
#[test]
fn descent_on_samples_tends_to_the_flow() {
    let flow = ParticleFlow::new(LinearNetwork::new(&[1.0, -0.5]).unwrap());
    let start = normals(3, 100, 1.0, 6);
    let end = flow.run(&start, 1.0, 100, 0).unwrap();
    let error = |steps: usize| {
        let squares = (0..samples(4) as u64).map(|seed| {
            let found = flow
                .descend(&start, 1.0 / steps as f64, steps, seed)
                .unwrap();
            (found - &end).norm_squared()
        });
        (squares.sum::<f64>() / samples(4) as f64).sqrt()
    };
    let slope = (error(1600) / error(100)).ln() / 16f64.ln();
    assert!((slope + 0.5).abs() < 0.2, "{slope}");
    let radial = ParticleFlow::new(RadialReluNetwork::new(3, 1.0).unwrap());
    assert!(radial.descend(&start, 0.1, 10, 0).is_err());
}

/// tanh neurons in pairs (a, w), (−a, w): f starts at 0, and the exponents are γ − 1 and 2(γ − 1).
#[test]
fn between_the_kernel_regime_and_the_mean_field() {
    let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0], [0.3, -0.7]]).unwrap();
    let change = |count: usize, exponent: f64| {
        let half = normals(3, count / 2, 1.0, 7);
        let start = DMatrix::from_fn(3, count, |l, i| {
            let sign = if l == 0 && i % 2 == 1 { -1.0 } else { 1.0 };
            sign * half[(l, i / 2)]
        });
        let network = TwoLayerNetwork::new(Tanh, &x, &[1.0, -1.0, 0.5], exponent).unwrap();
        assert!(network.outputs(&x, &start).unwrap().amax() < 1e-12);
        let before = network.tangent_kernel(&x, &start).unwrap();
        let flow = ParticleFlow::new(network);
        let end = flow.run(&start, 1.5, 15, 0).unwrap();
        let after = flow.risk().tangent_kernel(&x, &end).unwrap();
        (
            (&end - &start).norm() / (count as f64).sqrt(),
            (after - &before).norm() / before.norm(),
        )
    };
    for exponent in [0.5, 0.75, 1.0] {
        let (few, many) = (change(256, exponent), change(2048, exponent));
        let slopes = [
            (many.0 / few.0).ln() / 8f64.ln(),
            (many.1 / few.1).ln() / 8f64.ln(),
        ];
        assert!(
            (slopes[0] - (exponent - 1.0)).abs() < 0.1,
            "{exponent} {slopes:?}"
        );
        assert!(
            (slopes[1] - 2.0 * (exponent - 1.0)).abs() < 0.3,
            "{exponent} {slopes:?}"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(QuadraticNetwork::new(&DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 1.0, 1.0])).is_err());
    assert!(QuadraticNetwork::new(&DMatrix::zeros(0, 0)).is_err());
    assert!(LinearNetwork::new(&[]).is_err());
    assert!(RadialReluNetwork::new(0, 1.0).is_err());
    let x = Inputs::from_rows(&[[1.0, 0.5]]).unwrap();
    assert!(TwoLayerNetwork::new(Tanh, &x, &[1.0], 0.4).is_err());
    let network = TwoLayerNetwork::new(Tanh, &x, &[1.0], 0.5).unwrap();
    let none = DMatrix::zeros(x.dimension() + 1, 0);
    assert!(network.outputs(&x, &none).is_err() && network.tangent_kernel(&x, &none).is_err());
    // moments of another number
    let flow = ParticleFlow::new(LinearNetwork::new(&[1.0, -0.5]).unwrap());
    for count in [0, 6, 8] {
        let moments = DVector::zeros(count);
        assert!(matches!(
            flow.limit(&moments, 1.0, 10),
            Err(Error::Shape { .. })
        ));
        let coupled = flow.coupled(&DMatrix::zeros(3, 4), &moments, 1.0, 10, 0);
        assert!(matches!(coupled, Err(Error::Shape { .. })));
    }
    assert!(TwoLayerNetwork::new(Tanh, &x, &[1.0, 2.0], 0.5).is_err());
    let flow = ParticleFlow::new(QuadraticNetwork::new(&teacher()).unwrap());
    assert!(flow.run(&DMatrix::zeros(2, 4), 1.0, 10, 0).is_err());
    assert!(flow.run(&DMatrix::zeros(3, 4), -1.0, 10, 0).is_err());
    assert!(flow.run(&DMatrix::zeros(3, 4), 1.0, 0, 0).is_err());
    let far = DMatrix::from_element(3, 4, 1e3);
    let error = flow.run(&far, 10.0, 10, 0).unwrap_err();
    assert!(matches!(error, Error::Overflow { .. }), "{error}");
    assert!(flow.with_decay(-1.0).is_err());
}
