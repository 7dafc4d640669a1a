//! Weights with which values of a density at equidistant nodes give expectations of functions with kinks.

use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};

/// Nodes of the interpolant.
pub(super) const POINTS: usize = 6;

/// Lagrange's polynomials of the nodes $-2, \ldots, 3$ at a share of the interval $[0, 1]$.
pub(super) fn lagrange(share: f64) -> [f64; POINTS] {
    std::array::from_fn(|i| {
        let own = i as f64 - 2.0;
        let others = (0..POINTS).filter(|&j| j != i).map(|j| j as f64 - 2.0);
        others.map(|other| (share - other) / (own - other)).product()
    })
}

/// The points of Gauss's rule on the intervals between `count` nodes $0, 1, \ldots$, split at `breaks`: the
/// interval, the share of it, the weight.
pub(super) fn points(count: usize, breaks: &[f64]) -> impl Iterator<Item = (usize, f64, f64)> {
    let mut breaks = breaks.to_vec();
    breaks.sort_unstable_by(f64::total_cmp);
    (0..count.saturating_sub(1)).flat_map(move |i| {
        let inside = breaks.iter().map(|place| place - i as f64);
        let inside = inside.filter(|share| *share > 0.0 && *share < 1.0);
        let ends: Vec<f64> = [0.0].into_iter().chain(inside).chain([1.0]).collect();
        let pieces: Vec<_> = ends
            .windows(2)
            .flat_map(|pair| {
                let (low, length) = (pair[0], pair[1] - pair[0]);
                (0..SIZE).map(move |k| (i, low + length * NODES[k], length * WEIGHTS[k]))
            })
            .collect();
        pieces
    })
}

/// Adds `factor` times Lagrange's polynomials around an interval to the weights of its nodes; nodes outside of
/// the grid, where densities are 0, have none.
pub(super) fn spread(weights: &mut [f64], interval: usize, polynomials: &[f64; POINTS], factor: f64) {
    for (i, polynomial) in polynomials.iter().enumerate() {
        if let Some(weight) = (interval + i)
            .checked_sub(2)
            .and_then(|node| weights.get_mut(node))
        {
            *weight += factor * polynomial;
        }
    }
}

/// Weights $w$ with $\int f p = \sum_i w_i p_i$, exact where $p$ is a polynomial of degree 5 around each
/// interval; $f$ is analytic between `breaks`. Places are in units of the spacing.
pub(super) fn on_line(count: usize, breaks: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut weights = vec![0.0; count];
    let table: [[f64; POINTS]; SIZE] = std::array::from_fn(|k| lagrange(NODES[k]));
    for (place, (interval, share, weight)) in points(count, breaks).enumerate() {
        // without a break in between the points are those of the table
        let known = table[place % SIZE];
        let polynomials = if share == NODES[place % SIZE] {
            known
        } else {
            lagrange(share)
        };
        let value = f(interval as f64 + share);
        spread(&mut weights, interval, &polynomials, weight * value);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kink_between_nodes_costs_no_accuracy() {
        let (count, kink) = (240, 120.3);
        let (width, middle) = (0.1, 119.5);
        let density = |x: f64| (-0.5 * (width * (x - middle)).powi(2)).exp();
        let f = |x: f64| (width * (x - kink)).max(0.0).powi(2);
        let weights = on_line(count, &[kink], f);
        let sum: f64 = weights.iter().enumerate().map(|(i, w)| w * density(i as f64)).sum();
        let mean = width * (middle - kink);
        let score = crate::numerics::normal::distribution(mean);
        let exact = (mean * mean + 1.0) * score + mean * crate::numerics::normal::density(mean);
        let norm = (2.0 * std::f64::consts::PI).sqrt();
        assert!((sum * width / norm - exact).abs() < 1e-9);
    }
}
