//! One definition of a network is read by every regime that exists for it: kernels, flows and recursions,
//! samplers, and their comparison.

use approx::assert_relative_eq;
use neural_limits::network::{
    Activated, Dense, Dropout, FanIn, LayerNorm, Network, Repeat, Residual, Signal, Stack,
};
use neural_limits::prelude::*;
use neural_limits::statistics::{Observation, fit_power_law};

const A: [f64; 3] = [1.0, 0.2, -0.5];
const B: [f64; 3] = [0.3, 0.9, 0.4];

fn inputs() -> Inputs<'static> {
    Inputs::from_rows(&[A, B]).unwrap()
}

fn dense(weight: f64, bias: f64) -> Dense {
    Dense::new(Initialization::new(weight, bias).unwrap())
}

/// (LayerNorm, GELU, dense, ReLU, dense).
fn branch() -> Network {
    Network::new()
        .then(LayerNorm::default())
        .then(Activated::new(Gelu))
        .then(dense(2.0, 0.1))
        .then(Activated::new(Relu))
        .then(dense(1.5, 0.0))
}

fn residual(scaling: impl BranchScaling + 'static) -> Network {
    Network::new()
        .then(dense(1.0, 0.1))
        .then(Stack::residual(branch()).scaled_by(scaling))
}

/// The exponent of the root mean square of |q̂ − K| over the entries of 2 × 2 covariances, in the width.
fn width_exponent(net: &Network, depth: usize, sampler: Sampler, widths: &[usize]) -> f64 {
    let limit = net.infinite_width(depth).unwrap().nngp(&inputs()).unwrap();
    let observations: Vec<Observation> = widths
        .iter()
        .map(|&width| {
            let networks = net.finite(width, depth).unwrap().with_sampler(sampler);
            let all = networks.covariances(&inputs(), 60, width as u64).unwrap();
            let squares: Vec<f64> = all.iter().map(|q| (q - &limit).norm_squared()).collect();
            Observation {
                sizes: vec![width as f64],
                error: (squares.iter().sum::<f64>() / squares.len() as f64).sqrt(),
                // of a mean of 60 squares of Gaussian deviations
                standard_error: 0.0,
            }
        })
        .collect();
    fit_power_law(&observations).unwrap()[0].value
}

/// With 60 networks the error at a width is known to about a tenth, and an exponent over a factor of 16 in
/// width to 0.04: 0.2 is five standard deviations.
fn assert_widths_converge_at_the_square_root(net: &Network, depth: usize) {
    let dense = width_exponent(net, depth, Sampler::Dense, &[16, 32, 64, 128]);
    let conditional = width_exponent(net, depth, Sampler::Conditional, &[32, 64, 128, 256, 512]);
    for exponent in [conditional, dense] {
        assert!((exponent + 0.5).abs() < 0.2, "{}: {exponent}", net.name());
    }
}

