//! What is asked of every function, round by round.

use super::RouteComparison;
use super::drawing::{Drawing, Followed, Way};
use super::judgement::{Evidence, Target, distance, distance_of_law};
use super::report::{
    Answer, Between, Finding, FunctionComparison, Judgement, Measure, Outcome, RouteLimit,
    RouteReport, Step,
};
use crate::limit::routes::{LogNormalChain, ShapedDiffusion};
use crate::limit::{Empirical, Law, Limit, Regime};
use crate::statistics::{
    Bootstrap, Extrapolation, Measurement, Observation, extrapolate, fit_rates,
    kolmogorov_smirnov_test,
};
use crate::{Error, Result};

/// Networks that an interval of a distance between routes is resampled from, and how often.
const RESAMPLED: usize = 256;
const RESAMPLES: usize = 199;

/// Paths behind a law of shaped networks.
const PATHS: usize = 1000;

/// A size at which a power is 0.
const INFINITE: f64 = 1e12;

/// The relative error up to which computed errors are taken to follow a power.
const COMPUTED: f64 = 0.02;

/// All questions.
#[derive(Debug)]
pub(super) struct Questions(Vec<Question>);

/// Whether one function converges along all routes, in one measure.
#[derive(Debug)]
struct Question {
    function: usize,
    measure: Measure,
    /// What is known of each route. What has an outcome in one round keeps it: further networks are for the
    /// others.
    routes: Vec<Known>,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Known {
    judgement: Judgement,
    evidence: Option<Evidence>,
}

impl Known {
    fn unavailable(error: Error) -> Self {
        Self {
            judgement: Judgement {
                steps: Vec::new(),
                slope: None,
                outcome: Outcome::Unavailable(error),
            },
            evidence: None,
        }
    }

    fn is_settled(&self) -> bool {
        match self.judgement.outcome {
            Outcome::Same { .. } | Outcome::Different { .. } | Outcome::Unavailable(_) => true,
            // of the reference there is nothing to draw, or its steps are taken anew
            Outcome::Reference | Outcome::Open { .. } => false,
        }
    }
}

/// A limit that does not exist, in contrast to one that is not known.
fn does_not_exist(error: &Error) -> bool {
    matches!(error, Error::Overflow { .. } | Error::Undefined { .. })
}

impl Questions {
    pub(super) fn new(comparison: &RouteComparison<'_>, drawing: &Drawing) -> Self {
        let mut questions = Vec::new();
        for function in 0..comparison.functions.len() {
            let measures: &[Measure] = match &drawing.limits[function] {
                Ok(Law::Deterministic(_)) => &[Measure::L2, Measure::Bounded],
                Ok(_) => &[Measure::KolmogorovSmirnov],
                Err(_) => &[Measure::Wasserstein],
            };
            for &measure in measures {
                questions.push(Question {
                    function,
                    measure,
                    routes: Vec::new(),
                    answer: None,
                });
            }
        }
        Self(questions)
    }

    /// Questions without an answer.
    pub(super) fn open(&self) -> usize {
        self.0.iter().filter(|q| q.answer.is_none()).count()
    }

    /// Looks at what has been drawn.
    pub(super) fn look(
        &mut self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
    ) {
        for question in self.0.iter_mut().filter(|q| q.answer.is_none()) {
            question.look(comparison, drawing, round);
        }
    }

    /// The number of networks at every place that the open questions want, growing by at most a factor.
    pub(super) fn wanted(
        &self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
        growth: f64,
    ) -> Vec<usize> {
        let mut wanted: Vec<f64> = drawing.places.iter().map(|p| p.drawn as f64).collect();
        for question in self.0.iter().filter(|q| q.answer.is_none()) {
            question.want(comparison, drawing, round, growth, &mut wanted);
        }
        wanted
            .iter()
            .map(|count| count.ceil().min(1e15) as usize)
            .collect()
    }

