//! Deep information propagation: published critical points, and depth scales that the recursion and sampled
//! networks follow.

use crate::oracle::{Row, every_activation};
use std::sync::Arc;

use neural_limits::activation::*;
use neural_limits::limit::Empirical;
use neural_limits::prelude::*;
use neural_limits::propagation::*;

fn map<'a>(phi: impl Dual + 'a, weight: f64, bias: f64) -> Propagation<'a> {
    Propagation::new(phi, Initialization::new(weight, bias).unwrap()).unwrap()
}

/// The one stable fixed point of the variance.
fn fixed_point(map: &Propagation<'_>) -> f64 {
    let points = map.variance_fixed_points().unwrap();
    let stable: Vec<_> = points.stable().collect();
    assert_eq!(stable.len(), 1, "{points:?}");
    stable[0].variance
}

/// (q_l, 1 − c_l) of an MLP, starting at variance `q` and the given complement.
fn recursion(map: &Propagation<'static>, q: f64, complement: f64, depth: usize) -> Vec<(f64, f64)> {
    let net = Mlp::new(map.activation().clone()).initialized_by(map.initialization());
    let start = PairCovariance::with_complement(q, q, complement).unwrap();
    let net = net.infinite_width(depth).unwrap();
    net.trajectory_from(start)
        .map(|k| {
            let k = k.unwrap();
            (k.variance_a().unwrap(), k.one_minus_correlation().unwrap())
        })
        .collect()
}

fn exponential(scale: DepthScale) -> f64 {
    match scale {
        DepthScale::Exponential { depth } => depth,
        other => panic!("{other:?}"),
    }
}

fn algebraic(scale: DepthScale) -> (f64, f64) {
    match scale {
        DepthScale::Algebraic { power, coefficient } => (power, coefficient),
        other => panic!("{other:?}"),
    }
}

/// Critical points as printed: (σ_w², σ_b²) = (1.76, 0.05) for tanh (L. Xiao et al. 2018, arXiv 1806.05393);
/// (σ_w, σ_b) = (√2, 0) for ReLU, (1.30, 0.2) for tanh and (1.22, 0.2) for ELU (S. Hayou, A. Doucet and J.
/// Rousseau 2019, arXiv 1902.06853, section 4; ELU's third digit is 1.229: printed truncated).
#[test]
fn published_critical_points() {
    let weight = |phi: &dyn Dual, bias: f64| {
        let points = edge_of_chaos(phi, bias).unwrap();
        assert_eq!(points.len(), 1, "{}", phi.name());
        points[0].initialization.weight_variance()
    };
    assert!((weight(&Tanh, 0.05) - 1.76).abs() < 5e-3);
    assert!((weight(&Tanh, 0.04).sqrt() - 1.30).abs() < 5e-3);
    assert!((weight(&Elu::default(), 0.04).sqrt() - 1.22).abs() < 1e-2);
    assert_eq!(weight(&Relu, 0.0), 2.0);
    assert!(edge_of_chaos(&Relu, 0.1).unwrap().is_empty());
    // without bias tanh becomes chaotic at σ_w = 1 (Poole et al. 2016, figure 1), where q* = 0
    let start = edge_of_chaos(&Tanh, 0.0).unwrap()[0];
    assert_eq!(start.variance, CriticalVariance::At(0.0));
    assert!((start.initialization.weight_variance() - 1.0).abs() < 1e-9);
    // σ_w² = 2/(1 + α²) for leaky ReLU
    let leaky = weight(&LeakyRelu::new(0.2).unwrap(), 0.0);
    assert!((leaky - 2.0 / 1.04).abs() < 1e-15);
}

