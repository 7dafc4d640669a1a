//! The axes of the tables: norms on a logarithmic scale, and the angle.

use crate::covariance::AnglePiece;

/// Cells of $\log q$ are at most this long.
const LONGEST: f64 = 1.4;

/// Variances that differ by less, relative, are taken for one: it is what normalising inputs leaves.
const EQUAL: f64 = 2e-14;

/// Equally long intervals of $\log q$ that cover the variances at hand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cells {
    /// The least and the largest variance, and the logarithm of the least.
    lowest: f64,
    highest: f64,
    low: f64,
    /// Of a cell; 0 where all variances are equal.
    length: f64,
    count: usize,
}

/// A point's cell, and where in the cell it is, in $[-1, 1]$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) cell: usize,
    pub(super) x: f64,
}

impl Cells {
    /// More cells than that are not worth their tables.
    const MOST: usize = 24;

    /// The cells of some variances, `halvings` times halved; `None` if there is no positive one, or there are
    /// too many cells.
    pub(super) fn new(variances: &[f64], halvings: u32) -> Option<Self> {
        let positive = variances.iter().copied().filter(|&q| q > 0.0);
        let (lowest, highest) = positive
            .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), q| {
                (low.min(q), high.max(q))
            });
        if lowest > highest {
            return None;
        }
        let range = highest.ln() - lowest.ln();
        let equal = highest <= lowest * (1.0 + EQUAL);
        let count = if equal {
            1.0
        } else {
            (range / LONGEST).ceil().max(1.0) * f64::from(1_u32 << halvings)
        };
        (count <= Self::MOST as f64).then(|| Self {
            lowest,
            highest,
            low: lowest.ln(),
            length: if equal { 0.0 } else { range / count },
            count: count as usize,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether all points have the same norm.
    pub(super) fn are_equal(&self) -> bool {
        self.length == 0.0
    }

    /// What $\varepsilon^\prime$ is tabulated in units of: $\varepsilon$ where it vanishes with that.
    #[inline(always)]
    pub(super) fn unit(&self, epsilon: f64) -> f64 {
        if self.are_equal() { epsilon } else { 1.0 }
    }

    /// Where a variance is; `None` beyond the cells, and so for 0.
    pub(super) fn place(&self, q: f64) -> Option<Place> {
        if q < self.lowest || q > self.highest {
            return None;
        }
        if self.are_equal() {
            return Some(Place { cell: 0, x: 0.0 });
        }
        let x = (q.ln() - self.low) / self.length;
        let cell = x.clamp(0.0, (self.count - 1) as f64) as usize;
        Some(Place {
            cell,
            x: (2.0 * (x - cell as f64) - 1.0).clamp(-1.0, 1.0),
        })
    }

    /// The variance at a place.
    pub(super) fn variance(&self, place: Place) -> f64 {
        if self.are_equal() {
            self.lowest
        } else {
            (self.low + self.length * (place.cell as f64 + 0.5 * (1.0 + place.x))).exp()
        }
    }
}

/// A box of the tables: the cells of a row and of a column, and a piece of the angle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BoxIndex {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) piece: usize,
}

impl BoxIndex {
    /// With rows and columns exchanged.
    pub(super) fn mirrored(self) -> Self {
        Self {
            row: self.column,
            column: self.row,
            ..self
        }
    }

    /// Its place in an array by row, column, piece.
    pub(super) fn position(self, cells: usize, pieces: usize) -> usize {
        (self.row * cells + self.column) * pieces + self.piece
    }
}

/// Near $c = -1$ the rounding of $\varepsilon$ shows in $\sqrt{2-\varepsilon}$: closer pairs are not
/// tabulated. Where layers err by more than rounding, fewer are left.
const FAR_END: f64 = 1.0 / 16.0;
const FARTHER_END: f64 = 1.0 / 64.0;

/// How often pieces are halved towards $c = 1$, and flows of activations with kinks towards $c = -1$: the
/// closer, the more steps they take.
const HALVINGS: i32 = 7;
const FAR_HALVINGS: i32 = 4;

/// Bent pieces are so many of these long.
const BENT_HALVINGS: i32 = 4;

/// A piece of the angle, in a variable that keeps away from $\varepsilon = 0$ and 2.
///
/// Duals of different norms are analytic in the plane of $c$ slit beyond $\pm 1$, which $c = 2w/(1+w^2)$,
///
/// $$w = \frac{1-\varepsilon}{1+\sqrt{\varepsilon(2-\varepsilon)}},$$
///
/// takes to the unit disc, and a piece is there given by $(w_0-w)/(h(1-w_0w))$, in $[-1, 1]$. It may so be
/// much longer than one that is linear in $\sqrt\varepsilon$; short ones are linear in $\varepsilon$, which
/// saves a root and a division for each pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    straight: AnglePiece,
    /// In the variable of the straight piece.
    ends: (f64, f64),
    bend: Option<Bend>,
}

