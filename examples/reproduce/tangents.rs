//! The tangent kernel and gradients.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::sample::{Finite, Gradients};
use neural_limits::statistics::{Measurement, extrapolate, fit_power_law};
use rayon::prelude::*;

use crate::measure::{
    Measured, exponent, holds, jackknife, l2_error, mean, mlp, observed, one_input, plain,
    two_inputs,
};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 2] = [
    Row {
        name: "tangent_kernel",
        statement: "the tangent kernel and the norm of the gradient commute too, with dΘ/dt = σ_w² E[φ′φ′]Θ + dq/dt; not for the MLP",
        source: "2302.00453 states it for the covariance; measured here",
        run: tangent_kernel,
    },
    Row {
        name: "tangent_spread",
        statement: "E[Θ²]/E[Θ]² grows exponentially in L/n for the MLP, and stays 1 + O(1/n) for scaled residual networks and DenseNets",
        source: "1909.05989; 2001.10460",
        run: tangent_spread,
    },
];

fn sampled(
    networks: &Finite,
    x: &Inputs<'_>,
    samples: usize,
    seed: Seed,
    read: impl Fn(&Gradients) -> f64 + Sync,
) -> Result<Vec<f64>, Error> {
    (0..samples as u64)
        .into_par_iter()
        .map(|i| {
            let record = networks.record_with_gradients(x, false, &mut seed.stream(i))?;
            Ok(read(record.gradients()?))
        })
        .collect()
}

fn tangent_kernel(setting: &Setting) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let rows = two_inputs(0.5);
    let x = Inputs::from_rows(&rows)?;
    let single = one_input()?;
    let resnet = ResNet::new(Relu);
    let flow = resnet.infinite_depth();
    let kernels = flow.kernels_at(&x, 1.0)?;
    let (exact, diagonal) = (kernels.ntk[(0, 1)], kernels.ntk[(0, 0)]);
    let widths = setting.pick(vec![16, 64, 256, 1024], vec![8, 16, 32, 64]);
    let samples = setting.pick(200, 40);
    let mut panels = Panel::new(
        "tangent kernel of two inputs, relative L² error",
        Axis::log("width n").ticks(&widths.iter().map(|n| *n as f64).collect::<Vec<_>>()),
        Axis::log("error"),
    );
    let depths = setting.pick([16, 256], [8, 32]);
    for (k, depth) in depths.into_iter().enumerate() {
        let mut points = Vec::new();
        for &width in &widths {
            let seed = setting.seed((1000 * k + width) as u64);
            let networks = resnet.finite(width, depth)?;
            let values = sampled(&networks, &x, samples, seed, |gradients| {
                gradients.tangent_kernel()[(0, 1)] / exact
            })?;
            points.push((width as f64, l2_error(&values, 1.0)));
        }
        if k == 1
            && let Some([fit]) = fit_power_law(&observed(&points)).as_deref()
        {
            outcome.add(Finding::new(
                format!("ResNet, L = {depth}: exponent of the L² error of Θ(a,b) in n"),
                exponent(fit),
                "−1/2",
                holds(fit, -0.5, 0.07),
            ));
        }
        let values = points.iter().map(|(n, e)| (*n, e.value)).collect();
        let intervals = points.iter().map(|(_, e)| e.interval()).collect();
        let label = format!("ResNet, L = {depth}");
        panels =
            panels.with(Series::connected(label, Style::nth(k), values).with_intervals(intervals));
    }
    // the other order: depth to infinity at fixed width
    let mut by_depth = Panel::new(
        "the same at fixed width: no growth with depth in the residual network",
        Axis::log("depth L").ticks(&[4.0, 16.0, 64.0, 256.0]),
        Axis::log("error"),
    );
    let width = 64;
    let nets: [(&str, Box<dyn Architecture>, Vec<usize>); 2] = [
        (
            "ResNet",
            Box::new(resnet.clone()),
            setting.pick(vec![4, 16, 64, 256], vec![4, 16, 32]),
        ),
        // the sampled error says less and less of deeper ones, whose tails are heavier
        ("MLP", Box::new(mlp()), vec![2, 8, 32]),
    ];
    for (k, (name, net, depths)) in nets.into_iter().enumerate() {
        let mut points = Vec::new();
        for &depth in &depths {
            let limit = net.infinite_width(depth)?.ntk(&x)?[(0, 1)];
            let seed = setting.seed((100 * k + depth + 7) as u64);
            let networks = net.finite(width, depth)?;
            let values = sampled(&networks, &x, 2 * samples, seed, |gradients| {
                gradients.tangent_kernel()[(0, 1)] / limit
            })?;
            points.push((depth as f64, l2_error(&values, 1.0)));
        }
        let (first, last) = (points[1], points[points.len() - 1]);
        let growth = last.1.value / first.1.value;
        outcome.add(Finding::new(
            format!(
                "{name}, n = {width}: L² error of Θ(a,b)/Θ_L(a,b) at L = {} over that at L = {}",
                last.0, first.0
            ),
            plain(growth, 2),
            if k == 0 { "1 (bounded in L)" } else { "grows" },
            if k == 0 { growth < 1.4 } else { growth > 1.5 } || setting.quick,
        ));
        let values = points.iter().map(|(l, e)| (*l, e.value)).collect();
        let intervals = points.iter().map(|(_, e)| e.interval()).collect();
        let style = Style::nth(if k == 0 { 0 } else { 3 });
        let label = format!("{name}, n = {width}");
        by_depth = by_depth.with(Series::connected(label, style, values).with_intervals(intervals));
    }
    // mean and norm of the gradient at the widest network
    let (width, depth) = setting.pick((1024, 512), (64, 64));
    let norms = sampled(
        &resnet.finite(width, depth)?,
        &single,
        samples,
        setting.seed(5),
        |gradients| gradients.tangent_kernel()[(0, 0)].sqrt(),
    )?;
    let found = mean(&norms);
    outcome.add(Finding::new(
        format!("ResNet, n = {width}, L = {depth}: norm of the gradient, ‖∇f‖ = Θ(a,a)^(1/2)"),
        found,
        format!("{} = (e^(1/2)(1 + 1/2))^(1/2)", plain(diagonal.sqrt(), 4)),
        found.is(
            diagonal.sqrt(),
            diagonal.sqrt() * (3.0 / width as f64 + 0.4 / depth as f64),
        ),
    ));
    let depth = 4096;
    let gap = depth as f64 * (resnet.infinite_width(depth)?.ntk(&single)?[(0, 0)] - diagonal);
    let expected = -0.721_315_556;
    outcome.add(Finding::new(
        format!("n = ∞, L = {depth}: L(Θ_L − Θ) of one input"),
        plain(gap, 5),
        format!("{} + O(1/L)", plain(expected, 5)),
        (gap / expected - 1.0).abs() < 2e-3,
    ));
    let heading =
        "The tangent kernel of the residual network commutes: error n^(−1/2), whatever the depth";
    outcome.draw(
        "tangent_kernel",
        Figure::new(heading).with(panels).with(by_depth),
    );
    Ok(outcome)
}

