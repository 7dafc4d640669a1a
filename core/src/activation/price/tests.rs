use super::*;
use crate::activation::{Activation, Affine, HardSigmoid, HardTanh, Relu6};

const HARD_TANH: PiecewiseLinear<2> = clamp(0.0, 1.0, -1.0, 1.0);
const HARD_SIGMOID: PiecewiseLinear<2> = clamp(0.5, 1.0 / 6.0, -3.0, 3.0);
const RELU6: PiecewiseLinear<2> = clamp(0.0, 1.0, 0.0, 6.0);
const SELU: ExponentialLinear = exponential(
    1.050_700_987_355_480_5,
    1.050_700_987_355_480_5 * 1.673_263_242_354_377_2,
    1.0,
);

const fn clamp(offset: f64, slope: f64, low: f64, high: f64) -> PiecewiseLinear<2> {
    PiecewiseLinear::clamp(Line { offset, slope }, low, high)
}

const fn exponential(right: f64, left: f64, scale: f64) -> ExponentialLinear {
    ExponentialLinear { right, left, scale }
}

const fn elu(alpha: f64) -> ExponentialLinear {
    exponential(1.0, alpha, 1.0)
}

const fn celu(alpha: f64) -> ExponentialLinear {
    exponential(1.0, 1.0, alpha)
}

