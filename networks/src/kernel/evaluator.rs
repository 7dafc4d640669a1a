//! A network made ready for given inputs: how a block of pairs is evaluated.

use std::ops::Range;

use super::pairwise::Pairwise;
use super::product::{InputPairs, Room};
use super::surface::Surface;
use super::tiles::KernelKind;
use crate::activation::slopes_at_zero;
use crate::covariance::AnglePiece;
use crate::error::Error;
use crate::network::{AngleState, AngleTable, KernelBlock, Layer, Network, Structure, TOGETHER};
use crate::numerics::Magnitude;
use crate::vectorized::vectorized;
use crate::{PairCorrelation, Result, Scalar, parallel};

/// What $1 - c$ is multiplied by, and $\Theta$ in units of the variance.
const FUNCTIONS: usize = 2;

/// The relative error that tables of the angle are built to.
const TOLERANCE: f64 = 6e-15;

/// Angles that pass the layers of a homogeneous network together.
const PART: usize = 32;

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

/// The tabulated function.
#[derive(Debug)]
pub(crate) struct Angle {
    curves: AngleTable<FUNCTIONS>,
    /// $\Theta$ at $c = \pm 1$, exactly as the layers give it.
    parallel: f64,
    opposite: f64,
    far_end: FarEnd,
    growth: Magnitude,
}

/// What becomes of opposite inputs, and so what the first function is on the far side of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FarEnd {
    /// $|c^\prime| < 1$: $(1 - c^\prime)/(1 - c)$, as on the near side.
    Inside,
    /// Opposite inputs stay so, or become parallel: $(1 \mp c^\prime)/(1 + c)$, which keeps the digits of
    /// $1 \mp c^\prime$.
    At(f64),
}

impl FarEnd {
    fn of(image: PairCorrelation) -> Self {
        if image.distance() > 0.0 {
            Self::Inside
        } else {
            Self::At(image.value())
        }
    }

    /// The $\varepsilon$ where the far side begins, and the end that $c^\prime$ is measured from there.
    #[inline(always)]
    fn side(self) -> (f64, f64) {
        match self {
            Self::At(end) => (AnglePiece::NEAR_SIDE, end),
            Self::Inside => (f64::INFINITY, 1.0),
        }
    }

    /// The end that $c^\prime$ is measured from, and the distance of $c$ that it is measured by.
    #[inline(always)]
    fn distance(self, c: PairCorrelation) -> (f64, f64) {
        let (side, far) = self.side();
        let (near_distance, far_distance) = (c.one_minus(), c.one_plus());
        let is_far = near_distance > side;
        let distance = if is_far { far_distance } else { near_distance };
        (if is_far { far } else { 1.0 }, distance)
    }

    /// The first function.
    fn ratio(self, before: PairCorrelation, after: PairCorrelation) -> f64 {
        let (end, distance) = self.distance(before);
        if end > 0.0 {
            after.one_minus() / distance
        } else {
            after.one_plus() / distance
        }
    }
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

impl Angle {
    fn of_homogeneous(
        network: &Network,
        width: Option<f64>,
        with_tangent: bool,
    ) -> Result<Option<Self>> {
        let ends = vec![PairCorrelation::PARALLEL, PairCorrelation::OPPOSITE];
        let mut ends = AngleState::new(ends, with_tangent, width);
        if !network.map_angles(&mut ends)? {
            return Ok(None);
        }
        let far_end = FarEnd::of(ends.correlation()[1]);
        let curves = AngleTable::build(
            TOLERANCE,
            |before: &[PairCorrelation]| {
                // every part passes all layers while it is in the cache
                let parts = parallel::try_map(before.len().div_ceil(PART), |part| {
                    let before = &before[part * PART..((part + 1) * PART).min(before.len())];
                    let mut state = AngleState::new(before.to_vec(), with_tangent, width);
                    network.map_angles(&mut state)?;
                    let after = state.correlation().iter().zip(state.tangent());
                    let values = after.zip(before);
                    Ok(values
                        .map(|((after, tangent), &c)| [far_end.ratio(c, *after), *tangent])
                        .collect::<Vec<_>>())
                })?;
                Ok(parts.concat())
            },
            true,
        )?;
        Ok(curves.map(|curves| Self {
            curves,
            parallel: ends.tangent()[0],
            opposite: ends.tangent()[1],
            far_end,
            growth: ends.growth(),
        }))
    }

    /// $c$ at the output.
    fn image(&self, c: PairCorrelation) -> PairCorrelation {
        let [ratio, _] = self.curves.at(c);
        let (end, distance) = self.far_end.distance(c);
        let after = distance * ratio;
        if end > 0.0 {
            PairCorrelation::from_ends(after, 2.0 - after)
        } else {
            PairCorrelation::from_ends(2.0 - after, after)
        }
    }

    /// $g q$ of every point.
    fn variances(&self, variances: &[f64]) -> Result<Vec<f64>> {
        let (mantissa, exponent) = self.growth.parts();
        variances
            .iter()
            .map(|&q| {
                let scaled = libm::ldexp(mantissa * q, exponent.clamp(-5000, 5000) as i32);
                if scaled.is_finite() {
                    Ok(scaled)
                } else {
                    Err(Error::Overflow {
                        quantity: "the variance".to_owned(),
                        log: self.growth.ln() + q.ln(),
                        limit: f64::MAX.ln(),
                    })
                }
            })
            .collect()
    }

