//! The arc-cosine map over a slice, against its naive form and `f64::acos` alone.

use std::f64::consts::PI;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::activation::arc_cosine::{kappa0_slice, kappa1_slice};

const SIZE: usize = 4096;

fn arc_cosine(c: &mut Criterion) {
    // in no order, as the entries of a Gram matrix are
    let correlations: Vec<f64> = (0..SIZE)
        .map(|i| -1.0 + 2.0 * ((i as f64 * 0.618_033_988_749_895) % 1.0))
        .collect();
    let mut out = vec![0.0; SIZE];
    let mut group = c.benchmark_group("arc-cosine maps");
    group.throughput(Throughput::Elements(SIZE as u64));
    group.bench_function("floor: f64::acos", |bencher| {
        bencher.iter(|| {
            for (out, c) in out.iter_mut().zip(black_box(&correlations)) {
                *out = c.acos();
            }
        });
    });
    group.bench_function("naive: (sqrt(1 - c^2) + c (pi - acos c)) / pi", |bencher| {
        bencher.iter(|| {
            for (out, c) in out.iter_mut().zip(black_box(&correlations)) {
                *out = ((1.0 - c * c).sqrt() + c * (PI - c.acos())) / PI;
            }
        });
    });
    group.bench_function("kappa1_slice", |bencher| {
        bencher.iter(|| kappa1_slice(black_box(&correlations), &mut out));
    });
    group.bench_function("kappa0_slice", |bencher| {
        bencher.iter(|| kappa0_slice(black_box(&correlations), &mut out));
    });
    group.finish();
}

criterion_group!(benches, arc_cosine);
criterion_main!(benches);
