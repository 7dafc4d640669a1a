//! Pairs of neurons: independent or not.

use neural_limits::figure::{Axis, Color, Figure, Panel};
use neural_limits::prelude::*;
use neural_limits::proportional::Fluctuations;
use neural_limits::statistics::{Observation, fit_power_law, independence_test};

use crate::measure::{Measured, exponent, holds, jackknife, mean, mlp, one_input, plain, sampled};
use crate::row::{Finding, Outcome, Setting};

/// Means of Y_i² Y_j² over pairs of neurons and of Y_i², of one network.
type Squares = (f64, f64);

/// E Y_i² Y_j²/(E Y_i²)² − 1.
fn shared(networks: &[Squares]) -> f64 {
    let count = networks.len() as f64;
    let square = networks.iter().map(|network| network.1).sum::<f64>() / count;
    networks.iter().map(|network| network.0).sum::<f64>() / count / (square * square) - 1.0
}

fn squares<N: Architecture>(
    net: &N,
    (width, depth): (usize, usize),
    samples: usize,
    seed: Seed,
) -> Result<Measured, Error> {
    let networks = net.finite(width, depth)?;
    let all = sampled(&networks, &one_input()?, samples, seed, |y| {
        let n = y.len() as f64;
        let sum: f64 = y.iter().map(|y| y * y).sum();
        let fourth: f64 = y.iter().map(|y| y.powi(4)).sum();
        ((sum * sum - fourth) / (n * (n - 1.0)), sum / n)
    })?;
    Ok(jackknife(&all, shared))
}

pub fn neuron_pairs(setting: &Setting) -> Result<Outcome, Error> {
    let depth = 64;
    let samples = setting.pick(40_000, 400);
    let resnet = ResNet::new(Relu);
    let mut points = Vec::new();
    for width in [8, 16, 32, 64, 128] {
        let found = squares(&resnet, (width, depth), samples, setting.seed(width as u64))?;
        points.push((width as f64, found));
    }
    let mut outcome = Outcome::default();
    let theory = Fluctuations::of(&resnet)?.norm(depth)?.variance() - 2.0;
    let (widest, last) = points[points.len() - 1];
    outcome.add(Finding::new(
        format!("ResNet, n = {widest}, L = {depth}: n Cov(Y_i², Y_j²)/(E Y²)²"),
        last.times(widest),
        format!("{} + O(1/n) (derived in docs/theory.md)", plain(theory, 3)),
        last.times(widest).is(theory, 0.1 * theory),
    ));
    let observed = points.iter().map(|(width, found)| Observation {
        sizes: vec![*width],
        error: found.value,
        standard_error: found.error,
    });
    if let Some([fit]) = fit_power_law(&observed.collect::<Vec<_>>()).as_deref() {
        outcome.add(Finding::new(
            "ResNet: its exponent in n",
            exponent(fit),
            "−1",
            holds(fit, -1.0, 0.1),
        ));
    }
    let mut of_mlp = Vec::new();
    for width in [32, 64, 128, 256] {
        let size = (width, 4);
        let found = squares(&mlp(), size, samples, setting.seed(1000 + width as u64))?;
        of_mlp.push((width as f64, found));
    }
    let (width, found) = of_mlp[1];
    let exact = (1.0 + 5.0 / width).powi(4) - 1.0;
    outcome.add(Finding::new(
        "MLP, n = 64, L = 4: Cov(Y_i², Y_j²)/(E Y²)²",
        found,
        format!("{} = (1 + 5/n)^L − 1", plain(exact, 4)),
        found.is(exact, 0.0),
    ));
    // distance correlation of the first two neurons
    let pairs = setting.pick(600, 120);
    let networks = [
        ("ResNet, n = 512, L = 64", resnet.finite(512, 64)?, false),
        ("MLP, n = 16, L = 16", mlp().finite(16, 16)?, true),
    ];
    for (name, networks, dependent) in networks {
        let seed = setting.seed(7);
        let both = sampled(&networks, &one_input()?, pairs, seed, |y| ([y[0]], [y[1]]))?;
        let (first, second): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        let test = independence_test(&first, &second, setting.pick(1999, 199), seed.split(1))?;
        outcome.add(Finding::new(
            format!("{name}: distance correlation of two neurons, permutation p"),
            test,
            if dependent { "p small" } else { "p not small" },
            if dependent {
                test.p_value < 0.01
            } else {
                test.p_value > 1e-3
            },
        ));
    }
    outcome.draw("neuron_pairs", joint(setting)?);
    Ok(outcome)
}

/// Joint densities of two neurons beside the products of their laws.
fn joint(setting: &Setting) -> Result<Figure, Error> {
    const CELLS: usize = 40;
    const RANGE: f64 = 3.0;
    let samples = setting.pick(20_000, 500);
    let size = (16, 16);
    let networks = [
        ("ResNet", ResNet::new(Relu).finite(size.0, size.1)?),
        ("MLP", mlp().finite(size.0, size.1)?),
    ];
    let heading = format!(
        "Two neurons at n = L = {}: nearly independent in the residual network, tied by a common norm in the MLP",
        size.0
    );
    let mut figure = Figure::new(heading).columns(2).row_height(330.0);
    for (name, networks) in networks {
        let all = sampled(&networks, &one_input()?, samples, setting.seed(77), |y| {
            y.as_slice().to_vec()
        })?;
        let scale = mean(&all.iter().flatten().map(|y| y * y).collect::<Vec<_>>())
            .value
            .sqrt();
        let cell = |y: f64| {
            let place = (y / scale + RANGE) / (2.0 * RANGE) * CELLS as f64;
            (place >= 0.0 && place < CELLS as f64).then_some(place as usize)
        };
        let mut both = vec![0.0; CELLS * CELLS];
        let mut single = vec![0.0; CELLS];
        let mut count = 0.0;
        for pair in all.iter().flat_map(|y| y.chunks_exact(2)) {
            count += 1.0;
            if let (Some(i), Some(j)) = (cell(pair[0]), cell(pair[1])) {
                both[j * CELLS + i] += 1.0;
            }
            if let Some(i) = cell(pair[0]) {
                single[i] += 1.0;
            }
        }
        let product = (0..CELLS * CELLS).map(|k| single[k % CELLS] * single[k / CELLS] / count);
        let product: Vec<f64> = product.collect();
        let top = both.iter().copied().fold(1.0, f64::max);
        for (kind, counts) in [("joint density", &both), ("product of both laws", &product)] {
            // four decades below the highest density, in steps of a quarter
            let shade = |count: f64| ((1.0 + (count / top).log10() / 4.0) * 16.0).round() / 16.0;
            let colors = counts
                .iter()
                .map(|&count| Color(255, 255, 255).mixed(Color(8, 48, 107), shade(count)));
            let panel = Panel::new(
                format!("{name}: {kind}"),
                Axis::linear("neuron 1 / standard deviation"),
                Axis::linear("neuron 2"),
            );
            let range = (-RANGE, RANGE);
            figure = figure.with(panel.with_cells(range, range, CELLS, colors.collect()));
        }
    }
    Ok(figure)
}
