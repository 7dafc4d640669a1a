//! Blocks in a row, of a number $L$ that is left open.

use std::sync::Arc;

use super::conditioned::ConditionedRow;
use super::drawn::DrawnRow;
use super::residual::sample_chain;
use super::scaling::{BranchScaling, Constant, InverseSqrtDepth};
use super::{
    AngleState, Branch, Chain, ConditionalLaw, Conditioned, Drawn, FanIn, KernelBlock, Layer,
    Network, Outline, Repeat, Residual, Signal, Site, Structure, tables,
};
use crate::activation::Identity;
use crate::{Error, PairCovariance, Result, error};

/// How a block goes on from the one before it.
#[derive(Debug, Clone)]
enum Join {
    Residual {
        skip: f64,
        scaling: Arc<dyn BranchScaling>,
    },
    Dense {
        growth_ratio: f64,
    },
}

/// $L$ blocks in a row around a branch $F$ that can be any network, with weights of their own and $L$ left
/// open: the only layer that knows of depth.
///
/// | stack | block $l$ |
/// |---|---|
/// | [`residual`](Stack::residual) | $Y_l = s Y_{l-1} + \alpha_{l,L} F_l(Y_{l-1})$ |
/// | [`plain`](Stack::plain) | $Y_l = F_l(Y_{l-1})$ |
/// | [`densely_connected`](Stack::densely_connected) | $Y_l = (Y_{l-1}, F_l(Y_{l-1}))$ |
///
/// A depth is set by [`Network::at_depth`] or [`fixed`](Stack::fixed), or taken to infinity.
///
/// ```
/// use neural_limits::network::{Activated, Dense, LayerNorm, Network, Stack};
/// use neural_limits::prelude::*;
/// let dense = Dense::new(Initialization::new(1.0, 0.1)?);
/// let branch = Network::new().then(LayerNorm::default()).then(dense).then(Activated::new(Gelu)).then(dense);
/// let net = Network::new().then(dense).then(Stack::residual(branch)); // width and depth left open
/// let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]])?;
/// let recursion = net.infinite_width(1000)?.nngp(&x)?;
/// let flow = net.infinite_depth().covariance_at(&x, 1.0)?;
/// assert!((recursion - flow).amax() < 1e-3);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stack {
    branch: Arc<Network>,
    join: Join,
}

impl Stack {
    /// $Y_l = Y_{l-1} + L^{-1/2} F_l(Y_{l-1})$; the scaling can be [changed](Self::scaled_by).
    pub fn residual(branch: Network) -> Self {
        Self {
            branch: Arc::new(branch),
            join: Join::Residual {
                skip: 1.0,
                scaling: Arc::new(InverseSqrtDepth),
            },
        }
    }

    /// $Y_l = F_l(Y_{l-1})$.
    pub fn plain(block: Network) -> Self {
        Self {
            branch: Arc::new(block),
            join: Join::Residual {
                skip: 0.0,
                scaling: Arc::new(Constant::one()),
            },
        }
    }

    /// $Y_l = (Y_{l-1}, F_l(Y_{l-1}))$ with $r$ new neurons in each block for one of $Y_0$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $r$ is finite and $\ge 0$.
    pub fn densely_connected(branch: Network, growth_ratio: f64) -> Result<Self> {
        error::non_negative("growth_ratio", growth_ratio)?;
        Ok(Self::growing(branch, growth_ratio))
    }

    /// [`densely_connected`](Self::densely_connected), unchecked.
    pub(crate) fn growing(branch: Network, growth_ratio: f64) -> Self {
        Self {
            branch: Arc::new(branch),
            join: Join::Dense { growth_ratio },
        }
    }

    /// Sets the rule for $\alpha_{l,L}$; of a densely connected stack, which has none, nothing changes.
    pub fn scaled_by(self, scaling: impl BranchScaling + 'static) -> Self {
        self.scaled_by_shared(Arc::new(scaling))
    }

    /// [`scaled_by`](Self::scaled_by) a rule that others have as well.
    pub fn scaled_by_shared(mut self, rule: Arc<dyn BranchScaling>) -> Self {
        if let Join::Residual { scaling, .. } = &mut self.join {
            *scaling = rule;
        }
        self
    }

    /// Sets the skip coefficient $s$; of a densely connected stack, which has none, nothing changes.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless its square is finite.
    pub fn with_skip(mut self, coefficient: f64) -> Result<Self> {
        error::finite_square("skip", coefficient)?;
        if let Join::Residual { skip, .. } = &mut self.join {
            *skip = coefficient;
        }
        Ok(self)
    }

    /// $F$.
    pub fn branch(&self) -> &Network {
        &self.branch
    }

    /// The same stack around another branch.
    pub(crate) fn with_branch(&self, branch: Network) -> Self {
        Self {
            branch: Arc::new(branch),
            join: self.join.clone(),
        }
    }

