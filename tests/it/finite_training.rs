//! Networks of finite width, trained: their gradients, their linearisation, and how they approach the limit.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::network::{Activated, Dense, Network, Parametrization, Residual, Role};
use neural_limits::prelude::*;
use neural_limits::training::{
    Catapult, CrossEntropy, FiniteTraining, Snapshot, Step, TrainingLoss,
};

fn go_on(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn points(count: usize) -> Inputs<'static> {
    Inputs::from_matrix(&DMatrix::from_fn(count, 3, |i, j| {
        (1.7 * i as f64 + 2.3 * (j * j) as f64 + (i * j) as f64).sin()
    }))
    .unwrap()
}

fn rate(rate: f64) -> LearningRate {
    LearningRate::new(rate).unwrap()
}

/// Two hidden layers and `outputs`, in a parametrisation of hidden and of last layers.
fn net(hidden: Parametrization, last: Parametrization, outputs: usize) -> Network {
    let dense = Dense::new(Initialization::new(1.5, 0.1).unwrap());
    Network::new()
        .then(dense)
        .then(Activated::new(Tanh))
        .then(dense.with_parametrization(hidden))
        .then(Activated::new(Tanh))
        .then(
            dense
                .with_parametrization(last)
                .with_width(outputs)
                .unwrap(),
        )
}

fn drawn(net: &Network, width: usize, seed: u64) -> Box<dyn neural_limits::network::Drawn> {
    let networks = net.finite(width, 1).unwrap();
    networks
        .with_weights(3, &mut Seed::new(seed).stream(0))
        .unwrap()
}

/// The loss falls at the rate ∂ℓᵀ Θ̂ ∂ℓ, Θ̂ the tangent kernel with the rates of the parametrisation.
#[test]
fn a_small_step_is_along_the_gradient_in_every_parametrisation() {
    let x = points(5);
    let y = DMatrix::from_fn(5, 2, |i, c| if (i + c) % 2 == 0 { 1.0 } else { 0.0 });
    use Parametrization::{MaximalUpdate, MeanField, Ntk, Standard};
    let dense = Dense::new(Initialization::new(1.0, 0.1).unwrap());
    let branch = Network::new().then(Activated::new(Gelu)).then(dense);
    let residual = Network::new()
        .then(dense)
        .then(Residual::new(1.0, 0.5, branch).unwrap())
        .then(Activated::new(Gelu))
        .then(dense.with_width(2).unwrap());
    let frozen = Network::new()
        .then(dense.frozen())
        .then(Activated::new(Tanh))
        .then(dense.with_width(2).unwrap());
    for net in [
        net(Ntk, Ntk, 2),
        net(Standard, Standard, 2),
        net(MaximalUpdate(Role::Hidden), MaximalUpdate(Role::Output), 2),
        net(Ntk, MeanField, 2),
        residual,
        frozen,
    ] {
        let losses: [Box<dyn TrainingLoss>; 2] = [
            Box::new(SquaredLoss::HalfMeanPoints),
            Box::new(CrossEntropy),
        ];
        for loss in losses {
            let network = drawn(&net, 20, 3);
            let start = Snapshot::of(&*network, &x).unwrap();
            let gradient = loss.gradient(start.outputs(), &y).transpose();
            let gradient = DMatrix::from_column_slice(10, 1, gradient.as_slice());
            let expected = (gradient.transpose() * start.tangent_kernel() * &gradient)[0];
            let before = loss.value(start.outputs(), &y);
            let step = 1e-5 / expected;
            let mut training =
                FiniteTraining::new(network, &x, &y, Shared(loss), rate(step)).unwrap();
            training.run(1, go_on).unwrap();
            let slope = (before - training.loss().unwrap()) / step;
            assert!((slope / expected - 1.0).abs() < 1e-3, "{slope} {expected}");
        }
    }
}

#[derive(Debug)]
struct Shared(Box<dyn TrainingLoss>);

impl TrainingLoss for Shared {
    fn value(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64 {
        self.0.value(outputs, targets)
    }

    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        self.0.gradient(outputs, targets)
    }
}

