//! Two samples.

use super::limit;
use crate::error::{self, Error, Result};
use crate::statistics::Test;

/// The largest number of lattice points that are visited for an exact probability: 0.06 s.
const LARGEST_LATTICE: f64 = 3e7;

/// The probability that the Kolmogorov–Smirnov distance of two independent samples of $m$ and $n$ values from
/// one continuous law is at least `statistic`.
///
/// Exact, with relative accuracy in the tail, for $m = n$ (B. V. Gnedenko and V. S. Korolyuk 1951) and else
/// while $2Dmn \le 3 \cdot 10^7$: all $\binom{m+n}{m}$ orders of the values, paths on a lattice, are equally
/// likely, and those that reach the distance are counted (J. L. Hodges 1957, Ark. Mat. 3:469). Beyond,
/// Kolmogorov's limit law at
/// $$z = \Bigl(D - \frac{\gcd(m, n)}{2mn}\Bigr) \Bigl(\frac{mn}{m+n}\Bigr)^{1/2} +
/// \frac{m + 2n}{6 (mn(m+n))^{1/2}}, \quad m \ge n$$
/// (Hodges's correction and half a step of the lattice), within 2 % for $p \ge 10^{-4}$ at the sizes where it
/// is used.
///
/// Samples with ties deviate less: as a p-value it is then conservative, and [`kolmogorov_smirnov_test`] is
/// exact.
///
/// # Errors
/// [`Error::Invalid`] for a statistic outside of $[0, 1]$ or no samples.
///
/// ```
/// use neural_limits::statistics::two_sample_p_value;
/// // two of the 20 orders separate 3 values from 3
/// assert!((two_sample_p_value(1.0, 3, 3)? - 0.1).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn two_sample_p_value(statistic: f64, first: usize, second: usize) -> Result<f64> {
    error::size("first", first)?;
    error::size("second", second)?;
    let statistic = error::unit_interval("statistic", statistic)?;
    let step = gcd(first, second);
    // |F - G| in units of gcd/mn; what was rounded down to below a lattice point is at it
    let points = first as f64 * (second / step) as f64;
    let distance = ((statistic - 4.0 * f64::EPSILON) * points - 1e-9).ceil();
    if distance <= 1.0 {
        return Ok(1.0);
    }
    let (m, n) = (first as f64, second as f64);
    let p = if first == second {
        equal_sizes(first, distance as usize)
    } else if 2.0 * statistic * m * n <= LARGEST_LATTICE {
        let distance = distance as u64 * step as u64;
        Lattice { first, second }.reaching(distance, |_| true)
    } else {
        let z = (statistic - 0.5 / points) * (m * n / (m + n)).sqrt();
        limit(z + (m + n + m.min(n)) / (6.0 * (m * n * (m + n)).sqrt()))
    };
    Ok(p.clamp(0.0, 1.0))
}

/// The Kolmogorov–Smirnov test of the hypothesis that two samples are from one law: the distance $\sup \lvert
/// F - G \rvert$ and its p-value.
///
/// With ties the p-value is that of the permutation test: the order of tied values does not matter, so the
/// distance is taken only where the pooled values change (G. Schröer and D. Trenkler 1995, Comput. Stat. Data
/// Anal. 20:185). It is exact for $mn \le 3 \cdot 10^7$; beyond, and without ties,
/// [`two_sample_p_value`].
///
/// # Errors
/// [`Error::Shape`] for an empty sample; [`Error::Invalid`] for a value that is not finite.
///
/// ```
/// use neural_limits::statistics::kolmogorov_smirnov_test;
/// let test = kolmogorov_smirnov_test(&[1.0, 2.0, 2.0], &[2.0, 3.0, 4.0])?;
/// assert!((test.statistic - 2.0 / 3.0).abs() < 1e-15);
/// // of the 20 ways to choose three of 1, 2, 2, 2, 3, 4, eight reach that distance
/// assert!((test.p_value - 0.4).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn kolmogorov_smirnov_test(first: &[f64], second: &[f64]) -> Result<Test> {
    let (first, second) = (sorted("first", first)?, sorted("second", second)?);
    let (m, n) = (first.len(), second.len());
    let (mut i, mut j) = (0, 0);
    let mut distance = 0;
    // whether the values end after so many of the pooled ones
    let mut ends = vec![false; m + n + 1];
    while i < m || j < n {
        let value = match (first.get(i), second.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (a, b) => *a.or(b).unwrap_or(&0.0),
        };
        i += first[i..].iter().take_while(|x| **x == value).count();
        j += second[j..].iter().take_while(|x| **x == value).count();
        ends[i + j] = true;
        distance = distance.max((i as u64 * n as u64).abs_diff(j as u64 * m as u64));
    }
    let (size_m, size_n) = (m as f64, n as f64);
    let statistic = distance as f64 / (size_m * size_n);
    let tied = ends[1..].contains(&false);
    let p_value = if distance == 0 {
        1.0
    } else if tied && size_m * size_n <= LARGEST_LATTICE {
        let lattice = Lattice {
            first: m,
            second: n,
        };
        lattice.reaching(distance, |place| ends[place]).min(1.0)
    } else {
        two_sample_p_value(statistic, m, n)?
    };
    Ok(Test { statistic, p_value })
}

