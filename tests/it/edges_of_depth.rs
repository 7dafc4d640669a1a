//! Limits of infinite depth and deep recursions where a correlation, a variance or a map is at an edge.
//!
//! Expected values are those of the recursion at a depth that is stated, unless they are exact.

use std::sync::Arc;

use nalgebra::DMatrix;
use neural_limits::activation::{
    Activation, Cosine, Dual, Gaussian, Polynomial, Sign, Sine, Softplus, entries, named,
};
use neural_limits::network::{Activated, Dense, Dropout, Network, Stack};
use neural_limits::prelude::*;
use neural_limits::{PairCorrelation, ScaledCovariance};
use neural_limits_test_support::least_eigenvalue;

use crate::cloud::cloud;
use crate::counted::Counted;
use crate::property::samples;

fn init(weight: f64, bias: f64) -> Initialization {
    Initialization::new(weight, bias).unwrap()
}

fn mlp(phi: impl Dual + 'static, weight: f64, bias: f64) -> Mlp {
    Mlp::new(phi).initialized_by(init(weight, bias))
}

/// The largest difference of two matrices, relative to the largest entry.
fn difference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).amax() / b.amax()
}

fn limit(net: &impl Architecture, k: PairCovariance) -> ScaledCovariance {
    net.infinite_depth().propagate(k, 1.0).unwrap()
}

fn recursion(net: &impl Architecture, k: PairCovariance, depth: usize) -> ScaledCovariance {
    net.infinite_width(depth).unwrap().propagate(k).unwrap()
}

fn pair(a: f64, b: f64, correlation: f64) -> PairCovariance {
    PairCovariance::with_complement(a, b, 1.0 - correlation).unwrap()
}

/// B. Poole et al. (2016): in the chaotic phase every pair of distinct points tends to $c^\* < 1$.
#[test]
fn in_the_chaotic_phase_nearly_parallel_points_separate() {
    let x = [[1.0, 0.0], [1.0, 1e-9], [1.0, 1e-7], [0.0, 1.0]];
    let x = Inputs::from_rows(&x).unwrap();
    let net = mlp(Erf::default(), 10.0, 0.5);
    let k = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
    let deep = net.infinite_width(2000).unwrap().nngp(&x).unwrap();
    assert!(difference(&k, &deep) < 1e-13);
    for i in 0..4 {
        for j in 0..4 {
            let expected = if i == j { 8.349_795_5 } else { 1.814_889_9 };
            assert!((k[(i, j)] - expected).abs() < 1e-7);
        }
    }

    let x = Inputs::from_rows(&[[1e-6], [2e-6], [1.5e-6], [3e-7]]).unwrap();
    let net = mlp(Cosine::default(), 10.0, 10.0);
    let c = net.infinite_depth().correlation_at(&x, 1.0).unwrap();
    let deep = net.infinite_width(2000).unwrap().correlations(&x).unwrap();
    assert!(difference(&c, &deep) < 1e-13);
    assert!((c[(0, 3)] - 0.668_992_4).abs() < 1e-7);
    assert_eq!(c[(0, 1)], c[(1, 2)]);
}

#[test]
fn exactly_parallel_and_opposite_points_stay_what_they_are() {
    let erf = mlp(Erf::default(), 10.0, 0.0);
    assert_eq!(limit(&erf, pair(1.0, 1.0, 1.0)).correlation().unwrap(), 1.0);
    assert_eq!(
        limit(&erf, pair(1.0, 1.0, -1.0)).correlation().unwrap(),
        -1.0
    );
    // distinct norms are distinct points
    assert_eq!(limit(&erf, pair(1.0, 4.0, 1.0)).correlation().unwrap(), 0.0);
    let barely = PairCovariance::with_complement(1.0, 1.0, 1e-300).unwrap();
    assert_eq!(limit(&erf, barely).correlation().unwrap(), 0.0);
    let opposite = PairCorrelation::from_one_plus(1e-300).unwrap();
    let barely = PairCovariance::with_correlation(1.0, 1.0, opposite).unwrap();
    assert_eq!(limit(&erf, barely).correlation().unwrap(), 0.0);
    // an even function does not tell u from -u; a bias tells all
    let cos = mlp(Cosine::default(), 10.0, 10.0);
    assert_eq!(
        limit(&cos, pair(1.0, 1.0, -1.0)).correlation().unwrap(),
        1.0
    );
    let biased = mlp(Erf::default(), 10.0, 0.5);
    let end = limit(&biased, pair(1.0, 1.0, -1.0)).correlation().unwrap();
    assert!((end - 0.217_357).abs() < 1e-6);
    // of a jump, parallel is parallel
    let sign = mlp(Sign, 1.0, 0.5);
    assert_eq!(
        limit(&sign, pair(1.0, 4.0, 1.0)).correlation().unwrap(),
        1.0
    );
    let end = limit(&sign, pair(1.0, 4.0, 0.9))
        .one_minus_correlation()
        .unwrap();
    let deep = recursion(&sign, pair(1.0, 4.0, 0.9), 2000)
        .one_minus_correlation()
        .unwrap();
    assert!((end - deep).abs() < 1e-13);
}

