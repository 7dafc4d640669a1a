//! Functions of the angle of a pair, tabulated.

use crate::Result;
use crate::covariance::{AnglePiece, PairCorrelation};
use crate::numerics::chebyshev::{self, Tail};
use crate::numerics::polynomial::evaluate_lanes;

/// Coefficients of a piece.
const TERMS: usize = 20;

/// Points between the nodes where a piece is checked.
const CHECKS: usize = 9;

/// Pieces narrower than this are not split again.
const NARROWEST: f64 = 1e-10;

/// What the evaluation of the tabulated functions may itself err by, relative: pieces that cannot be split
/// any more must be as good as this.
const ROUNDING: f64 = 1e-13;

/// What the rounding of a million layers may amount to: a table is no better than its recursion.
const RECURSION: f64 = 1e-11;

/// Entries that are evaluated together.
const LANES: usize = 8;

/// $F$ functions of $\varepsilon = 1 - c \in [0, 2]$, as polynomials on pieces.
///
/// Homogeneous maps are analytic in the angle, and so in $\sqrt\varepsilon$ up to some distance of $c = -1$
/// and in $\sqrt{2-\varepsilon}$ from there: pieces in these variables, halved until a polynomial of degree
/// 19 reproduces the functions between its nodes.
#[derive(Debug, Clone)]
pub(crate) struct AngleTable<const F: usize> {
    /// From $\varepsilon = 0$ to 2.
    pieces: Vec<PolynomialPiece<F>>,
    /// The $\varepsilon$ where each starts.
    starts: Vec<f64>,
}

#[derive(Debug, Clone)]
struct PolynomialPiece<const F: usize> {
    range: AnglePiece,
    coefficients: [[f64; TERMS]; F],
}

impl<const F: usize> PolynomialPiece<F> {
    /// The interpolant, and for every function whether it has reached the function's rounding.
    fn fit(range: AnglePiece, values: &[[f64; F]]) -> (Self, [bool; F]) {
        let mut coefficients = [[0.0; TERMS]; F];
        let mut settled = [false; F];
        for (f, all) in chebyshev::fit(values).iter().enumerate() {
            coefficients[f] = chebyshev::in_powers(all);
            settled[f] = Tail::of(all).is_rounding;
        }
        let piece = Self {
            range,
            coefficients,
        };
        (piece, settled)
    }

    #[inline(always)]
    fn at<const W: usize>(&self, c: &[PairCorrelation; W]) -> [[f64; W]; F] {
        let x = self.range.places(c);
        let mut out = [[0.0; W]; F];
        for (out, coefficients) in out.iter_mut().zip(&self.coefficients) {
            *out = evaluate_lanes(coefficients, &x);
        }
        out
    }
}

impl<const F: usize> AngleTable<F> {
    /// Tabulates `functions` (given correlations, none of them $\pm 1$) to a relative `tolerance`; on the far
    /// side, and for the last function everywhere, relative to its largest value. `None` if that takes too
    /// many pieces.
    pub(crate) fn build(
        tolerance: f64,
        mut functions: impl FnMut(&[PairCorrelation]) -> Result<Vec<[f64; F]>>,
        far_side: bool,
    ) -> Result<Option<Self>> {
        let far_end = (2.0 - AnglePiece::NEAR_SIDE).sqrt();
        let sides = [
            AnglePiece::between(0.0, AnglePiece::NEAR_END, false),
            AnglePiece::between(0.0, far_end, true),
        ];
        let mut all = Vec::new();
        for side in &sides[..1 + usize::from(far_side)] {
            match pieces(*side, tolerance, &mut functions)? {
                Some(pieces) => all.extend(pieces),
                None => return Ok(None),
            }
        }
        let ends = all.iter().map(|piece: &PolynomialPiece<F>| piece.range.end);
        Ok(Some(Self {
            starts: std::iter::once(0.0).chain(ends).take(all.len()).collect(),
            pieces: all,
        }))
    }

    pub(crate) fn has_far_side(&self) -> bool {
        self.pieces.last().is_some_and(|piece| piece.range.is_far)
    }

    /// The number of pieces.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The functions at one correlation.
    pub(crate) fn at(&self, c: PairCorrelation) -> [f64; F] {
        let mut out = [0.0; F];
        for (out, lanes) in out.iter_mut().zip(self.at_lanes(&[c])) {
            *out = lanes[0];
        }
        out
    }

