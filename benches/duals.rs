//! Duals over slices of pairs, beside a vectorised evaluation of the formula as it is printed: the same
//! elementary functions and nothing else.
//!
//! `cargo bench -p benches --bench duals`: elements are entries of a kernel, on one core. All pairs are in no
//! order, as the entries of a Gram matrix are; "equal variances" is a Gram matrix of inputs on a sphere, "128
//! variances" one of 128 inputs of different norms.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use neural_limits::PairCovariance;
use neural_limits::activation::{
    Dual, Elu, Erf, Gelu, HardTanh, PairSlices, Relu, Silu, Softplus, Tanh, dual_slice, named,
    names,
};

/// The inputs of a Gram matrix.
const INPUTS: usize = 128;

const SIZE: usize = INPUTS * INPUTS;

/// Numbers in [0, 1) in no order.
fn spread(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_895) % 1.0
}

struct Pairs {
    a: Vec<f64>,
    b: Vec<f64>,
    complement: Vec<f64>,
}

impl Pairs {
    fn with_variances(variance: impl Fn(usize) -> f64) -> Self {
        Self {
            a: (0..SIZE).map(|i| variance(i / INPUTS)).collect(),
            b: (0..SIZE).map(|i| variance(i % INPUTS)).collect(),
            complement: (0..SIZE).map(|i| 2.0 * spread(i)).collect(),
        }
    }

    fn slices(&self) -> PairSlices<'_> {
        PairSlices::new(&self.a, &self.b, &self.complement).expect("covariances")
    }
}

/// An arc sine to about 14 digits, as a vectorised library has it: half-angle reduction and 13 terms.
#[inline(always)]
fn arc_sine(x: f64) -> f64 {
    const TERMS: [f64; 13] = [
        1.0,
        0.166_666_67,
        0.075,
        0.044_642_857,
        0.030_381_944,
        0.022_372_159,
        0.017_352_764,
        0.013_964_843,
        0.011_551_8,
        0.009_761_61,
        0.008_390_34,
        0.007_312_53,
        0.006_447_21,
    ];
    let size = x.abs();
    let far = size > 0.5;
    let square = if far { 0.5 * (1.0 - size) } else { size * size };
    let root = if far { square.sqrt() } else { size };
    let mut sum = 0.0_f64;
    for term in TERMS.iter().rev() {
        sum = sum * square + term;
    }
    let angle = root * sum;
    let angle = if far {
        std::f64::consts::FRAC_PI_2 - 2.0 * angle
    } else {
        angle
    };
    angle.copysign(x)
}

/// `map`$(q_a, q_b, \varepsilon)$ of every pair at the widest instruction set.
fn widest(pairs: &Pairs, out: &mut [f64], map: impl Fn(f64, f64, f64) -> f64) {
    pulp::Arch::new().dispatch(Widest { pairs, out, map });
}

struct Widest<'a, F> {
    pairs: &'a Pairs,
    out: &'a mut [f64],
    map: F,
}

impl<F: Fn(f64, f64, f64) -> f64> pulp::NullaryFnOnce for Widest<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let elements = self.pairs.a.iter().zip(&self.pairs.b);
        let elements = elements.zip(&self.pairs.complement);
        for (out, ((&a, &b), &c)) in self.out.iter_mut().zip(elements) {
            *out = (self.map)(a, b, c);
        }
    }
}

/// The printed formulas with this arc sine: the same elementary functions, without a check, and without the
/// digits that cancel.
mod printed {
    use super::*;

    pub fn relu(pairs: &Pairs, out: &mut [f64]) {
        widest(pairs, out, |a, b, epsilon| {
            let c = 1.0 - epsilon;
            let angle = std::f64::consts::FRAC_PI_2 + arc_sine(c);
            (a * b).sqrt() * ((1.0 - c * c).sqrt() + c * angle) * 0.159
        });
    }

    pub fn erf(pairs: &Pairs, out: &mut [f64]) {
        widest(pairs, out, |a, b, epsilon| {
            let k = (a * b).sqrt() * (1.0 - epsilon);
            0.637 * arc_sine(2.0 * k / ((1.0 + 2.0 * a) * (1.0 + 2.0 * b)).sqrt())
        });
    }

