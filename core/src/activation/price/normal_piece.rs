//! Moments of the standard normal law on an interval.

use super::total;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};
use crate::numerics::{exponential, mills};

/// $1/\sqrt{2\pi}$.
pub(super) const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// $n(z) = e^{-z^2/2}/\sqrt{2\pi}$.
#[inline(always)]
pub(super) fn density(z: f64) -> f64 {
    DENSITY_AT_ZERO * exponential::exp(-0.5 * (z * z))
}

/// Beyond this the normal law has no mass that counts.
pub(super) const REACH: f64 = 9.5;

/// Beyond this its density is 0.
pub(super) const EMPTY: f64 = 38.0;

/// Up to this width, Gauss's rule is exact to rounding within four standard deviations.
const WIDTH: f64 = 3.0;

/// From this width on, the moments of an interval around 0 lose no digits as differences of those beyond it.
const NARROW: f64 = 1.5;

/// An end of an interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) at: f64,
    /// $n(z)$.
    density: f64,
    /// The mass on the side that 0 is not on.
    beyond: f64,
}

impl Edge {
    pub(super) const LOWEST: Self = Self {
        at: f64::NEG_INFINITY,
        density: 0.0,
        beyond: 0.0,
    };
    pub(super) const HIGHEST: Self = Self {
        at: f64::INFINITY,
        ..Self::LOWEST
    };

    #[inline(always)]
    pub(super) fn new(at: f64) -> Self {
        let density = density(at);
        Self {
            at,
            density,
            beyond: density * mills::ratio(at.abs()),
        }
    }

    /// The mass of $[z, \infty)$.
    #[inline(always)]
    fn above(self) -> f64 {
        if self.at >= 0.0 {
            self.beyond
        } else {
            1.0 - self.beyond
        }
    }

    /// The mass of $(-\infty, z]$.
    #[inline(always)]
    fn below(self) -> f64 {
        if self.at <= 0.0 {
            self.beyond
        } else {
            1.0 - self.beyond
        }
    }
}

/// An interval of $z$ under the standard normal density $n$.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalPiece {
    /// The middle $m$ of the interval.
    centre: f64,
    /// Half of its width, $w$.
    half: f64,
    /// $\int ((z-m)/w)^k n(z) dz$ for $k = 0, 1, 2$.
    moments: [f64; 3],
}

impl NormalPiece {
    /// Of $[a, b]$.
    #[inline(always)]
    fn new(a: f64, b: f64) -> Self {
        let (centre, half) = (0.5 * (a + b), 0.5 * (b - a));
        let (mut mass, mut first, mut second) = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
        for i in 0..SIZE {
            let step = 2.0 * NODES[i] - 1.0;
            mass[i] = 2.0 * half * WEIGHTS[i] * density(centre + half * step);
            first[i] = mass[i] * step;
            second[i] = first[i] * step;
        }
        Self {
            centre,
            half,
            moments: [mass, first, second].map(|values| total(&values)),
        }
    }

    /// Of an interval on which integrands are constant.
    #[inline(always)]
    fn flat(mass: f64) -> Self {
        Self {
            centre: 0.0,
            half: 0.0,
            moments: [mass, 0.0, 0.0],
        }
    }

    /// Of an interval around 0: $\int z n = n(a) - n(b)$ and $\int z^2 n = \int n + a n(a) - b n(b)$.
    #[inline(always)]
    fn around_zero(a: Edge, b: Edge) -> Self {
        let mass = 1.0 - (a.beyond + b.beyond);
        Self {
            centre: 0.0,
            half: 1.0,
            moments: [
                mass,
                a.density - b.density,
                mass + (a.at * a.density - b.at * b.density),
            ],
        }
    }

