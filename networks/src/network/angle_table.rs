//! Functions of the angle of a pair, tabulated.

use pulp::{Arch, Simd, WithSimd};

use crate::Result;
use crate::covariance::{AnglePiece, PairCorrelation};
use crate::numerics::chebyshev::{self, Tail};
use crate::vectorized::ends;

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

/// Entries that are evaluated together: whole [`VECTORS`].
pub(crate) const TOGETHER: usize = 64;

/// Vectors of entries that are evaluated side by side: the sums of even and odd powers of two keep both units
/// of a core busy.
const VECTORS: usize = 4;

/// $F$ functions of $\varepsilon = 1 - c \in [0, 2]$, as polynomials on pieces.
///
/// Homogeneous maps are analytic in the angle, and so in $\sqrt\varepsilon$ up to some distance of $c = -1$
/// and in $\sqrt{2-\varepsilon}$ from there: pieces in these variables, or their squares, halved until a
/// polynomial of degree 19 reproduces the functions between its nodes.
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

    /// At one correlation.
    fn at(&self, c: PairCorrelation) -> [f64; F] {
        let square = if self.range.is_far {
            c.one_plus()
        } else {
            c.one_minus()
        };
        Arch::new().dispatch(Alone {
            piece: self,
            square,
        })
    }

    /// Places in $[-1, 1]$ of some squares of the variable.
    #[inline(always)]
    fn places<S: Simd, const V: usize>(&self, simd: S, mut x: [S::f64s; V]) -> [S::f64s; V] {
        let (is_root, center, scale) = self.range.variable();
        let (center, scale) = (simd.splat_f64s(center), simd.splat_f64s(scale));
        for x in &mut x {
            let variable = if is_root { simd.sqrt_f64s(*x) } else { *x };
            *x = simd.mul_f64s(simd.sub_f64s(variable, center), scale);
        }
        x
    }

    /// At [`TOGETHER`] squares of the variable; what does not lie beyond the start, in $\varepsilon$, stays.
    #[inline(always)]
    fn at_all<S: Simd>(
        &self,
        simd: S,
        [squares, epsilon]: [&[f64; TOGETHER]; 2],
        start: Option<f64>,
        out: &mut [[f64; TOGETHER]; F],
    ) {
        let (squares, epsilon) = (S::as_simd_f64s(squares).0, S::as_simd_f64s(epsilon).0);
        let vectors = squares
            .chunks_exact(VECTORS)
            .zip(epsilon.chunks_exact(VECTORS));
        for ((squares, epsilon), place) in vectors.zip((0..).step_by(VECTORS)) {
            let x = self.places(simd, std::array::from_fn::<_, VECTORS, _>(|v| squares[v]));
            for (out, coefficients) in out.iter_mut().zip(&self.coefficients) {
                let values = value(simd, coefficients, &x);
                let (out, _) = S::as_mut_simd_f64s(out);
                for (v, out) in out[place..place + VECTORS].iter_mut().enumerate() {
                    *out = match start {
                        Some(start) => {
                            let start = simd.splat_f64s(start);
                            let is_beyond = simd.less_than_f64s(start, epsilon[v]);
                            simd.select_f64s(is_beyond, values[v], *out)
                        }
                        None => values[v],
                    };
                }
            }
        }
    }
}

/// A piece at one square of its variable.
struct Alone<'a, const F: usize> {
    piece: &'a PolynomialPiece<F>,
    square: f64,
}

impl<const F: usize> WithSimd for Alone<'_, F> {
    type Output = [f64; F];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; F] {
        let x = self.piece.places(simd, [simd.splat_f64s(self.square)]);
        let mut out = [0.0; F];
        for (out, coefficients) in out.iter_mut().zip(&self.piece.coefficients) {
            *out = simd.reduce_min_f64s(value(simd, coefficients, &x)[0]);
        }
        out
    }
}

/// A polynomial, by the even and the odd powers.
#[inline(always)]
fn value<S: Simd, const V: usize>(
    simd: S,
    coefficients: &[f64; TERMS],
    x: &[S::f64s; V],
) -> [S::f64s; V] {
    let mut even = [simd.splat_f64s(coefficients[TERMS - 2]); V];
    let mut odd = [simd.splat_f64s(coefficients[TERMS - 1]); V];
    let mut y = *x;
    for y in &mut y {
        *y = simd.mul_f64s(*y, *y);
    }
    for pair in coefficients[..TERMS - 2].chunks_exact(2).rev() {
        let (a, b) = (simd.splat_f64s(pair[0]), simd.splat_f64s(pair[1]));
        for v in 0..V {
            even[v] = simd.mul_add_f64s(even[v], y[v], a);
            odd[v] = simd.mul_add_f64s(odd[v], y[v], b);
        }
    }
    for v in 0..V {
        even[v] = simd.mul_add_f64s(x[v], odd[v], even[v]);
    }
    even
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
        self.pieces[self.index(c.one_minus())].at(c)
    }

    /// The functions at [`TOGETHER`] correlations, given by $1 - c$ and $1 + c$, each as [`at`](Self::at).
    #[inline(always)]
    pub(crate) fn at_all<S: Simd>(
        &self,
        simd: S,
        [near, far]: [&[f64; TOGETHER]; 2],
        out: &mut [[f64; TOGETHER]; F],
    ) {
        let [first, last] = ends(simd, near).map(|epsilon| self.index(epsilon));
        for index in first..=last {
            let piece = &self.pieces[index];
            let squares = if piece.range.is_far { far } else { near };
            // neighbours mostly lie on the same piece
            let start = (index > first).then(|| self.starts[index]);
            piece.at_all(simd, [squares, near], start, out);
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
                let found = piece.at(c);
                for f in 0..F {
                    let absolute = side.is_far || f + 1 == F;
                    let scale = if absolute { largest[f] } else { value[f].abs() };
                    if scale > 0.0 {
                        let own = (found[f] - value[f]).abs() / scale;
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Together<'a> {
        table: &'a AngleTable<2>,
        c: &'a [PairCorrelation; TOGETHER],
        found: &'a mut [[f64; TOGETHER]; 2],
    }

    impl WithSimd for Together<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            let (near, far) = (
                self.c.map(PairCorrelation::one_minus),
                self.c.map(PairCorrelation::one_plus),
            );
            self.table.at_all(simd, [&near, &far], self.found);
        }
    }

    /// Whatever stands beside an angle, and however many pieces its neighbours lie on.
    #[test]
    fn angles_together_have_the_bits_of_each() {
        let functions = |c: &[PairCorrelation]| {
            let values = c.iter().map(|c| {
                let angle = c.sine_squared().sqrt().atan2(c.value());
                [1.0 + angle * c.value(), angle.cos() + 0.3 * angle]
            });
            Ok(values.collect::<Vec<_>>())
        };
        let table = AngleTable::build(1e-13, functions, true).unwrap().unwrap();
        let all = (0..=400).map(|i| PairCorrelation::of_one_minus(f64::from(i) / 200.0));
        let all: Vec<PairCorrelation> = all.collect();
        for step in [1, 6] {
            let c: Vec<PairCorrelation> = all.iter().step_by(step).copied().collect();
            for c in c.as_chunks::<TOGETHER>().0 {
                let mut found = [[0.0; TOGETHER]; 2];
                Arch::new().dispatch(Together {
                    table: &table,
                    c,
                    found: &mut found,
                });
                for (lane, &c) in c.iter().enumerate() {
                    let alone: [f64; 2] = table.at(c);
                    assert_eq!(
                        found.map(|found| found[lane].to_bits()),
                        alone.map(f64::to_bits)
                    );
                }
            }
        }
    }
}
