//! Variances from 1e-280 to 1e280, and angles at both ends.

use neural_limits::activation::{
    Abs, Cosine, Dual, Erf, Exponential, Gabor, Gaussian, Gelu, Identity, LeakyRelu, PairSlices,
    PowerKernel, RandomFourier, Relu, ShapedRelu, SigmoidLike, Sign, Sine, entries, named,
};
use neural_limits::kernel::Kernels;
use neural_limits::prelude::*;
use neural_limits::{PairCorrelation, PairCovariance};

use crate::cloud::cloud;

fn at(qa: f64, qb: f64, c: PairCorrelation) -> PairCovariance {
    PairCovariance::with_correlation(qa, qb, c).unwrap()
}

fn apart(one_minus: f64) -> PairCorrelation {
    PairCorrelation::from_one_minus(one_minus).unwrap()
}

fn close(found: f64, exact: f64, tolerance: f64) {
    let error = (found / exact - 1.0).abs();
    assert!(error <= tolerance, "{found:e}, not {exact:e}: {error:e}");
}

/// A network of positively homogeneous layers forgets its biases as inputs grow: correlations and Θ/|x|² have
/// a limit, pair by pair and as matrices.
#[test]
fn homogeneous_networks_are_scale_free() {
    fn check(phi: impl Dual + Clone + 'static, smallest: f64) {
        let net = ResNet::new(phi)
            .initialized_by(Initialization::new(1.5, 0.1).unwrap())
            .infinite_width(3)
            .unwrap();
        let of = |s: f64| {
            let rows = [[s, 0.3 * s], [0.9 * s, 0.5 * s], [-2.0 * s, 0.1 * s]];
            let x = Inputs::from_rows(&rows).unwrap();
            let c = net.correlations(&x).unwrap();
            let theta = net.ntk(&x).unwrap() / (s * s);
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let pair = net.tangent_pair(&rows[i], &rows[j]).unwrap();
                let k = pair.covariance();
                close(1.0 - k.correlation().unwrap(), 1.0 - c[(i, j)], 1e-9);
                let scale = theta[(i, i)].max(theta[(j, j)]);
                let error = (pair.tangent().unwrap() / (s * s) - theta[(i, j)]).abs() / scale;
                assert!(error < 1e-12, "{error:e}");
            }
            (c, theta)
        };
        let (c, theta) = of(smallest);
        for exponent in [20, 60, 76, 78, 90, 120, 139] {
            let (far_c, far_theta) = of(10_f64.powi(exponent));
            assert!((&far_c - &c).amax() < 1e-9, "1e{exponent}: {far_c}");
            assert!(
                (&far_theta - &theta).amax() < 1e-9 * theta.amax(),
                "1e{exponent}"
            );
        }
    }
    check(Relu, 1e6);
    check(LeakyRelu::new(0.1).unwrap(), 1e6);
    check(Abs, 1e6);
    check(Identity, 1e6);
    // homogeneous far from 0
    check(Gelu, 1e15);
}

/// Powers of kernels grow beyond any range: a typed error, or the sign of a square.
#[test]
fn a_square_of_the_kernel_keeps_its_sign() {
    let net = ResNet::new(PowerKernel::new(2).unwrap())
        .initialized_by(Initialization::new(1.5, 0.1).unwrap())
        .at_depth(5)
        .unwrap();
    for exponent in 0..60 {
        let s = 10_f64.powi(exponent);
        let rows = [[s, 0.3 * s], [0.9 * s, 0.5 * s], [2.0 * s, 0.1 * s]];
        let Ok(k) = net.nngp(&Inputs::from_rows(&rows).unwrap()) else {
            continue;
        };
        assert!(k.iter().all(|k| *k > 0.0), "1e{exponent}: {k}");
    }
}