/// E[Θ²]/E[Θ]² of a ReLU MLP of L hidden layers of width n, exactly (docs/theory.md, "Derived here").
fn exact_spread(width: usize, depth: usize) -> f64 {
    let n = width as f64;
    let step = |[p, q, r]: [f64; 3]| {
        [
            (6.0 * p + 2.0 * q + 2.0 * r) / n,
            (n - 1.0) / n * (p + q),
            (n - 1.0) / n * (2.0 * p + r),
        ]
    };
    let mut state = [2.0 / n, (n - 1.0) / n, 0.0];
    let mut between = vec![1.0];
    for _ in 0..depth {
        between.push(state[0] + state[1]);
        state = step(state);
    }
    let layers = depth + 1;
    let sum: f64 = (0..layers * layers)
        .map(|i| {
            let distance = (i / layers).abs_diff(i % layers);
            (1.0 + 5.0 / n).powi((depth - distance) as i32) * between[distance]
        })
        .sum();
    sum / (layers * layers) as f64
}

/// E[Θ²]/E[Θ]² of a sample.
fn spread(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let first = values.iter().sum::<f64>() / count;
    values.iter().map(|x| (x / first).powi(2)).sum::<f64>() / count
}

fn tangent_spread(setting: &Setting) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let x = one_input()?;
    let samples = setting.pick(20_000, 300);
    let theta = |gradients: &Gradients| gradients.tangent_kernel()[(0, 0)];
    // the MLP against its exact value
    let mut of_mlp = Vec::new();
    for (width, depth) in [(64, 4), (64, 8), (64, 16), (64, 32)] {
        let samples = samples * 4 / depth.max(4);
        let networks = mlp().finite(width, depth)?;
        let seed = setting.seed(depth as u64);
        let found = jackknife(&sampled(&networks, &x, samples, seed, theta)?, spread);
        let exact = exact_spread(width, depth);
        if depth <= 16 {
            outcome.add(Finding::new(
                format!("MLP, n = {width}, L = {depth}: E[Θ²]/E[Θ]²"),
                found,
                format!("{} (exact)", plain(exact, 4)),
                // heavy tails hide from a jackknife
                found.is(exact, 0.03 * exact) || setting.quick,
            ));
        }
        of_mlp.push((depth as f64 / width as f64, found));
    }
    let limit = |t: f64| {
        if t == 0.0 {
            return 1.0;
        }
        let bracket = 1.0 / 3.0 + 2.0 / (9.0 * t) - (1.0 - (-6.0 * t).exp()) / (27.0 * t * t);
        (5.0 * t).exp() * bracket
    };
    let slope = (limit(3.0) / limit(2.0)).ln();
    outcome.add(Finding::new(
        "MLP, n → ∞ at L/n = λ (exact): rate of E[Θ²]/E[Θ]² in λ, from λ = 2 to 3",
        plain(slope, 3),
        "5",
        (slope - 5.0).abs() < 0.15,
    ));
    // the residual network, extrapolated in the width
    let depth = setting.pick(64, 16);
    let resnet = ResNet::new(Relu);
    let mut measurements = Vec::new();
    let mut of_resnet = Vec::new();
    for width in [16, 32, 64] {
        let networks = resnet.finite(width, depth)?;
        let seed = setting.seed(1000 + width as u64);
        let samples = samples * 16 / width;
        let found = jackknife(&sampled(&networks, &x, samples, seed, theta)?, spread);
        let scaled = found.plus(-1.0).times(width as f64);
        measurements.push(Measurement {
            width,
            samples,
            value: scaled.value,
            standard_error: scaled.error,
        });
        of_resnet.push((depth as f64 / width as f64, found));
    }
    if let Some(limit) = extrapolate(&measurements) {
        let found = Measured {
            value: limit.value,
            error: limit.standard_error,
        };
        outcome.add(Finding::new(
            format!("ResNet, α = L^(−1/2), L = {depth}: n(E[Θ²]/E[Θ]² − 1), n → ∞"),
            found,
            "2.642 at L = ∞ (derived), bounded in L",
            found.is(2.6425, 0.15 + limit.truncation),
        ));
    }
    // bounded in L at one width
    let width = 16;
    let mut dense = Vec::new();
    for depth in setting.pick(vec![2, 4, 8, 16], vec![2, 4]) {
        let net = DenseNet::new(Relu, 1.0)?
            .initialized_by(Initialization::he())
            .with_stem(Initialization::lecun());
        // a readout: the first of a DenseNet's own neurons is the stem's
        let net = net
            .network()
            .then(Dense::new(Initialization::lecun()).with_width(1)?);
        let networks = net.finite(width, depth)?;
        let seed = setting.seed(2000 + depth as u64);
        let found = jackknife(
            &sampled(&networks, &x, samples / depth, seed, theta)?,
            spread,
        );
        dense.push((depth as f64 / width as f64, found));
    }
    let (last, before) = (dense[dense.len() - 1].1, dense[dense.len() - 2].1);
    let scaled = |found: Measured| found.plus(-1.0).times(width as f64);
    outcome.add(Finding::new(
        format!(
            "DenseNet (growth ratio 1), n = {width}: n(E[Θ²]/E[Θ]² − 1) at L = 16 and at L = 8"
        ),
        format!("{}, {}", scaled(last), scaled(before)),
        "bounded in L (the MLP's would double)",
        scaled(last).value < 1.4 * scaled(before).value + 3.0 * scaled(last).error,
    ));
    let mut panel = Panel::new("", Axis::linear("L/n"), Axis::log("E[Θ²]/E[Θ]²"));
    let curve = (0..=60).map(|i| f64::from(i) / 100.0);
    panel = panel.with(Series::line(
        "MLP, n → ∞",
        Style::nth(1).solid(),
        curve.map(|t| (t, limit(t))).collect(),
    ));
    let long = setting.pick(vec![8, 16, 32], vec![8]);
    let mut residual = Vec::new();
    for depth in long {
        let found = jackknife(
            &sampled(
                &resnet.finite(64, depth)?,
                &x,
                samples / 8,
                setting.seed(3000 + depth as u64),
                theta,
            )?,
            spread,
        );
        residual.push((depth as f64 / 64.0, found));
    }
    for (k, (name, points)) in [
        ("MLP, n = 64", &of_mlp),
        ("ResNet, n = 64", &residual),
        ("DenseNet, n = 16", &dense),
    ]
    .into_iter()
    .enumerate()
    {
        let style = Style::nth([1, 0, 2][k]);
        let drawn: Vec<&(f64, Measured)> = points.iter().filter(|(t, _)| *t <= 0.6).collect();
        let values = drawn.iter().map(|(t, y)| (*t, y.value)).collect();
        let intervals = drawn.iter().map(|(_, y)| y.interval()).collect();
        panel = panel.with(Series::markers(name, style, values).with_intervals(intervals));
    }
    let heading = "The spread of the tangent kernel grows exponentially in L/n for the MLP alone";
    outcome.draw(
        "tangent_spread",
        Figure::new(heading).with(panel).row_height(320.0),
    );
    Ok(outcome)
}
