//! A case as a program to paste.

use neural_limits::network::{LayerDescription, Parametrization, ScalingDescription};
use neural_limits::sample::Sampler;

use crate::case::{Case, Problem, Reference};

/// A `main` that computes what failed.
pub fn program(case: &Case) -> String {
    let mut lines = vec![
        "use neural_limits::{activation::*, network::*, prelude::*, propagation::*};".to_owned(),
        String::new(),
        "fn main() -> Result<(), Error> {".to_owned(),
    ];
    let body = match case {
        Case::Kernels(problem, reference) => kernels(problem, *reference),
        Case::Depth(problem, time) => {
            let mut lines = setting(problem);
            lines.push(format!(
                "println!(\"{{}}\", net.infinite_depth().covariance_at(&x, {time:?})?);"
            ));
            lines
        }
        Case::Samples(problem, width, sampler) => {
            let sampler = match sampler {
                Sampler::Dense => "Dense",
                _ => "Conditional",
            };
            let mut lines = setting(problem);
            lines.push(format!(
                "let networks = net.finite({width}, {})?.with_sampler(Sampler::{sampler});",
                problem.depth
            ));
            lines.push("println!(\"{:?}\", networks.covariances(&x, 2, 1)?);".to_owned());
            lines
        }
        Case::Propagation {
            activation,
            weight,
            bias,
        } => vec![
            format!("let law = Initialization::new({weight:?}, {bias:?})?;"),
            format!("let map = Propagation::new(named({activation:?})?, law)?;"),
            "let fixed = map.variance_fixed_points()?;".to_owned(),
            "println!(\"{fixed:?}\");".to_owned(),
            "for point in fixed.stable() {".to_owned(),
            "    println!(\"{:?}\", map.deep_limit(point.variance)?);".to_owned(),
            "}".to_owned(),
            format!("println!(\"{{:?}}\", edge_of_chaos(&named({activation:?})?, {bias:?})?);"),
        ],
        Case::Dual {
            activation,
            variances: [a, b],
            complement,
        } => vec![
            format!("let phi = named({activation:?})?;"),
            format!("let k = PairCovariance::with_complement({a:?}, {b:?}, {complement:?})?;"),
            "println!(\"{:?} {:?}\", phi.dual(k)?, phi.derivative_dual(k)?);".to_owned(),
        ],
    };
    lines.extend(body.iter().map(|line| format!("    {line}")));
    lines.push("    Ok(())".to_owned());
    lines.push("}".to_owned());
    lines.join("\n")
}

/// The network and its inputs.
fn setting(problem: &Problem) -> Vec<String> {
    let rows: Vec<String> = problem.points.iter().map(|x| format!("{x:?}")).collect();
    vec![
        format!("let net = {};", network(&problem.layers)),
        format!("let rows = [{}];", rows.join(", ")),
        "let x = Inputs::from_rows(&rows)?;".to_owned(),
    ]
}

fn kernels(problem: &Problem, reference: Reference) -> Vec<String> {
    let mut lines = setting(problem);
    lines.push(format!("let net = net.infinite_width({})?;", problem.depth));
    lines.push("let kernels = net.kernels(&x)?;".to_owned());
    lines.push("println!(\"{}{}\", kernels.nngp, kernels.ntk);".to_owned());
    let other = match reference {
        Reference::Pairs => {
            lines.push("let pair = net.tangent_pair(&rows[0], &rows[rows.len() - 1])?;".to_owned());
            "pair"
        }
        Reference::Rectangle => {
            lines.push("let rectangle = net.kernels_between(&x, &x)?;".to_owned());
            "rectangle"
        }
        Reference::HalfOfThePoints => {
            lines
                .push("let half = Inputs::from_rows(&rows[..rows.len().div_ceil(2)])?;".to_owned());
            lines.push("let half = net.kernels(&half)?;".to_owned());
            "half"
        }
        Reference::LayerByLayer => {
            lines
                .push("let tiles = net.network().tiles_of(&x, None, kernel::KernelKind::Both, 256, kernel::EntryScope::Pair)?;\nlet by_layer = tiles.kernels()?;".to_owned());
            "by_layer"
        }
        Reference::EachAlone => {
            lines.push("let each = (net.nngp(&x)?, net.ntk(&x)?);".to_owned());
            "each"
        }
        Reference::Correlations => {
            lines.push(
                "let correlations = (net.correlations(&x)?, net.correlation_complements(&x)?);"
                    .to_owned(),
            );
            "correlations"
        }
        Reference::SinglePrecision => {
            lines.push(
                "let single: Vec<Vec<f32>> = rows.iter().map(|x| x.iter().map(|&x| x as f32).collect()).collect();"
                    .to_owned(),
            );
            lines.push("let single = net.kernels(&Inputs::from_f32_rows(&single)?)?;".to_owned());
            "single"
        }
    };
    lines.push(format!("println!(\"{{:?}}\", {other});"));
    lines
}

