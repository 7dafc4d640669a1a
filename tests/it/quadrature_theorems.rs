//! Theorems about the quadrature of duals, on activations written by users.

use neural_limits::activation::expectation::Quadrature;
use neural_limits::activation::{Activation, Affine, Custom, Dual, Relu, Sine, Tanh};
use neural_limits::{Error, PairCovariance, Result};
use neural_limits_core::numerics::normal::{density, distribution};
use neural_limits_core::numerics::quadrature::{composite_rule, integrate};

use crate::property::samples;

#[test]
fn moments_of_the_normal_law() {
    let quadrature = Quadrature::new(1e-14).unwrap();
    let moment = |n: i32| {
        quadrature
            .expectation(|x| x.powi(n), &[], 4.0)
            .unwrap()
            .value
    };
    for (n, exact) in [(0, 1.0), (2, 4.0), (4, 48.0), (6, 960.0)] {
        assert!((moment(n) / exact - 1.0).abs() < 4e-15);
    }
}

#[test]
fn an_expectation_that_does_not_exist_is_an_overflow() {
    let quadrature = Quadrature::default();
    for q in [0.6, 10.0] {
        assert!(matches!(
            quadrature.expectation(|x| (x * x).exp(), &[], q),
            Err(Error::Overflow { .. })
        ));
        let phi = Custom::new("exp(x²)", |x| (x * x).exp(), |x| 2.0 * x * (x * x).exp());
        let k = PairCovariance::from_parts(q, 2.0 * q, 0.1);
        assert!(matches!(
            quadrature.dual(&phi, k),
            Err(Error::Overflow { .. })
        ));
        assert!(matches!(
            quadrature.derivative_dual(&phi, k),
            Err(Error::Overflow { .. })
        ));
    }
}

#[test]
fn waves_are_their_closed_form_however_short() {
    let phi = Custom::new("wave", |x| (20.0 * x).sin(), |x| 20.0 * (20.0 * x).cos());
    let exact = Sine::new(1.0, 20.0, 0.0).unwrap();
    let quadrature = Quadrature::default();
    let mut refused = 0;
    let mut check = |found: Result<f64>, exact: f64, scale: f64| match found {
        Ok(found) => assert!(
            (found - exact).abs() <= 2e-12 * scale,
            "{found:e} {exact:e}"
        ),
        Err(Error::NotConverged { .. }) => refused += 1,
        Err(other) => panic!("{other}"),
    };
    for (qa, qb) in [(1e3, 1e3), (1e3, 3e3), (1e6, 1e6), (1e7, 1e7)] {
        for epsilon in [1.5, 1e-3, 1e-6] {
            let k = PairCovariance::with_complement(qa, qb, epsilon).unwrap();
            let own = quadrature.dual(&phi, k);
            let covariance = exact.dual(k).unwrap().covariance();
            check(own.map(|own| own.value.covariance()), covariance, 1.0);
            let own = quadrature.derivative_dual(&phi, k);
            let slope = exact.derivative_dual(k).unwrap();
            check(own.map(|own| own.value), slope, 400.0);
        }
    }
    // all rules may be in resonance
    assert!(refused <= 6, "{refused} of 24");
}

/// $\mathbb E[e^{u+v}] = e^{(q_a+q_b)/2 + k}$, most of it many deviations from 0.
#[test]
fn an_exponential_is_integrated_as_far_out_as_it_is() {
    let phi = Custom::new("exponential", f64::exp, f64::exp);
    for q in [1.0, 30.0, 80.0] {
        for epsilon in [0.5, 1e-3, 1e-9] {
            let k = PairCovariance::from_parts(q, q, epsilon);
            let dual = Quadrature::default().dual(&phi, k).unwrap().value;
            let complement = -(-q * epsilon).exp_m1();
            assert!((dual.variance_a() / (2.0 * q).exp() - 1.0).abs() < 1e-12);
            let error = dual.one_minus_correlation() - complement;
            assert!(error.abs() < 1e-11 * complement, "{q} {epsilon}");
        }
    }
}

/// $\varphi = 1_{x > \kappa}$ has $V (1 - c^\prime) = P(u > \kappa, v < \kappa)$.
#[test]
fn a_jump_away_from_zero_keeps_the_digits_of_the_complement() {
    const KINK: f64 = 0.5;
    let phi = Custom::new("jump", |x| f64::from(x > KINK), |_| 0.0);
    let phi = phi.with_kinks(&[KINK]).unwrap();
    for q in [0.1, 1.0, 1e4, 1e8] {
        for epsilon in [1.5, 0.5, 0.05, 1e-4, 1e-9] {
            let k = PairCovariance::from_parts(q, q, epsilon);
            let z = KINK / q.sqrt();
            let spread = (epsilon * (2.0 - epsilon)).sqrt();
            let below = |x: f64| {
                // κ − c (κ + x) without a subtraction
                let distance = epsilon * z - (1.0 - epsilon) * x;
                density(z + x) * distribution(distance / spread)
            };
            let breaks = [0.0, spread, 4.0 * spread, 14.0 * spread, 14.0];
            let breaks = breaks.map(|x| x.min(14.0));
            let exact = integrate(below, &breaks, 1e-14).value / distribution(-z);
            let dual = Quadrature::default().dual(&phi, k).unwrap();
            let error = dual.value.one_minus_correlation() - exact;
            assert!(
                error.abs() < 1e-12 * exact + 1e-13,
                "{q} {epsilon}: {error}"
            );
            let slope = Quadrature::default().derivative_dual(&phi, k).unwrap();
            assert_eq!(slope.value, 0.0);
        }
    }
}

