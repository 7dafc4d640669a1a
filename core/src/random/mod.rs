//! One seed, many independent streams.
//!
//! | file | what |
//! |---|---|
//! | `stream` | numbers one by one, and normals in bulk |
//! | `lanes` | generators side by side |
//! | `box_muller` | normals from their bits, in loops that vectorise |

mod box_muller;
mod lanes;
mod stream;

pub use stream::Stream;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seed that splits into numbered, independent streams.
///
/// Item $i$ of a parallel computation draws from [`stream`](Seed::stream)$(i)$, so results do not depend on
/// the number of threads or on the order of work. The 256-bit state of each stream is the output of ChaCha8
/// keyed by the seed with stream number $i$: two streams coincide with probability $2^{-256}$.
///
/// ```
/// use neural_limits::sample::Seed;
/// use rand::Rng;
/// let seed = Seed::new(7);
/// assert_eq!(seed.stream(3).next_u64(), Seed::from(7).stream(3).next_u64());
/// assert_ne!(seed.stream(3).next_u64(), seed.split(0).stream(3).next_u64());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a number.
    pub fn new(number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        Self(key)
    }

    fn block(self, stream: u64, domain: u64) -> [u8; 32] {
        let mut cipher = ChaCha8Rng::from_seed(self.0);
        cipher.set_stream(stream);
        // 16 words a block: streams and child seeds come from blocks of their own
        cipher.set_word_pos(u128::from(domain) * 16);
        let mut bytes = [0; 32];
        cipher.fill_bytes(&mut bytes);
        bytes
    }

    /// The stream of number `index`.
    pub fn stream(self, index: u64) -> Stream {
        Stream::new(self.block(index, 0))
    }

    /// The seed that the next 256 bits of a stream are.
    pub fn drawn(stream: &mut Stream) -> Self {
        let mut key = [0; 32];
        stream.fill_bytes(&mut key);
        Self(key)
    }

    /// The child seed of number `index`, whose streams are independent of this seed's and of its other
    /// children's.
    pub fn split(self, index: u64) -> Self {
        Self(self.block(index, 1))
    }
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self::new(number)
    }
}
