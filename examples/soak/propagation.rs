//! Fixed points, phases and depth scales.

use neural_limits::activation::named;
use neural_limits::prelude::*;
use neural_limits::propagation::{
    CorrelationFixedPoints, Propagation, VarianceFixedPoints, edge_of_chaos,
};

use crate::outcome::{Check, ensure};

pub fn check(activation: &str, weight: f64, bias: f64) -> Check {
    let phi = named(activation)?;
    let map = Propagation::new(&phi, Initialization::new(weight, bias)?)?;
    let variances = match map.variance_fixed_points()? {
        VarianceFixedPoints::Every => vec![1.0],
        VarianceFixedPoints::Isolated { points, .. } => {
            for point in &points {
                ensure(!point.slope.is_nan(), "a slope is a number", || {
                    format!("{point:?}")
                })?;
            }
            points.iter().map(|point| point.variance).collect()
        }
    };
    for q in variances {
        let next = map.variance(q)?;
        ensure((next - q).abs() <= 1e-6 * q, "V(q*) = q*", || {
            format!("V({q:e}) = {next:e}")
        })?;
        if q > 0.0 {
            correlations(&map, q)?;
        }
    }
    for point in edge_of_chaos(&phi, bias)? {
        ensure(
            point.initialization.weight_variance().is_finite(),
            "the edge of chaos is finite",
            || format!("{point:?}"),
        )?;
    }
    Ok(())
}

fn correlations(map: &Propagation<'_>, q: f64) -> Check {
    if let CorrelationFixedPoints::Isolated(points) = map.correlation_fixed_points(q)? {
        for point in points {
            let epsilon = point.one_minus_correlation;
            let next = map.correlation_complement(q, epsilon)?;
            ensure((next - epsilon).abs() <= 1e-8, "R(c*) = c*", || {
                format!("q = {q:e}: 1 - c = {epsilon:e} becomes {next:e}")
            })?;
        }
    }
    let deep = map.deep_limit(q)?;
    ensure(
        (-1.0..=1.0).contains(&deep.correlation) && !deep.chi.is_nan(),
        "the deep limit is finite",
        || format!("{deep:?}"),
    )
}
