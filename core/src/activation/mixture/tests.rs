use super::*;
use crate::Error;
use crate::activation::{Activation, Mish, Sigmoid, Silu, Softplus, Softsign, Tanh};

/// $q_a$, $q_b$, $1-c$, $m$, $V_a$, $V_b$, $\mathbb E[\varphi^\prime\varphi^\prime]$, $1-c^\prime$.
type Truth = [f64; 8];

// Below: sums over all pairs of 77 components (a trapezoidal rule for the law of K) in 45 to 60
// digits, and one-dimensional trapezoidal sums for variances and deficits, by mpmath.

/// Of tanh.
const TANH: &[Truth] = &[
    [
        1e-12,
        3e-12,
        0.5,
        8.660254037809746e-13,
        9.999999999979999e-13,
        2.999999999982e-12,
        0.999999999996,
        0.5,
    ],
    [
        1.0,
        1000000.0,
        0.01,
        0.5480776467969922,
        0.3942944903978412,
        0.9992021157673138,
        0.0007826044279387897,
        0.12681741974229538,
    ],
    [
        10000.0,
        30000.0,
        1.75,
        -0.5398535123260019,
        0.992021482480513,
        0.9953934744846863,
        5.556176660138359e-05,
        1.5432728454347566,
    ],
    [
        1000000000000.0,
        1000000000000.0,
        1e-06,
        0.9990996832385767,
        0.9999992021154392,
        0.9999992021154392,
        4.501580854980105e-10,
        0.0008995195945753525,
    ],
];

/// Of sigmoid.
const SIGMOID: &[Truth] = &[
    [
        1e-12,
        3e-12,
        0.5,
        0.2500000000000541,
        0.2500000000000625,
        0.2500000000001875,
        0.0624999999999375,
        2.834936490533089e-13,
    ],
    [
        1.0,
        1000000.0,
        0.01,
        0.3364333640671768,
        0.29337903585809294,
        0.49960105837583,
        9.924401223931309e-05,
        0.12123481061055773,
    ],
    [
        10000.0,
        30000.0,
        1.75,
        0.11506628844720025,
        0.4960112332031644,
        0.49769683194789527,
        1.3885223992019514e-05,
        0.7684099424667046,
    ],
];

/// Of SiLU.
const SILU: &[Truth] = &[
    [
        1e-12,
        3e-12,
        1e-06,
        4.3301226888007994e-13,
        2.500000000001875e-13,
        7.500000000016875e-13,
        0.250000000000433,
        1.0000002009621263e-06,
    ],
    [
        1.0,
        3.0,
        0.01,
        0.6595936218643769,
        0.35577551981735217,
        1.2718710657442949,
        0.40718574774699196,
        0.019456482700389802,
    ],
    [
        10000.0,
        30000.0,
        1e-06,
        8660.231358652127,
        4999.986884385449,
        14999.992424209964,
        0.5005338507578055,
        1.0546808505483734e-06,
    ],
    [
        1000000000000.0,
        3000000000000.0,
        1.75,
        32910790536.923645,
        500000000000.0,
        1500000000000.0,
        0.11502672808091213,
        0.9619978924485275,
    ],
];

/// Of softsign (`tests/data/duals.json`).
const SOFTSIGN: &[Truth] = &[
    [
        1.0,
        1.0,
        9.5367431640625e-07,
        0.18301380414251034,
        0.1830140212665475,
        0.1830140212665475,
        0.2276707688208115,
        1.1863792493432717e-06,
    ],
    [
        0.5,
        2.0,
        1.5,
        -0.08410996089356315,
        0.1283791670955126,
        0.2487434198058533,
        0.17297273184760412,
        1.4706784924448262,
    ],
    [
        0.001,
        1e-06,
        0.25,
        2.2551137792935758e-05,
        0.0009073356952179185,
        9.968174362992534e-07,
        0.9508539280426679,
        0.2501461126395851,
    ],
    [
        25.0,
        25.0,
        0.25,
        0.3519521232789573,
        0.534106700220459,
        0.534106700220459,
        0.02270621512394957,
        0.341045294631794,
    ],
];