    /// $(s, \alpha_{l,L})$ of a residual or plain stack.
    pub fn residual_rule(&self) -> Option<(f64, &dyn BranchScaling)> {
        match &self.join {
            Join::Residual { skip, scaling } => Some((*skip, &**scaling)),
            Join::Dense { .. } => None,
        }
    }

    /// The stack as a [`Chain`], if its branch is an activation and a dense layer in the NTK parametrisation
    /// with Gaussian weights: a [`Shaped`](super::Shaped) one is the identity, as at infinite width.
    pub fn chain(&self) -> Option<Chain> {
        let Join::Residual { skip, scaling } = &self.join else {
            return None;
        };
        let layers = self.branch.flat();
        let [phi, dense] = &layers[..] else {
            return None;
        };
        match (phi.structure(), dense.structure()) {
            (Structure::Activation(phi), Structure::Dense(dense)) if dense.is_plain() => {
                Some(Chain {
                    branch: Branch::sharing(Arc::clone(phi), dense.initialization()),
                    skip: *skip,
                    scaling: Arc::clone(scaling),
                })
            }
            (Structure::Shaped(_), Structure::Dense(dense)) if dense.is_plain() => Some(Chain {
                branch: Branch::new(Identity, dense.initialization()),
                skip: *skip,
                scaling: Arc::clone(scaling),
            }),
            _ => None,
        }
    }

    /// The network of `depth` blocks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for depth 0 or above 10⁹, or coefficients whose squares are not finite;
    /// [`Error::Shape`] for a scaling that returns a wrong number of them.
    pub fn fixed(&self, depth: usize) -> Result<Network> {
        Ok(Network::new().then_shared(self.blocks(depth, 1.0)?.lowered()?))
    }

    /// The first $\lfloor tL \rfloor$ of $L$ blocks.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed), and [`Error::Invalid`] for a time outside of $[0, 1]$.
    pub(crate) fn blocks(&self, depth: usize, time: f64) -> Result<Blocks> {
        error::size("depth", depth)?;
        let mut coefficients = match &self.join {
            Join::Residual { scaling, .. } => checked_coefficients(&**scaling, depth)?,
            Join::Dense { .. } => Vec::new(),
        };
        let count = layer_at(time, depth)?;
        coefficients.truncate(count);
        Ok(Blocks {
            stack: self.clone(),
            coefficients,
            depth,
            count,
        })
    }

    fn open(&self, what: &str) -> Error {
        Error::unsupported(
            format!("{what} of {}", self.name()),
            "its depth is left open: set it by at_depth or infinite_width, or take it to infinity",
        )
    }
}

/// $\alpha_{1,L}, \ldots, \alpha_{L,L}$.
fn checked_coefficients(scaling: &dyn BranchScaling, depth: usize) -> Result<Vec<f64>> {
    let coefficients = scaling.coefficients(depth);
    if coefficients.len() != depth {
        return Err(Error::shape(
            "the scaling's coefficients",
            format!("length {}", coefficients.len()),
            format!("the depth, {depth}"),
        ));
    }
    for (i, &alpha) in coefficients.iter().enumerate() {
        if !(alpha * alpha).is_finite() {
            return Err(Error::invalid(
                format!("the branch coefficient of layer {}", i + 1),
                alpha,
                "a number with a finite square",
            ));
        }
    }
    Ok(coefficients)
}

/// The layer $\lfloor tL \rfloor$ reached at time $t \in [0, 1]$.
///
/// # Errors
/// [`Error::Invalid`] for a time outside of $[0, 1]$.
fn layer_at(time: f64, depth: usize) -> Result<usize> {
    error::unit_interval("time", time)?;
    // t = l/L computed in floating point may fall just short of the layer it means.
    let layer = time * depth as f64;
    let nearest = layer.round();
    let layer = if (layer - nearest).abs() <= 4.0 * f64::EPSILON * nearest {
        nearest
    } else {
        layer.floor()
    };
    Ok((layer as usize).min(depth))
}

impl Layer for Stack {
    fn name(&self) -> String {
        let branch = self.branch.name();
        match &self.join {
            Join::Residual { skip, scaling } => {
                format!("L x [{skip} Y + {} ({branch})]", scaling.name())
            }
            Join::Dense { growth_ratio } => format!("L x [Y | {growth_ratio} ({branch})]"),
        }
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        let one = Blocks {
            coefficients: vec![1.0; 3],
            stack: self.clone(),
            depth: 3,
            count: 3,
        };
        one.outline(input)
    }

    fn apply(&self, _: &mut KernelBlock) -> Result<()> {
        Err(self.open("the kernel"))
    }

    fn conditional(&self, _: &Signal, _: &mut Site<'_>) -> Result<ConditionalLaw> {
        Err(self.open("the conditional law"))
    }

    fn draw(&self, _: usize, _: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Err(self.open("random weights"))
    }

    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        self.blocks(depth, time)?.lowered().map(Some)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Stack(self)
    }
}

/// The first blocks of a stack of given depth: a layer, whatever their coefficients.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    stack: Stack,
    /// $\alpha_{l,L}$; none of a densely connected stack.
    coefficients: Vec<f64>,
    depth: usize,
    count: usize,
}

