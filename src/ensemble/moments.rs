//! Mean and covariance of a stream of vectors.

use nalgebra::DMatrix;

use crate::{Error, Result, error};

/// Vectors that are added one by one, before their sums are added in pairs.
const LEAF: u64 = 64;

/// Mean and covariance of a stream of vectors, in memory that does not grow with it.
///
/// Blocks of 64 vectors by B. Welford's recursion (1962), added in a binary tree by T. Chan, G. Golub and R.
/// LeVeque's formula (1983): for parts of $n$ and $m$ vectors whose means differ by $\delta$,
///
/// $$\bar x \leftarrow \bar x + \tfrac{m}{n + m} \delta, \qquad
/// M \leftarrow M + M^\prime + \tfrac{nm}{n + m} \delta \delta^\top .$$
///
/// The shape of the tree is the number of vectors' alone, so the bits are a function of the stream. Rounding
/// grows as the logarithm of the number of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    dimension: usize,
    /// Full blocks, each at least twice the next.
    blocks: Vec<Part>,
    /// Less than a block.
    rest: Part,
}

/// The number of vectors, their mean, and the lower triangle of their summed squares around it, by rows
/// (allocated for the first vector).
#[derive(Debug, Clone, PartialEq)]
struct Part {
    count: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Part {
    fn empty(dimension: usize) -> Self {
        Self {
            count: 0,
            mean: vec![0.0; dimension],
            squares: Vec::new(),
        }
    }

    fn push(&mut self, x: &[f64]) {
        self.squares.resize(x.len() * (x.len() + 1) / 2, 0.0);
        self.count += 1;
        let share = 1.0 / self.count as f64;
        let weight = 1.0 - share;
        let deltas: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        self.add_square(&deltas, weight);
        for (mean, delta) in self.mean.iter_mut().zip(&deltas) {
            *mean += share * delta;
        }
    }

    fn add(&mut self, other: &Self) {
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let means = other.mean.iter().zip(&self.mean);
        let deltas: Vec<f64> = means.map(|(theirs, mine)| theirs - mine).collect();
        for (square, theirs) in self.squares.iter_mut().zip(&other.squares) {
            *square += theirs;
        }
        self.add_square(&deltas, n * m / (n + m));
        for (mean, delta) in self.mean.iter_mut().zip(&deltas) {
            *mean += m / (n + m) * delta;
        }
        self.count += other.count;
    }

    fn add_square(&mut self, deltas: &[f64], weight: f64) {
        let mut row_start = 0;
        for (i, delta) in deltas.iter().enumerate() {
            let row = &mut self.squares[row_start..row_start + i + 1];
            for (square, other) in row.iter_mut().zip(deltas) {
                *square += weight * delta * other;
            }
            row_start += i + 1;
        }
    }
}

impl Moments {
    /// Of no vectors of $d$ numbers yet.
    pub fn new(dimension: usize) -> Self {
        Self {
            dimension,
            blocks: Vec::new(),
            rest: Part::empty(dimension),
        }
    }

    /// One more vector of $d$ numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of them; [`Error::Invalid`] for one that is not finite.
    pub fn push(&mut self, x: &[f64]) -> Result<()> {
        if x.len() != self.dimension {
            let expected = format!("length {}", self.dimension);
            return Err(Error::shape("x", format!("length {}", x.len()), expected));
        }
        if let Some(i) = error::first_outside(x, -f64::MAX, f64::MAX) {
            return Err(Error::invalid(format!("x[{i}]"), x[i], "a finite number"));
        }
        self.rest.push(x);
        if self.rest.count == LEAF {
            let mut block = std::mem::replace(&mut self.rest, Part::empty(self.dimension));
            while let Some(mut last) = self.blocks.pop_if(|last| last.count == block.count) {
                last.add(&block);
                block = last;
            }
            self.blocks.push(block);
        }
        Ok(())
    }

    fn total(&self) -> Part {
        let mut total = self.rest.clone();
        for block in self.blocks.iter().rev() {
            let mut sum = block.clone();
            if total.count > 0 {
                sum.add(&total);
            }
            total = sum;
        }
        total
    }

    /// $d$.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// $N$, the number of vectors.
    pub fn count(&self) -> u64 {
        self.rest.count + self.blocks.iter().map(|block| block.count).sum::<u64>()
    }

    /// The mean of each number; 0 without any vector.
    pub fn mean(&self) -> Vec<f64> {
        self.total().mean
    }

    /// $\sum_k (x_k - \bar x)(x_k - \bar x)^\top$, $d \times d$.
    pub fn squares(&self) -> DMatrix<f64> {
        let total = self.total();
        DMatrix::from_fn(self.dimension, self.dimension, |i, j| {
            let (row, column) = (i.max(j), i.min(j));
            let square = total.squares.get(row * (row + 1) / 2 + column);
            square.copied().unwrap_or(0.0) // without any vector
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of numbers without pattern.
    fn vector(k: u64) -> [f64; 2] {
        let x = (k as f64 * 0.618_033_988_749_895).fract();
        [1e8 + x, x * x]
    }

    #[test]
    fn they_are_those_of_two_passes() {
        for count in [1, 2, 63, 64, 65, 1000, 4096, 5003] {
            let mut moments = Moments::new(2);
            let all: Vec<[f64; 2]> = (0..count).map(vector).collect();
            all.iter().for_each(|x| moments.push(x).unwrap());
            assert_eq!(moments.count(), count);
            let n = count as f64;
            // around 1e8, so that nothing is lost
            let mean = [0, 1].map(|i| {
                let off = all.iter().map(|x| x[i] - [1e8, 0.0][i]);
                off.sum::<f64>() / n
            });
            let squares = moments.squares();
            for i in 0..2 {
                assert!((moments.mean()[i] - [1e8, 0.0][i] - mean[i]).abs() < 1e-7);
                for j in 0..2 {
                    let off = |x: &[f64; 2], i: usize| x[i] - [1e8, 0.0][i] - mean[i];
                    let exact: f64 = all.iter().map(|x| off(x, i) * off(x, j)).sum();
                    assert!(
                        (squares[(i, j)] - exact).abs() < 1e-7 * n,
                        "{count} {i} {j}"
                    );
                }
            }
        }
    }

    #[test]
    fn memory_grows_as_the_logarithm() {
        let mut moments = Moments::new(1);
        (0..100_000).for_each(|k| moments.push(&vector(k)[1..]).unwrap());
        assert!(moments.blocks.len() <= 11);
        let before = moments.clone();
        assert!(moments.push(&[f64::NAN]).is_err() && moments.push(&[1.0, 2.0]).is_err());
        assert_eq!(moments, before);
    }
}