fn worst_errors(phi: &impl Mixture, truths: &[Truth]) -> [f64; 4] {
    let mut worst = [0.0_f64; 4];
    for &[qa, qb, epsilon, moment, va, vb, slope, complement] in truths {
        let found = pair_moments(phi, qa, qb, PairCorrelation::of_one_minus(epsilon));
        let slopes = |q| pair_moments(phi, q, q, PairCorrelation::PARALLEL).derivative_moment;
        let errors = [
            (found.moment - moment) / (va * vb).sqrt(),
            (found.variance_a / va - 1.0).abs() + (found.variance_b / vb - 1.0).abs(),
            (found.derivative_moment - slope) / (slopes(qa) * slopes(qb)).sqrt(),
            found.correlation.one_minus() / complement - 1.0,
        ];
        for (worst, error) in worst.iter_mut().zip(errors) {
            assert!(!error.is_nan());
            *worst = worst.max(error.abs());
        }
    }
    worst
}

/// Calls a macro's body for each of the six.
macro_rules! each {
    (|$phi:ident| $body:expr) => {{
        {
            let $phi = Tanh;
            $body
        }
        {
            let $phi = Sigmoid;
            $body
        }
        {
            let $phi = Softplus;
            $body
        }
        {
            let $phi = Silu;
            $body
        }
        {
            let $phi = Mish;
            $body
        }
        {
            let $phi = Softsign;
            $body
        }
    }};
}

const VARIANCES: [f64; 9] = [0.0, 1e-280, 1e-12, 1e-3, 1.0, 7.0, 1e6, 1e12, 1e280];

fn correlations() -> impl Iterator<Item = PairCorrelation> {
    let distances = [0.0, 1e-300, 1e-12, 1e-3, 0.3, 1.0];
    let near = distances.map(PairCorrelation::of_one_minus);
    near.into_iter().chain(near.map(PairCorrelation::opposite))
}

fn pair_moments<M: Mixture>(phi: &M, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
    Beside::new(phi, qa, qb).at(c)
}

#[test]
fn both_inputs_are_alike() {
    each!(|phi| {
        for (qa, qb) in [(1e-6, 0.3), (0.5, 2.0), (3.0, 1e9)] {
            for c in correlations() {
                let (one, other) = (pair_moments(&phi, qa, qb, c), pair_moments(&phi, qb, qa, c));
                let scale = (one.variance_a * one.variance_b).sqrt();
                assert!((one.moment - other.moment).abs() <= 4e-15 * scale);
                assert!((one.derivative_moment - other.derivative_moment).abs() <= 4e-15);
            }
        }
    });
}

#[test]
fn equal_inputs_have_correlation_one() {
    each!(|phi| {
        for q in VARIANCES {
            let found = pair_moments(&phi, q, q, PairCorrelation::PARALLEL);
            assert_eq!(found.correlation, PairCorrelation::PARALLEL);
            assert_eq!(found.moment, found.variance_a);
        }
    });
}

#[test]
fn odd_activations_are_folded_exactly() {
    fn folded(phi: &impl Mixture) {
        for (qa, qb) in [(1.0, 1.0), (1e-12, 3.0), (1e8, 2e8)] {
            for distance in [0.0, 1e-14, 0.25, 0.9] {
                let c = PairCorrelation::of_one_minus(distance);
                let near = pair_moments(phi, qa, qb, c);
                let far = pair_moments(phi, qa, qb, c.opposite());
                assert_eq!(far.moment, -near.moment);
                assert_eq!(far.derivative_moment, near.derivative_moment);
                assert_eq!(far.correlation, near.correlation.opposite());
            }
        }
        let orthogonal = pair_moments(phi, 2.0, 3.0, PairCorrelation::ORTHOGONAL);
        assert_eq!(orthogonal.moment, 0.0);
    }
    folded(&Tanh);
    folded(&Softsign);
}

