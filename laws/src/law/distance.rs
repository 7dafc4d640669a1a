//! Distances between laws.

use super::Law;
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};
use crate::numerics::normal;

/// Scores at which two continuous laws are compared.
const GRID: usize = 8192;
/// The scores' range: beyond it lies a probability of 2e-19.
const RANGE: f64 = 9.0;
/// A deviation of the logarithm from which on a log-normal law and a sample of $m$ values are as far apart as
/// the sum of their sizes.
const WIDEST: f64 = 20.0;

impl Law {
    /// The Kolmogorov–Smirnov distance $\sup_x |F(x) - G(x)|$.
    ///
    /// Exact (to rounding) if one of the laws has atoms; otherwise the largest difference over 8192 quantiles
    /// of the laws, at most 1e-3 below the supremum.
    ///
    /// ```
    /// use neural_limits::law::{Empirical, Law};
    /// let sample = Law::Empirical(Empirical::new(vec![0.0], 0)?);
    /// assert_eq!(sample.kolmogorov_smirnov(&Law::gaussian(0.0, 1.0)?), 0.5);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn kolmogorov_smirnov(&self, other: &Self) -> f64 {
        let difference = |x: f64| {
            let at = |inclusive| (self.cdf_with(x, inclusive) - other.cdf_with(x, inclusive)).abs();
            at(true).max(at(false))
        };
        let atoms = [self, other].into_iter().filter_map(Law::atoms).flatten();
        let mut distance = atoms.map(|x| difference(*x)).fold(0.0, f64::max);
        if self.atoms().is_none() && other.atoms().is_none() {
            // the quantiles of one law would do; some are costly
            let costly = |law: &Self| matches!(law, Self::LogNormalScale { .. });
            let both = costly(self) == costly(other);
            for law in [self, other].into_iter().filter(|law| both || !costly(law)) {
                for z in scores() {
                    distance = distance.max(difference(law.at_score(z)));
                }
            }
        }
        distance
    }

    /// The Wasserstein distance $W_1 = \int_0^1 |F^{-1}(u) - G^{-1}(u)| du = \int |F - G|$.
    ///
    /// Exact (to rounding) between laws with atoms, of any sizes; to 1e-12, relatively, between a sample and
    /// a Gaussian or log-normal law or a density, by Gauss's rule between the orders $i/m$ and where the law
    /// crosses a value; otherwise by 8192 scores, to about 1e-6 between continuous laws and 1e-4 against a
    /// sample.
    ///
    /// ```
    /// use neural_limits::law::{Empirical, Law};
    /// // E|z| for a standard normal z
    /// let distance = Law::gaussian(0.0, 1.0)?.wasserstein(&Law::Deterministic(0.0));
    /// assert!((distance - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-14);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn wasserstein(&self, other: &Self) -> f64 {
        self.transport(other, 1)
    }

    /// The $L^2$ distance under the best coupling, $W_2 = (\int_0^1 (F^{-1}(u) - G^{-1}(u))^2 du)^{1/2}$:
    /// against a deterministic law $x$ it is $(\mathbb E (X - x)^2)^{1/2}$, the error of strong commutativity
    /// (S. Hayou 2023, arXiv 2310.01683). Accuracy as [`wasserstein`](Self::wasserstein); in closed form
    /// against a number.
    ///
    /// ```
    /// use neural_limits::law::Law;
    /// let distance = Law::gaussian(1.0, 4.0)?.l2(&Law::gaussian(0.0, 1.0)?);
    /// assert!((distance - 2.0_f64.sqrt()).abs() < 1e-6);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn l2(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Empirical(sample), Self::Deterministic(x))
            | (Self::Deterministic(x), Self::Empirical(sample)) => sample.l2_error(*x).0,
            (law, Self::Deterministic(x)) | (Self::Deterministic(x), law) => {
                law.variance().sqrt().hypot(law.mean() - x)
            }
            _ => self.transport(other, 2).sqrt(),
        }
    }

    /// $W_p^p$.
    fn transport(&self, other: &Self, power: i32) -> f64 {
        let exact = match (self.atoms(), other.atoms()) {
            (Some(a), Some(b)) => Some(atomic_transport(a, b, power)),
            (Some(atoms), None) => other.transport_to(atoms, power),
            (None, Some(atoms)) => self.transport_to(atoms, power),
            (None, None) => None,
        };
        exact.unwrap_or_else(|| {
            // with exact weights Φ(z + h/2) - Φ(z - h/2)
            let half = RANGE / GRID as f64;
            let cost = |z: f64| {
                let weight = normal::distribution(z + half) - normal::distribution(z - half);
                weight * (self.at_score(z) - other.at_score(z)).abs().powi(power)
            };
            scores().map(cost).sum()
        })
    }

    /// $W_p^p$ of a continuous law and equal atoms in increasing order; `None` for a law that is neither
    /// Gaussian nor log-normal nor a density.
    fn transport_to(&self, atoms: &[f64], power: i32) -> Option<f64> {
        if !matches!(
            self,
            Self::Gaussian { .. } | Self::LogNormal { .. } | Self::Density(_)
        ) {
            return None;
        }
        let spread = match self {
            Self::LogNormal {
                log_mean,
                log_variance,
            } => {
                let spread = log_variance.sqrt();
                if spread > WIDEST {
                    return Some(far_apart(*log_mean, *log_variance, atoms, power));
                }
                spread
            }
            _ => 0.0,
        };
        // |x|^p times the law is largest at the score p spread
        let (low, high) = (-RANGE, RANGE + f64::from(power) * spread);
        let longest = 1.0 / spread.max(1.0);
        let size = atoms.len();
        let mut sum = 0.0;
        let mut from = low;
        for (i, &x) in atoms.iter().enumerate() {
            let order = (i + 1) as f64 / size as f64;
            if let Self::Density(density) = self {
                let cost = |value: f64| (value - x).abs().powi(power);
                sum += density.between((i as f64 / size as f64, order), x, cost);
                continue;
            }
            let to = if i + 1 == size {
                high
            } else {
                normal::quantile(order)
            };
            let crossing = self.score(x).unwrap_or(low).clamp(from, to);
            for (start, end) in [(from, crossing), (crossing, to)] {
                let panels = ((end - start) / longest).ceil() as usize;
                let width = (end - start) / panels as f64;
                for panel in 0..panels {
                    let start = start + width * panel as f64;
                    let rule = NODES.iter().zip(WEIGHTS);
                    let cost = |share: &f64| self.cost(x, start + width * share, power);
                    sum += rule
                        .map(|(share, weight)| width * weight * cost(share))
                        .sum::<f64>();
                }
            }
            from = to;
        }
        Some(sum)
    }

    /// $|F^{-1}(\Phi(z)) - x|^p$ times the normal density at $z$, for a Gaussian or log-normal law.
    fn cost(&self, x: f64, z: f64, power: i32) -> f64 {
        // of the density to the power 1/p, so that nothing overflows
        let decay = 0.5 * z * z / f64::from(power);
        let difference = match self {
            Self::LogNormal {
                log_mean,
                log_variance,
            } => {
                let above = log_mean + log_variance.sqrt() * z;
                let logarithm = if x > 0.0 {
                    x.ln() - above
                } else {
                    f64::NEG_INFINITY
                };
                if logarithm > 0.0 {
                    -x * (-logarithm).exp_m1() * (-decay).exp()
                } else if x > 0.0 {
                    -(above - decay).exp() * logarithm.exp_m1()
                } else {
                    (above - decay).exp() - x * (-decay).exp()
                }
            }
            _ => (self.at_score(z) - x) * (-decay).exp(),
        };
        difference.abs().powi(power) * normal::density(0.0)
    }
}

