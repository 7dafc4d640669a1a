//! The order of the limits: where it does not matter, and where it does.

use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
use neural_limits::law::Empirical;
use neural_limits::limit::routes::ExtrapolatedDiffusions;
use neural_limits::prelude::*;
use neural_limits::proportional::{LogNormalRates, MlpNorm};
use neural_limits::sample::NormSampler;
use neural_limits::statistics::one_sample_p_value;

use crate::measure::{Measured, RELU, l2_error, mean, mlp, plain, two_inputs};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 5] = [
    Row {
        name: "verdicts",
        statement: "width and depth commute for the covariance kernel of the residual network with α = L^(−1/2), and not for the MLP",
        source: "2302.00453, theorem 2; 2310.01683",
        run: verdicts,
    },
    Row {
        name: "depth_first",
        statement: "the diffusion of infinite depth, then n → ∞, ends in the flow of infinite width, then depth",
        source: "2210.00688; 2302.00453, theorem 2",
        run: depth_first,
    },
    Row {
        name: "collapse",
        statement: "at infinite depth the norm of n neurons shrinks for n ≤ 3 and grows for n ≥ 4",
        source: "2210.00688",
        run: collapse,
    },
    Row {
        name: "unscaled",
        statement: "in the MLP and the residual network without scaling the orders differ: norms are log-normal in L/n",
        source: "1812.05994; 2106.04013; 2310.01683",
        run: unscaled,
    },
    Row {
        name: "mlp_correlation",
        statement: "correlations of the MLP tend to 1: 1 − c_l ~ 9π²/(2l²)",
        source: "1902.06853, proposition 3; 2302.00453",
        run: mlp_correlation,
    },
];

fn verdicts(setting: &Setting) -> Result<Outcome, Error> {
    let [a, b] = two_inputs(0.5);
    let covariance = Covariance::between(&a, &b)?;
    let correlation = Correlation::between(&a, &b)?;
    let widths = setting.pick(vec![16, 64, 256, 1024], vec![8, 16, 32, 64]);
    let depths = setting.pick(vec![4, 32, 256, 2048], vec![4, 16, 64, 128]);
    let mut outcome = Outcome::default();
    let mut reports = Vec::new();
    let nets: [(Box<dyn Architecture>, bool); 2] = [
        (Box::new(ResNet::new(Relu)), true),
        (Box::new(mlp()), false),
    ];
    for (net, commutes) in nets {
        let report = Commutativity::of(&*net, &covariance)
            .and(&correlation)
            .widths(&widths)
            .depths(&depths)
            .samples(setting.pick(100, 60))
            .seed(setting.seed(1))
            .run()?;
        let function = &report.functions[0];
        let agrees = match function.verdict {
            Verdict::Commute(_) => commutes,
            Verdict::DoNotCommute(_) => !commutes,
            Verdict::Unresolved(_) => false,
        };
        outcome.add(Finding::new(
            format!("{}: {}", report.architecture, function.name),
            &function.verdict,
            if commutes {
                "routes agree"
            } else {
                "routes do not agree"
            },
            setting.quick || agrees,
        ));
        reports.push(report);
    }
    outcome.draw("verdicts", Report::figure_of(&reports)?);
    Ok(outcome)
}

fn depth_first(setting: &Setting) -> Result<Outcome, Error> {
    let [a, b] = two_inputs(0.5);
    let net = ResNet::new(Relu);
    let flow = net.infinite_depth().pair_at(&a, &b, 1.0)?;
    let widths = setting.pick(vec![16, 32, 64, 128], vec![8, 16, 32]);
    let route =
        ExtrapolatedDiffusions::new(&net, &widths, setting.pick(3000, 200), setting.seed(1))?;
    let covariance = Covariance::between(&a, &b)?;
    let correlation = Correlation::between(&a, &b)?;
    let functions: [(&str, &dyn NeuralFunction, f64); 2] = [
        ("covariance of two inputs", &covariance, flow.covariance()?),
        ("correlation", &correlation, flow.correlation()?),
    ];
    let mut outcome = Outcome::default();
    for (name, function, exact) in functions {
        let found = route.estimate(function, 1.0)?;
        let limit = found.extrapolation;
        let allowance = limit.truncation + found.bias;
        let value = Measured {
            value: limit.value,
            error: limit.standard_error,
        };
        outcome.add(Finding::new(
            format!(
                "{name}: L = ∞, then n → ∞ (n = {} to {}, extrapolated)",
                widths[0],
                widths[widths.len() - 1]
            ),
            format!("{value} (series in 1/n: {:.0e})", limit.truncation),
            format!("{} (n = ∞, then L = ∞)", plain(exact, 5)),
            value.is(exact, allowance),
        ));
    }
    Ok(outcome)
}

