//! A network made ready for given inputs: how a block of pairs is evaluated.

use std::ops::Range;

use super::angle::Angle;
use super::pairwise::Pairwise;
use super::product::{InputPairs, Room};
use super::surface::Surface;
use super::tiles::KernelKind;
use crate::activation::slopes_at_zero;
use crate::error::Error;
use crate::network::{KernelBlock, Layer, Network, Structure};
use crate::vectorized::vectorized;
use crate::{PairCorrelation, Result, Scalar};

/// Rows of a block whose state fits in the cache: as many as products take at a time.
const STRIP: usize = 48;

/// A network for given inputs.
#[derive(Debug)]
pub(crate) enum Evaluator {
    /// A function of the angle alone, times the variances of the inputs: positively homogeneous networks.
    Angle(Box<Angle>),
    /// Layer by layer, every pair by itself.
    Pairs(Pairwise),
    /// Layer by layer, or through tables of all layers together.
    Layers {
        network: Network,
        /// Whether activations have tables, whose set-up is shared by the rows of a block.
        tabulated: bool,
        /// All layers together, where that is worth it.
        surface: Option<Box<Surface>>,
    },
}

/// How networks that are not homogeneous are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Through tables of all layers together, where these are worth it for all pairs of the inputs.
    Tabulated,
    /// Through tables of single activations at most.
    LayerByLayer,
    /// Through nothing that pairs of the inputs share.
    PairByPair,
}

/// Some rows by some columns of the inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) rows: &'a Range<usize>,
    pub(crate) columns: &'a Range<usize>,
    /// $x \cdot y$.
    pub(crate) products: &'a [f64],
    /// Whether the columns end with the rows' own points, and what is above these is read by nobody.
    pub(crate) on_diagonal: bool,
}

/// Rows by columns of both kernels, row by row.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) nngp: Vec<f64>,
    pub(crate) ntk: Vec<f64>,
}

impl Evaluator {
    /// The evaluator of `network` for given inputs.
    pub(crate) fn new<T: Scalar>(
        network: &Network,
        pairs: &InputPairs<'_, T>,
        passage: Passage,
        with_tangent: bool,
    ) -> Result<Self> {
        network.check()?;
        let width = Some(pairs.dimension() as f64);
        if let Some(angle) = Angle::of_homogeneous(network, width, with_tangent)? {
            return Ok(Self::Angle(Box::new(angle)));
        }
        if passage == Passage::PairByPair {
            return Ok(Self::Pairs(Pairwise::new(network)));
        }
        let mut points = KernelBlock::of_points(pairs.variances());
        points.set_width(width);
        if with_tangent {
            points = points.with_tangent();
        }
        let prepared = network.prepared(&points)?;
        let surface = match passage {
            Passage::Tabulated => Surface::new((network, &prepared), pairs, with_tangent)?,
            _ => None,
        };
        Ok(Self::Layers {
            tabulated: prepared.has_tables(),
            network: prepared,
            surface: surface.map(Box::new),
        })
    }

    /// Rows that are evaluated together: tables prefer many, cached blocks few.
    pub(crate) fn strip(&self, rows: usize) -> usize {
        match self {
            Self::Layers {
                tabulated: false,
                surface: None,
                ..
            } => rows.min(STRIP),
            Self::Angle(_) => rows.min(STRIP),
            Self::Pairs(pairs) => pairs.strip(rows, STRIP),
            Self::Layers {
                surface: Some(_), ..
            } => rows.min(2 * STRIP),
            _ => rows,
        }
    }

    /// Whether blocks go through the layers with their tangent kernels.
    fn passes_tangents(&self) -> bool {
        !matches!(
            self,
            Self::Angle(_)
                | Self::Layers {
                    surface: Some(_),
                    ..
                }
        )
    }

    /// The variances at the output of points with the given variances at the input.
    pub(crate) fn variances(&self, variances: &[f64], dimension: usize) -> Result<Vec<f64>> {
        match self {
            Self::Angle(angle) => angle.variances(variances),
            Self::Pairs(pairs) => pairs.variances(variances, Some(dimension as f64)),
            Self::Layers { network, .. } => {
                let mut points = KernelBlock::of_points(variances.to_vec());
                points.set_width(Some(dimension as f64));
                network.apply(&mut points)?;
                Ok(points.variance_a().to_vec())
            }
        }
    }

    /// Refuses points whose variance at the output is 0, and whose correlations therefore do not exist.
    pub(crate) fn check_correlations(&self, variances: &[f64], dimension: usize) -> Result<()> {
        let zero = |values: &[f64]| values.iter().position(|&q| q == 0.0);
        let vanishes = match self {
            // whatever the growth, the angle stays
            Self::Angle(_) => zero(variances),
            Self::Layers { network, .. } if keeps_angles(network) => zero(variances),
            _ => zero(&self.variances(variances, dimension)?),
        };
        match vanishes {
            Some(i) if variances[i] == 0.0 => Err(Error::ZeroVector {
                argument: format!("inputs[{i}]"),
            }),
            Some(_) => Err(Error::undefined("the correlation", "a variance is 0")),
            None => Ok(()),
        }
    }

