//! Dynamics in the kernel regime: 80-digit values, and what holds of every training.

use nalgebra::DMatrix;
use neural_limits::prelude::*;
use neural_limits::training::{CrossEntropy, LossDynamics, StartCovariance, TrainingLoss};
use serde_json::Value;

use crate::oracle::inference::{cases, covariance, inputs, matrix, matrix_units, number};
use crate::oracle::neural_tangents;

/// Of the tolerance's unit: ten times the 4 units of rounding that a kernel entry may err by.
const FACTOR: f64 = 40.0;

/// Where an eigenvalue is 0, the values hold to this.
const ZERO_MODES: f64 = 1e-10;

/// The kernels of a case: train, cross, test.
fn kernels(case: &Value, kind: &str) -> [DMatrix<f64>; 3] {
    if case["network"].is_null() {
        let field = |name: &str| {
            let of_kind = &case[format!("{kind}_{name}")];
            let value = if of_kind.is_null() {
                &case[format!("kernel_{name}")]
            } else {
                of_kind
            };
            if value.is_null() {
                DMatrix::zeros(0, 0)
            } else {
                matrix(value)
            }
        };
        return ["train", "cross", "test"].map(field);
    }
    let kernel = covariance(case, &Value::from(kind), None);
    let x = inputs(&case["x_train"]);
    if case["x_test"].is_null() {
        return [
            kernel.gram(&x).unwrap(),
            DMatrix::zeros(0, 0),
            DMatrix::zeros(0, 0),
        ];
    }
    let test = inputs(&case["x_test"]);
    [kernel.gram(&x), kernel.cross(&test, &x), kernel.gram(&test)].map(Result::unwrap)
}

fn rule(case: &Value) -> Rule {
    let time = case["time"].as_f64().unwrap_or(f64::INFINITY);
    let steps = case["steps"].as_u64().unwrap_or(0);
    match case["method"].as_str().unwrap() {
        "gradient_descent" => Rule::GradientDescent { steps },
        "momentum" => Rule::HeavyBall {
            steps,
            momentum: number(&case["momentum"]),
        },
        _ => Rule::GradientFlow { time },
    }
}

fn rate(case: &Value) -> LearningRate {
    LearningRate::new(number(&case["learning_rate"])).unwrap()
}

#[test]
fn trajectories_are_those_of_eighty_digits() {
    let (mut worst, mut compared) = (0.0_f64, 0);
    for case in cases("dynamics") {
        let kind = case["kernel"].as_str().unwrap();
        let [train, cross, _] = kernels(&case, kind);
        let (y, want, ulp) = (
            matrix(&case["y_train"]),
            &case["expect"],
            &case["one_ulp_effect"],
        );
        let n = y.nrows();
        let dynamics = KernelDynamics::new(&train, &y, rate(&case)).unwrap();
        let dynamics = dynamics
            .with_ridge(Ridge::Absolute(number(&case["ridge"])))
            .unwrap();
        let zeros = dynamics
            .eigenvalues()
            .iter()
            .filter(|&&value| value == 0.0)
            .count();
        assert_eq!(
            zeros as u64,
            case["zero_modes"].as_u64().unwrap(),
            "{}",
            case["name"]
        );
        let mut compare = |field: &str, found: &DMatrix<f64>, scale: f64| {
            let want = matrix(&want[field]);
            let here = if zeros > 0 {
                (found - &want).amax() / ZERO_MODES * FACTOR
            } else {
                matrix_units(found, &want, n, number(&ulp[field]), scale)
            };
            assert!(here < FACTOR, "{} {field}: {here}", case["name"]);
            worst = worst.max(here);
        };
        compared += 1;
        if case["method"] == "ensemble" {
            let [start, start_cross, start_test] = kernels(&case, "nngp");
            let prior = StartCovariance {
                train: &start,
                cross: &start_cross,
                test: &start_test,
            };
            let ensemble = dynamics.ensemble(&cross, prior, rule(&case)).unwrap();
            compare("mean", &ensemble.mean, matrix(&want["mean"]).amax());
            compare("covariance", &ensemble.covariance, start_test.amax());
            continue;
        }
        let [start, test_start] = ["f0_train", "f0_test"].map(|field| matrix(&case[field]));
        let trained = dynamics.train(&start, rule(&case)).unwrap();
        let tested = dynamics
            .test(&cross, &start, &test_start, rule(&case))
            .unwrap();
        let scale = |field: &str| matrix(&want[field]).amax();
        compare("train", &trained, scale("train").max(y.amax()));
        compare("test", &tested, scale("test"));
        if !want["train_if_ridge_is_jitter"].is_null() {
            // the ridge as part of the training points' kernel
            let jittered = &train + DMatrix::identity(n, n) * dynamics.ridge();
            let dynamics = KernelDynamics::new(&jittered, &y, rate(&case)).unwrap();
            let trained = dynamics.train(&start, rule(&case)).unwrap();
            let want = matrix(&want["train_if_ridge_is_jitter"]);
            assert!((trained - &want).amax() < 1e-14 * 10.0 * want.amax());
        }
    }
    println!("worst {worst:.1} of {FACTOR}");
    assert_eq!(compared, 53);
}

