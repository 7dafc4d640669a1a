//! The neurons of a random network of finite width at some inputs.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::numerics::{Lines, dot, power_of_two, scale_by_power_of_two};
use crate::{Error, Inputs, Result, Scalar, error};

/// Neurons that are worked on together: what a layer does to them stays in the first-level cache.
pub const BLOCK: usize = 256;

/// Signals are rescaled by a power of two when a variance leaves $2^{\pm 200}$.
const RESCALE: f64 = 200.0;

/// The blocks of neurons.
pub(crate) fn blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width)
        .step_by(BLOCK)
        .map(move |start| start..(start + BLOCK).min(width))
}

/// What $n$ neurons are at $m$ inputs, $Y \in \mathbb R^{n \times m}$: held as $2^{-e/2} Y$ with an even $e$,
/// so that a network deep enough to leave the range of `f64` keeps its correlations.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::network::Signal;
/// let signal = Signal::from_matrix(&DMatrix::from_row_slice(2, 1, &[3.0, 4.0]))?;
/// assert_eq!((signal.width(), signal.points()), (2, 1));
/// assert_eq!(signal.column(0), [3.0, 4.0]);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    width: usize,
    points: usize,
    /// Column by column.
    values: Lines,
    exponent: i64,
    /// Given numbers, whose angles are known better than their products.
    is_input: bool,
}

impl Signal {
    /// Zeros.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width of 0; [`Error::OutOfMemory`] if they cannot be allocated.
    pub fn zeros(width: usize, points: usize) -> Result<Self> {
        error::size("width", width)?;
        let values = Lines::zeros("the pre-activations", width, points)?;
        Ok(Self {
            width,
            points,
            values,
            exponent: 0,
            is_input: false,
        })
    }

    /// Of the $n \times m$ neurons themselves.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty matrix; [`Error::Invalid`] naming an entry that is not finite.
    pub fn from_matrix(y: &DMatrix<f64>) -> Result<Self> {
        let (width, points) = y.shape();
        if y.is_empty() {
            let found = format!("shape {width} x {points}");
            return Err(Error::shape("y", found, "at least one neuron and input"));
        }
        if let Some(i) = y.iter().position(|entry| !entry.is_finite()) {
            error::finite(&format!("y[({}, {})]", i % width, i / width), y[i])?;
        }
        Ok(Self {
            width,
            points,
            values: Lines::from(y.as_slice()),
            exponent: 0,
            is_input: false,
        })
    }

    /// The gradients by $n$ neurons of those with indices in `outputs`, at each of $m$ inputs:
    /// column $rm + a$ is that of output number $r$ of them at input $a$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for outputs beyond the neurons, or none; [`Error::OutOfMemory`].
    pub fn unit_deltas(width: usize, points: usize, outputs: Range<usize>) -> Result<Self> {
        if outputs.is_empty() || outputs.end > width {
            let expected = format!("a range within 0..{width} that is not empty");
            return Err(Error::invalid("outputs", format!("{outputs:?}"), expected));
        }
        let count = outputs.len();
        let mut deltas = Self::zeros(width, points * count)?;
        for (r, i) in outputs.enumerate() {
            for a in 0..points {
                deltas.column_mut(r * points + a)[i] = 1.0;
            }
        }
        Ok(deltas)
    }

    /// The inputs of a network: as many neurons as they have entries.
    pub fn of_inputs<T: Scalar>(x: &Inputs<'_, T>) -> Self {
        Self {
            width: x.dimension(),
            points: x.len(),
            values: Lines::from(&*T::widened(x.slice(0..x.len()))),
            exponent: 0,
            is_input: true,
        }
    }

    /// $n$.
    pub fn width(&self) -> usize {
        self.width
    }

    /// $m$.
    pub fn points(&self) -> usize {
        self.points
    }

