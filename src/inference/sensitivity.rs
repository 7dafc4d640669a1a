//! Derivatives of kernels in variances of weights and biases, by the recursion itself.

use std::sync::Arc;

use nalgebra::DMatrix;

use crate::activation::Dual;
use crate::inputs::input_covariance;
use crate::kernel::KernelKind;
use crate::network::{Layer, Network, Structure};
use crate::{Initialization, Inputs, PairCovariance, Result, parallel};

/// So many layers at most.
const LAYERS: usize = 10_000;

/// A layer of a network that is a row of dense layers (all trained, NTK parametrisation, Gaussian weights)
/// and activations.
#[derive(Debug, Clone)]
enum Step {
    Dense(Initialization),
    Activation(Arc<dyn Dual>),
}

/// How a parameter moves a layer: $\partial\sigma_w^2/\partial p$ and $\partial\sigma_b^2/\partial p$.
type Direction = (f64, f64);

/// The derivative of a kernel matrix along a parameter that is itself the variance of weights or biases of
/// some of the layers; `None` where the recursion of derivatives has no closed form, or the parameter is
/// something else: `moved` is the network at another value of it.
///
/// With $\dot K, \dot\Theta$ the derivatives, a dense layer has
/// $\dot K^\prime = \sigma_w^2 \dot K + \dot\sigma_w^2 K + \dot\sigma_b^2$ and
/// $\dot\Theta^\prime = \sigma_w^2 \dot\Theta + \dot\sigma_w^2 \Theta + \dot K^\prime$, an activation those
/// of its [`sensitivity`](Dual::sensitivity). The correlation's derivative is carried, and in a dense layer
/// taken from that of the squared sine, so that nearly parallel points keep it.
pub(super) fn derivative(
    (network, value): (&Network, f64),
    (moved, moved_value): (&Network, f64),
    kind: KernelKind,
    x: &Inputs<'_>,
) -> Result<Option<DMatrix<f64>>> {
    let (Some(steps), Some(others)) = (steps(network), steps(moved)) else {
        return Ok(None);
    };
    let Some(directions) = directions((&steps, value), (&others, moved_value)) else {
        return Ok(None);
    };
    let points: Vec<&[f64]> = x.points().collect();
    let variances = points.iter().map(|point| {
        let start = input_covariance(point, point).variance_a();
        variances(&steps, &directions, start)
    });
    let Some(variances) = variances.collect::<Result<Option<Vec<_>>>>()? else {
        return Ok(None);
    };
    let row = Row {
        steps: &steps,
        directions: &directions,
        tangent: kind == KernelKind::Ntk,
    };
    let rows = parallel::try_map(points.len(), |i| {
        let entries = (0..=i).map(|j| {
            let k = if i == j {
                PairCovariance::diagonal(variances[i][0].0)
            } else {
                input_covariance(points[i], points[j])
            };
            row.entry(k, &variances[i], &variances[j])
        });
        entries.collect::<Result<Option<Vec<f64>>>>()
    })?;
    let Some(rows) = rows.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let n = points.len();
    let matrix = DMatrix::from_fn(n, n, |i, j| rows[i.max(j)][i.min(j)]);
    Ok(matrix
        .iter()
        .all(|entry| entry.is_finite())
        .then_some(matrix))
}

fn steps(network: &Network) -> Option<Vec<Step>> {
    fn add(layer: &dyn Layer, steps: &mut Vec<Step>) -> Option<()> {
        if steps.len() > LAYERS {
            return None;
        }
        match layer.structure() {
            Structure::Dense(dense) if dense.is_plain() => {
                steps.push(Step::Dense(dense.initialization()));
                Some(())
            }
            Structure::Activation(phi) => {
                steps.push(Step::Activation(Arc::clone(phi)));
                Some(())
            }
            Structure::Row(row) => row
                .layers()
                .iter()
                .try_for_each(|layer| add(&**layer, steps)),
            Structure::Repeat(times, block) => (0..times).try_for_each(|_| add(block, steps)),
            _ => None,
        }
    }
    let mut steps = Vec::new();
    add(network, &mut steps)?;
    Some(steps)
}

/// Of each layer, if the parameter is nothing but a variance of some of them: what differs at its other value
/// is that value.
fn directions(
    (steps, value): (&[Step], f64),
    (others, moved): (&[Step], f64),
) -> Option<Vec<Direction>> {
    let along = |here: f64, there: f64| match (here, there) {
        _ if here == there => Some(0.0),
        _ if here == value && there == moved => Some(1.0),
        _ => None,
    };
    if steps.len() != others.len() {
        return None;
    }
    let pairs = steps.iter().zip(others);
    pairs
        .map(|(here, there)| match (here, there) {
            (Step::Dense(here), Step::Dense(there)) => Some((
                along(here.weight_variance(), there.weight_variance())?,
                along(here.bias_variance(), there.bias_variance())?,
            )),
            (Step::Activation(here), Step::Activation(there))
                if here.name() == there.name() && here.slopes() == there.slopes() =>
            {
                Some((0.0, 0.0))
            }
            _ => None,
        })
        .collect()
}

