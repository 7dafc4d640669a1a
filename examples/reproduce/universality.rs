//! What the limit does not depend on: the law of the weights, and, up to the flow itself, the activation.

use std::sync::Arc;

use neural_limits::activation::{Dual, named};
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::network::WeightLaw;
use neural_limits::prelude::*;
use neural_limits::statistics::{Observation, fit_power_law};

use crate::measure::{Measured, exponent, holds, l2_error, plain, two_inputs};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 3] = [
    Row {
        name: "weights",
        statement: "the limit does not depend on the law of the weights behind the first layer",
        source: "2302.00453 (Gaussian weights; others by universality); 2203.14328 (pruning)",
        run: weights,
    },
    Row {
        name: "activations",
        statement: "width and depth commute for every activation, each with its own flow",
        source: "2310.01683",
        run: activations,
    },
    Row {
        name: "one_flow",
        statement: "all homogeneous activations share one flow of the correlation, run at the speed σ_w²(s₊ − s₋)²",
        source: "2302.00453, theorem 3 for ReLU; derived in docs/theory.md",
        run: one_flow,
    },
];

const START: f64 = 0.5;

/// Errors of the correlation against width.
fn errors(
    net: &ResNet,
    sizes: &[(usize, usize)],
    samples: usize,
    (sampler, seed): (Sampler, Seed),
) -> Result<Vec<(f64, Measured)>, Error> {
    let [a, b] = two_inputs(START);
    let x = Inputs::from_rows(&[a, b])?;
    let limit = net.infinite_depth().pair_at(&a, &b, 1.0)?.correlation()?;
    let mut points = Vec::new();
    for &(width, depth) in sizes {
        let networks = net.finite(width, depth)?.with_sampler(sampler);
        let values = networks.read(&x, samples, seed.split(width as u64), |draw| {
            draw.correlation(0, 1)
        })?;
        points.push((width as f64, l2_error(&values, limit)));
    }
    Ok(points)
}

/// A finding on the exponent of errors, and their series.
fn fitted(name: &str, index: usize, points: Vec<(f64, Measured)>, outcome: &mut Outcome) -> Series {
    let observed = points.iter().map(|(width, error)| Observation {
        sizes: vec![*width],
        error: error.value,
        standard_error: error.error,
    });
    if let Some([fit]) = fit_power_law(&observed.collect::<Vec<_>>()).as_deref() {
        let (width, last) = points[points.len() - 1];
        outcome.add(Finding::new(
            format!("{name}: exponent of the L² error of ĉ in n"),
            format!("{} (error {last} at n = {width})", exponent(fit)),
            "−1/2",
            holds(fit, -0.5, 0.07),
        ));
    }
    let values = points.iter().map(|(n, e)| (*n, e.value)).collect();
    let intervals = points.iter().map(|(_, e)| e.interval()).collect();
    Series::connected(name, Style::nth(index), values).with_intervals(intervals)
}

fn weights(setting: &Setting) -> Result<Outcome, Error> {
    let depth = 32;
    let widths = setting.pick([16, 48, 144], [8, 16, 32]);
    let samples = setting.pick(200, 60);
    let laws = [
        ("Gaussian", WeightLaw::gaussian()),
        ("Rademacher", WeightLaw::rademacher()),
        ("uniform", WeightLaw::uniform()),
        ("Student t, 5 degrees", WeightLaw::student_t(5.0)?),
        ("orthogonal", WeightLaw::orthogonal()),
        ("Gaussian, 3/4 pruned", WeightLaw::gaussian().pruned(0.25)?),
    ];
    let mut outcome = Outcome::default();
    let mut panel = Panel::new(
        format!("L² error of the correlation of two inputs, L = {depth}"),
        Axis::log("width n").ticks(&widths.map(|n| n as f64)),
        Axis::log("error"),
    );
    for (i, (name, law)) in laws.into_iter().enumerate() {
        let init = Initialization::new(1.0, 0.0)?.with_weights(law);
        let net = ResNet::new(Relu)
            .initialized_by(init)
            .with_stem(Initialization::lecun());
        let sizes = widths.map(|width| (width, depth));
        let points = errors(
            &net,
            &sizes,
            samples,
            (Sampler::Dense, setting.seed(i as u64)),
        )?;
        panel = panel.with(fitted(name, i, points, &mut outcome));
    }
    let heading = "Six laws of weights, one limit, one rate";
    outcome.draw(
        "weights",
        Figure::new(heading).with(panel).row_height(340.0),
    );
    Ok(outcome)
}

fn activations(setting: &Setting) -> Result<Outcome, Error> {
    let widths = setting.pick([16, 48, 144, 288], [8, 16, 32, 64]);
    let samples = setting.pick(300, 60);
    let mut outcome = Outcome::default();
    let mut panel = Panel::new(
        "L² error of the correlation of two inputs, L = 2n",
        Axis::log("width n").ticks(&widths.map(|n| n as f64)),
        Axis::log("error"),
    );
    let names = [
        "relu",
        "tanh",
        "gelu",
        "erf(1, 1, 0)",
        "leaky_relu(0.2)",
        "softplus",
    ];
    for (i, name) in names.into_iter().enumerate() {
        let phi: Arc<dyn Dual> = named(name)?;
        let net = ResNet::new(Arc::clone(&phi)).initialized_by(Initialization::new(2.0, 0.0)?);
        let sizes = widths.map(|width| (width, 2 * width));
        let points = errors(
            &net,
            &sizes,
            samples,
            (Sampler::default(), setting.seed(i as u64)),
        )?;
        panel = panel.with(fitted(&phi.name(), i, points, &mut outcome));
    }
    let heading = "Width and depth commute for every activation, at the rate n^(−1/2)";
    outcome.draw(
        "activations",
        Figure::new(heading).with(panel).row_height(340.0),
    );
    Ok(outcome)
}

fn one_flow(setting: &Setting) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let k = PairCovariance::new(1.0, 1.0, 0.0)?;
    let relu = ResNet::new(Relu).initialized_by(Initialization::new(4.0, 0.0)?);
    let reference = relu.infinite_depth().trajectory_from(k)?;
    let depth = setting.pick(100_000, 2000);
    let mut worst = 0.0_f64;
    for slope in [-1.0, -0.5, 0.2, 0.6] {
        let leaky = ResNet::new(LeakyRelu::new(slope)?);
        // by its own layers, which know nothing of the flow
        let speed = (1.0 - slope) * (1.0 - slope) / 4.0;
        let same = reference.at(speed)?.correlation();
        let layers = leaky.infinite_width(depth)?.propagate(k)?.correlation()?;
        worst = worst.max((layers - same).abs());
    }
    outcome.add(Finding::new(
        format!("leaky ReLU of slopes −1, −1/2, 0.2, 0.6, recursion of L = {depth}: largest |c_L − c of ReLU at time (1 − s)²|"),
        format!("{worst:.1e}"),
        "O(1/L)",
        worst < 1.0 / depth as f64,
    ));
    // the flow of theorem 3, from independent 20-digit quadrature of its inverse
    let exact = 0.141_347_677_050_048;
    let found = ResNet::new(Relu)
        .infinite_depth()
        .propagate(k, 1.0)?
        .correlation()?;
    outcome.add(Finding::new(
        "ReLU, c₀ = 0: c₁ of dc/dt = ½(κ₁(c) − c)",
        plain(found, 12),
        plain(exact, 12),
        (found - exact).abs() < 1e-11,
    ));
    Ok(outcome)
}
