//! Infinite width, finite depth: both kernels of all points at once, and computed otherwise.

use nalgebra::DMatrix;
use neural_limits::kernel::{EntryScope, KernelKind, Kernels};
use neural_limits::network::{Description, LayerDescription, Network};
use neural_limits::prelude::*;

use crate::case::{Problem, Reference, branches};
use crate::outcome::{Check, ensure, failed};
use crate::rounding::{LOST, covariance_matrix, geometric_mean, layers, of_a_layer, slack};

/// The network of a problem, its depth left open.
pub fn network(problem: &Problem) -> Result<Network, Error> {
    let layers = problem.layers.clone();
    Description { layers }.build()
}

pub fn check(problem: &Problem, reference: Reference) -> Check {
    let open = network(problem)?;
    let x = Inputs::from_rows(&problem.points)?;
    let fixed = open.at_depth(problem.depth)?;
    let kernels = fixed.kernels(&x)?;
    theorems(problem, &fixed, &x, &kernels)?;
    let points = problem.points.len();
    match reference {
        Reference::Pairs => {
            let infinite = open.infinite_width(problem.depth)?;
            for (i, j) in some_pairs(points) {
                let (a, b) = (&problem.points[i], &problem.points[j]);
                let pair = match infinite.tangent_pair(a, b) {
                    Ok(pair) => pair,
                    Err(error) => {
                        return failed(
                            "a pair exists if the matrix does",
                            format!("({i}, {j}): {error}"),
                        );
                    }
                };
                let values = [pair.covariance().covariance()?, pair.tangent()?];
                agree("a pair is its entry", problem, &kernels, (i, j), values)?;
            }
        }
        Reference::Rectangle => {
            let whole = fixed.kernels_between(&x, &x)?;
            all_agree("a rectangle is the square", problem, &kernels, &whole)?;
        }
        Reference::HalfOfThePoints => {
            let half = Inputs::from_rows(&problem.points[..points.div_ceil(2)])?;
            let half = fixed.kernels(&half)?;
            all_agree("part of a batch is the batch", problem, &kernels, &half)?;
        }
        Reference::LayerByLayer => {
            let tiles = fixed.tiles_of(&x, None, KernelKind::Both, 256, EntryScope::Pair)?;
            let by_layer = tiles.kernels()?;
            all_agree("tables are the layers", problem, &kernels, &by_layer)?;
        }
        Reference::EachAlone => each_alone(&fixed, &x, &kernels)?,
        Reference::Correlations => {
            if kernels.nngp.diagonal().iter().all(|&q| q > 0.0) {
                complements(&fixed, &x)?;
            }
        }
        Reference::SinglePrecision => single_precision(problem, &fixed)?,
    }
    Ok(())
}

/// What holds for one matrix.
fn theorems(problem: &Problem, fixed: &Network, x: &Inputs<'_>, kernels: &Kernels<f64>) -> Check {
    let granted = |which: usize| {
        let unit = of_a_layer(problem) * layers(problem) as f64;
        let kernels = [&kernels.nngp, &kernels.ntk];
        move |i: usize, j: usize| {
            let k = kernels[which];
            let scale = geometric_mean(k[(i, i)], k[(j, j)]);
            unit * scale
                + if i == j {
                    0.0
                } else {
                    slack(problem, i, j)[which]
                }
        }
    };
    covariance_matrix(
        [
            "the NNGP kernel is finite",
            "the NNGP kernel is symmetric",
            "the NNGP kernel is positive semi-definite",
        ],
        &kernels.nngp,
        granted(0),
    )?;
    covariance_matrix(
        [
            "the NTK is finite",
            "the NTK is symmetric",
            "the NTK is positive semi-definite",
        ],
        &kernels.ntk,
        granted(1),
    )?;
    ensure(
        kernels.nngp.diagonal() == fixed.variances(x)?,
        "variances are the diagonal",
        || format!("{}{}", kernels.nngp.diagonal(), kernels.nngp),
    )?;
    let diagonal = fixed.tangent_diagonal(x)?;
    for i in 0..x.len() {
        let (one, other) = (kernels.ntk[(i, i)], diagonal[i]);
        ensure(
            (one - other).abs() <= 1e-12 * one.abs(),
            "tangent_diagonal is the diagonal",
            || format!("{i}: {one:e}, {other:e}"),
        )?;
    }
    Ok(())
}

/// Half of both kernels is one of them.
fn each_alone(fixed: &Network, x: &Inputs<'_>, kernels: &Kernels<f64>) -> Check {
    for (one, both, kind) in [
        (fixed.nngp(x)?, &kernels.nngp, "nngp is half of kernels"),
        (fixed.ntk(x)?, &kernels.ntk, "ntk is half of kernels"),
    ] {
        for i in 0..x.len() {
            for j in 0..x.len() {
                let scale = geometric_mean(both[(i, i)], both[(j, j)]);
                let error = (one[(i, j)] - both[(i, j)]).abs();
                ensure(error <= GRANTED * scale, kind, || {
                    format!("({i}, {j}): {:e}, {:e}", one[(i, j)], both[(i, j)])
                })?;
            }
        }
    }
    Ok(())
}

