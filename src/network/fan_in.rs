//! Branches that start from the same layer and are joined again.

use std::sync::Arc;

use super::{Directions, KernelBlock, Layer, Network, Outline};
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
/// | [concatenation](FanIn::concatenation) | $\sum_i w_i K_i$ | $\sum_i w_i \Theta_i$, $w_i$ the share of branch $i$ in the neurons |
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
pub struct FanIn<'n> {
    join: Join,
    branches: Vec<Network<'n>>,
}

impl<'n> FanIn<'n> {
    /// $\sum_i F_i(Y)$.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn sum(branches: Vec<Network<'n>>) -> Result<Self> {
        Self::new(Join::Sum, branches)
    }

    /// $\prod_i F_i(Y)$, neuron by neuron.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn product(branches: Vec<Network<'n>>) -> Result<Self> {
        Self::new(Join::Product, branches)
    }

    /// The neurons of all branches side by side, of equal number.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches.
    pub fn concatenation(branches: Vec<Network<'n>>) -> Result<Self> {
        let shares = vec![1.0; branches.len()];
        Self::weighted_concatenation(branches, &shares)
    }

    /// The neurons of all branches side by side, in numbers proportional to `shares`.
    ///
    /// # Errors
    /// [`Error::Shape`] for no branches, or unless there is a share for each; [`Error::Invalid`] for shares
    /// that are not finite and $\ge 0$, or all 0.
    pub fn weighted_concatenation(branches: Vec<Network<'n>>, shares: &[f64]) -> Result<Self> {
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

    fn new(join: Join, branches: Vec<Network<'n>>) -> Result<Self> {
        if branches.is_empty() {
            return Err(Error::shape("branches", "no branch", "at least one branch"));
        }
        Ok(Self { join, branches })
    }

    fn share(&self, i: usize) -> f64 {
        match &self.join {
            Join::Concatenation(shares) => shares[i],
            Join::Sum | Join::Product => 1.0,
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

impl Layer for FanIn<'_> {
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

    fn prepare<'a>(&'a self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer + 'a>>> {
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

    fn directions(&self, state: &mut Directions) -> Result<bool> {
        if self.join == Join::Product {
            return Ok(false);
        }
        let mut joined: Option<Directions> = None;
        let mut widths = Vec::with_capacity(self.branches.len());
        for (i, layers) in self.branches.iter().enumerate() {
            let mut branch = state.clone();
            if !layers.directions(&mut branch)? {
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
