//! Angles in ReLU MLPs, and networks shaped to keep them.

use neural_limits::architecture::ShapedMlp;
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::mean_field::ShapedCorrelation;
use neural_limits::prelude::*;
use neural_limits::proportional::{AngleDensity, AngleLayer, PublishedAngle};

use crate::measure::{mean, mlp, plain, sampled, two_inputs};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 2] = [
    Row {
        name: "vanishing_angles",
        statement: "E log sin²θ_l of a ReLU MLP of finite width follows the published update; the algorithm predicts the angle at depth",
        source: "2302.09712; 2306.01513, algorithm 1",
        run: vanishing_angles,
    },
    Row {
        name: "shaped",
        statement: "the correlation of a shaped MLP at L/n = T follows dρ = [ν(ρ) − ½ρ(1 − ρ²)]dt + (1 − ρ²)dB",
        source: "2206.02768",
        run: shaped,
    },
];

fn vanishing_angles(setting: &Setting) -> Result<Outcome, Error> {
    let (width, theta) = (100, 0.5_f64);
    let samples = setting.pick(20_000, 500);
    let x = Inputs::from_rows(&two_inputs(theta.cos()))?;
    let layer = AngleLayer::new(width)?;
    let published = PublishedAngle::new(width)?.predict(theta, 40)?;
    let mut outcome = Outcome::default();
    let mut points = Vec::new();
    for depth in [1, 5, 10, 20, 40] {
        // the angle is that of φ(Y) behind the last layer but one
        let net = mlp().finite(width, depth.max(2) - 1)?;
        let net = if depth == 1 { net.at_time(0.0)? } else { net };
        // one layer is cheap, and the published mean is near
        let samples = if depth == 1 { 10 * samples } else { samples };
        let logs = sampled(&net, &x, samples, setting.seed(depth as u64), |y| {
            let y = y.map(|y| y.max(0.0));
            let (a, b) = (y.column(0), y.column(1));
            (1.0 - a.dot(&b).powi(2) / (a.norm_squared() * b.norm_squared())).ln()
        })?;
        let found = mean(&logs);
        points.push((depth as f64, found));
        if [1, 20, 40].contains(&depth) {
            let density = AngleDensity::new(&layer, theta, depth)?;
            outcome.add(Finding::new(
                format!("n = {width}, θ₀ = 0.5, L = {depth}: E log sin²θ against the density derived here"),
                found,
                plain(density.mean(), 4),
                found.is(density.mean(), 0.01),
            ));
            let (predicted, _) = published[depth - 1];
            let agrees = found.is(predicted, 0.0);
            outcome.add(
                Finding::new(
                    format!("n = {width}, θ₀ = 0.5, L = {depth}: E log sin²θ against the published algorithm"),
                    found,
                    plain(predicted, 4),
                    agrees,
                )
                .but("terms of order 1/n² are treated unevenly, and putting the mean into the update loses its convexity"),
            );
        }
    }
    let depths: Vec<usize> = (1..=40).collect();
    let density = depths.iter().map(|&depth| {
        Ok((
            depth as f64,
            AngleDensity::new(&layer, theta, depth)?.mean(),
        ))
    });
    let density = density.collect::<Result<Vec<_>, Error>>()?;
    let algorithm = published.iter().enumerate();
    let algorithm = algorithm
        .map(|(i, (mean, _))| ((i + 1) as f64, *mean))
        .collect();
    let mut wide = vec![theta];
    for _ in 0..40 {
        let last = wide[wide.len() - 1];
        // log sin²θ of the next layer
        wide.push((0.5 * layer.infinite_width(last)?).exp().asin());
    }
    let wide = wide.iter().enumerate().skip(1);
    let wide = wide
        .map(|(l, theta)| (l as f64, 2.0 * theta.sin().ln()))
        .collect();
    let values = points.iter().map(|(l, y)| (*l, y.value)).collect();
    let intervals = points.iter().map(|(_, y)| y.interval()).collect();
    let panel = Panel::new("", Axis::linear("layer"), Axis::linear("E log sin²θ"))
        .with(Series::line("infinite width", Style::nth(0), wide))
        .with(Series::line(
            "published algorithm",
            Style::nth(1),
            algorithm,
        ))
        .with(Series::line("density derived here", Style::nth(2), density))
        .with(Series::markers("networks", Style::reference(), values).with_intervals(intervals));
    let heading = "Angles of a ReLU MLP vanish faster at finite width (n = 100, θ₀ = 0.5)";
    outcome.draw(
        "vanishing_angles",
        Figure::new(heading).with(panel).row_height(320.0),
    );
    Ok(outcome)
}

fn shaped(setting: &Setting) -> Result<Outcome, Error> {
    let (negative, positive, start) = (-1.0, 0.0, 0.5);
    let size = setting.pick(200, 50);
    let samples = setting.pick(6000, 400);
    let law = ShapedCorrelation::new(positive, negative, start, 1.0)?;
    let net = ShapedMlp::new(negative, positive)?.with_stem(Initialization::lecun());
    let x = Inputs::from_rows(&two_inputs(start))?;
    let networks = net.finite(size, size)?;
    let values = networks.read(&x, samples, setting.seed(1), |draw| draw.correlation(0, 1))?;
    let mut outcome = Outcome::default();
    let found = mean(&values);
    let allowance = 1.0 / size as f64;
    outcome.add(Finding::new(
        format!("slopes 1, 1 − n^(−1/2), n = L = {size}, ρ₀ = 0.5: E ρ"),
        found,
        plain(law.moment(1), 4),
        found.is(law.moment(1), allowance),
    ));
    let squares: Vec<f64> = values.iter().map(|rho| rho * rho).collect();
    let found = mean(&squares);
    outcome.add(Finding::new(
        "E ρ²",
        found,
        plain(law.moment(2), 4),
        found.is(law.moment(2), allowance),
    ));
    let bars = 40;
    let edges: Vec<f64> = (0..=bars)
        .map(|i| -1.0 + 2.0 * f64::from(i) / f64::from(bars))
        .collect();
    let width = 2.0 / f64::from(bars);
    let mut heights = vec![0.0; bars as usize];
    for rho in &values {
        let place = ((rho + 1.0) / width) as usize;
        heights[place.min(bars as usize - 1)] += 1.0 / (width * samples as f64);
    }
    let law = law.law();
    let slope = |x: f64| (law.cdf(x + 0.005) - law.cdf(x - 0.005)) / 0.01;
    let curve = (-98..=98).map(|i| 0.01 * f64::from(i));
    let panel = Panel::new(
        "",
        Axis::linear("correlation ρ").range(-1.0, 1.0),
        Axis::linear("density"),
    )
    .with(Series::histogram(
        format!("networks, n = L = {size}"),
        Style::nth(5),
        &edges,
        &heights,
    ))
    .with(Series::line(
        "Fokker–Planck equation",
        Style::nth(1).solid(),
        curve.map(|x| (x, slope(x))).collect(),
    ));
    let heading =
        "Shaping keeps a law of correlations instead of one point: depth and width together";
    outcome.draw("shaped", Figure::new(heading).with(panel).row_height(300.0));
    Ok(outcome)
}