#[test]
fn a_variance_without_a_stable_positive_value_is_0() {
    let net = mlp(Erf::default(), 0.1, 0.0);
    let k = limit(&net, pair(1.0, 2.0, 0.3));
    assert_eq!(
        (k.variance_a().unwrap(), k.covariance().unwrap()),
        (0.0, 0.0)
    );
    let x = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8], [0.0, 0.0]]).unwrap();
    assert_eq!(
        net.infinite_depth().covariance_at(&x, 1.0).unwrap(),
        DMatrix::zeros(3, 3)
    );
    // the correlation has the limit that it has in the recursion
    let deep = recursion(&net, pair(1.0, 2.0, 0.3), 100_000);
    assert_eq!(deep.variance_a().unwrap(), 0.0);
    assert_eq!(deep.one_minus_correlation(), k.one_minus_correlation());
}

#[test]
fn critical_maps_are_decided_by_their_curvature() {
    // V(q) = q - 2q² + ...: q_l ~ 1/(2l)
    for net in [mlp(Tanh, 1.0, 0.0), mlp(Sine::default(), 1.0, 0.0)] {
        for q in [1e-30, 1e-14, 0.3] {
            assert_eq!(limit(&net, pair(q, q, 0.3)).variance_a().unwrap(), 0.0);
        }
    }
    // what is left of the correlation's way after layer l is of order 1/l
    let sine = mlp(Sine::default(), 1.0, 0.0);
    let end = limit(&sine, pair(0.5, 0.2, 0.3)).correlation().unwrap();
    let rest = |depth: usize| {
        recursion(&sine, pair(0.5, 0.2, 0.3), depth)
            .correlation()
            .unwrap()
            - end
    };
    assert!((rest(10_000) / rest(40_000) - 4.0).abs() < 0.02);
    assert!(rest(1_000_000).abs() < 1e-6);
    // GELU at σ_w² = 4: V(q) = q + ... grows
    let gelu = mlp(Gelu, 4.0, 0.0)
        .infinite_depth()
        .propagate(pair(1e-20, 1e-20, 1.0), 1.0);
    assert!(
        gelu.unwrap_err()
            .to_string()
            .contains("grows without bound")
    );
    // the edge of chaos with a bias: c_l -> 1 like 1/l
    let point = neural_limits::propagation::edge_of_chaos_at(&Erf::default(), 0.7).unwrap();
    let critical = Mlp::new(Erf::default()).initialized_by(point.initialization);
    let k = limit(&critical, pair(1.0, 0.2, -0.5));
    assert!((k.variance_a().unwrap() - 0.7).abs() < 1e-12);
    assert_eq!(k.correlation().unwrap(), 1.0);
}