#[test]
fn a_network_that_is_linear_in_what_is_trained_is_its_linearisation() {
    let dense = Dense::new(Initialization::new(1.5, 0.1).unwrap());
    let net = Network::new()
        .then(dense.frozen())
        .then(Activated::new(Relu))
        .then(dense.with_width(2).unwrap());
    let (all, train) = (points(8), points(5));
    let y = DMatrix::from_fn(5, 2, |i, c| ((i + 2 * c) as f64).cos());
    for loss in [
        SquaredLoss::HalfSum,
        SquaredLoss::HalfMeanPoints,
        SquaredLoss::HalfMeanEntries,
    ] {
        let network = drawn(&net, 30, 5);
        let start = Snapshot::of(&*network, &all).unwrap();
        let eta = 1.0 / start.curvature(5, loss).unwrap();
        let mut training = FiniteTraining::new(network, &train, &y, loss, rate(eta)).unwrap();
        training.run(40, go_on).unwrap();
        let end = Snapshot::of(training.network(), &all).unwrap();
        let rule = Rule::GradientDescent { steps: 40 };
        let linearized = start.linearized(&y, loss, rate(eta), rule).unwrap();
        assert!((end.outputs() - linearized).amax() < 1e-11);
        assert!(start.kernel_drift(&end).unwrap() < 1e-14);
        assert!(
            start.feature_movement(&end).unwrap()[..2]
                .iter()
                .all(|moved| *moved < 1e-14)
        );
    }
    let labels = DMatrix::from_fn(5, 2, |i, c| f64::from(u8::from(i % 2 == c)));
    let network = drawn(&net, 30, 5);
    let start = Snapshot::of(&*network, &all).unwrap();
    let mut training =
        FiniteTraining::new(network, &train, &labels, CrossEntropy, rate(0.1)).unwrap();
    training.run(40, go_on).unwrap();
    let end = Snapshot::of(training.network(), &all).unwrap();
    let rule = Rule::GradientDescent { steps: 40 };
    let linearized = start.linearized_under(CrossEntropy, &labels, rate(0.1), rule);
    assert!((end.outputs() - linearized.unwrap()).amax() < 1e-11);
}

