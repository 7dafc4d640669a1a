//! Learning curves as SVG.

use std::path::Path;

use neural_limits::Error;
use plotters::coord::Shift;
use plotters::prelude::*;

/// The share of errors after so many training points.
pub struct Curve {
    pub name: String,
    pub points: Vec<(usize, f64)>,
}

pub fn write(path: &Path, name: &str, curves: &[Curve]) -> Result<(), Error> {
    let area = SVGBackend::new(path, (760, 520)).into_drawing_area();
    draw(&area, name, curves).map_err(|error| Error::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw<B: DrawingBackend>(area: &DrawingArea<B, Shift>, name: &str, curves: &[Curve]) -> Drawn<B> {
    area.fill(&WHITE)?;
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let sizes = || all().map(|(size, _)| *size as f64);
    let (low, high) = (
        sizes().fold(f64::INFINITY, f64::min),
        sizes().fold(1.0, f64::max),
    );
    // no error at all has no logarithm
    let errors = || {
        all()
            .map(|(_, error)| 100.0 * error)
            .filter(|error| *error > 0.0)
    };
    let least = errors().fold(100.0, f64::min);
    let most = errors().fold(least, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (0.9 * low..1.1 * high).log_scale(),
            (0.8 * least..1.2 * most).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("points to train on")
        .y_desc("test errors, %")
        .draw()?;
    for (i, curve) in curves.iter().enumerate() {
        let color = Palette99::pick(i).to_rgba();
        let points: Vec<(f64, f64)> = curve
            .points
            .iter()
            .filter(|(_, error)| *error > 0.0)
            .map(|(size, error)| (*size as f64, 100.0 * error))
            .collect();
        chart.draw_series(
            points
                .iter()
                .map(|point| Circle::new(*point, 3, color.filled())),
        )?;
        chart
            .draw_series(LineSeries::new(points, &color))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    area.present()
}
