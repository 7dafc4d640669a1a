//! Sums over the degrees of Hermite polynomials, and what they leave out.

use super::tensors::SymmetricPowers;
use crate::activation::Activation;
use crate::activation::expectation::jumps;

/// The highest degree of the Hermite coefficients.
pub(super) const DEGREE: usize = 160;

/// Where sums over degrees are taken to end: the second for an estimate of what they leave out.
pub(super) const ENDS: [usize; 2] = [DEGREE, DEGREE / 2];

/// What a kink of $\varphi$ leaves out beyond degree $p$ is like these powers of $1/p$: of covariances, and
/// of those with second derivatives.
const TAILS: [f64; 2] = [2.5, 1.5];

/// The same of a jump.
const TAILS_OF_JUMPS: [f64; 2] = [1.5, 0.5];

/// What a degree counts for in a sum that ends at `end`: 1 up to half of it, and then such weights that the
/// least-squares fit of $S - A (p + \tfrac12)^{-\text{power}}$ to the partial sums gives $S$; 1 for an
/// infinite power.
fn summation(end: usize, power: f64) -> Vec<f64> {
    if power.is_infinite() {
        return vec![1.0; end + 1];
    }
    let half = end / 2;
    let x: Vec<f64> = (half..=end)
        .map(|p| (p as f64 + 0.5).powf(-power))
        .collect();
    let size = x.len() as f64;
    let mean = x.iter().sum::<f64>() / size;
    let spread: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    let of_partial = x.iter().map(|x| 1.0 / size - mean * (x - mean) / spread);
    let of_partial: Vec<f64> = of_partial.collect();
    let weight = |p: usize| of_partial[p.saturating_sub(half)..].iter().sum();
    (0..=end).map(weight).collect()
}

/// How degrees are summed, and what maps do to them.
pub(super) struct Sums {
    pub(super) powers: SymmetricPowers,
    /// Of coefficients whose second derivatives are needed.
    pub(super) more_powers: SymmetricPowers,
    /// Of covariances, and of those with second derivatives.
    pub(super) weights: [[Vec<f64>; 2]; ENDS.len()],
}

impl Sums {
    pub(super) fn new(phi: &dyn Activation) -> Self {
        let tails = if jumps::is_discontinuous(phi) {
            TAILS_OF_JUMPS
        } else if jumps::of_derivative(phi).is_empty() {
            // what is left out falls faster, like p^-4.5 where φ'' jumps
            [f64::INFINITY; 2]
        } else {
            TAILS
        };
        Self {
            powers: SymmetricPowers::new(DEGREE),
            more_powers: SymmetricPowers::new(DEGREE + 2),
            weights: ENDS.map(|end| tails.map(|power| summation(end, power))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A telescoping sum, whose partial sums have exactly the tail that is fitted.
    #[test]
    fn tails_of_a_power_are_summed() {
        for power in [1.5, 2.5] {
            let term = |p: usize| {
                let p = p as f64;
                (p + 0.5).powf(-power) - (p + 1.5).powf(-power)
            };
            let weights = summation(160, power);
            let sum: f64 = (1..=160).map(|p| weights[p] * term(p - 1)).sum();
            assert!((sum - 0.5_f64.powf(-power)).abs() < 1e-13);
        }
        assert_eq!(summation(3, f64::INFINITY), [1.0; 4]);
    }
}
