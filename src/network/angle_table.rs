//! Functions of the angle of a pair, tabulated.

use crate::Result;
use crate::numerics::polynomial::{
    chebyshev_node, chebyshev_powers, chebyshev_transform, evaluate_lanes,
};

/// Coefficients of a piece.
const TERMS: usize = 20;

/// Points between the nodes where a piece is checked.
const CHECKS: usize = 9;

/// Pieces narrower than this are not split again.
const NARROWEST: f64 = 1e-10;

/// What the evaluation of the tabulated functions may itself err by, relative: pieces that cannot be split
/// any more must be as good as this.
const ROUNDING: f64 = 1e-13;

/// Near $c = -1$ the rounding of $\varepsilon$ moves $\sqrt{2-\varepsilon}$ by this over itself: no table is
/// better there, and no recursion.
const ANTIPODAL_NOISE: f64 = 1e-15;

/// What the rounding of a million layers may amount to: a table is no better than its recursion.
const RECURSION: f64 = 1e-11;

/// Entries that are evaluated together.
pub(crate) const LANES: usize = 8;

/// $F$ functions of $\varepsilon = 1 - c \in [0, 2]$, as polynomials on pieces.
///
/// Homogeneous maps are analytic in the angle, and so in $\sqrt\varepsilon$ up to some distance of $c = -1$
/// and in $\sqrt{2-\varepsilon}$ from there: pieces in these variables, halved until a polynomial of degree
/// 19 reproduces the functions between its nodes.
#[derive(Debug, Clone)]
pub(crate) struct AngleTable<const F: usize> {
    /// From $\varepsilon = 0$ to 2.
    pieces: Vec<Piece<F>>,
    /// The $\varepsilon$ where each starts.
    starts: Vec<f64>,
    /// The number of pieces in $\sqrt\varepsilon$; the others are pieces in $\sqrt{2-\varepsilon}$.
    near: usize,
}

#[derive(Debug, Clone)]
struct Piece<const F: usize> {
    /// Its end in the variable.
    high: f64,
    center: f64,
    /// 2 over its length.
    scale: f64,
    coefficients: [[f64; TERMS]; F],
}

impl<const F: usize> Piece<F> {
    /// The interpolant, and for every function whether its coefficients have stopped to fall: more of them,
    /// on shorter pieces, would only resolve the rounding of the function itself.
    fn fit(low: f64, high: f64, values: &[[f64; F]]) -> (Self, [bool; F]) {
        let (transform, powers) = (chebyshev_transform(TERMS), chebyshev_powers(TERMS));
        let mut coefficients = [[0.0; TERMS]; F];
        let mut settled = [false; F];
        for (f, sums) in coefficients.iter_mut().enumerate() {
            let (mut last, mut before) = (0.0_f64, 0.0_f64);
            for (k, (row, powers)) in transform.iter().zip(&powers).enumerate().rev() {
                let a: f64 = row.iter().zip(values).map(|(m, value)| m * value[f]).sum();
                if k >= TERMS - 4 {
                    last = last.max(a.abs());
                } else if k >= TERMS - 10 {
                    before = before.max(a.abs());
                }
                for (sum, power) in sums.iter_mut().zip(powers) {
                    *sum += a * power;
                }
            }
            settled[f] = last >= 0.1 * before;
        }
        let piece = Self {
            high,
            center: 0.5 * (low + high),
            scale: 2.0 / (high - low),
            coefficients,
        };
        (piece, settled)
    }

    #[inline(always)]
    fn at<const W: usize>(&self, variable: [f64; W]) -> [[f64; W]; F] {
        let mut x = variable;
        for x in &mut x {
            *x = (*x - self.center) * self.scale;
        }
        let mut out = [[0.0; W]; F];
        for (out, coefficients) in out.iter_mut().zip(&self.coefficients) {
            *out = evaluate_lanes(coefficients, &x);
        }
        out
    }
}

impl<const F: usize> AngleTable<F> {
    /// Up to this $\varepsilon$ the variable is $\sqrt\varepsilon$.
    pub(crate) const NEAR_SIDE: f64 = NEAR_END * NEAR_END;

    /// Tabulates `functions` (given complements, none of them 0 or 2) to a relative `tolerance`; on the far
    /// side, and for the last function everywhere, relative to its largest value. `None` if that takes too
    /// many pieces.
    pub(crate) fn build(
        tolerance: f64,
        mut functions: impl FnMut(&[f64]) -> Result<Vec<[f64; F]>>,
        far_side: bool,
    ) -> Result<Option<Self>> {
        let mut near_functions = |variable: &[f64]| {
            let epsilon: Vec<f64> = variable.iter().map(|v| v * v).collect();
            functions(&epsilon)
        };
        let Some(near) = pieces(NEAR_END, tolerance, &mut near_functions, false)? else {
            return Ok(None);
        };
        let mut far = Vec::new();
        if far_side {
            let end = (2.0 - Self::NEAR_SIDE).sqrt();
            let mut far_functions = |variable: &[f64]| {
                let epsilon: Vec<f64> = variable.iter().map(|v| 2.0 - v * v).collect();
                functions(&epsilon)
            };
            match pieces(end, tolerance, &mut far_functions, true)? {
                Some(pieces) => far = pieces,
                None => return Ok(None),
            }
        }
        let mut starts = vec![0.0];
        starts.extend(near.iter().map(|piece| piece.high * piece.high));
        starts.extend(far.iter().rev().map(|piece| 2.0 - piece.high * piece.high));
        if far_side {
            // where the sides meet
            starts.remove(near.len());
        } else {
            starts.pop();
        }
        Ok(Some(Self {
            near: near.len(),
            pieces: near.into_iter().chain(far.into_iter().rev()).collect(),
            starts,
        }))
    }

