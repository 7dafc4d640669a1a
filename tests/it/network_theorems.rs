//! What kernels of composed networks must satisfy, whatever the layers: against the plain recursion pair by
//! pair, and what users of other libraries have found broken (the numbers of neural-tangents' issues stand
//! beside the tests).

use nalgebra::DMatrix;
use neural_limits::PairCorrelation;
use neural_limits::activation::{Abs, Gaussian, HardTanh, Identity, Silu, named};
use neural_limits::kernel::KernelKind;
use neural_limits::network::{
    Activated, Dense, Dropout, FanIn, KernelBlock, LayerNorm, Network, Parametrization, Repeat,
    Residual,
};
use neural_limits::prelude::*;
use neural_limits::strategies::points;
use neural_limits_test_support::least_eigenvalue;
use proptest::prelude::*;

use crate::cloud::cloud;

/// Both kernels by the recursion of each pair.
fn pair_by_pair<N: Architecture>(net: &N, depth: usize, x: &[Vec<f64>]) -> [DMatrix<f64>; 2] {
    let net = net.infinite_width(depth).unwrap();
    let entry = |i: usize, j: usize| net.tangent_pair(&x[i], &x[j]).unwrap();
    [
        DMatrix::from_fn(x.len(), x.len(), |i, j| {
            entry(i, j).covariance().covariance().unwrap()
        }),
        DMatrix::from_fn(x.len(), x.len(), |i, j| entry(i, j).tangent().unwrap()),
    ]
}

/// The largest difference relative to √(diag · diag).
fn difference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let mut worst = 0.0_f64;
    for i in 0..a.nrows() {
        for j in 0..a.ncols() {
            let scale = (b[(i, i)] * b[(j, j)]).sqrt();
            let error = (a[(i, j)] - b[(i, j)]).abs() / scale;
            worst = worst.max(error);
        }
    }
    worst
}

fn agrees<N: Architecture>(net: &N, depth: usize, tolerance: f64) {
    let rows = cloud(12, 9);
    let x = Inputs::from_rows(&rows).unwrap();
    let whole = net.infinite_width(depth).unwrap().kernels(&x).unwrap();
    let [nngp, ntk] = pair_by_pair(net, depth, &rows);
    for (name, found, expected) in [("nngp", &whole.nngp, &nngp), ("ntk", &whole.ntk, &ntk)] {
        let error = difference(found, expected);
        println!("{} L = {depth}, {name}: {error:.1e}", net.name());
        assert!(
            error <= tolerance,
            "{} L = {depth}, {name}: {error:e}",
            net.name()
        );
    }
}

/// Homogeneous networks without biases: the table of the angle against the recursion, at most 1e-13 apart,
/// with or without doubling.
#[test]
fn tables_of_the_angle_are_the_recursion() {
    for depth in [1, 2, 3, 10, 47, 49, 50, 300, 2000] {
        // at depth 2000 the recursion's own variance is off by that
        let tolerance = if depth < 1000 { 1e-13 } else { 3e-13 };
        agrees(
            &Mlp::new(Relu).initialized_by(Initialization::he()),
            depth,
            tolerance,
        );
        agrees(
            &Mlp::new(LeakyRelu::new(0.2).unwrap()),
            depth.min(300),
            tolerance,
        );
        agrees(&ResNet::new(Relu), depth, tolerance);
        agrees(
            &ResNet::new(LeakyRelu::new(-0.5).unwrap()),
            depth,
            tolerance,
        );
        agrees(
            &ResNet::new(Abs).scaled_by(PowerLaw::new(0.25).unwrap()),
            depth,
            tolerance,
        );
        agrees(&Mlp::new(Identity), depth, tolerance);
    }
}

