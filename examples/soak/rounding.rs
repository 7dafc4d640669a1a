//! How far numbers that should be equal may be apart.

use nalgebra::DMatrix;
use neural_limits::PairCorrelation;
use neural_limits::activation::named;
use neural_limits::network::{
    Description, KernelBlock, Layer, LayerDescription, Network, ScalingDescription,
};
use neural_limits::prelude::*;

use crate::case::{Problem, activations_of, branches};
use crate::outcome::{Check, ensure};

/// One rounding.
const UNIT: f64 = f64::EPSILON;

/// Smaller variances have lost their digits on the way.
pub const LOST: f64 = 1e-290;

/// The error that documentation grants a layer, relative to the geometric mean of the variances: a few
/// roundings of a closed form, the default tolerance of quadrature.
pub fn of_a_layer(problem: &Problem) -> f64 {
    let mut activations = Vec::new();
    activations_of(&problem.layers, &mut activations);
    let closed = |name: &String| {
        named(name).is_ok_and(|phi| {
            // what is tabulated, or has kinks that no slopes explain, is quadrature
            !phi.is_tabulated() && (phi.kinks().is_empty() || phi.slopes().is_some())
        })
    };
    if activations.iter().all(closed) {
        16.0 * UNIT
    } else {
        1e-12
    }
}

/// The number of layers at which the problem rounds.
pub fn layers(problem: &Problem) -> usize {
    unrolled(&problem.layers, problem.depth)
        .iter()
        .map(inner)
        .sum()
}

/// $\sqrt{ab}$, also where the product is too small or too large for `f64`.
pub fn geometric_mean(a: f64, b: f64) -> f64 {
    a.sqrt() * b.sqrt()
}

/// The layers in a layer, those of its branches among them.
fn inner(layer: &LayerDescription) -> usize {
    let rows = branches(layer).into_iter().flatten();
    let inner = rows.map(inner).sum::<usize>();
    match layer {
        LayerDescription::Repeat { times, .. } => times * inner,
        _ => 1 + inner,
    }
}

/// Blocks one by one, at the depth of open stacks.
fn unrolled(layers: &[LayerDescription], depth: usize) -> Vec<LayerDescription> {
    let mut all = Vec::new();
    for layer in layers {
        match layer {
            LayerDescription::Repeat { times, layers } => {
                let block = unrolled(layers, depth);
                for _ in 0..*times {
                    all.extend_from_slice(&block);
                }
            }
            LayerDescription::Stack {
                skip,
                scaling,
                layers,
            } => {
                let branch = unrolled(layers, depth);
                all.extend(coefficients(*scaling, depth).into_iter().map(|scale| {
                    LayerDescription::Residual {
                        skip: *skip,
                        scale,
                        layers: branch.clone(),
                    }
                }));
            }
            LayerDescription::DenselyConnected {
                growth_ratio,
                layers,
            } => {
                let branch = unrolled(layers, depth);
                all.extend((0..depth).map(|l| LayerDescription::Concatenation {
                    branches: vec![Vec::new(), branch.clone()],
                    shares: Some(vec![1.0 + l as f64 * growth_ratio, *growth_ratio]),
                }));
            }
            other => all.push(other.clone()),
        }
    }
    all
}

fn coefficients(scaling: ScalingDescription, depth: usize) -> Vec<f64> {
    let rule: Option<Box<dyn BranchScaling>> = match scaling {
        ScalingDescription::InverseSqrtDepth => Some(Box::new(InverseSqrtDepth)),
        ScalingDescription::PowerLaw(exponent) => {
            PowerLaw::new(exponent).ok().map(|rule| Box::new(rule) as _)
        }
        ScalingDescription::ConvergentSeries { factor, exponent } => {
            let rule = ConvergentSeries::new(factor, exponent).ok();
            rule.map(|rule| Box::new(rule) as _)
        }
        ScalingDescription::Constant(factor) => {
            Constant::new(factor).ok().map(|rule| Box::new(rule) as _)
        }
    };
    rule.map_or_else(Vec::new, |rule| rule.coefficients(depth))
}

/// The state itself, and the directions of the errors of $q$, $1 - c$ and $\Theta$, as columns of a block.
const CORNERS: [[f64; 3]; 7] = [
    [0.0, 0.0, 0.0],
    [0.0, 1.0, 1.0],
    [0.0, 1.0, -1.0],
    [0.0, -1.0, 1.0],
    [0.0, -1.0, -1.0],
    [1.0, 0.0, 0.0],
    [-1.0, 0.0, 0.0],
];