    /// What has been found.
    pub(super) fn report(
        self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
    ) -> RouteReport {
        let mut functions: Vec<FunctionComparison> = (0..comparison.functions.len())
            .map(|function| FunctionComparison {
                name: comparison.functions[function].name(),
                limit: drawing.limits[function].clone(),
                routes: route_limits(comparison, drawing, function),
                strong: None,
                weak: Finding {
                    measure: Measure::Wasserstein,
                    routes: Vec::new(),
                    rates: None,
                    answer: Answer::Undecided {
                        networks: None,
                        seconds: None,
                        because: "nothing was asked".to_owned(),
                    },
                },
                between: between(comparison, drawing, function),
            })
            .collect();
        for question in self.0 {
            let (function, measure) = (question.function, question.measure);
            let finding = question.finding(comparison, drawing, round);
            match measure {
                Measure::L2 => functions[function].strong = Some(finding),
                _ => functions[function].weak = finding,
            }
        }
        RouteReport {
            architecture: comparison.name.clone(),
            time: comparison.time,
            level: comparison.level,
            tolerance: comparison.tolerance,
            rounds: round,
            networks: drawing.networks,
            functions,
        }
    }
}

/// The unit of distances of a function: its limit if that is a number, the standard deviation of its limit
/// law, or, where there is none, the mean size of its values at the smallest size of the first sampled route.
/// So it is for a number of less than half of that: in units of one near 0, bounded distances do not fall.
fn unit(drawing: &Drawing, function: usize) -> f64 {
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
        place.values(function).ok()
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

fn sampled(drawing: &Drawing) -> impl Iterator<Item = (&Followed, &Vec<usize>)> {
    let routes = drawing.routes.iter();
    routes.filter_map(|followed| match &followed.way {
        Way::Sampled(places) => Some((followed, places)),
        Way::Computed(_) => None,
    })
}

impl Question {
    fn look(&mut self, comparison: &RouteComparison<'_>, drawing: &Drawing, round: usize) {
        if let Some(error) = self.missing_limit(drawing) {
            self.answer = Some(Answer::DoNotCommute {
                error_probability: 0.0,
                because: format!("there is no limit to agree on; with infinite width, {error}"),
            });
        }
        let looks = 2f64.powi(round.min(1000) as i32);
        let level = comparison.level / looks;
        let judged = sampled(drawing).count().max(1) as f64;
        for (k, followed) in drawing.routes.iter().enumerate() {
            if self.routes.get(k).is_some_and(Known::is_settled) {
                continue;
            }
            let known = match self.steps(drawing, followed) {
                Err(error) => Known::unavailable(error),
                Ok(steps) => self.known(comparison, drawing, followed, steps, |evidence, drawn| {
                    evidence.outcome(level, level / judged, looks, drawn)
                }),
            };
            if k < self.routes.len() {
                self.routes[k] = known;
            } else {
                self.routes.push(known);
            }
        }
        if self.answer.is_none() {
            self.answer = self.conclusion(drawing, judged);
        }
    }

    /// Why there is no limit, if there is none.
    fn missing_limit<'d>(&self, drawing: &'d Drawing) -> Option<&'d Error> {
        match &drawing.limits[self.function] {
            Err(error) if does_not_exist(error) => Some(error),
            _ => None,
        }
    }

    fn known(
        &self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        followed: &Followed,
        steps: Vec<Step>,
        outcome: impl FnOnce(&Evidence, f64) -> Outcome,
    ) -> Known {
        let mut evidence = Evidence::of(&steps, self.measure, comparison.tolerance);
        // convergence in L² is convergence in probability: what one measure shows of both is believed, at the
        // price of two tests of one hypothesis
        let other = match self.measure {
            Measure::L2 => Some(Measure::Bounded),
            Measure::Bounded => Some(Measure::L2),
            _ => None,
        };
        if let Some(evidence) = &mut evidence
            && let Some(measure) = other
            && let Ok(steps) = self.steps_in(drawing, followed, measure)
            && let Some(other) = Evidence::of(&steps, measure, comparison.tolerance)
        {
            match measure {
                Measure::Bounded => {
                    evidence.different = (2.0 * evidence.different.min(other.different)).min(1.0);
                }
                _ => evidence.same = (2.0 * evidence.same.min(other.same)).min(1.0),
            }
        }
        let is_reference = match &followed.way {
            Way::Computed(_) => true,
            Way::Sampled(_) => {
                self.measure == Measure::Wasserstein
                    && sampled(drawing).next().map(|first| first.0.route) == Some(followed.route)
            }
        };
        let outcome = match &evidence {
            _ if is_reference => Outcome::Reference,
            Some(evidence) => {
                let drawn: usize = steps.iter().map(|step| step.networks).sum();
                outcome(evidence, drawn as f64)
            }
            None => Outcome::Unavailable(Error::undefined("a distance", "no size was drawn")),
        };
        Known {
            judgement: Judgement {
                slope: evidence.as_ref().and_then(|evidence| evidence.slope),
                steps,
                outcome,
            },
            evidence: evidence.filter(|_| !is_reference),
        }
    }

    fn steps(&self, drawing: &Drawing, followed: &Followed) -> Result<Vec<Step>> {
        self.steps_in(drawing, followed, self.measure)
    }

