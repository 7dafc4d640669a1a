//! Training beyond the limits, measured: how far networks of finite width stay from the kernel regime, the
//! catapult of a ReLU network, and particles beside their mean field.
//!
//! ```sh
//! cargo run --release --example training
//! ```

mod catapult;
mod kernel_regime;
mod mean_field;
mod table;

use neural_limits::Error;

fn main() -> Result<(), Error> {
    let full = Size {
        widths: &[32, 64, 128, 256, 512],
        networks: 8,
        catapult: 1024,
        particles: &[64, 256, 1024, 4096],
        runs: 32,
    };
    report(&full)
}

/// How much is measured.
struct Size {
    widths: &'static [usize],
    networks: usize,
    /// The width of the network that is catapulted.
    catapult: usize,
    particles: &'static [usize],
    runs: usize,
}

fn report(size: &Size) -> Result<(), Error> {
    kernel_regime::report(size.widths, size.networks)?;
    catapult::report(size.catapult)?;
    mean_field::report(size.particles, size.runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_report_is_printed() {
        let small = Size {
            widths: &[16, 32, 64],
            networks: 2,
            catapult: 64,
            particles: &[16, 32, 64],
            runs: 2,
        };
        report(&small).unwrap();
    }
}
