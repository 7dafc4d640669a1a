//! Tangent kernels and covariances of infinite depth: oracle values (`tests/data/infinite_depth.json`), the
//! layer recursion at rate 1/L, matrices against pairs, and trajectories against single times.

use std::sync::Arc;

use nalgebra::DMatrix;
use neural_limits::activation::{Activation, Cosine, Dual, Elu, Softsign};
use neural_limits::network::{Activated, Dense, Dropout, LayerNorm, Network, Stack};
use neural_limits::prelude::*;
use serde_json::Value;

use crate::counted::Counted;

fn init(weight: f64, bias: f64) -> Initialization {
    Initialization::new(weight, bias).unwrap()
}

/// $Y_l = Y_{l-1} + \alpha_l (W \varphi(Y_{l-1}) + b)$ with $\sum \alpha_l^2 \to$ `clock`.
fn resnet(phi: impl Dual + 'static, weight: f64, bias: f64, clock: f64) -> ResNet {
    let scaling = CustomScaling::normalised(
        "uniform",
        move |_, depth| (clock / depth as f64).sqrt(),
        move |t| clock * t,
    );
    ResNet::new(phi)
        .initialized_by(init(weight, bias))
        .scaled_by(scaling)
}

fn pair(a: f64, b: f64, covariance: f64) -> PairCovariance {
    PairCovariance::new(a, b, covariance).unwrap()
}

/// $K_1$ and $\Theta_1$ from $K_0 = \Theta_0$.
fn limit(net: &impl Architecture, k: PairCovariance) -> (PairCovariance, f64) {
    let end = net.infinite_depth().propagate_tangent(k, 1.0).unwrap();
    (end.covariance().pair().unwrap(), end.tangent().unwrap())
}

fn table() -> Value {
    serde_json::from_str(include_str!("../data/infinite_depth.json")).unwrap()
}

fn entry(table: &Value, name: &str) -> f64 {
    let value = table[name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("no {name}"))
}

const RELU: [(f64, &str, f64); 5] = [
    (-0.9, "-0.9", 1.0),
    (0.0, "0.0", 1.0),
    (0.5, "0.5", 1.0),
    (0.99, "0.99", 1.0),
    (0.5, "0.5", 10.0),
];

#[test]
fn the_tangent_kernel_of_relu_meets_its_oracle() {
    let table = table();
    for (c0, name, clock) in RELU {
        let (k, theta) = limit(&resnet(Relu, 1.0, 0.0, clock), pair(1.0, 1.0, c0));
        let exact = |what: &str| entry(&table, &format!("flow.relu.{what}[c0={name},t={clock}]"));
        // the decimal c0 has an error of rounding of its own
        let error = (k.correlation() - exact("c")).abs();
        assert!(error < 1e-14, "{c0} {clock}: {error:e}");
        assert!((k.covariance() / exact("q_ab") - 1.0).abs() < 2e-14, "{c0}");
        assert!(
            (theta / exact("ntk_ab") - 1.0).abs() < 2e-14,
            "{c0} {clock}: {theta}"
        );
    }
    // Θ_aa = e^{kt}(q₀ + k q₀ t), k = σ_w²/2
    let (_, theta) = limit(&resnet(Relu, 3.0, 0.0, 0.7), pair(2.0, 2.0, 2.0));
    let exact = (1.5_f64 * 0.7).exp() * 2.0 * (1.0 + 1.5 * 0.7);
    assert!((theta / exact - 1.0).abs() < 1e-15);
}

/// With a bias, q_aa = (q₀ + σ_b²/k)e^{kt} − σ_b²/k and Θ_aa = e^{kt}(q₀ + (k q₀ + σ_b²)t), k = σ_w²/2.
#[test]
fn diagonals_of_relu_with_a_bias_are_closed() {
    for (weight, bias, q, t) in [
        (1.5, 0.3, 0.7, 1.3),
        (1.0, 1e-3, 2.0, 4.0),
        (8.0, 2.0, 1.0, 1.0),
    ] {
        let k = 0.5 * weight;
        let (end, theta) = limit(&resnet(Relu, weight, bias, t), pair(q, q, q));
        let growth = f64::exp(k * t);
        let variance = (q + bias / k) * growth - bias / k;
        let error = (end.variance_a() / variance - 1.0).abs();
        assert!(error < 1e-12, "{weight} {bias}: {error:e}");
        let exact = growth * (q + (k * q + bias) * t);
        assert!((theta / exact - 1.0).abs() < 1e-12, "{theta} {exact}");
    }
}

