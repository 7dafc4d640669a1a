//! What every kernel must satisfy, whatever the inputs.

use nalgebra::DMatrix;
use neural_limits::prelude::*;
use neural_limits::strategies::{initializations, points};
use neural_limits_test_support::least_eigenvalue;
use proptest::prelude::*;

fn kernels(x: &Inputs, init: Initialization, depth: usize) -> [DMatrix<f64>; 3] {
    let mlp = Mlp::new(Relu).initialized_by(init);
    let resnet = ResNet::new(Relu).initialized_by(init);
    [
        mlp.infinite_width(depth).unwrap().nngp(x).unwrap(),
        resnet.infinite_width(depth).unwrap().nngp(x).unwrap(),
        resnet.infinite_depth().covariance_at(x, 0.7).unwrap(),
    ]
}

proptest! {
    #![proptest_config(crate::property::config(128))]

    #[test]
    fn gram_matrices_are_symmetric_and_positive_semi_definite(
        rows in points(1..6, 1..5), init in initializations(), depth in 1..20_usize
    ) {
        let x = Inputs::from_rows(&rows).unwrap();
        for k in kernels(&x, init, depth) {
            prop_assert_eq!(&k, &k.transpose());
            let scale = k.diagonal().max();
            let least = least_eigenvalue(&k);
            prop_assert!(least >= -1e-14 * scale, "{least:e} of {scale:e}");
        }
    }

    #[test]
    fn the_diagonal_is_the_variance_recursion_to_the_bit(
        rows in points(1..6, 1..5), init in initializations(), depth in 1..20_usize
    ) {
        let x = Inputs::from_rows(&rows).unwrap();
        let net = Mlp::new(Relu).initialized_by(init);
        let net = net.infinite_width(depth).unwrap();
        prop_assert_eq!(net.nngp(&x).unwrap().diagonal(), net.variances(&x).unwrap());
    }

    #[test]
    fn duplicates_have_identical_rows(
        rows in points(1..6, 1..5), init in initializations(), depth in 1..20_usize
    ) {
        let mut doubled = rows.clone();
        doubled.push(rows[0].clone());
        let x = Inputs::from_rows(&doubled).unwrap();
        for k in kernels(&x, init, depth) {
            prop_assert_eq!(k.row(0).clone_owned(), k.row(rows.len()).clone_owned());
            prop_assert_eq!(k[(0, rows.len())], k[(0, 0)]);
        }
    }

    #[test]
    fn a_rectangular_kernel_is_a_block_of_the_symmetric_one(
        rows in points(1..6, 1..5), init in initializations(), depth in 1..20_usize
    ) {
        let x = Inputs::from_rows(&rows).unwrap();
        let first = Inputs::from_rows(&rows[..1]).unwrap();
        let net = ResNet::new(Relu).initialized_by(init);
        let width = net.infinite_width(depth).unwrap();
        let (block, full) = (width.nngp_between(&first, &x).unwrap(), width.nngp(&x).unwrap());
        prop_assert!((block - full.rows(0, 1)).amax() <= 1e-15 * full.amax());
        let flow = net.infinite_depth();
        let block = flow.covariance_between_at(&first, &x, 0.5).unwrap();
        let full = flow.covariance_at(&x, 0.5).unwrap();
        prop_assert!((block - full.rows(0, 1)).amax() <= 1e-12 * full.amax());
    }

    #[test]
    fn without_biases_the_kernel_is_homogeneous_of_degree_two(
        rows in points(1..6, 1..5), power in -20..20_i32, depth in 1..20_usize
    ) {
        let scaled: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| row.iter().map(|x| x * 2f64.powi(power)).collect())
            .collect();
        let (x, y) = (Inputs::from_rows(&rows).unwrap(), Inputs::from_rows(&scaled).unwrap());
        for (k, scaled) in kernels(&x, Initialization::lecun(), depth)
            .into_iter()
            .zip(kernels(&y, Initialization::lecun(), depth))
        {
            prop_assert_eq!(k * 4f64.powi(power), scaled);
        }
    }

    #[test]
    fn single_precision_is_double_precision_rounded_once(
        rows in points(1..6, 1..5), init in initializations(), depth in 1..20_usize
    ) {
        let single: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| row.iter().map(|x| *x as f32).collect())
            .collect();
        let double: Vec<Vec<f64>> = single
            .iter()
            .map(|row| row.iter().map(|x| f64::from(*x)).collect())
            .collect();
        let net = ResNet::new(Relu).initialized_by(init);
        let net = net.infinite_width(depth).unwrap();
        let k32 = net.nngp(&Inputs::from_f32_rows(&single).unwrap()).unwrap();
        let k64 = net.nngp(&Inputs::from_rows(&double).unwrap()).unwrap();
        prop_assert_eq!(k32, k64.map(|entry| entry as f32));
    }

    #[test]
    fn the_reached_layer_is_the_one_of_the_trajectory(
        rows in points(1..6, 1..5), depth in 1..30_usize, fraction in 0.0..=1.0_f64
    ) {
        let layer = (fraction * depth as f64).round() as usize;
        let net = ResNet::new(Relu);
        let at = net
            .infinite_width(depth)
            .unwrap()
            .at_time(layer as f64 / depth as f64)
            .unwrap();
        prop_assert_eq!(at.layers(), layer);
        let k = PairCovariance::with_complement(1.0, 2.0, 0.3).unwrap();
        prop_assert_eq!(at.trajectory_from(k).count(), layer + 1);
        prop_assert_eq!(at.trajectory_from(k).last().unwrap().unwrap(), at.propagate(k).unwrap());
        let x = Inputs::from_rows(&rows).unwrap();
        prop_assert_eq!(at.variances(&x).unwrap().len(), rows.len());
    }
}