/// Layers in a row.
fn network(layers: &[LayerDescription]) -> String {
    let mut code = "Network::new()".to_owned();
    for layer in layers {
        code.push_str(&format!(".then({})", self::layer(layer)));
    }
    code
}

fn networks(branches: &[Vec<LayerDescription>]) -> String {
    let all: Vec<String> = branches.iter().map(|layers| network(layers)).collect();
    format!("vec![{}]", all.join(", "))
}

fn layer(layer: &LayerDescription) -> String {
    match layer {
        LayerDescription::Dense {
            weight_variance,
            bias_variance,
            parametrization,
            width,
            relative_width,
            train_weights,
            train_biases,
            // none but Gaussian ones are drawn
            weights: _,
        } => {
            let mut code =
                format!("Dense::new(Initialization::new({weight_variance:?}, {bias_variance:?})?)");
            if *parametrization == Parametrization::Standard {
                code.push_str(".with_parametrization(Parametrization::Standard)");
            }
            if let Some(width) = width {
                code.push_str(&format!(".with_width({width})?"));
            }
            if let Some(ratio) = relative_width {
                code.push_str(&format!(".with_relative_width({ratio:?})?"));
            }
            if !(*train_weights && *train_biases) {
                code.push_str(&format!(".trained({train_weights}, {train_biases})"));
            }
            code
        }
        LayerDescription::Activation(name) => format!("Activated::new(named({name:?})?)"),
        LayerDescription::Residual {
            skip,
            scale,
            layers,
        } => format!("Residual::new({skip:?}, {scale:?}, {})?", network(layers)),
        LayerDescription::Repeat { times, layers } => {
            format!("Repeat::new({times}, {})?", network(layers))
        }
        LayerDescription::Stack {
            skip,
            scaling,
            layers,
        } => {
            if *skip == 0.0 && *scaling == ScalingDescription::Constant(1.0) {
                return format!("Stack::plain({})", network(layers));
            }
            let scaling = match scaling {
                ScalingDescription::InverseSqrtDepth => "InverseSqrtDepth".to_owned(),
                ScalingDescription::PowerLaw(exponent) => format!("PowerLaw::new({exponent:?})?"),
                ScalingDescription::ConvergentSeries { factor, exponent } => {
                    format!("ConvergentSeries::new({factor:?}, {exponent:?})?")
                }
                ScalingDescription::Constant(factor) => format!("Constant::new({factor:?})?"),
            };
            let stack = format!("Stack::residual({})", network(layers));
            format!("{stack}.with_skip({skip:?})?.scaled_by({scaling})")
        }
        LayerDescription::DenselyConnected {
            growth_ratio,
            layers,
        } => format!(
            "Stack::densely_connected({}, {growth_ratio:?})?",
            network(layers)
        ),
        LayerDescription::Sum(branches) => format!("FanIn::sum({})?", networks(branches)),
        LayerDescription::Product(branches) => format!("FanIn::product({})?", networks(branches)),
        LayerDescription::Concatenation { branches, shares } => match shares {
            Some(shares) => format!(
                "FanIn::weighted_concatenation({}, &{shares:?})?",
                networks(branches)
            ),
            None => format!("FanIn::concatenation({})?", networks(branches)),
        },
        LayerDescription::LayerNorm { epsilon } => format!("LayerNorm::new({epsilon:?})?"),
        LayerDescription::Dropout(keep) => format!("Dropout::new({keep:?})?"),
    }
}
