//! The claim that the limits in width and depth commute.

use statrs::function::beta::beta_reg;

use super::{FALSE_ALARM, Failure, Refutation};
use crate::architecture::Architecture;
use crate::error::{self, Error};
use crate::law::{Empirical, Law};
use crate::limit::{Limit, routes, without_value};
use crate::network::Network;
use crate::neural_function::NeuralFunction;
use crate::random::Seed;
use crate::statistics::{Test, one_sample_p_value};

/// The claim that a neural function $T_{n,L}$ is within $\varepsilon$ of its limit $T$ of infinite width,
/// then depth, at all of some sizes $(n, L)$: whatever the order in which they become large.
///
/// If $T$ is a number, in the sense of K. Fan's metric of convergence in probability, $P(|T_{n,L} - T| >
/// \varepsilon) \le \varepsilon$: the number of networks further away is binomial, and refutes the claim by
/// its tail, exactly. Networks without a value are further away (in laws at $+\infty$). If $T$ has a
/// continuous law, in the distance of Kolmogorov and Smirnov: $D$, measured from a sample, is at most
/// $\varepsilon$ more than the sample's from its own law, so $D - \varepsilon$ has a p-value of
/// [`one_sample_p_value`], exactly or smaller. Each of $k$ sizes is tested at the level of the false alarm
/// over $k$. A limit that is itself given by draws, as that of
/// [`NngpEntry`](crate::neural_function::NngpEntry), is taken for exact.
///
/// ```
/// use neural_limits::claims::{Commutes, Failure};
/// use neural_limits::prelude::*;
/// let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let sizes = [(64, 256), (128, 128), (256, 64)];
/// // the covariance of a residual network commutes, that of a deep MLP does not
/// let res_net = ResNet::new(Relu);
/// assert!(Commutes::new(&res_net, &covariance).at(&sizes).within(0.3).check().is_ok());
/// let mlp = Mlp::new(Relu).initialized_by(Initialization::he());
/// let failure = Commutes::new(&mlp, &covariance).at(&sizes).within(0.3).check().unwrap_err();
/// assert!(failure.to_string().contains("n = 64, L = 256"), "{failure}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Commutes<'a> {
    name: String,
    network: Network,
    function: &'a dyn NeuralFunction,
    sizes: Vec<(usize, usize)>,
    tolerance: f64,
    samples: usize,
    false_alarm: f64,
    seed: Seed,
}

impl<'a> Commutes<'a> {
    /// Of a neural function of an architecture; by default within 0.2 at $(64, 256)$ and $(256, 64)$, from
    /// 100 networks each, with seed 0 and false alarms of probability 1e-6.
    pub fn new<N: Architecture + ?Sized>(net: &N, function: &'a dyn NeuralFunction) -> Self {
        Self {
            name: net.name(),
            network: net.network(),
            function,
            sizes: vec![(64, 256), (256, 64)],
            tolerance: 0.2,
            samples: 100,
            false_alarm: FALSE_ALARM,
            seed: Seed::new(0),
        }
    }

    /// Sets the sizes $(n, L)$.
    pub fn at(mut self, sizes: &[(usize, usize)]) -> Self {
        self.sizes = sizes.to_vec();
        self
    }

