//! What is asked of every function and vector of neurons, round by round.

use super::RouteComparison;
use super::distance::Measured;
use super::drawing::{Drawing, Followed, Way};
use super::judgement::Evidence;
use super::report::{Answer, Judgement, Measure, Outcome};
use super::steps::{Subject, reference, sampled, steps};
use crate::Error;
use crate::limit::Law;

/// All questions.
#[derive(Debug)]
pub(super) struct Questions(pub(super) Vec<Question>);

/// Whether one function or vector converges along all routes, in one measure.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) subject: Subject,
    pub(super) measure: Measure,
    /// What is known of each route. What has an outcome in one round keeps it: further networks are for the
    /// others.
    pub(super) routes: Vec<Known>,
    pub(super) answer: Option<Answer>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) judgement: Judgement,
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
        let mut ask = |subject: Subject, measure: Measure| {
            questions.push(Question {
                subject,
                measure,
                routes: Vec::new(),
                answer: None,
            });
        };
        for function in 0..comparison.functions.len() {
            let measures: &[Measure] = match &drawing.limits[function] {
                Ok(Law::Deterministic(_)) => &[Measure::L2, Measure::Bounded],
                Ok(_) => &[Measure::KolmogorovSmirnov],
                Err(_) => &[Measure::Wasserstein],
            };
            for &measure in measures {
                ask(Subject::Function(function), measure);
            }
        }
        for vector in 0..comparison.vectors.len() {
            ask(Subject::Vector(vector), Measure::Energy);
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
            let known = match steps(comparison, drawing, followed, self.subject, self.measure) {
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

    /// The sampled route that others are compared with, where no limit is known.
    fn reference<'d>(&self, drawing: &'d Drawing) -> Option<(&'d Followed, &'d Vec<usize>)> {
        match (self.subject, self.measure) {
            (Subject::Function(function), Measure::Wasserstein) => reference(drawing, function),
            _ => None,
        }
    }

    /// Why there is no limit, if there is none.
    fn missing_limit<'d>(&self, drawing: &'d Drawing) -> Option<&'d Error> {
        let error = match self.subject {
            Subject::Function(function) => drawing.limits[function].as_ref().err(),
            Subject::Vector(vector) => drawing.joint_limits[vector].as_ref().err(),
        };
        error.filter(|error| does_not_exist(error))
    }

    fn known(
        &self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        followed: &Followed,
        all: Vec<Measured>,
        outcome: impl FnOnce(&Evidence, f64) -> Outcome,
    ) -> Known {
        let mut evidence = Evidence::of(&all, self.measure, comparison.tolerance);
        // convergence in L² is convergence in probability: what one measure shows of both is believed, at the
        // price of two tests of one hypothesis
        let other = match self.measure {
            Measure::L2 => Some(Measure::Bounded),
            Measure::Bounded => Some(Measure::L2),
            _ => None,
        };
        if let Some(evidence) = &mut evidence
            && let Some(measure) = other
            && let Ok(others) = steps(comparison, drawing, followed, self.subject, measure)
            && let Some(other) = Evidence::of(&others, measure, comparison.tolerance)
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
                let reference = self.reference(drawing);
                reference.map(|(reference, _)| reference.route) == Some(followed.route)
            }
        };
        let outcome = match &evidence {
            _ if is_reference => Outcome::Reference,
            Some(evidence) => {
                let drawn: usize = all.iter().map(|measured| measured.step.networks).sum();
                outcome(evidence, drawn as f64)
            }
            None => Outcome::Unavailable(Error::undefined("a distance", "no size was drawn")),
        };
        Known {
            judgement: Judgement {
                slope: evidence.as_ref().and_then(|evidence| evidence.slope),
                steps: all.iter().map(|measured| measured.step).collect(),
                outcome,
            },
            evidence: evidence.filter(|_| !is_reference),
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
    pub(super) fn want(
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
            let law =
                matches!(self.measure, Measure::KolmogorovSmirnov | Measure::Energy) && agrees;
            let raised = if law {
                &places[places.len() - 1..]
            } else {
                &places[..]
            };
            // the sample that others are compared with grows with them
            let reference = self.reference(drawing).map(|(_, places)| places);
            for &place in raised.iter().chain(reference.into_iter().flatten()) {
                let target = factor * drawing.places[place].drawn as f64;
                wanted[place] = wanted[place].max(target);
            }
        }
    }
}
