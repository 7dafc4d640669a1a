//! What the duals of every activation must satisfy, whatever the covariance.

use std::sync::OnceLock;

use crate::oracle::{Row, every_activation};
use neural_limits::activation::expectation::Quadrature;
use neural_limits::activation::*;
use neural_limits::prelude::*;
use proptest::prelude::*;

fn all() -> &'static [Row] {
    static ALL: OnceLock<Vec<Row>> = OnceLock::new();
    ALL.get_or_init(every_activation)
}

fn pair(qa: f64, qb: f64, epsilon: f64) -> PairCovariance {
    PairCovariance::with_complement(qa, qb, epsilon).unwrap()
}

fn slope_scale(phi: &dyn Dual, qa: f64, qb: f64) -> f64 {
    let at = |q| phi.derivative_dual(pair(q, q, 0.0)).unwrap();
    (at(qa) * at(qb)).sqrt()
}

/// Variances from 1e-6 to 30 and complements over all scales.
fn covariances() -> impl Strategy<Value = (f64, f64, f64)> {
    let variance = (-6.0..1.5_f64).prop_map(|x| 10_f64.powf(x));
    let complement = prop_oneof![
        0.0..2.0_f64,
        (-16.0..0.0_f64).prop_map(|x| 10_f64.powf(x)),
        Just(0.0),
        Just(2.0),
    ];
    (variance.clone(), variance, complement)
}

/// Rounded so that 1 + c and 1 − c are both exact.
fn dyadic(x: f64) -> f64 {
    let scale = 2_f64.powi(40);
    (x * scale).round() / scale
}