#[test]
fn large_inputs_have_the_duals_of_the_homogeneous_limits() {
    let c = PairCorrelation::of(0.3);
    let (q, root) = (1e280, 1e140);
    let sign = 2.0 / std::f64::consts::PI * 0.3_f64.asin();
    for found in [
        pair_moments(&Tanh, q, q, c),
        pair_moments(&Softsign, q, q, c),
    ] {
        assert!((found.moment - sign).abs() < 1e-14 && (found.variance_a - 1.0).abs() < 1e-14);
        // ∫φ′ is 2, and the density of (u, v) at 0 is 1/2πq√(1-c²)
        let density = 1.0 / (2.0 * std::f64::consts::PI * 0.91_f64.sqrt() * root) / root;
        assert!((found.derivative_moment / (4.0 * density) - 1.0).abs() < 1e-12);
    }
    let kappa1 = crate::activation::arc_cosine::kappa1(0.3).unwrap();
    for found in [
        pair_moments(&Softplus, q, q, c),
        pair_moments(&Silu, q, q, c),
        pair_moments(&Mish, q, q, c),
    ] {
        assert!((found.variance_a / q - 0.5).abs() < 1e-15);
        assert!((found.moment / q - 0.5 * kappa1).abs() < 1e-13);
    }
}

#[test]
fn zero_inputs_are_constants() {
    let c = PairCorrelation::of(0.5);
    let found = pair_moments(&Sigmoid, 0.0, 4.0, c);
    assert_eq!(found.variance_a, 0.25);
    assert!((found.moment - 0.25).abs() < 1e-16);
    let found = pair_moments(&Softplus, 0.0, 0.0, c);
    assert!((found.variance_a.sqrt() - std::f64::consts::LN_2).abs() < 1e-16);
    assert!((found.derivative_moment - 0.25).abs() < 1e-15);
    let found = pair_moments(&Tanh, 0.0, 2.0, c);
    assert_eq!(
        (found.variance_a, found.moment, found.correlation),
        (0.0, 0.0, c)
    );
    let one_sided = pair_moments(&Tanh, 0.0, 0.0, c).derivative_moment;
    assert!((one_sided - 1.0).abs() < 1e-14);
}

/// The largest difference between $\varphi$ and the sum of its components, relative to $1 + |x|$.
fn distance_from_components<M: Mixture + Activation>(phi: &M) -> f64 {
    let mut worst = 0.0_f64;
    for i in -400..=400 {
        let x = f64::from(i) * 0.05;
        let mut sum = phi.value(0.0) + phi.slope() * x;
        for piece in phi.components(1.0, 1.0) {
            for (j, s) in piece.variance.iter().map(|s| s.sqrt()).enumerate() {
                let sigmoid = libm::erf(x / s * std::f64::consts::FRAC_1_SQRT_2);
                let bump = s * FRAC_2_PI.sqrt() * libm::expm1(-0.5 * (x / s) * (x / s));
                sum += piece.odd.get(j).map_or(0.0, |o| o * sigmoid);
                sum += piece.even.get(j).map_or(0.0, |e| e * (x * sigmoid + bump));
            }
        }
        worst = worst.max((sum - phi.value(x)).abs() / (1.0 + x.abs()));
    }
    worst
}

#[test]
fn activations_are_the_sums_of_their_components() {
    assert!(distance_from_components(&Tanh) < 6e-15);
    assert!(distance_from_components(&Sigmoid) < 3e-15);
    assert!(distance_from_components(&Softplus) < 3e-15);
    assert!(distance_from_components(&Silu) < 3e-15);
    assert!(distance_from_components(&Mish) < 1e-13);
    assert!(distance_from_components(&Fitted::new(Silu).unwrap()) < 1e-13);
}

#[test]
fn moments_have_the_documented_errors() {
    for worst in [
        worst_errors(&Tanh, TANH),
        worst_errors(&Sigmoid, SIGMOID),
        worst_errors(&Silu, SILU),
    ] {
        let granted = [2e-15, 2e-15, 2e-15, 2e-14];
        assert!(worst.iter().zip(granted).all(|(w, g)| *w <= g), "{worst:?}");
    }
    let worst = worst_errors(&Softsign, SOFTSIGN);
    let granted = [2e-14, 2e-15, 5e-14, 5e-14];
    assert!(worst.iter().zip(granted).all(|(w, g)| *w <= g), "{worst:?}");
}

