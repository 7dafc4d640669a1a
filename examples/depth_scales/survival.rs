//! 1 − c along the layers: recursion and networks.

use std::sync::Arc;

use neural_limits::activation::Dual;
use neural_limits::law::Empirical;
use neural_limits::prelude::*;
use neural_limits::propagation::{DeepLimit, DepthScale, Propagation, VarianceFixedPoints};

pub struct Settings {
    pub depth: usize,
    pub width: usize,
    pub samples: usize,
    pub seed: u64,
}

/// What was predicted and found at one initialisation.
pub struct Survival {
    pub weight: f64,
    pub deep: DeepLimit,
    /// |c_l − c*| for l = 0, …, L, by the recursion.
    pub recursion: Vec<f64>,
    /// (l, |mean of ĉ_l − c*|, standard error) of networks.
    pub networks: Vec<(usize, f64, f64)>,
}

impl Survival {
    pub fn follow(
        phi: &Arc<dyn Dual>,
        initialization: Initialization,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let map = Propagation::new(phi, initialization)?;
        let points = map.variance_fixed_points()?;
        let variance = match &points {
            VarianceFixedPoints::Every => Some(1.0),
            VarianceFixedPoints::Isolated { .. } => points.stable().next().map(|p| p.variance),
        };
        let variance = variance.ok_or_else(|| Error::Undefined {
            quantity: "the deep limit".to_owned(),
            reason: "the variance has no stable fixed point".to_owned(),
        })?;
        let deep = map.deep_limit(variance)?;
        let end = 1.0 - deep.correlation;
        // a stem that hands on the inputs, which have variance q* each, or 1 on the way to 0
        let variance = if variance > 0.0 { variance } else { 1.0 };
        let net = Mlp::new(Arc::clone(phi))
            .initialized_by(initialization)
            .with_stem(Initialization::lecun());
        let start = PairCovariance::with_complement(variance, variance, 1.0)?;
        let recursion = net
            .infinite_width(settings.depth)?
            .trajectory_from(start)
            .map(|k| Ok((k?.one_minus_correlation()? - end).abs()))
            .collect::<Result<Vec<f64>, Error>>()?;
        let side = (2.0 * variance).sqrt();
        let rows = [[side, 0.0], [0.0, side]];
        let x = Inputs::from_rows(&rows)?;
        let mut networks = Vec::new();
        for part in [1, 2, 3, 4, 6, 8, 10] {
            let depth = (settings.depth * part / 10).max(1);
            let seed = settings.seed.wrapping_add(part as u64);
            let net = net.finite(settings.width, depth)?;
            let draws = net.draws(&x, settings.samples, seed)?;
            let values: Result<Vec<f64>, Error> =
                draws.iter().map(|draw| draw.correlation(0, 1)).collect();
            let (mean, error) = Empirical::new(values?, 0)?.mean();
            networks.push((depth, (1.0 - mean - end).abs(), error));
        }
        Ok(Self {
            weight: initialization.weight_variance(),
            deep,
            recursion,
            networks,
        })
    }

    /// The law of [`DeepLimit::correlation_scale`] at layer l; exponentials are anchored where the recursion
    /// has lost its start.
    pub fn predicted(&self, l: f64) -> f64 {
        let anchor = self.anchor();
        match self.deep.correlation_scale {
            DepthScale::Exponential { depth } => {
                self.recursion[anchor] * (-(l - anchor as f64) / depth).exp()
            }
            DepthScale::Algebraic { power, coefficient } => coefficient / l.powf(power),
            DepthScale::Constant | DepthScale::Growing { .. } => f64::NAN,
        }
    }

    /// The last layer before rounding takes over.
    fn anchor(&self) -> usize {
        let small = self.recursion.iter().position(|&d| d < 1e-12);
        small.unwrap_or(self.recursion.len()).saturating_sub(2)
    }

    /// Depth scales from the recursion's last layers and from the first and last networks that stand out of
    /// their noise.
    pub fn measured_scales(&self) -> (String, String) {
        if !matches!(self.deep.correlation_scale, DepthScale::Exponential { .. }) {
            let last = self.recursion.len() - 1;
            let ratio = self.recursion[last] / self.predicted(last as f64);
            return (format!("× {ratio:.3}"), "see figure".to_owned());
        }
        let anchor = self.anchor().max(1);
        let recursion = -1.0 / (self.recursion[anchor] / self.recursion[anchor - 1]).ln();
        let clear: Vec<_> = self
            .networks
            .iter()
            .filter(|(_, d, e)| *d > 4.0 * e)
            .collect();
        let networks = match clear[..] {
            [(first, a, ea), .., (last, b, eb)] => {
                let rate = (a / b).ln() / (last - first) as f64;
                let error = (ea / a).hypot(eb / b) / (last - first) as f64;
                format!("{:.2} ± {:.2}", 1.0 / rate, error / (rate * rate))
            }
            _ => "too noisy".to_owned(),
        };
        (format!("{recursion:.3}"), networks)
    }
}

#[cfg(test)]
mod tests {
    use neural_limits::activation::Tanh;

    use super::*;

    #[test]
    fn the_recursion_ends_on_its_prediction() {
        let settings = Settings {
            depth: 150,
            width: 100,
            samples: 4,
            seed: 1,
        };
        let ordered = Initialization::new(1.3, 0.05).unwrap();
        let found = Survival::follow(&(Arc::new(Tanh) as _), ordered, &settings).unwrap();
        for l in [110, 140] {
            assert!((found.predicted(l as f64) / found.recursion[l] - 1.0).abs() < 1e-3);
        }
        assert_eq!(found.networks.len(), 7);
    }
}
