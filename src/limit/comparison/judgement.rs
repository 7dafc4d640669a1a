//! From distances along a route to where it leads, with an error probability.

use super::report::{Measure, Outcome, Step};
use crate::Result;
use crate::limit::{Empirical, Law};
use crate::numerics::normal;
use crate::statistics::{Estimate, Observation, fit_power_law};

/// Distances that fall more slowly than $\min(n, L)^{-1/8}$ count as staying: the central limit's rate is
/// −1/2, that of a route that leads elsewhere is 0.
pub(super) const SLOWEST: f64 = -0.125;

/// The two-sided 95 % quantile of normal intervals.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The mean of $\sqrt m$ times the Kolmogorov–Smirnov statistic of $m$ draws, $\sqrt{\pi/2} \log 2$.
const MEAN_STATISTIC: f64 = 0.868_731_160_636_1;

/// What distances are taken from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A number, and the unit of distances.
    Number { value: f64, unit: f64 },
    /// A law.
    Law(&'a Law),
    /// The sample of another route at the same scale, and the unit of distances.
    Sample { values: &'a [f64], unit: f64 },
}

/// The distance of values from a target, and its standard error.
pub(super) fn distance(values: &[f64], target: Target<'_>, measure: Measure) -> Result<(f64, f64)> {
    let count = values.len() as f64;
    let sample = || Empirical::new(values.to_vec(), 0);
    Ok(match target {
        Target::Number { value, unit } if measure == Measure::L2 => {
            let (error, standard_error) = sample()?.l2_error(value);
            // a smaller one means a tail that the sample has not seen
            let least = error / (2.0 * count).sqrt();
            (error / unit, standard_error.max(least) / unit)
        }
        Target::Number { value, unit } => {
            let bounded = values.iter().map(|x| ((x - value).abs() / unit).min(1.0));
            let (mean, standard_error) = Empirical::new(bounded.collect(), 0)?.mean();
            // equal values may hide one in m of another kind
            (mean, standard_error.max(count.recip()))
        }
        Target::Law(law) => {
            let statistic = Law::Empirical(sample()?).kolmogorov_smirnov(law);
            (statistic.clamp(0.0, 1.0), 0.5 / count.sqrt())
        }
        Target::Sample {
            values: other,
            unit,
        } => {
            let (one, two) = (sample()?, Empirical::new(other.to_vec(), 0)?);
            // Efron and Stein: the variance of W_1 is at most that of both means
            let variance = one.variance() / count + two.variance() / other.len() as f64;
            let distance = Law::Empirical(one).wasserstein(&Law::Empirical(two));
            (distance / unit, variance.sqrt() / unit)
        }
    })
}

/// The distance of a computed law.
pub(super) fn distance_of_law(law: &Law, target: Target<'_>, measure: Measure) -> Option<f64> {
    Some(match (target, measure) {
        (Target::Number { value, unit }, Measure::L2) => law.l2(&Law::Deterministic(value)) / unit,
        (Target::Number { value, unit }, _) => match law {
            Law::Deterministic(x) => ((x - value).abs() / unit).min(1.0),
            _ => return None,
        },
        (Target::Law(limit), _) => law.kolmogorov_smirnov(limit),
        (Target::Sample { .. }, _) => return None,
    })
}

/// The probabilities of error of both answers, and what else is known of a route.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) slope: Option<Estimate>,
    /// If it is said to lead to the reference.
    pub(super) same: f64,
    /// If it is said to lead elsewhere.
    pub(super) different: f64,
    /// If its distance is said not to fall.
    falls: f64,
    last: Step,
    measure: Measure,
    tolerance: f64,
}

impl Evidence {
    /// Of the steps of a route, of which there is at least one.
    pub(super) fn of(steps: &[Step], measure: Measure, tolerance: f64) -> Option<Self> {
        let last = *steps.last()?;
        let observations: Vec<Observation> = steps
            .iter()
            .map(|step| Observation {
                sizes: vec![step.size()],
                error: step.distance,
                standard_error: step.standard_error,
            })
            .collect();
        let slope = fit_power_law(&observations).map(|exponents| exponents[0]);
        // that the slope is not below the slowest, and that it is
        let (stays, falls) = slope.map_or((1.0, 1.0), |slope| {
            let standard_error = (slope.high - slope.low) / (2.0 * NORMAL_95);
            let z = (SLOWEST - slope.value) / standard_error.max(f64::MIN_POSITIVE);
            (normal::distribution(-z), normal::distribution(z))
        });
        let (beyond, within) = match measure {
            Measure::KolmogorovSmirnov => {
                // Dvoretzky, Kiefer, Wolfowitz and Massart
                let off = tolerance - last.distance;
                let bound = (2.0 * (-2.0 * last.networks as f64 * off * off).exp()).min(1.0);
                if off > 0.0 {
                    (bound, 1.0)
                } else {
                    (1.0, bound)
                }
            }
            _ => {
                let z = (tolerance - last.distance) / last.standard_error.max(f64::MIN_POSITIVE);
                (normal::distribution(-z), normal::distribution(z))
            }
        };
        // a Kolmogorov–Smirnov distance of equal laws does not fall with size
        let same = match measure {
            Measure::KolmogorovSmirnov => beyond,
            // one network in 1/tolerance may be of another kind
            _ if last.distance == 0.0 => (last.networks as f64 * (-tolerance).ln_1p()).exp(),
            // either of two tests
            _ => (2.0 * stays.min(beyond)).min(1.0),
        };
        // m networks cannot show more
        let least = (-(last.networks as f64)).exp();
        Some(Self {
            slope,
            same: same.max(least),
            different: within.max(falls).max(least),
            falls,
            last,
            measure,
            tolerance,
        })
    }

