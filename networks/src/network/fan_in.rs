//! Branches that start from the same layer and are joined again.

use std::sync::Arc;

use super::conditioned::ConditionedBranches;
use super::drawn::DrawnBranches;
use super::{
    AngleState, ConditionalLaw, Conditioned, Drawn, KernelBlock, Layer, Network, Outline, Signal,
    Site, Structure, conditioned,
};
use crate::{Error, Result, error};

/// How branches are joined.
#[derive(Debug, Clone, PartialEq)]
enum Join {
    Sum,
    Product,
    /// The share of each branch in the number of neurons.
    Concatenation(Vec<f64>),
}

/// Branches of one layer's outputs, joined by sum, product or concatenation of their neurons.
///
/// | join | $K$ | $\Theta$ |
/// |---|---|---|
/// | [sum](FanIn::sum) | $\sum_i K_i$ | $\sum_i \Theta_i$ |
/// | [product](FanIn::product) | $\prod_i K_i$ | $\sum_i \Theta_i \prod_{j \ne i} K_j$ |
/// | [concatenation](FanIn::concatenation) | $\sum_i w_i K_i$ | $\sum_i w_i \Theta_i$ |
///
/// $w_i$ is the share of branch $i$ in the neurons: of a random network, whose [dense
/// layers](super::Dense::with_relative_width) say how many they have.
///
/// For sums and products all branches but one must end in fresh weights (a dense layer): otherwise they are
/// correlated.
///
/// ```
/// use neural_limits::network::{Activated, Dense, FanIn, Network};
/// use neural_limits::{activation::Identity, prelude::*};
/// let dense = Dense::new(Initialization::lecun());
/// let branch = || Network::new().then(Activated::new(Identity)).then(dense);
/// let gated = FanIn::product(vec![branch(), branch()])?;
/// let net = Network::new().then(dense).then(gated).then(dense);
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, 0.0]])?;
/// let k: f64 = net.nngp(&x)?[(0, 1)];
/// assert!((k - 0.25).abs() < 1e-15); // (x·x′/d)²
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FanIn {
    join: Join,
    branches: Vec<Network>,
}