#[test]
fn maximal_learning_rates_are_those_of_eighty_digits() {
    for case in cases("maximal_learning_rate") {
        let train = if case["network"].is_null() {
            matrix(&case["kernel_train"])
        } else {
            covariance(&case, &case["kernel"], None)
                .gram(&inputs(&case["x_train"]))
                .unwrap()
        };
        let outputs = case["outputs"].as_u64().unwrap() as usize;
        let y = DMatrix::zeros(train.nrows(), outputs);
        for (name, loss) in [
            ("mse_half_sum", SquaredLoss::HalfSum),
            ("mse_half_mean_points", SquaredLoss::HalfMeanPoints),
            ("mse_half_mean_entries", SquaredLoss::HalfMeanEntries),
        ] {
            let Some(want) = case["expect"][name].as_f64() else {
                continue;
            };
            let dynamics = KernelDynamics::new(&train, &y, LearningRate::new(1.0).unwrap());
            let dynamics = dynamics.unwrap().with_loss(loss);
            let found = dynamics
                .maximal_learning_rate(number(&case["momentum"]))
                .unwrap();
            assert!(
                (found / want - 1.0).abs() < 1e-14,
                "{}: {found} {want}",
                case["name"]
            );
        }
    }
}

#[test]
fn cross_entropy_is_that_of_thirty_digits() {
    let mut worst = 0.0_f64;
    for case in cases("cross_entropy") {
        let [train, cross, _] = kernels(&case, "ntk");
        let y = matrix(&case["y_train"]);
        let dynamics = LossDynamics::new(&train, &y, CrossEntropy, rate(&case)).unwrap();
        let [start, test_start] = ["f0_train", "f0_test"].map(|field| matrix(&case[field]));
        let trained = dynamics.train(&start, rule(&case)).unwrap();
        let want = &case["expect"];
        let test = trained.at(&cross, &test_start).unwrap();
        let loss = CrossEntropy.value(&trained.outputs, &y);
        let errors = [
            (&trained.outputs - matrix(&want["train"])).amax() / matrix(&want["train"]).amax(),
            (test - matrix(&want["test"])).amax() / matrix(&want["test"]).amax().max(1.0),
            (loss / number(&want["loss"]) - 1.0).abs(),
        ];
        println!("{:30} {errors:?}", case["name"]);
        worst = errors.into_iter().fold(worst, f64::max);
    }
    assert!(worst < 1e-11, "{worst}");
}

