//! Pieces of the range of angles, for functions that are tabulated.

use super::PairCorrelation;

/// An interval of $\varepsilon = 1 - c$ on which functions of the angle are polynomials of a place in
/// $[-1, 1]$, linear in $r = \sqrt\varepsilon$, or on the far side, towards $c = -1$, in
/// $r = \sqrt{2 - \varepsilon}$; linear in $r^2$ where that is smooth enough, which saves the root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnglePiece {
    /// $\varepsilon$ at the end.
    pub end: f64,
    /// Whether it is one of $\sqrt{2 - \varepsilon}$ instead of $\sqrt\varepsilon$.
    pub is_far: bool,
    /// Whether places are linear in $r^2$.
    is_linear: bool,
    /// The ends in $r$.
    ends: (f64, f64),
    /// In the variable, $r$ or $r^2$.
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

    /// The ratio of the ends, in $r$, up to which a piece keeps its distance from $r = 0$.
    pub const SHORT: f64 = 1.5;

    /// Between two values of $r$.
    #[inline]
    pub fn between(a: f64, b: f64, is_far: bool) -> Self {
        let is_linear = b <= Self::SHORT * a;
        let [low, high] = [a, b].map(|r| if is_linear { r * r } else { r });
        let half = 0.5 * (high - low);
        Self {
            end: if is_far { 2.0 - a * a } else { b * b },
            is_far,
            is_linear,
            ends: (a, b),
            center: 0.5 * (low + high),
            half,
            scale: 1.0 / half,
        }
    }

    /// Both halves, in $r$, in the order of $\varepsilon$.
    #[inline]
    pub fn halves(&self) -> [Self; 2] {
        let (low, high) = self.ends;
        let middle = 0.5 * (low + high);
        let halves = [(low, middle), (middle, high)];
        let halves = halves.map(|(a, b)| Self::between(a, b, self.is_far));
        if self.is_far {
            [halves[1], halves[0]]
        } else {
            halves
        }
    }

    /// The length in $r$.
    #[inline]
    pub fn length(&self) -> f64 {
        self.ends.1 - self.ends.0
    }

    /// Whether the variable is $r$, the root of what is given; what is subtracted from it, and what the
    /// difference is multiplied by: the place.
    #[inline]
    pub fn variable(&self) -> (bool, f64, f64) {
        (!self.is_linear, self.center, self.scale)
    }

    /// The correlation at a place in $[-1, 1]$.
    #[inline]
    pub fn correlation(&self, x: f64) -> PairCorrelation {
        let variable = self.center + self.half * x;
        let square = if self.is_linear {
            variable
        } else {
            variable * variable
        };
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
        let mut places = *squares;
        if !self.is_linear {
            for x in &mut places {
                *x = x.sqrt();
            }
        }
        for x in &mut places {
            *x = (*x - self.center) * self.scale;
        }
        places
    }
}
