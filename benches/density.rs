//! Fokker–Planck equations to a tolerance, beside the exact form, and beside the textbook's scheme: the
//! three-point Laplacian with Crank and Nicolson's step.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use nalgebra::DMatrix;
use neural_limits::mean_field::{
    InitialLaw, JointLaw, MeanField, ShapedCorrelation, TransportFlow,
};
use neural_limits::prelude::*;

/// ReLU from N(0, 1) to the time 1: order 2 in both, with `nodes` on [-11, 11] and a step of a fifth of the
/// spacing; 4001 nodes reach an L¹ error of 1e-6.
fn second_order(nodes: usize) -> f64 {
    let spacing = 22.0 / (nodes - 1) as f64;
    let place = |i: usize| -11.0 + spacing * i as f64;
    let mut p: Vec<f64> = (0..nodes)
        .map(|i| (-0.5 * place(i).powi(2)).exp() / (2.0 * std::f64::consts::PI).sqrt())
        .collect();
    let steps = (5.0 / spacing).ceil();
    let (time, mut pivots) = (1.0 / steps, vec![0.0; nodes]);
    let rate = |p: &[f64]| -> f64 {
        let squares = p
            .iter()
            .enumerate()
            .map(|(i, p)| place(i).max(0.0).powi(2) * p);
        squares.sum::<f64>() * spacing
    };
    let mut last = rate(&p);
    for _ in 0..steps as usize {
        let now = rate(&p);
        let r = 0.25 * time * (1.5 * now - 0.5 * last) / (spacing * spacing);
        last = now;
        let at = |p: &[f64], i: usize| p.get(i).copied().unwrap_or(0.0);
        let mut right: Vec<f64> = (0..nodes)
            .map(|i| p[i] + r * (at(&p, i.wrapping_sub(1)) - 2.0 * p[i] + at(&p, i + 1)))
            .collect();
        let mut before = 0.0;
        for i in 0..nodes {
            pivots[i] = 1.0 / (1.0 + 2.0 * r - r * before);
            let left = if i == 0 { 0.0 } else { right[i - 1] };
            right[i] = (right[i] + r * left) * pivots[i];
            before = r * pivots[i];
        }
        for i in (0..nodes - 1).rev() {
            right[i] += r * pivots[i] * right[i + 1];
        }
        p = right;
    }
    rate(&p)
}

fn density(c: &mut Criterion) {
    let relu = MeanField::of(&ResNet::new(Relu)).expect("a residual chain");
    let tanh = MeanField::of(&ResNet::new(Tanh)).expect("a residual chain");
    let normal = InitialLaw::gaussian(0.0, 1.0).expect("a variance");
    let atoms = InitialLaw::atoms(&[(1.0, 2.0), (2.0, -1.0)]).expect("atoms");
    let pair = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.5, 1.0]);
    let pair = JointLaw::gaussian(pair).expect("a covariance");
    let mut group = c.benchmark_group("density of a neuron");
    group.sample_size(10);
    for (name, mean_field, initial) in [
        ("ReLU, N(0, 1)", &relu, &normal),
        ("ReLU, two atoms", &relu, &atoms),
        ("tanh, N(0, 1)", &tanh, &normal),
        ("tanh, two atoms", &tanh, &atoms),
    ] {
        group.bench_function(format!("{name}: exact"), |bencher| {
            bencher.iter(|| mean_field.convolution(black_box(initial), 1.0));
        });
        group.bench_function(format!("{name}: to 1e-6"), |bencher| {
            bencher.iter(|| mean_field.fokker_planck(black_box(initial), 1.0, 1e-6));
        });
    }
    group.bench_function("naive: second order, ReLU, N(0, 1), to 1e-6", |bencher| {
        bencher.iter(|| second_order(black_box(4001)));
    });
    for (name, mean_field) in [("ReLU", &relu), ("tanh", &tanh)] {
        group.bench_function(format!("{name}, two inputs, c = 0.5: to 1e-4"), |bencher| {
            bencher.iter(|| mean_field.joint_fokker_planck(black_box(&pair), 1.0, 1e-4));
        });
    }
    group.bench_function("transport equation, t = 1", |bencher| {
        bencher.iter(|| TransportFlow::new(black_box(1.0)));
    });
    group.bench_function("shaped correlation, T = 1", |bencher| {
        bencher.iter(|| ShapedCorrelation::new(0.0, -1.0, black_box(0.5), 1.0));
    });
    group.finish();
}

criterion_group!(benches, density);
criterion_main!(benches);
