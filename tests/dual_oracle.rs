//! Every activation's duals against 25 digits of high-precision values (`tests/data/duals.json`, by `tools/dual_truth.py`).
//!
//! `cargo test --test dual_oracle -- --nocapture` prints the worst error of each activation and where it is.

mod oracle;

use neural_limits::activation::*;
use neural_limits::prelude::PairCovariance;

/// An activation, and the errors that its documentation grants: of the dual, relative to √(V_a V_b); of its 1 − c′, relative to
/// itself where q_a = q_b; of the derivative's dual, relative to √(E[φ′(u)²] E[φ′(v)²]).
struct Row {
    key: &'static str,
    route: &'static str,
    activation: Box<dyn Dual>,
    errors: [f64; 3],
}

const CLOSED: [f64; 3] = [2e-15, 1e-12, 4e-15];
const QUADRATURE: [f64; 3] = [1e-12, 1e-9, 1e-12];

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |key, route, activation, errors| {
        rows.push(Row {
            key,
            route,
            activation,
            errors,
        });
    };
    let slopes = "arc-cosine maps";
    add("relu", slopes, Box::new(Relu) as Box<dyn Dual>, CLOSED);
    add(
        "leaky_relu",
        slopes,
        Box::new(LeakyRelu::new(0.2).unwrap()),
        CLOSED,
    );
    add(
        "ab_relu",
        slopes,
        Box::new(AbRelu::new(-0.3, 1.4).unwrap()),
        CLOSED,
    );
    add("abs", slopes, Box::new(Abs), CLOSED);
    add("identity", slopes, Box::new(Identity), CLOSED);
    add(
        "shaped_relu",
        slopes,
        Box::new(ShapedRelu::new(-1.0, 0.0, 100).unwrap()),
        CLOSED,
    );
    add("sign", "arc cosine", Box::new(Sign), CLOSED);
    add("step", "arc cosine", Box::new(Step), CLOSED);
    let arc = "arc-cosine family";
    add(
        "rectified_monomial_2",
        arc,
        Box::new(RectifiedMonomial::new(2).unwrap()),
        CLOSED,
    );
    add(
        "rectified_monomial_3",
        arc,
        Box::new(RectifiedMonomial::new(3).unwrap()),
        CLOSED,
    );
    let sine = "arc sine";
    add("erf", sine, Box::new(Erf::default()), CLOSED);
    add(
        "erf_abc",
        sine,
        Box::new(Erf::new(1.2, 0.7, 0.1).unwrap()),
        CLOSED,
    );
    add("gelu", sine, Box::new(Gelu), CLOSED);
    let gauss = "Gaussian integrals";
    add("sine", gauss, Box::new(Sine::default()), CLOSED);
    add(
        "sine_abc",
        gauss,
        Box::new(Sine::new(1.5, 0.7, 0.3).unwrap()),
        CLOSED,
    );
    add("cosine", gauss, Box::new(Cosine::default()), CLOSED);
    add(
        "random_fourier",
        gauss,
        Box::new(RandomFourier::new(1.0).unwrap()),
        CLOSED,
    );
    add(
        "exponential",
        gauss,
        Box::new(Exponential::new(0.5, 0.4).unwrap()),
        CLOSED,
    );
    add(
        "gaussian",
        gauss,
        Box::new(Gaussian::new(1.0, -1.0).unwrap()),
        CLOSED,
    );
    add("gabor", gauss, Box::new(Gabor), CLOSED);
    let mehler = "finite Mehler sum";
    add(
        "polynomial",
        mehler,
        Box::new(Polynomial::new(&[0.2, 1.0, -0.1]).unwrap()),
        CLOSED,
    );
    add(
        "monomial_3",
        mehler,
        Box::new(Polynomial::monomial(3).unwrap()),
        CLOSED,
    );
    let map = "map of kernels";
    add(
        "exp_normalized",
        map,
        Box::new(ExpNormalized::new(1.0, -1.0).unwrap()),
        CLOSED,
    );
    add(
        "power_kernel_2",
        map,
        Box::new(PowerKernel::new(2).unwrap()),
        CLOSED,
    );
    let series = "Mehler, quadrature where steep";
    add("tanh", series, Box::new(Tanh), QUADRATURE);
    add("sigmoid", series, Box::new(Sigmoid), QUADRATURE);
    add("silu", series, Box::new(Silu), QUADRATURE);
    add("softplus", series, Box::new(Softplus), QUADRATURE);
    add("mish", series, Box::new(Mish), QUADRATURE);
    let split = "quadrature split at kinks";
    add("elu", split, Box::new(Elu::default()), QUADRATURE);
    add("celu", split, Box::new(Celu::new(0.5).unwrap()), QUADRATURE);
    add("selu", split, Box::new(Selu), QUADRATURE);
    add("hard_tanh", split, Box::new(HardTanh), QUADRATURE);
    add("hard_sigmoid", split, Box::new(HardSigmoid), QUADRATURE);
    add("relu6", split, Box::new(Relu6), QUADRATURE);
    add("softsign", split, Box::new(Softsign), QUADRATURE);
    rows
}

