//! Measurements against a size, printed.

use crate::measurements::Scaling;

/// Prints scalings of one set of sizes, with fitted exponents and their 95 % intervals.
pub fn print(title: &str, sizes: &[usize], scalings: &[Scaling]) {
    println!("\n{title}");
    print!("{:<34}", "");
    for size in sizes {
        print!("{size:>10}");
    }
    println!("  exponent                 theory");
    for scaling in scalings {
        print!("{:<34}", scaling.name);
        for observation in &scaling.observations {
            print!("{:>10.2e}", observation.error);
        }
        match scaling.exponent() {
            Some(exponent) => println!("  {exponent}  {}", scaling.expected),
            None => println!("  {:<23}  {}", "none", scaling.expected),
        }
    }
}
