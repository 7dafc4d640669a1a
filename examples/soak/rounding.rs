//! How far numbers that should be equal may be apart.

use nalgebra::DMatrix;
use neural_limits::activation::named;
use neural_limits::kernel::InInfiniteWidth;
use neural_limits::network::{KernelBlock, Layer, LayerDescription, Network};

use crate::case::{Problem, activations_of, branches};
use crate::outcome::{Check, ensure};

/// One rounding.
const UNIT: f64 = f64::EPSILON;

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
    fn count(layers: &[LayerDescription], depth: usize) -> usize {
        let one = |layer: &LayerDescription| {
            let inner = branches(layer).into_iter();
            let inner = inner.map(|layers| count(layers, depth)).sum::<usize>();
            match layer {
                LayerDescription::Repeat { times, .. } => times * inner,
                LayerDescription::Stack { .. } | LayerDescription::DenselyConnected { .. } => {
                    depth * inner
                }
                _ => 1 + inner,
            }
        };
        layers.iter().map(one).sum()
    }
    count(&problem.layers, problem.depth)
}

/// What both kernels of a pair may be off: the error of each layer as a perturbation of the inputs, sent
/// through the network.
///
/// Variances and $1 - c$ have relative errors. Between different norms, and near $c = -1$, $1 - c$ has an
/// absolute one.
pub fn slack(problem: &Problem, network: &Network, i: usize, j: usize) -> [f64; 2] {
    let unit = of_a_layer(problem) * layers(problem) as f64;
    let (x, y) = (&problem.points[i], &problem.points[j]);
    let Some(pair) = of_inputs(x, y) else {
        return [f64::INFINITY; 2];
    };
    let [qa, qb, epsilon] = pair;
    let Some(here) = kernels(network, x.len(), pair) else {
        return [f64::INFINITY; 2];
    };
    let mut moved = vec![
        [qa * (1.0 + unit), qb, epsilon],
        [qa, qb * (1.0 + unit), epsilon],
        [qa, qb, epsilon * (1.0 + unit)],
        [qa, qb, epsilon * (1.0 - unit)],
    ];
    if qa != qb || epsilon > 1.0 {
        moved.push([qa, qb, epsilon + unit]);
        moved.push([qa, qb, epsilon - unit]);
    }
    let mut slack = [0.0; 2];
    for [qa, qb, epsilon] in moved {
        match kernels(network, x.len(), [qa, qb, epsilon.clamp(0.0, 2.0)]) {
            Some(there) => {
                for (slack, (here, there)) in slack.iter_mut().zip(here.iter().zip(there)) {
                    // a perturbation of one kind for each of the variables
                    *slack += 2.0 * (there - here).abs();
                }
            }
            None => return [f64::INFINITY; 2],
        }
    }
    slack
}

/// Variances and $1 - c$ of two inputs.
fn of_inputs(x: &[f64], y: &[f64]) -> Option<[f64; 3]> {
    let identity = Network::new().infinite_width(1).ok()?;
    let pair = identity.pair(x, y).ok()?.pair().ok()?;
    let epsilon = pair.one_minus_correlation();
    Some([pair.variance_a(), pair.variance_b(), epsilon])
}

/// Both kernels of a pair of inputs.
fn kernels(network: &Network, dimension: usize, [qa, qb, epsilon]: [f64; 3]) -> Option<[f64; 2]> {
    let mut block = KernelBlock::new(vec![qa], vec![qb], vec![epsilon], true).ok()?;
    block.set_width(Some(dimension as f64));
    network.apply(&mut block).ok()?;
    let scale = (block.variance_a()[0] * block.variance_b()[0]).sqrt();
    let tangent = block.tangent()?[0];
    Some([scale * (1.0 - block.complement()[0]), tangent])
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
    let kept: Vec<usize> = (0..k.nrows()).filter(|&i| k[(i, i)] != 0.0).collect();
    ensure(
        kept.iter().all(|&i| k[(i, i)] > 0.0) && vanishes_beside(k, &kept),
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
    ensure(least >= -rounding - bound, definite, || {
        format!("least eigenvalue of the correlations {least:e}, granted {bound:e}")
    })
}

/// Rows of a point without variance are 0.
fn vanishes_beside(k: &DMatrix<f64>, kept: &[usize]) -> bool {
    let zero = |&i: &usize| !kept.contains(&i);
    let mut rows = (0..k.nrows()).filter(zero);
    rows.all(|i| k.row(i).iter().all(|&k| k == 0.0))
}