/// 1 - c' of erf from 40 digits (mpmath): of huge variances it is that of the sign, 2/π acos c.
#[test]
fn closed_forms_hold_at_huge_variances() {
    let erf = Erf::default();
    let image = |phi: &dyn Dual, qa: f64, qb: f64, one_minus: f64| {
        phi.dual(at(qa, qb, apart(one_minus))).unwrap()
    };
    for q in [1e50, 1e100, 1e150, 1e154, 1e200, 1e280] {
        for ratio in [1.0, 4.0, 1e-9] {
            let found = image(&erf, q, ratio * q, 1e-12).one_minus_correlation();
            close(found, 9.003_163_161_571_82e-7, 1e-9);
            let found = image(&erf, q, ratio * q, 0.5).covariance();
            close(found, 1.0 / 3.0, 1e-12);
        }
        // GELU is ReLU: q/2 κ₁(1/2)
        let found = image(&Gelu, q, q, 0.5);
        close(found.covariance(), 0.304_498_890_522_115_4 * q, 1e-12);
        close(found.variance_a(), 0.5 * q, 1e-12);
        let bump = Gaussian::new(1.0, -1.0).unwrap();
        // 1/√(1 + 4q), and uncorrelated
        let image_of_bump = image(&bump, q, q, 0.5);
        close(image_of_bump.variance_a() * (2.0 * q.sqrt()), 1.0, 1e-12);
        assert!(image_of_bump.correlation().abs() < 1e-12);
        let narrow = image(&Gabor, q, q, 0.5).covariance();
        assert!(narrow.is_finite());
    }
}

/// $e^{-(\sqrt{q_a} - \sqrt{q_b})^2/2}/2$, of roots that differ in their ninth digit (`mpmath`, 60 digits).
#[test]
fn sines_of_large_variances_keep_the_difference_of_their_roots() {
    let (a, b) = ([2121808132174994.3], [2121808132209950.8]);
    let k = at(a[0], b[0], PairCorrelation::PARALLEL);
    let slices = PairSlices::new(&a, &b, &[0.0]).unwrap();
    for phi in [&Sine::default() as &dyn Dual, &Cosine::default()] {
        let mut of_slices = [[0.0]; 2];
        phi.dual_slice(&slices, &mut of_slices[0]).unwrap();
        phi.derivative_dual_slice(&slices, &mut of_slices[1])
            .unwrap();
        let found = [
            phi.dual(k).unwrap().covariance(),
            of_slices[0][0],
            of_slices[1][0],
        ];
        for found in found {
            close(found, 0.499_999_964_006_027_75, 1e-15);
        }
    }
}

/// V(q) < ∞ is enough: intermediates do not overflow.
#[test]
fn a_finite_variance_is_found() {
    for entry in entries() {
        let phi = named(entry.name()).unwrap();
        for exponent in (-280..=280).step_by(20) {
            let q = 10_f64.powi(exponent);
            let pair = at(q, 0.7 * q, apart(0.25));
            match phi.dual(pair) {
                Ok(dual) => {
                    let k = dual.covariance();
                    let scale = (dual.variance_a().sqrt()) * dual.variance_b().sqrt();
                    assert!(k.is_finite() && k.abs() <= scale * (1.0 + 1e-12));
                    assert!(
                        phi.derivative_dual(pair).is_ok(),
                        "{} at {q:e}",
                        entry.name()
                    );
                }
                Err(error) => {
                    let grows = ["exp", "monomial", "hermite", "polynomial", "power"];
                    let grows = grows.iter().any(|name| entry.name().contains(name));
                    assert!(grows && q > 1.0, "{} at {q:e}: {error}", entry.name());
                }
            }
        }
    }
}

/// For odd functions (u, -v) has the negative dual, for even ones the same: to the bit, however near the
/// ends.
#[test]
fn both_ends_of_the_correlation_are_alike() {
    for entry in entries() {
        let phi = named(entry.name()).unwrap();
        let sign = match phi.parity() {
            neural_limits::activation::Parity::Odd => -1.0,
            neural_limits::activation::Parity::Even => 1.0,
            neural_limits::activation::Parity::Neither => continue,
        };
        for (qa, qb) in [(1.0, 1.0), (0.3, 2.0), (50.0, 50.0)] {
            for distance in [0.0, 1e-30, 1e-12, 1e-4, 0.3] {
                let near = phi.dual(at(qa, qb, apart(distance))).unwrap();
                let far = phi.dual(at(qa, qb, apart(distance).opposite())).unwrap();
                let mirrored = if sign > 0.0 {
                    far.pair_correlation()
                } else {
                    far.pair_correlation().opposite()
                };
                let (a, b) = (near.one_minus_correlation(), mirrored.one_minus());
                assert!((a - b).abs() <= 1e-12 * a, "{}: {a:e}, {b:e}", entry.name());
            }
        }
    }
}