fn complements(fixed: &Network, x: &Inputs<'_>) -> Check {
    let complements = match fixed.correlation_complements(x) {
        // a point without variance on the way has none
        Err(Error::Undefined { .. } | Error::ZeroVector { .. }) => return Ok(()),
        other => other?,
    };
    let correlations = fixed.correlations(x)?;
    for (epsilon, c) in complements.iter().zip(&correlations) {
        ensure(
            (0.0..=2.0).contains(epsilon) && (c + epsilon - 1.0).abs() <= 4.0 * f64::EPSILON,
            "correlations lie in [-1, 1]",
            || format!("c = {c:e}, 1 - c = {epsilon:e}"),
        )?;
    }
    Ok(())
}

/// A few pairs of different points.
fn some_pairs(points: usize) -> Vec<(usize, usize)> {
    let last = points - 1;
    let mut pairs = vec![
        (0, last),
        (last / 2, last),
        (last, 1.min(last)),
        (0, 1.min(last)),
    ];
    pairs.retain(|(i, j)| i != j);
    pairs.dedup();
    pairs
}

/// Whether a point with itself is more than two equal points.
fn has_dropout(layers: &[LayerDescription]) -> bool {
    layers.iter().any(|layer| {
        matches!(layer, LayerDescription::Dropout(_))
            || branches(layer)
                .into_iter()
                .any(|layers| has_dropout(layers))
    })
}

fn all_agree(
    kind: &'static str,
    problem: &Problem,
    kernels: &Kernels<f64>,
    other: &Kernels<f64>,
) -> Check {
    // of a rectangle nobody knows that its points are the same
    let skip_diagonal = kind.contains("rectangle") && has_dropout(&problem.layers);
    for i in 0..other.nngp.nrows() {
        for j in 0..other.nngp.ncols() {
            if i != j || !skip_diagonal {
                let values = [other.nngp[(i, j)], other.ntk[(i, j)]];
                agree(kind, problem, kernels, (i, j), values)?;
            }
        }
    }
    Ok(())
}

/// What documentation grants each of two ways to an entry, relative to the diagonal.
const GRANTED: f64 = 1e-12;

/// An entry of both kernels, computed otherwise.
fn agree(
    kind: &'static str,
    problem: &Problem,
    kernels: &Kernels<f64>,
    (i, j): (usize, usize),
    values: [f64; 2],
) -> Check {
    for (which, (k, value)) in [&kernels.nngp, &kernels.ntk]
        .into_iter()
        .zip(values)
        .enumerate()
    {
        let scale = geometric_mean(k[(i, i)], k[(j, j)]);
        let difference = (k[(i, j)] - value).abs();
        // variances that are not normal numbers count as 0 in blocks, and not in pairs
        if difference <= 2.0 * GRANTED * scale || difference < LOST {
            continue;
        }
        let slack = slack(problem, i, j)[which];
        ensure(difference <= 2.0 * GRANTED * scale + slack, kind, || {
            let name = ["NNGP", "NTK"][which];
            format!(
                "{name} ({i}, {j}): {:e} and {value:e}, relative difference {:e}, granted {:e}",
                k[(i, j)],
                difference / scale,
                2.0 * GRANTED + slack / scale
            )
        })?;
    }
    Ok(())
}

/// Numbers in single precision are converted exactly, and results rounded once.
fn single_precision(problem: &Problem, fixed: &Network) -> Check {
    let narrow: Vec<Vec<f32>> = problem
        .points
        .iter()
        .map(|x| x.iter().map(|&x| x as f32).collect())
        .collect();
    let wide: Vec<Vec<f64>> = narrow
        .iter()
        .map(|x| x.iter().map(|&x| f64::from(x)).collect())
        .collect();
    let single = fixed.kernels(&Inputs::from_f32_rows(&narrow)?)?;
    let double = fixed.kernels(&Inputs::from_rows(&wide)?)?;
    let pairs: [(&DMatrix<f32>, &DMatrix<f64>); 2] =
        [(&single.nngp, &double.nngp), (&single.ntk, &double.ntk)];
    for (single, double) in pairs {
        for (single, double) in single.iter().zip(double) {
            let error = (f64::from(*single) - double).abs();
            let rounding = 0.51 * f64::from(f32::EPSILON) * double.abs();
            ensure(
                error <= rounding + f64::from(f32::from_bits(1)),
                "single precision is double precision rounded",
                || format!("{single:e}, {double:e}"),
            )?;
        }
    }
    Ok(())
}
