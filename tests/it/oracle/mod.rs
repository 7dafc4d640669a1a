//! Reference values under `tests/data`, and the unit in the last place.

use neural_limits::activation::*;
use serde_json::Value;

/// `tests/data/truth.json`.
pub fn truth() -> Value {
    serde_json::from_str(include_str!("../../data/truth.json")).expect("valid JSON")
}

/// `tests/data/neural_tangents.json`.
pub fn neural_tangents() -> Value {
    serde_json::from_str(include_str!("../../data/neural_tangents.json")).expect("valid JSON")
}

/// `tests/data/duals.json`.
pub fn duals() -> Value {
    serde_json::from_str(include_str!("../../data/duals.json")).expect("valid JSON")
}

/// `tests/data/kernels.json`.
pub fn kernels() -> Value {
    serde_json::from_str(include_str!("../../data/kernels.json")).expect("valid JSON")
}

/// A field that holds a decimal number as text.
pub fn decimal(value: &Value, field: &str) -> f64 {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"))
        .parse()
        .expect("a decimal number")
}

/// A field that holds a hexadecimal float: ±0x1.8p-3.
pub fn hexadecimal(value: &Value, field: &str) -> f64 {
    let text = value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"));
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (mantissa, exponent) = digits
        .strip_prefix("0x")
        .and_then(|digits| digits.split_once('p'))
        .expect("0x…p…");
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let bits =
        u64::from_str_radix(&format!("{integer}{fraction}"), 16).expect("hexadecimal digits");
    let exponent = exponent.parse::<i32>().expect("an exponent") - 4 * fraction.len() as i32;
    sign * bits as f64 * 2f64.powi(exponent)
}

/// |value − exact| in units of the last place of `exact`.
pub fn ulps(value: f64, exact: f64) -> f64 {
    let magnitude = exact.abs().max(f64::MIN_POSITIVE);
    let ulp = f64::from_bits(magnitude.to_bits() + 1) - magnitude;
    (value - exact).abs() / ulp
}

/// The matrix in a JSON array of arrays.
pub fn rows(value: &Value) -> Vec<Vec<f64>> {
    value
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            row.as_array()
                .expect("a row")
                .iter()
                .map(|entry| entry.as_f64().expect("a number"))
                .collect()
        })
        .collect()
}

/// The activation of a network of `neural_tangents.json`.
pub fn named_activation(description: &Value) -> Box<dyn Dual> {
    let number = |field: &str| description[field].as_f64().expect("a parameter");
    let degree = || description["degree"].as_u64().expect("a degree") as usize;
    let abc = || (number("a"), number("b"), number("c"));
    match description["name"].as_str().expect("a name") {
        "relu" => Box::new(Relu),
        "leaky_relu" => Box::new(LeakyRelu::new(number("alpha")).unwrap()),
        "ab_relu" => Box::new(AbRelu::new(number("a"), number("b")).unwrap()),
        "abs" => Box::new(Abs),
        "erf" => {
            let (a, b, c) = abc();
            Box::new(Erf::new(a, b, c).unwrap())
        }
        "sigmoid_like" => Box::new(SigmoidLike::default()),
        "gelu" => Box::new(Gelu),
        "sin" => {
            let (a, b, c) = abc();
            Box::new(Sine::new(a, b, c).unwrap())
        }
        "cos" => {
            let (a, b, c) = abc();
            Box::new(Cosine::new(a, b, c).unwrap())
        }
        "rbf" => Box::new(RandomFourier::new(number("gamma")).unwrap()),
        "gaussian" => Box::new(Gaussian::new(number("a"), number("b")).unwrap()),
        "exp" => Box::new(Exponential::new(number("a"), number("b")).unwrap()),
        "exp_normalized" => Box::new(ExpNormalized::new(number("gamma"), number("shift")).unwrap()),
        "gabor" => Box::new(Gabor),
        "monomial" => Box::new(Polynomial::monomial(degree()).unwrap()),
        "rectified_monomial" => Box::new(RectifiedMonomial::new(degree()).unwrap()),
        "polynomial" => {
            let coefficients = rows(&serde_json::json!([description["coef"]]));
            Box::new(Polynomial::new(&coefficients[0]).unwrap())
        }
        // the peer's map k → k^degree
        "hermite" => Box::new(PowerKernel::new(degree()).unwrap()),
        "sign" => Box::new(Sign),
        other => panic!("no activation {other}"),
    }
}

