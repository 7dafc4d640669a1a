//! A stack of infinitely many blocks as a layer of its own: the map of covariances and tangent kernels.

use std::sync::{Arc, OnceLock};

use super::block_flow::{BlockFlow, Way};
use super::covariance_flow::{self, State};
use super::fixed_point;
use super::homogeneous::HomogeneousFlow;
use super::series::Recursion;
use crate::covariance::{PairCorrelation, ScaledCovariance};
use crate::kernel::TabulatedBranch;
use crate::network::scaling::{BranchScaling, ScalingClass};
use crate::network::{AngleState, Blocks, KernelBlock, Layer, Network, Outline, Stack, Structure};
use crate::numerics::scale_by_power_of_two;
use crate::{Error, PairCovariance, Result, error};

/// Evaluations of the branch that a pair of a flow takes, roughly.
const EVALUATIONS: f64 = 50.0;

/// Nanoseconds for a pair of a branch from which on flows try tables of it.
const SLOW: f64 = 2e3;

/// How many of all pairs ask it, where variances differ by the factor $e$ (nodes of tables of the flow, and
/// pairs beyond them); it grows with the square of the logarithm.
const NODES: f64 = 2e3;

/// Nanoseconds for a pair of a homogeneous flow, and for its fixed point.
const CLOSED_FORM: f64 = 60.0;
const FIXED_POINT: f64 = 1e5;

/// What a flow errs by, in units of its tolerance.
pub(super) const ERROR: f64 = 30.0;

/// How far beyond the variances at the end an extrapolated step may look.
const MARGIN: f64 = 1.5;

/// What a stack becomes with $L \to \infty$, as a [`Layer`].
#[derive(Debug, Clone)]
pub(super) struct InfiniteStack {
    stack: Stack,
    rule: Rule,
    tolerance: f64,
    /// The steps of all pairs, where these are not to depend on the pair.
    way: Option<Way>,
}

#[derive(Debug, Clone)]
enum Rule {
    /// At time 0.
    Nothing,
    /// A homogeneous flow.
    Closed(HomogeneousFlow),
    /// The flow for this duration.
    Flow(f64),
    /// A summable scaling: the first layers, and the rest.
    Series(Series),
    /// Constant coefficients.
    FixedPoint,
}

/// What is known of an infinite recursion before its first pair.
type Series = Arc<(Blocks, Recursion)>;

impl InfiniteStack {
    /// Of a stack at a time $t \in [0, 1]$; `series` is kept for other times.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where no limit is known; [`Error::Invalid`] for a clock that is not finite.
    pub(super) fn new(
        stack: &Stack,
        series: &OnceLock<Series>,
        time: f64,
        tolerance: f64,
    ) -> Result<Self> {
        Ok(Self {
            rule: Rule::of(stack, series, time)?,
            stack: stack.clone(),
            tolerance,
            way: None,
        })
    }

    /// $K$ after all blocks from $K$ before them, of one pair.
    ///
    /// # Errors
    /// As [`Layer::apply`]; [`Error::NotConverged`] of fixed points.
    pub(super) fn pair(&self, k: PairCovariance) -> Result<ScaledCovariance> {
        let branch = |k: PairCovariance| self.stack.branch().pair(k);
        let flow = |k: PairCovariance, clock: f64| {
            let rate = |(k, _): State| Ok((branch(k)?, 0.0));
            covariance_flow::integrate(&rate, (k, 0.0), clock, self.flow().demands(false))
                .map(|(k, _)| k)
        };
        Ok(match &self.rule {
            Rule::Nothing => ScaledCovariance::new(k),
            Rule::Closed(flow) => ScaledCovariance::exponential(flow.pair(k), flow.growth()),
            Rule::Flow(clock) => ScaledCovariance::new(flow(k, *clock)?),
            Rule::Series(parts) => {
                let (head, recursion) = &**parts;
                let k = (0..head.len()).try_fold(k, |k, l| head.pair(l, k))?;
                let points = KernelBlock::of_points(vec![k.variance_a(), k.variance_b()]);
                recursion.check(rate(&self.stack, &points)?)?;
                let euler = |k: PairCovariance, step: f64| Ok(k.plus(branch(k)?.times(step)));
                let flow = |k: PairCovariance, clock: f64| match homogeneous(&self.stack, clock) {
                    Some(flow) => Ok(flow.pair(k).times(flow.growth().exp())),
                    None => flow(k, clock),
                };
                ScaledCovariance::new(recursion.finish(k, euler, flow)?)
            }
            Rule::FixedPoint => fixed_point::propagate(&self.stack, k)?,
        })
    }

