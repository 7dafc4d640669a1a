//! The arc-cosine maps against 25-digit values (`tests/data/truth.json`): at most 4 units in the last place.

use crate::oracle::{decimal, hexadecimal, truth, ulps};
use neural_limits::activation::arc_cosine::{
    kappa0, kappa0_slice, kappa1, kappa1_complement, kappa1_complement_slice, kappa1_slice,
    one_minus_kappa1,
};

const ULPS: f64 = 4.0;

#[test]
fn maps_and_complement_are_within_four_ulp_everywhere() {
    let mut worst = [(0.0, 0.0); 4];
    let truth = truth();
    let points = truth["arc_cosine"].as_array().unwrap();
    assert!(!points.is_empty());
    for point in points {
        let c = hexadecimal(point, "c");
        let complement = decimal(point, "one_minus_kappa1");
        let mut pairs = vec![
            (0, kappa0(c).unwrap(), decimal(point, "kappa0")),
            (1, kappa1(c).unwrap(), decimal(point, "kappa1")),
            (2, one_minus_kappa1(c).unwrap(), complement),
        ];
        if 1.0 - (1.0 - c) == c {
            pairs.push((3, kappa1_complement(1.0 - c).unwrap(), complement));
        }
        for (i, value, exact) in pairs {
            let error = ulps(value, exact);
            if error > worst[i].0 {
                worst[i] = (error, c);
            }
        }
    }
    let names = ["kappa0", "kappa1", "1 - kappa1", "1 - kappa1 from 1 - c"];
    for (name, (error, c)) in names.iter().zip(worst) {
        println!("{name}: {error:.2} ulp at c = {c:e}");
        assert!(error <= ULPS, "{name}: {error} ulp at c = {c:e}");
    }
}

#[test]
fn slices_equal_scalars_bit_for_bit() {
    let c: Vec<f64> = (0..=10_007)
        .map(|i| -1.0 + 2.0 * i as f64 / 10_007.0)
        .collect();
    let mut out = vec![0.0; c.len()];
    kappa0_slice(&c, &mut out).unwrap();
    for (c, out) in c.iter().zip(&out) {
        assert_eq!(out.to_bits(), kappa0(*c).unwrap().to_bits());
    }
    kappa1_slice(&c, &mut out).unwrap();
    for (c, out) in c.iter().zip(&out) {
        assert_eq!(out.to_bits(), kappa1(*c).unwrap().to_bits());
    }
    let epsilon: Vec<f64> = c.iter().map(|c| 1.0 - c).collect();
    kappa1_complement_slice(&epsilon, &mut out).unwrap();
    for (epsilon, out) in epsilon.iter().zip(&out) {
        assert_eq!(
            out.to_bits(),
            kappa1_complement(*epsilon).unwrap().to_bits()
        );
    }
}

#[test]
fn arguments_outside_of_the_domain_are_named() {
    let outside = 1.0 + f64::EPSILON;
    for c in [outside, -outside, f64::NAN, f64::INFINITY] {
        let message = kappa1(c).unwrap_err().to_string();
        assert!(message.starts_with("c = "), "{message}");
        assert!(kappa0(c).is_err() && one_minus_kappa1(c).is_err());
    }
    let error = kappa1_slice(&[0.0, 0.5, f64::NAN], &mut [0.0; 3]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "c[2] = NaN: expected a number in [-1, 1]"
    );
    assert!(kappa1_slice(&[0.0], &mut []).is_err());
}
