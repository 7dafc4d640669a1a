//! Errors of covariances against width and depth.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::proportional::Fluctuations;
use neural_limits::statistics::{Bootstrap, Estimate, Observation, fit_power_law, fit_rates};

use super::{estimates, inputs, start};
use crate::measure::{Measured, exponent, holds, l2_error, observed, plain};
use crate::row::{Finding, Outcome, Setting};

/// Errors of one depth against width, and what they should be.
struct AtDepth {
    depth: usize,
    points: Vec<(f64, Measured)>,
    /// That of infinite width.
    bias: f64,
    /// n times the variance of q̂(a,b) and n times its mean's distance from infinite width.
    variance: f64,
    shift: f64,
}

impl AtDepth {
    fn expected(&self, width: f64) -> f64 {
        let bias = self.shift / width + self.bias;
        (self.variance / width + bias * bias).sqrt()
    }
}

pub fn covariance_error(setting: &Setting) -> Result<Outcome, Error> {
    let depths = setting.pick([1, 2, 5, 50, 500, 5000], [1, 2, 5, 20, 80, 200]);
    let widths: Vec<usize> = (3..=setting.pick(13, 8)).map(|k| 1 << k).collect();
    let work = setting.pick(2e8, 1e6);
    let net = ResNet::new(Relu);
    let x = inputs()?;
    let limit = net.infinite_depth().covariance_at(&x, 1.0)?;
    // in units of √(q_t(a,a) q_t(b,b))
    let (q, unit) = (limit[(0, 1)], limit[(0, 0)]);
    let fluctuations = Fluctuations::of(&net)?;
    let mut all = Vec::new();
    for (i, &depth) in depths.iter().enumerate() {
        let at_depth = net.infinite_width(depth)?.nngp(&x)?;
        let growth = at_depth[(0, 0)] / unit;
        let theory = if depth <= 50 {
            fluctuations.pair(start()?.pair_correlation(), depth)?
        } else {
            fluctuations.pair_at(start()?.pair_correlation(), 1.0)?
        };
        let mut at = AtDepth {
            depth,
            points: Vec::new(),
            bias: (at_depth[(0, 1)] - q) / unit,
            variance: theory.covariance()[2][2] * growth * growth,
            shift: theory.bias()[2] * growth,
        };
        for &width in &widths {
            let samples = (work / (width * depth) as f64).clamp(24.0, 2000.0) as usize;
            let seed = setting.seed(100 * i as u64 + width as u64);
            let networks = net.finite(width, depth)?;
            let read = |draw: neural_limits::sample::Draw| Ok(draw.covariance(0, 1)? / unit);
            let values = networks.read(&x, samples, seed, read)?;
            let mut error = l2_error(&values, q / unit);
            // of a Gaussian fluctuation: few networks say little on their own error
            let gaussian = at.expected(width as f64) / (2.0 * samples as f64).sqrt();
            error.error = error.error.max(gaussian);
            at.points.push((width as f64, error));
        }
        all.push(at);
    }
    let mut outcome = Outcome::default();
    let deepest = &all[all.len() - 1];
    let fit = estimates(
        fit_power_law(&observed(&deepest.points)),
        "the rate in width",
    )?;
    outcome.add(Finding::new(
        format!(
            "exponent in n at L = {}, n = {} to {}",
            deepest.depth,
            widths[0],
            widths[widths.len() - 1]
        ),
        exponent(&fit),
        "−1/2",
        holds(&fit, -0.5, 0.03),
    ));
    let biases: Vec<(f64, Measured)> = all
        .iter()
        .filter(|at| at.depth >= 5)
        .map(|at| {
            let value = at.bias.abs();
            (at.depth as f64, Measured { value, error: 0.0 })
        })
        .collect();
    let fit = estimates(fit_power_law(&observed(&biases)), "the rate in depth")?;
    outcome.add(Finding::new(
        "exponent in L at n = ∞ (exact)",
        exponent(&fit),
        "≤ −1/2 (bound); −1",
        fit.high < -0.5 && holds(&fit, -1.0, 0.05),
    ));
    // squares add: a mean square is a variance and a squared bias
    let squares = all.iter().flat_map(|at| {
        at.points.iter().map(|(width, error)| Observation {
            sizes: vec![*width, at.depth as f64],
            error: error.value.powi(2),
            standard_error: 2.0 * error.value * error.error,
        })
    });
    let bootstrap = Bootstrap::new(setting.seed(9)).with_resamples(setting.pick(400, 40))?;
    let rates = fit_rates(&squares.collect::<Vec<_>>(), &bootstrap)?;
    let depth_constant = deepest.bias.abs() * deepest.depth as f64;
    let constant = deepest.variance.sqrt();
    for (rate, (name, expected, power)) in rates
        .terms
        .iter()
        .zip([("n", constant, 1.0), ("L", depth_constant, 2.0)])
    {
        let halved = |e: Estimate| Estimate {
            value: -0.5 * e.value,
            low: -0.5 * e.high,
            high: -0.5 * e.low,
        };
        let power_of_error = halved(rate.exponent);
        let root = |x: f64| x.max(0.0).sqrt();
        outcome.add(Finding::new(
            format!(
                "fit of all sizes, e² = (C₁ n^−a)² + (C₂ L^−b)²: exponent and constant of {name}"
            ),
            format!(
                "{}; {} [{}, {}]",
                exponent(&power_of_error),
                plain(root(rate.constant.value), 3),
                plain(root(rate.constant.low), 3),
                plain(root(rate.constant.high), 3),
            ),
            format!("−{}; {}", plain(0.5 * power, 1), plain(expected, 3)),
            setting.quick || holds(&power_of_error, -0.5 * power, 0.08 * power),
        ));
    }
    let checked: Vec<&(f64, Measured)> =
        deepest.points.iter().filter(|(n, _)| *n >= 64.0).collect();
    let off = checked
        .iter()
        .map(|(n, e)| (e.value - deepest.expected(*n)) / e.error);
    let off = off.fold(0.0, |worst: f64, x| worst.max(x.abs()));
    outcome.add(Finding::new(
        format!("errors at L = {}, n ≥ 64, from √(C₁²/n + bias²) without a fit: largest deviation in standard errors", deepest.depth),
        plain(off, 2),
        "≤ 3.5",
        off < 3.5,
    ));
    let ticks: Vec<f64> = widths.iter().step_by(2).map(|n| *n as f64).collect();
    let mut panel = Panel::new(
        "markers: networks with 95 % intervals; lines: derived, not fitted",
        Axis::log("width n").ticks(&ticks),
        Axis::log("L² error of q̂(a,b), relative to q(a,a)"),
    );
    for (i, at) in all.iter().enumerate() {
        let style = Style::shade(i, all.len()).solid();
        let values = at.points.iter().map(|(n, e)| (*n, e.value)).collect();
        let intervals = at.points.iter().map(|(_, e)| e.interval()).collect();
        let curve = at.points.iter().map(|(n, _)| (*n, at.expected(*n)));
        panel = panel
            .with(Series::line("", style.wide(1.2), curve.collect()))
            .with(
                Series::markers(format!("L = {}", at.depth), style, values)
                    .with_intervals(intervals),
            );
    }
    let heading = "Width matters more than depth: errors fall like n^(−1/2) down to C/L";
    outcome.draw(
        "covariance_error",
        Figure::new(heading).with(panel).row_height(400.0),
    );
    Ok(outcome)
}