    fn flow(&self) -> BlockFlow<'_> {
        BlockFlow::new(self.stack.branch(), self.tolerance)
    }

    /// [`apply`](Layer::apply), and the largest relative error by the estimate of the integrator.
    pub(super) fn map(&self, block: &mut KernelBlock) -> Result<f64> {
        match &self.rule {
            Rule::Nothing => Ok(0.0),
            Rule::Closed(flow) => closed(*flow, block).map(|()| 0.0),
            Rule::Flow(clock) => match self.way {
                Some(way) => self.flow().run_on(way, block, *clock).map(|()| 0.0),
                None => self.flow().run(block, *clock),
            },
            Rule::Series(parts) => self.series(&parts.0, &parts.1, block).map(|()| 0.0),
            Rule::FixedPoint => fixed_points(&self.stack, block).map(|()| 0.0),
        }
    }

    fn series(&self, head: &Blocks, recursion: &Recursion, block: &mut KernelBlock) -> Result<()> {
        head.apply(block)?;
        recursion.check(rate(&self.stack, block)?)?;
        let euler = |mut block: KernelBlock, step: f64| {
            let mut branch = block.copy();
            self.stack.branch().apply(&mut branch)?;
            let width = block.width();
            block.add(1.0, branch, step)?;
            block.set_width(width);
            Ok(block)
        };
        let flow = |mut block: KernelBlock, clock: f64| {
            match homogeneous(&self.stack, clock) {
                Some(flow) => closed(flow, &mut block)?,
                None => {
                    self.flow().run(&mut block, clock)?;
                }
            }
            Ok(block)
        };
        *block = recursion.finish(block.clone(), euler, flow)?;
        Ok(())
    }

    /// The recursion of homogeneous layers.
    fn series_of_angles(
        &self,
        head: &Blocks,
        recursion: &Recursion,
        state: &mut AngleState,
    ) -> Result<bool> {
        if !head.map_angles(state)? {
            return Ok(false);
        }
        let euler = |mut state: AngleState, step: f64| {
            let mut branch = state.clone();
            self.stack.branch().map_angles(&mut branch)?;
            state.add(1.0, branch, step);
            Ok(state)
        };
        let flow = |mut state: AngleState, clock: f64| {
            if let Some(flow) = homogeneous(&self.stack, clock) {
                angles(&flow, &mut state);
            }
            Ok(state)
        };
        *state = recursion.finish(state.clone(), euler, flow)?;
        Ok(true)
    }

    /// Evaluations of the branch for a pair, roughly.
    fn evaluations(&self) -> f64 {
        match &self.rule {
            Rule::Series(parts) => {
                parts.1.layers as f64 + 0.3 * EVALUATIONS * Recursion::FLOWS as f64
            }
            _ => EVALUATIONS,
        }
    }
}

impl Rule {
    fn of(stack: &Stack, series: &OnceLock<Series>, time: f64) -> Result<Self> {
        if time == 0.0 {
            return Ok(Self::Nothing);
        }
        let unsupported = |reason: String| {
            Error::unsupported(
                format!("the infinite-depth limit of {}", stack.name()),
                reason,
            )
        };
        let Some((skip, scaling)) = stack.residual_rule() else {
            return Err(unsupported(
                "no limit is known for densely connected stacks".to_owned(),
            ));
        };
        match scaling.class() {
            ScalingClass::Normalised if skip == 1.0 => {
                let clock = clock_at(scaling, time)?;
                Ok(match homogeneous(stack, clock) {
                    Some(flow) => Self::Closed(flow),
                    None => Self::Flow(clock),
                })
            }
            ScalingClass::Summable if skip == 1.0 => {
                if let Some(known) = series.get() {
                    return Ok(Self::Series(Arc::clone(known)));
                }
                let recursion = Recursion::new(stack, scaling, steepest(stack));
                if let Some(chain) = stack.chain() {
                    recursion.check(chain.weight_variance())?;
                }
                let head = stack.blocks(recursion.layers, 1.0)?;
                let new = Arc::new((head, recursion));
                Ok(Self::Series(Arc::clone(series.get_or_init(|| new))))
            }
            ScalingClass::Constant => Ok(Self::FixedPoint),
            class => Err(unsupported(format!(
                "no limit is known for skip coefficient {skip} and {class:?} scaling"
            ))),
        }
    }
}

