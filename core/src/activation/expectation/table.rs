//! Hermite coefficients as functions of the variance: one table for all pairs of a Gram matrix.

use super::mehler::{LANES, Layout, Others, complements, mehler};
use std::ops::Range;

use super::{Function, HermiteSeries};
use crate::activation::{Activation, Dual, DualRow, pair_cost};
use crate::covariance::{PairCorrelation, Parity};
use crate::numerics::chebyshev;
use crate::vectorized::vectorized;

/// What a series may leave out of the norm of $\varphi(\sqrt q z)$.
const TAIL: f64 = 2e-14;

/// What the interpolation in $\log q$ may err by, relative to the norm.
const INTERPOLATION: f64 = 1e-14;

/// On pieces shorter than this in $\log q$ four nodes always suffice: what they miss is rounding.
const SHORT: f64 = 1e-4;

/// The numbers of nodes that are tried on a piece.
const NODES: [usize; 9] = [2, 4, 6, 8, 12, 16, 24, 32, 48];

/// Nodes that pieces need at least, for a unit of $\log q$.
const LEAST: f64 = 14.0;

/// The length of a piece in $\log q$, at most.
const PIECE: f64 = 0.7;

/// Pieces, at most.
const PIECES: f64 = 100.0;

/// How often a table that is not accurate where the activation is steepest is tried with half of the largest
/// variance.
const HALVINGS: usize = 8;

/// Tables of less, where the activation is too steep for more, are not worth their set-up: series are longest
/// there.
const OCTAVE: f64 = 2.0;

/// By so much tables are wider than the variances that they are made for: rounding stays inside.
const HAIR: f64 = 1e-12;

/// Nanoseconds for a pair without a table from which on series may be of any length, and how long they may
/// be otherwise.
const WORTH_LONG_SERIES: f64 = 2e4;
const LONG_ENOUGH: usize = 1200;

/// Complements below this are summed term by term instead of subtracted from 1.
const SUBTRACTED: f64 = 1e-3;

/// The Hermite coefficients of $\varphi$ and $\varphi^\prime$ at every variance of an interval, and with
/// them, by Mehler's formula, the duals of every pair:
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \sum_k a_k(q_a) a_k(q_b) c^k .$$
///
/// A point costs one interpolation (Chebyshev polynomials in $\log q$), a pair one Horner scheme. The error
/// is below 1e-13 of $\sqrt{V_a V_b}$.
#[derive(Debug, Clone)]
pub struct DualTable {
    /// $\log q$ where the first piece starts.
    lowest: f64,
    /// $q$ where the first piece starts and the last ends.
    lowest_variance: f64,
    highest: f64,
    pieces: Vec<Piece>,
    /// 1 over the length of a piece in $\log q$.
    inverse_length: f64,
    nodes: usize,
    value: Layout,
    slope: Layout,
    /// $\varphi(0)$ and $\varphi^\prime(0)$.
    at_zero: (f64, f64),
}

/// Chebyshev coefficients on an interval of $\log q$.
#[derive(Debug, Clone)]
struct Piece {
    /// Of $\sqrt V$.
    root: Vec<f64>,
    /// By polynomial: of all normalised coefficients of $\varphi$, then those of $\varphi^\prime$.
    series: Vec<Vec<f64>>,
}

impl Piece {
    /// From the coefficients of each number.
    fn new(fits: &[Vec<f64>]) -> Self {
        let (root, series) = fits.split_first().expect("at least the root");
        let polynomial = |i: usize| series.iter().map(|fit| fit[i]).collect();
        Self {
            root: root.clone(),
            series: (0..root.len()).map(polynomial).collect(),
        }
    }
}

/// The coefficients of many points, term by term.
#[derive(Debug, Clone)]
pub struct TablePoints {
    value: Vec<f64>,
    slope: Vec<f64>,
    points: usize,
    /// Where neighbours are equal and stand there once: the places of each.
    runs: Option<Vec<Range<usize>>>,
}

impl TablePoints {
    /// The coefficients of one of the points.
    fn point(&self, index: usize) -> Self {
        let index = match &self.runs {
            Some(runs) => runs.partition_point(|run| run.end <= index),
            None => index,
        };
        let of = |all: &[f64]| {
            all.iter()
                .skip(index)
                .step_by(self.points)
                .copied()
                .collect()
        };
        Self {
            value: of(&self.value),
            slope: of(&self.slope),
            points: 1,
            runs: None,
        }
    }
}