    /// Both kernels of a part of the inputs.
    pub(crate) fn evaluate<T: Scalar>(
        &self,
        inputs: &InputPairs<'_, T>,
        part: Part<'_>,
        which: KernelKind,
    ) -> Result<Entries> {
        let room = inputs.room();
        let nngp = |a: &[f64], b: &[f64], correlation: &[PairCorrelation]| {
            if which.nngp() {
                covariances(a, b, correlation, room)
            } else {
                Vec::new()
            }
        };
        let block = || {
            let with_tangent = which.ntk() && self.passes_tangents();
            let block = inputs.block(part.rows, part.columns, part.products, with_tangent)?;
            Ok::<_, Error>(if part.on_diagonal {
                block.with_lower_half()
            } else {
                block
            })
        };
        match self {
            Self::Angle(angle) => angle.evaluate(inputs, part, which),
            Self::Pairs(pairs) => {
                let mapped = pairs.map(&block()?)?;
                Ok(Entries {
                    nngp: nngp(&mapped.variance_a, &mapped.variance_b, &mapped.correlation),
                    ntk: mapped.tangent.unwrap_or_default(),
                })
            }
            Self::Layers {
                network,
                surface: Some(surface),
                ..
            } => {
                let (rows, columns) = (part.rows, &inputs.points_of(part.columns));
                let mapped = surface.map(network, block()?, (rows, columns), room)?;
                let (a, b) = (surface.outputs(rows), surface.outputs(columns));
                let nngp = nngp(a, b, &mapped.correlation);
                room.correlations.give_back(mapped.correlation);
                Ok(Entries {
                    nngp,
                    ntk: mapped.tangent.unwrap_or_default(),
                })
            }
            Self::Layers { network, .. } => {
                let mut block = block()?;
                network.apply(&mut block)?;
                let nngp = nngp(block.variance_a(), block.variance_b(), block.correlation());
                let (correlation, tangent) = block.into_pairs();
                room.correlations.give_back(correlation);
                Ok(Entries {
                    nngp,
                    ntk: tangent.unwrap_or_default(),
                })
            }
        }
    }

    /// $c$ at the output, row by row.
    pub(crate) fn correlations(
        &self,
        block: KernelBlock,
        (rows, columns): (&Range<usize>, &Range<usize>),
        room: &Room,
    ) -> Result<Vec<PairCorrelation>> {
        match self {
            Self::Angle(angle) => {
                let correlations = block.correlation().iter();
                Ok(correlations.map(|&c| angle.image(c)).collect())
            }
            Self::Pairs(pairs) => Ok(pairs.map(&block)?.correlation),
            Self::Layers {
                network,
                surface: Some(surface),
                ..
            } => Ok(surface
                .map(network, block, (rows, columns), room)?
                .correlation),
            Self::Layers { network, .. } => {
                let mut block = block;
                network.apply(&mut block)?;
                Ok(block.correlation().to_vec())
            }
        }
    }
}

/// Whether layers keep the angles of points whose variances become too small for `f64`: no bias, and
/// activations that have slopes at 0.
fn keeps_angles(layer: &dyn Layer) -> bool {
    match layer.structure() {
        Structure::Dense(dense) => dense.initialization().bias_variance() == 0.0,
        Structure::Activation(phi) => slopes_at_zero(&**phi).is_some(),
        Structure::Row(network) => network.layers().iter().all(|layer| keeps_angles(&**layer)),
        Structure::Repeat(_, block) | Structure::Residual { branch: block, .. } => {
            keeps_angles(block)
        }
        Structure::Branches(branches) => branches.iter().all(|branch| keeps_angles(branch)),
        Structure::Shaped(_) => true,
        Structure::Leaf | Structure::Stack(_) => false,
    }
}

/// $\sqrt{q_i q^\prime_j} c_{ij}$, exactly $q$ where the variances are equal and $c = 1$.
fn covariances(
    variance_a: &[f64],
    variance_b: &[f64],
    correlation: &[PairCorrelation],
    room: &Room,
) -> Vec<f64> {
    let mut out = room.numbers.take(correlation.len());
    let columns = variance_b.len().max(1);
    let roots_b: Vec<f64> = variance_b.iter().map(|q| q.sqrt()).collect();
    let rows = out.chunks_mut(columns).zip(correlation.chunks(columns));
    for ((out, correlation), &qa) in rows.zip(variance_a) {
        let (root_a, roots_b) = (qa.sqrt(), &roots_b[..]);
        vectorized(
            #[inline(always)]
            || {
                let columns = correlation.iter().zip(roots_b).zip(variance_b);
                for (out, ((c, root_b), &qb)) in out.iter_mut().zip(columns) {
                    let scale = if qa == qb { qa } else { root_a * root_b };
                    *out = scale * c.value();
                }
            },
        );
    }
    out
}
