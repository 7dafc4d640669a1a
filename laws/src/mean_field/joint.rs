//! Joint laws of a neuron at several inputs, and the exact solution.

use nalgebra::DMatrix;

use super::MeanField;
use super::convolution::{TOLERANCE, integrate};
use super::moments::{Pair, checked_covariance};
use crate::error;
use crate::numerics::{normal, semidefinite_cholesky};
use crate::{Error, Result};

/// A part $w \mathcal N(m, S)$ of a mixture.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) weight: f64,
    pub(super) mean: Vec<f64>,
    pub(super) covariance: DMatrix<f64>,
}

/// The joint law of a neuron at $m$ inputs before the first block: a mixture of Gaussians and points.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::mean_field::JointLaw;
/// let gaussian = JointLaw::gaussian(DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.5, 1.0]))?;
/// let points = JointLaw::points(&[(0.5, vec![1.0, 0.5]), (0.5, vec![-1.0, 0.25])])?;
/// assert_eq!((gaussian.inputs(), points.inputs()), (2, 2));
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JointLaw {
    parts: Vec<Part>,
}

impl JointLaw {
    /// $\mathcal N(0, K)$: that of a neuron after a dense layer of infinite width.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture).
    pub fn gaussian(covariance: DMatrix<f64>) -> Result<Self> {
        let mean = vec![0.0; covariance.nrows()];
        Self::mixture(vec![(1.0, mean, covariance)])
    }

    /// Points $\sum_k w_k \delta_{x_k}$, $x_k \in \mathbb R^m$; the weights are normalised.
    ///
    /// # Errors
    /// As [`mixture`](Self::mixture).
    pub fn points(points: &[(f64, Vec<f64>)]) -> Result<Self> {
        let parts = points.iter().map(|(weight, point)| {
            let zero = DMatrix::zeros(point.len(), point.len());
            (*weight, point.clone(), zero)
        });
        Self::mixture(parts.collect())
    }

    /// $\sum_k w_k \mathcal N(m_k, S_k)$ from the triples $(w_k, m_k, S_k)$; the weights are normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for no components, no inputs, or unequal numbers of them; [`Error::Invalid`] for a
    /// weight that is not positive and finite, a mean that is not finite, and a covariance that is not
    /// symmetric and positive semi-definite.
    pub fn mixture(components: Vec<(f64, Vec<f64>, DMatrix<f64>)>) -> Result<Self> {
        let inputs = components.first().map_or(0, |(_, mean, _)| mean.len());
        if inputs == 0 {
            let found = "no components, or none with inputs";
            return Err(Error::shape("the mixture", found, "at least one of each"));
        }
        let mut total = 0.0;
        for (k, (weight, mean, covariance)) in components.iter().enumerate() {
            if !(*weight > 0.0 && weight.is_finite()) {
                let expected = "a finite number > 0";
                return Err(Error::invalid(format!("weights[{k}]"), weight, expected));
            }
            total += weight;
            let shape = (mean.len(), covariance.nrows(), covariance.ncols());
            if shape != (inputs, inputs, inputs) {
                return Err(Error::shape(
                    format!("component {k}"),
                    format!(
                        "a mean of {} and a {} × {} covariance",
                        shape.0, shape.1, shape.2
                    ),
                    format!("{inputs} inputs"),
                ));
            }
            for (i, &mean) in mean.iter().enumerate() {
                error::finite_square(&format!("means[{k}][{i}]"), mean)?;
            }
            check_semidefinite(&format!("covariances[{k}]"), covariance)?;
        }
        error::finite("the sum of weights", total)?;
        let parts = components
            .into_iter()
            .map(|(weight, mean, covariance)| Part {
                weight: weight / total,
                mean,
                covariance,
            });
        Ok(Self {
            parts: parts.collect(),
        })
    }

