//! What is written outside of the crate has every regime: an activation (leaky ReLU, by its slopes alone), a
//! layer, a neural function; and theorems of one's own are tested by claims and strategies.

use nalgebra::DMatrix;
use neural_limits::PairCorrelation;
use neural_limits::activation::Slopes;
use neural_limits::claims::{Commutes, Converges, Direction, SameLaw};
use neural_limits::network::{ConditionalLaw, KernelBlock, Layer, Outline, Signal, Site, Stack};
use neural_limits::neural_function::{Need, Process};
use neural_limits::prelude::*;
use neural_limits::sample::Record;
use neural_limits::strategies::{complements, initializations, input_pairs, sizes};
use neural_limits::{assert_commutes, assert_converges, assert_same_law};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

#[derive(Debug, Clone, Copy)]
struct LeakyRelu(f64);

impl LeakyRelu {
    fn all_slopes(self) -> Slopes {
        Slopes {
            negative: self.0,
            positive: 1.0,
        }
    }
}

impl Activation for LeakyRelu {
    fn name(&self) -> String {
        format!("leaky ReLU {}", self.0)
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.0 * x }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { self.0 }
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(self.all_slopes())
    }
}

impl Dual for LeakyRelu {}

const A: [f64; 3] = [1.0, 0.5, -0.2];
const B: [f64; 3] = [0.3, 1.0, 0.4];

/// σ_w² = 2/(1 + s²) keeps the variance, also where the product of the rounded numbers is not exactly 1.
#[test]
fn a_critical_mlp_keeps_its_variance_at_infinite_depth_for_every_slope() {
    let norm = A.iter().map(|x| x * x).sum::<f64>() / 3.0;
    for i in 0..100 {
        let slope = 0.01 * f64::from(i);
        let weight = 2.0 / (1.0 + slope * slope);
        let net =
            Mlp::new(LeakyRelu(slope)).initialized_by(Initialization::new(weight, 0.0).unwrap());
        let k = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
        assert!((k.variance_a().unwrap() / (weight * norm) - 1.0).abs() < 1e-15);
        assert_eq!(k.correlation().unwrap(), 1.0);
        assert!(routes::LogNormalChain::new(&net, 1.0).is_ok());
    }
}

#[test]
fn the_recursion_of_a_resnet_converges_to_its_flow() {
    let net = ResNet::new(LeakyRelu(0.3));
    let limit = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    let error = |depth: usize| {
        let k = net.infinite_width(depth).unwrap().pair(&A, &B).unwrap();
        (k.covariance().unwrap() - limit.covariance().unwrap()).abs()
    };
    assert!((error(1000) / error(10_000) - 10.0).abs() < 0.1);
}

/// The kernel of one layer is the mean of what sampled networks show: σ_w² E[φ(u) φ(v)].
#[test]
fn the_dual_is_the_mean_of_sampled_networks() {
    let net = Mlp::new(LeakyRelu(0.3));
    let exact = net.infinite_width(1).unwrap().pair(&A, &B).unwrap();
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let draws = net.finite(1000, 1).unwrap().draws(&x, 2000, 5).unwrap();
    let values = draws.iter().map(|draw| draw.covariance(0, 1).unwrap());
    let sample = neural_limits::law::Empirical::new(values.collect(), 0).unwrap();
    let (mean, standard_error) = sample.mean();
    // five standard errors: a false-alarm probability of 6e-7
    assert!((mean - exact.covariance().unwrap()).abs() < 5.0 * standard_error);
    let scale = exact.variance_a().unwrap().max(exact.variance_b().unwrap());
    assert!(
        standard_error < 5e-3 * scale,
        "the test would see an error of 2.5 %"
    );
}

/// A layer written outside of the crate, as a map of kernels alone: Y ↦ Y + noise of variance r², fresh for
/// every neuron and input (so that two inputs at the same place part).
#[derive(Debug, Clone)]
struct Noise(f64);

impl Layer for Noise {
    fn name(&self) -> String {
        format!("noise({})", self.0)
    }

