//! Training a network of finite width, all of its weights.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use rand::RngExt;

use super::loss::TrainingLoss;
use super::rule::LearningRate;
use crate::inference::checks::{check_shape, check_targets};
use crate::inference::linear_algebra::transposed_product;
use crate::network::{Drawn, Factors, GradientSink, Signal, Weights, all_weights, set_all_weights};
use crate::random::Seed;
use crate::{Error, Inputs, Result, error};

/// A random network with its weights, $\theta$, and what it is trained on, by gradient descent
///
/// $$\omega \leftarrow \omega - \eta r\, \frac{\partial \ell}{\partial \omega}, \qquad W \leftarrow W -
/// \eta g \sum_a \delta_a h_a^\top, \quad \delta_a = \frac{\partial \ell}{\partial Y(x_a)},$$
///
/// $r$, $g = r m^2$ the rates that the layer's [parametrisation](crate::network::Parametrization) says (of
/// biases, theirs), or by stochastic gradient descent. With the learning rate $\eta$ it is what
/// [`KernelDynamics`](super::KernelDynamics) with [`GradientDescent`](super::Rule::GradientDescent) describes
/// at infinite width. Frozen and pruned weights stay.
///
/// ```
/// use std::ops::ControlFlow;
/// use nalgebra::DMatrix;
/// use neural_limits::network::{Activated, Dense, Network};
/// use neural_limits::prelude::*;
/// use neural_limits::training::{FiniteTraining, SquaredLoss};
/// let dense = Dense::new(Initialization::lecun());
/// let net = Network::new().then(dense).then(Activated::new(Tanh)).then(dense.with_width(1)?);
/// let network = net.finite(64, 1)?.with_weights(2, &mut Seed::new(7).stream(0))?;
/// let x = Inputs::from_rows(&[[1.0, 0.5], [-0.5, 1.0]])?;
/// let y = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
/// let mut training = FiniteTraining::new(network, &x, &y, SquaredLoss::HalfSum, LearningRate::new(0.3)?)?;
/// let before = training.loss()?;
/// training.run(100, |_| ControlFlow::Continue(()))?;
/// assert!(training.loss()? < 1e-3 * before);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct FiniteTraining {
    network: Box<dyn Drawn>,
    weights: Vec<Weights>,
    x: Signal,
    targets: DMatrix<f64>,
    loss: Box<dyn TrainingLoss>,
    learning_rate: LearningRate,
    batches: Option<(usize, Seed)>,
    steps: u64,
    /// At all inputs, where they are known, $n \times k$.
    outputs: Option<DMatrix<f64>>,
}

/// A step of training, as an observer sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Steps so far.
    pub steps: u64,
    /// The loss after it: over all inputs, or of stochastic descent over the step's batch.
    pub loss: f64,
}

impl FiniteTraining {
    /// Of a network with weights, $n$ inputs and $n \times k$ targets.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for targets that fit neither the inputs nor the outputs, or
    /// are not finite; those of [`Drawn::forward`].
    pub fn new(
        network: Box<dyn Drawn>,
        x: &Inputs<'_>,
        targets: &DMatrix<f64>,
        loss: impl TrainingLoss + 'static,
        learning_rate: LearningRate,
    ) -> Result<Self> {
        check_targets(targets, x.len())?;
        let mut training = Self {
            weights: all_weights(&*network),
            network,
            x: Signal::of_inputs(x),
            targets: targets.clone(),
            loss: Box::new(loss),
            learning_rate,
            batches: None,
            steps: 0,
            outputs: None,
        };
        let outputs = training.outputs()?;
        check_shape("the outputs", outputs.shape(), targets.shape())?;
        training.outputs = Some(outputs);
        Ok(training)
    }

