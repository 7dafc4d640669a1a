//! NNGP kernels against neural-tangents 0.6.5 in double precision (`tests/data/neural_tangents.json`).
//!
//! The peer forms √(1−c²) from a rounded c, which alone moves an entry by about ε/√(1−c) (ε the unit of rounding): the
//! tolerance grants it that much where two inputs are nearly parallel.

mod oracle;

use neural_limits::prelude::*;
use oracle::{neural_tangents, rows};
use serde_json::Value;

/// Agreement, relative to the geometric mean of the two variances.
const TOLERANCE: f64 = 4e-15;

/// What rounding c costs the peer, at most: two coinciding inputs have 1 − c of the order of one rounding.
fn peer_error(complement: f64) -> f64 {
    f64::EPSILON / complement.max(f64::EPSILON).sqrt()
}

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

fn kernel<N: Architecture<Activation: Dual>>(
    net: &N,
    depth: usize,
    x: &Inputs,
    y: &Inputs,
) -> nalgebra::DMatrix<f64> {
    let net = net.infinite_width(depth).unwrap();
    if std::ptr::eq(x, y) {
        net.nngp(x).unwrap()
    } else {
        net.nngp_between(x, y).unwrap()
    }
}

#[test]
fn all_relu_networks_agree_with_the_peer() {
    let mut cases = 0;
    let mut worst = 0.0_f64;
    for case in neural_tangents()["cases"].as_array().unwrap() {
        let network = &case["network"];
        if network["activation"]["name"] != "relu" {
            continue;
        }
        let x = Inputs::from_rows(&rows(&case["inputs"])).unwrap();
        let second = case
            .get("inputs2")
            .map(|inputs| Inputs::from_rows(&rows(inputs)).unwrap());
        let y = second.as_ref().unwrap_or(&x);
        let init = initialization(network, "");
        let k = match network["kind"].as_str() {
            // a kernel that does not depend on the parametrisation
            Some("mlp") if network["parameterization"] == "ntk" => {
                let depth = number(network, "hidden_layers") as usize;
                kernel(&Mlp::new(Relu).initialized_by(init), depth, &x, y)
            }
            Some("resnet") => {
                let alphas = rows(&serde_json::json!([network["alphas"]]))[0].clone();
                let depth = alphas.len();
                assert_eq!(depth, number(network, "depth") as usize);
                let net = ResNet::new(Relu)
                    .initialized_by(init)
                    .with_stem(initialization(network, "input_"))
                    .scaled_by(listed(alphas));
                kernel(&net, depth, &x, y)
            }
            _ => continue,
        };
        cases += 1;
        let expected = rows(&case["expect"]["nngp"]);
        for i in 0..x.len() {
            for j in 0..y.len() {
                let (value, peer) = (k[(i, j)], expected[i][j]);
                let scale = if second.is_none() {
                    (k[(i, i)] * k[(j, j)]).sqrt()
                } else {
                    value.abs()
                };
                let error = (value - peer).abs() / scale;
                let tolerance = TOLERANCE + peer_error((1.0 - value / scale).abs());
                worst = worst.max(error);
                assert!(error <= tolerance, "{}: ({i}, {j}) {error:e}", case["name"]);
            }
        }
    }
    println!("{cases} networks: {worst:.2e}");
    assert!(cases > 0, "no case was evaluated");
}