#[test]
fn parallel_inputs_lose_what_they_should() {
    fn check(phi: &impl Mixture, truths: &[(f64, f64, f64)]) {
        for &(qa, qb, deficit) in truths {
            let found = pair_moments(phi, qa, qb, PairCorrelation::PARALLEL);
            let found = found.correlation.one_minus();
            assert!(
                (found / deficit - 1.0).abs() <= 3e-13,
                "{qa:e} {qb:e} {found:e}"
            );
        }
    }
    check(
        &Tanh,
        &[
            (1e-12, 3e-12, 1.3333333333013335e-24),
            (1.0, 1.0000009536743164, 6.91666235876031e-15),
            (2.0, 30.0, 0.03864808618658052),
            (1000000000000.0, 3000000000000.0, 1.9273780029047662e-08),
        ],
    );
    check(
        &Sigmoid,
        &[
            (1e-12, 3e-12, 6.698729810752396e-14),
            (1.0, 1.0000009536743164, 7.900970173562102e-15),
            (2.0, 30.0, 0.03919805035553859),
            (1000000000000.0, 3000000000000.0, 1.9273780029027558e-08),
        ],
    );
    check(
        &Softplus,
        &[
            (1e-12, 3e-12, 1.3942528440247172e-13),
            (1.0, 1.0000009536743164, 1.6379210727392493e-14),
            (2.0, 30.0, 0.0376071618384165),
            (1000000000000.0, 3000000000000.0, 8.400244811956688e-20),
        ],
    );
    check(
        &Silu,
        &[
            (1e-12, 3e-12, 2.0096189432179942e-13),
            (1.0, 1.0000009536743164, 9.041317072609755e-15),
            (2.0, 30.0, 0.01587810151317268),
            (1000000000000.0, 3000000000000.0, 5.360688632324553e-20),
        ],
    );
    check(
        &Mish,
        &[
            (1e-12, 3e-12, 2.286499775388101e-13),
            (1.0, 1.0000009536743164, 8.423043690870787e-15),
            (2.0, 30.0, 0.014062179185238523),
            (1000000000000.0, 3000000000000.0, 3.551552429427386e-20),
        ],
    );
    check(
        &Softsign,
        &[
            (1e-12, 3e-12, 1.2151928496095994e-13),
            (1.0, 1.0000009536743164, 1.9049870939019127e-15),
            (2.0, 30.0, 0.01467412477072862),
            (1000000000000.0, 3000000000000.0, 3.0557521495486995e-08),
        ],
    );
}

#[test]
fn fits_agree_with_the_named_mixtures() {
    fn agree(phi: &(impl Mixture + Activation + Clone)) {
        let fitted = Fitted::new(phi.clone()).unwrap();
        for (qa, qb) in [(1e-12, 3e-12), (0.1, 7.0), (2.0, 2.0), (1e4, 1e12)] {
            for c in correlations() {
                let (one, other) = (
                    pair_moments(phi, qa, qb, c),
                    pair_moments(&fitted, qa, qb, c),
                );
                let scale = (one.variance_a * one.variance_b).sqrt();
                assert!((one.variance_a / other.variance_a - 1.0).abs() <= 1e-13);
                assert!((one.moment - other.moment).abs() <= 1e-13 * scale);
                assert!((one.derivative_moment - other.derivative_moment).abs() <= 1e-13);
                let [one, other] = [one, other].map(|pair| pair.correlation.one_minus());
                // the odd part of φ is a difference of its values
                let rounding = 1e-12 * one + 1e-15 * one.sqrt() + 1e-305;
                assert!(
                    (one - other).abs() <= rounding,
                    "{qa:e} {qb:e} {c:?} {one:e} {other:e}"
                );
            }
        }
    }
    agree(&Tanh);
    agree(&Sigmoid);
    agree(&Softplus);
    agree(&Silu);
    agree(&Mish);
}

