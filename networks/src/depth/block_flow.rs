//! The flow of a block of pairs: $dK/d\tau = B(K)$ and $d\Theta/d\tau = B_\Theta(K, \Theta)$, by steps of the
//! whole block.
//!
//! The branch maps all pairs at a time and the variances once for every point, so that a pair costs what its
//! correlation costs. What becomes of a pair depends on its two points alone: all pairs take the same steps,
//! each of them is accepted by its own error, and those that are not go on among themselves with more steps,
//! which are shorter where variances are small.

use std::ops::Range;

use super::covariance_flow::{
    self, NOISE, ROUNDING, SLACK, State, doubling_time, grows_exponentially,
};
use super::extrapolation::{Extrapolation, Progress};
use crate::covariance::PairCorrelation;
use crate::network::{KernelBlock, Layer, Network};
use crate::numerics::inverse_root;
use crate::vectorized::vectorized;
use crate::{Error, PairCovariance, Result};

/// Passages of a block, at most: number $r = 0$ goes in $\tau$ by one step, the others in
/// $\sqrt{\tau + 4^{-r}}$ (in units of the clock) by $2^{r-1}$ steps. What needs more goes pair by pair.
const PASSAGES: i32 = 7;

/// Points whose variances grow by more than this factor go pair by pair.
const STEEPEST: f64 = 1000.0;

/// And those that grow exponentially by more than so many factors of $e$: no passage has steps enough.
const FARTHEST: f64 = 25.0;

/// A branch and how well its flow is integrated.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockFlow<'a> {
    pub(super) branch: &'a Network,
    pub(super) tolerance: f64,
}

impl BlockFlow<'_> {
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
        if !ends.correlation.is_empty() {
            let places: Vec<usize> = (0..ends.correlation.len()).collect();
            self.pairs(block, &places, clock, 0, &mut ends)?;
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
        for number in 0..PASSAGES {
            if left.is_empty() {
                break;
            }
            let own: Vec<f64> = left.iter().map(|&i| start[i]).collect();
            let block = points(&own);
            let Some(passage) = Passage::new(self, &block, clock).run(number) else {
                continue;
            };
            let mut failed = Vec::new();
            for (place, &i) in left.iter().enumerate() {
                if passage.failed[place] {
                    failed.push(i);
                } else {
                    end[i] = passage.state[place];
                    error = error.max(passage.error[place] / end[i]);
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
            let (k, _) = covariance_flow::integrate(&rate, point, clock, self.tolerance)?;
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
        number: i32,
        ends: &mut Ends,
    ) -> Result<()> {
        let (rows, columns) = (block.rows(), block.columns());
        if number >= PASSAGES {
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                self.alone(&part(block, i, &[j]), places[i * columns + j], clock, ends)?;
            }
            return Ok(());
        }
        let passage = Passage::new(self, block, clock).run(number);
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
            let own: Vec<usize> = left.iter().map(|&j| places[i * columns + j]).collect();
            self.pairs(&part(block, i, &left), &own, clock, number + 1, ends)?;
        }
        Ok(())
    }

    /// One pair with steps of its own.
    fn alone(self, pair: &KernelBlock, place: usize, clock: f64, ends: &mut Ends) -> Result<()> {
        let rate = |(k, tangent): State| match (pair.tangent(), pair.same_point(0)) {
            (None, None) => Ok((self.branch.pair(k)?, 0.0)),
            _ => {
                let tangents = pair.tangent().map(|_| vec![tangent]);
                let (a, b) = (vec![k.variance_a()], vec![k.variance_b()]);
                let mut block = pair.with_state(a, b, vec![k.pair_correlation()], tangents);
                self.branch.apply(&mut block)?;
                let k = PairCovariance::of(
                    block.variance_a()[0],
                    block.variance_b()[0],
                    block.correlation()[0],
                );
                Ok((k, block.tangent().map_or(0.0, |tangent| tangent[0])))
            }
        };
        let k = PairCovariance::of(
            pair.variance_a()[0],
            pair.variance_b()[0],
            pair.correlation()[0],
        );
        let start = (k, pair.tangent().map_or(0.0, |tangent| tangent[0]));
        let (k, tangent) = covariance_flow::integrate(&rate, start, clock, self.tolerance)?;
        ends.correlation[place] = k.pair_correlation();
        if let Some(all) = &mut ends.tangent {
            all[place] = tangent;
        }
        ends.error = ends.error.max(SLACK * self.tolerance);
        Ok(())
    }
}

