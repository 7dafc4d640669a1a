//! Passages of a block by collocation: variances first, then distances, then tangent kernels, which are
//! linear.

use super::{ACCURACY, BlockFlow, EXPENSIVE, Passage, Way, plain};
use crate::depth::collocation::{COARSE_SETS, RULES, Rule, SIZES};
use crate::depth::extrapolation::{Extrapolation, Step};
use crate::network::{KernelBlock, Layer};
use crate::{Error, Result};

/// Sets of values at the nodes of a collocation: of pairs, and of points and where tangent kernels follow.
const SETS: usize = 2;
const SETS_FOR_TANGENTS: usize = 3;

/// After so many numbers of nodes a way is given up whose error is above what is allowed by more than this
/// factor.
const FIRST_NODES: usize = 2;
const FAR_NODES: f64 = 1e6;

/// Evaluations of the branch in a step by the rule of a number.
pub(super) fn evaluations(number: usize) -> usize {
    COARSE_SETS * SIZES[0] + SETS * SIZES[number]
}

impl BlockFlow<'_> {
    /// [`common_way`](Self::common_way) by collocation, of a plain branch: each number of nodes is compared
    /// with the next one.
    pub(super) fn common_collocation(self, block: &KernelBlock, clock: f64) -> Option<Way> {
        plain(self.branch, false)?;
        if self.branch.pair_cost() < EXPENSIVE {
            return None;
        }
        let mut best: Option<Way> = None;
        for (shift, steps) in Way::CANDIDATES_OF_NODES {
            let mut before: Option<Vec<f64>> = None;
            for number in 1..SIZES.len() {
                let way = Way {
                    nodes: Some(number),
                    ..Way::new(shift, steps)
                };
                if best.is_some_and(|best| best.evaluations() <= way.evaluations()) {
                    break;
                }
                let mut passage = Passage::new(self, block, clock);
                passage.accuracy = ACCURACY * self.tolerance;
                let Ok(passage) = passage.collocated(way, number == 1) else {
                    break;
                };
                let worst = before.map(|before| passage.difference(&before));
                if worst.is_some_and(|worst| worst <= 1.0) {
                    best = Some(Way {
                        nodes: Some(number - 1),
                        ..way
                    });
                    break;
                }
                // not a number is not good enough
                let is_near = worst.is_none_or(|worst| worst <= FAR_NODES);
                if number > FIRST_NODES && !is_near {
                    break;
                }
                before = Some(passage.state);
            }
        }
        best
    }
}

