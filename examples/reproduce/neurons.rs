//! The law of neurons: Gaussian and independent in residual networks, neither in deep MLPs.

use neural_limits::figure::{Axis, Color, Figure, Panel, Series, Style};
use neural_limits::law::Empirical;
use neural_limits::prelude::*;
use neural_limits::proportional::Fluctuations;
use neural_limits::sample::NormSampler;
use neural_limits::statistics::{
    Observation, fit_power_law, independence_test, one_sample_p_value,
};

use crate::measure::{Measured, exponent, holds, jackknife, mean, mlp, one_input, plain, sampled};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 4] = [
    Row {
        name: "neuron_law",
        statement: "a neuron of the residual network tends to N(0, q_t) as n and L grow; a neuron of a deep MLP does not",
        source: "2302.00453, theorem 1 and its histograms, Q–Q plots and Kolmogorov–Smirnov statistics",
        run: neuron_law,
    },
    Row {
        name: "neuron_rate",
        statement: "W₁(Y¹, N(0, q_t)) ≤ C(n^(−1/2) + L^(−1/2))",
        source: "2302.00453, theorem 1",
        run: neuron_rate,
    },
    Row {
        name: "heavy_tails",
        statement: "neurons of the MLP have heavy tails once L/n is not small; those of the residual network have none at any depth",
        source: "2302.00453 (MLP neuron); 1812.05994 (law of the norm)",
        run: heavy_tails,
    },
    Row {
        name: "neuron_pairs",
        statement: "neurons become independent as n grows",
        source: "2302.00453, theorem 1 (joint densities)",
        run: neuron_pairs,
    },
];

const BARS: usize = 50;
const REACH: f64 = 5.0;

/// The density of a sample on [−5, 5].
fn density(values: &[f64]) -> Vec<f64> {
    let width = 2.0 * REACH / BARS as f64;
    let mut heights = vec![0.0; BARS];
    for x in values.iter().filter(|x| x.abs() < REACH) {
        let place = ((x + REACH) / width) as usize;
        heights[place.min(BARS - 1)] += 1.0 / (width * values.len() as f64);
    }
    heights
}

fn edges() -> Vec<f64> {
    let edges = (0..=BARS).map(|i| -REACH + 2.0 * REACH * i as f64 / BARS as f64);
    edges.collect()
}

fn gaussian_density(variance: f64) -> Vec<(f64, f64)> {
    let places = (0..=200).map(|i| -REACH + 2.0 * REACH * f64::from(i) / 200.0);
    let scale = (2.0 * std::f64::consts::PI * variance).sqrt();
    places
        .map(|x| (x, (-0.5 * x * x / variance).exp() / scale))
        .collect()
}

fn empirical(values: &[f64]) -> Result<Law, Error> {
    Ok(Law::Empirical(Empirical::new(values.to_vec(), 0)?))
}

/// The 5 % point of the Kolmogorov–Smirnov statistic.
fn noise(samples: usize) -> f64 {
    1.358 / (samples as f64).sqrt()
}

/// First neurons of networks of one size, and their distance from the limit.
struct Cell {
    width: usize,
    depth: usize,
    values: Vec<f64>,
    law: Law,
    distance: f64,
}

impl Cell {
    fn new(size: (usize, usize), values: Vec<f64>, limit: &Law) -> Result<Self, Error> {
        let law = empirical(&values)?;
        Ok(Self {
            width: size.0,
            depth: size.1,
            distance: law.kolmogorov_smirnov(limit),
            values,
            law,
        })
    }

    fn p_value(&self) -> Result<f64, Error> {
        one_sample_p_value(self.distance, self.values.len())
    }
}