proptest! {
    #![proptest_config(crate::property::config(24))]

    #[test]
    fn the_dual_is_a_covariance_matrix((qa, qb, epsilon) in covariances()) {
        for Row { key, activation: phi, .. } in all() {
            let dual = phi.dual(pair(qa, qb, epsilon)).unwrap();
            prop_assert!(dual.variance_a() >= 0.0 && dual.variance_b() >= 0.0, "{key}");
            prop_assert!((0.0..=2.0).contains(&dual.one_minus_correlation()), "{key}");
            // Cauchy–Schwarz for the slopes
            let slope = phi.derivative_dual(pair(qa, qb, epsilon)).unwrap();
            let bound = slope_scale(phi, qa, qb);
            prop_assert!(slope.abs() <= bound * (1.0 + 1e-12), "{key}: {slope} > {bound}");
        }
    }

    #[test]
    fn the_dual_is_symmetric((qa, qb, epsilon) in covariances()) {
        for Row { key, activation: phi, .. } in all() {
            let (k, swapped) = (phi.dual(pair(qa, qb, epsilon)).unwrap(), phi.dual(pair(qb, qa, epsilon)).unwrap());
            prop_assert_eq!(k.variance_a(), swapped.variance_b(), "{}", key);
            let scale = (k.variance_a() * k.variance_b()).sqrt();
            prop_assert!((k.covariance() - swapped.covariance()).abs() <= 1e-13 * scale, "{key}");
        }
    }

    #[test]
    fn even_and_odd_functions_have_even_and_odd_duals((qa, qb, epsilon) in covariances()) {
        for Row { key, activation: phi, .. } in all() {
            let sign = match phi.parity() {
                Parity::Even => 1.0,
                Parity::Odd => -1.0,
                Parity::Neither => continue,
            };
            let epsilon = dyadic(epsilon);
            let k = phi.dual(pair(qa, qb, epsilon)).unwrap();
            let opposite = phi.dual(pair(qa, qb, 2.0 - epsilon)).unwrap().covariance();
            let scale = (k.variance_a() * k.variance_b()).sqrt();
            prop_assert!((k.covariance() - sign * opposite).abs() <= 2e-12 * scale, "{key}");
        }
    }

    #[test]
    fn homogeneous_functions_scale((qa, qb, epsilon) in covariances(), factor in 1e-3..1e3_f64) {
        for Row { key, activation: phi, .. } in all() {
            if phi.slopes().is_none() {
                continue;
            }
            let k = phi.dual(pair(qa, qb, epsilon)).unwrap();
            let scaled = phi.dual(pair(factor * qa, factor * qb, epsilon)).unwrap();
            let scale = factor * (k.variance_a() * k.variance_b()).sqrt();
            prop_assert!((scaled.covariance() - factor * k.covariance()).abs() <= 1e-15 * scale, "{key}");
        }
    }

    /// E[φ(u)φ(v)] = Σ a_k² c^k at equal variances: rising on [0, 1], and largest in absolute value at c = 1.
    #[test]
    fn a_power_series_with_non_negative_coefficients_is_monotone(
        (q, _, epsilon) in covariances(), other in 0.0..1.0_f64
    ) {
        let (c, d) = (dyadic((1.0 - epsilon).abs()), dyadic(other));
        let (low, high) = (c.min(d), c.max(d));
        for Row { key, activation: phi, .. } in all() {
            let at = |c: f64| phi.dual(pair(q, q, 1.0 - c)).unwrap();
            let (below, above) = (at(low).covariance(), at(high).covariance());
            let variance = above.max(at(1.0).variance_a());
            prop_assert!(below <= above + 2e-12 * variance, "{key}: {below} > {above}");
            prop_assert!(at(-high).covariance().abs() <= above + 2e-12 * variance, "{key}");
        }
    }

    /// ∂E[φ(u)φ(v)]/∂k = E[φ′(u)φ′(v)] (R. Price 1958), by a fourth-order difference; functions that jump
    /// have a singular part.
    #[test]
    fn prices_theorem((qa, qb, _) in covariances(), c in -0.9..0.9_f64) {
        let root = (qa * qb).sqrt();
        for Row { key, activation: phi, .. } in all() {
            if ["sign", "step"].contains(key) {
                continue;
            }
            let step = 2e-3;
            let moment = |c: f64| phi.dual(pair(qa, qb, 1.0 - c)).unwrap();
            let difference = |step: f64| (moment(c + step).covariance() - moment(c - step).covariance()) / (2.0 * step);
            let slope = (4.0 * difference(step) - difference(2.0 * step)) / 3.0;
            let exact = root * phi.derivative_dual(pair(qa, qb, 1.0 - c)).unwrap();
            let dual = moment(c);
            let scale = (dual.variance_a() * dual.variance_b()).sqrt().max(root * slope_scale(phi, qa, qb));
            prop_assert!((slope - exact).abs() <= 1e-7 * scale, "{key}: {slope} not {exact} at {qa} {qb} {c}");
        }
    }

    #[test]
    fn closed_forms_are_what_quadrature_finds((qa, qb, epsilon) in covariances()) {
        let quadrature = Quadrature::default();
        for Row { key, route, activation: phi } in all() {
            if [crate::oracle::MIXTURE, crate::oracle::ANGLE, "map of kernels"].contains(route) {
                continue;
            }
            let k = pair(qa, qb, epsilon);
            let (closed, found) = (phi.dual(k).unwrap(), quadrature.dual(phi, k).unwrap());
            let scale = (closed.variance_a() * closed.variance_b()).sqrt();
            let error = (closed.covariance() - found.value.covariance()).abs();
            prop_assert!(error <= 2e-12 * scale, "{key}: {error:e} of {scale:e}");
            let (closed, found) = (phi.derivative_dual(k).unwrap(), quadrature.derivative_dual(phi, k).unwrap());
            let error = (closed - found.value).abs();
            prop_assert!(error <= 2e-12 * slope_scale(phi, qa, qb), "{key} slopes: {error:e}");
        }
    }
}

/// The same numbers one by one, in slices, and in single precision to its rounding.
#[test]
fn slices_agree_with_single_pairs_in_both_precisions() {
    let variances: Vec<f64> = (0..96).map(|i| 0.25 * f64::from(1 + i / 32)).collect();
    let other: Vec<f64> = (0..96).map(|i| 0.5 * f64::from(1 + i / 48)).collect();
    let complements: Vec<f64> = (0..96).map(|i| f64::from(i % 32) / 16.0).collect();
    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let k = PairSlices::new(&variances, &other, &complements).unwrap();
    let (a, b, c) = (single(&variances), single(&other), single(&complements));
    let narrow = PairSlices::new(&a, &b, &c).unwrap();
    for Row {
        key,
        activation: phi,
        ..
    } in all()
    {
        let (mut values, mut slopes) = ([0.0; 96], [0.0; 96]);
        phi.dual_slice(&k, &mut values).unwrap();
        phi.derivative_dual_slice(&k, &mut slopes).unwrap();
        let (mut narrow_values, mut narrow_slopes) = ([0.0_f32; 96], [0.0_f32; 96]);
        dual_slice(phi, &narrow, &mut narrow_values).unwrap();
        derivative_dual_slice(phi, &narrow, &mut narrow_slopes).unwrap();
        for i in 0..96 {
            let k = pair(variances[i], other[i], complements[i]);
            let dual = phi.dual(k).unwrap();
            let scale = (dual.variance_a() * dual.variance_b()).sqrt();
            assert!(
                (values[i] - dual.covariance()).abs() <= 2e-12 * scale,
                "{key} {i}"
            );
            let slope = phi.derivative_dual(k).unwrap();
            let slope_scale = slope_scale(phi, variances[i], other[i]);
            assert!(
                (slopes[i] - slope).abs() <= 2e-12 * slope_scale,
                "{key} {i}"
            );
            assert!(
                (f64::from(narrow_values[i]) - values[i]).abs() <= 6.1e-8 * scale,
                "{key}"
            );
            assert!(
                (f64::from(narrow_slopes[i]) - slopes[i]).abs() <= 6.1e-8 * slope_scale,
                "{key}"
            );
        }
    }
}