    /// $m$.
    pub fn inputs(&self) -> usize {
        self.parts[0].mean.len()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// $B_{ab}$ of $X_0 + \mathcal N(0, T)$ for two inputs, $T = (T_{aa}, T_{bb}, T_{ab})$.
    pub(super) fn rates(
        &self,
        mean_field: &MeanField,
        [a, b]: [usize; 2],
        added: &[f64; 3],
    ) -> Result<[f64; 3]> {
        let mut sums = [0.0; 3];
        for part in &self.parts {
            let s = &part.covariance;
            let (aa, bb) = (s[(a, a)] + added[0].max(0.0), s[(b, b)] + added[1].max(0.0));
            let largest = (aa * bb).sqrt();
            let pair = Pair {
                means: [part.mean[a], part.mean[b]],
                covariance: [aa, bb, (s[(a, b)] + added[2]).clamp(-largest, largest)],
            };
            let moments = &mean_field.moments;
            sums[0] += part.weight * moments.square(pair.means[0], aa)?;
            sums[1] += part.weight * moments.square(pair.means[1], bb)?;
            sums[2] += part.weight * moments.product(pair)?;
        }
        Ok(sums.map(|sum| mean_field.dense(sum)))
    }
}

/// Refuses what is no covariance matrix, up to 1e-10 of its diagonal.
fn check_semidefinite(argument: &str, matrix: &DMatrix<f64>) -> Result<()> {
    for i in 0..matrix.nrows() {
        for j in 0..i {
            let (below, above) = (matrix[(i, j)], matrix[(j, i)]);
            if (below - above).abs() > 1e-14 * below.abs().max(above.abs()) {
                let expected = format!("the entry across the diagonal, {above}");
                return Err(Error::invalid(
                    format!("{argument}[{i}][{j}]"),
                    below,
                    expected,
                ));
            }
            checked_covariance(argument, [matrix[(i, i)], matrix[(j, j)], below])?;
        }
        error::non_negative(&format!("{argument}[{i}][{i}]"), matrix[(i, i)])?;
    }
    let mut root = matrix.clone();
    semidefinite_cholesky(&mut root);
    let upper = root.transpose();
    let back = upper.tr_mul(&upper) - matrix;
    if back.amax() > 1e-10 * matrix.amax() {
        let value = format!("{:?}", matrix.as_slice());
        return Err(Error::invalid(
            argument,
            value,
            "a positive semi-definite matrix",
        ));
    }
    Ok(())
}

/// The joint law of a neuron at $m$ inputs at a time, exactly: $X_\tau = X_0 + \mathcal N(0, T_\tau)$ with
///
/// $$\frac{dT_{ij}}{d\tau} = \sigma_w^2 \mathbb E[\varphi(x_i) \varphi(x_j)] + \sigma_b^2, \qquad T_0 = 0,$$
///
/// under that law. From [`MeanField::joint_convolution`]; $T$ errs by less than 1e-9 of its diagonal.
///
/// ```
/// use neural_limits::mean_field::{JointLaw, MeanField};
/// use neural_limits::prelude::*;
/// let net = ResNet::new(Relu);
/// let x = Inputs::from_rows(&[[1.0, 1.0], [1.0, -0.5]])?;
/// let flow = net.infinite_depth();
/// let initial = JointLaw::gaussian(flow.covariance_at(&x, 0.0)?)?;
/// let neuron = MeanField::of(&net)?.joint_convolution(&initial, 1.0)?;
/// // a Gaussian law stays one, with the covariance of the flow
/// assert!((neuron.covariance() - flow.covariance_at(&x, 1.0)?).amax() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JointConvolution {
    initial: JointLaw,
    added: DMatrix<f64>,
}

impl JointConvolution {
    pub(super) fn new(mean_field: &MeanField, initial: &JointLaw, clock: f64) -> Result<Self> {
        error::non_negative("clock", clock)?;
        let count = initial.inputs();
        let mut added = DMatrix::zeros(count, count);
        for i in 0..count {
            let rate = |state: &[f64; 1]| {
                let mut sum = 0.0;
                for part in initial.parts() {
                    let variance = part.covariance[(i, i)] + state[0].max(0.0);
                    sum += part.weight * mean_field.moments.square(part.mean[i], variance)?;
                }
                Ok([mean_field.dense(sum)])
            };
            [added[(i, i)]] = integrate(&rate, clock, TOLERANCE)?;
            for j in 0..i {
                let rates = |state: &[f64; 3]| initial.rates(mean_field, [i, j], state);
                let [_, _, across] = integrate(&rates, clock, 1e-11)?;
                added[(i, j)] = across;
                added[(j, i)] = across;
            }
        }
        Ok(Self {
            initial: initial.clone(),
            added,
        })
    }

    /// $T_\tau$, the covariance that was added.
    pub fn added_covariance(&self) -> &DMatrix<f64> {
        &self.added
    }

    /// The mean, that of $X_0$.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.initial.inputs()];
        for part in self.initial.parts() {
            for (mean, entry) in mean.iter_mut().zip(&part.mean) {
                *mean += part.weight * entry;
            }
        }
        mean
    }

    /// The covariance, $\operatorname{Cov} X_0 + T_\tau$.
    pub fn covariance(&self) -> DMatrix<f64> {
        let mean = self.mean();
        let mut covariance = self.added.clone();
        for part in self.initial.parts() {
            covariance += &part.covariance * part.weight;
            for i in 0..mean.len() {
                for j in 0..mean.len() {
                    let product = (part.mean[i] - mean[i]) * (part.mean[j] - mean[j]);
                    covariance[(i, j)] += part.weight * product;
                }
            }
        }
        covariance
    }

    /// The density at a point of $\mathbb R^m$.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of coordinates; [`Error::Invalid`] naming one that is not finite;
    /// [`Error::Undefined`] where a component has no density: its covariance is singular.
    pub fn density(&self, point: &[f64]) -> Result<f64> {
        if point.len() != self.initial.inputs() {
            let found = format!("{} coordinates", point.len());
            let expected = format!("{} of them", self.initial.inputs());
            return Err(Error::shape("the point", found, expected));
        }
        for (i, &x) in point.iter().enumerate() {
            error::finite(&format!("point[{i}]"), x)?;
        }
        let mut density = 0.0;
        for part in self.initial.parts() {
            let mut root = &part.covariance + &self.added;
            semidefinite_cholesky(&mut root);
            // forward substitution; the density of a product of standard normals
            let mut value = part.weight;
            let mut scores: Vec<f64> = Vec::with_capacity(point.len());
            for i in 0..point.len() {
                let pivot = root[(i, i)];
                if pivot == 0.0 {
                    return Err(Error::undefined(
                        "the joint density",
                        format!(
                            "given the inputs before it, input {i} leaves the neuron no freedom"
                        ),
                    ));
                }
                let mut score = point[i] - part.mean[i];
                for (j, before) in scores.iter().enumerate() {
                    score -= root[(i, j)] * before;
                }
                score /= pivot;
                scores.push(score);
                value *= normal::density(score) / pivot;
            }
            density += value;
        }
        Ok(density)
    }

    pub(super) fn initial(&self) -> &JointLaw {
        &self.initial
    }
}
