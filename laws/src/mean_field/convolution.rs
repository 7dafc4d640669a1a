//! The exact solution: what a neuron starts from, plus an independent Gaussian.

use std::cell::RefCell;

use differential_equations::prelude::{ExplicitRungeKutta, IVP, ODE};

use super::{InitialLaw, MeanField};
use crate::error;
use crate::law::{Density, Law};
use crate::{Error, Result};

/// Local tolerance of the integrator.
pub(super) const TOLERANCE: f64 = 1e-12;

/// The share of what is added at the first rate below which errors do not count.
const FLOOR: f64 = 1e-2;

/// Deviations beyond which nothing of a Gaussian is left in double precision.
pub(super) const REACH: f64 = 8.0;

/// Cells for the narrowest deviation in the law on a grid.
const RESOLUTION: f64 = 40.0;

/// The most cells of a law on a grid.
const CELLS: f64 = 1e6;

/// Halvings of a quantile's bracket.
const HALVINGS: usize = 200;

/// The law of a neuron at a time, exactly: $X_\tau = X_0 + \sqrt{v_\tau} Z$ with an independent standard
/// normal $Z$ and
///
/// $$\frac{dv}{d\tau} = \sigma_w^2 \mathbb E \varphi(X_0 + \sqrt v Z)^2 + \sigma_b^2, \qquad v_0 = 0,$$
///
/// since $dX = B^{1/2} dW$ with a deterministic $B$ (the McKean–Vlasov limit of S. Hayou 2022, arXiv
/// 2210.00688, and of A. Peluchetti and S. Favaro 2019, arXiv 1905.11065). From
/// [`MeanField::convolution`]; $v$ has a relative error below 1e-10.
///
/// ```
/// use neural_limits::mean_field::{InitialLaw, MeanField};
/// use neural_limits::prelude::*;
/// let mean_field = MeanField::of(&ResNet::new(Relu))?;
/// // a symmetric law: v = q₀(e^{t/2} − 1), whatever the law
/// let signs = InitialLaw::atoms(&[(0.5, 1.0), (0.5, -1.0)])?;
/// let neuron = mean_field.convolution(&signs, 1.0)?;
/// assert!((neuron.added_variance() - 0.5_f64.exp_m1()).abs() < 1e-10);
/// assert!((neuron.cdf(0.0)? - 0.5).abs() < 1e-15);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Convolution {
    initial: InitialLaw,
    added: f64,
    rate: f64,
}

impl Convolution {
    pub(super) fn new(mean_field: &MeanField, initial: &InitialLaw, clock: f64) -> Result<Self> {
        error::non_negative("clock", clock)?;
        let rate = |added: &[f64; 1]| Ok([mean_field.rate(initial, added[0])?]);
        let [added] = integrate(&rate, clock, TOLERANCE)?;
        Ok(Self {
            initial: initial.clone(),
            added,
            rate: mean_field.rate(initial, added)?,
        })
    }

    /// $v_\tau$, the variance that was added.
    pub fn added_variance(&self) -> f64 {
        self.added
    }

    /// $B = \sigma_w^2 \mathbb E \varphi(X_\tau)^2 + \sigma_b^2$.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The density of $X_\tau$ at $x$; infinite at an atom of a law that has not moved.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an $x$ that is not finite; [`Error::NotConverged`] from a density.
    pub fn density(&self, x: f64) -> Result<f64> {
        self.initial.density_at(error::finite("x", x)?, self.added)
    }

    /// $P(X_\tau \le x)$.
    ///
    /// # Errors
    /// As [`density`](Self::density).
    pub fn cdf(&self, x: f64) -> Result<f64> {
        self.initial.cdf(error::finite("x", x)?, self.added)
    }

