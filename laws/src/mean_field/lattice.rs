//! Lattices of the plane, and diffusions on them along integer directions.

use super::heat::{Heat, Steps};

/// Reductions of a basis; each of them shortens it.
const REDUCTIONS: usize = 200;

/// Nodes $x_{ij} = o + h\, C (i, j)^\top$ with a lower triangular $C$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    pub(super) origin: [f64; 2],
    /// $C_{11}, C_{21}, C_{22}$ times $h$.
    pub(super) factor: [f64; 3],
    pub(super) shape: [usize; 2],
}

impl Lattice {
    /// The area of a cell.
    pub(super) fn cell(&self) -> f64 {
        self.factor[0] * self.factor[2]
    }

    /// The point at a place.
    pub(super) fn point(&self, [i, j]: [f64; 2]) -> [f64; 2] {
        let [first, mixed, second] = self.factor;
        [
            self.origin[0] + first * i,
            self.origin[1] + mixed * i + second * j,
        ]
    }

    /// The place of a point.
    pub(super) fn place(&self, [a, b]: [f64; 2]) -> [f64; 2] {
        let [first, mixed, second] = self.factor;
        let i = (a - self.origin[0]) / first;
        [i, (b - self.origin[1] - mixed * i) / second]
    }

    /// A covariance $(v_a, v_b, v_{ab})$ in units of the lattice.
    pub(super) fn in_units(&self, [a, b, ab]: [f64; 3]) -> [f64; 3] {
        let [first, mixed, second] = self.factor;
        let aa = a / (first * first);
        let across = (ab / first - mixed * aa) / second;
        let bb = (b - 2.0 * mixed * ab / first + mixed * mixed * aa) / (second * second);
        [aa, bb, across]
    }

    /// Every second node in both directions.
    pub(super) fn coarser(self) -> Self {
        Self {
            factor: self.factor.map(|entry| 2.0 * entry),
            shape: self.shape.map(|count| count / 2 + 1),
            ..self
        }
    }

    /// Adds an independent Gaussian of this covariance to a density.
    ///
    /// $\tfrac12 T : \nabla^2 = \tfrac12 \sum_k \lambda_k (v_k \cdot \nabla)^2$ with $\lambda_k \ge 0$ and
    /// three integer vectors $v_k$: the diffusions commute, so that one after another is exact, and each is a
    /// diffusion along lines of the lattice, positive and conservative, whatever the correlation.
    pub(super) fn diffuse(&self, heat: &mut Heat, values: &mut [f64], covariance: [f64; 3]) {
        for (direction, lambda) in selling(self.in_units(covariance)) {
            if lambda > 0.0 {
                self.along(heat, values, direction, Steps::of(0.5 * lambda));
            }
        }
    }

    /// [`diffuse`](Self::diffuse) without short steps; what they would have added is returned.
    pub(super) fn diffuse_long(
        &self,
        heat: &mut Heat,
        values: &mut [f64],
        covariance: [f64; 3],
    ) -> [f64; 3] {
        let mut rest = [0.0; 3];
        for (direction, lambda) in selling(self.in_units(covariance)) {
            let steps = Steps::of(0.5 * lambda);
            if steps.are_short() {
                let [i, j] = direction.map(|x| x as f64);
                let [first, mixed, second] = self.factor;
                let (a, b) = (first * i, mixed * i + second * j);
                for (rest, product) in rest.iter_mut().zip([a * a, b * b, a * b]) {
                    *rest += lambda * product;
                }
            } else {
                self.along(heat, values, direction, steps);
            }
        }
        rest
    }

    /// All lines of a direction.
    fn along(&self, heat: &mut Heat, values: &mut [f64], [i, j]: [i64; 2], steps: Steps) {
        let [rows, columns] = self.shape.map(|count| count as i64);
        let inside = |r: i64, c: i64| (0..rows).contains(&r) && (0..columns).contains(&c);
        for row in 0..rows {
            for column in 0..columns {
                if inside(row - i, column - j) {
                    continue;
                }
                // both signs of j occur; i is not negative
                let steps_in = |from: i64, step: i64, count: i64| match step {
                    0 => i64::MAX,
                    _ if step > 0 => (count - 1 - from) / step,
                    _ => from / -step,
                };
                let count = steps_in(row, i, rows).min(steps_in(column, j, columns)) + 1;
                let start = row * columns + column;
                let stride = i * columns + j;
                if count > 1 && stride > 0 {
                    let line = (start as usize, stride as usize, count as usize);
                    heat.advance(values, line, steps);
                }
            }
        }
    }
}