#[test]
fn two_stable_variances_have_their_own_basins() {
    // V(q) = w E[(x² + a x⁴)²...]: x³ dies below 1 and explodes above; erf after it holds it
    let cube = Activated::new(Polynomial::monomial(3).unwrap());
    let block = Network::new()
        .then(cube)
        .then(Dense::new(init(1.0, 0.0)))
        .then(Activated::new(Erf::default()))
        .then(Dense::new(init(4.0, 0.0)));
    let net = Network::new()
        .then(Dense::new(init(1.0, 0.0)))
        .then(Stack::plain(block));
    let low = limit(&net, pair(1e-3, 2e-3, 0.2));
    assert_eq!(low.variance_a().unwrap(), 0.0);
    for k in [pair(1.0, 2.0, 0.2), pair(3.0, 0.5, 0.999_999)] {
        let (high, deep) = (limit(&net, k), recursion(&net, k, 2000));
        for (a, b) in [
            (high.variance_a().unwrap(), deep.variance_a().unwrap()),
            (high.variance_b().unwrap(), deep.variance_b().unwrap()),
        ] {
            assert!((a / b - 1.0).abs() < 1e-13, "{a} {b}");
        }
        let (a, b) = (high.correlation().unwrap(), deep.correlation().unwrap());
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    let mixed = limit(&net, pair(1e-3, 2.0, 0.2));
    assert_eq!(mixed.covariance().unwrap(), 0.0);
}

#[test]
fn alternating_variances_are_named() {
    let block = Network::new()
        .then(Activated::new(Polynomial::monomial(3).unwrap()))
        .then(Dense::new(init(1.0, 0.0)))
        .then(Activated::new(Gaussian::new(1.0, -1.0).unwrap()))
        .then(Dense::new(init(1.0, 0.0)));
    let net = Network::new()
        .then(Dense::new(init(1.0, 0.0)))
        .then(Stack::plain(block));
    let error = net
        .infinite_depth()
        .propagate(pair(1.0, 1.0, 0.5), 1.0)
        .unwrap_err();
    assert!(matches!(error, Error::Undefined { .. }));
    assert!(
        error
            .to_string()
            .contains("it alternates from layer to layer between"),
        "{error}"
    );
    // the recursion of even and odd depths stays at its own value
    let at = |depth| {
        recursion(&net, pair(1.0, 1.0, 0.5), depth)
            .variance_a()
            .unwrap()
    };
    assert_eq!(at(100_000), at(200_000));
    assert!((at(100_001) / at(100_000) - 1.0).abs() > 0.1);
}

#[test]
fn residual_stacks_of_constant_scaling_have_fixed_points_too() {
    let branch = Network::new()
        .then(Activated::new(Erf::default()))
        .then(Dense::new(init(10.0, 0.5)));
    let stack = Stack::residual(branch).with_skip(0.8).unwrap();
    let stack = stack.scaled_by(Constant::new(0.6).unwrap());
    let net = Network::new().then(Dense::new(init(1.0, 0.0))).then(stack);
    for k in [
        pair(1.0, 1.0, 1.0 - 1e-12),
        pair(1.0, 3.0, -0.7),
        pair(0.0, 2.0, 0.0),
    ] {
        let (end, deep) = (limit(&net, k), recursion(&net, k, 5000));
        let (a, b) = (end.covariance().unwrap(), deep.covariance().unwrap());
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    let growing = ResNet::new(Erf::default()).scaled_by(Constant::one());
    let error = growing
        .infinite_depth()
        .propagate(pair(1.0, 1.0, 0.5), 1.0)
        .unwrap_err();
    assert!(error.to_string().contains("grows without bound"), "{error}");
}

/// Ordered, without biases: variances shrink to 0, correlations keep the limit that they have at a depth of
/// 300, and growth has the slope at 0.
#[test]
fn ordered_networks_without_biases_can_be_as_deep_as_one_likes() {
    let named: [(Arc<dyn Dual>, f64); 4] = [
        (Arc::new(Erf::default()), std::f64::consts::FRAC_2_SQRT_PI),
        (Arc::new(Sine::default()), 1.0),
        (Arc::new(Gelu), 0.5),
        (Arc::new(Tanh), 1.0),
    ];
    let x = Inputs::from_rows(&[[1.0, 0.5], [0.3, -0.8], [1e-9, 0.0]]).unwrap();
    for (phi, slope) in named {
        let name = phi.name();
        let net = Mlp::new(phi).initialized_by(init(0.5, 0.0));
        let near = net.infinite_width(300).unwrap();
        for depth in [2000, 20_000, 1_000_000] {
            let k = net
                .infinite_width(depth)
                .unwrap()
                .pair(&[1.0, 0.5], &[0.3, -0.8])
                .unwrap();
            assert_eq!(
                (k.variance_a().unwrap(), k.covariance().unwrap()),
                (0.0, 0.0),
                "{name}"
            );
            let reference = near.pair(&[1.0, 0.5], &[0.3, -0.8]).unwrap();
            let (c, reference) = (k.correlation().unwrap(), reference.correlation().unwrap());
            assert!((c - reference).abs() < 1e-13, "{name}: {c} {reference}");
        }
        let c = net.infinite_width(2000).unwrap().correlations(&x).unwrap();
        let reference = near
            .pair(&[1.0, 0.5], &[0.3, -0.8])
            .unwrap()
            .correlation()
            .unwrap();
        assert!(
            (c[(0, 1)] - reference).abs() < 1e-12,
            "{name}: {} {reference}",
            c[(0, 1)]
        );
        let kernels = net.infinite_width(20_000).unwrap().kernels(&x).unwrap();
        assert_eq!(kernels.nngp, DMatrix::zeros(3, 3), "{name}");
        let growth = net.infinite_width(20_000).unwrap().growth(1.0).unwrap();
        let rate = (0.5 * slope * slope).ln();
        assert!((growth.variance_rate() - rate).abs() < 1e-10, "{name}");
        assert!((growth.gradient_rate() - rate).abs() < 1e-10, "{name}");
        let theta = net
            .infinite_width(20_000)
            .unwrap()
            .tangent_pair(&[1.0, 0.5], &[0.3, -0.8]);
        assert_eq!(theta.unwrap().tangent().unwrap(), 0.0, "{name}");
    }
}

/// Every activation, ordered and without biases, at depths of 10⁴ and more: a covariance that Cauchy and
/// Schwarz allow, and one correlation at both depths, or none.
#[test]
fn every_ordered_network_can_be_as_deep_as_one_likes() {
    let (x, y) = ([1.0, 0.5], [0.3, -0.8]);
    for entry in entries() {
        let name = entry.name();
        let net = Mlp::new(named(name).unwrap()).initialized_by(init(0.1, 0.0));
        let at = |depth: usize| net.infinite_width(depth).unwrap().pair(&x, &y).unwrap();
        let (near, deep) = (at(10_000), at(30_000));
        for k in [near, deep] {
            let (a, b) = (k.variance_a().unwrap(), k.variance_b().unwrap());
            let covariance = k.covariance().unwrap();
            assert!(
                covariance.abs() <= a.sqrt() * b.sqrt() * (1.0 + 1e-12),
                "{name}"
            );
        }
        match (near.correlation(), deep.correlation()) {
            // those of nearly linear functions tend to 1 like 1/l²
            (Ok(near), Ok(deep)) => assert!((near - deep).abs() < 0.02, "{name}: {near} {deep}"),
            // powers of powers leave the range: a variance of 0 has no correlation
            (near, deep) => {
                assert!(
                    matches!(near, Err(Error::Undefined { .. })),
                    "{name}: {near:?}"
                );
                assert!(
                    matches!(deep, Err(Error::Undefined { .. })),
                    "{name}: {deep:?}"
                );
            }
        }
    }
}

/// $K$ of the flow against the recursion, extrapolated from two depths.
fn extrapolated(net: &impl Architecture, x: &Inputs<'_, f64>, depth: usize) -> DMatrix<f64> {
    let at = |depth: usize| net.infinite_width(depth).unwrap().nngp(x).unwrap();
    2.0 * at(2 * depth) - at(depth)
}

#[test]
fn flows_start_from_zero_inputs_and_tiny_ones() {
    let x = [
        [0.0, 0.0],
        [1.0, 0.5],
        [1e-140, 0.0],
        [1e-140, 1e-140],
        [1e-5, 0.0],
        [0.0, 0.0],
    ];
    let x = Inputs::from_rows(&x).unwrap();
    let named: [Arc<dyn Dual>; 4] = [
        Arc::new(Relu),
        Arc::new(Erf::default()),
        Arc::new(Gelu),
        Arc::new(Cosine::default()),
    ];
    for phi in named {
        for (weight, bias) in [(1.5, 1.0), (1.5, 1e-3), (1.0, 0.0)] {
            let name = phi.name();
            let net = ResNet::new(Arc::clone(&phi)).initialized_by(init(weight, bias));
            let flow = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
            let deep = extrapolated(&net, &x, 500);
            // Richardson's rest is O(1/L²), with kinks O(L^{-3/2}) from the origin
            let worst = difference(&flow, &deep);
            assert!(worst < 2e-5, "{name} {weight} {bias}: {worst:e}");
            assert_eq!(flow[(0, 0)], flow[(0, 5)], "{name}: one point");
        }
    }
    // at the origin all is closed: q' = σ_w² q/2 + σ_b²
    let relu = ResNet::new(Relu).initialized_by(init(1.5, 0.3));
    let k = limit(&relu, pair(0.0, 2.0, 0.0));
    let exact = 0.4 * (0.75_f64.exp() - 1.0);
    assert!((k.variance_a().unwrap() / exact - 1.0).abs() < 1e-12);
    // all from the same tiny scale
    let softplus = ResNet::new(Softplus).initialized_by(init(1.0, 0.0));
    let start = pair(1e-280, 2e-200, 0.3);
    let (flow, origin) = (
        limit(&softplus, start),
        limit(&softplus, pair(0.0, 0.0, 0.0)),
    );
    let (a, b) = (flow.covariance().unwrap(), origin.covariance().unwrap());
    assert!((a / b - 1.0).abs() < 1e-12);
}

/// Every activation, from the origin and from tiny variances, as a matrix and as a pair, against the
/// recursion at three depths. What grows too fast for the one does so for the other.
#[test]
fn flows_of_every_activation_start_from_zero_inputs() {
    let (origin, point, tiny) = ([0.0, 0.0], [1.0, 0.5], [1e-140, 0.0]);
    for entry in entries() {
        let name = entry.name();
        let net = ResNet::new(named(name).unwrap()).initialized_by(init(1.5, 1.0));
        let flow = net.infinite_depth();
        let x = Inputs::from_rows(&[origin, point, tiny]).unwrap();
        let matrix = match flow.covariance_at(&x, 1.0) {
            Ok(matrix) => matrix,
            Err(Error::Overflow { .. }) => {
                let deep = net.infinite_width(4000).unwrap().pair(&origin, &point);
                assert!(deep.is_err(), "{name}");
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        for (i, j, a, b) in [(0, 1, origin, point), (2, 1, tiny, point)] {
            let entries = |k: PairCovariance| [k.variance_a(), k.variance_b(), k.covariance()];
            let pair = entries(flow.pair_at(&a, &b, 1.0).unwrap().pair().unwrap());
            let scale = [pair[0], pair[1], pair[0].sqrt() * pair[1].sqrt()];
            let found = [matrix[(i, i)], matrix[(j, j)], matrix[(i, j)]];
            let deep = [50, 100, 200].map(|depth| {
                let net = net.infinite_width(depth).unwrap();
                entries(net.pair(&a, &b).unwrap().pair().unwrap())
            });
            for n in 0..3 {
                let error = (found[n] - pair[n]).abs() / scale[n];
                assert!(error < 1e-10, "{name} ({i}, {j}) {n}: {error:e}");
                let [first, second, third] = deep.map(|k| k[n]);
                let steps = [2.0 * second - first, 2.0 * third - second];
                // what one extrapolation leaves falls by 2√2 at least, from the origin with kinks
                let rest = (steps[1] - steps[0]).abs();
                let error = (pair[n] - steps[1]).abs();
                let bound = 1.2 * rest + 1e-9 * scale[n];
                assert!(error < bound, "{name} ({i}, {j}) {n}: {error:e}, {rest:e}");
                assert!(rest < 4e-3 * scale[n], "{name}: {rest:e}");
            }
        }
    }
}

#[test]
fn flows_keep_the_distance_from_both_ends() {
    let net = ResNet::new(Erf::default()).initialized_by(init(1.0, 0.0));
    let far = |distance: f64| {
        let c = PairCorrelation::from_one_plus(distance).unwrap();
        PairCovariance::with_correlation(1.0, 1.3, c).unwrap()
    };
    // erf is odd: (u, -v) has the opposite covariance
    let opposite = limit(&net, far(1e-20))
        .pair()
        .unwrap()
        .one_plus_correlation();
    let near = PairCovariance::with_complement(1.0, 1.3, 1e-20).unwrap();
    let near = limit(&net, near).one_minus_correlation().unwrap();
    assert!(
        (opposite / near - 1.0).abs() < 1e-12,
        "{opposite:e} {near:e}"
    );
    // from the tolerance 1e-13 to 1e-14 nothing moves
    let fine = net.infinite_depth().with_tolerance(1e-14).unwrap();
    for epsilon in [1e-18, 1e-9, 1e-3, 1.0, 1.9] {
        for b in [1.0, 1.000_01, 3.0] {
            let k = PairCovariance::with_complement(1.0, b, epsilon).unwrap();
            let (x, y) = (limit(&net, k), fine.propagate(k, 1.0).unwrap());
            let (x, y) = (
                x.one_minus_correlation().unwrap(),
                y.one_minus_correlation().unwrap(),
            );
            // (√(q̇_a/q_a) - √(q̇_b/q_b))² has the rounding of the difference
            let rounding = 1e-15 * (b - 1.0);
            assert!(
                (x - y).abs() < 1e-11 * y + rounding,
                "{epsilon:e} {b}: {x:e} {y:e}"
            );
        }
    }
}

/// $\cos$: $\dot q = \sigma_w^2 (1 + e^{-2q})/2$, and $\sin$ with the other sign, have closed forms. After a
/// layer of the time $1/\sigma_w^2$ their rates are constant, and a step that begins in it must see it.
#[test]
fn layers_at_the_start_of_a_flow_are_not_skipped() {
    let cosine = |q: f64, a: f64| 0.5 * (a + ((2.0 * q).exp() + 1.0 - (-a).exp()).ln());
    let sine = |q: f64, a: f64| 0.5 * (a + ((2.0 * q).exp_m1() + (-a).exp()).ln());
    let points = [[0.0], [1.0], [0.7]];
    let x = Inputs::from_rows(&points).unwrap();
    for a in [0.0, 0.5, 1.0, 1.4, 2.0, 2.6, 3.45, 4.0, 4.6, 5.0, 6.65].map(|e| 10_f64.powf(e)) {
        for name in ["cos", "sin"] {
            let branch = Network::new()
                .then(Activated::new(named(name).unwrap()))
                .then(Dense::new(init(a, 0.0)));
            let stem = Dense::new(init(1.0, 0.0));
            let net = Network::new().then(stem).then(Stack::residual(branch));
            let flow = net.infinite_depth();
            let matrix = flow.covariance_at(&x, 1.0).unwrap();
            for (i, j) in [(0, 1), (1, 2)] {
                let k = flow.pair_at(&points[i], &points[j], 1.0).unwrap();
                let k = k.pair().unwrap();
                for (n, q) in [(i, k.variance_a()), (j, k.variance_b())] {
                    let start = points[n][0] * points[n][0];
                    let exact = match name {
                        "cos" => cosine(start, a),
                        _ if n == 0 => 0.0,
                        _ => sine(start, a),
                    };
                    for found in [q, matrix[(n, n)]] {
                        let error = (found - exact).abs();
                        assert!(error <= 1e-9 * exact, "{name} {a:e}: {found} {exact}");
                    }
                }
                let error = (matrix[(i, j)] - k.covariance()).abs();
                let scale = k.variance_a().sqrt() * k.variance_b().sqrt();
                assert!(error <= 1e-9 * scale, "{name} {a:e} ({i}, {j}): {error:e}");
            }
        }
    }
}

/// ReLU6 multiplies small variances by $e^{\sigma_w^2 t/2}$ and then saturates: a flow is that of its parts,
/// also where a long step of the growth ends with the first of the saturation.
#[test]
fn layers_at_the_end_of_a_growth_are_not_skipped() {
    let branch = Network::new()
        .then(Activated::new(named("relu6").unwrap()))
        .then(Dense::new(init(285.8, 0.0)));
    let stem = Dense::new(init(1.0, 0.0));
    let net = Network::new().then(stem).then(Stack::residual(branch));
    let flow = net.infinite_depth();
    let parts = 64;
    for start in [0.002_694_4, 3e-5, 1e-9] {
        let whole = flow
            .propagate(PairCovariance::diagonal(start), 0.5)
            .unwrap();
        let mut k = PairCovariance::diagonal(start);
        for _ in 0..parts {
            k = flow
                .propagate(k, 0.5 / parts as f64)
                .unwrap()
                .pair()
                .unwrap();
        }
        let (whole, parts) = (whole.pair().unwrap().variance_a(), k.variance_a());
        assert!(
            (whole / parts - 1.0).abs() < 1e-11,
            "{start}: {whole:e} {parts:e}"
        );
    }
}

/// Two inputs near 0 under $\cos$ part like $e^{\sigma_w^2 t/2}$, and their covariance stops where
/// $\sqrt{q_a q_b} (1 - c)$ is 1: it has the digits that this defect had when it was a billionth.
#[test]
fn defects_that_grow_exponentially_keep_their_digits() {
    let branch = Network::new()
        .then(Activated::new(named("cos").unwrap()))
        .then(Dense::new(init(1000.0, 0.1)));
    let stem = Dense::new(init(1.0, 0.0));
    let net = Network::new().then(stem).then(Stack::residual(branch));
    let flow = net.infinite_depth();
    let start = PairCovariance::new(2e-8, 2.34e-8, 1.2e-8).unwrap();
    let at = |k: PairCovariance, time: f64| flow.propagate(k, time).unwrap().pair().unwrap();
    // from time 0.1 on the covariance has the bias alone
    let early = at(start, 0.1).covariance() - 0.1 * 0.1;
    for time in [0.2, 0.5, 0.9, 1.0] {
        let late = at(start, time).covariance() - 0.1 * time;
        assert!((late / early - 1.0).abs() < 1e-9, "{time}: {late} {early}");
    }
    let trajectory = flow.trajectory_from(start).unwrap();
    let late = trajectory.at(1.0).unwrap().covariance() - 0.1;
    assert!((late / early - 1.0).abs() < 1e-9, "{late} {early}");
}

/// A trajectory of a growth by $e^{30}$ has its digits at the start as well.
#[test]
fn trajectories_of_a_growth_are_right_at_all_times() {
    for name in ["gelu", "tanh", "cos"] {
        let branch = Network::new()
            .then(Activated::new(named(name).unwrap()))
            .then(Dense::new(init(60.0, 0.1)));
        let stem = Dense::new(init(1.0, 0.0));
        let net = Network::new().then(stem).then(Stack::residual(branch));
        let flow = net.infinite_depth();
        let start = PairCovariance::new(0.01, 0.03, 0.005).unwrap();
        let trajectory = flow.trajectory_from(start).unwrap();
        for time in [0.02, 0.1, 0.3, 0.6, 1.0] {
            let single = flow.propagate(start, time).unwrap().pair().unwrap();
            let k = trajectory.at(time).unwrap();
            for (found, exact) in [
                (k.variance_a(), single.variance_a()),
                (k.variance_b(), single.variance_b()),
                (k.one_minus_correlation(), single.one_minus_correlation()),
            ] {
                assert!(
                    (found / exact - 1.0).abs() < 1e-10,
                    "{name} {time}: {found} {exact}"
                );
            }
        }
    }
}

#[test]
fn a_pair_of_a_flow_costs_some_hundred_duals() {
    let (x, y) = ([1.0, 0.0], [0.6, 0.9]);
    for phi in [
        Arc::new(Erf::default()) as Arc<dyn Dual>,
        Arc::new(Gelu),
        Arc::new(Tanh),
    ] {
        for (weight, bias) in [(1.0, 0.0), (1.5, 1e-3), (1.5, 1.0)] {
            let counted = Arc::new(Counted::new(&phi));
            let branch = Network::new()
                .then(Activated::sharing(Arc::clone(&counted) as _))
                .then(Dense::new(init(weight, bias)));
            let stem = Dense::new(init(1.0, 0.0));
            let net = Network::new().then(stem).then(Stack::residual(branch));
            net.infinite_depth().pair_at(&x, &y, 1.0).unwrap();
            let count = counted.count();
            assert!(count <= 160, "{} {weight} {bias}: {count}", phi.name());
        }
    }
}

/// ReLU without a bias has a flow in closed form: $q e^{\sigma_w^2 \tau/2}$, and $1 - c$ by `mpmath` with 40
/// digits. An activation that counts does not tell that it is homogeneous.
#[test]
fn a_growth_by_e_to_the_500_costs_some_hundred_duals() {
    let (x, y) = ([40000.0, 12000.0], [8000.0, -36000.0]);
    for (weight, exact) in [
        (100.0, 1.378_735_179_502_984_7e-2),
        (300.0, 1.806_852_349_995_996_5e-3),
        (1000.0, 1.729_234_922_131_980_7e-4),
    ] {
        let relu = Arc::new(Relu) as Arc<dyn Dual>;
        let counted = Arc::new(Counted::new(&relu));
        let branch = Network::new()
            .then(Activated::sharing(Arc::clone(&counted) as _))
            .then(Dense::new(init(weight, 0.0)));
        let stem = Dense::new(init(1.0, 0.0));
        let net = Network::new().then(stem).then(Stack::residual(branch));
        let k = net.infinite_depth().pair_at(&x, &y, 1.0).unwrap();
        let k = k.pair().unwrap();
        let growth = (0.5 * weight).exp();
        for (found, start) in [(k.variance_a(), 8.72e8), (k.variance_b(), 6.8e8)] {
            assert!((found / (start * growth) - 1.0).abs() < 2e-12, "{weight}");
        }
        let error = k.one_minus_correlation() / exact - 1.0;
        assert!(error.abs() < 1e-12, "{weight}: {error:e}");
        assert!(counted.count() < 2000, "{weight}: {}", counted.count());
    }
}

/// $K = K + B$ has no solution but $B = 0$, also where $B$ is less than the rounding of $K$.
#[test]
fn what_is_added_to_all_that_was_there_grows_without_bound() {
    for (weight, bias) in [(0.0, 0.03), (1e-3, 0.0)] {
        let net = ResNet::new(Erf::default())
            .initialized_by(init(weight, bias))
            .scaled_by(Constant::new(1.0).unwrap());
        for k in [pair(1e17, 1e17, 0.3), pair(1e17, 2e18, 1.0)] {
            let limit = net.infinite_depth().propagate(k, 1.0);
            assert!(matches!(limit, Err(Error::Overflow { .. })), "{limit:?}");
        }
    }
}

/// $1 - c$ starts from $1.2 \times 10^{-31}$ and becomes its root by a jump in every layer, so that one unit
/// of an input's rounding would change the limit by $10^{-4}$ (`mpmath`, 60 digits).
#[test]
fn a_pair_on_a_line_is_told_apart_as_exactly_as_its_inputs() {
    let branch = Network::new()
        .then(Activated::new(Sign))
        .then(Dense::new(init(1.0, 0.0)));
    let series = ConvergentSeries::new(1.0, 1.0).unwrap();
    let net = Network::new()
        .then(Dense::new(init(1.0, 0.004)))
        .then(Stack::residual(branch).scaled_by(series));
    let points = [[0.3816612189114239], [0.38166121891142407]];
    let limit = net.infinite_depth();
    let matrix = limit.covariance_at(&Inputs::from_rows(&points).unwrap(), 1.0);
    let k = limit.pair_at(&points[0], &points[1], 1.0).unwrap();
    let found = [matrix.unwrap()[(0, 1)], k.pair().unwrap().covariance()];
    for found in found {
        assert!((found - 1.7885502710043242).abs() < 1e-9, "{found}");
    }
}

/// The error of an infinite recursion's rest falls with the branch's slopes, of any branch.
#[test]
fn gentle_branches_need_few_layers_of_an_infinite_recursion() {
    let tanh = Arc::new(Tanh) as Arc<dyn Dual>;
    let counted = Arc::new(Counted::new(&tanh));
    let branch = Network::new()
        .then(Activated::sharing(Arc::clone(&counted) as _))
        .then(Dropout::new(0.9).unwrap())
        .then(Dense::new(init(0.1, 0.0)));
    let series = ConvergentSeries::new(1.0, 2.0).unwrap();
    let net = Network::new()
        .then(Dense::new(init(1.0, 0.0)))
        .then(Stack::residual(branch).scaled_by(series));
    net.infinite_depth()
        .pair_at(&[1.0, 0.0], &[0.6, 0.9], 1.0)
        .unwrap();
    assert!(counted.count() < 1000, "{}", counted.count());
}

#[test]
fn overflows_name_the_layer_and_what_entered_it() {
    let net = mlp(Gelu, 3.0, 0.0).infinite_width(5000).unwrap();
    let error = net.pair(&[1.0, 0.5], &[-0.4, 0.3]).unwrap_err().to_string();
    assert!(
        error.contains("at layer 1750 (GELU, dense(σ_w² = 3, σ_b² = 0)), entered by a variance"),
        "{error}"
    );
    assert!(!error.contains("inf"), "{error}");
    let x = Inputs::from_rows(&[[1.0, 0.5], [-0.4, 0.3]]).unwrap();
    let error = net.nngp(&x).unwrap_err().to_string();
    assert!(
        error.contains("at layer 1750 (GELU") && !error.contains("inf"),
        "{error}"
    );
    let endless = ResNet::new(Relu)
        .scaled_by(Constant::one())
        .infinite_depth();
    let k = endless.pair_at(&[1.0, 0.5], &[0.0, 0.0], 1.0).unwrap();
    let error = k.variance_a().unwrap_err().to_string();
    assert!(
        error.contains("infinite depth, which grows without bound"),
        "{error}"
    );
    assert_eq!(
        (k.variance_b().unwrap(), k.covariance().unwrap()),
        (0.0, 0.0)
    );
}

/// Every activation, in the ordered and the chaotic phase, and in a residual network: no eigenvalue of the
/// limit is below -1e-11 N times the largest variance, or there is a typed error. (Every second one at either
/// scale, all at both with `THOROUGH=1`.)
#[test]
fn limits_of_infinite_depth_are_positive_semi_definite() {
    let mut rows = cloud(6, 4);
    rows[4] = rows[0].iter().map(|x| -x).collect();
    rows[5] = vec![0.0; 4];
    for (number, entry) in entries().enumerate() {
        let scales = [[1e-6, 1.0], [1.0, 1e-6]][number % 2];
        for scale in scales.into_iter().take(samples(1)) {
            let rows = rows.iter().map(|x| x.iter().map(|x| scale * x).collect());
            let rows: Vec<Vec<f64>> = rows.collect();
            let x = Inputs::from_rows(&rows).unwrap();
            let phi = || named(entry.name()).unwrap();
            let plain = |weight: f64, bias: f64| mlp(phi(), weight, bias).infinite_depth();
            let residual = ResNet::new(phi()).initialized_by(init(1.5, 0.1));
            let limits = [
                plain(0.5, 0.0),
                plain(4.0, 0.0),
                plain(1.5, 0.1),
                residual.infinite_depth(),
            ];
            for limit in limits {
                let k = match limit.covariance_at(&x, 1.0) {
                    Ok(k) => k,
                    Err(Error::Overflow { .. }) => continue,
                    Err(error) => panic!("{}: {error}", entry.name()),
                };
                let largest = k.diagonal().max().max(f64::MIN_POSITIVE);
                let least = least_eigenvalue(&(&k / largest)) / k.nrows() as f64;
                assert!(least > -1e-11, "{} {scale:e}: {least:e}", entry.name());
            }
        }
    }
}

/// A linear network at criticality keeps its correlations at any depth, those beside the origin included.
#[test]
fn the_identity_keeps_every_correlation() {
    let init = |weight, bias| Initialization::new(weight, bias).unwrap();
    let block = Network::new()
        .then(Activated::sharing(named("hermite(1)").unwrap()))
        .then(Dense::new(init(1.0, 0.0)));
    let stem = Dense::new(init(1.0, 0.04));
    let net = Network::new().then(stem).then(Stack::plain(block));
    let rows = [[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]];
    let x = Inputs::from_rows(&rows).unwrap();
    let k = net.infinite_depth().covariance_at(&x, 0.25).unwrap();
    for (found, exact) in [(k[(0, 0)], 0.04), (k[(0, 1)], 0.04), (k[(1, 1)], 0.24)] {
        assert!((found / exact - 1.0_f64).abs() < 1e-12, "{found} {exact}");
    }
}