fn written_by_users() -> Vec<Box<dyn Activation>> {
    let bump = |x: f64| (-0.5 * (x - 2.0) * (x - 2.0)).exp();
    let hat = |x: f64| if x < 1.0 { 1.0 } else { -1.0 };
    vec![
        Box::new(Custom::new("arctan", f64::atan, |x| 1.0 / (1.0 + x * x))),
        Box::new(Affine::new(Tanh, 1.0, -1.0, 1.0, 0.0).unwrap()),
        Box::new(Custom::new("bump", bump, move |x| (2.0 - x) * bump(x))),
        Box::new(
            Custom::new(
                "|x|^1.5",
                |x| x.abs().powf(1.5),
                |x| 1.5 * x.signum() * x.abs().sqrt(),
            )
            .with_kinks(&[0.0])
            .unwrap(),
        ),
        Box::new(
            Custom::new(
                "hat",
                |x| (2.0 - (x - 1.0).abs()).max(0.0),
                move |x| {
                    if (x - 1.0).abs() < 2.0 { hat(x) } else { 0.0 }
                },
            )
            .with_kinks(&[3.0, -1.0, 1.0])
            .unwrap(),
        ),
        Box::new(Relu.plus(Tanh)),
    ]
}

/// $\partial \mathbb E[\varphi\varphi]/\partial c = \sqrt{q_a q_b}
/// \mathbb E[\varphi^\prime\varphi^\prime]$ (Price's theorem), whatever the routes on which the two are
/// computed, and with the relative accuracy of $1 - c^\prime$ near 1 where the variances are equal.
#[test]
fn duals_and_those_of_derivatives_obey_prices_theorem() {
    let quadrature = Quadrature::default();
    let variances = [1e-6, 1.0, 1e4, 1e8];
    let intervals = [(0.0, 1e-12), (1e-6, 3e-6), (0.05, 0.15), (1.7, 1.95)];
    for phi in written_by_users() {
        let phi = &*phi;
        let pairs = variances.into_iter().flat_map(|q| [(q, q), (q, 3.0 * q)]);
        let cases = pairs.flat_map(|q| intervals.map(|ends| (q, ends)));
        // a third of them, or all
        for ((qa, qb), (low, high)) in cases.step_by(3 / samples(1).min(3)) {
            let pair = |epsilon: f64| PairCovariance::from_parts(qa, qb, epsilon);
            let dual = |epsilon: f64| quadrature.dual(phi, pair(epsilon)).unwrap().value;
            let (first, last) = (dual(low), dual(high));
            let scale = pair(0.0).geometric_mean() / first.geometric_mean();
            // ε = r², in which duals are smooth
            let mut integral = 0.0;
            for (r, weight) in composite_rule(&[f64::sqrt(low), f64::sqrt(high)]) {
                let slope = quadrature.derivative_dual(phi, pair(r * r)).unwrap();
                integral += weight * 2.0 * r * scale * slope.value;
            }
            let drop = last.one_minus_correlation() - first.one_minus_correlation();
            let near = low == 0.0 && qa == qb;
            let allowed = if near { 1e-11 * integral } else { 2e-12 };
            assert!(
                (drop - integral).abs() <= allowed,
                "{} {qa:e} {qb:e} {low} {high}: {drop:e}, not {integral:e}",
                phi.name()
            );
        }
    }
}

#[test]
fn a_variable_of_variance_zero_is_a_constant() {
    let quadrature = Quadrature::default();
    for phi in written_by_users() {
        let phi = &*phi;
        let mean = quadrature.expectation(|x| phi.value(x), &phi.kinks(), 2.0);
        let mean = mean.unwrap().value;
        for epsilon in [0.0, 0.1, 1.0, 2.0] {
            let k = PairCovariance::from_parts(0.0, 2.0, epsilon);
            let dual = quadrature.dual(phi, k).unwrap().value;
            let square = phi.value(0.0).powi(2);
            assert!((dual.variance_a() - square).abs() < 1e-14, "{}", phi.name());
            let exact = phi.value(0.0) * mean;
            assert!((dual.covariance() - exact).abs() < 1e-12, "{}", phi.name());
            assert!(quadrature.derivative_dual(phi, k).is_ok());
            let both = PairCovariance::from_parts(0.0, 0.0, epsilon);
            let dual = quadrature.dual(phi, both).unwrap().value;
            assert!((dual.variance_b() - square).abs() < 1e-14);
            let slope = quadrature.derivative_dual(phi, both).unwrap().value;
            let exact = phi.derivative(0.0).powi(2);
            assert!((slope - exact).abs() < 1e-14, "{}", phi.name());
        }
    }
}