fn neuron_law(setting: &Setting) -> Result<Outcome, Error> {
    let widths = [8, 64, 512];
    let depths = setting.pick([5, 50, 500], [5, 20, 80]);
    let counts = setting.pick([120_000, 20_000, 4000], [4000, 800, 200]);
    let resnet = ResNet::new(Relu);
    let x = one_input()?;
    let q = resnet.infinite_depth().covariance_at(&x, 1.0)?[(0, 0)];
    let limits = [Law::gaussian(0.0, q)?, Law::gaussian(0.0, 1.0)?];
    let (mut residual, mut plain_mlp) = (Vec::new(), Vec::new());
    for (i, &depth) in depths.iter().enumerate() {
        for (j, &width) in widths.iter().enumerate() {
            let seed = setting.seed(10 * i as u64 + j as u64);
            let networks = resnet.finite(width, depth)?;
            let values = networks.read(&x, counts[j], seed, |draw| draw.first_neuron(0))?;
            residual.push(Cell::new((width, depth), values, &limits[0])?);
            let norms = NormSampler::new(&mlp(), &[1.0, 1.0], width, depth)?;
            let norms = norms.draws(counts[0] / 10, seed.split(1))?;
            let values = norms.iter().map(|norm| norm.first_neuron());
            let values = values.collect::<Result<Vec<_>, _>>()?;
            plain_mlp.push(Cell::new((width, depth), values, &limits[1])?);
        }
    }
    let mut outcome = Outcome::default();
    outcome.draw("neuron_histograms", histograms(&residual, &plain_mlp, q));
    outcome.draw("neuron_distance", distances(&residual, &plain_mlp, &depths));
    outcome.draw(
        "neuron_quantiles",
        quantiles(&residual, &plain_mlp, &limits)?,
    );
    for (name, cells) in [("ResNet", &residual), ("MLP", &plain_mlp)] {
        let deepest = cells.iter().filter(|cell| cell.depth == depths[2]);
        let distances: Vec<String> = deepest
            .clone()
            .map(|cell| format!("{} (n = {})", plain(cell.distance, 4), cell.width))
            .collect();
        let falls = deepest.clone().map(|cell| cell.distance);
        let falls: Vec<f64> = falls.collect();
        let noise_there = noise(cells[0].values.len());
        outcome.add(Finding::new(
            format!("{name}, L = {}: Kolmogorov–Smirnov statistic", depths[2]),
            distances.join(", "),
            if name == "ResNet" {
                "falls with n".to_owned()
            } else {
                "near ½ for n ≪ L, falls with n".to_owned()
            },
            if name == "ResNet" {
                setting.quick || (falls[0] > noise_there && falls[0] > falls[1])
            } else {
                falls[0] > 0.4 && falls[1] > falls[2]
            },
        ));
    }
    let widest = &residual[8];
    let p = widest.p_value()?;
    outcome.add(Finding::new(
        format!(
            "ResNet, n = {}, L = {}: p-value of N(0, q₁)",
            widest.width, widest.depth
        ),
        format!("{} (statistic {})", plain(p, 3), plain(widest.distance, 4)),
        "not small",
        p > 5e-4,
    ));
    let shallow = &plain_mlp[2];
    let p = shallow.p_value()?;
    outcome.add(Finding::new(
        format!(
            "MLP, n = {}, L = {}: p-value of N(0, q)",
            shallow.width, shallow.depth
        ),
        format!("{} (statistic {})", plain(p, 3), plain(shallow.distance, 4)),
        "not small: L/n is",
        p > 5e-4,
    ));
    Ok(outcome)
}

fn histograms(residual: &[Cell], mlp: &[Cell], q: f64) -> Figure {
    let heading = "The first neuron: Gaussian in the residual network at every depth (bars), in the MLP \
                   (line) only while L ≪ n";
    let mut figure = Figure::new(heading).row_height(210.0);
    for (bars, line) in residual.iter().zip(mlp) {
        let centers = edges()
            .windows(2)
            .map(|pair| 0.5 * (pair[0] + pair[1]))
            .collect::<Vec<_>>();
        let of_mlp = centers.into_iter().zip(density(&line.values)).collect();
        let panel = Panel::new(
            format!("n = {}, L = {}", bars.width, bars.depth),
            Axis::linear("neuron").range(-REACH, REACH),
            Axis::linear("density").range(0.0, 0.6),
        );
        let panel = panel
            .with(Series::histogram(
                "ResNet",
                Style::nth(5),
                &edges(),
                &density(&bars.values),
            ))
            .with(Series::line(
                "N(0, q₁)",
                Style::reference(),
                gaussian_density(q),
            ))
            .with(Series::line(
                "MLP (variance 1)",
                Style::nth(1).solid(),
                of_mlp,
            ));
        figure = figure.with(panel);
    }
    figure
}

