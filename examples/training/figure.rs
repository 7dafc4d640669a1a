//! Rates of training and the catapult, as SVG.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::training::Catapult;

use crate::measurements::{Scaling, mean_field};
use crate::{Report, SHARPNESS};

/// The half-width of an interval of 95 %.
const NORMAL: f64 = 1.96;

pub fn of(report: &Report) -> Figure {
    let heading = "Finite networks approach the kernel regime, particles their mean field; large steps leave both";
    Figure::new(heading)
        .columns(2)
        .row_height(280.0)
        .with(scalings(
            "two hidden layers of n tanh neurons, trained",
            ("width n", "relative change, or error"),
            report.kernel_regime.iter(),
            -0.5,
        ))
        .with(catapult(report))
        .with(scalings(
            "particles: distance from independent ones",
            ("particles N", "root mean square"),
            report.chaos.iter().skip(1).step_by(2),
            -0.5,
        ))
        .with(between(report))
}

/// Markers with intervals, and a slope beside them.
fn scalings<'a>(
    title: &str,
    (x, y): (&str, &str),
    scalings: impl Iterator<Item = &'a Scaling> + Clone,
    slope: f64,
) -> Panel {
    let mut panel = Panel::new(title, Axis::log(x), Axis::log(y));
    let mut ends: Option<(f64, f64, f64)> = None;
    for (i, scaling) in scalings.enumerate() {
        let observations = &scaling.observations;
        let points = observations.iter().map(|o| (o.sizes[0], o.error));
        let intervals = observations.iter().map(|o| {
            let half = NORMAL * o.standard_error;
            (o.error - half, o.error + half)
        });
        let points: Vec<(f64, f64)> = points.collect();
        if let (None, [first, .., last]) = (ends, &points[..]) {
            ends = Some((first.0, last.0, 0.5 * first.1));
        }
        panel = panel.with(
            Series::connected(name(scaling), Style::nth(i), points)
                .with_intervals(intervals.collect()),
        );
    }
    match ends {
        Some((from, to, height)) => panel.with(Series::line(
            "slope −1/2",
            Style::reference(),
            vec![(from, height), (to, height * (to / from).powf(slope))],
        )),
        None => panel,
    }
}

/// Without what the panel's title says.
fn name(scaling: &Scaling) -> &str {
    let name = &scaling.name;
    name.strip_suffix(": particles").unwrap_or(name)
}

fn catapult(report: &Report) -> Panel {
    let exact = (10..400).filter_map(|i| {
        let sharpness = 0.01 * f64::from(i);
        let start = Catapult::new(0.5, 2.0, 1_000_000).ok()?;
        let rate = LearningRate::new(0.5 * sharpness).ok()?;
        let end = start.after(rate, 2000).ok()?;
        Some((sharpness, rate.value() * end.curvature()))
    });
    let mut panel = Panel::new(
        "the curvature λ behind training at the learning rate η",
        Axis::linear("η λ at the start").range(0.0, 12.6),
        Axis::linear("η λ at the end").range(0.0, 2.2),
    )
    .with(Series::line(
        "two linear layers, n = 10⁶",
        Style::nth(0).solid(),
        exact.collect(),
    ));
    for (i, (hidden, all)) in report.catapult.iter().enumerate() {
        let points = SHARPNESS.iter().zip(all).flat_map(|(sharpness, outcomes)| {
            let trained = outcomes.iter().filter(|outcome| outcome.is_trained);
            trained.map(|outcome| (*sharpness, outcome.sharpness))
        });
        let plural = if *hidden == 1 { "layer" } else { "layers" };
        panel = panel.with(Series::markers(
            format!("ReLU, {hidden} hidden {plural}"),
            Style::nth(i + 1),
            points.collect(),
        ));
    }
    panel.with_level("edge of stability", Style::reference(), 2.0)
}

/// Measured exponents beside those of theory.
fn between(report: &Report) -> Panel {
    let mut panel = Panel::new(
        "between the kernel regime and the mean field: theory, and markers of what is measured",
        Axis::linear("exponent γ of the output's scaling").range(0.48, 1.02),
        Axis::linear("power of N in the change"),
    );
    for (i, (name, scalings, factor)) in [
        ("weights", &report.between[0], 1.0),
        ("tangent kernel", &report.between[1], 2.0),
    ]
    .into_iter()
    .enumerate()
    {
        let fits = mean_field::EXPONENTS.iter().zip(scalings);
        let fits = fits.filter_map(|(gamma, scaling)| Some((*gamma, scaling.exponent()?)));
        let fits: Vec<(f64, _)> = fits.collect();
        let points = fits.iter().map(|(gamma, fit)| (*gamma, fit.value));
        let intervals = fits.iter().map(|(_, fit)| (fit.low, fit.high));
        let theory = vec![(0.5, -0.5 * factor), (1.0, 0.0)];
        panel = panel.with(Series::line("", Style::nth(i), theory)).with(
            Series::markers(name, Style::nth(i), points.collect())
                .with_intervals(intervals.collect()),
        );
    }
    panel
}