/// The $w_0$ and $h$ of a piece that is bent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bend {
    center: f64,
    half: f64,
    scale: f64,
}

impl Bend {
    /// Between two values of $\sqrt\varepsilon$.
    fn between(a: f64, b: f64) -> Self {
        let [near, far] = [a, b].map(|r| (1.0 - r * r) / (1.0 + r * (2.0 - r * r).sqrt()));
        // the ends at equal distances from the centre
        let half_of = |d: f64| d / (1.0 + (1.0 - d * d).sqrt());
        let half = half_of((near - far) / (1.0 - near * far));
        Self {
            center: (far + half) / (1.0 + far * half),
            half,
            scale: 1.0 / half,
        }
    }

    /// $\varepsilon$ at a place.
    fn epsilon(&self, x: f64) -> f64 {
        let Self { center, half, .. } = *self;
        let denominator = 1.0 - center * half * x;
        let w = (center - half * x) / denominator;
        // 1 - w without cancellation
        let rest = (1.0 - center) * (1.0 + half * x) / denominator;
        rest * rest / (1.0 + w * w)
    }

    /// The places of some $\varepsilon$.
    #[inline(always)]
    fn places<const W: usize>(&self, epsilon: &[f64; W]) -> [f64; W] {
        let mut places = [0.0; W];
        for (x, epsilon) in places.iter_mut().zip(epsilon) {
            let (above, below) = (1.0 - epsilon, 1.0 + (epsilon * (2.0 - epsilon)).sqrt());
            let rotated = (self.center * below - above) / (below - self.center * above);
            *x = rotated * self.scale;
        }
        places
    }
}

impl Piece {
    fn between(ends: (f64, f64), is_far: bool, is_bent: bool) -> Self {
        let (a, b) = ends;
        Self {
            straight: AnglePiece::between(a, b, is_far),
            ends,
            bend: (is_bent && b > AnglePiece::SHORT * a).then(|| Bend::between(a, b)),
        }
    }

    /// $\varepsilon$ at the end.
    pub(super) fn end(&self) -> f64 {
        self.straight.end
    }

    /// Both halves, in the order of $\varepsilon$.
    pub(super) fn halves(&self) -> [Self; 2] {
        let (a, b) = self.ends;
        let middle = self
            .bend
            .map_or(0.5 * (a + b), |bend| bend.epsilon(0.0).sqrt());
        let (is_far, is_bent) = (self.straight.is_far, self.bend.is_some());
        let mut halves =
            [(a, middle), (middle, b)].map(|ends| Self::between(ends, is_far, is_bent));
        if is_far {
            halves.reverse();
        }
        halves
    }

    /// The $\varepsilon$ of a place in $[-1, 1]$.
    pub(super) fn epsilon(&self, x: f64) -> f64 {
        match &self.bend {
            Some(bend) => bend.epsilon(x),
            None => self.straight.epsilon(x),
        }
    }

    /// The places of some $\varepsilon$.
    #[inline(always)]
    pub(super) fn places<const W: usize>(&self, epsilon: &[f64; W]) -> [f64; W] {
        match &self.bend {
            Some(bend) => bend.places(epsilon),
            None => self.straight.places_of(epsilon),
        }
    }
}

/// Pieces for $\varepsilon$ in $[\text{low}, \text{high}]$ as far as it may be tabulated, and the
/// $\varepsilon$ where the first starts; those next to $c = 1$ only for points of equal norms. Given is also
/// whether some layers adapt to each pair, and whether these need ever more steps towards $c = -1$.
pub(super) fn angle_pieces(
    equal: bool,
    (adapts, has_far_steps): (bool, bool),
    low: f64,
    high: f64,
) -> (f64, Vec<Piece>) {
    let edge = |k: i32| AnglePiece::NEAR_END * 0.5_f64.powi(k);
    // what the norms of points that are taken for equal leave of 1 - c
    let least = if equal { 1e-7 } else { edge(HALVINGS) };
    let (start, end) = (low.sqrt().max(least), high.sqrt().min(AnglePiece::NEAR_END));
    // where steps must resolve kinks, ways and terms of long pieces are those of their worst end
    let is_bent = !(equal || has_far_steps);
    let step = if is_bent { BENT_HALVINGS } else { 1 };
    let edges = (0..=HALVINGS / step).map(|k| edge(step * k));
    let mut pieces = between((start, end), edges, false, is_bent);
    let side = AnglePiece::NEAR_SIDE;
    if high > side {
        let end = (2.0 - low.max(side)).sqrt();
        let halvings = if has_far_steps { FAR_HALVINGS } else { 0 };
        let far_end = if adapts { FARTHER_END } else { FAR_END };
        let edges = (1..=halvings).map(|k| (2.0 - side).sqrt() * 0.5_f64.powi(k));
        let start = (2.0 - high).max(0.0).sqrt().max(far_end);
        let far = between((start, end), edges, true, false);
        pieces.extend(far.into_iter().rev());
    }
    let first = pieces
        .first()
        .map_or(0.0, |piece| piece.epsilon(-1.0).min(piece.epsilon(1.0)));
    (first, pieces)
}