#[derive(Default)]
struct Worst {
    error: f64,
    place: String,
}

impl Worst {
    fn see(&mut self, error: f64, place: &str) {
        if error > self.error || error.is_nan() {
            *self = Self {
                error,
                place: place.to_owned(),
            };
        }
    }
}

#[test]
fn every_dual_has_the_error_that_it_documents() {
    let truth = oracle::duals();
    let mut failures = Vec::new();
    for row in rows() {
        let phi = &row.activation;
        let mut worst: [Worst; 3] = Default::default();
        let points = truth[row.key].as_array().unwrap();
        assert!(!points.is_empty());
        for point in points {
            let number = |i: usize| point[i].as_f64().unwrap();
            let decimal = |i: usize| point[i].as_str().unwrap().parse::<f64>().unwrap();
            let (qa, qb, epsilon) = (number(0), number(1), number(2));
            let [moment, va, vb, derivative, complement] = [3, 4, 5, 6, 7].map(decimal);
            let place = format!("q = {qa:e}, {qb:e}, 1 - c = {epsilon:e}");
            let k = PairCovariance::with_complement(qa, qb, epsilon).unwrap();
            let dual = phi
                .dual(k)
                .unwrap_or_else(|e| panic!("{}: {place}: {e}", row.key));
            let slope = phi
                .derivative_dual(k)
                .unwrap_or_else(|e| panic!("{}: {place}: {e}", row.key));
            let scale = (va * vb).sqrt();
            if scale > f64::MIN_POSITIVE {
                worst[0].see((dual.covariance() - moment).abs() / scale, &place);
                worst[0].see((dual.variance_a() / va - 1.0).abs(), &place);
                worst[0].see((dual.variance_b() / vb - 1.0).abs(), &place);
                // between variances that differ 1 − c′ is as good as the dual, not better
                if qa == qb && complement > 1e-30 {
                    let error = (dual.one_minus_correlation() - complement).abs();
                    worst[1].see(error / complement, &place);
                }
            }
            let slope_scale = |q: f64| {
                let equal = PairCovariance::with_complement(q, q, 0.0).unwrap();
                phi.derivative_dual(equal).unwrap()
            };
            let scale = (slope_scale(qa) * slope_scale(qb)).sqrt();
            if qa * qb == 0.0 && !phi.kinks().is_empty() {
                // φ′ at the kink is a convention
            } else if scale > f64::MIN_POSITIVE {
                worst[2].see((slope - derivative).abs() / scale, &place);
            } else {
                assert_eq!(slope, derivative, "{}: {place}", row.key);
            }
        }
        println!("{:22} {:32} {:3} points", row.key, row.route, points.len());
        for ((what, worst), granted) in ["dual", "1 - c′", "slopes"]
            .iter()
            .zip(&worst)
            .zip(row.errors)
        {
            println!("    {what:7} {:8.1e} at {}", worst.error, worst.place);
            if !(worst.error <= granted) {
                failures.push(format!(
                    "{} {what}: {:e} > {granted:e} at {}",
                    row.key, worst.error, worst.place
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
