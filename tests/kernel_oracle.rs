//! NNGP and neural tangent kernels against neural-tangents 0.6.5 in double precision (`tests/data/neural_tangents.json`).
//!
//! The peer forms √(1−c²) from a rounded c, which alone moves an entry by about ε/√(1−c) (ε the unit of rounding): the
//! tolerance grants it that much where two inputs are nearly parallel.

mod oracle;

use nalgebra::DMatrix;
use neural_limits::prelude::*;
use oracle::{named_activation, neural_tangents, rows};
use serde_json::Value;

fn number(network: &Value, field: &str) -> f64 {
    network[field]
        .as_f64()
        .unwrap_or_else(|| panic!("no number {field}"))
}

fn initialization(network: &Value, prefix: &str) -> Initialization {
    let variance = |name: &str| number(network, &format!("{prefix}{name}")).powi(2);
    Initialization::new(variance("weight_std"), variance("bias_std")).unwrap()
}

/// The case's coefficients at its own depth.
fn listed(alphas: Vec<f64>) -> CustomScaling {
    CustomScaling::normalised("listed", move |l, _| alphas[l - 1], |t| t)
}

type Kernels = (DMatrix<f64>, DMatrix<f64>);

fn kernels<N: Architecture<Activation: Dual>>(
    net: &N,
    depth: usize,
    x: &Inputs,
    y: &Inputs,
) -> Kernels {
    let net = net.infinite_width(depth).unwrap();
    if std::ptr::eq(x, y) {
        (net.nngp(x).unwrap(), net.ntk(x).unwrap())
    } else {
        (
            net.nngp_between(x, y).unwrap(),
            net.ntk_between(x, y).unwrap(),
        )
    }
}

/// A case of the file that this crate has an architecture for.
struct Case {
    name: String,
    activation: String,
    scale: Vec<f64>,
    scale2: Vec<f64>,
    kernels: Kernels,
    expect: Value,
}

fn cases() -> Vec<Case> {
    let file = neural_tangents();
    let cases = file["cases"].as_array().unwrap().iter();
    cases.filter_map(evaluate).collect()
}

fn evaluate(case: &Value) -> Option<Case> {
    let network = &case["network"];
    if network["kind"] == "serial" {
        return None;
    }
    let x = Inputs::from_rows(&rows(&case["inputs"])).unwrap();
    let second = case
        .get("inputs2")
        .map(|inputs| Inputs::from_rows(&rows(inputs)).unwrap());
    let y = second.as_ref().unwrap_or(&x);
    let init = initialization(network, "");
    let phi = || named_activation(&network["activation"]);
    let (kernels, kernels_of): (Kernels, Box<dyn Fn(&Inputs) -> DMatrix<f64>>) =
        match network["kind"].as_str() {
            Some("mlp") => {
                let depth = number(network, "hidden_layers") as usize;
                let net = Mlp::new(phi()).initialized_by(init);
                (
                    kernels(&net, depth, &x, y),
                    Box::new(move |x| net.infinite_width(depth).unwrap().nngp(x).unwrap()),
                )
            }
            Some("resnet") => {
                let alphas = rows(&serde_json::json!([network["alphas"]]))[0].clone();
                let depth = alphas.len();
                assert_eq!(depth, number(network, "depth") as usize);
                let net = ResNet::new(phi())
                    .initialized_by(init)
                    .with_stem(initialization(network, "input_"))
                    .scaled_by(listed(alphas));
                (
                    kernels(&net, depth, &x, y),
                    Box::new(move |x| net.infinite_width(depth).unwrap().nngp(x).unwrap()),
                )
            }
            _ => return None,
        };
    let deviations = |x: &Inputs| kernels_of(x).diagonal().iter().map(|q| q.sqrt()).collect();
    Some(Case {
        name: case["name"].as_str().unwrap().to_owned(),
        activation: network["activation"]["name"].as_str().unwrap().to_owned(),
        scale: deviations(&x),
        scale2: deviations(y),
        kernels,
        expect: case["expect"].clone(),
    })
}

#[test]
fn probe() {
    for case in cases() {
        for (which, k) in [("nngp", &case.kernels.0), ("ntk", &case.kernels.1)] {
            if case.expect.get(which).is_none() {
                continue;
            }
            let expected = rows(&case.expect[which]);
            let mut worst = (0.0, 0, 0);
            for i in 0..k.nrows() {
                for j in 0..k.ncols() {
                    let scale = case.scale[i] * case.scale2[j];
                    let scale = if which == "ntk" {
                        k[(i, j)].abs().max(scale)
                    } else {
                        scale
                    };
                    let e = (k[(i, j)] - expected[i][j]).abs() / scale;
                    if !(e <= worst.0) {
                        worst = (e, i, j);
                    }
                }
            }
            let c =
                case.kernels.0[(worst.1, worst.2)] / (case.scale[worst.1] * case.scale2[worst.2]);
            println!(
                "{:45} {which:5} {:.2e} at ({},{}) c={c}",
                case.name, worst.0, worst.1, worst.2
            );
        }
        let _ = &case.activation;
    }
}