/// What both kernels of a pair may be off: the errors that documentation grants each layer, sent through the
/// layers behind it.
///
/// Variances and $1 - c$ have relative errors. Where variances differ, before or after a layer that is not
/// dense, and near $c = -1$, $1 - c$ has an absolute one. (Inputs know their angle, and covariances are added
/// without cancellation: so a dense layer only passes on what the variances are off.)
pub fn slack(problem: &Problem, i: usize, j: usize) -> [f64; 2] {
    let (x, y) = (&problem.points[i], &problem.points[j]);
    envelope(problem, x, y).unwrap_or([f64::INFINITY; 2])
}

fn envelope(problem: &Problem, x: &[f64], y: &[f64]) -> Option<[f64; 2]> {
    let layers = unrolled(&problem.layers, problem.depth);
    let (block, errors) = corners(problem, layers, x, y)?;
    let scale = geometric_mean(block.variance_a()[0], block.variance_b()[0]);
    let [variance, epsilon, tangent] = errors;
    Some([scale * (variance + epsilon), tangent])
}

/// What the covariance of two points behind open stacks may be off by the errors that documentation grants
/// each layer before the first of them, sent through `limit` from there on.
pub fn slack_at_infinite_depth(
    problem: &Problem,
    [i, j]: [usize; 2],
    limit: impl Fn(PairCovariance) -> Result<f64, Error>,
) -> f64 {
    let is_open = |layer: &LayerDescription| matches!(layer, LayerDescription::Stack { .. });
    let first = problem.layers.iter().position(is_open).unwrap_or(0);
    let layers = unrolled(&problem.layers[..first], problem.depth);
    let envelope = || {
        let (mut block, errors) = corners(problem, layers, &problem.points[i], &problem.points[j])?;
        spread(&mut block, errors).ok()?;
        let pairs = block.variance_b().iter().zip(block.correlation());
        let images = pairs.map(|(&qb, c)| {
            let pair =
                PairCovariance::with_complement(block.variance_a()[0], qb, c.one_minus()).ok()?;
            limit(pair).ok()
        });
        let images = images.collect::<Option<Vec<f64>>>()?;
        Some(largest_difference(&images))
    };
    envelope().unwrap_or(f64::INFINITY)
}

/// Two points behind layers: a block of the pair whose columns are those at the corners of the errors before
/// the last layer, and the errors behind it.
fn corners(
    problem: &Problem,
    layers: Vec<LayerDescription>,
    x: &[f64],
    y: &[f64],
) -> Option<(KernelBlock, [f64; 3])> {
    let unit = of_a_layer(problem);
    let identity = Network::new().infinite_width(1).ok()?;
    let pair = identity.pair(x, y).ok()?.pair().ok()?;
    let columns = CORNERS.len();
    let mut block = KernelBlock::new(
        vec![pair.variance_a()],
        vec![pair.variance_b(); columns],
        vec![pair.pair_correlation(); columns],
        true,
    )
    .ok()?;
    block.set_width(Some(x.len() as f64));
    let differs = |block: &KernelBlock| block.variance_a()[0] != block.variance_b()[0];
    let mut errors = grown(&block, 4.0 * UNIT, false);
    for layer in layers {
        let keeps_complements = matches!(layer, LayerDescription::Dense { .. });
        let differed = differs(&block);
        spread(&mut block, errors).ok()?;
        let rounding = unit * inner(&layer) as f64;
        let layers = vec![layer];
        Description { layers }
            .build()
            .ok()?
            .apply(&mut block)
            .ok()?;
        let differ = !keeps_complements && (differed || differs(&block));
        errors = grown(&block, rounding, differ);
    }
    Some((block, errors))
}

/// How far values are from the first of them.
fn largest_difference(values: &[f64]) -> f64 {
    let apart = values.iter().map(|value| (value - values[0]).abs());
    apart.fold(0.0, f64::max)
}