#[test]
fn the_tangent_kernels_of_erf_and_tanh_meet_their_oracle() {
    let table = table();
    for (weight, bias, name) in [(1.0, 0.0, "sw2=1,sb2=0"), (2.0, 0.1, "sw2=2,sb2=0.1")] {
        let net = resnet(Erf::default(), weight, bias, 1.0);
        let exact =
            |what: &str| entry(&table, &format!("flow.erf.{what}[{name},t=1,q0=(1,2,0.5)]"));
        let (k, theta) = limit(&net, pair(1.0, 2.0, 0.5));
        let (_, theta_a) = limit(&net, pair(1.0, 1.0, 1.0));
        let (_, theta_b) = limit(&net, pair(2.0, 2.0, 2.0));
        for (found, what) in [
            (k.variance_a(), "q_aa"),
            (k.variance_b(), "q_bb"),
            (k.covariance(), "q_ab"),
            (theta, "ntk_ab"),
            (theta_a, "ntk_aa"),
            (theta_b, "ntk_bb"),
        ] {
            // the table has 13 digits
            let error = (found - exact(what)).abs();
            assert!(
                error < 2e-13 * exact(what).max(1.0),
                "{name} {what}: {error:e}"
            );
        }
    }
    let (k, theta) = limit(&resnet(Tanh, 1.0, 0.0, 1.0), pair(1.0, 1.0, 1.0));
    assert!((k.variance_a() - entry(&table, "flow.tanh.q[t=1,q0=1]")).abs() < 2e-13);
    let error = (theta - entry(&table, "flow.tanh.ntk[t=1,q0=1]")).abs();
    assert!(error < 1e-12, "{error:e}");
}

/// $\lim L (\Theta^L - \Theta)$ and $\lim L(K^L - K)$: the layer recursion against the flow.
#[test]
fn the_recursion_reaches_the_flow_at_rate_one_over_depth_with_the_right_constant() {
    let table = table();
    for (c0, name, clock) in RELU {
        let net = resnet(Relu, 1.0, 0.0, clock);
        let k = pair(1.0, 1.0, c0);
        let (end, theta) = limit(&net, k);
        let scaled = |depth: usize| {
            let deep = net.infinite_width(depth).unwrap();
            let deep = deep.propagate_tangent(k).unwrap();
            let covariance = deep.covariance().covariance().unwrap() - end.covariance();
            [covariance, deep.tangent().unwrap() - theta].map(|rest| depth as f64 * rest)
        };
        let at = [2000, 4000, 8000].map(scaled);
        for (f, what) in ["q", "ntk"].into_iter().enumerate() {
            // a series in 1/L
            let [first, second, third] = [0, 1, 2].map(|i| at[i][f]);
            let (coarse, fine) = (2.0 * second - first, 2.0 * third - second);
            let constant = (4.0 * fine - coarse) / 3.0;
            let key = format!("flow.relu.recursion_L_const_{what}[c0={name},t={clock}]");
            let error = (constant - entry(&table, &key)).abs();
            assert!(
                error < 1e-4 * entry(&table, &key).abs() + 1e-6,
                "{key}: {constant}"
            );
        }
    }
    let diagonal = resnet(Relu, 1.0, 0.0, 1.0);
    let k = pair(1.0, 1.0, 1.0);
    let depth = 100_000;
    let deep = diagonal.infinite_width(depth).unwrap();
    let rest = deep.propagate_tangent(k).unwrap().tangent().unwrap() - limit(&diagonal, k).1;
    let exact = entry(&table, "flow.relu.recursion_L_const_ntk_diag[t=1]");
    assert!((depth as f64 * rest / exact - 1.0).abs() < 1e-4);
}

