//! Figures of comparisons along routes.

use std::path::Path;

use super::report::{Finding, RouteReport};
use crate::figure::{Axis, Figure, Panel, Series, Style};
use crate::limit::Route;
use crate::{Error, Result};

/// The most panels in a row.
const COLUMNS: usize = 3;

impl RouteReport {
    /// Writes the report as an SVG: for each function and each vector of neurons a panel of distances from
    /// the limit against $\min(n, L)$, one line for each route, with standard errors; dashed, the tolerance.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write_svg(&self, path: impl AsRef<Path>) -> Result<()> {
        Self::write_svg_of(std::slice::from_ref(self), path)
    }

    /// [`write_svg`](Self::write_svg) of several reports, each in rows of two or three panels of its own.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written; [`Error::Shape`] for no reports.
    pub fn write_svg_of(reports: &[Self], path: impl AsRef<Path>) -> Result<()> {
        let panels: Vec<Vec<Panel>> = reports.iter().map(panels).collect();
        let most = panels.iter().map(Vec::len).max().unwrap_or(0);
        // as few empty places as can be, and of equals the widest rows
        let empty = |columns: &usize| most.next_multiple_of(*columns) - most;
        let columns = (1..=most.min(COLUMNS))
            .rev()
            .filter(|columns| *columns > 1 || most == 1);
        let columns = columns.min_by_key(empty).unwrap_or(0);
        if columns == 0 {
            return Err(Error::shape("reports", "nothing to plot", "a report"));
        }
        let heading =
            "Distance from the limit of infinite width, then depth, along routes to infinity";
        let mut figure = Figure::new(heading).columns(columns);
        let last = panels.len() - 1;
        for (i, row) in panels.into_iter().enumerate() {
            // a report begins on a row of its own
            let empty = match i {
                _ if i == last => 0,
                _ => row.len().next_multiple_of(columns) - row.len(),
            };
            for panel in row {
                figure = figure.with(panel);
            }
            for _ in 0..empty {
                figure = figure.with(Panel::new("", Axis::log("min(n, L)"), Axis::log("")));
            }
        }
        figure.write(path)
    }
}

fn panels(report: &RouteReport) -> Vec<Panel> {
    let functions = report.functions.iter().map(|function| {
        let finding = function.strong.as_ref().unwrap_or(&function.weak);
        let routes = function.routes.iter().map(|end| end.route).collect();
        panel(report, &function.name, routes, finding)
    });
    let joint = report.joint.iter().map(|joint| {
        let routes = joint.routes.iter().map(|end| end.route).collect();
        panel(report, &joint.name, routes, &joint.weak)
    });
    functions.chain(joint).collect()
}

fn panel(report: &RouteReport, name: &str, routes: Vec<Route>, finding: &Finding) -> Panel {
    let steps = || finding.routes.iter().flat_map(|judgement| &judgement.steps);
    let mut sizes: Vec<f64> = steps().map(|step| step.size()).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    // a floor keeps a logarithmic axis within a readable range
    let positive = steps().map(|step| step.distance);
    let positive = positive.filter(|distance| *distance > 0.0 && distance.is_finite());
    let (low, high) = positive.fold((report.tolerance, report.tolerance), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    let kind = report.architecture.split(',').next().unwrap_or_default();
    let mut panel = Panel::new(
        format!("{kind}: {name}"),
        Axis::log("min(n, L)").ticks(&sizes),
        Axis::log(format!("{} distance", finding.measure.name()))
            .range((0.6 * low).max(1e-5 * high), 1.6 * high),
    );
    for (i, (judgement, route)) in finding.routes.iter().zip(routes).enumerate() {
        let points = judgement
            .steps
            .iter()
            .map(|step| (step.size(), step.distance));
        let interval = |distance: f64, error: f64| (distance - error, distance + error);
        let intervals = judgement.steps.iter();
        let intervals = intervals.map(|step| interval(step.distance, step.standard_error));
        let series = Series::connected(route.to_string(), Style::nth(i), points.collect());
        panel = panel.with(series.with_intervals(intervals.collect()));
    }
    panel.with_level("tolerance", Style::reference(), report.tolerance)
}