/// κ₀(-1 + δ) = √(2δ)/π and the NTK of a ReLU network at nearly opposite inputs, to twelve digits.
#[test]
fn nearly_opposite_inputs_keep_their_digits() {
    for delta in [1e-8, 1e-12, 1e-20, 1e-60] {
        let opposite = PairCorrelation::from_one_plus(delta).unwrap();
        let slope = Relu.derivative_dual(at(1.0, 1.0, opposite)).unwrap();
        let angle = 2.0 * (0.5 * delta).sqrt().asin();
        close(2.0 * slope, angle / std::f64::consts::PI, 1e-13);
        let odd = Sign.dual(at(1.0, 3.0, opposite)).unwrap();
        close(
            odd.one_plus_correlation(),
            2.0 * angle / std::f64::consts::PI,
            1e-13,
        );
    }
    // a network without biases: Θ(x, -y) = -Θ(x, y) for odd activations
    let x = [[1.0, 0.2], [0.7, -0.4]];
    let nearly = [[1.0, 0.2 + 1e-12], [0.7, -0.4]];
    let opposite = nearly.map(|[a, b]| [-a, -b]);
    let [x, near, far] = [&x, &nearly, &opposite].map(|rows| Inputs::from_rows(rows).unwrap());
    for net in [
        Mlp::new(Erf::default()).at_depth(5).unwrap(),
        Mlp::new(Sine::default()).at_depth(5).unwrap(),
        Mlp::new(Identity).at_depth(60).unwrap(),
    ] {
        let (a, b) = (
            net.kernels_between(&x, &near).unwrap(),
            net.kernels_between(&x, &far).unwrap(),
        );
        let error = (&a.nngp + &b.nngp).amax() / a.nngp.amax();
        assert!(error < 1e-14, "{error:e}");
        let error = (&a.ntk + &b.ntk).amax() / a.ntk.amax();
        assert!(error < 1e-14, "{error:e}");
    }
}