    fn outline(&self, input: Outline) -> Result<Outline, Error> {
        Ok(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<(), Error> {
        let added = self.0 * self.0;
        let same: Vec<Option<usize>> = (0..block.rows()).map(|i| block.same_point(i)).collect();
        let mut row_index = 0;
        block.map(
            |q, out| {
                for (out, q) in out.iter_mut().zip(q) {
                    *out = q + added;
                }
                Ok(())
            },
            |row, moments| {
                let qa = row.variance_a;
                for (j, c) in row.correlation.iter_mut().enumerate() {
                    if same[row_index] != Some(j) {
                        let before = (qa * row.variance_b[j]).sqrt();
                        let after = (moments.moment_a * moments.moment_b[j]).sqrt();
                        *c = PairCorrelation::new(c.value() * before / after)?;
                    }
                }
                row_index += 1;
                Ok(())
            },
        )
    }
}

/// The same with its other readings.
#[derive(Debug, Clone)]
struct SampledNoise(Noise);

impl Layer for SampledNoise {
    fn name(&self) -> String {
        self.0.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline, Error> {
        self.0.outline(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<(), Error> {
        self.0.apply(block)
    }

    fn conditional(&self, signal: &Signal, _: &mut Site<'_>) -> Result<ConditionalLaw, Error> {
        let mut covariance = DMatrix::identity(signal.points(), signal.points());
        covariance *= self.0.0 * self.0.0;
        let noise = ConditionalLaw::gaussian(signal.width(), covariance, 0)?;
        ConditionalLaw::determined(signal.clone()).plus(noise)
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal, Error> {
        self.conditional(&signal, site)?.draw(site)
    }
}

fn with_layer(layer: impl Layer + Clone + 'static) -> Network {
    let dense = Dense::new(Initialization::new(1.5, 0.1).unwrap());
    let branch = Network::new()
        .then(layer.clone())
        .then(Activated::new(Relu))
        .then(dense);
    Network::new()
        .then(dense)
        .then(layer)
        .then(Stack::residual(branch))
}

#[test]
fn a_layer_that_maps_kernels_has_recursions_and_flows_and_says_what_it_lacks() {
    let net = with_layer(Noise(0.4));
    let x = Inputs::from_rows(&[A, B]).unwrap();
    let flow = net.infinite_depth().covariance_at(&x, 1.0).unwrap();
    let error = |depth: usize| {
        let kernels = net.infinite_width(depth).unwrap().kernels(&x).unwrap();
        assert!(kernels.ntk[(0, 1)] > 0.0);
        (kernels.nngp[(0, 1)] - flow[(0, 1)]).abs()
    };
    assert!((error(100) / error(1000) - 10.0).abs() < 0.2);
    for (sampler, reading) in [
        (Sampler::Conditional, "Layer::conditional is missing"),
        (Sampler::Dense, "Layer::draw is missing"),
    ] {
        let networks = net.finite(8, 2).unwrap().with_sampler(sampler);
        let error = networks.draws(&x, 2, 0).unwrap_err().to_string();
        assert!(
            error.contains("noise(0.4)") && error.contains(reading),
            "{error}"
        );
    }
    // a comparison reports the missing regime and keeps the others
    let covariance = Covariance::between(&A, &B).unwrap();
    let report = Commutativity::of(&net, &covariance)
        .widths(&[8])
        .depths(&[2, 4])
        .samples(2)
        .run()
        .unwrap();
    for row in &report.rows {
        let finite = !matches!(
            row.regime,
            Regime::WidthThenDepth | Regime::InfiniteWidth { .. }
        );
        assert_eq!(row.laws[0].is_err(), finite);
    }
}

#[test]
fn a_layer_with_all_readings_has_every_regime() {
    let net = with_layer(SampledNoise(Noise(0.4)));
    let (covariance, correlation) = (
        Covariance::between(&A, &B).unwrap(),
        Correlation::between(&A, &B).unwrap(),
    );
    let report = Commutativity::of(&net, &covariance)
        .and(&correlation)
        .widths(&[16, 32, 64, 128])
        .depths(&[8, 32, 256])
        .samples(100)
        .seed(1)
        .run()
        .unwrap();
    for function in &report.functions {
        assert!(
            matches!(function.verdict, Verdict::Commute(_)),
            "{}: {}",
            function.name,
            function.verdict
        );
    }
}

/// A number that is read off what it asks for.
#[derive(Debug)]
struct Reading {
    inputs: Inputs<'static>,
    need: Need,
}

impl NeuralFunction for Reading {
    fn name(&self) -> String {
        format!("{:?}", self.need)
    }

    fn inputs(&self) -> &Inputs<'static> {
        &self.inputs
    }

    fn needs(&self) -> &[Need] {
        std::slice::from_ref(&self.need)
    }

    fn of_network(&self, record: &Record, points: &[usize]) -> Result<f64, Error> {
        let squares =
            |neurons: &[f64]| neurons.iter().map(|y| y * y).sum::<f64>() / neurons.len() as f64;
        match self.need {
            // the same network, asked again
            Need::Network => {
                let again = record
                    .network()?
                    .forward(&Signal::of_inputs(&self.inputs))?;
                Ok(squares(again.column(0)))
            }
            Need::TangentKernel => Ok(record.gradients()?.tangent_kernel()[(points[0], points[0])]),
            Need::Gradients => Ok(record.gradients()?.layers().iter().map(|k| k[(0, 0)]).sum()),
            Need::Neurons => Ok(squares(record.neurons().column(points[0]))),
            _ => record.draw().covariance(points[0], points[0]),
        }
    }

    fn at_infinite_width(&self, process: &Process) -> Result<Law, Error> {
        Ok(Law::Deterministic(match self.need {
            Need::TangentKernel => process.tangent()?,
            _ => process.covariance().variance_a()?,
        }))
    }
}

#[test]
fn a_neural_function_gets_what_it_asks_for_or_an_error_that_says_why_not() {
    let net = ResNet::new(Tanh);
    let reading = |need| Reading {
        inputs: Inputs::from_rows(&[A]).unwrap(),
        need,
    };
    let law = |need, limit: &dyn Limit| limit.law(&reading(need), 1.0);
    let recursion = routes::LayerRecursion::new(&net, 5).unwrap();
    let x = Inputs::from_rows(&[A]).unwrap();
    let kernels = net.infinite_width(5).unwrap().kernels(&x).unwrap();
    let value = |law: Result<Law, Error>| law.unwrap().mean();
    assert!(
        (value(law(Need::TangentKernel, &recursion)) / kernels.ntk[(0, 0)] - 1.0).abs() < 1e-12
    );
    assert!((value(law(Need::Neurons, &recursion)) / kernels.nngp[(0, 0)] - 1.0).abs() < 1e-12);
    // not asked for, not had
    assert!(
        Process::new(net.infinite_width(5).unwrap().pair(&A, &A).unwrap())
            .tangent()
            .is_err()
    );

    let networks = || routes::FiniteNetworks::new(&net, 16, 5, 10, 3).unwrap();
    let by_weights = networks().with_sampler(Sampler::Dense);
    let (whole, neurons) = (
        law(Need::Network, &networks()),
        law(Need::Neurons, &by_weights),
    );
    assert_eq!(whole.unwrap(), neurons.unwrap());
    // gradients from weights, or from what a forward pass knows of them: here the same mean
    let tangent = value(law(Need::TangentKernel, &networks()));
    let gradients = value(law(Need::Gradients, &by_weights));
    for found in [tangent, gradients] {
        assert!((found / kernels.ntk[(0, 0)] - 1.0).abs() < 0.3, "{found}");
    }
    let flow = law(Need::TangentKernel, &routes::DepthLimit::new(&net));
    let limit = net.infinite_depth().kernels_at(&x, 1.0).unwrap();
    assert!((value(flow) / limit.ntk[(0, 0)] - 1.0).abs() < 1e-12);
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    })
}

/// Of all leaky ReLUs.
fn slopes() -> impl Strategy<Value = f64> {
    0.0..0.9
}

fn critical_mlp(slope: f64) -> Mlp {
    let weight = 2.0 / (1.0 + slope * slope);
    Mlp::new(LeakyRelu(slope)).initialized_by(Initialization::new(weight, 0.0).unwrap())
}

/// The theorem: with branches scaled by L^(-1/2) covariances commute, for every slope and every pair of
/// inputs.
#[test]
fn the_covariance_of_a_residual_network_commutes_for_every_slope() {
    let cases = (slopes(), input_pairs(2..5, complements(), Just(1.0)));
    let all = runner(8).run(&cases, |(slope, [a, b])| {
        let covariance = Covariance::between(&a, &b)?;
        let sizes = [(128, 32), (64, 64), (32, 128)];
        assert_commutes!(
            ResNet::new(LeakyRelu(slope)),
            covariance,
            at = &sizes,
            within = 0.5,
            false_alarm = 1e-6
        );
        Ok(())
    });
    all.unwrap();
}

/// The same claim of MLPs is wrong, even on the edge of chaos: it fails, shrinks to ReLU, and the message
/// says where and how surely.
#[test]
fn the_claim_that_the_covariance_of_an_mlp_commutes_fails() {
    let all = runner(8).run(&slopes(), |slope| {
        let covariance = Covariance::between(&A, &B)?;
        Commutes::new(&critical_mlp(slope), &covariance)
            .at(&[(256, 16), (16, 256)])
            .within(0.5)
            .check()?;
        Ok(())
    });
    let Err(TestError::Fail(reason, slope)) = all else {
        panic!("{all:?}")
    };
    assert_eq!(slope, 0.0);
    let reason = reason.message();
    for part in [
        "covariance of leaky ReLU 0 MLP",
        "n = 16, L = 256",
        "of 100 networks",
        "p-value",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
}

/// The theorem: at any depth the error of the width is of order n^(-1/2).
#[test]
fn covariances_converge_with_the_root_of_the_width() {
    let widths = [16, 32, 64, 128];
    let cases = (slopes(), initializations(), sizes(1..=1, 1..=4));
    let all = runner(8).run(&cases, |(slope, initialization, (_, depth))| {
        let covariance = Covariance::between(&A, &B)?;
        let net = ResNet::new(LeakyRelu(slope)).initialized_by(initialization);
        let at = widths.map(|width| (width, depth));
        assert_converges!(
            net,
            covariance,
            along = Direction::Width,
            at = &at,
            rate = 0.5,
            within = 0.2
        );
        Ok(())
    });
    all.unwrap();
    let covariance = Covariance::between(&A, &B).unwrap();
    let net = critical_mlp(0.3);
    let claim = Converges::new(&net, &covariance)
        .along(Direction::Width)
        .samples(1000);
    let wrong = claim
        .at(&widths.map(|width| (width, 2)))
        .rate(1.0)
        .within(0.2)
        .check();
    let message = wrong.unwrap_err().to_string();
    assert!(
        message.contains("falls like n^-1") && message.contains("n = 128, L = 2"),
        "{message}"
    );
}

/// The theorem: samplers with and without weights draw from one law, here of 4 neurons.
#[test]
fn both_samplers_have_one_law_and_two_widths_have_not() {
    let covariance = Covariance::between(&A, &B).unwrap();
    let law = |slope: f64, width: usize, sampler: Sampler, seed: u64| {
        let networks = routes::FiniteNetworks::new(&critical_mlp(slope), width, 2, 300, seed);
        networks
            .unwrap()
            .with_sampler(sampler)
            .law(&covariance, 1.0)
            .unwrap()
    };
    proptest!(Config { cases: 8, rng_seed: RngSeed::Fixed(7), ..Config::default() }, |(slope in slopes())| {
        let conditional = law(slope, 4, Sampler::Conditional, 1);
        assert_same_law!(law(slope, 4, Sampler::Dense, 2), conditional, of = "both samplers", false_alarm = 1e-7);
    });
    let (narrow, wide) = (
        law(0.3, 4, Sampler::Dense, 1),
        law(0.3, 64, Sampler::Dense, 2),
    );
    let failure = SameLaw::new(&narrow, &wide)
        .of("widths 4 and 64")
        .check()
        .unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("refuted: widths 4 and 64 are one"),
        "{failure}"
    );
}
