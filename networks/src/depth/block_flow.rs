//! The flow of a block of pairs: $dK/d\tau = B(K)$ and $d\Theta/d\tau = B_\Theta(K, \Theta)$, by steps of the
//! whole block.
//!
//! The branch maps all pairs at a time and the variances once for every point, so that a pair costs what its
//! correlation costs. What becomes of a pair depends on its two points alone: all pairs take the same steps,
//! each of them is accepted by its own error, and those that are not go on among themselves with more steps,
//! or by themselves.
//!
//! The state is linear in $K$: $q_i/G_i$ with fixed $G_i$ near the variances at the end, and half the squared
//! distances of the neurons in these units,
//!
//! $$E_{ij} = \tfrac12 \left( \frac{q_i}{G_i} + \frac{q_j}{G_j} \right) \mp \frac{K_{ij}}{\sqrt{G_i G_j}}
//! = \tfrac12 \left( \sqrt{q_i/G_i} - \sqrt{q_j/G_j} \right)^2
//! + \sqrt{\frac{q_i q_j}{G_i G_j}} (1 \mp c_{ij}),$$
//!
//! whose velocity is the same expression of the branch's $K$, a sum of two terms that are not negative. So
//! the steps of $K$ are smooth wherever the branch is (roots of variances are not, at 0), while at the end,
//! where the first term is small, $1 \mp c$ has its digits. With the same steps and columns for all, the flow
//! is a smooth function of the pair to rounding: that is what tables are made of.

mod collocated;

use std::ops::Range;

use collocated::Nodes;

use super::covariance_flow::{
    self, Demands, NOISE, PlainBranch, ROUNDING, SLACK, State, doubling_time, grows_exponentially,
    noise_of_defect, singular_since,
};
use super::extrapolation::{COLUMNS, Errors, Extrapolation, Progress, Step};
use super::midpoints::HomogeneousBranch;
use crate::covariance::PairCorrelation;
use crate::network::{KernelBlock, Layer, Network};
use crate::vectorized::vectorized;
use crate::{Error, PairCovariance, Result};

/// Points whose variances grow by more than this factor go pair by pair.
const STEEPEST: f64 = 1000.0;

/// And those that grow exponentially by more than so many factors of $e$: no passage has steps enough, of
/// activations with kinks or of analytic ones.
const FARTHEST: [f64; 2] = [5.0, 25.0];

/// Pairs that are stepped together, at most: few, for the cache, but rows enough that what belongs to the
/// points (the coefficients of tables at their variances) is little beside what belongs to pairs.
const PAIRS: usize = 16_384;

/// Errors of a common way, in units of the tolerance.
const ACCURACY: f64 = 20.0;

/// What the last column but one may err by, in these units, where the last one is taken.
const LAST: f64 = 3.0;

/// Columns of a way that is common to many pairs, at least, and as it is likely.
const FEWEST: usize = 3;
const LIKELY: usize = 8;

/// After so many columns a way is given up whose errors, if they go on to fall as they do, would end above
/// what is allowed by more than this factor: they fall faster with every column.
const HOPEFUL: usize = 6;
const FAR: f64 = 1e3;

/// What a pair of the branch takes, in nanoseconds, from which on collocations are worth what is linear in
/// them, and slopes.
const EXPENSIVE: f64 = 100.0;

/// The same of activations that have all moments of a pair at once, slopes among them: not by quadrature.
const TOGETHER: Range<f64> = EXPENSIVE..1e5;

/// Between points of different variances, smaller $1 - c$ count as this one where a way is common.
const DISTINCT: f64 = 0.02;

/// The steps that are common to some pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// The time is $\sqrt{\tau + \tau_0}$ with this $\tau_0$ in units of the clock, or $\tau$ itself.
    shift: Option<f64>,
    steps: u32,
    columns: usize,
    /// Where steps are collocations.
    nodes: Option<Nodes>,
}

impl Way {
    /// The way of each passage of a block; what needs more goes pair by pair. Of activations with kinks,
    /// number $r$ goes in $\sqrt{\tau + 4^{-r}}$: where $\det K$ vanished later than that of the last one,
    /// a pair by itself, in a time of its own, takes fewer evaluations.
    const OF_KINKS: [(Option<f64>, u32); 3] = [(None, 1), (Some(0.25), 1), (Some(0.0625), 2)];

    /// Of analytic ones: $\det K = 0$ is nothing to them, and $\tau$ is the smoother time.
    const ANALYTIC: [(Option<f64>, u32); 7] = [
        (None, 1),
        (None, 2),
        (None, 4),
        (Some(0.015_625), 2),
        (Some(0.003_906_25), 4),
        (Some(0.000_976_562_5), 4),
        (Some(0.000_244_140_625), 8),
    ];

    /// What may be common: the least work first, as far as flows are smooth enough.
    const CANDIDATES_OF_KINKS: [(Option<f64>, u32); 10] = [
        (None, 1),
        (Some(0.25), 1),
        (Some(0.0625), 1),
        (Some(0.015_625), 1),
        (Some(0.0625), 2),
        (Some(0.015_625), 2),
        (Some(0.003_906_25), 2),
        (Some(0.003_906_25), 3),
        (Some(0.000_976_562_5), 3),
        (Some(0.000_976_562_5), 5),
    ];
    const ANALYTIC_CANDIDATES: [(Option<f64>, u32); 6] = [
        (None, 1),
        (None, 2),
        (None, 3),
        (Some(0.015_625), 3),
        (Some(0.003_906_25), 4),
        (Some(0.000_976_562_5), 6),
    ];

    /// What may be common to collocations.
    const CANDIDATES_OF_NODES: [(Option<f64>, u32); 8] = [
        (None, 1),
        (Some(0.25), 1),
        (Some(0.062_5), 1),
        (Some(0.015_625), 1),
        (Some(0.003_906_25), 1),
        (Some(0.000_976_562_5), 1),
        (Some(0.062_5), 2),
        (Some(0.003_906_25), 3),
    ];

