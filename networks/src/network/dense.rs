//! The dense layer.

use std::sync::Arc;

use nalgebra::DMatrix;

use super::drawn_dense::{DrawnDense, WeightSource};
use super::parametrization::Parametrization;
use super::pass::feature_products;
use super::{
    AngleState, ConditionalLaw, Conditioned, Drawn, KernelBlock, Layer, Outline, Signal, Site,
    Structure, conditioned,
};
use crate::activation::Dual;
use crate::inputs::input_covariance;
use crate::numerics::power_of_two;
use crate::{Error, Initialization, Result, error};

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

    /// Whether all weights and biases are trained, in the NTK parametrisation, and weights are Gaussian: what
    /// closed forms are for, those of finite width included.
    pub fn is_plain(&self) -> bool {
        self.parametrization == Parametrization::Ntk
            && self.trained_weights
            && self.trained_biases
            && self.initialization.weights().is_gaussian()
    }

    /// Whether the parametrisation gives weights of a variance below $\sigma_w^2/n$.
    pub(crate) fn has_vanishing_outputs(&self) -> bool {
        self.parametrization.vanishes()
    }

    /// The law of the outputs given the signal before an activation.
    pub(super) fn conditional_after(
        &self,
        phi: &Arc<dyn Dual>,
        signal: &Signal,
        site: &Site<'_>,
    ) -> Result<ConditionalLaw> {
        if signal.exponent() != 0 && phi.slopes().is_none() {
            return self.conditional_after(phi, &signal.clone().unscaled()?, site);
        }
        if let Some(signal) = beside_biases(self.initialization.bias_variance(), signal) {
            return self.conditional_after(phi, &signal, site);
        }
        self.conditional_given(feature_products(phi, signal), signal, site)
    }

    /// [`conditional_after`](Self::conditional_after) from the products of features (upper triangle).
    pub(super) fn conditional_given(
        &self,
        products: DMatrix<f64>,
        signal: &Signal,
        site: &Site<'_>,
    ) -> Result<ConditionalLaw> {
        self.check_gaussian()?;
        let covariance = empirical_covariance(self.scaled(signal.width()), signal, products)?;
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

    /// What the variances are behind `fan_in` neurons: less in parametrisations whose outputs vanish.
    fn scaled(&self, fan_in: usize) -> Initialization {
        let share = self.parametrization.share(fan_in);
        self.initialization.times_weights(share)
    }

    /// Refuses weights that make no Gaussian vectors of their inputs.
    fn check_gaussian(&self) -> Result<()> {
        let weights = self.initialization.weights();
        if weights.is_gaussian() {
            return Ok(());
        }
        Err(Error::unsupported(
            format!(
                "the conditional law of a layer of {} weights",
                weights.name()
            ),
            "given the layer before, its outputs are Gaussian vectors for Gaussian weights only: use \
             Sampler::Dense",
        ))
    }

    /// What the weights and biases of the layer are drawn from, and what they are trained with.
    fn source(&self, fan_in: usize, site: &Site<'_>) -> WeightSource {
        let width = self.width(site.width());
        let (weights, biases) = self
            .parametrization
            .rates(self.initialization, fan_in, width);
        WeightSource {
            initialization: self.scaled(fan_in),
            fan_in,
            width,
            weight_rate: if self.trained_weights { weights } else { 0.0 },
            bias_rate: if self.trained_biases { biases } else { 0.0 },
        }
    }

    /// $\sigma_w^2$, or 0 where outputs vanish.
    fn weight_at_infinite_width(&self) -> f64 {
        if self.parametrization.vanishes() {
            0.0
        } else {
            self.initialization.weight_variance()
        }
    }

    /// $f$ and $b$ of $\Theta^\prime = \sigma_w^2 \Theta + f K + b$ after a layer of `width` neurons.
    fn gains(&self, width: Option<f64>) -> Result<(f64, f64)> {
        let bias = self.initialization.bias_variance();
        let (weights, biases) = match self.parametrization {
            Parametrization::MeanField | Parametrization::MaximalUpdate(_) => {
                return Err(Error::unsupported(
                    "the tangent kernel at infinite width in mean-field and maximal-update parametrisation",
                    "the kernel is no limit of training there, since features move: finite networks have it",
                ));
            }
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
            self.weight_at_infinite_width(),
            self.initialization.bias_variance(),
            gain,
            shift,
        )
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        self.check_gaussian()?;
        let visible = beside_biases(self.initialization.bias_variance(), signal);
        let signal = visible.as_ref().unwrap_or(signal);
        let initialization = self.scaled(signal.width());
        let covariance = if signal.is_input() {
            // of given numbers, angles are known better than products
            DMatrix::from_fn(signal.points(), signal.points(), |i, j| {
                let (a, b) = (signal.column(i.max(j)), signal.column(i.min(j)));
                initialization.dense(input_covariance(a, b)).covariance()
            })
        } else {
            empirical_covariance(initialization, signal, signal.products())?
        };
        self.law(signal, covariance, site)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        error::size("fan_in", fan_in)?;
        let source = self.source(fan_in, site);
        Ok(Box::new(DrawnDense::new(source, site.rng)?))
    }

    /// With weights, some neurons at a time: $O(n^2 m)$ work and no $n \times n$ storage (but for orthogonal
    /// ones).
    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional() {
            return self.conditional(&signal, site)?.draw(site);
        }
        let signal = beside_biases(self.initialization.bias_variance(), &signal).unwrap_or(signal);
        self.source(signal.width(), site).sample(&signal, site.rng)
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        if self.check_gaussian().is_err() || !site.is_conditional() {
            return conditioned::on_weights(self, signal, site);
        }
        let signal = beside_biases(self.initialization.bias_variance(), &signal).unwrap_or(signal);
        let source = self.source(signal.width(), site);
        conditioned::on_features(source, signal, site)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Dense(self)
    }

    fn pair_cost(&self) -> f64 {
        1.5
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        let weight = self.weight_at_infinite_width();
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

/// A signal in a power of two in which biases of this variance are numbers, where its own is too small: then
/// it is at most $2^{-200}$ of them, and may vanish beside them.
pub(super) fn beside_biases(variance: f64, signal: &Signal) -> Option<Signal> {
    if variance == 0.0 || signal.exponent() >= 0 {
        return None;
    }
    let exponent = 2 * (0.5 * variance.log2()).floor() as i64;
    (signal.exponent() < exponent - 400).then(|| signal.clone().with_exponent(exponent))
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
    let (weight, bias) = of_features(initialization, signal);
    for j in 0..sums.ncols() {
        for i in 0..=j {
            let entry = weight * sums[(i, j)] + bias;
            if !entry.is_finite() {
                return Err(Error::overflow("the empirical covariance"));
            }
            sums[(i, j)] = entry;
            sums[(j, i)] = entry;
        }
    }
    Ok(())
}

/// $\sigma_w^2/n$ and, in units of the signal's power of two, $\sigma_b^2$: what makes a covariance of a sum
/// of products of features.
pub(super) fn of_features(initialization: Initialization, signal: &Signal) -> (f64, f64) {
    let weight = initialization.weight_variance() / signal.width() as f64;
    let bias = match initialization.bias_variance() {
        0.0 => 0.0,
        variance => variance * power_of_two(-signal.exponent()),
    };
    (weight, bias)
}