fn distances(residual: &[Cell], mlp: &[Cell], depths: &[usize]) -> Figure {
    let heading = "Distance of the first neuron's law from its limit of infinite width";
    let mut figure = Figure::new(heading);
    let panels = [
        ("ResNet: falls with n into the noise (dashed)", residual),
        ("MLP: large wherever L is not small against n", mlp),
    ];
    for (title, cells) in panels {
        let widths: Vec<f64> = cells[..3].iter().map(|cell| cell.width as f64).collect();
        let mut panel = Panel::new(
            title,
            Axis::log("width n").ticks(&widths),
            Axis::log("Kolmogorov–Smirnov"),
        );
        for (i, depth) in depths.iter().enumerate() {
            let of_depth = cells.iter().filter(|cell| cell.depth == *depth);
            let points = of_depth.map(|cell| (cell.width as f64, cell.distance));
            let style = Style::shade(i, depths.len()).solid();
            panel = panel.with(Series::connected(
                format!("L = {depth}"),
                style,
                points.collect(),
            ));
        }
        let floor = cells[..3].iter();
        let floor = floor.map(|cell| (cell.width as f64, noise(cell.values.len())));
        let label = "5 % point of the statistic under the limit";
        panel = panel.with(Series::line(label, Style::reference(), floor.collect()));
        figure = figure.with(panel);
    }
    figure
}

fn quantiles(residual: &[Cell], mlp: &[Cell], limits: &[Law; 2]) -> Result<Figure, Error> {
    let mut figure =
        Figure::new("Quantiles of the first neuron against those of its Gaussian limit");
    let panels = [
        (
            "ResNet: near the diagonal even at n = 8",
            residual,
            &limits[0],
        ),
        (
            "MLP: heavy tails around a collapsed middle",
            mlp,
            &limits[1],
        ),
    ];
    let normal = Law::gaussian(0.0, 1.0)?;
    for (title, cells, limit) in panels {
        let mut panel = Panel::new(
            title,
            Axis::linear("Gaussian quantile"),
            Axis::linear("sampled quantile").range(-6.0, 6.0),
        );
        let ends = [-4.0, 4.0].map(|x| (x, x)).to_vec();
        panel = panel.with(Series::line("diagonal", Style::reference(), ends));
        // the shallow and the deep of few neurons, and the deep of many
        for (k, index) in [0, 3, 6, 8].into_iter().enumerate() {
            let cell = &cells[index];
            let scores = (-14..=14).map(|i| 0.2 * f64::from(i));
            let points = scores.map(|z| {
                let u = normal.cdf(z);
                Ok((limit.quantile(u)?, cell.law.quantile(u)?))
            });
            let points = points.collect::<Result<Vec<_>, Error>>()?;
            let label = format!("n = {}, L = {}", cell.width, cell.depth);
            panel = panel.with(Series::markers(label, Style::nth(k), points));
        }
        figure = figure.with(panel);
    }
    Ok(figure)
}

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

