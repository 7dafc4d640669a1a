//! The curves as SVG.

use std::path::Path;

use neural_limits::Error;
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};

use crate::{Curve, Scaled};

/// What a panel shows of a curve.
type Line = fn(&Curve) -> &[(f64, f64)];

pub fn write(
    path: &Path,
    activation: &str,
    curves: &[Curve],
    scaled: &[Scaled],
) -> Result<(), Error> {
    let heading = format!(
        "{activation}: a residual network keeps its inputs apart, an MLP forgets them, and all normalised \
         scalings are one curve"
    );
    let mut figure = Figure::new(heading);
    let panels: [(&str, &str, Line); 2] = [
        ("ResNet, L = ∞", "t", |curve| &curve.flow),
        ("MLP", "l/L", |curve| &curve.mlp),
    ];
    for (title, time, line) in panels {
        let correlation = Axis::linear("correlation c").range(-1.0, 1.02);
        let mut panel = Panel::new(title, Axis::linear(time).range(0.0, 1.0), correlation);
        for (i, curve) in curves.iter().enumerate() {
            let style = Style::shade(i, curves.len()).solid();
            panel = panel.with(Series::line("", style, line(curve).to_vec()));
        }
        figure = figure.with(panel);
    }
    let mut panel = Panel::new(
        "normalised scalings",
        Axis::linear("clock Σ α²"),
        Axis::linear("correlation c"),
    );
    for (i, one) in scaled.iter().enumerate() {
        let series = Series::line(&one.name, Style::nth(i), one.layers.clone());
        panel = panel.with(series);
    }
    figure.with(panel).write(path)
}
