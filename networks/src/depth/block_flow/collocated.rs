//! Passages of a block by collocation: variances first, then distances, then tangent kernels, which are
//! linear.

use super::{ACCURACY, BlockFlow, EXPENSIVE, Passage, Way, plain};
use crate::depth::collocation::{COARSE_SETS, RULES, Rule, SIZES};
use crate::depth::extrapolation::{Extrapolation, Step};
use crate::network::{KernelBlock, Layer};
use crate::{Error, Result};

/// Sets of values at the nodes of a collocation: of pairs, and of points.
const SETS: usize = 2;
const SETS_OF_POINTS: usize = 3;

/// The relative change after which there are no more sets where others than a number of them are allowed: the
/// next one is its square.
const SQUARED: f64 = 1e-7;

/// A way is given up whose errors, if they go on to fall as they do with every node, end above what is
/// allowed by more than this factor: mostly they fall more slowly.
const HOPELESS: f64 = 3.0;

/// How the values of pairs at the nodes of a rule are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nodes {
    /// The number of the rule.
    number: usize,
    /// Whether the sets before the last one are fewer, or at fewer nodes, than it takes for rounding.
    is_quick: bool,
}

impl Nodes {
    /// With fewer sets.
    fn quick(self) -> Self {
        Self {
            is_quick: true,
            ..self
        }
    }

    /// Rules, and how many sets of values there are at each.
    fn sets(self) -> Vec<(usize, usize)> {
        let Self { number, is_quick } = self;
        match number {
            _ if !is_quick => vec![(0, COARSE_SETS), (number, SETS)],
            1 => vec![(0, COARSE_SETS - 1), (number, SETS)],
            _ => vec![(0, COARSE_SETS - 1), (number.div_ceil(2), 1), (number, 1)],
        }
    }

    /// Evaluations of the branch in a step.
    pub(super) fn evaluations(self) -> usize {
        let sets = self.sets().into_iter();
        sets.map(|(rule, sets)| sets * SIZES[rule]).sum()
    }
}

/// Values at the nodes of the rule of a number and at the end of a step.
pub(super) struct Curves {
    number: usize,
    points: Vec<Vec<f64>>,
    distances: Vec<Vec<f64>>,
}

impl BlockFlow<'_> {
    /// [`common_way`](Self::common_way) by collocation, of a plain branch: each number of nodes is compared
    /// with the next one, and quick sets with that.
    pub(super) fn common_collocation(self, block: &KernelBlock, clock: f64) -> Option<Way> {
        plain(self.branch, false)?;
        if self.branch.pair_cost() < EXPENSIVE {
            return None;
        }
        let pilot = |way: Way, curves: Option<&mut Vec<Curves>>| {
            let mut passage = Passage::new(self, block, clock);
            passage.accuracy = ACCURACY * self.tolerance;
            passage.collocated(way, curves).ok()
        };
        let mut best: Option<(Way, Vec<f64>)> = None;
        for (shift, steps) in Way::CANDIDATES_OF_NODES {
            let way = |number: usize| Way {
                nodes: Some(Nodes {
                    number,
                    is_quick: false,
                }),
                ..Way::new(shift, steps)
            };
            let (mut curves, mut errors) = (Vec::new(), Vec::new());
            let mut before: Option<Vec<f64>> = None;
            for number in 1..SIZES.len() {
                let least = best.as_ref().map(|(best, _)| best.evaluations());
                let is_dear = least.is_some_and(|least| least <= way(number).evaluations());
                if is_dear || is_hopeless(&errors) {
                    break;
                }
                let Some(passage) = pilot(way(number), Some(&mut curves)) else {
                    break;
                };
                let worst = before.map(|before| passage.difference(&before));
                if worst.is_some_and(|worst| worst <= 1.0) {
                    best = Some((way(number - 1), passage.state));
                    break;
                }
                errors.extend(worst);
                before = Some(passage.state);
            }
        }
        let (way, end) = best?;
        let nodes = way.nodes.map(Nodes::quick);
        let quick = Way { nodes, ..way };
        let is_good = pilot(quick, None).is_some_and(|passage| passage.difference(&end) <= 1.0);
        Some(if is_good { quick } else { way })
    }
}

/// Whether the errors of the first numbers of nodes fall so slowly that those of no other will do.
fn is_hopeless(errors: &[f64]) -> bool {
    let [.., before, last] = errors else {
        return false;
    };
    // the last rule but one is the last that is compared with another
    let [first, second, end] = [errors.len() - 1, errors.len(), SIZES.len() - 2].map(|i| SIZES[i]);
    let left = (end - second) as f64 / (second - first) as f64;
    let foretold = last * (last / before).powf(left);
    foretold.is_nan() || foretold > HOPELESS
}

