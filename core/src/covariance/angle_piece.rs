//! Pieces of the range of angles, for functions that are tabulated.

use super::PairCorrelation;

/// An interval of $\varepsilon = 1 - c$ on which functions of the angle are polynomials of a place in
/// $[-1, 1]$, linear in $\sqrt\varepsilon$, or on the far side, towards $c = -1$, in
/// $\sqrt{2 - \varepsilon}$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnglePiece {
    /// $\varepsilon$ at the end.
    pub end: f64,
    /// Whether it is one of $\sqrt{2 - \varepsilon}$ instead of $\sqrt\varepsilon$.
    pub is_far: bool,
    /// In the variable.
    center: f64,
    half: f64,
    /// 1 over `half`.
    scale: f64,
}

impl AnglePiece {
    /// Where the sides meet, in $\sqrt\varepsilon$: orthogonal inputs lie inside of a piece, however often
    /// the sides are halved.
    pub const NEAR_END: f64 = 1.25;

    /// Where the sides meet, in $\varepsilon$.
    pub const NEAR_SIDE: f64 = Self::NEAR_END * Self::NEAR_END;

    /// Between two values of the variable.
    #[inline]
    pub fn between(a: f64, b: f64, is_far: bool) -> Self {
        let half = 0.5 * (b - a);
        Self {
            end: if is_far { 2.0 - a * a } else { b * b },
            is_far,
            center: 0.5 * (a + b),
            half,
            scale: 1.0 / half,
        }
    }

    /// Both halves, in the order of $\varepsilon$.
    #[inline]
    pub fn halves(&self) -> [Self; 2] {
        let (low, high) = (self.center - self.half, self.center + self.half);
        let halves = [
            Self::between(low, self.center, self.is_far),
            Self::between(self.center, high, self.is_far),
        ];
        if self.is_far {
            [halves[1], halves[0]]
        } else {
            halves
        }
    }

    /// The length in the variable.
    #[inline]
    pub fn length(&self) -> f64 {
        2.0 * self.half
    }

    /// What is subtracted from the variable, and what the difference is multiplied by: the place.
    #[inline]
    pub fn variable(&self) -> (f64, f64) {
        (self.center, self.scale)
    }

    /// The correlation at a place in $[-1, 1]$.
    #[inline]
    pub fn correlation(&self, x: f64) -> PairCorrelation {
        let variable = self.center + self.half * x;
        let square = variable * variable;
        if self.is_far {
            PairCorrelation::of_one_plus(square)
        } else {
            PairCorrelation::of_one_minus(square)
        }
    }

    /// The $\varepsilon$ of a place in $[-1, 1]$.
    #[inline]
    pub fn epsilon(&self, x: f64) -> f64 {
        self.correlation(x).one_minus()
    }

    /// The places of some correlations.
    #[inline(always)]
    pub fn places<const W: usize>(&self, c: &[PairCorrelation; W]) -> [f64; W] {
        let mut squares = [0.0; W];
        for (square, c) in squares.iter_mut().zip(c) {
            *square = if self.is_far {
                c.one_plus()
            } else {
                c.one_minus()
            };
        }
        self.places_of_squares(&squares)
    }

    /// The places of some $\varepsilon$ in $[0, 2]$.
    #[inline(always)]
    pub fn places_of<const W: usize>(&self, epsilon: &[f64; W]) -> [f64; W] {
        let (base, sign) = if self.is_far { (2.0, -1.0) } else { (0.0, 1.0) };
        let mut squares = [0.0; W];
        for (square, epsilon) in squares.iter_mut().zip(epsilon) {
            *square = base + sign * epsilon;
        }
        self.places_of_squares(&squares)
    }

    #[inline(always)]
    fn places_of_squares<const W: usize>(&self, squares: &[f64; W]) -> [f64; W] {
        let mut places = [0.0; W];
        for (x, square) in places.iter_mut().zip(squares) {
            *x = (square.sqrt() - self.center) * self.scale;
        }
        places
    }
}
