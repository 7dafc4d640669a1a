//! Sums over pairs of components: the Gaussian duals of $\operatorname{erf}$ and of a smoothed $|x|$.
//!
//! Smoothing by independent noise of variance $s^2$ adds $s^2$ to a variance and leaves covariances alone:
//! with $A = q_a + s_a^2$, $B = q_b + s_b^2$, $k = \sqrt{q_a q_b} c \ge 0$, $D = AB - k^2$ and $\alpha =
//! \arctan(k/\sqrt D)$,
//!
//! | component | $\tfrac\pi2 \times$ dual | $\tfrac\pi2 \times$ dual of derivatives |
//! |---|---|---|
//! | $\mathbb E_z\operatorname{sign}(x+sz) = \operatorname{erf}(x/s\sqrt2)$ | $\alpha$ | $D^{-1/2}$ |
//! | $\mathbb E_z\lvert x+sz\rvert$ | $\sqrt D + k\alpha$ | $\alpha$ |
//!
//! (Sheppard 1899 for the sign, Y. Cho and L. K. Saul 2009 for the absolute value). Nothing is subtracted:
//! $D = D_0 + q_a q_b (1-c^2)$ with $D_0 = q_a s_b^2 + q_b s_a^2 + s_a^2 s_b^2$. What is summed of the
//! moments is their drop from $c = 1$ ($k_0 = \sqrt{q_a q_b}$, $\alpha_0 = \arctan(k_0/\sqrt{D_0})$), in
//! terms that keep their relative accuracy: the angle
//!
//! $$\theta = \alpha_0 - \alpha = \arctan\frac{AB (k_0-k)(1+c)}{(k_0 k + \sqrt{D_0 D})(\sqrt D +
//! c\sqrt{D_0})}$$
//!
//! and, with its tangent $t$,
//!
//! $$\sqrt{D_0} + k_0\alpha_0 - \sqrt D - k\alpha = (k_0-k) \left(\alpha_0 -
//! \frac{t\sqrt{D_0}}{\sqrt{D_0}+\sqrt D} \right) - k(t-\theta).$$

use std::f64::consts::FRAC_2_PI;

use crate::activation::arc_sine::{angle, angle_and_excess};
use crate::covariance::PairCorrelation;

/// Components $s_j^2$ with their weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Components<'a> {
    pub variance: &'a [f64],
    /// Weights of $\operatorname{erf}(x/s\sqrt2)$, or nothing.
    pub odd: &'a [f64],
    /// Weights of $\mathbb E|x+sz|$, or nothing.
    pub even: &'a [f64],
}

/// A mixture's components, in up to three pieces.
pub(crate) type Pieces<'a> = [Components<'a>; 3];

impl<'a> Components<'a> {
    const NONE: Self = Self {
        variance: &[],
        odd: &[],
        even: &[],
    };

    /// All components in one piece.
    pub(super) const fn alone(self) -> Pieces<'a> {
        [self, Self::NONE, Self::NONE]
    }
}

/// Of all pairs of components, for a correlation $c \ge 0$.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// By how much $\mathbb E[\varphi\varphi]$ of the odd components is less than for $c = 1$.
    pub odd_drop: f64,
    /// $\mathbb E[\varphi^\prime\varphi^\prime]$ of the odd components.
    pub odd_slope: f64,
    /// As `odd_drop`.
    pub even_drop: f64,
    /// As `odd_slope`.
    pub even_slope: f64,
}

/// Pairs that are computed side by side.
const LANES: usize = 8;

/// Correlations of the same two points that are computed together.
const TOGETHER: usize = 8;

/// What pairs of components share at a correlation.
#[derive(Debug, Clone, Copy, Default)]
struct Angle {
    cosine: f64,
    /// $k$ and $k_0 - k$.
    k: f64,
    less: f64,
    /// $k_0^2 - k^2$.
    determinant: f64,
    /// $(k_0-k)(1+c)$.
    numerator: f64,
}

/// One input's components in units of $\lambda = \max(q, 1)$, so that no product leaves the range of `f64`;
/// in a ring: from the first again after the last.
struct Side<const SIZE: usize> {
    unit: f64,
    q: f64,
    variance: [f64; SIZE],
    odd: [f64; SIZE],
    even: [f64; SIZE],
}

impl<const SIZE: usize> Side<SIZE> {
    /// With `length` elements: from the first again after the last, or of no weight.
    #[inline(always)]
    fn new(q: f64, pieces: Pieces<'_>, length: usize, is_ring: bool) -> Self {
        let unit = if q > 1.0 { q } else { 1.0 };
        let mut side = Self {
            unit,
            q: q / unit,
            variance: [0.0; SIZE],
            odd: [0.0; SIZE],
            even: [0.0; SIZE],
        };
        let count = count(&pieces);
        for (array, part, scale) in [
            (
                &mut side.variance,
                pieces.map(|piece| piece.variance),
                1.0 / unit,
            ),
            (&mut side.odd, pieces.map(|piece| piece.odd), 1.0),
            (&mut side.even, pieces.map(|piece| piece.even), 1.0),
        ] {
            let mut start = 0;
            for from in part {
                let to = &mut array[start..start + from.len()];
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from * scale;
                }
                start += from.len();
            }
            if is_ring {
                let (ring, again) = array[..length].split_at_mut(count);
                for again in again.chunks_mut(count.max(1)) {
                    again.copy_from_slice(&ring[..again.len()]);
                }
            }
        }
        if !is_ring {
            let first = side.variance[0];
            side.variance[count..length].fill(first);
        }
        side
    }
}

/// The number of components.
pub(super) fn count(pieces: &Pieces<'_>) -> usize {
    pieces.iter().map(|piece| piece.variance.len()).sum()
}

