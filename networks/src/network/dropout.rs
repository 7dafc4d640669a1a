//! Dropout.

use rand::RngExt;

use super::{
    ConditionalLaw, Drawn, GradientSink, KernelBlock, Layer, Outline, Signal, Site, conditioned,
};
use crate::random::Seed;
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
        let masked = self.draw(signal.width(), site)?.forward(signal)?;
        Ok(ConditionalLaw::determined(masked))
    }

    /// The masks are drawn as well: one for the first input of a pass, one for the second, and so on, the
    /// same in every pass.
    fn draw(&self, _: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Ok(Box::new(DrawnDropout {
            keep: self.keep,
            seed: Seed::drawn(site.rng),
        }))
    }
}

/// Dropout with its masks.
#[derive(Debug)]
struct DrawnDropout {
    keep: f64,
    /// Input $j$ of a pass has the mask of stream $j$.
    seed: Seed,
}

impl DrawnDropout {
    /// Masks columns, those of input $a$ at places $a + rm$ for all $r$.
    fn mask(&self, mut signal: Signal, points: usize) -> Signal {
        if self.keep == 1.0 {
            return signal;
        }
        let mut mask = vec![0.0; signal.width()];
        for a in 0..points {
            let mut rng = self.seed.stream(a as u64);
            for factor in &mut mask {
                *factor = if rng.random_bool(self.keep) {
                    1.0 / self.keep
                } else {
                    0.0
                };
            }
            for c in (a..signal.points()).step_by(points) {
                for (y, factor) in signal.column_mut(c).iter_mut().zip(&mask) {
                    *y *= factor;
                }
            }
        }
        signal.set_exponent(signal.exponent());
        signal
    }
}

impl Drawn for DrawnDropout {
    fn width(&self, fan_in: usize) -> usize {
        fan_in
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        Ok(self.mask(signal.clone(), signal.points()))
    }

    fn backward(
        &self,
        signal: &Signal,
        deltas: Signal,
        _: &mut dyn GradientSink,
    ) -> Result<Signal> {
        conditioned::check_deltas(&deltas, signal.width(), signal.points())?;
        Ok(self.mask(deltas, signal.points()))
    }
}