/// A branch whose bias is too small to count, which is integrated, against the closed form.
#[test]
fn the_integrated_flow_of_a_homogeneous_branch_is_its_closed_form() {
    for phi in [LeakyRelu::new(0.2).unwrap(), LeakyRelu::new(-1.0).unwrap()] {
        for clock in [0.5, 3.0] {
            let closed = resnet(phi, 1.3, 0.0, clock);
            let integrated = resnet(phi, 1.3, 1e-200, clock);
            for (a, b) in [(1.0, 1.0), (0.3, 7.0)] {
                for c in [-1.0, -0.99, -0.4, 0.0, 0.7, 1.0 - 1e-9] {
                    let k = PairCovariance::with_complement(a, b, 1.0 - c).unwrap();
                    let ((k, theta), (flow, theta_flow)) =
                        (limit(&closed, k), limit(&integrated, k));
                    let (near, other) = (k.one_minus_correlation(), flow.one_minus_correlation());
                    assert!(
                        (near / other - 1.0).abs() < 1e-11,
                        "{c} {clock}: {near:e} {other:e}"
                    );
                    let scale = theta.abs().max((k.variance_a() * k.variance_b()).sqrt());
                    let error = (theta - theta_flow).abs() / scale;
                    assert!(error < 3e-11, "{c} {clock}: {error:e}");
                }
            }
        }
    }
}

fn points(count: usize) -> Vec<[f64; 3]> {
    let at = |i: usize, step: f64| 2.0 * ((i as f64 + 0.5) * step).fract() - 1.0;
    let row = |i| {
        [
            at(i, 0.819_172_513),
            at(i, 0.671_043_606),
            at(i, 0.549_700_477),
        ]
    };
    (0..count).map(row).collect()
}

fn worst(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).amax() / b.amax()
}

/// Few points layer by layer, many through tables, single precision, two sets: entries are those of pairs.
#[test]
fn matrices_of_infinite_depth_hold_their_pairs() {
    let layers = Network::new()
        .then(LayerNorm::default())
        .then(Dense::new(init(1.2, 0.1)))
        .then(Activated::new(Gelu))
        .then(Dropout::new(0.9).unwrap())
        .then(Dense::new(init(1.0, 0.2)));
    let deep = Network::new()
        .then(Dense::new(init(1.0, 0.1)))
        .then(Stack::residual(layers))
        .then(Activated::new(Erf::default()))
        .then(Dense::new(init(1.5, 0.0)));
    let stem = init(1.0, 0.3);
    let nets: [(&str, Network); 5] = [
        ("relu", ResNet::new(Relu).network()),
        (
            "relu behind a bias",
            ResNet::new(Relu).with_stem(stem).network(),
        ),
        ("biased relu", resnet(Relu, 1.4, 0.2, 1.0).network()),
        ("erf", resnet(Erf::default(), 1.4, 0.0, 1.0).network()),
        ("deep branch", deep),
    ];
    for (name, net) in nets {
        for count in [7, 90] {
            let rows = points(count);
            let x = Inputs::from_rows(&rows).unwrap();
            let limit = net.infinite_depth();
            let kernels = limit.kernels_at(&x, 0.8).unwrap();
            assert_eq!(kernels.nngp, kernels.nngp.transpose(), "{name}");
            assert_eq!(kernels.ntk, kernels.ntk.transpose(), "{name}");
            let covariance = limit.covariance_at(&x, 0.8).unwrap();
            let error = worst(&kernels.nngp, &covariance);
            assert!(error < 2e-11, "{name} {count}: {error:e}");
            for (i, j) in [(0, 1), (2, 6), (4, 3), (5, count - 1)] {
                if i == j {
                    continue;
                }
                let pair = limit.tangent_pair_at(&rows[i], &rows[j], 0.8).unwrap();
                let k = pair.covariance().covariance().unwrap();
                let (q, theta) = (kernels.nngp[(i, j)], kernels.ntk[(i, j)]);
                assert!(
                    (q - k).abs() < 2e-12 * kernels.nngp.amax(),
                    "{name} {count}: {q} {k}"
                );
                let tangent = pair.tangent().unwrap();
                let error = (theta - tangent).abs() / kernels.ntk.amax();
                assert!(error < 2e-11, "{name} {count}: {error:e}");
            }
            let y = Inputs::from_rows(&rows[1..5]).unwrap();
            let between = limit.kernels_between_at(&y, &x, 0.8).unwrap();
            let same = kernels.ntk.rows(1, 4) - between.ntk;
            let diagonal = (0..4).map(|i| same[(i, i + 1)].abs()).fold(0.0, f64::max);
            // of a point with itself dropout makes more than of two equal ones
            assert!(
                name == "deep branch" || diagonal < 2e-11 * kernels.ntk.amax(),
                "{name}"
            );
            let rest = (0..4).flat_map(|i| (0..count).map(move |j| (i, j)));
            let rest = rest.filter(|(i, j)| i + 1 != *j).map(|at| same[at].abs());
            assert!(
                rest.fold(0.0, f64::max) < 2e-11 * kernels.ntk.amax(),
                "{name}"
            );
            let narrow: Vec<[f32; 3]> = rows.iter().map(|row| row.map(|x| x as f32)).collect();
            let narrow = Inputs::from_f32_rows(&narrow).unwrap();
            let single = limit.kernels_at(&narrow, 0.8).unwrap().ntk.cast::<f64>();
            assert!(worst(&single, &kernels.ntk) < 1e-6, "{name}");
        }
    }
}

