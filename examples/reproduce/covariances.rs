//! Covariances of two inputs: how fast they converge, and in which scalings.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::prelude::*;
use neural_limits::proportional::Fluctuations;
use neural_limits::statistics::{Bootstrap, Estimate, Observation, fit_power_law, fit_rates};

use crate::measure::{
    Measured, exponent, holds, jackknife, l2_error, mean, one_input, plain, two_inputs,
};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 4] = [
    Row {
        name: "covariance_error",
        statement: "‖q̂_t(a,b) − q_t(a,b)‖_{L²} ≤ C₁n^(−1/2) + C₂L^(−1/2): width matters more than depth",
        source: "2302.00453, theorem 2 and its figure of errors against n for L = 5 to 5000",
        run: covariance_error,
    },
    Row {
        name: "finite_depth",
        statement: "q of finite depth tends to that of infinite depth, (1 + 1/2L)^L q₀ → e^(1/2) q₀",
        source: "2302.00453, theorem 1; 2210.00688",
        run: finite_depth,
    },
    Row {
        name: "fluctuations",
        statement: "E q̂ and Var log q̂ at finite width",
        source: "derived in docs/theory.md; 2106.04013 (hypoactivation)",
        run: fluctuations,
    },
    Row {
        name: "scalings",
        statement: "every normalised scaling has the flow of α = L^(−1/2), in the time Σα²; a convergent series has its own limit; both commute",
        source: "2310.01683, normalised sequences and convergent series",
        run: scalings,
    },
];

const START: f64 = 0.5;

fn inputs() -> Result<Inputs<'static>, Error> {
    Inputs::from_rows(&two_inputs(START))
}

fn start() -> Result<PairCovariance, Error> {
    PairCovariance::new(1.0, 1.0, START)
}

fn estimates(fit: Option<Vec<Estimate>>, what: &str) -> Result<Estimate, Error> {
    fit.and_then(|all| all.first().copied())
        .ok_or_else(|| Error::Undefined {
            quantity: what.to_owned(),
            reason: "the points have no power law".to_owned(),
        })
}

fn observed(points: &[(f64, Measured)]) -> Vec<Observation> {
    let points = points.iter().map(|(size, error)| Observation {
        sizes: vec![*size],
        error: error.value,
        standard_error: error.error,
    });
    points.collect()
}

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

fn covariance_error(setting: &Setting) -> Result<Outcome, Error> {
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

fn finite_depth(setting: &Setting) -> Result<Outcome, Error> {
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

fn fluctuations(setting: &Setting) -> Result<Outcome, Error> {
    let samples = setting.pick(800_000, 8000);
    let net = ResNet::new(Relu);
    let x = one_input()?;
    let theory = Fluctuations::of(&net)?;
    let mut outcome = Outcome::default();
    for (width, depth) in [(8, 16), (16, 10), (16, 64), (64, 64)] {
        let seed = setting.seed((1000 * width + depth) as u64);
        let samples = samples * 16 / (width.max(16));
        let networks = net.finite(width, depth)?;
        let values = networks.read(&x, samples, seed, |draw| draw.covariance(0, 0))?;
        let n = width as f64;
        let q = (1.0 + 0.5 / depth as f64).powi(depth as i32);
        let bias = mean(&values).times(1.0 / q);
        let exact = theory.norm(depth)?;
        if width < 64 {
            let expected = exact.bias() / n;
            outcome.add(Finding::new(
                format!("n = {width}, L = {depth}: E q̂(a,a)/((1 + 1/2L)^L q₀) − 1, in percent"),
                bias.plus(-1.0).times(100.0),
                format!("{} + O(1/n²)", plain(100.0 * expected, 3)),
                bias.is(1.0 + expected, 0.5 / (n * n)),
            ));
        }
        if (width, depth) == (16, 10) {
            outcome.add(
                Finding::new(
                    "n = 16, L = 10: E q̂(a,a)/((1 + 1/2L)^L q₀), the mean of infinite width at finite width",
                    bias,
                    "1",
                    bias.is(1.0, 0.0),
                )
                .but("a neuron's sign and ‖φ(Y)‖ are correlated at finite width: the mean has a bias of order 1/n"),
            );
        }
        if width >= 16 && depth == 64 {
            let alive: Vec<f64> = values
                .iter()
                .filter(|q| **q > 0.0)
                .map(|q| q.ln())
                .collect();
            let spread = jackknife(&alive, |logs| {
                let middle = logs.iter().sum::<f64>() / logs.len() as f64;
                let squares: f64 = logs.iter().map(|x| (x - middle).powi(2)).sum();
                squares / (logs.len() - 1) as f64
            });
            // the next term is measured to be −2/n
            outcome.add(Finding::new(
                format!("n = {width}, L = {depth}: n Var log q̂(a,a)"),
                spread.times(n),
                format!("{} + O(1/n)", plain(exact.variance(), 3)),
                spread.times(n).is(exact.variance(), 4.0 / n),
            ));
        }
    }
    Ok(outcome)
}

fn scalings(setting: &Setting) -> Result<Outcome, Error> {
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