/// The peer's predictions: its loss is divided by the number of entries, its ridge is relative.
#[test]
fn predictions_of_neural_tangents() {
    let file = neural_tangents();
    let case = &file["predict"];
    let y = matrix(&case["y_train"]);
    let mut compared = 0;
    for result in case["results"].as_array().unwrap() {
        let kind = result["get"].as_str().unwrap_or("ntk");
        let [train, cross, _] = kernels(case, kind);
        let [start, start_cross, start_test] = kernels(case, "nngp");
        let prior = StartCovariance {
            train: &start,
            cross: &start_cross,
            test: &start_test,
        };
        let ridge = Ridge::RelativeToMeanDiagonal(number(&result["diag_reg"]));
        let dynamics = KernelDynamics::new(&train, &y, rate(result)).unwrap();
        let dynamics = dynamics
            .with_loss(SquaredLoss::HalfMeanEntries)
            .with_ridge(ridge)
            .unwrap();
        let time = result["t"].as_f64().unwrap_or(f64::INFINITY);
        let rule = Rule::GradientFlow { time };
        let compare = |field: &str, found: &DMatrix<f64>| {
            let want = matrix(&result[field]);
            let error = (found - &want).amax() / want.amax();
            assert!(error < 1e-7, "{}: {field} {error:e}", result["kind"]);
        };
        compared += 1;
        if result["kind"] == "gradient_descent_mse_ensemble" {
            let ensemble = if kind == "nngp" {
                dynamics.noisy_posterior(prior, rule).unwrap()
            } else {
                dynamics.ensemble(&cross, prior, rule).unwrap()
            };
            compare("mean", &ensemble.mean);
            compare("covariance", &ensemble.covariance);
        } else {
            let [start, test_start] =
                ["fx_train_0", "fx_test_0"].map(|field| matrix(&result[field]));
            compare(
                "fx_test_t",
                &dynamics.test(&cross, &start, &test_start, rule).unwrap(),
            );
            let jittered = &train + DMatrix::identity(y.nrows(), y.nrows()) * dynamics.ridge();
            let dynamics = KernelDynamics::new(&jittered, &y, rate(result)).unwrap();
            let dynamics = dynamics.with_loss(SquaredLoss::HalfMeanEntries);
            compare("fx_train_t", &dynamics.train(&start, rule).unwrap());
        }
    }
    assert_eq!(compared, 11);
}

/// A kernel, targets, a start, and the kernels of two test points.
struct Problem {
    train: DMatrix<f64>,
    cross: DMatrix<f64>,
    test: DMatrix<f64>,
    y: DMatrix<f64>,
    start: DMatrix<f64>,
}

fn problem() -> Problem {
    let net = Mlp::new(Erf::default()).initialized_by(Initialization::new(1.5, 0.3).unwrap());
    let kernel = NetworkKernel::ntk(&net.infinite_width(2).unwrap()).unwrap();
    let x = Inputs::from_rows(&[[1.0, 0.2], [-0.4, 1.1], [0.3, -0.9], [-1.2, -0.5]]).unwrap();
    let at = Inputs::from_rows(&[[0.5, 0.5], [-1.0, 0.1]]).unwrap();
    Problem {
        train: kernel.gram(&x).unwrap(),
        cross: kernel.cross(&at, &x).unwrap(),
        test: kernel.gram(&at).unwrap(),
        y: DMatrix::from_row_slice(4, 2, &[1.0, 0.0, -1.0, 0.5, 0.2, 0.3, 0.0, -0.7]),
        start: DMatrix::from_row_slice(4, 2, &[0.1, 0.2, 0.4, -0.3, 0.0, 0.5, -0.2, 0.1]),
    }
}

fn dynamics(problem: &Problem, rate: f64) -> KernelDynamics {
    let rate = LearningRate::new(rate).unwrap();
    KernelDynamics::new(&problem.train, &problem.y, rate).unwrap()
}

const FOREVER: Rule = Rule::GradientFlow {
    time: f64::INFINITY,
};

#[test]
fn at_infinite_time_the_flow_is_kernel_regression() {
    let p = problem();
    let zero = DMatrix::zeros(2, 2);
    for ridge in [0.0, 0.3] {
        let flow = dynamics(&p, 0.7)
            .with_ridge(Ridge::Absolute(ridge))
            .unwrap();
        let found = flow
            .test(&p.cross, &DMatrix::zeros(4, 2), &zero, FOREVER)
            .unwrap();
        let regression = Regression::new(&p.train, &p.y, Noise::Variance(ridge)).unwrap();
        assert!((found - regression.mean(&p.cross).unwrap()).amax() < 1e-13);
    }
}

#[test]
fn descent_with_small_steps_is_the_flow() {
    let p = problem();
    let flow = dynamics(&p, 1.0)
        .train(&p.start, Rule::GradientFlow { time: 0.2 })
        .unwrap();
    let error = |rate: f64| {
        let steps = (0.2 / rate).round() as u64;
        let found = dynamics(&p, rate)
            .train(&p.start, Rule::GradientDescent { steps })
            .unwrap();
        (found - &flow).amax()
    };
    let ratio = error(1e-4) / error(1e-5);
    assert!(
        (ratio - 10.0).abs() < 0.1,
        "first order in the step: {ratio}"
    );
    // momentum μ makes the rate η/(1 − μ)
    let ball = Rule::HeavyBall {
        steps: 200_000,
        momentum: 0.9,
    };
    let found = dynamics(&p, 1e-7).train(&p.start, ball).unwrap();
    assert!((found - &flow).amax() < 1e-3);
}

