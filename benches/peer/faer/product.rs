//! Both kernels of points at depth 3, into matrices that exist, beside faer's triangular product of the same
//! points with themselves.
//!
//! `cargo run --release --manifest-path benches/peer/faer/Cargo.toml --bin product -- 4000` prints the least
//! time of each over rounds in turns, and the ratios.

use std::time::Instant;

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatRef, Par};
use nalgebra::DMatrix;
use neural_limits::activation::named;
use neural_limits::prelude::*;

const ROUNDS: usize = 12;
const DIMENSION: usize = 784;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let points = std::env::args().find_map(|argument| argument.parse().ok());
    let n: usize = points.unwrap_or(4000);
    let mut data = vec![0.0; n * DIMENSION];
    Seed::new(7).stream(0).fill_normals(&mut data);
    let x = Inputs::from_slice(&data, DIMENSION)?;
    let biased = Initialization::new(2.0, 0.1)?;
    let names = [
        "relu",
        "erf",
        "gelu",
        "tanh",
        "sigmoid",
        "silu",
        "softplus",
        "mish",
        "softsign",
        "elu",
        "selu",
        "hard_tanh",
        "hard_sigmoid",
        "relu6",
        "sin",
        "gaussian",
        "cos",
        "rbf",
        "hermite",
        "polynomial",
        "power_kernel",
        "leaky_relu",
    ];
    let cases = names.map(|name| (name, biased));
    let mut networks = Vec::new();
    for (name, law) in [("relu", Initialization::he())].into_iter().chain(cases) {
        let label = format!("{name}, bias {}", law.bias_variance());
        networks.push((label, Mlp::new(named(name)?).initialized_by(law)));
    }
    let rows = MatRef::from_row_major_slice(&data, n, DIMENSION);
    let mut product = Mat::<f64>::zeros(n, n);
    let mut kernels = [DMatrix::zeros(n, n), DMatrix::zeros(n, n)];
    let mut floor = f64::INFINITY;
    let mut least = vec![f64::INFINITY; networks.len()];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        matmul(
            product.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            rows,
            BlockStructure::Rectangular,
            rows.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::rayon(0),
        );
        floor = floor.min(start.elapsed().as_secs_f64());
        for ((_, net), least) in networks.iter().zip(&mut least) {
            let net = net.at_depth(3)?;
            let [nngp, ntk] = &mut kernels;
            let start = Instant::now();
            net.kernels_into(&x, None, Some(nngp), Some(ntk))?;
            *least = least.min(start.elapsed().as_secs_f64());
        }
    }
    println!("N = {n}: faer's triangular product {floor:.4} s");
    for ((label, _), least) in networks.iter().zip(least) {
        println!("{label}: {least:.4} s, {:.2} x", least / floor);
    }
    Ok(())
}