#[test]
fn the_edge_of_chaos_is_where_the_slope_is_one() {
    for Row {
        key,
        activation: phi,
        ..
    } in every_activation()
    {
        if !phi.is_pointwise() {
            assert!(matches!(
                edge_of_chaos(&phi, 0.0),
                Err(Error::Unsupported { .. })
            ));
            continue;
        }
        for bias in [0.01, 0.2] {
            for point in edge_of_chaos(&phi, bias).unwrap_or_else(|e| panic!("{key}: {e}")) {
                let CriticalVariance::At(q) = point.variance else {
                    panic!("{key}: every variance with a bias")
                };
                let map = Propagation::new(&phi, point.initialization).unwrap();
                assert!((map.variance(q).unwrap() / q - 1.0).abs() < 1e-9, "{key}");
                assert!(
                    (map.correlation_slope(q, 0.0).unwrap() - 1.0).abs() < 1e-9,
                    "{key}"
                );
                let slope = map.variance_slope(q).unwrap();
                assert!((slope - point.variance_slope).abs() < 1e-9, "{key}");
                // the same point from its variance
                let same = edge_of_chaos_at(&phi, q).unwrap().initialization;
                assert!(
                    (same.bias_variance() - bias).abs() < 1e-9 * q.max(bias),
                    "{key}"
                );
            }
        }
    }
}

#[test]
fn slopes_are_the_derivatives_of_the_maps() {
    for Row {
        key,
        activation: phi,
        ..
    } in every_activation()
    {
        if !phi.is_pointwise() {
            continue;
        }
        let map = map(&phi, 0.3, 0.1);
        for q in [0.3, 1.0, 2.5] {
            let h = 1e-3 * q;
            let difference =
                |h: f64| (map.variance(q + h).unwrap() - map.variance(q - h).unwrap()) / (2.0 * h);
            let slope = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
            let exact = map.variance_slope(q).unwrap();
            assert!(
                (slope - exact).abs() < 1e-8 * (1.0 + exact.abs()),
                "{key}: {slope} not {exact}"
            );
            let h = 1e-3;
            let at = |epsilon: f64| map.correlation_complement(q, epsilon).unwrap();
            let difference = |h: f64| (at(0.7 + h) - at(0.7 - h)) / (2.0 * h);
            let slope = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
            let exact = map.correlation_slope(q, 0.7).unwrap();
            assert!((slope - exact).abs() < 1e-8, "{key}: {slope} not {exact}");
            // R′(1 − ε) ≈ R′(1) − R″(1) ε
            let curvature = map.correlation_curvature(q).unwrap();
            if curvature.is_finite() {
                let drop = |epsilon: f64| {
                    let slopes = [0.0, epsilon].map(|e| map.correlation_slope(q, e).unwrap());
                    (slopes[0] - slopes[1]) / epsilon
                };
                // where φ″ jumps the next term is of order √ε
                let found = 2.0 * drop(1e-6) - drop(4e-6);
                assert!(
                    (found - curvature).abs() < 1e-4 * curvature + 1e-8,
                    "{key}: {found} not {curvature}"
                );
            } else {
                assert!(!phi.kinks().is_empty(), "{key}");
            }
        }
    }
}

