//! The ReLU ResNet flow against 20-digit values (`tests/data/truth.json`), and the theorems it must satisfy.

use crate::oracle::{decimal, hexadecimal, truth};
use neural_limits::activation::arc_cosine::{kappa1, one_minus_kappa1};
use neural_limits::depth::CorrelationFlow;
use neural_limits::prelude::*;
use proptest::prelude::*;

#[test]
fn the_flow_meets_its_oracle() {
    let truth = truth();
    let points = truth["relu_resnet_correlation_flow"].as_array().unwrap();
    assert!(!points.is_empty());
    let flow = CorrelationFlow::shared();
    let (mut worst, mut worst_relative) = (0.0_f64, 0.0_f64);
    for point in points {
        let (c0, t) = (hexadecimal(point, "c0"), decimal(point, "t"));
        let (c, complement) = (decimal(point, "c_t"), decimal(point, "one_minus_c_t"));
        worst = worst.max((flow.at(c0, t).unwrap() - c).abs());
        if complement > 0.0 {
            let error = flow.complement_at(1.0 - c0, t).unwrap() / complement - 1.0;
            worst_relative = worst_relative.max(error.abs());
        }
    }
    println!("c_t: {worst:.2e} absolute; 1 - c_t: {worst_relative:.2e} relative");
    assert!(worst <= 2e-15, "c_t is off by {worst:e}");
    assert!(
        worst_relative <= 4e-15,
        "1 - c_t is off by {worst_relative:e}"
    );
}

#[test]
fn c_is_minus_one_to_one_over_all_time() {
    let flow = CorrelationFlow::shared();
    // theorem: 1 - c_t ~ 18 π²/t²
    for t in [1e5, 1e8, 1e100] {
        let scaled = flow.complement_at(2.0, t).unwrap() * t * t;
        let limit = 18.0 * std::f64::consts::PI.powi(2);
        assert!(
            (scaled / limit - 1.0).abs() < 50.0 / t + 1e-15,
            "{scaled} against {limit}"
        );
    }
    assert!(flow.complement_at(1e-300, 1e150).unwrap() > 0.0);
    for t in [1e160, 1e300, 1e305, f64::MAX] {
        for epsilon in [2.0, 1.0, 1e-9] {
            assert!(flow.complement_at(epsilon, t).unwrap() < 1e-300);
        }
    }
}

#[test]
fn slices_equal_scalars_bit_for_bit_and_name_a_bad_element() {
    let flow = CorrelationFlow::shared();
    let c0: Vec<f64> = (0..=1003)
        .map(|i| -1.0 + 2.0 * f64::from(i) / 1003.0)
        .collect();
    let times: Vec<f64> = (0..=1003).map(|i| f64::from(i % 7) * 0.3).collect();
    let mut out = vec![0.0; c0.len()];
    flow.at_slice(&c0, &times, &mut out).unwrap();
    for ((c0, time), out) in c0.iter().zip(&times).zip(&out) {
        assert_eq!(out.to_bits(), flow.at(*c0, *time).unwrap().to_bits());
    }
    let error = flow
        .at_slice(&[0.0, 2.0], &[0.0, 0.0], &mut [0.0; 2])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "c0[1] = 2: expected a correlation in [-1, 1]"
    );
    let error = flow.at_slice(&[0.0], &[f64::NAN], &mut [0.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "times[0] = NaN: expected a finite number >= 0"
    );
    assert!(flow.at_slice(&[0.0], &[], &mut [0.0]).is_err());
}

