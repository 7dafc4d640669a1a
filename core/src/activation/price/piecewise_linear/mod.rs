//! Duals of continuous piecewise linear functions.
//!
//! | file | what |
//! |---|---|
//! | `seen` | $\varphi(\sqrt q z)$ as a function of $z$: its kinks and one-dimensional expectations |
//! | `pair` | the integrals over the angle |
//! | `deficit` | what parallel inputs of different norms lose |

mod deficit;
mod pair;
mod seen;

use pair::Pair;
use seen::Seen;

use super::{PairMoments, image};
use crate::PairCorrelation;
use crate::activation::pair_form::{distinct, place};
use crate::vectorized::vectorized;

/// $x \mapsto \text{offset} + \text{slope} \cdot x$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) offset: f64,
    pub(crate) slope: f64,
}

impl Line {
    /// The constant that it is at $x$.
    const fn held(self, x: f64) -> Self {
        Self {
            offset: self.offset + self.slope * x,
            slope: 0.0,
        }
    }
}

/// A point $\kappa$ and the line that $\varphi$ follows beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kink {
    pub(crate) at: f64,
    pub(crate) then: Line,
}

/// A continuous piecewise linear $\varphi$ with kinks $\kappa_1 < \ldots < \kappa_N$ and slopes $s_0, \ldots,
/// s_N$ between them, so that $\varphi^{\prime\prime} = \sum_i J_i \delta_{\kappa_i}$ with $J_i = s_i -
/// s_{i-1}$.
///
/// With $x_i = \kappa_i/\sqrt{q_a}$, $y_j = \kappa_j/\sqrt{q_b}$ the function $h$ of Price's theorem is
///
/// $$h(t) = \frac{1}{2\pi} \sum_{ij} J_i J_j e^{-(x_i^2 + w_{ij}^2)/2}, \qquad
/// w_{ij} = \frac{y_j - x_i \cos t}{\sin t},$$
///
/// the density of $(u, v)$ at pairs of kinks, times $\sqrt{q_a q_b} \sin t$. Integrals start from $c = 0$,
/// where expectations factorise:
///
/// $$\mathbb E[\varphi^\prime\varphi^\prime] = \mathbb E[\varphi^\prime(u)] \mathbb E[\varphi^\prime(v)] +
/// \int_\theta^{\pi/2} h, \qquad \mathbb E[\varphi\varphi] = \mathbb E[\varphi(u)] \mathbb E[\varphi(v)] +
/// \sqrt{q_a q_b} \left( c \ \mathbb E[\varphi^\prime(u)] \mathbb E[\varphi^\prime(v)] +
/// \int_\theta^{\pi/2} (\cos\theta - \cos t) h(t) dt \right).$$
///
/// Correlations below 0 are those of $\varphi(u)$ and $\varphi(-v^\prime)$ with $v^\prime = -v$. A variance
/// of 0 is the limit from above: at a kink at 0, $\varphi^\prime$ has either slope according to the sign of
/// $z$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PiecewiseLinear<const N: usize> {
    /// What $\varphi$ follows below its first kink.
    pub(crate) first: Line,
    /// The kinks, in ascending order.
    pub(crate) kinks: [Kink; N],
}

impl PiecewiseLinear<2> {
    /// A line that is held constant outside of $[\text{low}, \text{high}]$.
    pub(crate) const fn clamp(line: Line, low: f64, high: f64) -> Self {
        Self {
            first: line.held(low),
            kinks: [
                Kink {
                    at: low,
                    then: line,
                },
                Kink {
                    at: high,
                    then: line.held(high),
                },
            ],
        }
    }
}