#[test]
fn a_loss_that_explodes_leaves_the_last_good_weights() {
    let (x, y) = (points(5), DMatrix::from_element(5, 1, 1.0));
    let dense = Dense::new(Initialization::new(2.0, 0.1).unwrap());
    let net = Network::new()
        .then(dense)
        .then(Activated::new(Relu))
        .then(dense.with_width(1).unwrap());
    let training = |eta: f64| {
        let loss = SquaredLoss::HalfSum;
        FiniteTraining::new(drawn(&net, 30, 1), &x, &y, loss, rate(eta)).unwrap()
    };
    let mut exploding = training(50.0);
    let mut losses = vec![exploding.loss().unwrap()];
    let error = exploding
        .run(1000, |step| {
            losses.push(step.loss);
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a smaller number: the loss leaves its range"),
        "{error}"
    );
    assert_eq!(exploding.steps() as usize, losses.len() - 1);
    assert_eq!(exploding.loss().unwrap(), losses[losses.len() - 1]);
    assert!(losses.iter().all(|loss| loss.is_finite()));
    // the same weights as a training that was broken off there
    let mut stopped = training(50.0);
    stopped.run(exploding.steps(), go_on).unwrap();
    assert_eq!(stopped.weights(), exploding.weights());
}

#[test]
fn the_batches_of_an_epoch_sum_to_the_whole() {
    let (x, y) = (points(6), DMatrix::from_fn(6, 1, |i, _| (i as f64).cos()));
    let net = net(Parametrization::Ntk, Parametrization::Ntk, 1);
    let trained = |batch: Option<usize>, steps: u64, eta: f64| {
        let network = drawn(&net, 10, 2);
        let loss = SquaredLoss::HalfMeanPoints;
        let training = FiniteTraining::new(network, &x, &y, loss, rate(eta)).unwrap();
        let mut training = match batch {
            Some(size) => training.in_batches(size, 9).unwrap(),
            None => training,
        };
        training.run(steps, go_on).unwrap();
        training.weights().to_vec()
    };
    let start = trained(None, 0, 1.0);
    let (whole, epoch) = (trained(None, 1, 3e-6), trained(Some(2), 3, 1e-6));
    for ((start, whole), epoch) in start.iter().zip(&whole).zip(&epoch) {
        let step = &whole.weights - &start.weights;
        let error = &epoch.weights - &whole.weights;
        assert!(error.amax() < 1e-4 * step.amax());
    }
    assert_ne!(trained(Some(2), 1, 0.1), trained(Some(3), 1, 0.1));
    assert_eq!(trained(Some(2), 5, 0.1), trained(Some(2), 5, 0.1));
}

/// The gap to infinite width falls like n^(−1/2), and so does the movement of features.
#[test]
fn wide_networks_stay_in_the_kernel_regime() {
    let (all, train) = (points(8), points(4));
    let y = DMatrix::from_fn(4, 1, |i, _| (i as f64).cos());
    let net = net(Parametrization::Ntk, Parametrization::Ntk, 1);
    let rule = Rule::GradientDescent { steps: 40 };
    let loss = SquaredLoss::HalfSum;
    let kernel = net.infinite_width(1).unwrap();
    let dynamics = KernelDynamics::new(&kernel.ntk(&train).unwrap(), &y, rate(0.1)).unwrap();
    let cross = kernel.ntk_between(&all, &train).unwrap();
    let rms = |width: usize, networks: u64| {
        let mut sums = [0.0; 4];
        for seed in 0..networks {
            let network = drawn(&net, width, seed);
            let start = Snapshot::of(&*network, &all).unwrap();
            let mut training = FiniteTraining::new(network, &train, &y, loss, rate(0.1)).unwrap();
            training.run(40, go_on).unwrap();
            let end = Snapshot::of(training.network(), &all).unwrap();
            let own = start.outputs().rows(0, 4).into_owned();
            let limit = dynamics.test(&cross, &own, start.outputs(), rule).unwrap();
            let linearized = start.linearized(&y, loss, rate(0.1), rule).unwrap();
            let found = [
                (end.outputs() - limit).norm(),
                (end.outputs() - linearized).norm(),
                start.kernel_drift(&end).unwrap(),
                start.feature_movement(&end).unwrap()[3],
            ];
            for (sum, found) in sums.iter_mut().zip(found) {
                *sum += found * found / networks as f64;
            }
        }
        sums.map(f64::sqrt)
    };
    let (narrow, wide) = (rms(32, 12), rms(128, 8));
    let slopes: Vec<f64> = narrow
        .iter()
        .zip(wide)
        .map(|(narrow, wide)| (wide / narrow).ln() / 4f64.ln())
        .collect();
    assert!((slopes[0] + 0.5).abs() < 0.2, "{slopes:?}");
    assert!(slopes[1] < -0.4 && slopes[2] < -0.4, "{slopes:?}");
    assert!((slopes[3] + 0.5).abs() < 0.15, "{slopes:?}");
}

/// The same under the cross entropy, beside the network's own linearisation: a gap of order n^(-1/2) at most.
#[test]
fn wide_networks_stay_linear_under_the_cross_entropy() {
    let (all, train) = (points(6), points(4));
    let labels = DMatrix::from_fn(4, 3, |i, c| f64::from(u8::from(i % 3 == c)));
    let net = net(Parametrization::Ntk, Parametrization::Ntk, 3);
    let rule = Rule::GradientDescent { steps: 30 };
    let rms = |width: usize, networks: u64| {
        let mut sums = [0.0; 2];
        for seed in 0..networks {
            let network = drawn(&net, width, seed);
            let start = Snapshot::of(&*network, &all).unwrap();
            let mut training =
                FiniteTraining::new(network, &train, &labels, CrossEntropy, rate(0.1)).unwrap();
            training.run(30, go_on).unwrap();
            let end = Snapshot::of(training.network(), &all).unwrap();
            let linearized = start.linearized_under(CrossEntropy, &labels, rate(0.1), rule);
            let moved = (end.outputs() - start.outputs()).norm();
            let gap = (end.outputs() - linearized.unwrap()).norm();
            for (sum, found) in sums.iter_mut().zip([gap, moved]) {
                *sum += found * found / networks as f64;
            }
        }
        sums.map(f64::sqrt)
    };
    let ([narrow, _], [wide, moved]) = (rms(32, 10), rms(128, 6));
    let slope = (wide / narrow).ln() / 4f64.ln();
    assert!(slope < -0.4, "{slope}");
    assert!(wide < 0.1 * moved, "{wide} of {moved}");
}

/// In closed form, integrated, or step by step: the squared loss of outputs that share a kernel.
#[test]
fn a_loss_is_linearised_as_the_squared_loss_is() {
    let all = points(5);
    let y = DMatrix::from_fn(3, 2, |i, c| (i as f64 + 2.0 * c as f64).cos());
    let net = net(Parametrization::Ntk, Parametrization::Ntk, 2);
    let start = Snapshot::of(&*drawn(&net, 20, 4), &all).unwrap();
    let loss = SquaredLoss::HalfMeanEntries;
    for rule in [
        Rule::GradientFlow { time: 7.0 },
        Rule::GradientDescent { steps: 20 },
        Rule::HeavyBall {
            steps: 20,
            momentum: 0.5,
        },
    ] {
        let exact = start.linearized(&y, loss, rate(0.2), rule).unwrap();
        let found = start.linearized_under(loss, &y, rate(0.2), rule).unwrap();
        assert!((exact - found).amax() < 1e-10, "{rule:?}");
    }
    let too_many = DMatrix::zeros(6, 2);
    let rule = Rule::GradientFlow { time: 1.0 };
    assert!(
        start
            .linearized_under(CrossEntropy, &too_many, rate(0.1), rule)
            .is_err()
    );
}

/// Where no ReLU changes its side, a network at one point is one of two linear layers.
#[test]
fn a_relu_network_at_one_point_follows_the_catapult() {
    let dense = Dense::new(Initialization::lecun());
    let net = Network::new()
        .then(dense)
        .then(Activated::new(Relu))
        .then(dense.with_width(1).unwrap());
    let x = Inputs::from_rows(&[[1.0]]).unwrap();
    let y = DMatrix::zeros(1, 1);
    let networks = net.finite(500, 1).unwrap();
    let network = || {
        networks
            .with_weights(1, &mut Seed::new(8).stream(0))
            .unwrap()
    };
    let start = Snapshot::of(&*network(), &x).unwrap();
    let (f, lambda) = (start.outputs()[0], start.tangent_kernel()[0]);
    let eta = rate(0.8 / lambda);
    let exact = Catapult::new(f, lambda, 500).unwrap();
    let mut training = FiniteTraining::new(network(), &x, &y, SquaredLoss::HalfSum, eta).unwrap();
    for state in exact.trajectory(eta).take(5) {
        training.run(1, go_on).unwrap();
        let found = Snapshot::of(training.network(), &x).unwrap();
        let error = found.outputs()[0] - state.unwrap().output();
        assert!(error.abs() < 1e-2 * f.abs(), "{error}");
    }
    // ηλ₀ = 3: the loss grows, and the minimum is flatter
    let eta = rate(3.0 / lambda);
    let mut training = FiniteTraining::new(network(), &x, &y, SquaredLoss::HalfSum, eta).unwrap();
    let before = training.loss().unwrap();
    let mut largest = before;
    training
        .run(100, |step| {
            largest = largest.max(step.loss);
            ControlFlow::Continue(())
        })
        .unwrap();
    let end = Snapshot::of(training.network(), &x).unwrap();
    let sharpness = eta.value() * end.curvature(1, SquaredLoss::HalfSum).unwrap();
    assert!(largest > 10.0 * before && training.loss().unwrap() < 1e-3 * before);
    assert!(sharpness < 2.0, "{sharpness}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (x, y) = (points(5), DMatrix::from_element(5, 1, 1.0));
    let net = net(Parametrization::Ntk, Parametrization::Ntk, 1);
    let new = |targets: &DMatrix<f64>| {
        let network = drawn(&net, 10, 1);
        FiniteTraining::new(network, &x, targets, SquaredLoss::HalfSum, rate(0.1))
    };
    assert!(new(&DMatrix::zeros(4, 1)).is_err());
    assert!(new(&DMatrix::zeros(5, 2)).is_err());
    assert!(new(&y).unwrap().in_batches(0, 1).is_err());
    assert!(new(&y).unwrap().in_batches(6, 1).is_err());
    let network = drawn(&net, 10, 1);
    let start = Snapshot::of(&*network, &x).unwrap();
    let other = Snapshot::of(&*drawn(&net, 11, 1), &points(4)).unwrap();
    assert!(start.kernel_drift(&other).is_err());
    assert!(start.feature_movement(&other).is_err());
    assert!(start.curvature(6, SquaredLoss::HalfSum).is_err());
    let rule = Rule::GradientDescent { steps: 1 };
    let targets = DMatrix::zeros(6, 1);
    assert!(
        start
            .linearized(&targets, SquaredLoss::HalfSum, rate(0.1), rule)
            .is_err()
    );
}