/// The variance of a point and its derivative, before each layer and at the end; `None` for a variance of 0.
fn variances(
    steps: &[Step],
    directions: &[Direction],
    start: f64,
) -> Result<Option<Vec<(f64, f64)>>> {
    let mut all = Vec::with_capacity(steps.len() + 1);
    let (mut q, mut change) = (start, 0.0);
    all.push((q, change));
    for (step, (of_weights, of_biases)) in steps.iter().zip(directions) {
        (q, change) = match step {
            Step::Dense(law) => (
                law.weight_variance() * q + law.bias_variance(),
                law.weight_variance() * change + of_weights * q + of_biases,
            ),
            Step::Activation(phi) => {
                let k = PairCovariance::diagonal(q);
                let Some(sensitivity) = phi.sensitivity(k) else {
                    return Ok(None);
                };
                (phi.dual(k)?.variance_a(), sensitivity.moments[0] * change)
            }
        };
        all.push((q, change));
    }
    Ok(all.iter().all(|(q, _)| *q > 0.0).then_some(all))
}

struct Row<'a> {
    steps: &'a [Step],
    directions: &'a [Direction],
    tangent: bool,
}

/// A sum of slopes times changes: what does not change has no slope.
fn along(slopes: [f64; 3], changes: [f64; 3]) -> f64 {
    let terms = slopes.iter().zip(changes);
    terms
        .filter(|(_, change)| *change != 0.0)
        .map(|(slope, change)| slope * change)
        .sum()
}

impl Row<'_> {
    /// The derivative of one entry.
    fn entry(
        &self,
        start: PairCovariance,
        a: &[(f64, f64)],
        b: &[(f64, f64)],
    ) -> Result<Option<f64>> {
        let (mut k, mut change) = (start, 0.0);
        let (mut theta, mut theta_change) = (0.0, 0.0);
        let mut covariance_change = 0.0;
        for (l, (step, direction)) in self.steps.iter().zip(self.directions).enumerate() {
            let changes = [a[l].1, b[l].1, change];
            match step {
                Step::Dense(law) => {
                    let before = k;
                    k = law.dense(k);
                    let after = [a[l + 1].1, b[l + 1].1];
                    (covariance_change, change) =
                        dense((law, *direction), (before, changes), (k, after));
                    let weight = law.weight_variance();
                    theta_change = weight * theta_change + direction.0 * theta + covariance_change;
                    theta = weight * theta + k.covariance();
                }
                Step::Activation(phi) => {
                    let Some(sensitivity) = phi.sensitivity(k) else {
                        return Ok(None);
                    };
                    let (next, slope) = phi.duals(k)?;
                    theta_change = slope * theta_change + theta * along(sensitivity.slope, changes);
                    theta *= slope;
                    change = along(sensitivity.correlation, changes);
                    k = next;
                }
            }
        }
        Ok(Some(if self.tangent {
            theta_change
        } else {
            covariance_change
        }))
    }
}

