//! The distance of networks from a limit, and the probability that it is within the tolerance.

use super::report::{Measure, Step};
use super::wager::Wager;
use crate::Result;
use crate::limit::{Empirical, Law, without_value};
use crate::numerics::normal;

/// The mean of $\sqrt m$ times the Kolmogorov–Smirnov statistic of $m$ draws, $\sqrt{\pi/2} \log 2$.
pub(super) const MEAN_STATISTIC: f64 = 0.868_731_160_636_1;

/// What distances are taken from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A number, and the unit of distances.
    Number { value: f64, unit: f64 },
    /// A law.
    Law(&'a Law),
    /// The sample of another route at the same scale, the number of its networks without a value, and the
    /// unit of distances.
    Sample {
        values: &'a [f64],
        without: usize,
        unit: f64,
    },
}

/// A distance at one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) step: Step,
    pub(super) tails: Tails,
}

/// Whether the distance is within the tolerance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tails {
    /// The probability of data like this if the distance is beyond the tolerance.
    pub(super) beyond: f64,
    /// The same if it is within.
    pub(super) within: f64,
    bound: Bound,
    networks: f64,
}

/// How probabilities fall with more networks.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// Like the tail of a normal law, at a distance from its centre that grows like $\sqrt m$.
    Normal,
    /// Like $e^{-gm}$, for either answer.
    Wager { beyond: f64, within: f64 },
    /// As far as a concentration inequality reaches: it gives $a$ to a distance of $(\log (c/a)/k m)^{1/2}$
    /// beyond the noise, $s/\sqrt m$ for equal laws; `off` is the tolerance less the distance without noise.
    Concentration { off: f64, k: f64, c: f64, s: f64 },
}

/// The factor in the number of networks after which a normal tail of `p` is `level`.
pub(super) fn factor_of_normal(p: f64, level: f64) -> f64 {
    let z = |p: f64| -normal::quantile(p.clamp(1e-300, 1.0 - 1e-16));
    let now = z(p);
    if now > 0.0 {
        (z(level) / now).powi(2)
    } else {
        f64::INFINITY
    }
}

impl Tails {
    /// Of a computed distance.
    fn exact(distance: f64, tolerance: f64) -> Self {
        let inside = distance <= tolerance;
        Self {
            beyond: f64::from(u8::from(!inside)),
            within: f64::from(u8::from(inside)),
            bound: Bound::Normal,
            networks: 0.0,
        }
    }

    /// Of an estimate, by its normal law.
    fn normal(distance: f64, standard_error: f64, tolerance: f64, networks: usize) -> Self {
        let z = (tolerance - distance) / standard_error.max(f64::MIN_POSITIVE);
        Self {
            beyond: normal::distribution(-z),
            within: normal::distribution(z),
            bound: Bound::Normal,
            networks: networks as f64,
        }
    }

    /// Of a mean of numbers in $[0, 1]$, by wagers: exact at every number of networks.
    fn of_mean(bounded: &[f64], tolerance: f64) -> Self {
        let [beyond, within] = [1.0, -1.0].map(|sign| Wager::on(bounded, tolerance, sign));
        Self {
            beyond: beyond.p_value,
            within: within.p_value,
            bound: Bound::Wager {
                beyond: beyond.growth,
                within: within.growth,
            },
            networks: bounded.len() as f64,
        }
    }

    /// Of a Kolmogorov–Smirnov distance, by the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart.
    fn of_kolmogorov_smirnov(distance: f64, tolerance: f64, networks: usize) -> Self {
        let m = networks as f64;
        let off = tolerance - distance;
        let bound = (2.0 * (-2.0 * m * off * off).exp()).min(1.0);
        let (beyond, within) = if off > 0.0 {
            (bound, 1.0)
        } else {
            (1.0, bound)
        };
        let noise = MEAN_STATISTIC * MEAN_STATISTIC / m;
        Self {
            beyond,
            within,
            bound: Bound::Concentration {
                off: tolerance - (distance * distance - noise).max(0.0).sqrt(),
                k: 2.0,
                c: 2.0,
                s: MEAN_STATISTIC,
            },
            networks: m,
        }
    }

