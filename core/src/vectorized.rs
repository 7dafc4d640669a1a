//! Loops compiled for the widest instruction set of the machine, chosen at run time.

use pulp::{Arch, NullaryFnOnce, Simd};

/// Runs `body` as it was compiled for the best instruction set that the machine has: results do not depend on
/// which one, since no operation is reordered or fused.
///
/// `body` should be an `#[inline(always)] move` closure that owns its numbers: what it reads through a
/// reference might alias what it writes, and keeps loops from being vectorised.
#[inline(always)]
pub fn vectorized<R>(body: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Body(body))
}

/// The smallest and the largest of some numbers, whole vectors of them and at least one.
#[inline(always)]
pub fn ends<S: Simd>(simd: S, numbers: &[f64]) -> [f64; 2] {
    let (vectors, _) = S::as_simd_f64s(numbers);
    let (mut low, mut high) = (vectors[0], vectors[0]);
    for &vector in &vectors[1..] {
        low = simd.min_f64s(low, vector);
        high = simd.max_f64s(high, vector);
    }
    [simd.reduce_min_f64s(low), simd.reduce_max_f64s(high)]
}

/// A closure behind a method that is always inlined: called through `FnOnce` a large one becomes a function
/// of its own, compiled without vector instructions.
struct Body<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for Body<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
