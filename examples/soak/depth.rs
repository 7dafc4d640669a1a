//! Infinite width, then infinite depth.

use neural_limits::network::{LayerDescription, Network, ScalingDescription};
use neural_limits::prelude::*;

use crate::case::Problem;
use crate::kernels::network;
use crate::outcome::{Check, ensure};
use crate::rounding::{covariance_matrix, geometric_mean, slack_at_infinite_depth};

/// What documentation grants flows, infinite recursions and fixed points, the worst of them.
const GRANTED: f64 = 1e-9;

/// Variances that vanish are found to be small.
const VANISHES: f64 = 1e-11;

pub fn check(problem: &Problem, time: f64) -> Check {
    let net = network(problem)?;
    let x = Inputs::from_rows(&problem.points)?;
    let limit = net.infinite_depth();
    let covariance = limit.covariance_at(&x, time)?;
    covariance_matrix(
        [
            "the infinite-depth covariance is finite",
            "the infinite-depth covariance is symmetric",
            "the infinite-depth covariance is positive semi-definite",
        ],
        &covariance,
        |i, j| GRANTED * geometric_mean(covariance[(i, i)], covariance[(j, j)]),
    )?;
    let last = problem.points.len() - 1;
    let (a, b) = (&problem.points[0], &problem.points[last]);
    let pair = limit.pair_at(a, b, time)?.pair()?;
    let entries = [pair.variance_a(), pair.variance_b(), pair.covariance()];
    let scale = geometric_mean(entries[0], entries[1]);
    let places = [(0, 0), (last, last), (0, last)];
    // one point alone has no pair
    let wanted = if last == 0 { 2 } else { 3 };
    for ((i, j), value) in places.into_iter().zip(entries).take(wanted) {
        let entry = covariance[(i, j)];
        let scale = if i == j { value } else { scale };
        let (difference, granted) = ((entry - value).abs(), GRANTED * scale + VANISHES);
        if difference <= granted {
            continue;
        }
        let slack = slack_at_infinite_depth(problem, [i, j], |k| {
            limit.propagate(k, time)?.pair().map(|k| k.covariance())
        });
        ensure(
            difference <= granted + slack,
            "a pair is its entry at infinite depth",
            || {
                format!(
                    "({i}, {j}): {entry:e}, {value:e}, granted {:e}",
                    granted + slack
                )
            },
        )?;
    }
    let is_open = |layer: &&LayerDescription| matches!(layer, LayerDescription::Stack { .. });
    if problem.layers.iter().filter(is_open).count() > 1 {
        return Ok(());
    }
    match problem.layers.last() {
        Some(LayerDescription::Stack { skip, scaling, .. }) if time > 0.0 => match scaling {
            ScalingDescription::Constant(_) => stays(&net, problem, *skip)?,
            _ => converges(&net, problem, (time, pair), rate(*scaling))?,
        },
        _ => {}
    }
    Ok(())
}

/// The exponent of the recursion's error in the depth: Euler's method, the first step of a power law, the
/// tail of a series.
fn rate(scaling: ScalingDescription) -> f64 {
    match scaling {
        ScalingDescription::PowerLaw(exponent) => (1.0 - 2.0 * exponent).min(1.0),
        ScalingDescription::ConvergentSeries { exponent, .. } => (2.0 * exponent - 1.0).min(2.0),
        _ => 1.0,
    }
}

/// Four times the depth has less of the error: not more than half of what is expected is left to higher
/// orders. Only where the whole network moves a covariance by little, so that depths of a hundred are deep.
fn converges(
    net: &Network,
    problem: &Problem,
    (time, limit): (f64, PairCovariance),
    rate: f64,
) -> Check {
    let last = problem.points.len() - 1;
    let (a, b) = (&problem.points[0], &problem.points[last]);
    let entries = |k: PairCovariance| [k.variance_a(), k.variance_b(), k.covariance()];
    let limit = entries(limit);
    let start = entries(net.infinite_depth().pair_at(a, b, 0.0)?.pair()?);
    let apart = |one: [f64; 3], other: [f64; 3]| {
        let scale = [one[0], one[1], geometric_mean(one[0], one[1])];
        let apart = one.iter().zip(other).zip(scale);
        let apart = apart.map(|((x, y), scale)| (x - y).abs() / scale.max(f64::MIN_POSITIVE));
        apart.fold(0.0, f64::max)
    };
    if apart(start, limit) > 1.0 {
        return Ok(());
    }
    let error = |depth: usize| -> Check<f64> {
        let infinite = net.infinite_width(depth)?.at_time(time)?;
        Ok(apart(entries(infinite.pair(a, b)?.pair()?), limit))
    };
    let expected = libm::pow(4.0, -rate);
    let mut errors = [error(32)?, error(128)?];
    let falls = |[shallow, deep]: [f64; 2]| deep <= 0.5 * (1.0 + expected) * shallow + GRANTED;
    if !falls(errors) {
        // two orders of the error may all but cancel at one depth
        errors = [error(512)?, error(2048)?];
    }
    let [shallow, deep] = errors;
    ensure(
        falls(errors),
        "the recursion tends to the infinite-depth limit",
        || format!("errors {shallow:e} at a depth, {deep:e} at four times it; rate {rate}"),
    )
}

/// One more block leaves the limit where it is.
fn stays(net: &Network, problem: &Problem, skip: f64) -> Check {
    let last = problem.points.len() - 1;
    let (a, b) = (&problem.points[0], &problem.points[last]);
    let limit = net.infinite_depth().pair_at(a, b, 1.0)?.pair()?;
    let next = net.infinite_width(1)?.propagate(limit)?.pair()?;
    let scale = geometric_mean(limit.variance_a(), limit.variance_b());
    let moved = [
        (next.variance_a() - limit.variance_a(), limit.variance_a()),
        (next.variance_b() - limit.variance_b(), limit.variance_b()),
        (next.covariance() - limit.covariance(), scale),
    ];
    let holds = |(moved, scale): &(f64, f64)| moved.abs() <= GRANTED * scale + VANISHES;
    ensure(moved.iter().all(holds), "the fixed point is fixed", || {
        format!("{limit:?} becomes {next:?}, skip coefficient {skip}")
    })
}