    fn evaluate<T: Scalar>(
        &self,
        inputs: &InputPairs<'_, T>,
        part: Part<'_>,
        which: KernelKind,
    ) -> Result<Entries> {
        let (rows, columns, room) = (part.rows, part.columns, inputs.room());
        let (variance_a, variance_b) = inputs.variances_of(rows, columns);
        let variance_a = self.variances(&variance_a)?;
        let variance_b = self.variances(&variance_b)?;
        let buffer = |wanted: bool| {
            if wanted {
                room.numbers.take(part.products.len())
            } else {
                Vec::new()
            }
        };
        let mut kernels = Entries {
            nngp: buffer(which.nngp()),
            ntk: buffer(which.ntk()),
        };
        let roots_b: Vec<f64> = variance_b.iter().map(|q| q.sqrt()).collect();
        let lengths = inputs.inverse_lengths(columns);
        let width = columns.len().max(1);
        // of one row: it stays in the first-level cache
        let mut correlation = room.correlations(width);
        let mut nngp = kernels.nngp.chunks_mut(width);
        let mut ntk = kernels.ntk.chunks_mut(width);
        let mut is_finite = true;
        let each = rows.clone().zip(part.products.chunks(width));
        for ((i, products), &qa) in each.zip(&variance_a) {
            inputs.correlations_of_row(i, (columns, &lengths), products, &mut correlation);
            is_finite &= self.row(
                (qa, qa.sqrt()),
                (&variance_b, &roots_b),
                &correlation,
                [nngp.next(), ntk.next()],
            );
        }
        room.correlations.give_back(correlation);
        if !is_finite {
            return Err(Error::overflow("the neural tangent kernel"));
        }
        Ok(kernels)
    }

    /// A row of both kernels, of those that are wanted; whether all its tangent kernels are finite.
    fn row(
        &self,
        (qa, root_a): (f64, f64),
        (variance_b, roots_b): (&[f64], &[f64]),
        correlation: &[PairCorrelation],
        [mut nngp_row, mut ntk_row]: [Option<&mut [f64]>; 2],
    ) -> bool {
        let (parallel, opposite) = (self.parallel, self.opposite);
        // what `FarEnd::distance` knows, outside of the loop
        let (side, far) = self.far_end.side();
        let mut found = [[0.0; TOGETHER]; FUNCTIONS];
        let mut scale = [0.0; TOGETHER];
        let size = correlation.len();
        let mut all_finite = true;
        for start in (0..size).step_by(TOGETHER) {
            let range = start..(start + TOGETHER).min(size);
            let c = &correlation[range.clone()];
            let columns = variance_b[range.clone()]
                .iter()
                .zip(&roots_b[range.clone()]);
            let nngp = nngp_row.as_mut().map(|row| &mut row[range.clone()]);
            let ntk = ntk_row.as_mut().map(|row| &mut row[range.clone()]);
            self.curves.at_all(c, &mut found);
            let [ratio, tangent] = &found;
            // long loops without branches, which the compiler vectorises
            vectorized(
                #[inline(always)]
                || {
                    for (scale, (&qb, root_b)) in scale.iter_mut().zip(columns.clone()) {
                        let product = root_a * root_b;
                        *scale = if qa == qb { qa } else { product };
                    }
                },
            );
            let lanes = c.iter().zip(&scale);
            if let Some(nngp) = nngp {
                vectorized(
                    #[inline(always)]
                    || {
                        let lanes = lanes.clone().zip(ratio);
                        for (out, ((c, scale), ratio)) in nngp.iter_mut().zip(lanes) {
                            let (near_distance, far_distance) = (c.one_minus(), c.one_plus());
                            let is_far = near_distance > side;
                            let distance = if is_far { far_distance } else { near_distance };
                            let end = if is_far { far } else { 1.0 };
                            *out = scale * (end * (1.0 - distance * ratio));
                        }
                    },
                );
            }
            if let Some(ntk) = ntk {
                let (any_at_an_end, is_finite) = vectorized(
                    #[inline(always)]
                    || {
                        let (mut any_at_an_end, mut is_finite) = (false, true);
                        let lanes = lanes.clone().zip(tangent);
                        for (out, ((c, scale), tangent)) in ntk.iter_mut().zip(lanes) {
                            *out = scale * tangent;
                            any_at_an_end |= c.distance() == 0.0;
                            is_finite &= out.is_finite();
                        }
                        (any_at_an_end, is_finite)
                    },
                );
                all_finite &= is_finite;
                if any_at_an_end {
                    for (out, (c, scale)) in ntk.iter_mut().zip(lanes) {
                        if c.distance() == 0.0 {
                            let end = if c.is_positive() { parallel } else { opposite };
                            *out = scale * end;
                            all_finite &= out.is_finite();
                        }
                    }
                }
            }
        }
        all_finite
    }
}