/// $\sqrt V$ and all coefficients at a variance.
struct Sampler<'a> {
    phi: Steep<'a>,
    value: Layout,
    slope: Layout,
}

impl Sampler<'_> {
    fn sample(&self, variances: &[f64]) -> Option<Vec<Vec<f64>>> {
        let [value, slope] = self.phi.series(variances)?;
        Some(
            value
                .iter()
                .zip(&slope)
                .map(|(value, slope)| {
                    let root = value.norm_squared.sqrt();
                    let mut all = vec![root];
                    let scale = if root > 0.0 { 1.0 / root } else { 0.0 };
                    self.value.pick(value, scale, &mut all);
                    self.slope.pick(slope, 1.0, &mut all);
                    all
                })
                .collect(),
        )
    }
}

/// An activation, and how many terms its series may have.
#[derive(Clone, Copy)]
struct Steep<'a> {
    phi: &'a dyn Activation,
    most_terms: usize,
}

impl<'a> Steep<'a> {
    /// Longer series are not worth it where pairs take microseconds without a table: they take tenths of a
    /// second to set up, and hardly less for a pair.
    fn new(phi: &'a dyn Dual) -> Self {
        let most_terms = if phi.direct_cost() < WORTH_LONG_SERIES {
            LONG_ENOUGH
        } else {
            usize::MAX
        };
        Self { phi, most_terms }
    }

    /// Those of $\varphi$ and $\varphi^\prime$ at some variances.
    fn series(self, variances: &[f64]) -> Option<[Vec<HermiteSeries>; 2]> {
        let Self { phi, most_terms } = self;
        let series = |f: Function<'_>, parity: Parity| {
            HermiteSeries::smooth_and_long(f, variances, parity, TAIL, most_terms)
        };
        let parity = phi.parity();
        let value = series(&|x, out| phi.value_slice(x, out), parity)?;
        let slope = series(
            &|x, out| phi.derivative_slice(x, out),
            parity.of_derivative(),
        )?;
        Some([value, slope])
    }
}

