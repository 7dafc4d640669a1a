//! Paths of diffusions beside their limit, and errors of all routes against size, as SVG.

use std::path::Path;

use neural_limits::limit::Deviation;
use neural_limits::prelude::*;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Covariances along the depth.
pub struct Paths {
    pub times: Vec<f64>,
    /// Of infinite width, then depth.
    pub limit: Vec<f64>,
    /// By width.
    pub paths: Vec<(usize, Vec<Vec<f64>>)>,
}

pub fn write(path: &Path, name: &str, paths: &Paths, report: &Report) -> Result<(), Error> {
    let area = SVGBackend::new(path, (1180, 520)).into_drawing_area();
    draw(&area, name, paths, report).map_err(|error| Error::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    name: &str,
    paths: &Paths,
    report: &Report,
) -> Drawn<B> {
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(590);
    draw_paths(&left, name, paths)?;
    draw_errors(&right, report)?;
    area.present()
}

/// Wide networks are dark.
fn shade(i: usize, count: usize) -> RGBColor {
    let x = i as f64 / (count.max(2) - 1) as f64;
    let mix = |pale: f64, dark: f64| (pale + x * (dark - pale)) as u8;
    RGBColor(mix(252.0, 20.0), mix(175.0, 50.0), mix(90.0, 130.0))
}

fn draw_paths<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    name: &str,
    paths: &Paths,
) -> Drawn<B> {
    // all paths, unless one of few neurons goes far away
    let largest = paths.limit.iter().fold(0.0, |m: f64, q| m.max(q.abs()));
    let values = || paths.paths.iter().flat_map(|(_, all)| all.iter().flatten());
    let low = values()
        .fold(0.0, |m: f64, q| m.min(*q))
        .max(-3.0 * largest);
    let high = values()
        .fold(largest, |m: f64, q| m.max(*q))
        .min(4.0 * largest);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{name}: L = ∞"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, low..high)?;
    chart
        .configure_mesh()
        .x_desc("time t")
        .y_desc("covariance of two inputs")
        .draw()?;
    let count = paths.paths.len();
    for (i, (width, of_width)) in paths.paths.iter().enumerate() {
        let color = shade(i, count);
        for (k, path) in of_width.iter().enumerate() {
            let points = paths.times.iter().copied().zip(path.iter().copied());
            let series = chart.draw_series(LineSeries::new(points, &color))?;
            if k == 0 {
                series
                    .label(format!("n = {width}"))
                    .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color));
            }
        }
    }
    let points = paths.times.iter().copied().zip(paths.limit.iter().copied());
    chart
        .draw_series(LineSeries::new(points, BLACK.stroke_width(3)))?
        .label("n = ∞")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], BLACK.stroke_width(3)));
    legend(&mut chart)
}

/// The L² error of the first function of a report.
fn error(deviation: Option<Deviation>) -> Option<f64> {
    match deviation? {
        Deviation::L2 { value, .. } if value > 0.0 => Some(value),
        _ => None,
    }
}

/// A way to infinity: its name, which point of it a regime is, and its color.
type Way = (&'static str, fn(Regime) -> Option<usize>, RGBColor);

const WAYS: [Way; 3] = [
    (
        "L = ∞, n = size",
        |regime| match regime {
            Regime::InfiniteDepth { width } => Some(width),
            _ => None,
        },
        RGBColor(200, 60, 30),
    ),
    (
        "n = L = size",
        |regime| match regime {
            Regime::Finite { width, depth } if width == depth => Some(width),
            _ => None,
        },
        RGBColor(60, 120, 60),
    ),
    (
        "n = ∞, L = size",
        |regime| match regime {
            Regime::InfiniteWidth { depth } => Some(depth),
            _ => None,
        },
        RGBColor(20, 50, 130),
    ),
];

fn draw_errors<B: DrawingBackend>(area: &DrawingArea<B, Shift>, report: &Report) -> Drawn<B> {
    let series = WAYS.map(|(_, size, _)| -> Vec<(f64, f64)> {
        let rows = report.rows.iter();
        rows.filter_map(|row| Some((size(row.regime)? as f64, error(row.deviations[0])?)))
            .collect()
    });
    let depth_first = report.rows.iter().find_map(|row| match row.regime {
        Regime::DepthThenWidth => error(row.deviations[0]),
        _ => None,
    });
    let heights = series.iter().flatten().map(|point| point.1);
    let low = heights.clone().chain(depth_first).fold(1.0, f64::min);
    let high = heights.fold(low, f64::max);
    let sizes = || series.iter().flatten().map(|point| point.0);
    let (least, most) = (
        sizes().fold(f64::MAX, f64::min),
        sizes().fold(1.0, f64::max),
    );
    if least > most {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(area)
        .caption("All ways to infinity", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (0.8 * least..1.3 * most).log_scale(),
            (0.5 * low..2.0 * high).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("size")
        .y_desc("L² distance of the covariance from n = ∞, then L = ∞")
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    for ((name, _, color), points) in WAYS.iter().zip(&series) {
        let color = *color;
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                color.stroke_width(2),
            ))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color));
        let dots = points.iter();
        chart.draw_series(dots.map(|point| Circle::new(*point, 4, color.filled())))?;
    }
    if let Some(height) = depth_first {
        let line = [(0.8 * least, height), (1.3 * most, height)];
        chart
            .draw_series(DashedLineSeries::new(line, 6, 5, BLACK.stroke_width(2)))?
            .label("L = ∞, then n = ∞ (extrapolated)")
            .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], BLACK));
    }
    legend(&mut chart)
}

fn legend<'a, B: DrawingBackend + 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, B, C>,
) -> Drawn<B> {
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .position(SeriesLabelPosition::LowerLeft)
        .draw()
}
