//! Gaussian-process inference: 80-digit values, and what holds of every posterior.

use nalgebra::{DMatrix, DVector};
use neural_limits::network::{Activated, Dense, Network};
use neural_limits::prelude::*;
use neural_limits::strategies::any_number;
use neural_limits::training::{CrossEntropy, LossDynamics};
use neural_limits_test_support::least_eigenvalue;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::oracle::inference::{cases, covariance, inputs, matrix, matrix_units, number, units};

/// Of the tolerance's unit: ten times the 4 units of rounding that a kernel entry may err by.
const FACTOR: f64 = 40.0;

/// The same of gradients, whose kernel derivatives are known to 3e-14.
const GRADIENT_FACTOR: f64 = 10.0 * 3e-14 / f64::EPSILON;

#[test]
fn posteriors_and_likelihoods_are_those_of_eighty_digits() {
    let (mut worst, mut worst_gradient, mut compared) = (0.0_f64, 0.0_f64, 0);
    for case in cases("gp") {
        let y = matrix(&case["y_train"]);
        let noise = Noise::Variance(number(&case["noise_variance"]));
        let matrices = if case["network"].is_null() {
            ["kernel_train", "kernel_cross", "kernel_test"].map(|field| matrix(&case[field]))
        } else {
            let kernel = covariance(&case, &case["kernel"], None);
            let [x, test] = ["x_train", "x_test"].map(|field| inputs(&case[field]));
            [kernel.gram(&x), kernel.cross(&test, &x), kernel.gram(&test)].map(Result::unwrap)
        };
        let [train, cross, test] = matrices;
        let regression = Regression::new(&train, &y, noise);
        if case["expect_error"] == "singular" {
            let error = regression.expect_err("singular");
            let Error::Singular {
                pivot, size, ridge, ..
            } = error
            else {
                panic!("{}: {error}", case["name"]);
            };
            // a pivot exceeds the least eigenvalue by what its eigenvector has elsewhere
            assert!(
                pivot < y.nrows() && size.abs() < 1e-10 * train.amax(),
                "{}: {size:e}",
                case["name"]
            );
            let done = Noise::Variance(noise.variance(0.0).unwrap() + ridge);
            Regression::new(&train, &y, done).expect("the ridge would do");
            compared += 1;
            continue;
        }
        let regression = regression.unwrap();
        if let Some(ratio) = case["noise_relative_to_mean_trace"].as_f64() {
            let relative = Noise::RelativeToMeanDiagonal(ratio);
            let relative = Regression::new(&train, &y, relative).unwrap();
            let [a, b] = [&relative, &regression].map(Regression::noise_variance);
            assert!((a / b - 1.0).abs() < 1e-13);
        }
        let (n, ulp, want) = (y.nrows(), &case["one_ulp_effect"], &case["expect"]);
        let mean = matrix(&want["mean"]);
        let found = regression.mean(&cross).unwrap();
        let mut here = matrix_units(&found, &mean, n, number(&ulp["mean"]), mean.amax());
        let found = regression.covariance(&cross, &test).unwrap();
        let (unit, scale) = (number(&ulp["covariance"]), test.amax());
        here = here.max(matrix_units(
            &found,
            &matrix(&want["covariance"]),
            n,
            unit,
            scale,
        ));
        let variance = regression.variance(&cross, &test.diagonal()).unwrap();
        here = here.max((variance - found.diagonal()).amax() / scale / 4e-16);
        let likelihood = number(&want["log_marginal_likelihood"]);
        let found = regression.log_marginal_likelihood();
        let unit = number(&ulp["log_marginal_likelihood"]);
        here = here.max(units(found, likelihood, n, unit, likelihood.abs()));
        assert!(here < FACTOR, "{}: {here}", case["name"]);
        worst = worst.max(here);
        compared += 1;

        let gradient = &want["gradient"];
        let mut found = vec![(
            "noise_variance",
            regression.likelihood_gradient(&[]).unwrap()[0],
        )];
        if !gradient["weight_variance"].is_null() {
            let (case_of_family, kind) = (case.clone(), case["kernel"].clone());
            let family = KernelFamily::of_initializations(move |law| {
                Ok(covariance(&case_of_family, &kind, Some(law)))
            });
            let law =
                ["weight_std", "bias_std"].map(|field| number(&case["network"][field]).powi(2));
            let noise = number(&case["noise_variance"]);
            let x = inputs(&case["x_train"]);
            let all = family.likelihood_gradient(&law, noise, &x, &y).unwrap();
            found.push(("weight_variance", all.parameters[0]));
            found.push(("bias_variance", all.parameters[1]));
        }
        for (name, found) in found {
            if let Some(want) = gradient[name].as_f64() {
                let unit = number(&ulp["gradient"][name]);
                let here = units(found, want, n, unit, want.abs());
                println!(
                    "{:50} {name:16} {here:9.1} {:9.1e}",
                    case["name"],
                    (found / want - 1.0).abs()
                );
                let factor = if name == "noise_variance" {
                    FACTOR
                } else {
                    GRADIENT_FACTOR
                };
                assert!(here < factor, "{}: {name} {here}", case["name"]);
                worst_gradient = worst_gradient.max(here / factor * FACTOR);
            }
        }
    }
    println!("worst {worst:.1}, of gradients {worst_gradient:.1} of {FACTOR}");
    assert_eq!(compared, 40);
}