/// The largest variance of an interval, within an [`OCTAVE`], at which $\varphi$ and $\varphi^\prime$ have
/// series; `None` if that is within an octave of the lowest.
fn steepest(phi: Steep<'_>, lowest: f64, highest: f64) -> Option<f64> {
    let has_series = |q: f64| phi.series(&[q]).is_some();
    // a wide interval, of which less than an octave has series, is found so without its steepest end
    let least = OCTAVE * lowest;
    if least < highest && !has_series(least) {
        return None;
    }
    if has_series(highest) {
        return Some(highest);
    }
    if least >= highest {
        return None;
    }
    let (mut low, mut high) = (least, highest);
    while high > OCTAVE * low {
        let middle = low.sqrt() * high.sqrt();
        if has_series(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// The number of leading coefficients that hold all but [`TAIL`] of the norm.
fn needed(series: &HermiteSeries) -> usize {
    let mut rest = series.norm_squared;
    for (k, a) in series.coefficients.iter().enumerate() {
        rest -= a * a;
        if rest <= TAIL * series.norm_squared {
            return k + 1;
        }
    }
    series.coefficients.len()
}

impl DualTable {
    /// The table of a smooth activation for variances in $[\text{lowest}, \text{highest}]$, or up to where
    /// the activation becomes too steep for a series, and from there down as far as 100 pieces reach; `None`
    /// if it is too steep almost everywhere.
    pub(crate) fn new(phi: &dyn Dual, lowest: f64, highest: f64) -> Option<Self> {
        let phi = Steep::new(phi);
        let mut reached = steepest(phi, lowest, highest)?;
        for _ in 0..=HALVINGS {
            let low = lowest.max(reached * (-PIECE * PIECES).exp());
            if let Some(table) = Self::build(phi, low, reached) {
                return Some(table);
            }
            reached *= 0.5;
            if reached < OCTAVE * lowest {
                break;
            }
        }
        None
    }

    /// The number of pieces for variances in an interval, to which the cost of a table is proportional.
    pub fn pieces(lowest: f64, highest: f64) -> f64 {
        ((highest / lowest).ln() / PIECE).ceil().clamp(1.0, PIECES)
    }

    /// Roughly how many nanoseconds a pair takes in [`row`](Self::row).
    pub fn pair_cost(&self) -> f64 {
        let terms = self.value.terms + self.slope.terms;
        pair_cost::WITHOUT_TERMS + pair_cost::TERM * terms as f64
    }

    /// The least variance that the table holds, but for 0, and the largest.
    pub fn range(&self) -> (f64, f64) {
        (self.lowest_variance, self.highest)
    }

    /// Whether the table holds points of this variance.
    pub fn holds(&self, q: f64) -> bool {
        let inside = |end: f64, q: f64| q <= end * (1.0 + HAIR);
        q == 0.0 || (inside(self.highest, q) && inside(q, self.lowest_variance))
    }

    fn build(phi: Steep<'_>, lowest: f64, highest: f64) -> Option<Self> {
        let parity = phi.phi.parity();
        let odd = parity.of_derivative();
        let [value, slope] = phi.series(&[highest])?.map(|all| needed(&all[0]));
        let sampler = Sampler {
            phi,
            value: Layout::new(parity, value),
            slope: Layout::new(odd, slope),
        };
        let (low, high) = (lowest.ln() - HAIR, highest.ln() + HAIR);
        let count = ((high - low) / PIECE).ceil().max(1.0);
        let length = (high - low) / count;
        let starts: Vec<f64> = (0..count as usize)
            .map(|i| low + length * i as f64)
            .collect();
        let mut enough = NODES
            .into_iter()
            .filter(|&nodes| nodes as f64 >= LEAST * length);
        enough.find_map(|nodes| {
            let pieces = starts.iter().map(|&start| {
                // the largest variance decides on the quadrature, so it goes with every piece
                let at = |x: f64| (start + 0.5 * length * (1.0 + x)).exp().min(highest);
                let mut variances: Vec<f64> = chebyshev::nodes(nodes).map(at).collect();
                let checks = [-0.97, 0.03, 0.89];
                variances.extend(checks.map(at));
                variances.push(highest);
                let samples = sampler.sample(&variances)?;
                let piece = chebyshev::fit(&samples[..nodes]);
                let good = checks.iter().zip(&samples[nodes..]).all(|(&x, sample)| {
                    let norms = [sample[0], 1.0, norm(&sample[1 + sampler.value.terms..])];
                    piece.iter().zip(sample).enumerate().all(|(i, (a, b))| {
                        let which = usize::from(i > 0) + usize::from(i > sampler.value.terms);
                        (chebyshev::sum(a, x) - b).abs() <= INTERPOLATION * norms[which]
                            || (length < SHORT && nodes == 4)
                    })
                });
                good.then(|| Piece::new(&piece))
            });
            Some(Self {
                pieces: pieces.collect::<Option<Vec<_>>>()?,
                lowest: low,
                lowest_variance: lowest,
                highest,
                inverse_length: 1.0 / length,
                nodes,
                value: sampler.value,
                slope: sampler.slope,
                at_zero: (phi.phi.value(0.0), phi.phi.derivative(0.0)),
            })
        })
    }

    /// The piece of a variance, and the place on it in $[-1, 1]$.
    fn place(&self, q: f64) -> (usize, f64) {
        let x = (q.ln() - self.lowest) * self.inverse_length;
        let piece = x.clamp(0.0, (self.pieces.len() - 1) as f64) as usize;
        (piece, (2.0 * (x - piece as f64) - 1.0).clamp(-1.0, 1.0))
    }

    /// $V(q)$.
    pub fn moments(&self, q: &[f64], out: &mut [f64]) {
        for (out, &q) in out.iter_mut().zip(q) {
            let root = if q > 0.0 {
                let (piece, x) = self.place(q);
                chebyshev::sum(&self.pieces[piece].root, x)
            } else {
                self.at_zero.0
            };
            *out = root * root;
        }
    }

    /// The coefficients of points, once for all rows of a block, those of the slope if they are wanted; of
    /// neighbours that are equal, once.
    pub fn points(&self, q: &[f64], with_slope: bool) -> TablePoints {
        let mut distinct = q.to_vec();
        distinct.dedup();
        if 8 * distinct.len() > q.len() {
            return self.separate_points(q, with_slope);
        }
        let one = self.separate_points(&distinct, with_slope);
        let mut start = 0;
        let runs = q.chunk_by(|a, b| a == b).map(|run| {
            start += run.len();
            start - run.len()..start
        });
        TablePoints {
            runs: Some(runs.collect()),
            ..one
        }
    }

    fn separate_points(&self, q: &[f64], with_slope: bool) -> TablePoints {
        let (points, nodes) = (q.len(), self.nodes);
        let slope_terms = if with_slope { self.slope.terms } else { 0 };
        let mut all = TablePoints {
            value: vec![0.0; self.value.terms * points],
            slope: vec![0.0; slope_terms * points],
            points,
            runs: None,
        };
        let places: Vec<(usize, f64)> = q
            .iter()
            .map(|&q| {
                if q > 0.0 {
                    self.place(q)
                } else {
                    (usize::MAX, 0.0)
                }
            })
            .collect();
        // by parts of the terms, which stay in the cache
        const PART: usize = 64;
        let bases: Vec<Vec<f64>> = places
            .iter()
            .map(|&(_, x)| chebyshev::basis(x, nodes))
            .collect();
        let value_terms = self.value.terms;
        let terms = value_terms + slope_terms;
        for start in (0..terms).step_by(PART) {
            let part = start..(start + PART).min(terms);
            for (j, (&(piece, _), basis)) in places.iter().zip(&bases).enumerate() {
                let Some(piece) = self.pieces.get(piece) else {
                    continue;
                };
                let mut sums = [0.0; PART];
                vectorized(
                    #[inline(always)]
                    || {
                        for (t, series) in basis.iter().zip(&piece.series) {
                            for (sum, a) in sums.iter_mut().zip(&series[part.clone()]) {
                                *sum += a * t;
                            }
                        }
                    },
                );
                for (term, sum) in part.clone().zip(sums) {
                    if term < value_terms {
                        all.value[term * points + j] = sum;
                    } else {
                        all.slope[(term - value_terms) * points + j] = sum;
                    }
                }
            }
        }
        for (j, place) in places.iter().enumerate() {
            if place.0 == usize::MAX {
                if self.value.first == 0 && self.at_zero.0 != 0.0 {
                    all.value[j] = self.at_zero.0.signum();
                }
                if with_slope && self.slope.first == 0 {
                    all.slope[j] = self.at_zero.1;
                }
            }
        }
        all
    }

    /// The step of point `index` of `rows` with many: [`Dual::dual_row`](crate::activation::Dual::dual_row).
    pub fn row(
        &self,
        (rows, index): (&TablePoints, usize),
        columns: &TablePoints,
        mut row: DualRow<'_>,
    ) {
        let own = rows.point(index);
        match &columns.runs {
            None => self.part::<false>(&own, (columns, 0), row),
            Some(runs) => {
                for (i, run) in runs.iter().enumerate() {
                    self.part::<true>(&own, (columns, i), row.columns(run.clone()));
                }
            }
        }
    }

    /// A point with others from the first one on, or with `ONE` at many correlations.
    fn part<const ONE: bool>(
        &self,
        own: &TablePoints,
        (columns, first): (&TablePoints, usize),
        row: DualRow<'_>,
    ) {
        let others = |coefficients| Others {
            coefficients,
            points: columns.points,
            first,
        };
        let correlation = row.correlation;
        if let Some(out) = row.slope {
            let others = others(&columns.slope[..]);
            mehler::<ONE>(self.slope, &own.slope, others, correlation, out);
        }
        let others = others(&columns.value[..]);
        let points = correlation.len();
        let mut x = vec![0.0; points];
        mehler::<ONE>(self.value, &own.value, others, correlation, &mut x);
        let parity = self.value.parity();
        for start in (0..points).step_by(LANES) {
            let at = start..(start + LANES).min(points);
            let (x, correlation) = (&x[at.clone()], &mut correlation[at]);
            let is_close =
                |x: &f64| 1.0 - x.abs() < SUBTRACTED && (*x > 0.0 || parity == Parity::Odd);
            let mut exact = [0.0; LANES];
            if x.iter().any(is_close) {
                let mut complement = [0.0; LANES];
                for (complement, c) in complement.iter_mut().zip(&*correlation) {
                    *complement = match parity {
                        Parity::Neither => c.one_minus(),
                        _ => c.distance(),
                    };
                }
                let complement = &complement[..x.len()];
                exact = complements::<ONE>(self.value, &own.value, others, start, complement);
            }
            for ((c, x), exact) in correlation.iter_mut().zip(x).zip(exact) {
                let rounded = PairCorrelation::rounded(*x);
                *c = if is_close(x) {
                    rounded.at_distance(exact.min(1.0))
                } else {
                    rounded
                };
            }
        }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
