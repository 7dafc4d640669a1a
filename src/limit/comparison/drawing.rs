//! Routes as sizes, and the networks drawn of each.

use std::time::Instant;

use super::RouteComparison;
use super::budget::{Cost, FEWEST};
use super::joint_limit::JointLimit;
use crate::Error;
use crate::Result;
use crate::limit::routes::{
    self, DepthLimit, DiffusionPaths, FiniteNetworks, LayerRecursion, Sampled,
};
use crate::limit::{Law, Limit, Regime, Route};
use crate::neural_function::NeuralFunction;

/// The route that stands for infinite depth, then width, where a network has no diffusion: $L = n^3$.
const DEEP: Route = Route::Power {
    exponent: 1.0 / 3.0,
};

/// All that is computed and drawn.
#[derive(Debug)]
pub(super) struct Drawing {
    /// Infinite width, then infinite depth, by function: what routes are compared with.
    pub(super) limits: Vec<Result<Law>>,
    /// The same of each vector of neurons.
    pub(super) joint_limits: Vec<Result<JointLimit>>,
    pub(super) routes: Vec<Followed>,
    pub(super) places: Vec<Place>,
    pub(super) networks: usize,
    seconds: f64,
}

/// A route.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) route: Route,
    pub(super) way: Way,
    pub(super) source: String,
}

/// How a route is followed, from its smallest scale on.
#[derive(Debug)]
pub(super) enum Way {
    /// By laws at infinite width: by scale, then by function.
    Computed(Vec<(Regime, Vec<Result<Law>>)>),
    /// By sampled networks: the index of a place for each scale; small scales may round to one size.
    Sampled(Vec<usize>),
}

/// Networks of one size, of which more can be drawn.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) regime: Regime,
    source: Result<Box<dyn Sampled>>,
    pub(super) drawn: usize,
    seconds: f64,
    /// By function.
    readings: Vec<Readings<f64>>,
    /// By vector of neurons.
    vectors: Vec<Readings<Vec<f64>>>,
}

/// What has been read off the networks of a size.
#[derive(Debug, Clone)]
struct Readings<T> {
    values: Vec<T>,
    undefined: usize,
    error: Option<Error>,
}

impl Drawing {
    /// The routes of a comparison; no network is drawn yet.
    pub(super) fn new(comparison: &RouteComparison<'_>) -> Result<Self> {
        let scales = comparison.checked_scales()?;
        let (net, functions) = (&comparison.network, &comparison.functions);
        let limit = DepthLimit::new(net);
        let joint_limits = comparison.vectors.iter().enumerate().map(|(i, vector)| {
            let seed = comparison.seed.split(u64::MAX - 1).split(i as u64);
            JointLimit::new(&limit, vector, comparison.time, seed)
        });
        let mut drawing = Self {
            limits: limit.laws(functions, comparison.time),
            joint_limits: joint_limits.collect(),
            routes: Vec::new(),
            places: Vec::new(),
            networks: 0,
            seconds: 0.0,
        };
        for &route in &comparison.routes {
            let followed = if route == Route::WidthFirst {
                let laws = scales.iter().map(|&depth| {
                    let recursion = LayerRecursion::new(net, depth)?;
                    Ok((
                        recursion.regime(),
                        recursion.laws(functions, comparison.time),
                    ))
                });
                Followed {
                    route,
                    way: Way::Computed(laws.collect::<Result<_>>()?),
                    source: "layer recursion".to_owned(),
                }
            } else {
                drawing.sampled(comparison, route, &scales)?
            };
            drawing.routes.push(followed);
        }
        Ok(drawing)
    }

    fn sampled(
        &mut self,
        comparison: &RouteComparison<'_>,
        route: Route,
        scales: &[usize],
    ) -> Result<Followed> {
        let mut places = Vec::new();
        let mut source = "sampled networks".to_owned();
        let mut followed = route;
        if route == Route::DepthFirst {
            match DiffusionPaths::new(&comparison.network, scales[0], FEWEST, comparison.seed) {
                Ok(_) => "paths of a diffusion".clone_into(&mut source),
                Err(Error::Unsupported { reason, .. }) => {
                    followed = DEEP;
                    source =
                        format!("sampled networks with L = n^3, for want of a diffusion: {reason}");
                }
                Err(error) => return Err(error),
            }
        }
        for &scale in scales {
            let regime = followed.at(scale);
            let known = self.places.iter().position(|place| place.regime == regime);
            let index = match known {
                Some(index) => index,
                None => {
                    self.places.push(Place::new(comparison, regime)?);
                    self.places.len() - 1
                }
            };
            places.push(index);
        }
        Ok(Followed {
            route,
            way: Way::Sampled(places),
            source,
        })
    }