#[test]
fn fixed_points_are_reported_as_what_they_are() {
    use VarianceFixedPoints::{Every, Isolated};
    assert_eq!(
        map(LeakyRelu::new(0.2).unwrap(), 2.0 / 1.04, 0.0)
            .variance_fixed_points()
            .unwrap(),
        Every
    );
    // a closure with ReLU's values is found to fix every variance as well
    let mine = Custom::new("mine", |x: f64| x.max(0.0), |x: f64| f64::from(x > 0.0))
        .with_kinks(&[0.0])
        .unwrap();
    assert_eq!(map(&mine, 2.0, 0.0).variance_fixed_points().unwrap(), Every);
    // none: critical ReLU with a bias
    let Isolated { points, unbounded } = map(Relu, 2.0, 0.1).variance_fixed_points().unwrap()
    else {
        panic!()
    };
    assert!(points.is_empty() && unbounded);
    // one: tanh below σ_w = 1 without bias, at 0
    let Isolated { points, unbounded } = map(Tanh, 0.9, 0.0).variance_fixed_points().unwrap()
    else {
        panic!()
    };
    assert!(points.len() == 1 && points[0].variance == 0.0 && !unbounded);
    assert!((points[0].slope - 0.9).abs() < 1e-9 && points[0].stability == Stability::Stable);
    // two: above σ_w = 1 the one at 0 is unstable
    let Isolated { points, .. } = map(Tanh, 1.5, 0.0).variance_fixed_points().unwrap() else {
        panic!()
    };
    assert_eq!(points.len(), 2);
    assert_eq!(
        points.iter().map(|p| p.stability).collect::<Vec<_>>(),
        [Stability::Unstable, Stability::Stable]
    );
    // several, and no bound: a cubic grows beyond its unstable fixed point
    let cubic = Polynomial::monomial(3).unwrap();
    let Isolated { points, unbounded } =
        map(cubic, 1.0 / 15.0, 0.0).variance_fixed_points().unwrap()
    else {
        panic!()
    };
    assert!(points.len() == 2 && unbounded);
    assert!((points[1].variance - 1.0).abs() < 1e-12 && (points[1].slope - 3.0).abs() < 1e-9);
    // several stable ones with a bias between them
    let gelu = map(Gelu, 2.3, 0.05).variance_fixed_points().unwrap();
    let Isolated { points, .. } = &gelu else {
        panic!()
    };
    for point in points {
        assert_eq!(point.stability == Stability::Stable, point.slope < 1.0);
    }
    // correlations: all of them in linear networks, c = ±1 and 0 for odd functions in chaos
    assert_eq!(
        map(Identity, 1.0, 0.0)
            .correlation_fixed_points(1.0)
            .unwrap(),
        CorrelationFixedPoints::Every
    );
    let odd = map(Tanh, 2.0, 0.0);
    let CorrelationFixedPoints::Isolated(points) =
        odd.correlation_fixed_points(fixed_point(&odd)).unwrap()
    else {
        panic!()
    };
    let found: Vec<f64> = points.iter().map(|p| p.correlation).collect();
    assert!(
        found.len() == 3 && found[0] == 1.0 && found[1].abs() < 1e-12 && found[2] == -1.0,
        "{found:?}"
    );
    assert_eq!(points[1].stability, Stability::Stable);
    assert!(odd.deep_limit(0.1).is_err(), "not a fixed point");
}

#[test]
fn correlations_converge_exponentially_at_the_predicted_scale() {
    for (phi, weight, bias, phase) in [
        (Arc::new(Tanh) as Arc<dyn Dual>, 1.3, 0.05, Phase::Ordered),
        (Arc::new(Tanh), 2.5, 0.05, Phase::Chaotic),
        (Arc::new(Erf::default()), 1.0, 0.1, Phase::Ordered),
        (Arc::new(HardTanh), 1.8, 0.05, Phase::Chaotic),
        (Arc::new(Relu), 1.5, 0.1, Phase::Ordered),
        (Arc::new(Sign), 1.5, 0.1, Phase::Chaotic),
        (Arc::new(Silu), 1.5, 0.1, Phase::Ordered),
    ] {
        let map = map(phi.clone(), weight, bias);
        let q = fixed_point(&map);
        let deep = map.deep_limit(q).unwrap();
        assert_eq!(deep.phase, phase, "{}", phi.name());
        let scale = exponential(deep.correlation_scale);
        // far enough for the slowest mode alone, not so far that nothing is left
        let depth = (12.0 * scale).ceil() as usize + 3;
        let path = recursion(&map, q, 0.9, depth + 1);
        let distance = |l: usize| (path[l].1 - (1.0 - deep.correlation)).abs();
        let measured = -1.0 / (distance(depth + 1) / distance(depth)).ln();
        assert!(
            (measured / scale - 1.0).abs() < 1e-3,
            "{}: {measured} not {scale}",
            phi.name()
        );
        assert!((1.0 / scale + deep.correlation_slope.abs().ln()).abs() < 1e-12);
    }
}

#[test]
fn variances_converge_exponentially_at_the_predicted_scale() {
    for (weight, bias) in [(1.3, 0.05), (2.5, 0.05), (4.0, 0.3)] {
        let map = map(Tanh, weight, bias);
        let q = fixed_point(&map);
        let scale = exponential(map.deep_limit(q).unwrap().variance_scale);
        let depth = (15.0 * scale).ceil() as usize;
        let path = recursion(&map, 1.2 * q, 0.5, depth + 1);
        let measured = -1.0 / ((path[depth + 1].0 - q) / (path[depth].0 - q)).ln();
        assert!(
            (measured / scale - 1.0).abs() < 1e-5,
            "{measured} not {scale}"
        );
    }
}

