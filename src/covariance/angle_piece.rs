//! Pieces of the range of angles, for functions that are tabulated.

/// An interval of $\varepsilon = 1 - c$ on which functions of the angle are polynomials of a place in
/// $[-1, 1]$, linear in $\sqrt\varepsilon$, or on the far side, towards $c = -1$, in
/// $\sqrt{2 - \varepsilon}$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AnglePiece {
    /// $\varepsilon$ at the end.
    pub(crate) end: f64,
    pub(crate) is_far: bool,
    /// In the variable.
    center: f64,
    half: f64,
    /// 1 over `half`.
    scale: f64,
}

impl AnglePiece {
    /// Where the sides meet, in $\sqrt\varepsilon$: orthogonal inputs lie inside of a piece, however often
    /// the sides are halved.
    pub(crate) const NEAR_END: f64 = 1.25;

    /// Where the sides meet, in $\varepsilon$.
    pub(crate) const NEAR_SIDE: f64 = Self::NEAR_END * Self::NEAR_END;

    /// Between two values of the variable.
    pub(crate) fn between(a: f64, b: f64, is_far: bool) -> Self {
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
    pub(crate) fn halves(&self) -> [Self; 2] {
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
    pub(crate) fn length(&self) -> f64 {
        2.0 * self.half
    }

    /// The $\varepsilon$ of a place in $[-1, 1]$.
    pub(crate) fn epsilon(&self, x: f64) -> f64 {
        let variable = self.center + self.half * x;
        if self.is_far {
            2.0 - variable * variable
        } else {
            variable * variable
        }
    }

    /// The places of some $\varepsilon$.
    #[inline(always)]
    pub(crate) fn places<const W: usize>(&self, epsilon: &[f64; W]) -> [f64; W] {
        let mut x = *epsilon;
        for x in &mut x {
            let variable = if self.is_far {
                (2.0 - *x).sqrt()
            } else {
                x.sqrt()
            };
            *x = (variable - self.center) * self.scale;
        }
        x
    }
}
