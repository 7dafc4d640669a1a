//! The correlation flow for 10⁶ pairs (c₀, t), against stepping the equation as the paper's experiments do;
//! kernels of infinite depth against those of 32 layers; a pair and a trajectory.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::activation::arc_cosine::{kappa0_slice, kappa1};
use neural_limits::activation::{Dual, named};
use neural_limits::depth::CorrelationFlow;
use neural_limits::prelude::*;

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
    group.bench_function("floor: vectorised acos, 10^6 values", |bencher| {
        bencher.iter(|| kappa0_slice(black_box(&c0), &mut out));
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

/// Points of the given number, of norms that differ.
fn points(count: usize) -> Vec<[f64; 3]> {
    let at = |i: usize, step: f64| 2.0 * ((i as f64 + 0.5) * step).fract() - 1.0;
    let row = |i| {
        [
            at(i, 0.819_172_513),
            at(i, 0.671_043_606),
            at(i, 0.549_700_477),
        ]
    };
    (0..count).map(row).collect()
}

/// Those of which single pairs are timed, too.
fn activations() -> [(&'static str, Arc<dyn Dual>); 4] {
    [
        ("relu", Arc::new(Relu)),
        ("erf", Arc::new(Erf::default())),
        ("gelu", Arc::new(Gelu)),
        ("tanh", Arc::new(Tanh)),
    ]
}

/// Without closed forms, with kinks or without.
fn more_activations() -> impl Iterator<Item = (&'static str, Arc<dyn Dual>)> {
    let names = ["elu", "hard_tanh", "relu6", "silu", "softplus", "softsign"];
    names
        .into_iter()
        .filter_map(|name| Some((name, named(name).ok()?)))
}

/// A 2000 × 2000 matrix at infinite depth beside one of 32 layers.
fn matrices(c: &mut Criterion) {
    const LAYERS: usize = 32;
    let rows = points(2000);
    let Ok(x) = Inputs::from_rows(&rows) else {
        return;
    };
    let mut group = c.benchmark_group("2000 points");
    group.sample_size(10);
    for (name, phi) in activations().into_iter().chain(more_activations()) {
        for bias in [0.0, 0.1] {
            let Ok(init) = Initialization::new(1.5, bias) else {
                continue;
            };
            let net = ResNet::new(Arc::clone(&phi)).initialized_by(init);
            group.bench_function(format!("{name}, bias {bias}, L = infinity"), |bencher| {
                bencher.iter(|| net.infinite_depth().covariance_at(black_box(&x), 1.0));
            });
            group.bench_function(format!("{name}, bias {bias}, L = 32"), |bencher| {
                bencher.iter(|| {
                    net.infinite_width(LAYERS)
                        .and_then(|net| net.nngp(black_box(&x)))
                });
            });
        }
    }
    group.finish();
}

/// One pair, and its trajectory.
fn pairs(c: &mut Criterion) {
    let (a, b) = ([1.0, 0.2, -0.4], [0.3, 0.9, 0.5]);
    let mut group = c.benchmark_group("a pair of a flow");
    group.sample_size(10);
    for (name, phi) in activations() {
        let Ok(init) = Initialization::new(1.5, 0.1) else {
            continue;
        };
        let limit = ResNet::new(Arc::clone(&phi))
            .initialized_by(init)
            .infinite_depth();
        group.bench_function(name, |bencher| {
            bencher.iter(|| limit.pair_at(black_box(&a), &b, 1.0));
        });
        group.bench_function(format!("{name}, with its tangent kernel"), |bencher| {
            bencher.iter(|| limit.tangent_pair_at(black_box(&a), &b, 1.0));
        });
        group.bench_function(format!("{name}, at all times"), |bencher| {
            bencher.iter(|| limit.pair_trajectory(black_box(&a), &b));
        });
        if let Ok(series) = ConvergentSeries::new(1.0, 0.75) {
            let slow = ResNet::new(Arc::clone(&phi))
                .initialized_by(init)
                .scaled_by(series);
            let limit = slow.infinite_depth();
            group.bench_function(format!("{name}, slow series"), |bencher| {
                bencher.iter(|| limit.pair_at(black_box(&a), &b, 1.0));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, flow, matrices, pairs);
criterion_main!(benches);
