//! The dense layer.

use nalgebra::DMatrix;
use rand_distr::{Distribution, StandardNormal};

use super::{
    AngleState, ConditionalLaw, Drawn, KernelBlock, Layer, Outline, Signal, Site, Structure,
};
use crate::activation::Activation;
use crate::inputs::input_covariance;
use crate::numerics::{dot, power_of_two, zeros};
use crate::{Error, Initialization, Result, error};

/// Which numbers are trained, and with what share in the tangent kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Parametrization {
    /// Weights $\sigma_w \omega_{ij}/\sqrt{n}$ and biases $\sigma_b \beta_i$ with trained standard normal
    /// $\omega$, $\beta$ ($n$ the number of inputs of the layer):
    /// $\Theta^\prime = \sigma_w^2 K + \sigma_b^2 + \sigma_w^2 \Theta$ (A. Jacot, F. Gabriel and C. Hongler
    /// 2018, arXiv 1806.07572).
    #[default]
    Ntk,
    /// Trained weights $W_{ij} \sim \mathcal N(0, \sigma_w^2/n)$ and biases
    /// $b_i \sim \mathcal N(0, \sigma_b^2)$: $\Theta^\prime = n K + 1 + \sigma_w^2 \Theta$, which grows with
    /// the width (J. Sohl-Dickstein et al. 2020, arXiv 2001.07301). Without biases ($\sigma_b = 0$) there is
    /// no 1.
    Standard,
}

/// The number of neurons of a dense layer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Width {
    /// That of the network.
    Open,
    /// So many times that of the network.
    Relative(f64),
    /// A number.
    Declared(usize),
}

/// A dense layer $W x + b$, with the covariance map $K^\prime = \sigma_w^2 K + \sigma_b^2$.
///
/// By default in the [NTK parametrisation](Parametrization::Ntk), weights and biases trained.
///
/// ```
/// use neural_limits::network::{Activated, Dense, Network, Parametrization};
/// use neural_limits::prelude::*;
/// let he = Dense::new(Initialization::he());
/// let x = Inputs::from_rows(&[[1.0, 1.0]])?;
/// let relu = || Activated::new(Relu);
/// let net = |first: Dense, second: Dense| Network::new().then(first).then(relu()).then(second);
/// assert_eq!(net(he, he).ntk(&x)?[(0, 0)], 4.0);
/// assert_eq!(net(he.frozen(), he).ntk(&x)?[(0, 0)], 2.0); // the last layer alone
/// let standard = he.with_parametrization(Parametrization::Standard).with_width(512)?;
/// assert_eq!(net(standard, standard).ntk(&x)?[(0, 0)], 512.0 * 1.0 + 2.0 * 1.0); // n K + d |x|²/d
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense {
    initialization: Initialization,
    parametrization: Parametrization,
    width: Width,
    trained_weights: bool,
    trained_biases: bool,
}

impl Dense {
    /// Of the variances $\sigma_w^2$, $\sigma_b^2$.
    pub fn new(initialization: Initialization) -> Self {
        Self {
            initialization,
            parametrization: Parametrization::Ntk,
            width: Width::Open,
            trained_weights: true,
            trained_biases: true,
        }
    }

    /// Sets the parametrisation.
    pub fn with_parametrization(self, parametrization: Parametrization) -> Self {
        Self {
            parametrization,
            ..self
        }
    }

    /// Declares the number of neurons: in random networks, and for the tangent kernel of the layers in
    /// standard parametrisation that follow. Otherwise it is the width of the network.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0 or more than 10⁹ neurons.
    pub fn with_width(self, width: usize) -> Result<Self> {
        let width = Width::Declared(error::size("width", width)?);
        Ok(Self { width, ..self })
    }

    /// Declares the number of neurons as a multiple of the width of the network, rounded and at least 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite and $\ge 0$.
    pub fn with_relative_width(self, ratio: f64) -> Result<Self> {
        error::non_negative("ratio", ratio)?;
        Ok(self.times_width(ratio))
    }

    /// [`with_relative_width`](Self::with_relative_width), unchecked.
    pub(crate) fn times_width(self, ratio: f64) -> Self {
        let width = Width::Relative(ratio);
        Self { width, ..self }
    }

    /// The number of neurons in a network of a given width.
    pub fn width(&self, network: usize) -> usize {
        match self.width {
            Width::Open => network,
            Width::Relative(ratio) => ((ratio * network as f64).round() as usize).max(1),
            Width::Declared(width) => width,
        }
    }