    /// Calls `use_piece` with pieces that make up $[a, b]$, of which either end may be infinite. `flat`
    /// promises that the integrands are constant on it.
    #[inline(always)]
    pub(super) fn cover(a: Edge, b: Edge, flat: bool, mut use_piece: impl FnMut(Self)) {
        if flat && a.at == f64::NEG_INFINITY && b.at < f64::INFINITY {
            return use_piece(Self::flat(b.below()));
        }
        if flat && b.at == f64::INFINITY && a.at > f64::NEG_INFINITY {
            return use_piece(Self::flat(a.above()));
        }
        let is_finite = a.at > f64::NEG_INFINITY && b.at < f64::INFINITY;
        if is_finite && a.at <= 0.0 && b.at >= 0.0 && b.at - a.at >= NARROW {
            return use_piece(Self::around_zero(a, b));
        }
        let (a, b) = (a.at, b.at);
        // beyond REACH from the nearer of 0 and its own end, an interval has no mass that counts
        let (a, b) = (a.max(b.min(0.0) - REACH), b.min(a.max(0.0) + REACH));
        let distance = a.max(-b);
        if b > a && distance < EMPTY {
            // the density falls the faster the farther the interval is from 0
            let steepness = (0.25 * distance).max(1.0);
            let count = ((b - a) * steepness / WIDTH).ceil();
            let width = (b - a) / count;
            let mut i = 0.0;
            while i < count {
                use_piece(Self::new(a + i * width, a + (i + 1.0) * width));
                i += 1.0;
            }
        }
    }

    /// $\int n$.
    #[inline(always)]
    pub(super) fn mass(&self) -> f64 {
        self.moments[0]
    }

    /// $\int (\alpha + \beta z) n(z) dz$.
    #[inline(always)]
    pub(super) fn mean(&self, [alpha, beta]: [f64; 2]) -> f64 {
        let [mass, first, _] = self.moments;
        (alpha + beta * self.centre) * mass + beta * self.half * first
    }

    /// $\int (\alpha + \beta z)(\gamma + \delta z) n(z) dz$.
    #[inline(always)]
    pub(super) fn product(&self, [alpha, beta]: [f64; 2], [gamma, delta]: [f64; 2]) -> f64 {
        let [mass, first, second] = self.moments;
        let (x, y) = (alpha + beta * self.centre, gamma + delta * self.centre);
        let (beta, delta) = (beta * self.half, delta * self.half);
        x * y * mass + (x * delta + y * beta) * first + beta * delta * second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_the_moments_of_the_normal_law() {
        let (mut mass, mut mean, mut square) = (0.0, 0.0, 0.0);
        for (a, b) in [
            (f64::NEG_INFINITY, -1.0),
            (-1.0, -1.0 + 1e-12),
            (-1.0 + 1e-12, 0.3),
            (0.3, f64::INFINITY),
        ] {
            let edge = |x: f64| match x {
                f64::NEG_INFINITY => Edge::LOWEST,
                f64::INFINITY => Edge::HIGHEST,
                x => Edge::new(x),
            };
            NormalPiece::cover(edge(a), edge(b), false, |piece| {
                mass += piece.mass();
                mean += piece.mean([2.0, 1.0]);
                square += piece.product([2.0, 1.0], [2.0, 1.0]);
            });
        }
        assert!((mass - 1.0).abs() < 1e-15);
        assert!((mean - 2.0).abs() < 2e-15);
        assert!((square - 5.0).abs() < 4e-15);
    }

    /// The moments of an interval around 0 by closed forms are those by Gauss's rule.
    #[test]
    fn an_interval_around_zero_has_its_moments() {
        for (a, b) in [
            (-1.5, 0.0),
            (0.0, 1.6),
            (-0.7, 0.9),
            (-3.0, 0.0),
            (-1.0, 2.0),
        ] {
            let closed = NormalPiece::around_zero(Edge::new(a), Edge::new(b));
            let gauss = NormalPiece::new(a, b);
            for line in [[1.0, 0.0], [-a, 1.0], [b, -1.0], [0.0, 1.0]] {
                let [exact, found] = [gauss, closed].map(|piece| piece.product(line, line));
                assert!((found / exact - 1.0).abs() < 3e-15, "{a} {b} {line:?}");
            }
        }
    }

    #[test]
    fn where_nothing_changes_the_tail_is_enough() {
        let mut mass = 0.0;
        NormalPiece::cover(Edge::new(30.0), Edge::HIGHEST, true, |piece| {
            mass += piece.mass()
        });
        assert!((mass / 4.906_713_927_148_187e-198 - 1.0).abs() < 1e-13);
    }
}
