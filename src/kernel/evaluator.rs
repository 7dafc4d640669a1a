//! A network made ready for given inputs: how a block of pairs is evaluated.

use std::ops::Range;

use super::pairwise::Pairwise;
use super::product::InputPairs;
use super::surface::Surface;
use crate::error::Error;
use crate::network::{AngleState, AngleTable, KernelBlock, LANES, Layer, Network};
use crate::numerics::Magnitude;
use crate::vectorized::vectorized;
use crate::{Result, Scalar, parallel};

/// What $1 - c$ is multiplied by, and $\Theta$ in units of the variance.
const FUNCTIONS: usize = 2;

/// The relative error that tables of the angle are built to.
const TOLERANCE: f64 = 6e-15;

/// Angles that pass the layers of a homogeneous network together.
const PART: usize = 32;

/// Rows of a block whose state fits in the cache.
const STRIP: usize = 64;

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
    /// Its values at $c = 1$, exactly as the layers give them.
    parallel: f64,
    growth: Magnitude,
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
        let prepared = network.prepared(&points)?;
        let surface = match passage {
            Passage::Tabulated => Surface::new(&prepared, pairs, with_tangent)?,
            _ => None,
        };
        Ok(Self::Layers {
            tabulated: network.has_tables(),
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
            Self::Pairs(pairs) => pairs.strip(rows, STRIP),
            _ => rows,
        }
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

    /// Both kernels of a block of the inputs: rows by columns, points of a second set counted after the
    /// first.
    pub(crate) fn evaluate(
        &self,
        block: KernelBlock,
        (rows, columns): (&Range<usize>, &Range<usize>),
        want_nngp: bool,
    ) -> Result<Entries> {
        let nngp = |a: &[f64], b: &[f64], complement: &[f64]| {
            if want_nngp {
                covariances(a, b, complement)
            } else {
                Vec::new()
            }
        };
        match self {
            Self::Angle(angle) => angle.evaluate(&block, want_nngp),
            Self::Pairs(pairs) => {
                let mapped = pairs.map(&block)?;
                Ok(Entries {
                    nngp: nngp(&mapped.variance_a, &mapped.variance_b, &mapped.complement),
                    ntk: mapped.tangent.unwrap_or_default(),
                })
            }
            Self::Layers {
                network,
                surface: Some(surface),
                ..
            } => {
                let mapped = surface.map(network, block, rows, columns)?;
                let (a, b) = (surface.outputs(rows), surface.outputs(columns));
                Ok(Entries {
                    nngp: nngp(a, b, &mapped.complement),
                    ntk: mapped.tangent.unwrap_or_default(),
                })
            }
            Self::Layers { network, .. } => {
                let mut block = block;
                network.apply(&mut block)?;
                Ok(Entries {
                    nngp: nngp(block.variance_a(), block.variance_b(), block.complement()),
                    ntk: block.into_tangent().unwrap_or_default(),
                })
            }
        }
    }

    /// $1 - c$ at the output, row by row.
    pub(crate) fn complements(
        &self,
        block: KernelBlock,
        (rows, columns): (&Range<usize>, &Range<usize>),
    ) -> Result<Vec<f64>> {
        match self {
            Self::Angle(angle) => {
                let complements = block.complement().iter();
                Ok(complements.map(|&e| e * angle.curves.at(e)[0]).collect())
            }
            Self::Pairs(pairs) => Ok(pairs.map(&block)?.complement),
            Self::Layers {
                network,
                surface: Some(surface),
                ..
            } => Ok(surface.map(network, block, rows, columns)?.complement),
            Self::Layers { network, .. } => {
                let mut block = block;
                network.apply(&mut block)?;
                Ok(block.complement().to_vec())
            }
        }
    }
}

