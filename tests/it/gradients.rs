//! The backward pass of networks with weights: gradients are those of differences, kernels are products of
//! gradients.

use nalgebra::DMatrix;
use neural_limits::activation::{Identity, LeakyRelu};
use neural_limits::network::{
    Activated, Dense, Drawn, Dropout, Factors, FanIn, GradientSink, LayerNorm, Network,
    Parametrization, Repeat, Residual, Role, Signal, Stack, WeightLaw, Weights, all_weights,
    set_all_weights,
};
use neural_limits::prelude::*;
use neural_limits::sample::EmpiricalKernels;
use neural_limits_test_support::least_eigenvalue;

fn inputs() -> Inputs<'static> {
    Inputs::from_rows(&[[1.0, 0.2, -0.5], [0.3, 0.9, 0.4]]).unwrap()
}

fn init() -> Initialization {
    Initialization::new(1.5, 0.2).unwrap()
}

fn dense() -> Dense {
    Dense::new(init())
}

fn readout(outputs: usize) -> Dense {
    dense().with_width(outputs).unwrap()
}

/// (activation, dense).
fn gate(phi: impl Dual + 'static) -> Network {
    Network::new().then(Activated::new(phi)).then(dense())
}

/// A layer between two dense ones.
fn around(layer: impl neural_limits::network::Layer + 'static) -> Network {
    let net = Network::new().then(dense()).then(layer);
    net.then(Activated::new(Tanh)).then(readout(3))
}

/// Every layer of the crate.
fn networks() -> Vec<Network> {
    let residual = || Residual::new(0.7, 0.5, gate(Gelu)).unwrap();
    let wide = Network::new().then(Activated::new(Erf::default()));
    let wide = wide.then(dense().with_relative_width(2.0).unwrap());
    vec![
        Network::new().then(readout(3)),
        Network::new().then(dense()).then(gate(Tanh)),
        around(residual()),
        around(Repeat::new(2, Network::new().then(residual())).unwrap()),
        around(Stack::residual(gate(Gelu))),
        around(Stack::residual(gate(Gelu)).scaled_by(PowerLaw::new(0.3).unwrap())),
        around(Stack::plain(gate(LeakyRelu::new(0.2).unwrap()))),
        around(LayerNorm::new(1e-3).unwrap()),
        around(Dropout::new(0.6).unwrap()),
        around(FanIn::sum(vec![Network::new(), gate(Tanh), gate(Gelu)]).unwrap()),
        around(FanIn::product(vec![gate(Identity), gate(Tanh), gate(Gelu)]).unwrap()),
        around(FanIn::weighted_concatenation(vec![Network::new(), wide], &[1.0, 2.0]).unwrap()),
        around(Stack::densely_connected(gate(Tanh).then(LayerNorm::default()), 1.0).unwrap()),
        DenseNet::new(Tanh, 0.5).unwrap().network(),
    ]
}

/// $\sum_a \partial f_r/\partial W$ of every layer, last layer first: what a backward pass never forms.
struct Sums {
    outputs: usize,
    layers: Vec<Vec<Weights>>,
}

impl GradientSink for Sums {
    fn dense(&mut self, factors: Factors<'_>) -> Result<(), Error> {
        let (h, delta) = (factors.features.to_matrix()?, factors.deltas.to_matrix()?);
        let m = h.ncols();
        let of = |r: usize| {
            let delta = delta.columns(r * m, m);
            Weights {
                weights: delta * h.transpose(),
                biases: delta.column_sum().as_slice().to_vec(),
            }
        };
        self.layers.push((0..self.outputs).map(of).collect());
        Ok(())
    }
}

fn sums(values: &DMatrix<f64>) -> Vec<f64> {
    values.row_iter().map(|row| row.sum()).collect()
}

