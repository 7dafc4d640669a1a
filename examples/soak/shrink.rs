//! The smallest case that still fails.

use std::time::Instant;

use neural_limits::activation::entries;
use neural_limits::network::{LayerDescription, ScalingDescription};

use crate::case::{Case, Problem};
use crate::outcome::Failure;
use crate::runner::Runner;

/// Attempts, and seconds for those that are slow.
const ATTEMPTS: usize = 2000;
const SECONDS: f64 = 30.0;

/// Steps to simpler cases, as long as one of them fails in the same way.
pub fn shrunk(case: &Case, failure: &Failure, limit: Option<f64>) -> (Case, Failure) {
    let (start, mut runner) = (Instant::now(), Runner::new(limit));
    let (mut case, mut failure) = (case.clone(), failure.clone());
    let mut attempts = 0;
    'simpler: loop {
        for candidate in candidates(&case) {
            attempts += 1;
            if attempts > ATTEMPTS || start.elapsed().as_secs_f64() > SECONDS {
                return (case, failure);
            }
            if let Some(other) = runner.still_fails(&candidate, failure.kind) {
                (case, failure) = (candidate, other);
                continue 'simpler;
            }
        }
        return (case, failure);
    }
}

/// Simpler cases, the greatest steps first. Each of them is smaller in some order, so that steps end.
fn candidates(case: &Case) -> Vec<Case> {
    match case {
        Case::Kernels(..) | Case::Depth(..) | Case::Samples(..) => {
            let problem = case.problem().expect("a problem");
            let problems = problems(problem).into_iter();
            let mut all: Vec<Case> = problems
                .map(|simpler| {
                    let mut case = case.clone();
                    *case.problem_mut().expect("a problem") = simpler;
                    case
                })
                .collect();
            if let Case::Samples(problem, width, sampler) = case
                && *width > 1
            {
                all.push(Case::Samples(problem.clone(), width / 2, *sampler));
            }
            all
        }
        Case::Propagation {
            activation,
            weight,
            bias,
        } => {
            let with = |activation: &str, weight: f64, bias: f64| Case::Propagation {
                activation: activation.to_owned(),
                weight,
                bias,
            };
            let mut all: Vec<Case> = without_parameters(activation)
                .map(|name| with(&name, *weight, *bias))
                .into_iter()
                .collect();
            let weights = simpler(*weight, &[1.0, 2.0]).into_iter();
            all.extend(weights.map(|weight| with(activation, weight, *bias)));
            let biases = simpler(*bias, &[0.0, 1.0]).into_iter();
            all.extend(biases.map(|bias| with(activation, *weight, bias)));
            all
        }
        Case::Dual {
            activation,
            variances: [a, b],
            complement,
        } => {
            let with = |activation: &str, variances: [f64; 2], complement: f64| Case::Dual {
                activation: activation.to_owned(),
                variances,
                complement,
            };
            let mut all: Vec<Case> = without_parameters(activation)
                .map(|name| with(&name, [*a, *b], *complement))
                .into_iter()
                .collect();
            if a != b {
                all.push(with(activation, [*a, *a], *complement));
                all.push(with(activation, [*b, *b], *complement));
            }
            for simpler in simpler(*a, &[1.0]) {
                let b = if a == b { simpler } else { *b };
                all.push(with(activation, [simpler, b], *complement));
            }
            if a != b {
                for simpler in simpler(*b, &[1.0]) {
                    all.push(with(activation, [*a, simpler], *complement));
                }
            }
            for simpler in simpler(*complement, &[0.0, 1.0]) {
                all.push(with(activation, [*a, *b], simpler));
            }
            all
        }
    }
}

/// Numbers that are simpler than `x`: the first of `simple`, or fewer digits.
fn simpler(x: f64, simple: &[f64]) -> Vec<f64> {
    if let Some(place) = simple.iter().position(|simple| *simple == x) {
        return simple[..place].to_vec();
    }
    let mut all = simple.to_vec();
    for digits in [0, 1, 3, 7] {
        let rounded = format!("{x:.digits$e}").parse::<f64>();
        all.extend(rounded.ok().filter(|rounded| *rounded != x));
    }
    all
}

/// An activation with its own parameters.
fn without_parameters(activation: &str) -> Option<String> {
    let (name, _) = activation.split_once('(')?;
    Some(name.to_owned())
}

fn problems(problem: &Problem) -> Vec<Problem> {
    let mut all = Vec::new();
    let Problem {
        layers,
        depth,
        points,
    } = problem;
    for shallower in [1, depth / 2, depth - 1] {
        if (1..*depth).contains(&shallower) {
            all.push(Problem {
                depth: shallower,
                ..problem.clone()
            });
        }
    }
    if points.len() > 2 {
        let half = points.len() / 2;
        for kept in [&points[..half], &points[half..]] {
            all.push(Problem {
                points: kept.to_vec(),
                ..problem.clone()
            });
        }
    }
    if points.len() > 1 {
        for i in 0..points.len() {
            let mut fewer = problem.clone();
            fewer.points.remove(i);
            all.push(fewer);
        }
    }
    for layers in rows(layers) {
        all.push(Problem {
            layers,
            ..problem.clone()
        });
    }
    let dimension = points.first().map_or(1, Vec::len);
    if dimension > 1 {
        for axis in 0..dimension {
            let mut flatter = problem.clone();
            for point in &mut flatter.points {
                point.remove(axis);
            }
            all.push(flatter);
        }
    }
    for (i, point) in points.iter().enumerate() {
        for (j, &entry) in point.iter().enumerate() {
            for simpler in simpler(entry, &[0.0, 1.0]) {
                let mut simpler_points = problem.clone();
                simpler_points.points[i][j] = simpler;
                all.push(simpler_points);
            }
        }
    }
    all
}