/// At depth 10⁶ the recursion itself has lost digits, so the limits say what is right: 1 − c ~ 9π²/(2L²) of
/// the MLP, the flow of the ResNet.
#[test]
fn a_million_layers_neither_overflow_nor_lose_the_angle() {
    let depth = 1_000_000;
    let rows = cloud(8, 5);
    let x = Inputs::from_rows(&rows).unwrap();
    let mlp = Mlp::new(Relu).initialized_by(Initialization::he());
    let mlp = mlp.infinite_width(depth).unwrap();
    let complements = mlp.correlation_complements(&x).unwrap();
    let limit = 4.5 * (std::f64::consts::PI / depth as f64).powi(2);
    assert!((complements[(5, 4)] / limit - 1.0).abs() < 1e-4);
    let pair = mlp
        .pair(&rows[5], &rows[4])
        .unwrap()
        .one_minus_correlation()
        .unwrap();
    assert!(
        (complements[(5, 4)] / pair - 1.0).abs() < 1e-9,
        "the recursion's own rounding"
    );
    // Θ/K = L + 1 on the diagonal, and (L + 4)/4 in the limit of orthogonal inputs
    let kernels = mlp.kernels(&x).unwrap();
    let ratio = kernels.ntk[(4, 4)] / kernels.nngp[(4, 4)];
    assert!((ratio / (depth as f64 + 1.0) - 1.0).abs() < 1e-12);
    let ratio = kernels.ntk[(5, 4)] / kernels.nngp[(5, 4)] / depth as f64;
    assert!((ratio - 0.25).abs() < 1e-3, "{ratio}");
    assert_eq!(
        kernels.nngp.diagonal(),
        mlp.network().variances(&x).unwrap()
    );

    let net = ResNet::new(Relu);
    let recursion = net.infinite_width(depth).unwrap().nngp(&x).unwrap();
    let flow = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
    assert!(difference(&recursion, &flow) < 1e-6);
}

/// Closed forms, layer by layer: to a few units of rounding a layer.
#[test]
fn closed_forms_by_rows_are_the_recursion() {
    let init = Initialization::new(1.7, 0.2).unwrap();
    for name in [
        "relu",
        "leaky_relu",
        "abs",
        "ab_relu",
        "erf",
        "erf(1.2, 0.7, 0.1)",
        "gelu",
        "sin",
        "cos",
        "rbf",
        "sigmoid_like",
        "gaussian",
        "gabor",
        "step",
        "polynomial(0.1, 0.4, -0.1)",
    ] {
        // a jump takes the square root of 1 − c at every layer, and with it of the rounding of |x|² and |y|²
        // for the nearly parallel inputs
        let tolerance = if name == "step" { 1e-6 } else { 3e-13 };
        for depth in [1, 3, 12] {
            agrees(
                &Mlp::new(named(name).unwrap()).initialized_by(init),
                depth,
                tolerance,
            );
        }
        agrees(
            &ResNet::new(named(name).unwrap()).initialized_by(init),
            6,
            tolerance,
        );
    }
}

/// Smooth activations through the shared table of Hermite coefficients: 1e-12.
#[test]
fn tables_of_hermite_coefficients_are_the_recursion() {
    for name in ["tanh", "silu", "sigmoid", "softplus", "mish"] {
        let init = Initialization::new(1.5, 0.1).unwrap();
        agrees(
            &Mlp::new(named(name).unwrap()).initialized_by(init),
            3,
            1e-12,
        );
    }
    let own = Custom::new(
        "x²/(1 + x²)",
        |x| x * x / (1.0 + x * x),
        |x| 2.0 * x / ((1.0 + x * x) * (1.0 + x * x)),
    );
    agrees(&ResNet::new(own), 3, 1e-12);
}

/// Activations with kinks and no closed form: few points pair by pair, more through series that they share,
/// many through a table of the whole network.
#[test]
fn kernels_of_activations_with_kinks_are_the_recursion() {
    let own = Custom::new(
        "0.3 x + |x - 1|",
        |x| 0.3 * x + (x - 1.0).abs(),
        |x| 0.3 + (x - 1.0).signum(),
    )
    .with_kinks(&[1.0])
    .unwrap();
    agrees_at_some_pairs(&Mlp::new(HardTanh), 2, &[4, 140]);
    agrees_at_some_pairs(&Mlp::new(named("elu").unwrap()), 2, &[30, 140]);
    agrees_at_some_pairs(&Mlp::new(own), 1, &[140]);
}