/// 1 − c_l ≈ 9π²/(2 l²) for ReLU and 2/(R″(1) l) for smooth functions (Hayou, Doucet and Rousseau 2019,
/// propositions 3 and 4), approached as log(l)/l.
#[test]
fn correlations_converge_algebraically_at_the_edge_of_chaos() {
    let relu = map(Relu, 2.0, 0.0).deep_limit(1.0).unwrap();
    let (power, coefficient) = algebraic(relu.correlation_scale);
    assert_eq!(power, 2.0);
    let pi = std::f64::consts::PI;
    assert!((coefficient / (4.5 * pi * pi) - 1.0).abs() < 1e-12);
    assert_eq!(relu.phase, Phase::Critical);
    // below criticality its variance vanishes, while correlations keep their law
    let vanishing = map(Relu, 1.5, 0.0).deep_limit(0.0).unwrap();
    assert_eq!((vanishing.phase, vanishing.chi), (Phase::Ordered, 0.75));
    assert!((algebraic(vanishing.correlation_scale).1 / coefficient - 1.0).abs() < 1e-12);
    assert_eq!(
        (relu.gradient_scale, relu.variance_scale),
        (DepthScale::Constant, DepthScale::Constant)
    );
    for (phi, bias) in [
        (Arc::new(Relu) as Arc<dyn Dual>, 0.0),
        (Arc::new(LeakyRelu::new(0.3).unwrap()), 0.0),
        (Arc::new(Tanh), 0.05),
        (Arc::new(Erf::default()), 0.2),
        (Arc::new(Sine::default()), 0.1),
    ] {
        let point = edge_of_chaos(&phi, bias).unwrap()[0];
        let map = Propagation::new(phi.clone(), point.initialization).unwrap();
        let q = match point.variance {
            CriticalVariance::At(q) => q,
            CriticalVariance::Every => 1.0,
        };
        let (power, coefficient) = algebraic(map.deep_limit(q).unwrap().correlation_scale);
        let depth = 20_000;
        let path = recursion(&map, q, 1.0, depth);
        let measured = path[depth].1 * (depth as f64).powf(power);
        assert!(
            (measured / coefficient - 1.0).abs() < 5e-3,
            "{}: {measured} not {coefficient}",
            phi.name()
        );
    }
}

/// At σ_w = 1, σ_b = 0 tanh's variance decays algebraically: V(q) = q − 2q² + …, so q_l ≈ 1/(2l).
#[test]
fn a_marginal_variance_decays_algebraically() {
    let map = map(Tanh, 1.0, 0.0);
    let deep = map.deep_limit(0.0).unwrap();
    let (power, coefficient) = algebraic(deep.variance_scale);
    assert!(
        power == 1.0 && (coefficient - 0.5).abs() < 1e-3,
        "{coefficient}"
    );
    let path = recursion(&map, 1.0, 0.5, 5000);
    assert!((path[5000].0 * 5000.0 / coefficient - 1.0).abs() < 1e-2);
}

/// Networks of width 2000: the mean of −log(1 − ĉ_l) over samples rises by 1/ξ_c a layer in the ordered
/// phase.
#[test]
fn finite_networks_follow_the_depth_scale() {
    let map = map(Tanh, 1.3, 0.05);
    let scale = exponential(map.deep_limit(fixed_point(&map)).unwrap().correlation_scale);
    let net = Mlp::new(Tanh).initialized_by(map.initialization());
    let x = Inputs::from_rows(&[[1.0, 0.0], [0.0, 1.0]]).unwrap();
    let log_complement = |depth: usize, seed: u64| {
        let draws = net
            .finite(2000, depth)
            .unwrap()
            .draws(&x, 64, seed)
            .unwrap();
        let logs = draws
            .iter()
            .map(|draw| (1.0 - draw.correlation(0, 1).unwrap()).ln());
        Empirical::new(logs.collect(), 0).unwrap().mean()
    };
    let (shallow, shallow_error) = log_complement(15, 1);
    let (deep, deep_error) = log_complement(35, 2);
    let rate = (shallow - deep) / 20.0;
    let error = shallow_error.hypot(deep_error) / 20.0;
    // five standard errors, a false-alarm probability of 6e-7
    assert!(
        (rate - 1.0 / scale).abs() < 5.0 * error,
        "{rate} ± {error}, not {}",
        1.0 / scale
    );
    assert!(error < 0.03 / scale, "the test would see an error of 15 %");
}