/// 1 - c' of inputs that are parallel but for their norms, and nearly so: 40 digits (mpmath, from the closed
/// forms with 60).
#[test]
fn nearly_parallel_inputs_of_unequal_norms() {
    let (sine, cosine) = (Sine::default(), Cosine::default());
    let shifted = Sine::new(1.0, 1.0, 0.7).unwrap();
    let (erf, gelu, gabor) = (Erf::default(), Gelu, Gabor);
    let gaussian = Gaussian::new(1.0, -1.0).unwrap();
    #[rustfmt::skip]
    let truth: [(&dyn Dual, f64, f64, f64, f64); 63] = [
        (&sine, 1.0, 1.0, 1e-09, 1.3130352849993315e-09),
        (&sine, 1.0, 3.0, 1e-09, 0.20212474229919092),
        (&sine, 1e-06, 3e-06, 1e-09, 1.0003333333339998e-09),
        (&sine, 0.001, 0.0011, 1e-12, 8.343332108519646e-10),
        (&sine, 10000.0, 10000.0, 1e-09, 9.999950000166666e-06),
        (&sine, 2.0, 2.000001, 1e-14, 7.607573144568015e-14),
        (&sine, 0.5, 0.5, 0.001, 0.0010818517519490857),
        (&sine, 1e-10, 2e-10, 1e-30, 8.333333343333334e-22),
        (&sine, 100.0, 101.0, 1e-06, 0.0013433843975465736),
        (&cosine, 1.0, 1.0, 1e-09, 7.615941554557649e-10),
        (&cosine, 1.0, 3.0, 1e-09, 0.26053610411159317),
        (&cosine, 1e-06, 3e-06, 1e-09, 1.0000000029968335e-12),
        (&cosine, 0.001, 0.0011, 1e-12, 2.4999981604762237e-09),
        (&cosine, 10000.0, 10000.0, 1e-09, 9.999950000166666e-06),
        (&cosine, 2.0, 2.000001, 1e-14, 8.836361264010134e-14),
        (&cosine, 0.5, 0.5, 0.001, 0.0002309335882548416),
        (&cosine, 1e-10, 2e-10, 1e-30, 2.5000000000000002e-21),
        (&cosine, 100.0, 101.0, 1e-06, 0.0013433843975465736),
        (&shifted, 1.0, 1.0, 1e-09, 1.047088252307374e-09),
        (&shifted, 1.0, 3.0, 1e-09, 0.23005580485936253),
        (&shifted, 1e-06, 3e-06, 1e-09, 3.776848978599927e-07),
        (&shifted, 0.001, 0.0011, 1e-12, 1.6765169568860207e-06),
        (&shifted, 10000.0, 10000.0, 1e-09, 9.999950000166666e-06),
        (&shifted, 2.0, 2.000001, 1e-14, 8.144898381671173e-14),
        (&shifted, 0.5, 0.5, 0.001, 0.0005665728862652467),
        (&shifted, 1e-10, 2e-10, 1e-30, 1.2091968703450125e-11),
        (&shifted, 100.0, 101.0, 1e-06, 0.0013433843975465736),
        (&erf, 1.0, 1.0, 1e-09, 1.2257000032954109e-09),
        (&erf, 1.0, 3.0, 1e-09, 0.011259792079874351),
        (&erf, 1e-06, 3e-06, 1e-09, 1.001333312002921e-09),
        (&erf, 0.001, 0.0011, 1e-12, 3.3065010702657307e-09),
        (&erf, 10000.0, 10000.0, 1e-09, 6.406872888105249e-08),
        (&erf, 2.0, 2.000001, 1e-14, 1.6787001939656392e-14),
        (&erf, 0.5, 0.5, 0.001, 0.0011024741369912256),
        (&erf, 1e-10, 2e-10, 1e-30, 3.3333333303333336e-21),
        (&erf, 100.0, 101.0, 1e-06, 6.999973962316127e-06),
        (&gelu, 1.0, 1.0, 1e-09, 1.0720315981121498e-09),
        (&gelu, 1.0, 3.0, 1e-09, 0.0048192408354358835),
        (&gelu, 1e-06, 3e-06, 1e-09, 5.12736594952689e-07),
        (&gelu, 0.001, 0.0011, 1e-12, 2.25400749808761e-06),
        (&gelu, 10000.0, 10000.0, 1e-09, 1.001125280470155e-09),
        (&gelu, 2.0, 2.000001, 1e-14, 1.1526751323159579e-14),
        (&gelu, 0.5, 0.5, 0.001, 0.001073975863558729),
        (&gelu, 1e-10, 2e-10, 1e-30, 1.6384002696972913e-11),
        (&gelu, 100.0, 101.0, 1e-06, 1.013188679686095e-06),
        (&gaussian, 1.0, 1.0, 1e-09, 7.9999999864e-10),
        (&gaussian, 1.0, 3.0, 1e-09, 0.053529496450734855),
        (&gaussian, 1e-06, 3e-06, 1e-09, 3.999936012791895e-12),
        (&gaussian, 0.001, 0.0011, 1e-12, 9.916526403848297e-09),
        (&gaussian, 10000.0, 10000.0, 1e-09, 9.999600011249607e-06),
        (&gaussian, 2.0, 2.000001, 1e-14, 3.012345624487809e-14),
        (&gaussian, 0.5, 0.5, 0.001, 0.00033300025902490105),
        (&gaussian, 1e-10, 2e-10, 1e-30, 9.999999988000001e-21),
        (&gaussian, 100.0, 101.0, 1e-06, 0.00010638975077095386),
        (&gabor, 1.0, 1.0, 1e-09, 3.914574561587913e-9),
        (&gabor, 1.0, 3.0, 1e-09, 0.1592641075634549),
        (&gabor, 1e-06, 3e-06, 1e-09, 1.0163330347034317e-09),
        (&gabor, 0.001, 0.0011, 1e-12, 4.0445116239710694e-08),
        (&gabor, 10000.0, 10000.0, 1e-09, 3.5414141050889756e-05),
        (&gabor, 2.0, 2.000001, 1e-14, 1.1278381274462513e-13),
        (&gabor, 0.5, 0.5, 0.001, 0.0022345079464084774),
        (&gabor, 1e-10, 2e-10, 1e-30, 4.0833333278333336e-20),
        (&gabor, 100.0, 101.0, 1e-06, 0.000374782307105498),
    ];
    for (phi, qa, qb, one_minus, exact) in truth {
        let found = phi.dual(at(qa, qb, apart(one_minus))).unwrap();
        let error = (found.one_minus_correlation() / exact - 1.0).abs();
        // half a square of a difference has the relative error of the difference's rounding
        let allowed = 1e-11 + 1e-15 / exact.sqrt() * f64::from(u8::from(qa != qb));
        assert!(
            error < allowed,
            "{} {qa} {qb} {one_minus}: {error:e}",
            phi.name()
        );
    }
    let fourier = RandomFourier::new(0.5).unwrap();
    let found = fourier.dual(at(1.0, 1.0 + 1e-7, apart(0.0))).unwrap();
    close(found.one_minus_correlation(), 1.25e-15, 1e-6);
}