    pub fn gelu(pairs: &Pairs, out: &mut [f64]) {
        widest(pairs, out, |a, b, epsilon| {
            let k = (a * b).sqrt() * (1.0 - epsilon);
            let product = (1.0 + a) * (1.0 + b);
            let delta = product - k * k;
            let both = 0.25 + 0.159 * arc_sine(k / product.sqrt());
            k * both + 0.159 * (a * b - k * k + k * k * (2.0 + a + b) / product) / delta.sqrt()
        });
    }

    /// A polynomial of 40 terms: the odd half of tanh's series of 80.
    pub fn tanh(pairs: &Pairs, out: &mut [f64]) {
        let coefficients: [f64; 40] = std::array::from_fn(|i| 1.0 / (i + 1) as f64);
        widest(pairs, out, move |_, _, epsilon| {
            let c = 1.0 - epsilon;
            let mut sum = 0.0_f64;
            for coefficient in coefficients {
                sum = sum * (c * c) + coefficient;
            }
            c * sum
        });
    }
}

/// A formula over all pairs.
type Formula = fn(&Pairs, &mut [f64]);

fn duals(c: &mut Criterion) {
    let different = Pairs::with_variances(|i| 0.5 + spread(7 * i));
    let equal = Pairs::with_variances(|_| 1.0);
    let mut out = vec![0.0; SIZE];
    let mut group = c.benchmark_group("duals");
    group.throughput(Throughput::Elements(SIZE as u64));
    let closed: [(&str, &dyn Dual, Formula); 3] = [
        ("ReLU", &Relu, printed::relu),
        ("erf", &Erf::default(), printed::erf),
        ("GELU", &Gelu, printed::gelu),
    ];
    for (name, phi, alone) in closed {
        group.bench_function(format!("{name}: 128 variances"), |bencher| {
            let k = different.slices();
            bencher.iter(|| phi.dual_slice(black_box(&k), &mut out));
        });
        group.bench_function(format!("{name}: slopes, 128 variances"), |bencher| {
            let k = different.slices();
            bencher.iter(|| phi.derivative_dual_slice(black_box(&k), &mut out));
        });
        group.bench_function(format!("{name}: printed formula, vectorised"), |bencher| {
            bencher.iter(|| alone(black_box(&different), &mut out));
        });
    }
    let smooth: [(&str, &dyn Dual); 3] =
        [("tanh", &Tanh), ("SiLU", &Silu), ("softplus", &Softplus)];
    for (name, phi) in smooth {
        for (which, pairs) in [("equal variances", &equal), ("128 variances", &different)] {
            group.bench_function(format!("{name}: {which}"), |bencher| {
                let k = pairs.slices();
                bencher.iter(|| phi.dual_slice(black_box(&k), &mut out));
            });
        }
    }
    group.bench_function("tanh: printed formula, vectorised", |bencher| {
        bencher.iter(|| printed::tanh(black_box(&equal), &mut out));
    });
    group.bench_function("GELU in f32: 128 variances", |bencher| {
        let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let (a, b, e) = (
            narrow(&different.a),
            narrow(&different.b),
            narrow(&different.complement),
        );
        let k = PairSlices::new(&a, &b, &e).expect("covariances");
        let mut out = vec![0.0_f32; SIZE];
        bencher.iter(|| dual_slice(&Gelu, black_box(&k), &mut out));
    });
    group.finish();

    let mut group = c.benchmark_group("one pair");
    let k = PairCovariance::new(1.0, 1.5, 0.4).expect("a covariance");
    let singles: [(&str, &dyn Dual); 6] = [
        ("ReLU", &Relu),
        ("erf", &Erf::default()),
        ("GELU", &Gelu),
        ("tanh", &Tanh),
        ("ELU", &Elu::default()),
        ("hard tanh", &HardTanh),
    ];
    for (name, phi) in singles {
        group.bench_function(name, |bencher| bencher.iter(|| phi.dual(black_box(k))));
    }
    group.finish();
}

/// Entries a second of every activation that has a name, for a Gram matrix of 128 inputs of different norms.
fn every_activation(c: &mut Criterion) {
    let mut group = c.benchmark_group("every activation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SIZE as u64));
    let pairs = Pairs::with_variances(|i| 0.5 + spread(7 * i));
    let mut out = vec![0.0; SIZE];
    for name in names() {
        let phi = named(name).expect("a known name");
        let k = pairs.slices();
        group.bench_function(name, |bencher| {
            bencher.iter(|| phi.dual_slice(black_box(&k), &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, duals, every_activation);
criterion_main!(benches);
