//! Generators side by side.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::box_muller::{self, Logarithm};
use crate::vectorized::vectorized;

/// Generators.
const LANES: usize = 8;

/// Numbers that each generator gives at a time: a loop over the generators alone would be unrolled, and then
/// not be vectorised.
const STEPS: usize = 8;

/// Normals that are drawn together.
pub(super) const GROUP: usize = LANES * STEPS;

/// Groups that are transformed together, stage by stage: a core then has many chains of operations to work
/// on.
const GROUPS: usize = 2;

/// The states of xoshiro256+ generators, word by word: its upper 53 bits are as good as those of
/// xoshiro256++, for less (D. Blackman and S. Vigna 2021, arXiv 1805.01407).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lanes([[u64; LANES]; 4]);

impl Lanes {
    /// With states that are the output of ChaCha8 of a key.
    pub(super) fn new(key: [u8; 32]) -> Self {
        let mut cipher = ChaCha8Rng::from_seed(key);
        Self([(); 4].map(|()| [(); LANES].map(|()| cipher.next_u64())))
    }

    /// The next numbers of each lane.
    #[inline(always)]
    fn step(&mut self, out: &mut [u64; GROUP]) {
        let [first, second, third, fourth] = &mut self.0;
        for lane in 0..LANES {
            let (mut a, mut b, mut c, mut d) =
                (first[lane], second[lane], third[lane], fourth[lane]);
            for step in 0..STEPS {
                out[step * LANES + lane] = a.wrapping_add(d);
                let shifted = b << 17;
                c ^= a;
                d ^= b;
                b ^= c;
                a ^= d;
                c ^= shifted;
                d = d.rotate_left(45);
            }
            (first[lane], second[lane], third[lane], fourth[lane]) = (a, b, c, d);
        }
    }

    /// Standard normals, in a number that is a multiple of [`GROUP`]; of groups that are `apart`, what each
    /// would be alone.
    pub(super) fn fill_normals(&mut self, out: &mut [f64], apart: bool) {
        let mut lanes = self.clone();
        let own = &mut lanes;
        vectorized(
            #[inline(always)]
            move || {
                let mut bits = [[0; GROUP]; GROUPS];
                let (chunks, rest) = out.as_chunks_mut::<{ GROUPS * GROUP }>();
                for chunk in chunks {
                    own.fill_some(chunk, &mut bits, apart);
                }
                own.fill_some(rest, &mut bits, false);
            },
        );
        *self = lanes;
    }

    #[inline(always)]
    fn fill_some(&mut self, out: &mut [f64], bits: &mut [[u64; GROUP]; GROUPS], apart: bool) {
        for bits in &mut bits[..out.len() / GROUP] {
            self.step(bits);
        }
        if apart {
            exchange_halves(bits.as_flattened_mut());
        }
        let half = out.len() / 2;
        let (radial, angular) = bits.as_flattened()[..2 * half].split_at(half);
        let (first, second) = out.split_at_mut(half);
        let mut squares = [0.0; GROUPS * GROUP / 2];
        let squares = &mut squares[..half];
        let mut logarithms = squares.iter_mut().zip(first.iter_mut());
        for ((power, quotient), &bits) in logarithms.by_ref().zip(radial) {
            let logarithm = Logarithm::of_uniform(bits);
            (*power, *quotient) = (logarithm.power, logarithm.quotient);
        }
        for (square, quotient) in squares.iter_mut().zip(first.iter()) {
            let logarithm = Logarithm {
                power: *square,
                quotient: *quotient,
            };
            *square = logarithm.times_minus_two();
        }
        let outs = first.iter_mut().zip(second);
        for ((x, y), (&square, &bits)) in outs.zip(squares.iter().zip(angular)) {
            (*x, *y) = box_muller::pair(square, bits);
        }
        if apart {
            exchange_halves(out);
        }
    }
}

/// The second half of the first of two groups for the first half of the second one.
#[inline(always)]
fn exchange_halves<T>(groups: &mut [T]) {
    let (first, second) = groups.split_at_mut(GROUP);
    first[GROUP / 2..].swap_with_slice(&mut second[..GROUP / 2]);
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256Plus;

    use super::*;

    #[test]
    fn each_lane_is_a_generator_of_its_own() {
        let mut lanes = Lanes::new([7; 32]);
        let mut generators: [_; LANES] = std::array::from_fn(|lane| {
            let state = lanes.0.map(|word| word[lane].to_le_bytes());
            let mut seed = [0; 32];
            seed.copy_from_slice(state.as_flattened());
            Xoshiro256Plus::from_seed(seed)
        });
        let mut out = [0; GROUP];
        for _ in 0..3 {
            lanes.step(&mut out);
            for numbers in out.chunks(LANES) {
                for (number, generator) in numbers.iter().zip(&mut generators) {
                    assert_eq!(*number, generator.next_u64());
                }
            }
        }
    }

    /// What is compiled for the widest instruction set gives what plain code gives.
    #[test]
    fn bits_are_those_of_any_machine() {
        let mut lanes = Lanes::new([8; 32]);
        let mut plain = lanes.clone();
        let mut out = [0.0; 5 * GROUP];
        lanes.fill_normals(&mut out, false);
        let mut bits = [[0; GROUP]; GROUPS];
        for expected in out.chunks(GROUPS * GROUP) {
            let mut out = [0.0; GROUPS * GROUP];
            let out = &mut out[..expected.len()];
            plain.fill_some(out, &mut bits, false);
            assert_eq!(out, expected);
        }
        assert_eq!(lanes, plain);
    }
}