impl FanIn {
    /// $\sum_i F_i(Y)$.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn sum(branches: Vec<Network>) -> Result<Self> {
        Self::new(Join::Sum, branches)
    }

    /// $\prod_i F_i(Y)$, neuron by neuron.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn product(branches: Vec<Network>) -> Result<Self> {
        Self::new(Join::Product, branches)
    }

    /// The neurons of all branches side by side, of equal number.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn concatenation(branches: Vec<Network>) -> Result<Self> {
        let shares = vec![1.0; branches.len()];
        Self::weighted_concatenation(branches, &shares)
    }

    /// The neurons of all branches side by side, in numbers proportional to `shares`.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches, or unless there is a share for each; [`Error::Invalid`] for shares
    /// that are not finite and $\ge 0$, or all 0.
    pub fn weighted_concatenation(branches: Vec<Network>, shares: &[f64]) -> Result<Self> {
        if shares.len() != branches.len() {
            return Err(Error::shape(
                "shares",
                format!("length {}", shares.len()),
                format!("the number of branches, {}", branches.len()),
            ));
        }
        for (i, &share) in shares.iter().enumerate() {
            error::non_negative(&format!("shares[{i}]"), share)?;
        }
        let total: f64 = shares.iter().sum();
        let usable = total > 0.0 && total.is_finite();
        if !usable && !shares.is_empty() {
            return Err(Error::invalid(
                "the sum of shares",
                total,
                "a finite number > 0",
            ));
        }
        let shares = shares.iter().map(|share| share / total).collect();
        Self::new(Join::Concatenation(shares), branches)
    }

    fn new(join: Join, branches: Vec<Network>) -> Result<Self> {
        if branches.is_empty() {
            return Err(no_branch());
        }
        Ok(Self { join, branches })
    }

    fn share(&self, i: usize) -> f64 {
        match &self.join {
            Join::Concatenation(shares) => shares[i],
            Join::Sum | Join::Product => 1.0,
        }
    }

    /// The number of neurons of the joined layer from those of the branches.
    pub(super) fn joined_width(&self, widths: impl Iterator<Item = usize>) -> usize {
        match self.join {
            Join::Concatenation(_) => widths.sum(),
            Join::Sum | Join::Product => widths.max().unwrap_or(0),
        }
    }

    /// The branches' signals, joined.
    pub(super) fn joined(&self, signals: Vec<Signal>) -> Result<Signal> {
        if let Join::Concatenation(shares) = &self.join {
            check_shares(shares, &signals)?;
            return Signal::side_by_side(signals);
        }
        let sum = self.join == Join::Sum;
        let mut signals = signals.into_iter();
        let first = signals.next().ok_or_else(no_branch)?;
        signals.try_fold(first, |joined, signal| {
            if sum {
                return joined.combined(1.0, signal, 1.0);
            }
            joined.same_shape(&signal)?;
            let (mut joined, signal) = (joined.unscaled()?, signal.unscaled()?);
            for (y, z) in joined.values_mut().iter_mut().zip(signal.values()) {
                *y *= z;
            }
            joined.rescaled()
        })
    }

    /// Whether the backward pass needs the branches' signals.
    pub(super) fn is_product(&self) -> bool {
        self.join == Join::Product
    }

    /// The deltas of the branches, of these widths and signals (of a product), from those of the joined
    /// layer.
    pub(super) fn parted(
        &self,
        deltas: Signal,
        widths: &[usize],
        signals: &[Signal],
    ) -> Result<Vec<Signal>> {
        match self.join {
            Join::Sum => Ok(vec![deltas; widths.len()]),
            Join::Concatenation(_) => deltas.parted(widths),
            Join::Product => (0..widths.len())
                .map(|i| {
                    let others = signals.iter().enumerate().filter(|(j, _)| *j != i);
                    others.map(|(_, signal)| signal).try_fold(
                        deltas.clone(),
                        |mut deltas, signal| {
                            let points = signal.points();
                            conditioned::check_deltas(&deltas, signal.width(), points)?;
                            for c in 0..deltas.points() {
                                let factors = signal.column(c % points);
                                let column = deltas.column_mut(c);
                                for (delta, factor) in column.iter_mut().zip(factors) {
                                    *delta *= factor;
                                }
                            }
                            let exponent = deltas.exponent() + signal.exponent();
                            deltas.set_exponent(exponent);
                            deltas.rescaled()
                        },
                    )
                })
                .collect(),
        }
    }

    /// The number of neurons of the joined layer, where it is known.
    fn width(&self, widths: &[Option<f64>]) -> Option<f64> {
        match self.join {
            Join::Concatenation(_) => widths.iter().copied().sum(),
            Join::Sum | Join::Product => widths.iter().find_map(|width| *width),
        }
    }
}

pub(super) fn no_branch() -> Error {
    Error::shape("branches", "no branch", "at least one branch")
}

/// Refuses a random network whose branches have other shares of the neurons than its kernels are weighted by:
/// up to a neuron and 2 %, what rounding leaves.
fn check_shares(shares: &[f64], signals: &[Signal]) -> Result<()> {
    let total: usize = signals.iter().map(Signal::width).sum();
    for (share, signal) in shares.iter().zip(signals) {
        let (found, expected) = (signal.width() as f64, share * total as f64);
        if (found - expected).abs() > 1.0 + 0.02 * total as f64 {
            return Err(Error::shape(
                "a branch of a concatenation",
                format!("{found} of {total} neurons"),
                format!(
                    "{expected:.0}, its share (Dense::with_relative_width sets the number of neurons)"
                ),
            ));
        }
    }
    Ok(())
}