    /// By stochastic gradient descent: each step sees `size` inputs, those of an epoch
    /// ($\lfloor n/\text{size} \rfloor$ steps) being different ones in a random order that is drawn from
    /// stream number epoch of the seed. Its gradient is that of the loss of all inputs without bias: rows of
    /// the batch, times $n$/size, for losses that are sums or means over the inputs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a size of 0 or above the number of inputs.
    pub fn in_batches(self, size: usize, seed: impl Into<Seed>) -> Result<Self> {
        let n = self.targets.nrows();
        if size == 0 || size > n {
            let expected = format!("an integer in 1..={n}, the number of inputs");
            return Err(Error::invalid("size", size, expected));
        }
        Ok(Self {
            batches: Some((size, seed.into())),
            ..self
        })
    }

    /// The network as it stands.
    pub fn network(&self) -> &dyn Drawn {
        &*self.network
    }

    /// The network, out of training.
    pub fn into_network(self) -> Box<dyn Drawn> {
        self.network
    }

    /// The weights as they stand.
    pub fn weights(&self) -> &[Weights] {
        &self.weights
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The outputs at the inputs, $n \times k$.
    ///
    /// # Errors
    /// Those of [`Drawn::forward`].
    pub fn outputs(&self) -> Result<DMatrix<f64>> {
        match &self.outputs {
            Some(outputs) => Ok(outputs.clone()),
            None => outputs_of(&*self.network, &self.x),
        }
    }

    /// $\ell(f, y)$ over all inputs.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs).
    pub fn loss(&self) -> Result<f64> {
        Ok(self.loss.value(&self.outputs()?, &self.targets))
    }

    /// Makes so many steps, or fewer if the observer, which is called after each, breaks it off.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the learning rate where a step takes the loss out of the range of `f64`:
    /// training then stands, as before that step, at the last weights of finite loss, and can be read or
    /// gone on with. Those of [`Drawn::backward`].
    pub fn run(
        &mut self,
        steps: u64,
        mut observe: impl FnMut(Step) -> ControlFlow<()>,
    ) -> Result<()> {
        for _ in 0..steps {
            let loss = self.step()?;
            let step = Step {
                steps: self.steps,
                loss,
            };
            if observe(step).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One step, and the loss after it.
    fn step(&mut self) -> Result<f64> {
        let points = self.batch();
        let (x, targets) = match &points {
            None => (self.x.clone(), self.targets.clone()),
            Some(points) => (self.columns(points)?, self.targets.select_rows(points)),
        };
        let moved = match self.moved(&x, points.as_deref()) {
            Err(Error::Overflow { .. }) => return Err(self.diverged()),
            other => other?,
        };
        set_all_weights(&mut *self.network, &moved)?;
        let reached = outputs_of(&*self.network, &x);
        match reached.map(|outputs| (self.loss.value(&outputs, &targets), outputs)) {
            Ok((loss, outputs)) if loss.is_finite() => {
                self.outputs = points.is_none().then_some(outputs);
                self.weights = moved;
                self.steps += 1;
                Ok(loss)
            }
            failed => {
                set_all_weights(&mut *self.network, &self.weights)?;
                match failed {
                    Ok(_) | Err(Error::Overflow { .. }) => Err(self.diverged()),
                    Err(other) => Err(other),
                }
            }
        }
    }

    /// The weights after a step on a batch, or on all inputs.
    fn moved(&self, x: &Signal, points: Option<&[usize]>) -> Result<Vec<Weights>> {
        let gradient = match points {
            None => self.gradient(&self.outputs()?)?,
            Some(points) => {
                // of the whole loss, which may be divided by their number: other rows do not matter
                let mut all = self.targets.clone();
                let outputs = outputs_of(&*self.network, x)?;
                for (row, &point) in outputs.row_iter().zip(points) {
                    all.set_row(point, &row);
                }
                let scale = self.targets.nrows() as f64 / points.len() as f64;
                self.gradient(&all)?.select_rows(points) * scale
            }
        };
        let deltas = Signal::from_matrix(&gradient.transpose())?;
        let mut sink = Descent {
            rate: self.learning_rate.value(),
            layers: Vec::new(),
        };
        self.network.backward(x, deltas, &mut sink)?;
        if sink.layers.len() != self.weights.len() {
            return Err(Error::unsupported(
                "training of this network",
                format!(
                    "it has {} dense layers, of which {} have gradients",
                    self.weights.len(),
                    sink.layers.len()
                ),
            ));
        }
        // the last layer came first
        let layers = self.weights.iter().zip(sink.layers.iter().rev());
        layers
            .map(|(weights, step)| step.added_to(weights))
            .collect()
    }

    fn gradient(&self, outputs: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let gradient = self.loss.gradient(outputs, &self.targets);
        check_shape(
            "the gradient of the loss",
            gradient.shape(),
            outputs.shape(),
        )?;
        Ok(gradient)
    }

    fn diverged(&self) -> Error {
        Error::invalid(
            "the learning rate",
            self.learning_rate.value(),
            format!(
                "a smaller number: the loss leaves its range at step {}",
                self.steps + 1
            ),
        )
    }

    /// The inputs of the next step; none for all.
    fn batch(&self) -> Option<Vec<usize>> {
        let (size, seed) = self.batches?;
        let n = self.targets.nrows();
        let per_epoch = (n / size) as u64;
        let (epoch, place) = (self.steps / per_epoch, (self.steps % per_epoch) as usize);
        let mut rng = seed.stream(epoch);
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        Some(order[place * size..(place + 1) * size].to_vec())
    }

    fn columns(&self, points: &[usize]) -> Result<Signal> {
        let rows: Vec<&[f64]> = points.iter().map(|&point| self.x.column(point)).collect();
        Ok(Signal::of_inputs(&Inputs::from_rows(&rows)?))
    }
}

/// $f(x)$, one row for each input.
pub(super) fn outputs_of(network: &dyn Drawn, x: &Signal) -> Result<DMatrix<f64>> {
    Ok(network.forward(x)?.to_matrix()?.transpose())
}

/// Takes the steps of all layers, the last layer's first.
struct Descent {
    rate: f64,
    layers: Vec<LayerStep>,
}

/// Added to weights and biases, where they are trained.
struct LayerStep {
    weights: Option<DMatrix<f64>>,
    biases: Option<Vec<f64>>,
}

impl LayerStep {
    /// [`Error::Overflow`] if a number leaves the range.
    fn added_to(&self, weights: &Weights) -> Result<Weights> {
        let mut moved = weights.clone();
        if let Some(step) = &self.weights {
            moved.weights += step;
        }
        for (bias, step) in moved.biases.iter_mut().zip(self.biases.iter().flatten()) {
            *bias += step;
        }
        for numbers in [moved.weights.as_slice(), &moved.biases] {
            if error::first_outside(numbers, -f64::MAX, f64::MAX).is_some() {
                return Err(Error::overflow("the weights of training"));
            }
        }
        Ok(moved)
    }
}

impl GradientSink for Descent {
    fn dense(&mut self, factors: Factors<'_>) -> Result<()> {
        let deltas = factors.deltas.to_matrix()?.transpose();
        let weights = if factors.weight_rate == 0.0 {
            None
        } else {
            let features = factors.features.to_matrix()?.transpose();
            let mut step = transposed_product(&deltas, &features)?;
            step *= -self.rate * factors.weight_rate;
            if let Some(kept) = factors.kept {
                let columns = step.ncols();
                for (place, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
                    step[(place / columns, place % columns)] = 0.0;
                }
            }
            Some(step)
        };
        let biases = (factors.bias_rate != 0.0).then(|| {
            let sums = deltas.column_iter().map(|column| column.sum());
            sums.map(|sum| -self.rate * factors.bias_rate * sum)
                .collect()
        });
        self.layers.push(LayerStep { weights, biases });
        Ok(())
    }

    fn wants_inputs(&self) -> bool {
        false
    }
}