/// Points on a circle with a radius that varies, and targets.
fn data(n: usize) -> (Inputs<'static>, DMatrix<f64>) {
    let angle = |i: usize| 0.7 * i as f64;
    let rows: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let radius = 1.0 + 0.3 * (2.1 * i as f64).sin();
            [radius * angle(i).cos(), radius * angle(i).sin()]
        })
        .collect();
    let y = DMatrix::from_fn(n, 2, |i, c| (angle(i) + c as f64).sin());
    (Inputs::from_rows(&rows).unwrap(), y)
}

fn mlp() -> NetworkKernel {
    let net = Mlp::new(Erf::default()).initialized_by(Initialization::new(1.5, 0.2).unwrap());
    NetworkKernel::nngp(&net.infinite_width(3).unwrap()).unwrap()
}

#[test]
fn the_posterior_variance_is_between_0_and_the_prior_and_passes_through_the_data() {
    let (x, y) = data(9);
    for noise in [0.0, 1e-9, 0.1] {
        let process = GaussianProcess::fit(mlp(), &x, &y, Noise::Variance(noise)).unwrap();
        let (elsewhere, _) = data(40);
        let prior = mlp().diagonal(&elsewhere).unwrap();
        let posterior = process.variance(&elsewhere).unwrap();
        for (posterior, prior) in posterior.iter().zip(&prior) {
            assert!((0.0..=*prior).contains(posterior));
        }
        let covariance = process.covariance(&elsewhere).unwrap();
        assert_eq!(covariance, covariance.transpose());
        let least = least_eigenvalue(&covariance);
        let rounding = 40.0 * f64::EPSILON * process.regression().condition();
        assert!(least > -rounding * prior.amax());
        let at_data = process.mean(&x).unwrap() - &y;
        if noise < 1e-8 {
            let condition = process.regression().condition();
            assert!(at_data.amax() < 10.0 * (noise + f64::EPSILON) * condition);
        }
    }
}

#[test]
fn leaving_a_point_out_is_fitting_the_others() {
    let (x, y) = data(9);
    let (noise, gram) = (Noise::Variance(0.05), mlp().gram(&x).unwrap());
    let all = Regression::new(&gram, &y, noise).unwrap();
    let (mean, variance) = all.leave_one_out().unwrap();
    for i in 0..9 {
        let others = gram.clone().remove_row(i).remove_column(i);
        let without = Regression::new(&others, &y.clone().remove_row(i), noise).unwrap();
        let cross = gram.rows(i, 1).into_owned().remove_column(i);
        let own = DVector::from_element(1, gram[(i, i)]);
        let predicted = without.mean(&cross).unwrap();
        assert!((predicted - mean.rows(i, 1)).amax() < 1e-11);
        let latent = without.variance(&cross, &own).unwrap()[0];
        assert!((latent + 0.05 - variance[i]).abs() < 1e-11);
    }
}