    /// Sets the tolerance $\varepsilon$.
    pub fn within(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the number of networks of each size.
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Sets the probability of false alarm.
    pub fn false_alarm(mut self, probability: f64) -> Self {
        self.false_alarm = probability;
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: impl Into<Seed>) -> Self {
        self.seed = seed.into();
        self
    }

    /// Draws the networks and tests the claim, in the order of the sizes.
    ///
    /// # Errors
    /// [`Failure::Refuted`] with the first size at which it fails; [`Failure::Untested`] for a tolerance or a
    /// probability outside of $[0, 1]$, no sizes, and what the limit or the networks report.
    pub fn check(&self) -> Result<(), Failure> {
        let tolerance = error::unit_interval("within", self.tolerance)?;
        error::unit_interval("false_alarm", self.false_alarm)?;
        if self.sizes.is_empty() {
            return Err(Error::shape("at", "no sizes", "at least one size").into());
        }
        let level = self.false_alarm / self.sizes.len() as f64;
        let limit = routes::DepthLimit::new(&self.network).law(self.function, 1.0)?;
        for &(width, depth) in &self.sizes {
            let seed = routes::seed_of(self.seed, width, depth);
            let networks =
                routes::FiniteNetworks::new(&self.network, width, depth, self.samples, seed)?;
            let law = match networks.law(self.function, 1.0) {
                // no network has a value
                Err(Error::Shape { argument, .. }) if argument == "the sample" => None,
                law => Some(law?),
            };
            let sample = match &law {
                Some(Law::Empirical(sample)) => Some(sample),
                _ => None,
            };
            let (test, found) = match limit {
                Law::Deterministic(x) => self.in_probability(sample, x),
                _ => self.in_law(sample, &limit)?,
            };
            if test.p_value < level {
                return Err(Failure::Refuted(Refutation {
                    claim: format!(
                        "{} of {} commutes within {tolerance}",
                        self.function.name(),
                        self.name
                    ),
                    found: format!("at n = {width}, L = {depth}, {found}; the limit is {limit}"),
                    test,
                    level,
                }));
            }
        }
        Ok(())
    }

    /// $P(|T_{n,L} - x| > \varepsilon) \le \varepsilon$.
    fn in_probability(&self, sample: Option<&Empirical>, x: f64) -> (Test, String) {
        let near = sample.map_or(0, |sample| {
            let near = |value: &&f64| (**value - x).abs() <= self.tolerance;
            sample.values().iter().filter(near).count()
        });
        let far = self.samples - near.min(self.samples);
        let test = Test {
            statistic: far as f64 / self.samples as f64,
            p_value: at_least(far, self.samples, self.tolerance),
        };
        let mean = sample.map_or_else(String::new, |sample| {
            let (mean, error) = sample.mean();
            format!(" (mean {mean:.6} ± {error:.1e})")
        });
        let found = format!(
            "{far} of {} networks{mean} are further away{}",
            self.samples,
            self.without_value(sample)
        );
        (test, found)
    }

    /// $\sup |F_{n,L} - F| \le \varepsilon$.
    fn in_law(&self, sample: Option<&Empirical>, limit: &Law) -> Result<(Test, String), Error> {
        let distance = match sample {
            Some(sample) => {
                let all = without_value::at_infinity(sample.values(), sample.undefined())?;
                Law::Empirical(all)
                    .kolmogorov_smirnov(limit)
                    .clamp(0.0, 1.0)
            }
            None => 1.0,
        };
        let excess = (distance - self.tolerance).max(0.0);
        let test = Test {
            statistic: distance,
            p_value: one_sample_p_value(excess, self.samples)?,
        };
        let found = format!(
            "the Kolmogorov-Smirnov distance of {} networks is {distance:.3}{}",
            self.samples,
            self.without_value(sample)
        );
        Ok((test, found))
    }

    /// How many networks have no value, if any.
    fn without_value(&self, sample: Option<&Empirical>) -> String {
        match self.samples - sample.map_or(0, |sample| sample.values().len()) {
            0 => String::new(),
            count => format!(" ({count} of them have no value)"),
        }
    }
}

/// $P(\text{Bin}(n, p) \ge k)$.
fn at_least(k: usize, n: usize, p: f64) -> f64 {
    match k {
        0 => 1.0,
        _ if p == 0.0 => 0.0,
        _ if p == 1.0 => 1.0,
        _ => beta_reg(k as f64, (n - k + 1) as f64, p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_tails_are_exact() {
        // sums of binomial terms
        for (k, n, p, expected) in [
            (1, 3, 0.5, 0.875),
            (3, 3, 0.1, 1e-3),
            (2, 4, 0.25, 0.261_718_75),
            (90, 100, 0.2, 1.0),
        ] {
            let mut sum = 0.0;
            let mut term = (1.0_f64 - p).powi(n as i32);
            for i in 0..=n {
                if i >= k {
                    sum += term;
                }
                term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
            }
            let found = at_least(k, n, p);
            assert!((found / sum - 1.0).abs() < 1e-10, "{found} {sum}");
            assert!(n == 100 || (sum / expected - 1.0).abs() < 1e-14);
        }
        assert_eq!(
            (
                at_least(0, 5, 0.0),
                at_least(1, 5, 0.0),
                at_least(5, 5, 1.0)
            ),
            (1.0, 0.0, 1.0)
        );
    }
}