    /// Of the energy distance $D$ of $m$ points from as many draws of a law, in a set of diameter 1.
    ///
    /// $D$ is the norm of a difference of means in a Hilbert space, where one point moves it by at most
    /// $\sqrt 2/m$: $P(\pm (D - \mathbb E D) \ge \varepsilon) \le e^{-m \varepsilon^2/2}$ (C. McDiarmid 1989;
    /// as A. Gretton et al. 2012, JMLR 13:723, theorem 7). $\mathbb E D$ is at least the distance of the laws
    /// (Jensen), and at most $(D^2 + \sqrt 2/m)^{1/2}$, since $\mathbb E |X - X'| \le 1/\sqrt 2$ there.
    pub(super) fn of_energy(distance: f64, tolerance: f64, networks: usize) -> Self {
        let m = networks as f64;
        let tail = |off: f64| (-0.5 * m * off.max(0.0).powi(2)).exp();
        let largest = (tolerance * tolerance + 2f64.sqrt() / m).sqrt();
        // of equal laws D² has the mean 2 E|X - X'|/m, and points of the unit cube have E|X - X'| ≤
        // (d/6)^(1/2)
        let noise = 2.0 / 6f64.sqrt();
        Self {
            beyond: tail(tolerance - distance),
            within: tail(distance - largest),
            bound: Bound::Concentration {
                off: tolerance - (distance * distance - noise / m).max(0.0).sqrt(),
                k: 0.5,
                c: 1.0,
                s: noise.sqrt(),
            },
            networks: m,
        }
    }

    /// The factor in the number of networks after which an answer would have the probability `level`:
    /// `beyond` if the distance is said to be within the tolerance, `within` if it is not.
    pub(super) fn factor(&self, level: f64, says_within: bool) -> f64 {
        match self.bound {
            Bound::Normal if says_within => factor_of_normal(self.beyond, level),
            Bound::Normal => factor_of_normal(self.within, level),
            Bound::Wager { beyond, within } => {
                let growth = if says_within { beyond } else { within };
                if growth > 0.0 {
                    Wager::networks(level, growth) / self.networks
                } else {
                    f64::INFINITY
                }
            }
            Bound::Concentration { off, k, c, s } => {
                let reach = ((c / level).ln() / k).max(0.0).sqrt();
                let (reach, off) = if says_within {
                    (reach + s, off)
                } else {
                    (reach, -off)
                };
                if off > 0.0 {
                    (reach / off).powi(2) / self.networks
                } else {
                    f64::INFINITY
                }
            }
        }
    }

    /// Whether the distance, without its noise, is within the tolerance.
    pub(super) fn is_near(&self) -> bool {
        match self.bound {
            Bound::Concentration { off, .. } => off > 0.0,
            _ => self.beyond <= self.within,
        }
    }
}