/// Both kinds at once.
trait Phi: Copy + std::fmt::Debug {
    fn duals(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments;
}

impl<const N: usize> Phi for PiecewiseLinear<N> {
    fn duals(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        self.pair(qa, qb, c)
    }
}

impl Phi for ExponentialLinear {
    fn duals(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        self.pair(qa, qb, c)
    }
}

/// $1 - c$.
const COMPLEMENTS: [f64; 9] = [0.0, 1e-300, 1e-12, 1e-4, 0.3, 1.0, 1.7, 1.9999, 2.0];

const VARIANCES: [f64; 9] = [0.0, 1e-280, 1e-12, 0.01, 1.0, 30.0, 1e6, 1e12, 1e280];

fn every(mut see: impl FnMut(f64, f64, PairCorrelation)) {
    for qa in VARIANCES {
        for qb in VARIANCES {
            for epsilon in COMPLEMENTS {
                see(qa, qb, PairCorrelation::of_one_minus(epsilon));
            }
        }
    }
}

fn close(value: f64, expected: f64, error: f64) -> bool {
    (value - expected).abs() <= error
}

fn slope_scale(phi: impl Phi, qa: f64, qb: f64) -> f64 {
    let slope = |q| phi.duals(q, q, PairCorrelation::PARALLEL).derivative_moment;
    (slope(qa) * slope(qb)).sqrt()
}

/// $q_a$, $q_b$, $1 - c$; $\mathbb E[\varphi\varphi]$, $V_a$, $V_b$, $\mathbb
/// E[\varphi^\prime\varphi^\prime]$, $1 - c^\prime$.
type Truth = (f64, f64, f64, [f64; 5]);

fn agrees(phi: impl Phi, truths: &[Truth]) {
    for &(qa, qb, epsilon, [moment, va, vb, derivative, complement]) in truths {
        let place = format!("q = {qa:e}, {qb:e}, 1 - c = {epsilon:e}");
        let duals = phi.duals(qa, qb, PairCorrelation::of_one_minus(epsilon));
        assert!(close(duals.variance_a, va, 1e-15 * va), "{place}");
        assert!(close(duals.variance_b, vb, 1e-15 * vb), "{place}");
        let scale = (va * vb).sqrt();
        assert!(close(duals.moment, moment, 5e-15 * scale), "{place}");
        let scale = slope_scale(phi, qa, qb);
        let error = 1e-14 * scale;
        assert!(close(duals.derivative_moment, derivative, error), "{place}");
        let found = duals.correlation.one_minus();
        assert!(close(found, complement, 3e-14 * complement), "{place}");
    }
}

/// `tools/price_truth.py`: 60-digit arithmetic, by the conditional expectation instead of Price's theorem.
#[test]
fn duals_agree_with_many_digits() {
    agrees(
        HARD_TANH,
        &[
            (
                1000000000000.0,
                1000000000000000.0,
                0.01,
                [
                    0.9098931727104305,
                    0.9999994680769595,
                    0.9999999831791165,
                    1.4270973009379916e-13,
                    0.09010657764029589,
                ],
            ),
            (
                100000000.0,
                130000000.0,
                1e-06,
                [
                    0.9990983569991275,
                    0.9999468076959996,
                    0.9999533472632003,
                    3.942338458660411e-06,
                    0.0008517629972866641,
                ],
            ),
            (
                30.0,
                3e-05,
                1e-06,
                [
                    0.004346031436423041,
                    0.9032071494238552,
                    3e-05,
                    0.14486785941529412,
                    0.1650921340079793,
                ],
            ),
            (
                1000000.0,
                2000000.0,
                1.5,
                [
                    -0.33333324144520365,
                    0.999468077012657,
                    0.9996238736297745,
                    5.197976942232097e-07,
                    1.3334846527198108,
                ],
            ),
            (
                0.02,
                0.03,
                0.0,
                [
                    0.024494897237622874,
                    0.019999999999939625,
                    0.029999999546402197,
                    0.9999999922359635,
                    2.037732791299291e-10,
                ],
            ),
            (
                4.0,
                4.0000004,
                0.0,
                [
                    0.7405134667587993,
                    0.7405134605868807,
                    0.7405134729307181,
                    0.38292490494476106,
                    1.7363299790748322e-16,
                ],
            ),
        ],
    );
    agrees(
        HARD_SIGMOID,
        &[
            (
                1e-12,
                1e-06,
                1e-12,
                [
                    0.2500000000277778,
                    0.25000000000002776,
                    0.2500000277777778,
                    0.027777777777777776,
                    5.544449537654066e-08,
                ],
            ),
            (
                0.001,
                1e-09,
                1.99,
                [
                    0.2499999725,
                    0.2500277777777778,
                    0.2500000000277778,
                    0.027777777777777776,
                    5.566097579641504e-05,
                ],
            ),
            (
                4.0,
                4e-06,
                0.0001,
                [
                    0.25009625543987807,
                    0.33649613513049664,
                    0.2500001111111111,
                    0.02406626659617455,
                    0.1377225112296972,
                ],
            ),
            (
                1e-12,
                3e-12,
                0.0,
                [
                    0.25000000000004813,
                    0.25000000000002776,
                    0.2500000000000833,
                    0.027777777777777776,
                    2.977213249233418e-14,
                ],
            ),
            (
                100.0,
                250.0,
                1.25,
                [
                    0.21063401896820502,
                    0.4604613864099426,
                    0.474859158360132,
                    0.0010167008699785481,
                    0.5495469864532612,
                ],
            ),
        ],
    );
    agrees(
        RELU6,
        &[
            (
                1000000000000.0,
                1000000000000.0,
                1.99,
                [
                    0.810918360681195,
                    17.999942552311623,
                    17.999942552311623,
                    4.0615901180448394e-11,
                    0.9549488361796435,
                ],
            ),
            (
                4.0,
                4000000.0,
                1e-12,
                [
                    4.7827143320564796,
                    1.9900145560689069,
                    17.97127618166253,
                    0.0011965999668874204,
                    0.20024519915318795,
                ],
            ),
            (
                1000000.0,
                1300000.0,
                0.0001,
                [
                    17.877437385087703,
                    17.942552518433075,
                    17.94961518374475,
                    0.00035058305680134825,
                    0.0038251309010701204,
                ],
            ),
            (
                1e-06,
                1e-06,
                0.5,
                [
                    3.0449889052211466e-07,
                    5e-07,
                    5e-07,
                    0.3333333333333333,
                    0.39100221895577064,
                ],
            ),
            (
                30.0,
                30.000003,
                0.0,
                [
                    8.624725719661248,
                    8.624725534414496,
                    8.624725904908008,
                    0.36333914886178564,
                    3.062997199882166e-16,
                ],
            ),
        ],
    );
    agrees(
        elu(1.0),
        &[
            (
                1000000000000.0,
                1e+18,
                1.5,
                [
                    54498591016335.664,
                    500000000000.5,
                    5e+17,
                    0.16666686633737007,
                    0.8910028179673831,
                ],
            ),
            (
                100000000.0,
                100000000000000.0,
                0.01,
                [
                    49514992842.50589,
                    50000000.49994016,
                    50000000000000.5,
                    0.47749324908063256,
                    0.009700148100793799,
                ],
            ),
            (
                1e-06,
                1.0,
                0.1,
                [
                    0.0006852475531520748,
                    9.992029896419578e-07,
                    0.6449454174929239,
                    0.7614187777074216,
                    0.14639067571280406,
                ],
            ),
            (
                1000000000000.0,
                3000000000000.0,
                1e-09,
                [
                    866025402918.9209,
                    500000000000.5,
                    1500000000000.5,
                    0.4999931943212185,
                    1.0000804448603204e-09,
                ],
            ),
            (
                1e-06,
                1.000001e-06,
                0.0,
                [
                    9.992034890442936e-07,
                    9.992029896419578e-07,
                    9.992039884468789e-07,
                    0.9992031141773783,
                    2.6940585604327708e-20,
                ],
            ),
        ],
    );
    agrees(
        elu(-0.5),
        &[
            (
                1.0,
                1.0,
                0.01,
                [
                    0.5311417391611173,
                    0.5362363543732309,
                    0.5362363543732309,
                    0.4937363325129171,
                    0.009500689706255476,
                ],
            ),
            (
                10000.0,
                30000.0,
                0.5,
                [
                    5287.624054545087,
                    5000.123504153394,
                    15000.124136300612,
                    0.3317690493366532,
                    0.3894478326888134,
                ],
            ),
            (
                0.001,
                2.0,
                1.5,
                [
                    0.012560186099486375,
                    0.0006189047686182919,
                    1.0500285654998616,
                    -0.03846671649113509,
                    0.5072988195735783,
                ],
            ),
        ],
    );
    agrees(
        celu(0.5),
        &[
            (
                1000000000000.0,
                1000000000000.0,
                0.0001,
                [
                    499950150033.6481,
                    500000000000.125,
                    500000000000.125,
                    0.4977493899209225,
                    9.969993295380749e-05,
                ],
            ),
            (
                1000000.0,
                1000000.0,
                1.9999,
                [
                    -398.7705882430245,
                    500000.1249251983,
                    500000.1249251983,
                    0.0024587032557242595,
                    1.00079754097722,
                ],
            ),
            (
                1000.0,
                1000000000.0,
                1.5,
                [
                    49798.173346668256,
                    500.1226353018782,
                    500000000.1249976,
                    0.16984594721898402,
                    0.9004158651008066,
                ],
            ),
            (
                1e-06,
                0.001,
                1e-06,
                [
                    3.083168430944403e-05,
                    9.984077245056358e-07,
                    0.0009528453681777483,
                    0.974999202374688,
                    0.00038659670353682337,
                ],
            ),
        ],
    );
    agrees(
        SELU,
        &[
            (
                1000000000000.0,
                1e+18,
                0.5,
                [
                    336158236738335.5,
                    551986282416.4362,
                    5.519862824148907e+17,
                    0.3679912237819752,
                    0.3910025530576546,
                ],
            ),
            (
                10000.0,
                10000.001,
                0.0,
                [
                    5521.390062660015,
                    5521.389786666418,
                    5521.390338653625,
                    0.5581516081220668,
                    3.4210994224699434e-19,
                ],
            ),
            (
                1e-12,
                1e-09,
                1.0,
                [
                    2.518408376589646e-12,
                    2.0974404623695905e-12,
                    2.097364943424847e-09,
                    1.9723076875259447,
                    0.9620296734682372,
                ],
            ),
            (
                30.0,
                3e-05,
                1e-06,
                [
                    0.023084894845479043,
                    17.780144990625935,
                    6.252047315157278e-05,
                    0.7699446751320438,
                    0.30761265184298126,
                ],
            ),
        ],
    );
}

#[test]
fn a_clamp_that_is_far_away_is_the_identity() {
    let phi = clamp(0.0, 1.0, -1e9, 1e9);
    for epsilon in COMPLEMENTS {
        let c = PairCorrelation::of_one_minus(epsilon);
        let duals = phi.duals(3.0, 0.5, c);
        assert!(close(duals.moment, 1.5_f64.sqrt() * c.value(), 2e-15));
        assert!(close(duals.derivative_moment, 1.0, 2e-15));
        assert!(close(
            duals.correlation.one_minus(),
            epsilon,
            2e-15 * epsilon
        ));
    }
}

#[test]
fn one_kink_at_zero_and_alpha_zero_are_relu() {
    let relu = PiecewiseLinear {
        first: Line {
            offset: 0.0,
            slope: 0.0,
        },
        kinks: [Kink {
            at: 0.0,
            then: Line {
                offset: 0.0,
                slope: 1.0,
            },
        }],
    };
    for (qa, qb) in [(1.0, 1.0), (1e-6, 3e8)] {
        for epsilon in COMPLEMENTS {
            let c = PairCorrelation::of_one_minus(epsilon);
            let scale = 0.5 * geometric_mean(qa, qb);
            for duals in [relu.duals(qa, qb, c), elu(0.0).duals(qa, qb, c)] {
                let kappa1 = arc_cosine::kappa1_of(c);
                assert!(close(duals.moment, scale * kappa1, 1e-15 * scale));
                let kappa0 = arc_cosine::kappa0_of(c);
                assert!(close(duals.derivative_moment, 0.5 * kappa0, 1e-15));
                let exact = arc_cosine::kappa1_complement(epsilon).unwrap();
                let found = duals.correlation.one_minus();
                assert!(close(found, exact, 3e-14 * exact));
            }
        }
    }
}

#[test]
fn an_exponential_of_large_scale_is_the_identity() {
    for scale in [1e20, 1e200, 1e300] {
        let duals = celu(scale).duals(2.0, 3.0, PairCorrelation::of_one_minus(0.25));
        assert!(close(duals.variance_a, 2.0, 2e-15));
        assert!(close(duals.moment, 0.75 * 6.0_f64.sqrt(), 2e-15));
        assert!(close(duals.derivative_moment, 1.0, 2e-15));
        assert!(close(duals.correlation.one_minus(), 0.25, 2e-15));
    }
}

#[test]
fn duals_of_odd_functions_are_odd() {
    every(|qa, qb, c| {
        let (duals, opposite) = (
            HARD_TANH.duals(qa, qb, c),
            HARD_TANH.duals(qa, qb, c.opposite()),
        );
        assert_eq!(duals.moment, -opposite.moment);
        assert_eq!(duals.correlation, opposite.correlation.opposite());
        assert_eq!(duals.derivative_moment, opposite.derivative_moment);
    });
}

/// Two routes: the deficit of parallel inputs and the drop from them, and integrals from $c = 0$.
#[test]
fn complements_are_what_is_missing() {
    let mut seen = 0;
    every(|qa, qb, c| {
        for phi in [
            HARD_TANH,
            HARD_SIGMOID,
            RELU6,
            HARD_SIGMOID.affine([3.0, -2.0, 1.0, 0.0]),
        ] {
            let duals = phi.duals(qa, qb, c);
            let scale = geometric_mean(duals.variance_a, duals.variance_b);
            let sum = duals.correlation.one_minus();
            if scale > 0.0 && sum < SUBTRACTED {
                let missing = 1.0 - duals.moment / scale;
                assert!(close(missing, sum, 1e-14), "{phi:?} {qa:e} {qb:e} {c:?}");
                seen += 1;
            }
        }
    });
    assert!(seen > 300, "{seen}");
}

#[test]
fn deficits_are_quadratic_in_the_difference_of_norms() {
    fn check(phi: impl Phi) {
        for q in [1e-6, 0.1, 1.0, 1e3, 1e10] {
            let curvature = |delta: f64| {
                let other = q * (1.0 + delta);
                let exact = (other - q) / q;
                let deficit = phi.duals(q, other, PairCorrelation::PARALLEL).correlation;
                deficit.one_minus() / (exact * exact)
            };
            let coarse = curvature(1e-5);
            if coarse > 1e-25 {
                assert!(close(curvature(1e-10) / coarse, 1.0, 1e-4), "{q:e}");
            }
        }
    }
    check(HARD_TANH);
    check(HARD_SIGMOID);
    check(RELU6);
    check(SELU);
    check(elu(0.7));
}

#[test]
fn without_a_variance_one_variable_is_constant() {
    for c in [0.0, 0.5, 1.4].map(PairCorrelation::of_one_minus) {
        let duals = HARD_SIGMOID.duals(0.0, 4.0, c);
        assert!(close(duals.moment, 0.25, 1e-15));
        assert!(close(
            duals.derivative_moment * 6.0,
            HARD_SIGMOID
                .duals(0.0, 4.0, PairCorrelation::ORTHOGONAL)
                .derivative_moment
                * 6.0,
            1e-15
        ));
        assert_eq!(HARD_TANH.duals(0.0, 4.0, c).correlation, c);
        assert_eq!(SELU.duals(4.0, 0.0, c).correlation, c);
        assert_eq!(SELU.duals(4.0, 0.0, c).moment, 0.0);
    }
}

#[test]
fn lines_are_those_of_the_activations() {
    fn check<const N: usize>(phi: &impl Activation, lines: &PiecewiseLinear<N>) {
        for i in -400..=400 {
            let x = f64::from(i) * 0.03 + 0.001;
            let line = lines.kinks.iter().rev().find(|kink| x > kink.at);
            let line = line.map_or(lines.first, |kink| kink.then);
            assert!(close(line.offset + line.slope * x, phi.value(x), 1e-14));
            assert!(close(line.slope, phi.derivative(x), 1e-15));
        }
    }
    check(&HardTanh, &HARD_TANH);
    check(&HardSigmoid, &HARD_SIGMOID);
    check(&Relu6, &RELU6);
    for [a, b, c, d] in [[2.0, 0.3, -1.5, 0.2], [-0.5, 1.0, 2.0, -3.0]] {
        let phi = Affine::new(Relu6, a, b, c, d).unwrap();
        check(&phi, &RELU6.affine([a, b, c, d]));
    }
}