#[test]
fn tangent_kernels_of_infinite_depth_are_covariance_functions() {
    let (x, y) = data(20);
    let (elsewhere, _) = data(5);
    let net = ResNet::new(Erf::default()).initialized_by(Initialization::new(1.5, 0.1).unwrap());
    for time in [0.3, 1.0] {
        let kernel = NetworkKernel::infinite_depth_ntk(&net, time).unwrap();
        let limit = net.infinite_depth();
        let gram = limit.kernels_at(&x, time).unwrap().ntk;
        assert_eq!(kernel.gram(&x).unwrap(), gram);
        assert_eq!(kernel.diagonal(&x).unwrap(), gram.diagonal());
        let cross = limit.kernels_between_at(&elsewhere, &x, time).unwrap().ntk;
        assert_eq!(kernel.cross(&elsewhere, &x).unwrap(), cross);
        let process = GaussianProcess::fit(kernel, &x, &y, Noise::Variance(1e-4)).unwrap();
        assert!((process.mean(&x).unwrap() - &y).amax() < 0.05);
    }
}

#[test]
fn points_one_by_one_are_points_at_once() {
    let (x, y) = data(150);
    let noise = Noise::Variance(0.01);
    let part = |from: usize, to: usize| {
        let points: Vec<&[f64]> = x.points().skip(from).take(to - from).collect();
        (
            Inputs::from_rows(&points).unwrap(),
            y.rows(from, to - from).into_owned(),
        )
    };
    let at_once = GaussianProcess::fit(mlp(), &x, &y, noise).unwrap();
    let (first, targets) = part(0, 120);
    let mut grown = GaussianProcess::fit(mlp(), &first, &targets, noise).unwrap();
    for i in 120..150 {
        let (point, target) = part(i, i + 1);
        grown = grown.extended(&point, &target).unwrap();
    }
    let elsewhere = Inputs::from_rows(&[[0.3, -1.1], [2.0, 0.1]]).unwrap();
    let difference = at_once.mean(&elsewhere).unwrap() - grown.mean(&elsewhere).unwrap();
    // entries of different calls differ by what tables err by
    assert!(difference.amax() < 1e-13 * at_once.regression().condition());
    let likelihoods = [&at_once, &grown].map(|fit| fit.regression().log_marginal_likelihood());
    assert!((likelihoods[0] / likelihoods[1] - 1.0).abs() < 1e-10);
    assert_eq!(grown.inputs().len(), 150);

    // from the same matrix the bits are the same
    let gram = mlp().gram(&x).unwrap();
    let whole = Regression::new(&gram, &y, noise).unwrap();
    let block = |i: usize, j: usize, m: usize, n: usize| gram.view((i, j), (m, n)).into_owned();
    let first = Regression::new(&block(0, 0, 100, 100), &y.rows(0, 100).into_owned(), noise);
    let (cross, corner) = (block(100, 0, 50, 100), block(100, 100, 50, 50));
    let grown = first
        .unwrap()
        .extended(&cross, &corner, &y.rows(100, 50).into_owned());
    assert_eq!(grown.unwrap().weights(), whole.weights());
}