    pub(crate) fn has_far_side(&self) -> bool {
        self.near < self.pieces.len()
    }

    /// The number of pieces.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The functions at one $\varepsilon$.
    pub(crate) fn at(&self, epsilon: f64) -> [f64; F] {
        let mut out = [0.0; F];
        for (out, lanes) in out.iter_mut().zip(self.at_lanes(&[epsilon])) {
            *out = lanes[0];
        }
        out
    }

    /// The functions at several $\varepsilon$, each as [`at`](Self::at).
    #[inline(always)]
    pub(crate) fn at_lanes<const W: usize>(&self, epsilon: &[f64; W]) -> [[f64; W]; F] {
        let (mut low, mut high) = (f64::INFINITY, 0.0);
        for &epsilon in epsilon {
            low = if epsilon < low { epsilon } else { low };
            high = if epsilon > high { epsilon } else { high };
        }
        let (first, last) = (self.index(low), self.index(high));
        let mut out = self.piece_at(first, epsilon);
        // some lanes may lie on other pieces
        for index in first + 1..=last {
            let start = self.starts[index];
            let other = self.piece_at(index, epsilon);
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

    #[inline(always)]
    fn piece_at<const W: usize>(&self, index: usize, epsilon: &[f64; W]) -> [[f64; W]; F] {
        let mut variable = *epsilon;
        let near = index < self.near;
        for v in &mut variable {
            *v = if near { v.sqrt() } else { (2.0 - *v).sqrt() };
        }
        self.pieces[index].at(variable)
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

/// The functions at given variables.
type Sampler<'a, const F: usize> = dyn FnMut(&[f64]) -> Result<Vec<[f64; F]>> + 'a;

/// The end of the near side in $\sqrt\varepsilon$: orthogonal inputs lie inside of a piece whenever it is
/// halved.
const NEAR_END: f64 = 1.25;

fn pieces<const F: usize>(
    end: f64,
    tolerance: f64,
    functions: &mut Sampler<'_, F>,
    far: bool,
) -> Result<Option<Vec<Piece<F>>>> {
    let mut pending = vec![(0.0, end)];
    let mut done: Vec<Piece<F>> = Vec::new();
    let mut largest = [0.0_f64; F];
    while !pending.is_empty() {
        if pending.len() + done.len() > 400 {
            return Ok(None);
        }
        // all of them in one call: a layer is passed by many pairs at a time
        let points: Vec<f64> = pending
            .iter()
            .flat_map(|&(low, high)| {
                let nodes = (0..TERMS).map(|j| chebyshev_node(j, TERMS));
                let checks = (0..CHECKS).map(|j| chebyshev_node(j, CHECKS) * 0.999_9);
                nodes.chain(checks).map(move |x| {
                    let point: f64 = 0.5 * (low + high) + 0.5 * (high - low) * x;
                    point.clamp(low, high)
                })
            })
            .collect();
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
        let size = TERMS + CHECKS;
        for (i, &(low, high)) in pending.iter().enumerate() {
            let (points, values) = (&points[i * size..][..size], &values[i * size..][..size]);
            let (piece, settled) = Piece::fit(low, high, &values[..TERMS]);
            // of functions that can be had better, and of those that cannot
            let (mut error, mut rounding) = (0.0_f64, 0.0_f64);
            for (point, value) in points[TERMS..].iter().zip(&values[TERMS..]) {
                let found = piece.at([*point]);
                for f in 0..F {
                    let absolute = far || f + 1 == F;
                    let scale = if absolute { largest[f] } else { value[f].abs() };
                    if scale > 0.0 {
                        let noise = if far { ANTIPODAL_NOISE / point } else { 0.0 };
                        let own = (found[f][0] - value[f]).abs() / scale - noise;
                        let worst = if settled[f] {
                            &mut rounding
                        } else {
                            &mut error
                        };
                        *worst = worst.max(own);
                    }
                }
            }
            let narrow = high - low < NARROWEST || done.len() + pending.len() > 150;
            let good = error <= tolerance && rounding <= tolerance.max(RECURSION);
            if good || (narrow && error.max(rounding) <= ROUNDING) {
                done.push(piece);
            } else if high - low < NARROWEST {
                return Ok(None);
            } else {
                let middle = 0.5 * (low + high);
                split.extend([(low, middle), (middle, high)]);
            }
        }
        pending = split;
    }
    done.sort_by(|a, b| a.high.total_cmp(&b.high));
    Ok(Some(done))
}