/// Analytic gradients of Σ_a f_r(a) against central differences, which have errors of h² and 1e-16/h: 1e-9 at
/// h = 1e-5 where derivatives are of order 1.
#[test]
fn gradients_of_every_layer_are_those_of_differences() {
    let x = inputs();
    let signal = Signal::of_inputs(&x);
    for net in networks() {
        let finite = net.finite(4, 3).unwrap();
        let mut network = finite
            .with_weights(3, &mut Seed::new(11).stream(0))
            .unwrap();
        let outputs = network.width(3);
        let mut found = Sums {
            outputs,
            layers: Vec::new(),
        };
        let deltas = Signal::unit_deltas(outputs, 2, 0..outputs).unwrap();
        let by_inputs = network.backward(&signal, deltas, &mut found).unwrap();
        found.layers.reverse();
        let weights = all_weights(&*network);
        assert_eq!(weights.len(), found.layers.len(), "{}", net.name());

        const STEP: f64 = 1e-5;
        let check = |network: &dyn Drawn, moved: [&Inputs<'_>; 2], analytic: &[f64]| {
            let [up, down] = moved.map(|x| {
                sums(
                    &network
                        .forward(&Signal::of_inputs(x))
                        .unwrap()
                        .to_matrix()
                        .unwrap(),
                )
            });
            for r in 0..outputs {
                let difference = (up[r] - down[r]) / (2.0 * STEP);
                let error = (difference - analytic[r]).abs();
                assert!(
                    error < 1e-8 * (1.0 + difference.abs()),
                    "{}: {error}",
                    net.name()
                );
            }
        };
        // the inputs
        let by_inputs = by_inputs.to_matrix().unwrap();
        for a in 0..2 {
            for i in 0..3 {
                let moved = [STEP, -STEP].map(|step| {
                    let mut rows: Vec<Vec<f64>> = x.points().map(<[f64]>::to_vec).collect();
                    rows[a][i] += step;
                    Inputs::from_rows(&rows).unwrap()
                });
                let analytic: Vec<f64> = (0..outputs).map(|r| by_inputs[(i, 2 * r + a)]).collect();
                check(&*network, [&moved[0], &moved[1]], &analytic);
            }
        }
        // every weight and bias
        for l in 0..weights.len() {
            let (rows, columns) = weights[l].weights.shape();
            for i in 0..rows {
                for j in 0..=columns {
                    let value = |step: f64, network: &mut dyn Drawn| {
                        let mut moved = weights.clone();
                        match j < columns {
                            true => moved[l].weights[(i, j)] += step,
                            false => moved[l].biases[i] += step,
                        }
                        set_all_weights(network, &moved).unwrap();
                        sums(&network.forward(&signal).unwrap().to_matrix().unwrap())
                    };
                    let up = value(STEP, &mut *network);
                    let down = value(-STEP, &mut *network);
                    for r in 0..outputs {
                        let gradient = &found.layers[l][r];
                        let analytic = match j < columns {
                            true => gradient.weights[(i, j)],
                            false => gradient.biases[i],
                        };
                        let difference = (up[r] - down[r]) / (2.0 * STEP);
                        let error = (difference - analytic).abs();
                        let scale = 1.0 + difference.abs();
                        assert!(error < 1e-8 * scale, "{}, layer {l}: {error}", net.name());
                    }
                }
            }
        }
    }
}

/// All gradients of all outputs at all inputs, each times the root of its rate: output $r$ of input $a$ is
/// row $ak + r$.
struct Gradients {
    outputs: usize,
    rows: Vec<Vec<f64>>,
}

impl GradientSink for Gradients {
    fn dense(&mut self, factors: Factors<'_>) -> Result<(), Error> {
        let (h, delta) = (factors.features.to_matrix()?, factors.deltas.to_matrix()?);
        let m = h.ncols();
        for c in 0..delta.ncols() {
            let (r, a) = (c / m, c % m);
            let row = &mut self.rows[a * self.outputs + r];
            for i in 0..delta.nrows() {
                for j in 0..h.nrows() {
                    let kept = factors.kept.is_none_or(|kept| kept[i * h.nrows() + j]);
                    let gradient = if kept { delta[(i, c)] * h[(j, a)] } else { 0.0 };
                    row.push(factors.weight_rate.sqrt() * gradient);
                }
                row.push(factors.bias_rate.sqrt() * delta[(i, c)]);
            }
        }
        Ok(())
    }
}