#[test]
fn at_the_edge_of_chaos_a_million_layers_neither_overflow_nor_lose_the_angle() {
    let depth = 1_000_000;
    let net = Mlp::new(Relu).initialized_by(Initialization::he());
    let k = PairCovariance::with_complement(3.0, 0.5, 1.0).unwrap();
    let k = net.infinite_width(depth).unwrap().propagate(k).unwrap();
    assert_eq!(
        (k.variance_a().unwrap(), k.variance_b().unwrap()),
        (3.0, 0.5)
    );
    // 1 - c_l ~ 9π²/(2 l²) (Hayou et al. 2019, arXiv 1902.06853)
    let scaled = k.one_minus_correlation().unwrap() * (depth as f64).powi(2);
    let limit = 4.5 * std::f64::consts::PI.powi(2);
    assert!(
        (scaled / limit - 1.0).abs() < 1e-4,
        "{scaled} against {limit}"
    );
}

#[test]
fn correlations_outlive_exploding_and_vanishing_variances() {
    let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]).unwrap();
    let exploding = ResNet::new(Relu).scaled_by(Constant::one());
    let net = exploding.infinite_width(5000).unwrap();
    let error = net.nngp(&x).unwrap_err();
    // the variance is (3/2)^5000 / 2
    let log = 5000.0 * 1.5_f64.ln() - 2f64.ln();
    assert!(
        matches!(error, Error::Overflow { log: found, .. } if (found - log).abs() < 1.0),
        "{error}"
    );
    let complement = net.correlation_complements(&x).unwrap()[(0, 1)];
    assert!(complement > 0.0 && complement < 1e-4);

    let vanishing = Mlp::new(Relu);
    let net = vanishing.infinite_width(5000).unwrap();
    assert_eq!(net.nngp(&x).unwrap()[(0, 1)], 0.0);
    let critical = Mlp::new(Relu).initialized_by(Initialization::he());
    let critical = critical.infinite_width(5000).unwrap();
    assert_eq!(
        net.correlation_complements(&x).unwrap(),
        critical.correlation_complements(&x).unwrap()
    );
}

#[test]
fn single_precision_overflow_is_reported_for_its_own_range() {
    let x = Inputs::from_f32_rows(&[[1e25_f32, 1e25]]).unwrap();
    let net = Mlp::new(Relu);
    let error = net.infinite_width(1).unwrap().nngp(&x).unwrap_err();
    assert!(
        matches!(error, Error::Overflow { limit, .. } if limit < 89.0),
        "{error}"
    );
}
