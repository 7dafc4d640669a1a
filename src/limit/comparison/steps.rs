//! Distances along routes.

use super::RouteComparison;
use super::distance::{Measured, Target, distance, distance_of_law};
use super::drawing::{Drawing, Followed, Way};
use super::report::{Measure, Step};
use crate::limit::Law;
use crate::{Error, Result};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A neural function, by its number.
    Function(usize),
    /// A vector of neurons.
    Vector(usize),
}

/// The unit of distances of a function: its limit if that is a number, the standard deviation of its limit
/// law, or, where there is none, the mean size of its values at the smallest size of the first sampled route.
/// So it is for a number of less than half of that: in units of one near 0, bounded distances do not fall.
pub(super) fn unit(drawing: &Drawing, function: usize) -> f64 {
    let of_limit = match &drawing.limits[function] {
        Ok(Law::Deterministic(value)) => value.abs(),
        Ok(law) => law.variance().sqrt(),
        Err(_) => 0.0,
    };
    let is_number = matches!(drawing.limits[function], Ok(Law::Deterministic(_)));
    if !is_number && of_limit > 0.0 && of_limit.is_finite() {
        return of_limit;
    }
    let first = sampled(drawing).find_map(|(_, places)| {
        let place = drawing.places.get(*places.first()?)?;
        place
            .values(function)
            .ok()
            .filter(|(values, _)| !values.is_empty())
    });
    let size = first.map_or(0.0, |(values, _)| {
        values.iter().map(|x| x.abs() / values.len() as f64).sum()
    });
    if size.is_finite() && size > 2.0 * of_limit {
        size
    } else if of_limit > 0.0 && of_limit.is_finite() {
        of_limit
    } else {
        1.0
    }
}

pub(super) fn sampled(drawing: &Drawing) -> impl Iterator<Item = (&Followed, &Vec<usize>)> {
    let routes = drawing.routes.iter();
    routes.filter_map(|followed| match &followed.way {
        Way::Sampled(places) => Some((followed, places)),
        Way::Computed(_) => None,
    })
}

/// What others are compared with where no limit is known: the first sampled route on which a function has
/// values.
pub(super) fn reference(drawing: &Drawing, function: usize) -> Option<(&Followed, &Vec<usize>)> {
    sampled(drawing).find(|(_, places)| {
        let mut places = places.iter().map(|&place| &drawing.places[place]);
        places.all(|place| place.values(function).is_ok())
    })
}

/// The distances along a route, from its smallest size on.
pub(super) fn steps(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    followed: &Followed,
    subject: Subject,
    measure: Measure,
) -> Result<Vec<Measured>> {
    match subject {
        Subject::Function(function) => {
            of_function(comparison, drawing, followed, function, measure)
        }
        Subject::Vector(vector) => of_vector(comparison, drawing, followed, vector),
    }
}

/// The places of a route, each once: small scales may round to one size.
fn distinct(places: &[usize]) -> impl Iterator<Item = usize> {
    (0..places.len()).filter(|&k| k == 0 || places[k] != places[k - 1])
}

fn of_vector(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    followed: &Followed,
    vector: usize,
) -> Result<Vec<Measured>> {
    let limit = drawing.joint_limits[vector]
        .as_ref()
        .map_err(Clone::clone)?;
    let Way::Sampled(places) = &followed.way else {
        return Ok(Vec::new());
    };
    let steps = distinct(places).map(|k| {
        let place = &drawing.places[places[k]];
        limit.distance(place.points(vector)?, place.regime, comparison.tolerance)
    });
    steps.collect()
}

fn of_function(
    comparison: &RouteComparison<'_>,
    drawing: &Drawing,
    followed: &Followed,
    function: usize,
    measure: Measure,
) -> Result<Vec<Measured>> {
    let unit = unit(drawing, function);
    let limit = match &drawing.limits[function] {
        Ok(Law::Deterministic(value)) => Some(Target::Number {
            value: *value,
            unit,
        }),
        Ok(law) => Some(Target::Law(law)),
        Err(_) => None,
    };
    match &followed.way {
        Way::Computed(laws) => {
            let Some(limit) = limit else {
                return Err(laws
                    .iter()
                    .find_map(|(_, laws)| laws[function].as_ref().err())
                    .or(drawing.limits[function].as_ref().err())
                    .cloned()
                    .unwrap_or_else(|| Error::undefined("the limit", "it has none")));
            };
            let steps = laws.iter().map(|(regime, laws)| {
                let law = laws[function].as_ref().map_err(Clone::clone)?;
                let distance = distance_of_law(law, limit, measure, comparison.tolerance);
                Ok(distance.map(|(distance, tails)| Measured {
                    step: Step {
                        regime: *regime,
                        networks: 0,
                        distance,
                        standard_error: 0.0,
                    },
                    tails,
                }))
            });
            let steps: Result<Vec<Option<Measured>>> = steps.collect();
            Ok(steps?.into_iter().flatten().collect())
        }
        Way::Sampled(places) => {
            let reference = reference(drawing, function).map(|(_, places)| places);
            let steps = distinct(places).map(|k| {
                let place = &drawing.places[places[k]];
                let (values, without) = place.values(function)?;
                let target = match (limit, reference.and_then(|places| places.get(k))) {
                    (Some(limit), _) => limit,
                    (None, Some(&other)) => {
                        let (values, without) = drawing.places[other].values(function)?;
                        Target::Sample {
                            values,
                            without,
                            unit,
                        }
                    }
                    (None, None) => {
                        return Err(Error::undefined("a distance", "no limit is known"));
                    }
                };
                let (distance, standard_error, tails) =
                    distance((values, without), target, measure, comparison.tolerance)?;
                Ok(Measured {
                    step: Step {
                        regime: place.regime,
                        networks: values.len() + without,
                        distance,
                        standard_error,
                    },
                    tails,
                })
            });
            steps.collect()
        }
    }
}
