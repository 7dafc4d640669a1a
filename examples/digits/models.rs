//! The networks that are compared, with what is left open in them.

use neural_limits::inference::Domain;
use neural_limits::prelude::*;

/// One of the alternatives that the marginal likelihood chooses from.
pub struct Candidate {
    pub name: String,
    pub family: KernelFamily,
    pub start: Vec<f64>,
}

/// A row of the table.
pub struct Model {
    pub name: &'static str,
    pub candidates: Vec<Candidate>,
}

/// Which kernel.
#[derive(Clone, Copy)]
enum Kind {
    Nngp,
    Ntk,
}

/// The spread of log marginal likelihoods at which the search ends.
const SPREAD: f64 = 0.5;

const MLP_DEPTHS: [usize; 5] = [1, 2, 3, 4, 6];
const RESNET_DEPTHS: [usize; 2] = [4, 16];

/// The kernel of a network of a depth, or of infinite depth.
fn kernel(
    net: &dyn Architecture,
    depth: Option<usize>,
    kind: Kind,
) -> Result<NetworkKernel, Error> {
    match (depth, kind) {
        (Some(depth), Kind::Nngp) => NetworkKernel::nngp(&net.infinite_width(depth)?),
        (Some(depth), Kind::Ntk) => NetworkKernel::ntk(&net.infinite_width(depth)?),
        (None, Kind::Nngp) => NetworkKernel::infinite_depth(net, 1.0),
        (None, Kind::Ntk) => NetworkKernel::infinite_depth_ntk(net, 1.0),
    }
}

fn candidate(
    name: &str,
    depth: Option<usize>,
    family: KernelFamily,
    start: &[f64],
) -> Result<Candidate, Error> {
    let depth = depth.map_or_else(|| "∞".to_owned(), |depth| depth.to_string());
    Ok(Candidate {
        name: format!("{name}, L = {depth}"),
        family: family.with_output_variance().with_spread(SPREAD)?,
        start: [start, &[1.0]].concat(),
    })
}

/// Of ReLU only the ratio of biases to weights matters beside the variance of the outputs.
fn relu_mlp(depth: usize, kind: Kind) -> Result<Candidate, Error> {
    let family = KernelFamily::new(&[("σ_b²", Domain::NonNegative)], move |values| {
        let law = Initialization::new(2.0, values[0])?;
        kernel(&Mlp::new(Relu).initialized_by(law), Some(depth), kind)
    });
    candidate("ReLU", Some(depth), family, &[0.1])
}

fn erf_mlp(depth: usize, kind: Kind) -> Result<Candidate, Error> {
    let parameters = [("σ_w²", Domain::Positive), ("σ_b²", Domain::NonNegative)];
    let family = KernelFamily::new(&parameters, move |values| {
        let law = Initialization::new(values[0], values[1])?;
        kernel(
            &Mlp::new(Erf::default()).initialized_by(law),
            Some(depth),
            kind,
        )
    });
    candidate("erf", Some(depth), family, &[1.5, 0.1])
}

/// Branches without biases, scaled by L^(-1/2): at infinite depth only σ_w² t counts, so that t is 1.
fn resnet(relu: bool, depth: Option<usize>, kind: Kind) -> Result<Candidate, Error> {
    let parameters = [("σ_w²", Domain::Positive), ("σ_b,in²", Domain::NonNegative)];
    let family = KernelFamily::new(&parameters, move |values| {
        let net = if relu {
            ResNet::new(Relu)
        } else {
            ResNet::new(Erf::default())
        };
        let stem = Initialization::new(1.0, values[1])?;
        let net = net
            .initialized_by(Initialization::new(values[0], 0.0)?)
            .with_stem(stem);
        kernel(&net, depth, kind)
    });
    candidate(
        if relu { "ReLU" } else { "erf" },
        depth,
        family,
        &[4.0, 0.1],
    )
}

pub fn all() -> Result<Vec<Model>, Error> {
    let mut models = Vec::new();
    for (kind, [mlp, deep, infinite]) in [
        (
            Kind::Nngp,
            ["MLP, NNGP", "ResNet, NNGP", "ResNet, L = ∞, NNGP"],
        ),
        (Kind::Ntk, ["MLP, NTK", "ResNet, NTK", "ResNet, L = ∞, NTK"]),
    ] {
        let of_mlp = MLP_DEPTHS
            .iter()
            .flat_map(|&depth| [relu_mlp(depth, kind), erf_mlp(depth, kind)]);
        let of_resnet = |depth: Option<usize>| [true, false].map(|relu| resnet(relu, depth, kind));
        models.push(Model {
            name: mlp,
            candidates: of_mlp.collect::<Result<_, _>>()?,
        });
        let depths = RESNET_DEPTHS
            .iter()
            .flat_map(|&depth| of_resnet(Some(depth)));
        models.push(Model {
            name: deep,
            candidates: depths.collect::<Result<_, _>>()?,
        });
        let limit = of_resnet(None).into_iter();
        models.push(Model {
            name: infinite,
            candidates: limit.collect::<Result<_, _>>()?,
        });
    }
    Ok(models)
}

/// An MLP of infinite depth: a fixed point, which has forgotten its inputs.
pub fn infinite_mlp() -> Result<NetworkKernel, Error> {
    let law = Initialization::new(1.5, 0.1)?;
    kernel(&Mlp::new(Relu).initialized_by(law), None, Kind::Nngp)
}
