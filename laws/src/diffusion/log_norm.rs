//! The logarithm of the norm of the active neurons.

use super::expectation::mean;
use super::walk::Coefficient;
use super::{Diffusion, each_sample};
use crate::activation::Slopes;
use crate::random::Seed;
use crate::{Error, Inputs, Result};

/// $\mathbb E \log(\lVert \varphi(Y_t) \rVert / \lVert \varphi(Y_0) \rVert)$ of a [`Diffusion`] at one input,
/// by two estimators on the same paths, from [`Diffusion::log_norm_growth`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LogNormGrowth {
    /// The estimate from the occupation of the half-line by neurons.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The plain average of logarithms.
    pub direct: f64,
    /// Its standard error.
    pub direct_standard_error: f64,
    /// The number of paths that are left out: those with $\varphi(Y_0) = 0$, and those whose last step jumped
    /// over the boundary $\varphi = 0$, which the diffusion itself never reaches.
    pub undefined: usize,
}

impl Diffusion {
    /// $\mathbb E \log(\lVert \varphi(Y_t) \rVert / \lVert \varphi(Y_0) \rVert)$ at one input, given
    /// $\varphi(Y_0) \ne 0$, for a positively homogeneous $\varphi$ with slopes $s_\pm$ and no biases.
    ///
    /// By Itô's formula, with $s_i$ the slope at neuron $i$,
    ///
    /// $$\frac{d}{d\tau} \mathbb E \log \lVert \varphi(Y) \rVert = \frac{\sigma_w^2}{n} \mathbb E \left[
    /// \tfrac12 \sum_i s_i^2 - \sum_i s_i^4 Y_i^2 / \lVert \varphi(Y) \rVert^2 \right], \qquad
    /// \text{for ReLU } \frac{\sigma_w^2}{n} (\tfrac12 \mathbb E N_+ - 1)$$
    ///
    /// with $N_+$ the number of positive neurons. The integral of the bracket along the paths, by the
    /// trapezoidal rule, has the same mean as the logarithm and a standard error that is about five times
    /// smaller; it is the [value](LogNormGrowth::value).
    ///
    /// For ReLU the norm starts to shrink where $n \le 3$ and to grow where $n \ge 4$ (S. Hayou 2022, arXiv
    /// 2210.00688). That growth is transient: at every width $Y_t$ tends to a point of the boundary of the
    /// negative orthant, and $\tfrac1t \log \lVert \varphi(Y_t) \rVert \to -\sigma_w^2/(2n)$
    /// (`docs/theory.md`).
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Unsupported`] for networks with biases, other activations or layers
    /// behind the stack; [`Error::Undefined`] if less than two paths are left; [`Error::Shape`] for an empty
    /// point.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// let diffusion = ResNet::new(Relu).diffusion(2)?;
    /// let growth = diffusion.log_norm_growth(&[1.0], 1.0, 2000, Seed::new(7))?;
    /// assert!((growth.value + 0.16964).abs() < 4.0 * growth.standard_error);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn log_norm_growth(
        &self,
        point: &[f64],
        time: f64,
        samples: usize,
        seed: impl Into<Seed>,
    ) -> Result<LogNormGrowth> {
        let (weight, slopes) = self.homogeneous()?;
        let clock = self.clock(time)?;
        let (steps, h) = self.steps_of(clock)?;
        let x = Inputs::from_rows(&[point])?;
        let values = each_sample(samples, seed, |rng| {
            let mut walk = self.start(&x, rng)?;
            let mut increments = walk.increments(steps)?;
            let start = squared_norm(slopes, walk.signal().column(0));
            let mut before = rate(slopes, walk.signal().column(0));
            let mut occupation = 0.0;
            for _ in 0..steps {
                walk.steps(1, h, &mut increments, rng)?;
                let after = rate(slopes, walk.signal().column(0));
                occupation += 0.5 * h * (before + after);
                before = after;
            }
            walk.state()?;
            let end = squared_norm(slopes, walk.signal().column(0));
            let defined = start > 0.0 && end > 0.0;
            let occupation = weight / self.width as f64 * occupation;
            Ok(defined.then(|| (occupation, 0.5 * (end / start).ln())))
        })?;
        let defined: Vec<(f64, f64)> = values.into_iter().flatten().collect();
        if defined.len() < 2 {
            return Err(Error::undefined(
                "the logarithm of a norm",
                format!("φ vanishes on all but {} of {samples} paths", defined.len()),
            ));
        }
        let of = |part: fn(&(f64, f64)) -> f64| mean(&defined.iter().map(part).collect::<Vec<_>>());
        let (value, standard_error) = of(|path| path.0);
        let (direct, direct_standard_error) = of(|path| path.1);
        Ok(LogNormGrowth {
            value,
            standard_error,
            direct,
            direct_standard_error,
            undefined: samples - defined.len(),
        })
    }

    /// $\sigma_w^2$ and the slopes of $\varphi$.
    fn homogeneous(&self) -> Result<(f64, Slopes)> {
        let homogeneous = match &self.coefficient {
            Coefficient::Chain(branch)
                if branch.initialization().bias_variance() == 0.0
                    && self.head.layers().is_empty() =>
            {
                let slopes = branch.activation().slopes();
                slopes.map(|slopes| (branch.initialization().weight_variance(), slopes))
            }
            _ => None,
        };
        homogeneous.ok_or_else(|| {
            Error::unsupported(
                "the growth of the logarithm of the norm",
                "it needs a positively homogeneous activation, no biases, and no layers behind the stack",
            )
        })
    }
}

/// $\lVert \varphi(y) \rVert^2$.
fn squared_norm(slopes: Slopes, y: &[f64]) -> f64 {
    y.iter().map(|y| slopes.value(*y).powi(2)).sum()
}

/// $\tfrac12 \sum_i s_i^2 - \sum_i s_i^4 y_i^2 / \lVert \varphi(y) \rVert^2$; 0 where $\varphi(y) = 0$.
fn rate(slopes: Slopes, y: &[f64]) -> f64 {
    let (mut squares, mut norm, mut fourth) = (0.0, 0.0, 0.0);
    for &y in y {
        let square = slopes.derivative(y).powi(2);
        squares += square;
        norm += square * y * y;
        fourth += square * square * y * y;
    }
    if norm > 0.0 {
        0.5 * squares - fourth / norm
    } else {
        0.0
    }
}
