//! What a vector of neurons is at the end of every route.

use super::RouteComparison;
use super::drawing::{Drawing, Way};
use super::report::JointEnd;
use crate::limit::Regime;
use crate::statistics::{energy_test, independence_test};

/// Networks that permutation tests take, and how often they permute them.
const TESTED: usize = 256;
const PERMUTATIONS: usize = 999;

pub(super) fn joint_ends(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    vector: usize,
) -> Vec<JointEnd> {
    let neurons = comparison.vectors[vector].neurons();
    let seed = comparison.seed.split(u64::MAX - 2).split(vector as u64);
    let routes = drawing.routes.iter().enumerate().map(|(k, followed)| {
        let mut end = JointEnd {
            route: followed.route,
            source: followed.source.clone(),
            regime: Regime::WidthThenDepth,
            networks: 0,
            undefined: 0,
            against_limit: None,
            independence: None,
        };
        let last = match &followed.way {
            Way::Sampled(places) => places.last().map(|&place| &drawing.places[place]),
            Way::Computed(_) => None,
        };
        let Some(place) = last else {
            return end;
        };
        (end.regime, end.networks) = (place.regime, place.drawn);
        let Ok((points, undefined)) = place.points(vector) else {
            return end;
        };
        end.undefined = undefined;
        let (seed, tested) = (seed.split(k as u64), points.len().min(TESTED));
        if let Ok(limit) = &drawing.joint_limits[vector] {
            let count = (points.len() + undefined).min(TESTED);
            let networks = limit.all_in_cube(&points[..tested], count - tested);
            let draws = limit.draws(count);
            end.against_limit = energy_test(&networks, &draws, PERMUTATIONS, seed.split(0)).ok();
        }
        // the first neuron against the others, at all of their inputs
        let part = |of_first: bool| -> Vec<Vec<f64>> {
            let all = points[..tested].iter();
            let own = |point: &Vec<f64>| {
                let coordinates = point.iter().zip(neurons);
                let own = coordinates.filter(|(_, i)| (**i == neurons[0]) == of_first);
                own.map(|(y, _)| *y).collect()
            };
            all.map(own).collect()
        };
        if neurons.iter().any(|i| *i != neurons[0]) {
            let (first, others) = (part(true), part(false));
            end.independence = independence_test(&first, &others, PERMUTATIONS, seed.split(1)).ok();
        }
        end
    });
    routes.collect()
}