/// An activation of the crate, under its key in `duals.json`.
pub struct Row {
    pub key: &'static str,
    /// How its duals are computed.
    pub route: &'static str,
    pub activation: Box<dyn Dual>,
}

/// Quadrature, for analytic activations.
pub const MEHLER: &str = "Mehler, quadrature where steep";

/// Quadrature, for activations with kinks.
pub const SPLIT: &str = "quadrature split at kinks";

/// All activations of the crate.
pub fn every_activation() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |key, route, activation| {
        rows.push(Row {
            key,
            route,
            activation,
        });
    };
    let slopes = "arc-cosine maps";
    add("relu", slopes, Box::new(Relu) as Box<dyn Dual>);
    add("leaky_relu", slopes, Box::new(LeakyRelu::new(0.2).unwrap()));
    add("ab_relu", slopes, Box::new(AbRelu::new(-0.3, 1.4).unwrap()));
    add("abs", slopes, Box::new(Abs));
    add("identity", slopes, Box::new(Identity));
    add(
        "shaped_relu",
        slopes,
        Box::new(ShapedRelu::new(-1.0, 0.0, 100).unwrap()),
    );
    add("sign", "arc cosine", Box::new(Sign));
    add("step", "arc cosine", Box::new(Step));
    let arc = "arc-cosine family";
    add(
        "rectified_monomial_2",
        arc,
        Box::new(RectifiedMonomial::new(2).unwrap()),
    );
    add(
        "rectified_monomial_3",
        arc,
        Box::new(RectifiedMonomial::new(3).unwrap()),
    );
    let sine = "arc sine";
    add("erf", sine, Box::<Erf>::default());
    add("erf_abc", sine, Box::new(Erf::new(1.2, 0.7, 0.1).unwrap()));
    add("gelu", sine, Box::new(Gelu));
    let gauss = "Gaussian integrals";
    add("sine", gauss, Box::<Sine>::default());
    add(
        "sine_abc",
        gauss,
        Box::new(Sine::new(1.5, 0.7, 0.3).unwrap()),
    );
    add("cosine", gauss, Box::<Cosine>::default());
    add(
        "random_fourier",
        gauss,
        Box::new(RandomFourier::new(1.0).unwrap()),
    );
    add(
        "exponential",
        gauss,
        Box::new(Exponential::new(0.5, 0.4).unwrap()),
    );
    add(
        "gaussian",
        gauss,
        Box::new(Gaussian::new(1.0, -1.0).unwrap()),
    );
    add("gabor", gauss, Box::new(Gabor));
    let mehler = "finite Mehler sum";
    add(
        "polynomial",
        mehler,
        Box::new(Polynomial::new(&[0.2, 1.0, -0.1]).unwrap()),
    );
    add(
        "monomial_3",
        mehler,
        Box::new(Polynomial::monomial(3).unwrap()),
    );
    let map = "map of kernels";
    add(
        "exp_normalized",
        map,
        Box::new(ExpNormalized::new(1.0, -1.0).unwrap()),
    );
    add(
        "power_kernel_2",
        map,
        Box::new(PowerKernel::new(2).unwrap()),
    );
    add("tanh", MEHLER, Box::new(Tanh));
    add("sigmoid", MEHLER, Box::new(Sigmoid));
    add("silu", MEHLER, Box::new(Silu));
    add("softplus", MEHLER, Box::new(Softplus));
    add("mish", MEHLER, Box::new(Mish));
    add("elu", SPLIT, Box::<Elu>::default());
    add("celu", SPLIT, Box::new(Celu::new(0.5).unwrap()));
    add("selu", SPLIT, Box::new(Selu));
    add("hard_tanh", SPLIT, Box::new(HardTanh));
    add("hard_sigmoid", SPLIT, Box::new(HardSigmoid));
    add("relu6", SPLIT, Box::new(Relu6));
    add("softsign", SPLIT, Box::new(Softsign));
    rows
}
