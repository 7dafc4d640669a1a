//! Numbers one by one, and normals in bulk.

use std::convert::Infallible;

use rand::{Rng, SeedableRng, TryRng};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::lanes::{GROUP, Lanes};

/// The generator behind every random result of the crate: xoshiro256++, and for many normals at a time eight
/// xoshiro256+ beside each other (D. Blackman and S. Vigna 2021, arXiv 1805.01407).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    numbers: Xoshiro256PlusPlus,
    /// Started from the numbers when they are first needed.
    lanes: Option<Lanes>,
}

impl Stream {
    pub(super) fn new(state: [u8; 32]) -> Self {
        Self {
            numbers: Xoshiro256PlusPlus::from_seed(state),
            lanes: None,
        }
    }

    /// Independent standard normals $z_1, \ldots, z_n$, twice as fast as one by one: in groups of 64 from
    /// eight generators, and what is left by [`StandardNormal`]. The same bits on every machine; a longer
    /// slice may begin with other numbers.
    ///
    /// Two of a group are $\sqrt{-2 \log u}\,(\sin \pi v, \pm\cos \pi v)$ with $u$ uniform on the odd
    /// multiples of $2^{-64}$ in $(0, 1)$, $v$ on the centres of $2^{52}$ equal parts of $(-\tfrac12,
    /// \tfrac12)$, and a random sign (G. E. P. Box and M. E. Muller 1958), within 6 units of rounding of the
    /// radius: the law is the normal one to rounding, up to $\lvert z \rvert = 9.4$, beyond which its mass is
    /// $10^{-20}$.
    ///
    /// ```
    /// use neural_limits::sample::Seed;
    /// let mut z = [0.0; 1000];
    /// Seed::new(7).stream(0).fill_normals(&mut z);
    /// let mean = z.iter().sum::<f64>() / 1000.0;
    /// assert!(mean.abs() < 0.1);
    /// ```
    pub fn fill_normals(&mut self, out: &mut [f64]) {
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        if !groups.is_empty() {
            self.lanes().fill_normals(groups.as_flattened_mut(), false);
        }
        for z in rest {
            *z = StandardNormal.sample(&mut self.numbers);
        }
    }

    /// The numbers that [`fill_normals`](Self::fill_normals) gives for one part of so many after the other,
    /// in less time.
    #[doc(hidden)]
    pub fn fill_normals_in_parts(&mut self, out: &mut [f64], part: usize) {
        if part == GROUP && out.len().is_multiple_of(part) && !out.is_empty() {
            self.lanes().fill_normals(out, true);
        } else if part.is_multiple_of(2 * GROUP) {
            self.fill_normals(out);
        } else {
            for part in out.chunks_mut(part.max(1)) {
                self.fill_normals(part);
            }
        }
    }

    fn lanes(&mut self) -> &mut Lanes {
        let numbers = &mut self.numbers;
        self.lanes.get_or_insert_with(|| {
            let mut key = [0; 32];
            numbers.fill_bytes(&mut key);
            Lanes::new(key)
        })
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.numbers.try_next_u32()
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.numbers.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.numbers.try_fill_bytes(out)
    }
}

#[cfg(test)]
mod tests {
    use crate::random::Seed;

    #[test]
    fn parts_at_once_are_one_after_the_other() {
        for part in [1, 10, 64, 128, 192, 256] {
            let [mut at_once, mut one_by_one] = [(); 2].map(|()| vec![0.0; 15 * part]);
            let [mut first, mut second] = [Seed::new(7).stream(1), Seed::new(7).stream(1)];
            first.fill_normals_in_parts(&mut at_once, part);
            for part in one_by_one.chunks_mut(part) {
                second.fill_normals(part);
            }
            assert_eq!(at_once, one_by_one);
        }
    }
}
