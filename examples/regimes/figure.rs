//! Paths of diffusions beside their limit, and errors of all routes against size, as SVG.

use std::path::Path;

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::limit::Deviation;
use neural_limits::prelude::*;

/// Covariances along the depth.
pub struct Paths {
    pub times: Vec<f64>,
    /// Of infinite width, then depth.
    pub limit: Vec<f64>,
    /// By width.
    pub paths: Vec<(usize, Vec<Vec<f64>>)>,
}

pub fn write(path: &Path, name: &str, paths: &Paths, report: &Report) -> Result<(), Error> {
    Figure::new(format!(
        "{name}: every way to infinite width and depth ends in one limit"
    ))
    .with(along_depth(paths))
    .with(errors(report))
    .write(path)
}

fn along_depth(paths: &Paths) -> Panel {
    // all paths, unless one of few neurons goes far away
    let largest = paths.limit.iter().fold(0.0, |m: f64, q| m.max(q.abs()));
    let values = || paths.paths.iter().flat_map(|(_, all)| all.iter().flatten());
    let low = values()
        .fold(0.0, |m: f64, q| m.min(*q))
        .max(-3.0 * largest);
    let high = values()
        .fold(largest, |m: f64, q| m.max(*q))
        .min(4.0 * largest);
    let mut panel = Panel::new(
        "L = ∞: wide networks stay near the flow",
        Axis::linear("time t").range(0.0, 1.0),
        Axis::linear("covariance of two inputs").range(low, high),
    );
    let along = |path: &[f64]| {
        paths
            .times
            .iter()
            .copied()
            .zip(path.iter().copied())
            .collect()
    };
    for (i, (width, of_width)) in paths.paths.iter().enumerate() {
        let style = Style::shade(i, paths.paths.len()).solid().wide(1.0);
        for path in of_width {
            panel = panel.with(Series::line(format!("n = {width}"), style, along(path)));
        }
    }
    let limit = Style::reference().solid().wide(3.0);
    panel.with(Series::line("n = ∞", limit, along(&paths.limit)))
}

/// The L² error of the first function of a report.
fn error(deviation: Option<Deviation>) -> Option<f64> {
    match deviation? {
        Deviation::L2 { value, .. } if value > 0.0 => Some(value),
        _ => None,
    }
}

/// A way to infinity: its name, and which point of it a regime is.
type Way = (&'static str, fn(Regime) -> Option<usize>);

const WAYS: [Way; 3] = [
    ("L = ∞, n = size", |regime| match regime {
        Regime::InfiniteDepth { width } => Some(width),
        _ => None,
    }),
    ("n = L = size", |regime| match regime {
        Regime::Finite { width, depth } if width == depth => Some(width),
        _ => None,
    }),
    ("n = ∞, L = size", |regime| match regime {
        Regime::InfiniteWidth { depth } => Some(depth),
        _ => None,
    }),
];

fn errors(report: &Report) -> Panel {
    let mut panel = Panel::new(
        "all ways: distance from n = ∞, then L = ∞",
        Axis::log("size"),
        Axis::log("L² error of the covariance"),
    );
    for (i, (name, size)) in WAYS.iter().enumerate() {
        let rows = report.rows.iter();
        let points = rows
            .filter_map(|row| Some((size(row.regime)? as f64, error(row.deviations[0])?)))
            .collect();
        panel = panel.with(Series::connected(*name, Style::nth(i), points));
    }
    let depth_first = report.rows.iter().find_map(|row| match row.regime {
        Regime::DepthThenWidth => error(row.deviations[0]),
        _ => None,
    });
    match depth_first {
        Some(height) => panel.with_level(
            "L = ∞, then n = ∞ (extrapolated)",
            Style::reference(),
            height,
        ),
        None => panel,
    }
}
