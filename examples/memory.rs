//! Peak memory of both kernels of N points against that of the matrices themselves, or of the tangent kernel
//! of a network of 784-1024-10 neurons at 64 points, all 640 x 640 entries.
//!
//! `cargo run --release --example memory -- 8000`, `... -- network` (Linux: reads /proc/self/status).

use neural_limits::prelude::*;
use neural_limits::sample::EmpiricalKernels;

/// The process's peak memory in MiB.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn data(count: usize) -> Vec<f64> {
    (0..count)
        .map(|i| {
            ((i as f64 * 0.618_033_988_749_895).fract() - 0.5) * (1.0 + 0.2 * (i as f64).sin())
        })
        .collect()
}

fn network(dimension: usize) -> Result<(), Box<dyn std::error::Error>> {
    let data = data(64 * dimension);
    let x = Inputs::from_slice(&data, dimension)?;
    let before = peak().ok_or("no /proc/self/status here")?;
    let dense = Dense::new(Initialization::he());
    let net = Network::new().then(dense).then(Activated::new(Relu));
    let net = net.then(dense.with_width(10)?);
    let network = net.finite(1024, 1)?;
    let network = network.with_weights(dimension, &mut Seed::new(1).stream(0))?;
    let weights = peak().ok_or("no /proc/self/status here")? - before;
    let ntk = EmpiricalKernels::of(&*network, &x).ntk_full()?;
    let used = peak().ok_or("no /proc/self/status here")? - before;
    println!(
        "NTK of 784-1024-10 neurons at 64 points, {} x {}: {used:.0} MiB above the inputs, of which weights {weights:.0} MiB (trace {:.6})",
        ntk.nrows(),
        ntk.ncols(),
        ntk.trace()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dimension = 784;
    let count: usize = match std::env::args().nth(1) {
        Some(text) if text == "network" => return network(dimension),
        Some(text) => text.parse()?,
        None => 2000,
    };
    let data = data(count * dimension);
    let x = Inputs::from_slice(&data, dimension)?;
    let before = peak().ok_or("no /proc/self/status here")?;
    let outputs = 2.0 * (count * count * 8) as f64 / (1 << 20) as f64;
    let init = Initialization::new(2.0, 0.1)?;
    for name in ["relu", "gelu", "tanh"] {
        let net = Mlp::new(neural_limits::activation::named(name)?).initialized_by(init);
        let kernels = net.infinite_width(3)?.kernels(&x)?;
        let used = peak().ok_or("no /proc/self/status here")? - before;
        println!(
            "{name}: both kernels of {count} points: {used:.0} MiB above the inputs, of which matrices {outputs:.0} MiB; rest {:.0} MiB (entry {:.6})",
            used - outputs,
            kernels.ntk[(0, count - 1)]
        );
    }
    Ok(())
}
