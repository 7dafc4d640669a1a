//! Figures of comparisons along routes.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::report::{FunctionComparison, RouteReport};
use crate::{Error, Result};

const PANEL: (u32, u32) = (460, 360);

/// One colour a route, told apart by those who see red and green alike (M. Okabe and K. Ito 2008).
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

impl RouteReport {
    /// Writes the report as an SVG: for each function a panel of distances from the limit against
    /// $\min(n, L)$, one line for each route, with standard errors; dotted, the tolerance.
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
        let area = SVGBackend::new(path, size).into_drawing_area();
        draw(reports, columns, &area).map_err(|error| Error::Io {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }
}

type DrawResult<'a> =
    std::result::Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(
    reports: &[RouteReport],
    columns: usize,
    area: &DrawingArea<SVGBackend<'a>, Shift>,
) -> DrawResult<'a> {
    area.fill(&WHITE)?;
    let panels = area.split_evenly((reports.len(), columns));
    for (i, report) in reports.iter().enumerate() {
        for (j, function) in report.functions.iter().enumerate() {
            panel(report, function, &panels[i * columns + j])?;
        }
    }
    area.present()
}

/// The points (size, distance, standard error) of a route that a logarithmic axis can show.
type Points = Vec<(f64, f64, f64)>;

fn panel<'a>(
    report: &RouteReport,
    function: &FunctionComparison,
    area: &DrawingArea<SVGBackend<'a>, Shift>,
) -> DrawResult<'a> {
    let finding = function.strong.as_ref().unwrap_or(&function.weak);
    let routes: Vec<Points> = finding
        .routes
        .iter()
        .map(|judgement| {
            let steps = judgement.steps.iter();
            let points = steps.map(|step| (step.size(), step.distance, step.standard_error));
            points
                .filter(|(_, distance, _)| *distance > 0.0 && distance.is_finite())
                .collect()
        })
        .collect();
    let kind = report.architecture.split(',').next().unwrap_or_default();
    let title = format!("{kind}: {}", function.name);
    let all = || routes.iter().flatten();
    let sizes = all().map(|(size, ..)| *size);
    let (left, right) = sizes.fold((f64::INFINITY, 0.0_f64), |(l, r), x| (l.min(x), r.max(x)));
    let distances = all().map(|(_, distance, _)| *distance);
    let (low, high) = distances.fold((report.tolerance, report.tolerance), |(l, h), x| {
        (l.min(x), h.max(x))
    });
    if !left.is_finite() {
        return area.titled(&title, ("sans-serif", 15)).map(drop);
    }
    // a floor keeps a logarithmic axis within a readable range
    let low = (0.6 * low).max(1e-5 * high);
    let (left, right) = (0.8 * left, 1.25 * right);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(38)
        .y_label_area_size(62)
        .build_cartesian_2d((left..right).log_scale(), (low..1.6 * high).log_scale())?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_desc("min(n, L)")
        .y_desc(format!("{} distance from n first", finding.measure.name()))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    chart.draw_series(DashedLineSeries::new(
        [(left, report.tolerance), (right, report.tolerance)],
        2,
        4,
        BLACK.mix(0.6).into(),
    ))?;
    for (k, (points, end)) in routes.iter().zip(&function.routes).enumerate() {
        let color = COLORS[k % COLORS.len()].to_rgba();
        chart
            .draw_series(LineSeries::new(
                points.iter().map(|(x, y, _)| (*x, y.max(low))),
                color.stroke_width(2),
            ))?
            .label(end.route.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        chart.draw_series(points.iter().map(|(x, y, error)| {
            let bottom = (y - error).max(low);
            ErrorBar::new_vertical(
                *x,
                bottom,
                y.max(low),
                (y + error).max(low),
                color.filled(),
                6,
            )
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
}
