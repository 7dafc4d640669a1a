//! The mean of numbers in [0, 1], against a bound, at every number of them.

/// Shares of the largest stake that are wagered side by side.
const STAKES: [f64; 8] = [
    1.0,
    0.5,
    0.25,
    0.125,
    0.0625,
    0.031_25,
    0.015_625,
    0.007_812_5,
];

/// A wager on a mean being below (or above) a bound $\tau$.
///
/// If the mean of $X_i \in [0, 1]$ is at least $\tau$, a gambler who stakes $\lambda \le 1/(1 - \tau)$ on
/// each $X_i$ to be less has the fortune $\prod_i (1 + \lambda(\tau - X_i)) \ge 0$ with a mean of at most 1,
/// and so has one who divides it among several $\lambda$. By Markov's inequality the inverse fortune is a
/// p-value: exactly, at every $m$, whatever the law of $X_i$ (I. Waudby-Smith and A. Ramdas 2024, JRSS B
/// 86:1, arXiv
/// 2010.09686). No normal law is needed, which 64 numbers near 0 with a rare 1 do not have; where all $X_i$
/// are 0, $p = 8 (1 - \tau)^m$ is not far from the least that is possible, $(1 - \tau)^m$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wager {
    pub(super) p_value: f64,
    /// The logarithm of the best stake's fortune for each number.
    pub(super) growth: f64,
}

impl Wager {
    /// That the mean is below the bound (sign 1) or above (−1).
    pub(super) fn on(numbers: &[f64], bound: f64, sign: f64) -> Self {
        let largest = if sign > 0.0 {
            (1.0 - bound).recip()
        } else {
            bound.recip()
        };
        let fortune = |share: &f64| {
            let stake = sign * share * largest;
            let logs = numbers
                .iter()
                .map(|x| (stake * (bound - x)).max(-1.0).ln_1p());
            logs.sum::<f64>()
        };
        let logs = STAKES.each_ref().map(fortune);
        let best = logs
            .iter()
            .fold(f64::NEG_INFINITY, |best, log| best.max(*log));
        // the mean fortune, out of range in neither direction
        let shares: f64 = logs.iter().map(|log| (log - best).exp()).sum();
        let log_mean = best + (shares / STAKES.len() as f64).ln();
        Self {
            p_value: if log_mean > 0.0 {
                (-log_mean).exp()
            } else {
                1.0
            },
            growth: best / numbers.len() as f64,
        }
    }

    /// The number of networks after which the p-value is `level`, if fortunes grow as they did.
    pub(super) fn networks(level: f64, growth: f64) -> f64 {
        ((STAKES.len() as f64).ln() - level.ln()) / growth
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::Seed;

    /// Numbers with the mean 0.05: one in twenty is 1, the law that a normal approximation misses.
    #[test]
    fn the_level_is_kept_at_64_numbers() {
        let mut wrong = [0, 0];
        let mut normal = 0;
        for i in 0..2000 {
            let mut stream = Seed::new(1).stream(i);
            let draw = |_| f64::from(u8::from(stream.random::<f64>() < 0.05));
            let numbers: Vec<f64> = (0..64).map(draw).collect();
            for (count, sign) in wrong.iter_mut().zip([1.0, -1.0]) {
                *count += usize::from(Wager::on(&numbers, 0.05, sign).p_value <= 0.05);
            }
            let mean = numbers.iter().sum::<f64>() / 64.0;
            let error = (mean * (1.0 - mean) / 63.0).sqrt().max(1.0 / 64.0);
            normal += usize::from((0.05 - mean) / error > 1.645);
        }
        // at most 100 expected
        assert!(wrong.iter().all(|count| *count <= 100), "{wrong:?}");
        assert!(normal > 200, "{normal}");
    }

    #[test]
    fn a_mean_below_is_seen_and_how_many_numbers_show_it() {
        let numbers: Vec<f64> = (0..64).map(|i| 0.02 + 0.01 * f64::from(i % 3)).collect();
        let few = Wager::on(&numbers, 0.05, 1.0);
        assert!(few.p_value > 0.01 && Wager::on(&numbers, 0.05, -1.0).p_value == 1.0);
        let enough = Wager::networks(0.01, few.growth).ceil() as usize;
        let more: Vec<f64> = numbers.iter().cycle().take(enough).copied().collect();
        let p = Wager::on(&more, 0.05, 1.0).p_value;
        assert!((1e-3..=0.0101).contains(&p), "{enough}: {p}");
        // all at the bound's other side
        assert!(Wager::on(&[1.0; 8], 0.05, -1.0).p_value < 1e-9);
    }
}