/// $\sqrt{q_i q^\prime_j} (1 - \varepsilon_{ij})$, exactly $q$ where the variances are equal and
/// $\varepsilon = 0$.
fn covariances(variance_a: &[f64], variance_b: &[f64], complement: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; complement.len()];
    let columns = variance_b.len().max(1);
    let roots_b: Vec<f64> = variance_b.iter().map(|q| q.sqrt()).collect();
    let rows = out.chunks_mut(columns).zip(complement.chunks(columns));
    for ((out, complement), &qa) in rows.zip(variance_a) {
        let (root_a, roots_b) = (qa.sqrt(), &roots_b[..]);
        vectorized(
            #[inline(always)]
            || {
                let columns = complement.iter().zip(roots_b).zip(variance_b);
                for (out, ((epsilon, root_b), &qb)) in out.iter_mut().zip(columns) {
                    let scale = if qa == qb { qa } else { root_a * root_b };
                    *out = scale * (1.0 - epsilon);
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
        let mut ends = AngleState::new(vec![0.0, 2.0], with_tangent, width);
        if !network.map_angles(&mut ends)? {
            return Ok(None);
        }
        let curves = AngleTable::build(
            TOLERANCE,
            |epsilon: &[f64]| {
                // every part passes all layers while it is in the cache
                let parts = parallel::try_map(epsilon.len().div_ceil(PART), |part| {
                    let epsilon = &epsilon[part * PART..((part + 1) * PART).min(epsilon.len())];
                    let mut state = AngleState::new(epsilon.to_vec(), with_tangent, width);
                    network.map_angles(&mut state)?;
                    let after = state.complement().iter().zip(state.tangent());
                    let values = after.zip(epsilon);
                    Ok(values
                        .map(|((after, tangent), epsilon)| [after / epsilon, *tangent])
                        .collect::<Vec<_>>())
                })?;
                Ok(parts.concat())
            },
            true,
        )?;
        Ok(curves.map(|curves| Self {
            curves,
            parallel: ends.tangent()[0],
            growth: ends.growth(),
        }))
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

    fn evaluate(&self, block: &KernelBlock, want_nngp: bool) -> Result<Entries> {
        let size = block.complement().len();
        let (variance_a, variance_b) = (
            self.variances(block.variance_a())?,
            self.variances(block.variance_b())?,
        );
        let mut kernels = Entries {
            nngp: vec![0.0; if want_nngp { size } else { 0 }],
            ntk: vec![0.0; if block.tangent().is_some() { size } else { 0 }],
        };
        let roots_b: Vec<f64> = variance_b.iter().map(|q| q.sqrt()).collect();
        let columns = variance_b.len().max(1);
        let mut nngp = kernels.nngp.chunks_mut(columns);
        let mut ntk = kernels.ntk.chunks_mut(columns);
        for (complement, &qa) in block.complement().chunks(columns).zip(&variance_a) {
            self.row(
                (qa, qa.sqrt()),
                (&variance_b, &roots_b),
                complement,
                nngp.next(),
                ntk.next(),
            );
        }
        if kernels.ntk.iter().any(|theta| !theta.is_finite()) {
            return Err(Error::overflow("the neural tangent kernel"));
        }
        Ok(kernels)
    }

    fn row(
        &self,
        (qa, root_a): (f64, f64),
        (variance_b, roots_b): (&[f64], &[f64]),
        complement: &[f64],
        mut nngp: Option<&mut [f64]>,
        mut ntk: Option<&mut [f64]>,
    ) {
        let parallel = self.parallel;
        let curves = &self.curves;
        vectorized(
            #[inline(always)]
            || {
                for (chunk, complement) in complement.chunks(LANES).enumerate() {
                    let at = chunk * LANES..chunk * LANES + complement.len();
                    let mut epsilon = [1.0; LANES];
                    epsilon[..complement.len()].copy_from_slice(complement);
                    let [ratio, tangent] = curves.at_lanes(&epsilon);
                    let (mut scale, mut theta) = ([0.0; LANES], [0.0; LANES]);
                    let columns = variance_b[at.clone()].iter().zip(&roots_b[at.clone()]);
                    for (lane, (&qb, root_b)) in columns.enumerate() {
                        scale[lane] = if qa == qb { qa } else { root_a * root_b };
                        theta[lane] = if epsilon[lane] == 0.0 {
                            parallel
                        } else {
                            tangent[lane]
                        };
                    }
                    if let Some(nngp) = &mut nngp {
                        for (lane, out) in nngp[at.clone()].iter_mut().enumerate() {
                            *out = scale[lane] * (1.0 - epsilon[lane] * ratio[lane]);
                        }
                    }
                    if let Some(ntk) = &mut ntk {
                        for (lane, out) in ntk[at].iter_mut().enumerate() {
                            *out = scale[lane] * theta[lane];
                        }
                    }
                }
            },
        );
    }
}
