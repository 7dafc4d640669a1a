//! Conditional sampling against the floor: drawing the same number of normals.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nalgebra::DMatrix;
use neural_limits::ensemble::Ensemble;
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::sample::{EmpiricalKernels, NormSampler};

const WIDTH: usize = 1024;
const DEPTH: usize = 1024;

fn sampler(c: &mut Criterion) {
    let net = ResNet::new(Relu);
    let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]).expect("valid inputs");
    let finite = net.finite(WIDTH, DEPTH).expect("valid sizes");
    let normals = WIDTH * (DEPTH + 1) * x.len();
    let mut rng = Seed::new(7).stream(0);
    let mut group = c.benchmark_group("one network, n = L = 1024, m = 2");
    group.sample_size(20);
    group.throughput(Throughput::Elements(normals as u64));
    let mut block = [0.0_f64; 512];
    group.bench_function("floor: as many normals", |bencher| {
        bencher.iter(|| {
            for _ in 0..normals / block.len() {
                rng.fill_normals(&mut block);
                black_box(&mut block);
            }
        });
    });
    group.bench_function("conditional sampler", |bencher| {
        bencher.iter(|| finite.draw(black_box(&x), &mut rng));
    });
    group.finish();

    let small = net.finite(128, 128).expect("valid sizes");
    let dense = small.clone().with_sampler(Sampler::Dense);
    let mut group = c.benchmark_group("one network, n = L = 128, m = 2");
    group.bench_function("naive: dense weights", |bencher| {
        bencher.iter(|| dense.draw(black_box(&x), &mut rng));
    });
    group.bench_function("conditional sampler", |bencher| {
        bencher.iter(|| small.draw(black_box(&x), &mut rng));
    });
    group.finish();
}

/// As many normals, and the products ΦᵀΦ of features that are there already.
fn many_inputs(c: &mut Criterion) {
    const DEPTH: usize = 64;
    let rows: Vec<[f64; 2]> = (0..64)
        .map(|i| (0.1 * f64::from(i)).sin_cos().into())
        .collect();
    let x = Inputs::from_rows(&rows).expect("valid inputs");
    let mut rng = Seed::new(7).stream(0);
    let mut group = c.benchmark_group("one network, n = 1024, L = 64, m = 64");
    group.sample_size(10);
    let mut block = vec![0.0_f64; 256 * x.len()];
    let features = DMatrix::from_fn(WIDTH, x.len(), |i, j| f64::from((i * j % 17) as u32));
    group.bench_function("floor: products and normals", |bencher| {
        bencher.iter(|| {
            for _ in 0..DEPTH {
                black_box(black_box(&features).transpose() * &features);
                for _ in 0..WIDTH / 256 {
                    rng.fill_normals(&mut block);
                    black_box(&mut block);
                }
            }
        });
    });
    let finite = ResNet::new(Relu).finite(WIDTH, DEPTH).expect("valid sizes");
    group.bench_function("conditional sampler", |bencher| {
        bencher.iter(|| finite.draw(black_box(&x), &mut rng));
    });
    group.finish();
}

/// Dense weights that are never stored.
fn dense(c: &mut Criterion) {
    let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]).expect("valid inputs");
    let finite = ResNet::new(Relu).finite(1024, 32).expect("valid sizes");
    let finite = finite.with_sampler(Sampler::Dense);
    let mut rng = Seed::new(7).stream(0);
    let mut group = c.benchmark_group("dense weights, n = 1024, L = 32, m = 2");
    group.sample_size(10);
    group.throughput(Throughput::Elements(32 * 1024 * 1024));
    group.bench_function("dense sampler", |bencher| {
        bencher.iter(|| finite.draw(black_box(&x), &mut rng));
    });
    group.finish();
}

/// Networks beside each other: on two cores against one (`RAYON_NUM_THREADS=1`).
fn ensembles(c: &mut Criterion) {
    let correlation = Correlation::between(&[1.0, 0.0], &[0.6, 0.8]).expect("valid inputs");
    let net = ResNet::new(Relu);
    let mut group = c.benchmark_group("ensembles");
    group.sample_size(10);
    for (sampler, depth, count) in [(Sampler::Conditional, 64, 512), (Sampler::Dense, 16, 64)] {
        let finite = net.finite(WIDTH, depth).expect("valid sizes");
        let finite = finite.with_sampler(sampler);
        let ensemble = Ensemble::of(&finite, &[&correlation], 7).expect("functions");
        group.bench_function(
            format!("{count} networks, n = 1024, L = {depth}, {sampler:?}"),
            |bencher| bencher.iter(|| ensemble.run(black_box(count))),
        );
    }
    group.finish();
}

/// The tangent kernel of a given network; of random ones, by conditioning and by weights.
fn tangent(c: &mut Criterion) {
    let rows: Vec<Vec<f64>> = (0..32)
        .map(|i| {
            (0..32)
                .map(|j| f64::from((i * 7 + j * j) % 13) / 6.0 - 1.0)
                .collect()
        })
        .collect();
    let x = Inputs::from_rows(&rows).expect("valid inputs");
    let mut rng = Seed::new(7).stream(0);
    let readout = Dense::new(Initialization::he())
        .with_width(1)
        .expect("a width");
    let hidden = Dense::new(Initialization::he());
    let mut net = Network::new().then(hidden);
    for _ in 0..2 {
        net = net.then(Activated::new(Relu)).then(hidden);
    }
    let net = net.then(Activated::new(Relu)).then(readout);
    let finite = net.finite(512, 1).expect("valid sizes");
    let network = finite.with_weights(32, &mut rng).expect("weights");
    let mut group = c.benchmark_group("tangent kernels");
    group.sample_size(10);
    group.bench_function(
        "of one network, 3 hidden layers of 512, N = 32",
        |bencher| {
            bencher.iter(|| EmpiricalKernels::of(black_box(&*network), &x).ntk());
        },
    );
    let x = Inputs::from_rows(&rows[..8]).expect("valid inputs");
    // two networks at once, since one is drawn on one thread by conditioning and on all with weights; and an
    // eighth of 32 layers with weights, which would take 4.3 GB each
    for (name, sampler, depth) in [
        (
            "two by conditioning, n = 4096, L = 32, m = 8",
            Sampler::Conditional,
            32,
        ),
        ("two by weights, n = 4096, L = 4, m = 8", Sampler::Dense, 4),
    ] {
        let net = Mlp::new(Relu).initialized_by(Initialization::he());
        let finite = net
            .finite(4096, depth)
            .expect("valid sizes")
            .with_sampler(sampler);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                std::thread::scope(|scope| {
                    for i in 0..2 {
                        let (finite, x) = (&finite, black_box(&x));
                        let mut rng = Seed::new(7).stream(i);
                        scope.spawn(move || finite.record_with_gradients(x, false, &mut rng));
                    }
                });
            });
        });
    }
    group.finish();
}

/// A layer of a network whose norm is a chain of numbers.
fn norms(c: &mut Criterion) {
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let mut rng = Seed::new(7).stream(0);
    let mut group = c.benchmark_group("the norm at one input, 1000 layers");
    for width in [64, 1_000_000_000] {
        let chain = NormSampler::new(&net, &[1.0, 0.5], width, 1000).expect("a chain");
        group.bench_function(format!("n = {width}"), |bencher| {
            bencher.iter(|| chain.draw(&mut rng));
        });
    }
    group.finish();
}

criterion_group!(
    benches,
    sampler,
    many_inputs,
    dense,
    ensembles,
    tangent,
    norms
);
criterion_main!(benches);