#[test]
fn samples_have_the_posteriors_mean_and_covariance() {
    let (x, y) = data(5);
    let process = GaussianProcess::fit(mlp(), &x, &y, Noise::Variance(0.05)).unwrap();
    let elsewhere = Inputs::from_rows(&[[0.3, -1.1], [2.0, 0.1], [-1.0, -1.0]]).unwrap();
    let (mean, covariance) = (
        process.mean(&elsewhere).unwrap(),
        process.covariance(&elsewhere).unwrap(),
    );
    let count = 20_000;
    let draws = process.sample(&elsewhere, count, 11).unwrap();
    assert_eq!(draws[7], process.sample(&elsewhere, 8, 11).unwrap()[7]);
    let average = draws
        .iter()
        .fold(DMatrix::zeros(3, 2), |sum, draw| sum + draw)
        / count as f64;
    let deviation = |i: usize| covariance[(i, i)].sqrt();
    for i in 0..3 {
        for c in 0..2 {
            // false alarms once in 1e7
            let bound = 5.5 * deviation(i) / (count as f64).sqrt();
            assert!((average[(i, c)] - mean[(i, c)]).abs() < bound);
        }
        for j in 0..3 {
            let products = draws.iter().map(|draw| {
                let centred = draw - &mean;
                centred[(i, 0)] * centred[(j, 0)]
            });
            let found = products.sum::<f64>() / count as f64;
            let bound = 5.5 * 2f64.sqrt() * deviation(i) * deviation(j) / (count as f64).sqrt();
            assert!((found - covariance[(i, j)]).abs() < bound);
        }
    }
}