fn neuron_rate(setting: &Setting) -> Result<Outcome, Error> {
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

/// E X⁴/(E X²)².
fn kurtosis(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let squares = values.iter().map(|x| x * x).sum::<f64>() / count;
    values.iter().map(|x| x.powi(4)).sum::<f64>() / count / (squares * squares)
}

fn heavy_tails(setting: &Setting) -> Result<Outcome, Error> {
    let width = 100;
    let depths = [2, 5, 10, 20, 40];
    let samples = setting.pick(1_000_000, 20_000);
    let (mut of_mlp, mut of_resnet) = (Vec::new(), Vec::new());
    let exact = |depth: f64| 3.0 * (1.0 + 5.0 / width as f64).powf(depth);
    let mut outcome = Outcome::default();
    let x = one_input()?;
    for (i, &depth) in depths.iter().enumerate() {
        let seed = setting.seed(i as u64);
        let norms = NormSampler::new(&mlp(), &[1.0, 1.0], width, depth)?.draws(samples, seed)?;
        let values = norms.iter().map(|norm| norm.first_neuron());
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let found = jackknife(&values, kurtosis);
        if depth <= 20 {
            outcome.add(Finding::new(
                format!("MLP, n = {width}, L = {depth}: kurtosis of a neuron"),
                found,
                format!("{} = 3(1 + 5/n)^L", plain(exact(depth as f64), 3)),
                setting.quick || found.is(exact(depth as f64), 0.0),
            ));
        }
        of_mlp.push((depth as f64, found));
        // of all neurons of a residual network, which have one law
        let networks = ResNet::new(Relu).finite(width, depth)?;
        let moments = sampled(&networks, &x, samples / 100, seed.split(1), |y| {
            let power = |k: i32| y.iter().map(|y| y.powi(k)).sum::<f64>() / y.len() as f64;
            (power(2), power(4))
        })?;
        let found = jackknife(&moments, |moments| {
            let count = moments.len() as f64;
            let square = moments.iter().map(|m| m.0).sum::<f64>() / count;
            moments.iter().map(|m| m.1).sum::<f64>() / count / (square * square)
        });
        of_resnet.push((depth as f64, found));
    }
    let last = of_resnet[of_resnet.len() - 1].1;
    outcome.add(Finding::new(
        format!(
            "ResNet, n = {width}, L = {}: kurtosis of a neuron",
            depths[4]
        ),
        last,
        "3 + O(1/n)",
        last.is(3.0, 10.0 / width as f64),
    ));
    let series = |label: &str, style: Style, points: &[(f64, Measured)]| {
        let values = points.iter().map(|(l, k)| (*l, k.value)).collect();
        let intervals = points.iter().map(|(_, k)| k.interval()).collect();
        Series::markers(label, style, values).with_intervals(intervals)
    };
    let curve = (0..=80).map(|i| (0.5 * f64::from(i), exact(0.5 * f64::from(i))));
    let panel = Panel::new(
        "",
        Axis::linear("depth L"),
        Axis::log("kurtosis of a neuron"),
    )
    .with(series("MLP", Style::nth(1), &of_mlp))
    .with(series("ResNet", Style::nth(0), &of_resnet))
    .with(Series::line("3(1 + 5/n)^L", Style::nth(1), curve.collect()))
    .with_level("Gaussian", Style::reference(), 3.0);
    let heading = format!(
        "Tails of the MLP's neuron grow with depth, those of the residual network do not (n = {width})"
    );
    outcome.draw(
        "heavy_tails",
        Figure::new(heading).with(panel).row_height(300.0),
    );
    Ok(outcome)
}

/// Means of Y_i² Y_j² over pairs of neurons and of Y_i², of one network.
type Squares = (f64, f64);

/// E Y_i² Y_j²/(E Y_i²)² − 1.
fn shared(networks: &[Squares]) -> f64 {
    let count = networks.len() as f64;
    let square = networks.iter().map(|network| network.1).sum::<f64>() / count;
    networks.iter().map(|network| network.0).sum::<f64>() / count / (square * square) - 1.0
}

fn squares<N: Architecture>(
    net: &N,
    (width, depth): (usize, usize),
    samples: usize,
    seed: Seed,
) -> Result<Measured, Error> {
    let networks = net.finite(width, depth)?;
    let all = sampled(&networks, &one_input()?, samples, seed, |y| {
        let n = y.len() as f64;
        let sum: f64 = y.iter().map(|y| y * y).sum();
        let fourth: f64 = y.iter().map(|y| y.powi(4)).sum();
        ((sum * sum - fourth) / (n * (n - 1.0)), sum / n)
    })?;
    Ok(jackknife(&all, shared))
}

fn neuron_pairs(setting: &Setting) -> Result<Outcome, Error> {
    let depth = 64;
    let samples = setting.pick(40_000, 400);
    let resnet = ResNet::new(Relu);
    let mut points = Vec::new();
    for width in [8, 16, 32, 64, 128] {
        let found = squares(&resnet, (width, depth), samples, setting.seed(width as u64))?;
        points.push((width as f64, found));
    }
    let mut outcome = Outcome::default();
    let theory = Fluctuations::of(&resnet)?.norm(depth)?.variance() - 2.0;
    let (widest, last) = points[points.len() - 1];
    outcome.add(Finding::new(
        format!("ResNet, n = {widest}, L = {depth}: n Cov(Y_i², Y_j²)/(E Y²)²"),
        last.times(widest),
        format!("{} + O(1/n) (derived in docs/theory.md)", plain(theory, 3)),
        last.times(widest).is(theory, 0.1 * theory),
    ));
    let observed = points.iter().map(|(width, found)| Observation {
        sizes: vec![*width],
        error: found.value,
        standard_error: found.error,
    });
    if let Some([fit]) = fit_power_law(&observed.collect::<Vec<_>>()).as_deref() {
        outcome.add(Finding::new(
            "ResNet: its exponent in n",
            exponent(fit),
            "−1",
            holds(fit, -1.0, 0.1),
        ));
    }
    let mut of_mlp = Vec::new();
    for width in [32, 64, 128, 256] {
        let size = (width, 4);
        let found = squares(&mlp(), size, samples, setting.seed(1000 + width as u64))?;
        of_mlp.push((width as f64, found));
    }
    let (width, found) = of_mlp[1];
    let exact = (1.0 + 5.0 / width).powi(4) - 1.0;
    outcome.add(Finding::new(
        "MLP, n = 64, L = 4: Cov(Y_i², Y_j²)/(E Y²)²",
        found,
        format!("{} = (1 + 5/n)^L − 1", plain(exact, 4)),
        found.is(exact, 0.0),
    ));
    // distance correlation of the first two neurons
    let pairs = setting.pick(600, 120);
    let networks = [
        ("ResNet, n = 512, L = 64", resnet.finite(512, 64)?, false),
        ("MLP, n = 16, L = 16", mlp().finite(16, 16)?, true),
    ];
    for (name, networks, dependent) in networks {
        let seed = setting.seed(7);
        let both = sampled(&networks, &one_input()?, pairs, seed, |y| ([y[0]], [y[1]]))?;
        let (first, second): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        let test = independence_test(&first, &second, setting.pick(1999, 199), seed.split(1))?;
        outcome.add(Finding::new(
            format!("{name}: distance correlation of two neurons, permutation p"),
            test,
            if dependent { "p small" } else { "p not small" },
            if dependent {
                test.p_value < 0.01
            } else {
                test.p_value > 1e-3
            },
        ));
    }
    outcome.draw("neuron_pairs", joint(setting)?);
    Ok(outcome)
}

/// Joint densities of two neurons beside the products of their laws.
fn joint(setting: &Setting) -> Result<Figure, Error> {
    const CELLS: usize = 40;
    const RANGE: f64 = 3.0;
    let samples = setting.pick(20_000, 500);
    let size = (16, 16);
    let networks = [
        ("ResNet", ResNet::new(Relu).finite(size.0, size.1)?),
        ("MLP", mlp().finite(size.0, size.1)?),
    ];
    let heading = format!(
        "Two neurons at n = L = {}: nearly independent in the residual network, tied by a common norm in the MLP",
        size.0
    );
    let mut figure = Figure::new(heading).columns(2).row_height(330.0);
    for (name, networks) in networks {
        let all = sampled(&networks, &one_input()?, samples, setting.seed(77), |y| {
            y.as_slice().to_vec()
        })?;
        let scale = mean(&all.iter().flatten().map(|y| y * y).collect::<Vec<_>>())
            .value
            .sqrt();
        let cell = |y: f64| {
            let place = (y / scale + RANGE) / (2.0 * RANGE) * CELLS as f64;
            (place >= 0.0 && place < CELLS as f64).then_some(place as usize)
        };
        let mut both = vec![0.0; CELLS * CELLS];
        let mut single = vec![0.0; CELLS];
        let mut count = 0.0;
        for pair in all.iter().flat_map(|y| y.chunks_exact(2)) {
            count += 1.0;
            if let (Some(i), Some(j)) = (cell(pair[0]), cell(pair[1])) {
                both[j * CELLS + i] += 1.0;
            }
            if let Some(i) = cell(pair[0]) {
                single[i] += 1.0;
            }
        }
        let product = (0..CELLS * CELLS).map(|k| single[k % CELLS] * single[k / CELLS] / count);
        let product: Vec<f64> = product.collect();
        let top = both.iter().copied().fold(1.0, f64::max);
        for (kind, counts) in [("joint density", &both), ("product of both laws", &product)] {
            // four decades below the highest density, in steps of a quarter
            let shade = |count: f64| ((1.0 + (count / top).log10() / 4.0) * 16.0).round() / 16.0;
            let colors = counts
                .iter()
                .map(|&count| Color(255, 255, 255).mixed(Color(8, 48, 107), shade(count)));
            let panel = Panel::new(
                format!("{name}: {kind}"),
                Axis::linear("neuron 1 / standard deviation"),
                Axis::linear("neuron 2"),
            );
            let range = (-RANGE, RANGE);
            figure = figure.with(panel.with_cells(range, range, CELLS, colors.collect()));
        }
    }
    Ok(figure)
}
