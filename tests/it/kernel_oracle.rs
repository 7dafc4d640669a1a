//! NNGP and neural tangent kernels against neural-tangents 0.6.5 in double precision
//! (`tests/data/neural_tangents.json`).
//!
//! The peer forms √(1−c²) from a rounded c, which alone moves an entry by about ε/√(1−c) (ε the unit of
//! rounding). Where two inputs are nearly parallel, a 90-digit evaluation (`tests/data/kernels.json`, by
//! `tools/kernel_truth.py`) takes its place.

use std::collections::BTreeMap;

use crate::oracle::{named_activation, neural_tangents, rows};
use nalgebra::DMatrix;
use neural_limits::prelude::*;
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

/// NNGP and NTK.
type Kernels = (DMatrix<f64>, DMatrix<f64>);

/// The kernels of a network between two sets of inputs, and the deviations √K(x, x) of both.
fn kernels<N: Architecture>(
    net: &N,
    depth: usize,
    x: &Inputs,
    y: &Inputs,
) -> (Kernels, [Vec<f64>; 2]) {
    let net = net.infinite_width(depth).unwrap();
    let kernels = if std::ptr::eq(x, y) {
        (net.nngp(x).unwrap(), net.ntk(x).unwrap())
    } else {
        (
            net.nngp_between(x, y).unwrap(),
            net.ntk_between(x, y).unwrap(),
        )
    };
    let deviations = |x: &Inputs| net.variances(x).unwrap().iter().map(|q| q.sqrt()).collect();
    (kernels, [deviations(x), deviations(y)])
}

/// A case of the file that this crate has an architecture for.
struct Case {
    name: String,
    activation: String,
    scale: Vec<f64>,
    scale2: Vec<f64>,
    square: bool,
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
    let (kernels, [scale, scale2]) = match network["kind"].as_str() {
        Some("mlp") => {
            let depth = number(network, "hidden_layers") as usize;
            let net = Mlp::new(phi()).initialized_by(init);
            kernels(&net, depth, &x, y)
        }
        Some("resnet") => {
            let alphas = rows(&serde_json::json!([network["alphas"]]))[0].clone();
            let depth = alphas.len();
            assert_eq!(depth, number(network, "depth") as usize);
            let net = ResNet::new(phi())
                .initialized_by(init)
                .with_stem(initialization(network, "input_"))
                .scaled_by(listed(alphas));
            kernels(&net, depth, &x, y)
        }
        _ => return None,
    };
    Some(Case {
        name: case["name"].as_str().unwrap().to_owned(),
        activation: network["activation"]["name"].as_str().unwrap().to_owned(),
        scale,
        scale2,
        square: second.is_none(),
        kernels,
        expect: case["expect"].clone(),
    })
}

/// Agreement with the peer: of the NNGP relative to the geometric mean of the two variances, of the NTK
/// relative to the larger of that and itself.
const TOLERANCE: f64 = 1e-13;

/// Inputs 0 and 4 of every case are nearly parallel.
const DISPUTED: (usize, usize) = (0, 4);

/// Smooth or not, by the peer's name: what depends on the angle itself loses digits in the peer where it is
/// small.
fn depends_on_the_angle(activation: &str) -> bool {
    ["relu", "leaky_relu", "ab_relu", "abs", "sign", "rbf"].contains(&activation)
}

#[test]
fn every_activation_agrees_with_the_peer() {
    let cases = cases();
    assert!(cases.len() >= 125, "{} cases", cases.len());
    let mut worst: BTreeMap<(String, &str), (f64, String)> = BTreeMap::new();
    for case in &cases {
        for (which, k) in [("nngp", &case.kernels.0), ("ntk", &case.kernels.1)] {
            if which == "ntk" && case.activation == "sign" {
                continue; // the peer has none
            }
            let expected = rows(&case.expect[which]);
            for (i, j) in (0..k.nrows()).flat_map(|i| (0..k.ncols()).map(move |j| (i, j))) {
                let disputed = case.square && [(i, j), (j, i)].contains(&DISPUTED);
                if disputed && depends_on_the_angle(&case.activation) {
                    continue; // settled below
                }
                if case.name == "mlp_sign_L3_w1_b0" && [(1, 5), (5, 1)].contains(&(i, j)) {
                    // opposite but for the rounding of the inputs: 1 + c = 9.1e-34, of which three jumps make
                    // 6.2e-5, and the peer, whose c is -1, nothing
                    assert!((k[(i, j)] + 1.0).abs() < 1e-3);
                    continue;
                }
                let scale = case.scale[i] * case.scale2[j];
                let scale = if which == "ntk" {
                    scale.max(k[(i, j)].abs())
                } else {
                    scale
                };
                let error = (k[(i, j)] - expected[i][j]).abs() / scale;
                assert!(
                    error <= TOLERANCE,
                    "{} {which} ({i}, {j}): {error:e}",
                    case.name
                );
                let entry = worst.entry((case.activation.clone(), which)).or_default();
                if error >= entry.0 {
                    *entry = (error, format!("{} ({i}, {j})", case.name));
                }
            }
        }
    }
    for ((activation, which), (error, place)) in worst {
        println!("{activation:20} {which:4} {error:8.1e} at {place}");
    }
}

/// `tests/data/kernels.json` settles the entries of nearly parallel inputs, where the peer is off.
#[test]
fn nearly_parallel_inputs_agree_with_high_precision() {
    let cases: BTreeMap<String, Case> = cases()
        .into_iter()
        .map(|case| (case.name.clone(), case))
        .collect();
    let settled = crate::oracle::kernels();
    let (mut worst, mut peer_worst) = (0.0_f64, 0.0_f64);
    for entry in settled.as_array().unwrap() {
        let case = &cases[entry[0].as_str().unwrap()];
        let (i, j) = (
            entry[1].as_u64().unwrap() as usize,
            entry[2].as_u64().unwrap() as usize,
        );
        for (index, which, k) in [(3, "nngp", &case.kernels.0), (4, "ntk", &case.kernels.1)] {
            let exact: f64 = entry[index].as_str().unwrap().parse().unwrap();
            if exact == 0.0 || (which == "ntk" && case.activation == "sign") {
                continue;
            }
            let error = (k[(i, j)] / exact - 1.0).abs();
            assert!(error < 3e-14, "{} {which}: {error:e}", case.name);
            worst = worst.max(error);
            peer_worst = peer_worst.max((rows(&case.expect[which])[i][j] / exact - 1.0).abs());
        }
    }
    println!("worst error {worst:.1e}, the peer's {peer_worst:.1e}");
}
