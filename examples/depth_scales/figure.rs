//! Distances to the fixed point against depth, as SVG.

use std::path::Path;

use neural_limits::Error;
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};

use crate::survival::Survival;

/// Distances below are not drawn.
const LEAST: f64 = 1e-8;

pub fn write(path: &Path, activation: &str, all: &[Survival]) -> Result<(), Error> {
    let distances = all.iter().flat_map(|s| &s.recursion).copied();
    let floor = 0.3 * distances.filter(|d| *d > LEAST).fold(1.0, f64::min);
    let depth = all.iter().map(|s| s.recursion.len()).max().unwrap_or(2) - 1;
    let mut panel = Panel::new(
        "lines: recursion; dashed: law; markers with standard errors: networks",
        Axis::linear("layer l").range(0.0, depth as f64),
        Axis::log("|c_l − c*|").range(floor, 2.0),
    );
    for (i, survival) in all.iter().enumerate() {
        let style = Style::nth(i).solid();
        let recursion = survival.recursion.iter().enumerate();
        let recursion = recursion.map(|(l, &d)| (l as f64, d)).collect();
        let law = (1..=2 * depth).map(|i| 0.5 * i as f64);
        let law = law.map(|l| (l, survival.predicted(l))).collect();
        let networks = || survival.networks.iter();
        let points = networks().map(|&(l, d, _)| (l as f64, d)).collect();
        let errors = networks().map(|&(_, d, error)| (d - error, d + error));
        let label = format!("σ_w² = {:.3}, {:?}", survival.weight, survival.deep.phase);
        panel = panel
            .with(Series::line("", style, recursion))
            .with(Series::line("", style.wide(3.0).dashed(), law))
            .with(Series::markers(label, style, points).with_intervals(errors.collect()));
    }
    let heading = format!("{activation}: correlations live longest at the edge of chaos");
    Figure::new(heading)
        .with(panel)
        .row_height(440.0)
        .write(path)
}