    fn new(shift: Option<f64>, steps: u32) -> Self {
        Self {
            shift,
            steps,
            columns: COLUMNS,
            nodes: None,
        }
    }

    /// The ways of all passages.
    fn of_passages(is_analytic: bool) -> &'static [(Option<f64>, u32)] {
        if is_analytic {
            &Self::ANALYTIC
        } else {
            &Self::OF_KINKS
        }
    }

    /// Evaluations of the branch.
    pub(super) fn evaluations(self) -> f64 {
        let each = match self.nodes {
            Some(nodes) => nodes.evaluations(),
            None => self.columns * self.columns,
        };
        f64::from(self.steps) * (each + 1) as f64
    }

    /// The times at the start and at the end.
    fn ends(self, clock: f64) -> (f64, f64) {
        match self.shift {
            None => (0.0, clock),
            Some(shift) => {
                let shift = shift * clock;
                (shift.sqrt(), (shift + clock).sqrt())
            }
        }
    }
}

/// A branch and how well its flow is integrated.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockFlow<'a> {
    branch: &'a Network,
    tolerance: f64,
    /// Whether no activation has kinks.
    is_analytic: bool,
}

impl<'a> BlockFlow<'a> {
    pub(super) fn new(branch: &'a Network, tolerance: f64) -> Self {
        Self {
            branch,
            tolerance,
            is_analytic: branch.structure().is_analytic(),
        }
    }

