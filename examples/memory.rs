//! Peak memory of both kernels of N points against that of the matrices themselves.
//!
//! `cargo run --release --example memory -- 8000` (Linux: reads /proc/self/status).

use neural_limits::prelude::*;

/// The process's peak memory in MiB.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 2000,
    };
    let dimension = 784;
    let data: Vec<f64> = (0..count * dimension)
        .map(|i| {
            ((i as f64 * 0.618_033_988_749_895).fract() - 0.5) * (1.0 + 0.2 * (i as f64).sin())
        })
        .collect();
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