#[test]
fn an_ensemble_whose_readout_is_trained_has_one_kernel() {
    // Θ = K: the covariance is K** − k K⁻¹ (1 − e^{−2ηtK}) kᵀ, and at infinite time the posterior's
    let p = problem();
    let prior = StartCovariance {
        train: &p.train,
        cross: &p.cross,
        test: &p.test,
    };
    for time in [0.0, 0.3, f64::INFINITY] {
        let rule = Rule::GradientFlow { time };
        let ensemble = dynamics(&p, 1.0).ensemble(&p.cross, prior, rule).unwrap();
        let collapsed = dynamics(&p, 1.0).noisy_posterior(prior, rule).unwrap();
        assert!((&ensemble.covariance - &collapsed.covariance).amax() < 1e-13 * p.test.amax());
        assert!((&ensemble.mean - &collapsed.mean).amax() < 1e-13);
    }
    let posterior = |noise: f64| {
        let regression = Regression::new(&p.train, &p.y, Noise::Variance(noise)).unwrap();
        regression.covariance(&p.cross, &p.test).unwrap()
    };
    let ensemble = dynamics(&p, 1.0)
        .ensemble(&p.cross, prior, FOREVER)
        .unwrap();
    assert!((ensemble.covariance - posterior(0.0)).amax() < 1e-13 * p.test.amax());
    let noisy = dynamics(&p, 1.0).with_ridge(Ridge::Absolute(0.4)).unwrap();
    let noisy = noisy.noisy_posterior(prior, FOREVER).unwrap();
    assert!((noisy.covariance - posterior(0.4)).amax() < 1e-13 * p.test.amax());
}

#[test]
fn steps_are_steps() {
    let p = problem();
    let (rate, ridge) = (0.06, 0.2);
    let dynamics = dynamics(&p, rate)
        .with_ridge(Ridge::Absolute(ridge))
        .unwrap();
    for momentum in [0.0, 0.8] {
        // θ in the features of the training points: f = f₀ + Θα, the penalty's gradient rα
        let mut alpha = DMatrix::<f64>::zeros(4, 2);
        let mut velocity = alpha.clone();
        for steps in 1..=30 {
            let outputs = &p.start + &p.train * &alpha;
            let gradient = (outputs - &p.y) + &alpha * ridge;
            velocity = velocity * momentum - gradient * rate;
            alpha += &velocity;
            let rule = if momentum > 0.0 {
                Rule::HeavyBall { steps, momentum }
            } else {
                Rule::GradientDescent { steps }
            };
            let found = dynamics.train(&p.start, rule).unwrap();
            assert!((found - (&p.start + &p.train * &alpha)).amax() < 1e-13);
        }
    }
}