/// Entries of a matrix are those of its pairs to 100 times the tolerance, in tables and beside them, with
/// duplicates, opposite and zero inputs; the matrix is symmetric, and a rectangular one is its block.
#[test]
fn matrices_of_flows_are_those_of_pairs() {
    let activations: [Arc<dyn Dual>; 5] = [
        Arc::new(Relu),
        Arc::new(Erf::default()),
        Arc::new(Gelu),
        Arc::new(Tanh),
        Arc::new(Elu::new(1.0).unwrap()),
    ];
    let raw = points(120);
    let of_one_norm = raw.iter().map(|row| {
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.map(|x| 2.0 * x / norm)
    });
    let mut inputs = [raw.clone(), of_one_norm.collect()];
    for rows in &mut inputs {
        rows[1] = rows[0];
        rows[3] = rows[2].map(|x| -x);
    }
    inputs[0][4] = [0.0; 3];
    for (l, phi) in activations.iter().enumerate() {
        let bias = [0.1, 0.0][l % 2];
        // the duals of the last take the longest
        let count = if l == 4 { 20 } else { 120 };
        for (rows, bias) in inputs.iter().zip([bias, 0.1 - bias]) {
            let limit = resnet(phi.clone(), 1.5, bias, 1.0).infinite_depth();
            let rows = &rows[..count];
            let x = Inputs::from_rows(rows).unwrap();
            let k = limit.covariance_at(&x, 1.0).unwrap();
            assert_eq!(k, k.transpose());
            let few = Inputs::from_rows(&rows[..6]).unwrap();
            let part = limit.covariance_between_at(&few, &x, 1.0).unwrap();
            for s in 0..40 {
                let (i, j) = (s % 6, (131 * s + s / 6) % count);
                let pair = limit.pair_at(&rows[i], &rows[j], 1.0).unwrap();
                let pair = pair.pair().unwrap();
                let (mean, exact) = (pair.geometric_mean(), pair.covariance());
                for entry in [k[(i, j)], part[(i, j)]] {
                    let error = (entry - exact).abs();
                    assert!(
                        error <= 1e-11 * mean,
                        "{phi:?}, {bias}, {i}, {j}: {error:e}"
                    );
                }
            }
        }
    }
}