    /// Draws networks until every place has its target. When time has run out, the first round still draws a
    /// few of each size and others draw no more.
    pub(super) fn extend(
        &mut self,
        comparison: &RouteComparison<'_>,
        targets: &[usize],
        first: bool,
    ) {
        for (place, target) in self.places.iter_mut().zip(targets) {
            let over = comparison.budget.is_over(self.seconds);
            let target = match (over, first) {
                (false, _) => *target,
                (true, true) => FEWEST.min(*target),
                (true, false) => continue,
            };
            let started = Instant::now();
            self.networks += place.extend(comparison, target);
            let seconds = started.elapsed().as_secs_f64();
            place.seconds += seconds;
            self.seconds += seconds;
        }
    }

    /// What there would be if every place had its target.
    pub(super) fn cost(&self, targets: &[usize]) -> Cost {
        let mut cost = Cost {
            networks: self.networks,
            seconds: self.seconds,
        };
        for (place, target) in self.places.iter().zip(targets) {
            let more = target.saturating_sub(place.drawn);
            cost.networks = cost.networks.saturating_add(more);
            cost.seconds += place.seconds / place.drawn.max(1) as f64 * more as f64;
        }
        cost
    }
}

impl Place {
    fn new(comparison: &RouteComparison<'_>, regime: Regime) -> Result<Self> {
        let (net, seed) = (&comparison.network, comparison.seed);
        let source: Result<Box<dyn Sampled>> = match regime {
            Regime::Finite { width, depth } => {
                let seed = routes::seed_of(seed, width, depth);
                FiniteNetworks::new(net, width, depth, FEWEST, seed).map(|s| Box::new(s) as _)
            }
            Regime::InfiniteDepth { width } => {
                let seed = routes::seed_of_depth(seed, width);
                DiffusionPaths::new(net, width, FEWEST, seed).map(|s| Box::new(s) as _)
            }
            other => Err(Error::unsupported(
                format!("networks of the regime {other}"),
                "it has none to draw",
            )),
        };
        // a layer may have no finite reading; any other refusal is of the comparison itself
        match &source {
            Ok(_) | Err(Error::Unsupported { .. }) => {}
            Err(error) => return Err(error.clone()),
        }
        Ok(Self {
            regime,
            source,
            drawn: 0,
            seconds: 0.0,
            readings: vec![Readings::empty(); comparison.functions.len()],
            vectors: vec![Readings::empty(); comparison.vectors.len()],
        })
    }

    /// Draws networks until there are `target` of them. Returns how many it drew.
    fn extend(&mut self, comparison: &RouteComparison<'_>, target: usize) -> usize {
        let Ok(source) = &self.source else {
            return 0;
        };
        if target <= self.drawn {
            return 0;
        }
        let coordinates = comparison.vectors.iter().flat_map(|v| v.coordinates());
        let coordinates = coordinates.map(|neuron| neuron as &dyn NeuralFunction);
        let all: Vec<&dyn NeuralFunction> = comparison
            .functions
            .iter()
            .copied()
            .chain(coordinates)
            .collect();
        let mut read = source
            .readings(&all, comparison.time, self.drawn..target)
            .into_iter();
        for (readings, new) in self.readings.iter_mut().zip(&mut read) {
            readings.add(new);
        }
        for (readings, vector) in self.vectors.iter_mut().zip(&comparison.vectors) {
            let coordinates = read.by_ref().take(vector.dimension());
            readings.add(points(coordinates.collect()));
        }
        let count = target - self.drawn;
        self.drawn = target;
        count
    }

    /// The values of a function, and on how many networks it has none.
    pub(super) fn values(&self, function: usize) -> Result<(&[f64], usize)> {
        self.of(&self.readings[function])
    }

    /// The points of a vector of neurons, and on how many networks it has none.
    pub(super) fn points(&self, vector: usize) -> Result<(&[Vec<f64>], usize)> {
        self.of(&self.vectors[vector])
    }

    fn of<'r, T>(&'r self, readings: &'r Readings<T>) -> Result<(&'r [T], usize)> {
        if let Err(error) = &self.source {
            return Err(error.clone());
        }
        match &readings.error {
            Some(error) => Err(error.clone()),
            None => Ok((&readings.values, readings.undefined)),
        }
    }
}

/// From the values of coordinates, by network, to points, by network.
fn points(coordinates: Vec<Result<Vec<Result<f64>>>>) -> Result<Vec<Result<Vec<f64>>>> {
    let coordinates: Vec<Vec<Result<f64>>> = coordinates.into_iter().collect::<Result<_>>()?;
    let networks = coordinates.first().map_or(0, Vec::len);
    let point = |i: usize| coordinates.iter().map(|values| values[i].clone()).collect();
    Ok((0..networks).map(point).collect())
}

impl<T> Readings<T> {
    fn empty() -> Self {
        Self {
            values: Vec::new(),
            undefined: 0,
            error: None,
        }
    }

    fn add(&mut self, new: Result<Vec<Result<T>>>) {
        match new {
            Ok(values) => {
                for value in values {
                    match value {
                        Ok(value) => self.values.push(value),
                        Err(Error::Undefined { .. }) => self.undefined += 1,
                        Err(error) => self.error = self.error.take().or(Some(error)),
                    }
                }
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}
