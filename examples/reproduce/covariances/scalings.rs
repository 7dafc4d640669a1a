//! Scalings of the branches: one flow in the clock, or a limit of their own.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::statistics::fit_power_law;

use super::{estimates, inputs, start};
use crate::measure::{exponent, holds, l2_error, observed, plain};
use crate::row::{Finding, Outcome, Setting};

pub fn scalings(setting: &Setting) -> Result<Outcome, Error> {
    let depth = setting.pick(1000, 200);
    let mut outcome = Outcome::default();
    let k = start()?;
    let flow = ResNet::new(Relu).infinite_depth().trajectory_from(k)?;
    let late = || {
        CustomScaling::normalised(
            "the second half only",
            |l, depth| {
                if 2 * l > depth {
                    (2.0 / depth as f64).sqrt()
                } else {
                    0.0
                }
            },
            |t| (2.0 * t - 1.0).max(0.0),
        )
    };
    let normalised: Vec<(String, ResNet)> = [
        ("α ∝ l", -1.0),
        ("α = L^(−1/2)", 0.0),
        ("α ∝ l^(−1/4)", 0.25),
        ("α ∝ l^(−2/5)", 0.4),
    ]
    .into_iter()
    .map(|(name, gamma)| {
        let net = ResNet::new(Relu).scaled_by(PowerLaw::new(gamma)?);
        Ok((name.to_owned(), net))
    })
    .chain([Ok((
        "second half only".to_owned(),
        ResNet::new(Relu).scaled_by(late()),
    ))])
    .collect::<Result<_, Error>>()?;
    let mut panel = Panel::new(
        format!("correlation of two inputs, L = {depth}, n = ∞"),
        Axis::linear("clock Σ α²"),
        Axis::linear("c"),
    );
    let mut worst = Vec::new();
    for (i, (name, net)) in normalised.iter().enumerate() {
        let alphas = coefficients(net, depth)?;
        let (mut clock, mut largest, mut points) = (0.0, 0.0_f64, Vec::new());
        let deep = net.infinite_width(depth)?;
        for (l, state) in deep.trajectory_from(k).enumerate() {
            clock += if l > 0 { alphas[l - 1].powi(2) } else { 0.0 };
            let c = state?.correlation()?;
            largest = largest.max((c - flow.at(f64::min(clock, 1.0))?.correlation()).abs());
            points.push((clock, c));
        }
        worst.push((
            name.clone(),
            largest,
            alphas.iter().map(|a| a * a).fold(0.0, f64::max),
        ));
        let thinned = points.iter().copied().step_by(depth / 25).collect();
        panel = panel.with(Series::markers(name.clone(), Style::nth(i), thinned));
    }
    let ratio = worst
        .iter()
        .map(|(_, gap, step)| gap / step)
        .fold(0.0, f64::max);
    let gaps: Vec<String> = worst
        .iter()
        .map(|(name, gap, _)| format!("{name}: {gap:.1e}"))
        .collect();
    outcome.add(Finding::new(
        format!("normalised scalings, L = {depth}, n = ∞: max |c_l − c_τ|"),
        gaps.join(", "),
        "O(max α²): ratio at most 0.1",
        ratio < 0.1,
    ));
    // a convergent series of the same Σ ζ² = 1 ends elsewhere
    let pi = std::f64::consts::PI;
    let series = ResNet::new(Relu).scaled_by(ConvergentSeries::new(6f64.sqrt() / pi, 1.0)?);
    let end = series.infinite_depth().propagate(k, 1.0)?.correlation()?;
    let flow_end = flow.at(1.0)?.correlation();
    outcome.add(Finding::new(
        "convergent series ζ_l² = 6/(πl)², Σζ² = 1: correlation at L = ∞",
        plain(end, 6),
        format!("not {} of the flow at τ = 1", plain(flow_end, 6)),
        (end - flow_end).abs() > 1e-3,
    ));
    let alphas = ConvergentSeries::new(6f64.sqrt() / pi, 1.0)?.coefficients(depth);
    let (mut clock, mut points) = (0.0, Vec::new());
    let deep = series.infinite_width(depth)?;
    for (l, state) in deep.trajectory_from(k).enumerate() {
        clock += if l > 0 { alphas[l - 1].powi(2) } else { 0.0 };
        points.push((clock, state?.correlation()?));
    }
    let along = (0..=100).map(|i| {
        let t = f64::from(i) / 100.0;
        Ok((t, flow.at(t)?.correlation()))
    });
    let along = along.collect::<Result<Vec<_>, Error>>()?;
    let panel = panel
        .with(Series::line("flow", Style::reference().solid(), along))
        .with(Series::connected(
            "convergent series",
            Style::nth(5),
            points.into_iter().take(40).collect(),
        ));
    // both commute: errors of networks against width, depth at least as large
    let widths = setting.pick([16, 64, 256], [16, 32, 64]);
    let samples = setting.pick(400, 60);
    let mut errors = Panel::new(
        "L² error of ĉ against the limit, L = 2n",
        Axis::log("width n").ticks(&widths.map(|n| n as f64)),
        Axis::log("error"),
    );
    let nets = [
        normalised[0].clone(),
        normalised[2].clone(),
        ("convergent series".to_owned(), series),
    ];
    for (i, (name, net)) in nets.iter().enumerate() {
        let limit = net.infinite_depth().propagate(k, 1.0)?.correlation()?;
        let mut points = Vec::new();
        for &width in &widths {
            let seed = setting.seed((100 * i + width) as u64);
            let networks = net.finite(width, 2 * width)?;
            let values = networks.read(&inputs()?, samples, seed, |draw| draw.correlation(0, 1))?;
            points.push((width as f64, l2_error(&values, limit)));
        }
        let fit = estimates(fit_power_law(&observed(&points)), "the rate")?;
        outcome.add(Finding::new(
            format!("{name}: exponent of the error of ĉ in n at L = 2n"),
            exponent(&fit),
            "−1/2",
            holds(&fit, -0.5, 0.07),
        ));
        let values = points.iter().map(|(n, e)| (*n, e.value)).collect();
        let intervals = points.iter().map(|(_, e)| e.interval()).collect();
        let index = [0, 2, 5][i];
        let series = Series::connected("", Style::nth(index), values);
        errors = errors.with(series.with_intervals(intervals));
    }
    let heading = "Normalised scalings are one curve in the clock Σα²; a convergent series is another; all of them commute";
    outcome.draw("scalings", Figure::new(heading).with(panel).with(errors));
    Ok(outcome)
}

/// The coefficients of a residual network's own stack.
fn coefficients(net: &ResNet, depth: usize) -> Result<Vec<f64>, Error> {
    let (_, chain) = net.network().chain().ok_or_else(|| Error::Undefined {
        quantity: "the coefficients".to_owned(),
        reason: "the network is no chain".to_owned(),
    })?;
    Ok(chain.scaling.coefficients(depth))
}
