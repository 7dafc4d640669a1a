//! Normals in bulk are independent standard normals, and weights that are forgotten those that are kept.

use neural_limits::limit::Empirical;
use neural_limits::network::{Layer, Signal, Site, WeightLaw};
use neural_limits::prelude::*;
use neural_limits::statistics::one_sample_p_value;

const COUNT: usize = 1 << 17;

/// $\mathbb P(|Z| > 5.5) = 4 \cdot 10^{-8}$.
const FAR: f64 = 5.5;

fn drawn(seed: u64) -> Vec<f64> {
    let mut z = vec![0.0; COUNT];
    Seed::new(seed).stream(0).fill_normals(&mut z);
    z
}

/// Sums of $n$ terms of mean 0 and variance $v$, over $\sqrt{nv}$.
fn score(terms: impl Iterator<Item = f64>, variance: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for term in terms {
        sum += term;
        count += 1.0;
    }
    sum / (variance * count).sqrt()
}

#[test]
fn moments_are_those_of_the_normal_law() {
    let z = drawn(1);
    // E z^(2k) = (2k - 1)!!
    let moments = [0.0, 1.0, 0.0, 3.0, 0.0, 15.0];
    let variances = [1.0, 2.0, 15.0, 96.0, 945.0, 10_170.0];
    for (k, (moment, variance)) in (1..).zip(moments.iter().zip(variances)) {
        let score = score(z.iter().map(|z| z.powi(k) - moment), variance);
        println!("moment {k}: {score:.2} deviations");
        assert!(score.abs() < FAR);
    }
}

#[test]
fn the_law_is_normal_and_so_are_its_tails() {
    let z = drawn(2);
    for (limit, mass) in [(3.0, 2.699_796e-3), (4.0, 6.334_248e-5)] {
        let beyond = z.iter().filter(|z| z.abs() > limit).count() as f64;
        let expected = mass * COUNT as f64;
        println!("{beyond} beyond {limit}, expected {expected:.1}");
        assert!((beyond - expected).abs() < FAR * expected.sqrt());
    }
    let sample = Law::Empirical(Empirical::new(z, 0).unwrap());
    let distance = sample.kolmogorov_smirnov(&Law::gaussian(0.0, 1.0).unwrap());
    let p = one_sample_p_value(distance, COUNT).unwrap();
    println!("Kolmogorov and Smirnov's p: {p:.3}");
    assert!(p > 1e-6);
}

/// Whether they stand in one group, come from one generator, or are the sine and cosine of an angle.
#[test]
fn normals_at_any_distance_are_independent() {
    let z = drawn(3);
    for lag in (1..=65).chain([128, 129, 256, 1024]) {
        let pairs = || z.iter().zip(&z[lag..]);
        let linear = score(pairs().map(|(a, b)| a * b), 1.0);
        let square = score(pairs().map(|(a, b)| (a * a - 1.0) * (b * b - 1.0)), 4.0);
        assert!(
            linear.abs() < FAR && square.abs() < FAR,
            "{lag}: {linear}, {square}"
        );
    }
}

/// In groups, one by one, and both: none is left as it was, and streams go on.
#[test]
fn every_place_is_filled() {
    let mut stream = Seed::new(4).stream(0);
    for length in [0, 1, 63, 64, 65, 127, 128, 200, 1000] {
        let mut z = vec![f64::NAN; length];
        stream.fill_normals(&mut z);
        assert!(z.iter().all(|z| z.is_finite()));
        let mut more = vec![0.0; length];
        stream.fill_normals(&mut more);
        assert!(z.iter().zip(&more).all(|(a, b)| a != b));
    }
}

#[test]
fn weights_that_are_forgotten_are_those_that_are_kept() {
    let sparse = WeightLaw::rademacher().pruned(0.5).unwrap();
    let he = Initialization::new(2.0, 0.5).unwrap();
    for initialization in [he, he.with_weights(sparse)] {
        for (fan_in, width, points) in [(1, 1, 1), (5, 17, 3), (300, 70, 2), (257, 130, 1)] {
            let rows: Vec<Vec<f64>> = (0..points)
                .map(|i| (0..fan_in).map(|k| ((i + 3 * k) as f64).sin()).collect())
                .collect();
            let signal = Signal::of_inputs(&Inputs::from_rows(&rows).unwrap());
            let dense = Dense::new(initialization);
            let mut rng = Seed::new(5).stream(0);
            let mut same = rng.clone();
            let mut site = Site::new(width, Sampler::Dense, &mut rng).unwrap();
            let forgotten = dense.sample(signal.clone(), &mut site).unwrap();
            let mut site = Site::new(width, Sampler::Dense, &mut same).unwrap();
            let kept = dense.draw(fan_in, &mut site).unwrap();
            assert_eq!(forgotten, kept.forward(&signal).unwrap());
        }
    }
}
