//! Products of very many factors: a double-double number with a power of two of its own.

/// $(h + l) 2^e$ with $|l| \le \text{ulp}(h)/2$: after a million factors the relative error is still far
/// below that of one `f64` product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Magnitude {
    high: f64,
    low: f64,
    exponent: i64,
}

/// $a + b$ and its error, for $|a| \ge |b|$.
fn quick_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

impl Magnitude {
    /// The number 1.
    pub const ONE: Self = Self {
        high: 1.0,
        low: 0.0,
        exponent: 0,
    };

    /// A number of `f64`, exactly.
    pub fn of(value: f64) -> Self {
        Self {
            high: value,
            ..Self::ONE
        }
        .normalised()
    }

    /// $e^x$.
    pub fn exponential(x: f64) -> Self {
        let log2 = x * std::f64::consts::LOG2_E;
        if log2.abs() < 500.0 {
            return Self::of(x.exp());
        }
        // far beyond any range, and with room for products
        const FAR: f64 = 1e17;
        let power = Self {
            exponent: log2.floor().clamp(-FAR, FAR) as i64,
            ..Self::ONE
        };
        power.times(Self::of((log2 - log2.floor()).exp2()))
    }

    fn normalised(self) -> Self {
        let (_, exponent) = libm::frexp(self.high);
        let half = |x: f64| libm::ldexp(x, -exponent);
        Self {
            high: half(self.high),
            low: half(self.low),
            exponent: self.exponent + i64::from(exponent),
        }
    }

    /// The product.
    pub fn times(self, other: Self) -> Self {
        let product = self.high * other.high;
        let error = self.high.mul_add(other.high, -product);
        let (high, low) = quick_sum(
            product,
            error + (self.high * other.low + self.low * other.high),
        );
        Self {
            high,
            low,
            exponent: self.exponent + other.exponent,
        }
        .normalised()
    }

    /// The power, by squaring.
    pub fn power(self, times: usize) -> Self {
        let (mut result, mut square, mut rest) = (Self::ONE, self.snapped(), times);
        while rest > 0 {
            if rest % 2 == 1 {
                result = result.times(square);
            }
            square = square.times(square);
            rest /= 2;
        }
        result
    }

    /// 1, if it is 1 up to 4 units of rounding: a critical initialisation is one whatever the slopes.
    fn snapped(self) -> Self {
        let (value, exponent) = self.parts();
        let near = exponent.abs() <= 1
            && (libm::ldexp(value, exponent as i32) - 1.0).abs() <= 4.0 * f64::EPSILON;
        if near { Self::ONE } else { self }
    }

    /// $a + b$ and the share of $a$ in it, of $b$ in it; `None` if the sum is 0.
    pub fn plus(self, other: Self) -> Option<(Self, f64, f64)> {
        if self.high == 0.0 || other.high == 0.0 {
            let first = other.high == 0.0;
            let sum = if first { self } else { other };
            let shares = if first { (1.0, 0.0) } else { (0.0, 1.0) };
            return (sum.high != 0.0).then_some((sum, shares.0, shares.1));
        }
        if self.exponent < other.exponent {
            let (sum, b, a) = other.plus(self)?;
            return Some((sum, a, b));
        }
        let shift = (other.exponent - self.exponent).max(-2000) as i32;
        let (b_high, b_low) = (
            libm::ldexp(other.high, shift),
            libm::ldexp(other.low, shift),
        );
        let sum = self.high + b_high;
        // Knuth's error of the sum, whichever is larger
        let virtual_b = sum - self.high;
        let error = (self.high - (sum - virtual_b)) + (b_high - virtual_b);
        let (high, low) = quick_sum(sum, error + (self.low + b_low));
        let total = Self {
            high,
            low,
            exponent: self.exponent,
        };
        Some((total.normalised(), self.high / high, b_high / high))
    }

    /// $m$ and $e$ with $m 2^e$ the number to a relative error of 1.1e-16.
    pub fn parts(self) -> (f64, i64) {
        (self.high, self.exponent)
    }

    /// The natural logarithm.
    pub fn ln(self) -> f64 {
        self.high.ln() + self.exponent as f64 * std::f64::consts::LN_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_factors_lose_no_digit() {
        // (1 + 2^-20)^(2^20) = e (1 - 2^-21 + 11/24 2^-40 - 7/16 2^-60 ...)
        let x = 2f64.powi(-20);
        let (m, e) = Magnitude::of(1.0 + x).power(1 << 20).parts();
        let exact = std::f64::consts::E * (1.0 - x / 2.0 + 11.0 / 24.0 * x * x);
        assert!((libm::ldexp(m, e as i32) / exact - 1.0).abs() < 4e-16);
        let mut product = Magnitude::ONE;
        for _ in 0..1 << 20 {
            product = product.times(Magnitude::of(1.0 + x));
        }
        assert_eq!(product.parts(), (m, e));
    }

    #[test]
    fn sums_have_their_shares_at_any_scale() {
        let (sum, a, b) = Magnitude::of(3.0).plus(Magnitude::of(1.0)).unwrap();
        assert_eq!((sum.parts(), a, b), ((0.5, 3), 0.75, 0.25));
        let huge = Magnitude::of(2.0).power(5000);
        let (sum, a, b) = Magnitude::of(1.0).plus(huge).unwrap();
        assert_eq!((sum, a, b), (huge, 0.0, 1.0));
        assert!(Magnitude::of(0.0).plus(Magnitude::of(0.0)).is_none());
    }
}
