//! Gaussian-process inference and dynamics of training against 80-digit values, and against the peer's
//! predictions.
//!
//! A result passes within $f (n u + 4 \cdot 10^{-16} s)$: $u$ the file's `one_ulp_effect`, what half a unit
//! of rounding in every kernel entry does to it, $s$ its scale, and $f$ ten times the units of rounding that
//! the crate's kernel entries (or their derivatives) may err by.

use std::fmt;

use nalgebra::DMatrix;
use neural_limits::network::{Description, LayerDescription};
use neural_limits::prelude::*;
use neural_limits::training::{
    CrossEntropy, Ensemble, LossDynamics, StartCovariance, TrainingLoss,
};
use serde_json::Value;

use crate::case;
use crate::network::{Refusal, describe};

/// Ten times 4 units of rounding: kernel entries.
const KERNELS: f64 = 40.0;

/// Ten times 3e-14: derivatives of kernel entries in a variance.
const DERIVATIVES: f64 = 10.0 * 3e-14 / f64::EPSILON;

/// Beside zero eigenvalues, absolute.
const ZERO_MODES: f64 = 1e-10;

/// What integration errs by, relative to the largest output.
const INTEGRATION: f64 = 1e-11;

/// What the peer's kernels err by near the diagonal, in predictions: absolute, relative to the largest entry.
const PEER: f64 = 1e-7;