#[test]
fn small_variances_linearise() {
    for Row {
        key,
        activation: phi,
        ..
    } in all()
    {
        if ["sign", "step", "exp_normalized", "power_kernel_2"].contains(key) {
            continue; // not continuous, or no function at these variances
        }
        let q = 1e-20;
        let k = phi.dual(pair(q, q, 0.25)).unwrap();
        let zero = phi.value(0.0).powi(2);
        assert!(
            (k.covariance() - zero).abs() <= 1e-9 * zero + 2.0 * q,
            "{key}"
        );
        if phi.kinks().is_empty() {
            let slope = phi.derivative(0.0).powi(2);
            let found = phi.derivative_dual(pair(q, q, 0.25)).unwrap();
            assert!((found - slope).abs() <= 1e-9, "{key}: {found} not {slope}");
        }
    }
}

const VARIANCES: [f64; 9] = [0.0, 1e-280, 1e-12, 0.01, 1.0, 30.0, 1e6, 1e12, 1e280];
const COMPLEMENTS: [f64; 9] = [0.0, 1e-300, 1e-12, 1e-4, 0.3, 1.0, 1.7, 1.9999, 2.0];

/// What is not refused as an overflow is finite, the same for swapped inputs up to `swapped` of its scale, a
/// variance that is a function of its own input alone, and within the bound of Cauchy and Schwarz; $\mathbb
/// E[\varphi^\prime\varphi^\prime]$ is at most `steepest`.
fn holds_at_every_variance(phi: &dyn Dual, swapped: f64, steepest: f64) {
    let slopes = VARIANCES.map(|q| phi.derivative_dual(pair(q, q, 0.0)));
    let own = VARIANCES.map(|q| phi.dual(pair(q, q, 0.0)));
    for (i, j) in (0..9).flat_map(|i| (i..9).map(move |j| (i, j))) {
        let (qa, qb) = (VARIANCES[i], VARIANCES[j]);
        for epsilon in COMPLEMENTS {
            let place = format!("{}: q = {qa:e}, {qb:e}, 1 - c = {epsilon:e}", phi.name());
            let dual = match (phi.dual(pair(qa, qb, epsilon)), &own[i], &own[j]) {
                (Ok(dual), Ok(a), Ok(b)) => {
                    assert_eq!(dual.variance_a(), a.variance_a(), "{place}");
                    assert_eq!(dual.variance_b(), b.variance_a(), "{place}");
                    dual
                }
                (Err(Error::Overflow { .. }), a, b) => {
                    assert!(a.is_err() || b.is_err(), "{place}");
                    continue;
                }
                other => panic!("{place}: {other:?}"),
            };
            let back = phi.dual(pair(qb, qa, epsilon)).unwrap();
            let [a, b] = [dual.variance_a(), dual.variance_b()];
            let [a, b] = [a, b].map(|moment| moment.max(f64::MIN_POSITIVE).sqrt());
            let scale = a * b;
            assert!(scale.is_finite(), "{place}");
            let [moment, back] = [dual, back].map(|dual| dual.covariance());
            assert!(moment.abs() <= scale * (1.0 + 1e-14), "{place}");
            assert!((moment - back).abs() <= swapped * scale, "{place}");
            assert!(
                (0.0..=2.0).contains(&dual.one_minus_correlation()),
                "{place}"
            );
            if let (Ok(a), Ok(b)) = (&slopes[i], &slopes[j]) {
                let slope = phi.derivative_dual(pair(qa, qb, epsilon)).unwrap();
                let back = phi.derivative_dual(pair(qb, qa, epsilon)).unwrap();
                // moments below the range of numbers are 0
                let [a, b] = [a, b].map(|moment| moment.max(f64::MIN_POSITIVE).sqrt());
                let scale = a * b;
                assert!(
                    slope.abs() <= (scale * (1.0 + 1e-12)).min(steepest),
                    "{place}"
                );
                assert!((slope - back).abs() <= swapped * scale, "{place}");
            }
        }
    }
}