/// The relative error of $q$ and the absolute ones of $1 - c$ and $\Theta$ after a layer that adds
/// `rounding`, of points whose variances differ or not.
fn grown(block: &KernelBlock, rounding: f64, differ: bool) -> [f64; 3] {
    let qb = block.variance_b();
    let epsilon: Vec<f64> = block.correlation().iter().map(|c| c.one_minus()).collect();
    let (here, theta) = (epsilon[0], block.tangent().unwrap_or(&[0.0]));
    let relative = if differ || here > 1.0 { 1.0 } else { here };
    [
        largest_difference(qb) / qb[0].max(f64::MIN_POSITIVE) + rounding,
        largest_difference(&epsilon) + rounding * relative,
        largest_difference(theta) + rounding * theta[0].abs(),
    ]
}

/// Moves the columns of a block from the first of them to the corners.
fn spread(block: &mut KernelBlock, errors: [f64; 3]) -> Result<(), Error> {
    let (rows, columns) = (block.rows(), block.columns());
    block.map(
        |q, out| {
            out.copy_from_slice(q);
            if q.len() == columns && columns > rows {
                for (out, [sign, ..]) in out.iter_mut().zip(CORNERS) {
                    *out = q[0] * (1.0 + sign * errors[0]);
                }
            }
            Ok(())
        },
        |row, _| {
            let here = row.correlation[0].one_minus();
            for (c, [_, sign, _]) in row.correlation.iter_mut().zip(CORNERS) {
                let epsilon = (here + sign * errors[1]).clamp(0.0, 2.0);
                *c = PairCorrelation::from_one_minus(epsilon)?;
            }
            if let Some(tangents) = row.tangent {
                let here = tangents[0];
                for (theta, [.., sign]) in tangents.iter_mut().zip(CORNERS) {
                    *theta = here + sign * errors[2];
                }
            }
            Ok(())
        },
    )
}

/// Finite, symmetric to the bit, and positive semi-definite up to `granted` in each entry relative to the
/// diagonal.
pub fn covariance_matrix(
    kinds: [&'static str; 3],
    k: &DMatrix<f64>,
    granted: impl Fn(usize, usize) -> f64,
) -> Check {
    let [finite, symmetric, definite] = kinds;
    ensure(k.iter().all(|k| k.is_finite()), finite, || format!("{k}"))?;
    ensure(k == &k.transpose(), symmetric, || format!("{k}"))?;
    // signals of random networks have one power of two for all points
    let least = LOST * k.diagonal().amax().max(1.0);
    let lost = |q: &f64| *q != 0.0 && q.abs() < least;
    if k.diagonal().iter().any(lost) {
        return Ok(());
    }
    let kept: Vec<usize> = (0..k.nrows()).filter(|&i| k[(i, i)] != 0.0).collect();
    ensure(
        kept.iter().all(|&i| k[(i, i)] > 0.0) && vanishes_beside(k, &kept, least),
        definite,
        || format!("diagonal {:?}", k.diagonal().as_slice()),
    )?;
    if kept.is_empty() {
        return Ok(());
    }
    let roots: Vec<f64> = kept.iter().map(|&i| k[(i, i)].sqrt()).collect();
    let normalised = DMatrix::from_fn(kept.len(), kept.len(), |i, j| {
        k[(kept[i], kept[j])] / roots[i] / roots[j]
    });
    let least = normalised.symmetric_eigenvalues().min();
    let rounding = 16.0 * UNIT * kept.len() as f64;
    if least >= -rounding {
        return Ok(());
    }
    // the norm of a matrix of errors is at most its largest row
    let row = |i: usize| {
        let entries = kept.iter().enumerate();
        let entry = |(j, &other)| granted(kept[i], other) / roots[i] / roots[j];
        entries.map(entry).sum::<f64>()
    };
    let bound = (0..kept.len()).map(row).fold(0.0, f64::max);
    ensure(least >= -rounding - 2.0 * bound, definite, || {
        format!("least eigenvalue of the correlations {least:e}, granted {bound:e}")
    })
}

/// Rows of a point without variance, or with one that was lost, are as small (Cauchy and Schwarz).
fn vanishes_beside(k: &DMatrix<f64>, kept: &[usize], least: f64) -> bool {
    let zero = |&i: &usize| !kept.contains(&i);
    let mut rows = (0..k.nrows()).filter(zero);
    rows.all(|i| (0..k.ncols()).all(|j| k[(i, j)].abs() <= geometric_mean(least, k[(j, j)])))
}
