//! Loops compiled for the widest instruction set of the machine, chosen at run time.

use pulp::{Arch, NullaryFnOnce};

/// Runs `body` as it was compiled for the best instruction set that the machine has: results do not depend on
/// which one, since no operation is reordered or fused.
///
/// `body` should be an `#[inline(always)] move` closure that owns its numbers: what it reads through a
/// reference might alias what it writes, and keeps loops from being vectorised.
#[inline(always)]
pub fn vectorized<R>(body: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Body(body))
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
