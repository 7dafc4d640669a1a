//! Training: the kernel regime at finite width, the catapult beyond it, particles and their mean field.

use nalgebra::DMatrix;
use neural_limits::prelude::*;
use neural_limits::statistics::Estimate;
use neural_limits::training::{Catapult, CatapultPhase};
use rayon::prelude::*;

use crate::measure::{exponent, holds, mean, plain};
use crate::measurements::relu_catapult::{self, ReluNetwork};
use crate::measurements::{Scaling, kernel_regime as regime, mean_field};
use crate::row::{Finding, Outcome, Row, Setting};

pub const ROWS: [Row; 5] = [
    Row {
        name: "kernel_regime",
        statement: "a trained network stays within O(n^(−1/2)) of its linearisation and of infinite width, and its tangent kernel near its start",
        source: "1902.06720, theorem 2.1; 1909.11304",
        run: kernel_regime,
    },
    Row {
        name: "catapult",
        statement: "two linear layers: below ηλ₀ = 2 the curvature stays, between 2 and 4 the loss first grows to the order of n and ends in a flatter minimum, above 4 it diverges",
        source: "2003.02218, section 3",
        run: catapult,
    },
    Row {
        name: "relu_catapult",
        statement: "wide ReLU networks are trained up to ηλ₀ ≈ 12",
        source: "2003.02218",
        run: relu_edge,
    },
    Row {
        name: "propagation_of_chaos",
        statement: "N particles under noisy gradient descent stay within O(N^(−1/2)) of independent copies and of their mean field",
        source: "1804.06561, distributional dynamics; 1902.06015",
        run: propagation_of_chaos,
    },
    Row {
        name: "lazy_to_mean_field",
        statement: "with f = N^(−γ) Σ a φ(w·x) weights move by N^(γ−1), and the tangent kernel by N^(2(γ−1))",
        source: "1812.07956; 1804.06561",
        run: lazy_to_mean_field,
    },
];

/// The exponents of some scalings beside those of theory.
fn exponents(
    outcome: &mut Outcome,
    scalings: &[Scaling],
    setting: &Setting,
    allowance: f64,
) -> Result<(), Error> {
    for scaling in scalings {
        let fit = fitted(scaling)?;
        let agrees = setting.quick || holds(&fit, scaling.expected, allowance);
        outcome.add(Finding::new(
            &scaling.name,
            exponent(&fit),
            plain(scaling.expected, 3),
            agrees,
        ));
    }
    Ok(())
}

fn fitted(scaling: &Scaling) -> Result<Estimate, Error> {
    scaling.exponent().ok_or_else(|| Error::Undefined {
        quantity: scaling.name.clone(),
        reason: "sizes do not vary".to_owned(),
    })
}

fn kernel_regime(setting: &Setting) -> Result<Outcome, Error> {
    let widths = setting.pick(vec![32, 64, 128, 256, 512], vec![8, 16, 32]);
    let [infinite, linearized, entropy, drift, movement] =
        regime::measured(&widths, setting.pick(40, 2))?;
    let mut outcome = Outcome::default();
    exponents(&mut outcome, &[infinite, movement], setting, 0.05)?;
    for scaling in [linearized, entropy, drift] {
        let fit = fitted(&scaling)?;
        outcome.add(Finding::new(
            &scaling.name,
            exponent(&fit),
            "at most −1/2 (1902.06720); −1 by counting powers of n (1909.11304)",
            setting.quick || (fit.high < -0.5 && holds(&fit, scaling.expected, 0.1)),
        ));
    }
    Ok(outcome)
}