    /// The least $x$ with $P(X_\tau \le x) \ge u$, by bisection to rounding.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < u < 1$; [`Error::NotConverged`] from a density.
    pub fn quantile(&self, u: f64) -> Result<f64> {
        if !(u > 0.0 && u < 1.0) {
            return Err(Error::invalid("u", u, "a number in (0, 1)"));
        }
        let (mut low, mut high) = self.initial.range(self.added, 40.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.initial.cdf(middle, self.added)? >= u {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }

    /// The mean, that of $X_0$.
    ///
    /// # Errors
    /// [`Error::NotConverged`] from a density.
    pub fn mean(&self) -> Result<f64> {
        self.initial.mean()
    }

    /// The variance, $\operatorname{Var} X_0 + v_\tau$.
    ///
    /// # Errors
    /// [`Error::NotConverged`] from a density.
    pub fn variance(&self) -> Result<f64> {
        Ok(self.initial.variance()? + self.added)
    }

    /// The law as a [`Law::Density`] on 40 cells for its narrowest deviation.
    ///
    /// # Errors
    /// [`Error::Undefined`] where atoms have not moved; [`Error::Unsupported`] where more than 10⁶ cells were
    /// needed; [`Error::NotConverged`] from a density.
    pub fn law(&self) -> Result<Law> {
        let narrowest = (self.initial.narrowest().powi(2) + self.added).sqrt();
        let (low, high) = self.initial.range(self.added, REACH + 0.5);
        let narrowest = if narrowest > 0.0 {
            narrowest
        } else if self.initial.has_atoms() {
            return Err(Error::undefined("the density", "the law has atoms"));
        } else {
            (high - low) / RESOLUTION
        };
        let cells = (RESOLUTION * (high - low) / narrowest).max(1.0);
        if cells > CELLS {
            return Err(Error::unsupported(
                format!("the law on a grid of {cells:.0} cells"),
                "it is too narrow for its range: ask for its density at points",
            ));
        }
        let failure = RefCell::new(None);
        let density = Density::of_function(
            |x| {
                let value = self.initial.density_at(x, self.added);
                value.unwrap_or_else(|error| {
                    failure.replace(Some(error));
                    0.0
                })
            },
            (low, high),
            cells as usize,
        );
        match failure.into_inner() {
            Some(error) => Err(error),
            None => density.map(Law::Density),
        }
    }
}

/// $dT/d\tau = F(T)$ from $T = 0$ by an adaptive Dormand–Prince method of order 8(5,3).
pub(super) fn integrate<const N: usize>(
    rate: &dyn Fn(&[f64; N]) -> Result<[f64; N]>,
    clock: f64,
    tolerance: f64,
) -> Result<[f64; N]> {
    let velocity = rate(&[0.0; N])?;
    let largest = velocity.iter().fold(0.0, |m: f64, rate| m.max(rate.abs()));
    if clock == 0.0 || largest == 0.0 {
        return Ok([0.0; N]);
    }
    let floor = (FLOOR * tolerance * largest * clock).clamp(f64::MIN_POSITIVE, f64::MAX);
    let flow = Flow {
        rate,
        failure: RefCell::new(None),
    };
    let solution = IVP::ode(&flow, 0.0, clock, [0.0; N])
        .method(
            ExplicitRungeKutta::dop853()
                .rtol(tolerance)
                .atol([floor; N])
                .max_steps(10_000),
        )
        .solve();
    if let Some(error) = flow.failure.borrow_mut().take() {
        return Err(error);
    }
    let reached = solution
        .ok()
        .and_then(|solution| solution.y.last().copied());
    match reached {
        Some(end) if end.iter().all(|x| x.is_finite()) => Ok(end),
        _ => Err(Error::overflow(
            "the added covariance, or the number of its steps,",
        )),
    }
}

struct Flow<'a, const N: usize> {
    rate: &'a dyn Fn(&[f64; N]) -> Result<[f64; N]>,
    failure: RefCell<Option<Error>>,
}

impl<const N: usize> ODE<f64, [f64; N]> for Flow<'_, N> {
    fn diff(&self, _: f64, state: &[f64; N], velocity: &mut [f64; N]) {
        *velocity = [f64::NAN; N];
        if self.failure.borrow().is_some() || !state.iter().all(|x| x.is_finite()) {
            return;
        }
        match (self.rate)(state) {
            Ok(rate) => *velocity = rate,
            Err(error) => *self.failure.borrow_mut() = Some(error),
        }
    }
}