#[test]
fn a_residual_network_with_any_branch_has_a_kernel_a_flow_samples_and_a_comparison() {
    let net = residual(InverseSqrtDepth);
    let flow = net.infinite_depth().covariance_at(&inputs(), 1.0).unwrap();
    let error = |depth: usize| {
        let recursion = net.infinite_width(depth).unwrap().nngp(&inputs()).unwrap();
        (recursion - &flow).amax()
    };
    // the recursion is Euler's method for the flow
    assert!((error(200) / error(2000) - 10.0).abs() < 0.2);
    // half of the way is half of the blocks
    let half = net.infinite_depth().covariance_at(&inputs(), 0.5).unwrap();
    let recursion = net.infinite_width(4000).unwrap().at_time(0.5).unwrap();
    assert!((recursion.nngp(&inputs()).unwrap() - half).amax() < 1e-3);
    assert_widths_converge_at_the_square_root(&net, 8);

    let covariance = Covariance::between(&A, &B).unwrap();
    let correlation = Correlation::between(&A, &B).unwrap();
    let neuron = Neuron::at(&A).unwrap();
    let report = Commutativity::of(&net, &covariance)
        .and(&correlation)
        .and(&neuron)
        .widths(&[16, 32, 64, 128])
        .depths(&[8, 32, 256])
        .samples(100)
        .seed(3)
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

#[test]
fn the_pair_recursion_and_the_blocks_agree() {
    for (net, depth) in [
        (residual(InverseSqrtDepth), 12),
        (residual(PowerLaw::new(0.25).unwrap()), 12),
        (DenseNet::new(Gelu, 0.5).unwrap().network(), 6),
        (composed(), 5),
    ] {
        let infinite = net.infinite_width(depth).unwrap();
        let kernels = infinite.kernels(&inputs()).unwrap();
        let pair = infinite.pair(&A, &B).unwrap();
        let tangent = infinite.tangent_pair(&A, &B).unwrap();
        let k = &kernels.nngp;
        let blocks = PairCovariance::new(k[(0, 0)], k[(1, 1)], k[(0, 1)]).unwrap();
        assert_relative_eq!(pair.pair().unwrap(), blocks, max_relative = 1e-12);
        assert_relative_eq!(tangent.covariance(), pair, max_relative = 1e-12);
        assert_relative_eq!(
            tangent.tangent().unwrap(),
            kernels.ntk[(0, 1)],
            max_relative = 1e-12
        );
    }
}

/// Every layer of the crate, twice open, with a readout.
fn composed() -> Network {
    let gate = || {
        Network::new()
            .then(Activated::new(Relu))
            .then(dense(1.0, 0.1))
    };
    Network::new()
        .then(dense(1.2, 0.1))
        .then(Stack::residual(branch()))
        .then(FanIn::sum(vec![Network::new(), gate()]).unwrap())
        .then(Stack::plain(gate()))
        .then(
            Repeat::new(
                2,
                Network::new().then(Residual::new(0.7, 0.5, gate()).unwrap()),
            )
            .unwrap(),
        )
        .then(FanIn::product(vec![gate(), gate()]).unwrap())
        .then(dense(1.0, 0.0))
        .then(Activated::new(Tanh))
        .then(Dropout::new(0.9).unwrap())
        .then(dense(1.0, 0.2))
}

/// What a composition of everything is at finite width tends to its kernel, dropout's own diagonal included.
#[test]
fn samples_of_every_layer_tend_to_their_kernel() {
    assert_widths_converge_at_the_square_root(&composed(), 3);
}

#[test]
fn a_densely_connected_network_has_a_kernel_samples_and_a_comparison() {
    let net = DenseNet::new(Relu, 0.5)
        .unwrap()
        .initialized_by(Initialization::new(1.8, 0.1).unwrap())
        .network();
    assert_widths_converge_at_the_square_root(&net, 6);
    let error = net
        .infinite_depth()
        .covariance_at(&inputs(), 1.0)
        .unwrap_err();
    assert!(error.to_string().contains("densely connected"), "{error}");

    let covariance = Covariance::between(&A, &B).unwrap();
    let report = Commutativity::of(&net, &covariance)
        .widths(&[16, 32, 64, 128])
        .depths(&[4, 16])
        .samples(100)
        .run()
        .unwrap();
    // no limit of infinite depth is known to compare with; at equal depth the width error falls
    let function = &report.functions[0];
    assert!(matches!(&function.verdict, Verdict::Unresolved(why) if why.contains("densely")));
    for (depth, exponent) in &function.exponents.in_width {
        let exponent = exponent.expect("four widths");
        assert!(
            (exponent.value + 0.5).abs() < 0.2,
            "L = {depth}: {exponent}"
        );
    }
    for row in &report.rows {
        let deep = matches!(row.regime, Regime::WidthThenDepth | Regime::DepthThenWidth);
        assert_eq!(row.laws[0].is_err(), deep);
    }
}

#[test]
fn a_summable_stack_around_any_branch_tends_to_its_infinite_recursion() {
    let net = residual(ConvergentSeries::new(0.7, 1.0).unwrap());
    let limit = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    let error = |depth: usize| {
        let k = net.infinite_width(depth).unwrap().pair(&A, &B).unwrap();
        (k.covariance().unwrap() - limit.covariance().unwrap()).abs()
    };
    // what is cut off is Σ_{l > L} ζ_l² ~ 1/L
    assert!((error(500) / error(5000) - 10.0).abs() < 0.1);
    assert_widths_converge_at_the_square_root(&net, 6);
}

#[test]
fn a_plain_stack_of_two_layers_tends_to_its_fixed_point() {
    let block = Network::new()
        .then(Activated::new(Erf::default()))
        .then(dense(1.3, 0.2))
        .then(Activated::new(Gelu))
        .then(dense(1.1, 0.1));
    let net = Network::new()
        .then(dense(1.0, 0.0))
        .then(Stack::plain(block));
    let limit = net.infinite_depth().pair_at(&A, &B, 1.0).unwrap();
    let deep = net.infinite_width(300).unwrap().pair(&A, &B).unwrap();
    assert_relative_eq!(deep, limit, epsilon = 1e-11);
}

/// The builders say nothing that a composition of layers could not: same kernels, same random networks, to
/// the bit.
#[test]
fn builders_are_compositions() {
    let init = Initialization::new(1.5, 0.1).unwrap();
    let layers = || {
        Network::new()
            .then(Activated::new(Gelu))
            .then(Dense::new(init))
    };
    let stem = || Network::new().then(Dense::new(init));
    let pairs: [(Box<dyn Architecture>, Network); 2] = [
        (
            Box::new(Mlp::new(Gelu).initialized_by(init)),
            stem().then(Stack::plain(layers())),
        ),
        (
            Box::new(
                ResNet::new(Gelu)
                    .initialized_by(init)
                    .with_stem(init)
                    .scaled_by(PowerLaw::new(0.2).unwrap()),
            ),
            stem().then(Stack::residual(layers()).scaled_by(PowerLaw::new(0.2).unwrap())),
        ),
    ];
    for (built, composed) in &pairs {
        let kernels = |net: &dyn Architecture| net.at_depth(7).unwrap().kernels(&inputs()).unwrap();
        assert_eq!(kernels(&**built), kernels(composed));
        for sampler in [Sampler::Conditional, Sampler::Dense] {
            let draws = |net: &dyn Architecture| {
                let networks = net.finite(20, 7).unwrap().with_sampler(sampler);
                networks.draws(&inputs(), 3, 1).unwrap()
            };
            assert_eq!(draws(&**built), draws(composed));
        }
    }
}

/// One network with its weights gives any signal what the sampler gives its inputs, to the bit.
#[test]
fn drawn_weights_are_the_dense_sampler() {
    for net in [
        residual(InverseSqrtDepth),
        DenseNet::new(Relu, 1.0).unwrap().network(),
        composed(),
    ] {
        let networks = net.finite(12, 4).unwrap().with_sampler(Sampler::Dense);
        let drawn = networks
            .with_weights(3, &mut Seed::new(5).stream(0))
            .unwrap();
        let forward = drawn.forward(&Signal::of_inputs(&inputs())).unwrap();
        let sampled = networks
            .pre_activations(&inputs(), &mut Seed::new(5).stream(0))
            .unwrap();
        assert_eq!(forward.to_matrix().unwrap(), sampled);
        assert_eq!(drawn.width(3), sampled.nrows());
        let narrow = Inputs::from_rows(&[[1.0, 0.0]]).unwrap();
        let error = drawn.forward(&Signal::of_inputs(&narrow)).unwrap_err();
        assert!(error.to_string().contains("2 neurons"), "{error}");
    }
}

#[test]
fn regimes_that_do_not_exist_say_why() {
    let message = |error: Error| error.to_string();
    // an open stack is no network yet
    let net = residual(InverseSqrtDepth);
    assert!(message(net.nngp(&inputs()).unwrap_err()).contains("its depth is left open"));
    // a network of given depth has no limit of infinite depth
    let fixed = net.at_depth(3).unwrap();
    let error = fixed.infinite_depth().pair_at(&A, &B, 1.0).unwrap_err();
    assert!(message(error).contains("no stack in its row of layers"));
    // layers that do not fit
    let twice = Network::new().then(Activated::new(Relu));
    let error = twice
        .infinite_width(1)
        .unwrap()
        .nngp(&inputs())
        .unwrap_err();
    assert!(message(error).contains("an activation needs a dense layer before it"));
    // a residual branch of another width
    let narrow = Network::new()
        .then(Activated::new(Relu))
        .then(dense(1.0, 0.0).with_width(3).unwrap());
    let net = Network::new()
        .then(dense(1.0, 0.0))
        .then(Stack::residual(narrow));
    for sampler in [Sampler::Conditional, Sampler::Dense] {
        let networks = net.finite(8, 2).unwrap().with_sampler(sampler);
        let error = networks.draws(&inputs(), 1, 0).unwrap_err();
        assert!(message(error).contains("8 and 3 neurons"));
    }
    // shares that random networks do not have
    let halves = vec![Network::new(), branch()];
    let block = FanIn::weighted_concatenation(halves, &[1.0, 3.0]).unwrap();
    let net = Network::new().then(dense(1.0, 0.0)).then(block);
    let error = net
        .finite(40, 1)
        .unwrap()
        .draws(&inputs(), 1, 0)
        .unwrap_err();
    assert!(message(error).contains("with_relative_width"));
}

/// 10⁶ blocks of a tabulated activation share their tables, with equal coefficients or not, and keep the
/// recursion.
#[test]
fn tables_of_repeated_blocks_do_not_depend_on_their_number() {
    for scaling in [
        Box::new(InverseSqrtDepth) as Box<dyn BranchScaling>,
        Box::new(PowerLaw::new(0.3).unwrap()),
    ] {
        let coefficients = scaling.coefficients(200);
        let scaling = CustomScaling::normalised("given", move |l, _| coefficients[l - 1], |t| t);
        let net = ResNet::new(Tanh).scaled_by(scaling);
        let infinite = net.infinite_width(200).unwrap();
        let kernels = infinite.kernels(&inputs()).unwrap();
        let pair = infinite.tangent_pair(&A, &B).unwrap();
        let covariance = pair.covariance().covariance().unwrap();
        assert!((kernels.nngp[(0, 1)] / covariance - 1.0).abs() < 1e-12);
        assert!((kernels.ntk[(0, 1)] / pair.tangent().unwrap() - 1.0).abs() < 1e-12);
    }
    let deep = Mlp::new(Tanh).initialized_by(Initialization::new(1.3, 0.05).unwrap());
    let k = deep
        .infinite_width(1_000_000)
        .unwrap()
        .nngp(&inputs())
        .unwrap();
    let limit = deep.infinite_depth().covariance_at(&inputs(), 1.0).unwrap();
    assert!((k - limit).amax() < 1e-10);
}
