//! From questions to the report.

use super::RouteComparison;
use super::drawing::Drawing;
use super::ends::{between, route_limits};
use super::joint_ends::joint_ends;
use super::questions::{Question, Questions};
use super::report::{
    Answer, Finding, FunctionComparison, JointComparison, Measure, Outcome, RouteReport,
};
use super::steps::Subject;
use crate::limit::Regime;
use crate::statistics::{Bootstrap, Observation, fit_rates};

/// How often an interval of a rate is resampled.
const RESAMPLES: usize = 199;

/// The relative error up to which computed errors are taken to follow a power.
const COMPUTED: f64 = 0.02;

impl Questions {
    /// What has been found.
    pub(super) fn report(
        self,
        comparison: &RouteComparison<'_>,
        drawing: &Drawing,
        round: usize,
    ) -> RouteReport {
        let unasked = |measure: Measure| Finding {
            measure,
            routes: Vec::new(),
            rates: None,
            answer: Answer::Undecided {
                networks: None,
                seconds: None,
                because: "nothing was asked".to_owned(),
            },
        };
        let mut functions: Vec<FunctionComparison> = (0..comparison.functions.len())
            .map(|function| FunctionComparison {
                name: comparison.functions[function].name(),
                limit: drawing.limits[function].clone(),
                routes: route_limits(comparison, drawing, function),
                strong: None,
                weak: unasked(Measure::Wasserstein),
                between: between(comparison, drawing, function),
            })
            .collect();
        let vectors = comparison.vectors.iter().zip(&drawing.joint_limits);
        let mut joint: Vec<JointComparison> = vectors
            .enumerate()
            .map(|(i, (vector, limit))| JointComparison {
                name: vector.name(),
                limit: match limit {
                    Ok(limit) => Ok(limit.covariance()),
                    Err(error) => Err(error.clone()),
                },
                routes: joint_ends(comparison, drawing, i),
                weak: unasked(Measure::Energy),
            })
            .collect();
        for question in self.0 {
            let (subject, measure) = (question.subject, question.measure);
            let finding = question.finding(comparison, drawing, round);
            match (subject, measure) {
                (Subject::Function(i), Measure::L2) => functions[i].strong = Some(finding),
                (Subject::Function(i), _) => functions[i].weak = finding,
                (Subject::Vector(i), _) => joint[i].weak = finding,
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
            joint,
        }
    }
}

impl Question {
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
                    Regime::InfiniteWidth { depth } => (f64::INFINITY, depth as f64),
                    Regime::InfiniteDepth { width } => (width as f64, f64::INFINITY),
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