/// $\tau(t)$.
///
/// # Errors
/// [`Error::Overflow`] if it is infinite, so that variances explode; [`Error::Invalid`] for other numbers
/// that are none.
pub(super) fn clock_at(scaling: &dyn BranchScaling, time: f64) -> Result<f64> {
    let clock = scaling.clock(time);
    if clock == f64::INFINITY {
        return Err(Error::overflow(format!(
            "the variance at infinite depth, which grows without bound with the squares of {},",
            scaling.name()
        )));
    }
    error::non_negative("the scaling's clock", clock)
}

/// The closed form of a stack's flow, if its branch is homogeneous.
pub(super) fn homogeneous(stack: &Stack, clock: f64) -> Option<HomogeneousFlow> {
    let chain = stack.chain()?;
    let slopes = chain.homogeneous()?;
    Some(HomogeneousFlow::new(chain.weight_variance(), slopes, clock))
}

/// How fast variances grow relative to themselves without biases, whatever they are: $\sigma_w^2$ of a chain
/// (for $\varphi$ of slope at most 1), otherwise what the branch makes of variances between 1e-12 and 1e12;
/// `None` where it makes nothing of one of them.
fn steepest(stack: &Stack) -> Option<f64> {
    if let Some(chain) = stack.chain() {
        return Some(chain.weight_variance());
    }
    const VARIANCES: [f64; 9] = [0.0, 1e-12, 1e-6, 1e-3, 1e-1, 1e1, 1e3, 1e6, 1e12];
    let mut points = KernelBlock::of_points(VARIANCES.to_vec());
    stack.branch().apply(&mut points).ok()?;
    let (bias, images) = points.variance_a().split_first()?;
    let rates = images.iter().zip(&VARIANCES[1..]);
    let rates = rates.map(|(image, q)| (image - bias) / q);
    Some(rates.fold(0.0, f64::max))
}

/// How fast the variances of a block grow relative to themselves, at most: $\sigma_w^2$ of a chain (for
/// $\varphi$ of slope at most 1), what the branch gives otherwise.
fn rate(stack: &Stack, block: &KernelBlock) -> Result<f64> {
    if let Some(chain) = stack.chain() {
        return Ok(chain.weight_variance());
    }
    let mut points = KernelBlock::of_points([block.variance_a(), block.variance_b()].concat());
    points.set_width(block.width());
    let before = points.variance_a().to_vec();
    stack.branch().apply(&mut points)?;
    let rates = points.variance_a().iter().zip(before);
    Ok(rates.fold(0.0, |rate: f64, (&branch, own)| {
        if own > 0.0 {
            rate.max(branch / own)
        } else {
            rate
        }
    }))
}

/// A homogeneous flow, of all pairs.
pub(super) fn closed(flow: HomogeneousFlow, block: &mut KernelBlock) -> Result<()> {
    let (mantissa, exponent) = flow.factor().parts();
    let grown = |q: &f64| scale_by_power_of_two("the variance", mantissa * q, exponent);
    let variances = |all: &[f64]| all.iter().map(grown).collect::<Result<Vec<f64>>>();
    let (a, b) = (
        variances(block.variance_a())?,
        variances(block.variance_b())?,
    );
    let columns = block.columns().max(1);
    let mut correlation = block.correlation().to_vec();
    let tangent = match block.tangent() {
        None => {
            for c in &mut correlation {
                *c = flow.correlation(*c);
            }
            None
        }
        Some(before) => {
            let mut after = before.to_vec();
            for (at, (theta, c)) in after.iter_mut().zip(&mut correlation).enumerate() {
                let image = flow.image(*c);
                let (qa, qb) = (a[at / columns], b[at % columns]);
                let mean = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
                let kept = scale_by_power_of_two(
                    "the neural tangent kernel",
                    mantissa * *theta * image.kept,
                    exponent,
                )?;
                *theta = kept + mean * image.gain;
                *c = image.correlation;
            }
            Some(after)
        }
    };
    *block = block.with_state(a, b, correlation, tangent);
    Ok(())
}