/// $\mathbb E X^p + \tfrac1m \sum_i |x_i|^p$ for a log-normal $X$, instead of $W_p^p$. They differ by at most
/// $2 \mathbb E \min(X, |x|)$ for $p = 1$ and $2 \mathbb E X |x|$ for $p = 2$, which with $\sqrt{|x|^p} \le
/// (\sum_i |x_i|^p)^{1/2}$ is a share of at most $\sqrt m e^{-p^2 v/8}$: $\sqrt m\, 2 \cdot 10^{-22}$ from
/// $\sqrt v = 20$ on.
fn far_apart(log_mean: f64, log_variance: f64, atoms: &[f64], power: i32) -> f64 {
    let p = f64::from(power);
    let moment = (p * (log_mean + 0.5 * p * log_variance)).exp();
    let sizes = atoms.iter().map(|x| x.abs().powi(power));
    moment + sizes.sum::<f64>() / atoms.len() as f64
}

fn scores() -> impl Iterator<Item = f64> {
    (0..GRID).map(|i| RANGE * (2.0 * (i as f64 + 0.5) / GRID as f64 - 1.0))
}

/// $W_p^p$ of sorted samples of equal atoms each.
fn atomic_transport(a: &[f64], b: &[f64], power: i32) -> f64 {
    let (mut i, mut j, mut u, mut total) = (0, 0, 0.0, 0.0);
    while i < a.len() && j < b.len() {
        // compare (i+1)/|a| with (j+1)/|b| in integers, so that equal ends are seen as equal
        let (end_a, end_b) = ((i + 1) * b.len(), (j + 1) * a.len());
        let end = end_a.min(end_b) as f64 / (a.len() * b.len()) as f64;
        total += (end - u) * (a[i] - b[j]).abs().powi(power);
        u = end;
        i += usize::from(end_a <= end_b);
        j += usize::from(end_b <= end_a);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{Density, Empirical};

    fn sample(values: &[f64]) -> Law {
        Law::Empirical(Empirical::new(values.to_vec(), 0).unwrap())
    }

    #[test]
    fn samples_have_exact_distances() {
        let (a, b) = (sample(&[0.0, 1.0]), sample(&[0.0, 0.0, 3.0]));
        assert!((a.wasserstein(&b) - (1.0 / 6.0 + 2.0 / 3.0)).abs() < 1e-15);
        // scipy.stats.wasserstein_distance, SciPy 1.17.1
        let x = sample(&[0.3, -1.2, 2.5, 0.0, 0.7]);
        let y = sample(&[1.1, 0.4, -0.3, 3.0, 0.9, 2.2, -2.0]);
        assert!((x.wasserstein(&y) - 0.611_428_571_428_571_7).abs() < 1e-15);
        assert!((a.kolmogorov_smirnov(&b) - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(a.l2(&Law::Deterministic(0.0)), 0.5_f64.sqrt());
        assert_eq!(Law::Deterministic(2.0).l2(&Law::Deterministic(5.0)), 3.0);
        assert_eq!(a.l2(&a), 0.0);
    }

    #[test]
    fn gaussians_have_their_closed_form_distances() {
        let (a, b) = (
            Law::gaussian(0.0, 1.0).unwrap(),
            Law::gaussian(0.5, 1.0).unwrap(),
        );
        assert!((a.l2(&b) - 0.5).abs() < 1e-9);
        assert!((a.wasserstein(&b) - 0.5).abs() < 1e-9);
        let exact = 2.0 * normal::distribution(0.25) - 1.0;
        assert!((a.kolmogorov_smirnov(&b) - exact).abs() < 1e-6);
        assert!((a.l2(&Law::Deterministic(1.0)) - 2f64.sqrt()).abs() < 1e-12);
        // W1 between N(0,1) and a point at 0 is E|z|
        let exact = (2.0 / std::f64::consts::PI).sqrt();
        assert!((a.wasserstein(&Law::Deterministic(0.0)) - exact).abs() < 1e-14);
    }

    /// $\int (F^{-1} - G^{-1})^2 = \sum_i (x_i^2/m - 2 x_i A_i) + \mathbb E X^2$, $A_i$ the mean of the law
    /// between the orders $(i-1)/m$ and $i/m$.
    #[test]
    fn a_sample_and_a_law_have_their_closed_form_distance() {
        let values = [-0.7, 0.1, 0.2, 0.9, 3.0];
        let score = |i: usize| match i {
            0 => -40.0,
            5 => 40.0,
            _ => normal::quantile(i as f64 / 5.0),
        };
        let exact = |mean: &dyn Fn(f64, f64) -> f64, square: f64| {
            let each = values.iter().enumerate();
            let terms = each.map(|(i, x)| x * x / 5.0 - 2.0 * x * mean(score(i), score(i + 1)));
            (terms.sum::<f64>() + square).sqrt()
        };
        let gaussian = Law::gaussian(0.0, 4.0).unwrap();
        let mean = |a: f64, b: f64| 2.0 * (normal::density(a) - normal::density(b));
        let distance = sample(&values).l2(&gaussian);
        assert!((distance / exact(&mean, 4.0) - 1.0).abs() < 1e-13);
        assert_eq!(distance, gaussian.l2(&sample(&values)));
        for deviation in [0.1, 1.0, 3.0, 15.0] {
            let log_mean = -0.5 * deviation * deviation;
            let law = Law::log_normal(log_mean, deviation * deviation).unwrap();
            // the mean is 1
            let mean = |a: f64, b: f64| {
                normal::distribution(b - deviation) - normal::distribution(a - deviation)
            };
            let distance = sample(&values).l2(&law);
            let exact = exact(&mean, (deviation * deviation).exp());
            assert!(
                (distance / exact - 1.0).abs() < 1e-11,
                "{deviation}: {distance} {exact}"
            );
        }
    }

    /// Also where panels as narrow as the law's own scale would have no end.
    #[test]
    fn wide_log_normal_laws_are_as_far_as_the_sum_of_the_sizes() {
        let values = [-1.0, 0.5, 2.5, 4.0];
        for deviation in [19.99, 20.01, 1e3, 1e9, 1e150] {
            // E X² = 1, and E X is nothing
            let log_variance: f64 = deviation * deviation;
            let law = Law::log_normal(-log_variance, log_variance).unwrap();
            let distance = sample(&values).l2(&law);
            let exact = (1.0 + 23.5 / 4.0_f64).sqrt();
            assert!((distance - exact).abs() < 1e-11, "{deviation}: {distance}");
            let distance = sample(&values).wasserstein(&law);
            assert!((distance - 2.0).abs() < 1e-11, "{deviation}: {distance}");
        }
        // E X = 1, where its square is still in range
        let law = Law::log_normal(-300.0, 600.0).unwrap();
        assert!((sample(&values).wasserstein(&law) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_sample_and_a_density_have_their_exact_distance() {
        let uniform = Density::new(0.0, 0.125, vec![1.0; 8]).unwrap();
        let law = Law::Density(uniform);
        let one = Law::Deterministic(0.5);
        assert!((law.wasserstein(&one) - 0.25).abs() < 1e-15);
        let two = sample(&[0.25, 0.75]);
        assert!((law.wasserstein(&two) - 0.125).abs() < 1e-15);
        assert!((law.l2(&two) - 48f64.sqrt().recip()).abs() < 1e-15);
        // outside of the support
        assert!((law.wasserstein(&sample(&[2.0, 3.0])) - 2.0).abs() < 1e-14);
        let normal = Density::of_function(|x| (-0.5 * x * x).exp(), (-9.0, 9.0), 360).unwrap();
        let three = sample(&[-1.0, 0.3, 0.8]);
        let gaussian = Law::gaussian(0.0, 1.0).unwrap();
        let off = Law::Density(normal).wasserstein(&three) - gaussian.wasserstein(&three);
        assert!(off.abs() < 1e-6, "{off:e}");
    }

    #[test]
    fn a_log_normal_law_has_its_moments_and_is_at_no_distance_from_itself() {
        let law = Law::log_normal(-0.5, 1.0).unwrap();
        assert!((law.mean() - 1.0).abs() < 1e-15);
        assert!((law.variance() - (1f64.exp() - 1.0)).abs() < 1e-14);
        assert!((law.cdf(law.quantile(0.3).unwrap()) - 0.3).abs() < 1e-12);
        assert_eq!(law.kolmogorov_smirnov(&law), 0.0);
        assert_eq!(law.cdf(-1.0), 0.0);
    }
}
