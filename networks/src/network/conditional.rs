//! What a layer's outputs are, given the signal before it.

use nalgebra::DMatrix;

use super::Site;
use super::pass::{self, FeatureProducts};
use super::signal::{BLOCK, Signal, blocks, shift};
use crate::numerics::{
    SPARE, from_a_line, power_of_two, scale_by_power_of_two, semidefinite_cholesky,
};
use crate::{Error, Result, error};

/// Normals that are drawn at a time, for one or more blocks of neurons: the numbers are the same for any.
const DRAWN: usize = 1024;

/// The law of a layer's outputs given the signal at its inputs: neurons are independent, and neuron $i$ is
/// $\mathcal N(s M_i, \alpha^2 A)$ at the $m$ inputs, with a mean $M \in \mathbb R^{n \times m}$ of its own
/// and a covariance $A \in \mathbb R^{m \times m}$ that all neurons share.
///
/// A dense layer with Gaussian weights has $M = 0$ and $A = \sigma_w^2 X^\top X/n + \sigma_b^2$; a residual
/// block $M = Y$ and the $A$ of its branch; a layer without weights $A = 0$.
#[derive(Debug, Clone)]
pub struct ConditionalLaw {
    /// $(s, M)$.
    mean: Option<(f64, Signal)>,
    covariance: Option<Covariance>,
    width: usize,
    points: usize,
}

/// $\alpha$ and $2^{-e} A$.
#[derive(Debug, Clone)]
struct Covariance {
    factor: f64,
    matrix: DMatrix<f64>,
    exponent: i64,
}

impl ConditionalLaw {
    /// Of outputs that are determined.
    pub fn determined(signal: Signal) -> Self {
        Self {
            width: signal.width(),
            points: signal.points(),
            mean: Some((1.0, signal)),
            covariance: None,
        }
    }

    /// $\mathcal N(0, 2^e A)$ of `width` neurons.
    ///
    /// # Errors
    /// [`Error::Shape`] unless $A$ is square and not empty; [`Error::Invalid`] naming a negative variance;
    /// [`Error::Overflow`] if an entry is not finite.
    pub fn gaussian(width: usize, mut covariance: DMatrix<f64>, exponent: i64) -> Result<Self> {
        if !covariance.is_square() || covariance.is_empty() {
            return Err(Error::shape(
                "covariance",
                format!("shape {:?}", covariance.shape()),
                "a square matrix",
            ));
        }
        if !covariance.iter().all(|entry| entry.is_finite()) {
            return Err(Error::overflow("a layer's covariance"));
        }
        let mut largest = 0.0_f64;
        for i in 0..covariance.ncols() {
            let variance = covariance[(i, i)];
            if variance < 0.0 {
                let argument = format!("covariance[({i}, {i})]");
                return Err(Error::invalid(argument, variance, "a variance >= 0"));
            }
            largest = largest.max(variance);
        }
        let shift = shift(largest, 1.0);
        if shift != 0 {
            covariance *= power_of_two(-shift);
        }
        Ok(Self {
            width,
            points: covariance.ncols(),
            mean: None,
            covariance: Some(Covariance {
                factor: 1.0,
                matrix: covariance,
                exponent: exponent + shift,
            }),
        })
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// $m$.
    pub(super) fn points(&self) -> usize {
        self.points
    }

    /// $sM$, if it is not 0.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn mean(&self) -> Result<Option<DMatrix<f64>>> {
        let mean = self.mean.as_ref();
        mean.map(|(factor, signal)| Ok(signal.to_matrix()? * *factor))
            .transpose()
    }