/// A homogeneous flow, of all angles.
fn angles(flow: &HomogeneousFlow, state: &mut AngleState) {
    let with_tangent = state.has_tangent();
    state.map(flow.factor(), |c| {
        if with_tangent {
            let image = flow.image(c);
            (image.correlation, 1.0 - image.kept, image.gain)
        } else {
            (flow.correlation(c), 0.0, 0.0)
        }
    });
}

/// The fixed point of every pair. The tangent kernel there is $\Theta = P \Theta + S$ with $P$ and $S$ what a
/// block does to it, $\Theta^\ast = S/(1 - P)$ for $P < 1$.
fn fixed_points(stack: &Stack, block: &mut KernelBlock) -> Result<()> {
    let variance = |q: &f64| -> Result<f64> {
        let point = fixed_point::propagate(stack, PairCovariance::diagonal(*q))?;
        point.variance_a()
    };
    let variances = |all: &[f64]| all.iter().map(variance).collect::<Result<Vec<f64>>>();
    let (a, b) = (
        variances(block.variance_a())?,
        variances(block.variance_b())?,
    );
    let columns = block.columns();
    let mut correlation = Vec::with_capacity(block.correlation().len());
    for i in 0..block.rows() {
        for j in 0..columns {
            let c = block.correlation()[i * columns + j];
            let k = PairCovariance::of(block.variance_a()[i], block.variance_b()[j], c);
            correlation.push(if block.same_point(i) == Some(j) {
                PairCorrelation::PARALLEL
            } else {
                fixed_point::propagate(stack, k)?
                    .unscaled()
                    .pair_correlation()
            });
        }
    }
    let Some(tangent) = block.tangent() else {
        *block = block.with_state(a, b, correlation, None);
        return Ok(());
    };
    let one = stack.fixed(1)?;
    let through = |theta: f64| -> Result<Vec<f64>> {
        let thetas = vec![theta; tangent.len()];
        let (a, b, correlation) = (a.clone(), b.clone(), correlation.clone());
        let mut block = block.with_state(a, b, correlation, Some(thetas));
        one.apply(&mut block)?;
        Ok(block.tangent().unwrap_or_default().to_vec())
    };
    let (gain, with_one) = (through(0.0)?, through(1.0)?);
    let limits = gain.iter().zip(&with_one).map(|(gain, with_one)| {
        let kept = with_one - gain;
        if kept < 1.0 - fixed_point::NOISE {
            Ok(gain / (1.0 - kept))
        } else {
            Err(Error::overflow(format!(
                "the neural tangent kernel of {} at infinite depth, which grows without bound,",
                stack.name()
            )))
        }
    });
    let limits = limits.collect::<Result<Vec<f64>>>()?;
    *block = block.with_state(a, b, correlation, Some(limits));
    Ok(())
}

impl Layer for InfiniteStack {
    fn name(&self) -> String {
        format!("{}, L = infinity", self.stack.name())
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        self.stack.outline(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        self.map(block).map(|_| ())
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Branches(std::slice::from_ref(self.stack.branch()))
    }

    fn has_tables(&self) -> bool {
        matches!(self.rule, Rule::Flow(_) | Rule::Series(_)) && self.stack.branch().has_tables()
    }

    /// Flows of slow branches, too.
    fn wants_variances(&self) -> bool {
        let is_slow = self.stack.branch().pair_cost() >= SLOW;
        self.has_tables() || (is_slow && matches!(self.rule, Rule::Flow(_)))
    }

    /// Variances only grow on the way, those of two points in their order.
    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        if !self.wants_variances() {
            return Ok(None);
        }
        let positive = || points.variance_a().iter().copied().filter(|&q| q > 0.0);
        let low = positive().fold(f64::INFINITY, f64::min);
        let high = positive().fold(0.0, f64::max);
        if low > high {
            return Ok(None);
        }
        let mut last = KernelBlock::of_points(vec![high]);
        last.set_width(points.width());
        self.apply(&mut last)?;
        let high = MARGIN * last.variance_a()[0];
        let branch = self.stack.branch();
        let prepared = if self.has_tables() {
            let pairs = points.expected_pairs() * self.evaluations();
            let mut ends = KernelBlock::of_points(vec![low, high]).with_expected_pairs(pairs);
            ends.set_width(points.width());
            // the margin may lie where the branch overflows
            branch.prepared(&ends).ok()
        } else {
            let nodes = NODES * (high / low).ln().max(1.0).powi(2);
            let passing = points.expected_pairs().min(nodes) * self.evaluations();
            let tables = TabulatedBranch::new(branch, (low, high), points, passing)?;
            tables.map(|tables| Network::new().then(tables))
        };
        let Some(branch) = prepared else {
            return Ok(None);
        };
        let stack = self.stack.with_branch(branch);
        let rule = match &self.rule {
            Rule::Series(parts) => {
                let head = stack.blocks(parts.1.layers, 1.0)?;
                Rule::Series(Arc::new((head, parts.1.clone())))
            }
            other => other.clone(),
        };
        Ok(Some(Arc::new(Self {
            stack,
            rule,
            tolerance: self.tolerance,
            way: None,
        })))
    }