/// The length of a ring for all diagonals.
pub(super) fn size(a: &Pieces<'_>, b: &Pieces<'_>) -> usize {
    count(a).next_multiple_of(LANES) + count(b)
}

#[inline(always)]
fn lanes(values: &[f64], from: usize) -> &[f64; LANES] {
    values[from..].first_chunk().expect("as many as lanes")
}

/// The sums over all pairs at some correlations; `ODD` and `EVEN` say which components there are, `SLOPE`
/// whether `odd_slope` is wanted, `SIZE` is at least their [`size`]. `even_slope` is $\mathbb
/// E[\varphi^\prime\varphi^\prime]$ of the even components for $c = 1$, where the angle is $\alpha_0$.
///
/// Pairs are taken by diagonals $(i, i+r)$ of the ring of components, of which half suffice for equal inputs.
#[inline(always)]
pub(super) fn sums<const ODD: bool, const EVEN: bool, const SLOPE: bool, const SIZE: usize>(
    (qa, a): (f64, Pieces<'_>),
    (qb, b): (f64, Pieces<'_>),
    c: &[PairCorrelation],
    even_slope: f64,
    out: &mut [Sums],
) {
    let alike = qa == qb;
    let (length, columns) = (size(&a, &b), count(&b));
    let rows = length - columns;
    let a = Side::<SIZE>::new(qa, a, rows, false);
    let b = Side::<SIZE>::new(qb, b, length, true);
    let k0 = if alike { a.q } else { a.q.sqrt() * b.q.sqrt() };
    let units = if alike {
        a.unit
    } else {
        a.unit.sqrt() * b.unit.sqrt()
    };
    for (c, out) in c.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER)) {
        let mut angles = [Angle::default(); TOGETHER];
        for (angle, c) in angles.iter_mut().zip(c) {
            let (cosine, epsilon) = (1.0 - c.distance(), c.distance());
            let (k, less) = (k0 * cosine, k0 * epsilon);
            *angle = Angle {
                cosine,
                k,
                less,
                determinant: less * (k0 + k),
                numerator: less * (1.0 + cosine),
            };
        }
        let angles = &angles[..c.len()];
        let all =
            lanes_of_sums::<ODD, EVEN, SLOPE, SIZE>((&a, &b), (rows, columns, alike), k0, angles);
        for ((out, all), angle) in out.iter_mut().zip(all).zip(angles) {
            let [odd_drop, odd_slope, even_loss, even_slope_drop] =
                all.map(|lanes| FRAC_2_PI * lanes.iter().sum::<f64>());
            *out = Sums {
                odd_drop,
                odd_slope: odd_slope / units,
                even_drop: units * (angle.less * even_slope - even_loss),
                even_slope: even_slope - even_slope_drop,
            };
        }
    }
}

/// The sums lane by lane.
#[inline(always)]
fn lanes_of_sums<const ODD: bool, const EVEN: bool, const SLOPE: bool, const SIZE: usize>(
    (a, b): (&Side<SIZE>, &Side<SIZE>),
    (rows, columns, alike): (usize, usize, bool),
    k0: f64,
    angles: &[Angle],
) -> [[[f64; LANES]; 4]; TOGETHER] {
    let [mut all, mut sums] = [[[[0.0; LANES]; 4]; TOGETHER]; 2];
    for shift in 0..if alike { columns / 2 + 1 } else { columns } {
        sums[..angles.len()].fill([[0.0; LANES]; 4]);
        for row in (0..rows).step_by(LANES) {
            let (sa, sb) = (lanes(&a.variance, row), lanes(&b.variance, row + shift));
            let (oa, ob) = (lanes(&a.odd, row), lanes(&b.odd, row + shift));
            let (ea, eb) = (lanes(&a.even, row), lanes(&b.even, row + shift));
            let [mut d0, mut root0, mut product, mut odd, mut even] = [[0.0; LANES]; 5];
            for lane in 0..LANES {
                let (variance_a, variance_b) = (a.q + sa[lane], b.q + sb[lane]);
                d0[lane] = a.q * sb[lane] + sa[lane] * variance_b;
                root0[lane] = d0[lane].sqrt();
                product[lane] = variance_a * variance_b;
                odd[lane] = oa[lane] * ob[lane];
                even[lane] = ea[lane] * eb[lane];
            }
            for (at, sums) in angles.iter().zip(&mut sums) {
                let Angle {
                    cosine, k, less, ..
                } = *at;
                for lane in 0..LANES {
                    let root0 = root0[lane];
                    let root = (at.determinant + d0[lane]).sqrt();
                    let n = product[lane] * at.numerator;
                    let d = (k0 * k + root * root0) * (root + cosine * root0);
                    let theta = if EVEN {
                        // t √D₀/(√D₀ + √D) is the third
                        let tangent = n / d;
                        let third = tangent * (root0 / (root + root0));
                        let (theta, excess) = angle_and_excess(n, d, tangent);
                        sums[2][lane] += even[lane] * (less * third + k * excess);
                        sums[3][lane] += even[lane] * theta;
                        theta
                    } else {
                        angle(n, d)
                    };
                    if ODD {
                        sums[0][lane] += odd[lane] * theta;
                        if SLOPE {
                            sums[1][lane] += odd[lane] / root;
                        }
                    }
                }
            }
        }
        // the first diagonal has no mirror image, and neither has one that is half of the ring away
        let count = if alike && shift > 0 && 2 * shift != columns {
            2.0
        } else {
            1.0
        };
        for (all, sums) in all.iter_mut().zip(&sums).take(angles.len()) {
            for (all, sums) in all.iter_mut().zip(sums) {
                for lane in 0..LANES {
                    all[lane] += count * sums[lane];
                }
            }
        }
    }
    all
}
