//! The heat equation along one direction of a lattice: conservative, positive, of order 6.

/// $r$ at which the scheme is of order 6: $\sqrt{5}/10$.
const BEST: f64 = 0.223_606_797_749_979;

/// Below this $r$ the compact scheme is not positive.
const LEAST: f64 = 1.0 / 6.0;

/// One line of a lattice and its factorised matrices.
///
/// A step of $\partial_s p = \partial_x^2 p$ of length $r h^2$ is the compact scheme of J. Crank and P.
/// Nicolson with the Laplacian of fourth order,
///
/// $$(1 + (\tfrac1{12} - \tfrac r2) \delta^2) p^\prime = (1 + (\tfrac1{12} + \tfrac r2) \delta^2) p,$$
///
/// of order $h^6$ for $r = \sqrt 5/10$ (J. Crandall 1955; A. R. Mitchell and D. F. Griffiths 1980, section
/// 2.3), $h^4$ otherwise. For $\tfrac16 \le r \le \tfrac56$ the left matrix is an M-matrix and the right one
/// non-negative: densities stay so, by additions of positive numbers. $\delta^2$ ends with reflection, so
/// that its columns sum to 0: mass is kept to rounding. A remainder with $r < \tfrac16$ is one explicit step,
/// of local error $h^4$, positive as well.
#[derive(Debug, Clone, Default)]
pub(super) struct Heat {
    /// $r$ of the factors.
    step: f64,
    /// Reciprocal pivots from the first row on.
    pivots: Vec<f64>,
    line: Vec<f64>,
}

/// A length of time as steps of equal $r$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    count: usize,
    step: f64,
}

impl Steps {
    /// Of a time in units of $h^2$.
    pub(super) fn of(time: f64) -> Self {
        // two or more are longer than LEAST each
        let count = (time / BEST).round().max(1.0);
        Self {
            count: count as usize,
            step: time / count,
        }
    }

    /// Whether it is one explicit step: many of them would be of second order, so a solution that goes on
    /// puts them off until they are long enough.
    pub(super) fn are_short(&self) -> bool {
        self.step < LEAST
    }
}

impl Heat {
    /// Prepares lines of up to `longest` nodes.
    fn prepare(&mut self, step: f64, longest: usize) {
        if self.step == step && self.pivots.len() >= longest {
            return;
        }
        let off = LEAST / 2.0 - 0.5 * step;
        let (end, diagonal) = (1.0 - off, 1.0 - 2.0 * off);
        self.step = step;
        self.pivots.clear();
        let mut pivot = 1.0 / end;
        for _ in 0..longest {
            self.pivots.push(pivot);
            pivot = 1.0 / (diagonal - off * off * pivot);
        }
    }

    /// Advances the values at `start`, `start + stride`, … (`count` of them).
    pub(super) fn advance(
        &mut self,
        values: &mut [f64],
        (start, stride, count): (usize, usize, usize),
        steps: Steps,
    ) {
        if count < 2 || steps.step == 0.0 {
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend(values[start..].iter().step_by(stride).take(count));
        if steps.are_short() {
            explicit(&mut line, steps.step);
        } else {
            self.prepare(steps.step, count);
            for _ in 0..steps.count {
                self.implicit(&mut line);
            }
        }
        for (value, new) in values[start..].iter_mut().step_by(stride).zip(&line) {
            *value = *new;
        }
        self.line = line;
    }

    fn implicit(&self, line: &mut [f64]) {
        let last = line.len() - 1;
        // both off-diagonals are LEAST/2 ± r/2
        let (off, forward) = (LEAST / 2.0 - 0.5 * self.step, LEAST / 2.0 + 0.5 * self.step);
        let center = 1.0 - 2.0 * forward;
        let mut before = line[0];
        let mut solved = (line[0] + forward * (line[1] - line[0])) * self.pivots[0];
        line[0] = solved;
        for i in 1..last {
            let here = line[i];
            let right = center * here + forward * (before + line[i + 1]);
            before = here;
            solved = (right - off * solved) * self.pivots[i];
            line[i] = solved;
        }
        let right = line[last] + forward * (before - line[last]);
        let pivot = 1.0 / (1.0 - off - off * off * self.pivots[last - 1]);
        solved = (right - off * solved) * pivot;
        line[last] = solved;
        for (value, pivot) in line[..last].iter_mut().zip(&self.pivots).rev() {
            solved = *value - off * pivot * solved;
            *value = solved;
        }
    }
}

/// $p + r \delta^2 p$.
fn explicit(line: &mut [f64], step: f64) {
    let last = line.len() - 1;
    let mut before = line[0];
    for i in 0..=last {
        let here = line[i];
        let after = line[(i + 1).min(last)];
        line[i] = (1.0 - 2.0 * step) * here + step * (before + after);
        before = here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(nodes: usize, width: f64, variance: f64) -> Vec<f64> {
        let middle = (nodes - 1) as f64 / 2.0;
        let density = |i: usize| (-0.5 * (width * (i as f64 - middle)).powi(2) / variance).exp();
        let values =
            (0..nodes).map(|i| density(i) / (2.0 * std::f64::consts::PI * variance).sqrt());
        values.collect()
    }

    /// $\mathcal N(0, 1)$ becomes $\mathcal N(0, 2)$; at $h$ and $h/2$.
    #[test]
    fn it_is_of_sixth_order_positive_and_keeps_mass() {
        let error = |nodes: usize| {
            let width = 24.0 / (nodes - 1) as f64;
            let mut p = gaussian(nodes, width, 1.0);
            let mass: f64 = p.iter().sum();
            Heat::default().advance(&mut p, (0, 1, nodes), Steps::of(0.5 / (width * width)));
            let exact = gaussian(nodes, width, 2.0);
            assert!(p.iter().all(|p| *p > 0.0));
            assert!((p.iter().sum::<f64>() / mass - 1.0).abs() < 1e-12);
            p.iter()
                .zip(&exact)
                .fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
        };
        let (coarse, fine) = (error(61), error(121));
        assert!(coarse < 1e-6 && coarse / fine > 40.0, "{coarse} {fine}");
    }

    #[test]
    fn a_short_time_is_positive_too() {
        let mut p = vec![0.0; 11];
        p[5] = 1.0;
        Heat::default().advance(&mut p, (0, 1, 11), Steps::of(0.1));
        assert!(p.iter().all(|p| *p >= 0.0) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert_eq!(p[4], 0.1);
    }
}
