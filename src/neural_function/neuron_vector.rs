//! Several neurons at several inputs, as a random vector.

use super::JointNeurons;
use crate::{Error, Result};

/// The vector $(Y^{i_1}(a_1), \dots, Y^{i_k}(a_k))$ of neurons $i_r$ at inputs $a_r$, whose joint law
/// [`RouteComparison`](crate::limit::RouteComparison) follows along routes.
///
/// At infinite width it is Gaussian with the covariances $\delta_{i_r i_s} q(a_r, a_s)$: different neurons
/// are independent, one neuron at two inputs is not (S. Hayou and G. Yang 2023, arXiv 2302.00453, theorem
/// 1). Its projections on two coordinates are [`JointNeurons`].
///
/// ```
/// use neural_limits::limit::{Answer, Route, RouteComparison};
/// use neural_limits::neural_function::NeuronVector;
/// use neural_limits::prelude::*;
/// let a = [1.0, 0.5];
/// let pair = NeuronVector::of(&[(0, &a), (1, &a)])?;
/// let report = RouteComparison::of_neurons(&ResNet::new(Relu), &pair)
///     .along(&[Route::WidthFirst, Route::Diagonal])
///     .scales(&[4, 8, 16])
///     .tolerance(0.25)
///     .run()?;
/// println!("{report}");
/// assert!(matches!(report.joint[0].weak.answer, Answer::Commute { .. }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NeuronVector {
    neurons: Vec<usize>,
    inputs: Vec<Vec<f64>>,
    coordinates: Vec<JointNeurons>,
}

impl NeuronVector {
    /// Of neuron $i_r$ (counted from 0) at input $a_r$ for each coordinate $r$.
    ///
    /// # Errors
    /// [`Error::Shape`] for no coordinates or inputs of unequal lengths; as
    /// [`Inputs::from_rows`](crate::Inputs::from_rows).
    pub fn of(coordinates: &[(usize, &[f64])]) -> Result<Self> {
        let Some((_, first)) = coordinates.first() else {
            return Err(Error::shape(
                "coordinates",
                "length 0",
                "at least one neuron",
            ));
        };
        if let Some(r) = coordinates.iter().position(|(_, a)| a.len() != first.len()) {
            return Err(Error::shape(
                format!("coordinates[{r}]"),
                format!("an input of length {}", coordinates[r].1.len()),
                format!("length {} as coordinates[0]", first.len()),
            ));
        }
        let single = |&(i, a): &(usize, &[f64])| JointNeurons::of([i, i], [a, a], [1.0, 0.0]);
        Ok(Self {
            neurons: coordinates.iter().map(|(i, _)| *i).collect(),
            inputs: coordinates.iter().map(|(_, a)| a.to_vec()).collect(),
            coordinates: coordinates.iter().map(single).collect::<Result<_>>()?,
        })
    }

    /// $(Y^i(a), Y^j(a), Y^i(b), Y^j(b))$: two neurons at two inputs.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn pair(neurons: [usize; 2], inputs: [&[f64]; 2]) -> Result<Self> {
        let ([i, j], [a, b]) = (neurons, inputs);
        Self::of(&[(i, a), (j, a), (i, b), (j, b)])
    }

    /// The vector in words, such as `(Y1(a), Y2(a))`; inputs are named in the order in which they come.
    pub fn name(&self) -> String {
        let mut seen: Vec<&Vec<f64>> = Vec::new();
        let mut named = Vec::new();
        for (i, input) in self.neurons.iter().zip(&self.inputs) {
            let place = seen.iter().position(|other| *other == input);
            let place = place.unwrap_or_else(|| {
                seen.push(input);
                seen.len() - 1
            });
            let letter = match u8::try_from(place) {
                Ok(place) if place < 26 => char::from(b'a' + place).to_string(),
                _ => format!("x{place}"),
            };
            named.push(format!("Y{}({letter})", i + 1));
        }
        format!("({})", named.join(", "))
    }

    /// The number $k$ of coordinates.
    pub fn dimension(&self) -> usize {
        self.neurons.len()
    }

    /// The neurons $i_r$, counted from 0.
    pub fn neurons(&self) -> &[usize] {
        &self.neurons
    }

    /// The inputs $a_r$.
    pub fn inputs(&self) -> impl Iterator<Item = &[f64]> {
        self.inputs.iter().map(Vec::as_slice)
    }

    /// Each coordinate as a neural function.
    pub fn coordinates(&self) -> &[JointNeurons] {
        &self.coordinates
    }
}
