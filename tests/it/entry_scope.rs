//! Entries that are functions of their two points alone have the same bits in any company.

use nalgebra::DMatrix;
use neural_limits::Scalar;
use neural_limits::activation::{Sign, named};
use neural_limits::kernel::{EntryScope, KernelKind, Kernels};
use neural_limits::network::{Activated, Dense, LayerNorm, Network, Residual};
use neural_limits::prelude::*;

use crate::cloud::cloud;

/// With a multiple and the origin.
fn points(count: usize, dimension: usize) -> Vec<Vec<f64>> {
    let mut rows = cloud(count, dimension);
    rows[4] = rows[0].iter().map(|x| 2.0 * x).collect();
    rows[5] = vec![0.0; dimension];
    rows
}

fn kernels<T: Scalar>(
    network: &Network,
    x: &Inputs<'_, T>,
    y: Option<&Inputs<'_, T>>,
    which: KernelKind,
) -> Kernels<T> {
    let tiles = network.tiles_of(x, y, which, 256, EntryScope::Pair);
    tiles.unwrap().kernels().unwrap()
}

fn bits<T: Scalar>(matrix: &DMatrix<T>) -> Vec<u64> {
    matrix.iter().map(|entry| entry.widen().to_bits()).collect()
}

fn check(network: &Network, rows: &[Vec<f64>], sides: &[usize]) {
    let x = Inputs::from_rows(rows).unwrap();
    let whole = kernels(network, &x, None, KernelKind::Both);
    let same = |found: &Kernels, i: &[usize], j: &[usize]| {
        let of = |matrix: &DMatrix<f64>| matrix.select_rows(i).select_columns(j);
        for (found, whole) in [(&found.nngp, &whole.nngp), (&found.ntk, &whole.ntk)] {
            if !found.is_empty() {
                assert_eq!(bits(found), bits(&of(whole)), "{}", network.name());
            }
        }
    };
    let all: Vec<usize> = (0..rows.len()).collect();
    // some points, out of order, between themselves, and with all
    for some in [vec![4, 0, 7], vec![5], vec![9, 2, 3, 1, 8]] {
        let few: Vec<&[f64]> = some.iter().map(|&i| &rows[i][..]).collect();
        let few = Inputs::from_rows(&few).unwrap();
        same(
            &kernels(network, &few, None, KernelKind::Nngp),
            &some,
            &some,
        );
        same(&kernels(network, &few, None, KernelKind::Ntk), &some, &some);
        same(
            &kernels(network, &few, Some(&x), KernelKind::Both),
            &some,
            &all,
        );
        same(
            &kernels(network, &x, Some(&few), KernelKind::Both),
            &all,
            &some,
        );
    }
    // tiles of any side, and the diagonals
    for &side in sides {
        let tiles = network
            .tiles_of(&x, None, KernelKind::Both, side, EntryScope::Pair)
            .unwrap();
        for tile in tiles.iter().step_by(3) {
            let tile = tile.unwrap();
            for (place, entry) in tile.ntk.iter().enumerate() {
                let columns = tile.columns.len();
                let at = (
                    tile.rows.start + place / columns,
                    tile.columns.start + place % columns,
                );
                assert_eq!((tile.nngp[place], *entry), (whole.nngp[at], whole.ntk[at]));
            }
        }
        assert_eq!(tiles.variances().unwrap(), whole.nngp.diagonal());
        assert_eq!(tiles.tangent_diagonal().unwrap(), whole.ntk.diagonal());
        assert_eq!(tiles.kernels().unwrap(), whole);
    }
    // single precision
    let double = whole;
    let single: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| row.iter().map(|&x| x as f32).collect())
        .collect();
    let x = Inputs::from_f32_rows(&single).unwrap();
    let few = Inputs::from_f32_rows(&[&single[3][..], &single[8], &single[6]]).unwrap();
    let whole = kernels(network, &x, None, KernelKind::Both);
    let part = kernels(network, &few, None, KernelKind::Both);
    let of = |matrix: &DMatrix<f32>| matrix.select_rows(&[3, 8, 6]).select_columns(&[3, 8, 6]);
    assert_eq!(
        (bits(&part.nngp), bits(&part.ntk)),
        (bits(&of(&whole.nngp)), bits(&of(&whole.ntk)))
    );
    // and the entries are those of the call, up to what these promise
    let shared = network.kernels(&Inputs::from_rows(rows).unwrap()).unwrap();
    for (shared, own) in [(shared.nngp, double.nngp), (shared.ntk, double.ntk)] {
        assert!(
            (&shared - &own).amax() <= 1e-11 * own.amax(),
            "{}",
            network.name()
        );
    }
}

/// Dense layers with biases, a residual branch with layer norm.
fn networks(name: &str) -> [Network; 3] {
    let init = Initialization::new(1.5, 0.1).unwrap();
    let phi = || Activated::new(named(name).unwrap());
    let branch = Network::new()
        .then(LayerNorm::default())
        .then(phi())
        .then(Dense::new(init));
    let residual = Network::new()
        .then(Dense::new(init))
        .then(Residual::new(1.0, 0.5, branch).unwrap());
    [
        Mlp::new(named(name).unwrap()).at_depth(2).unwrap(),
        Mlp::new(named(name).unwrap())
            .initialized_by(init)
            .at_depth(2)
            .unwrap(),
        residual,
    ]
}

#[test]
fn entries_of_a_pair_are_the_same_in_any_company() {
    for name in ["relu", "gelu", "tanh"] {
        for network in networks(name) {
            check(&network, &points(20, 30), &[1, 5]);
        }
    }
    for name in ["relu", "gelu"] {
        check(&networks(name)[1], &points(300, 17), &[100]);
    }
}

#[test]
fn entries_by_quadrature_are_the_same_in_any_company() {
    for (name, which) in [("elu", 1), ("hard_tanh", 2), ("softsign", 0)] {
        check(&networks(name)[which], &points(10, 30), &[]);
    }
}

/// In dimension 1 all points are parallel or opposite, whatever rounding says of their products.
#[test]
fn points_on_a_line_are_parallel_or_opposite() {
    let x = Inputs::from_rows(&[[1e-6], [-2e-6], [1.7e-6]]).unwrap();
    let network = Network::new().then(Dense::new(Initialization::lecun()));
    let network = network.then(Activated::new(Sign));
    let c = network.correlations(&x).unwrap();
    assert_eq!((c[(1, 0)], c[(2, 0)], c[(2, 1)]), (-1.0, 1.0, -1.0));
}