/// Some entries of both kernels, for several numbers of points of dimension 60, against the recursion of a
/// pair: 1e-12.
fn agrees_at_some_pairs<N: Architecture>(net: &N, depth: usize, counts: &[usize]) {
    let net = net.infinite_width(depth).unwrap();
    for &count in counts {
        let rows = cloud(count, 60);
        let x = Inputs::from_rows(&rows).unwrap();
        let whole = net.kernels(&x).unwrap();
        for (i, j) in [
            (0, 0),
            (0, 1),
            (2, 0),
            (3, 0),
            (3, 2),
            (count - 1, count / 2),
            (count / 2, 0),
        ] {
            let pair = net.tangent_pair(&rows[i], &rows[j]).unwrap();
            let k = pair.covariance().covariance().unwrap();
            let theta = pair.tangent().unwrap();
            for (matrix, expected) in [(&whole.nngp, k), (&whole.ntk, theta)] {
                let scale = (matrix[(i, i)] * matrix[(j, j)]).sqrt();
                let error = (matrix[(i, j)] - expected).abs() / scale;
                assert!(error < 1e-12, "({i}, {j}) of {count}: {error:e}");
            }
        }
    }
}

/// A chain of 20 000 layers with coefficients that all differ is where the flow says.
#[test]
fn a_power_law_of_many_layers_follows_the_flow() {
    let rows = cloud(8, 5);
    let x = Inputs::from_rows(&rows).unwrap();
    let net = ResNet::new(Relu).scaled_by(PowerLaw::new(0.25).unwrap());
    let recursion = net.infinite_width(20_000).unwrap().nngp(&x).unwrap();
    let flow = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
    assert!(difference(&recursion, &flow) < 2e-4);
}

/// A network with one of everything.
fn composed() -> Network {
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
    Network::new()
        .then(dense)
        .then(Repeat::new(3, block).unwrap())
        .then(FanIn::sum(vec![Network::new(), branch("tanh")]).unwrap())
        .then(FanIn::concatenation(vec![Network::new(), branch("relu")]).unwrap())
        .then(FanIn::product(vec![branch("erf"), branch("leaky_relu")]).unwrap())
        .then(dense)
}

proptest! {
    #![proptest_config(crate::property::config(24))]

    #[test]
    fn composed_kernels_are_symmetric_and_positive_semi_definite(rows in points(1..9, 1..6)) {
        let x = Inputs::from_rows(&rows).unwrap();
        let kernels = composed().kernels(&x).unwrap();
        for k in [&kernels.nngp, &kernels.ntk] {
            prop_assert_eq!(k, &k.transpose());
            let least = least_eigenvalue(k);
            prop_assert!(least >= -1e-14 * rows.len() as f64 * k.diagonal().max(), "{least:e}");
        }
        prop_assert_eq!(kernels.nngp.diagonal(), composed().variances(&x).unwrap());
        let diagonal = composed().tangent_diagonal(&x).unwrap();
        prop_assert!((kernels.ntk.diagonal() - diagonal).amax() <= 1e-14 * kernels.ntk.amax());
        prop_assert_eq!(&kernels.nngp, &composed().nngp(&x).unwrap());
        prop_assert_eq!(&kernels.ntk, &composed().ntk(&x).unwrap());
    }
}

/// The bits of a matrix do not depend on the number of threads, on tiles, or on whose the buffer is (#166).
#[test]
fn tiles_buffers_and_threads_do_not_matter() {
    let rows = cloud(300, 6);
    let x = Inputs::from_rows(&rows).unwrap();
    let net = composed();
    let whole = net.kernels(&x).unwrap();
    let mut buffers = [DMatrix::zeros(300, 300), DMatrix::zeros(300, 300)];
    let [a, b] = &mut buffers;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    pool.install(|| net.kernels_into(&x, None, Some(a), Some(b)))
        .unwrap();
    assert_eq!(buffers, [whole.nngp.clone(), whole.ntk.clone()]);
    for side in [300, 128, 77] {
        let tiles = net.tiles(&x, KernelKind::Both, side).unwrap();
        let mut seen = 0;
        for tile in tiles.iter() {
            let tile = tile.unwrap();
            seen += tile.nngp.len();
            for (i, row) in tile.rows.clone().zip(tile.nngp.chunks(tile.columns.len())) {
                for (j, k) in tile.columns.clone().zip(row) {
                    // tables are shared by all tiles of a plan, and rows of a block by its tables
                    assert!((k / whole.nngp[(i, j)] - 1.0).abs() < 1e-12);
                }
            }
        }
        assert!(seen >= 300 * 301 / 2);
        assert!(tiles.get(tiles.len()).is_err());
    }
}

