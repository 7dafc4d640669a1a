//! The layers that derivatives pass through, and how a parameter moves them.

use std::sync::Arc;

use crate::Initialization;
use crate::activation::Dual;
use crate::network::{Layer, Network, Structure};

/// So many layers at most.
const LAYERS: usize = 10_000;

/// How a parameter moves a dense layer: $\partial\sigma_w^2/\partial p$ and $\partial\sigma_b^2/\partial p$.
pub(super) type Direction = (f64, f64);

/// A layer of a network of dense layers (all trained, NTK parametrisation, Gaussian weights), activations and
/// residual blocks of them.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Dense(Initialization, Direction),
    Activation(Arc<dyn Dual>),
    Repeat(usize, Vec<Step>),
    /// $s Y + \alpha_l F(Y)$ for each $\alpha_l$.
    Residual {
        skip: f64,
        scales: Vec<f64>,
        branch: Vec<Step>,
    },
}

/// The layers of a network, if the parameter is nothing but a variance of some of them: what differs at
/// another of its values is that value.
pub(super) fn steps(
    (network, value): (&Network, f64),
    (moved, moved_value): (&Network, f64),
) -> Option<Vec<Step>> {
    let steps = row(network, moved, (value, moved_value))?;
    (count(&steps) <= LAYERS).then_some(steps)
}

fn row(here: &Network, there: &Network, values: (f64, f64)) -> Option<Vec<Step>> {
    let (here, there) = (here.layers(), there.layers());
    if here.len() != there.len() {
        return None;
    }
    let mut steps = Vec::with_capacity(here.len());
    for (here, there) in here.iter().zip(there) {
        steps.extend(of_layer(&**here, &**there, values)?);
    }
    Some(steps)
}

fn of_layer(here: &dyn Layer, there: &dyn Layer, values: (f64, f64)) -> Option<Vec<Step>> {
    let along = |here: f64, there: f64| match (here, there) {
        _ if here == there => Some(0.0),
        _ if (here, there) == values => Some(1.0),
        _ => None,
    };
    let step = match (here.structure(), there.structure()) {
        (Structure::Dense(here), Structure::Dense(there))
            if here.is_plain() && there.is_plain() =>
        {
            let (here, there) = (here.initialization(), there.initialization());
            let direction = (
                along(here.weight_variance(), there.weight_variance())?,
                along(here.bias_variance(), there.bias_variance())?,
            );
            Step::Dense(here, direction)
        }
        (Structure::Activation(here), Structure::Activation(there))
            if here.name() == there.name() && here.slopes() == there.slopes() =>
        {
            Step::Activation(Arc::clone(here))
        }
        (Structure::Row(here), Structure::Row(there)) => return row(here, there, values),
        (Structure::Repeat(times, here), Structure::Repeat(other, there)) if times == other => {
            Step::Repeat(times, row(here, there, values)?)
        }
        (
            Structure::Residual {
                skip,
                scales,
                branch: here,
            },
            Structure::Residual {
                skip: other_skip,
                scales: other_scales,
                branch: there,
            },
        ) if skip == other_skip && scales == other_scales => Step::Residual {
            skip,
            scales: scales.to_vec(),
            branch: row(here, there, values)?,
        },
        _ => return None,
    };
    Some(vec![step])
}

fn count(steps: &[Step]) -> usize {
    let counts = steps.iter().map(|step| match step {
        Step::Dense(..) | Step::Activation(_) => 1,
        Step::Repeat(times, block) => times.saturating_mul(count(block)),
        Step::Residual { scales, branch, .. } => scales.len().saturating_mul(count(branch)),
    });
    counts.fold(0, usize::saturating_add)
}