fn parametrised() -> Vec<Network> {
    let with = |parametrization| dense().with_parametrization(parametrization);
    let mlp = |first: Dense, second: Dense, last: Dense| {
        let net = Network::new().then(first).then(Activated::new(Tanh));
        let net = net.then(second).then(Activated::new(Tanh));
        net.then(last.with_width(3).unwrap())
    };
    let pruned = init().with_weights(WeightLaw::gaussian().pruned(0.5).unwrap());
    vec![
        mlp(dense(), dense(), dense()),
        mlp(dense().frozen(), dense().trained(true, false), dense()),
        mlp(
            with(Parametrization::Standard),
            with(Parametrization::Standard),
            with(Parametrization::Standard),
        ),
        mlp(
            with(Parametrization::MaximalUpdate(Role::Input)),
            with(Parametrization::MaximalUpdate(Role::Hidden)),
            with(Parametrization::MaximalUpdate(Role::Output)),
        ),
        mlp(dense(), dense(), with(Parametrization::MeanField)),
        mlp(dense(), Dense::new(pruned), Dense::new(pruned)),
    ]
}

#[test]
fn kernels_are_inner_products_of_gradients() {
    let rows: Vec<[f64; 3]> = (0..7)
        .map(|i| {
            let t = f64::from(i);
            [t.cos(), (2.0 * t).sin(), 0.3 * t - 1.0]
        })
        .collect();
    let x = Inputs::from_rows(&rows).unwrap();
    for net in parametrised().into_iter().chain(networks()) {
        let finite = net.finite(6, 3).unwrap();
        let network = finite.with_weights(3, &mut Seed::new(4).stream(0)).unwrap();
        let (m, k) = (x.len(), network.width(3));
        let mut gradients = Gradients {
            outputs: k,
            rows: vec![Vec::new(); m * k],
        };
        let deltas = Signal::unit_deltas(k, m, 0..k).unwrap();
        network
            .backward(&Signal::of_inputs(&x), deltas, &mut gradients)
            .unwrap();
        let product = |i: usize, j: usize| -> f64 {
            let pairs = gradients.rows[i].iter().zip(&gradients.rows[j]);
            pairs.map(|(x, y)| x * y).sum()
        };
        let explicit = DMatrix::from_fn(m * k, m * k, product);

        let kernels = EmpiricalKernels::of(&*network, &x);
        let full = kernels.ntk_full().unwrap();
        let close = |x: &DMatrix<f64>, y: &DMatrix<f64>| (x - y).amax() < 1e-13 * explicit.amax();
        assert!(close(&full, &explicit), "{}", net.name());
        assert_eq!(full, full.transpose());
        let least = least_eigenvalue(&full);
        assert!(least > -1e-13 * full.amax(), "{}: {least}", net.name());

        let each = kernels.ntk_per_output().unwrap();
        let mean = kernels.ntk().unwrap();
        assert_eq!(each.len(), k);
        let sum = each
            .iter()
            .fold(DMatrix::zeros(m, m), |sum, kernel| sum + kernel);
        assert!(close(&mean, &(sum / k as f64)));
        for (r, kernel) in each.iter().enumerate() {
            let part = DMatrix::from_fn(m, m, |a, b| full[(a * k + r, b * k + r)]);
            assert_eq!(*kernel, part, "{}", net.name());
            let one = kernels.clone().outputs(r..r + 1).unwrap();
            assert_eq!(one.ntk_full().unwrap(), part);
        }
        let norms = kernels.gradient_norms().unwrap();
        let trace: f64 = norms.iter().map(DMatrix::norm_squared).sum();
        assert!((full.trace() / trace - 1.0).abs() < 1e-13);

        // masks belong to the places of inputs in a pass
        if !net.name().contains("dropout") {
            for batch in [1, 3, 100] {
                let batched = kernels.clone().in_batches_of(batch).unwrap();
                assert_eq!(batched.ntk_full().unwrap(), full, "{}", net.name());
                assert_eq!(batched.ntk_per_output().unwrap(), each);
                assert_eq!(batched.ntk().unwrap(), mean);
                assert_eq!(batched.gradient_norms().unwrap(), norms);
            }
        }

        let y = network
            .forward(&Signal::of_inputs(&x))
            .unwrap()
            .to_matrix()
            .unwrap();
        let nngp = y.transpose() * &y / k as f64;
        assert!((kernels.nngp().unwrap() - nngp).amax() < 1e-13 * y.amax().powi(2));
        let full = kernels.nngp_full().unwrap();
        let each = kernels.nngp_per_output().unwrap();
        assert_eq!(full[(k, 1 % k)], y[(0, 1)] * y[(1 % k, 0)]);
        assert_eq!(each[k - 1][(0, 2)], y[(k - 1, 0)] * y[(k - 1, 2)]);

        let jacobians = kernels.jacobians().unwrap();
        let values = kernels.singular_values().unwrap();
        for (jacobian, values) in jacobians.iter().zip(values) {
            assert_eq!(jacobian.shape(), (k, 3));
            let squares: f64 = values.iter().map(|s| s * s).sum();
            assert!((jacobian.norm_squared() / squares - 1.0).abs() < 1e-12);
        }
    }
}

