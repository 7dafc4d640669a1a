//! Diffusion paths against the floor: drawing the same number of normals.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::prelude::*;

const WIDTH: usize = 64;
const STEPS: usize = 1000;
const PATHS: usize = 1000;

fn diffusion(c: &mut Criterion) {
    let mut group = c.benchmark_group("1000 paths, n = 64, 1000 steps, one thread");
    group.sample_size(10);
    group.throughput(Throughput::Elements((WIDTH * STEPS * PATHS) as u64));
    let mut rng = Seed::new(7).stream(0);
    for together in [WIDTH, 16 * WIDTH] {
        let mut block = vec![0.0_f64; together];
        group.bench_function(
            format!("floor: as many normals, by {together}"),
            |bencher| {
                bencher.iter(|| {
                    for _ in 0..WIDTH * STEPS * PATHS / together {
                        rng.fill_normals(&mut block);
                        black_box(&mut block);
                    }
                });
            },
        );
    }
    let x = Inputs::from_rows(&[[1.0]]).expect("valid inputs");
    for (name, net) in [("ReLU", ResNet::new(Relu)), ("tanh", ResNet::new(Tanh))] {
        let diffusion = net.diffusion(WIDTH).expect("a residual network");
        let diffusion = diffusion.with_steps(STEPS).expect("valid steps");
        group.bench_function(format!("paths of {name}"), |bencher| {
            bencher.iter(|| {
                for _ in 0..PATHS {
                    let path = diffusion.path(black_box(&x), &[1.0], &mut rng);
                    black_box(path.expect("a path"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, diffusion);
criterion_main!(benches);
