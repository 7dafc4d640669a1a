//! A band around the distribution function of a sample.

use crate::error::{self, Error, Result};
use crate::numerics::root;

/// The largest sample: its band takes 2 s, that of 1000 values 0.07 s.
const LARGEST: usize = 10_000;
/// The relative error of 1 − level.
const TOLERANCE: f64 = 1e-9;
/// Probabilities that are dropped.
const NEGLIGIBLE: f64 = 1e-30;

/// Intervals that contain all order statistics $U_{(1)} \le \dots \le U_{(m)}$ of uniform draws with
/// probability `level`: $U_{(i)} \in [L_i, H_{i-1}]$, where $L_i$ and $H_i$ are the roots $u$ of $$K(i/m, u)
/// = \frac im \log \frac{i/m}u + \Bigl(1 - \frac im\Bigr) \log \frac{1 - i/m}{1 - u} = \kappa,$$ the set of
/// laws at which a sample is likely (R. H. Berk and D. H. Jones 1979; A. B. Owen 1995, JASA 90:516). Unlike
/// the band of Kolmogorov and Smirnov it is narrow in the tails. $\kappa$ is that of exactly this level (to
/// 1e-9 of $1 - $ level): the coverage is computed by the recursion below, not asymptotically.
///
/// # Errors
/// [`Error::Invalid`] for no draws, or a level outside of $(0, 1)$ or above $1 - 10^{-9}$;
/// [`Error::Unsupported`] for more than 10 000 draws.
pub(crate) fn order_statistics_band(samples: usize, level: f64) -> Result<Vec<(f64, f64)>> {
    error::size("samples", samples)?;
    if !(level > 0.0 && level <= 1.0 - 1e-9) {
        return Err(Error::invalid("level", level, "a number in (0, 1 - 1e-9]"));
    }
    if samples > LARGEST {
        return Err(Error::unsupported(
            format!("a band around {samples} values"),
            format!("its coverage is computed for at most {LARGEST}"),
        ));
    }
    let m = samples as f64;
    // log(1 - coverage) is nearly linear in mκ
    let mut excess = |scaled: f64| {
        let coverage = coverage(&intervals(samples, scaled / m));
        let excess = (1.0 - coverage).max(1e-15).ln() - (1.0 - level).ln();
        Ok(if excess.abs() < TOLERANCE {
            0.0
        } else {
            excess
        })
    };
    let mut low = (1.0, excess(1.0)?);
    let step = if low.1 > 0.0 { 2.0 } else { 0.5 };
    let mut high = low;
    while high.1 * low.1 > 0.0 {
        low = high;
        high = (step * low.0, excess(step * low.0)?);
    }
    let scaled = root::bracketed(&mut excess, low, high)?;
    Ok(intervals(samples, scaled / m))
}

/// $[L_i, H_{i-1}]$ for $i = 1, \dots, m$.
fn intervals(samples: usize, kappa: f64) -> Vec<(f64, f64)> {
    let m = samples as f64;
    let upper: Vec<f64> = (0..samples)
        .map(|i| upper_root(i as f64 / m, kappa))
        .collect();
    // by symmetry
    (0..samples)
        .map(|i| (1.0 - upper[samples - 1 - i], upper[i]))
        .collect()
}

/// The root $u > p$ of $K(p, u) = \kappa$, by Newton's steps from above: $K$ is convex.
fn upper_root(p: f64, kappa: f64) -> f64 {
    if p == 0.0 {
        return -(-kappa).exp_m1();
    }
    // K >= 2(u - p)², and K >= p log p + (1 - p) log((1-p)/(1-u))
    let tail = (1.0 - p) * (-(kappa - p * p.ln()) / (1.0 - p)).exp();
    let mut u = (p + (0.5 * kappa).sqrt()).min(1.0 - tail);
    for _ in 0..100 {
        let value = p * (p / u).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - u)).ln() - kappa;
        let next = u - value * u * (1.0 - u) / (u - p);
        if !(next < u && next > p) {
            break;
        }
        u = next;
    }
    u
}