    /// What single pairs ask for, with a tangent kernel or without.
    pub(super) fn demands(self, has_tangent: bool) -> Demands<'a> {
        Demands {
            tolerance: self.tolerance,
            has_kinks: !self.is_analytic,
            homogeneous: HomogeneousBranch::of(self.branch, has_tangent),
            plain: plain(self.branch, has_tangent),
        }
    }

    /// Maps a block from the start of the flow to its end; returns the largest error of a pair or variance
    /// by the extrapolation's own estimate, relative to the variances and to the nearer of $1 \mp c$.
    ///
    /// # Errors
    /// Those of the branch; [`Error::Overflow`] from flows that leave the range.
    pub(super) fn run(self, block: &mut KernelBlock, clock: f64) -> Result<f64> {
        if clock == 0.0 {
            return Ok(0.0);
        }
        let rows = self.variances(block, block.variance_a(), clock)?;
        let columns = self.variances(block, block.variance_b(), clock)?;
        let mut ends = Ends {
            correlation: block.correlation().to_vec(),
            tangent: block.tangent().map(<[f64]>::to_vec),
            error: rows.1.max(columns.1),
        };
        for (rows, part) in strips(block) {
            let start = rows.start * block.columns();
            let places: Vec<usize> = (start..start + part.correlation().len()).collect();
            self.pairs(&part, &places, clock, 0, &mut ends)?;
        }
        let error = ends.error;
        *block = block.with_state(rows.0, columns.0, ends.correlation, ends.tangent);
        if block
            .tangent()
            .is_some_and(|all| all.iter().any(|theta| !theta.is_finite()))
        {
            return Err(Error::overflow("the neural tangent kernel"));
        }
        Ok(error)
    }

    /// [`run`](Self::run) with the same steps and columns for all points and pairs, whatever these err by.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn run_on(self, way: Way, block: &mut KernelBlock, clock: f64) -> Result<()> {
        if block.correlation().is_empty() {
            return self.run(block, clock).map(|_| ());
        }
        let mut ends = [Vec::new(), Vec::new()];
        let mut correlation = Vec::with_capacity(block.correlation().len());
        let mut tangent = block.tangent().map(|_| Vec::new());
        for (_, part) in strips(block) {
            let passage = Passage::new(self, &part, clock);
            let passage = match way.nodes {
                Some(_) => passage.collocated(way, None)?,
                None => passage.on(way, None)?,
            };
            ends[0].extend((0..part.rows()).map(|i| passage.variance(i)));
            let columns = passage.layout.columns.clone();
            ends[1] = columns.map(|j| passage.variance(j)).collect();
            let pairs = 0..part.correlation().len();
            correlation.extend(pairs.map(|at| passage.correlation(at)));
            if let Some(all) = &mut tangent {
                all.extend_from_slice(&passage.state[passage.layout.tangent.clone()]);
            }
        }
        let [a, b] = ends;
        let all = a.iter().chain(&b).chain(tangent.iter().flatten());
        if !all.into_iter().all(|x| x.is_finite()) {
            return Err(Error::overflow("the covariance flow"));
        }
        *block = block.with_state(a, b, correlation, tangent);
        Ok(())
    }

    /// The cheapest way on which all pairs of a block err by less than some tolerances; `None` if there is
    /// none.
    pub(super) fn common_way(self, block: &KernelBlock, clock: f64) -> Option<Way> {
        if let Some(way) = self.common_collocation(block, clock) {
            return Some(way);
        }
        let mut best: Option<Way> = None;
        let candidates: &[_] = if self.is_analytic {
            &Way::ANALYTIC_CANDIDATES
        } else {
            &Way::CANDIDATES_OF_KINKS
        };
        for &(shift, steps) in candidates {
            let way = Way::new(shift, steps);
            let likely = Way {
                columns: LIKELY,
                ..way
            };
            if best.is_some_and(|best| best.evaluations() <= likely.evaluations()) {
                break;
            }
            let mut worst = [0.0; COLUMNS];
            let mut passage = Passage::new(self, block, clock);
            passage.accuracy = ACCURACY * self.tolerance;
            if passage.on(way, Some(&mut worst)).is_err() {
                continue;
            }
            // others are compared with the last column, which errs by less than the one before
            let first = (FEWEST..COLUMNS).find(|&columns| worst[columns - 1] <= 1.0);
            let columns = match first {
                Some(columns) => columns,
                None if worst[COLUMNS - 2] <= LAST => COLUMNS,
                None => continue,
            };
            let way = Way { columns, ..way };
            if best.is_none_or(|best| way.evaluations() < best.evaluations()) {
                best = Some(way);
            }
        }
        best
    }

    /// The variances of points, each by itself, and their largest error.
    fn variances(self, block: &KernelBlock, start: &[f64], clock: f64) -> Result<(Vec<f64>, f64)> {
        let points = |q: &[f64]| {
            let mut points = KernelBlock::of_points(q.to_vec());
            points.set_width(block.width());
            points
        };
        let mut end = start.to_vec();
        let mut error = 0.0_f64;
        let mut left: Vec<usize> = (0..start.len()).collect();
        for &(shift, steps) in Way::of_passages(self.is_analytic) {
            if left.is_empty() {
                break;
            }
            let own: Vec<f64> = left.iter().map(|&i| start[i]).collect();
            let block = points(&own);
            let passage = Passage::new(self, &block, clock).run(Way::new(shift, steps));
            let Some(passage) = passage else {
                continue;
            };
            let mut failed = Vec::new();
            for (place, &i) in left.iter().enumerate() {
                if passage.failed[place] {
                    failed.push(i);
                } else {
                    end[i] = passage.variance(place);
                    error = error.max(passage.error[place] / passage.state[place]);
                }
            }
            left = failed;
        }
        for i in left {
            let rate = |(k, _): State| {
                let mut own = points(&[k.variance_a()]);
                self.branch.apply(&mut own)?;
                Ok((PairCovariance::diagonal(own.variance_a()[0]), 0.0))
            };
            let point = (PairCovariance::diagonal(start[i]), 0.0);
            let (k, _) = covariance_flow::integrate(&rate, point, clock, self.demands(false))?;
            end[i] = k.variance_a();
            error = error.max(self.tolerance);
        }
        Ok((end, error))
    }

    /// Pairs of a block, by the passage of a number or later ones; `places` are those of its pairs in the
    /// whole.
    fn pairs(
        self,
        block: &KernelBlock,
        places: &[usize],
        clock: f64,
        number: usize,
        ends: &mut Ends,
    ) -> Result<()> {
        let (rows, columns) = (block.rows(), block.columns());
        let ways = Way::of_passages(self.is_analytic);
        let Some(&(shift, steps)) = ways.get(number) else {
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                self.alone(&part(block, i, &[j]), places[i * columns + j], clock, ends)?;
            }
            return Ok(());
        };
        let mut passage = Passage::new(self, block, clock);
        let onsets = if number == 0 && !self.is_analytic {
            self.onsets(block, clock)?
        } else {
            Vec::new()
        };
        for (at, &onset) in onsets.iter().enumerate() {
            passage.failed[passage.layout.distances.start + at] = onset >= ways.len();
        }
        let passage = passage.run(Way::new(shift, steps));
        for i in 0..rows {
            let mut left = Vec::new();
            for j in 0..columns {
                let at = i * columns + j;
                let passage = passage.as_ref();
                let Some(passage) = passage.filter(|passage| !passage.is_failed(i, j)) else {
                    left.push(j);
                    continue;
                };
                ends.correlation[places[at]] = passage.correlation(at);
                if let Some(tangent) = &mut ends.tangent {
                    tangent[places[at]] = passage.state[passage.layout.tangent.start + at];
                }
                ends.error = ends.error.max(passage.pair_error(at));
            }
            if left.is_empty() {
                continue;
            }
            if onsets.is_empty() {
                let own: Vec<usize> = left.iter().map(|&j| places[i * columns + j]).collect();
                self.pairs(&part(block, i, &left), &own, clock, number + 1, ends)?;
                continue;
            }
            // to the passage of their singularity
            for number in 1..=ways.len() {
                let own = left.iter().copied();
                let own = own.filter(|j| onsets[i * columns + j] == number);
                let own: Vec<usize> = own.collect();
                if !own.is_empty() {
                    let places: Vec<usize> = own.iter().map(|&j| places[i * columns + j]).collect();
                    self.pairs(&part(block, i, &own), &places, clock, number, ends)?;
                }
            }
        }
        Ok(())
    }

    /// The first passage that may resolve each of some pairs. Where $\det K$ vanishes, at $-\tau_0$, duals
    /// with kinks have singularities like $(\det K)^{3/2}$, and so have variances of 0: both are gone in
    /// $\sqrt{\tau + \tau_0}$, and near $-\tau_0$ the path of $K$ is a line.
    fn onsets(self, pairs: &KernelBlock, clock: f64) -> Result<Vec<usize>> {
        let mut rate = pairs.clone();
        self.branch.apply(&mut rate)?;
        let mut onsets = Vec::with_capacity(pairs.correlation().len());
        for (i, qa) in pairs.variance_a().iter().enumerate() {
            for (j, qb) in pairs.variance_b().iter().enumerate() {
                let at = i * pairs.columns() + j;
                let (c, rate_c) = (pairs.correlation()[at], rate.correlation()[at]);
                let k = PairCovariance::of(*qa, *qb, c);
                let (ra, rb) = (rate.variance_a()[i], rate.variance_b()[j]);
                let since = singular_since(k, PairCovariance::of(ra, rb, rate_c)) / clock;
                let is_before = |r: usize| 0.25_f64.powi(r as i32) > since;
                let last = Way::OF_KINKS.len();
                onsets.push((1..last).find(|&r| !is_before(r)).unwrap_or(last));
            }
        }
        Ok(onsets)
    }

    /// [`run`](Self::run) for a block of one pair, with steps of its own: by itself, it takes less.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn run_alone(self, pair: &mut KernelBlock, clock: f64) -> Result<()> {
        let (k, tangent) = self.integrated(pair, clock)?;
        let tangent = pair.tangent().map(|_| vec![tangent]);
        let (a, b) = (vec![k.variance_a()], vec![k.variance_b()]);
        *pair = pair.with_state(a, b, vec![k.pair_correlation()], tangent);
        Ok(())
    }

    /// One pair with steps of its own.
    fn alone(self, pair: &KernelBlock, place: usize, clock: f64, ends: &mut Ends) -> Result<()> {
        let (k, tangent) = self.integrated(pair, clock)?;
        ends.correlation[place] = k.pair_correlation();
        if let Some(all) = &mut ends.tangent {
            all[place] = tangent;
        }
        ends.error = ends.error.max(SLACK * self.tolerance);
        Ok(())
    }

    fn integrated(self, pair: &KernelBlock, clock: f64) -> Result<State> {
        let of_block = |block: &KernelBlock| {
            let k = PairCovariance::of(
                block.variance_a()[0],
                block.variance_b()[0],
                block.correlation()[0],
            );
            (k, block.tangent().map_or(0.0, |tangent| tangent[0]))
        };
        let rate = |(k, tangent): State| match (pair.tangent(), pair.same_point(0)) {
            (None, None) => Ok((self.branch.pair(k)?, 0.0)),
            _ => {
                let tangents = pair.tangent().map(|_| vec![tangent]);
                let (a, b) = (vec![k.variance_a()], vec![k.variance_b()]);
                let mut block = pair.with_state(a, b, vec![k.pair_correlation()], tangents);
                self.branch.apply(&mut block)?;
                Ok(of_block(&block))
            }
        };
        let demands = self.demands(pair.tangent().is_some());
        covariance_flow::integrate(&rate, of_block(pair), clock, demands)
    }
}