#[test]
fn the_critical_initialisation_survives_to_its_depth() {
    // ReLU has one law
    let relu = critical_initialization(&Relu, 30, 0.01).unwrap();
    assert_eq!(relu.point.initialization, Initialization::he());
    assert!((relu.survival_depth - 66.6).abs() < 0.1);
    for depth in [50, 1000, 30_000] {
        let found = critical_initialization(&Tanh, depth, 0.01).unwrap();
        assert!(found.survival_depth >= depth as f64 && found.point.variance_slope <= 1.0);
        let CriticalVariance::At(q) = found.point.variance else {
            panic!()
        };
        let map = Propagation::new(Tanh, found.point.initialization).unwrap();
        let left = recursion(&map, q, 1.0, depth)[depth].1;
        // the law is approached from above
        assert!(left > 0.0085, "1 − c = {left} after {depth} layers");
        // and no larger q* would have survived
        if q < 0.99 {
            assert!(found.survival_depth < 1.001 * depth as f64);
        }
    }
    // GELU's variance drifts at ordinary q*; the drift stays within a factor of e
    let gelu = critical_initialization(&Gelu, 100, 0.01).unwrap();
    assert!(gelu.point.variance_slope > 1.0 && gelu.point.variance_slope.powi(100) < 2.72);
    // softplus has no critical point at all
    assert!(matches!(
        critical_initialization(&Softplus, 10, 0.01),
        Err(Error::Undefined { .. })
    ));
    assert!(critical_initialization(&Relu, 0, 0.01).is_err());
    assert!(critical_initialization(&Relu, 1, f64::NAN).is_err());
}

/// χ₁^L for MLPs; 1 + σ_w² E φ² a layer for residual networks; for tanh variances grow linearly and
/// log-gradients as √L (Yang and Schoenholz 2017, arXiv 1712.08969, theorem 4).
#[test]
fn gradients_and_variances_grow_at_the_predicted_rates() {
    let chaos = map(Tanh, 2.5, 0.05);
    let q = fixed_point(&chaos);
    let net = Mlp::new(Tanh).initialized_by(chaos.initialization());
    let growth = net.infinite_width(50).unwrap().growth(q).unwrap();
    let chi = chaos.deep_limit(q).unwrap().chi;
    assert!((growth.log_gradient[50] - 50.0 * chi.ln()).abs() < 1e-9);
    assert!(growth.log_variance[50].abs() < 1e-9);

    let unscaled = ResNet::new(Relu).scaled_by(Constant::one());
    let growth = unscaled.infinite_width(3000).unwrap().growth(2.0).unwrap();
    assert!((growth.log_variance[3000] / (3000.0 * 1.5_f64.ln()) - 1.0).abs() < 1e-12);
    let scaled = ResNet::new(Relu);
    let growth = scaled.infinite_width(3000).unwrap().growth(2.0).unwrap();
    assert!((growth.log_variance[3000] - 0.5).abs() < 1e-4);

    let tanh = ResNet::new(Tanh).scaled_by(Constant::one());
    let growth = tanh.infinite_width(20_000).unwrap().growth(1.0).unwrap();
    let q = growth.log_variance[20_000].exp();
    assert!(
        (q / 20_000.0 - 1.0).abs() < 0.02,
        "q_l/l → σ_w² lim E φ² = 1, not {q}"
    );
    let exponent = (growth.log_gradient[20_000] / growth.log_gradient[5000]).ln() / 4_f64.ln();
    assert!((exponent - 0.5).abs() < 0.02, "{exponent}");
    assert!(tanh.infinite_width(3).unwrap().growth(0.0).is_err());
}

