//! Conditional sampling against the floor: drawing the same number of normals.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::prelude::*;
use rand_distr::{Distribution, StandardNormal};

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
                for z in &mut block {
                    *z = StandardNormal.sample(&mut rng);
                }
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

criterion_group!(benches, sampler);
criterion_main!(benches);
