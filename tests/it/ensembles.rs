//! Ensembles: numbered samples, statistics of a stream, control variates from infinite width.
//!
//! Means are compared within five standard errors (6e-7), with fixed seeds.

use std::ops::ControlFlow;

use neural_limits::ensemble::{Ensemble, Histogram, LinearResponse, Statistics};
use neural_limits::law::Empirical;
use neural_limits::prelude::*;

const A: [f64; 3] = [1.0, 0.2, -0.5];
const B: [f64; 3] = [0.3, 0.9, 0.4];

fn he_mlp() -> Mlp {
    Mlp::new(Relu).initialized_by(Initialization::he())
}

fn covariance() -> Covariance {
    Covariance::between(&A, &B).unwrap()
}

#[test]
fn a_sample_is_its_number_whatever_the_threads_the_order_and_the_number_of_samples() {
    let networks = he_mlp().finite(3, 3).unwrap();
    let (covariance, correlation) = (covariance(), Correlation::between(&A, &B).unwrap());
    let functions: [&dyn NeuralFunction; 2] = [&covariance, &correlation];
    let ensemble = Ensemble::of(&networks, &functions, 7).unwrap();
    let histogram = Histogram::new(-1.0, 1.0, 10).unwrap();
    let ensemble = ensemble.with_histogram(1, histogram).unwrap();
    let whole = ensemble.run(2000).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let again = pool.build().unwrap().install(|| ensemble.run(2000));
        assert_eq!(again.unwrap(), whole, "{threads} threads");
    }
    let mut parts = ensemble.statistics();
    for samples in [1, 50, 64, 1999, 2000] {
        let go_on = |_: &Statistics| ControlFlow::Continue(());
        ensemble.extend(&mut parts, samples, go_on).unwrap();
    }
    assert_eq!(parts, whole);
    let records = ensemble.records(0..100).unwrap();
    assert_eq!(ensemble.records(40..45).unwrap(), records[40..45]);
    // the networks of `Finite::draws`, of which some have died
    let x = Inputs::from_rows(&[A, B]).unwrap();
    for (record, draw) in records.iter().zip(networks.draws(&x, 100, 7).unwrap()) {
        match record {
            Ok(numbers) => assert_eq!(numbers[0], draw.covariance(0, 1).unwrap()),
            Err(_) => assert!(draw.correlation(0, 1).is_err()),
        }
    }
    assert!(whole.undefined() > 0 && whole.drawn() == 2000);
}

#[test]
fn statistics_of_a_stream_are_those_of_its_records() {
    let networks = he_mlp().finite(16, 2).unwrap();
    let (covariance, neuron) = (covariance(), Neuron::at(&A).unwrap());
    let functions: [&dyn NeuralFunction; 2] = [&covariance, &neuron];
    let ensemble = Ensemble::of(&networks, &functions, 7).unwrap();
    let histogram = Histogram::new(0.0, 0.5, 20).unwrap();
    let ensemble = ensemble.with_histogram(0, histogram).unwrap();
    let statistics = ensemble.run(3000).unwrap();
    let records = ensemble.records(0..3000).unwrap();
    let column = |i: usize| -> Vec<f64> {
        let numbers = records.iter().map(|record| record.as_ref().unwrap()[i]);
        numbers.collect()
    };
    let both = [column(0), column(1)];
    for (i, column) in both.iter().enumerate() {
        let law = Empirical::new(column.clone(), 0).unwrap();
        let (mean, error) = law.mean();
        assert!((statistics.mean(i).unwrap() - mean).abs() < 1e-13);
        assert!((statistics.standard_error(i).unwrap() / error - 1.0).abs() < 1e-12);
        let sorted = law.values();
        let extremes = (
            statistics.least(i).unwrap(),
            statistics.greatest(i).unwrap(),
        );
        assert_eq!(extremes, (sorted[0], sorted[2999]));
        for u in [0.0, 0.001, 0.1, 0.5, 0.9, 1.0] {
            let exact = sorted[((u * 3000.0_f64).ceil() as usize).clamp(1, 3000) - 1];
            let found = statistics.quantile(i, u).unwrap();
            assert!((found - exact).abs() <= exact.abs() / 512.0, "{i} {u}");
        }
    }
    let means = [statistics.mean(0).unwrap(), statistics.mean(1).unwrap()];
    let products = both[0].iter().zip(&both[1]);
    let products = products.map(|(x, y)| (x - means[0]) * (y - means[1]));
    let exact = products.sum::<f64>() / 2999.0;
    assert!((statistics.covariance().unwrap()[(0, 1)] - exact).abs() < 1e-13);
    let (_, histogram) = &statistics.histograms()[0];
    let edges = histogram.edges();
    for (k, count) in histogram.counts().iter().enumerate() {
        let within = |x: &&f64| (edges[k]..edges[k + 1]).contains(*x);
        assert_eq!(*count, both[0].iter().filter(within).count() as u64);
    }
}