/// Slow duals are tabulated for a flow of many points: entries are those of pairs to 100 times the tolerance
/// and tangent kernels to 300 times. So are those of points whose variances differ by a factor of 400, and
/// opposite ones of odd functions.
#[test]
fn matrices_of_slow_duals_are_those_of_pairs() {
    let mut rows = points(240);
    for (i, row) in rows.iter_mut().enumerate().skip(200) {
        *row = row.map(|x| x * (0.05 * (i as f64 - 220.0)).exp());
    }
    rows[1] = rows[0];
    rows[3] = rows[2].map(|x| -x);
    rows[4] = [0.0; 3];
    let x = Inputs::from_rows(&rows).unwrap();
    let activations: [(Arc<dyn Dual>, f64); 2] = [
        (Arc::new(Elu::new(1.0).unwrap()), 0.1),
        (Arc::new(Softsign), 0.0),
    ];
    for (phi, bias) in activations {
        let limit = resnet(phi.clone(), 1.5, bias, 1.0).infinite_depth();
        let all = limit.kernels_at(&x, 1.0).unwrap();
        let places = (0..40).map(|s| ((17 * s) % 240, (131 * s + 3) % 240));
        let ends = [(0, 1), (2, 3), (4, 5), (200, 239), (210, 2)];
        for (i, j) in places.chain(ends) {
            let pair = limit.tangent_pair_at(&rows[i], &rows[j], 1.0).unwrap();
            let k = pair.covariance().pair().unwrap();
            let mean = k.geometric_mean();
            let error = (all.nngp[(i, j)] - k.covariance()).abs();
            assert!(error <= 1e-11 * mean, "{phi:?}, {i}, {j}: {error:e}");
            let tangent = pair.tangent().unwrap();
            let error = (all.ntk[(i, j)] - tangent).abs();
            assert!(
                error <= 3e-11 * mean.max(tangent.abs()),
                "{phi:?}, {i}, {j}: {error:e}"
            );
        }
    }
}

/// A pair whose columns agree by chance, far from where they lead.
#[test]
fn columns_that_agree_by_chance_do_not_end_a_step() {
    let (a, b, epsilon) = (
        0.829_606_113_385_603_2_f64,
        0.068_540_590_155_978_88_f64,
        0.123_185_040_985_601_79,
    );
    let (a, b, c) = ((3.0 * a).sqrt(), (3.0 * b).sqrt(), 1.0 - epsilon);
    let rows = [[a, 0.0, 0.0], [b * c, b * (1.0 - c * c).sqrt(), 0.0]];
    let limit = resnet(Relu, 1.5, 0.1, 1.0).infinite_depth();
    let k = limit
        .covariance_at(&Inputs::from_rows(&rows).unwrap(), 1.0)
        .unwrap();
    let fine = limit.with_tolerance(1e-14).unwrap();
    let exact = fine
        .pair_at(&rows[0], &rows[1], 1.0)
        .unwrap()
        .pair()
        .unwrap();
    assert!((k[(0, 1)] - exact.covariance()).abs() < 1e-12 * exact.geometric_mean());
}

/// $\Theta$ of summable scalings: Richardson's extrapolation of two depths.
#[test]
fn infinite_recursions_carry_the_tangent_kernel() {
    for (gamma, tolerance) in [(1.0, 1e-7), (1.5, 1e-9)] {
        for phi in [Arc::new(Relu) as Arc<dyn Dual>, Arc::new(Erf::default())] {
            let series = ConvergentSeries::new(1.0, gamma).unwrap();
            let net = ResNet::new(phi)
                .initialized_by(init(1.3, 0.1))
                .scaled_by(series);
            let rows = points(3);
            let x = Inputs::from_rows(&rows).unwrap();
            let limit = net.infinite_depth().kernels_at(&x, 1.0).unwrap();
            let at = |depth: usize| net.infinite_width(depth).unwrap().kernels(&x).unwrap();
            let (first, second) = (at(2000), at(4000));
            // what is left after layer L is proportional to the tail of the series
            let ratio = series.tail(2000).0 / series.tail(4000).0;
            let reach = |a: &DMatrix<f64>, b: &DMatrix<f64>| (b * ratio - a) / (ratio - 1.0);
            assert!(worst(&limit.nngp, &reach(&first.nngp, &second.nngp)) < tolerance);
            assert!(worst(&limit.ntk, &reach(&first.ntk, &second.ntk)) < tolerance);
        }
    }
}