/// What came of a case: its errors as shares of what is granted.
pub struct Row {
    name: String,
    errors: Vec<(&'static str, f64)>,
    failure: Option<String>,
}

impl Row {
    pub fn passes(&self) -> bool {
        self.failure.is_none() && self.errors.iter().all(|(_, share)| *share <= 1.0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:55}", self.name)?;
        for (name, share) in &self.errors {
            write!(f, " {name} {share:7.1e}")?;
        }
        match &self.failure {
            Some(reason) => write!(f, "  FAIL {reason}"),
            None if self.passes() => f.write_str("  pass"),
            None => f.write_str("  FAIL"),
        }
    }
}

type Outcome = Result<Vec<(&'static str, f64)>, String>;
type Evaluate = fn(&Value) -> Outcome;

/// The cases of a file that are known here, evaluated.
pub fn rows(file: &Value) -> Vec<Row> {
    let kinds: [(&str, Evaluate); 4] = [
        ("gp", posterior),
        ("dynamics", trajectory),
        ("maximal_learning_rate", learning_rate),
        ("cross_entropy", cross_entropy),
    ];
    let mut rows = Vec::new();
    let mut add = |name: String, outcome: Outcome| {
        let (errors, failure) = match outcome {
            Ok(errors) => (errors, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        rows.push(Row {
            name,
            errors,
            failure,
        });
    };
    for (kind, evaluate) in kinds {
        for case in file[kind].as_array().into_iter().flatten() {
            let name = case["name"].as_str().unwrap_or("(no name)");
            add(format!("{kind} {name}"), evaluate(case));
        }
    }
    let predict = &file["predict"];
    for (i, result) in predict["results"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let kind = result["kind"].as_str().unwrap_or("(no kind)");
        add(format!("predict {i} {kind}"), prediction(predict, result));
    }
    rows
}

fn says(error: Error) -> String {
    error.to_string()
}

fn matrix(value: &Value) -> Result<DMatrix<f64>, String> {
    let rows = case::matrix(value).ok_or_else(|| format!("{value} is not a matrix"))?;
    let columns = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != columns) {
        return Err("a matrix with rows of different lengths".to_owned());
    }
    Ok(DMatrix::from_fn(rows.len(), columns, |i, j| rows[i][j]))
}

fn number(value: &Value, field: &str) -> Result<f64, String> {
    value[field]
        .as_f64()
        .ok_or_else(|| format!("no number {field}"))
}

fn inputs(value: &Value) -> Result<Inputs<'static>, String> {
    Inputs::from_matrix(&matrix(value)?).map_err(says)
}

fn description(case: &Value) -> Result<Description, String> {
    describe(&case["network"]).map_err(|refusal| match refusal {
        Refusal::Unsupported(kind) => format!("unsupported: {kind}"),
        Refusal::Malformed(reason) => reason,
    })
}

fn kernel_of(description: &Description, kind: &str) -> Result<NetworkKernel, Error> {
    let network = description.build()?.infinite_width(1)?;
    if kind == "ntk" {
        NetworkKernel::ntk(&network)
    } else {
        NetworkKernel::nngp(&network)
    }
}

/// The kernels of a case: train, cross, test; those that it has no points for are empty.
fn kernels(case: &Value, kind: &str) -> Result<[DMatrix<f64>; 3], String> {
    let empty = || DMatrix::zeros(0, 0);
    if case["network"].is_null() {
        let field = |name: &str| {
            let names = [format!("{kind}_{name}"), format!("kernel_{name}")];
            let given = names
                .iter()
                .map(|name| &case[name])
                .find(|value| !value.is_null());
            given.map_or_else(|| Ok(empty()), matrix)
        };
        return Ok([field("train")?, field("cross")?, field("test")?]);
    }
    let kernel = kernel_of(&description(case)?, kind).map_err(says)?;
    let x = inputs(&case["x_train"])?;
    let train = kernel.gram(&x).map_err(says)?;
    if case["x_test"].is_null() {
        return Ok([train, empty(), empty()]);
    }
    let test = inputs(&case["x_test"])?;
    let cross = kernel.cross(&test, &x).map_err(says)?;
    Ok([train, cross, kernel.gram(&test).map_err(says)?])
}

/// The largest error of a matrix as a share of what is granted.
fn share(
    found: &DMatrix<f64>,
    want: &DMatrix<f64>,
    points: usize,
    (one_ulp, scale, factor): (f64, f64, f64),
) -> f64 {
    if found.shape() != want.shape() {
        return f64::INFINITY;
    }
    let granted = factor * (points as f64 * one_ulp + 4e-16 * scale);
    let errors = found
        .iter()
        .zip(want)
        .map(|(found, want)| (found - want).abs());
    errors.fold(0.0, |worst, error| match error {
        0.0 => worst,
        error if error.is_nan() => f64::INFINITY,
        error => worst.max(error / granted),
    })
}

fn share_of_number(found: f64, want: f64, points: usize, one_ulp: f64, factor: f64) -> f64 {
    let single = |value| DMatrix::from_element(1, 1, value);
    share(
        &single(found),
        &single(want),
        points,
        (one_ulp, want.abs(), factor),
    )
}

fn posterior(case: &Value) -> Outcome {
    let y = matrix(&case["y_train"])?;
    let noise_variance = number(case, "noise_variance")?;
    let [train, cross, test] = kernels(case, case["kernel"].as_str().unwrap_or("nngp"))?;
    let regression = Regression::new(&train, &y, Noise::Variance(noise_variance));
    if case["expect_error"] == "singular" {
        return match regression {
            Err(Error::Singular { ridge, .. }) => {
                let ridge = Noise::Variance(noise_variance + ridge);
                Regression::new(&train, &y, ridge).map_err(says)?;
                Ok(vec![("singular, its ridge does", 0.0)])
            }
            Err(other) => Err(format!("another error: {other}")),
            Ok(_) => Err("not found to be singular".to_owned()),
        };
    }
    let regression = regression.map_err(says)?;
    let (want, ulp, n) = (&case["expect"], &case["one_ulp_effect"], y.nrows());
    let mut errors = Vec::new();
    if let Some(ratio) = case["noise_relative_to_mean_trace"].as_f64() {
        let relative = Noise::RelativeToMeanDiagonal(ratio);
        let relative = Regression::new(&train, &y, relative).map_err(says)?;
        let found = relative.noise_variance();
        errors.push((
            "noise",
            share_of_number(found, noise_variance, n, 0.0, KERNELS),
        ));
    }
    let mean = matrix(&want["mean"])?;
    let found = regression.mean(&cross).map_err(says)?;
    let granted = (number(ulp, "mean")?, mean.amax(), KERNELS);
    errors.push(("mean", share(&found, &mean, n, granted)));
    let found = regression.covariance(&cross, &test).map_err(says)?;
    let granted = (number(ulp, "covariance")?, test.amax(), KERNELS);
    errors.push((
        "covariance",
        share(&found, &matrix(&want["covariance"])?, n, granted),
    ));
    let likelihood = number(want, "log_marginal_likelihood")?;
    let one_ulp = number(ulp, "log_marginal_likelihood")?;
    let found = regression.log_marginal_likelihood();
    errors.push((
        "likelihood",
        share_of_number(found, likelihood, n, one_ulp, KERNELS),
    ));
    errors.extend(gradient(case, &y, &regression, noise_variance)?);
    Ok(errors)
}

/// The derivatives of the likelihood that a case has.
fn gradient(case: &Value, y: &DMatrix<f64>, regression: &Regression, noise: f64) -> Outcome {
    let (want, ulp) = (
        &case["expect"]["gradient"],
        &case["one_ulp_effect"]["gradient"],
    );
    let along_noise = regression.likelihood_gradient(&[]).map_err(says)?;
    let mut found = vec![("noise_variance", along_noise[0], KERNELS)];
    if !want["weight_variance"].is_null() {
        let kind = case["kernel"].as_str().unwrap_or("nngp").to_owned();
        let network = description(case)?;
        let family =
            KernelFamily::of_initializations(move |law| kernel_of(&with_law(&network, law), &kind));
        let variance = |field| number(&case["network"], field).map(|std| std * std);
        let law = [variance("weight_std")?, variance("bias_std")?];
        let x = inputs(&case["x_train"])?;
        let all = family
            .likelihood_gradient(&law, noise, &x, y)
            .map_err(says)?;
        let names = ["weight_variance", "bias_variance"];
        let along = names.into_iter().zip(all.parameters);
        found.extend(along.map(|(name, value)| (name, value, DERIVATIVES)));
    }
    let mut errors = Vec::new();
    for (name, value, factor) in found {
        if let Some(want) = want[name].as_f64() {
            let one_ulp = number(ulp, name)?;
            errors.push((
                name,
                share_of_number(value, want, y.nrows(), one_ulp, factor),
            ));
        }
    }
    Ok(errors)
}

/// The same layers with another law of all weights.
fn with_law(description: &Description, law: Initialization) -> Description {
    fn layers(list: &[LayerDescription], law: Initialization) -> Vec<LayerDescription> {
        let mut list = list.to_vec();
        for layer in &mut list {
            match layer {
                LayerDescription::Dense {
                    weight_variance,
                    bias_variance,
                    ..
                } => {
                    (*weight_variance, *bias_variance) =
                        (law.weight_variance(), law.bias_variance());
                }
                LayerDescription::Repeat { layers: inner, .. } => *inner = layers(inner, law),
                _ => {}
            }
        }
        list
    }
    Description {
        layers: layers(&description.layers, law),
    }
}

fn rate(value: &Value) -> Result<LearningRate, String> {
    LearningRate::new(number(value, "learning_rate")?).map_err(says)
}

fn rule(case: &Value) -> Result<Rule, String> {
    let steps = || case["steps"].as_u64().ok_or_else(|| "no steps".to_owned());
    Ok(match case["method"].as_str() {
        Some("gradient_descent") => Rule::GradientDescent { steps: steps()? },
        Some("momentum") => Rule::HeavyBall {
            steps: steps()?,
            momentum: number(case, "momentum")?,
        },
        Some("gradient_flow" | "ensemble") => Rule::GradientFlow {
            time: case["time"].as_f64().unwrap_or(f64::INFINITY),
        },
        other => return Err(format!("method {other:?}")),
    })
}

fn trajectory(case: &Value) -> Outcome {
    let [train, cross, _] = kernels(case, case["kernel"].as_str().unwrap_or("ntk"))?;
    let (y, rule) = (matrix(&case["y_train"])?, rule(case)?);
    let (want, n) = (&case["expect"], y.nrows());
    let ridge = Ridge::Absolute(case["ridge"].as_f64().unwrap_or(0.0));
    let dynamics = KernelDynamics::new(&train, &y, rate(case)?).map_err(says)?;
    let dynamics = dynamics.with_ridge(ridge).map_err(says)?;
    let exact = case["zero_modes"].as_u64().unwrap_or(0) == 0;
    let compare = |field: &'static str, found: &DMatrix<f64>, scale: f64| {
        let want = matrix(&want[field])?;
        let granted = if exact {
            let one_ulp = number(&case["one_ulp_effect"], field)?;
            (one_ulp, scale.max(want.amax()), KERNELS)
        } else {
            (ZERO_MODES, 0.0, 1.0 / n as f64)
        };
        Ok::<_, String>((field, share(found, &want, n, granted)))
    };
    if case["method"] == "ensemble" {
        let [start, start_cross, test] = kernels(case, "nngp")?;
        let prior = StartCovariance {
            train: &start,
            cross: &start_cross,
            test: &test,
        };
        let Ensemble { mean, covariance } = dynamics.ensemble(&cross, prior, rule).map_err(says)?;
        let covariance = compare("covariance", &covariance, test.amax())?;
        return Ok(vec![compare("mean", &mean, 0.0)?, covariance]);
    }
    let (start, test_start) = (matrix(&case["f0_train"])?, matrix(&case["f0_test"])?);
    let trained = dynamics.train(&start, rule).map_err(says)?;
    let tested = dynamics
        .test(&cross, &start, &test_start, rule)
        .map_err(says)?;
    let mut errors = vec![
        compare("train", &trained, y.amax())?,
        compare("test", &tested, test_start.amax())?,
    ];
    let jitter = &want["train_if_ridge_is_jitter"];
    if !jitter.is_null() {
        let train = &train + DMatrix::identity(n, n) * dynamics.ridge();
        let dynamics = KernelDynamics::new(&train, &y, rate(case)?).map_err(says)?;
        let trained = dynamics.train(&start, rule).map_err(says)?;
        let want = matrix(jitter)?;
        let granted = (0.0, want.amax().max(y.amax()), KERNELS);
        errors.push(("jitter", share(&trained, &want, n, granted)));
    }
    Ok(errors)
}

fn learning_rate(case: &Value) -> Outcome {
    let [train, ..] = kernels(case, case["kernel"].as_str().unwrap_or("ntk"))?;
    let outputs = case["outputs"].as_u64().unwrap_or(1) as usize;
    let y = DMatrix::zeros(train.nrows(), outputs);
    let any = LearningRate::new(1.0).map_err(says)?;
    let dynamics = KernelDynamics::new(&train, &y, any).map_err(says)?;
    let mut errors = Vec::new();
    for (name, loss) in [
        ("mse_half_sum", SquaredLoss::HalfSum),
        ("mse_half_mean_points", SquaredLoss::HalfMeanPoints),
        ("mse_half_mean_entries", SquaredLoss::HalfMeanEntries),
    ] {
        if let Some(want) = case["expect"][name].as_f64() {
            let dynamics = dynamics.clone().with_loss(loss);
            let momentum = number(case, "momentum")?;
            let found = dynamics.maximal_learning_rate(momentum).map_err(says)?;
            errors.push((name, share_of_number(found, want, 1, 0.0, KERNELS)));
        }
    }
    Ok(errors)
}

fn cross_entropy(case: &Value) -> Outcome {
    let [train, cross, _] = kernels(case, case["kernel"].as_str().unwrap_or("ntk"))?;
    let y = matrix(&case["y_train"])?;
    let dynamics = LossDynamics::new(&train, &y, CrossEntropy, rate(case)?).map_err(says)?;
    let (start, test_start) = (matrix(&case["f0_train"])?, matrix(&case["f0_test"])?);
    let trained = dynamics.train(&start, rule(case)?).map_err(says)?;
    let tested = trained.at(&cross, &test_start).map_err(says)?;
    let want = &case["expect"];
    let relative = |found: &DMatrix<f64>, field: &str| {
        let want = matrix(&want[field])?;
        let error = (found - &want).amax() / want.amax().max(1.0);
        Ok::<_, String>(error / INTEGRATION)
    };
    let loss = CrossEntropy.value(&trained.outputs, &y) / number(want, "loss")? - 1.0;
    Ok(vec![
        ("train", relative(&trained.outputs, "train")?),
        ("test", relative(&tested, "test")?),
        ("loss", loss.abs() / INTEGRATION),
    ])
}

/// The peer's loss is divided by the number of entries; its ridge is relative to the mean of the diagonal,
/// and belongs to the kernel of the training points.
fn prediction(file: &Value, result: &Value) -> Outcome {
    let kind = result["get"].as_str().unwrap_or("ntk");
    let [train, cross, _] = kernels(file, kind)?;
    let [start, start_cross, test] = kernels(file, "nngp")?;
    let y = matrix(&file["y_train"])?;
    let ridge = number(result, "diag_reg")?;
    let ridge = if file["diag_reg_is_relative_to_mean_trace"] == true {
        Ridge::RelativeToMeanDiagonal(ridge)
    } else {
        Ridge::Absolute(ridge)
    };
    let of = |train: &DMatrix<f64>, ridge: Ridge| {
        let dynamics = KernelDynamics::new(train, &y, rate(result)?).map_err(says)?;
        let dynamics = dynamics.with_loss(SquaredLoss::HalfMeanEntries);
        dynamics.with_ridge(ridge).map_err(says)
    };
    let dynamics = of(&train, ridge)?;
    let rule = Rule::GradientFlow {
        time: result["t"].as_f64().unwrap_or(f64::INFINITY),
    };
    let compare = |field: &'static str, found: &DMatrix<f64>| {
        let want = matrix(&result[field])?;
        Ok::<_, String>((
            field,
            share(found, &want, 1, (0.0, want.amax(), PEER / 4e-16)),
        ))
    };
    if result["kind"] == "gradient_descent_mse_ensemble" {
        let prior = StartCovariance {
            train: &start,
            cross: &start_cross,
            test: &test,
        };
        let ensemble = if kind == "nngp" {
            dynamics.noisy_posterior(prior, rule)
        } else {
            dynamics.ensemble(&cross, prior, rule)
        };
        let ensemble = ensemble.map_err(says)?;
        let covariance = compare("covariance", &ensemble.covariance)?;
        return Ok(vec![compare("mean", &ensemble.mean)?, covariance]);
    }
    let (start, test_start) = (
        matrix(&result["fx_train_0"])?,
        matrix(&result["fx_test_0"])?,
    );
    let tested = dynamics
        .test(&cross, &start, &test_start, rule)
        .map_err(says)?;
    let n = y.nrows();
    let jittered = of(
        &(&train + DMatrix::identity(n, n) * dynamics.ridge()),
        Ridge::None,
    )?;
    let trained = jittered.train(&start, rule).map_err(says)?;
    Ok(vec![
        compare("fx_train_t", &trained)?,
        compare("fx_test_t", &tested)?,
    ])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(name: &str) -> Value {
        case::read(&Path::new("../tests/data").join(name)).unwrap()
    }

    #[test]
    fn every_case_of_the_reference_passes() {
        for (name, count) in [("inference.json", 106), ("neural_tangents.json", 11)] {
            let rows = rows(&file(name));
            assert_eq!(rows.len(), count);
            for row in rows {
                assert!(row.passes(), "{row}");
            }
        }
    }

    #[test]
    fn wrong_values_fail() {
        let mut file = file("inference.json");
        for (kind, field) in [
            ("gp", "mean"),
            ("dynamics", "train"),
            ("cross_entropy", "test"),
        ] {
            let entry = &mut file[kind][0]["expect"][field][0][0];
            *entry = Value::from(entry.as_f64().unwrap() + 1e-9);
            let row = rows(&file)
                .into_iter()
                .find(|row| row.name.starts_with(kind))
                .unwrap();
            assert!(!row.passes(), "{row}");
        }
    }
}
