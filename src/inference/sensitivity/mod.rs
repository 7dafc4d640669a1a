//! Derivatives of kernels in variances of weights and biases, by the recursion itself.

mod pair;
mod steps;

use nalgebra::DMatrix;

use crate::inputs::input_covariance;
use crate::kernel::KernelKind;
use crate::network::Network;
use crate::{Inputs, PairCovariance, Result, parallel};

use pair::Pair;

/// The derivative of a kernel matrix along a parameter that is itself the variance of weights or biases of
/// some of the layers; `None` where the recursion of derivatives has no closed form, or the parameter is
/// something else: `moved` is the network at another value of it.
///
/// With $\dot K, \dot\Theta$ the derivatives, a dense layer has
/// $\dot K^\prime = \sigma_w^2 \dot K + \dot\sigma_w^2 K + \dot\sigma_b^2$ and
/// $\dot\Theta^\prime = \sigma_w^2 \dot\Theta + \dot\sigma_w^2 \Theta + \dot K^\prime$, an activation those
/// of its [`sensitivity`](crate::activation::Dual::sensitivity), and a residual block the sum of both. The
/// correlation's derivative is carried, and in sums taken from that of the squared sine, so that nearly
/// parallel points keep it.
pub(super) fn derivative(
    here: (&Network, f64),
    moved: (&Network, f64),
    kind: KernelKind,
    x: &Inputs<'_>,
) -> Result<Option<DMatrix<f64>>> {
    let Some(steps) = steps::steps(here, moved) else {
        return Ok(None);
    };
    let points: Vec<&[f64]> = x.points().collect();
    let rows = parallel::try_map(points.len(), |i| {
        let entries = (0..=i).map(|j| {
            let k = input_covariance(points[i], points[j]);
            let k = if i == j {
                PairCovariance::diagonal(k.variance_a())
            } else {
                k
            };
            let pair = Pair::of_inputs(k).behind(&steps)?;
            Ok(pair.map(|pair| match kind {
                KernelKind::Ntk => pair.tangent_change(),
                _ => pair.covariance_change(),
            }))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Initialization;
    use crate::activation::{Dual, Erf, Gelu, LeakyRelu, Relu};
    use crate::architecture::ConvergentSeries;
    use crate::inference::{CovarianceFunction, KernelFamily, NetworkKernel};
    use crate::network::{Activated, Dense, Repeat, Residual, Stack};

    /// How layers are joined.
    #[derive(Debug, Clone, Copy)]
    enum Join {
        Row,
        /// Equal blocks.
        Residual,
        /// Unequal ones, with a skip coefficient, and a block around the block.
        Nested,
    }

    /// Layers around an activation, biases in the first and the last as in the middle.
    fn kernel(
        phi: Arc<dyn Dual>,
        law: Initialization,
        ntk: bool,
        join: Join,
    ) -> Result<NetworkKernel> {
        let block = Network::new()
            .then(Activated::sharing(phi))
            .then(Dense::new(law));
        let net = Network::new().then(Dense::new(law));
        let net = match join {
            Join::Row => net.then(Repeat::new(2, block)?),
            Join::Residual => net.then(Stack::residual(block).fixed(3)?),
            Join::Nested => {
                let series = ConvergentSeries::new(0.9, 1.5)?;
                let stack = Stack::residual(block).with_skip(0.8)?.scaled_by(series);
                let branch = stack.fixed(3)?.then(Dense::new(law));
                net.then(Residual::new(0.5, 1.5, branch)?)
            }
        };
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
        let joins = [Join::Row, Join::Residual, Join::Nested];
        let kinds = [false, true]
            .into_iter()
            .flat_map(|ntk| joins.map(|join| (ntk, join)));
        for (phi, (ntk, join)) in phis
            .iter()
            .flat_map(|phi| kinds.clone().map(move |kind| (phi, kind)))
        {
            let at = |values: [f64; 2]| {
                let law = Initialization::new(values[0], values[1]).unwrap();
                kernel(Arc::clone(phi), law, ntk, join).unwrap()
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
                assert!(
                    error < 1e-11,
                    "{} {ntk} {join:?} {i}: {error:e}",
                    phi.name()
                );
            }
        }
    }

    /// Where the covariances of all points are nearly equal, their differences have derivatives of their own.
    #[test]
    fn nearly_parallel_points_keep_the_derivative_of_their_angle() {
        let x = Inputs::from_rows(&[[1.0, 0.0], [1.0, 1e-6]]).unwrap();
        for join in [Join::Row, Join::Residual, Join::Nested] {
            let at = |weight: f64| {
                let law = Initialization::new(weight, 0.3).unwrap();
                kernel(Arc::new(Relu), law, false, join).unwrap()
            };
            let (here, there) = (at(1.7), at(2.0));
            let (network, moved) = (here.network().unwrap().0, there.network().unwrap().0);
            let steps = steps::steps((network, 1.7), (moved, 2.0)).unwrap();
            let points: Vec<&[f64]> = x.points().collect();
            let start = Pair::of_inputs(input_covariance(points[0], points[1]));
            let change = start.behind(&steps).unwrap().unwrap().correlation_change();
            let complement = |weight: f64| {
                at(weight)
                    .network()
                    .unwrap()
                    .0
                    .correlation_complements(&x)
                    .unwrap()[(0, 1)]
            };
            let slope = (complement(1.7 + 1e-5) - complement(1.7 - 1e-5)) / 2e-5;
            assert!(
                (change / -slope - 1.0).abs() < 1e-6,
                "{join:?}: {change:e} {slope:e}"
            );
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
                kernel(phi, law, false, Join::Row)
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