fn collapse(setting: &Setting) -> Result<Outcome, Error> {
    let samples = setting.pick(40_000, 1000);
    let mut outcome = Outcome::default();
    let widths = [2, 3, 4, 8, 16];
    let mut early = Vec::new();
    for width in widths {
        let diffusion = ResNet::new(Relu).diffusion(width)?.with_steps(128)?;
        let growth = diffusion.log_norm_growth(&[1.0], 1.0, samples, setting.seed(width as u64))?;
        let value = Measured {
            value: growth.value,
            error: growth.standard_error,
        };
        early.push((width, value));
    }
    let signs = early
        .iter()
        .all(|(width, value)| (*width >= 4) == (value.value > 0.0));
    let shown: Vec<String> = early
        .iter()
        .map(|(width, value)| format!("{value} (n = {width})"))
        .collect();
    outcome.add(Finding::new(
        "E log(‖φ(Y₁)‖/‖φ(Y₀)‖)",
        shown.join(", "),
        "negative for n ≤ 3, positive for n ≥ 4",
        signs,
    ));
    // time t of σ_w² = 1 is time 1 of σ_w² = t
    let times = setting.pick(vec![1.0, 2.0, 5.0, 10.0, 20.0, 40.0], vec![1.0, 5.0, 20.0]);
    let mut panel = Panel::new(
        "mean of log(‖φ(Y_t)‖/‖φ(Y₀)‖)",
        Axis::log("time t").ticks(&[1.0, 2.0, 5.0, 10.0, 20.0, 40.0]),
        Axis::linear("mean log-norm"),
    );
    for (k, width) in [2, 3, 4, 8].into_iter().enumerate() {
        let mut points = Vec::new();
        for &time in &times {
            let net = ResNet::new(Relu).initialized_by(Initialization::new(time, 0.0)?);
            let diffusion = net.diffusion(width)?.with_steps(64 * time as usize)?;
            let seed = setting.seed(100 * k as u64 + time as u64);
            let growth = diffusion.log_norm_growth(&[1.0], 1.0, samples / 10, seed)?;
            let value = Measured {
                value: growth.value,
                error: growth.standard_error,
            };
            points.push((time, value));
        }
        if width == 4 {
            let (time, value) = points[if setting.quick { 2 } else { 4 }];
            outcome.add(
                Finding::new(
                    format!("n = 4, t = {time}: the growth with which it starts lasts"),
                    value,
                    "positive",
                    value.value > 0.0,
                )
                .but("the growth is transient: at every n the norm tends to 0 almost surely, (1/t) log ‖φ‖ → −1/(2n) (docs/theory.md)"),
            );
        }
        let values = points.iter().map(|(t, y)| (*t, y.value)).collect();
        let intervals = points.iter().map(|(_, y)| y.interval()).collect();
        let series = Series::connected(format!("n = {width}"), Style::shade(k, 4).solid(), values);
        panel = panel.with(series.with_intervals(intervals));
    }
    let panel = panel.with_level("", Style::reference(), 0.0);
    let heading = "At infinite depth the norm of a few neurons shrinks; where it grows at first, it shrinks later";
    outcome.draw(
        "collapse",
        Figure::new(heading).with(panel).row_height(300.0),
    );
    Ok(outcome)
}