    /// The number of neurons, where it does not depend on the network's.
    fn declared_width(&self) -> Option<f64> {
        match self.width {
            Width::Declared(width) => Some(width as f64),
            _ => None,
        }
    }

    /// Whether all weights and biases are trained, in the NTK parametrisation.
    pub(crate) fn is_plain(&self) -> bool {
        self.parametrization == Parametrization::Ntk && self.trained_weights && self.trained_biases
    }

    /// The law of the outputs given the signal before an activation.
    pub(super) fn conditional_after(
        &self,
        phi: &dyn Activation,
        signal: &Signal,
        site: &Site<'_>,
    ) -> Result<ConditionalLaw> {
        if signal.exponent() != 0 && phi.slopes().is_none() {
            return self.conditional_after(phi, &signal.clone().unscaled()?, site);
        }
        let sums = signal.products_of(phi);
        let covariance = empirical_covariance(self.initialization, signal, sums)?;
        self.law(signal, covariance, site)
    }

    fn law(
        &self,
        signal: &Signal,
        covariance: DMatrix<f64>,
        site: &Site<'_>,
    ) -> Result<ConditionalLaw> {
        ConditionalLaw::gaussian(self.width(site.width()), covariance, signal.exponent())
    }

    /// Trains weights or biases or both, or neither.
    pub fn trained(self, weights: bool, biases: bool) -> Self {
        Self {
            trained_weights: weights,
            trained_biases: biases,
            ..self
        }
    }

    /// Trains nothing: random features.
    pub fn frozen(self) -> Self {
        self.trained(false, false)
    }

    /// $\sigma_w^2$ and $\sigma_b^2$.
    pub fn initialization(&self) -> Initialization {
        self.initialization
    }

    /// $\sigma_w/\sqrt{n}$ for $n$ neurons before the layer.
    fn weight_deviation(&self, fan_in: usize) -> f64 {
        (self.initialization.weight_variance() / fan_in as f64).sqrt()
    }

    /// $f$ and $b$ of $\Theta^\prime = \sigma_w^2 \Theta + f K + b$ after a layer of `width` neurons.
    fn gains(&self, width: Option<f64>) -> Result<(f64, f64)> {
        let bias = self.initialization.bias_variance();
        let (weights, biases) = match self.parametrization {
            Parametrization::Ntk => (self.initialization.weight_variance(), bias),
            Parametrization::Standard if !self.trained_weights => {
                (0.0, f64::from(u8::from(bias > 0.0)))
            }
            Parametrization::Standard => {
                let width = width.ok_or_else(|| {
                    Error::unsupported(
                        "the tangent kernel in standard parametrisation",
                        "it needs the number of neurons of the layer before: declare it by Dense::with_width",
                    )
                })?;
                (width, f64::from(u8::from(bias > 0.0)))
            }
        };
        Ok((
            if self.trained_weights { weights } else { 0.0 },
            if self.trained_biases { biases } else { 0.0 },
        ))
    }
}

impl Layer for Dense {
    fn name(&self) -> String {
        format!(
            "dense(σ_w² = {}, σ_b² = {})",
            self.initialization.weight_variance(),
            self.initialization.bias_variance()
        )
    }

