//! NNGP and neural tangent kernels, beside their floor: the symmetric product of the inputs by the same
//! tiles, written to one matrix.
//!
//! `cargo bench -p benches --bench kernels`. Inputs are Gaussian in dimension 784; matrices belong to the
//! caller and are filled again and again. `KERNEL_POINTS=1000` takes another number of points than 4000.
//! `benches/peer/kernels.py` runs neural-tangents and NumPy on the same work.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nalgebra::DMatrix;
use neural_limits::activation::named;
use neural_limits::network::{Dense, Network};
use neural_limits::prelude::*;
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const DIMENSION: usize = 784;

fn normals(count: usize) -> Vec<f64> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(7);
    (0..count * DIMENSION)
        .map(|_| StandardNormal.sample(&mut generator))
        .collect()
}

fn points() -> usize {
    let set = std::env::var("KERNEL_POINTS").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(4000)
}

fn kernels(criterion: &mut Criterion) {
    let count = points();
    let data = normals(count);
    let x = Inputs::from_slice(&data, DIMENSION).expect("finite numbers");
    let mut nngp = DMatrix::zeros(count, count);
    let mut ntk = DMatrix::zeros(count, count);
    let mut group = criterion.benchmark_group(format!("kernels of {count} points"));
    group.sample_size(10);
    let product = Network::new().then(Dense::new(Initialization::lecun()));
    group.bench_function("the floor: x x' / d", |bencher| {
        bencher.iter(|| product.kernels_into(black_box(&x), None, Some(&mut nngp), None));
    });
    let biased = Initialization::new(2.0, 0.1).expect("variances");
    let mut run = |name: &str, init: Initialization, depth: usize| {
        let net = Mlp::new(named(name).expect("a name")).initialized_by(init);
        let net = net.at_depth(depth).expect("a depth");
        let bias = if init.bias_variance() > 0.0 {
            " with biases"
        } else {
            ""
        };
        let id = BenchmarkId::new(format!("{name}{bias}"), depth);
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                net.kernels_into(black_box(&x), None, Some(&mut nngp), Some(&mut ntk))
                    .expect("finite kernels");
            });
        });
    };
    for depth in [1, 3, 32, 1_000_000] {
        run("relu", Initialization::he(), depth);
    }
    for name in ["relu", "erf", "gelu", "tanh"] {
        for depth in [3, 32] {
            run(name, biased, depth);
        }
    }
    run("silu", biased, 3);
    for name in ["elu", "hard_tanh"] {
        run(name, biased, 3);
    }
    group.finish();

    let small = Inputs::from_slice(&data[..64 * DIMENSION], DIMENSION).expect("finite numbers");
    let mut group = criterion.benchmark_group("kernels of 64 points, relu with biases, depth 3");
    let net = Mlp::new(Relu).initialized_by(biased);
    let infinite = net.infinite_width(3).expect("a depth");
    group.bench_function("blocks", |bencher| {
        bencher.iter(|| infinite.kernels(black_box(&small)).expect("finite"));
    });
    group.bench_function("the naive form: pair by pair", |bencher| {
        bencher.iter(|| {
            for i in 0..small.len() {
                for j in 0..=i {
                    let (a, b) = (
                        small.point(i).expect("a point"),
                        small.point(j).expect("a point"),
                    );
                    black_box(infinite.tangent_pair(a, b).expect("finite"));
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