/// A deep network whose gradients leave the range of `f64` says so; one that comes near keeps its digits.
#[test]
fn powers_of_two_pass_through_the_backward_pass() {
    let x = inputs();
    let net = |weight: f64| {
        let init = Initialization::new(weight, 0.0).unwrap();
        Mlp::new(Relu).initialized_by(init)
    };
    let kernel = |weight: f64, depth: usize| {
        let finite = net(weight).finite(30, depth).unwrap();
        let network = finite.with_weights(3, &mut Seed::new(1).stream(0)).unwrap();
        EmpiricalKernels::of(&*network, &x)
            .outputs(0..1)
            .unwrap()
            .ntk()
    };
    // the same weights, larger by 2^30: every gradient is larger by a power of two
    let (small, large) = (kernel(2.0, 8).unwrap(), kernel(2f64.powi(61), 8).unwrap());
    let factor = 2f64.powi(60 * 9 / 2).powi(2);
    assert!((large / factor - &small).amax() < 1e-14 * small.amax());
    assert!(matches!(
        kernel(2f64.powi(61), 30),
        Err(Error::Overflow { .. })
    ));
}

/// Parts of few inputs are taken on several threads: with the bits of passes of other sizes, and of one pass
/// where places count.
#[test]
fn kernels_of_few_inputs_are_those_of_any_parts() {
    let pruned = init().with_weights(WeightLaw::gaussian().pruned(0.5).unwrap());
    let pruned = Network::new().then(Dense::new(pruned));
    let rows: Vec<[f64; 3]> = (0..41)
        .map(|i| [0.1 * f64::from(i), 1.0 - 0.05 * f64::from(i), 0.3])
        .collect();
    let x = Inputs::from_rows(&rows).unwrap();
    let all = networks()
        .into_iter()
        .chain([pruned.then(gate(Tanh).then(readout(3)))]);
    for net in all {
        let finite = net.finite(5, 2).unwrap();
        let network = finite.with_weights(3, &mut Seed::new(5).stream(0)).unwrap();
        let kernels = EmpiricalKernels::of(&*network, &x);
        let (full, mean) = (kernels.ntk_full().unwrap(), kernels.ntk().unwrap());
        let trace: f64 = kernels
            .gradient_norms()
            .unwrap()
            .iter()
            .map(DMatrix::norm_squared)
            .sum();
        assert!((full.trace() / trace - 1.0).abs() < 1e-13, "{}", net.name());
        assert_eq!(full, full.transpose());
        if network.takes_inputs_alone() {
            let kernels = kernels.in_batches_of(7).unwrap();
            assert_eq!(kernels.ntk_full().unwrap(), full, "{}", net.name());
            assert_eq!(kernels.ntk().unwrap(), mean);
        } else {
            assert!(net.name().contains("dropout"), "{}", net.name());
        }
    }
}

#[test]
fn a_layer_without_a_backward_pass_says_so() {
    #[derive(Debug, Clone)]
    struct Forward;
    impl neural_limits::network::Layer for Forward {
        fn name(&self) -> String {
            "forward".into()
        }
        fn outline(
            &self,
            input: neural_limits::network::Outline,
        ) -> Result<neural_limits::network::Outline, Error> {
            Ok(input)
        }
        fn apply(&self, _: &mut neural_limits::network::KernelBlock) -> Result<(), Error> {
            Ok(())
        }
        fn draw(
            &self,
            _: usize,
            _: &mut neural_limits::network::Site<'_>,
        ) -> Result<Box<dyn Drawn>, Error> {
            Ok(Box::new(self.clone()))
        }
    }
    impl Drawn for Forward {
        fn width(&self, fan_in: usize) -> usize {
            fan_in
        }
        fn forward(&self, signal: &Signal) -> Result<Signal, Error> {
            Ok(signal.clone())
        }
    }
    let net = around(Forward);
    let x = inputs();
    let finite = net.finite(4, 1).unwrap();
    let mut rng = Seed::new(0).stream(0);
    let network = finite.with_weights(3, &mut rng).unwrap();
    let of_weights = EmpiricalKernels::of(&*network, &x).ntk().unwrap_err();
    let of_sample = finite
        .record_with_gradients(&x, false, &mut rng)
        .unwrap_err();
    for error in [of_weights, of_sample] {
        let message = error.to_string();
        assert!(
            message.contains("Forward") && message.contains("Drawn::backward is missing"),
            "{message}"
        );
    }
}

