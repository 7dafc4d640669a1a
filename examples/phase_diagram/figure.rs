//! The diagram as SVG.

use std::path::Path;

use neural_limits::Error;
use neural_limits::figure::{Axis, Color, Figure, Panel, Series, Style};
use neural_limits::propagation::Phase;

use crate::grid::{Cell, Diagram};

/// log₁₀ of depth scales from pale to dark.
const SCALE: (f64, f64) = (0.0, 2.0);

/// Blue for order, red for chaos, darker for larger depth scales.
fn color(cell: Cell) -> Color {
    let (phase, depth) = match cell {
        Cell::Unstable => return Color(220, 220, 220),
        Cell::Deep(phase, depth) => (phase, depth),
    };
    let share = (depth.log10() - SCALE.0) / (SCALE.1 - SCALE.0);
    match phase {
        Phase::Ordered => Color(225, 235, 250).mixed(Color(8, 48, 107), share),
        Phase::Critical => Color::BLACK,
        Phase::Chaotic => Color(252, 230, 220).mixed(Color(103, 0, 13), share),
    }
}

pub fn write(
    path: &Path,
    activation: &str,
    diagram: &Diagram,
    curve: &[(f64, f64)],
) -> Result<(), Error> {
    let (low, high) = diagram.weights;
    let (bottom, top) = diagram.biases;
    let colors = diagram.cells.iter().map(|&cell| color(cell)).collect();
    let mut panel = Panel::new(
        "",
        Axis::linear("σ_w²").range(low, high),
        Axis::linear("σ_b²").range(bottom, top),
    )
    .with_cells(diagram.weights, diagram.biases, diagram.resolution, colors);
    for (name, phase) in [("order", Phase::Ordered), ("chaos", Phase::Chaotic)] {
        for depth in [1.0, 10.0, 100.0] {
            let label = format!("{name}, ξ_c = {depth}");
            panel = panel.with_swatch(label, color(Cell::Deep(phase, depth)));
        }
    }
    if diagram.cells.contains(&Cell::Unstable) {
        panel = panel.with_swatch("no stable variance", color(Cell::Unstable));
    }
    let edge = Style::reference().solid().wide(2.5);
    // an edge of several branches is not one line
    let one = curve.windows(2).all(|pair| pair[0].1 < pair[1].1);
    let draw = if one { Series::line } else { Series::markers };
    let panel = panel.with(draw("edge of chaos", edge, curve.to_vec()));
    let heading = format!("{activation}: depth scales ξ_c of correlations, in order and in chaos");
    Figure::new(heading)
        .with(panel)
        .row_height(480.0)
        .write(path)
}