    fn steps_in(
        &self,
        drawing: &Drawing,
        followed: &Followed,
        measure: Measure,
    ) -> Result<Vec<Step>> {
        let unit = unit(drawing, self.function);
        let limit = match &drawing.limits[self.function] {
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
                        .find_map(|(_, laws)| laws[self.function].as_ref().err())
                        .or(drawing.limits[self.function].as_ref().err())
                        .cloned()
                        .unwrap_or_else(|| Error::undefined("the limit", "it has none")));
                };
                let steps = laws.iter().map(|(regime, laws)| {
                    let law = laws[self.function].as_ref().map_err(Clone::clone)?;
                    let distance = distance_of_law(law, limit, measure);
                    Ok(distance.map(|distance| Step {
                        regime: *regime,
                        networks: 0,
                        distance,
                        standard_error: 0.0,
                    }))
                });
                let steps: Result<Vec<Option<Step>>> = steps.collect();
                Ok(steps?.into_iter().flatten().collect())
            }
            Way::Sampled(places) => {
                let reference = sampled(drawing).next().map(|(_, places)| places);
                let distinct = (0..places.len()).filter(|&k| k == 0 || places[k] != places[k - 1]);
                let steps = distinct.map(|k| {
                    let place = &drawing.places[places[k]];
                    let (values, _) = place.values(self.function)?;
                    let target = match (limit, reference.and_then(|places| places.get(k))) {
                        (Some(limit), _) => limit,
                        (None, Some(&other)) => Target::Sample {
                            values: drawing.places[other].values(self.function)?.0,
                            unit,
                        },
                        (None, None) => {
                            return Err(Error::undefined("a distance", "no limit is known"));
                        }
                    };
                    let (distance, standard_error) = distance(values, target, measure)?;
                    Ok(Step {
                        regime: place.regime,
                        networks: values.len(),
                        distance,
                        standard_error,
                    })
                });
                steps.collect()
            }
        }
    }

    /// The answer, if the outcomes of the routes give one.
    fn conclusion(&self, drawing: &Drawing, judged: f64) -> Option<Answer> {
        let mut different: Vec<String> = Vec::new();
        let (mut least, mut largest) = (1.0_f64, 0.0_f64);
        let (mut same, mut open, mut left_out) = (0, 0, 0);
        for (known, followed) in self.routes.iter().zip(&drawing.routes) {
            match &known.judgement.outcome {
                Outcome::Different { error_probability } => {
                    least = least.min(*error_probability);
                    if let Some(last) = known.judgement.steps.last() {
                        different.push(format!(
                            "{} stays at a distance of {:.2} ± {:.2}",
                            followed.route, last.distance, last.standard_error
                        ));
                    }
                }
                Outcome::Same { error_probability } => {
                    largest = largest.max(*error_probability);
                    same += 1;
                }
                Outcome::Open { .. } => open += 1,
                Outcome::Unavailable(_) => left_out += 1,
                Outcome::Reference => {}
            }
        }
        if !different.is_empty() {
            return Some(Answer::DoNotCommute {
                error_probability: (judged * least).min(1.0),
                because: different.join("; "),
            });
        }
        (same > 0 && open == 0).then_some(Answer::Commute {
            error_probability: largest,
            left_out,
        })
    }

    /// Raises the numbers of networks wanted at the places of routes that are open.
    fn want(
        &self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
        growth: f64,
        wanted: &mut [f64],
    ) {
        let level = comparison.level / 2f64.powi(round.min(1000) as i32 + 1);
        let judged = sampled(drawing).count().max(1) as f64;
        for (known, followed) in self.routes.iter().zip(&drawing.routes) {
            let (Outcome::Open { .. }, Some(evidence), Way::Sampled(places)) =
                (&known.judgement.outcome, &known.evidence, &followed.way)
            else {
                continue;
            };
            let agrees = evidence.same <= evidence.different;
            let level = if agrees { level } else { level / judged };
            // not so little that rounds are many
            let needed = evidence.needed(level);
            if needed.is_infinite() && growth.is_finite() {
                continue;
            }
            let factor = needed.clamp(1.25, growth);
            // that a law is that of the limit is seen at the largest size
            let law = self.measure == Measure::KolmogorovSmirnov && agrees;
            let raised = if law {
                &places[places.len() - 1..]
            } else {
                &places[..]
            };
            // the sample that others are compared with grows with them
            let reference = match self.measure {
                Measure::Wasserstein => sampled(drawing).next().map(|(_, places)| places),
                _ => None,
            };
            for &place in raised.iter().chain(reference.into_iter().flatten()) {
                let target = factor * drawing.places[place].drawn as f64;
                wanted[place] = wanted[place].max(target);
            }
        }
    }

    fn finding(
        mut self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
    ) -> Finding {
        let answer = match self.answer.take() {
            Some(answer) => answer,
            None => self.undecided(comparison, drawing, round),
        };
        let rates = (self.measure == Measure::L2).then(|| {
            let steps = self.routes.iter().flat_map(|known| &known.judgement.steps);
            let mut observations: Vec<Observation> = Vec::new();
            for step in steps {
                let (width, depth) = match step.regime {
                    Regime::Finite { width, depth } => (width as f64, depth as f64),
                    Regime::InfiniteWidth { depth } => (INFINITE, depth as f64),
                    Regime::InfiniteDepth { width } => (width as f64, INFINITE),
                    _ => continue,
                };
                let sizes = vec![width, depth];
                // a size may lie on several routes; a computed error is a power up to some percent
                if observations.iter().all(|other| other.sizes != sizes) {
                    observations.push(Observation {
                        sizes,
                        error: step.distance,
                        standard_error: step.standard_error.max(COMPUTED * step.distance),
                    });
                }
            }
            let bootstrap = Bootstrap::new(comparison.seed).with_resamples(RESAMPLES)?;
            fit_rates(&observations, &bootstrap)
        });
        Finding {
            measure: self.measure,
            routes: self
                .routes
                .into_iter()
                .map(|known| known.judgement)
                .collect(),
            rates,
            answer,
        }
    }

    /// What is open, and which budget would do.
    fn undecided(
        &self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
    ) -> Answer {
        let mut open = Vec::new();
        let mut unavailable = None;
        for (known, followed) in self.routes.iter().zip(&drawing.routes) {
            match &known.judgement.outcome {
                Outcome::Open { .. } => open.push(followed.route.to_string()),
                Outcome::Unavailable(error) => unavailable = unavailable.or(Some(error)),
                _ => {}
            }
        }
        if open.is_empty() {
            return Answer::Undecided {
                networks: None,
                seconds: None,
                because: unavailable.map_or_else(
                    || "no route but the reference was followed".to_owned(),
                    |error| format!("no route could be followed: {error}"),
                ),
            };
        }
        let mut wanted: Vec<f64> = drawing.places.iter().map(|p| p.drawn as f64).collect();
        self.want(comparison, drawing, round, f64::INFINITY, &mut wanted);
        let targets: Option<Vec<usize>> = wanted
            .iter()
            .map(|count| (count.is_finite() && *count < 1e15).then_some(count.ceil() as usize))
            .collect();
        let cost = targets.map(|targets| drawing.cost(&targets));
        Answer::Undecided {
            networks: cost.map(|cost| cost.networks as f64),
            seconds: cost
                .filter(|_| comparison.budget.is_of_time())
                .map(|cost| cost.seconds),
            because: format!("along {}", open.join(", ")),
        }
    }
}

