//! The correlation flow for 10⁶ pairs (c₀, t), against stepping the equation as the paper's experiments do.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::activation::arc_cosine::kappa1;
use neural_limits::depth::CorrelationFlow;

const PAIRS: usize = 1_000_000;
const STEPPED: usize = 10;

/// Euler's method with the step 1e-4 of Hayou and Yang's experiments.
fn euler(c0: f64, time: f64) -> f64 {
    const STEP: f64 = 1e-4;
    let mut c = c0;
    for _ in 0..(time / STEP) as usize {
        c += STEP * 0.5 * (kappa1(c).unwrap_or(1.0) - c);
    }
    c
}

fn flow(c: &mut Criterion) {
    let flow = CorrelationFlow::shared();
    let c0: Vec<f64> = (0..PAIRS)
        .map(|i| -1.0 + 2.0 * ((i as f64 * 0.618_033_988_749_895) % 1.0))
        .collect();
    let times: Vec<f64> = (0..PAIRS).map(|i| (i % 1000) as f64 / 1000.0).collect();
    let mut out = vec![0.0; PAIRS];
    let mut group = c.benchmark_group("correlation flow");
    group.sample_size(10);
    group.throughput(Throughput::Elements(PAIRS as u64));
    group.bench_function("at_slice, 10^6 pairs", |bencher| {
        bencher.iter(|| flow.at_slice(black_box(&c0), black_box(&times), &mut out));
    });
    group.bench_function("floor: f64::acos, 10^6 values", |bencher| {
        bencher.iter(|| {
            for (out, c) in out.iter_mut().zip(black_box(&c0)) {
                *out = c.acos();
            }
        });
    });
    group.throughput(Throughput::Elements(STEPPED as u64));
    group.bench_function("naive: Euler with step 1e-4, 10 pairs", |bencher| {
        bencher.iter(|| {
            for ((out, c0), time) in out.iter_mut().zip(&c0).zip(&times[500..]).take(STEPPED) {
                *out = euler(black_box(*c0), *time);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, flow);
criterion_main!(benches);
