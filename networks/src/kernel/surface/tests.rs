//! Tables of whole networks against the layers themselves, on every kind of input.

use super::Surface;
use crate::Initialization;
use crate::Inputs;
use crate::PairCorrelation;
use crate::activation::{Gelu, named};
use crate::architecture::{Architecture, Mlp, ResNet};
use crate::kernel::product::InputPairs;
use crate::network::{
    Activated, Dense, Dropout, FanIn, KernelBlock, Layer, LayerNorm, Network, Repeat, Residual,
};

/// Numbers in $(-1, 1)$ in no order.
fn numbers() -> impl FnMut() -> f64 {
    let mut state = 0.37_f64;
    move || {
        state = (state * 997.0 + 0.618).fract();
        2.0 * state - 1.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cloud {
    /// Angles and norms near each other, as in high dimension.
    Concentrated,
    /// All angles, norms that differ by a factor of 2; duplicates, multiples, opposites, nearly parallel
    /// points, the origin.
    Wide,
    /// All angles, one norm up to rounding.
    Sphere,
}

fn cloud(kind: Cloud, count: usize) -> Vec<Vec<f64>> {
    let mut next = numbers();
    let dimension = if kind == Cloud::Concentrated { 100 } else { 3 };
    let mut rows: Vec<Vec<f64>> = (0..count)
        .map(|_| (0..dimension).map(|_| next()).collect())
        .collect();
    for row in &mut rows {
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = match kind {
            Cloud::Concentrated => 1.0,
            Cloud::Wide => (0.3 * next()).exp() / norm * 3.0_f64.sqrt(),
            Cloud::Sphere => 3.0_f64.sqrt() / norm,
        };
        for x in row {
            *x *= scale;
        }
    }
    rows[1] = rows[0].clone();
    if kind == Cloud::Wide {
        rows[2] = rows[0].iter().map(|x| 1.5 * x).collect();
        rows[3] = rows[0].iter().map(|x| -x).collect();
        rows[4] = rows[0].iter().map(|x| x * (1.0 + 1e-6 * x)).collect();
        rows[5] = vec![0.0; 3];
    }
    rows
}

/// Points that are compared: among them all that are special.
const COMPARED: usize = 100;

/// The largest errors of $\varepsilon^\prime$ (relative to it or to `floor`, whichever is larger), $\Theta$
/// (in units of the diagonal's geometric mean), and whether the diagonal and duplicates are exact.
fn errors(network: &Network, rows: &[Vec<f64>], with_tangent: bool, floor: f64) -> [f64; 2] {
    let x = Inputs::from_rows(rows).unwrap();
    let pairs = InputPairs::new(&x, None).unwrap();
    let mut points = KernelBlock::of_points(pairs.variances());
    points.set_width(Some(x.dimension() as f64));
    let prepared = network.prepared(&points).unwrap();
    let surface = Surface::new((network, &prepared), &pairs, with_tangent)
        .unwrap()
        .expect("tables are worth it");
    let all = 0..x.len().min(COMPARED);
    let block = |columns: std::ops::Range<usize>| {
        let products = pairs.products(&all, &pairs.packed(&columns), false);
        pairs
            .block(&all, &columns, &products, with_tangent)
            .unwrap()
    };
    let found = surface
        .map(&prepared, block(all.clone()), (&all, &all), pairs.room())
        .unwrap();
    let mut exact = block(all.clone());
    prepared.apply(&mut exact).unwrap();
    let n = all.len();
    let diagonal = |i: usize| exact.tangent().map_or(0.0, |t| t[i * n + i]);
    let mut worst = [0.0_f64; 2];
    for i in 0..n {
        for j in 0..n {
            let at = i * n + j;
            let [a, b] = [found.correlation[at], exact.correlation()[at]];
            let (a, b) = (a.one_minus(), b.one_minus());
            if a != b {
                worst[0] = worst[0].max((a - b).abs() / b.max(floor));
            }
            if let (Some(a), Some(b)) = (&found.tangent, exact.tangent()) {
                let scale = (diagonal(i) * diagonal(j)).sqrt();
                worst[1] = worst[1].max((a[at] - b[at]).abs() / scale);
            }
        }
        assert_eq!(found.correlation[i * n + i], PairCorrelation::PARALLEL);
    }
    assert_eq!(surface.outputs(&all), exact.variance_a());
    // any part has the bits of the whole
    let columns = n / 3..n / 2;
    let part = surface
        .map(
            &prepared,
            block(columns.clone()),
            (&all, &columns),
            pairs.room(),
        )
        .unwrap();
    for (part, whole) in part
        .correlation
        .chunks(columns.len())
        .zip(found.correlation.chunks(n))
    {
        for (j, part) in columns.clone().zip(part) {
            let (part, whole) = (part.one_minus(), whole[j].one_minus());
            assert!((part - whole).abs() <= 1e-13 * part, "{part} {whole}");
        }
    }
    println!(
        "{:.1e}, {:.1e}: {}",
        worst[0],
        worst[1],
        network.name().chars().take(60).collect::<String>()
    );
    worst
}

fn check(network: &Network, kind: Cloud, count: usize, tolerance: f64, floor: f64) {
    let worst = errors(network, &cloud(kind, count), true, floor);
    // tangent kernels are held to a quarter
    let good = worst[0] <= tolerance && worst[1] <= 0.25 * tolerance;
    assert!(good, "{kind:?}, {}: {worst:?}", network.name());
}

/// Closed forms: 1 − c to 2e-13 of itself at any angle, Θ to 5e-14 of the diagonal.
#[test]
fn tables_of_closed_forms_are_the_layers() {
    let init = Initialization::new(1.7, 0.2).unwrap();
    for name in ["relu", "erf", "gelu", "sin", "leaky_relu(0.1)"] {
        let mlp = Mlp::new(named(name).unwrap()).initialized_by(init);
        let resnet = ResNet::new(named(name).unwrap()).initialized_by(init);
        for network in [mlp.at_depth(12).unwrap(), resnet.at_depth(20).unwrap()] {
            for kind in [Cloud::Concentrated, Cloud::Sphere] {
                check(&network, kind, 250, 2e-13, 0.0);
            }
        }
        if name == "gelu" {
            check(
                &resnet.at_depth(70).unwrap(),
                Cloud::Wide,
                1200,
                2e-13,
                0.02,
            );
        }
    }
}

/// Tangent kernels of polynomials differ by orders of magnitude between the norms of a cell, and are held to
/// the diagonal's at each.
#[test]
fn tables_of_growing_activations_are_the_layers() {
    let init = Initialization::new(1.5, 0.1).unwrap();
    for name in ["hermite(3)", "rectified_monomial"] {
        let network = Mlp::new(named(name).unwrap()).initialized_by(init);
        let network = network.at_depth(3).unwrap();
        check(&network, Cloud::Concentrated, 400, 2e-13, 0.02);
    }
}

/// Activations with tables of their own and those by quadrature: to what these err by.
#[test]
fn tables_of_other_activations_are_the_layers() {
    let init = Initialization::new(1.5, 0.1).unwrap();
    for name in ["tanh", "silu", "mish"] {
        let mlp = Mlp::new(named(name).unwrap()).initialized_by(init);
        let network = mlp.at_depth(8).unwrap();
        check(&network, Cloud::Concentrated, 200, 1e-12, 0.1);
        check(&network, Cloud::Sphere, 200, 1e-12, 0.1);
    }
    for name in ["hard_tanh", "elu"] {
        let mlp = Mlp::new(named(name).unwrap()).initialized_by(init);
        check(
            &mlp.at_depth(2).unwrap(),
            Cloud::Concentrated,
            130,
            1e-12,
            0.1,
        );
    }
}

#[test]
fn tables_hold_for_any_composition() {
    let dense = Dense::new(Initialization::new(1.3, 0.2).unwrap());
    let branch = |phi| {
        Network::new()
            .then(Activated::new(named(phi).unwrap()))
            .then(dense)
    };
    let normed = Network::new()
        .then(LayerNorm::default())
        .then(Activated::new(Gelu))
        .then(dense);
    let block = Network::new().then(Residual::new(1.0, 0.5, normed).unwrap());
    let network = Network::new()
        .then(dense)
        .then(Repeat::new(6, block).unwrap())
        .then(FanIn::concatenation(vec![Network::new(), branch("relu")]).unwrap())
        .then(FanIn::product(vec![branch("erf"), branch("leaky_relu")]).unwrap())
        .then(Dropout::new(0.8).unwrap())
        .then(dense);
    for kind in [Cloud::Concentrated, Cloud::Sphere] {
        check(&network, kind, 300, 2e-13, 0.0);
    }
    // without tangent kernels
    let mlp = Mlp::new(Gelu);
    let worst = errors(
        &mlp.at_depth(10).unwrap(),
        &cloud(Cloud::Sphere, 200),
        false,
        0.0,
    );
    assert!(worst[0] <= 2e-13 && worst[1] == 0.0, "{worst:?}");
}

/// A chaotic network at great depth is not smooth: what the tables cannot hold goes layer by layer.
#[test]
fn what_is_not_smooth_enough_is_not_tabulated() {
    let init = Initialization::new(9.0, 0.05).unwrap();
    let mlp = Mlp::new(named("erf").unwrap()).initialized_by(init);
    let network = mlp.at_depth(12).unwrap();
    check(&network, Cloud::Sphere, 400, 1e-12, 0.0);
}