fn unscaled(setting: &Setting) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    // the MLP: exact, and the log-normal law of the limit
    let (width, depth) = (200, 200);
    let samples = setting.pick(20_000, 1000);
    let norms =
        NormSampler::new(&mlp(), &[1.0, 1.0], width, depth)?.draws(samples, setting.seed(1))?;
    let logs: Vec<f64> = norms.iter().map(|norm| norm.log_variance()).collect();
    let found = mean(&logs);
    let exact = MlpNorm::new(RELU, 2.0, width)?;
    let expected = depth as f64 * exact.log_mean() - 1.0 / width as f64;
    outcome.add(Finding::new(
        format!("MLP, n = L = {width}: E log q̂"),
        found,
        format!(
            "{} exactly; −5L/2n = −2.5 as n → ∞; 0 if n → ∞ first",
            plain(expected, 3)
        ),
        found.is(expected, 0.0),
    ));
    let law = Law::Empirical(Empirical::new(logs.clone(), 0)?);
    let ratio = depth as f64 / width as f64;
    let limit = Law::gaussian(-2.5 * ratio, 5.0 * ratio)?;
    let distance = law.kolmogorov_smirnov(&limit);
    outcome.add(Finding::new(
        format!("MLP, n = L = {width}: Kolmogorov–Smirnov distance of log q̂ from N(−5L/2n, 5L/n)"),
        format!(
            "{} (p = {})",
            plain(distance, 4),
            plain(one_sample_p_value(distance, samples)?, 3)
        ),
        "O(1/n)",
        distance < 3.0 / width as f64 + 2.0 / (samples as f64).sqrt(),
    ));
    // the residual network without scaling
    let rates = LogNormalRates::new(RELU, (2.0_f64 / 3.0).sqrt())?;
    let net = ResNet::new(Relu).scaled_by(Constant::one());
    let x = Inputs::from_rows(&[[1.0, 1.0]])?;
    let width = setting.pick(128, 64);
    let mut points = Vec::new();
    for multiple in [0.25, 0.5, 1.0, 2.0] {
        let depth = (multiple * width as f64) as usize;
        let samples = setting.pick(4000, 100);
        let networks = net.finite(width, depth)?;
        let growth = depth as f64 * 1.5_f64.ln();
        let logs = networks.read(&x, samples, setting.seed(depth as u64), |draw| {
            Ok(draw.covariance(0, 0)?.ln() - growth)
        })?;
        points.push((multiple, mean(&logs)));
    }
    let (ratio, found) = points[2];
    let expected = rates.log_mean() * ratio;
    outcome.add(Finding::new(
        format!("ResNet, α = 1, n = L = {width}: E log q̂ − L log(3/2)"),
        found,
        format!("{} + O(1/n); 0 if n → ∞ first", plain(expected, 3)),
        found.is(expected, 3.0 / width as f64),
    ));
    let mut mlp_points = Vec::new();
    for multiple in [0.25, 0.5, 1.0, 2.0] {
        let depth = (multiple * 200.0) as usize;
        let norms = NormSampler::new(&mlp(), &[1.0, 1.0], 200, depth)?;
        let norms = norms.draws(setting.pick(4000, 200), setting.seed(50 + depth as u64))?;
        let logs: Vec<f64> = norms.iter().map(|norm| norm.log_variance()).collect();
        mlp_points.push((multiple, mean(&logs)));
    }
    // and with scaling, for contrast
    let scaled = ResNet::new(Relu);
    let mut scaled_points = Vec::new();
    for multiple in [0.25, 0.5, 1.0, 2.0] {
        let depth = (multiple * width as f64) as usize;
        let q = scaled.infinite_width(depth)?.nngp(&x)?[(0, 0)];
        let networks = scaled.finite(width, depth)?;
        let seed = setting.seed(70 + depth as u64);
        let logs = networks.read(&x, setting.pick(2000, 100), seed, |draw| {
            Ok((draw.covariance(0, 0)? / q).ln())
        })?;
        scaled_points.push((multiple, mean(&logs)));
    }
    let last = scaled_points[3].1;
    outcome.add(Finding::new(
        format!(
            "ResNet, α = L^(−1/2), n = {width}, L = {}: E log(q̂/q_L)",
            2 * width
        ),
        last,
        "O(1/n)",
        last.is(0.0, 4.0 / width as f64),
    ));
    let line = |slope: f64| vec![(0.25, 0.25 * slope), (2.0, 2.0 * slope)];
    let mut panel = Panel::new(
        "markers: networks; lines: law of L/n fixed",
        Axis::linear("L/n"),
        Axis::linear("E log(q̂/q of infinite width)"),
    );
    let all = [
        ("MLP, n = 200", &mlp_points, -2.5),
        ("ResNet, α = 1", &points, rates.log_mean()),
        ("ResNet, α = L^(−1/2)", &scaled_points, 0.0),
    ];
    for (k, (name, points, slope)) in all.into_iter().enumerate() {
        let values = points.iter().map(|(t, y)| (*t, y.value)).collect();
        let intervals = points.iter().map(|(_, y)| y.interval()).collect();
        panel = panel
            .with(Series::line("", Style::nth(k), line(slope)))
            .with(Series::markers(name, Style::nth(k), values).with_intervals(intervals));
    }
    let heading = "The gap between both orders of limits is open in L/n without scaling, and closed with α = L^(−1/2)";
    outcome.draw("orders", Figure::new(heading).with(panel).row_height(320.0));
    Ok(outcome)
}

