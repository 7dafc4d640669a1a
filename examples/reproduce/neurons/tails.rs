//! Tails of neurons.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::sample::NormSampler;

use crate::measure::{Measured, jackknife, mlp, one_input, plain, sampled};
use crate::row::{Finding, Outcome, Setting};

/// E X⁴/(E X²)².
fn kurtosis(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let squares = values.iter().map(|x| x * x).sum::<f64>() / count;
    values.iter().map(|x| x.powi(4)).sum::<f64>() / count / (squares * squares)
}

pub fn heavy_tails(setting: &Setting) -> Result<Outcome, Error> {
    let width = 100;
    let depths = [2, 5, 10, 20, 40];
    let samples = setting.pick(1_000_000, 20_000);
    let (mut of_mlp, mut of_resnet) = (Vec::new(), Vec::new());
    let exact = |depth: f64| 3.0 * (1.0 + 5.0 / width as f64).powf(depth);
    let mut outcome = Outcome::default();
    let x = one_input()?;
    for (i, &depth) in depths.iter().enumerate() {
        let seed = setting.seed(i as u64);
        let norms = NormSampler::new(&mlp(), &[1.0, 1.0], width, depth)?.draws(samples, seed)?;
        let values = norms.iter().map(|norm| norm.first_neuron());
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let found = jackknife(&values, kurtosis);
        if depth <= 20 {
            outcome.add(Finding::new(
                format!("MLP, n = {width}, L = {depth}: kurtosis of a neuron"),
                found,
                format!("{} = 3(1 + 5/n)^L", plain(exact(depth as f64), 3)),
                setting.quick || found.is(exact(depth as f64), 0.0),
            ));
        }
        of_mlp.push((depth as f64, found));
        // of all neurons of a residual network, which have one law
        let networks = ResNet::new(Relu).finite(width, depth)?;
        let moments = sampled(&networks, &x, samples / 100, seed.split(1), |y| {
            let power = |k: i32| y.iter().map(|y| y.powi(k)).sum::<f64>() / y.len() as f64;
            (power(2), power(4))
        })?;
        let found = jackknife(&moments, |moments| {
            let count = moments.len() as f64;
            let square = moments.iter().map(|m| m.0).sum::<f64>() / count;
            moments.iter().map(|m| m.1).sum::<f64>() / count / (square * square)
        });
        of_resnet.push((depth as f64, found));
    }
    let last = of_resnet[of_resnet.len() - 1].1;
    outcome.add(Finding::new(
        format!(
            "ResNet, n = {width}, L = {}: kurtosis of a neuron",
            depths[4]
        ),
        last,
        "3 + O(1/n)",
        last.is(3.0, 10.0 / width as f64),
    ));
    let series = |label: &str, style: Style, points: &[(f64, Measured)]| {
        let values = points.iter().map(|(l, k)| (*l, k.value)).collect();
        let intervals = points.iter().map(|(_, k)| k.interval()).collect();
        Series::markers(label, style, values).with_intervals(intervals)
    };
    let curve = (0..=80).map(|i| (0.5 * f64::from(i), exact(0.5 * f64::from(i))));
    let panel = Panel::new(
        "",
        Axis::linear("depth L"),
        Axis::log("kurtosis of a neuron"),
    )
    .with(series("MLP", Style::nth(1), &of_mlp))
    .with(series("ResNet", Style::nth(0), &of_resnet))
    .with(Series::line("3(1 + 5/n)^L", Style::nth(1), curve.collect()))
    .with_level("Gaussian", Style::reference(), 3.0);
    let heading = format!(
        "Tails of the MLP's neuron grow with depth, those of the residual network do not (n = {width})"
    );
    outcome.draw(
        "heavy_tails",
        Figure::new(heading).with(panel).row_height(300.0),
    );
    Ok(outcome)
}