#[test]
fn jitter_is_given_only_when_asked_for_and_said() {
    let ones = DMatrix::from_element(3, 3, 1.0);
    let y = DMatrix::from_column_slice(3, 1, &[1.0, 1.0, 1.0]);
    let error = Regression::new(&ones, &y, Noise::None).unwrap_err();
    let Error::Singular { pivot, ridge, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(pivot, 1);
    assert!(ridge > 0.0 && ridge < 1e-13);
    let asked = Regression::with_jitter(&ones, &y, Noise::None, 1e-10).unwrap();
    assert_eq!(asked.jitter(), ridge);
    assert!(Regression::with_jitter(&ones, &y, Noise::None, 1e-16).is_err());
    let regular = Regression::with_jitter(&ones, &y, Noise::Variance(0.1), 1e-10).unwrap();
    assert_eq!(regular.jitter(), 0.0);
    // a duplicate that is added later
    let one = DMatrix::from_element(1, 1, 1.0);
    let single = Regression::new(&one, &one, Noise::None).unwrap();
    let error = single.extended(&one, &one, &one).unwrap_err();
    assert!(matches!(error, Error::Singular { pivot: 1, .. }), "{error}");
}

#[test]
fn the_gradient_is_that_of_differences() {
    let (x, y) = data(12);
    let family = KernelFamily::new(&[("time", inference_domain())], |p| {
        NetworkKernel::infinite_depth(&ResNet::new(Relu), p[0])
    });
    let likelihood = |time: f64, noise: f64| {
        let kernel = NetworkKernel::infinite_depth(&ResNet::new(Relu), time).unwrap();
        let process = GaussianProcess::fit(kernel, &x, &y, Noise::Variance(noise)).unwrap();
        process.regression().log_marginal_likelihood()
    };
    for time in [0.0, 0.4, 1.0] {
        let found = family.likelihood_gradient(&[time], 0.1, &x, &y).unwrap();
        let (step, center) = (1e-4, f64::clamp(time, 1e-4, 1.0 - 1e-4));
        let slope =
            (likelihood(center + step, 0.1) - likelihood(center - step, 0.1)) / (2.0 * step);
        assert!((found.parameters[0] / slope - 1.0).abs() < 1e-3, "{time}");
        let slope = (likelihood(time, 0.1 + 1e-4) - likelihood(time, 0.1 - 1e-4)) / 2e-4;
        assert!((found.noise_variance / slope - 1.0).abs() < 1e-4);
    }
}

fn inference_domain() -> neural_limits::inference::Domain {
    neural_limits::inference::Domain::UnitInterval
}

#[test]
fn a_network_that_ends_in_a_nonlinearity_is_refused_with_that_reason() {
    let dense = Dense::new(Initialization::he());
    let net = Network::new().then(dense).then(Activated::new(Relu));
    let width = net.infinite_width(1).unwrap();
    for kernel in [NetworkKernel::nngp(&width), NetworkKernel::ntk(&width)] {
        let message = kernel.unwrap_err().to_string();
        assert!(
            message.contains("it ends in ReLU, so that the outputs are not Gaussian"),
            "{message}"
        );
    }
    assert!(NetworkKernel::infinite_depth(&net, 1.0).is_err());
    let message = NetworkKernel::nngp(&Network::new().infinite_width(1).unwrap()).unwrap_err();
    assert!(message.to_string().contains("nothing is random"));
}

#[test]
fn bad_input_is_refused_by_name() {
    let (x, y) = data(4);
    let refused = |y: &DMatrix<f64>, noise: Noise| {
        GaussianProcess::fit(mlp(), &x, y, noise)
            .unwrap_err()
            .to_string()
    };
    let fine = Noise::Variance(0.1);
    for (message, expected) in [
        (
            refused(&y.rows(0, 3).into_owned(), fine),
            "the targets has shape (3, 2): expected 4 rows",
        ),
        (refused(&DMatrix::zeros(4, 0), fine), "at least one column"),
        (
            refused(&y.map(|_| f64::NAN), fine),
            "the targets[(0, 0)] = NaN",
        ),
        (
            refused(&y, Noise::Variance(-0.1)),
            "the noise variance = -0.1",
        ),
        (
            refused(&y, Noise::Variance(f64::NAN)),
            "the noise variance = NaN",
        ),
        (
            refused(&y, Noise::RelativeToMeanDiagonal(-0.1)),
            "relative to the mean diagonal = -0.1",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let process = GaussianProcess::fit(mlp(), &x, &y, fine).unwrap();
    let other = Inputs::from_rows(&[[1.0, 2.0, 3.0]]).unwrap();
    for error in [
        process.mean(&other).err(),
        process.variance(&other).err(),
        process.covariance(&other).err(),
    ] {
        assert!(error.unwrap().to_string().contains("dimension"));
    }
    let k = mlp().gram(&x).unwrap();
    let matrix = |k: DMatrix<f64>| Regression::new(&k, &y, fine).unwrap_err().to_string();
    for (message, expected) in [
        (matrix(DMatrix::zeros(0, 0)), "no rows"),
        (matrix(DMatrix::zeros(3, 4)), "shape (3, 4)"),
        (matrix(k.map(|_| f64::INFINITY)), "expected a finite number"),
        (matrix(-&k), "expected a finite number >= 0"),
        (
            matrix(DMatrix::from_fn(4, 4, |i, j| k[(i, j)] + i as f64)),
            "its mirror image",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let regression = Regression::new(&k, &y, fine).unwrap();
    assert!(regression.mean(&DMatrix::zeros(1, 3)).is_err());
    assert!(regression.mean(&DMatrix::zeros(0, 4)).is_err());
    assert!(
        regression
            .variance(&DMatrix::zeros(2, 4), &DVector::zeros(3))
            .is_err()
    );
    assert!(
        regression
            .covariance(&DMatrix::zeros(2, 4), &DMatrix::zeros(3, 3))
            .is_err()
    );
    // covariances that no kernel has
    let far = DMatrix::from_element(1, 4, 10.0);
    let message = regression
        .variance(&far, &DVector::zeros(1))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("the prior variance of point 0"),
        "{message}"
    );
    assert!(regression.covariance(&far, &DMatrix::zeros(1, 1)).is_err());
    let relative = Regression::new(&k, &y, Noise::RelativeToMeanDiagonal(0.1)).unwrap();
    let one = DMatrix::from_element(1, 1, 1.0);
    let message = relative.extended(&DMatrix::zeros(1, 4), &one, &DMatrix::zeros(1, 2));
    assert!(
        message
            .unwrap_err()
            .to_string()
            .contains("give it as Noise::Variance")
    );
    let indefinite = DMatrix::from_row_slice(2, 2, &[1.0, 1e9, 1e9, 1.0]);
    assert!(Regression::new(&indefinite, &DMatrix::zeros(2, 1), Noise::None).is_err());
}

#[test]
fn what_is_selected_is_a_maximum_of_the_likelihood() {
    let (x, mut y) = data(25);
    // without noise the likelihood would grow until the kernel is singular
    for (i, y) in y.iter_mut().enumerate() {
        *y += 0.2 * (50.3 * (i * i) as f64).sin();
    }
    let family = KernelFamily::of_initializations(|law| {
        let net = Mlp::new(Erf::default()).initialized_by(law);
        NetworkKernel::nngp(&net.infinite_width(2)?)
    });
    let start = [1.0, 0.5];
    let before = family.likelihood_gradient(&start, 0.1, &x, &y).unwrap();
    let found = family.select(&start, 0.1, &x, &y).unwrap();
    assert!(found.converged && found.log_marginal_likelihood > before.log_marginal_likelihood);
    let (p, noise) = (&found.parameters, found.noise_variance);
    let after = family.likelihood_gradient(p, noise, &x, &y).unwrap();
    assert!((after.log_marginal_likelihood - found.log_marginal_likelihood).abs() < 1e-9);
    // in logarithms, and far less than at the start
    let slope =
        |at: &[f64], noise: f64, gradient: &neural_limits::inference::LikelihoodGradient| {
            let along = at
                .iter()
                .zip(&gradient.parameters)
                .map(|(p, slope)| (p * slope).abs());
            along.fold((noise * gradient.noise_variance).abs(), f64::max)
        };
    let flat = slope(p, noise, &after);
    println!("{found:?}: {flat:e}");
    assert!(
        flat < 1e-2 && flat < 1e-3 * slope(&start, 0.1, &before),
        "{flat}"
    );
    // a bias variance of 0 has no logarithm
    let error = family.select(&[1.0, 0.0], 0.1, &x, &y).unwrap_err();
    assert!(error.to_string().contains("bias_variance = 0"), "{error}");
    assert!(family.select(&[1.0], 0.1, &x, &y).is_err());
    assert!(family.select(&[-1.0, 0.1], 0.1, &x, &y).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Whatever the numbers: finite ones come out, or an error.
    #[test]
    fn no_matrix_gives_nan(
        k in vec(any_number(), 6),
        y in vec(any_number(), 3),
        cross in vec(any_number(), 3),
        noise in any_number(),
        rate in any_number(),
        time in any_number(),
    ) {
        let place = |i: usize, j: usize| (i.max(j) * (i.max(j) + 1)) / 2 + i.min(j);
        let kernel = DMatrix::from_fn(3, 3, |i, j| k[place(i, j)]);
        let psd = &kernel * &kernel; // most of the others are refused at the door
        let (y, cross) = (DMatrix::from_vec(3, 1, y), DMatrix::from_vec(1, 3, cross));
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        for kernel in [kernel, psd] {
            if let Ok(regression) = Regression::with_jitter(&kernel, &y, Noise::Variance(noise), 1e-3) {
                prop_assert!(regression.log_marginal_likelihood().is_finite());
                if let Ok(mean) = regression.mean(&cross) {
                    prop_assert!(finite(mean.as_slice()));
                }
                if let Ok(variance) = regression.variance(&cross, &DVector::repeat(1, k[0])) {
                    prop_assert!((0.0..=k[0]).contains(&variance[0]));
                }
            }
            let Ok(rate) = LearningRate::new(rate) else { continue };
            let start = DMatrix::zeros(3, 1);
            for rule in [
                Rule::GradientFlow { time },
                Rule::GradientDescent { steps: 1000 },
                Rule::HeavyBall { steps: 1000, momentum: noise },
            ] {
                if let Ok(dynamics) = KernelDynamics::new(&kernel, &y, rate) {
                    if let Ok(found) = dynamics.train(&start, rule) {
                        prop_assert!(finite(found.as_slice()));
                    }
                    if let Ok(found) = dynamics.test(&cross, &start, &DMatrix::zeros(1, 1), rule) {
                        prop_assert!(finite(found.as_slice()));
                    }
                }
            }
            if let Ok(dynamics) = LossDynamics::new(&kernel, &y, CrossEntropy, rate)
                && let Ok(found) = dynamics.train(&start, Rule::GradientDescent { steps: 10 })
            {
                prop_assert!(finite(found.outputs.as_slice()));
            }
        }
    }
}