/// Rows of layers that are simpler: without one of them, with what is inside of it instead, or with a
/// simpler one.
fn rows(layers: &[LayerDescription]) -> Vec<Vec<LayerDescription>> {
    let mut all = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let mut put = |replacement: Vec<LayerDescription>| {
            let mut row = layers[..i].to_vec();
            row.extend(replacement);
            row.extend_from_slice(&layers[i + 1..]);
            all.push(row);
        };
        put(Vec::new());
        for inside in crate::case::branches(layer) {
            put(inside.clone());
        }
        for simpler in simpler_layers(layer) {
            put(vec![simpler]);
        }
    }
    all
}

fn simpler_layers(layer: &LayerDescription) -> Vec<LayerDescription> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut LayerDescription)| {
        let mut simpler = layer.clone();
        change(&mut simpler);
        if simpler != *layer {
            all.push(simpler);
        }
    };
    match layer {
        LayerDescription::Dense {
            weight_variance,
            bias_variance,
            ..
        } => {
            let plain = |weight: f64, bias: f64| LayerDescription::Dense {
                weight_variance: weight,
                bias_variance: bias,
                weights: Default::default(),
                parametrization: Default::default(),
                width: None,
                relative_width: None,
                train_weights: true,
                train_biases: true,
            };
            with(&|layer| *layer = plain(*weight_variance, *bias_variance));
            for weight in simpler(*weight_variance, &[1.0, 2.0]) {
                with(&|layer| *layer = plain(weight, *bias_variance));
            }
            for bias in simpler(*bias_variance, &[0.0, 1.0]) {
                with(&|layer| *layer = plain(*weight_variance, bias));
            }
        }
        LayerDescription::Activation(name) => {
            if let Some(plain) = without_parameters(name) {
                with(&|layer| *layer = LayerDescription::Activation(plain.clone()));
            }
            // those that are computed most simply, in this order
            let simplest = ["identity", "relu", "erf"];
            let known = entries().any(|entry| entry.name() == name.as_str());
            let place = simplest.iter().position(|simple| simple == name);
            for simple in &simplest[..place.unwrap_or(simplest.len())] {
                if known {
                    with(&|layer| *layer = LayerDescription::Activation((*simple).to_owned()));
                }
            }
        }
        LayerDescription::Residual { .. } => {
            with(&|layer| {
                if let LayerDescription::Residual { skip, scale, .. } = layer {
                    (*skip, *scale) = (1.0, 1.0);
                }
            });
        }
        LayerDescription::Repeat { times, .. } => {
            for fewer in [1, times - 1] {
                with(&|layer| {
                    if let LayerDescription::Repeat { times, .. } = layer
                        && fewer > 0
                    {
                        *times = fewer;
                    }
                });
            }
        }
        LayerDescription::Stack { .. } => {
            with(&|layer| {
                if let LayerDescription::Stack { scaling, .. } = layer {
                    *scaling = match scaling {
                        ScalingDescription::Constant(_) => ScalingDescription::Constant(1.0),
                        _ => ScalingDescription::InverseSqrtDepth,
                    };
                }
            });
            with(&|layer| {
                if let LayerDescription::Stack { skip, .. } = layer
                    && *skip != 0.0
                {
                    *skip = 1.0;
                }
            });
        }
        LayerDescription::DenselyConnected { .. } => with(&|layer| {
            if let LayerDescription::DenselyConnected { growth_ratio, .. } = layer {
                *growth_ratio = 1.0;
            }
        }),
        LayerDescription::Concatenation { .. } => with(&|layer| {
            if let LayerDescription::Concatenation { shares, .. } = layer {
                *shares = None;
            }
        }),
        _ => {}
    }
    let inside = crate::case::branches(layer);
    for (which, inner) in inside.into_iter().enumerate() {
        for simpler in rows(inner) {
            let mut changed = layer.clone();
            if let Some(place) = branch_mut(&mut changed, which) {
                *place = simpler;
                all.push(changed);
            }
        }
    }
    all
}

fn branch_mut(layer: &mut LayerDescription, which: usize) -> Option<&mut Vec<LayerDescription>> {
    match layer {
        LayerDescription::Residual { layers, .. }
        | LayerDescription::Repeat { layers, .. }
        | LayerDescription::Stack { layers, .. }
        | LayerDescription::DenselyConnected { layers, .. } => Some(layers),
        LayerDescription::Sum(branches)
        | LayerDescription::Product(branches)
        | LayerDescription::Concatenation { branches, .. } => branches.get_mut(which),
        _ => None,
    }
}
