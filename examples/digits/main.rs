//! Classifies handwritten digits with networks of infinite width, everything chosen on the training part.
//!
//! ```text
//! cargo run --release --example digits
//! cargo run --release --example digits -- --input train.csv --test test.csv
//! ```
//!
//! In each row everything is chosen by the marginal likelihood of one-vs-all regression: variances and noise
//! on the first points of the training part, depth and activation on all of it. Rows are told apart by the
//! classes of training points, each predicted from all others.

mod arguments;
mod data;
mod figure;
mod models;
mod scores;
#[path = "../writable.rs"]
mod writable;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use neural_limits::inference::{CovarianceFunction, Selection};
use neural_limits::prelude::*;

use arguments::Arguments;
use data::{Data, Part};
use figure::Curve;
use models::Model;
use scores::{Scores, log_probabilities, temperature};

/// Of the noise and the variance of outputs, at the start.
const NOISE: f64 = 1e-3;

/// Points of the learning curves; the last is the whole training part.
const SIZES: [usize; 6] = [50, 100, 200, 400, 700, 1000];

/// What a matrix of fixed points is computed for, pair by pair.
const FIXED_POINTS: (usize, usize) = (50, 200);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn loaded(arguments: &Arguments) -> Result<Data, String> {
    match (&arguments.input, &arguments.test) {
        (Some(train), Some(test)) => Data::of_files(train, test),
        _ => Data::digits(arguments.train),
    }
}

/// The scores on the test part of the row that the training part prefers.
fn run(arguments: &Arguments) -> Result<Scores, Box<dyn Error>> {
    let start = Instant::now();
    let data = loaded(arguments)?;
    // a path that cannot be written is better known before the work than after it
    let figure = &arguments.figure;
    writable::check(figure).map_err(|error| format!("{}: {error}", figure.display()))?;
    println!(
        "{}: {} classes, {} numbers a point; {} points to train on, {} to test\n",
        data.name,
        data.classes.len(),
        data.train.inputs.dimension(),
        data.train.labels.len(),
        data.test.labels.len(),
    );
    println!(
        "{:20} {:17} {:>9} {:>7}  {:>8} {:>18}  {:>7} {:>7} {:>6}  parameters",
        "network", "chosen", "log p / n", "LOO", "accuracy", "95 % interval", "NLL", "ECE", "s"
    );
    let selection = data.train.first(arguments.selection)?;
    let mut best: Option<Row> = None;
    let mut curves = Vec::new();
    // the search for a maximum has one thread, so rows are computed side by side
    let models = models::all()?;
    let rows: Vec<Result<Row, String>> = models
        .par_iter()
        .map(|model| Row::of(model, &selection, &data).map_err(|error| error.to_string()))
        .collect();
    for row in rows {
        let mut row = row?;
        println!("{row}");
        curves.push(Curve {
            name: row.name.clone(),
            points: std::mem::take(&mut row.curve),
        });
        if best
            .as_ref()
            .is_none_or(|best| row.left_out < best.left_out)
        {
            best = Some(row);
        }
    }
    forgotten(&data)?;
    figure::write(figure, &data.name, &curves)?;
    println!(
        "\nlog p / n: log marginal likelihood a training point; LOO, NLL: negative log likelihood of a class, of \
         training points that were left out and of the test; ECE: expected calibration error, 15 bins"
    );
    let best = best.ok_or("no models")?;
    println!(
        "The training part prefers (LOO): {}, {}: {} of {} right, {:.2} %",
        best.name,
        best.chosen,
        best.scores.correct,
        best.scores.count,
        100.0 * best.scores.accuracy()
    );
    println!(
        "{:.1} s; {}",
        start.elapsed().as_secs_f64(),
        figure.display()
    );
    Ok(best.scores)
}

/// What one architecture and kernel comes to.
struct Row {
    name: String,
    chosen: String,
    parameters: String,
    /// The log marginal likelihood of the training part, a point.
    evidence: f64,
    /// The negative log likelihood of training points that were left out, a point.
    left_out: f64,
    scores: Scores,
    seconds: f64,
    curve: Vec<(usize, f64)>,
}