/// A branch, if it is an activation that has all moments of a pair at once and the plain dense layer behind
/// it, so that $\partial \dot K/\partial K$ is what $\dot \Theta$ has of $\Theta$.
fn plain(branch: &Network, has_tangent: bool) -> Option<PlainBranch<'_>> {
    let (phi, dense) = branch.plain_branch()?;
    TOGETHER.contains(&phi.direct_cost()).then(|| PlainBranch {
        activation: &**phi,
        dense,
        has_tangent,
        is_mirrored: false,
    })
}

/// What pairs have become.
struct Ends {
    correlation: Vec<PairCorrelation>,
    tangent: Option<Vec<f64>>,
    error: f64,
}

/// Rows of a block that go together, as blocks.
fn strips(block: &KernelBlock) -> Vec<(Range<usize>, KernelBlock)> {
    let (rows, columns) = (block.rows(), block.columns());
    if columns == 0 {
        return Vec::new();
    }
    let height = (PAIRS / columns).max(1);
    let starts = (0..rows).step_by(height);
    starts
        .map(|start| {
            let rows = start..(start + height).min(rows);
            let pairs = start * columns..rows.end * columns;
            let part = block.with_state(
                block.variance_a()[rows.clone()].to_vec(),
                block.variance_b().to_vec(),
                block.correlation()[pairs.clone()].to_vec(),
                block.tangent().map(|tangent| tangent[pairs].to_vec()),
            );
            let shift = rows
                .clone()
                .find_map(|i| Some(block.same_point(i)? as isize - (i - start) as isize));
            let part = part.with_same_point(None);
            let part = match shift {
                Some(shift) => part.with_same_points(shift),
                None => part,
            };
            (rows, part)
        })
        .collect()
}

/// Some pairs of a row, as a block.
fn part(block: &KernelBlock, row: usize, columns: &[usize]) -> KernelBlock {
    let at = |j: &usize| row * block.columns() + j;
    let part = block.with_state(
        vec![block.variance_a()[row]],
        columns.iter().map(|&j| block.variance_b()[j]).collect(),
        columns.iter().map(|j| block.correlation()[at(j)]).collect(),
        block
            .tangent()
            .map(|tangent| columns.iter().map(|j| tangent[at(j)]).collect()),
    );
    let same = block.same_point(row);
    let own = columns.iter().position(|&j| Some(j) == same);
    part.with_same_point(own)
}

/// Where the components of a block's state are.
#[derive(Debug, Clone)]
struct Layout {
    rows: Range<usize>,
    columns: Range<usize>,
    /// $E_{ij}$.
    distances: Range<usize>,
    tangent: Range<usize>,
}

impl Layout {
    fn of(block: &KernelBlock) -> Self {
        let (rows, columns) = (block.rows(), block.columns());
        let pairs = block.correlation().len();
        let points = rows + columns;
        let tangents = block.tangent().map_or(0, <[f64]>::len);
        Self {
            rows: 0..rows,
            columns: rows..points,
            distances: points..points + pairs,
            tangent: points + pairs..points + pairs + tangents,
        }
    }

    fn len(&self) -> usize {
        self.tangent.end
    }
}

/// The way of a block in equal steps.
struct Passage<'a> {
    flow: BlockFlow<'a>,
    block: &'a KernelBlock,
    clock: f64,
    layout: Layout,
    /// $-1$ for pairs that are followed as $(u, -v)$.
    sign: Vec<f64>,
    /// $\sqrt{G_i}$ of the rows and columns, and 1 over it.
    units: Vec<[f64; 2]>,
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    in_root: bool,
    /// Whether the tangent kernels of `rate` are 1 before the branch, to find $\partial \dot K/\partial K$.
    has_slopes: bool,
    /// The error that a common way may have, relative.
    accuracy: f64,
    state: Vec<f64>,
    /// The branch's values, and square roots and their inverses of the variances in units.
    rate: KernelBlock,
    roots: Vec<f64>,
    inverses: Vec<f64>,
    /// By component: whether it needs more steps, and the error of those that were taken.
    failed: Vec<bool>,
    error: Vec<f64>,
}