impl Blocks {
    /// The number of blocks.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// $F$.
    pub(crate) fn branch(&self) -> &Network {
        &self.stack.branch
    }

    /// $\alpha_{l,L}$ of these blocks.
    pub(crate) fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Block $l + 1$.
    fn block(&self, l: usize) -> Result<Arc<dyn Layer>> {
        self.block_around(l, &self.stack.branch)
    }

    fn block_around(&self, l: usize, branch: &Arc<Network>) -> Result<Arc<dyn Layer>> {
        match &self.stack.join {
            Join::Residual { skip, .. } => {
                let alpha = self.coefficients[l];
                Ok(if *skip == 0.0 && alpha == 1.0 {
                    Arc::clone(branch) as _
                } else {
                    Arc::new(Residual::sharing(*skip, alpha, Arc::clone(branch))?)
                })
            }
            Join::Dense { growth_ratio } => {
                let before = 1.0 + l as f64 * growth_ratio;
                let branches = vec![Network::new(), Network::clone(branch)];
                let block = FanIn::weighted_concatenation(branches, &[before, *growth_ratio])?;
                Ok(Arc::new(block))
            }
        }
    }

    /// Block $l + 1$ for one pair.
    pub(crate) fn pair(&self, l: usize, k: PairCovariance) -> Result<PairCovariance> {
        match &self.stack.join {
            Join::Residual { skip, .. } => {
                let alpha = self.coefficients[l];
                let branch = self.stack.branch.pair(k)?.times(alpha * alpha);
                Ok(if *skip == 0.0 {
                    branch
                } else {
                    k.times(skip * skip).plus(branch)
                })
            }
            Join::Dense { .. } => super::pair::of_layer(&*self.block(l)?, k),
        }
    }

    /// All of them as a layer: equal ones as a repeated block.
    fn lowered(self) -> Result<Arc<dyn Layer>> {
        let equal = match self.coefficients[..] {
            [first, ref rest @ ..] => rest.iter().all(|alpha| *alpha == first),
            [] => false,
        };
        if self.count == 0 {
            Ok(Arc::new(Network::new()))
        } else if equal {
            let block = Network::new().then_shared(self.block(0)?);
            Ok(Arc::new(Repeat::new(self.count, block)?))
        } else {
            Ok(Arc::new(self))
        }
    }
}

impl Layer for Blocks {
    fn name(&self) -> String {
        format!(
            "{} of {} blocks of {}",
            self.count,
            self.depth,
            self.stack.name()
        )
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        // what comes out of the first block must suit the second, and so on: after two the outline stays
        (0..self.count.min(3)).try_fold(input, |outline, l| self.block(l)?.outline(outline))
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        for l in 0..self.count {
            let applied = self.block(l)?.apply(block);
            applied.map_err(|error| {
                error.at_layer(l + 1, &self.stack.branch.name(), block.largest_variance())
            })?;
        }
        Ok(())
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let Some(last) = self.count.checked_sub(1) else {
            return Ok(ConditionalLaw::determined(signal.clone()));
        };
        let before = (0..last).try_fold(signal.clone(), |signal, l| {
            self.block(l)?.sample(signal, site)
        })?;
        self.block(last)?.conditional(&before, site)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        let row = DrawnRow::new(self.count, fan_in, |l, width| {
            self.block(l)?.draw(width, site)
        });
        Ok(Box::new(row?))
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional()
            && let Some((skip, _)) = self.stack.residual_rule()
            && let Some(chain) = self.stack.branch.activation_and_dense()
        {
            let scales = self.coefficients.iter().copied();
            return sample_chain(chain, skip, scales, signal, site);
        }
        (0..self.count).try_fold(signal, |signal, l| self.block(l)?.sample(signal, site))
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        ConditionedRow::draw(self.count, signal, |l, signal| {
            self.block(l)?.condition(signal, site)
        })
    }

    fn structure(&self) -> Structure<'_> {
        let branch = &*self.stack.branch;
        match self.stack.join {
            Join::Residual { skip, .. } => Structure::Residual {
                skip,
                scales: &self.coefficients,
                branch,
            },
            Join::Dense { .. } => Structure::Branches(std::slice::from_ref(branch)),
        }
    }

    fn has_tables(&self) -> bool {
        self.stack.branch.has_tables()
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let branch = &self.stack.branch;
        if !branch.has_tables() {
            return Ok(None);
        }
        let prepared = tables::shared(branch, points, self.count, |branch, l, points| {
            self.block_around(l, branch)?.apply(points)
        })?;
        Ok(Some(Arc::new(Self {
            stack: Stack {
                branch: prepared,
                ..self.stack.clone()
            },
            ..self.clone()
        })))
    }

    fn pair_cost(&self) -> f64 {
        self.count as f64 * (3.0 + self.stack.branch.pair_cost())
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        for l in 0..self.count {
            if !self.block(l)?.map_angles(state)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
