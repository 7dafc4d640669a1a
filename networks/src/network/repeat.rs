//! A block many times.

use std::sync::Arc;

use super::angle::Doublings;
use super::conditioned::ConditionedRow;
use super::drawn::DrawnRow;
use super::residual::sample_chain;
use super::{
    ActivationAndDense, AngleState, ConditionalLaw, Conditioned, Drawn, KernelBlock, Layer,
    Network, Outline, Signal, Site, Structure, tables,
};
use crate::{Result, error};

/// Up to so many blocks have tables of their own, for the variances that they see; more of them share theirs.
const UNROLLED: usize = 48;

/// A state is compared with the one so many blocks before.
const CYCLE: usize = 64;

/// The same layers, with weights of their own, many times in a row.
#[derive(Debug, Clone)]
pub struct Repeat {
    times: usize,
    block: Network,
    doublings: Doublings,
}

impl Repeat {
    /// `block`, `times` times.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for 0 or more than 10⁹ times.
    pub fn new(times: usize, block: Network) -> Result<Self> {
        error::size("times", times)?;
        Ok(Self {
            times,
            block,
            doublings: Doublings::default(),
        })
    }

    /// The blocks from the one after `first`, `times` of them.
    fn apply_times(&self, first: usize, times: usize, block: &mut KernelBlock) -> Result<()> {
        for l in first..first + times {
            let applied = self.block.apply(block);
            applied.map_err(|error| {
                error.at_layer(l + 1, &self.block.name(), block.largest_variance())
            })?;
        }
        Ok(())
    }
}

/// $s$ and $\alpha$ of a block $s Y + \alpha W \varphi(Y)$, and its branch.
fn chain_block(block: &Network) -> Option<(f64, f64, ActivationAndDense<'_>)> {
    if let [layer] = block.layers() {
        return match layer.structure() {
            Structure::Row(block) => chain_block(block),
            Structure::Residual {
                skip,
                scales: &[scale],
                branch,
            } => Some((skip, scale, branch.activation_and_dense()?)),
            _ => None,
        };
    }
    Some((0.0, 1.0, block.activation_and_dense()?))
}

impl Layer for Repeat {
    fn name(&self) -> String {
        format!("{} x [{}]", self.times, self.block.name())
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        // what comes out of the first block must suit the second, and so on: after two the outline stays
        let mut outline = input;
        for _ in 0..self.times.min(3) {
            outline = self.block.outline(outline)?;
        }
        Ok(outline)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        // a state that came back after a cycle will do so for ever: whole cycles that are left change nothing
        let mut cycle_ago: Option<KernelBlock> = None;
        for l in 0..self.times {
            let left = self.times - l;
            if left >= CYCLE && l % CYCLE == 0 {
                if cycle_ago
                    .as_ref()
                    .is_some_and(|before| before.is_same_state(block))
                {
                    return self.apply_times(l, left % CYCLE, block);
                }
                cycle_ago = Some(block.clone());
            }
            self.apply_times(l, 1, block)?;
        }
        Ok(())
    }

    fn has_tables(&self) -> bool {
        self.block.has_tables()
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        if !self.has_tables() {
            return Ok(None);
        }
        if self.times > UNROLLED {
            let shared = tables::shared(
                &Arc::new(self.block.clone()),
                points,
                self.times,
                |block, _, points| block.apply(points),
            )?;
            return Ok(Some(Arc::new(Self {
                block: Network::clone(&shared),
                ..self.clone()
            })));
        }
        let mut points = points.clone();
        let mut blocks = Network::new();
        for _ in 0..self.times {
            let prepared = self.block.prepared(&points)?;
            prepared.apply(&mut points)?;
            blocks = blocks.then(prepared);
        }
        Ok(Some(Arc::new(blocks)))
    }

    fn pair_cost(&self) -> f64 {
        self.times as f64 * self.block.pair_cost()
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let mut signal = signal.clone();
        for _ in 1..self.times {
            signal = self.block.sample(signal, site)?;
        }
        self.block.conditional(&signal, site)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        let row = DrawnRow::new(self.times, fan_in, |_, width| self.block.draw(width, site));
        Ok(Box::new(row?))
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional()
            && let Some((skip, scale, chain)) = chain_block(&self.block)
        {
            let scales = (0..self.times).map(|_| scale);
            return sample_chain(chain, skip, scales, signal, site);
        }
        (0..self.times).try_fold(signal, |signal, _| self.block.sample(signal, site))
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        ConditionedRow::draw(self.times, signal, |_, signal| {
            self.block.condition(signal, site)
        })
    }

    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        Layer::at_depth(&self.block, depth, time)?
            .map(|block| -> Result<Arc<dyn Layer>> {
                let block = Network::new().then_shared(block);
                Ok(Arc::new(Self::new(self.times, block)?))
            })
            .transpose()
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Repeat(self.times, &self.block)
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        let map = |state: &mut AngleState| self.block.map_angles(state);
        state.repeat(self.times, &map, &self.doublings)
    }
}