impl<'a> Passage<'a> {
    fn new(flow: BlockFlow<'a>, block: &'a KernelBlock, clock: f64) -> Self {
        let layout = Layout::of(block);
        Self {
            flow,
            block,
            clock,
            sign: vec![1.0; block.correlation().len()],
            units: Vec::with_capacity(layout.distances.start),
            in_root: false,
            has_slopes: false,
            accuracy: 0.0,
            state: Vec::new(),
            rate: block.clone(),
            roots: vec![0.0; layout.distances.start],
            inverses: vec![0.0; layout.distances.start],
            failed: vec![false; layout.len()],
            error: vec![0.0; layout.len()],
            layout,
        }
    }

    /// The passage on a way; `None` if the branch cannot follow it, or no component can.
    fn run(mut self, way: Way) -> Option<Self> {
        self.along(way, |passage, step, velocity, is_first| {
            Ok(passage.step(step, velocity, is_first)?.is_some())
        })
        .ok()?
        .then_some(self)
    }

    /// The passage on a way, without a look at errors or, if they are wanted, with all columns and with their
    /// largest errors in units of what is allowed: their differences from the last one, summed over steps.
    /// With these it ends where no column will do.
    fn on(mut self, way: Way, mut worst: Option<&mut [f64; COLUMNS]>) -> Result<Self> {
        let mut errors = vec![
            [0.0; COLUMNS];
            if worst.is_some() {
                self.layout.len()
            } else {
                0
            }
        ];
        let has_passed = self.along(way, |passage, step, velocity, is_first| {
            let start = std::mem::take(&mut passage.state);
            let mut table = Extrapolation::default();
            let mut columns: Vec<Vec<f64>> = Vec::new();
            let is_pilot = !errors.is_empty();
            for column in 0..way.columns {
                let mut rates =
                    |time: f64, state: &[f64], out: &mut [f64]| passage.rates(time, state, out);
                table.add(&mut rates, step, &start, velocity)?;
                if !is_pilot {
                    continue;
                }
                if is_first && column == 0 && passage.has_layer(&table, step, &start, velocity)? {
                    return Ok(false);
                }
                columns.push(table.values().to_vec());
                if columns.len() == HOPEFUL && passage.is_hopeless(&columns) {
                    return Ok(false);
                }
            }
            passage.state = table.into_values();
            let Some(worst) = &mut worst else {
                return Ok(true);
            };
            worst.fill(0.0);
            for (i, errors) in errors.iter_mut().enumerate() {
                let allowed = passage.accuracy * passage.common_scale(i);
                for ((error, column), worst) in errors.iter_mut().zip(&columns).zip(&mut **worst) {
                    *error += (column[i] - passage.state[i]).abs();
                    let share = *error / allowed;
                    // not a number is not good enough
                    *worst = if share <= *worst { *worst } else { share };
                }
            }
            Ok(worst[FEWEST - 1..COLUMNS - 1]
                .iter()
                .any(|&worst| worst <= LAST))
        })?;
        if has_passed {
            Ok(self)
        } else {
            Err(Error::overflow("the covariance flow"))
        }
    }

    /// Whether the differences of some first columns fall so slowly that no other will do.
    fn is_hopeless(&mut self, columns: &[Vec<f64>]) -> bool {
        let [.., first, second, third] = columns else {
            return false;
        };
        self.state.clone_from(third);
        let (mut before, mut last) = (0.0_f64, 0.0_f64);
        for (i, third) in third.iter().enumerate() {
            let allowed = self.accuracy * self.common_scale(i);
            before = before.max((second[i] - first[i]).abs() / allowed);
            last = last.max((third - second[i]).abs() / allowed);
        }
        let left = (COLUMNS - 1 - columns.len()) as i32;
        last * (last / before).powi(left) > FAR * LAST
    }

