//! Quotients of polynomials, and the two that carry the correlation flow.

/// $P(x)/Q(x)$ on $[0, 1]$, as its two polynomials: all coefficients are positive, so that no digit is lost.
#[derive(Debug, Clone)]
pub(super) struct Quotient {
    /// Of the highest power in $P$ and in $Q$.
    first: [f64; 2],
    /// Of the other powers, downwards. (Allocated, since the compiler would do one point after the other if
    /// it knew how many steps there are.)
    others: Vec<[f64; 2]>,
}

impl Quotient {
    fn new<const M: usize, const N: usize>(above: [f64; M], below: [f64; N]) -> Self {
        let at = |k: usize| [above.get(k), below.get(k)].map(|a| a.copied().unwrap_or(0.0));
        let highest = M.max(N) - 1;
        Self {
            first: at(highest),
            others: (0..highest).rev().map(at).collect(),
        }
    }

    /// $P$ and $Q$ at some points: step by step for all points, so that none waits for another.
    #[inline(always)]
    pub(super) fn at_all<const POINTS: usize>(&self, x: &[f64; POINTS]) -> [[f64; POINTS]; 2] {
        let (mut above, mut below) = ([self.first[0]; POINTS], [self.first[1]; POINTS]);
        for &[a, b] in &self.others {
            for i in 0..POINTS {
                above[i] = above[i] * x[i] + a;
            }
            for i in 0..POINTS {
                below[i] = below[i] * x[i] + b;
            }
        }
        [above, below]
    }

    /// $A$ in $T = \frac{y^2}x \left( \frac D{1 + x} - A(y) \right)$, to 2e-16 of itself
    /// (`tools/correlation_flow_coefficients.py`).
    pub(super) fn age() -> Self {
        Self::new(
            [
                1.2353475783108205,
                5.365606087780343,
                7.921932210036485,
                4.6856571361790795,
                1.0643387436955185,
                0.07001567963163914,
                0.00022116499207343833,
            ],
            [
                1.0,
                4.343397908398487,
                6.972203990745307,
                5.1236845830724125,
                1.7511822465314018,
                0.2491689200799705,
                0.010390213128982211,
            ],
        )
    }

    /// $B$ in $\frac1x = 1 + \frac T{3\pi} + v^2 B(v)$, $v = \sqrt T/(8 + \sqrt T)$, to 2e-16
    /// (`tools/correlation_flow_coefficients.py`).
    pub(super) fn position() -> Self {
        Self::new(
            [
                1.2093890947458026,
                7.883773954361449,
                14.38323057490993,
                80.64594792700963,
                130.73037311054057,
                367.91908280490463,
                583.752912737044,
                982.7154346794515,
                1328.6937985202765,
                1199.313994392638,
                1490.1782343631644,
                0.04249570430262648,
            ],
            [
                1.0,
                4.518806882433182,
                26.31499812330989,
                78.15966136228194,
                273.4481895254102,
                655.929184331392,
                1561.1160942207964,
                3119.299969828554,
                5510.3801138625995,
                8139.147730847762,
                12427.045822813574,
                8792.242648706002,
                15166.784075056505,
            ],
        )
    }
}