impl Row {
    fn of(model: &Model, selection: &Part, data: &Data) -> Result<Self, Box<dyn Error>> {
        let start = Instant::now();
        let classes = data.classes.len();
        let targets = selection.targets(classes);
        let all_targets = data.train.targets(classes);
        let mut best: Option<(f64, usize, Selection)> = None;
        for (place, (family, start)) in model.families.iter().enumerate() {
            let found = family.select(start, NOISE, &selection.inputs, &targets)?;
            let gram = family.at(&found.parameters)?.gram(&data.train.inputs)?;
            let noise = Noise::Variance(found.noise_variance);
            let evidence = match Regression::new(&gram, &all_targets, noise) {
                Ok(regression) => regression.log_marginal_likelihood(),
                // a noise that is small enough for some points can be too small for all
                Err(neural_limits::Error::Singular { .. }) => f64::NEG_INFINITY,
                Err(error) => return Err(error.into()),
            };
            if best
                .as_ref()
                .is_none_or(|(largest, ..)| evidence > *largest)
            {
                best = Some((evidence, place, found));
            }
        }
        let (_, place, found) = best.ok_or("no candidates")?;
        let (family, _) = &model.families[place];
        let kernel = family.at(&found.parameters)?;
        let matrices = Matrices::of(&*kernel, &data.train.inputs, &data.test.inputs)?;
        let noise = Noise::Variance(found.noise_variance);

        let count = data.train.labels.len();
        let mut curve = Vec::new();
        for size in SIZES.into_iter().filter(|size| *size < count) {
            let part = data.train.first(size)?;
            let of_part = matrices.classify(&part, &data.test, classes, noise)?;
            curve.push((size, 1.0 - of_part.test.accuracy()));
        }
        let found_with = matrices.classify(&data.train, &data.test, classes, noise)?;
        curve.push((count, 1.0 - found_with.test.accuracy()));

        let names = family.parameters().iter().zip(&found.parameters);
        let mut parameters: Vec<String> = names
            .map(|((name, _), value)| match value {
                0.01..1e4 => format!("{name} = {value:.2}"),
                _ => format!("{name} = {value:.1e}"),
            })
            .collect();
        parameters.push(format!("noise {:.1e}", found.noise_variance));
        Ok(Self {
            name: model.name.to_owned(),
            chosen: model.candidates[place].clone(),
            parameters: parameters.join(", "),
            evidence: found_with.log_marginal_likelihood / count as f64,
            left_out: found_with.left_out,
            scores: found_with.test,
            seconds: start.elapsed().as_secs_f64(),
            curve,
        })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = self.scores.interval();
        write!(
            f,
            "{:20} {:17} {:9.3} {:7.4}  {:6.2} % [{:5.2} %, {:5.2} %]  {:7.4} {:7.4} {:6.2}  {}",
            self.name,
            self.chosen,
            self.evidence,
            self.left_out,
            100.0 * self.scores.accuracy(),
            100.0 * low,
            100.0 * high,
            self.scores.negative_log_likelihood,
            self.scores.calibration_error,
            self.seconds,
            self.parameters
        )
    }
}

/// What a kernel makes of a training part.
struct Posterior {
    test: Scores,
    log_marginal_likelihood: f64,
    left_out: f64,
}

/// The kernel of all points.
struct Matrices {
    train: DMatrix<f64>,
    cross: DMatrix<f64>,
    variances: DVector<f64>,
}

impl Matrices {
    fn of(
        kernel: &dyn CovarianceFunction,
        train: &Inputs<'_>,
        test: &Inputs<'_>,
    ) -> Result<Self, neural_limits::Error> {
        Ok(Self {
            train: kernel.gram(train)?,
            cross: kernel.cross(test, train)?,
            variances: kernel.diagonal(test)?,
        })
    }

    /// After the first points of the training part. The temperature of the probabilities is that of the
    /// training points, each predicted from the others.
    fn classify(
        &self,
        train: &Part,
        test: &Part,
        classes: usize,
        noise: Noise,
    ) -> Result<Posterior, neural_limits::Error> {
        let n = train.labels.len();
        let kernel = self.train.view((0, 0), (n, n)).into_owned();
        let regression = Regression::new(&kernel, &train.targets(classes), noise)?;
        let shares: Vec<f64> = (0..classes)
            .map(|class| {
                train.labels.iter().filter(|&&label| label == class).count() as f64 / n as f64
            })
            .collect();
        let (mean, variance) = regression.leave_one_out()?;
        let (temperature, left_out) = temperature(&mean, &variance, &shares, &train.labels);
        let cross = self.cross.columns(0, n).into_owned();
        let mean = regression.mean(&cross)?;
        let variance = regression.variance(&cross, &self.variances)?;
        let variance = variance.add_scalar(regression.noise_variance());
        let probabilities = log_probabilities(&mean, &variance, &shares, temperature);
        Ok(Posterior {
            test: Scores::new(&probabilities, &test.labels),
            log_marginal_likelihood: regression.log_marginal_likelihood(),
            left_out,
        })
    }
}

/// An MLP of infinite depth, on a part of the points: every pair costs the search for a fixed point.
fn forgotten(data: &Data) -> Result<(), Box<dyn Error>> {
    let (train, test) = FIXED_POINTS;
    let (train, test) = (data.train.first(train)?, data.test.first(test)?);
    let kernel = models::infinite_mlp()?;
    let matrices = Matrices::of(&kernel, &train.inputs, &test.inputs)?;
    let noise = Noise::Variance(0.1);
    let scores = matrices
        .classify(&train, &test, data.classes.len(), noise)?
        .test;
    println!(
        "MLP, L = ∞: all inputs have the same covariance {:.3} with each other ({} points), {:.1} % of {} right",
        matrices.cross.mean(),
        train.labels.len(),
        100.0 * scores.accuracy(),
        scores.count
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_infinite_depth_classifies_digits() {
        let arguments = Arguments::parse_from(["digits", "--train", "250"]);
        let data = loaded(&arguments).unwrap();
        let models = models::all().unwrap();
        let limit = models
            .into_iter()
            .find(|model| model.name == "ResNet, L = ∞, NNGP");
        let mut limit = limit.unwrap();
        // ReLU alone
        limit.families.truncate(1);
        let row = Row::of(&limit, &data.train.first(80).unwrap(), &data).unwrap();
        assert!(row.scores.accuracy() > 0.8, "{row}");
        assert!(row.scores.calibration_error < 0.1, "{row}");
    }
}