    /// Takes the steps of a way, while `step` returns `true`.
    fn along(
        &mut self,
        way: Way,
        mut step: impl FnMut(&mut Self, Step, &[f64], bool) -> Result<bool>,
    ) -> Result<bool> {
        let mut velocity = self.start()?;
        self.in_root = way.shift.is_some();
        let (from, to) = way.ends(self.clock);
        let length = (to - from) / f64::from(way.steps);
        for l in 0..way.steps {
            let time = from + f64::from(l) * length;
            if l > 0 {
                let state = std::mem::take(&mut self.state);
                self.rates(time, &state, &mut velocity)?;
                self.state = state;
            } else {
                self.speed_up(time, &mut velocity);
            }
            let own = Step {
                time,
                length,
                in_root: self.in_root,
            };
            if !step(self, own, &velocity, l == 0)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first state and its rates.
    fn start(&mut self) -> Result<Vec<f64>> {
        let block = self.block;
        let (rows, columns) = (block.rows(), block.columns());
        self.flow.branch.apply(&mut self.rate)?;
        let variances = [block.variance_a(), block.variance_b()].concat();
        let growths = [self.rate.variance_a(), self.rate.variance_b()].concat();
        let farthest = FARTHEST[usize::from(self.flow.is_analytic)];
        let mut fast = Vec::new();
        for (i, (&q, &growth)) in variances.iter().zip(&growths).enumerate() {
            let doubling = doubling_time(q, growth);
            // pairs of such points start like square roots
            self.failed[i] = doubling * STEEPEST < self.clock;
            if doubling * farthest < self.clock {
                fast.push(i);
            }
            let end = q + self.clock * growth;
            let unit = if end > 0.0 && end.is_finite() {
                end.sqrt()
            } else {
                1.0
            };
            self.units.push([unit, 1.0 / unit]);
            self.state.push(q * (1.0 / unit) * (1.0 / unit));
        }
        self.give_up_exponential(&fast, &variances, &growths)?;
        let rate = &self.rate;
        let roots: Vec<f64> = self.state.iter().map(|q| q.sqrt()).collect();
        for i in 0..rows {
            for j in 0..columns {
                let at = i * columns + j;
                let mean = |q: &KernelBlock| q.variance_a()[i].sqrt() * q.variance_b()[j].sqrt();
                let (c, rate_c) = (block.correlation()[at], rate.correlation()[at]);
                let rough = mean(block) * c.value() + self.clock * mean(rate) * rate_c.value();
                let distance = if rough < 0.0 {
                    self.sign[at] = -1.0;
                    c.one_plus()
                } else {
                    c.one_minus()
                };
                let (a, b) = (roots[i], roots[rows + j]);
                self.state
                    .push(0.5 * ((a - b) * (a - b)) + a * b * distance);
            }
        }
        self.state.extend(block.tangent().into_iter().flatten());
        let mut velocity = vec![0.0; self.layout.len()];
        self.velocities(&mut velocity);
        Ok(velocity)
    }

    /// Of points that grow fast, those that will do so all the way.
    fn give_up_exponential(
        &mut self,
        fast: &[usize],
        variances: &[f64],
        growths: &[f64],
    ) -> Result<()> {
        if fast.is_empty() {
            return Ok(());
        }
        let doubled = fast.iter().map(|&i| 2.0 * variances[i]).collect();
        let mut points = KernelBlock::of_points(doubled);
        points.set_width(self.block.width());
        self.flow.branch.apply(&mut points)?;
        for (&i, &growth) in fast.iter().zip(points.variance_a()) {
            let q = variances[i];
            self.failed[i] |= grows_exponentially([q, growths[i]], [2.0 * q, growth]);
        }
        Ok(())
    }

    fn rates(&mut self, time: f64, state: &[f64], out: &mut [f64]) -> Result<()> {
        let layout = &self.layout;
        let points = 0..layout.distances.start;
        let own = self.roots.iter_mut().zip(&mut self.inverses);
        for ((root, inverse), &q) in own.zip(&state[points.clone()]) {
            *root = if q > 0.0 { q.sqrt() } else { 0.0 };
            *inverse = if q > 0.0 { 1.0 / *root } else { 0.0 };
        }
        let (rows, columns) = (layout.rows.len(), layout.columns.len());
        let (root_a, root_b) = self.roots.split_at(rows);
        let (inverse_a, inverse_b) = self.inverses.split_at(rows);
        let rate = self.rate.state_mut();
        let variances = rate.variance_a.iter_mut().chain(rate.variance_b);
        for ((out, &q), [unit, _]) in variances.zip(&state[points]).zip(&self.units) {
            *out = if q > 0.0 { q * unit * unit } else { 0.0 };
        }
        let width = columns.max(1);
        let distances = state[layout.distances.clone()].chunks(width);
        let pairs = rate.correlation.chunks_mut(width).zip(distances);
        for (i, (correlation, distances)) in pairs.enumerate() {
            let (root_a, inverse_a) = (root_a[i], inverse_a[i]);
            let sign = &self.sign[i * width..(i + 1) * width];
            vectorized(
                #[inline(always)]
                || {
                    let points = root_b.iter().zip(inverse_b).zip(sign);
                    let entries = correlation.iter_mut().zip(distances).zip(points);
                    for ((c, distance), ((root_b, inverse_b), sign)) in entries {
                        let difference = root_a - root_b;
                        let near = distance - 0.5 * (difference * difference);
                        let near = near * (inverse_a * inverse_b);
                        let far = 2.0 - near;
                        let is_near = *sign > 0.0;
                        let minus = if is_near { near } else { far };
                        let plus = if is_near { far } else { near };
                        *c = PairCorrelation::from_ends(minus, plus);
                    }
                },
            );
        }
        if let Some(tangent) = rate.tangent {
            if self.has_slopes {
                tangent.fill(1.0);
            } else {
                tangent.copy_from_slice(&state[layout.tangent.clone()]);
            }
        }
        self.flow.branch.apply(&mut self.rate)?;
        self.velocities(out);
        self.speed_up(time, out);
        Ok(())
    }

    /// $d\tau$ of the time.
    fn speed_up(&self, time: f64, velocity: &mut [f64]) {
        if self.in_root {
            let speed = 2.0 * time;
            vectorized(
                #[inline(always)]
                || {
                    for velocity in velocity.iter_mut() {
                        *velocity *= speed;
                    }
                },
            );
        }
    }

    /// The rates of the state, of the branch's values.
    fn velocities(&mut self, out: &mut [f64]) {
        let (layout, rate) = (&self.layout, &self.rate);
        if let Some(tangent) = rate.tangent().filter(|_| !self.has_slopes) {
            out[layout.tangent.clone()].copy_from_slice(tangent);
        }
        let (points, pairs) = out.split_at_mut(layout.distances.start);
        let rates = rate.variance_a().iter().chain(rate.variance_b());
        let units = self.units.iter().zip(&mut self.roots);
        for ((out, rate), ([_, inverse], root)) in points.iter_mut().zip(rates).zip(units) {
            *out = rate * inverse * inverse;
            *root = out.sqrt();
        }
        let (root_a, root_b) = self.roots.split_at(layout.rows.len());
        let width = root_b.len().max(1);
        let distances = pairs[..layout.distances.len()].chunks_mut(width);
        for (i, (distances, c)) in distances.zip(rate.correlation().chunks(width)).enumerate() {
            let root_a = root_a[i];
            let sign = &self.sign[i * width..(i + 1) * width];
            vectorized(
                #[inline(always)]
                || {
                    let entries = distances.iter_mut().zip(c).zip(root_b).zip(sign);
                    for (((distance, c), root_b), sign) in entries {
                        let difference = root_a - root_b;
                        let (minus, plus) = (c.one_minus(), c.one_plus());
                        let near = if *sign > 0.0 { minus } else { plus };
                        *distance = 0.5 * (difference * difference) + root_a * root_b * near;
                    }
                },
            );
        }
    }

    /// Whether an initial layer may hide more than is allowed, of a component that has not failed.
    fn has_layer(
        &mut self,
        table: &Extrapolation,
        step: Step,
        start: &[f64],
        velocity: &[f64],
    ) -> Result<bool> {
        let hidden = self.hidden(table, step, start, velocity)?;
        let allowed = |i: usize| {
            let (tolerance, noise) = self.allowed(i, table.values(), start);
            tolerance.max(noise)
        };
        Ok((0..start.len()).any(|i| hidden[i] > allowed(i)))
    }

    /// What an initial layer may hide, by component; as for one pair.
    fn hidden(
        &mut self,
        table: &Extrapolation,
        step: Step,
        start: &[f64],
        velocity: &[f64],
    ) -> Result<Vec<f64>> {
        let in_root = self.in_root;
        let speed = |_: usize, time: f64| if in_root { 2.0 * time } else { 1.0 };
        let mut rates = |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
        table.initial_layer(&mut rates, step, start, velocity, &speed)
    }

    /// One step of all components that have not failed; `None` if all have.
    fn step(&mut self, step: Step, velocity: &[f64], is_first: bool) -> Result<Option<()>> {
        if self.is_lost() {
            return Ok(None);
        }
        let start = std::mem::take(&mut self.state);
        let mut end = start.clone();
        let mut pending: Vec<usize> = (0..start.len()).filter(|&i| !self.lost(i)).collect();
        let mut errors = vec![Errors::NONE; start.len()];
        let mut table = Extrapolation::default();
        while !pending.is_empty() {
            let mut rates =
                |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
            table.add(&mut rates, step, &start, velocity)?;
            let columns = table.columns();
            if is_first && columns == 1 {
                let hidden = self.hidden(&table, step, &start, velocity)?;
                for &i in &pending {
                    let (tolerance, noise) = self.allowed(i, table.values(), &start);
                    self.failed[i] = hidden[i] > tolerance.max(noise);
                }
            }
            let mut left = Vec::with_capacity(pending.len());
            for &i in &pending {
                errors[i].push(table.error(i));
                let (tolerance, noise) = self.allowed(i, table.values(), &start);
                match errors[i].progress(columns, tolerance, noise) {
                    Progress::Pending => left.push(i),
                    Progress::Settled => {
                        end[i] = table.value(i);
                        self.error[i] += errors[i].estimate();
                    }
                    Progress::Failed => self.failed[i] = true,
                }
            }
            pending = left;
            pending.retain(|&i| !self.lost(i));
            if self.is_lost() {
                return Ok(None);
            }
        }
        self.state = end;
        Ok(Some(()))
    }

    /// Whether nothing is left to go on with.
    fn is_lost(&self) -> bool {
        let mut all = if self.layout.distances.is_empty() {
            self.layout.rows.clone()
        } else {
            self.layout.distances.clone()
        };
        all.all(|i| self.lost(i))
    }

    /// The error that a component may have, and the one that no step improves.
    fn allowed(&self, i: usize, values: &[f64], start: &[f64]) -> (f64, f64) {
        let tolerance = SLACK * self.flow.tolerance;
        let layout = &self.layout;
        let value = values[i].abs();
        if i < layout.distances.start {
            return (tolerance * value, NOISE * value);
        }
        if i >= layout.tangent.start {
            let (a, b) = self.points(i - layout.tangent.start);
            let mean = self.units[a][0] * self.units[b][0] * (start[a] * start[b]).sqrt();
            return (tolerance * value.max(mean), NOISE * mean);
        }
        let (a, b) = self.points(i - layout.distances.start);
        let mean = start[a].sqrt() * start[b].sqrt();
        let near = near(values[a], values[b], values[i]);
        let allowed = if start[a] == start[b] {
            tolerance * near
        } else {
            // relative rates differ by their rounding, and the defect has the square of the difference
            (tolerance * near)
                .max(ROUNDING * mean.sqrt() * near.sqrt())
                .max(ROUNDING * value)
        };
        let noise = if mean > 0.0 {
            mean * noise_of_defect(value / mean)
        } else {
            0.0
        };
        (allowed, noise)
    }

    /// What the error of a component is relative to on a common way.
    fn common_scale(&self, i: usize) -> f64 {
        let (layout, state) = (&self.layout, &self.state);
        let value = state[i].abs();
        if i < layout.distances.start {
            return value;
        }
        if i >= layout.tangent.start {
            let pair = i - layout.tangent.start;
            let (a, b) = self.points(pair);
            let mean = self.units[a][0] * self.units[b][0] * self.geometric_mean(pair);
            return value.max(mean);
        }
        let pair = i - layout.distances.start;
        let (a, b) = self.points(pair);
        let near = near(state[a], state[b], state[i]);
        if state[a] == state[b] {
            near
        } else {
            near.max(DISTINCT * self.geometric_mean(pair))
        }
    }

    /// Whether a component needs more steps, or belongs to a pair that does.
    fn lost(&self, i: usize) -> bool {
        if i < self.layout.distances.start {
            return self.failed[i];
        }
        let pairs = self.layout.distances.len();
        let pair = (i - self.layout.distances.start) % pairs;
        let width = self.layout.columns.len();
        self.is_failed(pair / width, pair % width)
    }

    fn is_failed(&self, row: usize, column: usize) -> bool {
        let layout = &self.layout;
        let pair = row * layout.columns.len() + column;
        self.failed[row]
            || self.failed[layout.columns.start + column]
            || self.failed[layout.distances.start + pair]
            || (!layout.tangent.is_empty() && self.failed[layout.tangent.start + pair])
    }

    /// The components of the variances of a pair.
    fn points(&self, pair: usize) -> (usize, usize) {
        let width = self.layout.columns.len();
        (pair / width, self.layout.columns.start + pair % width)
    }

    /// In units of $\sqrt{G_i G_j}$.
    fn geometric_mean(&self, pair: usize) -> f64 {
        let (a, b) = self.points(pair);
        self.state[a].sqrt() * self.state[b].sqrt()
    }

    fn variance(&self, point: usize) -> f64 {
        let [unit, _] = self.units[point];
        self.state[point] * unit * unit
    }

    /// $c$ of a pair; without a variance there is none to follow.
    fn correlation(&self, pair: usize) -> PairCorrelation {
        let mean = self.geometric_mean(pair);
        if mean == 0.0 {
            return self.block.correlation()[pair];
        }
        let (a, b) = self.points(pair);
        let distance = self.state[self.layout.distances.start + pair];
        let near = near(self.state[a], self.state[b], distance) / mean;
        if self.sign[pair] > 0.0 {
            PairCorrelation::from_ends(near, 2.0 - near)
        } else {
            PairCorrelation::from_ends(2.0 - near, near)
        }
    }

    /// The error of a pair, relative.
    fn pair_error(&self, pair: usize) -> f64 {
        let distance = self.layout.distances.start + pair;
        let (a, b) = self.points(pair);
        // without a variance there is no angle
        let own = if self.error[distance] > 0.0 && self.geometric_mean(pair) > 0.0 {
            self.error[distance] / near(self.state[a], self.state[b], self.state[distance])
        } else {
            0.0
        };
        if self.layout.tangent.is_empty() {
            return own;
        }
        let tangent = self.layout.tangent.start + pair;
        let mean = self.units[a][0] * self.units[b][0] * self.geometric_mean(pair);
        let scale = self.state[tangent].abs().max(mean);
        own.max(self.error[tangent] / scale)
    }
}

/// $\sqrt{q_i q_j} (1 \mp c)$, from the two variances and $E$.
fn near(a: f64, b: f64, distance: f64) -> f64 {
    let difference = a.sqrt() - b.sqrt();
    let near = distance - 0.5 * (difference * difference);
    if near > 0.0 { near } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::{Dual, Erf, Relu};
    use crate::network::{Activated, Dense};
    use crate::numerics::chebyshev;

    const CLOCK: f64 = 1.0;

    fn branch(phi: impl Dual + 'static) -> Network {
        Network::new()
            .then(Activated::new(phi))
            .then(Dense::new(Initialization::new(1.5, 0.1).unwrap()))
    }

    fn flow(branch: &Network) -> BlockFlow<'_> {
        BlockFlow::new(branch, 1e-13)
    }

    /// Points of two norms with others at some $\varepsilon$.
    fn block(epsilon: &[f64]) -> KernelBlock {
        let (a, b) = (vec![0.9, 0.5], vec![0.7; epsilon.len()]);
        let row = epsilon.iter().map(|&e| PairCorrelation::of_one_minus(e));
        let row: Vec<PairCorrelation> = row.collect();
        KernelBlock::new(a, b, row.repeat(2), true).unwrap()
    }

    /// $1 - c$ and $\Theta$ on a common way are those of steps by pairs.
    #[test]
    fn a_common_way_leads_where_pairs_go_by_themselves() {
        for branch in [branch(Relu), branch(Erf::default())] {
            let flow = flow(&branch);
            let pairs = block(&[0.03, 0.3, 0.7, 1.2, 1.9]);
            let way = flow.common_way(&pairs, CLOCK).unwrap();
            let (mut common, mut alone) = (pairs.clone(), pairs);
            flow.run_on(way, &mut common, CLOCK).unwrap();
            flow.run(&mut alone, CLOCK).unwrap();
            let both = common.correlation().iter().zip(alone.correlation());
            for (common, alone) in both {
                let (common, alone) = (common.one_minus(), alone.one_minus());
                assert!((common / alone - 1.0).abs() < 5e-12, "{common} {alone}");
            }
            let both = common
                .tangent()
                .unwrap()
                .iter()
                .zip(alone.tangent().unwrap());
            for (common, alone) in both {
                assert!((common - alone).abs() < 1e-11, "{common} {alone}");
            }
        }
    }

    /// On a common way $1 - c$ is an analytic function of the angle: its Chebyshev coefficients fall to
    /// rounding, far below the tolerance.
    #[test]
    fn a_common_way_is_smooth_to_rounding() {
        let branch = branch(Relu);
        let flow = flow(&branch);
        let epsilon: Vec<f64> = chebyshev::nodes(24).map(|x| 0.7 + 0.3 * x).collect();
        let mut pairs = block(&epsilon);
        let way = flow.common_way(&pairs, CLOCK).unwrap();
        flow.run_on(way, &mut pairs, CLOCK).unwrap();
        for row in pairs.correlation().chunks(epsilon.len()) {
            let values: Vec<[f64; 1]> = row.iter().map(|c| [c.one_minus()]).collect();
            let coefficients = chebyshev::fit(&values).concat();
            let last = chebyshev::Tail::of(&coefficients).largest;
            assert!(last < 3e-15, "{last:e}");
        }
    }

    /// Any part of a block has the bits of the whole.
    #[test]
    fn pairs_do_not_depend_on_their_company() {
        let branch = branch(Relu);
        let flow = flow(&branch);
        let epsilon = [1e-6, 0.02, 0.3, 1.2, 1.99, 1.999_99];
        let mut whole = block(&epsilon);
        flow.run(&mut whole, CLOCK).unwrap();
        for (j, &epsilon) in epsilon.iter().enumerate() {
            let mut part = block(&[epsilon]);
            flow.run(&mut part, CLOCK).unwrap();
            for i in 0..2 {
                assert_eq!(part.correlation()[i], whole.correlation()[i * 6 + j]);
            }
        }
    }
}