    /// The factor in the number of networks after which the likelier answer would have an error probability
    /// of `level`; infinite where more networks of these sizes would not help.
    pub(super) fn needed(&self, level: f64) -> f64 {
        let z = |p: f64| -normal::quantile(p.clamp(1e-300, 1.0 - 1e-16));
        let of_normal = |p: f64| {
            let now = z(p);
            if now > 0.0 {
                (z(level) / now).powi(2)
            } else {
                f64::INFINITY
            }
        };
        if self.measure == Measure::KolmogorovSmirnov {
            let count = self.last.networks as f64;
            let noise = MEAN_STATISTIC * MEAN_STATISTIC / count;
            let distance = (self.last.distance.powi(2) - noise).max(0.0).sqrt();
            let off = self.tolerance - distance;
            let bound = (0.5 * (2.0 / level).ln()).sqrt();
            return if off > 0.0 {
                ((bound + MEAN_STATISTIC) / off).powi(2) / count
            } else {
                let beyond = (bound / off).powi(2) / count;
                // as long as the distance may be within the tolerance, its slope is not believed
                match of_normal(self.falls) {
                    factor if factor.is_finite() => beyond.max(factor),
                    _ if beyond > 1.0 => beyond,
                    _ => f64::INFINITY,
                }
            };
        }
        of_normal(self.same.min(self.different))
    }

    /// What follows, with error probabilities of up to `same` and `different` allowed; `total` networks were
    /// drawn along the route, and levels multiplied by `looks` for the looks taken.
    pub(super) fn outcome(&self, same: f64, different: f64, looks: f64, total: f64) -> Outcome {
        let adjusted = |p: f64| (looks * p).min(1.0);
        if self.same <= same {
            return Outcome::Same {
                error_probability: adjusted(self.same),
            };
        }
        if self.different <= different {
            return Outcome::Different {
                error_probability: adjusted(self.different),
            };
        }
        let (level, likelier) = if self.same <= self.different {
            (same, self.same)
        } else {
            (different, self.different)
        };
        // one more look at least
        let factor = self.needed(0.5 * level).max(1.0);
        Outcome::Open {
            error_probability: adjusted(likelier),
            networks: Some(factor * total).filter(|networks| networks.is_finite()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Regime;

    fn steps(distances: &[f64], relative_error: f64, networks: usize) -> Vec<Step> {
        let sizes = distances.iter().enumerate();
        let step = |(k, distance): (usize, &f64)| Step {
            regime: Regime::Finite {
                width: 16 << k,
                depth: 16 << k,
            },
            networks,
            distance: *distance,
            standard_error: relative_error * distance,
        };
        sizes.map(step).collect()
    }

    #[test]
    fn falling_distances_lead_to_the_reference_and_staying_ones_do_not() {
        let falling = steps(&[0.4, 0.28, 0.2, 0.14], 0.05, 200);
        let evidence = Evidence::of(&falling, Measure::L2, 0.05).unwrap();
        assert!(
            evidence.same < 1e-6 && evidence.different > 0.5,
            "{evidence:?}"
        );
        // 64 networks at the limit: one in 20 of another kind is missed by as many with probability 0.95^64
        let at_the_limit = Evidence::of(&steps(&[0.0; 4], 0.05, 64), Measure::Bounded, 0.05);
        let same = at_the_limit.unwrap().same;
        assert!((same / 0.95_f64.powi(64) - 1.0).abs() < 1e-12, "{same}");
        let staying = steps(&[0.8, 0.82, 0.79, 0.81], 0.05, 200);
        let evidence = Evidence::of(&staying, Measure::L2, 0.05).unwrap();
        assert!(
            evidence.different < 0.01 && evidence.same > 0.5,
            "{evidence:?}"
        );
        // too noisy to say, and how many networks would do
        let noisy = steps(&[0.8, 0.82, 0.79, 0.81], 0.3, 200);
        let evidence = Evidence::of(&noisy, Measure::L2, 0.05).unwrap();
        let Outcome::Open {
            networks: Some(networks),
            ..
        } = evidence.outcome(0.01, 0.01, 1.0, 800.0)
        else {
            panic!("open");
        };
        let enough = 0.3 * (800.0 / networks).sqrt();
        let then = Evidence::of(
            &steps(&[0.8, 0.82, 0.79, 0.81], enough, 200),
            Measure::L2,
            0.05,
        );
        let then = then.unwrap().different;
        assert!(then < 0.01 && then > 1e-3, "{then}");
    }

    #[test]
    fn laws_are_equal_within_a_tolerance_once_enough_networks_show_it() {
        let at = |networks: usize, distance: f64| {
            Evidence::of(
                &steps(&[distance; 4], 0.02, networks),
                Measure::KolmogorovSmirnov,
                0.05,
            )
            .unwrap()
        };
        // the mean statistic of draws from the law itself
        let null = |networks: usize| MEAN_STATISTIC / (networks as f64).sqrt();
        let few = at(500, null(500));
        assert!(few.same > 0.01);
        let enough = (500.0 * few.needed(0.01)).ceil() as usize;
        assert!((2000..3000).contains(&enough), "{enough}");
        assert!(at(enough, null(enough)).same < 0.0101);
        // far from the law at every size
        let far = at(500, 0.3);
        assert!(far.different < 1e-3 && far.same == 1.0);
    }
}