fn sorted(argument: &str, values: &[f64]) -> Result<Vec<f64>> {
    if values.is_empty() {
        return Err(Error::shape(argument, "no values", "at least one value"));
    }
    for (i, &value) in values.iter().enumerate() {
        error::finite(&format!("{argument}[{i}]"), value)?;
    }
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// $P(nD \ge k)$ for two samples of $n$ values: $2 \sum_{j \ge 1} (-1)^{j-1} \binom{2n}{n-jk} /
/// \binom{2n}{n}$, by reflection.
fn equal_sizes(size: usize, k: usize) -> f64 {
    let mut ratio = 1.0;
    let mut sum = 0.0;
    let mut sign = 2.0;
    for i in 0..size {
        if i > 0 && i.is_multiple_of(k) {
            sum += sign * ratio;
            sign = -sign;
        }
        ratio *= (size - i) as f64 / (size + 1 + i) as f64;
        if ratio < 1e-18 * sum {
            return sum;
        }
    }
    if size.is_multiple_of(k) {
        sum + sign * ratio
    } else {
        sum
    }
}

/// Orders of the pooled values of two samples: paths from $(0, 0)$ to $(m, n)$.
struct Lattice {
    first: usize,
    second: usize,
}

impl Lattice {
    /// The share of paths on which $|in - jm|$ is at least `distance` somewhere that is looked at, by the
    /// number $i + j$ of steps. What a path that is followed step by step leaves at its first such place is
    /// summed: no term is negative.
    fn reaching(&self, distance: u64, looked_at: impl Fn(usize) -> bool) -> f64 {
        let (m, n) = (self.first, self.second);
        let reached = |place: usize, i: usize| {
            let (i, j) = (i as u64, (place - i) as u64);
            (i * n as u64).abs_diff(j * m as u64) >= distance
        };
        // chances[i]: the path is at (i, place - i), for i in low..=high
        let mut chances = vec![0.0; m + 1];
        chances[0] = 1.0;
        let (mut low, mut high) = (0, 0);
        let mut sum = 0.0;
        for place in 1..=m + n {
            let left = 1.0 / (m + n + 1 - place) as f64;
            let before = |i: usize| n - (place - 1 - i);
            if high < m {
                chances[high + 1] = chances[high] * (m - high) as f64 * left;
            }
            for i in (low + 1..=high).rev() {
                let stays = chances[i] * before(i) as f64;
                chances[i] = (stays + chances[i - 1] * (m + 1 - i) as f64) * left;
            }
            chances[low] *= before(low) as f64 * left;
            high = m.min(high + 1).min(place);
            low = low.max(place.saturating_sub(n));
            if looked_at(place) {
                while low <= high && reached(place, low) {
                    sum += chances[low];
                    chances[low] = 0.0;
                    low += 1;
                }
                while high > low && reached(place, high) {
                    sum += chances[high];
                    chances[high] = 0.0;
                    high -= 1;
                }
                if low > high {
                    return sum;
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths counted in integers of any length, by Python: m, n, the distance in units of 1/mn, P.
    const COUNTED: [(usize, usize, u32, f64); 11] = [
        (3, 4, 9, 0.228_571_428_571_428_56),
        (5, 5, 20, 0.079_365_079_365_079_36),
        (7, 5, 23, 0.116_161_616_161_616_16),
        (50, 50, 700, 0.039_194_586_195_352_23),
        (50, 40, 600, 0.029_491_469_753_400_678),
        (10, 1000, 5000, 0.008_295_501_892_324_792),
        (300, 300, 15_000, 0.000_468_894_859_418_067_2),
        (200, 201, 10_000, 5.393_240_725_344_36e-6),
        (120, 80, 8000, 2.310_631_281_097_347e-34),
        (7, 5, 1, 1.0),
        (7, 5, 7, 0.997_474_747_474_747_5),
    ];

    #[test]
    fn paths_are_counted() {
        for (m, n, distance, expected) in COUNTED {
            let statistic = f64::from(distance) / (m * n) as f64;
            for (m, n) in [(m, n), (n, m)] {
                let p = two_sample_p_value(statistic, m, n).unwrap();
                assert!(
                    (p / expected - 1.0).abs() < 1e-12,
                    "{m} {n} {distance}: {p}"
                );
            }
            let lattice = Lattice {
                first: m,
                second: n,
            };
            let p = lattice.reaching(u64::from(distance), |_| true);
            assert!(
                (p / expected - 1.0).abs() < 1e-12,
                "{m} {n} {distance}: {p}"
            );
        }
    }

    #[test]
    fn the_limit_law_is_near_where_it_takes_over() {
        for (m, n) in [(3000, 2999), (1000, 2000), (300, 3001)] {
            let size = (m * n) as f64;
            for z in [0.6, 0.9, 1.3, 1.7, 2.2] {
                let distance = z * (size * (m + n) as f64).sqrt();
                let step = gcd(m, n) as f64;
                let statistic = step * (distance / step).ceil() / size;
                let exact = two_sample_p_value(statistic, m, n).unwrap();
                let scale = (size / (m + n) as f64).sqrt();
                let correction = (m + n + m.min(n)) as f64 / (6.0 * (size * (m + n) as f64).sqrt());
                let near = limit((statistic - 0.5 * step / size) * scale + correction);
                assert!((near / exact - 1.0).abs() < 0.05, "{m} {n} {z}");
            }
        }
    }

    #[test]
    fn ties_leave_the_orders_of_tied_values_out() {
        // by enumeration of all ways to choose the first sample
        let cases: [(&[f64], &[f64], f64, f64); 2] = [
            (
                &[1.0, 2.0, 2.0, 3.0],
                &[2.0, 3.0, 3.0, 4.0, 5.0],
                0.55,
                0.206_349_206_349_206_34,
            ),
            (
                &[0.0, 0.0, 0.0, 1.0, 1.0, 2.0],
                &[0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0],
                0.547_619_047_619_047_6,
                0.149_184_149_184_149_18,
            ),
        ];
        for (first, second, statistic, p_value) in cases {
            for (first, second) in [(first, second), (second, first)] {
                let test = kolmogorov_smirnov_test(first, second).unwrap();
                assert!((test.statistic - statistic).abs() < 1e-15);
                assert!((test.p_value - p_value).abs() < 1e-14, "{test:?}");
                let untied = two_sample_p_value(statistic, first.len(), second.len()).unwrap();
                assert!(untied > p_value);
            }
        }
        let same = kolmogorov_smirnov_test(&[1.0; 3], &[1.0; 4]).unwrap();
        assert_eq!(
            same,
            Test {
                statistic: 0.0,
                p_value: 1.0
            }
        );
    }

    #[test]
    fn bad_samples_are_named() {
        let error = kolmogorov_smirnov_test(&[1.0], &[]).unwrap_err();
        assert!(
            error.to_string().contains("second has no values"),
            "{error}"
        );
        let error = kolmogorov_smirnov_test(&[1.0, f64::NAN], &[1.0]).unwrap_err();
        assert!(error.to_string().contains("first[1]"), "{error}");
    }
}