impl Layer for FanIn {
    fn name(&self) -> String {
        let symbol = match self.join {
            Join::Sum => " + ",
            Join::Product => " * ",
            Join::Concatenation(_) => " | ",
        };
        let names: Vec<String> = self.branches.iter().map(Network::name).collect();
        format!("({})", names.join(symbol))
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        let all = |input: Outline| -> Result<Vec<Outline>> {
            let branches = self.branches.iter();
            branches.map(|branch| branch.outline(input)).collect()
        };
        let outlines = all(input)?;
        // what is common to all branches is not fresh to any of them
        let common = Outline {
            fresh: false,
            ..input
        };
        let stale = all(common)?.iter().filter(|outline| !outline.fresh).count();
        let joins = !matches!(self.join, Join::Concatenation(_));
        if joins && stale > 1 {
            return Err(Error::unsupported(
                format!("the kernel of {}", self.name()),
                "all branches of a sum or product but one must end in a dense layer, to be uncorrelated",
            ));
        }
        Ok(Outline {
            // the product of Gaussians is not one
            gaussian: (outlines.len() == 1 || self.join != Join::Product)
                && outlines.iter().all(|outline| outline.gaussian),
            fresh: outlines.iter().all(|outline| outline.fresh),
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let mut joined: Option<KernelBlock> = None;
        let mut widths = Vec::with_capacity(self.branches.len());
        for (i, layers) in self.branches.iter().enumerate() {
            let mut branch = block.copy();
            layers.apply(&mut branch)?;
            widths.push(branch.width());
            let share = self.share(i);
            match (&mut joined, &self.join) {
                (Some(sum), Join::Product) => sum.multiply(branch)?,
                (Some(sum), _) => sum.add(1.0, branch, share)?,
                (None, Join::Product) => joined = Some(branch),
                (None, _) => {
                    if share != 1.0 {
                        branch.scale(share)?;
                    }
                    joined = Some(branch);
                }
            }
        }
        if let Some(mut joined) = joined {
            std::mem::swap(block, &mut joined);
            block.recycle(&mut joined);
        }
        block.set_width(self.width(&widths));
        Ok(())
    }

    fn has_tables(&self) -> bool {
        self.branches.iter().any(Network::has_tables)
    }

    fn wants_variances(&self) -> bool {
        self.branches.iter().any(Layer::wants_variances)
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let branches = self.branches.iter();
        Ok(Some(Arc::new(FanIn {
            join: self.join.clone(),
            branches: branches
                .map(|branch| branch.prepared(points))
                .collect::<Result<_>>()?,
        })))
    }

    fn pair_cost(&self) -> f64 {
        self.branches
            .iter()
            .map(|branch| 3.0 + branch.pair_cost())
            .sum()
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        if self.join != Join::Sum {
            let joined = self.sample(signal.clone(), site)?;
            return Ok(ConditionalLaw::determined(joined));
        }
        let mut branches = self.branches.iter();
        let first = branches.next().ok_or_else(no_branch)?;
        let first = first.conditional(signal, site)?;
        branches.try_fold(first, |law, branch| {
            law.plus(branch.conditional(signal, site)?)
        })
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        let branches = self.branches.iter();
        let branches = branches.map(|branch| branch.draw(fan_in, site));
        Ok(Box::new(DrawnBranches {
            branches: branches.collect::<Result<_>>()?,
            join: self.clone(),
        }))
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        let branches = self.branches.iter();
        let signals = branches.map(|branch| branch.sample(signal.clone(), site));
        self.joined(signals.collect::<Result<_>>()?)
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        let all = self.branches.iter();
        let all = all.map(|branch| branch.condition(signal.clone(), site));
        let (signals, branches): (Vec<_>, Vec<_>) =
            all.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let conditioned = ConditionedBranches {
            join: self.clone(),
            branches,
            widths: signals.iter().map(Signal::width).collect(),
            signals: if self.is_product() {
                signals.clone()
            } else {
                Vec::new()
            },
        };
        Ok((self.joined(signals)?, Box::new(conditioned)))
    }

    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        let branches = self.branches.iter();
        let resolved: Vec<Option<Arc<dyn Layer>>> = branches
            .map(|branch| Layer::at_depth(branch, depth, time))
            .collect::<Result<_>>()?;
        if resolved.iter().all(Option::is_none) {
            return Ok(None);
        }
        let branches = resolved.into_iter().zip(&self.branches);
        let branches = branches.map(|(resolved, branch)| match resolved {
            Some(layer) => Network::new().then_shared(layer),
            None => branch.clone(),
        });
        Ok(Some(Arc::new(Self {
            join: self.join.clone(),
            branches: branches.collect(),
        })))
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Branches(&self.branches)
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        if self.join == Join::Product {
            return Ok(false);
        }
        let mut joined: Option<AngleState> = None;
        let mut widths = Vec::with_capacity(self.branches.len());
        for (i, layers) in self.branches.iter().enumerate() {
            let mut branch = state.clone();
            if !layers.map_angles(&mut branch)? {
                return Ok(false);
            }
            widths.push(branch.width());
            match &mut joined {
                Some(sum) => {
                    if !sum.add(1.0, branch, self.share(i)) {
                        return Ok(false);
                    }
                }
                None => {
                    branch.scale(self.share(i));
                    joined = Some(branch);
                }
            }
        }
        if let Some(joined) = joined {
            *state = joined;
        }
        state.set_width(self.width(&widths));
        Ok(true)
    }
}
