//! The two half-line integrals to which exponentials of Gaussian variables lead.

use super::polynomial;

/// Where the variable $t = (L - 5)/(L + 5)$ of the polynomials is 0.
const CENTRE: f64 = 5.0;

/// $(2 + L) M(L)$ in powers of $t$ (`tools/price_constants.py`; relative error below 1.2e-16).
const RATIO: [f64; 24] = [
    1.3496567330072102,
    -0.5890823024863246,
    0.3687229645450226,
    -0.17767363441042625,
    0.05377797834871867,
    0.0028151008588438815,
    -0.015488568533890102,
    0.010385352749734815,
    -0.003650958263930422,
    0.00035611280794859454,
    0.0003055748118471795,
    -0.00013196478139296507,
    -8.151208368992676e-06,
    1.9526316124247553e-05,
    -1.8673796232196788e-06,
    -2.667685945694962e-06,
    5.12039977778399e-07,
    3.9395209473204555e-07,
    -9.165814635946769e-08,
    -6.308710992421636e-08,
    1.2628934526886264e-08,
    9.289739310975302e-09,
    -1.0222517660802755e-09,
    -8.387863623465168e-10,
];

/// $(2 + L)^2 R(L)$ in powers of $t$ (`tools/price_constants.py`; relative error below 8e-17).
const FIRST: [f64; 26] = [
    1.7620143447476377,
    -1.34092737384388,
    0.8600912776970273,
    -0.32022655635294,
    -0.029936380268245518,
    0.13803086445482224,
    -0.09932671020678321,
    0.032030283129335146,
    0.0042317054194064745,
    -0.009263202795672307,
    0.0035055072903196717,
    0.00027257621930027755,
    -0.0006604499301765111,
    0.00011004570753453412,
    9.183843327257224e-05,
    -3.2307425061082e-05,
    -1.2904096254989606e-05,
    6.765102403923094e-06,
    2.098096715348337e-06,
    -1.2904398870600776e-06,
    -3.8403026329417807e-07,
    2.255771624734478e-07,
    6.279842093652617e-08,
    -3.194849655505099e-08,
    -5.951076436556809e-09,
    2.6153783857413113e-09,
];

/// $R(l/s)/s$ for $l \ge 0$ and $s > 0$, where $R(L) = \int_0^\infty r e^{-rL - r^2/2} dr = 1 - L M(L)$.
#[inline(always)]
pub(crate) fn first_moment(l: f64, s: f64) -> f64 {
    // t = (l − 5s)/(l + 5s) and s/(l + 2s)² by one division
    let (sum, shifted) = (l + CENTRE * s, l + 2.0 * s);
    let inverse = 1.0 / (sum * shifted);
    let t = (l - CENTRE * s) * (shifted * inverse);
    let reciprocal = sum * inverse;
    polynomial::evaluate(&FIRST, t) * (s * (reciprocal * reciprocal))
}

/// Mills' ratio $M(L) = \int_0^\infty e^{-rL - r^2/2} dr = \sqrt{\pi/2} e^{L^2/2} \mathrm{erfc}(L/\sqrt2)$
/// for $L \ge 0$.
#[inline(always)]
pub(crate) fn ratio(l: f64) -> f64 {
    polynomial::evaluate(&RATIO, (l - CENTRE) / (l + CENTRE)) / (2.0 + l)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mpmath`, 60 digits: $\sqrt{\pi/2} e^{L^2/2} \mathrm{erfc}(L/\sqrt 2)$ and $1 - L M(L)$.
    #[test]
    fn they_agree_with_many_digits() {
        for (l, exact_ratio, exact_first) in [
            (0.0, 1.2533141373155003, 1.0),
            (1e-06, 1.2533131373161268, 0.9999987466868627),
            (0.3, 1.0018374009921558, 0.6994487797023533),
            (2.0, 0.4213692292880545, 0.15726154142389107),
            (5.0, 0.19280810471531576, 0.03595947642342118),
            (17.0, 0.058622064980015945, 0.003424895339728954),
            (60.0, 0.016662040889713754, 0.0002775466171747691),
            (10000.0, 9.999999900000004e-05, 9.999999700000015e-09),
            (1000000000.0, 1e-09, 1e-18),
            (1e+18, 1e-18, 1e-36),
        ] {
            assert!((ratio(l) / exact_ratio - 1.0).abs() < 1e-15, "{l}");
            for s in [1.0, 1.7] {
                let found = s * first_moment(l * s, s);
                assert!((found / exact_first - 1.0).abs() < 2e-15, "{l}");
            }
        }
    }
}
