//! A correlation that knows its distance from the nearer of $\pm1$.

use crate::error::{self, Result};

/// A correlation $c \in [-1, 1]$, held as its signed distance from the nearer end: $1 - c$ for $c > 0$ and
/// $-(1 + c)$ for $c < 0$, so that both $1 - c$ near 1 and $1 + c$ near $-1$ have relative accuracy.
///
/// ```
/// use neural_limits::PairCorrelation;
/// let nearly_opposite = PairCorrelation::from_one_plus(1e-30)?;
/// assert_eq!((nearly_opposite.value(), nearly_opposite.one_plus()), (-1.0, 1e-30));
/// assert_eq!(nearly_opposite.opposite().one_minus(), 1e-30);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PairCorrelation {
    /// $\pm(1 - |c|)$ with the sign of $c$; a zero has a sign as well.
    signed: f64,
}

impl PairCorrelation {
    /// $c = 1$.
    pub const PARALLEL: Self = Self { signed: 0.0 };

    /// $c = -1$.
    pub const OPPOSITE: Self = Self { signed: -0.0 };

    /// $c = 0$.
    pub const ORTHOGONAL: Self = Self { signed: 1.0 };

    /// Of $c$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $-1 \le c \le 1$.
    #[inline]
    pub fn new(c: f64) -> Result<Self> {
        error::correlation("c", c).map(Self::of)
    }

    /// Of $1 - c$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $0 \le 1 - c \le 2$.
    #[inline]
    pub fn from_one_minus(one_minus: f64) -> Result<Self> {
        error::complement("one_minus", one_minus).map(Self::of_one_minus)
    }

    /// Of $1 + c$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $0 \le 1 + c \le 2$.
    #[inline]
    pub fn from_one_plus(one_plus: f64) -> Result<Self> {
        error::complement("one_plus", one_plus).map(Self::of_one_plus)
    }

    /// [`new`](Self::new), unchecked.
    #[inline(always)]
    pub fn of(c: f64) -> Self {
        Self {
            signed: (1.0 - c.abs()).copysign(c),
        }
    }

    /// [`from_one_minus`](Self::from_one_minus), unchecked.
    #[inline(always)]
    pub fn of_one_minus(epsilon: f64) -> Self {
        Self {
            signed: if epsilon <= 1.0 {
                epsilon
            } else {
                -(2.0 - epsilon)
            },
        }
    }

    /// [`from_one_plus`](Self::from_one_plus), unchecked.
    #[inline(always)]
    pub(crate) fn of_one_plus(delta: f64) -> Self {
        Self::of_one_minus(delta).opposite()
    }

    /// From $1 - c$ and $1 + c$, of which the smaller one counts; outside of $[0, 1]$ it is cut.
    #[inline(always)]
    pub fn from_ends(one_minus: f64, one_plus: f64) -> Self {
        let near = one_minus <= one_plus;
        let distance = if near { one_minus } else { one_plus };
        let distance = if distance > 0.0 { distance } else { 0.0 };
        let distance = if distance < 1.0 { distance } else { 1.0 };
        Self {
            signed: if near { distance } else { -distance },
        }
    }

    /// Of a correlation with an error of rounding, cut to $[-1, 1]$.
    #[inline(always)]
    pub fn rounded(c: f64) -> Self {
        Self::from_ends(1.0 - c, 1.0 + c)
    }

    /// A correlation of the sign of this one, at a distance in $[0, 1]$ from its end.
    #[inline(always)]
    pub(crate) fn at_distance(self, distance: f64) -> Self {
        Self {
            signed: distance.copysign(self.signed),
        }
    }

    /// $c$.
    #[inline(always)]
    pub fn value(self) -> f64 {
        1.0_f64.copysign(self.signed) - self.signed
    }

    /// $1 - c$.
    #[inline(always)]
    pub fn one_minus(self) -> f64 {
        (1.0 - 1.0_f64.copysign(self.signed)) + self.signed
    }

    /// $1 + c$.
    #[inline(always)]
    pub fn one_plus(self) -> f64 {
        self.opposite().one_minus()
    }

    /// $1 - |c|$.
    #[inline(always)]
    pub fn distance(self) -> f64 {
        self.signed.abs()
    }

    /// $1 - c^2$, in relative accuracy.
    #[inline(always)]
    pub fn sine_squared(self) -> f64 {
        let distance = self.distance();
        distance * (2.0 - distance)
    }

    /// Whether the nearer end is 1.
    #[inline(always)]
    pub fn is_positive(self) -> bool {
        self.signed.is_sign_positive()
    }

    /// $-c$.
    #[inline(always)]
    pub fn opposite(self) -> Self {
        Self {
            signed: -self.signed,
        }
    }

    /// $c c^\prime$.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        let (d, e) = (self.distance(), other.distance());
        let distance = d + e * (1.0 - d);
        Self {
            signed: if self.is_positive() == other.is_positive() {
                distance
            } else {
                -distance
            },
        }
    }

    /// $|c|$.
    #[inline(always)]
    pub fn absolute(self) -> Self {
        Self {
            signed: self.distance(),
        }
    }
}

impl PartialEq for PairCorrelation {
    /// Whether both are the same $c$: $\pm 1$ differ, whose distances from their ends are both 0.
    fn eq(&self, other: &Self) -> bool {
        self.one_minus() == other.one_minus() && self.one_plus() == other.one_plus()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PairCorrelation {
    /// As $1 - c$ and $1 + c$.
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("PairCorrelation", 2)?;
        fields.serialize_field("one_minus", &self.one_minus())?;
        fields.serialize_field("one_plus", &self.one_plus())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_relative_accuracy() {
        for distance in [0.0, 1e-300, 1e-17, 0.25, 1.0] {
            let near = PairCorrelation::of_one_minus(distance);
            let far = PairCorrelation::of_one_plus(distance);
            assert_eq!((near.one_minus(), far.one_plus()), (distance, distance));
            assert_eq!(
                (near.value(), far.value()),
                (1.0 - distance, distance - 1.0)
            );
            assert_eq!(near.sine_squared(), far.sine_squared());
        }
    }

    #[test]
    fn an_end_is_an_end() {
        assert_eq!(PairCorrelation::of(-1.0).one_minus(), 2.0);
        assert_eq!(PairCorrelation::OPPOSITE.value(), -1.0);
        assert_eq!(
            PairCorrelation::of_one_minus(2.0),
            PairCorrelation::OPPOSITE
        );
        assert_ne!(PairCorrelation::PARALLEL, PairCorrelation::OPPOSITE);
        let orthogonal = PairCorrelation::ORTHOGONAL;
        assert_eq!(orthogonal, orthogonal.opposite());
    }
}