/// What a function is at the end of every route.
fn route_limits(
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
        let Ok(sample) = Empirical::new(values.to_vec(), undefined).map(Law::Empirical) else {
            return end;
        };
        let at = |u: f64| sample.quantile(u).ok();
        end.quantiles = at(0.05)
            .zip(at(0.5))
            .zip(at(0.95))
            .map(|((l, m), h)| [l, m, h]);
        if let (Some(law), Law::Empirical(sample)) = (&end.law, &sample)
            && !matches!(law, Law::Deterministic(_) | Law::Empirical(_))
        {
            end.against_law = sample.test(law).ok();
        }
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
fn between(comparison: &RouteComparison<'_>, drawing: &Drawing, function: usize) -> Vec<Between> {
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
            let pairs: Vec<(f64, f64)> = one
                .iter()
                .copied()
                .zip(two.iter().copied())
                .take(RESAMPLED)
                .collect();
            let estimate = |pairs: &[(f64, f64)]| {
                let (one, two): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
                match (Empirical::new(one, 0), Empirical::new(two, 0)) {
                    (Ok(one), Ok(two)) => {
                        Law::Empirical(one).wasserstein(&Law::Empirical(two)) / unit
                    }
                    _ => f64::NAN,
                }
            };
            let bootstrap = Bootstrap::new(comparison.seed).with_resamples(RESAMPLES);
            let wasserstein = bootstrap.and_then(|bootstrap| bootstrap.interval(&pairs, estimate));
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