/// Pieces that meet at some edges, given from the end.
fn between(
    (start, end): (f64, f64),
    edges: impl DoubleEndedIterator<Item = f64>,
    is_far: bool,
    is_bent: bool,
) -> Vec<Piece> {
    if start >= end {
        return Vec::new();
    }
    // no slivers at the ends
    let inner = edges.rev().filter(|&r| r > 1.3 * start && r < end / 1.1);
    let edges: Vec<f64> = std::iter::once(start).chain(inner).chain([end]).collect();
    let pieces = edges.windows(2);
    pieces
        .map(|r| Piece::between((r[0], r[1]), is_far, is_bent))
        .collect()
}

/// What $\Theta$ is divided by where it is tabulated: $s(q_a)\, s(q_b)$, where $\log s$ is linear in
/// $\log q$ and $s^2$ is $|\Theta|$ of parallel points at the ends of a cell. Tangent kernels of polynomials
/// differ by many orders of magnitude within a cell, and their errors are relative to the diagonal's.
#[derive(Debug, Clone, Default)]
pub(super) struct TangentUnits {
    /// By cell, $|\Theta| > 0$ at both ends; none where $s = 1$.
    pub(super) ends: Vec<[f64; 2]>,
}

impl TangentUnits {
    /// $s$ at a place.
    pub(super) fn at(&self, place: Place) -> f64 {
        let ends = self.ends.get(place.cell);
        ends.map_or(1.0, |ends| geometric(*ends, place.x).sqrt())
    }

    /// $s(q_a)\, s(q_b)$.
    pub(super) fn of_pair(&self, a: Place, b: Place) -> f64 {
        self.at(a) * self.at(b)
    }
}

/// What lies between the numbers at the ends of $[-1, 1]$, evenly in its logarithm.
pub(super) fn geometric([low, high]: [f64; 2], x: f64) -> f64 {
    let share = 0.5 * (1.0 + x);
    low.powf(1.0 - share) * high.powf(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other() {
        for (equal, low, high) in [
            (false, 0.0, 2.0),
            (true, 0.0, 2.0),
            (true, 1e-9, 0.3),
            (false, 0.83, 1.2),
            (false, 1.1, 1.9),
            (false, 1.7, 1.8),
        ] {
            let (start, pieces) = angle_pieces(equal, (false, false), low, high);
            assert!(start >= low && (start <= low + 1e-4 || !equal));
            let halved: Vec<Piece> = pieces.iter().flat_map(Piece::halves).collect();
            let (_, of_flows) = angle_pieces(equal, (true, true), low, high);
            for pieces in [pieces, halved, of_flows] {
                let mut low = start;
                for piece in &pieces {
                    let [a, b] = [piece.epsilon(-1.0), piece.epsilon(1.0)];
                    assert!((a.min(b) / low - 1.0).abs() < 1e-9, "{low}: {a}, {b}");
                    assert!((a.max(b) - piece.end()).abs() < 1e-15);
                    let place = piece.places(&[piece.epsilon(0.3)])[0];
                    assert!((place - 0.3).abs() < 1e-9);
                    low = piece.end();
                }
                assert!((low - high).abs() < 0.01, "{low}");
            }
        }
    }

    #[test]
    fn cells_cover_all_variances() {
        let variances = [0.0, 3.0, 0.2, 1.7];
        let cells = Cells::new(&variances, 1).unwrap();
        assert!(cells.place(0.0).is_none() && cells.len() == 4);
        for q in [3.0, 0.2, 1.7] {
            let place = cells.place(q).unwrap();
            assert!((cells.variance(place) / q - 1.0).abs() < 1e-14);
        }
        assert!(
            Cells::new(&[1.0, 1.0 + f64::EPSILON], 0)
                .unwrap()
                .are_equal()
        );
        assert!(Cells::new(&[0.0], 0).is_none());
    }
}
