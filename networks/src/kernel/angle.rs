//! Positively homogeneous networks without biases: a function of the angle alone, tabulated, times the
//! variances of the inputs.

use pulp::{Arch, Simd, WithSimd};

use super::evaluator::{Entries, Part};
use super::product::InputPairs;
use super::tiles::KernelKind;
use crate::covariance::AnglePiece;
use crate::network::{AngleState, AngleTable, Layer, Network, TOGETHER};
use crate::numerics::Magnitude;
use crate::{Error, PairCorrelation, Result, Scalar, parallel};

/// What $1 - c$ is multiplied by, and $\Theta$ in units of the variance.
const FUNCTIONS: usize = 2;

/// The relative error that tables of the angle are built to.
const TOLERANCE: f64 = 6e-15;

/// Angles that pass the layers of a homogeneous network together.
const PART: usize = 32;

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

impl Angle {
    pub(super) fn of_homogeneous(
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
    pub(super) fn image(&self, c: PairCorrelation) -> PairCorrelation {
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
    pub(super) fn variances(&self, variances: &[f64]) -> Result<Vec<f64>> {
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

    /// Both kernels of a part of the inputs.
    pub(super) fn evaluate<T: Scalar>(
        &self,
        inputs: &InputPairs<'_, T>,
        part: Part<'_>,
        which: KernelKind,
    ) -> Result<Entries> {
        let (rows, columns, room) = (part.rows, part.columns, inputs.room());
        let (variance_a, variance_b) = inputs.variances_of(rows, columns);
        let variance_a = self.variances(&variance_a)?;
        let mut variance_b = self.variances(&variance_b)?;
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
        let lengths = inputs.inverse_lengths(columns);
        let width = columns.len().max(1);
        // whole blocks: what is beyond the last column is written to nothing
        let size = width.next_multiple_of(TOGETHER);
        variance_b.resize(size, 0.0);
        let roots_b: Vec<f64> = variance_b.iter().map(|q| q.sqrt()).collect();
        // of one row: it stays in the first-level cache
        let mut correlation = room.correlations(size);
        let mut nngp = kernels.nngp.chunks_mut(width);
        let mut ntk = kernels.ntk.chunks_mut(width);
        let mut is_finite = true;
        let each = rows.clone().zip(part.products.chunks(width));
        for ((i, products), &qa) in each.zip(&variance_a) {
            let (own, rest) = correlation.split_at_mut(width);
            inputs.correlations_of_row(i, (columns, &lengths), products, own);
            rest.fill(own[width - 1]);
            is_finite &= Arch::new().dispatch(Row {
                angle: self,
                correlation: &correlation,
                variance_a: qa,
                variance_b: &variance_b,
                roots_b: &roots_b,
                nngp: nngp.next(),
                ntk: ntk.next(),
            });
        }
        room.correlations.give_back(correlation);
        if !is_finite {
            return Err(Error::overflow("the neural tangent kernel"));
        }
        Ok(kernels)
    }
}

/// A row of both kernels, of those that are wanted; whether all its tangent kernels are finite. Columns are
/// given by whole blocks of [`TOGETHER`].
struct Row<'a> {
    angle: &'a Angle,
    correlation: &'a [PairCorrelation],
    variance_a: f64,
    variance_b: &'a [f64],
    roots_b: &'a [f64],
    nngp: Option<&'a mut [f64]>,
    ntk: Option<&'a mut [f64]>,
}

impl WithSimd for Row<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let angle = self.angle;
        // what `FarEnd::distance` knows, outside of the loop
        let (side, far) = angle.far_end.side();
        let (qa, root_a) = (self.variance_a, self.variance_a.sqrt());
        let mut nngp = self.nngp.map(|row| row.chunks_mut(TOGETHER));
        let mut ntk = self.ntk.map(|row| row.chunks_mut(TOGETHER));
        let (mut near, mut beyond) = ([0.0; TOGETHER], [0.0; TOGETHER]);
        let mut found = [[0.0; TOGETHER]; FUNCTIONS];
        let (mut scale, mut out) = ([0.0; TOGETHER], [0.0; TOGETHER]);
        let mut all_finite = true;
        let (c, _) = self.correlation.as_chunks::<TOGETHER>();
        let (variance_b, _) = self.variance_b.as_chunks::<TOGETHER>();
        let (roots_b, _) = self.roots_b.as_chunks::<TOGETHER>();
        for ((c, variance_b), roots_b) in c.iter().zip(variance_b).zip(roots_b) {
            for lane in 0..TOGETHER {
                near[lane] = c[lane].one_minus();
                beyond[lane] = c[lane].one_plus();
                let product = root_a * roots_b[lane];
                scale[lane] = if qa == variance_b[lane] { qa } else { product };
            }
            angle.curves.at_all(simd, [&near, &beyond], &mut found);
            let [ratio, tangent] = &found;
            if let Some(nngp) = nngp.as_mut().and_then(Iterator::next) {
                for lane in 0..TOGETHER {
                    let is_far = near[lane] > side;
                    let distance = if is_far { beyond[lane] } else { near[lane] };
                    let end = if is_far { far } else { 1.0 };
                    out[lane] = scale[lane] * (end * (1.0 - distance * ratio[lane]));
                }
                nngp.copy_from_slice(&out[..nngp.len()]);
            }
            if let Some(ntk) = ntk.as_mut().and_then(Iterator::next) {
                let (mut any_at_an_end, mut is_finite) = (false, true);
                for lane in 0..TOGETHER {
                    out[lane] = scale[lane] * tangent[lane];
                    any_at_an_end |= c[lane].distance() == 0.0;
                    is_finite &= out[lane].is_finite();
                }
                if any_at_an_end {
                    is_finite = true;
                    for ((out, scale), c) in out.iter_mut().zip(&scale).zip(c) {
                        if c.distance() == 0.0 {
                            let is_parallel = c.is_positive();
                            *out =
                                scale * [angle.opposite, angle.parallel][usize::from(is_parallel)];
                        }
                        is_finite &= out.is_finite();
                    }
                }
                all_finite &= is_finite;
                ntk.copy_from_slice(&out[..ntk.len()]);
            }
        }
        all_finite
    }
}
