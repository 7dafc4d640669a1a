//! The curves as SVG.

use std::path::Path;

use neural_limits::Error;
use plotters::prelude::*;

use crate::{Curve, Scaled};

const SIZE: (u32, u32) = (1280, 420);

const COLORS: [RGBColor; 4] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
];

/// What a panel shows of a curve.
type Line = fn(&Curve) -> &[(f64, f64)];

pub fn write(
    path: &Path,
    activation: &str,
    curves: &[Curve],
    scaled: &[Scaled],
) -> Result<(), Error> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    draw(&area, activation, curves, scaled).map_err(|error| Error::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Blue for opposite inputs, red for parallel ones.
fn color(start: f64) -> RGBColor {
    let share = 0.5 * (start + 1.0);
    RGBColor((220.0 * share) as u8, 60, (220.0 * (1.0 - share)) as u8)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    activation: &str,
    curves: &[Curve],
    scaled: &[Scaled],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let panels = area.split_evenly((1, 3));
    let titles = [
        format!("{activation}: ResNet, L = ∞"),
        format!("{activation}: MLP"),
    ];
    let lines: [Line; 2] = [|curve| &curve.flow, |curve| &curve.mlp];
    for ((panel, title), line) in panels.iter().zip(titles).zip(lines) {
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..1.0, -1.0..1.02)?;
        chart
            .configure_mesh()
            .x_desc("t = l/L")
            .y_desc("c")
            .draw()?;
        for curve in curves {
            let points = line(curve).iter().copied();
            chart.draw_series(LineSeries::new(points, color(curve.start)))?;
        }
    }
    let all = scaled.iter().flat_map(|one| &one.layers).map(|(_, c)| *c);
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| {
        (low.min(c), high.max(c))
    });
    let margin = 0.05 * (high - low).max(1e-3);
    let mut chart = ChartBuilder::on(&panels[2])
        .caption("normalised scalings", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, low - margin..high + margin)?;
    chart.configure_mesh().x_desc("Σ α²").y_desc("c").draw()?;
    for (one, color) in scaled.iter().zip(COLORS) {
        chart
            .draw_series(LineSeries::new(one.layers.iter().copied(), color))?
            .label(one.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()
}