#[test]
fn at_every_variance_duals_are_finite_symmetric_and_bounded() {
    for Row {
        route,
        activation: phi,
        ..
    } in all()
    {
        match *route {
            "map of kernels" => {}
            crate::oracle::MIXTURE => holds_at_every_variance(phi, 1e-13, 1.2),
            _ => holds_at_every_variance(phi, 1e-13, f64::INFINITY),
        }
    }
}

/// By Price's theorem in the angle both inputs are alike to the bit, also of functions that have no name.
#[test]
fn by_angles_both_inputs_are_alike_to_the_bit() {
    let affine = Affine::new(HardTanh, -2.0, 0.3, -1.5, 0.2).unwrap();
    let activations: [&dyn Dual; 7] = [
        &HardTanh,
        &HardSigmoid,
        &Relu6,
        &affine,
        &Selu,
        &Elu::new(-1.0).unwrap(),
        &Celu::new(1e-200).unwrap(),
    ];
    for phi in activations {
        holds_at_every_variance(phi, 0.0, f64::INFINITY);
    }
}

/// A power of two is exact.
#[test]
fn the_scale_of_an_exponential_is_a_scale_of_its_input() {
    let (small, large) = (Celu::new(0.25).unwrap(), Celu::new(1.0).unwrap());
    for (qa, qb) in VARIANCES
        .into_iter()
        .flat_map(|qa| VARIANCES.map(|qb| (qa, qb)))
    {
        for epsilon in COMPLEMENTS {
            let (k, scaled) = (pair(qa, qb, epsilon), pair(16.0 * qa, 16.0 * qb, epsilon));
            let moment = large.dual(scaled).unwrap().covariance();
            let error = small.dual(k).unwrap().covariance() - moment / 16.0;
            assert!(
                error.abs() <= 1e-14 * moment.abs(),
                "{qa:e} {qb:e} {epsilon}"
            );
            let slope = large.derivative_dual(scaled).unwrap();
            assert!((small.derivative_dual(k).unwrap() - slope).abs() <= 1e-14);
        }
    }
}

/// Saturating functions become the sign, functions with a linear tail ReLU.
#[test]
fn large_variances_leave_the_asymptotes() {
    let q = 1e24;
    for (phi, limit, scale) in [
        (
            Box::new(Tanh) as Box<dyn Dual>,
            Box::new(Sign) as Box<dyn Dual>,
            1.0,
        ),
        (Box::new(HardTanh), Box::new(Sign), 1.0),
        (Box::new(Erf::default()), Box::new(Sign), 1.0),
        (Box::new(Sigmoid), Box::new(Step), 1.0),
        (Box::new(Softplus), Box::new(Relu), q),
        (Box::new(Silu), Box::new(Relu), q),
        (Box::new(Elu::default()), Box::new(Relu), q),
    ] {
        for epsilon in [0.0, 1e-6, 0.1, 0.5, 1.0, 1.5] {
            let k = pair(q, q, epsilon);
            let error = phi.dual(k).unwrap().covariance() - limit.dual(k).unwrap().covariance();
            assert!(
                error.abs() <= 4e-12 * scale,
                "{} {epsilon}: {error:e}",
                phi.name()
            );
        }
    }
}

#[test]
fn thirteen_digits_can_be_had() {
    let quadrature = Quadrature::new(1e-13).unwrap();
    for Row {
        key,
        activation: phi,
        ..
    } in all()
    {
        for k in [
            pair(1.0, 1.0, 0.3),
            pair(0.5, 2.0, 1.2),
            pair(2.0, 2.0, 1e-3),
        ] {
            if ["exp_normalized", "power_kernel_2"].contains(key) {
                continue;
            }
            let found = quadrature
                .dual(phi, k)
                .unwrap_or_else(|e| panic!("{key}: {e}"));
            assert!(found.error <= 1e-13, "{key}");
            quadrature
                .derivative_dual(phi, k)
                .unwrap_or_else(|e| panic!("{key}: {e}"));
        }
    }
}