    /// The functions at several correlations (a power of two of them), each as [`at`](Self::at).
    #[inline(always)]
    fn at_lanes<const W: usize>(&self, c: &[PairCorrelation; W]) -> [[f64; W]; F] {
        let epsilon = c.map(PairCorrelation::one_minus);
        // by halves, which the compiler vectorises
        let (mut low, mut high, mut left) = (epsilon, epsilon, W);
        while left > 1 {
            left /= 2;
            for lane in 0..left {
                let (other_low, other_high) = (low[lane + left], high[lane + left]);
                low[lane] = if other_low < low[lane] {
                    other_low
                } else {
                    low[lane]
                };
                high[lane] = if other_high > high[lane] {
                    other_high
                } else {
                    high[lane]
                };
            }
        }
        let (first, last) = (self.index(low[0]), self.index(high[0]));
        let mut out = self.pieces[first].at(c);
        // some lanes may lie on other pieces
        for index in first + 1..=last {
            let start = self.starts[index];
            let other = self.pieces[index].at(c);
            for f in 0..F {
                for lane in 0..W {
                    if epsilon[lane] > start {
                        out[f][lane] = other[f][lane];
                    }
                }
            }
        }
        out
    }

    /// The functions at many correlations, each as [`at`](Self::at); `out` has room for whole lanes.
    #[inline(always)]
    pub(crate) fn at_all(&self, c: &[PairCorrelation], mut out: [&mut [f64]; F]) {
        for start in (0..c.len()).step_by(LANES) {
            let c = &c[start..];
            let lanes = c.first_chunk::<LANES>().copied().unwrap_or_else(|| {
                let mut lanes = [c[0]; LANES];
                lanes[..c.len()].copy_from_slice(c);
                lanes
            });
            let found = self.at_lanes(&lanes);
            for (out, found) in out.iter_mut().zip(&found) {
                out[start..start + LANES].copy_from_slice(found);
            }
        }
    }

    /// The piece of an $\varepsilon$.
    #[inline(always)]
    fn index(&self, epsilon: f64) -> usize {
        let mut index = self.starts.len() - 1;
        while index > 0 && epsilon <= self.starts[index] {
            index -= 1;
        }
        index
    }
}

/// Halves of one side on which polynomials reproduce the functions.
fn pieces<const F: usize>(
    side: AnglePiece,
    tolerance: f64,
    functions: &mut impl FnMut(&[PairCorrelation]) -> Result<Vec<[f64; F]>>,
) -> Result<Option<Vec<PolynomialPiece<F>>>> {
    let checks = chebyshev::nodes(CHECKS).map(|x| x * 0.999_9);
    let places: Vec<f64> = chebyshev::nodes(TERMS).chain(checks).collect();
    // with the error of the piece of twice the length
    let mut pending = vec![(side, f64::INFINITY)];
    let mut done: Vec<PolynomialPiece<F>> = Vec::new();
    let mut largest = [0.0_f64; F];
    while !pending.is_empty() {
        if pending.len() + done.len() > 400 {
            return Ok(None);
        }
        // all of them in one call: a layer is passed by many pairs at a time
        let points = pending
            .iter()
            .flat_map(|(range, _)| places.iter().map(|&x| range.correlation(x)));
        let points: Vec<PairCorrelation> = points.collect();
        let values = functions(&points)?;
        for value in &values {
            for f in 0..F {
                if !value[f].is_finite() {
                    return Ok(None);
                }
                largest[f] = largest[f].max(value[f].abs());
            }
        }
        let mut split = Vec::new();
        let samples = points.chunks(places.len()).zip(values.chunks(places.len()));
        for ((range, before), (points, values)) in pending.iter().zip(samples) {
            let (piece, settled) = PolynomialPiece::fit(*range, &values[..TERMS]);
            // of functions that can be had better, and of those that cannot
            let (mut error, mut rounding) = (0.0_f64, 0.0_f64);
            for (&c, value) in points[TERMS..].iter().zip(&values[TERMS..]) {
                let found = piece.at(&[c]);
                for f in 0..F {
                    let absolute = side.is_far || f + 1 == F;
                    let scale = if absolute { largest[f] } else { value[f].abs() };
                    if scale > 0.0 {
                        let own = (found[f][0] - value[f]).abs() / scale;
                        let worst = if settled[f] {
                            &mut rounding
                        } else {
                            &mut error
                        };
                        *worst = worst.max(own);
                    }
                }
            }
            let is_narrowest = range.length() < NARROWEST;
            let narrow = is_narrowest || done.len() + pending.len() > 150;
            // on halves rounding is what it was; coefficients that merely fall slowly fall faster
            let is_rounding = rounding <= tolerance || rounding >= 0.5 * before;
            let good = error <= tolerance && is_rounding && rounding <= tolerance.max(RECURSION);
            if good || (narrow && error.max(rounding) <= ROUNDING) {
                done.push(piece);
            } else if is_narrowest {
                return Ok(None);
            } else {
                split.extend(range.halves().map(|half| (half, error.max(rounding))));
            }
        }
        pending = split;
    }
    done.sort_unstable_by(|a, b| a.range.end.total_cmp(&b.range.end));
    Ok(Some(done))
}