fn catapult(_: &Setting) -> Result<Outcome, Error> {
    const LAMBDA: f64 = 2.0;
    let mut outcome = Outcome::default();
    let start = |width: usize| Catapult::new(0.5, LAMBDA, width);
    // ηλ at the end of training; none where it diverges
    let end = |sharpness: f64, width: usize| -> Result<Option<f64>, Error> {
        let rate = LearningRate::new(sharpness / LAMBDA)?;
        match start(width)?.after(rate, 3000) {
            Ok(end) => Ok(Some(rate.value() * end.curvature())),
            Err(Error::Overflow { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    };
    // where a property ends that holds at the lower of two learning rates
    let edge = |range: (f64, f64), keeps: &dyn Fn(f64) -> Result<bool, Error>| {
        let (mut low, mut high) = range;
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if keeps(middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok::<f64, Error>(0.5 * (low + high))
    };
    let width = 1_000_000;
    let falls = edge((1.0, 3.0), &|s| {
        Ok(end(s, width)?.is_some_and(|end| end > 0.99 * s))
    })?;
    outcome.add(Finding::new(
        "n = 10⁶: ηλ₀ from which on the curvature falls by more than 1 %",
        plain(falls, 3),
        "2",
        (falls - 2.0).abs() < 0.02,
    ));
    let diverges = edge((3.0, 5.0), &|s| Ok(end(s, width)?.is_some()))?;
    outcome.add(Finding::new(
        "n = 10⁶: ηλ₀ from which on it diverges",
        plain(diverges, 3),
        "4",
        (diverges - 4.0).abs() < 0.02,
    ));
    let mut flattest = 0.0_f64;
    let mut ends = Vec::new();
    for i in 1..40 {
        let sharpness = 2.0 + 0.05 * f64::from(i);
        let found = end(sharpness, width)?.unwrap_or(f64::INFINITY);
        flattest = flattest.max(found);
        if i % 10 == 0 {
            ends.push(format!("{} (ηλ₀ = {sharpness})", plain(found, 3)));
        }
    }
    outcome.add(Finding::new(
        "n = 10⁶, 2 < ηλ₀ < 4: ηλ at the end",
        ends.join(", "),
        "below 2",
        flattest < 2.0,
    ));
    let rate = LearningRate::new(1.25)?;
    let mut peaks = Vec::new();
    for width in [10_000, 1_000_000, 100_000_000] {
        let mut peak = 0.0_f64;
        for state in start(width)?.trajectory(rate).take(200) {
            peak = peak.max(state?.loss() / width as f64);
        }
        peaks.push(peak);
    }
    let shown: Vec<String> = peaks.iter().map(|peak| plain(*peak, 4)).collect();
    outcome.add(Finding::new(
        "ηλ₀ = 2.5: largest loss/n for n = 10⁴, 10⁶, 10⁸",
        shown.join(", "),
        "of order 1",
        peaks.iter().all(|peak| (0.02..0.2).contains(peak)),
    ));
    let lazy = start(width)?.phase(LearningRate::new(0.95)?) == CatapultPhase::Lazy;
    let found = end(1.9, width)?.unwrap_or(f64::INFINITY);
    outcome.add(Finding::new(
        "n = 10⁶, ηλ₀ = 1.9: ηλ at the end",
        plain(found, 4),
        "1.9: the curvature stays",
        lazy && (found - 1.9).abs() < 1e-3,
    ));
    Ok(outcome)
}

/// The largest $\eta \lambda_0$ between 2 and 18 at which a network is trained, by bisection.
fn edge(network: ReluNetwork, data: (&Inputs<'_>, &DMatrix<f64>)) -> Result<f64, Error> {
    let (mut low, mut high) = (2.0, 18.0);
    for _ in 0..5 {
        let middle = 0.5 * (low + high);
        if network.outcome(data, middle)?.is_trained {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(0.5 * (low + high))
}

fn relu_edge(setting: &Setting) -> Result<Outcome, Error> {
    let (x, y) = relu_catapult::digits(setting.pick(relu_catapult::POINTS, 10))?;
    let width = setting.pick(256, 16);
    let networks = setting.pick(10, 2);
    let of = |hidden: usize| {
        (0..networks)
            .into_par_iter()
            .map(move |number| ReluNetwork {
                hidden,
                width,
                number,
            })
    };
    let mut outcome = Outcome::default();
    for hidden in 1..=setting.pick(3, 2) {
        let found = of(hidden).map(|network| edge(network, (&x, &y)));
        let edge = mean(&found.collect::<Result<Vec<_>, Error>>()?);
        let plural = if hidden == 1 { "layer" } else { "layers" };
        let finding = Finding::new(
            format!(
                "{hidden} hidden {plural} of n = {width}, {} digits: largest ηλ₀ that is trained, mean of {networks} networks",
                x.len()
            ),
            edge,
            "12",
            edge.is(12.0, 1.0),
        );
        outcome.add(finding.but("the edge depends on the depth: near 4, that of two linear layers, with one hidden layer, near 12 with two, near 10 with three"));
    }
    let ends = of(2).map(|network| network.outcome((&x, &y), 3.0));
    let ends = ends.collect::<Result<Vec<_>, Error>>()?;
    let sharpness: Vec<f64> = ends.iter().map(|end| end.sharpness).collect();
    let largest = ends.iter().fold(f64::INFINITY, |m, end| m.min(end.largest));
    outcome.add(Finding::new(
        "2 hidden layers, ηλ₀ = 3: ηλ at the end",
        mean(&sharpness),
        "below 2, after a growth of the loss",
        setting.quick || (largest > 1.0 && sharpness.iter().all(|end| *end < 2.0)),
    ));
    Ok(outcome)
}

fn propagation_of_chaos(setting: &Setting) -> Result<Outcome, Error> {
    let counts = setting.pick(vec![64, 256, 1024, 4096], vec![16, 32, 64]);
    let mut outcome = Outcome::default();
    let scalings = mean_field::moments(&counts, setting.pick(32, 3))?;
    exponents(&mut outcome, &scalings, setting, 0.03)?;
    let counts = setting.pick(vec![32, 64, 128, 256], vec![8, 16, 32]);
    let scalings = mean_field::radial(&counts, setting.pick(16, 2))?;
    exponents(&mut outcome, &scalings, setting, 0.03)?;
    Ok(outcome)
}

fn lazy_to_mean_field(setting: &Setting) -> Result<Outcome, Error> {
    let counts = setting.pick(vec![256, 1024, 4096, 16_384], vec![16, 32, 64]);
    let [weights, kernels] = mean_field::between(&counts, setting.pick(3, 2))?;
    let mut outcome = Outcome::default();
    exponents(&mut outcome, &weights, setting, 0.02)?;
    exponents(&mut outcome, &kernels, setting, 0.15)?;
    Ok(outcome)
}