#[test]
fn the_inverse_refuses_what_time_does_not_reach() {
    let flow = CorrelationFlow::shared();
    let error = flow.time_between(0.5, 0.2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "c1 = 0.2: expected a correlation in [0.5, 1)"
    );
    assert!(flow.time_between(0.5, 1.0).is_err());
    assert!(flow.time_between(-2.0, 1.0).is_err());
    assert_eq!(flow.time_between(1.0, 1.0).unwrap(), 0.0);
    assert_eq!(flow.sensitivity_at(1.0, 5.0).unwrap(), 1.0);
    assert_eq!(flow.velocity_at(1.0, 5.0).unwrap(), 0.0);
    // T(0), from the quadrature of the paper's equation
    let crossing = flow.time_between(-1.0, 0.0).unwrap();
    assert!((flow.at(-1.0, crossing).unwrap()).abs() < 2e-15);
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn time_composes(c0 in -1.0..=1.0, s in 0.0..20.0, t in 0.0..20.0) {
        let flow = CorrelationFlow::shared();
        let direct = flow.complement_at(1.0 - c0, s + t).unwrap();
        let composed = flow.complement_at(flow.complement_at(1.0 - c0, s).unwrap(), t).unwrap();
        prop_assert!((direct - composed).abs() <= 2e-14 * direct, "{direct:e} {composed:e}");
    }

    #[test]
    fn correlation_increases_in_time_and_keeps_order(
        c in -1.0..=1.0, gap in 1e-9..0.5, t in 1e-6..10.0
    ) {
        let flow = CorrelationFlow::shared();
        let ct = flow.at(c, t).unwrap();
        prop_assert!(ct >= c);
        if c + gap <= 1.0 {
            prop_assert!(flow.at(c + gap, t).unwrap() > ct);
        }
    }

    #[test]
    fn the_derivative_is_half_kappa1_minus_c(c in -0.99..0.99) {
        let flow = CorrelationFlow::shared();
        let step = 1e-4;
        let (before, after) = (flow.at(c, 0.5).unwrap(), flow.at(c, 0.5 + step).unwrap());
        let middle = flow.at(c, 0.5 + 0.5 * step).unwrap();
        let velocity = 0.5 * (kappa1(middle).unwrap() - middle);
        prop_assert!(((after - before) / step - velocity).abs() < 1e-9);
    }

    #[test]
    fn the_inverse_finds_the_time(power in -12.0..0.3, t in 1e-3..1e6) {
        let flow = CorrelationFlow::shared();
        let start = 10_f64.powf(power);
        let end = flow.complement_at(start, t).unwrap();
        let found = flow.time_of_complements(start, end).unwrap();
        // what an error of 1e-14 of both ends is worth: near 1, time is 4/h(0) (1 - c)^(-1/2)
        let worth = |epsilon: f64| 13.4 / epsilon.sqrt() + 2.0;
        let rounding = 1e-14 * (worth(start) + worth(end));
        prop_assert!((found - t).abs() <= rounding, "{start:e} {end:e}: {found} {t}");
        prop_assert_eq!(flow.time_of_complements(start, start).unwrap(), 0.0);
    }

    #[test]
    fn sensitivities_are_derivatives(c in -0.99..0.99, t in 0.01..30.0) {
        let flow = CorrelationFlow::shared();
        let h = 1e-4 * (1.0 - c * c);
        let slope = (flow.at(c + h, t).unwrap() - flow.at(c - h, t).unwrap()) / (2.0 * h);
        let found = flow.sensitivity_at(c, t).unwrap();
        prop_assert!((slope - found).abs() < 1e-6, "{slope} {found}");
        let h = 1e-4 * t;
        let rate = (flow.at(c, t + h).unwrap() - flow.at(c, t - h).unwrap()) / (2.0 * h);
        let found = flow.velocity_at(c, t).unwrap();
        prop_assert!((rate - found).abs() < 1e-6, "{rate} {found}");
    }

    #[test]
    fn the_layer_recursion_converges_to_the_flow_at_rate_one_over_depth(
        c in -1.0..0.999, norm in 0.1..10.0
    ) {
        let net = ResNet::new(Relu);
        let k = PairCovariance::new(norm, 1.0, c * norm.sqrt()).unwrap();
        let limit = net.infinite_depth().propagate(k, 1.0).unwrap();
        let error = |depth: usize| {
            let k = net.infinite_width(depth).unwrap().propagate(k).unwrap();
            (k.covariance().unwrap() - limit.covariance().unwrap()).abs()
        };
        let (coarse, fine) = (error(200), error(2000));
        prop_assert!(fine < 2e-3 * norm.sqrt().max(1.0), "{fine}");
        prop_assert!((coarse / fine - 10.0).abs() < 1.0 || coarse < 1e-6, "{coarse} {fine}");
    }

    #[test]
    fn one_layer_of_the_complement_is_the_complement_of_one_layer(c in -1.0..=1.0) {
        let both = kappa1(c).unwrap() + one_minus_kappa1(c).unwrap();
        prop_assert!((both - 1.0).abs() <= f64::EPSILON);
    }
}
