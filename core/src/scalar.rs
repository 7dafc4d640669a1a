//! The floating-point formats in which a user may hold inputs and kernels.

use std::borrow::Cow;

use crate::{Error, Result};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`, as a format of inputs and results.
///
/// Arithmetic inside of the crate is done in `f64` whatever the format: an `f32` kernel entry is the
/// `f64` entry of the (exactly converted) inputs, rounded once.
pub trait Scalar:
    sealed::Sealed
    + nalgebra::Scalar
    + num_traits::Float
    + num_traits::NumAssign
    + Send
    + Sync
    + std::fmt::Display
{
    /// The exact value as `f64`.
    fn widen(self) -> f64;

    /// Many exact values, borrowed where they are `f64` already.
    fn widened(values: &[Self]) -> Cow<'_, [f64]>;

    /// The nearest value in this format, infinite where that is.
    fn nearest(value: f64) -> Self;

    /// The nearest value in this format.
    ///
    /// # Errors
    /// [`Error::Overflow`] naming `quantity` if the nearest value is infinite.
    fn narrow(quantity: &str, value: f64) -> Result<Self>;
}

macro_rules! scalar {
    ($format:ty, $widened:expr) => {
        impl Scalar for $format {
            #[inline]
            fn widen(self) -> f64 {
                f64::from(self)
            }

            fn widened(values: &[Self]) -> Cow<'_, [f64]> {
                $widened(values)
            }

            #[inline(always)]
            fn nearest(value: f64) -> Self {
                value as $format
            }

            #[inline]
            fn narrow(quantity: &str, value: f64) -> Result<Self> {
                let narrowed = value as $format;
                if narrowed.is_finite() {
                    Ok(narrowed)
                } else {
                    Err(Error::Overflow {
                        quantity: quantity.to_owned(),
                        log: value.abs().ln(),
                        limit: f64::from(<$format>::MAX).ln(),
                    })
                }
            }
        }
    };
}

scalar!(f32, |values: &[f32]| Cow::Owned(
    values.iter().map(|&x| f64::from(x)).collect()
));
scalar!(f64, Cow::Borrowed);