#[test]
fn an_ensemble_stops_when_its_standard_error_is_reached() {
    let networks = ResNet::new(Relu).finite(32, 4).unwrap();
    let covariance = covariance();
    let functions: [&dyn NeuralFunction; 1] = [&covariance];
    let ensemble = Ensemble::of(&networks, &functions, 7).unwrap();
    let reached = ensemble.until(0, 5e-3, 100_000).unwrap();
    let error = reached.standard_error(0).unwrap();
    assert!(error <= 5e-3 && error > 4e-3, "{error} {}", reached.count());
    assert_eq!(reached, ensemble.run(reached.drawn()).unwrap());
    let error = ensemble.until(0, 1e-9, 300).unwrap_err();
    assert!(matches!(error, Error::NotConverged { reached, .. } if reached > 1e-3));
    assert!(matches!(
        ensemble.until(1, 1.0, 300),
        Err(Error::Invalid { .. })
    ));
    // an observer sees the samples grow, and can break off
    let (mut seen, mut statistics) = (Vec::new(), ensemble.statistics());
    let observer = |so_far: &Statistics| {
        seen.push(so_far.count());
        if so_far.count() < 1000 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    ensemble.extend(&mut statistics, 100_000, observer).unwrap();
    assert_eq!(seen, [256, 512, 768, 1024]);
}

/// The plain and the controlled statistics of the covariance of a chain.
fn response(net: &dyn Architecture, width: usize, depth: usize, samples: u64) -> Statistics {
    let covariance = covariance();
    let functions: [&dyn NeuralFunction; 1] = [&covariance];
    let response = LinearResponse::new(net, width, depth, &functions).unwrap();
    let statistics = response.ensemble(7).unwrap().run(samples).unwrap();
    // the networks are those without controls
    let networks = net.finite(width, depth).unwrap();
    let plain = Ensemble::of(&networks, &functions, 7).unwrap();
    assert_eq!(
        plain.records(5..6).unwrap()[0].as_ref().unwrap()[0],
        response.ensemble(7).unwrap().records(5..6).unwrap()[0]
            .as_ref()
            .unwrap()[0]
    );
    let controlled = statistics.controlled(0).unwrap();
    let plain = statistics.standard_error(0).unwrap();
    let off = (controlled.value - statistics.mean(0).unwrap()).abs();
    println!(
        "{}, n = {width}, L = {depth}: reduction {:.1}, coefficients {:.2?}",
        net.name(),
        controlled.reduction,
        controlled.coefficients
    );
    assert!(off < 5.0 * plain);
    statistics
}

/// The variance of what the linear response leaves is of order n⁻², that of the covariance of order n⁻¹.
#[test]
fn control_variates_from_infinite_width_reduce_the_variance_by_a_factor_that_grows_with_the_width()
{
    let tanh = Mlp::new(Tanh).initialized_by(Initialization::new(1.5, 0.1).unwrap());
    for net in [&he_mlp() as &dyn Architecture, &tanh] {
        let [narrow, wide] = [64, 256].map(|width| {
            let statistics = response(net, width, 4, 1000);
            statistics.controlled(0).unwrap().reduction
        });
        assert!(narrow > 5.0 && wide > 2.5 * narrow, "{narrow} {wide}");
    }
}

/// The mean of a variance of a homogeneous MLP is that of infinite width at every width: nothing is left.
#[test]
fn control_variates_know_what_is_exact() {
    let variance = Covariance::between(&A, &A).unwrap();
    let functions: [&dyn NeuralFunction; 1] = [&variance];
    let net = he_mlp();
    let response = LinearResponse::new(&net, 8, 5, &functions).unwrap();
    let controlled = response.ensemble(7).unwrap().run(300).unwrap();
    let controlled = controlled.controlled(0).unwrap();
    let exact = net.infinite_width(5).unwrap().pair(&A, &A).unwrap();
    let off = controlled.value / exact.variance_a().unwrap() - 1.0;
    assert!(off.abs() < 1e-8 && controlled.reduction > 1e12, "{off}");
}

/// They have mean 0 at every width, biases, skips and depth, and tell a wrong kernel map apart.
#[test]
fn control_variates_have_mean_zero() {
    let init = Initialization::new(1.5, 0.2).unwrap();
    let residual = ResNet::new(Gelu).initialized_by(init);
    for net in [
        &Mlp::new(Erf::default()).initialized_by(init) as &dyn Architecture,
        &residual,
    ] {
        let covariance = covariance();
        let functions: [&dyn NeuralFunction; 1] = [&covariance];
        let response = LinearResponse::new(net, 4, 6, &functions).unwrap();
        let ensemble = response.ensemble(3).unwrap();
        let records = ensemble.records(0..4000).unwrap();
        for i in 1..4 {
            let column = records.iter().map(|record| record.as_ref().unwrap()[i]);
            let (mean, error) = Empirical::new(column.collect(), 0).unwrap().mean();
            assert!(
                mean.abs() < 5.0 * error,
                "{}: {mean} +- {error}",
                net.name()
            );
        }
    }
}

#[test]
fn more_numbers_than_a_covariance_can_hold_are_refused_and_their_records_are_not() {
    let numbers = 1_000_000;
    let ensemble = Ensemble::new((numbers, 0), 1, |_| Ok(vec![0.5; numbers])).unwrap();
    let Err(Error::Shape { found, .. }) = ensemble.run(10) else {
        panic!("a covariance of 10¹² entries");
    };
    assert!(found.contains("1000000"), "{found}");
    assert_eq!(ensemble.records(0..2).unwrap().len(), 2);
}