/// The probability that every order statistic of uniform draws lies in its interval; both ends increase.
///
/// The number of draws up to $t$ is a Poisson process given that it ends at $m$ (E. Khmaladze and E.
/// Shinjikashvili 2001, Adv. Appl. Probab. 33:899): it is followed from end to end of the intervals, and what
/// leaves them is dropped. $O(m^{3/2})$ for bands.
fn coverage(intervals: &[(f64, f64)]) -> f64 {
    let count = intervals.len();
    let m = count as f64;
    // least: of how many intervals the upper end has passed; most: of how many the lower end
    let (mut least, mut most) = (0, 0);
    let mut chances = vec![1.0];
    let mut time = 0.0;
    while least < count || most < count {
        let upper = intervals.get(least).map_or(f64::INFINITY, |end| end.1);
        let lower = intervals.get(most).map_or(f64::INFINITY, |end| end.0);
        let next = upper.min(lower);
        let mean = m * (next - time).max(0.0);
        let mut moved = vec![0.0; most + 1 - least];
        for (from, chance) in chances.iter().enumerate() {
            let mut weight = chance * (-mean).exp();
            if weight < NEGLIGIBLE {
                continue;
            }
            for (steps, entry) in moved[from..].iter_mut().enumerate() {
                *entry += weight;
                weight *= mean / (steps + 1) as f64;
                if weight < NEGLIGIBLE && steps as f64 > mean {
                    break;
                }
            }
        }
        chances = moved;
        time = next;
        if lower <= upper {
            most += 1;
        } else {
            chances.remove(0);
            least += 1;
            if chances.is_empty() {
                return 0.0;
            }
        }
    }
    // no draw is left for the rest of the time; P(N = m) of the process is m^m e^{-m}/m!
    let factorial: f64 = (1..=count).map(|i| (i as f64 / m).ln() + 1.0).sum();
    chances[0] * (factorial - m * (1.0 - time)).exp()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::Seed;

    #[test]
    fn the_coverage_is_exact() {
        // one draw between ends; two draws: P(U(1) < b, a < U(2)) = b(2 - b) - a² for a < b
        assert!((coverage(&[(0.2, 0.9)]) - 0.7).abs() < 1e-15);
        let (a, b): (f64, f64) = (0.3, 0.8);
        let two = coverage(&[(0.0, b), (a, 1.0)]);
        assert!((two - (b * (2.0 - b) - a * a)).abs() < 1e-14, "{two}");
        // the band of Kolmogorov and Smirnov
        for (samples, d) in [(10, 0.3), (100, 0.12), (400, 0.05)] {
            let m = samples as f64;
            let ends = |i: usize| ((i as f64 + 1.0) / m - d, i as f64 / m + d);
            let band: Vec<_> = (0..samples)
                .map(ends)
                .map(|(a, b)| (a.max(0.0), b.min(1.0)))
                .collect();
            let p = crate::statistics::one_sample_p_value(d, samples).unwrap();
            assert!((coverage(&band) + p - 1.0).abs() < 1e-12, "{samples}");
        }
    }

    #[test]
    fn uniform_draws_lie_in_the_band_with_its_level() {
        let band = order_statistics_band(50, 0.9).unwrap();
        let inside = (0..2000).filter(|i| {
            let mut stream = Seed::new(4).stream(*i);
            let mut draws: Vec<f64> = (0..50).map(|_| stream.random()).collect();
            draws.sort_unstable_by(f64::total_cmp);
            draws
                .iter()
                .zip(&band)
                .all(|(u, (low, high))| (*low..=*high).contains(u))
        });
        let inside = inside.count();
        // 1800 ± 13.4: five standard errors
        assert!((1733..=1867).contains(&inside), "{inside}");
    }

    #[test]
    fn the_roots_are_roots() {
        for p in [0.001, 0.3, 0.999] {
            for kappa in [1e-6, 1e-3, 0.1] {
                let u = upper_root(p, kappa);
                let value = p * (p / u).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - u)).ln();
                // the last is e^{-100} from 1
                let right = u == 1.0 || (value / kappa - 1.0).abs() < 1e-7;
                assert!(u > p && right, "{p} {kappa} {u} {value}");
            }
        }
    }

    #[test]
    fn the_constants_are_those_published() {
        // L. Jager and J. A. Wellner 2005, which corrects Owen's, at the level 0.95
        for (samples, published) in [
            (20_usize, [3.6792, 0.5720, -0.0567, 0.0027]),
            (500, [3.7752, 0.5062, -0.0417, 0.0016]),
        ] {
            let m = samples as f64;
            let published = published.iter().rev().fold(0.0, |sum, c| sum * m.ln() + c);
            let band = order_statistics_band(samples, 0.95).unwrap();
            // H_0 = 1 - exp(-κ)
            let scaled = -m * (-band[0].1).ln_1p();
            assert!(
                (scaled - published).abs() < 5e-3,
                "{samples}: {scaled} {published}"
            );
        }
    }
}
