//! What parallel inputs of different norms lose.

use super::super::normal_piece::{Edge, NormalPiece};
use super::PiecewiseLinear;
use super::seen::{edges, scaled_kinks};

/// $1 - \mathbb E[\varphi_a \varphi_b]/\sqrt{V_a V_b}$ of $\varphi_a(z) = \varphi(\sqrt{q_a} z)$ and
/// $\varphi_b$, as $\tfrac12 \mathbb E(\varphi_a/\|\varphi_a\| - \varphi_b/\|\varphi_b\|)^2$ in terms of $D =
/// \varphi_a - \lambda \varphi_b$, whose pieces are known in relative accuracy for $\lambda = 1$ (saturated,
/// or close to a constant) and $\lambda = \sqrt{q_a/q_b}$ (close to homogeneous): the shorter $D$ counts.
#[inline(always)]
pub(super) fn deficit<const N: usize>(phi: &PiecewiseLinear<N>, qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    let at_a = edges(&scaled_kinks(phi, root_a));
    let at_b = edges(&scaled_kinks(phi, root_b));
    // √q_b − √q_a, and that relative to √q_b
    let difference = (qb - qa) / (root_a + root_b);
    let relative = difference / root_b;
    let ratio = root_a / root_b;
    // D = φ(√q_a z) − λφ(√q_b z) for λ = 1 and √(q_a/q_b), exactly 0 where it should be
    let mut pieces = Vec::with_capacity(16);
    let (mut norm_a, mut candidates) = (0.0, [Candidate::default(); 2]);
    let (mut i, mut j, mut from) = (0, 0, Edge::LOWEST);
    while i <= N && j <= N {
        let next_a = if i < N { at_a[i] } else { Edge::HIGHEST };
        let next_b = if j < N { at_b[j] } else { Edge::HIGHEST };
        let to = if next_a.at < next_b.at {
            next_a
        } else {
            next_b
        };
        let (a, b) = (phi.line(i), phi.line(j));
        let line = [a.offset, a.slope * root_a];
        let apart = if i == j {
            [[0.0, -a.slope * difference], [a.offset * relative, 0.0]]
        } else {
            [
                [a.offset - b.offset, a.slope * root_a - b.slope * root_b],
                [a.offset - ratio * b.offset, (a.slope - b.slope) * root_a],
            ]
        };
        NormalPiece::cover(
            from,
            to,
            a.slope == 0.0 && b.slope == 0.0,
            #[inline(always)]
            |piece| {
                norm_a += piece.product(line, line);
                for (candidate, apart) in candidates.iter_mut().zip(apart) {
                    let other = [line[0] - apart[0], line[1] - apart[1]];
                    let sum = [line[0] + other[0], line[1] + other[1]];
                    candidate.square += piece.product(apart, apart);
                    candidate.norm_b += piece.product(other, other);
                    candidate.longer += piece.product(apart, sum);
                }
                pieces.push((piece, line, apart));
            },
        );
        from = to;
        if next_a.at <= to.at {
            i += 1;
        }
        if next_b.at <= to.at {
            j += 1;
        }
    }
    let nearness = |x: &Candidate| x.square / x.norm_b;
    let best = usize::from(nearness(&candidates[1]) < nearness(&candidates[0]));
    let Candidate { norm_b, longer, .. } = candidates[best];
    if norm_a == 0.0 || norm_b == 0.0 {
        return 0.0;
    }
    // (‖a‖ − ‖b‖)/‖a‖ from the difference of the squares
    let shrink = longer / (norm_a + norm_a.sqrt() * norm_b.sqrt());
    let mut sum = 0.0;
    for (piece, line, apart) in pieces {
        let apart = apart[best];
        let across = [apart[0] - shrink * line[0], apart[1] - shrink * line[1]];
        sum += piece.product(across, across);
    }
    0.5 * sum / norm_b
}

/// For $D = \varphi_a - \lambda\varphi_b$.
#[derive(Clone, Copy, Default)]
struct Candidate {
    /// $\mathbb E D^2$.
    square: f64,
    /// $\lambda^2 \mathbb E \varphi_b^2$.
    norm_b: f64,
    /// $\mathbb E \varphi_a^2 - \lambda^2 \mathbb E \varphi_b^2 = \mathbb E D(\varphi_a + \lambda\varphi_b)$.
    longer: f64,
}