/// The same where the whole network is a table of two norms and an angle, which all tiles and threads share.
#[test]
fn tables_of_networks_are_the_same_for_any_tile_and_thread() {
    let rows = cloud(600, 40);
    let x = Inputs::from_rows(&rows).unwrap();
    let net = Mlp::new(Erf::default()).initialized_by(Initialization::new(2.0, 0.1).unwrap());
    let net = net.at_depth(20).unwrap();
    let whole = net.kernels(&x).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    assert_eq!(pool.install(|| net.kernels(&x)).unwrap(), whole);
    for tile in net.tiles(&x, KernelKind::Both, 130).unwrap().iter() {
        let tile = tile.unwrap();
        for (i, row) in tile.rows.clone().zip(tile.ntk.chunks(tile.columns.len())) {
            for (j, theta) in tile.columns.clone().zip(row) {
                assert_eq!(*theta, whole.ntk[(i, j)]);
            }
        }
    }
    assert_eq!(whole.nngp, whole.nngp.transpose());
    assert_eq!(whole.nngp.diagonal(), net.variances(&x).unwrap());
    // duplicates are identical rows
    for j in 2..600 {
        assert_eq!(whole.ntk[(0, j)], whole.ntk[(1, j)]);
    }
    assert_eq!(whole.ntk[(0, 1)], whole.ntk[(0, 0)]);
    // parts of it, too small for tables, layer by layer
    let part = Inputs::from_rows(&rows[..20]).unwrap();
    let exact = net.kernels(&part).unwrap();
    let block = |k: &DMatrix<f64>| k.view((0, 0), (20, 20)).into_owned();
    assert!(difference(&block(&whole.nngp), &exact.nngp) < 2e-14);
    assert!(difference(&block(&whole.ntk), &exact.ntk) < 2e-14);
}

/// Batched and unbatched kernels are the same (#122): to the bit for closed forms.
#[test]
fn an_entry_does_not_depend_on_its_neighbours() {
    let rows = cloud(70, 20);
    let x = Inputs::from_rows(&rows).unwrap();
    for net in [
        Mlp::new(named("relu").unwrap()),
        Mlp::new(named("gelu").unwrap()).initialized_by(Initialization::new(1.5, 0.3).unwrap()),
    ] {
        let net = net.infinite_width(4).unwrap();
        let whole = net.kernels(&x).unwrap();
        for range in [0..1, 3..5, 10..41] {
            let part = Inputs::from_rows(&rows[range.clone()]).unwrap();
            let between = net.kernels_between(&part, &x).unwrap();
            let own = net.kernels(&part).unwrap();
            for (k, own, whole) in [
                (between.nngp, own.nngp, &whole.nngp),
                (between.ntk, own.ntk, &whole.ntk),
            ] {
                assert_eq!(k, whole.rows(range.start, range.len()).into_owned());
                let block = whole.view((range.start, range.start), (range.len(), range.len()));
                assert_eq!(own, block.into_owned());
            }
        }
    }
}

/// #197: growing weights overflow to NaN or 1e18 without a word. Here: by name, with the logarithm.
#[test]
fn an_exploding_network_is_an_error_that_says_so() {
    let rows = cloud(5, 4);
    let x = Inputs::from_rows(&rows).unwrap();
    let huge = Initialization::new(1e4, 0.0).unwrap();
    let error = Mlp::new(Relu)
        .initialized_by(huge)
        .infinite_width(300)
        .unwrap()
        .nngp(&x)
        .unwrap_err();
    assert!(
        matches!(&error, Error::Overflow { log, .. } if *log > 2000.0),
        "{error}"
    );
    let biased = Initialization::new(1e4, 1.0).unwrap();
    let error = Mlp::new(Relu)
        .initialized_by(biased)
        .infinite_width(300)
        .unwrap()
        .ntk(&x)
        .unwrap_err();
    assert!(matches!(&error, Error::Overflow { .. }), "{error}");
    // bounded activations do not explode
    let k = Mlp::new(Tanh)
        .initialized_by(huge)
        .infinite_width(2)
        .unwrap()
        .nngp(&x)
        .unwrap();
    assert!(k.iter().all(|k| k.is_finite()));
}