/// What pairs have become.
struct Ends {
    correlation: Vec<PairCorrelation>,
    tangent: Option<Vec<f64>>,
    error: f64,
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
    /// Defects $\sqrt{q_i q_j} (1 - c_{ij})$, or $1 + c$ for pairs that are mirrored.
    defects: Range<usize>,
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
            defects: points..points + pairs,
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
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    in_root: bool,
    state: Vec<f64>,
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
            in_root: false,
            state: Vec::new(),
            failed: vec![false; layout.len()],
            error: vec![0.0; layout.len()],
            layout,
        }
    }

    /// The passage of a number; `None` if the branch cannot follow it, or no component can.
    fn run(mut self, number: i32) -> Option<Self> {
        let mut velocity = self.start()?;
        let (steps, from, to) = if number == 0 {
            (1, 0.0, self.clock)
        } else {
            self.in_root = true;
            let shift = 0.25_f64.powi(number) * self.clock;
            (1 << (number - 1), shift.sqrt(), (shift + self.clock).sqrt())
        };
        let step = (to - from) / f64::from(steps);
        for l in 0..steps {
            let time = from + f64::from(l) * step;
            if l > 0 {
                let state = std::mem::take(&mut self.state);
                self.rates(time, &state, &mut velocity).ok()?;
                self.state = state;
            } else {
                self.speed_up(time, &mut velocity);
            }
            self.step((time, step), &velocity, l == 0)?;
        }
        Some(self)
    }

    /// The first state and its rates.
    fn start(&mut self) -> Option<Vec<f64>> {
        let block = self.block;
        let (rows, columns) = (block.rows(), block.columns());
        let mut rate = block.clone();
        self.flow.branch.apply(&mut rate).ok()?;
        self.state.extend_from_slice(block.variance_a());
        self.state.extend_from_slice(block.variance_b());
        let growths = [rate.variance_a(), rate.variance_b()].concat();
        let mut fast = Vec::new();
        for (i, &growth) in growths.iter().enumerate() {
            let doubling = doubling_time(self.state[i], growth);
            // pairs of such points start like square roots
            self.failed[i] = doubling * STEEPEST < self.clock;
            if doubling * FARTHEST < self.clock {
                fast.push(i);
            }
        }
        self.give_up_exponential(&fast, &growths)?;
        for i in 0..rows {
            for j in 0..columns {
                let at = i * columns + j;
                let mean = |q: &KernelBlock| q.variance_a()[i].sqrt() * q.variance_b()[j].sqrt();
                let (c, rate_c) = (block.correlation()[at], rate.correlation()[at]);
                let rough = mean(block) * c.value() + self.clock * mean(&rate) * rate_c.value();
                let distance = if rough < 0.0 {
                    self.sign[at] = -1.0;
                    c.one_plus()
                } else {
                    c.one_minus()
                };
                self.state.push(mean(block) * distance);
            }
        }
        self.state.extend(block.tangent().into_iter().flatten());
        let mut velocity = vec![0.0; self.layout.len()];
        self.velocities(&self.state, &rate, &mut velocity);
        Some(velocity)
    }

    /// Of points that grow fast, those that will do so all the way.
    fn give_up_exponential(&mut self, fast: &[usize], growths: &[f64]) -> Option<()> {
        if fast.is_empty() {
            return Some(());
        }
        let doubled = fast.iter().map(|&i| 2.0 * self.state[i]).collect();
        let mut points = KernelBlock::of_points(doubled);
        points.set_width(self.block.width());
        self.flow.branch.apply(&mut points).ok()?;
        for (&i, &growth) in fast.iter().zip(points.variance_a()) {
            let q = self.state[i];
            self.failed[i] |= grows_exponentially([q, growths[i]], [2.0 * q, growth]);
        }
        Some(())
    }

    fn rates(&self, time: f64, state: &[f64], out: &mut [f64]) -> Result<()> {
        let layout = &self.layout;
        let variances = |part: &Range<usize>| -> Vec<f64> {
            let part = state[part.clone()].iter();
            part.map(|&q| if q > 0.0 { q } else { 0.0 }).collect()
        };
        let (a, b) = (variances(&layout.rows), variances(&layout.columns));
        let inverse_b: Vec<f64> = b.iter().map(|&q| inverse_root(q)).collect();
        let mut correlation = vec![PairCorrelation::PARALLEL; self.sign.len()];
        let width = b.len().max(1);
        let defects = state[layout.defects.clone()].chunks(width);
        let pairs = correlation.chunks_mut(width).zip(defects);
        for (i, (correlation, defects)) in pairs.enumerate() {
            let (inverse_a, inverse_b) = (inverse_root(a[i]), &inverse_b[..]);
            let sign = &self.sign[i * width..(i + 1) * width];
            vectorized(
                #[inline(always)]
                || {
                    let entries = correlation.iter_mut().zip(defects).zip(inverse_b);
                    for (((c, defect), inverse_b), sign) in entries.zip(sign) {
                        let near = defect * (inverse_a * inverse_b);
                        let far = 2.0 - near;
                        let (minus, plus) = if *sign > 0.0 {
                            (near, far)
                        } else {
                            (far, near)
                        };
                        *c = PairCorrelation::from_ends(minus, plus);
                    }
                },
            );
        }
        let tangent = state[layout.tangent.clone()].to_vec();
        let tangent = self.block.tangent().map(|_| tangent);
        let mut rate = self.block.with_state(a, b, correlation, tangent);
        self.flow.branch.apply(&mut rate)?;
        self.velocities(state, &rate, out);
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

    fn velocities(&self, state: &[f64], rate: &KernelBlock, out: &mut [f64]) {
        let layout = &self.layout;
        out[layout.rows.clone()].copy_from_slice(rate.variance_a());
        out[layout.columns.clone()].copy_from_slice(rate.variance_b());
        if let Some(tangent) = rate.tangent() {
            out[layout.tangent.clone()].copy_from_slice(tangent);
        }
        // √(q'/q), and √q
        let roots = |part: &Range<usize>, rate: &[f64]| -> (Vec<f64>, Vec<f64>) {
            let points = state[part.clone()].iter().zip(rate);
            let root = |q: f64| if q > 0.0 { q.sqrt() } else { 0.0 };
            points
                .map(|(&q, rate)| ((rate / q).sqrt(), root(q)))
                .map(|(speed, root)| (if root > 0.0 { speed } else { 0.0 }, root))
                .unzip()
        };
        let (speed_a, root_a) = roots(&layout.rows, rate.variance_a());
        let (speed_b, root_b) = roots(&layout.columns, rate.variance_b());
        let width = root_b.len().max(1);
        let defects = out[layout.defects.clone()].chunks_mut(width);
        for (i, (defects, c)) in defects.zip(rate.correlation().chunks(width)).enumerate() {
            let (speed_a, root_a) = (speed_a[i], root_a[i]);
            let (speed_b, root_b) = (&speed_b[..], &root_b[..]);
            let sign = &self.sign[i * width..(i + 1) * width];
            vectorized(
                #[inline(always)]
                || {
                    let entries = defects.iter_mut().zip(c).zip(speed_b).zip(root_b);
                    for ((((defect, c), speed_b), root_b), sign) in entries.zip(sign) {
                        let difference = speed_a - speed_b;
                        let distance = if *sign > 0.0 {
                            c.one_minus()
                        } else {
                            c.one_plus()
                        };
                        let product = speed_a * speed_b;
                        let parts = 0.5 * (difference * difference) + product * distance;
                        *defect = root_a * root_b * parts;
                    }
                },
            );
        }
    }

    /// One step of all components that have not failed.
    fn step(&mut self, (time, step): (f64, f64), velocity: &[f64], is_first: bool) -> Option<()> {
        let start = std::mem::take(&mut self.state);
        let mut end = start.clone();
        let mut pending: Vec<usize> = (0..start.len()).filter(|&i| !self.lost(i)).collect();
        let mut before = vec![f64::INFINITY; start.len()];
        let mut table = Extrapolation::default();
        while !pending.is_empty() {
            let mut rates =
                |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
            table.add(&mut rates, (time, step), &start, velocity).ok()?;
            let columns = table.columns();
            if is_first && columns == 1 {
                // as for one pair
                let speed = |i: usize, time: f64| match self.in_root {
                    true if !self.layout.defects.contains(&i) => 2.0 * time,
                    _ => 1.0,
                };
                let hidden = table
                    .initial_layer(&mut rates, (time, step), &start, velocity, &speed)
                    .ok()?;
                for &i in &pending {
                    let (tolerance, noise) = self.allowed(i, table.value(i), &start);
                    self.failed[i] = hidden[i] > tolerance.max(noise);
                }
            }
            let mut left = Vec::with_capacity(pending.len());
            for &i in &pending {
                let (error, value) = (table.error(i), table.value(i));
                let (tolerance, noise) = self.allowed(i, value, &start);
                match Progress::of(columns, error, before[i], tolerance, noise) {
                    Progress::Pending => left.push(i),
                    Progress::Settled => {
                        end[i] = value;
                        self.error[i] += error;
                    }
                    Progress::Failed => self.failed[i] = true,
                }
                before[i] = error;
            }
            pending = left;
            pending.retain(|&i| !self.lost(i));
        }
        self.state = end;
        // something must be left to go on with
        let all = if self.layout.defects.is_empty() {
            self.layout.rows.clone()
        } else {
            self.layout.defects.clone()
        };
        all.into_iter().any(|i| !self.lost(i)).then_some(())
    }

    /// The error that a component may have, and the one that no step improves.
    fn allowed(&self, i: usize, value: f64, start: &[f64]) -> (f64, f64) {
        let tolerance = SLACK * self.flow.tolerance;
        let layout = &self.layout;
        if i < layout.defects.start {
            return (tolerance * value.abs(), NOISE * value.abs());
        }
        let is_tangent = i >= layout.tangent.start;
        let pair = i - if is_tangent {
            layout.tangent.start
        } else {
            layout.defects.start
        };
        let width = layout.columns.len();
        let (a, b) = (
            start[pair / width],
            start[layout.columns.start + pair % width],
        );
        let mean = a.sqrt() * b.sqrt();
        let allowed = if is_tangent {
            tolerance * value.abs().max(mean)
        } else if a == b {
            tolerance * value.abs()
        } else {
            // relative rates differ by their rounding, and the defect has the square of the difference
            (tolerance * value.abs()).max(ROUNDING * mean.sqrt() * value.abs().sqrt())
        };
        (allowed, NOISE * mean)
    }

    /// Whether a component needs more steps, or belongs to a pair that does.
    fn lost(&self, i: usize) -> bool {
        if i < self.layout.defects.start {
            return self.failed[i];
        }
        let pairs = self.layout.defects.len();
        let pair = (i - self.layout.defects.start) % pairs;
        let width = self.layout.columns.len();
        self.is_failed(pair / width, pair % width)
    }

    fn is_failed(&self, row: usize, column: usize) -> bool {
        let layout = &self.layout;
        let pair = row * layout.columns.len() + column;
        self.failed[row]
            || self.failed[layout.columns.start + column]
            || self.failed[layout.defects.start + pair]
            || (!layout.tangent.is_empty() && self.failed[layout.tangent.start + pair])
    }

    fn geometric_mean(&self, pair: usize) -> f64 {
        let width = self.layout.columns.len();
        let (a, b) = (pair / width, self.layout.columns.start + pair % width);
        self.state[a].sqrt() * self.state[b].sqrt()
    }

    /// $c$ of a pair; without a variance there is none to follow.
    fn correlation(&self, pair: usize) -> PairCorrelation {
        let mean = self.geometric_mean(pair);
        if mean == 0.0 {
            return self.block.correlation()[pair];
        }
        let near = self.state[self.layout.defects.start + pair] / mean;
        if self.sign[pair] > 0.0 {
            PairCorrelation::from_ends(near, 2.0 - near)
        } else {
            PairCorrelation::from_ends(2.0 - near, near)
        }
    }

    /// The error of a pair, relative.
    fn pair_error(&self, pair: usize) -> f64 {
        let defect = self.layout.defects.start + pair;
        let own = if self.error[defect] > 0.0 {
            self.error[defect] / self.state[defect]
        } else {
            0.0
        };
        if self.layout.tangent.is_empty() {
            return own;
        }
        let tangent = self.layout.tangent.start + pair;
        let scale = self.state[tangent].abs().max(self.geometric_mean(pair));
        own.max(self.error[tangent] / scale)
    }
}