    fn outline(&self, _: Outline) -> Result<Outline> {
        Ok(Outline {
            gaussian: true,
            fresh: true,
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let (gain, shift) = if block.tangent().is_some() {
            self.gains(block.width())?
        } else {
            (0.0, 0.0)
        };
        block.set_width(self.declared_width());
        block.dense(
            self.initialization.weight_variance(),
            self.initialization.bias_variance(),
            gain,
            shift,
        )
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let covariance = if signal.is_input() {
            // of given numbers, angles are known better than products
            DMatrix::from_fn(signal.points(), signal.points(), |i, j| {
                let (a, b) = (signal.column(i.max(j)), signal.column(i.min(j)));
                self.initialization
                    .dense(input_covariance(a, b))
                    .covariance()
            })
        } else {
            empirical_covariance(self.initialization, signal, signal.products())?
        };
        self.law(signal, covariance, site)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        error::size("fan_in", fan_in)?;
        let width = self.width(site.width());
        let mut weights = zeros("the weights of a dense layer", width, fan_in)?;
        let mut biases = vec![0.0; width];
        for (row, bias) in weights.chunks_exact_mut(fan_in).zip(&mut biases) {
            *bias = draw_neuron(self.initialization, row, site);
        }
        Ok(Box::new(DrawnDense {
            weights,
            biases,
            fan_in,
            scale: self.weight_deviation(fan_in),
        }))
    }

    /// With weights, neuron by neuron: $O(n^2 m)$ work and no $n \times n$ storage.
    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional() {
            return self.conditional(&signal, site)?.draw(site);
        }
        let mut out = Signal::zeros(self.width(site.width()), signal.points())?;
        out.set_exponent(signal.exponent());
        let mut row = vec![0.0; signal.width()];
        let scale = self.weight_deviation(signal.width());
        for i in 0..out.width() {
            let bias = draw_neuron(self.initialization, &mut row, site);
            neuron(&mut out, i, (scale, &row, bias), &signal);
        }
        out.rescaled()
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Dense(self)
    }

    fn pair_cost(&self) -> f64 {
        1.5
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        let weight = self.initialization.weight_variance();
        if self.initialization.bias_variance() > 0.0 || weight == 0.0 {
            return Ok(false);
        }
        let gain = if state.has_tangent() {
            self.gains(state.width())?.0
        } else {
            0.0
        };
        state.set_width(self.declared_width());
        state.dense(weight, gain / weight);
        Ok(true)
    }
}

/// $\hat B = \sigma_w^2 S/n + \sigma_b^2$ from sums of products $S$ (upper triangle) over all neurons of a
/// signal, in units of its power of two; symmetric to the bit.
///
/// # Errors
/// [`Error::Overflow`].
pub(super) fn empirical_covariance(
    initialization: Initialization,
    signal: &Signal,
    mut sums: DMatrix<f64>,
) -> Result<DMatrix<f64>> {
    to_empirical_covariance(initialization, signal, &mut sums)?;
    Ok(sums)
}

/// [`empirical_covariance`] in place.
pub(super) fn to_empirical_covariance(
    initialization: Initialization,
    signal: &Signal,
    sums: &mut DMatrix<f64>,
) -> Result<()> {
    let entry = empirical_entry(initialization, signal);
    for j in 0..sums.ncols() {
        for i in 0..=j {
            let entry = entry(sums[(i, j)])?;
            sums[(i, j)] = entry;
            sums[(j, i)] = entry;
        }
    }
    Ok(())
}

/// An entry of [`empirical_covariance`] from its sum.
pub(super) fn empirical_entry(
    initialization: Initialization,
    signal: &Signal,
) -> impl Fn(f64) -> Result<f64> {
    let weight = initialization.weight_variance() / signal.width() as f64;
    let bias = initialization.bias_variance() * power_of_two(-signal.exponent());
    move |sum| {
        let entry = weight * sum + bias;
        if entry.is_finite() {
            Ok(entry)
        } else {
            Err(Error::overflow("the empirical covariance"))
        }
    }
}

/// Draws the standard normal weights of a neuron, and its bias.
fn draw_neuron(initialization: Initialization, row: &mut [f64], site: &mut Site<'_>) -> f64 {
    for w in row {
        *w = StandardNormal.sample(site.rng);
    }
    let deviation = initialization.bias_variance().sqrt();
    if deviation == 0.0 {
        0.0
    } else {
        let normal: f64 = StandardNormal.sample(site.rng);
        deviation * normal
    }
}

/// Neuron `i` of the outputs: `scale` times the weights' product with every input, plus the bias.
fn neuron(out: &mut Signal, i: usize, (scale, row, bias): (f64, &[f64], f64), signal: &Signal) {
    let bias = if bias == 0.0 {
        0.0
    } else {
        bias * power_of_two(-signal.exponent() / 2)
    };
    for j in 0..signal.points() {
        out.column_mut(j)[i] = scale * dot(row, signal.column(j)) + bias;
    }
}

/// $Y = \sigma_w \omega X/\sqrt n + \sigma_b \beta$.
#[derive(Debug)]
struct DrawnDense {
    /// $\omega$, row by row.
    weights: Vec<f64>,
    /// $\sigma_b \beta$.
    biases: Vec<f64>,
    fan_in: usize,
    /// $\sigma_w/\sqrt n$.
    scale: f64,
}

impl Drawn for DrawnDense {
    fn width(&self, _: usize) -> usize {
        self.biases.len()
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        if signal.width() != self.fan_in {
            return Err(Error::shape(
                "signal",
                format!("{} neurons", signal.width()),
                format!("{}, what the weights were drawn for", self.fan_in),
            ));
        }
        let mut out = Signal::zeros(self.biases.len(), signal.points())?;
        out.set_exponent(signal.exponent());
        let rows = self.weights.chunks_exact(self.fan_in).zip(&self.biases);
        for (i, (row, &bias)) in rows.enumerate() {
            neuron(&mut out, i, (self.scale, row, bias), signal);
        }
        out.rescaled()
    }
}
