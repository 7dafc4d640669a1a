//! One sample against a continuous law.

use std::f64::consts::PI;

use crate::error::{self, Result};

/// Up to this many draws the distribution function is computed by Durbin's matrix.
const EXACT: usize = 1000;
/// From this $mD^2$ on, samples that deviate to both sides have $e^{-6mD^2} < 4 \cdot 10^{-11}$ of the
/// probability of those that deviate to one.
const ONE_SIDED: f64 = 4.0;
/// Up to this many draws the one-sided probability is summed.
const SUMMED: usize = 100_000;

/// The probability that the Kolmogorov–Smirnov statistic of $m$ draws from a continuous law is at least
/// `statistic`, under the law.
///
/// For $mD^2 < 4$ it is $1 - F$: up to $m = 1000$ by J. Durbin's matrix (G. Marsaglia, W. W. Tsang and J.
/// Wang 2003, J. Stat. Softw. 8(18)), exact to 1e-12; beyond by four terms of W. Pelz and I. J. Good (1976,
/// JRSS B 38:152) in powers of $m^{-1/2}$, to 5e-8. Otherwise it is twice the one-sided probability $$P(D^+
/// \ge d) = d \sum_{j=0}^{\lfloor m(1-d) \rfloor} \binom mj \Bigl(d + \frac jm\Bigr)^{j-1} \Bigl(1 - d -
/// \frac jm\Bigr)^{m-j}$$ (Z. W. Birnbaum and F. H. Tingey 1951), so that small probabilities have relative
/// accuracy: 1e-9 up to $m = 10^5$, beyond it $e^{-(6md+1)^2/18m - 4md^4/9}$, to $d^2$. The division is that
/// of R. Simard and P. L'Ecuyer (2011, J. Stat. Softw. 39(11)).
///
/// Under a law with atoms the probability is smaller: as a p-value this one is then conservative.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a statistic outside of $[0, 1]$ or no samples.
///
/// ```
/// use neural_limits::statistics::one_sample_p_value;
/// // of one draw, the statistic is at least 1/2, and uniform
/// assert!((one_sample_p_value(0.6, 1)? - 0.8).abs() < 1e-15);
/// // the classical 5 % point is about 1.358 / sqrt(m)
/// assert!((one_sample_p_value(0.1340, 100)? - 0.05).abs() < 5e-4);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn one_sample_p_value(statistic: f64, samples: usize) -> Result<f64> {
    error::size("samples", samples)?;
    let d = error::unit_interval("statistic", statistic)?;
    let m = samples as f64;
    let p = if 2.0 * m * d <= 1.0 {
        1.0
    } else if d >= 0.5 || m * d * d >= ONE_SIDED {
        2.0 * one_sided(d, samples)
    } else if samples <= EXACT {
        1.0 - by_matrix(d, samples)
    } else {
        1.0 - by_series(d * m.sqrt(), m)
    };
    Ok(p.clamp(0.0, 1.0))
}

/// $P(D^+ \ge d)$.
fn one_sided(d: f64, samples: usize) -> f64 {
    let m = samples as f64;
    if samples > SUMMED {
        let exponent = (6.0 * m * d + 1.0).powi(2) / (18.0 * m);
        return (-exponent - 4.0 / 9.0 * m * d.powi(4)).exp();
    }
    let mut sum = 0.0;
    let mut log_binomial = 0.0;
    for j in 0..samples {
        let below = j as f64 / m;
        let above = 1.0 - d - below;
        if above <= 0.0 {
            break;
        }
        let j = j as f64;
        let log = log_binomial + (j - 1.0) * (d + below).ln() + (m - j) * above.ln();
        sum += log.exp();
        log_binomial += ((m - j) / (j + 1.0)).ln();
    }
    d * sum
}

/// $P(D < d) = (m!/m^m) (H^m)_{kk}$ with $H$ of order $2k - 1$, $k = \lfloor md \rfloor + 1$: all entries are
/// non-negative, so nothing cancels.
fn by_matrix(d: f64, samples: usize) -> f64 {
    let m = samples as f64;
    let k = (m * d) as usize + 1;
    let h = k as f64 - m * d;
    let order = 2 * k - 1;
    // 1/i!, and the first column (that of the last row, read backwards)
    let mut inverse_factorial = vec![1.0; order + 1];
    let mut power = 1.0;
    let mut corner = vec![0.0; order];
    for i in 1..=order {
        inverse_factorial[i] = inverse_factorial[i - 1] / i as f64;
        power *= h;
        corner[i - 1] = (1.0 - power) * inverse_factorial[i];
    }
    let overlap = (2.0 * h - 1.0).max(0.0).powi(order as i32);
    corner[order - 1] = (1.0 - 2.0 * power + overlap) * inverse_factorial[order];
    let mut v = vec![0.0; order];
    let mut image = v.clone();
    v[k - 1] = 1.0;
    // the factors i/m of m!/m^m, in an order that keeps v in range
    let (mut least, mut largest) = (1, samples);
    for _ in 0..samples {
        let size = v.iter().fold(0.0_f64, |size, entry| size.max(*entry));
        let factor = if size > 1.0 {
            least += 1;
            (least - 1) as f64 / m
        } else {
            largest -= 1;
            (largest + 1) as f64 / m
        };
        for (i, image) in image.iter_mut().enumerate() {
            let mut sum = if i + 1 == order {
                corner.iter().rev().zip(&v).map(|(h, v)| h * v).sum()
            } else {
                let inside = v[1..=i + 1]
                    .iter()
                    .zip(inverse_factorial[..=i].iter().rev());
                corner[i] * v[0] + inside.map(|(v, h)| h * v).sum::<f64>()
            };
            sum *= factor;
            *image = sum;
        }
        std::mem::swap(&mut v, &mut image);
    }
    v[k - 1]
}