#[test]
fn the_integrator_agrees_with_the_closed_form_and_conserves_what_the_loss_does() {
    let p = problem();
    let rate = LearningRate::new(0.3).unwrap();
    let squared = LossDynamics::new(&p.train, &p.y, SquaredLoss::HalfMeanEntries, rate).unwrap();
    let closed = dynamics(&p, 0.3).with_loss(SquaredLoss::HalfMeanEntries);
    for rule in [
        Rule::GradientFlow { time: 5.0 },
        Rule::GradientDescent { steps: 20 },
        Rule::HeavyBall {
            steps: 20,
            momentum: 0.5,
        },
    ] {
        let integrated = squared.train(&p.start, rule).unwrap();
        let exact = closed.train(&p.start, rule).unwrap();
        assert!((&integrated.outputs - exact).amax() < 1e-11, "{rule:?}");
        let zero = DMatrix::zeros(2, 2);
        let exact = closed.test(&p.cross, &p.start, &zero, rule).unwrap();
        assert!((integrated.at(&p.cross, &zero).unwrap() - exact).amax() < 1e-11);
    }
    let labels = DMatrix::from_row_slice(4, 2, &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    let dynamics = LossDynamics::new(&p.train, &labels, CrossEntropy, rate).unwrap();
    let trained = dynamics
        .train(&p.start, Rule::GradientFlow { time: 20.0 })
        .unwrap();
    let sums = trained.outputs.column_sum() - p.start.column_sum();
    assert!(sums.amax() < 1e-11);
}

#[test]
fn times_and_steps_to_a_loss() {
    let p = problem();
    let flow = dynamics(&p, 0.5);
    let first = flow.loss(&p.start).unwrap();
    for share in [1.0, 0.9, 0.5, 1e-3, 1e-12] {
        let time = flow.time_to_loss(&p.start, share * first).unwrap();
        let there = flow.train(&p.start, Rule::GradientFlow { time }).unwrap();
        let found = flow.loss(&there).unwrap();
        assert!(
            (found - share * first).abs() < 1e-13 * first.max(1.0),
            "{share}: {found}"
        );
    }
    let rate = 0.5 * flow.maximal_learning_rate(0.0).unwrap();
    for momentum in [0.0, 0.7] {
        let descent = dynamics(&p, rate);
        let steps = descent
            .steps_to_loss(&p.start, momentum, 1e-3 * first, 100_000)
            .unwrap();
        let loss = |steps: u64| {
            let rule = Rule::HeavyBall { steps, momentum };
            let there = descent.train(&p.start, rule).unwrap();
            descent.loss(&there).unwrap()
        };
        assert!(loss(steps) <= 1e-3 * first * (1.0 + 1e-10) && loss(steps - 1) > 1e-3 * first);
    }
    let error = flow.time_to_loss(&p.start, 2.0 * first).unwrap_err();
    assert!(error.to_string().contains("the loss"));
    let ridge = dynamics(&p, 0.5).with_ridge(Ridge::Absolute(1.0)).unwrap();
    assert!(ridge.time_to_loss(&p.start, 1e-9).is_err());
    let error = dynamics(&p, rate)
        .steps_to_loss(&p.start, 0.0, 1e-9 * first, 3)
        .unwrap_err();
    assert!(error.to_string().contains("within 3 steps"));
}

#[test]
fn bad_input_is_refused_by_name() {
    let p = problem();
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            LearningRate::new(rate)
                .unwrap_err()
                .to_string()
                .contains("the learning rate")
        );
    }
    let limit = dynamics(&p, 1.0).maximal_learning_rate(0.0).unwrap();
    let unstable = dynamics(&p, 3.0 * limit);
    let steps = |steps| unstable.train(&p.start, Rule::GradientDescent { steps });
    assert!(steps(100).is_ok(), "what is finite is given");
    let message = steps(100_000).unwrap_err().to_string();
    assert!(
        message.contains(&format!("a number below {limit}")),
        "{message}"
    );
    let message = unstable
        .steps_to_loss(&p.start, 0.0, 0.1, 10)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(&format!("a number below {limit}")),
        "{message}"
    );

    let fine = dynamics(&p, 0.1);
    for (rule, expected) in [
        (Rule::GradientFlow { time: -1.0 }, "time = -1"),
        (Rule::GradientFlow { time: f64::NAN }, "time = NaN"),
        (
            Rule::HeavyBall {
                steps: 1,
                momentum: 1.0,
            },
            "momentum = 1",
        ),
        (
            Rule::HeavyBall {
                steps: 1,
                momentum: -0.1,
            },
            "momentum = -0.1",
        ),
    ] {
        let message = fine.train(&p.start, rule).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(fine.train(&DMatrix::zeros(3, 2), FOREVER).is_err());
    assert!(fine.train(&p.start.map(|_| f64::NAN), FOREVER).is_err());
    assert!(
        fine.test(
            &DMatrix::zeros(2, 3),
            &p.start,
            &DMatrix::zeros(2, 2),
            FOREVER
        )
        .is_err()
    );
    assert!(
        fine.test(&p.cross, &p.start, &DMatrix::zeros(1, 2), FOREVER)
            .is_err()
    );
    let rate = LearningRate::new(1.0).unwrap();
    let indefinite = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
    let message = KernelDynamics::new(&indefinite, &DMatrix::zeros(2, 1), rate).unwrap_err();
    assert!(
        message
            .to_string()
            .contains("the smallest eigenvalue of the kernel")
    );
    assert!(KernelDynamics::new(&p.train, &DMatrix::zeros(3, 1), rate).is_err());
    assert!(fine.clone().with_ridge(Ridge::Absolute(-1.0)).is_err());
    let entropy = LossDynamics::new(&p.train, &p.y, CrossEntropy, rate).unwrap();
    assert!(matches!(
        entropy.train(&p.start, FOREVER),
        Err(Error::Unsupported { .. })
    ));
    assert!(entropy.with_tolerance(0.0).is_err());
}
