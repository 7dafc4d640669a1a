//! Inference with the kernels of networks.

use neural_limits::inference::CovarianceFunction;
use neural_limits::prelude::*;

use crate::measure::{Measured, plain};
use crate::measurements::digits::Data;
use crate::row::{Finding, Outcome, Row, Setting};
use crate::scores::{Scores, log_probabilities};

pub const ROWS: [Row; 1] = [Row {
    name: "nngp_and_ntk",
    statement: "the NNGP kernel predicts no worse than the tangent kernel of the same network",
    source: "2007.15801",
    run: nngp_and_ntk,
}];

/// Noise relative to the mean of the diagonal, of which the marginal likelihood chooses.
const NOISES: [f64; 5] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// Which digits are told right, at the noise of the largest marginal likelihood.
fn right(kernel: &NetworkKernel, data: &Data) -> Result<(Vec<bool>, Scores), Error> {
    let classes = data.classes.len();
    let gram = kernel.gram(&data.train.inputs)?;
    let targets = data.train.targets(classes);
    let mut best: Option<Regression> = None;
    for noise in NOISES {
        let noise = Noise::RelativeToMeanDiagonal(noise);
        let regression = Regression::new(&gram, &targets, noise)?;
        let likelihood = regression.log_marginal_likelihood();
        if best
            .as_ref()
            .is_none_or(|best| likelihood > best.log_marginal_likelihood())
        {
            best = Some(regression);
        }
    }
    let Some(regression) = best else {
        return Err(Error::undefined(
            "the noise",
            "there is none to choose from",
        ));
    };
    let cross = kernel.cross(&data.test.inputs, &data.train.inputs)?;
    let mean = regression.mean(&cross)?;
    let variance = regression.variance(&cross, &kernel.diagonal(&data.test.inputs)?)?;
    let variance = variance.add_scalar(regression.noise_variance());
    let share = |class: usize| {
        let members = data.train.labels.iter().filter(|&&label| label == class);
        members.count() as f64 / data.train.labels.len() as f64
    };
    let shares: Vec<f64> = (0..classes).map(share).collect();
    let probabilities = log_probabilities(&mean, &variance, &shares, 1.0);
    let labels = probabilities.row_iter().zip(&data.test.labels);
    let right = labels.map(|(row, &label)| row.transpose().argmax().0 == label);
    Ok((
        right.collect(),
        Scores::new(&probabilities, &data.test.labels),
    ))
}

fn nngp_and_ntk(setting: &Setting) -> Result<Outcome, Error> {
    let data = Data::digits(setting.pick(1000, 100)).map_err(|reason| Error::Io {
        path: "data/digits.csv.gz".to_owned(),
        reason,
    })?;
    let law = Initialization::new(2.0, 0.1)?;
    let (relu, erf) = (
        Mlp::new(Relu).initialized_by(law),
        Mlp::new(Erf::default()).initialized_by(law),
    );
    let resnet = ResNet::new(Relu).initialized_by(Initialization::new(2.0, 0.0)?);
    let at = |net: &dyn Architecture, depth| {
        let deep = net.infinite_width(depth)?;
        Ok::<_, Error>((NetworkKernel::nngp(&deep)?, NetworkKernel::ntk(&deep)?))
    };
    let limit = (
        NetworkKernel::infinite_depth(&resnet, 1.0)?,
        NetworkKernel::infinite_depth_ntk(&resnet, 1.0)?,
    );
    let mut outcome = Outcome::default();
    for (name, (nngp, ntk)) in [
        ("ReLU MLP, L = 3", at(&relu, 3)?),
        ("erf MLP, L = 3", at(&erf, 3)?),
        ("ReLU ResNet, L = ∞", limit),
    ] {
        let (first, nngp) = right(&nngp, &data)?;
        let (second, ntk) = right(&ntk, &data)?;
        let count = first.len() as f64;
        // digits of which only one of both is right
        let only = |of: &[bool], other: &[bool]| {
            let pairs = of.iter().zip(other);
            pairs.filter(|(one, other)| **one && !**other).count() as f64
        };
        let (gained, lost) = (only(&first, &second), only(&second, &first));
        let difference = (gained - lost) / count;
        let squares = (gained + lost) / count - difference * difference;
        let difference = Measured {
            value: 100.0 * difference,
            error: 100.0 * (squares / count).sqrt(),
        };
        let percent = |scores: &Scores| {
            let (low, high) = scores.interval();
            let [value, low, high] =
                [scores.accuracy(), low, high].map(|share| plain(100.0 * share, 1));
            format!("{value} % [{low}, {high}]")
        };
        outcome.add(Finding::new(
            format!(
                "{name}, {} digits to train on: accuracy of the NNGP and of the tangent kernel on {}",
                data.train.labels.len(),
                data.test.labels.len()
            ),
            format!("{}, {}", percent(&nngp), percent(&ntk)),
            "both far above chance",
            nngp.accuracy().min(ntk.accuracy()) > 0.5,
        ));
        outcome.add(Finding::new(
            format!("{name}: difference of the two on the same digits, in percent"),
            difference,
            "not negative",
            setting.quick || difference.interval().1 >= 0.0,
        ));
    }
    Ok(outcome)
}
