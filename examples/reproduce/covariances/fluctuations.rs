//! Means and variances at finite width.

use neural_limits::prelude::*;
use neural_limits::proportional::Fluctuations;

use crate::measure::{jackknife, mean, one_input, plain};
use crate::row::{Finding, Outcome, Setting};

pub fn fluctuations(setting: &Setting) -> Result<Outcome, Error> {
    let samples = setting.pick(800_000, 8000);
    let net = ResNet::new(Relu);
    let x = one_input()?;
    let theory = Fluctuations::of(&net)?;
    let mut outcome = Outcome::default();
    for (width, depth) in [(8, 16), (16, 10), (16, 64), (64, 64)] {
        let seed = setting.seed((1000 * width + depth) as u64);
        let samples = samples * 16 / (width.max(16));
        let networks = net.finite(width, depth)?;
        let values = networks.read(&x, samples, seed, |draw| draw.covariance(0, 0))?;
        let n = width as f64;
        let q = (1.0 + 0.5 / depth as f64).powi(depth as i32);
        let bias = mean(&values).times(1.0 / q);
        let exact = theory.norm(depth)?;
        if width < 64 {
            let expected = exact.bias() / n;
            outcome.add(Finding::new(
                format!("n = {width}, L = {depth}: E q̂(a,a)/((1 + 1/2L)^L q₀) − 1, in percent"),
                bias.plus(-1.0).times(100.0),
                format!("{} + O(1/n²)", plain(100.0 * expected, 3)),
                bias.is(1.0 + expected, 0.5 / (n * n)),
            ));
        }
        if (width, depth) == (16, 10) {
            outcome.add(
                Finding::new(
                    "n = 16, L = 10: E q̂(a,a)/((1 + 1/2L)^L q₀), the mean of infinite width at finite width",
                    bias,
                    "1",
                    bias.is(1.0, 0.0),
                )
                .but("a neuron's sign and ‖φ(Y)‖ are correlated at finite width: the mean has a bias of order 1/n"),
            );
        }
        if width >= 16 && depth == 64 {
            let alive: Vec<f64> = values
                .iter()
                .filter(|q| **q > 0.0)
                .map(|q| q.ln())
                .collect();
            let spread = jackknife(&alive, |logs| {
                let middle = logs.iter().sum::<f64>() / logs.len() as f64;
                let squares: f64 = logs.iter().map(|x| (x - middle).powi(2)).sum();
                squares / (logs.len() - 1) as f64
            });
            // the next term is measured to be −2/n
            outcome.add(Finding::new(
                format!("n = {width}, L = {depth}: n Var log q̂(a,a)"),
                spread.times(n),
                format!("{} + O(1/n)", plain(exact.variance(), 3)),
                spread.times(n).is(exact.variance(), 4.0 / n),
            ));
        }
    }
    Ok(outcome)
}
