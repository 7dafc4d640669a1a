//! What a function is at the end of every route.

use rand::RngExt;

use super::RouteComparison;
use super::drawing::{Drawing, Way};
use super::report::{Between, RouteLimit};
use super::steps::{sampled, unit};
use crate::limit::routes::{LogNormalChain, ShapedDiffusion};
use crate::limit::{Empirical, Law, Limit, Regime, without_value};
use crate::random::Seed;
use crate::statistics::{
    Estimate, Extrapolation, Measurement, extrapolate, kolmogorov_smirnov_test,
};
use crate::{Result, parallel};

/// Networks that an interval of a distance between routes is resampled from, and how often.
const RESAMPLED: usize = 1024;
const RESAMPLES: usize = 199;

/// Paths behind a law of shaped networks.
const PATHS: usize = 1000;

/// What a function is at the end of every route.
pub(super) fn route_limits(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    function: usize,
) -> Vec<RouteLimit> {
    let (net, read) = (&comparison.network, comparison.functions[function]);
    let routes = drawing.routes.iter().map(|followed| {
        let route = followed.route;
        let mut end = RouteLimit {
            route,
            source: followed.source.clone(),
            regime: Regime::WidthThenDepth,
            networks: 0,
            undefined: 0,
            quantiles: None,
            law: None,
            against_law: None,
            mean: None,
        };
        let places = match &followed.way {
            Way::Computed(_) => {
                end.law = drawing.limits[function].clone().ok();
                return end;
            }
            Way::Sampled(places) => places,
        };
        if let Some(ratio) = route.depth_over_width() {
            let seed = comparison.seed.split(u64::MAX);
            let chain = LogNormalChain::new(net, ratio).map(|r| r.law(read, comparison.time));
            let shaped = || {
                let paths = ShapedDiffusion::new(net, ratio, PATHS, seed);
                paths.map(|route| route.law(read, comparison.time))
            };
            end.law = chain.or_else(|_| shaped()).ok().and_then(Result::ok);
        }
        let Some(last) = places.last().map(|&place| &drawing.places[place]) else {
            return end;
        };
        (end.regime, end.networks) = (last.regime, last.drawn);
        let Ok((values, undefined)) = last.values(function) else {
            return end;
        };
        end.undefined = undefined;
        if let (Some(law), Ok(sample)) = (&end.law, without_value::at_infinity(values, undefined))
            && !matches!(law, Law::Deterministic(_) | Law::Empirical(_))
        {
            end.against_law = sample.test(law).ok();
        }
        let Ok(sample) = Empirical::new(values.to_vec(), undefined).map(Law::Empirical) else {
            return end;
        };
        let at = |u: f64| sample.quantile(u).ok();
        end.quantiles = at(0.05)
            .zip(at(0.5))
            .zip(at(0.95))
            .map(|((l, m), h)| [l, m, h]);
        if let Ok(Law::Deterministic(_)) = drawing.limits[function] {
            end.mean = extrapolated(drawing, places, function);
        }
        end
    });
    routes.collect()
}

/// The mean of a function along a route, at $\min(n, L) = \infty$.
fn extrapolated(drawing: &Drawing, places: &[usize], function: usize) -> Option<Extrapolation> {
    let mut places = places.to_vec();
    places.dedup();
    let measurements = places.iter().map(|&place| {
        let place = &drawing.places[place];
        let (values, _) = place.values(function).ok()?;
        let (value, standard_error) = Empirical::new(values.to_vec(), 0).ok()?.mean();
        let width = match place.regime {
            Regime::Finite { width, depth } => width.min(depth),
            Regime::InfiniteDepth { width } => width,
            _ => return None,
        };
        Some(Measurement {
            width,
            samples: values.len(),
            value,
            standard_error,
        })
    });
    extrapolate(&measurements.collect::<Option<Vec<_>>>()?)
}

/// The distances of every two sampled routes at their largest sizes.
pub(super) fn between(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    function: usize,
) -> Vec<Between> {
    let unit = unit(drawing, function);
    let ends: Vec<_> = sampled(drawing)
        .filter_map(|(followed, places)| {
            let place = &drawing.places[*places.last()?];
            let (values, _) = place.values(function).ok()?;
            Some((followed.route, place.regime, values))
        })
        .collect();
    let mut all = Vec::new();
    for (i, &(first, regime, one)) in ends.iter().enumerate() {
        for &(second, other_regime, two) in &ends[i + 1..] {
            // routes may end at one size
            if regime == other_regime {
                continue;
            }
            let wasserstein = apart(&one[..one.len().min(RESAMPLED)], two, unit, comparison.seed);
            let test = kolmogorov_smirnov_test(one, two);
            if let (Ok(wasserstein), Ok(test)) = (wasserstein, test) {
                all.push(Between {
                    first,
                    second,
                    wasserstein,
                    test,
                });
            }
        }
    }
    all
}

/// The Wasserstein distance of two samples, and an interval of level 0.95 around it: the distances of both
/// samples from their own resamples, added, bound how far it is from that of the laws (triangle
/// inequality). Resampling the distance itself does not do where the laws are nearly equal: it is biased.
fn apart(one: &[f64], two: &[f64], unit: f64, seed: Seed) -> Result<Estimate> {
    let two = &two[..two.len().min(RESAMPLED)];
    let law = |values: Vec<f64>| Empirical::new(values, 0).map(Law::Empirical);
    let (first, second) = (law(one.to_vec())?, law(two.to_vec())?);
    let value = first.wasserstein(&second) / unit;
    let mut errors = parallel::try_map(RESAMPLES, |b| {
        let mut stream = seed.stream(b as u64);
        let mut again = |sample: &[f64]| {
            let draw = (0..sample.len()).map(|_| sample[stream.random_range(0..sample.len())]);
            law(draw.collect())
        };
        let (again_one, again_two) = (again(one)?, again(two)?);
        Ok((first.wasserstein(&again_one) + second.wasserstein(&again_two)) / unit)
    })?;
    errors.sort_by(f64::total_cmp);
    let error = errors[(RESAMPLES * 19).div_ceil(20) - 1];
    Ok(Estimate {
        value,
        low: (value - error).max(0.0),
        high: value + error,
    })
}