/// #36: the ordered phase gives NaN variances; #88: gradients are NaN at coincident inputs (here: θ at c = 1
/// is exact); #15: no tanh.
#[test]
fn the_ordered_phase_and_coincident_inputs_are_finite() {
    let rows = cloud(6, 3);
    let x = Inputs::from_rows(&rows).unwrap();
    let ordered = Initialization::new(0.3, 0.0).unwrap();
    for name in ["relu", "erf", "tanh", "sin"] {
        let net = Mlp::new(named(name).unwrap()).initialized_by(ordered);
        let kernels = net.infinite_width(400).unwrap().kernels(&x).unwrap();
        let finite = kernels
            .nngp
            .iter()
            .chain(kernels.ntk.iter())
            .all(|k| k.is_finite());
        assert!(finite && kernels.nngp[(0, 0)] >= 0.0, "{name}");
    }
    let kernels = Mlp::new(Erf::default())
        .infinite_width(3)
        .unwrap()
        .kernels(&x)
        .unwrap();
    assert_eq!(kernels.ntk[(0, 1)], kernels.ntk[(0, 0)]);
    assert_eq!(kernels.ntk[(0, 1)], kernels.ntk[(1, 1)]);
}

/// #198: near-singular kernels make predictions NaN as N grows: eigenvalues stay above −N times 1.2e-15 times
/// the largest variance (the eigenvalue solver's own rounding is as large).
#[test]
fn nearly_singular_kernels_stay_positive_semi_definite() {
    let rows: Vec<Vec<f64>> = (0..250)
        .map(|i| {
            let angle = 1e-7 * f64::from(i);
            vec![angle.cos(), angle.sin()]
        })
        .collect();
    let x = Inputs::from_rows(&rows).unwrap();
    for name in ["relu", "erf", "gelu", "tanh"] {
        let net = Mlp::new(named(name).unwrap());
        let kernels = net.infinite_width(3).unwrap().kernels(&x).unwrap();
        for k in [kernels.nngp, kernels.ntk] {
            let least = least_eigenvalue(&k);
            assert!(
                least > -250.0 * 1.2e-15 * k.diagonal().max(),
                "{name}: {least:e}"
            );
        }
    }
}

