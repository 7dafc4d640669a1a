//! Distances to the fixed point against depth, as SVG.

use std::path::Path;

use neural_limits::Error;
use plotters::prelude::*;

use crate::survival::Survival;

pub fn write(path: &Path, activation: &str, all: &[Survival]) -> Result<(), Error> {
    let area = SVGBackend::new(path, (760, 520)).into_drawing_area();
    draw(&area, activation, all).map_err(|error| Error::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Distances below are not drawn.
const LEAST: f64 = 1e-8;

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    activation: &str,
    all: &[Survival],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let distances = all.iter().flat_map(|s| &s.recursion).copied();
    let floor = 0.3 * distances.filter(|d| *d > LEAST).fold(1.0, f64::min);
    let depth = all.iter().map(|s| s.recursion.len()).max().unwrap_or(2) - 1;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("{activation}: recursion (lines), law (dots), networks (crosses)"),
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..depth as f64, (floor..2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("layer l")
        .y_desc("|c_l − c*|")
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    for (i, survival) in all.iter().enumerate() {
        let color = Palette99::pick(i).to_rgba();
        let path = survival.recursion.iter().enumerate();
        let path = path
            .map(|(l, &d)| (l as f64, d))
            .filter(|(_, d)| *d > floor);
        chart
            .draw_series(LineSeries::new(path, color.stroke_width(2)))?
            .label(format!(
                "σ_w² = {:.3}, {:?}",
                survival.weight, survival.deep.phase
            ))
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color));
        let law = (1..=2 * depth).map(|i| {
            let l = 0.5 * f64::from(u32::try_from(i).unwrap_or(u32::MAX));
            (l, survival.predicted(l))
        });
        let law = law.filter(|(_, d)| (floor..2.0).contains(d));
        chart.draw_series(law.map(|point| Circle::new(point, 1, color.filled())))?;
        let networks = survival.networks.iter().filter(|(_, d, _)| *d > floor);
        chart.draw_series(
            networks.map(|&(l, d, _)| Cross::new((l as f64, d), 5, color.stroke_width(2))),
        )?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .position(SeriesLabelPosition::LowerLeft)
        .draw()?;
    area.present()
}