/// $\varphi(\alpha x + \beta)$.
#[derive(Debug, Clone)]
struct Moved<A>(A, f64, f64);

impl<A: Activation> Activation for Moved<A> {
    fn name(&self) -> String {
        format!("{}({} x + {})", self.0.name(), self.1, self.2)
    }

    fn value(&self, x: f64) -> f64 {
        self.0.value(self.1 * x + self.2)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.1 * self.0.derivative(self.1 * x + self.2)
    }
}

#[test]
fn a_fit_has_a_unit_of_length() {
    for scale in [0.07, 0.3, 7.0, 20.0] {
        let fitted = Fitted::new(Moved(Tanh, scale, 0.0)).unwrap();
        assert!(fitted.residual() <= 5e-14);
        let c = PairCorrelation::of(0.4);
        let found = pair_moments(&fitted, 0.5, 2.0, c);
        let square = scale * scale;
        let exact = pair_moments(&Tanh, 0.5 * square, 2.0 * square, c);
        assert!((found.moment - exact.moment).abs() <= 2e-12);
    }
}

#[test]
fn what_is_no_mixture_is_refused() {
    fn refused(phi: impl Activation) {
        let error = Fitted::new(phi).unwrap_err();
        let Error::NotConverged { reached, .. } = error else {
            panic!("{error}")
        };
        assert!(reached > 1e-13);
    }
    refused(Moved(Tanh, 1.0, -1.0));
    refused(crate::activation::Elu::default());
    refused(crate::activation::Sine::default());
    refused(Moved(Softsign, 1.0, 0.0));
}

#[test]
fn series_are_the_double_sums() {
    fn check<M: Mixture, const ODD: bool, const EVEN: bool>(phi: &M) {
        for (qa, qb) in [
            (0.0, 1.0),
            (1e-280, 1e-3),
            (1e-6, 1e-6),
            (0.3, 0.3),
            (0.5, 2.0),
            (1.0, 1e6),
            (50.0, 70.0),
            (1e8, 3e8),
        ] {
            let pair = [(qa, phi.components(qa, qb)), (qb, phi.components(qb, qa))];
            let log_q = series::magnitude(qa, qb).unwrap();
            let slope = Beside::new(phi, qa, qb).parallel.even_slope;
            // odd components of both signs nearly cancel
            let signed = if EVEN {
                (1.0 + qa.max(qb)).powf(-0.5)
            } else {
                0.0
            };
            let distances = [
                0.0, 1e-200, 1e-12, 1e-6, 1e-3, 0.03, 0.3, 0.49, 0.51, 0.9, 1.0,
            ];
            for distance in distances {
                let c = [PairCorrelation::of_one_minus(distance)];
                let (mut found, mut exact) = ([Sums::default()], [Sums::default()]);
                series::sums::<ODD, EVEN, true>(pair, log_q, &c, slope, &mut found);
                pairs::sums::<ODD, EVEN, true, LONG>(pair[0], pair[1], &c, slope, &mut exact);
                let numbers = |[sums]: [Sums; 1]| {
                    let drop = sums.odd_drop + sums.even_drop;
                    [drop, sums.odd_slope, sums.even_slope]
                };
                // what even components take away of the first order in 1 - c has its rounding
                let first = slope.abs() * qa.sqrt() * qb.sqrt() * distance;
                let scales = [first, signed, slope.abs()];
                let both = numbers(found).into_iter().zip(numbers(exact));
                for ((found, exact), scale) in both.zip(scales) {
                    let granted = 4e-15 * exact.abs().max(scale);
                    assert!(
                        (found - exact).abs() <= granted,
                        "{qa:e} {qb:e} {distance:e}: {found:e} {exact:e}"
                    );
                }
            }
        }
    }
    check::<_, true, false>(&Tanh);
    check::<_, true, false>(&Sigmoid);
    check::<_, false, true>(&Softplus);
    check::<_, false, true>(&Silu);
    check::<_, true, true>(&Mish);
    check::<_, true, false>(&Softsign);
}
