//! The diagram as SVG.

use std::path::Path;

use neural_limits::Error;
use neural_limits::propagation::Phase;
use plotters::prelude::*;

use crate::grid::{Cell, Diagram};

/// log₁₀ of depth scales from pale to dark.
const SCALE: (f64, f64) = (0.0, 2.0);

/// Blue for order, red for chaos, darker for larger depth scales.
fn color(cell: Cell) -> RGBColor {
    let (phase, depth) = match cell {
        Cell::Unstable => return RGBColor(220, 220, 220),
        Cell::Deep(phase, depth) => (phase, depth),
    };
    let share = ((depth.log10() - SCALE.0) / (SCALE.1 - SCALE.0)).clamp(0.0, 1.0);
    let mix = |pale: f64, dark: f64| (pale + share * (dark - pale)) as u8;
    match phase {
        Phase::Ordered => RGBColor(mix(225.0, 8.0), mix(235.0, 48.0), mix(250.0, 107.0)),
        Phase::Critical => BLACK,
        Phase::Chaotic => RGBColor(mix(252.0, 103.0), mix(230.0, 0.0), mix(220.0, 13.0)),
    }
}

pub fn write(
    path: &Path,
    activation: &str,
    diagram: &Diagram,
    curve: &[(f64, f64)],
) -> Result<(), Error> {
    let area = SVGBackend::new(path, (760, 560)).into_drawing_area();
    draw(&area, activation, diagram, curve).map_err(|error| Error::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    activation: &str,
    diagram: &Diagram,
    curve: &[(f64, f64)],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let (low, high) = diagram.weights;
    let (bottom, top) = diagram.biases;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("{activation}: order (blue), chaos (red)"),
            ("sans-serif", 20),
        )
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(low..high, bottom..top)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("σ_w²")
        .y_desc("σ_b²")
        .draw()?;
    let n = diagram.resolution as f64;
    let (width, height) = ((high - low) / n, (top - bottom) / n);
    chart.draw_series(diagram.cells.iter().enumerate().map(|(i, &cell)| {
        let x = low + width * (i % diagram.resolution) as f64;
        let y = bottom + height * (i / diagram.resolution) as f64;
        Rectangle::new([(x, y), (x + width, y + height)], color(cell).filled())
    }))?;
    let inside = curve.iter().filter(|(x, _)| (low..=high).contains(x));
    chart
        .draw_series(inside.map(|&point| Circle::new(point, 2, BLACK.filled())))?
        .label("edge of chaos")
        .legend(|(x, y)| Circle::new((x + 10, y), 3, BLACK.filled()));
    for depth in [1.0, 10.0, 100.0_f64] {
        chart
            .draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())?
            .label(format!("ξ_c = {depth}"))
            .legend(move |(x, y)| {
                Rectangle::new(
                    [(x, y - 5), (x + 10, y + 5)],
                    color(Cell::Deep(Phase::Ordered, depth)).filled(),
                )
            });
        chart
            .draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())?
            .label("")
            .legend(move |(x, y)| {
                Rectangle::new(
                    [(x, y - 5), (x + 10, y + 5)],
                    color(Cell::Deep(Phase::Chaotic, depth)).filled(),
                )
            });
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .draw()?;
    area.present()
}
