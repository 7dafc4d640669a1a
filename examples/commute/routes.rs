//! Routes to infinity, followed until they are told apart.

use std::error::Error;
use std::io::Write;

use neural_limits::limit::{RouteComparison, RouteReport};
use neural_limits::neural_function::{
    Angle, GradientNorm, JacobianNorm, JointNeurons, LogNorm, NeuralTangent, NeuronVector,
    NngpEntry, Norm,
};
use neural_limits::prelude::*;

use crate::arguments::{Arguments, Format, FunctionKind};
use crate::{architectures, data};

fn function(
    kind: FunctionKind,
    [a, b]: [&[f64]; 2],
) -> Result<Box<dyn NeuralFunction>, neural_limits::Error> {
    Ok(match kind {
        FunctionKind::Covariance => Box::new(Covariance::between(a, b)?),
        FunctionKind::Correlation => Box::new(Correlation::between(a, b)?),
        FunctionKind::Angle => Box::new(Angle::between(a, b)?),
        FunctionKind::Norm => Box::new(Norm::at(a)?),
        FunctionKind::LogNorm => Box::new(LogNorm::at(a)?),
        FunctionKind::Neuron => Box::new(Neuron::at(a)?),
        FunctionKind::TwoInputs => Box::new(JointNeurons::of([0, 0], [a, b], [1.0, 1.0])?),
        FunctionKind::TwoNeurons => Box::new(JointNeurons::of([0, 1], [a, a], [1.0, 1.0])?),
        FunctionKind::Nngp => Box::new(NngpEntry::between(a, b, 1)?),
        FunctionKind::Tangent => Box::new(NeuralTangent::between(a, b)?),
        FunctionKind::GradientNorm => Box::new(GradientNorm::at(a)?),
        FunctionKind::JacobianNorm => Box::new(JacobianNorm::at(a)?),
    })
}

pub fn run(points: &[Vec<f64>], arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let pair = data::pair(&data::name(arguments), points, &arguments.rows)?;
    let functions = arguments.functions.iter().map(|kind| function(*kind, pair));
    let functions: Vec<Box<dyn NeuralFunction>> = functions.collect::<Result<_, _>>()?;
    let (first, others) = functions
        .split_first()
        .ok_or("--functions: none are given")?;
    let neurons = NeuronVector::pair([0, 1], pair)?;
    let mut reports = Vec::new();
    for net in architectures(arguments.architecture) {
        let mut comparison = RouteComparison::of(net.as_ref(), first.as_ref())
            .along(&arguments.routes)
            .scales(&arguments.scales)
            .within(arguments.budget.0)
            .error_probability(arguments.error_probability)
            .tolerance(arguments.tolerance)
            .seed(arguments.seed)
            .time(arguments.time)
            .on_round(|round| {
                eprintln!(
                    "round {}: {} networks, {} questions open",
                    round.number, round.networks, round.open
                );
            });
        for function in others {
            comparison = comparison.and(function.as_ref());
        }
        if arguments.joint {
            comparison = comparison.and_neurons(&neurons);
        }
        let report = comparison.run()?;
        match arguments.format {
            Format::Text => println!("{report}\n"),
            Format::Markdown => println!("{}", report.to_markdown()),
            Format::Json => {}
        }
        reports.push(report);
    }
    if arguments.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    RouteReport::write_svg_of(&reports, &arguments.figure)?;
    eprintln!("figure: {}", arguments.figure.display());
    if let Some(path) = &arguments.json {
        let mut file = std::fs::File::create(path)?;
        file.write_all(serde_json::to_string_pretty(&reports)?.as_bytes())?;
        eprintln!("report: {}", path.display());
    }
    Ok(())
}