/// The distance of values from a target; on `without` networks there is none.
pub(super) fn distance(
    (values, without): (&[f64], usize),
    target: Target<'_>,
    measure: Measure,
    tolerance: f64,
) -> Result<(f64, f64, Tails)> {
    let networks = values.len() + without;
    let count = networks as f64;
    Ok(match target {
        Target::Number { value, unit } => {
            let distances = without_value::distances_from(value, values, without, unit);
            if measure == Measure::L2 {
                let (error, standard_error) = Empirical::new(distances, 0)?.l2_error(0.0);
                // a smaller one means a tail that the sample has not seen
                let least = error / (2.0 * count).sqrt();
                let (error, standard_error) = (error / unit, standard_error.max(least) / unit);
                let tails = Tails::normal(error, standard_error, tolerance, networks);
                return Ok((error, standard_error, tails));
            }
            let bounded = distances.iter().map(|distance| (distance / unit).min(1.0));
            let bounded: Vec<f64> = bounded.collect();
            let tails = Tails::of_mean(&bounded, tolerance);
            let (mean, standard_error) = Empirical::new(bounded, 0)?.mean();
            // equal values may hide one in m of another kind
            (mean, standard_error.max(count.recip()), tails)
        }
        Target::Law(law) => {
            let sample = Law::Empirical(without_value::at_infinity(values, without)?);
            let statistic = sample.kolmogorov_smirnov(law).clamp(0.0, 1.0);
            let tails = Tails::of_kolmogorov_smirnov(statistic, tolerance, networks);
            (statistic, 0.5 / count.sqrt(), tails)
        }
        Target::Sample {
            values: other,
            without: of_other,
            unit,
        } => {
            // those without a value stand one unit beyond all others
            let largest = |all: &[f64]| all.iter().fold(0.0_f64, |far, x| far.max(x.abs()));
            let far = largest(values).max(largest(other)) + unit;
            let sample = |values: &[f64], without: usize| {
                let mut values = values.to_vec();
                values.resize(values.len() + without, far);
                Empirical::new(values, 0)
            };
            let (one, two) = (sample(values, without)?, sample(other, of_other)?);
            // Efron and Stein: the variance of W_1 is at most that of both means
            let variance = one.variance() / count + two.variance() / two.values().len() as f64;
            let distance = Law::Empirical(one).wasserstein(&Law::Empirical(two)) / unit;
            let standard_error = variance.sqrt() / unit;
            let tails = Tails::normal(distance, standard_error, tolerance, networks);
            (distance, standard_error, tails)
        }
    })
}

/// The distance of a computed law.
pub(super) fn distance_of_law(
    law: &Law,
    target: Target<'_>,
    measure: Measure,
    tolerance: f64,
) -> Option<(f64, Tails)> {
    let distance = match (target, measure) {
        (Target::Number { value, unit }, Measure::L2) => law.l2(&Law::Deterministic(value)) / unit,
        (Target::Number { value, unit }, _) => match law {
            Law::Deterministic(x) => ((x - value).abs() / unit).min(1.0),
            _ => return None,
        },
        (Target::Law(limit), _) => law.kolmogorov_smirnov(limit),
        (Target::Sample { .. }, _) => return None,
    };
    Some((distance, Tails::exact(distance, tolerance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_without_a_value_are_far() {
        let number = Target::Number {
            value: 2.0,
            unit: 2.0,
        };
        let at = |values: &[f64], without: usize, target, measure| {
            distance((values, without), target, measure, 0.1).unwrap().0
        };
        // in probability one unit away, in L² as far as the farthest value
        assert_eq!(at(&[2.0; 3], 1, number, Measure::Bounded), 0.25);
        assert_eq!(at(&[2.0; 3], 1, number, Measure::L2), 0.5);
        assert_eq!(at(&[2.0, 8.0], 2, number, Measure::L2), 27f64.sqrt() / 2.0);
        assert_eq!(at(&[], 9, number, Measure::L2), 1.0);
        // of a law, at infinity
        let law = Law::gaussian(0.0, 1.0).unwrap();
        let ks = at(&[-10.0], 3, Target::Law(&law), Measure::KolmogorovSmirnov);
        assert_eq!(ks, 0.75);
        // of a sample, apart from those with a value and near each other
        let sample = Target::Sample {
            values: &[1.0, 1.0],
            without: 0,
            unit: 1.0,
        };
        assert_eq!(at(&[1.0], 1, sample, Measure::Wasserstein), 0.5);
    }

    #[test]
    fn energy_distances_have_the_stated_probabilities() {
        // as of equal laws: 0.9/√m
        let null = |m: usize| 0.9 / (m as f64).sqrt();
        let few = Tails::of_energy(null(500), 0.1, 500);
        assert!(few.beyond > 0.01 && few.within == 1.0 && few.is_near());
        let enough = (500.0 * few.factor(0.01, true)).ceil() as usize;
        assert!((1000..2000).contains(&enough), "{enough}");
        assert!(Tails::of_energy(null(enough), 0.1, enough).beyond < 0.0101);
        let far = Tails::of_energy(0.3, 0.1, 500);
        assert!(far.within < 1e-3 && far.beyond == 1.0 && !far.is_near());
    }
}
