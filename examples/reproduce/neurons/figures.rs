//! Histograms, distances and quantiles of neurons.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;

use super::law::Cell;

const BARS: usize = 50;
const REACH: f64 = 5.0;

/// The density of a sample on [−5, 5].
fn density(values: &[f64]) -> Vec<f64> {
    let width = 2.0 * REACH / BARS as f64;
    let mut heights = vec![0.0; BARS];
    for x in values.iter().filter(|x| x.abs() < REACH) {
        let place = ((x + REACH) / width) as usize;
        heights[place.min(BARS - 1)] += 1.0 / (width * values.len() as f64);
    }
    heights
}

fn edges() -> Vec<f64> {
    let edges = (0..=BARS).map(|i| -REACH + 2.0 * REACH * i as f64 / BARS as f64);
    edges.collect()
}

fn gaussian_density(variance: f64) -> Vec<(f64, f64)> {
    let places = (0..=200).map(|i| -REACH + 2.0 * REACH * f64::from(i) / 200.0);
    let scale = (2.0 * std::f64::consts::PI * variance).sqrt();
    places
        .map(|x| (x, (-0.5 * x * x / variance).exp() / scale))
        .collect()
}

/// The 5 % point of the Kolmogorov–Smirnov statistic.
pub fn noise(samples: usize) -> f64 {
    1.358 / (samples as f64).sqrt()
}

pub fn histograms(residual: &[Cell], mlp: &[Cell], q: f64) -> Figure {
    let heading = "The first neuron: Gaussian in the residual network at every depth (bars), in the MLP \
                   (line) only while L ≪ n";
    let mut figure = Figure::new(heading).row_height(210.0);
    for (bars, line) in residual.iter().zip(mlp) {
        let centers = edges()
            .windows(2)
            .map(|pair| 0.5 * (pair[0] + pair[1]))
            .collect::<Vec<_>>();
        let of_mlp = centers.into_iter().zip(density(&line.values)).collect();
        let panel = Panel::new(
            format!("n = {}, L = {}", bars.width, bars.depth),
            Axis::linear("neuron").range(-REACH, REACH),
            Axis::linear("density").range(0.0, 0.6),
        );
        let panel = panel
            .with(Series::histogram(
                "ResNet",
                Style::nth(5),
                &edges(),
                &density(&bars.values),
            ))
            .with(Series::line(
                "N(0, q₁)",
                Style::reference(),
                gaussian_density(q),
            ))
            .with(Series::line(
                "MLP (variance 1)",
                Style::nth(1).solid(),
                of_mlp,
            ));
        figure = figure.with(panel);
    }
    figure
}

pub fn distances(residual: &[Cell], mlp: &[Cell], depths: &[usize]) -> Figure {
    let heading = "Distance of the first neuron's law from its limit of infinite width";
    let mut figure = Figure::new(heading);
    let panels = [
        ("ResNet: falls with n into the noise (dashed)", residual),
        ("MLP: large wherever L is not small against n", mlp),
    ];
    for (title, cells) in panels {
        let widths: Vec<f64> = cells[..3].iter().map(|cell| cell.width as f64).collect();
        let mut panel = Panel::new(
            title,
            Axis::log("width n").ticks(&widths),
            Axis::log("Kolmogorov–Smirnov"),
        );
        for (i, depth) in depths.iter().enumerate() {
            let of_depth = cells.iter().filter(|cell| cell.depth == *depth);
            let points = of_depth.map(|cell| (cell.width as f64, cell.distance));
            let style = Style::shade(i, depths.len()).solid();
            panel = panel.with(Series::connected(
                format!("L = {depth}"),
                style,
                points.collect(),
            ));
        }
        let floor = cells[..3].iter();
        let floor = floor.map(|cell| (cell.width as f64, noise(cell.values.len())));
        let label = "5 % point of the statistic under the limit";
        panel = panel.with(Series::line(label, Style::reference(), floor.collect()));
        figure = figure.with(panel);
    }
    figure
}

pub fn quantiles(residual: &[Cell], mlp: &[Cell], limits: &[Law; 2]) -> Result<Figure, Error> {
    let mut figure =
        Figure::new("Quantiles of the first neuron against those of its Gaussian limit");
    let panels = [
        (
            "ResNet: near the diagonal even at n = 8",
            residual,
            &limits[0],
        ),
        (
            "MLP: heavy tails around a collapsed middle",
            mlp,
            &limits[1],
        ),
    ];
    let normal = Law::gaussian(0.0, 1.0)?;
    for (title, cells, limit) in panels {
        let mut panel = Panel::new(
            title,
            Axis::linear("Gaussian quantile"),
            Axis::linear("sampled quantile").range(-6.0, 6.0),
        );
        let ends = [-4.0, 4.0].map(|x| (x, x)).to_vec();
        panel = panel.with(Series::line("diagonal", Style::reference(), ends));
        // the shallow and the deep of few neurons, and the deep of many
        for (k, index) in [0, 3, 6, 8].into_iter().enumerate() {
            let cell = &cells[index];
            let scores = (-14..=14).map(|i| 0.2 * f64::from(i));
            let points = scores.map(|z| {
                let u = normal.cdf(z);
                Ok((limit.quantile(u)?, cell.law.quantile(u)?))
            });
            let points = points.collect::<Result<Vec<_>, Error>>()?;
            let label = format!("n = {}, L = {}", cell.width, cell.depth);
            panel = panel.with(Series::markers(label, Style::nth(k), points));
        }
        figure = figure.with(panel);
    }
    Ok(figure)
}
