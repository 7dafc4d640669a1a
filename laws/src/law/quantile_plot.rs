//! Quantiles of a sample against those of a law.

use super::{Empirical, Law};
use crate::error::{Error, Result};
use crate::statistics::{Test, kolmogorov_smirnov_test, one_sample_p_value, order_statistics_band};

/// One value of a sample, and where the law would have it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct QuantilePoint {
    /// The law's quantile of order $(i - \tfrac12)/m$.
    pub quantile: f64,
    /// The $i$-th of the $m$ values, in increasing order.
    pub value: f64,
    /// The lower end of the band.
    pub low: f64,
    /// The upper end of the band.
    pub high: f64,
}

/// A quantile–quantile plot with a simultaneous confidence band, from [`Empirical::quantile_plot`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct QuantilePlot {
    /// The points, in increasing order.
    pub points: Vec<QuantilePoint>,
    /// The probability with which, under the law, *all* points lie in the band.
    pub level: f64,
}

impl QuantilePlot {
    /// The points outside of the band: any at all reject the law at the level $1 - $ `level`.
    pub fn outside(&self) -> impl Iterator<Item = &QuantilePoint> {
        let inside = |point: &&QuantilePoint| !(point.low..=point.high).contains(&point.value);
        self.points.iter().filter(inside)
    }
}

impl Empirical {
    /// The Kolmogorov–Smirnov test of the hypothesis that the values are draws from a law: against a
    /// continuous law by [`one_sample_p_value`], against a sample by [`kolmogorov_smirnov_test`]. Networks
    /// without a value are left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] against a number, which no draws but itself are from: see
    /// [`l2_error`](Self::l2_error).
    ///
    /// ```
    /// use neural_limits::law::{Empirical, Law};
    /// let sample = Empirical::new((0..50).map(|i| (f64::from(i) - 24.5) / 14.4).collect(), 0)?;
    /// assert!(sample.test(&Law::gaussian(0.0, 1.0)?)?.p_value > 0.5);
    /// assert!(sample.test(&Law::gaussian(1.0, 1.0)?)?.p_value < 1e-4);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn test(&self, law: &Law) -> Result<Test> {
        match law {
            Law::Deterministic(x) => Err(Error::unsupported(
                format!("a Kolmogorov-Smirnov test against the number {x}"),
                "it has no continuous law; Empirical::l2_error measures the distance",
            )),
            Law::Empirical(other) => kolmogorov_smirnov_test(self.values(), other.values()),
            _ => {
                let sample = Law::Empirical(self.clone());
                let statistic = sample.kolmogorov_smirnov(law).clamp(0.0, 1.0);
                let p_value = one_sample_p_value(statistic, self.values().len())?;
                Ok(Test { statistic, p_value })
            }
        }
    }

    /// The values against the quantiles of a law, with the band in which all values of a sample from the law
    /// lie with probability `level`.
    ///
    /// The $i$-th of $m$ draws is $G^{-1}(U_{(i)})$, and the order statistics of uniform draws lie in the
    /// band of A. B. Owen (1995, JASA 90:516) around the distribution function, which is narrow in the tails:
    /// $[G^{-1}(L_i), G^{-1}(H_{i-1})]$ with the roots $L_i < i/m < H_i$ of $K(i/m, u) = \kappa$, $K$ the
    /// relative entropy of two coins, and $\kappa$ such that the probability is exactly `level`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a level outside of $(0, 1 - 10^{-9}]$; [`Error::Unsupported`] for more than
    /// 10 000 values, or a law with atoms.
    ///
    /// ```
    /// use neural_limits::law::{Empirical, Law};
    /// let sample = Empirical::new((0..50).map(|i| (f64::from(i) - 24.5) / 14.4).collect(), 0)?;
    /// let plot = sample.quantile_plot(&Law::gaussian(0.0, 1.0)?, 0.95)?;
    /// assert_eq!(plot.outside().count(), 0);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn quantile_plot(&self, law: &Law, level: f64) -> Result<QuantilePlot> {
        if law.atoms().is_some() {
            return Err(Error::unsupported(
                "a quantile plot against a law with atoms",
                "its band is that of a continuous law",
            ));
        }
        let count = self.values().len();
        let band = order_statistics_band(count, level)?;
        let inside = |u: f64| u.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON);
        let each = self.values().iter().zip(band).enumerate();
        let points = each.map(|(i, (&value, (low, high)))| {
            Ok(QuantilePoint {
                quantile: law.quantile((i as f64 + 0.5) / count as f64)?,
                value,
                low: law.quantile(inside(low))?,
                high: law.quantile(inside(high))?,
            })
        });
        Ok(QuantilePlot {
            points: points.collect::<Result<Vec<_>>>()?,
            level,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn a_heavy_tail_leaves_the_band_where_the_middle_agrees() {
        let law = Law::gaussian(0.0, 1.0).unwrap();
        let mut stream = Seed::new(1).stream(0);
        let values: Vec<f64> = (0..300).map(|_| law.sample(&mut stream)).collect();
        let plot = |values: Vec<f64>| {
            let sample = Empirical::new(values, 0).unwrap();
            (
                sample.quantile_plot(&law, 0.99).unwrap(),
                sample.test(&law).unwrap(),
            )
        };
        assert_eq!(plot(values.clone()).0.outside().count(), 0);
        // four values too far out: seen by the band, not by the Kolmogorov–Smirnov distance
        let mut heavy = values;
        heavy.sort_unstable_by(f64::total_cmp);
        for value in &mut heavy[296..] {
            *value += 3.0;
        }
        let (plot, test) = plot(heavy);
        assert!(plot.outside().all(|point| point.quantile > 2.0));
        assert!(plot.outside().count() > 0 && test.p_value > 0.05, "{test}");
    }

    #[test]
    fn what_has_no_plot_is_said() {
        let sample = Empirical::new(vec![0.0, 1.0], 0).unwrap();
        let number = Law::Deterministic(0.0);
        assert!(sample.test(&number).is_err() && sample.quantile_plot(&number, 0.9).is_err());
        let law = Law::gaussian(0.0, 1.0).unwrap();
        assert!(sample.quantile_plot(&law, 1.0).is_err());
        let two = sample.test(&Law::Empirical(sample.clone())).unwrap();
        assert_eq!((two.statistic, two.p_value), (0.0, 1.0));
    }
}