/// 1 - c' of a point beside the origin: 60 digits (mpmath) of $1 - \mathbb E[\varphi(u)]
/// \varphi(0)/\sqrt{V_a \varphi(0)^2}$.
#[test]
fn beside_the_origin() {
    let exponential = Exponential::new(1.0, 1.0).unwrap();
    let (fourier, cosine) = (RandomFourier::new(1.0).unwrap(), Cosine::default());
    let (shifted, bump) = (
        Sine::new(1.0, 1.0, 0.7).unwrap(),
        Gaussian::new(1.0, -1.0).unwrap(),
    );
    let duals: [&dyn Dual; 7] = [
        &exponential,
        &fourier,
        &cosine,
        &shifted,
        &bump,
        &SigmoidLike::default(),
        &Erf::new(1.0, 1.0, 0.5).unwrap(),
    ];
    let truth: [[f64; 2]; 7] = [
        [4.999_999_999_999_987e-15, 4.999_998_750_000_208e-7],
        [9.99999999999995e-15, 9.999_995_000_001_667e-7],
        [2.5e-29, 2.4999999999992706e-13],
        [7.047_715_839_757_523e-15, 7.047710889217429e-7],
        [9.9999999999996e-29, 9.999_960_000_135e-13],
        [1.1033511173822753e-15, 1.1033505523226774e-7],
        [2.5464790894701772e-14, 2.546_464_269_770_589e-6],
    ];
    for (phi, exact) in duals.into_iter().zip(truth) {
        for (q, exact) in [1e-14, 1e-6].into_iter().zip(exact) {
            for k in [at(q, 0.0, apart(0.3)), at(0.0, q, apart(1.0))] {
                let found = phi.dual(k).unwrap().one_minus_correlation();
                // half a square of a difference has the relative error of the difference's rounding
                close(found, exact, 1e-13 + 1e-15 / exact.sqrt());
            }
        }
    }
}

/// A chaotic network tells points apart whose images after its first layer differ by 1e-14: 60 digits
/// (mpmath), as a matrix and pair by pair.
#[test]
fn chaos_enlarges_the_smallest_differences_alone() {
    let rows = [[1e-7, -5e-8], [-1e-7, 5.5e-8], [0.0, 0.0]];
    let check = |phi: &dyn Fn() -> Mlp, depth: usize, truth: [(f64, f64); 2], tolerance: f64| {
        let net = phi().infinite_width(depth).unwrap();
        let x = Inputs::from_rows(&rows).unwrap();
        let complements = net.correlation_complements(&x).unwrap();
        let theta = net.ntk(&x).unwrap();
        for (j, (complement, tangent)) in [1, 2].into_iter().zip(truth) {
            let pair = net.tangent_pair(&rows[0], &rows[j]).unwrap();
            let k = pair.covariance();
            close(k.one_minus_correlation().unwrap(), complement, tolerance);
            close(complements[(0, j)], complement, tolerance);
            close(pair.tangent().unwrap(), tangent, 1e-13);
            close(theta[(0, j)], tangent, 1e-13);
        }
    };
    let fourier = || {
        Mlp::new(RandomFourier::new(1.0).unwrap())
            .initialized_by(Initialization::new(0.58, 0.0).unwrap())
            .with_stem(Initialization::lecun())
    };
    let truth = [
        (3.949_319_929_810_660_4e-10, 65_089.526_518_292_36),
        (9.674_963_091_815_988e-11, 65_089.526_658_933_11),
    ];
    check(&fourier, 66, truth, 1e-12);
    let shifted = || {
        Mlp::new(Erf::new(1.0, 1.0, 0.5).unwrap())
            .initialized_by(Initialization::new(6.0, 0.0).unwrap())
            .with_stem(Initialization::lecun())
    };
    let truth = [
        (7.775_278_741_922_703e-9, 3_143_085.772_775_499_4),
        (1.904_771_923_085_302_7e-9, 3_143_085.973_360_122_8),
    ];
    // the first layer knows half a square of a difference of 1e-7
    check(&shifted, 30, truth, 1e-8);
}