/// The same where the network is tabulated: points of the plane have kernels whose eigenvalues fall to 0, and
/// the tables' error of 1e-13 an entry leaves them above −N times that.
#[test]
fn tabulated_kernels_stay_positive_semi_definite() {
    for name in ["erf", "gelu"] {
        let rows = cloud(250, 2);
        let x = Inputs::from_rows(&rows).unwrap();
        let net = Mlp::new(named(name).unwrap());
        let net = net.infinite_width(150).unwrap();
        let kernels = net.kernels(&x).unwrap();
        for k in [kernels.nngp, kernels.ntk] {
            let least = least_eigenvalue(&k);
            let bound = -250.0 * 1e-14 * k.diagonal().max();
            assert!(least > bound, "{name}: {least:e} below {bound:e}");
        }
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let x = Inputs::from_rows(&[[1.0, 2.0]]).unwrap();
    let dense = Dense::new(Initialization::he());
    let relu = || Activated::new(Relu);
    let two = || vec![Network::new().then(relu()), Network::new()];
    for net in [
        Network::new().then(relu()),
        Network::new().then(dense).then(relu()).then(relu()),
        Network::new()
            .then(dense)
            .then(Residual::new(1.0, 1.0, Network::new().then(relu())).unwrap()),
        Network::new().then(dense).then(FanIn::sum(two()).unwrap()),
        Network::new()
            .then(dense)
            .then(FanIn::product(two()).unwrap()),
        Network::new()
            .then(dense)
            .then(Dropout::new(0.5).unwrap())
            .then(relu()),
    ] {
        assert!(
            matches!(net.nngp(&x), Err(Error::Unsupported { .. })),
            "{}",
            net.name()
        );
    }
    assert!(Dropout::new(0.0).is_err() && Dropout::new(f64::NAN).is_err());
    assert!(LayerNorm::new(-1.0).is_err() && Repeat::new(0, Network::new()).is_err());
    assert!(
        FanIn::sum(Vec::new()).is_err() && Residual::new(f64::NAN, 1.0, Network::new()).is_err()
    );
    assert!(FanIn::weighted_concatenation(vec![Network::new()], &[0.0]).is_err());
    let parallel = || vec![PairCorrelation::PARALLEL];
    assert!(KernelBlock::new(vec![1.0], vec![1.0, 2.0], parallel(), true).is_err());
    assert!(KernelBlock::new(vec![-1.0], vec![1.0], parallel(), true).is_err());
    let standard = dense.with_parametrization(Parametrization::Standard);
    let net = Network::new().then(standard).then(relu()).then(standard);
    assert!(
        matches!(net.ntk(&x), Err(Error::Unsupported { .. })),
        "no width"
    );
    let mut small = DMatrix::zeros(2, 2);
    assert!(matches!(
        dense_net().kernels_into(&x, None, Some(&mut small), None),
        Err(Error::Shape { .. })
    ));
}

fn dense_net() -> Network {
    Network::new().then(Dense::new(Initialization::he()))
}

#[test]
fn dropout_touches_a_point_with_itself_alone() {
    let rows = [[1.0, 0.5], [1.0, 0.5], [0.2, -1.0]];
    let x = Inputs::from_rows(&rows).unwrap();
    let dense = Dense::new(Initialization::new(1.5, 0.1).unwrap());
    let with = |keep| {
        let net = Network::new().then(dense).then(Activated::new(Gelu));
        net.then(Dropout::new(keep).unwrap())
            .then(dense)
            .kernels(&x)
            .unwrap()
    };
    let (all, half) = (with(1.0), with(0.5));
    for i in 0..3 {
        for j in 0..3 {
            let (k, all) = (half.nngp[(i, j)] - 0.1, all.nngp[(i, j)] - 0.1);
            let factor: f64 = if i == j { 2.0 } else { 1.0 };
            assert!((k / (factor * all) - 1.0).abs() < 1e-13, "({i}, {j})");
        }
    }
}

/// Standard parametrisation weighs each layer's weights by its fan-in: n times the NTK parametrisation's
/// share over σ_w².
#[test]
fn the_standard_parametrisation_counts_neurons() {
    let rows = cloud(5, 7);
    let x = Inputs::from_rows(&rows).unwrap();
    let init = Initialization::new(1.5, 0.0).unwrap();
    let standard = Dense::new(init).with_parametrization(Parametrization::Standard);
    let net = |first: Dense, second: Dense| {
        Network::new()
            .then(first)
            .then(Activated::new(Gelu))
            .then(second)
    };
    let wide = standard.with_width(1000).unwrap();
    let theta = net(wide, standard).ntk(&x).unwrap();
    let ntk = Dense::new(init);
    // the first layer has 7 inputs, the second 1000
    let first = net(ntk, ntk.frozen()).ntk(&x).unwrap() * (7.0 / 1.5);
    let second = net(ntk.frozen(), ntk).ntk(&x).unwrap() * (1000.0 / 1.5);
    assert!(difference(&theta, &(first + second)) < 1e-14);
}

#[test]
fn a_dense_net_is_the_mean_of_its_layers() {
    let rows = cloud(6, 4);
    let x = Inputs::from_rows(&rows).unwrap();
    let net = DenseNet::new(Silu, 0.5).unwrap();
    let k1 = net.at_depth(1).unwrap().nngp(&x).unwrap();
    let k0 = Network::new()
        .then(Dense::new(Initialization::lecun()))
        .nngp(&x)
        .unwrap();
    let branch = Mlp::new(Silu).infinite_width(1).unwrap().nngp(&x).unwrap();
    assert!(difference(&k1, &((k0 + branch * 0.5) / 1.5)) < 1e-14);
    let homogeneous = DenseNet::new(Relu, 0.3).unwrap();
    let kernels = homogeneous.at_depth(20).unwrap().kernels(&x).unwrap();
    assert!(kernels.ntk.iter().all(|k| k.is_finite()));
}

#[test]
fn single_precision_is_double_precision_rounded_once() {
    let rows: Vec<Vec<f32>> = cloud(20, 5)
        .iter()
        .map(|row| row.iter().map(|x| *x as f32).collect())
        .collect();
    let wide: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| row.iter().map(|x| f64::from(*x)).collect())
        .collect();
    let net = Mlp::new(Gaussian::new(1.0, -0.5).unwrap());
    let net = net.at_depth(2).unwrap();
    let single = net.ntk(&Inputs::from_f32_rows(&rows).unwrap()).unwrap();
    let double = net.ntk(&Inputs::from_rows(&wide).unwrap()).unwrap();
    assert_eq!(single, double.map(|k| k as f32));
}
