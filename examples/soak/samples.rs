//! Random networks of finite size.

use neural_limits::network::Signal;
use neural_limits::prelude::*;

use crate::case::Problem;
use crate::kernels::network;
use crate::outcome::{Check, ensure};
use crate::rounding::{covariance_matrix, geometric_mean};

const SEED: u64 = 1;

pub fn check(problem: &Problem, width: usize, sampler: Sampler) -> Check {
    let net = network(problem)?;
    let x = Inputs::from_rows(&problem.points)?;
    let networks = net.finite(width, problem.depth)?.with_sampler(sampler);
    let draws = networks.draws(&x, 2, SEED)?;
    ensure(
        draws == networks.draws(&x, 2, SEED)?,
        "a seed gives one network",
        || format!("{draws:?}"),
    )?;
    for draw in &draws {
        let covariances = draw.covariances()?;
        covariance_matrix(
            [
                "a random network is finite",
                "an empirical covariance is symmetric",
                "an empirical covariance is positive semi-definite",
            ],
            &covariances,
            // sums of `width` products that need not have been rounded alike
            |i, j| {
                let scale = geometric_mean(covariances[(i, i)], covariances[(j, j)]);
                4.0 * f64::EPSILON * width as f64 * scale
            },
        )?;
        for i in 0..draw.points() {
            let neuron = draw.first_neuron(i)?;
            ensure(neuron.is_finite(), "a neuron is finite", || {
                format!("{neuron}")
            })?;
            match draw.correlation(0, i) {
                Ok(c) => ensure((-1.0..=1.0).contains(&c), "a correlation is one", || {
                    format!("{c}")
                })?,
                // a dead network has none
                Err(Error::Undefined { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    if sampler == Sampler::Dense {
        let rng = || Seed::new(SEED).stream(0);
        let drawn = match networks.with_weights(x.dimension(), &mut rng()) {
            // masks belong to a pass
            Err(Error::Unsupported { .. }) => return Ok(()),
            other => other?,
        };
        let forward = drawn.forward(&Signal::of_inputs(&x))?.to_matrix()?;
        let sampled = networks.pre_activations(&x, &mut rng())?;
        ensure(
            forward == sampled,
            "drawn weights are the dense sampler",
            || format!("{forward}{sampled}"),
        )?;
    }
    Ok(())
}
