//! Regression, which is a factor, its condition and two triangular solves, beside faer's Cholesky factor and
//! solve of the same matrix.
//!
//! `cargo run --release --manifest-path benches/peer/faer/Cargo.toml -- 4000` prints the least processor time
//! and the least time of each over rounds in turns, and the ratios.

use std::time::Instant;

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use nalgebra::DMatrix;
use neural_limits::inference::{Noise, Regression};

const ROUNDS: usize = 5;

/// Seconds of all threads of this process, in steps of a hundredth.
fn processor_time() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default();
    let ticks = |place: usize| -> f64 {
        let field = fields.split_whitespace().nth(place);
        field.and_then(|field| field.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let points = std::env::args().find_map(|argument| argument.parse().ok());
    let n: usize = points.unwrap_or(4000);
    let distance = |i: usize, j: usize| i.abs_diff(j) as f64;
    let entry = |i: usize, j: usize| (-0.01 * distance(i, j)).exp();
    let (kernel, y) = (
        DMatrix::from_fn(n, n, entry),
        DMatrix::from_element(n, 1, 1.0),
    );
    let noise = 0.1;
    let noisy = Mat::from_fn(n, n, |i, j| entry(i, j) + if i == j { noise } else { 0.0 });
    let targets = Mat::from_fn(n, 1, |_, _| 1.0);
    let mut least = [[f64::INFINITY; 2]; 2];
    for _ in 0..ROUNDS {
        let mut time = |which: usize, work: &dyn Fn() -> f64| {
            let (start, before) = (Instant::now(), processor_time());
            let weight = work();
            assert!(weight.is_finite());
            let [processor, wall] = &mut least[which];
            *processor = processor.min(processor_time() - before);
            *wall = wall.min(start.elapsed().as_secs_f64());
            weight
        };
        let own = time(0, &|| {
            Regression::new(&kernel, &y, Noise::Variance(noise))
                .expect("a posterior")
                .weights()[0]
        });
        let other = time(1, &|| {
            let factor = noisy.llt(Side::Lower).expect("a factor");
            factor.solve(&targets)[(0, 0)]
        });
        assert!((own / other - 1.0).abs() < 1e-9);
    }
    let [[own, own_wall], [other, other_wall]] = least;
    println!("N = {n}: regression {own:.2} s of the processor ({own_wall:.2} s)");
    println!("faer's factor and solve {other:.2} s of the processor ({other_wall:.2} s)");
    println!("ratio {:.2} ({:.2})", own / other, own_wall / other_wall);
}