#[test]
fn a_tolerance_out_of_reach_is_said_to_be() {
    // an undeclared kink hides from the series, and rounding from 1e-15
    let hidden = Custom::new(
        "|x - 1/3|",
        |x: f64| (x - 1.0 / 3.0).abs(),
        |x: f64| (x - 1.0 / 3.0).signum(),
    );
    let k = pair(1.0, 1.0, 0.3);
    let strict = Quadrature::new(1e-15).unwrap().dual(&hidden, k);
    assert!(
        matches!(strict, Err(Error::NotConverged { .. })),
        "{strict:?}"
    );
    let declared = hidden.with_kinks(&[1.0 / 3.0]).unwrap();
    assert!(Quadrature::new(1e-13).unwrap().dual(&declared, k).is_ok());
}

/// Mehler's coefficients of odd and even parts do not mix: E[(φ + ψ)²] from sums and affine maps.
#[test]
fn sums_and_affine_maps_are_what_their_parts_say() {
    let k = pair(0.7, 1.9, 0.4);
    let moment = |phi: &dyn Dual| phi.dual(k).unwrap().covariance();
    // E[(2 erf + cos)(u) (2 erf + cos)(v)] = 4 E[erf erf] + E[cos cos]: odd and even functions are
    // uncorrelated
    let sum = Erf::default().times(2.0).unwrap().plus(Cosine::default());
    let parts = 4.0 * moment(&Erf::default()) + moment(&Cosine::default());
    assert!((moment(&sum) - parts).abs() < 1e-12);
    // sin(x + π/2) = cos x; 3 (relu(2x) + 0)
    let shifted = Sine::default()
        .of_affine(1.0, std::f64::consts::FRAC_PI_2)
        .unwrap();
    assert!((moment(&shifted) - moment(&Cosine::default())).abs() < 1e-12);
    let scaled = Affine::new(Relu, 2.0, 0.0, 3.0, 0.0).unwrap();
    assert!((moment(&scaled) - 36.0 * moment(&Relu)).abs() < 1e-14);
    let leaky = Relu.plus(Identity.times(0.2).unwrap());
    assert_eq!(leaky.slopes(), AbRelu::new(0.2, 1.2).unwrap().slopes());
}

/// A map of kernels is no network.
#[test]
fn finite_networks_refuse_maps_of_kernels() {
    let net = Mlp::new(ExpNormalized::new(1.0, -1.0).unwrap());
    assert!(net.infinite_width(3).is_ok());
    assert!(matches!(net.finite(10, 3), Err(Error::Unsupported { .. })));
}

/// A closure pair and the type of the crate are the same function.
#[test]
fn closures_have_every_regime() {
    let phi =
        Custom::new("mine", f64::tanh, |x: f64| 1.0 - x.tanh().powi(2)).with_parity(Parity::Odd);
    let x = Inputs::from_rows(&[[1.0, 0.5], [-0.3, 0.8]]).unwrap();
    let kernel = |net: &dyn Fn() -> nalgebra::DMatrix<f64>| net();
    let (mine, own) = (ResNet::new(phi), ResNet::new(Tanh));
    let difference = |a: nalgebra::DMatrix<f64>, b: nalgebra::DMatrix<f64>| (a - b).amax();
    assert!(
        difference(
            kernel(&|| mine.infinite_width(5).unwrap().ntk(&x).unwrap()),
            own.infinite_width(5).unwrap().ntk(&x).unwrap()
        ) < 1e-12
    );
    assert!(
        difference(
            mine.infinite_depth().covariance_at(&x, 1.0).unwrap(),
            own.infinite_depth().covariance_at(&x, 1.0).unwrap()
        ) < 1e-9
    );
    // networks of the same seeds; tanh of the standard library is a unit of rounding from the crate's
    let draws = |net: &ResNet| {
        let networks = net.finite(32, 5).unwrap();
        networks.covariances(&x, 2, Seed::new(1)).unwrap()
    };
    for (mine, own) in draws(&mine).into_iter().zip(draws(&own)) {
        assert!(difference(mine, own) < 1e-13);
    }
}