/// $P(\sqrt m D < z)$ to order $m^{-3/2}$, by theta functions that converge fast for small $z$.
fn by_series(z: f64, m: f64) -> f64 {
    const TERMS: usize = 8;
    let square = z * z;
    let fourth = square * square;
    let sixth = fourth * square;
    let pi2 = PI * PI;
    let rate = pi2 / (2.0 * square);
    // Σ f(t²) exp(-rate t²) over t = ½, 3/2, … or 1, 2, …
    let theta = |start: f64, f: &dyn Fn(f64) -> f64| -> f64 {
        let terms = (0..TERMS).map(|j| (j as f64 + start).powi(2));
        terms.map(|t| f(t) * (-rate * t).exp()).sum()
    };
    let root = m.sqrt();
    let constant = (0.5 * PI).sqrt();
    let zeroth = 2.0 * theta(0.5, &|_| 1.0) / z;
    let first = theta(0.5, &|t| pi2 * t - square) / (3.0 * fourth);
    let second = theta(0.5, &|t| {
        let cubic = pi2 * (2.0 * fourth - 5.0 * square) * t;
        6.0 * sixth + 2.0 * fourth + cubic + pi2 * pi2 * (1.0 - 2.0 * square) * t * t
    }) / (36.0 * z * sixth)
        - theta(1.0, &|t| pi2 * t) / (18.0 * z * square);
    let third = theta(0.5, &|t| {
        let p1 = pi2 * (135.0 * fourth - 96.0 * sixth);
        let p2 = pi2 * pi2 * (212.0 * fourth - 60.0 * square);
        let p3 = pi2 * pi2 * pi2 * (5.0 - 30.0 * square);
        -30.0 * sixth - 90.0 * sixth * square + (p1 + (p2 + p3 * t) * t) * t
    }) / (3240.0 * fourth * sixth)
        + theta(1.0, &|t| (3.0 * pi2 * square - pi2 * pi2 * t) * t) / (108.0 * sixth);
    constant * (zeroth + (first + (second + third / root) / root) / root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.kstwo.sf(d, m)`, SciPy 1.17.1.
    const SCIPY: [(usize, f64, f64); 20] = [
        (2, 0.4, 0.82),
        (5, 0.3, 0.664),
        (5, 0.55, 0.059_696_249_999_999_965),
        (10, 0.274, 0.371_520_384_543_495_7),
        (10, 0.41, 0.049_320_757_828_704_82),
        (100, 0.05, 0.953_215_971_063_572_5),
        (100, 0.1358, 0.045_359_802_733_613_31),
        (100, 0.3, 1.771_986_989_266_291_7e-8),
        (1000, 0.02, 0.810_897_165_689_557_7),
        (1000, 0.06, 0.001_428_597_887_952_891),
        (1000, 0.2, 1.552_862_920_425_053_8e-35),
        (1001, 0.02, 0.810_425_426_786_881_2),
        (2000, 0.03, 0.053_546_947_939_325_57),
        (5000, 0.01, 0.695_455_725_391_385_3),
        (5000, 0.015, 0.208_461_420_961_862_04),
        (5000, 0.027, 0.001_339_158_426_441_868_4),
        (20_000, 0.0137, 0.001_087_562_432_360_842_5),
        (100_000, 0.003, 0.328_456_332_772_695_6),
        (100_000, 0.01, 4.093_278_023_549_254e-9),
        (300_000, 0.004, 0.000_135_093_081_940_254_4),
    ];

    #[test]
    fn the_probabilities_are_those_of_scipy() {
        for (samples, d, expected) in SCIPY {
            let p = one_sample_p_value(d, samples).unwrap();
            let off = (p / expected - 1.0).abs();
            let accuracy = if samples > SUMMED { d * d } else { 1e-7 };
            assert!(off < accuracy, "{samples} {d}: {p}");
        }
    }

    #[test]
    fn the_parts_meet() {
        for samples in [20, 200, EXACT] {
            let m = samples as f64;
            let d = (ONE_SIDED / m).sqrt();
            let (below, above) = (1.0 - by_matrix(d, samples), 2.0 * one_sided(d, samples));
            assert!((below / above - 1.0).abs() < 1e-9, "{samples}");
            for z in [0.4, 0.8, 1.6] {
                let off = by_matrix(z / m.sqrt(), samples) - by_series(z, m);
                assert!(samples < EXACT || off.abs() < 5e-8, "{off:e}");
            }
        }
        let d = 0.01;
        let summed = one_sided(d, SUMMED);
        let off = one_sided(d, SUMMED + 1) / summed / (-2.0 * d * d).exp() - 1.0;
        assert!(off.abs() < d * d, "{off:e}");
    }
}
