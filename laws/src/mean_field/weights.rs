//! Weights with which values of a density at equidistant nodes give expectations of functions with kinks.

/// Gauss's rule of 6 nodes on $[0, 1]$: nodes, weights.
const RULE: [(f64, f64); 6] = [
    (0.033_765_242_898_423_99, 0.085_662_246_189_585_2),
    (0.169_395_306_766_867_74, 0.180_380_786_524_069_3),
    (0.380_690_406_958_401_55, 0.233_956_967_286_345_5),
    (0.619_309_593_041_598_5, 0.233_956_967_286_345_5),
    (0.830_604_693_233_132_3, 0.180_380_786_524_069_3),
    (0.966_234_757_101_576, 0.085_662_246_189_585_2),
];

/// Nodes of the interpolant.
pub(super) const POINTS: usize = 6;

/// Lagrange's polynomials of the nodes $-2, \ldots, 3$ at a share of the interval $[0, 1]$.
pub(super) fn lagrange(share: f64) -> [f64; POINTS] {
    std::array::from_fn(|i| {
        let own = i as f64 - 2.0;
        let others = (0..POINTS).filter(|&j| j != i).map(|j| j as f64 - 2.0);
        others
            .map(|other| (share - other) / (own - other))
            .product()
    })
}

/// A point of a rule on the intervals between nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) interval: usize,
    /// Where it is, in units of the spacing.
    pub(super) place: f64,
    pub(super) weight: f64,
    /// Lagrange's polynomials of the nodes around the interval.
    pub(super) polynomials: [f64; POINTS],
}

/// Calls `visit` with the points of Gauss's rule on the intervals between `count` nodes $0, 1, \ldots$, split
/// at the `breaks`.
pub(super) fn each_point(count: usize, breaks: &[f64], mut visit: impl FnMut(Point)) {
    let mut breaks = breaks.to_vec();
    breaks.sort_unstable_by(f64::total_cmp);
    let whole = RULE.map(|(node, weight)| (node, weight, lagrange(node)));
    let mut ends = Vec::new();
    for interval in 0..count.saturating_sub(1) {
        let start = interval as f64;
        let inside = breaks.iter().map(|place| place - start);
        let inside = inside.filter(|share| *share > 0.0 && *share < 1.0);
        ends.clear();
        ends.extend([0.0].into_iter().chain(inside).chain([1.0]));
        for pair in ends.windows(2) {
            let (low, length) = (pair[0], pair[1] - pair[0]);
            for (node, weight, polynomials) in whole {
                let share = low + length * node;
                visit(Point {
                    interval,
                    place: start + share,
                    weight: length * weight,
                    polynomials: if length == 1.0 {
                        polynomials
                    } else {
                        lagrange(share)
                    },
                });
            }
        }
    }
}

/// Adds `factor` times Lagrange's polynomials at a point to the weights of the nodes around it; nodes outside
/// of the grid, where densities are 0, have none.
#[inline]
pub(super) fn spread(weights: &mut [f64], point: &Point, factor: f64) {
    if let Some(first) = point.interval.checked_sub(2)
        && let Some(around) = weights.get_mut(first..first + POINTS)
    {
        for (weight, polynomial) in around.iter_mut().zip(&point.polynomials) {
            *weight += factor * polynomial;
        }
        return;
    }
    for (i, polynomial) in point.polynomials.iter().enumerate() {
        let node = (point.interval + i).checked_sub(2);
        if let Some(weight) = node.and_then(|node| weights.get_mut(node)) {
            *weight += factor * polynomial;
        }
    }
}

/// Weights $w$ with $\int f p = \sum_i w_i p_i$ for an $f$ that is analytic between `breaks`; places are in
/// units of the spacing. Without breaks the sum over the nodes is as good as $p$ is smooth; otherwise they
/// are exact where $p$ is a polynomial of degree 5 around each interval.
pub(super) fn on_line(count: usize, breaks: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    if breaks.is_empty() {
        return (0..count).map(|i| f(i as f64)).collect();
    }
    let mut weights = vec![0.0; count];
    each_point(count, breaks, |point| {
        spread(&mut weights, &point, point.weight * f(point.place));
    });
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
        let sum: f64 = weights
            .iter()
            .enumerate()
            .map(|(i, w)| w * density(i as f64))
            .sum();
        let mean = width * (middle - kink);
        let score = crate::numerics::normal::distribution(mean);
        let exact = (mean * mean + 1.0) * score + mean * crate::numerics::normal::density(mean);
        let norm = (2.0 * std::f64::consts::PI).sqrt();
        assert!((sum * width / norm - exact).abs() < 1e-9);
    }
}