/// $T = \sum_k \lambda_k v_k v_k^\top$ from $(T_{11}, T_{22}, T_{12})$, positive definite, with integer $v_k$
/// and $\lambda_k \ge 0$ (E. Selling 1874): a superbase is reduced until its vectors form obtuse angles in
/// the metric $T$, the $v_k$ are its vectors turned by a right angle. The first entry of each $v_k$ is $\ge
/// 0$, and the second positive where the first is 0.
fn selling([a, b, ab]: [f64; 3]) -> [([i64; 2], f64); 3] {
    let product = |e: [i64; 2], f: [i64; 2]| {
        let ([e1, e2], [f1, f2]) = (e.map(|x| x as f64), f.map(|x| x as f64));
        a * e1 * f1 + b * e2 * f2 + ab * (e1 * f2 + e2 * f1)
    };
    let mut base = [[1, 0], [0, 1], [-1, -1]];
    for _ in 0..REDUCTIONS {
        let acute = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
            .into_iter()
            .find(|&(i, j, _)| product(base[i], base[j]) > 0.0);
        let Some((i, j, _)) = acute else { break };
        // (e, f, -e-f) becomes (-e, f, e-f)
        let (e, f): ([i64; 2], [i64; 2]) = (base[i], base[j]);
        base = [[-e[0], -e[1]], f, [e[0] - f[0], e[1] - f[1]]];
    }
    [(0, 1, 2), (1, 2, 0), (2, 0, 1)].map(|(i, j, k)| {
        let [x, y] = base[k];
        let turned = if y < 0 || y == 0 && x > 0 {
            [-y, x]
        } else {
            [y, -x]
        };
        (turned, (-product(base[i], base[j])).max(0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_covariance_is_a_sum_of_lattice_directions() {
        for (a, b, rho) in [
            (1.0, 1.0, 0.0),
            (1.0, 1.0, 0.99),
            (1.0, 0.05, -0.9),
            (30.0, 1.0, 0.999),
            (1e-3, 1.0, 0.7),
            (1.0, 1.0, -1.0 + 1e-6),
        ] {
            let ab = rho * f64::sqrt(a * b);
            let mut sum = [0.0; 3];
            for ([i, j], lambda) in selling([a, b, ab]) {
                assert!(lambda >= 0.0 && (i > 0 || i == 0 && j > 0), "{i} {j}");
                let (i, j) = (i as f64, j as f64);
                for (sum, product) in sum.iter_mut().zip([i * i, j * j, i * j]) {
                    *sum += lambda * product;
                }
            }
            for (sum, entry) in sum.iter().zip([a, b, ab]) {
                assert!(
                    (sum - entry).abs() < 1e-9 * a.max(b),
                    "{rho}: {sum} {entry}"
                );
            }
        }
    }

    /// A correlation far beyond what a stencil of neighbours allows, on a square lattice.
    #[test]
    fn a_gaussian_stays_one_and_its_mass_too() {
        let (count, width) = (141_usize, 0.1);
        let shape = [count, count];
        let lattice = Lattice {
            origin: [-7.0, -7.0],
            factor: [width, 0.0, width],
            shape,
        };
        let at = |v: [f64; 3], [x, y]: [f64; 2]| {
            let det = v[0] * v[1] - v[2] * v[2];
            let form = (v[1] * x * x - 2.0 * v[2] * x * y + v[0] * y * y) / det;
            (-0.5 * form).exp() / (2.0 * std::f64::consts::PI * det.sqrt())
        };
        let nodes = (0..count * count).map(|k| [(k / count) as f64, (k % count) as f64]);
        let points: Vec<_> = nodes.map(|place| lattice.point(place)).collect();
        for rho in [0.95, -0.8, 0.3] {
            let start = [0.3, 0.3, 0.2 * rho];
            let mut p: Vec<f64> = points.iter().map(|&x| at(start, x)).collect();
            let mass: f64 = p.iter().sum();
            let added = [0.4, 0.1, 0.2 * rho];
            lattice.diffuse(&mut Heat::default(), &mut p, added);
            let end: [f64; 3] = std::array::from_fn(|k| start[k] + added[k]);
            let wrong = p.iter().zip(&points).map(|(p, &x)| (p - at(end, x)).abs());
            let wrong: f64 = wrong.sum::<f64>() * width * width;
            assert!(wrong < 1e-4, "{rho}: {wrong}");
            assert!(p.iter().all(|p| *p >= 0.0));
            assert!((p.iter().sum::<f64>() / mass - 1.0).abs() < 1e-12);
        }
    }
}