/// The derivatives of the covariance and of the correlation behind a dense layer.
///
/// With $D = q_a q_b (1 - c^2)$ and $T = q_a + q_b - 2k$: $D^\prime = \sigma_w^4 D + \sigma_w^2 \sigma_b^2
/// T$.
fn dense(
    (law, (of_weights, of_biases)): (&Initialization, Direction),
    (before, [change_a, change_b, change]): (PairCovariance, [f64; 3]),
    (after, [after_a, after_b]): (PairCovariance, [f64; 2]),
) -> (f64, f64) {
    let (weight, bias) = (law.weight_variance(), law.bias_variance());
    let (qa, qb) = (before.variance_a(), before.variance_b());
    let (mean, c) = (before.geometric_mean(), before.correlation());
    let growth = change_a / qa + change_b / qb;
    let covariance = mean * (change + 0.5 * c * growth);
    let covariance_after = of_weights * before.covariance() + weight * covariance + of_biases;
    let growth_after = after_a / after.variance_a() + after_b / after.variance_b();
    let (mean_after, c_after) = (after.geometric_mean(), after.correlation());
    let sine_squared = after.pair_correlation().sine_squared();
    if sine_squared > 0.5 {
        let change = covariance_after / mean_after - 0.5 * c_after * growth_after;
        return (covariance_after, change);
    }
    let area = qa * qb * before.pair_correlation().sine_squared();
    let area_change = area * growth - 2.0 * c * change * qa * qb;
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    let distance = (root_a - root_b).powi(2) + 2.0 * mean * before.one_minus_correlation();
    let distance_change = (root_a - root_b) * (change_a / root_a - change_b / root_b)
        + mean * growth * before.one_minus_correlation()
        - 2.0 * mean * change;
    let area_after = 2.0 * weight * of_weights * area
        + weight * weight * area_change
        + (of_weights * bias + weight * of_biases) * distance
        + weight * bias * distance_change;
    let sine_change = area_after / (mean_after * mean_after) - sine_squared * growth_after;
    (covariance_after, -0.5 * sine_change / c_after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Erf, Gelu, LeakyRelu, Relu};
    use crate::inference::{CovarianceFunction, KernelFamily, NetworkKernel};
    use crate::network::{Activated, Dense, Repeat};

    /// Three layers around an activation, biases in the first and the last as in the middle.
    fn kernel(phi: Arc<dyn Dual>, law: Initialization, ntk: bool) -> Result<NetworkKernel> {
        let block = Network::new()
            .then(Activated::sharing(phi))
            .then(Dense::new(law));
        let net = Network::new()
            .then(Dense::new(law))
            .then(Repeat::new(2, block)?);
        let net = crate::kernel::InInfiniteWidth::infinite_width(&net, 1)?;
        if ntk {
            NetworkKernel::ntk(&net)
        } else {
            NetworkKernel::nngp(&net)
        }
    }

    #[test]
    fn the_recursion_is_the_slope_of_a_polynomial() {
        // different norms, nearly parallel and equal points
        let rows = [
            [1.0, 0.2],
            [0.3, -0.9],
            [-1.0, 0.5],
            [1.0, 0.200_1],
            [0.3, -0.9],
        ];
        let x = Inputs::from_rows(&rows).unwrap();
        let phis: [Arc<dyn Dual>; 3] = [
            Arc::new(Relu),
            Arc::new(LeakyRelu::new(0.3).unwrap()),
            Arc::new(Erf::new(1.2, 0.7, 0.1).unwrap()),
        ];
        for (phi, ntk) in phis.iter().flat_map(|phi| [(phi, false), (phi, true)]) {
            let at = |values: [f64; 2]| {
                let law = Initialization::new(values[0], values[1]).unwrap();
                kernel(Arc::clone(phi), law, ntk).unwrap()
            };
            let values = [1.7, 0.3];
            for i in 0..2 {
                let with = |value: f64| {
                    let mut values = values;
                    values[i] = value;
                    at(values)
                };
                let (here, there) = (at(values), with(2.0));
                let ((network, kind), (moved, _)) =
                    (here.network().unwrap(), there.network().unwrap());
                let exact = derivative((network, values[i]), (moved, 2.0), kind, &x);
                let exact = exact.unwrap().expect("a closed form");
                let slope = super::super::derivative::derivative(
                    &|value| with(value).gram(&x),
                    values[i],
                    (0.0, f64::MAX),
                    1.0,
                    1e-13,
                );
                let error = (slope.unwrap().value - &exact).amax() / exact.amax();
                assert!(error < 1e-11, "{} {ntk} {i}: {error:e}", phi.name());
            }
        }
    }

    #[test]
    fn what_has_no_recursion_is_left_to_the_polynomial() {
        let x = Inputs::from_rows(&[[1.0, 0.2], [0.3, -0.9]]).unwrap();
        let y = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
        let family = |gelu: bool, power: i32| {
            KernelFamily::of_initializations(move |law| {
                let weight = law.weight_variance().powi(power);
                let law = Initialization::new(weight, law.bias_variance())?;
                let phi: Arc<dyn Dual> = if gelu { Arc::new(Gelu) } else { Arc::new(Relu) };
                kernel(phi, law, false)
            })
        };
        let gradient = |gelu, power, weight| {
            let family = family(gelu, power);
            family
                .likelihood_gradient(&[weight, 0.2], 0.1, &x, &y)
                .unwrap()
        };
        assert_eq!(gradient(false, 1, 1.5).relative_error, 0.0);
        assert!(gradient(true, 1, 1.5).relative_error > 0.0);
        // the square of a parameter is not the parameter
        let (plain, square) = (gradient(false, 1, 2.25), gradient(false, 2, 1.5));
        assert!((square.parameters[0] / plain.parameters[0] / 3.0 - 1.0).abs() < 1e-10);
    }
}
