//! Functions of every element of a slice, in loops that vectorise.

use crate::vectorized::vectorized;

/// `f` of every element (as many as both slices have); `f` is one whose loops vectorise, always inlined.
#[inline(always)]
pub(super) fn map(x: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64 + Copy) {
    vectorized(
        #[inline(always)]
        move || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(x);
            }
        },
    );
}

/// Elements that stay in the first-level cache between loops.
const BLOCK: usize = 256;

/// `after` of `inner` of `before` of every element.
pub(super) fn map_around(
    x: &[f64],
    out: &mut [f64],
    before: impl Fn(f64) -> f64 + Copy,
    inner: impl Fn(&[f64], &mut [f64]),
    after: impl Fn(f64) -> f64 + Copy,
) {
    let mut buffer = [0.0; BLOCK];
    for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let size = x.len().min(out.len());
        map(&x[..size], &mut buffer[..size], before);
        inner(&buffer[..size], &mut out[..size]);
        buffer[..size].copy_from_slice(&out[..size]);
        map(&buffer[..size], out, after);
    }
}

/// `first` plus `second` of every element.
pub(super) fn map_sum(
    x: &[f64],
    out: &mut [f64],
    first: impl Fn(&[f64], &mut [f64]),
    second: impl Fn(&[f64], &mut [f64]),
) {
    let mut buffer = [0.0; BLOCK];
    for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let other = &mut buffer[..x.len().min(out.len())];
        first(x, out);
        second(x, other);
        for (out, other) in out.iter_mut().zip(other) {
            *out += *other;
        }
    }
}

/// [`value_slice`](super::Activation::value_slice) and
/// [`derivative_slice`](super::Activation::derivative_slice) of an activation whose value and derivative are
/// such functions, inlined as `at` and `slope`: what a trait has inlined is compiled where a box is made of
/// the activation, in a debug build without optimisation.
macro_rules! vectorized_slices {
    () => {
        fn value_slice(&self, x: &[f64], out: &mut [f64]) {
            let phi = *self;
            crate::activation::elementwise::map(
                x,
                out,
                #[inline(always)]
                move |x| phi.at(x),
            );
        }

        fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
            let phi = *self;
            crate::activation::elementwise::map(
                x,
                out,
                #[inline(always)]
                move |x| phi.slope(x),
            );
        }
    };
}

pub(super) use vectorized_slices;

#[cfg(test)]
mod tests {
    use crate::activation::{Activation, Dual, Gelu, Sigmoid, Tanh, entries, named};

    /// Of either sign, around the ends of a block, and whatever else there is.
    fn points() -> Vec<f64> {
        let mut x: Vec<f64> = (0..515).map(|i| 0.03 * f64::from(i) - 7.0).collect();
        let ends = [
            0.0,
            5e-324,
            1e-300,
            36.0,
            710.0,
            800.0,
            1e300,
            f64::INFINITY,
        ];
        x.extend(ends.iter().flat_map(|x| [*x, -x]));
        x.push(f64::NAN);
        x
    }

    fn check(phi: &dyn Dual) {
        let x = points();
        let (mut values, mut slopes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        phi.value_slice(&x, &mut values);
        phi.derivative_slice(&x, &mut slopes);
        for (i, &x) in x.iter().enumerate() {
            for (found, expected) in [(values[i], phi.value(x)), (slopes[i], phi.derivative(x))] {
                let same = found.to_bits() == expected.to_bits();
                assert!(
                    same || found.is_nan() && expected.is_nan(),
                    "{phi:?} at {x}"
                );
            }
        }
    }

    #[test]
    fn slices_are_the_function_to_the_bit() {
        for entry in entries() {
            check(&*named(entry.name()).unwrap());
        }
        check(&Tanh.of_affine(0.7, -0.2).unwrap().times(3.0).unwrap());
        check(&Gelu.plus(Sigmoid));
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for name in [
            "tanh", "sigmoid", "silu", "softplus", "mish", "gelu", "erf", "exp",
        ] {
            let phi = named(name).unwrap();
            assert!(
                phi.value(f64::NAN).is_nan() && phi.derivative(f64::NAN).is_nan(),
                "{name}"
            );
        }
        for name in ["elu", "selu", "celu", "gaussian"] {
            assert!(named(name).unwrap().value(f64::NAN).is_nan(), "{name}");
        }
    }
}