    fn apply_alone(&self, pair: &mut KernelBlock) -> Result<()> {
        match self.rule {
            Rule::Flow(clock) if self.way.is_none() => self.flow().run_alone(pair, clock),
            _ => self.apply(pair),
        }
    }

    /// With steps that are common to all pairs.
    fn smooth(&self, pairs: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let Rule::Flow(clock) = self.rule else {
            return Ok(None);
        };
        let flow = self.flow();
        let way = flow.common_way(pairs, clock);
        if way.is_none() && flow.demands(false).has_kinks {
            // pairs by themselves take far more than a table saves
            return Err(Error::unsupported(
                "a smooth form of the flow",
                "no number of common steps suffices",
            ));
        }
        Ok(way.map(|way| -> Arc<dyn Layer> {
            Arc::new(Self {
                way: Some(way),
                ..self.clone()
            })
        }))
    }

    fn relative_error(&self) -> f64 {
        match self.rule {
            Rule::Flow(_) | Rule::Series(_) => ERROR * self.tolerance,
            Rule::Nothing | Rule::Closed(_) | Rule::FixedPoint => 0.0,
        }
    }

    fn pair_cost(&self) -> f64 {
        match self.rule {
            Rule::Nothing => 0.0,
            Rule::Closed(_) => CLOSED_FORM,
            Rule::FixedPoint => FIXED_POINT,
            Rule::Flow(_) | Rule::Series(_) => {
                let evaluations = self.way.map_or(self.evaluations(), Way::evaluations);
                evaluations * (3.0 + self.stack.branch().pair_cost())
            }
        }
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        match &self.rule {
            Rule::Nothing => Ok(true),
            Rule::Closed(flow) => {
                angles(flow, state);
                Ok(true)
            }
            Rule::Series(parts) if homogeneous(&self.stack, 1.0).is_some() => {
                self.series_of_angles(&parts.0, &parts.1, state)
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::{Elu, Erf};
    use crate::network::{Activated, Dense};

    fn flow(phi: impl crate::activation::Dual + 'static) -> InfiniteStack {
        let branch = Network::new()
            .then(Activated::new(phi))
            .then(Dense::new(Initialization::new(1.5, 0.1).unwrap()));
        let stack = Stack::residual(branch);
        InfiniteStack::new(&stack, &OnceLock::new(), 1.0, 1e-13).unwrap()
    }

    /// Of slow duals, for points enough.
    #[test]
    fn flows_tabulate_their_branch_where_that_pays() {
        let elu = flow(Elu::new(1.0).unwrap());
        let points = |count: usize| {
            let variances = (0..count).map(|i| 0.5 + i as f64 / count as f64);
            KernelBlock::of_points(variances.collect())
        };
        assert!(elu.prepare(&points(20)).unwrap().is_none());
        let prepared = elu.prepare(&points(300)).unwrap().unwrap();
        assert!(prepared.pair_cost() < 0.1 * elu.pair_cost());
        let erf = flow(Erf::default());
        assert!(erf.prepare(&points(300)).unwrap().is_none());
    }
}