    /// $e$.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    pub(crate) fn is_input(&self) -> bool {
        self.is_input
    }

    /// $2^{-e/2} Y$ at input `j`; nothing for $j \ge m$.
    pub fn column(&self, j: usize) -> &[f64] {
        let mut columns = self.values.chunks_exact(self.width);
        columns.nth(j).unwrap_or_default()
    }

    /// [`column`](Self::column), to be changed.
    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        let mut columns = self.values.chunks_exact_mut(self.width);
        columns.nth(j).unwrap_or_default()
    }

    /// All of $2^{-e/2} Y$, column by column.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// [`values`](Self::values), to be changed.
    pub fn values_mut(&mut self) -> &mut [f64] {
        self.is_input = false;
        &mut self.values
    }

    /// $Y$ itself.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn to_matrix(&self) -> Result<DMatrix<f64>> {
        let unscaled = self.clone().unscaled()?;
        let values = unscaled.values.into_vec();
        Ok(DMatrix::from_vec(self.width, self.points, values))
    }

    /// With $e = 0$, for layers that do not commute with positive factors.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry exceeds the range.
    pub fn unscaled(mut self) -> Result<Self> {
        if self.exponent != 0 {
            for entry in &mut *self.values {
                *entry = scale_by_power_of_two("the pre-activations", *entry, self.exponent / 2)?;
            }
            self.exponent = 0;
        }
        Ok(self)
    }

    /// With another $e$, exactly unless entries leave the range.
    pub(crate) fn with_exponent(mut self, exponent: i64) -> Self {
        if exponent != self.exponent {
            let half = (self.exponent - exponent) / 2;
            // two factors: one alone may leave the range, and make NaN of zeros beside subnormal numbers
            let (first, second) = (power_of_two(half / 2), power_of_two(half - half / 2));
            for entry in &mut *self.values {
                *entry = *entry * first * second;
            }
            self.exponent = exponent;
        }
        self
    }

    /// With the $e$ that suits its largest entry.
    ///
    /// # Errors
    /// [`Error::Overflow`] if an entry is not finite.
    #[doc(hidden)]
    pub fn rescaled(self) -> Result<Self> {
        let largest = self.values.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        let finite = error::first_outside(&self.values, -f64::MAX, f64::MAX).is_none();
        if !finite {
            return Err(Error::overflow("a layer's pre-activations"));
        }
        let exponent = self.exponent + shift(largest, 2.0);
        Ok(self.with_exponent(exponent))
    }

    /// $\sum_i Y_{ia} Y_{ib}$, block by block: the upper triangle.
    pub(crate) fn products(&self) -> DMatrix<f64> {
        let mut sums = DMatrix::zeros(self.points, self.points);
        for rows in blocks(self.width) {
            for j in 0..self.points {
                let now = &self.column(j)[rows.clone()];
                for i in 0..=j {
                    sums[(i, j)] += dot(&self.column(i)[rows.clone()], now);
                }
            }
        }
        sums
    }

    /// With $2^{-e/2} Y$ replaced by what `map` writes for some entries at a time.
    pub(crate) fn mapped(&self, map: impl Fn(&[f64], &mut [f64])) -> Self {
        let mut mapped = self.clone();
        let parts = mapped.values_mut().chunks_mut(BLOCK);
        for (out, y) in parts.zip(self.values.chunks(BLOCK)) {
            map(y, out);
        }
        mapped
    }

    /// `factor` $Y$.
    pub(crate) fn times(mut self, factor: f64) -> Self {
        if factor != 1.0 {
            for y in self.values_mut() {
                *y *= factor;
            }
        }
        self
    }

    /// `factor` $Y$ + `other_factor` $Y^\prime$, neuron by neuron.
    ///
    /// # Errors
    /// [`Error::Shape`] for unequal shapes.
    pub(crate) fn combined(mut self, factor: f64, other: Self, other_factor: f64) -> Result<Self> {
        self.same_shape(&other)?;
        let exponent = self.exponent.max(other.exponent);
        let other = other.with_exponent(exponent);
        self = self.with_exponent(exponent);
        for (y, z) in self.values.iter_mut().zip(&*other.values) {
            *y = factor * *y + other_factor * z;
        }
        self.is_input = false;
        Ok(self)
    }

    /// Says that $2^{-e/2} Y$ are the values, whatever they were before.
    pub(super) fn set_exponent(&mut self, exponent: i64) {
        self.exponent = exponent;
        self.is_input = false;
    }

    pub(crate) fn same_shape(&self, other: &Self) -> Result<()> {
        if (self.width, self.points) == (other.width, other.points) {
            return Ok(());
        }
        Err(Error::shape(
            "the branches of a network",
            format!("{} and {} neurons", self.width, other.width),
            "as many neurons in all branches that are added or multiplied",
        ))
    }

    /// The inverse of [`side_by_side`](Self::side_by_side), for parts of these widths.
    pub(crate) fn parted(&self, widths: &[usize]) -> Result<Vec<Self>> {
        let total: usize = widths.iter().sum();
        if total != self.width {
            return Err(Error::shape(
                "deltas",
                format!("{} neurons", self.width),
                format!("{total}, those of the layer's outputs"),
            ));
        }
        let mut first = 0;
        let parts = widths.iter().map(|&width| {
            let mut part = Self::zeros(width, self.points)?;
            for j in 0..self.points {
                part.column_mut(j)
                    .copy_from_slice(&self.column(j)[first..first + width]);
            }
            part.exponent = self.exponent;
            first += width;
            Ok(part)
        });
        parts.collect()
    }

    /// The neurons of several signals side by side.
    ///
    /// # Errors
    /// [`Error::Shape`] for none, or unequal numbers of inputs.
    pub fn side_by_side(signals: Vec<Self>) -> Result<Self> {
        let Some(first) = signals.first() else {
            return Err(Error::shape("signals", "no signal", "at least one"));
        };
        let points = first.points;
        if signals.iter().any(|signal| signal.points != points) {
            return Err(Error::shape(
                "signals",
                "different numbers of inputs",
                "one number of inputs",
            ));
        }
        let exponent = signals.iter().map(|signal| signal.exponent).max();
        let exponent = exponent.unwrap_or_default();
        let signals: Vec<Self> = signals
            .into_iter()
            .map(|signal| signal.with_exponent(exponent))
            .collect();
        let width = signals.iter().map(|signal| signal.width).sum();
        let mut joined = Self::zeros(width, points)?;
        joined.exponent = exponent;
        let mut rest = &mut *joined.values;
        for j in 0..points {
            for signal in &signals {
                let (part, others) = rest.split_at_mut(signal.width);
                part.copy_from_slice(signal.column(j));
                rest = others;
            }
        }
        Ok(joined)
    }
}

