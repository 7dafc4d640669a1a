//! Sums of products in an order that does not depend on the machine or on the number of threads.

use crate::Scalar;
use crate::vectorized::vectorized;

/// Lanes of the sums: enough for the compiler to vectorise them without reordering.
const LANES: usize = 16;

/// $\sum_i x_i y_i$ over the shorter of the two lengths.
#[inline]
pub fn dot<T: Scalar>(x: &[T], y: &[T]) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            let tail: f64 = x_chunks
                .remainder()
                .iter()
                .zip(y_chunks.remainder())
                .map(|(x, y)| x.widen() * y.widen())
                .sum();
            for (x, y) in x_chunks.zip(y_chunks) {
                for lane in 0..LANES {
                    lanes[lane] += x[lane].widen() * y[lane].widen();
                }
            }
            let mut half = LANES / 2;
            while half > 0 {
                for lane in 0..half {
                    lanes[lane] += lanes[lane + half];
                }
                half /= 2;
            }
            lanes[0] + tail
        },
    )
}
