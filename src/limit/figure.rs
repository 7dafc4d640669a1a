//! Figures of reports.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Deviation, Regime, Report};
use crate::{Error, Result};

const PANEL: (u32, u32) = (460, 360);

/// Deviations of one neural function at one depth.
struct Series {
    depth: usize,
    /// (width, deviation, standard error), widths increasing.
    finite: Vec<(f64, f64, f64)>,
    /// At infinite width.
    infinite: Option<f64>,
}

impl Deviation {
    fn with_error(&self) -> (f64, f64) {
        match self {
            Self::L2 {
                value,
                standard_error,
                ..
            } => (*value, *standard_error),
            Self::KolmogorovSmirnov { statistic, .. } => (*statistic, 0.0),
        }
    }
}

impl Report {
    /// Writes the report as an SVG: deviations against width, one line for each depth, with standard errors;
    /// dotted, the deviation at infinite width.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write_svg(&self, path: impl AsRef<Path>) -> Result<()> {
        Self::write_svg_of(std::slice::from_ref(self), path)
    }

    /// [`write_svg`](Self::write_svg) of several reports, one row of panels each.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written; [`Error::Shape`] for no reports.
    pub fn write_svg_of(reports: &[Self], path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let columns = reports.iter().map(|r| r.functions.len()).max().unwrap_or(0);
        if columns == 0 {
            return Err(Error::shape("reports", "nothing to plot", "a report"));
        }
        let size = (PANEL.0 * columns as u32, PANEL.1 * reports.len() as u32);
        draw(
            reports,
            columns,
            &SVGBackend::new(path, size).into_drawing_area(),
        )
        .map_err(|error| Error::Io {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    fn series(&self, function: usize) -> Vec<Series> {
        let mut series: Vec<Series> = Vec::new();
        for row in &self.rows {
            let Some(deviation) = &row.deviations[function] else {
                continue;
            };
            let (value, error) = deviation.with_error();
            let (depth, width) = match row.regime {
                Regime::Finite { width, depth } => (depth, Some(width)),
                Regime::InfiniteWidth { depth } => (depth, None),
                _ => continue,
            };
            if !(value > 0.0 && value.is_finite()) {
                continue;
            }
            let index = series
                .iter()
                .position(|s| s.depth == depth)
                .unwrap_or_else(|| {
                    series.push(Series {
                        depth,
                        finite: Vec::new(),
                        infinite: None,
                    });
                    series.len() - 1
                });
            match width {
                Some(width) => series[index].finite.push((width as f64, value, error)),
                None => series[index].infinite = Some(value),
            }
        }
        series
    }
}

type DrawResult<'a> =
    std::result::Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(
    reports: &[Report],
    columns: usize,
    area: &DrawingArea<SVGBackend<'a>, Shift>,
) -> DrawResult<'a> {
    area.fill(&WHITE)?;
    let panels = area.split_evenly((reports.len(), columns));
    for (i, report) in reports.iter().enumerate() {
        for j in 0..report.functions.len() {
            panel(report, j, &panels[i * columns + j])?;
        }
    }
    area.present()
}

/// From light orange to dark blue with depth.
fn shade(index: usize, count: usize) -> RGBColor {
    let x = if count > 1 {
        index as f64 / (count - 1) as f64
    } else {
        1.0
    };
    let mix = |light: f64, dark: f64| (light + (dark - light) * x).round() as u8;
    RGBColor(mix(250.0, 20.0), mix(170.0, 40.0), mix(60.0, 120.0))
}

fn panel<'a>(
    report: &Report,
    function: usize,
    area: &DrawingArea<SVGBackend<'a>, Shift>,
) -> DrawResult<'a> {
    let series = report.series(function);
    let points = || series.iter().flat_map(|s| s.finite.iter().copied());
    let law = matches!(
        report.rows.iter().find_map(|row| row.deviations[function]),
        Some(Deviation::KolmogorovSmirnov { .. })
    );
    // a sample's distance from a law has a floor, far above the distances of computed laws
    let heights = || {
        let infinite = series.iter().filter_map(|s| s.infinite.filter(|_| !law));
        points().map(|(_, value, _)| value).chain(infinite)
    };
    let widths = || points().map(|(width, _, _)| width);
    let (left, right) = (
        widths().fold(f64::INFINITY, f64::min),
        widths().fold(0.0, f64::max),
    );
    let (low, high) = (
        heights().fold(f64::INFINITY, f64::min),
        heights().fold(0.0, f64::max),
    );
    let kind = report.architecture.split(',').next().unwrap_or_default();
    let title = format!("{kind}: {}", report.functions[function].name);
    if !(left.is_finite() && low.is_finite()) {
        return area.titled(&title, ("sans-serif", 15)).map(drop);
    }
    // floors keep a logarithmic axis within a readable range
    let low = (0.6 * low).max(1e-6 * high);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(38)
        .y_label_area_size(62)
        .build_cartesian_2d(
            (0.8 * left..1.25 * right).log_scale(),
            (low..1.6 * high).log_scale(),
        )?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_desc("width n")
        .y_desc(if law {
            "Kolmogorov-Smirnov distance"
        } else {
            "L2 error"
        })
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    let series_count = series.len();
    for (k, series) in series.iter().enumerate() {
        let color = shade(k, series_count).to_rgba();
        if let Some(value) = series.infinite.filter(|value| *value > low) {
            chart.draw_series(DashedLineSeries::new(
                [(0.8 * left, value), (1.25 * right, value)],
                2,
                4,
                color.mix(0.7).into(),
            ))?;
        }
        chart
            .draw_series(LineSeries::new(
                series.finite.iter().map(|(n, value, _)| (*n, *value)),
                color.stroke_width(2),
            ))?
            .label(format!("L = {}", series.depth))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        chart.draw_series(series.finite.iter().map(|(n, value, error)| {
            let bottom = (value - error).max(low);
            ErrorBar::new_vertical(*n, bottom, *value, value + error, color.filled(), 6)
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
}