/// V(1) = V′(1) = 1, R(0) = 0 and the target, to 1e-10; and then an MLP of any depth keeps |C(c) − c| ≤ ζ − 1
/// on [0, 1] by convexity (Martens et al. 2021, arXiv 2110.01765, section 5).
#[test]
fn shaped_activations_have_the_maps_that_were_asked_for() {
    let smooth: Vec<Box<dyn Dual>> = vec![
        Box::new(Tanh),
        Box::new(Erf::default()),
        Box::new(Gelu),
        Box::new(Silu),
        Box::new(Softplus),
        Box::new(Sigmoid),
        Box::new(Mish),
        Box::new(Sine::default()),
    ];
    for phi in smooth.into_iter().map(std::sync::Arc::<dyn Dual>::from) {
        let shaped = Shaping::slope(1.5)
            .unwrap()
            .for_depth(50)
            .unwrap()
            .of(phi.clone())
            .unwrap();
        let slope = shaped.correlation_slope.powi(50);
        assert!((slope - 1.5).abs() < 1e-9, "{}: {slope}", phi.name());
        let other = Shaping::curvature(0.05).unwrap().of(phi.clone()).unwrap();
        assert!(
            (other.correlation_curvature / 0.05 - 1.0).abs() < 1e-9,
            "{}",
            phi.name()
        );
        for shaped in [&shaped, &other] {
            assert!(
                (shaped.variance - 1.0).abs() < 1e-11
                    && (shaped.variance_slope - 1.0).abs() < 1e-10
            );
            assert!(shaped.correlation_at_zero.abs() < 1e-10);
        }
        let unit = map(shaped.activation, 1.0, 0.0);
        for start in [0.0, 0.3, 0.9] {
            let end = 1.0 - recursion(&unit, 1.0, 1.0 - start, 50)[50].1;
            assert!(
                end <= start + 1e-9 && start - end <= 0.5,
                "{}: {start} to {end}",
                phi.name()
            );
        }
    }
    let selu = Shaping::slope(1.01).unwrap().of(Selu).unwrap();
    assert!(
        (selu.correlation_slope - 1.01).abs() < 1e-10 && selu.correlation_curvature.is_infinite()
    );
    // one unknown too few for ReLU, no curvature with kinks, nothing to shape in a linear function
    assert!(matches!(
        Shaping::slope(1.5).unwrap().of(Relu),
        Err(Error::NotConverged { .. })
    ));
    assert!(matches!(
        Shaping::curvature(1.0).unwrap().of(Selu),
        Err(Error::Undefined { .. })
    ));
    assert!(Shaping::slope(1.5).unwrap().of(Identity).is_err());
    assert!(
        Shaping::slope(1.0).is_err()
            && Shaping::slope(f64::NAN).is_err()
            && Shaping::curvature(0.0).is_err()
    );
    assert!(Shaping::slope(1.5).unwrap().for_depth(0).is_err());
}

#[test]
fn arguments_are_checked() {
    let relu = map(Relu, 2.0, 0.0);
    for q in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(relu.variance(q).is_err() && relu.variance_slope(q).is_err());
        assert!(relu.correlation(q, 0.5).is_err() && relu.correlation_slope(q, 0.5).is_err());
        assert!(relu.correlation_curvature(q).is_err() && relu.deep_limit(q).is_err());
        assert!(edge_of_chaos_at(&Relu, q).is_err() && edge_of_chaos(&Relu, q).is_err());
    }
    assert!(edge_of_chaos_at(&Relu, 0.0).is_err());
    assert!(relu.correlation(1.0, 1.5).is_err() && relu.correlation_complement(1.0, -0.1).is_err());
    assert!(matches!(
        edge_of_chaos_at(&Sign, 1.0),
        Err(Error::Undefined { .. })
    ));
    assert!(matches!(
        Propagation::new(PowerKernel::new(2).unwrap(), Initialization::he()),
        Err(Error::Unsupported { .. })
    ));
    let message = map(Exponential::new(1.0, 1.0).unwrap(), 1.0, 0.0)
        .variance(1e3)
        .unwrap_err();
    assert!(matches!(message, Error::Overflow { .. }), "{message}");
}