/// Slowly summable series against a hundred times as many layers, corrected by the tail of the flow.
#[test]
fn slow_series_are_summed_to_the_documented_error() {
    for phi in [Arc::new(Erf::default()) as Arc<dyn Dual>, Arc::new(Gelu)] {
        let series = ConvergentSeries::new(1.0, 0.75).unwrap();
        let net = ResNet::new(phi)
            .initialized_by(init(1.0, 0.1))
            .scaled_by(series);
        let k = pair(1.0, 0.6, 0.2);
        let limit = net.infinite_depth().propagate(k, 1.0).unwrap();
        let reached = |depth: usize| {
            let k = net.infinite_width(depth).unwrap().propagate(k).unwrap();
            let rest = resnet(net_activation(&net), 1.0, 0.1, series.tail(depth).0);
            let end = rest.infinite_depth().propagate(k.pair().unwrap(), 1.0);
            end.unwrap().covariance().unwrap()
        };
        // Euler steps of the rest, ζ_l² each, leave a multiple of Σ ζ_l⁴
        let (first, second) = (reached(50_000), reached(100_000));
        let ratio = series.tail(50_000).1 / series.tail(100_000).1;
        let exact = (ratio * second - first) / (ratio - 1.0);
        let error = (limit.covariance().unwrap() / exact - 1.0).abs();
        assert!(error < 1e-9, "{error:e}");
    }
}

fn net_activation(net: &ResNet) -> Arc<dyn Dual> {
    let (_, chain) = net.network().chain().unwrap();
    Arc::clone(chain.branch.activation())
}

/// Constant coefficients: $\Theta^\ast = S/(1 - P)$ in the ordered phase, no limit at and beyond its edge.
#[test]
fn deep_mlps_have_a_tangent_kernel_in_the_ordered_phase() {
    let rows = points(4);
    let x = Inputs::from_rows(&rows).unwrap();
    let ordered = Mlp::new(Erf::default()).initialized_by(init(0.7, 0.2));
    let limit = ordered.infinite_depth().kernels_at(&x, 1.0).unwrap();
    let deep = ordered.infinite_width(400).unwrap().kernels(&x).unwrap();
    assert!(worst(&limit.ntk, &deep.ntk) < 1e-11);
    let dying = Mlp::new(Relu).initialized_by(init(1.0, 0.0));
    let theta = dying
        .infinite_depth()
        .tangent_pair_at(&rows[0], &rows[1], 1.0);
    assert_eq!(theta.unwrap().tangent().unwrap(), 0.0);
    for net in [
        Mlp::new(Relu).initialized_by(Initialization::he()),
        Mlp::new(Erf::default()).initialized_by(init(10.0, 0.5)),
    ] {
        let error = net.infinite_depth().kernels_at(&x, 1.0).unwrap_err();
        assert!(error.to_string().contains("grows without bound"), "{error}");
    }
}

/// $\sqrt{q_a q_b} (1 - c)$.
fn defect(k: PairCovariance) -> f64 {
    (k.variance_a() * k.variance_b()).sqrt() * k.one_minus_correlation()
}

