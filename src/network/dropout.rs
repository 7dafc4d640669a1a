//! Dropout.

use rand::RngExt;

use super::drawn::DrawnRow;
use super::{ConditionalLaw, Drawn, KernelBlock, Layer, Outline, Signal, Site};
use crate::{Error, PairCorrelation, Result};

/// Dropout as in training: every neuron is kept with probability $p$ and divided by $p$, with a mask of its
/// own for every point (N. Srivastava et al. 2014; its kernel as in S. Schoenholz et al. 2016,
/// arXiv 1611.01232, section 5).
///
/// A point's variance and tangent kernel with itself grow by $1/p$; those with other points stay, also with a
/// point at the same place: its mask is another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    keep: f64,
}

impl Dropout {
    /// Of the probability $p$ of keeping a neuron.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < p \le 1$.
    pub fn new(keep: f64) -> Result<Self> {
        if keep > 0.0 && keep <= 1.0 {
            Ok(Self { keep })
        } else {
            Err(Error::invalid("keep", keep, "a probability in (0, 1]"))
        }
    }
}

impl Layer for Dropout {
    fn name(&self) -> String {
        format!("dropout({})", self.keep)
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Ok(Outline {
            gaussian: input.gaussian && self.keep == 1.0,
            ..input
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let keep = self.keep;
        if keep == 1.0 {
            return Ok(());
        }
        let same: Vec<Option<usize>> = (0..block.rows()).map(|i| block.same_point(i)).collect();
        let mut row_index = 0;
        block.map(
            |q, out| {
                for (out, q) in out.iter_mut().zip(q) {
                    *out = q / keep;
                }
                Ok(())
            },
            |row, _| {
                let own = same[row_index].map(|j| (j, row.correlation[j]));
                let kept = PairCorrelation::of(keep);
                for c in row.correlation.iter_mut() {
                    *c = c.times(kept);
                }
                if let Some((j, c)) = own {
                    row.correlation[j] = c;
                }
                row_index += 1;
                Ok(())
            },
        )?;
        for (i, j) in same.into_iter().enumerate() {
            if let Some(j) = j {
                block.scale_tangent_at(i, j, 1.0 / keep);
            }
        }
        Ok(())
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        self.sample(signal.clone(), site)
            .map(ConditionalLaw::determined)
    }

    fn draw(&self, _: usize, _: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        if self.keep == 1.0 {
            return Ok(Box::new(DrawnRow::default()));
        }
        Err(Error::unsupported(
            "dropout in a network of drawn weights",
            "its masks belong to a pass, not to the network (sampled networks have it)",
        ))
    }

    fn sample(&self, mut signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if self.keep < 1.0 {
            for y in signal.values_mut() {
                let kept = site.rng.random_bool(self.keep);
                *y = if kept { *y / self.keep } else { 0.0 };
            }
        }
        Ok(signal)
    }
}
