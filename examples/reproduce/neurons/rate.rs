//! The rate at which a neuron becomes Gaussian.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::statistics::{Observation, fit_power_law};

use super::empirical;
use crate::measure::{Measured, exponent, holds, mean, one_input, plain, sampled};
use crate::row::{Finding, Outcome, Setting};

/// W₁ of all neurons of many networks (they have one law) from N(0, `variance`), with its standard error over
/// groups of networks.
fn transport(neurons: &[Vec<f64>], variance: f64) -> Result<Measured, Error> {
    let limit = Law::gaussian(0.0, variance)?;
    let of = |networks: &[Vec<f64>]| {
        let values: Vec<f64> = networks.iter().flatten().copied().collect();
        Ok(empirical(&values)?.wasserstein(&limit))
    };
    let groups: Result<Vec<f64>, Error> =
        neurons.chunks(neurons.len().div_ceil(8)).map(of).collect();
    Ok(Measured {
        value: of(neurons)?,
        error: mean(&groups?).error,
    })
}

pub fn neuron_rate(setting: &Setting) -> Result<Outcome, Error> {
    let depth = 64;
    let widths = [4, 8, 16, 32];
    let neurons = setting.pick(4_000_000, 60_000);
    let resnet = ResNet::new(Relu);
    let x = one_input()?;
    let at_depth = resnet.infinite_width(depth)?.nngp(&x)?[(0, 0)];
    let mut points = Vec::new();
    for (i, &width) in widths.iter().enumerate() {
        let networks = resnet.finite(width, depth)?;
        let seed = setting.seed(i as u64);
        let values = sampled(&networks, &x, neurons / width, seed, |y| {
            y.as_slice().to_vec()
        })?;
        points.push((width as f64, transport(&values, at_depth)?));
    }
    let observed = points.iter().map(|(width, distance)| Observation {
        sizes: vec![*width],
        error: distance.value,
        standard_error: distance.error,
    });
    let in_width = fit_power_law(&observed.collect::<Vec<_>>());
    // at infinite width both laws are Gaussian
    let q = resnet.infinite_depth().covariance_at(&x, 1.0)?[(0, 0)];
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let mut deep = Vec::new();
    for depth in [8, 32, 128, 512, 2048] {
        let at_depth = resnet.infinite_width(depth)?.nngp(&x)?[(0, 0)];
        deep.push((depth as f64, root * (q.sqrt() - at_depth.sqrt())));
    }
    let observed = deep.iter().map(|(depth, distance)| Observation {
        sizes: vec![*depth],
        error: *distance,
        standard_error: 0.0,
    });
    let in_depth = fit_power_law(&observed.collect::<Vec<_>>());
    let mut outcome = Outcome::default();
    let bound = |n: f64, l: f64| n.powf(-0.5) + l.powf(-0.5);
    let ratios = points
        .iter()
        .map(|(n, w)| w.value / bound(*n, depth as f64));
    let ratios = ratios.chain(deep.iter().map(|(l, w)| w / l.powf(-0.5)));
    let worst = ratios.fold(0.0, f64::max);
    outcome.add(Finding::new(
        "largest W₁/(n^(−1/2) + L^(−1/2))",
        plain(worst, 4),
        "bounded",
        worst < 1.0,
    ));
    for (what, fit, allowance) in [
        (
            format!("exponent in n (n = 4 to 32, L = {depth})"),
            in_width,
            0.25,
        ),
        ("exponent in L (n = ∞, exact)".to_owned(), in_depth, 0.05),
    ] {
        let Some([fit]) = fit.as_deref() else {
            return Err(Error::Undefined {
                quantity: what,
                reason: "the points have no power law".to_owned(),
            });
        };
        // the bound is a bound: both errors fall like the first power
        outcome.add(Finding::new(
            what,
            exponent(fit),
            "≤ −1/2 (bound); −1",
            fit.high < -0.5 && (setting.quick || holds(fit, -1.0, allowance)),
        ));
    }
    let curve = |slope: f64, start: (f64, f64), ends: [f64; 2]| {
        let line = ends.map(|x| (x, start.1 * (x / start.0).powf(slope)));
        line.to_vec()
    };
    let first = (points[0].0, points[0].1.value);
    let wide = Panel::new(
        format!("finite width, L = {depth}"),
        Axis::log("width n").ticks(&[4.0, 8.0, 16.0, 32.0]),
        Axis::log("W₁"),
    );
    let values = points.iter().map(|(n, w)| (*n, w.value)).collect();
    let intervals = points.iter().map(|(_, w)| w.interval()).collect();
    let wide = wide
        .with(Series::markers("networks", Style::nth(0), values).with_intervals(intervals))
        .with(Series::line(
            "slope −1/2",
            Style::nth(1),
            curve(-0.5, first, [4.0, 32.0]),
        ))
        .with(Series::line(
            "slope −1",
            Style::reference(),
            curve(-1.0, first, [4.0, 32.0]),
        ));
    let first = deep[0];
    let long = Panel::new("finite depth, n = ∞", Axis::log("depth L"), Axis::log("W₁"))
        .with(Series::markers("recursion", Style::nth(2), deep))
        .with(Series::line(
            "slope −1/2",
            Style::nth(1),
            curve(-0.5, first, [8.0, 2048.0]),
        ))
        .with(Series::line(
            "slope −1",
            Style::reference(),
            curve(-1.0, first, [8.0, 2048.0]),
        ));
    let heading = "The neuron's law converges faster than the bound: like 1/n and 1/L";
    outcome.draw("neuron_rate", Figure::new(heading).with(wide).with(long));
    Ok(outcome)
}