/// The even power of two to take out of a variance that is this `power` (1 or 2) of a number.
pub(crate) fn shift(number: f64, power: f64) -> i64 {
    // no logarithm in the range that layers are in
    if let 1e-30..1e30 = number {
        return 0;
    }
    let log2 = power * number.log2();
    if !log2.is_finite() || log2.abs() < RESCALE {
        0
    } else {
        2 * (0.5 * log2).floor() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_stay_zeros_beside_the_smallest_numbers() {
        let y = DMatrix::from_row_slice(1, 3, &[5e-324, 0.0, -1e-320]);
        let rescaled = Signal::from_matrix(&y).unwrap().rescaled().unwrap();
        assert_eq!(rescaled.values()[1], 0.0);
        assert!(rescaled.values().iter().all(|y| y.is_finite()) && rescaled.values()[2] != 0.0);
        assert_eq!(rescaled.to_matrix().unwrap(), y);
    }

    #[test]
    fn powers_of_two_come_and_go_without_a_trace() {
        let y = DMatrix::from_row_slice(2, 2, &[1e-100, 3.0, -2e200, 7.5]);
        let signal = Signal::from_matrix(&y).unwrap();
        let rescaled = signal.clone().rescaled().unwrap();
        assert!(rescaled.exponent() > 1000 && rescaled.values().iter().all(|y| y.abs() < 4.0));
        assert_eq!(rescaled.to_matrix().unwrap(), y);
        let sum = signal.combined(2.0, rescaled, -1.0).unwrap();
        assert_eq!(sum.to_matrix().unwrap(), y);
    }
}