fn mlp_correlation(setting: &Setting) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let k = PairCovariance::new(1.0, 1.0, 0.0)?;
    let depth = setting.pick(100_000, 2000);
    let net = mlp();
    let deep = net.infinite_width(depth)?;
    let mut curve = Vec::new();
    for (l, state) in deep.trajectory_from(k).enumerate() {
        curve.push((l as f64, state?.one_minus_correlation()?));
    }
    let (l, gap) = curve[curve.len() - 1];
    let exact = 4.5 * std::f64::consts::PI.powi(2);
    outcome.add(Finding::new(
        format!("n = ∞, l = {l}: l²(1 − c_l)"),
        plain(l * l * gap, 3),
        format!("{} = 9π²/2", plain(exact, 3)),
        (l * l * gap / exact - 1.0).abs() < 50.0 / l,
    ));
    let x = Inputs::from_rows(&two_inputs(0.0))?;
    let width = setting.pick(2048, 256);
    let mut points = Vec::new();
    for depth in [2, 8, 32] {
        let networks = net.finite(width, depth)?;
        let seed = setting.seed(depth as u64);
        let gaps = networks.read(&x, setting.pick(400, 40), seed, |draw| {
            Ok(1.0 - draw.correlation(0, 1)?)
        })?;
        let found = mean(&gaps);
        let exact = curve[depth].1;
        outcome.add(Finding::new(
            format!("n = {width}, L = {depth}: mean of 1 − ĉ"),
            found,
            format!("{} at n = ∞", plain(exact, 5)),
            found.is(exact, 8.0 * exact * depth as f64 / width as f64),
        ));
        points.push((depth as f64, found));
    }
    let [a, b] = two_inputs(0.0);
    let resnet = ResNet::new(Relu).infinite_depth().pair_at(&a, &b, 1.0)?;
    let networks = ResNet::new(Relu).finite(512, 512)?;
    let values = networks.read(&x, setting.pick(200, 8), setting.seed(5), |draw| {
        draw.correlation(0, 1)
    })?;
    let spread = l2_error(&values, resnet.correlation()?);
    outcome.add(Finding::new(
        "ResNet, n = L = 512: distance of ĉ from its limit, which is not 1",
        format!("{spread} from {}", plain(resnet.correlation()?, 4)),
        "O(n^(−1/2))",
        spread.value < 0.15,
    ));
    let thinned: Vec<(f64, f64)> = (0..=60)
        .map(|i| (depth as f64).powf(f64::from(i) / 60.0))
        .map(|l| curve[l.round() as usize])
        .collect();
    let law = vec![
        (4.0, exact / 16.0),
        (depth as f64, exact / (depth as f64).powi(2)),
    ];
    let values = points.iter().map(|(l, y)| (*l, y.value)).collect();
    let intervals = points.iter().map(|(_, y)| y.interval()).collect();
    let panel = Panel::new("", Axis::log("layer l"), Axis::log("1 − c_l"))
        .with(Series::line(
            "recursion, n = ∞",
            Style::nth(0).solid(),
            thinned,
        ))
        .with(Series::line("9π²/(2l²)", Style::reference(), law))
        .with(
            Series::markers(format!("networks, n = {width}"), Style::nth(1), values)
                .with_intervals(intervals),
        );
    let heading = "An MLP makes all inputs parallel: two orthogonal ones, layer by layer";
    outcome.draw(
        "mlp_correlation",
        Figure::new(heading).with(panel).row_height(300.0),
    );
    Ok(outcome)
}
