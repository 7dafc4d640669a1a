//! The networks that are compared, with what is left open in them.

use neural_limits::inference::Domain;
use neural_limits::kernel::KernelKind;
use neural_limits::prelude::*;

/// A row of the table: what the marginal likelihood chooses from.
pub struct Model {
    pub name: &'static str,
    /// Activations and depths.
    pub candidates: Vec<String>,
    /// With their starts.
    pub families: Vec<(KernelFamily, Vec<f64>)>,
}

impl Model {
    fn of(name: &'static str, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let (candidates, families) = candidates.into_iter().unzip();
        Self {
            name,
            candidates,
            families,
        }
    }
}

type Candidate = (String, (KernelFamily, Vec<f64>));

/// The spread of log marginal likelihoods at which the search ends.
const SPREAD: f64 = 0.5;

const MLP_DEPTHS: [usize; 5] = [1, 2, 3, 4, 6];
const RESNET_DEPTHS: [usize; 2] = [4, 16];

/// The kernel of a network of a depth, or of infinite depth.
fn kernel(
    net: &dyn Architecture,
    depth: Option<usize>,
    kind: KernelKind,
) -> Result<NetworkKernel, Error> {
    match (depth, kind) {
        (Some(depth), KernelKind::Ntk) => NetworkKernel::ntk(&net.infinite_width(depth)?),
        (Some(depth), _) => NetworkKernel::nngp(&net.infinite_width(depth)?),
        (None, KernelKind::Ntk) => NetworkKernel::infinite_depth_ntk(net, 1.0),
        (None, _) => NetworkKernel::infinite_depth(net, 1.0),
    }
}

fn candidate(name: &str, depth: Option<usize>, family: KernelFamily, start: &[f64]) -> Candidate {
    let depth = depth.map_or_else(|| "∞".to_owned(), |depth| depth.to_string());
    let start = [start, &[1.0]].concat();
    let family = family.with_output_variance();
    (format!("{name}, L = {depth}"), (family, start))
}

/// Of ReLU only the ratio of biases to weights matters beside the variance of the outputs.
fn relu_mlp(depth: usize, kind: KernelKind) -> Candidate {
    let family = KernelFamily::new(&[("σ_b²", Domain::NonNegative)], move |values| {
        let law = Initialization::new(2.0, values[0])?;
        kernel(&Mlp::new(Relu).initialized_by(law), Some(depth), kind)
    });
    candidate("ReLU", Some(depth), family, &[0.1])
}

fn erf_mlp(depth: usize, kind: KernelKind) -> Candidate {
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
fn residual(
    phi: impl Dual + Clone + 'static,
    name: &str,
    depth: Option<usize>,
    kind: KernelKind,
) -> Candidate {
    let parameters = [("σ_w²", Domain::Positive), ("σ_b,in²", Domain::NonNegative)];
    let family = KernelFamily::new(&parameters, move |values| {
        let net = ResNet::new(phi.clone())
            .initialized_by(Initialization::new(values[0], 0.0)?)
            .with_stem(Initialization::new(1.0, values[1])?);
        kernel(&net, depth, kind)
    });
    candidate(name, depth, family, &[4.0, 0.1])
}

pub fn all() -> Result<Vec<Model>, Error> {
    let mut models = Vec::new();
    for (kind, [mlp, resnet, limit]) in [
        (
            KernelKind::Nngp,
            ["MLP, NNGP", "ResNet, NNGP", "ResNet, L = ∞, NNGP"],
        ),
        (
            KernelKind::Ntk,
            ["MLP, NTK", "ResNet, NTK", "ResNet, L = ∞, NTK"],
        ),
    ] {
        let both = |depth| [relu_mlp(depth, kind), erf_mlp(depth, kind)];
        models.push(Model::of(mlp, MLP_DEPTHS.into_iter().flat_map(both)));
        let depths = RESNET_DEPTHS.into_iter().map(Some);
        let both = |depth| {
            let erf = residual(Erf::default(), "erf", depth, kind);
            [residual(Relu, "ReLU", depth, kind), erf]
        };
        models.push(Model::of(resnet, depths.flat_map(both)));
        // flows in closed form, those of homogeneous activations
        let leaky = LeakyRelu::new(0.3)?;
        let both = [
            residual(Relu, "ReLU", None, kind),
            residual(leaky, "leaky ReLU", None, kind),
        ];
        models.push(Model::of(limit, both));
    }
    for (family, _) in models.iter_mut().flat_map(|model| &mut model.families) {
        *family = family.clone().with_spread(SPREAD)?;
    }
    Ok(models)
}

/// An MLP of infinite depth: a fixed point, which has forgotten its inputs.
pub fn infinite_mlp() -> Result<NetworkKernel, Error> {
    let law = Initialization::new(1.5, 0.1)?;
    kernel(&Mlp::new(Relu).initialized_by(law), None, KernelKind::Nngp)
}
