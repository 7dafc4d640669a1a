//! From finite to infinite depth.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;

use crate::measure::{mean, one_input, plain};
use crate::row::{Finding, Outcome, Setting};

pub fn finite_depth(setting: &Setting) -> Result<Outcome, Error> {
    let width = setting.pick(4096, 512);
    let samples = setting.pick(1000, 100);
    let net = ResNet::new(Relu);
    let x = one_input()?;
    let q = net.infinite_depth().covariance_at(&x, 1.0)?[(0, 0)];
    let (mut sampled, mut outcome) = (Vec::new(), Outcome::default());
    for depth in [1, 2, 4, 8, 16, 32] {
        let seed = setting.seed(depth as u64);
        let networks = net.finite(width, depth)?;
        let values = networks.read(&x, samples, seed, |draw| draw.covariance(0, 0))?;
        let found = mean(&values);
        let exact = (1.0 + 0.5 / depth as f64).powi(depth as i32);
        if [2, 8, 32].contains(&depth) {
            outcome.add(Finding::new(
                format!("mean of q̂(a,a), n = {width}, L = {depth}"),
                found,
                format!(
                    "{} = (1 + 1/2L)^L (infinite depth: {})",
                    plain(exact, 4),
                    plain(q, 4)
                ),
                found.is(exact, q / width as f64),
            ));
        }
        sampled.push((depth as f64, found));
    }
    let depth = 1 << 16;
    let gap = depth as f64 * (q - net.infinite_width(depth)?.nngp(&x)?[(0, 0)]);
    let exact = q / 8.0;
    outcome.add(Finding::new(
        format!("L (q − q_L) at n = ∞, L = {depth}"),
        plain(gap, 5),
        format!("{} = e^(1/2)/8", plain(exact, 5)),
        (gap / exact - 1.0).abs() < 1e-3,
    ));
    let values = sampled.iter().map(|(l, q)| (*l, q.value)).collect();
    let intervals = sampled.iter().map(|(_, q)| q.interval()).collect();
    let curve = (0..=100).map(|i| 2f64.powf(5.0 * f64::from(i) / 100.0));
    let curve = curve.map(|l| (l, (1.0 + 0.5 / l).powf(l))).collect();
    let panel = Panel::new(
        "",
        Axis::log("depth L").ticks(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
        Axis::linear("variance of a neuron"),
    )
    .with(Series::line("(1 + 1/2L)^L", Style::nth(0).solid(), curve))
    .with(
        Series::markers(format!("networks, n = {width}"), Style::nth(1), values)
            .with_intervals(intervals),
    )
    .with_level("infinite depth, e^(1/2)", Style::reference(), q);
    let heading = "The variance at finite depth rises to that of infinite depth like 1/L";
    outcome.draw(
        "finite_depth",
        Figure::new(heading).with(panel).row_height(300.0),
    );
    Ok(outcome)
}
