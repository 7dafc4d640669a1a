//! The law of a neuron against its Gaussian limit.

use neural_limits::prelude::*;
use neural_limits::sample::NormSampler;
use neural_limits::statistics::one_sample_p_value;

use super::{empirical, figures};
use crate::measure::{mlp, one_input, plain};
use crate::row::{Finding, Outcome, Setting};

/// First neurons of networks of one size, and their distance from the limit.
pub struct Cell {
    pub width: usize,
    pub depth: usize,
    pub values: Vec<f64>,
    pub law: Law,
    pub distance: f64,
}

impl Cell {
    fn new(size: (usize, usize), values: Vec<f64>, limit: &Law) -> Result<Self, Error> {
        let law = empirical(&values)?;
        Ok(Self {
            width: size.0,
            depth: size.1,
            distance: law.kolmogorov_smirnov(limit),
            values,
            law,
        })
    }

    fn p_value(&self) -> Result<f64, Error> {
        one_sample_p_value(self.distance, self.values.len())
    }
}

pub fn neuron_law(setting: &Setting) -> Result<Outcome, Error> {
    let widths = [8, 64, 512];
    let depths = setting.pick([5, 50, 500], [5, 20, 80]);
    let counts = setting.pick([120_000, 20_000, 4000], [4000, 800, 200]);
    let resnet = ResNet::new(Relu);
    let x = one_input()?;
    let q = resnet.infinite_depth().covariance_at(&x, 1.0)?[(0, 0)];
    let limits = [Law::gaussian(0.0, q)?, Law::gaussian(0.0, 1.0)?];
    let (mut residual, mut plain_mlp) = (Vec::new(), Vec::new());
    for (i, &depth) in depths.iter().enumerate() {
        for (j, &width) in widths.iter().enumerate() {
            let seed = setting.seed(10 * i as u64 + j as u64);
            let networks = resnet.finite(width, depth)?;
            let values = networks.read(&x, counts[j], seed, |draw| draw.first_neuron(0))?;
            residual.push(Cell::new((width, depth), values, &limits[0])?);
            let norms = NormSampler::new(&mlp(), &[1.0, 1.0], width, depth)?;
            let norms = norms.draws(counts[0] / 10, seed.split(1))?;
            let values = norms.iter().map(|norm| norm.first_neuron());
            let values = values.collect::<Result<Vec<_>, _>>()?;
            plain_mlp.push(Cell::new((width, depth), values, &limits[1])?);
        }
    }
    let mut outcome = Outcome::default();
    outcome.draw(
        "neuron_histograms",
        figures::histograms(&residual, &plain_mlp, q),
    );
    outcome.draw(
        "neuron_distance",
        figures::distances(&residual, &plain_mlp, &depths),
    );
    outcome.draw(
        "neuron_quantiles",
        figures::quantiles(&residual, &plain_mlp, &limits)?,
    );
    for (name, cells) in [("ResNet", &residual), ("MLP", &plain_mlp)] {
        let deepest = cells.iter().filter(|cell| cell.depth == depths[2]);
        let distances: Vec<String> = deepest
            .clone()
            .map(|cell| format!("{} (n = {})", plain(cell.distance, 4), cell.width))
            .collect();
        let falls = deepest.clone().map(|cell| cell.distance);
        let falls: Vec<f64> = falls.collect();
        let noise_there = figures::noise(cells[0].values.len());
        outcome.add(Finding::new(
            format!("{name}, L = {}: Kolmogorov–Smirnov statistic", depths[2]),
            distances.join(", "),
            if name == "ResNet" {
                "falls with n".to_owned()
            } else {
                "near ½ for n ≪ L, falls with n".to_owned()
            },
            if name == "ResNet" {
                setting.quick || (falls[0] > noise_there && falls[0] > falls[1])
            } else {
                falls[0] > 0.4 && falls[1] > falls[2]
            },
        ));
    }
    let widest = &residual[8];
    let p = widest.p_value()?;
    outcome.add(Finding::new(
        format!(
            "ResNet, n = {}, L = {}: p-value of N(0, q₁)",
            widest.width, widest.depth
        ),
        format!("{} (statistic {})", plain(p, 3), plain(widest.distance, 4)),
        "not small",
        p > 5e-4,
    ));
    let shallow = &plain_mlp[2];
    let p = shallow.p_value()?;
    outcome.add(Finding::new(
        format!(
            "MLP, n = {}, L = {}: p-value of N(0, q)",
            shallow.width, shallow.depth
        ),
        format!("{} (statistic {})", plain(p, 3), plain(shallow.distance, 4)),
        "not small: L/n is",
        p > 5e-4,
    ));
    Ok(outcome)
}