impl Passage<'_> {
    /// The passage on a way by collocation; an initial layer is looked for if wanted.
    pub(super) fn collocated(mut self, way: Way, is_pilot: bool) -> Result<Self> {
        self.has_slopes = true;
        self.rate = self.block.clone().with_tangent();
        let number = way.nodes.unwrap_or_default();
        let has_passed = self.along(way, |passage, step, velocity, is_first| {
            let start = std::mem::take(&mut passage.state);
            if is_first && is_pilot {
                let mut table = Extrapolation::default();
                let mut rates =
                    |time: f64, state: &[f64], out: &mut [f64]| passage.rates(time, state, out);
                table.add(&mut rates, step, &start, velocity)?;
                if passage.has_layer(&table, step, &start, velocity)? {
                    return Ok(false);
                }
            }
            passage.state = passage.collocate(step, &start, velocity, number)?;
            Ok(true)
        })?;
        if has_passed {
            Ok(self)
        } else {
            Err(Error::overflow("the covariance flow"))
        }
    }

    /// One step by collocation: first of the variances, then of the distances between them.
    fn collocate(
        &mut self,
        step: Step,
        start: &[f64],
        velocity: &[f64],
        number: usize,
    ) -> Result<Vec<f64>> {
        let layout = self.layout.clone();
        let (own, pairs) = (0..layout.distances.start, layout.distances);
        let (coarse, fine) = (&RULES[0], &RULES[number]);
        let from = &start[own.clone()];
        let points = self.points_at(step, from, &velocity[own.clone()], number)?;
        let rough = coarse.interpolated(number, from, &points);
        let from = &start[pairs.clone()];
        let mut values = euler(coarse, step, from, &velocity[pairs.clone()]);
        for _ in 0..COARSE_SETS {
            self.improve(coarse, step, from, (&rough, &mut values))?;
        }
        let mut values = fine.interpolated(0, from, &values);
        let has_tangent = !layout.tangent.is_empty();
        let sets = if has_tangent { SETS_FOR_TANGENTS } else { SETS };
        let mut last = [Vec::new(), Vec::new()];
        for _ in 0..sets {
            last = self.improve(fine, step, from, (&points, &mut values))?;
        }
        let m = fine.size();
        let mut end = [&points[m][..], &values[m]].concat();
        if has_tangent {
            let [slopes, covariances] = last;
            end.extend(fine.linear(step.length, &start[layout.tangent], (&covariances, &slopes)));
        }
        Ok(end)
    }

    /// Variances at the nodes of a rule and at the end.
    fn points_at(
        &self,
        step: Step,
        start: &[f64],
        velocity: &[f64],
        number: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let mut values = Vec::new();
        for rule in [0, number].map(|number| &RULES[number]) {
            values = if values.is_empty() {
                euler(rule, step, start, velocity)
            } else {
                rule.interpolated(0, start, &values)
            };
            for _ in 0..SETS_FOR_TANGENTS {
                let nodes = values[..rule.size()].iter();
                let rates = nodes.map(|q| self.point_rates(q));
                let mut rates: Vec<Vec<f64>> = rates.collect::<Result<_>>()?;
                let mut slopes = rule.slopes_along(start, &values, &rates);
                for (x, all) in rule.nodes.iter().zip(rates.iter_mut().zip(&mut slopes)) {
                    let time = step.time + step.length * x;
                    self.speed_up(time, all.0);
                    self.speed_up(time, all.1);
                }
                rule.correct(step.length, start, &mut values, (&rates, &slopes));
            }
        }
        Ok(values)
    }

    /// $d/d\tau$ of variances.
    fn point_rates(&self, q: &[f64]) -> Result<Vec<f64>> {
        let variances = q.iter().zip(&self.units);
        let variances =
            variances.map(|(q, [unit, _])| if *q > 0.0 { q * unit * unit } else { 0.0 });
        let mut points = KernelBlock::of_points(variances.collect());
        points.set_width(self.block.width());
        self.flow.branch.apply(&mut points)?;
        let rates = points.variance_a().iter().zip(&self.units);
        Ok(rates
            .map(|(rate, [_, inverse])| rate * inverse * inverse)
            .collect())
    }

    /// One more set of distances, given the variances; their slopes, and the rates of the covariances.
    fn improve(
        &mut self,
        rule: &Rule,
        step: Step,
        start: &[f64],
        (points, values): (&[Vec<f64>], &mut [Vec<f64>]),
    ) -> Result<[Vec<Vec<f64>>; 2]> {
        let (mut rates, mut slopes) = (Vec::new(), Vec::new());
        let mut covariances = Vec::new();
        let mut out = vec![0.0; self.layout.len()];
        let size = self.layout.distances.end;
        for k in 0..rule.size() {
            let time = step.time + step.length * rule.nodes[k];
            let mut state = [&points[k][..], &values[k]].concat();
            state.resize(self.layout.len(), 0.0);
            self.rates(time, &state, &mut out)?;
            rates.push(out[self.layout.distances.start..size].to_vec());
            let [mut slope, mut covariance] = self.slopes();
            self.speed_up(time, &mut slope);
            slopes.push(slope);
            if !self.layout.tangent.is_empty() {
                self.speed_up(time, &mut covariance);
                covariances.push(covariance);
            }
        }
        rule.correct(step.length, start, values, (&rates, &slopes));
        Ok([slopes, covariances])
    }

    /// $\partial \dot K/\partial K$ and $\dot K$ of all pairs, of the branch's values.
    fn slopes(&self) -> [Vec<f64>; 2] {
        let rate = &self.rate;
        let roots: Vec<f64> = rate.variance_b().iter().map(|q| q.sqrt()).collect();
        let width = roots.len().max(1);
        let mut covariances = Vec::with_capacity(rate.correlation().len());
        for (row, qa) in rate.correlation().chunks(width).zip(rate.variance_a()) {
            let root = qa.sqrt();
            covariances.extend(
                row.iter()
                    .zip(&roots)
                    .map(|(c, other)| root * other * c.value()),
            );
        }
        let tangent = rate.tangent().unwrap_or_default();
        let slopes = tangent.iter().zip(&covariances);
        let slopes = slopes
            .map(|(tangent, covariance)| tangent - covariance)
            .collect();
        [slopes, covariances]
    }

    /// The largest difference from another state, in units of what is allowed.
    fn difference(&self, other: &[f64]) -> f64 {
        let mut worst = 0.0_f64;
        for (i, (value, other)) in self.state.iter().zip(other).enumerate() {
            let share = (value - other).abs() / (self.accuracy * self.common_scale(i));
            worst = match share {
                _ if value == other => worst,
                share if share.is_finite() => share.max(worst),
                _ => f64::INFINITY,
            };
        }
        worst
    }
}

/// The values at nodes and at the end with the rates at the start.
fn euler(rule: &Rule, step: Step, start: &[f64], velocity: &[f64]) -> Vec<Vec<f64>> {
    let at = |x: &f64| {
        let reach = step.reach(x * step.length);
        let values = start.iter().zip(velocity);
        values.map(|(y, rate)| y + reach * rate).collect()
    };
    rule.nodes.iter().map(at).collect()
}