impl<const N: usize> PiecewiseLinear<N> {
    /// $\gamma(\varphi(\alpha x + \beta) + \delta)$ of $(\alpha, \beta, \gamma, \delta)$, for $\alpha \ne 0$.
    pub(crate) fn affine(&self, [alpha, beta, gamma, delta]: [f64; 4]) -> Self {
        let line = |line: Line| Line {
            offset: gamma * (line.offset + line.slope * beta + delta),
            slope: gamma * (line.slope * alpha),
        };
        let mut image = Self {
            first: line(self.first),
            kinks: self.kinks.map(|kink| Kink {
                at: (kink.at - beta) / alpha,
                then: line(kink.then),
            }),
        };
        if alpha < 0.0 && N > 0 {
            // what stood beyond a kink now stands before it
            let before: [Line; N] = std::array::from_fn(|i| image.line(i));
            image.first = image.kinks[N - 1].then;
            for (kink, before) in image.kinks.iter_mut().zip(before) {
                kink.then = before;
            }
            image.kinks.reverse();
        }
        image
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    pub(crate) fn variance(&self, q: f64) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || Seen::new(&phi, q).variance,
        )
    }

    /// All that a pair gives, with $1 - c^\prime$ (for odd $\varphi$ also $1 + c^\prime$) in relative
    /// accuracy. Errors are a few units of rounding of $\sqrt{V_a V_b}$ and $\sqrt{\mathbb
    /// E[\varphi^\prime(u)^2] \mathbb E[\varphi^\prime(v)^2]}$; more where $\varphi$ is 0 within nine
    /// standard deviations of 0.
    pub(crate) fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || {
                let a = Seen::new(&phi, qa);
                let b = if qa == qb { a } else { Seen::new(&phi, qb) };
                phi.pair_of((qa, qb), (&a, &b), c, &mut None)
            },
        )
    }

    /// [`pair`](Self::pair) of one variance with others: of what depends on these alone nothing is computed
    /// twice.
    pub(crate) fn row(&self, qa: f64, qb: &[f64], c: &[PairCorrelation]) -> Vec<PairMoments> {
        let phi = *self;
        let distinct = distinct(qb);
        let (own, others) = vectorized(
            #[inline(always)]
            || {
                let mut others = Vec::with_capacity(distinct.len());
                for &q in &distinct {
                    others.push((Seen::new(&phi, q), None));
                }
                (Seen::new(&phi, qa), others)
            },
        );
        let mut others = others;
        let mut pairs = Vec::with_capacity(c.len());
        let mut at = 0;
        for (&q, &c) in qb.iter().zip(c) {
            if distinct[at] != q {
                at = place(&distinct, q);
            }
            let (other, deficit) = &mut others[at];
            pairs.push(vectorized(
                #[inline(always)]
                || phi.pair_of((qa, q), (&own, other), c, deficit),
            ));
        }
        pairs
    }

    /// A pair, given what is seen at its variances; what parallel inputs lose is kept.
    #[inline(always)]
    fn pair_of(
        &self,
        (qa, qb): (f64, f64),
        seen: (&Seen<N>, &Seen<N>),
        c: PairCorrelation,
        lost: &mut Option<f64>,
    ) -> PairMoments {
        let reversed = self.is_odd() && !c.is_positive();
        let acute = if reversed { c.opposite() } else { c };
        let pair = Pair::new(self, (qa, qb), seen, acute);
        let (moment, derivative_moment) = pair.moments();
        let scale = pair.scale();
        let image = if scale == 0.0 {
            acute
        } else {
            image(
                moment / scale,
                #[inline(always)]
                || {
                    let known = match *lost {
                        Some(known) => known,
                        None => deficit::deficit(self, qa, qb),
                    };
                    *lost = Some(known);
                    known + pair.drop(derivative_moment) / scale
                },
            )
        };
        PairMoments {
            variance_a: seen.0.variance,
            variance_b: seen.1.variance,
            moment: if reversed { -moment } else { moment },
            derivative_moment,
            correlation: if reversed { image.opposite() } else { image },
        }
    }

    /// The line below kink `i`; above the last one for `i` $= N$.
    #[inline(always)]
    fn line(&self, i: usize) -> Line {
        if i == 0 {
            self.first
        } else {
            self.kinks[i - 1].then
        }
    }

    /// Whether $\varphi$ minus a constant is odd.
    #[inline(always)]
    fn is_symmetric(&self) -> bool {
        (0..N).all(|i| {
            let other = N - 1 - i;
            self.kinks[i].at == -self.kinks[other].at
                && self.line(i).slope == self.kinks[other].then.slope
        })
    }

    #[inline(always)]
    fn is_odd(&self) -> bool {
        self.is_symmetric() && (0..=N).all(|i| self.line(i).offset == -self.line(N - i).offset)
    }
}
