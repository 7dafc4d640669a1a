//! Figures of reports.

use std::path::Path;

use super::{Deviation, Regime, Report};
use crate::figure::{Axis, Figure, Panel, Series, Style};
use crate::{Error, Result};

/// Deviations of one neural function at one depth.
struct AtDepth {
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
    /// dashed, the deviation at infinite width.
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
        Self::figure_of(reports)?.write(path)
    }

    /// The figure of [`write_svg_of`](Self::write_svg_of).
    ///
    /// # Errors
    /// [`Error::Shape`] for no reports.
    pub fn figure_of(reports: &[Self]) -> Result<Figure> {
        let columns = reports.iter().map(|r| r.functions.len()).max().unwrap_or(0);
        if columns == 0 {
            return Err(Error::shape("reports", "nothing to plot", "a report"));
        }
        let heading = "Distance of finite networks from the limit of infinite width, then depth";
        let mut figure = Figure::new(heading).columns(columns);
        for report in reports {
            for function in 0..columns {
                figure = figure.with(report.panel(function));
            }
        }
        Ok(figure)
    }

    fn at_depths(&self, function: usize) -> Vec<AtDepth> {
        let mut all: Vec<AtDepth> = Vec::new();
        for row in &self.rows {
            let Some(deviation) = row.deviations.get(function).and_then(Option::as_ref) else {
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
            let index = all
                .iter()
                .position(|at| at.depth == depth)
                .unwrap_or_else(|| {
                    all.push(AtDepth {
                        depth,
                        finite: Vec::new(),
                        infinite: None,
                    });
                    all.len() - 1
                });
            match width {
                Some(width) => all[index].finite.push((width as f64, value, error)),
                None => all[index].infinite = Some(value),
            }
        }
        all
    }

    /// Empty for a function that this report does not have.
    fn panel(&self, function: usize) -> Panel {
        let depths = self.at_depths(function);
        let finite = || depths.iter().flat_map(|at| at.finite.iter());
        let law = self.rows.iter().any(|row| {
            let deviation = row.deviations.get(function).and_then(Option::as_ref);
            matches!(deviation, Some(Deviation::KolmogorovSmirnov { .. }))
        });
        let kind = self.architecture.split(',').next().unwrap_or_default();
        let name = self.functions.get(function).map_or("", |f| &f.name);
        // floors keep a logarithmic axis within a readable range
        let infinite = |at: &AtDepth| at.infinite.filter(|_| !law);
        let heights = finite().map(|(_, value, _)| *value);
        let heights = || heights.clone().chain(depths.iter().filter_map(infinite));
        let high = heights().fold(0.0, f64::max);
        let low = heights().fold(f64::INFINITY, f64::min);
        let low = (0.6 * low).max(1e-6 * high);
        let y = if law {
            "Kolmogorov–Smirnov"
        } else {
            "L² error"
        };
        let mut widths: Vec<f64> = finite().map(|(width, _, _)| *width).collect();
        widths.sort_by(f64::total_cmp);
        widths.dedup();
        let mut panel = Panel::new(
            format!("{kind}: {name}"),
            Axis::log("width n").ticks(&widths),
            Axis::log(y).range(low, 1.6 * high),
        );
        let ends = (widths.first().copied(), widths.last().copied());
        for (i, at) in depths.iter().enumerate() {
            let style = Style::shade(i, depths.len()).solid();
            let points = at.finite.iter().map(|&(n, value, _)| (n, value)).collect();
            let intervals = at.finite.iter();
            let intervals = intervals.map(|(_, value, error)| (value - error, value + error));
            let series = Series::connected(format!("L = {}", at.depth), style, points);
            panel = panel.with(series.with_intervals(intervals.collect()));
            // a sample's distance from a law has a floor, far above the distances of computed laws
            if let (Some(value), (Some(left), Some(right))) = (infinite(at), ends) {
                let line = vec![(left, value), (right, value)];
                panel = panel.with(Series::line("", style.dashed(), line));
            }
        }
        panel
    }
}