    /// $\alpha^2 A$, if it is not 0.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn covariance(&self) -> Result<Option<DMatrix<f64>>> {
        let Some(covariance) = &self.covariance else {
            return Ok(None);
        };
        let mut matrix = covariance.matrix.clone() * (covariance.factor * covariance.factor);
        for entry in matrix.as_mut_slice() {
            *entry =
                scale_by_power_of_two("the conditional covariance", *entry, covariance.exponent)?;
        }
        Ok(Some(matrix))
    }

    /// The law of `factor` times the outputs.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the factor is finite.
    pub fn times(self, factor: f64) -> Result<Self> {
        Ok(self.scaled(error::finite("factor", factor)?))
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        if let Some((s, _)) = &mut self.mean {
            *s *= factor;
        }
        if let Some(covariance) = &mut self.covariance {
            covariance.factor *= factor;
        }
        self
    }

    /// The law of the sum with outputs of the other law, given the same signal and independent of these.
    ///
    /// # Errors
    /// [`Error::Shape`] for unequal widths.
    pub fn plus(self, other: Self) -> Result<Self> {
        if (self.width, self.points) != (other.width, other.points) {
            return Err(Error::shape(
                "the branches of a network",
                format!("{} and {} neurons", self.width, other.width),
                "as many neurons in all branches that are added",
            ));
        }
        let rest = Self {
            mean: None,
            covariance: None,
            ..self
        };
        let mean = match (self.mean, other.mean) {
            (Some((s, mine)), Some((t, theirs))) => Some((1.0, mine.combined(s, theirs, t)?)),
            (mine, theirs) => mine.or(theirs),
        };
        let covariance = match (self.covariance, other.covariance) {
            (Some(mine), Some(theirs)) => Some(mine.plus(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        Ok(Self {
            mean,
            covariance,
            ..rest
        })
    }

    /// One draw of the outputs.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn draw(self, site: &mut Site<'_>) -> Result<Signal> {
        let mean = self.mean;
        match (mean, self.covariance) {
            (Some((factor, signal)), None) => Ok(signal.times(factor)),
            (mean, covariance) => {
                let (factor, signal) = match mean {
                    Some(mean) => mean,
                    None => (0.0, Signal::zeros(self.width, self.points)?),
                };
                match covariance {
                    Some(covariance) => covariance.added_to(factor, signal, site, None),
                    None => Ok(signal),
                }
            }
        }
    }

    /// `factor` times the signal plus one draw of the outputs, in place; with products of the features of a
    /// law without mean and of as many neurons.
    pub(super) fn added_to(
        self,
        factor: f64,
        signal: Signal,
        site: &mut Site<'_>,
        products: Option<&mut FeatureProducts>,
    ) -> Result<Signal> {
        match self.mean {
            None => match self.covariance {
                Some(covariance) if self.width == signal.width() => {
                    covariance.added_to(factor, signal, site, products)
                }
                _ if factor == 0.0 => self.draw(site),
                _ => signal.combined(factor, self.draw(site)?, 1.0),
            },
            Some(_) if factor == 0.0 => self.draw(site),
            Some(_) => {
                let branch = self.draw(site)?;
                signal.combined(factor, branch, 1.0)
            }
        }
    }
}

impl Covariance {
    fn plus(self, other: Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        let part = |covariance: Self| {
            let scale = power_of_two(covariance.exponent - exponent);
            covariance.matrix * (covariance.factor * covariance.factor * scale)
        };
        Self {
            factor: 1.0,
            matrix: part(self) + part(other),
            exponent,
        }
    }

    /// Replaces each row $y$ of the signal by `skip` $y + \alpha \mathcal N(0, A)$: one pass over the
    /// neurons, block by block.
    fn added_to(
        mut self,
        skip: f64,
        mut signal: Signal,
        site: &mut Site<'_>,
        mut products: Option<&mut FeatureProducts>,
    ) -> Result<Signal> {
        if skip == 0.0 {
            // nothing of it is left
            signal.set_exponent(self.exponent);
        } else if signal.exponent() != self.exponent {
            if signal.exponent() > self.exponent {
                signal = signal.rescaled()?;
            }
            let exponent = self.exponent.max(signal.exponent());
            self.factor *= power_of_two((self.exponent - exponent) / 2);
            signal = signal.with_exponent(exponent);
        }
        semidefinite_cholesky(&mut self.matrix);
        let root = self.matrix * self.factor;
        let points = signal.points();
        if let Some(products) = &mut products {
            products.clear();
        }
        let (width, step) = (signal.width(), (skip, &root));
        let together = (DRAWN / (BLOCK * points)).max(1) * BLOCK;
        for start in (0..width).step_by(together) {
            let drawn = together.min(width - start);
            site.normals.resize(drawn * points + SPARE, 0.0);
            let normals = &mut from_a_line(&mut site.normals)[..drawn * points];
            site.rng.fill_normals(normals);
            for rows in blocks(drawn) {
                let normals = (&normals[rows.start * points..], rows.len());
                let rows = start + rows.start..start + rows.end;
                match &mut products {
                    Some(products) => products.advance(&mut signal, rows, step, normals),
                    None => pass::advance(&mut signal, rows, step, normals),
                }
            }
        }
        signal.set_exponent(signal.exponent());
        Ok(signal)
    }
}
