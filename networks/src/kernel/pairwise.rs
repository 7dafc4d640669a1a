//! Entries that are functions of their two points alone.

use crate::activation::pair_cost;
use crate::network::{KernelBlock, Layer, Network};
use crate::{PairCorrelation, Result, parallel};

/// A network without tables, every pair with the point of larger variance first: layers and duals need not be
/// symmetric to the bit.
#[derive(Debug)]
pub(crate) struct Pairwise {
    network: Network,
    /// Whether pairs of a block share nothing, so that they may go together.
    together: bool,
}

/// A block after the network.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) variance_a: Vec<f64>,
    pub(crate) variance_b: Vec<f64>,
    pub(crate) correlation: Vec<PairCorrelation>,
    pub(crate) tangent: Option<Vec<f64>>,
}

impl Pairwise {
    pub(crate) fn new(network: &Network) -> Self {
        Self {
            together: !network.has_tables() && !pair_cost::is_slow(network.pair_cost()),
            network: network.clone(),
        }
    }

    /// Rows of a block that are evaluated together: of a block on the diagonal the rest is mirrored.
    pub(crate) fn strip(&self, rows: usize, cached: usize) -> usize {
        rows.min(if self.together { cached } else { 4 })
    }

    /// The variances at the output.
    pub(crate) fn variances(&self, variances: &[f64], width: Option<f64>) -> Result<Vec<f64>> {
        let mut points = KernelBlock::of_points(variances.to_vec());
        points.set_width(width);
        self.network.apply(&mut points)?;
        Ok(points.variance_a().to_vec())
    }

    pub(crate) fn map(&self, block: &KernelBlock) -> Result<Mapped> {
        let mut mapped = Mapped {
            variance_a: self.variances(block.variance_a(), block.width())?,
            variance_b: self.variances(block.variance_b(), block.width())?,
            correlation: block.correlation().to_vec(),
            tangent: block.tangent().map(<[f64]>::to_vec),
        };
        if self.together {
            self.map_together(block, &mut mapped)?;
        } else {
            self.map_one_by_one(block, &mut mapped)?;
        }
        Ok(mapped)
    }

    fn map_together(&self, block: &KernelBlock, mapped: &mut Mapped) -> Result<()> {
        let columns = block.columns();
        let falls = |a: &f64, b: &f64| a >= b;
        let pairs = || {
            let rows = block.variance_a().iter();
            rows.flat_map(|a| block.variance_b().iter().map(move |b| falls(a, b)))
        };
        let (any_falls, any_rises) = (pairs().any(|falls| falls), pairs().any(|falls| !falls));
        let mut write = |result: &KernelBlock, wanted: bool, at: &dyn Fn(usize) -> usize| {
            for (place, falls) in pairs().enumerate() {
                if falls == wanted {
                    mapped.correlation[place] = result.correlation()[at(place)];
                    if let (Some(out), Some(tangent)) = (&mut mapped.tangent, result.tangent()) {
                        out[place] = tangent[at(place)];
                    }
                }
            }
        };
        if any_falls {
            let mut direct = block.clone();
            self.network.apply(&mut direct)?;
            write(&direct, true, &|place| place);
        }
        if any_rises {
            let mut turned = transposed(block)?;
            self.network.apply(&mut turned)?;
            let rows = block.rows();
            write(&turned, false, &|place| {
                place % columns * rows + place / columns
            });
        }
        Ok(())
    }

    fn map_one_by_one(&self, block: &KernelBlock, mapped: &mut Mapped) -> Result<()> {
        let columns = block.columns();
        let values = parallel::try_map(block.correlation().len(), |place| {
            let (i, j) = (place / columns, place % columns);
            let (a, b) = (block.variance_a()[i], block.variance_b()[j]);
            let mut pair = KernelBlock::new(
                vec![a.max(b)],
                vec![a.min(b)],
                vec![block.correlation()[place]],
                block.tangent().is_some(),
            )?;
            if block.same_point(i) == Some(j) {
                pair = pair.with_same_points(0);
            }
            pair.set_width(block.width());
            self.network.apply(&mut pair)?;
            let tangent = pair.tangent().map_or(0.0, |tangent| tangent[0]);
            Ok((pair.correlation()[0], tangent))
        })?;
        for (place, (correlation, tangent)) in values.into_iter().enumerate() {
            mapped.correlation[place] = correlation;
            if let Some(out) = &mut mapped.tangent {
                out[place] = tangent;
            }
        }
        Ok(())
    }
}

/// Rows as columns.
fn transposed(block: &KernelBlock) -> Result<KernelBlock> {
    let (rows, columns) = (block.rows(), block.columns());
    let correlation = (0..rows * columns)
        .map(|place| block.correlation()[place % rows * columns + place / rows])
        .collect();
    let mut turned = KernelBlock::new(
        block.variance_b().to_vec(),
        block.variance_a().to_vec(),
        correlation,
        block.tangent().is_some(),
    )?;
    let same = (0..rows).find_map(|i| Some(i as isize - block.same_point(i)? as isize));
    if let Some(shift) = same {
        turned = turned.with_same_points(shift);
    }
    turned.set_width(block.width());
    Ok(turned)
}