impl Passage<'_> {
    /// The passage on a way by collocation. A pilot looks for an initial layer, and starts from the curves of
    /// another rule, by step, if there are any; it leaves its own.
    pub(super) fn collocated(
        mut self,
        way: Way,
        mut pilot: Option<&mut Vec<Curves>>,
    ) -> Result<Self> {
        self.has_slopes = true;
        self.rate = self.block.clone().with_tangent();
        let Some(nodes) = way.nodes else {
            return Err(Error::overflow("the covariance flow"));
        };
        let mut number = 0;
        let has_passed = self.along(way, |passage, step, velocity, is_first| {
            let start = std::mem::take(&mut passage.state);
            let known = pilot.as_ref().and_then(|curves| curves.get(number));
            if is_first && pilot.is_some() && known.is_none() {
                let mut table = Extrapolation::default();
                let mut rates =
                    |time: f64, state: &[f64], out: &mut [f64]| passage.rates(time, state, out);
                table.add(&mut rates, step, &start, velocity)?;
                if passage.has_layer(&table, step, &start, velocity)? {
                    return Ok(false);
                }
            }
            let curves;
            (passage.state, curves) = passage.collocate(step, &start, velocity, nodes, known)?;
            if let Some(all) = &mut pilot {
                match all.get_mut(number) {
                    Some(own) => *own = curves,
                    None => all.push(curves),
                }
            }
            number += 1;
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
        nodes: Nodes,
        known: Option<&Curves>,
    ) -> Result<(Vec<f64>, Curves)> {
        let layout = self.layout.clone();
        let (own, pairs) = (0..layout.distances.start, layout.distances);
        let number = nodes.number;
        let fine = &RULES[number];
        let (at_points, from) = (&start[own.clone()], &start[pairs.clone()]);
        let points = self.points_at(step, at_points, &velocity[own], number, known)?;
        let mut values;
        if let Some(known) = known {
            values = fine.interpolated(known.number, from, &known.distances);
            for _ in 0..SETS {
                let old = values.clone();
                self.improve(fine, step, from, (&points, &mut values))?;
                if has_settled(&values, &old) {
                    break;
                }
            }
        } else {
            let mut before = 0;
            values = euler(&RULES[0], step, from, &velocity[pairs]);
            for (rule, sets) in nodes.sets() {
                if rule != before {
                    values = RULES[rule].interpolated(before, from, &values);
                    before = rule;
                }
                let rough;
                let points = if rule == number {
                    &points
                } else {
                    rough = RULES[rule].interpolated(number, at_points, &points);
                    &rough
                };
                for _ in 0..sets {
                    self.improve(&RULES[rule], step, from, (points, &mut values))?;
                }
            }
        }
        // tangent kernels are linear in the rates of the last values
        let has_tangent = !layout.tangent.is_empty();
        let last = has_tangent.then(|| self.improve(fine, step, from, (&points, &mut values)));
        let m = fine.size();
        let mut end = [&points[m][..], &values[m]].concat();
        if let Some([slopes, covariances]) = last.transpose()? {
            let from = &start[layout.tangent];
            end.extend(fine.linear(step.length, from, (&covariances, &slopes)));
        }
        let curves = Curves {
            number,
            points,
            distances: values,
        };
        Ok((end, curves))
    }

    /// Variances at the nodes of a rule and at the end.
    fn points_at(
        &self,
        step: Step,
        start: &[f64],
        velocity: &[f64],
        number: usize,
        known: Option<&Curves>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut values = Vec::new();
        let rules = [0, number].map(|number| &RULES[number]);
        for rule in &rules[usize::from(known.is_some())..] {
            values = match known {
                Some(known) => rule.interpolated(known.number, start, &known.points),
                None if values.is_empty() => euler(rule, step, start, velocity),
                None => rule.interpolated(0, start, &values),
            };
            for _ in 0..SETS_OF_POINTS {
                let old = values.clone();
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
                if known.is_some() && has_settled(&values, &old) {
                    break;
                }
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

/// Whether a set has changed values so little that another one changes nothing.
fn has_settled(values: &[Vec<f64>], old: &[Vec<f64>]) -> bool {
    let both = values.iter().flatten().zip(old.iter().flatten());
    both.into_iter()
        .all(|(new, old)| (new - old).abs() <= SQUARED * new.abs())
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