/// A network whose activation is nearly linear has a kink of 5e-5 in the angle, close to opposite inputs: 60
/// digits (mpmath).
#[test]
fn shaped_slopes_at_opposite_inputs() {
    let net = Mlp::new(ShapedRelu::new(1.0, 0.0, 10_000).unwrap())
        .initialized_by(Initialization::lecun())
        .infinite_width(4)
        .unwrap();
    let x = Inputs::from_rows(&[[-0.3], [1.0]]).unwrap();
    let (k, theta) = (-0.312_181_202_985_420_96, -1.560_906_659_658_265_2);
    close(net.nngp(&x).unwrap()[(0, 1)], k, 1e-14);
    close(net.ntk(&x).unwrap()[(0, 1)], theta, 1e-14);
    let both = net.kernels(&x).unwrap();
    close(both.nngp[(0, 1)], k, 1e-14);
    close(both.ntk[(0, 1)], theta, 1e-14);
}

/// The least eigenvalue of both kernels over N times their largest variance.
fn least_eigenvalue(kernels: &Kernels) -> f64 {
    let least = [&kernels.nngp, &kernels.ntk].map(|k| {
        let largest = k.diagonal().max().max(f64::MIN_POSITIVE);
        neural_limits_test_support::least_eigenvalue(&(k / largest)) / k.nrows() as f64
    });
    least[0].min(least[1])
}

/// Every activation, variances from 1e-12 to 1e12, depths up to 100; points with duplicates, near-duplicates,
/// opposites, multiples and the origin: no eigenvalue below -2e-15 N times the largest variance, which is
/// rounding, or a typed error.
#[test]
fn kernels_are_positive_semi_definite_at_the_edges() {
    let mut rows = cloud(10, 4);
    rows[4] = rows[0].iter().map(|x| -x).collect();
    rows[5] = rows[6].iter().map(|x| x * (1.0 - 1e-13 * x)).collect();
    rows[7] = vec![0.0; 4];
    for entry in entries() {
        for (scale, depth, weight, bias) in [
            (1e-6, 10, 4.0, 0.0),
            (1.0, 1, 4.0, 0.0),
            (1.0, 100, 1.5, 0.1),
            (1e6, 10, 1.0, 0.0),
        ] {
            let rows = rows.iter().map(|x| x.iter().map(|x| scale * x).collect());
            let rows: Vec<Vec<f64>> = rows.collect();
            let x = Inputs::from_rows(&rows).unwrap();
            let net = Mlp::new(named(entry.name()).unwrap())
                .initialized_by(Initialization::new(weight, bias).unwrap());
            match net.infinite_width(depth).unwrap().kernels(&x) {
                Ok(kernels) => {
                    let least = least_eigenvalue(&kernels);
                    assert!(least > -2e-15, "{} {scale:e}: {least:e}", net.name());
                }
                Err(Error::Overflow { .. }) => {}
                Err(error) => panic!("{}: {error}", net.name()),
            }
        }
    }
}

/// In dimension 1 all points are parallel or opposite: matrices of rank 1 or 2 at any depth.
#[test]
fn kernels_of_points_on_a_line() {
    let rows = [[1e-6], [-2e-6], [1.7e-6], [-1e-6]];
    let x = Inputs::from_rows(&rows).unwrap();
    let sign = Mlp::new(Sign).infinite_width(10).unwrap();
    let k = sign.nngp(&x).unwrap();
    let side = |i: usize| f64::signum(rows[i][0]);
    for i in 0..4 {
        for j in 0..4 {
            assert_eq!(k[(i, j)], side(i) * side(j) * k[(0, 0)]);
        }
    }
    for depth in [1, 10, 100] {
        let abs = Mlp::new(Abs).infinite_width(depth).unwrap();
        let least = least_eigenvalue(&abs.kernels(&x).unwrap());
        assert!(least > -1e-15, "depth {depth}: {least:e}");
    }
}