#[test]
fn weights_go_out_and_come_back() {
    let x = Signal::of_inputs(&inputs());
    for net in networks() {
        let finite = net.finite(5, 3).unwrap();
        let mut rng = Seed::new(2).stream(0);
        let mut network = finite.with_weights(3, &mut rng).unwrap();
        let y = network.forward(&x).unwrap().to_matrix().unwrap();
        let weights = all_weights(&*network);
        set_all_weights(&mut *network, &weights).unwrap();
        let again = network.forward(&x).unwrap().to_matrix().unwrap();
        assert!((y - &again).amax() < 1e-13 * again.amax());
        let mut few = weights.clone();
        few.pop();
        assert!(set_all_weights(&mut *network, &few).is_err());
        let mut many = weights.clone();
        many.push(weights[0].clone());
        assert!(set_all_weights(&mut *network, &many).is_err());
        let mut bad = weights;
        bad[0].weights[(0, 1)] = f64::NAN;
        let error = set_all_weights(&mut *network, &bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            "weights[(0, 1)] = NaN: expected a finite number"
        );
    }
}

#[test]
fn outputs_of_all_layers_are_shown_in_turn() {
    let x = Signal::of_inputs(&inputs());
    let net = Mlp::new(Tanh).network();
    let network = net.finite(7, 3).unwrap();
    let network = network
        .with_weights(3, &mut Seed::new(2).stream(0))
        .unwrap();
    let mut seen = Vec::new();
    let last = network.forward_each(&x, &mut |signal| {
        seen.push(signal.clone());
        Ok(())
    });
    // dense, 3 times (tanh, dense)
    assert_eq!(seen.len(), 7);
    assert_eq!(seen[6], last.unwrap());
    assert_eq!(seen[6], network.forward(&x).unwrap());
    assert!(seen[1].values().iter().all(|y| y.abs() <= 1.0));
}

#[test]
fn bad_arguments_are_refused_by_name() {
    let x = inputs();
    let signal = Signal::of_inputs(&x);
    let message = |error: Error| error.to_string();
    for net in networks() {
        let finite = net.finite(4, 2).unwrap();
        let network = finite.with_weights(3, &mut Seed::new(1).stream(0)).unwrap();
        let k = network.width(3);
        // deltas of other outputs, or of a fraction of the inputs
        for deltas in [
            Signal::unit_deltas(k + 1, 2, 0..1).unwrap(),
            Signal::unit_deltas(k, 3, 0..1).unwrap(),
        ] {
            let error = network.backward(&signal, deltas, &mut ()).unwrap_err();
            assert!(
                matches!(error, Error::Shape { .. }),
                "{}: {error}",
                net.name()
            );
        }
        let kernels = EmpiricalKernels::of(&*network, &x);
        for outputs in [0..0, 0..k + 1, k..k + 1] {
            let error = message(kernels.clone().outputs(outputs).unwrap_err());
            assert!(error.starts_with("outputs = "), "{error}");
        }
        let error = message(kernels.in_batches_of(0).unwrap_err());
        assert!(error.starts_with("inputs = 0"), "{error}");
    }
    assert!(Signal::unit_deltas(0, 2, 0..1).is_err());
    assert!(Signal::unit_deltas(3, 2, 2..2).is_err());
    for law in [
        WeightLaw::student_t(2.0),
        WeightLaw::student_t(f64::NAN),
        WeightLaw::student_t(f64::INFINITY),
        WeightLaw::truncated_normal(0.0),
        WeightLaw::truncated_normal(f64::NAN),
        WeightLaw::gaussian().pruned(0.0),
        WeightLaw::gaussian().pruned(1.1),
        WeightLaw::gaussian().pruned(f64::NAN),
    ] {
        assert!(matches!(law, Err(Error::Invalid { .. })));
    }
}