/// Many times of one integration, and what it says of its error.
#[test]
fn a_trajectory_knows_all_times_and_its_error() {
    let cases: [(Arc<dyn Dual>, f64, f64, f64); 6] = [
        (Arc::new(Erf::default()), 1.0, 0.0, 1.0),
        (Arc::new(Gelu), 1.5, 0.1, 1.0),
        (Arc::new(Relu), 1.5, 0.1, 2.0),
        (Arc::new(Cosine::default()), 1.0, 0.2, 1.0),
        (Arc::new(Tanh), 2.0, 0.0, 3.0),
        (Arc::new(Relu), 1.5, 0.0, 1.0),
    ];
    for (phi, weight, bias, clock) in cases {
        let name = phi.name();
        let net = resnet(phi, weight, bias, clock);
        for (k, tolerance) in [
            (pair(1.0, 2.0, 0.5), 1e-13),
            (pair(1.0, 2.0, 0.5), 1e-7),
            (pair(0.3, 0.3, -0.2), 1e-13),
            (pair(1e-6, 2.0, 1e-3), 1e-13),
            (pair(0.0, 2.0, 0.0), 1e-13),
        ] {
            let limit = net.infinite_depth().with_tolerance(tolerance).unwrap();
            let exact = net.infinite_depth().with_tolerance(1e-14).unwrap();
            let flow = limit.trajectory_from(k).unwrap();
            let estimate = flow.error_estimate();
            // variances grow
            let last = exact.propagate(k, 1.0).unwrap().pair().unwrap();
            let scale = (last.variance_a() * last.variance_b()).sqrt();
            assert!(estimate < 1e4 * tolerance, "{name}: {estimate:e}");
            for t in [0.0, 1e-9, 0.01, 0.2, 0.77, 1.0] {
                let (found, direct) = (
                    flow.tangent_at(t).unwrap(),
                    exact.propagate_tangent(k, t).unwrap(),
                );
                let (p, q) = (
                    found.covariance().pair().unwrap(),
                    direct.covariance().pair().unwrap(),
                );
                // of the reference
                let bound = estimate + 3e-13;
                for (found, direct, scale) in [
                    (p.variance_b(), q.variance_b(), q.variance_b()),
                    (defect(p), defect(q), scale),
                    (found.tangent().unwrap(), direct.tangent().unwrap(), scale),
                ] {
                    let error = (found - direct).abs();
                    assert!(
                        error <= bound * scale,
                        "{name} {t} {k:?}: {error:e} {bound:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_trajectory_of_many_points_holds_their_kernels() {
    let rows = points(6);
    let x = Inputs::from_rows(&rows).unwrap();
    for net in [resnet(Gelu, 1.5, 0.1, 1.0), ResNet::new(Relu)] {
        let limit = net.infinite_depth();
        let flow = limit.trajectory_of(&x).unwrap();
        let pair = limit.pair_trajectory(&rows[1], &rows[4]).unwrap();
        for t in [0.0, 0.3, 1.0] {
            let (found, direct) = (
                flow.kernels_at::<f64>(t).unwrap(),
                limit.kernels_at(&x, t).unwrap(),
            );
            assert!(worst(&found.nngp, &direct.nngp) < 1e-12);
            assert!(worst(&found.ntk, &direct.ntk) < 1e-12);
            let k = pair.at(t).unwrap().covariance();
            assert!((k - direct.nngp[(1, 4)]).abs() < 1e-12);
        }
        assert!(flow.at(1.1).is_err());
    }
    let series = ResNet::new(Relu).scaled_by(ConvergentSeries::new(1.0, 1.0).unwrap());
    let error = series.infinite_depth().trajectory_of(&x).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

fn with_coefficients(
    scaling: impl BranchScaling + Clone + 'static,
    depth: usize,
) -> (ResNet, Vec<f64>) {
    let alphas = scaling.coefficients(depth);
    let net = ResNet::new(Gelu)
        .initialized_by(init(1.5, 0.1))
        .scaled_by(scaling);
    (net, alphas)
}

/// Hayou (2310.01683): of all normalised sequences the correlation is one curve in the clock
/// $\sum_{k \le l} \alpha_{k,L}^2$, within $\max_l \alpha_{l,L}^2$.
#[test]
fn all_normalised_sequences_collapse_on_one_curve() {
    let depth = 2000;
    let late = CustomScaling::normalised(
        "late",
        |l, depth| {
            if 2 * l > depth {
                (2.0 / depth as f64).sqrt()
            } else {
                0.0
            }
        },
        |t| (2.0 * t - 1.0).max(0.0),
    );
    let scalings = [
        with_coefficients(InverseSqrtDepth, depth),
        with_coefficients(PowerLaw::new(0.3).unwrap(), depth),
        with_coefficients(PowerLaw::new(0.2).unwrap(), depth),
        with_coefficients(PowerLaw::new(-1.0).unwrap(), depth),
        with_coefficients(late, depth),
    ];
    let curve = resnet(Gelu, 1.5, 0.1, 1.0).infinite_depth();
    let k = pair(1.0, 2.0, 0.1);
    let curve = curve.trajectory_from(k).unwrap();
    for (net, alphas) in scalings {
        let largest = alphas
            .iter()
            .fold(0.0, |most: f64, alpha| most.max(alpha * alpha));
        let deep = net.infinite_width(depth).unwrap();
        let mut clock = 0.0;
        for (state, alpha) in deep.trajectory_from(k).skip(1).zip(&alphas) {
            clock += alpha * alpha;
            let c = state.unwrap().correlation().unwrap();
            let distance = (c - curve.at(clock.min(1.0)).unwrap().correlation()).abs();
            assert!(
                distance < 0.3 * largest,
                "{}: {distance:e} {largest:e}",
                net.name()
            );
        }
    }
}

/// The bound holds at every depth, and is of the right order.
#[test]
fn the_remainder_of_a_series_is_bounded() {
    for phi in [
        Arc::new(Relu) as Arc<dyn Dual>,
        Arc::new(Cosine::default()),
        Arc::new(Gelu),
    ] {
        let name = phi.name();
        let series = ConvergentSeries::new(0.8, 0.8).unwrap();
        let net = ResNet::new(phi)
            .initialized_by(init(1.3, 0.1))
            .scaled_by(series);
        let limit = net.infinite_depth();
        let k = pair(1.0, 0.4, -0.2);
        let end = limit.propagate(k, 1.0).unwrap().pair().unwrap();
        for depth in [3, 30, 1000] {
            let bound = limit.remainder_after(k, depth).unwrap();
            let reached = net.infinite_width(depth).unwrap().propagate(k).unwrap();
            let reached = reached.pair().unwrap();
            let rest = end.variance_a() - reached.variance_a();
            assert!(
                rest <= bound.variance_a && rest > 0.3 * bound.variance_a,
                "{name} {depth}"
            );
            assert!(
                end.variance_b() - reached.variance_b() <= bound.variance_b,
                "{name} {depth}"
            );
            let rest = (end.covariance() - reached.covariance()).abs();
            assert!(rest <= bound.covariance, "{name} {depth}");
        }
    }
    let flow = ResNet::new(Relu).infinite_depth();
    let error = flow.remainder_after(pair(1.0, 1.0, 0.0), 3).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }));
}

#[test]
fn exploding_sequences_are_reported() {
    let exploding = CustomScaling::normalised(
        "1",
        |_, _| 1.0,
        |t| if t > 0.0 { f64::INFINITY } else { 0.0 },
    );
    let net = ResNet::new(Gelu).scaled_by(exploding);
    let limit = net.infinite_depth();
    let k = pair(1.0, 1.0, 0.3);
    for error in [
        limit.propagate(k, 1.0).unwrap_err(),
        limit.propagate_tangent(k, 1.0).unwrap_err(),
        limit.trajectory_from(k).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Overflow { .. }), "{error}");
        assert!(error.to_string().contains("grows without bound"), "{error}");
    }
    assert_eq!(limit.propagate(k, 0.0).unwrap().pair().unwrap(), k);
}

#[test]
fn a_pair_of_a_smooth_flow_costs_some_sixty_duals() {
    let (x, y) = ([1.0, 0.0], [0.6, 0.9]);
    for phi in [
        Arc::new(Erf::default()) as Arc<dyn Dual>,
        Arc::new(Gelu),
        Arc::new(Tanh),
        Arc::new(Cosine::default()),
    ] {
        for (weight, bias) in [(1.0, 0.0), (1.5, 0.1), (1.5, 1.0)] {
            let counted = Arc::new(Counted::new(&phi));
            let branch = Network::new()
                .then(Activated::sharing(Arc::clone(&counted) as _))
                .then(Dense::new(init(weight, bias)));
            let stem = Dense::new(init(1.0, 0.0));
            let net = Network::new().then(stem).then(Stack::residual(branch));
            net.infinite_depth().pair_at(&x, &y, 1.0).unwrap();
            let count = counted.count();
            println!("{} {weight} {bias}: {count}", phi.name());
            assert!(count <= 240, "{} {weight} {bias}: {count}", phi.name());
        }
    }
}
